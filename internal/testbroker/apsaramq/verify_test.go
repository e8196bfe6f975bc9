package apsaramq

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func received(v standin.Vector) (*http.Request, []byte, map[string]standin.Key, time.Time) {
	date, _ := time.Parse(time.RFC3339, v.Header["x-acs-date"])
	return v.Request(), []byte(v.Body), map[string]standin.Key{v.AccessKey: v.Key()}, date
}

// TestRequestsOfTheVendorsSDKAreBelieved, and nothing that differs from them.
func TestRequestsOfTheVendorsSDKAreBelieved(t *testing.T) {
	for _, v := range standin.Vectors(t, "../../apsaramq/testdata/signatures/vectors.json") {
		t.Run(v.Name, func(t *testing.T) {
			r, body, keys, now := received(v)
			if fault := Verify(r, body, keys, now); fault != nil {
				t.Fatal(fault.Message)
			}
			for what, c := range map[string]struct {
				code  string
				spoil func(r *http.Request, body *[]byte, now *time.Time, keys map[string]standin.Key)
			}{
				"method": {"SignatureDoesNotMatch", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) { r.Method = "POST" }},
				"path": {"SignatureDoesNotMatch", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) {
					r.RequestURI = strings.Replace(r.RequestURI, "/instances/r", "/instances/x", 1)
				}},
				"host": {"SignatureDoesNotMatch", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) { r.Host = "other" }},
				"header": {"SignatureDoesNotMatch", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) {
					r.Header.Set("X-Acs-Action", "DeleteTopic")
				}},
				"unsigned header": {"IncompleteSignature", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) {
					r.Header.Set("X-Acs-Other", "x")
				}},
				"body": {"InvalidContentSha256", func(_ *http.Request, body *[]byte, _ *time.Time, _ map[string]standin.Key) {
					*body = append(*body, ' ')
				}},
				"secret": {"SignatureDoesNotMatch", func(_ *http.Request, _ *[]byte, _ *time.Time, keys map[string]standin.Key) {
					k := keys[v.AccessKey]
					k.Secret += "x"
					keys[v.AccessKey] = k
				}},
				"unknown key": {"InvalidAccessKeyId.NotFound", func(_ *http.Request, _ *[]byte, _ *time.Time, keys map[string]standin.Key) {
					delete(keys, v.AccessKey)
				}},
				"16 minutes late": {"InvalidTimeStamp.Expired", func(_ *http.Request, _ *[]byte, now *time.Time, _ map[string]standin.Key) {
					*now = now.Add(16 * time.Minute)
				}},
				"16 minutes early": {"InvalidTimeStamp.Expired", func(_ *http.Request, _ *[]byte, now *time.Time, _ map[string]standin.Key) {
					*now = now.Add(-16 * time.Minute)
				}},
				"no signature": {"IncompleteSignature", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) {
					r.Header.Del("Authorization")
				}},
				"other token": {"token", func(_ *http.Request, _ *[]byte, _ *time.Time, keys map[string]standin.Key) {
					k := keys[v.AccessKey]
					k.Token += "x"
					keys[v.AccessKey] = k
				}},
			} {
				r, body, keys, now := received(v)
				c.spoil(r, &body, &now, keys)
				fault := Verify(r, body, keys, now)
				if fault == nil {
					t.Errorf("%s: believed", what)
					continue
				}
				if c.code != "token" && fault.Code != c.code {
					t.Errorf("%s: %s, want %s", what, fault.Code, c.code)
				}
			}
		})
	}
}
