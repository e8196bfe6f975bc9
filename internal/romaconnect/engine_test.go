package romaconnect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
	service "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

const (
	instance = "2ad36ba6-fee8-4a9a-9b1d-5b8b9a8b2f3c"
	group    = "orders-consumer"
	topic    = "test"
)

// begin is the instant of the vendor's example, 1571812144000, when the
// stand-in's logs begin.
var begin = time.UnixMilli(1571812144000).UTC()

// start returns a service with a topic of three partitions and a group that
// has offsets on two of them.
func start(t *testing.T) *service.Server {
	t.Helper()
	s := service.New(t)
	s.AddInstance(instance)
	s.AddTopic(instance, topic, service.Log(0, 100, begin), service.Log(20, 100, begin), service.Log(0, 0, begin))
	s.AddTopic(instance, "test-2", service.Log(0, 5, begin))
	s.AddGroup(instance, group)
	s.AddGroup(instance, "x-"+group, service.Member{ClientID: "other", Host: "/192.0.2.1"}) // the list's filter takes it too
	s.Commit(instance, group, topic, before())
	return s
}

// full are the logs of start, with records in each.
var full = []service.Partition{service.Log(0, 100, begin), service.Log(20, 100, begin), service.Log(0, 100, begin)}

func before() map[int32]int64 { return map[int32]int64{0: 90, 1: 60} }

// config is of a client that no test waits for.
func config(s *service.Server, which romaconnect.Service) romaconnect.Config {
	return romaconnect.Config{
		Service: which, Endpoint: s.URL, CACert: s.CA, ProjectID: service.ProjectID,
		AccessKey: service.AccessKey, SecretKey: service.SecretKey,
		RequestTimeout: 10 * time.Second, PollInterval: 2 * time.Millisecond,
		Retry: managed.Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond},
	}
}

func connect(t *testing.T, cfg romaconnect.Config) *romaconnect.Client {
	t.Helper()
	c, err := romaconnect.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func engine(t *testing.T, s *service.Server, which romaconnect.Service) life.Engine {
	t.Helper()
	return connect(t, config(s, which)).Instance(instance)
}

func request(target offset.Target, partitions ...int32) offset.Request {
	return offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}, Partitions: partitions}, Target: target}
}

func toOffset(n int64, partitions ...int32) offset.Request {
	return request(offset.Target{Kind: offset.ToOffset, Offset: n}, partitions...)
}

func toTime(at time.Time, partitions ...int32) offset.Request {
	return request(offset.Target{Kind: offset.ToTime, Time: at}, partitions...)
}

func apply(ctx context.Context, e life.Engine, req offset.Request) (*offset.Result, error) {
	plan, err := e.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	return e.Apply(ctx, plan)
}

func want(t *testing.T, s *service.Server, offsets map[int32]int64) {
	t.Helper()
	if got := s.Offsets(instance, group, topic); !maps.Equal(got, offsets) {
		t.Errorf("the group stands at %v, want %v", got, offsets)
	}
}

var both = []romaconnect.Service{romaconnect.ROMA, romaconnect.DMS}

// gateway is a service as a client meets it. ROMA Connect's pages show the
// answers of ShowGroup in two shapes, and not every gateway knows the call.
type gateway struct {
	name    string
	service romaconnect.Service
	tells   bool // offsets of partitions
	prepare func(*service.Server)
}

var gateways = []gateway{
	{"ROMA Connect", romaconnect.ROMA, true, func(*service.Server) {}},
	{"ROMA Connect, in an array", romaconnect.ROMA, true, (*service.Server).InArray},
	{"ROMA Connect without ShowGroup", romaconnect.ROMA, false, func(s *service.Server) { s.WithoutShowGroup(true) }},
	{"DMS", romaconnect.DMS, true, func(*service.Server) {}},
}

// start is start behind this gateway.
func (g gateway) start(t *testing.T) *service.Server {
	t.Helper()
	s := start(t)
	g.prepare(s)
	return s
}

// TestEachRequestParameter has a row for each parameter of the vendor's page
// "Resetting Consumer Group Offset to the Specified Position".
func TestEachRequestParameter(t *testing.T) {
	for _, g := range gateways {
		if g.service == romaconnect.ROMA {
			t.Run(g.name, func(t *testing.T) { eachRequestParameter(t, g) })
		}
	}
}

func eachRequestParameter(t *testing.T, g gateway) {
	t.Helper()
	path := "/v2/kafka/" + service.ProjectID + "/mqs/instances/" + instance + "/groups/" + group + "/reset-message-offset"
	for _, row := range []struct {
		parameter string
		req       offset.Request
		segment   int
		body      map[string]any
	}{
		{parameter: "engine", req: toOffset(10, 0), segment: 2},
		{parameter: "project_id", req: toOffset(10, 0), segment: 3},
		{parameter: "instance_id", req: toOffset(10, 0), segment: 6},
		{parameter: "group_id", req: toOffset(10, 0), segment: 8},
		{parameter: "topic", req: toOffset(10, 0), body: map[string]any{"topic": "test", "partition": 0., "message_offset": 10.}},
		{parameter: "partition", req: toOffset(10, 1), body: map[string]any{"topic": "test", "partition": 1., "message_offset": 10.}},
		{parameter: "partition not given", req: toOffset(10), body: map[string]any{"topic": "test", "partition": -1., "message_offset": 10.}},
		{parameter: "partition -1", req: toOffset(10, -1), body: map[string]any{"topic": "test", "partition": -1., "message_offset": 10.}},
		{parameter: "message_offset", req: toOffset(10, 0), body: map[string]any{"topic": "test", "partition": 0., "message_offset": 10.}},
		{parameter: "message_offset 0", req: toOffset(0), body: map[string]any{"topic": "test", "partition": -1., "message_offset": 0.}},
		{parameter: "timestamp", req: toTime(begin, 0), body: map[string]any{"topic": "test", "partition": 0., "timestamp": 1571812144000.}},
		{parameter: "timestamp 0", req: toTime(time.UnixMilli(0)), body: map[string]any{"topic": "test", "partition": -1., "timestamp": 0.}},
		{parameter: "timestamp between milliseconds", req: toTime(begin.Add(time.Microsecond)), body: map[string]any{"topic": "test", "partition": -1., "timestamp": 1571812144001.}},
	} {
		t.Run(row.parameter, func(t *testing.T) {
			s := g.start(t)
			result, err := apply(t.Context(), engine(t, s, romaconnect.ROMA), row.req)
			if err != nil {
				t.Fatal(err)
			}
			readBack(t, g, s, result)
			sent := s.Requests(service.Reset)
			if len(sent) != 1 || sent[0].Method != http.MethodPut {
				t.Fatalf("sent %+v", sent)
			}
			if got, wanted := strings.Split(sent[0].URI, "/"), strings.Split(path, "/"); row.segment > 0 && got[row.segment] != wanted[row.segment] || len(got) != len(wanted) {
				t.Errorf("path %s", sent[0].URI)
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(sent[0].Body), &body); err != nil {
				t.Fatal(err)
			}
			if row.body != nil && !reflect.DeepEqual(body, row.body) {
				t.Errorf("body %v, want %v", body, row.body)
			}
		})
	}
}

// TestEachResponseField has a row for each field that the vendor's page tells
// of the response, and of errors.
func TestEachResponseField(t *testing.T) {
	for _, g := range gateways {
		if g.service == romaconnect.ROMA {
			t.Run(g.name, func(t *testing.T) { eachResponseField(t, g) })
		}
	}
}

// readBack checks that the outcomes are where the service has the group, each
// with where it was, if the gateway tells that.
func readBack(t *testing.T, g gateway, s *service.Server, result *offset.Result) {
	t.Helper()
	if g.tells == (result.Outcomes == nil) {
		t.Fatalf("outcomes %+v", result.Outcomes)
	}
	stands := s.Offsets(instance, group, topic)
	for _, o := range result.Outcomes {
		if at := stands[o.ID]; o.Seen != at || o.Offset != at || o.Previous != moveSeen(o.ID) || o.Failed() {
			t.Errorf("read back %+v, the service has %d", o, at)
		}
	}
}

