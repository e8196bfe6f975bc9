package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// jwt is a token that expires then; its signature is nobody's.
func jwt(expires time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":"me","exp":%d}`, expires.Unix())) + ".AAAA"
}

func TestExpiry(t *testing.T) {
	at := time.Unix(1764000000, 0)
	if got, ok := expiry(jwt(at)); !ok || !got.Equal(at) {
		t.Errorf("got %s, %t", got, ok)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, token := range []string{"", "opaque", "a.b", "a.b.c", "a.!.c", "a." + encode([]byte(`{}`)) + ".c", "a." + encode([]byte(`{"exp":"soon"}`)) + ".c",
		"a." + encode([]byte(`{"exp":-1}`)) + ".c", "a." + encode([]byte(`{"exp":1e300}`)) + ".c", "a." + encode([]byte(`null`)) + ".c"} {
		if got, ok := expiry(token); ok {
			t.Errorf("%q expires at %s", token, got)
		}
	}
}

// A refusal tells that the token had expired, by what the token itself says.
func TestExpiredTokenIsNamed(t *testing.T) {
	r := newResponder(t, func(r *responder) {
		r.mechanisms = []string{OAuthBearer}
		r.login = func(int, []byte) ([]byte, int16, string) { return nil, 58, "invalid_token" }
	})
	login := func(token string) error {
		conf, d := opened(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: OAuthBearer, Token: token}})
		l := linked(t, d, conf, r.addr())
		err := l.Opened()
		if !Unauthorized(err) {
			t.Errorf("%v is not unauthorized", err)
		}
		if strings.Contains(err.Error(), token) {
			t.Errorf("%v holds the token", err)
		}
		return err
	}
	at := time.Now().Add(-time.Minute)
	explained(t, login(jwt(at)), "refused the token, which expired at "+at.UTC().Format(time.RFC3339)+": invalid_token", "sasl.token has to live")
	for _, token := range []string{jwt(time.Now().Add(time.Hour)), "opaque-token-of-somebody"} {
		explained(t, login(token), "refused the credentials: invalid_token", "token")
	}
}

// What sarama cannot encode goes over the same session, which has to be renewed
// before it, too.
func TestSessionIsRenewedBeforeRawRequests(t *testing.T) {
	r := newResponder(t, func(r *responder) {
		bearer(r)
		r.lifetime = time.Millisecond
	})
	conf, d := opened(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: OAuthBearer, Token: "raw-session-token"}})
	l := linked(t, d, conf, r.addr())
	if err := l.Opened(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !sessionEnds(l.Broker); {
		if time.Now().After(deadline) {
			t.Fatal("the session never ends")
		}
		time.Sleep(time.Millisecond)
	}
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 1
	if _, err := l.Exchange(kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)); err != nil {
		t.Fatal(err)
	}
	if told, _ := r.told(); len(told) != 2 {
		t.Errorf("%d logins, want 2", len(told))
	}
	if n := d.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// An endpoint that is asked too often is no refusal, and is left alone for as
