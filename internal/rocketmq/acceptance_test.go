//go:build acceptance

package rocketmq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// patience bounds every wait: an event that comes ends it.
const patience = 4 * time.Minute

// world is a cluster with a client, and a topic whose messages were stored at
// known times.
type world struct {
	cluster *brokers.Cluster
	client  *rocketmq.Client
	log     *brokers.Producer

	mu    sync.Mutex
	calls map[string]int
	next  int
}

func newWorld(t *testing.T, conf brokers.Config) *world {
	t.Helper()
	return newWorldWith(t, conf, func(*brokers.Cluster, *rocketmq.Config) {})
}

func newWorldWith(t *testing.T, conf brokers.Config, configure func(*brokers.Cluster, *rocketmq.Config)) *world {
	t.Helper()
	begin := time.Now()
	cluster, err := brokers.Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("booted in %s", time.Since(begin).Round(100*time.Millisecond))
	w := &world{cluster: cluster, calls: map[string]int{}}
	cfg := w.config()
	configure(cluster, &cfg)
	w.client = newClient(t, cfg)
	return w
}

func (w *world) config() rocketmq.Config {
	cfg := rocketmq.Config{
		NameServers: []string{w.cluster.NameServer()},
		Trace: func(_ context.Context, x remoting.Exchange) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.calls[x.Name]++
		},
	}
	if w.cluster.ACL {
		cfg.AccessKey, cfg.SecretKey = brokers.AdminKey, brokers.AdminSecret
	}
	return cfg
}

func newClient(t *testing.T, cfg rocketmq.Config) *rocketmq.Client {
	t.Helper()
	k, err := rocketmq.New(cfg, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.calls)
}

func (w *world) counted() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.calls)
}

// name makes a new name for a topic or group.
func (w *world) name(kind string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	return fmt.Sprintf("%s-%d", kind, w.next)
}

