package connection

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestPasswords(t *testing.T) {
	const user, password = "üser,=", "p=,ss wörd"
	for _, mechanism := range []string{Plain, ScramSHA256, ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			name := "user"
			if mechanism == Plain {
				name = user
			}
			addr := fake(t, kfake.EnableSASL(), kfake.Superuser(mechanism, name, password))
			with := func(m, p string) error {
				return ask(t, Config{BootstrapServers: []string{addr}, SASL: &SASL{Mechanism: m, Username: name, Password: p}})
			}
			if err := with(mechanism, password); err != nil {
				t.Fatal(err)
			}
			err := with(mechanism, "wrong-secret")
			explained(t, err, "closed the connection during the login", "wrong user name, password")
			if !Unauthorized(err) {
				t.Errorf("%v is not unauthorized", err)
			}
			if strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("%v holds the password", err)
			}
		})
	}
}

func TestPasswordOverTLS(t *testing.T) {
	ca := newAuthority(t, "ca")
	addr := fake(t, kfake.TLS(ca.issue(time.Now().Add(time.Hour), "127.0.0.1").config(t)),
		kfake.EnableSASL(), kfake.Superuser(ScramSHA512, "u", "a-password"))
	err := ask(t, Config{BootstrapServers: []string{addr}, TLS: &TLS{CACert: ca.PEM},
		SASL: &SASL{Mechanism: ScramSHA512, Username: "u", Password: "a-password"}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name             string
		change           func(*responder)
		sentence, advice string
	}{
		{"wrong password", func(r *responder) {
			r.login = func(int, []byte) ([]byte, int16, string) {
				return nil, 58, "Authentication failed for a-secret-of-mine"
			}
		}, "refused the credentials: Authentication failed for ***", "Check sasl.mechanism"},
		{"wrong password, no words", func(r *responder) {
			r.login = func(int, []byte) ([]byte, int16, string) { return nil, 58, "" }
		}, "refused the credentials", "Check sasl.mechanism"},
		{"mechanism", func(r *responder) { r.mechanisms = []string{GSSAPI} }, "does not offer this SASL mechanism", "sasl.mechanism"},
		{"no login expected", func(r *responder) {
			r.login = func(int, []byte) ([]byte, int16, string) { return nil, 34, "" }
		}, "did not expect a login", "remove sasl"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newResponder(t, func(r *responder) {
				r.mechanisms = []string{Plain}
				test.change(r)
			})
			err := ask(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: Plain, Username: "u", Password: "a-secret-of-mine"}})
			explained(t, err, test.sentence, test.advice)
			if !Unauthorized(err) {
				t.Errorf("%v is not unauthorized", err)
			}
		})
	}
}

// A broker that does not know the password cannot finish SCRAM, and one that
// asks for endless work does not get it.
func TestScramDistrustsTheBroker(t *testing.T) {
	server := func(iterations int) func(*responder) {
		return func(r *responder) {
			r.mechanisms = []string{ScramSHA256}
			r.login = func(step int, token []byte) ([]byte, int16, string) {
				if step == 0 {
					_, nonce, _ := strings.Cut(string(token), "r=")
					return fmt.Appendf(nil, "r=%sxyz,s=c2FsdA==,i=%d", nonce, iterations), 0, ""
				}
				return []byte("v=AAAA"), 0, ""
			}
		}
	}
	for iterations, sentence := range map[int]string{4096: "server validation failed", 1: "too few iterations", 2_000_000_000: "too many iterations"} {
		r := newResponder(t, server(iterations))
		err := ask(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: ScramSHA256, Username: "u", Password: "p-of-scram"}})
		explained(t, err, sentence, "right cluster")
		if !Unauthorized(err) {
			t.Errorf("%v is not unauthorized", err)
		}
	}
}

func bearer(r *responder) {
	r.mechanisms = []string{OAuthBearer}
	r.login = func(int, []byte) ([]byte, int16, string) { return nil, 0, "" }
}

