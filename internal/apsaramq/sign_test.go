package apsaramq

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// vector is a request as the vendor's SDK has sent it.
type vector struct {
	Name          string            `json:"name"`
	AccessKey     string            `json:"access_key"`
	SecretKey     string            `json:"secret_key"`
	SecurityToken string            `json:"security_token"`
	Method        string            `json:"method"`
	RequestURI    string            `json:"request_uri"`
	Host          string            `json:"host"`
	Header        map[string]string `json:"header"`
	Body          string            `json:"body"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/signatures/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	return list
}

// TestSignaturesAreThoseOfTheVendorsSDK signs what the SDK has signed.
func TestSignaturesAreThoseOfTheVendorsSDK(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			u, err := url.Parse("https://" + v.Host + strings.ReplaceAll(v.RequestURI, "+", "%20"))
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: v.Method, URL: u, Header: http.Header{}}
			for _, name := range []string{"content-type", "x-acs-action", "x-acs-version", "x-acs-credentials-provider"} {
				if value := v.Header[name]; value != "" {
					r.Header.Set(name, value)
				}
			}
			now, err := time.Parse(time.RFC3339, v.Header["x-acs-date"])
			if err != nil {
				t.Fatal(err)
			}
			who := Credentials{AccessKey: v.AccessKey, SecretKey: v.SecretKey, SecurityToken: v.SecurityToken}
			sign(r, []byte(v.Body), who, now.In(time.FixedZone("", -9*3600)), v.Header["x-acs-signature-nonce"])
			for name, want := range v.Header {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is\n%q, the SDK's is\n%q", name, got, want)
				}
			}
		})
	}
}

func TestNoncesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := newNonce()
		if len(n) < 20 || seen[n] {
			t.Fatalf("nonce %q", n)
		}
		seen[n] = true
	}
}