func (w *world) producer(t *testing.T) *brokers.Producer {
	t.Helper()
	if w.log == nil {
		p, err := w.cluster.NewProducer()
		if err != nil {
			t.Fatal(err)
		}
		w.log = p
	}
	return w.log
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// filled is a topic with messages.
type filled struct {
	topic  string
	queues int // on each of the two brokers
	// before[i] is an instant before message i and after message i-1 of every
	// queue; there is one more of them than messages.
	before []time.Time
}

// fill makes a topic with that many messages in each queue, message i of all
// queues stored before message i+1 of any.
func (w *world) fill(t *testing.T, queues, messages int) filled {
	t.Helper()
	ctx := within(t)
	f := filled{topic: w.name("orders"), queues: queues}
	if err := w.cluster.CreateTopic(ctx, f.topic, queues); err != nil {
		t.Fatal(err)
	}
	w.waitTopic(t, f.topic)
	// Brokers before 5.1.1 answer the nearest message: what stands a little
	// before an instant must be nearer than what comes after it.
	gap := func(d time.Duration) { time.Sleep(d) }
	for i := range messages {
		gap(2 * time.Millisecond)
		f.before = append(f.before, time.Now())
		gap(6 * time.Millisecond)
		for _, b := range w.cluster.Brokers() {
			for q := range queues {
				if err := w.producer(t).Send(ctx, f.topic, b, q, brokers.Place(b, q, int64(i))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	gap(2 * time.Millisecond)
	f.before = append(f.before, time.Now())
	gap(2 * time.Millisecond)
	w.waitIndexed(t, f, messages)
	return f
}

// waitTopic waits until the name server routes to all brokers of a new topic.
func (w *world) waitTopic(t *testing.T, topic string) {
	t.Helper()
	ctx := within(t)
	for {
		out, err := w.cluster.Admin(ctx, "topicRoute", "-t", topic)
		routed := err == nil
		for _, b := range w.cluster.Brokers() {
			routed = routed && strings.Contains(out, b)
		}
		if routed {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// waitIndexed waits until brokers count all messages, which they do a little
// after they have stored them.
func (w *world) waitIndexed(t *testing.T, f filled, messages int) {
	t.Helper()
	ctx := within(t)
	for {
		g, err := w.client.Describe(ctx, "nobody-asks", f.topic)
		if err == nil && !slices.ContainsFunc(g.Queues, func(q rocketmq.QueueInfo) bool { return q.Max < int64(messages) }) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%+v, %v", g, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// group makes a group with a committed offset on every queue.
func (w *world) group(t *testing.T, f filled, at int64) string {
	t.Helper()
	ctx := within(t)
	group := w.name("billing")
	if err := w.cluster.CreateGroup(ctx, group); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.cluster.Brokers() {
		for q := range f.queues {
			if err := w.cluster.Commit(ctx, group, f.topic, b, q, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	return group
}

// consume starts a push consumer and waits until it has consumed and
// committed everything.
func (w *world) consume(t *testing.T, group string, f filled) *brokers.Consumer {
	t.Helper()
	k, err := w.cluster.NewConsumer(group, f.topic, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx := within(t)
	messages := len(f.before) - 1
	if _, err := k.Wait(ctx, 0, func(got []brokers.Received) bool {
		return len(got) >= messages*f.queues*len(w.cluster.Brokers())
	}); err != nil {
		t.Fatal(err)
	}
	for {
		g, err := w.client.Describe(ctx, group, f.topic)
		if err != nil {
			t.Fatal(err)
		}
		if g.TotalLag == 0 && !slices.ContainsFunc(g.Queues, func(q rocketmq.QueueInfo) bool { return q.Offset < 0 }) {
			return k
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func request(group, topic string, kind offset.TargetKind) offset.Request {
	return offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}}, Target: offset.Target{Kind: kind}}
}

func atTime(group, topic string, at time.Time) offset.Request {
	r := request(group, topic, offset.ToTime)
	r.Target.Time = at
	return r
}

// received waits until what the group's consumer has got after the first few
// is enough, and returns it.
func (w *world) received(t *testing.T, k *brokers.Consumer, group, topic string, first int, enough func([]brokers.Received) bool) []brokers.Received {
	t.Helper()
	soon, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	got, err := k.Wait(soon, first, enough)
	if err == nil {
		return got
	}
	// Now and then client-go does not take a queue up again after a reset
	// (apache/rocketmq-client-go#956). The broker has the right offset all
	// the same: a consumer that is started anew gets the messages.
	t.Logf("client-go has left queues alone, starting it anew: %s", err)
	before := k.Received()[first:]
	if err := k.Stop(); err != nil {
		t.Fatal(err)
	}
	again, err := w.cluster.NewConsumer(group, topic, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	got, err = again.Wait(within(t), 0, func(got []brokers.Received) bool { return enough(slices.Concat(before, got)) })
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(before, got)
}

func (w *world) reset(ctx context.Context, req offset.Request) (*offset.Result, error) {
	plan, err := w.client.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	return w.client.Apply(ctx, plan)
}

// mustReset is resetTaken for those who need not know how it came to it.
func (w *world) mustReset(t *testing.T, req offset.Request) *offset.Result {
	t.Helper()
	r, _ := w.resetTaken(t, req)
	return r
}

// resetTaken does what an error tells to do where client-go has not taken up
// what its broker has told it (apache/rocketmq-client-go#956), or has gone back
// on it: it applies again, and says so.
func (w *world) resetTaken(t *testing.T, req offset.Request) (r *offset.Result, again bool) {
	t.Helper()
	for left := 2; ; left-- {
		r, err := w.reset(within(t), req)
		var e *offset.Error
		switch {
		case err == nil:
			return r, left < 2
		case left == 0 || !errors.As(err, &e) || e.Code != offset.Overwritten || !strings.Contains(err.Error(), "the broker has told its consumers"):
			t.Fatal(err)
		}
		t.Logf("client-go has left queues alone, applying again: %s", err)
	}
}

// progress is what the reference tool says of a group.
func (w *world) progress(t *testing.T, group, topic string) map[string]int64 {
	t.Helper()
	p, err := w.cluster.Progress(within(t), group, topic)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everywhere is the same offset on every queue.
func (w *world) everywhere(f filled, n int64) map[string]int64 {
	all := map[string]int64{}
	for _, b := range w.cluster.Brokers() {
		for q := range f.queues {
			all[fmt.Sprintf("%s/%d", b, q)] = n
		}
	}
	return all
}

func wantError(t *testing.T, err error, code offset.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %s", code)
		return
	}
	var e *offset.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("want %s, got %v", code, err)
	}
	for _, w := range append(words, "Nothing was changed") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %q", w, err)
		}
	}
}

func TestRealClusters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		conf brokers.Config
	}{
		{"5.5.0", brokers.Config{}},
		{"5.5.0-client-resets", brokers.Config{ClientReset: true}},
		{"4.9.7", brokers.Config{Version: brokers.V4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.conf)
			w.producer(t)
			f := w.fill(t, 2, 8)
			big := w.fill(t, 1, 0)
			t.Run("all", func(t *testing.T) {
				for name, run := range map[string]func(*testing.T, *world, filled){
					"offline groups as the reference tool": asTheTool,
					"two resets in a row and an undo":      twoInARow,
					"round trips":                          roundTrips,
					"given offsets":                        givenOffsets,
					"force false":                          forceFalse,
					"offsets of a topic":                   offsetsOfATopic,
					"groups of a topic":                    groupsOfATopic,
					"the rest on a topic that has shrunk":  restOnAShrunkTopic,
					"groups without offsets":               withoutOffsets,
					"errors that change nothing":           errorsThatChangeNothing,
					"online":                               online,
					"online, another topic":                onlineOnAnotherTopic,
					"latest, online later":                 latestOnlineLater,
					"latest, online and lagging":           latestOnline,
				} {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						run(t, w, f)
					})
				}
				t.Run("recorded answers", func(t *testing.T) {
					t.Parallel()
					recorded(t, w, c.name)
				})
				t.Run("many messages of one millisecond", func(t *testing.T) {
					t.Parallel()
					sameMillisecond(t, w, big)
				})
			})
			if c.name == "5.5.0" {
				t.Run("broker that forgets", func(t *testing.T) { brokerThatForgets(t, w, f) })
			}
			brokersDown(t, w, f) // the last: it stops one
		})
	}
}

// asTheTool compares every target with mqadmin resetOffsetByTime on a twin.
func asTheTool(t *testing.T, w *world, f filled) {
	last := int64(len(f.before) - 1)
	for _, c := range []struct {
		name string
		req  func(group string) offset.Request
		ms   int64 // what the tool is told
		want int64
		// off is how far off the tool may be on 4.9, whose look-up by time
		// answers the nearest message.
		off int64
	}{
		{"latest", func(g string) offset.Request { return request(g, f.topic, offset.ToLatest) }, -1, last, 0},
		{"earliest", func(g string) offset.Request { return request(g, f.topic, offset.ToEarliest) }, 1, 0, 0},
		{"before all", func(g string) offset.Request { return atTime(g, f.topic, f.before[0].Add(-time.Hour)) }, f.before[0].Add(-time.Hour).UnixMilli(), 0, 0},
		{"between", func(g string) offset.Request { return atTime(g, f.topic, f.before[3]) }, f.before[3].UnixMilli() + 1, 3, 1},
		{"after all", func(g string) offset.Request { return atTime(g, f.topic, f.before[last]) }, f.before[last].UnixMilli() + 1, last, 1},
	} {
		ours, theirs := w.group(t, f, 5), w.group(t, f, 5)
		r := w.mustReset(t, c.req(ours))
		if out, err := w.cluster.ResetByTime(within(t), theirs, f.topic, c.ms); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, out)
			continue
		}
		got, tool := w.progress(t, ours, f.topic), w.progress(t, theirs, f.topic)
		if want := w.everywhere(f, c.want); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
		for _, m := range r.Outcomes {
			if m.Offset != c.want || m.Previous != 5 || m.Start != 0 || m.End != last {
				t.Errorf("%s: got %+v", c.name, m)
			}
		}
		for q, n := range got {
			if d := n - tool[q]; d != 0 && (w.cluster.Version != brokers.V4 || d < 0 || d > c.off) {
				t.Errorf("%s: %s is at %d, and the reference tool puts it to %d", c.name, q, n, tool[q])
			}
		}
		plan, err := w.client.Plan(within(t), c.req(ours))
		if err != nil {
			t.Error(err)
			continue
		}
		// 4.9 cannot tell offset 0 from none.
		if s := offset.Summarize(plan.Moves); s.Moved != 0 && (w.cluster.Version != brokers.V4 || c.want != 0) {
			t.Errorf("%s: a second plan is not quiet: %+v", c.name, s)
		}
	}
}

func twoInARow(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	first := w.mustReset(t, atTime(group, f.topic, f.before[2]))
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 2)) {
		t.Errorf("got %v", got)
	}
	undo := offset.UndoRequest{Group: group, Topic: f.topic, ClusterID: first.ClusterID, Record: first.Outcomes}
	second := w.mustReset(t, request(group, f.topic, offset.ToEarliest))
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 0)) {
		t.Errorf("got %v", got)
	}
	_, err := w.client.Undo(within(t), undo)
	wantError(t, err, offset.Overwritten, "is at 0, not 2")
	undo.Record = second.Outcomes
	if _, err := w.client.Undo(within(t), undo); err != nil {
		t.Fatal(err)
	}
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 2)) {
		t.Errorf("got %v", got)
	}
	undo.Record = first.Outcomes
	if _, err := w.client.Undo(within(t), undo); err != nil {
		t.Fatal(err)
	}
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 5)) {
		t.Errorf("got %v", got)
	}
	// A topic that every broker says it has not is gone.
	undo.Topic = "no-such-topic"
	r, err := w.client.Undo(within(t), undo)
	if err != nil || !strings.Contains(strings.Join(r.Notes, " "), "does not exist any more") {
		t.Errorf("got %+v, %v", r, err)
	}
}

