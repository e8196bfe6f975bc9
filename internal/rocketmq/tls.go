package rocketmq

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/pemtext"
)

// TLS says how to encrypt connections and whom to trust.
type TLS struct {
	CACert             string // PEM text or a file's path; empty means the machine's roots. Nothing else is trusted if it is given
	ClientCert         string // PEM text or a file's path
	ClientKey          string // PEM text or a file's path; not encrypted
	ServerName         string // expected in every server's certificate; empty means each address's own host
	InsecureSkipVerify bool   // trust whoever answers
}

// load reads the certificates. Its errors name the setting and never hold a key.
func (t *TLS) load() (*tls.Config, error) {
	conf := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // Said so by the user.
	}
	if t.CACert != "" {
		ca, err := pemtext.Load(t.CACert)
		if err != nil {
			return nil, badTLS("The certificate authority (ca_cert) cannot be read", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(ca) {
			return nil, badTLS("The certificate authority (ca_cert) holds no PEM certificate", nil)
		}
	}
	if (t.ClientCert == "") != (t.ClientKey == "") {
		return nil, badTLS("The client certificate (client_cert) and its key (client_key) belong together: one of them is missing", nil)
	}
	if t.ClientCert == "" {
		return conf, nil
	}
	cert, err := pemtext.Load(t.ClientCert)
	if err != nil {
		return nil, badTLS("The client certificate (client_cert) cannot be read", err)
	}
	key, err := pemtext.Load(t.ClientKey)
	if err != nil {
		return nil, badTLS("The client certificate's key (client_key) cannot be read", err)
	}
	if pemtext.Encrypted(key) {
		return nil, badTLS("The client certificate's key (client_key) cannot be used", errors.New(`it is encrypted: decrypt it first, for instance with "openssl pkcs8 -in key.pem -out plain.pem"`))
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, badTLS("The client certificate (client_cert) and its key (client_key) do not fit", err)
	}
	conf.Certificates = []tls.Certificate{pair}
	return conf, nil
}

func badTLS(what string, err error) error {
	e := invalid(what, "Give PEM text or the path of a file with PEM text.")
	e.Err = err
	return e
}
