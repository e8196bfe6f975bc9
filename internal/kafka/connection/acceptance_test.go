//go:build acceptance

package connection

import (
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// Every way in that one real broker offers, with what it says to whom it
// refuses.
func TestRealBroker(t *testing.T) {
	const (
		user     = "alice"
		password = "wörd-ª" // SASLprep would change it
	)
	token, err := kafkacluster.UnsecuredToken(user, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := kafkacluster.StartWith(t, kafkacluster.Options{
		Nodes: 1,
		Users: map[string]string{user: password, "bob": "p w=d;"}, // the broker's own file, for PLAIN, is Latin-1
		Listeners: []kafkacluster.Listener{
			{Name: "SASL", Mechanisms: []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer}},
			{Name: "SECURE", TLS: true, Mechanisms: []string{ScramSHA512}},
			{Name: "MUTUAL", TLS: true, ClientAuth: true},
		},
	})
	authority := c.Authority().PEM
	client, err := c.Authority().Issue(user)
	if err != nil {
		t.Fatal(err)
	}
	stranger := newAuthority(t, "stranger")
	other := stranger.issue(time.Now().Add(time.Hour))
	mutual := func(t *TLS) *TLS { t.CACert = authority; return t }
	login := func(mechanism, password string) *SASL {
		return &SASL{Mechanism: mechanism, Username: user, Password: password}
	}
	plain := c.Bootstrap()
	sasl, secure, strict := c.BootstrapOf("SASL"), c.BootstrapOf("SECURE"), c.BootstrapOf("MUTUAL")

	tests := []struct {
		name             string
		servers          []string
		tls              *TLS
		sasl             *SASL
		sentence, advice string // empty means success
		denied           bool
	}{
		{name: "plaintext", servers: plain},
		{name: "PLAIN", servers: sasl, sasl: &SASL{Mechanism: Plain, Username: "bob", Password: "p w=d;"}},
		{name: "SCRAM-SHA-256", servers: sasl, sasl: login(ScramSHA256, password)},
		{name: "SCRAM-SHA-512", servers: sasl, sasl: login(ScramSHA512, password)},
		{name: "OAUTHBEARER", servers: sasl, sasl: &SASL{Mechanism: OAuthBearer, Token: token}},
		{name: "SCRAM over TLS", servers: secure, tls: &TLS{CACert: authority}, sasl: login(ScramSHA512, password)},
		{name: "mutual TLS", servers: strict, tls: mutual(&TLS{ClientCert: client.PEM, ClientKey: client.KeyPEM})},

		{name: "PLAIN, wrong password", servers: sasl, sasl: login(Plain, "wrong-password"), sentence: "refused the credentials", advice: "password", denied: true},
		{name: "SCRAM, wrong password", servers: sasl, sasl: login(ScramSHA256, "wrong-password"), sentence: "refused the credentials", advice: "password", denied: true},
		{name: "OAUTHBEARER, wrong token", servers: sasl, sasl: &SASL{Mechanism: OAuthBearer, Token: "wrong-password"}, sentence: "refused the credentials", advice: "token", denied: true},
		{name: "another mechanism", servers: secure, tls: &TLS{CACert: authority}, sasl: login(Plain, "wrong-password"), sentence: "does not offer this SASL mechanism", advice: "sasl.mechanism", denied: true},
		{name: "login missing", servers: sasl, sentence: "closed the connection at the first request", advice: "add sasl"},
		{name: "login not wanted", servers: plain, sasl: login(Plain, "wrong-password"), sentence: "did not expect a login", advice: "remove sasl", denied: true},
		{name: "TLS to plaintext", servers: plain, tls: &TLS{CACert: authority}, sentence: "during the TLS handshake", advice: "remove tls"},
		{name: "plaintext to TLS", servers: strict, sentence: "speaks TLS", advice: "Add tls"},
		{name: "authority not trusted", servers: strict, tls: &TLS{CACert: stranger.PEM}, sentence: "not trusted", advice: "tls.ca_cert"},
		{name: "client certificate missing", servers: strict, tls: mutual(&TLS{}), sentence: "client certificate", advice: "tls.client_cert", denied: true},
		{name: "client certificate of another", servers: strict, tls: mutual(&TLS{ClientCert: other.Cert, ClientKey: other.Key}), sentence: "client certificate", advice: "tls.client_cert", denied: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := ask(t, Config{BootstrapServers: test.servers, TLS: test.tls, SASL: test.sasl})
			if test.sentence == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			explained(t, err, test.sentence, test.advice)
			if Unauthorized(err) != test.denied {
				t.Errorf("unauthorized is %t for %v", !test.denied, err)
			}
			if strings.Contains(err.Error(), "wrong-password") {
				t.Errorf("%v holds the password", err)
			}
		})
	}
}
