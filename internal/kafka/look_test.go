package kafka

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// preview is a request whose plan may tell what was seen a moment ago.
func preview(target offset.Target) offset.Request {
	req := reset(target)
	req.Recent = true
	return req
}

// stands stops a client's clock.
func stands(c *Client, at time.Time) { c.clock = clock.Fixed(at) }

// looked is how often topics and their logs were looked at: the requests for
// metadata and, of all leaders, for bounds.
func looked(f *fake.Cluster) (metadata, bounds int) { return f.Requests()[3], f.Requests()[2] }

// What previews want to know of one topic is asked once within two seconds: for
// each isolation level and each time.
func TestPreviewsShareWhatTheyLookAt(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	stands(c, noon)
	groups := []string{"billing", "audit", "mail"}
	f.Commit(t, "audit", fake.Offsets{"orders": {0: 7, 1: 7, 2: 7}})
	f.Commit(t, "mail", fake.Offsets{"orders": {0: 9, 1: 9}})
	at := map[string]int64{"billing": 5, "audit": 7, "mail": 9}
	f.ResetRequests()
	for _, tc := range []struct {
		target offset.Target
		want   int64
		asks   int // how many looks of a start, an end and perhaps a time, for the whole row
		probes int
	}{
		{offset.Target{Kind: offset.ToLatest}, 10, 1, 2},
		{offset.Target{Kind: offset.ToEarliest}, 0, 0, 2},
		{offset.Target{Kind: offset.ToOffset, Offset: 4}, 4, 0, 2},
		{offset.Target{Kind: offset.ToTime, Time: noon.Add(3 * time.Second)}, 3, 1, 3},
		{offset.Target{Kind: offset.ToTime, Time: noon.Add(4 * time.Second)}, 4, 1, 3},
		{offset.Target{Kind: offset.ToLookback, Lookback: time.Hour}, 0, 1, 3},
	} {
		metadata, bounds := looked(f)
		var running sync.WaitGroup
		for range 3 { // at the same time, and after each other
			for _, group := range groups {
				running.Go(func() {
					req := preview(tc.target)
					req.Group = group
					plan, err := c.Plan(t.Context(), req)
					if err != nil {
						t.Error(err)
						return
					}
					for _, m := range plan.Moves {
						previous := at[group]
						if group == "mail" && m.ID == 2 {
							previous = offset.None
						}
						if m.Previous != previous || m.Offset != tc.want || m.Start != 0 || m.End != 10 {
							t.Errorf("%s to %+v: move %+v", group, tc.target, m)
						}
					}
					if len(plan.Moves) != 3 || !plan.At.Equal(noon) {
						t.Errorf("plan %+v", plan)
					}
				})
			}
			running.Wait()
		}
		m, b := looked(f)
		leaders := map[int32]bool{}
		for p := range int32(3) {
			leaders[f.LeaderFor("orders", p)] = true
		}
		if m-metadata != tc.asks || b-bounds != tc.asks*tc.probes*len(leaders) {
			t.Errorf("%+v: %d requests for metadata and %d for bounds of %d leaders, want %d looks", tc.target, m-metadata, b-bounds, len(leaders), tc.asks)
		}
	}
}

// What was looked at is not used by an apply, after a commit, after two
// seconds, for other partitions or another isolation level, or after it failed.
func TestWhatIsLookedAtAnew(t *testing.T) {
	latest := offset.Target{Kind: offset.ToLatest}
	for name, tc := range map[string]struct {
		between func(t *testing.T, f *fake.Cluster, c *Client)
		req     offset.Request
		anew    bool
	}{
		"at once":               {nil, preview(latest), false},
		"after two seconds":     {func(_ *testing.T, _ *fake.Cluster, c *Client) { stands(c, noon.Add(2*time.Second)) }, preview(latest), false},
		"after more":            {func(_ *testing.T, _ *fake.Cluster, c *Client) { stands(c, noon.Add(2001*time.Millisecond)) }, preview(latest), true},
		"no preview":            {nil, reset(latest), true},
		"other partitions":      {nil, func() offset.Request { r := preview(latest); r.Scope.Partitions = []int32{1}; return r }(), true},
		"other isolation level": {nil, func() offset.Request { r := preview(latest); r.Isolation = offset.ReadCommitted; return r }(), true},
		"after a commit": {func(t *testing.T, _ *fake.Cluster, c *Client) {
			if _, err := run(t.Context(), c, reset(earliest)); err != nil {
				t.Fatal(err)
			}
		}, preview(latest), true},
		"after an undo": {func(t *testing.T, _ *fake.Cluster, c *Client) {
			record := offset.Outcomes([]offset.Move{{Partition: offset.Partition{Topic: "orders"}, Previous: 4, Offset: 5}})
			if _, err := c.Undo(t.Context(), undo(&offset.Result{Outcomes: record})); err != nil {
				t.Fatal(err)
			}
		}, preview(latest), true},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			stands(c, noon)
			if _, err := c.Plan(t.Context(), preview(latest)); err != nil {
				t.Fatal(err)
			}
			if tc.between != nil {
				tc.between(t, f, c)
			}
			f.Fill(t, "orders", 3, 1, noon, time.Second)
			_, before := looked(f)
			plan, err := c.Plan(t.Context(), tc.req)
			if err != nil {
				t.Fatal(err)
			}
			_, after := looked(f)
			want := int64(10)
			if tc.anew {
				want = 11
			}
			if (after > before) != tc.anew || plan.Moves[0].End != want {
				t.Errorf("%d requests for bounds, moves %+v", after-before, plan.Moves)
			}
		})
	}
}

