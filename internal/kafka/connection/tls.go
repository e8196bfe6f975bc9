package connection

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxPEM bounds what is read as certificates or a key.
const maxPEM = 4 << 20

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
		conf.Certificates = []tls.Certificate{cert}
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
	text, err := loadPEM(t.CACert)
	if err != nil {
		return nil, problem("tls.ca_cert", "%s", err)
	}
	pool := base()
	if !pool.AppendCertsFromPEM(text) {
		return nil, problem("tls.ca_cert", "Holds no certificate in PEM form.")
	}
	return pool, nil
}

func (t *TLS) clientCertificate() (tls.Certificate, error) {
	var none tls.Certificate
	cert, err := loadPEM(t.ClientCert)
	if err != nil {
		return none, problem("tls.client_cert", "%s", err)
	}
	key, err := loadPEM(t.ClientKey)
	if err != nil {
		return none, problem("tls.client_key", "%s", err)
	}
	if encryptedKey(key) {
		return none, problem("tls.client_key", "The key is encrypted. Decrypt it first, for instance with \"openssl pkcs8 -in key.pem -out plain.pem\".")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return none, problem("tls.client_key", "The certificate and the key cannot be used together: %s.", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return pair, nil
}

func encryptedKey(text []byte) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
}

// isPEM tells whether s is PEM text rather than a file's path.
func isPEM(s string) bool { return strings.Contains(s, "-----BEGIN ") }

// loadPEM returns s if it is PEM text, or the text of the file that it names.
// Text that came through an environment variable may have its line ends as
// "\n". Errors do not repeat s, which may be a key without its header.
func loadPEM(s string) ([]byte, error) {
	if isPEM(s) {
		if !strings.Contains(s, "\n") {
			s = strings.ReplaceAll(s, `\n`, "\n")
		}
		return []byte(s), nil
	}
	notFile := func(err error) error {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return errors.New("neither PEM text (\"-----BEGIN …\") nor the path of a readable file: " + err.Error())
	}
	if strings.ContainsAny(s, "\n\x00") || len(s) > 4096 {
		return nil, notFile(errors.New("not a path"))
	}
	// Opening a pipe could block, reading a device never end.
	if info, err := os.Stat(s); err != nil {
		return nil, notFile(err)
	} else if !info.Mode().IsRegular() {
		return nil, notFile(errors.New("not a file"))
	}
	f, err := os.Open(s)
	if err != nil {
		return nil, notFile(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err != nil {
		return nil, notFile(err)
	}
	if len(text) > maxPEM {
		return nil, notFile(errors.New("too large"))
	}
	if !isPEM(string(text)) {
		return nil, errors.New("the file holds no PEM text (\"-----BEGIN …\"); a Java keystore or a PKCS#12 file must be converted first")
	}
	return text, nil
}
