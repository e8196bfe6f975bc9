//go:build acceptance

package kafkacluster

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

func TestListenersLetInWhoTheyShould(t *testing.T) {
	every := []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"}
	c := StartWith(t, Options{
		Nodes: 1, ACLs: true,
		Users: map[string]string{"alice": "alice's \"secret\"", "bob": "pässwörd=,]"},
		Listeners: []Listener{
			{Name: "TLS", TLS: true},
			{Name: "MTLS", TLS: true, ClientAuth: true},
			{Name: "SASL", Mechanisms: every},
			{Name: "SASLTLS", TLS: true, Mechanisms: every},
		},
	})
	c.CreateTopic(t, "orders", 1, 1)
	c.Allow(t, "User:alice", "TOPIC", "orders", "READ", "DESCRIBE")
	c.Allow(t, "User:alice", "GROUP", "*", "READ")

	plainTLS := &tls.Config{RootCAs: c.Authority().Pool(), MinVersion: tls.VersionTLS12}
	alices := func(name string) *tls.Config {
		certificate, err := c.Authority().Issue(name)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := certificate.TLS()
		if err != nil {
			t.Fatal(err)
		}
		config := plainTLS.Clone()
		config.Certificates = []tls.Certificate{pair}
		return config
	}
	const alice, bob, secret, bobs = "alice", "bob", "alice's \"secret\"", "pässwörd=,]"
	token := func(user string) kgo.Opt {
		return kgo.SASL(oauth.Oauth(func(context.Context) (oauth.Auth, error) {
			token, err := UnsecuredToken(user, time.Hour)
			return oauth.Auth{Token: token}, err
		}))
	}
	for name, login := range map[string]struct {
		listener string
		opts     []kgo.Opt
		want     error // nil: may commit; an error of kerr: that one; errAny: any
	}{
		"tls, nobody":             {"TLS", []kgo.Opt{kgo.DialTLSConfig(plainTLS)}, nil},
		"mtls, alice":             {"MTLS", []kgo.Opt{kgo.DialTLSConfig(alices(alice))}, nil},
		"mtls, bob":               {"MTLS", []kgo.Opt{kgo.DialTLSConfig(alices(bob))}, kerr.GroupAuthorizationFailed},
		"mtls, no certificate":    {"MTLS", []kgo.Opt{kgo.DialTLSConfig(plainTLS)}, errAny},
		"plain, alice":            {"SASL", []kgo.Opt{kgo.SASL(plain.Auth{User: alice, Pass: secret}.AsMechanism())}, nil},
		"plain, bob":              {"SASL", []kgo.Opt{kgo.SASL(plain.Auth{User: bob, Pass: bobs}.AsMechanism())}, kerr.GroupAuthorizationFailed},
		"plain, wrong password":   {"SASL", []kgo.Opt{kgo.SASL(plain.Auth{User: alice, Pass: "no"}.AsMechanism())}, kerr.SaslAuthenticationFailed},
		"scram-256, alice":        {"SASL", []kgo.Opt{kgo.SASL(scram.Auth{User: alice, Pass: secret}.AsSha256Mechanism())}, nil},
		"scram-512, alice":        {"SASL", []kgo.Opt{kgo.SASL(scram.Auth{User: alice, Pass: secret}.AsSha512Mechanism())}, nil},
		"scram-512, bob":          {"SASL", []kgo.Opt{kgo.SASL(scram.Auth{User: bob, Pass: bobs}.AsSha512Mechanism())}, kerr.GroupAuthorizationFailed},
		"scram-512, wrong secret": {"SASL", []kgo.Opt{kgo.SASL(scram.Auth{User: alice, Pass: "no"}.AsSha512Mechanism())}, kerr.SaslAuthenticationFailed},
		"oauth, alice":            {"SASL", []kgo.Opt{token(alice)}, nil},
		"oauth, carol":            {"SASL", []kgo.Opt{token("carol")}, kerr.GroupAuthorizationFailed},
		"tls and scram, alice": {"SASLTLS", []kgo.Opt{
			kgo.DialTLSConfig(plainTLS), kgo.SASL(scram.Auth{User: alice, Pass: secret}.AsSha512Mechanism()),
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := kafkaclient.New(c.BootstrapOf(login.listener), login.opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			patience := time.Minute
			if errors.Is(login.want, errAny) { // a refused handshake looks like a broken network
				patience = 3 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err = client.Commit(ctx, "g", Offsets{"orders": {0: 1}})
			switch {
			case login.want == nil && err != nil:
				t.Error(err)
			case errors.Is(login.want, errAny) && err == nil:
				t.Error("was let in")
			case login.want != nil && !errors.Is(login.want, errAny) && !errors.Is(err, login.want):
				t.Errorf("got %v, want %v", err, login.want)
			}
		})
	}
}

// errAny stands for any error.
var errAny = errors.New("any")
