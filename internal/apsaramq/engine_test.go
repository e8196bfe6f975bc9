package apsaramq_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	service "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// The names of the vendor's page.
const (
	instance = "rmq-cn-tl32ue44x0g"
	group    = "dolphin_status"
	topic    = "AMZN_REPORT_TOPIC"
)

// noon is when the stand-in's messages begin: one a second for a minute in
// queue 0, every other second in queue 1.
var noon = time.Date(2023, 3, 22, 4, 17, 0, 0, time.UTC)

func messages(step int) []time.Time {
	var times []time.Time
	for s := 0; s <= 60; s += step {
		times = append(times, noon.Add(time.Duration(s)*time.Second))
	}
	return times
}

// start returns a service with one group, which has consumed all but ten
// messages of queue 0 and nothing of queue 1.
func start(t *testing.T) *service.Server {
	t.Helper()
	s := service.New(t)
	s.AddInstance(instance)
	s.AddTopic(instance, topic, messages(1), messages(2))
	s.AddGroup(instance, group, service.Group{Clients: []string{"172.17.135.197@17392"}})
	s.Consume(instance, group, topic, 51, 0)
	return s
}

// config is of a client that no test waits for.
func config(s *service.Server) apsaramq.Config {
	return apsaramq.Config{
		Endpoint: s.URL, CACert: s.CA, AccessKey: service.AccessKey, SecretKey: service.SecretKey,
		RequestTimeout: 10 * time.Second,
		Retry:          managed.Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond},
	}
}

func connect(t *testing.T, cfg apsaramq.Config) *apsaramq.Client {
	t.Helper()
	c, err := apsaramq.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func latest() offset.Request {
	return offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}}, Target: offset.Target{Kind: offset.ToLatest}}
}

func toTime(at time.Time) offset.Request {
	r := latest()
	r.Target = offset.Target{Kind: offset.ToTime, Time: at}
	return r
}

// apply plans and applies, as a resource does.
func apply(ctx context.Context, e life.Engine, req offset.Request) (*offset.Result, error) {
	plan, err := e.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	return e.Apply(ctx, plan)
}

func want(t *testing.T, s *service.Server, offsets ...int64) {
	t.Helper()
	if got := s.Offsets(instance, group, topic); !slices.Equal(got, offsets) {
		t.Errorf("the group stands at %v, want %v", got, offsets)
	}
}

