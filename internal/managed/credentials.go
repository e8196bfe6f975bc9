package managed

import "context"

// Credentials are access keys, with a token if they are temporary.
type Credentials struct {
	AccessKey, SecretKey, SecurityToken string
}

// CredentialSource finds credentials. It is asked before each request and
// keeps what is still valid.
type CredentialSource func(ctx context.Context) (Credentials, error)

// Source returns the source of credentials that a configuration means: those
// that are given, else the source that is given, else the vendor's own.
func (c Credentials) Source(given CredentialSource, vendors func() CredentialSource) CredentialSource {
	switch {
	case c.AccessKey != "":
		return func(context.Context) (Credentials, error) { return c, nil }
	case given != nil:
		return given
	default:
		return vendors()
	}
}

// Check refuses half a set of keys. The error is a *ConfigError.
func (c Credentials) Check() error {
	switch {
	case c.AccessKey == "" && c.SecretKey != "":
		return &ConfigError{Field: "access_key", Detail: "secret_key is given without access_key."}
	case c.AccessKey != "" && c.SecretKey == "":
		return &ConfigError{Field: "secret_key", Detail: "access_key is given without secret_key."}
	case c.AccessKey == "" && c.SecurityToken != "":
		return &ConfigError{Field: "security_token", Detail: "security_token is given without access_key and secret_key."}
	}
	return nil
}

// CredentialsError tells that nobody could say who calls.
type CredentialsError struct{ Err error }

// Error returns the cause.
func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }
