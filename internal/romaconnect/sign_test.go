package romaconnect

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

// TestSignaturesAreThoseOfTheVendorsSDK signs what the SDK has signed. Where
// the SDK signs what this client signs, the whole of sign is compared.
func TestSignaturesAreThoseOfTheVendorsSDK(t *testing.T) {
	same := 0
	for _, v := range standin.Vectors(t, "testdata/signatures/vectors.json") {
		t.Run(v.Name, func(t *testing.T) {
			path, query, _ := strings.Cut(v.RequestURI, "?")
			pairs, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse("https://" + v.Host + path)
			if err != nil {
				t.Fatal(err)
			}
			u.RawQuery = strings.ReplaceAll(pairs.Encode(), "+", "%20")
			u.RawQuery = strings.ReplaceAll(u.RawQuery, "%7E", "~")
			request := func(headers ...string) *http.Request {
				r := &http.Request{Method: v.Method, URL: u, Header: http.Header{}}
				for _, name := range headers {
					if value := v.Header[name]; value != "" {
						r.Header.Set(name, value)
					}
				}
				return r
			}
			who := Credentials{AccessKey: v.AccessKey, SecretKey: v.SecretKey, SecurityToken: v.SecurityToken}
			_, rest, _ := strings.Cut(v.Header["authorization"], "SignedHeaders=")
			names, _, _ := strings.Cut(rest, ",")
			r := request("user-agent", "x-project-id", "x-sdk-date", "x-security-token")
			if got := authorization(r, []byte(v.Body), who, strings.Split(names, ";")); got != v.Header["authorization"] {
				t.Errorf("the signature is\n%s, the SDK's is\n%s", got, v.Header["authorization"])
			}
			if !strings.HasPrefix(names, "host;") {
				return
			}
			same++
			now, err := time.Parse(dateForm, v.Header["x-sdk-date"])
			if err != nil {
				t.Fatal(err)
			}
			r = request("content-type", "x-project-id")
			sign(r, []byte(v.Body), who, now.In(time.FixedZone("", 7*3600)))
			for name, want := range v.Header {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s is\n%q, the SDK's is\n%q", name, got, want)
				}
			}
		})
	}
	if same == 0 {
		t.Error("no vector signs the host")
	}
}
