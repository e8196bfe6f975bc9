package apsaramq

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aliyun/credentials-go/credentials/providers"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// Credentials are access keys, with a token if they come from STS.
type Credentials = managed.Credentials

// CredentialSource finds credentials.
type CredentialSource = managed.CredentialSource

// DefaultCredentials returns the vendor's chain (aliyun/credentials-go
// 1.4.14): environment variables, OIDC (ALIBABA_CLOUD_OIDC_TOKEN_FILE,
// ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_ROLE_ARN), the CLI's profile
// (~/.aliyun/config.json, ALIBABA_CLOUD_PROFILE; keys, STS, RAM role, OIDC,
// CloudSSO and more), ~/.alibabacloud/credentials, the RAM role of the ECS
// instance (off with ALIBABA_CLOUD_ECS_METADATA_DISABLED=true), and
// ALIBABA_CLOUD_CREDENTIALS_URI.
func DefaultCredentials() CredentialSource {
	return fromVendor(func() vendorChain { return providers.NewDefaultCredentialsProvider() })
}

// vendorChain is what is used of the vendor's library.
type vendorChain interface {
	GetCredentials() (*providers.Credentials, error)
}

// fromVendor makes up for what the library lacks: it knows no context, is not
// safe for concurrent use, asks only its last source again once all have
// failed, dereferences fields that an answer may lack, and puts the whole
// text of a file or an answer, secrets included, into its errors.
func fromVendor(build func() vendorChain) CredentialSource {
	busy := make(chan struct{}, 1)
	var chain vendorChain
	type found struct {
		credentials Credentials
		err         error
	}
	ask := func() (f found) {
		defer func() {
			if recover() != nil {
				chain, f = nil, found{err: errors.New("the answer of a credential source lacks fields")}
			}
		}()
		if chain == nil {
			chain = build()
		}
		c, err := chain.GetCredentials()
		if err != nil {
			chain = nil
			return found{err: explain(err)}
		}
		if c == nil || c.AccessKeyId == "" || c.AccessKeySecret == "" {
			chain = nil
			return found{err: errors.New("a credential source gave empty keys")}
		}
		return found{credentials: Credentials{AccessKey: c.AccessKeyId, SecretKey: c.AccessKeySecret, SecurityToken: c.SecurityToken}}
	}
	return func(ctx context.Context) (Credentials, error) {
		select {
		case busy <- struct{}{}:
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		}
		answer := make(chan found, 1)
		go func() {
			// Its own time-outs, 15 s a source at most, end this.
			defer func() { <-busy }()
			answer <- ask()
		}()
		select {
		case f := <-answer:
			return f.credentials, f.err
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		}
	}
}

// errNoCredentials tells where credentials were looked for.
var errNoCredentials = errors.New("no credentials were found: neither access_key and secret_key in the provider's configuration, " +
	"nor ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, nor OIDC, a profile in ~/.aliyun/config.json or " +
	"~/.alibabacloud/credentials, an ECS instance's RAM role, or ALIBABA_CLOUD_CREDENTIALS_URI gave any")

// vendorField finds, in an error's text, the parts of an STS answer that help
// and hold no secret.
var vendorField = regexp.MustCompile(`"(Code|Message|RequestId)"\s*:\s*"([^"\\]{1,200})"`)

// explain takes from the library's error only what is known to be no secret.
func explain(err error) error {
	var parts []string
	for _, m := range vendorField.FindAllStringSubmatch(err.Error(), 12) {
		parts = append(parts, m[1]+" "+managed.Clean(m[2], 200))
	}
	if len(parts) == 0 {
		return errNoCredentials
	}
	return fmt.Errorf("%w (a source answered: %s)", errNoCredentials, strings.Join(parts, ", "))
}