func eachResponseField(t *testing.T, g gateway) {
	t.Helper()
	for _, row := range []struct {
		field string
		fault standin.Fault
		text  string
	}{
		{"status 204", standin.Fault{}, ""},
		{"any other status", standin.Fault{Kind: standin.Told, Status: 200, Times: -1}, "HTTP 200 where HTTP 204 means success"},
		{"error_code", standin.Fault{Kind: standin.Told, Status: 400, Code: "DMS.00400026", Message: "m"}, "DMS.00400026"},
		{"error_msg", standin.Fault{Kind: standin.Told, Status: 400, Code: "c", Message: "This operation is not allowed due to the instance status."}, "not allowed due to the instance status"},
		{"X-Request-Id", standin.Fault{Kind: standin.Told, Status: 400, Code: "c"}, "request id 5a1b7c"},
	} {
		t.Run(row.field, func(t *testing.T) {
			s := g.start(t)
			if row.fault.Kind != "" {
				row.fault.Operation = service.Reset
				s.Fail(row.fault)
			}
			result, err := apply(t.Context(), engine(t, s, romaconnect.ROMA), toOffset(10))
			if err == nil {
				readBack(t, g, s, result)
			}
			if (err == nil) != (row.text == "") || err != nil && !strings.Contains(err.Error(), row.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestResets through both services: what the broker has then, and what the
// engine tells of it.
func TestResets(t *testing.T) {
	now := begin.Add(50 * time.Second)
	one, many := int64(1), int64(1000)
	all := func(a, b, c int64) map[int32]int64 { return map[int32]int64{0: a, 1: b, 2: c} }
	for _, row := range []struct {
		name   string
		req    offset.Request
		stands map[int32]int64
	}{
		{"offset", toOffset(70), all(70, 70, 0)},
		{"offset before the log", toOffset(5), all(5, 20, 0)},
		{"offset behind the log", toOffset(1 << 40), all(100, 100, 0)},
		{"offset of one partition", toOffset(70, 1), map[int32]int64{0: 90, 1: 70}},
		{"time", toTime(begin.Add(10 * time.Second)), all(10, 30, 0)},
		{"time before the log", toTime(begin.Add(-time.Hour)), all(0, 20, 0)},
		{"time of one partition", toTime(begin.Add(10*time.Second), 1), map[int32]int64{0: 90, 1: 30}},
		{"future", toTime(begin.Add(time.Hour)), all(100, 100, 0)},
		{"lookback", request(offset.Target{Kind: offset.ToLookback, Lookback: 20 * time.Second}), all(30, 50, 0)},
		{"first offset of a partition", toOffset(0, 2), map[int32]int64{0: 90, 1: 60, 2: 0}},
	} {
		for _, g := range gateways {
			t.Run(row.name+"/"+g.name, func(t *testing.T) {
				s := g.start(t)
				cfg := config(s, g.service)
				if strings.HasPrefix(row.name, "lookback") || row.name == "future" {
					// The signature's date comes from this clock too: the token needs none.
					cfg.Clock, cfg.AuthToken, cfg.AccessKey, cfg.SecretKey = clock.Fixed(now), service.AuthToken, "", ""
				}
				e := connect(t, cfg).Instance(instance)
				plan, err := e.Plan(t.Context(), row.req)
				if err != nil {
					t.Fatal(err)
				}
				if plan.ClusterID != instance || plan.State != "Empty" || len(s.Requests(service.Reset)) != 0 {
					t.Errorf("plan %+v", plan)
				}
				if timed := row.req.Target.Kind != offset.ToOffset; timed == plan.Instant.IsZero() {
					t.Errorf("instant %v", plan.Instant)
				}
				if future := strings.Contains(strings.Join(plan.Notes, ""), "future"); future != (row.name == "future") {
					t.Errorf("notes %v", plan.Notes)
				}
				result, err := e.Apply(t.Context(), plan)
				if err != nil {
					t.Fatal(err)
				}
				want(t, s, row.stands)
				if !g.tells {
					if plan.Moves != nil || result.Outcomes != nil {
						t.Errorf("the gateway tells no offsets, but the moves are %v, %v", plan.Moves, result.Outcomes)
					}
					if notes := strings.Join(result.Notes, ""); !strings.Contains(notes, "state Empty with a lag of") {
						t.Errorf("notes %s", notes)
					}
					return
				}
				readBack(t, g, s, result)
				if n := len(row.req.Scope.Partitions); n == 1 && len(result.Outcomes) != 1 || n == 0 && len(result.Outcomes) != 3 {
					t.Errorf("moves %+v", result.Outcomes)
				}
				exact := row.req.Target.Kind == offset.ToOffset
				if exact != (plan.Moves != nil) {
					t.Errorf("planned %v", plan.Moves)
				}
				if g.service == romaconnect.ROMA {
					return // it tells neither where logs start nor where one ends that the group has no offset on
				}
				for i, m := range plan.Moves {
					if r := result.Outcomes[i]; m.Offset != r.Offset || m.Previous != r.Previous || m.Clamped != r.Clamped {
						t.Errorf("planned %+v, did %+v", m, r)
					}
				}
				for _, m := range result.Outcomes {
					if m.Topic != topic || m.End < 0 || m.Start < 0 {
						t.Errorf("move %+v", m)
					}
					if clamped := row.req.Target.Kind == offset.ToOffset && m.Offset != row.req.Target.Offset; m.Clamped != clamped {
						t.Errorf("clamped %+v", m)
					}
				}
			})
		}
	}

	t.Run("limits and out_of_range through DMS", func(t *testing.T) {
		for _, row := range []struct {
			req  offset.Request
			code offset.Code // "" if it is done
		}{
			{func() offset.Request { r := toOffset(70); r.Limits.MaxReplayed = &many; return r }(), ""},
			{func() offset.Request { r := toOffset(70); r.Limits.MaxReplayed = &one; return r }(), offset.LimitExceeded},
			{func() offset.Request { r := toOffset(95); r.Limits.MaxSkipped = &one; return r }(), offset.LimitExceeded},
			{func() offset.Request { r := toOffset(70); r.OutOfRange = offset.Refuse; return r }(), offset.OutsideLog}, // partition 2 is empty
			{func() offset.Request { r := toOffset(70, 1); r.OutOfRange = offset.Refuse; return r }(), ""},
			{func() offset.Request { r := toOffset(19, 1); r.OutOfRange = offset.Refuse; return r }(), offset.OutsideLog},
			{func() offset.Request { r := toOffset(100, 1); r.OutOfRange = offset.Refuse; return r }(), ""},
		} {
			s := start(t)
			_, err := apply(t.Context(), engine(t, s, romaconnect.DMS), row.req)
			if row.code == "" && err != nil || row.code != "" && offset.CodeOf(err) != row.code {
				t.Errorf("%+v: %v", row.req, err)
			}
			if row.code != "" {
				want(t, s, before())
			}
		}
	})
}

func TestTheLogsUnknownBoundsAreNotInvented(t *testing.T) {
	s := start(t)
	text := `{"topic":"test","partitions":[{"partition":0},{"partition":1},{"partition":"2"}]}`
	proxy := func(kind string) (*offset.Plan, error) {
		req := toOffset(70)
		if kind == "limited" {
			n := int64(1)
			req.Limits.MaxReplayed = &n
		}
		cfg := config(s, romaconnect.DMS)
		return rewritten(t, cfg, service.TopicInfo, text).Instance(instance).Plan(t.Context(), req)
	}
	plan, err := proxy("")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range plan.Moves {
		if m.Offset != offset.None || m.Start != offset.None || m.ID != 2 && m.Previous < 0 {
			t.Errorf("move %+v", m)
		}
	}
	if _, err := proxy("limited"); offset.CodeOf(err) != offset.Unsupported {
		t.Errorf("a limit was checked against nothing: %v", err)
	}
}

// rewritten returns a client for which an operation answers with a text.
func rewritten(t *testing.T, cfg romaconnect.Config, operation, text string) *romaconnect.Client {
	t.Helper()
	s := standin.New(t, &canned{text: text, operation: operation})
	cfg.Endpoint, cfg.CACert = s.URL, s.CA
	return connect(t, cfg)
}

// canned answers one operation with a text and all others with a group, in
// the odd forms that the service's documents show.
type canned struct{ text, operation string }

func (c *canned) Route(_ string, segments []string) string {
	if slices.Contains(segments, "topics") {
		return service.TopicInfo
	}
	return service.GroupInfo
}
func (c *canned) Check(string, *http.Request, []byte) *standin.Answer { return nil }
func (c *canned) Execute(operation string, _ []string, _ map[string]string, _ []byte) standin.Answer {
	if operation == c.operation {
		return standin.Answer{Status: 200, Body: c.text}
	}
	return standin.Answer{Status: 200, Body: `{"group":{"state":"EMPTY","group_message_offsets":[
		{"partition":0,"topic":"test","message_current_offset":90},{"partition":"1","topic":"test","message_current_offset":"60"},
		{"partition":2,"topic":"test","message_current_offset":-1},{"partition":0,"topic":"other","message_current_offset":7}]}}`}
}
func (c *canned) Fail(status int, _, _ string) standin.Answer { return standin.Answer{Status: status} }
func (c *canned) Throttled() standin.Answer                   { return standin.Answer{Status: 429} }

// TestNamesArriveUnharmed on every path, query and body.
func TestNamesArriveUnharmed(t *testing.T) {
	for _, name := range []string{"a/b", "100%", "%2F", "%41", "a b", "grün", "消息", "a+b*c~d", "a?b#c&d=e", "..a", "%2e%2e", `<"q">`} {
		for _, which := range both {
			t.Run(name+"/"+string(which), func(t *testing.T) {
				s := service.New(t)
				s.AddInstance(instance)
				s.AddTopic(instance, name, service.Log(0, 100, begin))
				s.AddGroup(instance, name)
				req := toOffset(42)
				req.Group, req.Scope.Topics = name, []string{name}
				if _, err := apply(t.Context(), engine(t, s, which), req); err != nil {
					t.Fatal(err)
				}
				if got := s.Offsets(instance, name, name); !maps.Equal(got, map[int32]int64{0: 42}) {
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
}

// TestALongListIsReadToItsEnd: the filter takes every name that contains the
// group's, and a page holds 50.
func TestALongListIsReadToItsEnd(t *testing.T) {
	for _, inArray := range []bool{false, true} {
		s := start(t)
		s.WithoutShowGroup(true) // which asks for one group
		if inArray {
			s.InArray()
		}
		for i := range 120 {
			s.AddGroup(instance, fmt.Sprintf("a-%03d-%s", i, group))
			s.AddTopic(instance, fmt.Sprintf("a-%03d-%s", i, topic), service.Log(0, 1, begin))
		}
		e := engine(t, s, romaconnect.ROMA)
		if _, err := apply(t.Context(), e, toOffset(10, 0)); err != nil {
			t.Error(err)
		}
		req := toOffset(10)
		req.Group = "orders"
		if _, err := e.Plan(t.Context(), req); offset.CodeOf(err) != offset.GroupMissing {
			t.Errorf("a part of a name was taken for a group: %v", err)
		}
		req = toOffset(10)
		req.Scope.Topics = []string{"tes"}
		if _, err := e.Plan(t.Context(), req); offset.CodeOf(err) != offset.TopicMissing {
			t.Errorf("a part of a name was taken for a topic: %v", err)
		}
	}
}

func TestActiveGroups(t *testing.T) {
	zero, long := time.Duration(0), time.Minute
	short := 20 * time.Millisecond
	for _, g := range gateways {
		t.Run(g.name, func(t *testing.T) {
			s := g.start(t)
			s.Join(instance, group, service.Member{ClientID: "billing-1", Host: "/192.0.2.9"})
			e := engine(t, s, g.service)
			req := toOffset(70)
			for _, wait := range []*time.Duration{&zero, &short} {
				req.WaitForInactive = wait
				plan, err := e.Plan(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if plan.State != "Stable" || g.tells && len(plan.Members) != 1 || !strings.Contains(strings.Join(plan.Notes, ""), "active (state Stable)") {
					t.Errorf("plan %+v", plan)
				}
				result, err := e.Apply(t.Context(), plan)
				if offset.CodeOf(err) != offset.GroupActive || result != nil || !strings.Contains(err.Error(), "state Stable") {
					t.Errorf("got %v", err)
				}
				if g.tells && !strings.Contains(err.Error(), `client "billing-1" at /192.0.2.9`) {
					t.Errorf("the member is not named: %v", err)
				}
			}
			if n := len(s.Requests(service.Reset)); n != 0 {
				t.Errorf("%d resets were sent", n)
			}

			s.LeaveAfter(instance, group, 4)
			req.WaitForInactive = &long
			var told []string
			req.Progress = func(m string) { told = append(told, m) }
			if _, err := apply(t.Context(), e, req); err != nil {
				t.Fatal(err)
			}
			want(t, s, map[int32]int64{0: 70, 1: 70, 2: 0})
			if len(told) == 0 || !strings.HasPrefix(told[0], "Waiting up to 1m0s") {
				t.Errorf("told %v", told)
			}
		})
	}

	t.Run("interrupted", func(t *testing.T) {
		s := start(t)
		s.Join(instance, group, service.Member{ClientID: "billing-1"})
		ctx, cancel := context.WithCancel(t.Context())
		req := toOffset(70)
		req.WaitForInactive = &long
		req.Progress = func(string) { cancel() }
		result, err := engine(t, s, romaconnect.ROMA).Apply(ctx, &offset.Plan{Request: req})
		if offset.CodeOf(err) != offset.Interrupted || result != nil || !strings.Contains(err.Error(), "Nothing was changed") {
			t.Errorf("got %v", err)
		}
		want(t, s, before())
	})
}

// TestAnOffsetThatWasOverwritten between the reset and the read-back: if a
// consumer has come back, that is told and is no error; if nobody is there, it
// is one.
func TestAnOffsetThatWasOverwritten(t *testing.T) {
	for _, active := range []bool{true, false} {
		s := start(t)
		req := toOffset(70)
		req.Progress = func(m string) {
			if m == "Reading back" {
				s.Commit(instance, group, topic, map[int32]int64{0: 75})
				if active {
					s.Join(instance, group, service.Member{ClientID: "back"})
				}
			}
		}
		result, err := apply(t.Context(), engine(t, s, romaconnect.DMS), req)
		if active {
			if err != nil || !strings.Contains(strings.Join(result.Notes, ""), "partition 0 has offset 75 instead of 70") {
				t.Errorf("got %v, %v", result, err)
			}
			continue
		}
		if offset.CodeOf(err) != offset.Overwritten || result == nil || result.Outcomes[0].Seen != 75 || result.Outcomes[0].Offset != 70 {
			t.Errorf("got %+v, %v", result, err)
		}
	}
}

func TestFailures(t *testing.T) {
	// What comes before the request that hangs has to be answered in time on a
	// busy machine, too.
	impatient := func(c *romaconnect.Config) { c.RequestTimeout, c.Retry.Tries = 5*time.Second, 2 }
	// Megabytes take their time with the race detector.
	reads := func(c *romaconnect.Config) { c.RequestTimeout, c.Retry.Tries = 2*time.Minute, 1 }
	reset := func(kind standin.Kind, times int) standin.Fault {
		return standin.Fault{Operation: service.Reset, Kind: kind, Times: times}
	}
	// ROMA Connect tells where a log ends only of partitions with an offset.
	stood, moved := map[int32]int64{0: 90, 1: 60, 2: 80}, map[int32]int64{0: 70, 1: 70, 2: 70}
	for _, c := range []struct {
		name   string
		req    offset.Request
		faults []standin.Fault
		config func(*romaconnect.Config)
		id     string
		code   offset.Code
		texts  []string
		doubt  bool
		sent   int
		stands map[int32]int64
	}{
		{name: "wrong secret", config: func(c *romaconnect.Config) { c.SecretKey = "wrong-secret" }, code: offset.Unauthorized, texts: []string{"APIGW.0301", "request id 5a1b7c", "HTTP 401"}},
		{name: "unknown key", config: func(c *romaconnect.Config) { c.AccessKey = "UNKNOWN" }, code: offset.Unauthorized, texts: []string{"APIGW.0301", "request id"}},
		{name: "wrong token", config: func(c *romaconnect.Config) { c.AccessKey, c.SecretKey, c.AuthToken = "", "", "a-wrong-token" }, code: offset.Unauthorized, texts: []string{"APIGW.0301", "(secret)"}},
		{name: "wrong clock", config: func(c *romaconnect.Config) { c.Clock = clock.Fixed(time.Now().Add(-time.Hour)) }, code: offset.Unauthorized, texts: []string{"expired", "clock"}},
		{name: "expired token", config: func(c *romaconnect.Config) { c.AccessKey, c.SecurityToken = "HWTEMPORARY", "temporary-token" }, code: offset.Unauthorized, texts: []string{"the security token has expired", "request id"}},
		{name: "other project", config: func(c *romaconnect.Config) { c.ProjectID = "other" }, code: offset.Unauthorized, texts: []string{"APIGW.0302"}, sent: 1},
		{name: "no right to reset", faults: []standin.Fault{{Operation: service.Reset, Kind: standin.Told, Status: 403, Code: "DMS.10240103", Message: "Denied."}}, code: offset.Unauthorized, texts: []string{"DMS.10240103: Denied.", service.Reset}, sent: 1},
		{name: "missing instance", id: "other", code: offset.InstanceMissing, texts: []string{"DMS.00404022", "This instance does not exist.", "request id", "instance_id"}},
		{name: "missing group", req: func() offset.Request { r := toOffset(70); r.Group = "other"; return r }(), code: offset.GroupMissing, texts: []string{`"other"`, "group_id"}},
		{name: "missing topic", req: func() offset.Request { r := toOffset(70); r.Scope.Topics = []string{"other"}; return r }(), code: offset.TopicMissing, texts: []string{`"other"`}},
		{name: "missing partition", req: toOffset(70, 7), code: offset.PartitionGone, texts: []string{"no partition 7, it has 3"}},
		{name: "group gone since the look", faults: []standin.Fault{{Operation: service.Reset, Kind: standin.Told, Status: 400, Code: "DMS.111400864", Message: "Gone."}}, code: offset.GroupMissing, texts: []string{"DMS.111400864: Gone.", "request id"}, sent: 1},
		{name: "instance status", faults: []standin.Fault{{Operation: service.Reset, Kind: standin.Told, Status: 400, Code: "DMS.00400026", Message: "Not now."}}, code: offset.Failed, texts: []string{"DMS.00400026: Not now."}, sent: 1},
		{name: "throttled for good", faults: []standin.Fault{reset(standin.Throttle, -1)}, code: offset.Failed, texts: []string{"APIGW.0308", "after 4 tries", "request id"}, sent: 4},
		{name: "looks broken for good", faults: []standin.Fault{{Kind: standin.Unavailable, Times: -1}}, code: offset.Unreachable, texts: []string{"HTTP 503", "after 4 tries", "request id"}},
		{name: "looks are pages", faults: []standin.Fault{{Kind: standin.Page, Times: -1}}, code: offset.Failed, texts: []string{"not the API's JSON", "Please log in"}},
		{name: "looks are huge", faults: []standin.Fault{{Kind: standin.Huge, Times: -1}}, config: reads, code: offset.Unreachable, texts: []string{"longer than"}},
		{name: "broken for good", faults: []standin.Fault{reset(standin.Broken, -1)}, code: offset.Unreachable, texts: []string{"HTTP 500", "InternalError", "after 4 tries", "Apply again"}, doubt: true, sent: 4},
		{name: "pages for good", faults: []standin.Fault{reset(standin.Page, -1)}, code: offset.Failed, texts: []string{"HTTP 200 where HTTP 204"}, doubt: true, sent: 4},
		{name: "gateway pages for good", faults: []standin.Fault{reset(standin.GatewayPage, -1)}, code: offset.Unreachable, texts: []string{"HTTP 502", "not the API's JSON"}, doubt: true, sent: 4},
		{name: "time-out for good", faults: []standin.Fault{reset(standin.Hang, -1)}, config: impatient, code: offset.Unreachable, texts: []string{"no answer within 5s"}, doubt: true, sent: 2},
		{name: "executed, broken for good", faults: []standin.Fault{reset(standin.BrokenAfter, -1)}, code: offset.Unreachable, texts: []string{"HTTP 500"}, doubt: true, sent: 4, stands: moved},
		{name: "executed, time-out for good", faults: []standin.Fault{reset(standin.HangAfter, -1)}, config: impatient, code: offset.Unreachable, texts: []string{"no answer"}, doubt: true, sent: 2, stands: moved},
		{name: "redirect", faults: []standin.Fault{reset(standin.Redirect, -1)}, code: offset.Failed, texts: []string{"HTTP 302"}, sent: 1},
	} {
		for _, g := range gateways {
			t.Run(c.name+"/"+g.name, func(t *testing.T) {
				t.Parallel()
				s := g.start(t)
				s.AddTopic(instance, topic, full...)
				s.Commit(instance, group, topic, stood)
				s.AddKey("HWTEMPORARY", standin.Key{Secret: service.SecretKey, Token: "temporary-token", Expired: true})
				s.Fail(c.faults...)
				cfg := config(s, g.service)
				if c.config != nil {
					c.config(&cfg)
				}
				id, req, stands := instance, toOffset(70), c.stands
				if !g.tells { // an offset that may lie beyond the end is sent once
					req = toTime(begin.Add(70 * time.Second))
					if stands != nil {
						stands = map[int32]int64{0: 70, 1: 90, 2: 70}
					}
				}
				if c.id != "" {
					id = c.id
				}
				if c.req.Group != "" {
					req = c.req
				}
				result, err := apply(t.Context(), connect(t, cfg).Instance(id), req)
				if stands == nil {
					stands = stood
				}
				want(t, s, stands)
				if n := len(s.Requests(service.Reset)); n != c.sent {
					t.Errorf("%d resets were sent, want %d", n, c.sent)
				}
				if g.tells && c.stands != nil {
					// The read-back proves what the answer did not say.
					if err != nil || !strings.Contains(strings.Join(result.Notes, ""), "the offsets that were read back are those that were asked for") {
						t.Errorf("got %+v, %v", result, err)
					}
					return
				}
				var told *offset.Error
				if !errors.As(err, &told) {
					t.Fatalf("got %v", err)
				}
				code := c.code
				if g.tells && c.doubt {
					code = offset.Incomplete
				}
				if told.Code != code {
					t.Errorf("code %s, want %s: %v", told.Code, code, err)
				}
				for _, text := range c.texts {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%q is missing: %v", text, err)
					}
				}
				if c.doubt != (result != nil) || c.doubt == (told.State == offset.NothingChanged) {
					t.Errorf("result %v, state %q", result, told.State)
				}
				if result != nil && result.InDoubt == g.tells {
					t.Errorf("in doubt: %t", result.InDoubt) // a read-back settles it
				}
				if g.tells && c.doubt {
					for _, m := range result.Outcomes {
						if !m.Failed() || m.Seen != stood[m.ID] || m.Previous != stood[m.ID] {
							t.Errorf("move %+v", m)
						}
					}
				}
				for _, secret := range []string{service.SecretKey, service.AuthToken, "wrong-secret", "a-wrong-token", "temporary-token"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("the error shows %q: %v", secret, err)
					}
				}
			})
		}
	}
}

func moveSeen(p int32) int64 {
	if n, ok := before()[p]; ok {
		return n
	}
	return offset.None
}

func TestFailuresThatARetryMends(t *testing.T) {
	for _, kind := range []standin.Kind{standin.Throttle, standin.Broken, standin.Unavailable, standin.BrokenAfter, standin.DropAfter, standin.GatewayPage, standin.Page} {
		for _, g := range gateways {
			for _, req := range []offset.Request{toOffset(70), toOffset(0), toTime(begin.Add(10 * time.Second))} {
				if !g.tells && req.Target.Kind == offset.ToOffset && req.Target.Offset > 0 {
					continue // see TestWhatMayMeanTheEndIsSentOnce
				}
				s := g.start(t)
				s.AddTopic(instance, topic, full...)
				s.Commit(instance, group, topic, map[int32]int64{2: 80})
				s.Fail(standin.Fault{Operation: service.Reset, Kind: kind, Times: 2})
				result, err := apply(t.Context(), engine(t, s, g.service), req)
				if err != nil {
					t.Errorf("%s, %s: %v", kind, g.name, err)
					continue
				}
				if g.tells != (len(result.Outcomes) == 3) {
					t.Errorf("%s, %s: outcomes %+v", kind, g.name, result.Outcomes)
				}
				for _, m := range result.Outcomes {
					if m.Failed() || m.Offset != s.Offsets(instance, group, topic)[m.ID] {
						t.Errorf("%s: move %+v", kind, m)
					}
				}
				if n := len(s.Requests(service.Reset)); n != 3 {
					t.Errorf("%s: %d resets were sent", kind, n)
				}
			}
		}
	}
}

// TestATimeWhoseResetIsInDoubt cannot be told from the offsets: the moves say
// so, and the next attempt does it.
func TestATimeWhoseResetIsInDoubt(t *testing.T) {
	s := start(t)
	s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.Broken, Times: -1})
	e := engine(t, s, romaconnect.DMS)
	req := toTime(begin.Add(10 * time.Second))
	result, err := apply(t.Context(), e, req)
	if offset.CodeOf(err) != offset.Incomplete || result == nil || len(result.Outcomes) != 3 || !result.InDoubt {
		t.Fatalf("got %+v, %v", result, err)
	}
	for _, m := range result.Outcomes {
		if m.State != offset.Unsettled || m.Offset != offset.None || m.Seen != moveSeen(m.ID) {
			t.Errorf("move %+v", m)
		}
	}
	s.Heal()
	rest, err := life.Rest(req, result.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	again, err := apply(t.Context(), e, rest)
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, map[int32]int64{0: 10, 1: 30, 2: 0})
	for _, m := range life.Merge(result.Outcomes, again.Outcomes) {
		if m.Failed() || m.Previous != moveSeen(m.ID) {
			t.Errorf("move %+v", m)
		}
	}
}

// TestAResumeDoesOnlyTheRest and keeps what was before the first attempt.
func TestAResumeDoesOnlyTheRest(t *testing.T) {
	s := start(t)
	move := func(p int32, previous int64) offset.Move {
		return offset.Move{Partition: offset.Partition{Topic: topic, ID: p}, Previous: previous, Offset: 70, Start: 0, End: 100}
	}
	s.Commit(instance, group, topic, map[int32]int64{0: 70})
	record := offset.Outcomes([]offset.Move{move(0, 90), move(1, 60)})
	record[1].Fail("broken")
	rest, err := life.Rest(toOffset(70), record)
	if err != nil {
		t.Fatal(err)
	}
	result, err := apply(t.Context(), engine(t, s, romaconnect.DMS), rest)
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, map[int32]int64{0: 70, 1: 70})
	all := life.Merge(record, result.Outcomes)
	if len(all) != 2 || all[0].Previous != 90 || all[1].Previous != 60 || all[1].Failed() {
		t.Errorf("outcomes %+v", all)
	}
	if n := len(s.Requests(service.Reset)); n != 1 {
		t.Errorf("%d resets were sent", n)
	}
}

func TestInterruptAfterTheResetWasSent(t *testing.T) {
	for _, which := range both {
		s := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		req := toOffset(70)
		req.Progress = func(m string) {
			if m == "Reading back" {
				cancel()
			}
		}
		if result, err := apply(ctx, engine(t, s, which), req); err != nil || result == nil {
			t.Errorf("got %v, %v", result, err)
		}
		want(t, s, map[int32]int64{0: 70, 1: 70, 2: 0})
		cancel()
	}
}

func TestUndo(t *testing.T) {
	for _, g := range gateways {
		if g.tells {
			t.Run(g.name, func(t *testing.T) { undoes(t, g) })
		}
	}
}

func undoes(t *testing.T, g gateway) {
	t.Helper()
	reset := func(t *testing.T) (*service.Server, life.Engine, offset.UndoRequest) {
		t.Helper()
		s := g.start(t)
		s.Commit(instance, group, topic, map[int32]int64{2: 0})
		e := engine(t, s, g.service)
		result, err := apply(t.Context(), e, toTime(begin.Add(10*time.Second)))
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, map[int32]int64{0: 10, 1: 30, 2: 0})
		return s, e, offset.UndoRequest{Group: group, ClusterID: instance, Record: result.Outcomes}
	}
	back := map[int32]int64{0: 90, 1: 60, 2: 0}

	t.Run("puts back", func(t *testing.T) {
		s, e, req := reset(t)
		result, err := e.Undo(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, back)
		if len(result.Outcomes) != 2 || result.Outcomes[0].Previous != 10 || result.Outcomes[0].Offset != 90 || result.Outcomes[0].Failed() {
			t.Errorf("moves %+v", result.Outcomes)
		}
	})
	t.Run("is repeated where a retry mends", func(t *testing.T) {
		s, e, req := reset(t)
		s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.BrokenAfter})
		if _, err := e.Undo(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		want(t, s, back)
	})
	t.Run("leaves alone what another reset has set", func(t *testing.T) {
		s, e, req := reset(t)
		req.Skip = func(p offset.Partition) bool { return p.ID == 0 }
		if _, err := e.Undo(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		want(t, s, map[int32]int64{0: 10, 1: 60, 2: 0})
	})
	t.Run("half done", func(t *testing.T) {
		s, e, req := reset(t)
		s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.Throttle}, standin.Fault{Operation: service.Reset, Kind: standin.Told, Status: 400, Code: "X"})
		result, err := e.Undo(t.Context(), req)
		// The first is throttled, then refused: nothing was sent.
		if offset.CodeOf(err) != offset.Failed || result != nil {
			t.Errorf("got %+v, %v", result, err)
		}
		s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.Broken, Times: -1})
		result, err = e.Undo(t.Context(), req)
		if offset.CodeOf(err) != offset.Incomplete || result == nil || !result.Outcomes[0].Failed() {
			t.Errorf("got %+v, %v", result, err)
		}
		want(t, s, map[int32]int64{0: 10, 1: 30, 2: 0})
	})
	t.Run("compares what may have been reset", func(t *testing.T) {
		s, e, req := reset(t)
		for i := range req.Record {
			req.Record[i].Doubt("no answer")
		}
		s.Commit(instance, group, topic, map[int32]int64{1: 60}) // was not
		result, err := e.Undo(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, back)
		if len(result.Outcomes) != 1 || result.Outcomes[0].Failed() {
			t.Errorf("moves %+v", result.Outcomes)
		}
	})
	t.Run("lenient", func(t *testing.T) {
		s, e, req := reset(t)
		s.Commit(instance, group, topic, map[int32]int64{1: 31})
		s.AddTopic(instance, topic, service.Log(0, 50, begin), service.Log(20, 100, begin), service.Log(0, 0, begin))
		req.Lenient = true
		result, err := e.Undo(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, map[int32]int64{0: 10, 1: 31, 2: 0})
		notes := strings.Join(result.Notes, " ")
		for _, words := range []string{"partition 1 is at 31, not at 30", "partition 0 was at 90 and its log ends at 50"} {
			if !strings.Contains(notes, words) {
				t.Errorf("notes %q do not say %q", notes, words)
			}
		}
		if n := len(s.Requests(service.Reset)); n != 1 { // the one of the reset itself
			t.Errorf("%d resets were sent", n)
		}
	})
	for name, c := range map[string]struct {
		prepare func(s *service.Server, req *offset.UndoRequest)
		code    offset.Code
		text    string
	}{
		"consumers moved on": {func(s *service.Server, _ *offset.UndoRequest) {
			s.Commit(instance, group, topic, map[int32]int64{1: 31})
		}, offset.Overwritten, "partition 1 is at 31, not at 30"},
		"the log has gone on": {func(s *service.Server, _ *offset.UndoRequest) {
			s.AddTopic(instance, topic, service.Log(95, 100, begin), service.Log(20, 100, begin), service.Log(0, 0, begin))
		}, offset.OutsideLog, "partition 0 was at 90 and its log begins at 95"},
		"the topic was made anew": {func(s *service.Server, _ *offset.UndoRequest) {
			s.AddTopic(instance, topic, service.Log(0, 50, begin), service.Log(20, 100, begin), service.Log(0, 0, begin))
		}, offset.OutsideLog, "partition 0 was at 90 and its log ends at 50"},
		"another instance": {func(_ *service.Server, req *offset.UndoRequest) { req.ClusterID = "other" }, offset.WrongCluster, "other"},
		"members": {func(s *service.Server, req *offset.UndoRequest) {
			s.Join(instance, group, service.Member{ClientID: "c", Host: "h"})
			zero := time.Duration(0)
			req.WaitForInactive = &zero
		}, offset.GroupActive, `client "c"`},
		"no offset before": {func(_ *service.Server, req *offset.UndoRequest) { req.Record[0].Previous = offset.None }, offset.NoOffset, "partition 0"},
	} {
		if name == "the log has gone on" && g.service == romaconnect.ROMA {
			continue // which does not tell where a log starts
		}
		t.Run(name, func(t *testing.T) {
			s, e, req := reset(t)
			c.prepare(s, &req)
			stands := s.Offsets(instance, group, topic)
			s.Forget()
			result, err := e.Undo(t.Context(), req)
			if offset.CodeOf(err) != c.code || result != nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, %v", result, err)
			}
			want(t, s, stands)
			if n := len(s.Requests(service.Reset)); n != 0 {
				t.Errorf("%d resets were sent", n)
			}
		})
	}
	t.Run("the topic is gone", func(t *testing.T) {
		s, e, req := reset(t)
		s.RemoveTopic(instance, topic)
		if result, err := e.Undo(t.Context(), req); err != nil || len(result.Notes) != 1 {
			t.Errorf("got %v, %v", result, err)
		}
	})
	t.Run("nothing recorded", func(t *testing.T) {
		_, e, req := reset(t)
		req.Record = nil
		if result, err := e.Undo(t.Context(), req); err != nil || len(result.Notes) != 1 {
			t.Errorf("got %v, %v", result, err)
		}
	})
	t.Run("where no offsets are told any more", func(t *testing.T) {
		s, _, req := reset(t)
		s.WithoutShowGroup(true)
		_, err := engine(t, s, romaconnect.ROMA).Undo(t.Context(), req)
		if offset.CodeOf(err) != offset.Unsupported || !strings.Contains(err.Error(), "right to call ShowGroup") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("forget", func(t *testing.T) {
		_, e, req := reset(t)
		if _, err := e.Forget(t.Context(), req); offset.CodeOf(err) != offset.Unsupported {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhatCannotBeDoneIsRefusedWithoutTheNetwork(t *testing.T) {
	one := int64(1)
	with := func(req offset.Request, change func(*offset.Request)) offset.Request {
		change(&req)
		return req
	}
	kind := func(k offset.TargetKind) offset.Request { return request(offset.Target{Kind: k}) }
	limited := func(r *offset.Request) { r.Limits = offset.Limits{MaxReplayed: &one, MaxSkipped: &one} }
	strict := func(r *offset.Request) { r.OutOfRange = offset.Refuse }
	limits := []string{"max_replayed_messages", "max_skipped_messages"}
	for _, row := range []struct {
		name      string
		req       offset.Request
		onDestroy string
		roma, dms []string
	}{
		{"message_offset", toOffset(0), "keep", nil, nil},
		{"timestamp", toTime(begin), "", nil, nil},
		{"lookback", kind(offset.ToLookback), "", nil, nil},
		{"nothing known yet", offset.Request{}, "", nil, nil},
		{"partition", toOffset(0, 3), "", nil, nil},
		{"partition -1", toOffset(0, -1), "", nil, nil},
		{"isolation_level read_uncommitted", with(toOffset(0), func(r *offset.Request) { r.Isolation = offset.ReadUncommitted }), "", nil, nil},
		{"out_of_range clamp", with(toOffset(0), func(r *offset.Request) { r.OutOfRange = offset.Clamp }), "", nil, nil},

		{"position earliest", kind(offset.ToEarliest), "", []string{"position"}, []string{"position"}},
		{"position latest", kind(offset.ToLatest), "", []string{"position"}, []string{"position"}},
		{"position current", kind(offset.ToCurrent), "", []string{"position"}, []string{"position"}},
		{"shift", kind(offset.ByShift), "", []string{"shift"}, []string{"shift"}},
		{"source_group_id", kind(offset.ToGroup), "", []string{"source_group_id"}, []string{"source_group_id"}},
		{"offsets", kind(offset.ToOffsets), "", []string{"offsets"}, []string{"offsets"}},
		{"negative message_offset", toOffset(-1), "", []string{"message_offset"}, []string{"message_offset"}},
		{"before 1970", toTime(time.Unix(-1, 0)), "", []string{"datetime"}, []string{"datetime"}},
		{"topics", with(toOffset(0), func(r *offset.Request) { r.Scope.Topics = []string{"a", "b"} }), "", []string{"topics"}, []string{"topics"}},
		{"all_topics", with(toOffset(0), func(r *offset.Request) { r.Scope = offset.Scope{AllTopics: true} }), "", []string{"all_topics"}, []string{"all_topics"}},
		{"partitions", toOffset(0, 1, 2), "", []string{"partitions"}, []string{"partitions"}},
		{"partition -2", toOffset(0, -2), "", []string{"partition"}, []string{"partition"}},
		{"isolation_level read_committed", with(toOffset(0), func(r *offset.Request) { r.Isolation = offset.ReadCommitted }), "", []string{"isolation_level"}, []string{"isolation_level"}},
		{"out_of_range error with an offset", with(toOffset(0), strict), "", []string{"out_of_range"}, nil},
		{"out_of_range error with a time", with(toTime(begin), strict), "", []string{"out_of_range"}, []string{"out_of_range"}},
		{"limits with an offset", with(toOffset(0), limited), "", nil, nil},
		{"limits with a time", with(toTime(begin), limited), "", limits, limits},
		{"allow_new_group", with(toOffset(0), func(r *offset.Request) { r.AllowNewGroup = true }), "", []string{"allow_new_group"}, []string{"allow_new_group"}},
		{"on_destroy restore", toOffset(0), "restore", nil, nil},
		{"on_destroy delete_offsets", toOffset(0), "delete_offsets", []string{"on_destroy"}, []string{"on_destroy"}},
		{"a group named ..", with(toOffset(0), func(r *offset.Request) { r.Group = ".." }), "", []string{"group_id"}, []string{"group_id"}},
		{"a topic named .", with(toOffset(0), func(r *offset.Request) { r.Scope.Topics = []string{"."} }), "", []string{"topic"}, []string{"topic"}},
	} {
		for which, arguments := range map[romaconnect.Service][]string{romaconnect.ROMA: row.roma, romaconnect.DMS: row.dms, romaconnect.Either: row.dms, "": row.roma} {
			t.Run(row.name+"/"+string(which), func(t *testing.T) {
				var got []string
				for _, r := range romaconnect.Check(which, row.req, row.onDestroy) {
					got = append(got, r.Argument)
					if !strings.HasSuffix(r.Detail, ".") {
						t.Errorf("%s: %q is no sentence", r.Argument, r.Detail)
					}
				}
				if !slices.Equal(got, arguments) {
					t.Errorf("refused %v, want %v", got, arguments)
				}
			})
		}
	}

	t.Run("engine", func(t *testing.T) {
		s := start(t)
		c := connect(t, config(s, romaconnect.ROMA))
		for _, x := range []struct {
			id   string
			req  offset.Request
			code offset.Code
		}{
			{instance, kind(offset.ToEarliest), offset.Unsupported},
			{instance, with(toOffset(0), func(r *offset.Request) { r.Group = "" }), offset.InvalidArgument},
			{instance, with(toOffset(0), func(r *offset.Request) { r.Scope.Topics = nil }), offset.InvalidArgument},
			{instance, kind(""), offset.InvalidArgument},
			{instance, request(offset.Target{Kind: offset.ToLookback, Lookback: -1}), offset.InvalidArgument},
			{"..", toOffset(0), offset.InvalidArgument},
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
	t.Run("a lookback beyond 1970", func(t *testing.T) {
		s := start(t)
		_, err := apply(t.Context(), engine(t, s, romaconnect.ROMA), request(offset.Target{Kind: offset.ToLookback, Lookback: 100 * 365 * 24 * time.Hour}))
		if offset.CodeOf(err) != offset.InvalidArgument {
			t.Errorf("got %v", err)
		}
		want(t, s, before())
	})
}

func TestWaysToProveWhoCalls(t *testing.T) {
	for name, change := range map[string]func(c *romaconnect.Config){
		"keys":  func(*romaconnect.Config) {},
		"token": func(c *romaconnect.Config) { c.AccessKey, c.SecretKey, c.AuthToken = "", "", service.AuthToken },
		"temporary keys": func(c *romaconnect.Config) {
			c.AccessKey, c.SecretKey, c.SecurityToken = "HWTEMPORARY", "temporary-secret", "temporary/token+="
		},
		"a source": func(c *romaconnect.Config) {
			c.AccessKey, c.SecretKey = "", ""
			c.Credentials = func(context.Context) (romaconnect.Credentials, error) {
				return romaconnect.Credentials{AccessKey: service.AccessKey, SecretKey: service.SecretKey}, nil
			}
		},
	} {
		for _, which := range both {
			s := start(t)
			s.AddKey("HWTEMPORARY", standin.Key{Secret: "temporary-secret", Token: "temporary/token+="})
			cfg := config(s, which)
			change(&cfg)
			if _, err := apply(t.Context(), connect(t, cfg).Instance(instance), toOffset(70)); err != nil {
				t.Errorf("%s, %s: %v", name, which, err)
			}
		}
	}
	s := start(t)
	cfg := config(s, romaconnect.ROMA)
	cfg.AccessKey, cfg.SecretKey = "", ""
	cfg.Credentials = func(context.Context) (romaconnect.Credentials, error) {
		return romaconnect.Credentials{}, errors.New("none yet")
	}
	_, err := apply(t.Context(), connect(t, cfg).Instance(instance), toOffset(70))
	if offset.CodeOf(err) != offset.Unauthorized || !strings.Contains(err.Error(), "none yet") || strings.Contains(err.Error(), "tries") {
		t.Errorf("got %v", err)
	}
}

// TestNoSecretIsShown although the gateway quotes what was signed.
func TestNoSecretIsShown(t *testing.T) {
	s := start(t)
	s.AddKey("HWTEMPORARY", standin.Key{Secret: "other", Token: "temporary/token+="})
	var shown strings.Builder
	var mu sync.Mutex
	for _, token := range []string{"", "some/auth+token=="} {
		cfg := config(s, romaconnect.ROMA)
		cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken = "HWTEMPORARY", "temporary-secret", "temporary/token+="
		if token != "" {
			cfg.AccessKey, cfg.SecretKey, cfg.SecurityToken, cfg.AuthToken = "", "", "", token
		}
		cfg.Log = func(_ context.Context, message string, fields map[string]any) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(&shown, message, fields)
		}
		_, err := apply(t.Context(), connect(t, cfg).Instance(instance), toOffset(70))
		if offset.CodeOf(err) != offset.Unauthorized || !strings.Contains(err.Error(), "(secret)") {
			t.Errorf("got %v", err)
		}
		fmt.Fprintf(&shown, "%v %+v %#v", err, err, err)
	}
	if !strings.Contains(shown.String(), service.Topics) {
		t.Error("nothing was logged")
	}
	for _, secret := range []string{"temporary-secret", "temporary/token", "temporary%2Ftoken", "some/auth"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown: %s", secret, shown.String())
		}
	}
}

func TestConfigurations(t *testing.T) {
	right := romaconnect.Config{AccessKey: "a", SecretKey: "b", Region: "cn-north-4", ProjectID: "p"}
	with := func(change func(*romaconnect.Config)) romaconnect.Config {
		c := right
		change(&c)
		return c
	}
	for _, row := range []struct {
		name  string
		cfg   romaconnect.Config
		field string
	}{
		{"keys", right, ""},
		{"token", with(func(c *romaconnect.Config) { c.AccessKey, c.SecretKey, c.AuthToken = "", "", "t" }), ""},
		{"dms", with(func(c *romaconnect.Config) { c.Service = romaconnect.DMS }), ""},
		{"europe", with(func(c *romaconnect.Config) { c.Region = "eu-west-101" }), ""},
		{"engine", with(func(c *romaconnect.Config) { c.Engine = "reliability" }), ""},
		{"no region", with(func(c *romaconnect.Config) { c.Region = "" }), "region"},
		{"odd region", with(func(c *romaconnect.Config) { c.Region = "a/b" }), "region"},
		{"no project", with(func(c *romaconnect.Config) { c.ProjectID = "" }), "project_id"},
		{"odd project", with(func(c *romaconnect.Config) { c.ProjectID = ".." }), "project_id"},
		{"other service", with(func(c *romaconnect.Config) { c.Service = "ctsi" }), "service"},
		{"odd engine", with(func(c *romaconnect.Config) { c.Engine = "../x" }), "engine"},
		{"engine of DMS", with(func(c *romaconnect.Config) { c.Service, c.Engine = romaconnect.DMS, "rocketmq" }), "engine"},
		{"plain http", with(func(c *romaconnect.Config) { c.Endpoint = "http://h" }), "endpoint"},
		{"keys and token", with(func(c *romaconnect.Config) { c.AuthToken = "t" }), "auth_token"},
		{"token with a line break", with(func(c *romaconnect.Config) { c.AccessKey, c.SecretKey, c.AuthToken = "", "", "t\n" }), "auth_token"},
		{"half a set", with(func(c *romaconnect.Config) { c.SecretKey = "" }), "secret_key"},
		{"the other half", with(func(c *romaconnect.Config) { c.AccessKey = "" }), "access_key"},
		{"a lonely token", with(func(c *romaconnect.Config) { c.AccessKey, c.SecretKey, c.SecurityToken = "", "", "t" }), "security_token"},
		{"a bad CA", with(func(c *romaconnect.Config) { c.CACert = "-----BEGIN CERTIFICATE-----" }), "ca_cert"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := romaconnect.New(row.cfg)
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
		"HW_REGION_NAME": "cn-north-4", "HUAWEICLOUD_SDK_PROJECT_ID": "sdk-project", "HW_ACCESS_KEY": "hw", "HW_SECRET_KEY": "hws",
		"HUAWEICLOUD_SDK_AK": "sdk", "HUAWEICLOUD_SDK_SK": "sdks", "HUAWEICLOUD_SDK_SECURITY_TOKEN": "sdkt", "HW_AUTH_TOKEN": "token",
	}
	getenv := func(name string) string { return env[name] }
	fill := func(c romaconnect.Config) romaconnect.Config { return romaconnect.FromEnvironment(c, getenv) }

	got := fill(romaconnect.Config{})
	if got.Region != "cn-north-4" || got.ProjectID != "sdk-project" || got.AccessKey != "hw" || got.SecretKey != "hws" || got.SecurityToken != "" || got.AuthToken != "" {
		t.Errorf("the families are mixed: %+v", got)
	}
	if got = fill(romaconnect.Config{AuthToken: "mine"}); got.AccessKey != "" || got.AuthToken != "mine" {
		t.Errorf("keys beside a configured token: %+v", got)
	}
	env["HW_SECRET_KEY"] = ""
	if got = fill(romaconnect.Config{}); got.AccessKey != "sdk" || got.SecretKey != "sdks" || got.SecurityToken != "sdkt" {
		t.Errorf("got %+v", got)
	}
	env["HUAWEICLOUD_SDK_SK"] = ""
	if got = fill(romaconnect.Config{}); got.AuthToken != "token" || got.AccessKey != "" {
		t.Errorf("got %+v", got)
	}
	if got = fill(romaconnect.Config{Endpoint: "elsewhere.example"}); got.AuthToken != "" {
		t.Error("the environment's token would go to an endpoint from the configuration")
	}
}

// ROMA Connect's pages know a call that tells a group's offsets, in two shapes.
// With it a reset is counted, limited, proved and undone as with DMS.
func TestShowGroup(t *testing.T) {
	for name, array := range map[string]bool{"object": false, "array": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			if array {
				s.InArray()
			}
			e := engine(t, s, romaconnect.ROMA)
			none, fifty := int64(0), int64(50)
			req := toOffset(70, 1)
			req.Limits.MaxSkipped = &none
			_, err := apply(t.Context(), e, req)
			if offset.CodeOf(err) != offset.LimitExceeded || !strings.Contains(err.Error(), "10 messages would be skipped") {
				t.Errorf("got %v", err)
			}
			want(t, s, before())

			req = toOffset(50)
			req.Limits.MaxReplayed = &fifty
			_, err = apply(t.Context(), e, req) // partition 2 has no offset, and its end is not told
			if offset.CodeOf(err) != offset.Unsupported || !strings.Contains(err.Error(), "Nothing was changed") {
				t.Errorf("got %v", err)
			}
			want(t, s, before())

			result, err := apply(t.Context(), e, toOffset(50, 0, 1))
			if err != nil {
				t.Fatal(err)
			}
			want(t, s, map[int32]int64{0: 50, 1: 50})
			if o := result.Outcomes; len(o) != 2 || o[0].Previous != 90 || o[0].Seen != 50 || o[1].Previous != 60 || o[1].Failed() {
				t.Errorf("outcomes %+v", o)
			}
			if notes := strings.Join(result.Notes, " "); !strings.Contains(notes, "under the request id ") {
				t.Errorf("notes %q", notes)
			}
			if _, err := e.Undo(t.Context(), offset.UndoRequest{Group: group, ClusterID: instance, Record: result.Outcomes}); err != nil {
				t.Fatal(err)
			}
			want(t, s, before())

			// A target before the log, whose start is not told, is moved there.
			result, err = apply(t.Context(), e, toOffset(5, 1))
			if err != nil || result.Outcomes[0].Offset != 20 || !result.Outcomes[0].Clamped || !strings.Contains(strings.Join(result.Notes, " "), "taken for the start: partition 1 at 20") {
				t.Errorf("got %+v, %v", result, err)
			}

			s.Join(instance, group, service.Member{ClientID: "billing-1", Host: "/192.0.2.9"})
			var wait time.Duration
			req = toOffset(50, 1)
			req.WaitForInactive = &wait
			if _, err := apply(t.Context(), e, req); offset.CodeOf(err) != offset.GroupActive || !strings.Contains(err.Error(), `client "billing-1" at /192.0.2.9`) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A key that may reset, and not look, still resets: the service itself refuses
// what must not be.
func TestLooksThatAreBarredAreLeftOutAndNamed(t *testing.T) {
	for _, fault := range []standin.Fault{
		{Kind: standin.Told, Times: -1, Status: 403, Code: "DMS.10240103", Message: "Denied."},
		{Kind: standin.Told, Times: -1, Status: 404, Code: "APIGW.0101", Message: "The API does not exist"},
	} {
		for which, operations := range map[romaconnect.Service][]string{
			romaconnect.ROMA: {service.Groups, service.Topics, service.ShowGroup},
			romaconnect.DMS:  {service.GroupInfo, service.TopicInfo},
		} {
			s := start(t)
			for _, o := range operations {
				fault.Operation = o
				s.Fail(fault)
			}
			result, err := apply(t.Context(), engine(t, s, which), toOffset(70, 0))
			if err != nil {
				t.Errorf("%s, HTTP %d: %v", which, fault.Status, err)
				continue
			}
			want(t, s, map[int32]int64{0: 70, 1: 60})
			notes := strings.Join(result.Notes, "\n")
			for _, o := range operations {
				if !strings.Contains(notes, o) {
					t.Errorf("%s, HTTP %d: the notes do not name %s: %s", which, fault.Status, o, notes)
				}
			}
			req := toOffset(70, 0)
			req.Limits.MaxReplayed = new(int64)
			if _, err := apply(t.Context(), engine(t, s, which), req); offset.CodeOf(err) != offset.Unsupported {
				t.Errorf("%s: a limit that cannot be checked was passed: %v", which, err)
			}
		}
	}
}

// What means the log's end skips, sent twice, what has come in between: it is
// sent once. So is an offset where the end is not known, since it may lie behind.
func TestWhatMayMeanTheEndIsSentOnce(t *testing.T) {
	const once, again = 1, 3
	future := toTime(time.Now().Add(time.Hour))
	for _, g := range gateways {
		unknown := again // how often an offset in the log is sent where ends are told
		if !g.tells {
			unknown = once
		}
		unseen := again // the same of a partition that the group has no offset on
		if g.service == romaconnect.ROMA {
			unseen = once
		}
		for name, c := range map[string]struct {
			req  offset.Request
			sent int
		}{
			"a time in the future":                {future, once},
			"a time":                              {toTime(begin.Add(10 * time.Second)), again},
			"an offset beyond the end":            {toOffset(101, 0), once},
			"the end":                             {toOffset(100, 0), unknown},
			"an offset in the log":                {toOffset(70, 0), unknown},
			"an offset on all, one of them empty": {toOffset(70), once},
			"an offset without one before":        {toOffset(5, 2), unseen},
			"the log's start":                     {toOffset(0, 0), again},
			"the log's start on all":              {toOffset(0), again},
			"the start of one without one before": {toOffset(0, 2), again},
		} {
			t.Run(name+"/"+g.name, func(t *testing.T) {
				s := g.start(t)
				if name == "an offset without one before" {
					s.AddTopic(instance, topic, full...)
				}
				s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.Unavailable, Times: 2})
				result, err := apply(t.Context(), engine(t, s, g.service), c.req)
				if n := len(s.Requests(service.Reset)); n != c.sent {
					t.Errorf("%d resets were sent, want %d", n, c.sent)
				}
				if c.sent == again {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), "that is why it was not sent again") || strings.Contains(err.Error(), "Apply again") {
					t.Errorf("got %v", err)
				}
				if result == nil {
					t.Error("no result")
				}
				want(t, s, before())
			})
		}
	}
	t.Run("throttled, which is before it is executed", func(t *testing.T) {
		s := start(t)
		s.Fail(standin.Fault{Operation: service.Reset, Kind: standin.Throttle, Times: 2})
		if _, err := apply(t.Context(), engine(t, s, romaconnect.ROMA), toOffset(101, 0)); err != nil {
			t.Error(err)
		}
		want(t, s, map[int32]int64{0: 100, 1: 60})
	})
}