func TestStaticToken(t *testing.T) {
	r := newResponder(t, bearer)
	err := ask(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{
		Mechanism: OAuthBearer, Token: "abc.def-ghi\n",
		Extensions: map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-2"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	told, _ := r.told()
	want := "n,,\x01auth=Bearer abc.def-ghi\x01identityPoolId=pool-2\x01logicalCluster=lkc-1\x01\x01"
	if len(told) != 1 || string(told[0]) != want {
		t.Errorf("the broker got %q", told)
	}
}

// A broker answers a bad token with a challenge first (RFC 7628, section
// 3.2.3), and with its code once that is acknowledged.
func TestBadToken(t *testing.T) {
	r := newResponder(t, func(r *responder) {
		bearer(r)
		r.login = func(step int, _ []byte) ([]byte, int16, string) {
			if step == 0 {
				return []byte(`{"status":"invalid_token"}`), 0, ""
			}
			return nil, 58, "invalid_token"
		}
	})
	err := ask(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: OAuthBearer, Token: "bad-token-1"}})
	explained(t, err, "refused the credentials: invalid_token", "token")
}

// endpoint gives tokens for client credentials.
type endpoint struct {
	*httptest.Server
	asked  atomic.Int32
	answer func(n int32, w http.ResponseWriter, r *http.Request)
}

func newEndpoint(t *testing.T, answer func(n int32, w http.ResponseWriter, r *http.Request)) *endpoint {
	t.Helper()
	e := &endpoint{answer: answer}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.answer(e.asked.Add(1), w, r)
	}))
	e.Config.ErrorLog = nil
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}))
}

func TestClientCredentials(t *testing.T) {
	const secret = "s3cret/with+signs="
	e := newEndpoint(t, func(n int32, w http.ResponseWriter, r *http.Request) {
		id, password, _ := r.BasicAuth()
		id, _ = url.QueryUnescape(id)
		password, _ = url.QueryUnescape(password)
		if r.Method != http.MethodPost || id != "client id" || password != secret ||
			r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "a b" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`, n)
	})
	broker := newResponder(t, bearer)
	c := Config{BootstrapServers: []string{broker.addr()}, SASL: &SASL{
		Mechanism: OAuthBearer, TokenURL: e.URL + "/token", ClientID: "client id", ClientSecret: secret, Scopes: []string{"a", "b"},
	}}

	// The endpoint's certificate is no broker's business: without its
	// authority it is refused, and the secret never leaves.
	err := ask(t, c)
	explained(t, err, "No token from "+e.URL, "tls.ca_cert")
	if e.asked.Load() != 0 || Unauthorized(err) {
		t.Errorf("asked %d times; %v", e.asked.Load(), err)
	}

	conf, d := opened(t, c)
	if err := c.SASL.configure(conf, d, &TLS{CACert: e.authority(), InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	// Three brokers of one cluster cost one token.
	for range 3 {
		b := sarama.NewBroker(broker.addr())
		if err := b.Open(conf); err != nil {
			t.Fatal(err)
		}
		if ok, err := b.Connected(); !ok {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	told, _ := broker.told()
	for _, token := range told {
		if string(token) != "n,,\x01auth=Bearer token-1\x01\x01" {
			t.Errorf("the broker got %q", token)
		}
	}
	if len(told) != 3 || e.asked.Load() != 1 {
		t.Errorf("%d logins, %d tokens", len(told), e.asked.Load())
	}
}

func TestTokenEndpointErrors(t *testing.T) {
	const secret = "client-secret-of-mine"
	tests := []struct {
		name     string
		answer   func(w http.ResponseWriter, r *http.Request)
		sentence string
		refused  bool
	}{
		{"refused", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"secret `+secret+` is wrong"}`)
		}, `HTTP status 401, "invalid_client": secret *** is wrong`, true},
		{"the answer repeats the request", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_ = r.Write(w)
		}, "HTTP status 500", false},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.invalid/", http.StatusTemporaryRedirect)
		}, "HTTP status 307", false},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "cannot parse json", false},
		{"no token", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{}`)
		}, "missing access_token", false},
		// \x01 would end the login's message early.
		{"a token that is none", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"a\u0001auth=Bearer x"}`)
		}, "not a bearer token", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEndpoint(t, func(_ int32, w http.ResponseWriter, r *http.Request) { test.answer(w, r) })
			broker := newResponder(t, bearer)
			c := Config{
				BootstrapServers: []string{broker.addr()},
				SASL:             &SASL{Mechanism: OAuthBearer, TokenURL: e.URL + "?key=query-secret", ClientID: "c", ClientSecret: secret},
			}
			conf, d := opened(t, c)
			if err := c.SASL.configure(conf, d, &TLS{CACert: e.authority()}); err != nil {
				t.Fatal(err)
			}
			_, err := conf.Net.SASL.TokenProvider.Token()
			explained(t, err, test.sentence, "")
			if Unauthorized(err) != test.refused {
				t.Errorf("unauthorized is %t", !test.refused)
			}
			for ; err != nil; err = errors.Unwrap(err) {
				for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte("c:" + secret)), "query-secret"} {
					if strings.Contains(err.Error(), s) {
						t.Errorf("%v holds a secret", err)
					}
				}
			}
		})
	}
}