// body returns the body of the only reset that was sent.
func body(t *testing.T, s *service.Server) map[string]any {
	t.Helper()
	sent := s.Requests(service.ResetConsumeOffset)
	if len(sent) != 1 {
		t.Fatalf("%d resets were sent", len(sent))
	}
	var b map[string]any
	if err := json.Unmarshal([]byte(sent[0].Body), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEachRequestParameter has a row for each request parameter of the
// vendor's page ResetConsumeOffset.
func TestEachRequestParameter(t *testing.T) {
	at := noon.Add(8 * time.Second)
	for _, row := range []struct {
		parameter string
		req       offset.Request
		check     func(t *testing.T, uri string, body map[string]any)
	}{
		{"instanceId", latest(), func(t *testing.T, uri string, _ map[string]any) {
			if !strings.HasPrefix(uri, "/instances/rmq-cn-tl32ue44x0g/") {
				t.Error(uri)
			}
		}},
		{"consumerGroupId", latest(), func(t *testing.T, uri string, _ map[string]any) {
			if !strings.Contains(uri, "/consumerGroups/dolphin_status/") {
				t.Error(uri)
			}
		}},
		{"topicName", latest(), func(t *testing.T, uri string, _ map[string]any) {
			if !strings.HasSuffix(uri, "/consumeOffsets/AMZN_REPORT_TOPIC") {
				t.Error(uri)
			}
		}},
		{"body", latest(), func(t *testing.T, _ string, b map[string]any) {
			if !reflect.DeepEqual(b, map[string]any{"resetType": "LATEST_OFFSET"}) {
				t.Error(b)
			}
		}},
		{"resetType LATEST_OFFSET", latest(), func(t *testing.T, _ string, b map[string]any) {
			if b["resetType"] != "LATEST_OFFSET" {
				t.Error(b)
			}
		}},
		{"resetType SPECIFIED_TIME", toTime(at), func(t *testing.T, _ string, b map[string]any) {
			if b["resetType"] != "SPECIFIED_TIME" {
				t.Error(b)
			}
		}},
		{"resetTime", toTime(at), func(t *testing.T, _ string, b map[string]any) {
			if b["resetTime"] != "2023-03-22 12:17:08" {
				t.Error(b)
			}
		}},
	} {
		t.Run(row.parameter, func(t *testing.T) {
			s := start(t)
			if _, err := apply(t.Context(), connect(t, config(s)).Instance(instance), row.req); err != nil {
				t.Fatal(err)
			}
			b := body(t, s)
			sent := s.Requests(service.ResetConsumeOffset)[0]
			if sent.Method != http.MethodPatch {
				t.Error(sent.Method)
			}
			row.check(t, sent.URI, b)
		})
	}
}

// TestEachResponseField has a row for each response field of the vendor's
// page ResetConsumeOffset.
func TestEachResponseField(t *testing.T) {
	refused := standin.Fault{Operation: service.ResetConsumeOffset, Kind: standin.ToldAsSuccess, Status: 400, Code: "Instance.NotFound", Message: "The instance cannot be found."}
	for _, row := range []struct {
		field string
		fault standin.Fault
		text  string // what the error tells of it
	}{
		{"requestId", refused, "request id F9A95891-EAD4-5A2B-8A30-"},
		{"success", refused, ""},
		{"code", refused, "Instance.NotFound"},
		{"message", refused, "The instance cannot be found."},
		{"httpStatusCode", refused, "HTTP 400"},
		{"dynamicCode", refused, "dynamicCode InstanceId"},
		{"dynamicMessage", refused, "dynamicMessage instanceid"},
	} {
		t.Run(row.field, func(t *testing.T) {
			s := start(t)
			s.Fail(row.fault)
			_, err := apply(t.Context(), connect(t, config(s)).Instance(instance), latest())
			if err == nil {
				t.Fatal("success: false was taken for success")
			}
			if !strings.Contains(err.Error(), row.text) {
				t.Errorf("%q is missing: %v", row.text, err)
			}
			want(t, s, 51, 0)
		})
	}
}

func TestLatestOffset(t *testing.T) {
	s := start(t)
	e := connect(t, config(s)).Instance(instance)
	plan, err := e.Plan(t.Context(), latest())
	if err != nil {
		t.Fatal(err)
	}
	if plan.ClusterID != instance || plan.State != "RUNNING" || plan.Moves != nil || !plan.Instant.IsZero() {
		t.Errorf("got %+v", plan)
	}
	if len(plan.Members) != 1 || plan.Members[0].ClientID != "172.17.135.197@17392" || plan.Members[0].Host != "192.0.2.7" {
		t.Errorf("members %+v", plan.Members)
	}
	notes := strings.Join(plan.Notes, "\n")
	for _, text := range []string{"2023-03-22T04:17:00Z to 2023-03-22T04:18:00Z", "41 ready messages", "consumed up to 2023-03-22T04:17:50Z"} {
		if !strings.Contains(notes, text) {
			t.Errorf("%q is missing: %s", text, notes)
		}
	}
	if len(s.Requests(service.ResetConsumeOffset)) != 0 {
		t.Error("the plan wrote")
	}
	var progress []string
	plan.Request.Progress = func(m string) { progress = append(progress, m) }
	result, err := e.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, 61, 31)
	if result.ClusterID != instance || result.State != "RUNNING" || result.At.IsZero() || result.Outcomes != nil {
		t.Errorf("got %+v", result)
	}
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, "After the reset the lag is 0 ready messages") || !strings.Contains(notes, "before it was 41") {
		t.Errorf("notes %s", notes)
	}
	if len(progress) != 3 {
		t.Errorf("progress %v", progress)
	}
}

