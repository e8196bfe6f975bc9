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

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// perQueue is how many messages each queue of a kind's topic holds, and aim
// where the resets that go to the middle lead.
const (
	perQueue = 20
	aim      = 12
)

// kind is a way to consume.
type kind struct {
	name    string
	ordered bool
	proxied bool // brokers do not list its consumers
	pop     bool // it consumes by POP
	slow    bool // it takes some 20 s to take a reset up: each gets a group of its own
	start   func(c *brokers.Cluster, group, topic string, clients int) (*brokers.Consumer, error)
}

func startPop(c *brokers.Cluster, group, topic string, _ int) (*brokers.Consumer, error) {
	return c.NewPopConsumer(group, topic)
}

var kinds = []kind{
	{"push", false, false, false, true, (*brokers.Cluster).NewConsumers},
	{"push through a proxy", false, true, false, true, (*brokers.Cluster).NewProxiedConsumers},
	{"POP", false, true, true, false, startPop},
	{"POP, ordered", true, true, true, false, startPop},
}

// resets are the ways to reset, in an order in which one leaves what the next needs.
var resets = []string{"earliest", "time", "offsets", "earliest, limited", "time, force = false", "restore", "latest"}

// popSettings are those under which POP keeps its offsets in different places,
// and a proxy that is broker and proxy in one.
var popSettings = []struct {
	name string
	conf brokers.Config
}{
	{"defaults", brokers.Config{Proxy: true}},
	{"popConsumerKVServiceEnable", brokers.Config{Proxy: true, Settings: []string{"popConsumerKVServiceInit=true", "popConsumerKVServiceEnable=true"}}},
	{"enablePopBufferMerge", brokers.Config{Proxy: true, Settings: []string{"enablePopBufferMerge=true"}}},
	{"proxy in local mode", brokers.Config{LocalProxy: true}},
}

// cell is one row of the table.
type cell struct {
	setting, kind, phase, reset string
	want, got                   int
	wrong                       string
}

// TestRealConsumersOfEveryKind asserts what consumers receive after a reset, on
// every setting that changes where brokers keep offsets, and prints it.
func TestRealConsumersOfEveryKind(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var table []cell
	t.Run("settings", func(t *testing.T) {
		for _, s := range popSettings {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.conf.Masters = 1
				w := newWorld(t, s.conf)
				w.producer(t)
				t.Run("kinds", func(t *testing.T) {
					for _, k := range kinds {
						if s.conf.LocalProxy && !k.pop {
							continue // to which the broker is one as any other; nothing comes through the proxy's port
						}
						for _, live := range []bool{true, false} {
							phase := map[bool]string{true: "live", false: "stopped"}[live]
							groups := [][]string{resets}
							if k.slow {
								groups = slices.Collect(slices.Chunk(resets, 1))
							}
							for _, names := range groups {
								if live && names[0] == "restore" {
									continue // its consumers move on: there is nothing that could be put back
								}
								t.Run(k.name+" "+phase+" "+names[0], func(t *testing.T) {
									t.Parallel()
									cells := everyReset(t, w, k, live, names)
									mu.Lock()
									defer mu.Unlock()
									for _, c := range cells {
										c.setting, c.kind, c.phase = s.name, k.name, phase
										table = append(table, c)
									}
								})
							}
						}
					}
					t.Run("busy POP", func(t *testing.T) {
						t.Parallel()
						busy(t, w)
					})
					t.Run("wrong ports", func(t *testing.T) {
						t.Parallel()
						wrongPorts(t, w, w.fill(t, 1, 1))
					})
					t.Run("in flight", func(t *testing.T) {
						t.Parallel()
						inFlight(t, w)
					})
				})
			})
		}
	})
	slices.SortStableFunc(table, func(a, b cell) int {
		return strings.Compare(a.setting+a.kind+a.phase, b.setting+b.kind+b.phase)
	})
	var out strings.Builder
	for _, c := range table {
		fmt.Fprintf(&out, "%-26s | %-20s | %-7s | %-20s | %2d of %2d %s\n", c.setting, c.kind, c.phase, c.reset, c.got, c.want, c.wrong)
		if c.wrong != "" {
			t.Errorf("%s, %s, %s, %s: %s", c.setting, c.kind, c.phase, c.reset, c.wrong)
		}
	}
	t.Logf("messages received\n%s", out.String())
}

