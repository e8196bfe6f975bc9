package apsaramq

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSignaturesAreThoseOfTheVendorsSDK signs what the SDK has signed.
func TestSignaturesAreThoseOfTheVendorsSDK(t *testing.T) {
	for _, v := range standin.Vectors(t, "testdata/signatures/vectors.json") {
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
