package romaconnect

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sent is a request with what its check depends on.
type sent struct {
	r    *http.Request
	body []byte
	key  standin.Key
	now  time.Time
}

func send(v standin.Vector) *sent {
	date, _ := time.Parse("20060102T150405Z", v.Header["x-sdk-date"])
	return &sent{v.Request(), []byte(v.Body), v.Key(), date}
}

// TestRequestsOfTheVendorsSDKAreBelieved, and nothing that differs from them.
func TestRequestsOfTheVendorsSDKAreBelieved(t *testing.T) {
	for _, v := range standin.Vectors(t, "../../romaconnect/testdata/signatures/vectors.json") {
		t.Run(v.Name, func(t *testing.T) {
			check := func(s *sent) string {
				return Verify(s.r, s.body, map[string]standin.Key{v.AccessKey: s.key}, s.now)
			}
			if fault := check(send(v)); fault != "" {
				t.Fatal(fault)
			}
			for what, spoil := range map[string]func(s *sent){
				"method":           func(s *sent) { s.r.Method = "POST" },
				"path":             func(s *sent) { s.r.RequestURI = strings.Replace(s.r.RequestURI, "/instances/", "/instances/x", 1) },
				"project":          func(s *sent) { s.r.Header.Set("X-Project-Id", "other") },
				"body":             func(s *sent) { s.body = append(s.body, ' ') },
				"secret":           func(s *sent) { s.key.Secret += "x" },
				"token":            func(s *sent) { s.key.Token += "x" },
				"expired":          func(s *sent) { s.key.Expired = true },
				"16 minutes late":  func(s *sent) { s.now = s.now.Add(16 * time.Minute) },
				"16 minutes early": func(s *sent) { s.now = s.now.Add(-16 * time.Minute) },
				"date":             func(s *sent) { s.r.Header.Set("X-Sdk-Date", s.now.Add(time.Second).Format("20060102T150405Z")) },
				"no signature":     func(s *sent) { s.r.Header.Del("Authorization") },
				"unknown key": func(s *sent) {
					s.r.Header.Set("Authorization", strings.Replace(s.r.Header.Get("Authorization"), v.AccessKey, "UNKNOWN", 1))
				},
			} {
				s := send(v)
				spoil(s)
				if check(s) == "" {
					t.Errorf("%s: believed", what)
				}
			}
			if strings.Contains(v.Header["authorization"], "SignedHeaders=host") {
				s := send(v)
				s.r.Host = "other"
				if check(s) == "" {
					t.Error("host: believed")
				}
			}
		})
	}
}