func roundTrips(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	other := &world{cluster: w.cluster, calls: map[string]int{}}
	k := newClient(t, other.config())
	plan, err := k.Plan(within(t), request(group, f.topic, offset.ToLatest))
	if err != nil {
		t.Fatal(err)
	}
	planned := other.counted()
	delete(planned, "GET_ROUTEINFO_BY_TOPIC") // the retry topics' are among them
	want := map[string]int{
		"GET_BROKER_CLUSTER_INFO": 1, "GET_TOPIC_STATS_INFO": 2, "GET_CONSUME_STATS": 2, "GET_CONSUMER_CONNECTION_LIST": 2,
	}
	if w.cluster.Version == brokers.V4 {
		want["GET_CONSUME_STATS"] += 2 // the group has a retry topic there
	} else {
		want["GET_BROKER_CONFIG"] = 2
	}
	if !maps.Equal(planned, want) {
		t.Errorf("Plan sent %v, want %v", planned, want)
	}
	other.forget()
	if _, err := k.Apply(within(t), plan); err != nil {
		t.Fatal(err)
	}
	want = map[string]int{"INVOKE_BROKER_TO_RESET_OFFSET": 2, "GET_CONSUME_STATS": 2}
	if w.cluster.Version == brokers.V4 || w.cluster.ClientReset {
		want["UPDATE_CONSUMER_OFFSET"] = 2 * f.queues
	}
	if got := other.counted(); !maps.Equal(got, want) {
		t.Errorf("Apply sent %v, want %v", got, want)
	}
}