// TestTimesAreSentInUTCPlus8 whatever zone the instant was written in, and
// whatever zone the host is in.
func TestTimesAreSentInUTCPlus8(t *testing.T) {
	at := noon.Add(8 * time.Second)
	for _, zone := range []*time.Location{time.UTC, time.Local, time.FixedZone("", -11*3600), time.FixedZone("", 14*3600)} {
		s := start(t)
		e := connect(t, config(s)).Instance(instance)
		plan, err := e.Plan(t.Context(), toTime(at.In(zone)))
		if err != nil {
			t.Fatal(err)
		}
		if !plan.Instant.Equal(at) {
			t.Errorf("instant %v", plan.Instant)
		}
		if _, err := e.Apply(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if got := body(t, s)["resetTime"]; got != "2023-03-22 12:17:08" {
			t.Errorf("%s: %v", zone, got)
		}
		want(t, s, 8, 4)
	}
}

// TestTimesOutsideOfTheStoredMessagesAreRefusedBeforeTheCall: what the service
// does with them is not documented.
func TestTimesOutsideOfTheStoredMessagesAreRefusedBeforeTheCall(t *testing.T) {
	s := start(t)
	s.AddTopic(instance, "empty", nil)
	e := connect(t, config(s)).Instance(instance)
	for name, req := range map[string]offset.Request{
		"before": toTime(noon.Add(-time.Second)),
		"after":  toTime(noon.Add(61 * time.Second)),
		"empty":  func() offset.Request { r := toTime(noon); r.Scope.Topics = []string{"empty"}; return r }(),
	} {
		_, err := apply(t.Context(), e, req)
		if offset.CodeOf(err) != offset.OutsideLog || !strings.Contains(err.Error(), "Nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []time.Time{noon, noon.Add(60 * time.Second)} {
		if _, err := apply(t.Context(), e, toTime(at)); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	if n := len(s.Requests(service.ResetConsumeOffset)); n != 2 {
		t.Errorf("%d resets were sent", n)
	}
}

// TestNamesArriveUnharmed on every path and in the query.
func TestNamesArriveUnharmed(t *testing.T) {
	for _, name := range []string{"a/b", "100%", "%2F", "%41", "a b", "grün", "消息", "a+b*c~d", "a?b#c&d=e", "..a", "%2e%2e", "a;b,c", `"q"`} {
		t.Run(name, func(t *testing.T) {
			s := service.New(t)
			s.AddInstance(instance)
			s.AddTopic(instance, name, messages(1))
			s.AddGroup(instance, name, service.Group{})
			req := toTime(noon.Add(8 * time.Second))
			req.Group, req.Scope.Topics = name, []string{name}
			if _, err := apply(t.Context(), connect(t, config(s)).Instance(instance), req); err != nil {
				t.Fatal(err)
			}
			if got := s.Offsets(instance, name, name); !slices.Equal(got, []int64{8}) {
				t.Errorf("the group stands at %v", got)
			}
			for _, r := range s.Requests("") {
				if !r.Accepted {
					t.Errorf("%s %s was refused", r.Method, r.URI)
				}
			}
		})
	}
}

// failure is what a test expects of an apply that fails.
type failure struct {
	code  offset.Code
	texts []string
	doubt bool // the result is not nil, and the error says that it is not known
	sent  int  // resets that were sent
}

func (f failure) check(t *testing.T, s *service.Server, result *offset.Result, err error) {
	t.Helper()
	var told *offset.Error
	if !errors.As(err, &told) {
		t.Fatalf("got %v", err)
	}
	if told.Code != f.code {
		t.Errorf("code %s, want %s: %v", told.Code, f.code, err)
	}
	for _, text := range f.texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is missing: %v", text, err)
		}
	}
	if f.doubt != (result != nil) || result != nil && !result.InDoubt || f.doubt != strings.Contains(told.State, "not known") || f.doubt == (told.State == offset.NothingChanged) {
		t.Errorf("result %v, state %q", result, told.State)
	}
	if n := len(s.Requests(service.ResetConsumeOffset)); n != f.sent {
		t.Errorf("%d resets were sent, want %d", n, f.sent)
	}
	for _, secret := range []string{service.SecretKey, "temporary-token"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func TestFailures(t *testing.T) {
	on := func(operation string, kind standin.Kind, times int) standin.Fault {
		return standin.Fault{Operation: operation, Kind: kind, Times: times}
	}
	reset := func(kind standin.Kind, times int) standin.Fault { return on(service.ResetConsumeOffset, kind, times) }
	past := toTime(noon.Add(8 * time.Second))
	for _, c := range []struct {
		name    string
		req     offset.Request
		faults  []standin.Fault
		config  func(*apsaramq.Config)
		prepare func(*service.Server)
		id      string
		failure failure
		stands  []int64 // 51, 0 if nil
	}{
		{name: "wrong secret", req: latest(), config: func(c *apsaramq.Config) { c.SecretKey = "wrong-secret" },
			failure: failure{code: offset.Unauthorized, texts: []string{"SignatureDoesNotMatch", "request id F9A95891", "access_key"}}},
		{name: "unknown key", req: latest(), config: func(c *apsaramq.Config) { c.AccessKey = "LTAIunknown" },
			failure: failure{code: offset.Unauthorized, texts: []string{"InvalidAccessKeyId.NotFound", "request id"}}},
		{name: "expired token", req: latest(), config: func(c *apsaramq.Config) { c.AccessKey, c.SecurityToken = "LTAItemporary", "temporary-token" },
			prepare: func(s *service.Server) {
				s.AddKey("LTAItemporary", standin.Key{Secret: service.SecretKey, Token: "temporary-token", Expired: true})
			},
			failure: failure{code: offset.Unauthorized, texts: []string{"InvalidSecurityToken.Expired", "request id", "STS"}}},
		{name: "wrong clock", req: latest(), config: func(c *apsaramq.Config) { c.Clock = clock.Fixed(time.Now().Add(-time.Hour)) },
			failure: failure{code: offset.Unauthorized, texts: []string{"InvalidTimeStamp.Expired", "request id", "clock"}}},
		{name: "no right to reset", req: latest(), faults: []standin.Fault{{Operation: service.ResetConsumeOffset, Kind: standin.Told, Status: 403, Code: "Forbidden.RAM", Message: "User not authorized to operate on the specified resource."}},
			failure: failure{code: offset.Unauthorized, texts: []string{"Forbidden.RAM", "rocketmq:ResetConsumeOffset"}, sent: 1}},
		{name: "missing instance", req: latest(), id: "rmq-cn-other",
			failure: failure{code: offset.InstanceMissing, texts: []string{"Instance.NotFound", "The instance cannot be found.", "request id", "instance_id"}}},
		{name: "missing group", req: func() offset.Request { r := latest(); r.Group = "other"; return r }(),
			failure: failure{code: offset.GroupMissing, texts: []string{"ConsumerGroup.NotFound", "request id", `"other"`}}},
		{name: "missing topic", req: func() offset.Request { r := latest(); r.Scope.Topics = []string{"other"}; return r }(),
			failure: failure{code: offset.TopicMissing, texts: []string{"Topic.NotFound", "request id", `"other"`}}},
		{name: "broadcasting group", req: latest(), prepare: func(s *service.Server) {
			s.AddGroup(instance, group, service.Group{Model: "BROADCASTING", Clients: []string{"c"}})
			s.Consume(instance, group, topic, 51, 0)
		}, failure: failure{code: offset.GroupKind, texts: []string{"broadcasting"}}},

		{name: "success false", req: latest(), faults: []standin.Fault{{Operation: service.ResetConsumeOffset, Kind: standin.ToldAsSuccess, Status: 400, Code: "ConsumerGroup.Offline", Message: "No."}},
			failure: failure{code: offset.Failed, texts: []string{"ConsumerGroup.Offline: No.", "request id"}, sent: 1}},
		{name: "success false on a look", req: latest(), faults: []standin.Fault{{Operation: service.GetConsumerGroup, Kind: standin.ToldAsSuccess, Status: 404, Code: "ConsumerGroup.NotFound", Message: "Gone."}},
			failure: failure{code: offset.GroupMissing, texts: []string{"Gone."}}},

		{name: "throttled for good", req: latest(), faults: []standin.Fault{reset(standin.Throttle, -1)},
			failure: failure{code: offset.Failed, texts: []string{"Throttling.User", "request id", "after 4 tries"}, sent: 4}},
		{name: "time, broken for good", req: past, faults: []standin.Fault{reset(standin.Broken, -1)},
			failure: failure{code: offset.Unreachable, texts: []string{"InternalError", "HTTP 500", "request id", "after 4 tries", "Apply again"}, sent: 4, doubt: true}},
		{name: "looks broken for good", req: latest(), faults: []standin.Fault{on(service.GetTopic, standin.Unavailable, -1)},
			failure: failure{code: offset.Unreachable, texts: []string{"ServiceUnavailable", "HTTP 503", "after 4 tries"}}},

		{name: "latest, broken", req: latest(), faults: []standin.Fault{reset(standin.Broken, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"InternalError", "request id", "lag is 41 ready", "not sent again"}, sent: 1, doubt: true}},
		{name: "latest, executed and broken", req: latest(), faults: []standin.Fault{reset(standin.BrokenAfter, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"InternalError", "lag is 0 ready messages"}, sent: 1, doubt: true}, stands: []int64{61, 31}},
		{name: "latest, unavailable", req: latest(), faults: []standin.Fault{reset(standin.Unavailable, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"ServiceUnavailable"}, sent: 1, doubt: true}},
		{name: "latest, throttled and broken", req: latest(), faults: []standin.Fault{reset(standin.Throttle, 2), reset(standin.Broken, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"after 3 tries"}, sent: 3, doubt: true}},
		{name: "latest, time-out", req: latest(), faults: []standin.Fault{reset(standin.Hang, 1)}, config: impatient,
			failure: failure{code: offset.Unreachable, texts: []string{"no answer within 3s", "lag is 41 ready"}, sent: 1, doubt: true}},
		{name: "latest, executed, time-out", req: latest(), faults: []standin.Fault{reset(standin.HangAfter, 1)}, config: impatient,
			failure: failure{code: offset.Unreachable, texts: []string{"no answer within 3s", "lag is 0 ready"}, sent: 1, doubt: true}, stands: []int64{61, 31}},
		{name: "latest, executed, connection lost", req: latest(), faults: []standin.Fault{reset(standin.DropAfter, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"EOF"}, sent: 1, doubt: true}, stands: []int64{61, 31}},
		{name: "latest, page", req: latest(), faults: []standin.Fault{reset(standin.Page, 1)},
			failure: failure{code: offset.Failed, texts: []string{"not the API's JSON", "text/html", "Please log in"}, sent: 1, doubt: true}},
		{name: "latest, nothing", req: latest(), faults: []standin.Fault{reset(standin.Empty, 1)},
			failure: failure{code: offset.Failed, texts: []string{"not the API's JSON", "0 bytes"}, sent: 1, doubt: true}},
		{name: "latest, gateway page", req: latest(), faults: []standin.Fault{reset(standin.GatewayPage, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"HTTP 502", "not the API's JSON"}, sent: 1, doubt: true}},
		{name: "latest, truncated", req: latest(), faults: []standin.Fault{reset(standin.Truncated, 1)},
			failure: failure{code: offset.Unreachable, texts: []string{"broke off"}, sent: 1, doubt: true}},
		{name: "latest, redirect", req: latest(), faults: []standin.Fault{reset(standin.Redirect, 1)},
			failure: failure{code: offset.Failed, texts: []string{"HTTP 302"}, sent: 1}},
		{name: "latest, nonce used", req: latest(), faults: []standin.Fault{{Operation: service.ResetConsumeOffset, Kind: standin.Told, Status: 400, Code: "SignatureNonceUsed"}},
			failure: failure{code: offset.Unauthorized, texts: []string{"SignatureNonceUsed"}, sent: 1, doubt: true}},
		{name: "latest, the read-back fails too", req: latest(), faults: []standin.Fault{reset(standin.Broken, 1), on(service.GetConsumerGroupLag, standin.Broken, -1)},
			failure: failure{code: offset.Unreachable, texts: []string{"could not be read back"}, sent: 1, doubt: true}},
		{name: "a look is a page", req: latest(), faults: []standin.Fault{on(service.GetConsumerGroup, standin.Page, -1)},
			failure: failure{code: offset.Failed, texts: []string{"not the API's JSON"}}},
		{name: "a look is huge", req: latest(), faults: []standin.Fault{on(service.GetConsumerGroup, standin.Huge, -1)}, config: reads,
			failure: failure{code: offset.Unreachable, texts: []string{"longer than"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			s.Fail(c.faults...)
			cfg := config(s)
			if c.config != nil {
				c.config(&cfg)
			}
			id := instance
			if c.id != "" {
				id = c.id
			}
			result, err := apply(t.Context(), connect(t, cfg).Instance(id), c.req)
			c.failure.check(t, s, result, err)
			if c.stands == nil {
				c.stands = []int64{51, 0}
			}
			want(t, s, c.stands...)
		})
	}
}

// reads leaves an answer of megabytes the time that it takes with the race detector.
func reads(c *apsaramq.Config) { c.RequestTimeout, c.Retry.Tries = 2*time.Minute, 1 }

// impatient leaves what comes before the request that hangs enough time on a
// busy machine.
func impatient(c *apsaramq.Config) { c.RequestTimeout = 3 * time.Second }

func TestFailuresThatARetryMends(t *testing.T) {
	past := toTime(noon.Add(8 * time.Second))
	reset := service.ResetConsumeOffset
	for _, c := range []struct {
		name   string
		req    offset.Request
		faults []standin.Fault
		sent   int
		stands []int64
	}{
		{"latest, throttled", latest(), []standin.Fault{{Operation: reset, Kind: standin.Throttle, Times: 3}}, 4, []int64{61, 31}},
		{"time, throttled", past, []standin.Fault{{Operation: reset, Kind: standin.Throttle}}, 2, []int64{8, 4}},
		{"time, broken", past, []standin.Fault{{Operation: reset, Kind: standin.Broken, Times: 2}}, 3, []int64{8, 4}},
		{"time, unavailable", past, []standin.Fault{{Operation: reset, Kind: standin.Unavailable}}, 2, []int64{8, 4}},
		{"time, executed and broken", past, []standin.Fault{{Operation: reset, Kind: standin.BrokenAfter}}, 2, []int64{8, 4}},
		{"time, connection lost", past, []standin.Fault{{Operation: reset, Kind: standin.DropAfter}}, 2, []int64{8, 4}},
		{"time, gateway page", past, []standin.Fault{{Operation: reset, Kind: standin.GatewayPage}}, 2, []int64{8, 4}},
		{"looks throttled and broken", latest(), []standin.Fault{{Kind: standin.Throttle}, {Kind: standin.Broken}, {Operation: service.GetTopic, Kind: standin.GatewayPage}}, 1, []int64{61, 31}},
		{"a look sent twice by the network", latest(), []standin.Fault{{Operation: service.GetTopic, Kind: standin.Told, Status: 400, Code: "SignatureNonceUsed"}}, 1, []int64{61, 31}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			s.Fail(c.faults...)
			if _, err := apply(t.Context(), connect(t, config(s)).Instance(instance), c.req); err != nil {
				t.Fatal(err)
			}
			want(t, s, c.stands...)
			if n := len(s.Requests(reset)); n != c.sent {
				t.Errorf("%d resets were sent, want %d", n, c.sent)
			}
		})
	}
}

// TestWhatIsNotNeededMayBeUnknown: a reset to the latest message depends on
// neither the clients nor the time span nor the lag.
func TestWhatIsNotNeededMayBeUnknown(t *testing.T) {
	s := start(t)
	looks := []string{service.GetConsumerGroup, service.GetTopic, service.ListConsumerConnections, service.GetConsumeTimespan, service.GetConsumerGroupLag}
	for _, operation := range looks {
		s.Fail(standin.Fault{Operation: operation, Kind: standin.Told, Times: -1, Status: 403, Code: "NoPermission"})
	}
	e := connect(t, config(s)).Instance(instance)
	plan, err := e.Plan(t.Context(), latest())
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(plan.Notes, "\n")
	if strings.Count(notes, "NoPermission") != 2 || strings.Contains(notes, "lag is 0") {
		t.Errorf("notes %s", notes)
	}
	for _, operation := range []string{service.GetConsumerGroup, service.GetTopic, service.GetConsumeTimespan} {
		if !strings.Contains(notes, "This key may not call "+operation) {
			t.Errorf("notes do not name %s: %s", operation, notes)
		}
	}
	result, err := e.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, "The lag could not be read back") || !strings.Contains(notes, "under the request id ") {
		t.Errorf("notes %s", notes)
	}
	want(t, s, 61, 31)
	if _, err := apply(t.Context(), e, toTime(noon.Add(time.Second))); err != nil {
		t.Error(err)
	}
	// A gateway that does not know the call is no missing instance.
	for _, operation := range looks {
		s.Fail(standin.Fault{Operation: operation, Kind: standin.Told, Times: -1, Status: 404, Code: "APIGW.0101"})
	}
	if _, err := apply(t.Context(), e, latest()); err != nil {
		t.Error(err)
	}
}

func TestInterrupts(t *testing.T) {
	t.Run("before anything was sent", func(t *testing.T) {
		s := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result, err := apply(ctx, connect(t, config(s)).Instance(instance), latest())
		if offset.CodeOf(err) != offset.Interrupted || result != nil || !strings.Contains(err.Error(), offset.NothingChanged[:10]) {
			t.Errorf("got %v, %v", result, err)
		}
	})
	t.Run("while throttled", func(t *testing.T) {
		s := start(t)
		s.Fail(standin.Fault{Operation: service.ResetConsumeOffset, Kind: standin.Throttle, Times: -1})
		ctx, cancel := context.WithCancel(t.Context())
		cfg := config(s)
		cfg.Retry = managed.Retry{Tries: 5, First: time.Hour, Longest: time.Hour}
		cfg.Log = func(_ context.Context, _ string, fields map[string]any) {
			if fields["operation"] == service.ResetConsumeOffset {
				cancel()
			}
		}
		result, err := apply(ctx, connect(t, cfg).Instance(instance), latest())
		if offset.CodeOf(err) != offset.Interrupted || result != nil {
			t.Errorf("got %v, %v", result, err)
		}
		want(t, s, 51, 0)
	})
	t.Run("after the reset was sent", func(t *testing.T) {
		s := start(t)
		e := connect(t, config(s)).Instance(instance)
		plan, err := e.Plan(t.Context(), latest())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		plan.Request.Progress = func(m string) {
			if m == "Reading back" {
				cancel()
			}
		}
		result, err := e.Apply(ctx, plan)
		if err != nil || !strings.Contains(strings.Join(result.Notes, ""), "lag is 0") {
			t.Errorf("got %v, %v", result, err)
		}
	})
}

func TestUndoAndForgetAreRefused(t *testing.T) {
	s := start(t)
	e := connect(t, config(s)).Instance(instance)
	for name, f := range map[string]func(context.Context, offset.UndoRequest) (*offset.Result, error){"undo": e.Undo, "forget": e.Forget} {
		if result, err := f(t.Context(), offset.UndoRequest{Group: group, Topic: topic}); offset.CodeOf(err) != offset.Unsupported || result != nil {
			t.Errorf("%s: %v, %v", name, result, err)
		}
	}
	if n := len(s.Requests("")); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestWhatCannotBeDoneIsRefusedWithoutTheNetwork(t *testing.T) {
	one := int64(1)
	with := func(change func(*offset.Request)) offset.Request {
		r := latest()
		change(&r)
		return r
	}
	for _, row := range []struct {
		name      string
		req       offset.Request
		onDestroy string
		arguments []string
	}{
		{"LATEST_OFFSET", latest(), "keep", nil},
		{"SPECIFIED_TIME", toTime(noon), "", nil},
		{"nothing known yet", offset.Request{}, "", nil},
		{"EARLIEST_OFFSET", with(func(r *offset.Request) { r.Target.Kind = offset.ToEarliest }), "", []string{"reset_type"}},
		{"SPECIFIED_OFFSET", with(func(r *offset.Request) {
			r.Target = offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"b": {0: 1}}}
		}), "", []string{"reset_type", "offsets"}},
		{"shift", with(func(r *offset.Request) { r.Target.Kind = offset.ByShift }), "", []string{"reset_type"}},
		{"fraction of a second", toTime(noon.Add(time.Millisecond)), "", []string{"reset_time"}},
		{"before 1970", toTime(time.Unix(-86400, 0)), "", []string{"reset_time"}},
		{"year 10000", toTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "", []string{"reset_time"}},
		{"force = false", with(func(r *offset.Request) { r.KeepAhead = true }), "", []string{"force"}},
		{"max_replayed_messages", with(func(r *offset.Request) { r.Limits.MaxReplayed = &one }), "", []string{"max_replayed_messages"}},
		{"max_skipped_messages", with(func(r *offset.Request) { r.Limits.MaxSkipped = &one }), "", []string{"max_skipped_messages"}},
		{"on_destroy restore", latest(), "restore", []string{"on_destroy"}},
		{"on_destroy delete_offsets", latest(), "delete_offsets", []string{"on_destroy"}},
		{"two topics", with(func(r *offset.Request) { r.Scope.Topics = []string{"a", "b"} }), "", []string{"topic"}},
		{"all topics", with(func(r *offset.Request) { r.Scope = offset.Scope{AllTopics: true} }), "", []string{"topic"}},
		{"a group named ..", with(func(r *offset.Request) { r.Group = ".." }), "", []string{"consumer_group"}},
		{"a topic named .", with(func(r *offset.Request) { r.Scope.Topics = []string{"."} }), "", []string{"topic"}},
		{"everything at once", with(func(r *offset.Request) {
			r.Target.Kind, r.KeepAhead, r.Limits = offset.ToEarliest, true, offset.Limits{MaxReplayed: &one, MaxSkipped: &one}
		}), "restore", []string{"reset_type", "force", "max_replayed_messages", "max_skipped_messages", "on_destroy"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, r := range apsaramq.Check(row.req, row.onDestroy) {
				got = append(got, r.Argument)
				if r.Detail == "" || !strings.HasSuffix(r.Detail, ".") {
					t.Errorf("%s: %q is no sentence", r.Argument, r.Detail)
				}
			}
			if !slices.Equal(got, row.arguments) {
				t.Errorf("refused %v, want %v", got, row.arguments)
			}
		})
	}

	t.Run("engine", func(t *testing.T) {
		s := start(t)
		c := connect(t, config(s))
		for _, x := range []struct {
			id   string
			req  offset.Request
			code offset.Code
		}{
			{instance, with(func(r *offset.Request) { r.KeepAhead = true }), offset.Unsupported},
			{instance, with(func(r *offset.Request) { r.Group = "" }), offset.InvalidArgument},
			{instance, with(func(r *offset.Request) { r.Scope.Topics = nil }), offset.InvalidArgument},
			{instance, with(func(r *offset.Request) { r.Target.Kind = "" }), offset.InvalidArgument},
			{"", latest(), offset.InvalidArgument},
			{"..", latest(), offset.InvalidArgument},
		} {
			if _, err := c.Instance(x.id).Plan(t.Context(), x.req); offset.CodeOf(err) != x.code {
				t.Errorf("%v", err)
			}
			if _, err := c.Instance(x.id).Apply(t.Context(), &offset.Plan{Request: x.req}); offset.CodeOf(err) != x.code {
				t.Errorf("%v", err)
			}
		}
		if n := len(s.Requests("")); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

func TestTemporaryKeys(t *testing.T) {
	s := start(t)
	s.AddKey("LTAItemporary", standin.Key{Secret: "temporary-secret", Token: "temporary/token+="})
	cfg := config(s)
	cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken = "LTAItemporary", "temporary-secret", "temporary/token+="
	if _, err := apply(t.Context(), connect(t, cfg).Instance(instance), latest()); err != nil {
		t.Fatal(err)
	}
	want(t, s, 61, 31)
}

func TestKeysFromASource(t *testing.T) {
	s := start(t)
	asked := 0
	cfg := config(s)
	cfg.AccessKey, cfg.SecretKey = "", ""
	cfg.Credentials = func(context.Context) (apsaramq.Credentials, error) {
		if asked++; asked == 1 {
			return apsaramq.Credentials{}, errors.New("none yet")
		}
		return apsaramq.Credentials{AccessKey: service.AccessKey, SecretKey: service.SecretKey}, nil
	}
	e := connect(t, cfg).Instance(instance)
	if _, err := apply(t.Context(), e, latest()); offset.CodeOf(err) != offset.Unauthorized || !strings.Contains(err.Error(), "none yet") {
		t.Errorf("got %v", err)
	}
	if asked != 1 {
		t.Errorf("a source without keys was asked %d times", asked)
	}
	if _, err := apply(t.Context(), e, latest()); err != nil {
		t.Error(err)
	}
}

// TestNoSecretIsShown although the service quotes the signed headers.
func TestNoSecretIsShown(t *testing.T) {
	s := start(t)
	s.AddKey("LTAItemporary", standin.Key{Secret: "other", Token: "temporary/token+="})
	var shown strings.Builder
	var mu sync.Mutex
	cfg := config(s)
	cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken = "LTAItemporary", "temporary-secret", "temporary/token+="
	cfg.Log = func(_ context.Context, message string, fields map[string]any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(&shown, message, fields)
	}
	_, err := apply(t.Context(), connect(t, cfg).Instance(instance), latest())
	if offset.CodeOf(err) != offset.Unauthorized || !strings.Contains(err.Error(), "CanonicalRequest") || !strings.Contains(err.Error(), "(secret)") {
		t.Errorf("got %v", err)
	}
	text := shown.String() + fmt.Sprintf("%v %+v %#v", err, err, err)
	if !strings.Contains(shown.String(), "GetConsumerGroup") {
		t.Error("nothing was logged")
	}
	for _, secret := range []string{"temporary-secret", "temporary/token", "temporary%2Ftoken"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown: %s", secret, text)
		}
	}
}

func TestConfigurations(t *testing.T) {
	keys := apsaramq.Config{AccessKey: "a", SecretKey: "b", Region: "cn-hangzhou"}
	with := func(change func(*apsaramq.Config)) apsaramq.Config {
		c := keys
		change(&c)
		return c
	}
	for _, row := range []struct {
		name  string
		cfg   apsaramq.Config
		field string // "" if it is right
	}{
		{"region", keys, ""},
		{"endpoint", with(func(c *apsaramq.Config) { c.Region, c.Endpoint = "", "rocketmq-vpc.cn-hangzhou.aliyuncs.com" }), ""},
		{"no keys", apsaramq.Config{Region: "cn-hangzhou"}, ""},
		{"neither region nor endpoint", with(func(c *apsaramq.Config) { c.Region = "" }), "region"},
		{"a region that is a host", with(func(c *apsaramq.Config) { c.Region = "x.evil.example/" }), "region"},
		{"plain http", with(func(c *apsaramq.Config) { c.Endpoint = "http://h" }), "endpoint"},
		{"half a set", with(func(c *apsaramq.Config) { c.SecretKey = "" }), "secret_key"},
		{"the other half", with(func(c *apsaramq.Config) { c.AccessKey = "" }), "access_key"},
		{"a lonely token", with(func(c *apsaramq.Config) { c.AccessKey, c.SecretKey, c.SecurityToken = "", "", "t" }), "security_token"},
		{"a bad CA", with(func(c *apsaramq.Config) { c.CACert = "-----BEGIN CERTIFICATE-----" }), "ca_cert"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := apsaramq.New(row.cfg)
			var c *managed.ConfigError
			switch {
			case row.field == "" && err != nil:
				t.Error(err)
			case row.field != "" && (!errors.As(err, &c) || c.Field != row.field):
				t.Errorf("got %v, want an error on %s", err, row.field)
			}
		})
	}
}

func TestTheEnvironmentFillsWhatIsEmpty(t *testing.T) {
	env := map[string]string{
		"ALIBABA_CLOUD_REGION": "cn-beijing", "ALIBABA_CLOUD_ENDPOINT_ROCKETMQ": "e.example",
		"ALIBABA_CLOUD_ACCESS_KEY_ID": "envkey", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "envsecret", "ALIBABA_CLOUD_SECURITY_TOKEN": "envtoken",
	}
	getenv := func(name string) string { return env[name] }
	got := apsaramq.FromEnvironment(apsaramq.Config{}, getenv)
	if got.Region != "cn-beijing" || got.Endpoint != "e.example" || got.AccessKey != "envkey" || got.SecretKey != "envsecret" || got.SecurityToken != "envtoken" {
		t.Errorf("got %+v", got)
	}
	// Configured keys get no token of others.
	got = apsaramq.FromEnvironment(apsaramq.Config{Region: "cn-hangzhou", AccessKey: "k", SecretKey: "s"}, getenv)
	if got.Region != "cn-hangzhou" || got.AccessKey != "k" || got.SecurityToken != "" {
		t.Errorf("got %+v", got)
	}
	delete(env, "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
	env["ALIBABA_CLOUD_REGION"] = ""
	env["ALIBABA_CLOUD_REGION_ID"] = "cn-shanghai"
	got = apsaramq.FromEnvironment(apsaramq.Config{}, getenv)
	if got.AccessKey != "" || got.SecurityToken != "" || got.Region != "cn-shanghai" {
		t.Errorf("got %+v", got)
	}
}

// TestManyAtOnce uses one client for many groups, as one apply does.
func TestManyAtOnce(t *testing.T) {
	s := start(t)
	c := connect(t, config(s))
	var all sync.WaitGroup
	for i := range 20 {
		name := fmt.Sprintf("group-%d", i)
		s.AddGroup(instance, name, service.Group{})
		all.Go(func() {
			req := latest()
			req.Group = name
			if _, err := apply(t.Context(), c.Instance(instance), req); err != nil {
				t.Error(err)
			}
			if got := s.Offsets(instance, name, topic); !slices.Equal(got, []int64{61, 31}) {
				t.Errorf("%s stands at %v", name, got)
			}
		})
	}
	all.Wait()
}

// TestTheStandInTakesARequestOnce: a recorded request cannot be sent again,
// and the stand-in says why as the service does.
func TestTheStandInTakesARequestOnce(t *testing.T) {
	s := start(t)
	if _, err := apply(t.Context(), connect(t, config(s)).Instance(instance), latest()); err != nil {
		t.Fatal(err)
	}
	recorded := s.Requests(service.ResetConsumeOffset)[0]
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.CA))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	for body, code := range map[string]string{recorded.Body: "SignatureNonceUsed", recorded.Body + " ": "InvalidContentSha256"} {
		r, err := http.NewRequestWithContext(t.Context(), recorded.Method, s.URL+recorded.URI, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = recorded.Header.Clone()
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Code string }
		err = json.NewDecoder(response.Body).Decode(&answer)
		if closed := response.Body.Close(); err != nil || closed != nil || answer.Code != code {
			t.Errorf("got %s, %v, want %s", answer.Code, err, code)
		}
	}
}