// places names messages.
type places map[string]bool

func (p places) diff(q places) []string {
	var missing []string
	for _, m := range slices.Sorted(maps.Keys(p)) {
		if !q[m] {
			missing = append(missing, m)
		}
	}
	return missing
}

// from names the messages of each queue from an offset up to another.
func (w *world) from(queues int, from, to int64) places {
	p := places{}
	for _, b := range w.cluster.Brokers() {
		for q := range queues {
			for n := from; n < to; n++ {
				p[brokers.Place(b, q, n)] = true
			}
		}
	}
	return p
}

func placesOf(got []brokers.Received) places {
	p := places{}
	for _, m := range got {
		p[brokers.Place(m.Broker, m.Queue, m.Offset)] = true
	}
	return p
}

// everyReset resets one group in each of these ways, one after the other, and
// counts what its consumer gets.
func everyReset(t *testing.T, w *world, k kind, live bool, names []string) []cell {
	const queues = 2
	clients := 1
	if live && !k.pop {
		// A push consumer of the Go client waits for ten seconds when a broker
		// moves a queue, puts the new offset into its table and commits it. That
		// drops the other queues from the table, so that of two that are moved
		// at the same moment one is now and then lost (2.1, offset_store.go).
		// Each has one queue here.
		clients = queues
	}
	f := w.fill(t, queues, perQueue)
	group := w.groupAtStart(t, f, k.ordered)
	start := func() *brokers.Consumer {
		c, err := k.start(w.cluster, group, f.topic, clients)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Stop() })
		return c
	}
	stop := func(c *brokers.Consumer) {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		if k.pop {
			// The last request of a consumer by POP waits at the broker for two
			// seconds, and would take what comes: it would be in flight then.
			time.Sleep(4 * time.Second)
		}
	}
	c := start()
	if got := awaitPlaces(t, c, 0, w.from(queues, 0, perQueue)); got != "" {
		t.Fatalf("before any reset: %s", got)
	}
	end := int64(perQueue)
	if !live {
		stop(c)
	}
	// Until a consumer learns that it has lost a queue to another one, it would
	// take the reset for it as well.
	for ctx, alone := within(t), clients == 1; !alone; {
		first := len(c.Received())
		end = send(t, w, f, queues, end, 1)
		want := w.from(queues, end-1, end)
		_, err := c.Wait(ctx, first, func(got []brokers.Received) bool { return len(want.diff(placesOf(got))) == 0 })
		if err = errors.Join(err, ctx.Err()); err != nil {
			t.Fatalf("until each consumer has a queue of its own: %v", err)
		}
		time.Sleep(time.Second) // for what another consumer gets as well
		by, of := map[int]bool{}, map[[2]int]bool{}
		for _, m := range c.Received()[first:] {
			by[m.Client], of[[2]int{m.Client, m.Queue}] = true, true
		}
		alone = len(by) == clients && len(of) == queues
	}
	for ctx := within(t); ; time.Sleep(200 * time.Millisecond) { // push consumers commit every few seconds
		g, err := w.client.Describe(ctx, group, f.topic)
		if err != nil {
			t.Fatal(err)
		}
		if g.TotalLag == 0 {
			break
		}
	}
	thousand := int64(1000)
	limited := request(group, f.topic, offset.ToEarliest)
	limited.Limits.MaxReplayed = &thousand
	kept := atTime(group, f.topic, f.before[aim])
	kept.KeepAhead = true
	given := request(group, f.topic, offset.ToOffsets)
	given.Target.Offsets = offset.Offsets{}
	for _, b := range w.cluster.Brokers() {
		given.Target.Offsets[b] = map[int32]int64{}
		for q := range queues {
			given.Target.Offsets[b][int32(q)] = aim
		}
	}
	var cells []cell
	for _, r := range []struct {
		name string
		req  offset.Request
		want places
		undo bool
	}{
		{"earliest", request(group, f.topic, offset.ToEarliest), w.from(queues, 0, end), false},
		{"time", atTime(group, f.topic, f.before[aim]), w.from(queues, aim, end), false},
		{"offsets", given, w.from(queues, aim, end), false},
		{"earliest, limited", limited, w.from(queues, 0, end), false},
		{"time, force = false", kept, w.from(queues, aim, end), false},
		{"restore", request(group, f.topic, offset.ToEarliest), places{}, true},
		{"latest", request(group, f.topic, offset.ToLatest), places{}, false},
	} {
		if !slices.Contains(names, r.name) || live && r.undo {
			continue // as above
		}
		if r.name == "latest" { // what is skipped, if nobody takes it before
			if !live {
				end = send(t, w, f, queues, end, 5)
			}
		}
		row, begin := cell{reset: r.name, want: len(r.want)}, time.Now()
		first := 0
		if live {
			first = len(c.Received())
		}
		plan, err := w.client.Plan(within(t), r.req)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		if k.proxied && plan.State == rocketmq.Offline {
			t.Errorf("%s: the group of a proxy is called %q", r.name, plan.State)
		}
		listed := live && !k.proxied
		if told := strings.Contains(strings.Join(plan.Notes, " "), "rocketmq-client-go"); !k.pop && told != listed {
			t.Errorf("%s: told that a reset may be lost: %t, want %t", r.name, told, listed)
		}
		result, err := w.client.Apply(within(t), plan)
		if err != nil {
			row.wrong = err.Error()
			cells = append(cells, row)
			continue
		}
		for _, o := range result.Outcomes {
			if o.How != rocketmq.HowServer || o.Failed() {
				row.wrong = fmt.Sprintf("done by %q: %+v", o.How, o)
			}
		}
		if r.undo {
			undo := offset.UndoRequest{Group: group, Topic: f.topic, ClusterID: result.ClusterID, Record: result.Outcomes}
			if _, err := w.client.Undo(within(t), undo); err != nil {
				row.wrong = err.Error()
			}
		}
		if !live {
			c = start()
		}
		if r.name == "latest" { // a consumer that gets what is new has skipped the rest
			from := end
			end = send(t, w, f, queues, end, 1)
			r.want = w.from(queues, from, end)
			row.want = len(r.want)
		}
		if wrong := awaitPlaces(t, c, first, r.want); wrong != "" && row.wrong == "" {
			row.wrong = wrong
		}
		row.got = len(placesOf(c.Received()[first:]))
		t.Logf("%s: %d of %d in %s %s", r.name, row.got, row.want, time.Since(begin).Round(time.Millisecond), row.wrong)
		if !live {
			stop(c)
		}
		cells = append(cells, row)
	}
	return cells
}

