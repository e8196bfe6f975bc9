package docs

import (
	"crypto/tls"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

// access is how a cluster lets clients in; its zero value lets anyone in.
type access struct {
	tls       bool
	clients   bool              // only clients with a certificate
	mechanism string            // of SASL, for the user operations
	keys      map[string]string // RocketMQ: secret keys by access key
}

// secrets are both sides of an access.
type secrets struct {
	files    map[string]string // what examples find beside them
	listener *tls.Config
	broker   []kfake.Opt
	client   []kgo.Opt
	keys     map[string]string
}

// newSecrets makes certificates and users.
func newSecrets(t *testing.T, a access) secrets {
	t.Helper()
	s := secrets{files: map[string]string{}, keys: a.keys}
	if a.tls {
		authority, err := certs.NewAuthority("examples")
		if err != nil {
			t.Fatal(err)
		}
		issue := func(name string, hosts ...string) (*certs.Certificate, tls.Certificate) {
			c, err := authority.Issue(name, hosts...)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := c.TLS()
			if err != nil {
				t.Fatal(err)
			}
			return c, pair
		}
		_, broker := issue("broker", "127.0.0.1", "localhost")
		operations, client := issue("operations")
		s.files["ca.pem"] = authority.PEM
		s.listener = &tls.Config{Certificates: []tls.Certificate{broker}, MinVersion: tls.VersionTLS12}
		if a.clients {
			s.listener.ClientAuth, s.listener.ClientCAs = tls.RequireAndVerifyClientCert, authority.Pool()
			s.files["client.pem"], s.files["client-key.pem"] = operations.PEM, operations.KeyPEM
		}
		s.client = append(s.client, kgo.DialTLSConfig(&tls.Config{
			RootCAs: authority.Pool(), Certificates: []tls.Certificate{client}, MinVersion: tls.VersionTLS12,
		}))
	}
	if a.mechanism != "" {
		s.broker = []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(a.mechanism, "operations", password)}
		mechanism := map[string]sasl.Mechanism{
			"PLAIN":         plain.Auth{User: "operations", Pass: password}.AsMechanism(),
			"SCRAM-SHA-512": scram.Auth{User: "operations", Pass: password}.AsSha512Mechanism(),
		}[a.mechanism]
		s.client = append(s.client, kgo.SASL(mechanism))
	}
	return s
}
