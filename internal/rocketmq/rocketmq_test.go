package rocketmq

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

const (
	group = "billing"
	topic = "orders"
)

// base is when the first message of each queue was stored.
var base = time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)

// setup is one of the server set-ups that everything must mean the same on.
type setup struct {
	name        string
	version     int
	clientReset bool
	online      bool
}

var setups = []setup{
	{"5.5.0 offline", fake.V5_5_0, false, false},
	{"5.5.0 online", fake.V5_5_0, false, true},
	{"5.5.0 with client resets, offline", fake.V5_5_0, true, false},
	{"5.5.0 with client resets, online", fake.V5_5_0, true, true},
	{"4.9.7 offline", fake.V4_9_7, false, false},
	{"4.9.7 online", fake.V4_9_7, false, true},
}

func (s setup) resetsItself() bool { return s.version == fake.V5_5_0 && !s.clientReset }

// idle is the state of a group of which no broker lists a consumer.
func (s setup) idle() string {
	if s.version == fake.V4_9_7 {
		return Offline
	}
	return Unlisted
}

// start runs two masters with two queues each of ten messages, a second apart,
// and the group at offset 6 of all.
func (s setup) start(t *testing.T) (*fake.Cluster, *Client) {
	t.Helper()
	return s.startWith(t, fake.Config{})
}

func (s setup) startWith(t *testing.T, conf fake.Config) (*fake.Cluster, *Client) {
	t.Helper()
	if conf.Brokers == nil {
		conf.Brokers = []string{"broker-a", "broker-b"}
	}
	conf.Version, conf.ClientReset = s.version, s.clientReset
	c, err := fake.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.CreateTopic(topic, 2)
	for _, b := range conf.Brokers {
		for q := range 2 {
			for i := range 10 {
				c.Append(b, topic, q, base.Add(time.Duration(i)*time.Second))
			}
			c.Commit(b, group, topic, int32(q), 6)
		}
	}
	if s.online {
		c.Connect(group, fake.Consumer{ID: "consumer-1", Topics: []string{topic, "%RETRY%" + group}})
	}
	return c, newClient(t, Config{NameServers: []string{c.NameServer()}})
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	k, err := New(cfg, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	k.pace.interval, k.pace.longest = time.Millisecond, 5*time.Millisecond
	k.pace.settle, k.pace.push, k.pace.commits = 300*time.Millisecond, 600*time.Millisecond, 150*time.Millisecond
	k.pace.gather = 50 * time.Millisecond
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func request(kind offset.TargetKind) offset.Request {
	return offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}}, Target: offset.Target{Kind: kind}}
}

func atTime(at time.Time) offset.Request {
	r := request(offset.ToTime)
	r.Target.Time = at
	return r
}

func toEach(offsets offset.Offsets) offset.Request {
	r := request(offset.ToOffsets)
	r.Target.Offsets = offsets
	return r
}

// all gives the same offset to the four queues of start.
func all(n int64) offset.Offsets {
	return offset.Offsets{"broker-a": {0: n, 1: n}, "broker-b": {0: n, 1: n}}
}

// reset plans and applies.
func reset(t *testing.T, k *Client, req offset.Request) (*offset.Result, error) {
	t.Helper()
	plan, err := k.Plan(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return k.Apply(t.Context(), plan)
}

func mustReset(t *testing.T, k *Client, req offset.Request) *offset.Result {
	t.Helper()
	r, err := reset(t, k, req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// where returns all committed offsets as broker/queue=offset.
func where(c *fake.Cluster, brokers ...string) string {
	if brokers == nil {
		brokers = []string{"broker-a", "broker-b"}
	}
	var out []string
	for _, b := range brokers {
		for q := range int32(2) {
			n, ok := c.Committed(b, group, topic, q)
			s := fmt.Sprint(n)
			if !ok {
				s = "none"
			}
			out = append(out, fmt.Sprintf("%s/%d=%s", strings.TrimPrefix(b, "broker-"), q, s))
		}
	}
	return strings.Join(out, " ")
}

func everywhere(n int64) string {
	return fmt.Sprintf("a/0=%d a/1=%d b/0=%d b/1=%d", n, n, n, n)
}

// counted returns how often each request was sent, by name.
func counted(c *fake.Cluster) map[string]int {
	n := map[string]int{}
	for _, call := range c.Calls() {
		n[remoting.RequestName(call.Code)]++
	}
	return n
}

// wantError checks an error's code and that all the words are in it.
func wantError(t *testing.T, err error, code offset.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	if got := offset.CodeOf(err); got != code {
		t.Errorf("got code %s, want %s: %v", got, code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %q", w, err)
		}
	}
}

// writes are the requests that change something.
func writes(c *fake.Cluster) int {
	var n int
	for _, call := range c.Calls() {
		if call.Code == remoting.ResetOffset || call.Code == remoting.UpdateOffset {
			n++
		}
	}
	return n
}

func nothingWritten(t *testing.T, c *fake.Cluster) {
	t.Helper()
	if n := writes(c); n > 0 {
		t.Errorf("%d writes were sent", n)
	}
	if got := where(c); got != everywhere(6) {
		t.Errorf("the offsets became %s", got)
	}
}

func hows(moves []offset.Outcome) string {
	var all []string
	for _, m := range moves {
		all = append(all, m.How)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

func background() context.Context { return context.Background() }