// CloseAll ends a request for a token that is under way.
func TestTokenRequestIsCancelled(t *testing.T) {
	asked := make(chan struct{}, 1)
	addr := peer(t, func(c net.Conn) {
		asked <- struct{}{}
		_, _ = io.Copy(io.Discard, c)
	})
	broker := newResponder(t, bearer)
	conf, d := opened(t, Config{
		BootstrapServers: []string{broker.addr()}, RequestTimeout: time.Hour,
		SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "http://" + addr, ClientID: "c", ClientSecret: "some-secret"},
	})
	b := sarama.NewBroker(broker.addr())
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	<-asked
	d.CloseAll()
	if ok, err := b.Connected(); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTokensAreReusedAndRenewed(t *testing.T) {
	now := time.Now()
	var asked int
	var expires time.Time
	var failure error
	src := &tokens{ctx: t.Context(), timeout: time.Minute, now: func() time.Time { return now },
		fetch: func(context.Context) (string, time.Time, error) {
			asked++
			return fmt.Sprintf("renewed-%d", asked), expires, failure
		}}
	get := func(want string) {
		t.Helper()
		token, err := src.Token()
		if err != nil || token.Token != want {
			t.Fatalf("got %v, %v; want %s", token, err, want)
		}
	}
	expires = now.Add(time.Hour)
	get("renewed-1")
	now = now.Add(58 * time.Minute)
	get("renewed-1")
	now = now.Add(90 * time.Second) // within the last minute
	expires = now.Add(10 * time.Second)
	get("renewed-2")
	now = now.Add(7 * time.Second)
	get("renewed-2")
	now = now.Add(2 * time.Second) // within the last fifth
	expires = time.Time{}
	get("renewed-3")
	now = now.Add(unknownLife - time.Second)
	get("renewed-3")
	now = now.Add(time.Second)
	failure = errors.New("down")
	if _, err := src.Token(); !errors.Is(err, failure) {
		t.Fatalf("got %v", err)
	}
	failure = nil // an error is not kept
	get("renewed-5")
}