// An apply of a preview's plan looks for itself if that plan was made from what
// another one had looked at.
func TestApplyOfASharedPlanLooksAnew(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	stands(c, noon)
	var plans []*offset.Plan
	for range 2 {
		plan, err := c.Plan(t.Context(), preview(offset.Target{Kind: offset.ToLatest}))
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	f.Fill(t, "orders", 3, 1, noon, time.Second)
	if _, err := c.Apply(t.Context(), plans[1]); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 11, 1: 11, 2: 11}})
	// The one that looked for itself is as good as any that is no preview's.
	if _, err := c.Apply(t.Context(), plans[0]); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 10, 1: 10, 2: 10}})
}

// A failure is told to those who waited for it, and to nobody after them.
func TestFailedLooksAreNotKept(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	stands(c, noon)
	f.Fault(kfake.Fault{Keys: []kmsg.Key{2}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	_, err := c.Plan(t.Context(), preview(earliest))
	wantError(t, err, offset.Unauthorized, "orders")
	if _, err := c.Plan(t.Context(), preview(earliest)); err != nil {
		t.Error(err)
	}
}

// Whoever gives up does not end the look of those who wait for it, not even if
// it was the first; when all have given up it ends, and nobody after them gets
// what it has come to.
func TestLooksThatAreGivenUp(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	stands(c, noon)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	var held atomic.Pointer[chan struct{}]
	held.Store(&answer)
	f.ControlKey(3, func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		asked <- struct{}{}
		f.SleepControl(func() { <-*held.Load() })
		return nil, nil, false
	})
	type ended struct {
		plan *offset.Plan
		err  error
	}
	begin := func() (context.CancelFunc, chan ended) {
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan ended, 1)
		go func() {
			plan, err := c.Plan(ctx, preview(offset.Target{Kind: offset.ToLatest}))
			end <- ended{plan, err}
		}()
		return cancel, end
	}
	wait := func(n int) { // until so many wait for the look
		t.Helper()
		for {
			c.looks.mu.Lock()
			var waiting []int
			for _, l := range c.looks.kept {
				waiting = append(waiting, l.waiting)
			}
			c.looks.mu.Unlock()
			if slices.Equal(waiting, []int{n}) || n == 0 && len(waiting) == 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	giveUp, first := begin()
	<-asked
	wait(1)
	stay, second := begin()
	defer stay()
	wait(2)
	giveUp()
	wantError(t, (<-first).err, offset.Interrupted, "Nothing was changed")
	wait(1)
	close(answer)
	if end := <-second; end.err != nil || end.plan.Moves[0].Offset != 10 {
		t.Errorf("%+v", end)
	}

	c.looks.drop()
	later := make(chan struct{})
	held.Store(&later)
	var both []chan ended
	var all []context.CancelFunc
	for n := range 2 {
		cancel, end := begin()
		both, all = append(both, end), append(all, cancel)
		wait(n + 1)
	}
	<-asked
	for _, cancel := range all {
		cancel()
	}
	for _, end := range both {
		wantError(t, (<-end).err, offset.Interrupted)
	}
	wait(0)
	close(later)
	f.Fill(t, "orders", 3, 1, noon, time.Second)
	last := make(chan struct{})
	held.Store(&last)
	close(last)
	_, third := begin()
	if end := <-third; end.err != nil || end.plan.Moves[0].Offset != 11 {
		t.Errorf("%+v", end)
	}
}

// A client that is closed leaves no look behind.
func TestCloseEndsLooks(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	asked := make(chan struct{})
	f.ControlKey(3, func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		return nil, nil, true // no answer, ever
	})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Plan(context.Background(), preview(earliest))
		failed <- err
	}()
	<-asked
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	if n := len(c.looks.kept); n != 0 {
		t.Errorf("%d looks are kept", n)
	}
}
