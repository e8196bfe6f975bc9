package romaconnect

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

// TestSignaturesAreThoseOfTheVendorsSDK signs what the SDK has signed. Where
// the SDK signs what this client signs, the whole of sign is compared.
func TestSignaturesAreThoseOfTheVendorsSDK(t *testing.T) {
	text, err := os.ReadFile("testdata/signatures/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	same := 0
	for _, v := range list {
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