// long as it wants, but for no more than an hour.
func TestTokenEndpointThatLimits(t *testing.T) {
	for _, wants := range []struct {
		said, told string
		wait       time.Duration
	}{{"120", "2m0s", 121 * time.Second}, {"86400", "1h0m0s", 3601 * time.Second}} {
		t.Run(wants.said, func(t *testing.T) {
			e := newEndpoint(t, func(n int32, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					w.Header().Set("Retry-After", wants.said)
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"access_token":"after-a-while","expires_in":3600}`)
			})
			c := Config{BootstrapServers: []string{"b:9092"}, SASL: &SASL{Mechanism: OAuthBearer, TokenURL: e.URL, ClientID: "c", ClientSecret: "limited-secret"}}
			conf, d := opened(t, c)
			if err := c.SASL.configure(conf, d, &TLS{CACert: e.authority()}); err != nil {
				t.Fatal(err)
			}
			src := conf.Net.SASL.TokenProvider.(*tokens)
			now := time.Now()
			src.now = func() time.Time { return now }
			for range 3 {
				_, err := src.Token()
				explained(t, err, "HTTP status 429; it wants no request for "+wants.told, "try again later")
				if Unauthorized(err) {
					t.Errorf("%v is unauthorized", err)
				}
			}
			if n := e.asked.Load(); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
			now = now.Add(wants.wait)
			if token, err := src.Token(); err != nil || token.Token != "after-a-while" {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
}

func TestTokenEndpointThatHangs(t *testing.T) {
	e := newEndpoint(t, func(_ int32, _ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		<-r.Context().Done()
	})
	c := Config{BootstrapServers: []string{"b:9092"}, RequestTimeout: 50 * time.Millisecond,
		SASL: &SASL{Mechanism: OAuthBearer, TokenURL: e.URL, ClientID: "c", ClientSecret: "patient-secret"}}
	conf, d := opened(t, c)
	if err := c.SASL.configure(conf, d, &TLS{CACert: e.authority()}); err != nil {
		t.Fatal(err)
	}
	_, err := conf.Net.SASL.TokenProvider.Token()
	explained(t, err, "No token from "+e.URL+": no answer within 50ms", "sasl.token_url")
	if Unauthorized(err) {
		t.Errorf("%v is unauthorized", err)
	}
}

// strictBroker wants a client certificate of the authority.
func strictBroker(t *testing.T, a *authority, newest uint16) string {
	t.Helper()
	conf := a.issue(time.Now().Add(time.Hour), "127.0.0.1").config(t)
	conf.ClientAuth, conf.MaxVersion = tls.RequireAndVerifyClientCert, newest
	conf.ClientCAs = x509.NewCertPool()
	conf.ClientCAs.AddCert(a.cert)
	return fake(t, kfake.TLS(conf))
}

// A refusal tells that the client certificate had expired, and when.
func TestExpiredClientCertificateIsNamed(t *testing.T) {
	a := newAuthority(t, "a")
	at := time.Now().Add(-time.Minute)
	old := a.issue(at)
	for name, newest := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			c := Config{BootstrapServers: []string{strictBroker(t, a, newest)}, TLS: &TLS{CACert: a.PEM, ClientCert: old.Cert, ClientKey: old.Key}}
			err := ask(t, c)
			explained(t, err, `refused the client certificate "CN=leaf", which expired at `+at.UTC().Format(time.RFC3339), "Renew the certificate")
			if !Unauthorized(err) {
				t.Errorf("%v is not unauthorized", err)
			}
			ps := c.Warnings()
			if len(ps) != 1 || ps[0].Attribute != "tls.client_cert" || !strings.Contains(ps[0].Message, `"CN=leaf" expired at `) {
				t.Errorf("warnings %v", ps)
			}
		})
	}
}

// A certificate that is renewed in its files is used for new connections.
// While the files do not fit each other, the one from before is.
func TestClientCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t, "a")
	old, renewed, other := a.issue(time.Now().Add(-time.Minute)), a.issue(time.Now().Add(time.Hour)), a.issue(time.Now().Add(time.Hour))
	cert, key := file(t, old.Cert), file(t, old.Key)
	addr := strictBroker(t, a, tls.VersionTLS13)
	conf, d := opened(t, Config{BootstrapServers: []string{addr}, TLS: &TLS{CACert: a.PEM, ClientCert: cert, ClientKey: key}})
	connect := func() error {
		l := linked(t, d, conf, addr)
		if err := l.Opened(); err != nil {
			return err
		}
		_, err := l.GetMetadata(sarama.NewMetadataRequest(conf.Version, []string{}))
		return err
	}
	write := func(l leaf) {
		for path, text := range map[string]string{cert: l.Cert, key: l.Key} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	explained(t, connect(), "expired at", "files")
	write(renewed)
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	for name, half := range map[string]leaf{
		"of another key": {Cert: renewed.Cert, Key: other.Key}, "cut off": {Cert: renewed.Cert[:60], Key: renewed.Key}, "empty": {},
	} {
		write(half)
		if err := connect(); err != nil {
			t.Errorf("files that are %s: %v", name, err)
		}
	}
}

func TestExpiredTokenIsWarnedOf(t *testing.T) {
	for token, want := range map[string]int{jwt(time.Now().Add(-time.Minute)): 1, jwt(time.Now().Add(time.Minute)): 0, "opaque": 0} {
		ps := Config{TLS: &TLS{}, SASL: &SASL{Mechanism: OAuthBearer, Token: token}}.Warnings()
		if len(ps) != want || want > 0 && (ps[0].Attribute != "sasl.token" || !strings.Contains(ps[0].Message, "expired at")) {
			t.Errorf("warnings %v, want %d", ps, want)
		}
	}
}

// A login that waits for a KDC is not the broker's fault.
func TestLoginThatWaitsForSomebodyElseTellsWhom(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	addr := peer(t, func(net.Conn) {
		asked <- struct{}{}
		<-release
	})
	r := newResponder(t, func(r *responder) { r.mechanisms = []string{GSSAPI} })
	krb5 := file(t, "[libdefaults]\n default_realm = EXAMPLE.ORG\n dns_lookup_kdc = false\n udp_preference_limit = 1\n[realms]\n EXAMPLE.ORG = {\n  kdc = "+addr+"\n }\n")
	conf, d := opened(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{
		Mechanism: GSSAPI, Username: "u", Password: "awaited-password", KerberosRealm: "EXAMPLE.ORG", KerberosConfig: krb5,
	}})
	l := linked(t, d, conf, r.addr())
	<-asked
	err := l.Awaited(noAnswer(time.Second))
	explained(t, err, "the KDC of the realm EXAMPLE.ORG does not answer: no answer within 1s", "krb5.conf")
	if Unauthorized(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is unauthorized or no time-out", err)
	}
	if err := l.Awaited(context.Canceled); err != context.Canceled { //nolint:errorlint // It is that very one.
		t.Errorf("an interruption is told as %v", err)
	}
	close(release)
	_ = l.Opened() // Nothing is left of it when the test ends.
}