func givenOffsets(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	req := request(group, f.topic, offset.ToOffsets)
	req.Target.Offsets = offset.Offsets{"broker-a": {1: 3}, "broker-b": {0: 99}}
	want := w.everywhere(f, 5)
	want["broker-a/1"], want["broker-b/0"] = 3, int64(len(f.before)-1)
	for range 2 { // the second time, a reset may wait for a consumer
		w.mustReset(t, req)
		if got := w.progress(t, group, f.topic); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		w.mustReset(t, request(group, f.topic, offset.ToEarliest))
		want["broker-a/0"], want["broker-b/1"] = 0, 0
	}
}

func forceFalse(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	if err := w.cluster.Commit(within(t), group, f.topic, "broker-b", 1, 8); err != nil {
		t.Fatal(err)
	}
	req := atTime(group, f.topic, f.before[6])
	req.KeepAhead = true
	r := w.mustReset(t, req)
	want := w.everywhere(f, 5)
	want["broker-b/1"] = 6
	if got := w.progress(t, group, f.topic); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if r.Outcomes[0].How != rocketmq.HowKept || r.Outcomes[3].How == rocketmq.HowKept {
		t.Errorf("got %+v", r.Outcomes)
	}
}

// offsetsOfATopic compares what the data source tells with mqadmin topicStatus,
// with where mqadmin resets a group to, and with where a reset would lead.
func offsetsOfATopic(t *testing.T, w *world, f filled) {
	ctx := within(t)
	last := int64(len(f.before) - 1)
	first, end, err := w.cluster.TopicStatus(ctx, f.topic)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(first, w.everywhere(f, 0)) || !maps.Equal(end, w.everywhere(f, last)) {
		t.Fatalf("mqadmin topicStatus says %v to %v", first, end)
	}
	look := func(target offset.Target) map[string]int64 {
		info, err := w.client.TopicOffsets(ctx, f.topic, target)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int64{}
		for _, q := range info.Queues {
			found[q.Name()] = q.Offset
			if q.Min != first[q.Name()] || q.Max != end[q.Name()] {
				t.Errorf("got %+v, mqadmin says %d to %d", q, first[q.Name()], end[q.Name()])
			}
		}
		for broker, queues := range info.Offsets() {
			for q, n := range queues {
				if found[fmt.Sprintf("%s/%d", broker, q)] != n {
					t.Errorf("the offsets are %v, the queues %v", info.Offsets(), found)
				}
			}
		}
		if info.ClusterID != brokers.ClusterName || len(found) != len(first) {
			t.Errorf("got %+v", info)
		}
		return found
	}
	if got := look(offset.Target{Kind: offset.ToEarliest}); !maps.Equal(got, first) {
		t.Errorf("earliest: got %v", got)
	}
	if got := look(offset.Target{Kind: offset.ToLatest}); !maps.Equal(got, end) {
		t.Errorf("latest: got %v", got)
	}
	for want, at := range map[int64]time.Time{0: f.before[0].Add(-time.Hour), 3: f.before[3], 6: f.before[6], last: f.before[last]} {
		got := look(offset.Target{Kind: offset.ToTime, Time: at})
		if !maps.Equal(got, w.everywhere(f, want)) {
			t.Errorf("at %s: got %v, want %d", at, got, want)
		}
		ago := look(offset.Target{Kind: offset.ToLookback, Lookback: time.Since(at)})
		if !maps.Equal(ago, got) && want < last { // the look-back begins a moment later than it was computed
			t.Errorf("that long ago: got %v, want %v", ago, got)
		}
		group := w.group(t, f, 5)
		plan, err := w.client.Plan(ctx, atTime(group, f.topic, at))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range plan.Moves {
			if m.Offset != got[m.Name()] {
				t.Errorf("at %s: a reset leads to %+v, the offsets are %v", at, m, got)
			}
		}
		if out, err := w.cluster.ResetByTime(ctx, group, f.topic, at.UnixMilli()+1); err != nil {
			t.Errorf("%v\n%s", err, out)
			continue
		}
		for q, tool := range w.progress(t, group, f.topic) {
			// On 4.9 the tool answers the nearest message.
			if d := got[q] - tool; d != 0 && (w.cluster.Version != brokers.V4 || d < 0 || d > 1) {
				t.Errorf("at %s: %s is %d, and mqadmin resets to %d", at, q, got[q], tool)
			}
		}
	}
	_, err = w.client.TopicOffsets(ctx, "no-such-topic", offset.Target{Kind: offset.ToLatest})
	wantError(t, err, offset.TopicMissing, "no-such-topic")
}