func TestTokensAreAskedForOnce(t *testing.T) {
	release, started := make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	src := &tokens{ctx: t.Context(), timeout: time.Minute, now: time.Now,
		fetch: func(context.Context) (string, time.Time, error) {
			asked.Add(1)
			close(started)
			<-release
			return "shared-token", time.Now().Add(time.Hour), nil
		}}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			if token, err := src.Token(); err != nil || token.Token != "shared-token" {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
	<-started
	close(release)
	done.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// lonelyAWS keeps this machine's AWS settings out of a test.
func lonelyAWS(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_ROLE_ARN": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// signed asks for a token as a broker's login does, and returns the query of
// the request that it signs.
func signed(t *testing.T, s *SASL) (url.Values, string, error) {
	t.Helper()
	s.Mechanism = AWSMSKIAM
	conf, _ := opened(t, Config{BootstrapServers: []string{"b:9098"}, TLS: &TLS{}, SASL: s, RequestTimeout: 10 * time.Second})
	if conf.Net.SASL.Mechanism != sarama.SASLTypeOAuth {
		t.Fatalf("mechanism %s", conf.Net.SASL.Mechanism)
	}
	token, err := conf.Net.SASL.TokenProvider.Token()
	if err != nil {
		return nil, "", err
	}
	text, err := base64.RawURLEncoding.DecodeString(token.Token)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if masked := Mask("login " + token.Token); strings.Contains(masked, token.Token) {
		t.Error("the token is not masked")
	}
	return u.Query(), u.Host, nil
}

func TestMSKIAM(t *testing.T) {
	t.Run("static keys", func(t *testing.T) {
		lonelyAWS(t)
		q, host, err := signed(t, &SASL{AWSRegion: "eu-west-1", AWSAccessKeyID: "AKIASTATIC", AWSSecretAccessKey: "static-aws-secret", AWSSessionToken: "static-session"})
		if err != nil {
			t.Fatal(err)
		}
		if host != "kafka.eu-west-1.amazonaws.com" || q.Get("Action") != "kafka-cluster:Connect" ||
			!strings.HasPrefix(q.Get("X-Amz-Credential"), "AKIASTATIC/") || q.Get("X-Amz-Security-Token") != "static-session" || q.Get("X-Amz-Signature") == "" {
			t.Errorf("%s %v", host, q)
		}
	})
	t.Run("environment", func(t *testing.T) {
		lonelyAWS(t)
		t.Setenv("AWS_REGION", "us-east-2")
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
		q, host, err := signed(t, &SASL{})
		if err != nil || host != "kafka.us-east-2.amazonaws.com" || !strings.HasPrefix(q.Get("X-Amz-Credential"), "AKIAENV/") {
			t.Errorf("%s %v %v", host, q, err)
		}
		if Mask("environment-secret") != masked {
			t.Error("a secret that the chain found is not masked")
		}
	})
	t.Run("profile", func(t *testing.T) {
		lonelyAWS(t)
		text := "[profile other]\nregion = ap-south-1\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile-secret\n"
		if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		q, host, err := signed(t, &SASL{AWSProfile: "other"})
		if err != nil || host != "kafka.ap-south-1.amazonaws.com" || !strings.HasPrefix(q.Get("X-Amz-Credential"), "AKIAPROFILE/") {
			t.Errorf("%s %v %v", host, q, err)
		}
		_, _, err = signed(t, &SASL{AWSProfile: "missing"})
		explained(t, err, "missing", "AWS's chain")
	})
	t.Run("role", func(t *testing.T) {
		lonelyAWS(t)
		var form url.Values
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			form = r.Form
			if form.Get("ExternalId") == "wrong" {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>`)
				return
			}
			_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
				<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-session</SessionToken>
				<Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}))
		defer endpoint.Close()
		t.Setenv("AWS_ENDPOINT_URL_STS", endpoint.URL)
		s := &SASL{AWSRegion: "eu-west-1", AWSAccessKeyID: "AKIASTATIC", AWSSecretAccessKey: "static-aws-secret", AWSRoleARN: "arn:aws:iam::1:role/r", AWSRoleExternalID: "ext"}
		q, _, err := signed(t, s)
		if err != nil || !strings.HasPrefix(q.Get("X-Amz-Credential"), "ASIAROLE/") || q.Get("X-Amz-Security-Token") != "role-session" {
			t.Errorf("%v %v", q, err)
		}
		if form.Get("RoleArn") != s.AWSRoleARN || form.Get("ExternalId") != "ext" || form.Get("RoleSessionName") != DefaultClientID {
			t.Errorf("asked with %v", form)
		}
		s.AWSRoleExternalID = "wrong"
		_, _, err = signed(t, s)
		explained(t, err, "AccessDenied", "right to assume the role")
		if !Unauthorized(err) {
			t.Errorf("%v is not unauthorized", err)
		}
	})
	t.Run("no region", func(t *testing.T) {
		lonelyAWS(t)
		_, _, err := signed(t, &SASL{AWSAccessKeyID: "AKIASTATIC", AWSSecretAccessKey: "static-aws-secret"})
		explained(t, err, "region of the cluster is not known", "sasl.aws_region")
	})
	t.Run("no credentials", func(t *testing.T) {
		lonelyAWS(t)
		_, _, err := signed(t, &SASL{AWSRegion: "eu-west-1"})
		explained(t, err, "No token from AWS", "AWS")
	})
}

func TestMSKIAMLogin(t *testing.T) {
	lonelyAWS(t)
	r := newResponder(t, bearer)
	s := &SASL{Mechanism: AWSMSKIAM, AWSRegion: "eu-west-1", AWSAccessKeyID: "AKIASTATIC", AWSSecretAccessKey: "static-aws-secret"}
	conf, d := opened(t, Config{BootstrapServers: []string{r.addr()}, TLS: &TLS{}, SASL: s})
	d.tls = nil // the responder speaks plaintext
	b := sarama.NewBroker(r.addr())
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.Connected(); !ok {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	told, _ := r.told()
	if len(told) != 1 || !strings.HasPrefix(string(told[0]), "n,,\x01auth=Bearer aHR0cHM6Ly9rYWZrYS5ldS13ZXN0LTEu") {
		t.Errorf("the broker got %q", told)
	}
}

// Sessions that the broker ends (connections.max.reauth.ms, always with MSK
// IAM) are renewed on the same connection, with a token that is asked for anew.
func TestSessionIsRenewed(t *testing.T) {
	r := newResponder(t, func(r *responder) {
		bearer(r)
		r.lifetime = time.Millisecond
	})
	conf, d := opened(t, Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: OAuthBearer, Token: "session-token"}})
	b := sarama.NewBroker(r.addr())
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, []string{})); err != nil {
			t.Fatal(err)
		}
		if told, _ := r.told(); len(told) > 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the session was never renewed")
		}
	}
	if n := d.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestKerberosWithoutKDC(t *testing.T) {
	r := newResponder(t, func(r *responder) { r.mechanisms = []string{GSSAPI} })
	s := &SASL{Mechanism: GSSAPI, Username: "u", Password: "krb-password", KerberosRealm: "EXAMPLE.ORG", KerberosConfig: filepath.Join(t.TempDir(), "krb5.conf")}
	c := Config{BootstrapServers: []string{r.addr()}, SASL: s}
	attribute := func() string {
		_, _, err := Open(c, nil)
		var ce *ConfigError
		if !errors.As(err, &ce) {
			t.Fatalf("got %v", err)
		}
		return ce.Problems[0].Attribute + ": " + ce.Problems[0].Message
	}
	if got := attribute(); !strings.HasPrefix(got, "sasl.kerberos_config: ") {
		t.Error(got)
	}

	// Port 1 of this machine has no KDC.
	conf := "[libdefaults]\n default_realm = EXAMPLE.ORG\n dns_lookup_kdc = false\n udp_preference_limit = 1\n[realms]\n EXAMPLE.ORG = {\n  kdc = 127.0.0.1:1\n }\n"
	if err := os.WriteFile(s.KerberosConfig, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Password, s.KerberosKeytab = "", file(t, "no keytab")
	if got := attribute(); !strings.HasPrefix(got, "sasl.kerberos_keytab: ") {
		t.Error(got)
	}
	s.Password, s.KerberosKeytab = "krb-password", ""
	err := ask(t, c)
	explained(t, err, "Kerberos", "KDC")
	if Unauthorized(err) {
		t.Errorf("%v is unauthorized", err)
	}
}

func TestKerberosSettings(t *testing.T) {
	var g sarama.GSSAPIConfig
	(&SASL{Username: "u", Password: "p", KerberosRealm: "R"}).kerberos(&g)
	if g.AuthType != sarama.KRB5_USER_AUTH || g.ServiceName != "kafka" || g.KerberosConfigPath != "/etc/krb5.conf" || g.Realm != "R" || g.Username != "u" || g.Password != "p" {
		t.Errorf("%+v", g)
	}
	(&SASL{Username: "u", KerberosRealm: "R", KerberosKeytab: "/k", KerberosServiceName: "svc", KerberosConfig: "/c", KerberosDisablePAFXFAST: true}).kerberos(&g)
	if g.AuthType != sarama.KRB5_KEYTAB_AUTH || g.KeyTabPath != "/k" || g.ServiceName != "svc" || g.KerberosConfigPath != "/c" || !g.DisablePAFXFAST {
		t.Errorf("%+v", g)
	}
}