// groupAtStart makes a group at offset 0: consumers by POP begin at the log's
// end where their group has no offset.
func (w *world) groupAtStart(t *testing.T, f filled, ordered bool) string {
	t.Helper()
	group := w.name("kind")
	create := w.cluster.CreateGroup
	if ordered {
		create = w.cluster.CreateOrderedGroup
	}
	if err := create(within(t), group); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.cluster.Brokers() {
		for q := range f.queues {
			if err := w.cluster.Commit(within(t), group, f.topic, b, q, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	return group
}

// send stores more messages in each queue and returns the new end.
func send(t *testing.T, w *world, f filled, queues int, end int64, more int) int64 {
	t.Helper()
	for range more {
		for _, b := range w.cluster.Brokers() {
			for q := range queues {
				if err := w.producer(t).Send(within(t), f.topic, b, q, brokers.Place(b, q, end)); err != nil {
					t.Fatal(err)
				}
			}
		}
		end++
	}
	return end
}

// awaitPlaces waits until the consumer has got, after the first few, just these
// messages, and says what is wrong with them. What must not come is waited for
// a moment: nothing announces it.
func awaitPlaces(t *testing.T, c *brokers.Consumer, first int, want places) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	got, err := c.Wait(ctx, first, func(got []brokers.Received) bool { return len(want.diff(placesOf(got))) == 0 })
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if missing := want.diff(placesOf(got)); len(missing) > 0 {
		return fmt.Sprintf("%d never came: %v", len(missing), missing)
	}
	time.Sleep(1500 * time.Millisecond)
	if extra := placesOf(c.Received()[first:]).diff(want); len(extra) > 0 {
		return fmt.Sprintf("%d came that must not: %v", len(extra), extra)
	}
	return ""
}

// busy resets a group by POP, which consumes at full speed while a producer
// runs, to a moment ago, 20 times: each is a success, each message from there
// on comes, and a second apply of the same offsets is not needed.
func busy(t *testing.T, w *world) {
	ctx := within(t)
	f := w.fill(t, 2, 1)
	group := w.groupAtStart(t, f, false)
	c, err := w.cluster.NewPopConsumer(group, f.topic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	p, err := w.cluster.NewProducer()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for n := int64(1); ; n++ {
			for q := range 2 {
				if err := p.Send(ctx, f.topic, "broker-a", q, brokers.Place("broker-a", q, n)); err != nil {
					t.Error(err)
					return
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	defer func() {
		close(stop)
		running.Wait()
		_ = p.Stop()
	}()
	if _, err := c.Wait(ctx, 0, func(got []brokers.Received) bool { return len(got) > 100 }); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		first := len(c.Received())
		r, err := w.reset(ctx, atTime(group, f.topic, time.Now().Add(-time.Second)))
		if err != nil {
			t.Fatalf("reset %d: %v", i, err)
		}
		want := places{}
		for _, o := range r.Outcomes {
			if o.Failed() {
				t.Fatalf("reset %d: %+v", i, o)
			}
			for n := o.Offset; n < o.End; n++ {
				want[brokers.Place(o.Broker, int(o.ID), n)] = true
			}
		}
		got, err := c.Wait(ctx, first, func(got []brokers.Received) bool { return len(want.diff(placesOf(got))) == 0 })
		if err != nil {
			t.Fatalf("reset %d: %v of %d never came, %d did: %v", i, want.diff(placesOf(got)), len(want), len(got), err)
		}
	}
}

// inFlight skips everything under a consumer by POP that has received messages
// and acknowledged none: they come back, which the plan says.
func inFlight(t *testing.T, w *world) {
	ctx := within(t)
	f := w.fill(t, 2, 10)
	group := w.groupAtStart(t, f, false)
	c, err := w.cluster.NewHoldingPopConsumer(group, f.topic, 15*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	all := w.from(2, 0, 10)
	if _, err := c.Wait(ctx, 0, func(got []brokers.Received) bool { return len(all.diff(placesOf(got))) == 0 }); err != nil {
		t.Fatal(err)
	}
	plan, err := w.client.Plan(ctx, request(group, f.topic, offset.ToLatest))
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "received and not acknowledged") {
		t.Errorf("notes %q", notes)
	}
	first := len(c.Received())
	if _, err := w.client.Apply(ctx, plan); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Wait(ctx, first, func(got []brokers.Received) bool { return len(all.diff(placesOf(got))) == 0 }); err != nil {
		t.Errorf("the note is wrong: %d came back, %v", len(placesOf(got)), err)
	}
}