// groupsOfATopic compares the groups of a topic with those that mqadmin knows.
func groupsOfATopic(t *testing.T, w *world, _ filled) {
	ctx := within(t)
	f := w.fill(t, 1, 1)
	idle, other := w.group(t, f, 1), w.name("half")
	if err := w.cluster.CreateGroup(ctx, other); err != nil {
		t.Fatal(err)
	}
	if err := w.cluster.Commit(ctx, other, f.topic, "broker-b", 0, 1); err != nil {
		t.Fatal(err)
	}
	stranger := w.name("stranger") // on no queue of the topic
	if err := w.cluster.CreateGroup(ctx, stranger); err != nil {
		t.Fatal(err)
	}
	online := w.name("online")
	k := w.consume(t, online, f)
	groups, err := w.client.ConsumerGroups(ctx, f.topic)
	if err != nil {
		t.Fatal(err)
	}
	nobody := rocketmq.Unlisted
	if w.cluster.Version == brokers.V4 {
		nobody = rocketmq.Offline
	}
	var names []string
	for _, g := range groups {
		names = append(names, g.Group)
		state, members, model, known := nobody, 0, "", w.cluster.Brokers()
		switch g.Group {
		case online:
			state, members, model = rocketmq.Online, 1, "CLUSTERING"
		case other:
			known = []string{"broker-b"}
		}
		if g.State != state || len(g.Members) != members || g.MessageModel != model || !slices.Equal(g.Brokers, known) {
			t.Errorf("got %+v", g)
		}
	}
	slices.Sort(names)
	want := []string{idle, other, online}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	tool, err := w.cluster.GroupsOf(ctx, f.topic)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tool, want) {
		t.Errorf("mqadmin statsAll tells %v, want %v", tool, want)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
}

// restOnAShrunkTopic goes on with a reset that failed on queues which the topic
// has no more.
func restOnAShrunkTopic(t *testing.T, w *world, _ filled) {
	f := w.fill(t, 2, 4)
	group := w.group(t, f, 3)
	req := request(group, f.topic, offset.ToOffsets)
	req.Target.Offsets = offset.Offsets{}
	for _, b := range w.cluster.Brokers() {
		req.Target.Offsets[b] = map[int32]int64{0: 1, 1: 1}
	}
	plan, err := w.client.Plan(within(t), req)
	if err != nil {
		t.Fatal(err)
	}
	before := offset.Outcomes(plan.Moves)
	for i := range before {
		before[i].Fail("the broker was killed")
	}
	rest, err := life.Rest(req, before)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cluster.CreateTopic(within(t), f.topic, 1); err != nil {
		t.Fatal(err)
	}
	for ctx := within(t); ; time.Sleep(50 * time.Millisecond) { // until the name server knows
		if plan, err = w.client.Plan(ctx, rest); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(plan.Notes, " "), "2 queues no more, so there was nothing left to reset there: broker-a/1, broker-b/1") {
			break
		}
	}
	r, err := w.client.Apply(within(t), plan)
	if err != nil {
		t.Fatal(err)
	}
	if whole := life.Merge(before, r.Outcomes); offset.AnyFailed(whole) || len(whole) != 4 {
		t.Errorf("got %+v", whole)
	}
	got := w.progress(t, group, f.topic)
	for _, b := range w.cluster.Brokers() {
		if got[b+"/0"] != 1 {
			t.Errorf("got %v", got)
		}
	}
}

