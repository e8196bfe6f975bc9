package apsaramq

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// FuzzJudge feeds answers as a proxy, a gateway or the service could give
// them.
func FuzzJudge(f *testing.F) {
	for _, body := range []string{
		`{"requestId":"F9A95891-EAD4-5A2B-8A30-676CD18921AF","success":true,"code":"MissingInstanceId","message":"The instance cannot be found.","httpStatusCode":200,"dynamicCode":"InstanceId","dynamicMessage":"instanceId"}`,
		`{"RequestId":"R","Code":"Throttling.User","Message":"slow","HostId":"h","Recommend":"r"}`,
		`{"success":"true","httpStatusCode":"500"}`, `{"success":false}`, `{"success":1}`, `{"code":{"a":1},"success":[true]}`,
		`{}`, `[]`, `null`, `"x"`, `<html>`, "", "\xff\xfe", `{"success":true`, `{"success":true}x`,
	} {
		f.Add(200, []byte(body), true)
		f.Add(503, []byte(body), false)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, write bool) {
		a := managed.Answer{Status: status, Body: body, Header: http.Header{"X-Acs-Request-Id": {string(body)}}}
		e, verdict, err := judge(a, write)
		if (err == nil) != (verdict == managed.Done) {
			t.Fatalf("verdict %v with error %v", verdict, err)
		}
		success, _ := e.Success.Bool()
		if verdict == managed.Done && (status/100 != 2 || !success) {
			t.Fatalf("HTTP %d with %s was taken for success", status, body)
		}
		if err != nil {
			text := err.Error()
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
				t.Fatalf("%q does not fit into a message", text)
			}
			_ = codeOf(err)
		}
	})
}

// FuzzData feeds an answer's data to every form that it can have.
func FuzzData(f *testing.F) {
	for _, data := range []string{
		`{"status":"RUNNING","messageModel":"CLUSTERING"}`,
		`{"connections":[{"clientId":"c","egressIp":"192.0.2.1","messageModel":"BROADCASTING"}]}`,
		`{"minTimestamp":1570761026222,"maxTimestamp":"1570761026833","consumeTimestamp":0}`,
		`{"topicLagMap":{"t":{"readyCount":1,"inflightCount":1}},"totalLag":{"readyCount":1}}`,
		`null`, `[]`, `7`, `{"connections":{}}`, `{"topicLagMap":[]}`, `{"minTimestamp":9223372036854775807,"maxTimestamp":-1}`, ``,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		var g group
		var o topic
		var c connections
		var s timespan
		var l lag
		for _, v := range []any{&g, &o, &c, &s, &l} {
			_ = decodeData(data, v)
		}
		e := &instance{}
		_ = e.describe(view{group: g, timespan: s, lag: l.Topics["t"]})
	})
}
