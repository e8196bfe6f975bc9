package apsaramq

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func (v vector) request() (*http.Request, []byte, map[string]standin.Key, time.Time) {
	r := &http.Request{Method: v.Method, RequestURI: v.RequestURI, Host: v.Host, Header: http.Header{}}
	for name, value := range v.Header {
		r.Header.Set(name, value)
	}
	date, _ := time.Parse(time.RFC3339, v.Header["x-acs-date"])
	return r, []byte(v.Body), map[string]standin.Key{v.AccessKey: {Secret: v.SecretKey, Token: v.SecurityToken}}, date
}

// TestRequestsOfTheVendorsSDKAreBelieved, and nothing that differs from them.
func TestRequestsOfTheVendorsSDKAreBelieved(t *testing.T) {
	text, err := os.ReadFile("../../apsaramq/testdata/signatures/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			r, body, keys, now := v.request()
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
				"16 minutes late":  {"InvalidTimeStamp.Expired", func(_ *http.Request, _ *[]byte, now *time.Time, _ map[string]standin.Key) { *now = now.Add(16 * time.Minute) }},
				"16 minutes early": {"InvalidTimeStamp.Expired", func(_ *http.Request, _ *[]byte, now *time.Time, _ map[string]standin.Key) { *now = now.Add(-16 * time.Minute) }},
				"no signature": {"IncompleteSignature", func(r *http.Request, _ *[]byte, _ *time.Time, _ map[string]standin.Key) {
					r.Header.Del("Authorization")
				}},
				"other token": {"token", func(_ *http.Request, _ *[]byte, _ *time.Time, keys map[string]standin.Key) {
					k := keys[v.AccessKey]
					k.Token += "x"
					keys[v.AccessKey] = k
				}},
			} {
				r, body, keys, now := v.request()
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