func withoutOffsets(t *testing.T, w *world, f filled) {
	group := w.name("billing")
	if err := w.cluster.CreateGroup(within(t), group); err != nil {
		t.Fatal(err)
	}
	if err := w.cluster.Commit(within(t), group, f.topic, "broker-a", 0, 5); err != nil {
		t.Fatal(err)
	}
	r := w.mustReset(t, atTime(group, f.topic, f.before[3]))
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 3)) {
		t.Errorf("got %v", got)
	}
	if s := offset.SummarizeOutcomes(r.Outcomes); s.Created != 3 || s.Replayed != 2+3*(int64(len(f.before)-1)-3) {
		t.Errorf("got %+v", s)
	}
}

// sameMillisecond finds the first of many messages that were stored at once,
// over several files of the queue's index.
func sameMillisecond(t *testing.T, w *world, f filled) {
	ctx := within(t)
	p := w.producer(t)
	var batch []string
	for i := range 100 {
		batch = append(batch, fmt.Sprint(i))
	}
	for range 12 { // an index file holds 1000
		for _, b := range w.cluster.Brokers() {
			if err := p.Send(ctx, f.topic, b, 0, batch...); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	f.before = make([]time.Time, 1201)
	group := w.name("billing")
	k, err := w.cluster.NewConsumer(group, f.topic, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Wait(ctx, 0, func(got []brokers.Received) bool { return len(got) >= 2400 })
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
	first := map[string]map[int64]int64{"broker-a": {}, "broker-b": {}} // offset by store time
	for _, m := range got {
		ms := m.Stored.UnixMilli()
		if n, ok := first[m.Broker][ms]; !ok || m.Offset < n {
			first[m.Broker][ms] = m.Offset
		}
	}
	for broker, times := range first {
		for ms, want := range times {
			plan, err := w.client.Plan(ctx, atTime(group, f.topic, time.UnixMilli(ms)))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range plan.Moves {
				if m.Broker == broker && m.Offset != want {
					t.Errorf("%s at %d: got %d, want %d", broker, ms, m.Offset, want)
				}
			}
		}
	}
}

func errorsThatChangeNothing(t *testing.T, w *world, f filled) {
	ctx := within(t)
	group := w.group(t, f, 5)
	_, err := w.reset(ctx, request(group, "no-such-topic", offset.ToLatest))
	wantError(t, err, offset.TopicMissing, "no-such-topic")
	_, err = w.reset(ctx, request("no-such-group", f.topic, offset.ToLatest))
	wantError(t, err, offset.GroupMissing, "no-such-group")
	if _, err := w.client.Plan(ctx, request("no-such-group", f.topic, offset.ToLatest)); err == nil {
		t.Error("the group was created")
	}
	limit := int64(3)
	req := request(group, f.topic, offset.ToLatest)
	req.Limits.MaxSkipped = &limit
	_, err = w.reset(ctx, req)
	wantError(t, err, offset.LimitExceeded, "12 messages would be skipped")

	crowd := w.name("crowd")
	k, err := w.cluster.NewConsumer(crowd, f.topic, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Stop() }()
	for {
		g, err := w.client.Describe(ctx, crowd, f.topic)
		if err == nil && g.MessageModel == "BROADCASTING" {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(g, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	_, err = w.reset(ctx, request(crowd, f.topic, offset.ToLatest))
	wantError(t, err, offset.GroupKind, "broadcasting")

	for name, list := range map[string][]string{
		"a host name":    {strings.Replace(w.cluster.NameServer(), "127.0.0.1", "localhost", 1)},
		"first one dead": {"127.0.0.1:1", w.cluster.NameServer()},
	} {
		if _, err := newClient(t, rocketmq.Config{NameServers: list}).Plan(ctx, request(group, f.topic, offset.ToLatest)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 5)) {
		t.Errorf("the offsets became %v", got)
	}
}

// online rewinds a group whose consumer is online; it gets the messages again.
func online(t *testing.T, w *world, f filled) {
	group := w.name("online")
	k := w.consume(t, group, f)
	already := len(k.Received())
	last := int64(len(f.before) - 1)
	begin := time.Now()
	r, again := w.resetTaken(t, atTime(group, f.topic, f.before[4]))
	t.Logf("reset in %s: %s, notes %q", time.Since(begin).Round(time.Millisecond), r.Outcomes[0].How, r.Notes)
	for _, m := range r.Outcomes {
		early := int64(0)
		if w.cluster.Version == brokers.V4 {
			early = 1
		}
		if m.Previous != last && !again || m.Offset > 4 || m.Offset < 4-early || m.Failed() {
			t.Errorf("got %+v", m)
		}
		if server := m.How == rocketmq.HowServer; server == (w.cluster.Version == brokers.V4 || w.cluster.ClientReset) {
			t.Errorf("done by %s", m.How)
		}
	}
	got := w.received(t, k, group, f.topic, already, func(got []brokers.Received) bool {
		seen := map[string]bool{}
		for _, m := range got {
			if m.Offset >= 4 {
				seen[fmt.Sprintf("%s/%d@%d", m.Broker, m.Queue, m.Offset)] = true
			}
		}
		return len(seen) == f.queues*len(w.cluster.Brokers())*int(last-4)
	})
	t.Logf("all messages came again after %s", time.Since(begin).Round(time.Millisecond))
	for _, m := range got {
		if m.Offset < 3 || m.Offset < 4 && w.cluster.Version != brokers.V4 {
			t.Errorf("got %+v, which is before the target", m)
		}
	}
	// Given offsets under a consumer that is online.
	req := request(group, f.topic, offset.ToOffsets)
	req.Target.Offsets = offset.Offsets{"broker-a": {0: 1}}
	_, err := w.reset(within(t), req)
	if w.cluster.Version == brokers.V4 || w.cluster.ClientReset {
		wantError(t, err, offset.GroupActive, "consumers online", "Stop the group's consumers")
	} else if err != nil {
		t.Error(err)
	}
}

// latestOnline skips what a consumer that is online has not consumed yet, and
// which has not even committed an offset: it goes on with the next message that
// is sent, and does not put the group back.
func latestOnline(t *testing.T, w *world, _ filled) {
	const messages = 200
	f := w.fill(t, 2, messages)
	queues := f.queues * len(w.cluster.Brokers())
	group := w.name("lagging")
	k, err := w.cluster.NewSlowConsumer(group, f.topic, 250*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := k.Wait(within(t), 0, func(got []brokers.Received) bool { return len(got) >= queues }); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	r, again := w.resetTaken(t, request(group, f.topic, offset.ToLatest))
	t.Logf("reset in %s: %s, notes %q; %d consumed", time.Since(begin).Round(time.Millisecond), r.Outcomes[0].How, r.Notes, len(k.Received()))
	for _, m := range r.Outcomes {
		if m.Offset != messages || m.Previous >= messages && !again || m.Failed() {
			t.Errorf("got %+v", m)
		}
	}
	for _, b := range w.cluster.Brokers() {
		for q := range f.queues {
			if err := w.producer(t).Send(within(t), f.topic, b, q, "after the reset"); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := w.received(t, k, group, f.topic, 0, func(got []brokers.Received) bool {
		seen := map[string]bool{}
		for _, m := range got {
			if m.Offset == messages {
				seen[fmt.Sprintf("%s/%d", m.Broker, m.Queue)] = true
			}
		}
		return len(seen) == queues
	})
	old := 0
	for _, m := range got {
		if m.Offset < messages {
			old++
		}
	}
	t.Logf("%d of %d messages from before the reset were consumed", old, messages*queues)
	if old > messages*queues/2 { // the Go client takes a push up after some 10 s, and brokers go one after the other
		t.Error("the backlog was consumed")
	}
	want := w.everywhere(f, messages+1)
	for ctx := within(t); ; time.Sleep(200 * time.Millisecond) {
		at := w.progress(t, group, f.topic)
		if maps.Equal(at, want) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the group is at %v, want %v", at, want)
		}
	}
}

// latestOnlineLater skips messages that a group, which is offline meanwhile, has
// not consumed: when its consumer is back it gets none of them.
func latestOnlineLater(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 2)
	w.mustReset(t, request(group, f.topic, offset.ToLatest))
	k, err := w.cluster.NewConsumer(group, f.topic, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Stop() }()
	ctx := within(t)
	for {
		g, err := w.client.Describe(ctx, group, f.topic)
		if err != nil {
			t.Fatal(err)
		}
		if g.State == rocketmq.Online {
			if len(g.Clients) != 1 || g.Clients[0].Language != "GO" || g.Clients[0].ID == "" || g.Clients[0].Version == "" {
				t.Errorf("got %+v", g.Clients)
			}
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(3 * time.Second) // a consumer pulls within milliseconds; nothing announces that it finds nothing
	if got := k.Received(); len(got) > 0 {
		t.Errorf("got %+v, which was skipped", got)
	}
}

// onlineOnAnotherTopic is trap 1 of brokers before 5.2.
func onlineOnAnotherTopic(t *testing.T, w *world, f filled) {
	ctx := within(t)
	group := w.group(t, f, 5)
	other := w.name("invoices")
	if err := w.cluster.CreateTopic(ctx, other, 1); err != nil {
		t.Fatal(err)
	}
	w.waitTopic(t, other)
	k, err := w.cluster.NewConsumer(group, other, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Stop() }()
	for {
		plan, err := w.client.Plan(ctx, request(group, f.topic, offset.ToEarliest))
		if err != nil {
			t.Fatal(err)
		}
		if plan.State == rocketmq.Online {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	r := w.mustReset(t, request(group, f.topic, offset.ToEarliest))
	for _, m := range r.Outcomes {
		if m.Previous != 5 || m.Offset != 0 || m.Seen != 0 {
			t.Errorf("got %+v", m)
		}
	}
}

// brokerThatForgets: what a broker has acknowledged it keeps in memory until it
// writes all groups' offsets at once, here a minute later. One that is killed
// before that has lost the reset, and the next apply sees it.
func brokerThatForgets(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	req := request(group, f.topic, offset.ToLatest)
	req.Brokers = w.cluster.Brokers()
	w.mustReset(t, req)
	if got, want := w.progress(t, group, f.topic), w.everywhere(f, 8); !maps.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	w.cluster.Process("broker-b").Kill()
	if err := w.cluster.Restart(within(t), "broker-b"); err != nil {
		t.Fatal(err)
	}
	var plan *offset.Plan
	for ctx := within(t); plan == nil; { // until it is known again
		var err error
		if plan, err = w.client.Plan(ctx, req); err == nil {
			break
		}
		if clock.Sleep(ctx, 50*time.Millisecond) != nil {
			t.Fatal(err)
		}
	}
	for _, m := range plan.Moves {
		if lost := m.Broker == "broker-b"; lost != (m.Previous != 8) {
			t.Errorf("%s was at %d", m.Name(), m.Previous)
		}
	}
	if _, err := w.client.Apply(within(t), plan); err != nil {
		t.Fatal(err)
	}
	if got, want := w.progress(t, group, f.topic), w.everywhere(f, 8); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// brokersDown is the last of a cluster.
func brokersDown(t *testing.T, w *world, f filled) {
	group := w.group(t, f, 5)
	if err := w.cluster.Pause("broker-b"); err != nil {
		t.Fatal(err)
	}
	cfg := w.config()
	cfg.RequestTimeout = time.Second
	k := newClient(t, cfg)
	begin := time.Now()
	_, err := k.Plan(within(t), request(group, f.topic, offset.ToLatest))
	wantError(t, err, offset.Unreachable, "broker-b", "no answer within 1s")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("took %s", took)
	}
	w.cluster.Process("broker-b").Kill()
	again := request(group, f.topic, offset.ToLatest)
	again.RecordedBrokers = w.cluster.Brokers()
	var plan *offset.Plan
	for ctx := within(t); plan == nil; time.Sleep(50 * time.Millisecond) { // until the name server has forgotten it
		if plan, err = k.Plan(ctx, again); err != nil {
			plan = nil
			wantError(t, err, offset.Unreachable, "broker-b")
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	notes := strings.Join(plan.Notes, " ")
	for _, words := range []string{"on broker-a; a broker that is missing", "The reset before was made on broker broker-b too"} {
		if !strings.Contains(notes, words) {
			t.Errorf("notes %q do not say %q", notes, words)
		}
	}
	whole := request(group, f.topic, offset.ToLatest)
	whole.Brokers = w.cluster.Brokers()
	_, err = k.Plan(within(t), whole)
	wantError(t, err, offset.BrokerMissing, "Broker broker-b must take part")
	if got, err := k.Apply(within(t), plan); err != nil || !strings.Contains(strings.Join(got.Notes, " "), "made on broker broker-b too") {
		t.Errorf("got %+v, %v", got, err)
	}
}
