package romaconnect

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// FuzzJudge feeds answers as a proxy, a gateway or the services could give
// them.
func FuzzJudge(f *testing.F) {
	for _, body := range []string{
		"", `{"error_code":"DMS.111400864","error_msg":"The consumer group does not exist."}`, `{"error_code":400,"error_msg":"Bad Request"}`,
		`{"error_msg":"x","error_code":"APIGW.0308","request_id":"r"}`, `{"error":{"code":401,"message":"m","title":"t"}}`,
		`[]`, `null`, `<html>`, "\xff", `{"error":"x"}`, `{"error_code":{"a":1}}`,
	} {
		f.Add(204, []byte(body), true)
		f.Add(400, []byte(body), true)
		f.Add(503, []byte(body), false)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, empty bool) {
		a := managed.Answer{Status: status, Body: body, Header: http.Header{"X-Request-Id": {string(body)}}}
		verdict, err := judge(a, empty)
		if (err == nil) != (verdict == managed.Done) || verdict == managed.Done && (empty && status != 204 || !empty && status != 200) {
			t.Fatalf("HTTP %d: verdict %v with error %v", status, verdict, err)
		}
		if err != nil {
			text := err.Error()
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
				t.Fatalf("%q does not fit into a message", text)
			}
			_ = codeOf(opReset, err)
		}
	})
}

// FuzzDecode feeds an answer to every form that it can have.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"groups":[{"group_id":"g","state":"EMPTY","lag":1}],"total":1}`, `[{"groups":[],"total":0}]`, `[]`, `[[]]`,
		`{"topics":[{"name":"t","partition":3}]}`,
		`{"group":{"state":"Stable","members":[{"host":"h","client_id":"c","assignment":[{"topic":"t","partitions":[0,"1"]}]}],"group_message_offsets":[{"partition":"0","topic":"t","message_current_offset":-1}]}}`,
		`{"partitions":[{"partition":0,"leo":1,"hw":1,"lso":0},{"partition":-1},{"partition":4294967296}]}`,
		`{"group":null}`, `null`, ``, `"x"`, `{"groups":{}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, v := range []any{&groupList{}, &topicList{}, &groupDetail{}, &topicDetail{}} {
			if err := decode(body, v); err != nil && !utf8.ValidString(err.Error()) {
				t.Fatalf("%q does not fit into a message", err)
			}
		}
	})
}

// FuzzInstanceCredentials answers as an instance's metadata service. Whatever
// comes is a pair of keys, or an error that repeats nothing of it.
func FuzzInstanceCredentials(f *testing.F) {
	f.Add(200, "token", `{"credential":{"access":"A","secret":"s3cret-of-the-agency","securitytoken":"T","expires_at":"2026-03-01T14:00:00.000000Z"}}`)
	f.Add(200, "a\r\nb", `{"credential":{"access":"s3cret-of-the-agency","secret":"","expires_at":"x"}}`)
	f.Add(404, "", `{"credential":null}`)
	f.Add(200, "\x00", `{"credential":{"access":1,"secret":"s3cret-of-the-agency"}}`)
	f.Add(302, "token", "<html>")
	var status atomic.Int64
	var token, body atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := &body
		if r.Method == http.MethodPut {
			text = &token
		}
		w.WriteHeader(int(status.Load()))
		if s, ok := text.Load().(string); ok {
			_, _ = w.Write([]byte(s))
		}
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, code int, first, second string) {
		status.Store(int64(200 + (code%400+400)%400))
		token.Store(first)
		body.Store(second)
		got, err := InstanceCredentials(server.URL, clock.System{})(t.Context())
		switch {
		case err != nil && (!errors.Is(err, errNoCredentials) || strings.Contains(err.Error(), "s3cret-of-the-agency")):
			t.Errorf("%d %q %q: %v", code, first, second, err)
		case err == nil && (got.AccessKey == "" || got.SecretKey == ""):
			t.Errorf("%d %q %q gave half of a pair", code, first, second)
		}
	})
}
