package romaconnect

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

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
