package connection

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/pemtext"
)

// config builds the TLS configuration. Its errors are of type *ConfigError
// and hold no part of the key.
func (t *TLS) config() (*tls.Config, error) {
	var ps problems
	conf := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the user's word, warned about in Warnings
	}
	roots, err := t.roots(x509.NewCertPool)
	if err != nil {
		ps.addError(err)
	}
	conf.RootCAs = roots
	switch {
	case t.ClientCert == "" && t.ClientKey == "":
	case t.ClientKey == "":
		ps.add("tls.client_key", "Needed with client_cert.")
	case t.ClientCert == "":
		ps.add("tls.client_cert", "Needed with client_key.")
	default:
		cert, err := t.clientCertificate()
		if err != nil {
			ps.addError(err)
			break
		}
		conf.GetClientCertificate = (&clientCertificate{from: t, last: cert}).show
	}
	if len(ps) > 0 {
		return nil, &ConfigError{Problems: ps}
	}
	return conf, nil
}

// roots adds the configured authorities to the pool that base makes. Without
// any it returns nil, which means the machine's.
func (t *TLS) roots(base func() *x509.CertPool) (*x509.CertPool, error) {
	if t.CACert == "" {
		return nil, nil
	}
	text, err := pemtext.Load(t.CACert)
	if err != nil {
		return nil, problem("tls.ca_cert", "%s", err)
	}
	pool := base()
	if !pool.AppendCertsFromPEM(text) {
		return nil, problem("tls.ca_cert", "Holds no certificate in PEM form.")
	}
	return pool, nil
}

// clientCertificate is the client's certificate as it is by now: files are
// read again for each connection, since certificates that live for hours are
// renewed while somebody waits for consumers.
type clientCertificate struct {
	from *TLS

	mu   sync.Mutex
	last tls.Certificate
}

// show returns the certificate if the broker takes those of its authority, and
// none otherwise, as crypto/tls does with one that never changes. Files that
// cannot be used, as when they are just being written, leave the last one.
func (c *clientCertificate) show(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !pemtext.Is(c.from.ClientCert) || !pemtext.Is(c.from.ClientKey) {
		if now, err := c.from.clientCertificate(); err == nil {
			c.last = now
		}
	}
	cert := c.last
	if err := info.SupportsCertificate(&cert); err != nil {
		return &tls.Certificate{}, nil //nolint:nilerr // The broker says what it wants.
	}
	return &cert, nil
}

func (t *TLS) clientCertificate() (tls.Certificate, error) {
	var none tls.Certificate
	cert, err := pemtext.Load(t.ClientCert)
	if err != nil {
		return none, problem("tls.client_cert", "%s", err)
	}
	key, err := pemtext.Load(t.ClientKey)
	if err != nil {
		return none, problem("tls.client_key", "%s", err)
	}
	if pemtext.Encrypted(key) {
		return none, problem("tls.client_key", "The key is encrypted. Decrypt it first, for instance with \"openssl pkcs8 -in key.pem -out plain.pem\".")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return none, problem("tls.client_key", "The certificate and the key cannot be used together: %s.", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return pair, nil
}
