package connection

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const fuzzSecret = "s3cret-that-nobody-says"

// FuzzEnv reads an environment. What it makes is refused in words or opens, and
// neither the problems nor the warnings say a secret. What a configuration says
// itself stays as it is.
func FuzzEnv(f *testing.F) {
	for _, text := range []string{
		"KAFKA_BOOTSTRAP_SERVERS=b1:9092, b2:9092\nKAFKA_ENABLE_TLS=true\nKAFKA_SASL_MECHANISM=scram-sha256\nKAFKA_SASL_USERNAME=u",
		"KAFKA_BOOTSTRAP_SERVERS=b1:9092\nKAFKA_SASL_MECHANISM=OAUTHBEARER\nKAFKA_SASL_TOKEN_URL=https://h/t\nKAFKA_SASL_CLIENT_ID=c\nKAFKA_SASL_EXTENSIONS=a=b,c",
		"KAFKA_BOOTSTRAP_SERVERS=b1:9092\nKAFKA_SKIP_VERIFY=1\nKAFKA_CLIENT_CERT=-----BEGIN\nKAFKA_VERSION=3.9",
		"KAFKA_BOOTSTRAP_SERVERS=,\nKAFKA_CLIENT_ID=me", "KAFKA_BOOTSTRAP_SERVERS=bob:s@b1:9092\nKAFKA_SASL_MECHANISM=aws-iam\nKAFKA_SASL_IAM_AWS_REGION=\x00",
		"KAFKA_BOOTSTRAP_SERVERS=b1:1\nKAFKA_SASL_MECHANISM=GSSAPI\nKAFKA_SASL_KERBEROS_REALM=R\nKRB5_CONFIG=/nowhere",
	} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(255))
	}
	vars := Environment()
	f.Fuzz(func(t *testing.T, text string, secrets uint8) {
		env := map[string]string{}
		for line := range strings.SplitSeq(text, "\n") {
			if name, value, ok := strings.Cut(line, "="); ok {
				env[name] = value
			}
		}
		bit := 0
		for _, v := range vars {
			if v.Secret {
				if secrets>>(bit%8)&1 != 0 {
					env[v.Name] = fuzzSecret
				}
				bit++
			}
		}
		getenv := func(name string) string { return env[name] }
		var before TLS
		given := Config{TLS: &before, SASL: &SASL{Mechanism: Plain, Username: "mine"}}
		if got := FromEnv(given, getenv); before != (TLS{}) || got.SASL.Mechanism != Plain || got.SASL.Username != "mine" || !reflect.DeepEqual(given.SASL, &SASL{Mechanism: Plain, Username: "mine"}) {
			t.Errorf("%q changed %+v to %+v", text, given, got)
		}
		c := FromEnv(Config{}, getenv)
		for _, p := range append(c.Validate(), c.Warnings()...) {
			if strings.Contains(p.Message, fuzzSecret) || p.Attribute == "" || p.Message == "" {
				t.Errorf("%q: problem %+v", text, p)
			}
		}
		if again := FromEnv(c, func(string) string { return "" }); !reflect.DeepEqual(again, c) {
			t.Errorf("an empty environment changed %+v to %+v", c, again)
		}
	})
}

// FuzzScram feeds what a broker says in a login by SCRAM. Who does not know the
// password is not believed, and asks for no more work than is reasonable.
func FuzzScram(f *testing.F) {
	const salt = "QSXCR+Q6sek8bf92"
	f.Add("", ",s="+salt+",i=4096", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", true)
	f.Add("r=x", "", "e=invalid-proof", false)
	f.Add("", ",i=99999999999999999999", "", true)
	f.Add("m=ext,", ",s=!,i=1", "v=", true)
	f.Add("", ",s="+salt+",i=-1", "v", false)
	f.Add("", ",s=,i=0", "\xff", true)
	f.Fuzz(func(t *testing.T, before, after, last string, nonce bool) {
		for field := range strings.SplitSeq(before+after, ",") {
			// A million rounds are allowed, and would be all that is done here.
			if n, ok := strings.CutPrefix(field, "i="); ok && len(n) > 4 && len(n) < 8 {
				return
			}
		}
		s := &SASL{Mechanism: ScramSHA256, Username: "bob", Password: fuzzSecret}
		client, err := s.scramClient()
		if err != nil {
			t.Fatal(err)
		}
		c := &scramConversation{mechanism: s.Mechanism, client: client}
		if err := c.Begin("", "", ""); err != nil {
			t.Fatal(err)
		}
		first, err := c.Step("")
		if err != nil {
			t.Fatal(err)
		}
		said := before
		if nonce {
			_, mine, _ := strings.Cut(first, ",r=")
			said += "r=" + mine + "theirs"
		}
		for _, challenge := range []string{said + after, last} {
			answer, err := c.Step(challenge)
			var told *AuthError
			if err != nil && (!errors.As(err, &told) || strings.Contains(err.Error(), fuzzSecret)) {
				t.Errorf("%q: %v", challenge, err)
			}
			if err != nil {
				return
			}
			if strings.Contains(answer, fuzzSecret) {
				t.Errorf("%q made it say the password: %q", challenge, answer)
			}
		}
		if c.Done() && c.conversation.Valid() {
			t.Errorf("%q and %q were believed", said+after, last)
		}
	})
}

// FuzzToken answers a request for a token. Whatever comes is a token that a login
// can carry, or an error that says no secret.
func FuzzToken(f *testing.F) {
	const kind = "application/json"
	f.Add(200, kind, `{"access_token":"abc.def","token_type":"bearer","expires_in":3600}`)
	f.Add(200, kind, `{"access_token":"a","expires_in":"3600"}`)
	f.Add(200, kind, `{"access_token":"a","expires_in":-1}`)
	f.Add(200, kind, `{"access_token":"a","expires_in":9223372036854775807}`)
	f.Add(200, kind, `{"access_token":"a","expires_in":1e300}`)
	f.Add(200, "text/plain", "access_token=a&expires_in=5")
	f.Add(200, "application/x-www-form-urlencoded", "access_token=a%01b&expires_in=x")
	f.Add(401, kind, `{"error":"invalid_client","error_description":"`+fuzzSecret+`"}`)
	f.Add(503, "text/html", "<html>")
	f.Add(200, "", `{"access_token":["a"]}`)
	f.Add(302, "", "")
	var status atomic.Int64
	var header, body atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if kind, ok := header.Load().(string); ok && kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		w.WriteHeader(int(status.Load()))
		if text, ok := body.Load().(string); ok {
			_, _ = w.Write([]byte(text))
		}
	}))
	f.Cleanup(server.Close)
	addSecrets(fuzzSecret)
	fetch, err := (&SASL{TokenURL: server.URL, ClientID: "c", ClientSecret: fuzzSecret}).oauth(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code int, kind, text string) {
		status.Store(int64(200 + (code%400+400)%400))
		header.Store(strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, kind))
		body.Store(text)
		now := time.Now()
		tokens := &tokens{ctx: context.Background(), timeout: 10 * time.Second, fetch: fetch, now: func() time.Time { return now }}
		got, err := tokens.Token()
		var told *TokenError
		switch {
		case err != nil && (!errors.As(err, &told) || strings.Contains(err.Error(), fuzzSecret)):
			t.Errorf("%d %q %q: %v", code, kind, text, err)
		case err == nil && !validToken(got.Token):
			t.Errorf("%d %q %q gave %q", code, kind, text, got.Token)
		case err == nil && tokens.renew.After(now.Add(200*365*24*time.Hour)):
			t.Errorf("%d %q %q: the token is kept until %s", code, kind, text, tokens.renew)
		}
	})
}
