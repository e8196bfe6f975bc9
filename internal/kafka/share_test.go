package kafka

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// sharing is a cluster with a topic of three partitions, of ten records each,
// and a share group at 5.
func sharing(t testing.TB) *fake.Cluster {
	t.Helper()
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "bills": 2}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Fill(t, "bills", 2, 10, noon, time.Second)
	f.SetShareStarts(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	return f
}

// shared is a request for the share group and topic of sharing.
func shared(target offset.Target) offset.Request {
	req := reset(target)
	req.GroupType = offset.ShareGroup
	return req
}

func wantStarts(t testing.TB, f *fake.Cluster, want fake.Offsets) {
	t.Helper()
	got := f.ShareStarts(t, "billing")
	if !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("start offsets %v, want %v", got, want)
	}
}

func TestShareGroupTargets(t *testing.T) {
	for name, tc := range map[string]struct {
		target offset.Target
		want   int64
	}{
		"earliest": {offset.Target{Kind: offset.ToEarliest}, 0},
		"latest":   {offset.Target{Kind: offset.ToLatest}, 10},
		"current":  {offset.Target{Kind: offset.ToCurrent}, 5},
		"offset":   {offset.Target{Kind: offset.ToOffset, Offset: 7}, 7},
		"too far":  {offset.Target{Kind: offset.ToOffset, Offset: 999999}, 10},
		"time":     {offset.Target{Kind: offset.ToTime, Time: noon.Add(3 * time.Second)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			f := sharing(t)
			result, err := run(t.Context(), connect(t, f.Bootstrap()), shared(tc.target))
			if err != nil {
				t.Fatal(err)
			}
			wantStarts(t, f, fake.Offsets{"orders": {0: tc.want, 1: tc.want, 2: tc.want}})
			if result.State != "Empty" || !strings.Contains(strings.Join(result.Notes, " "), "acknowledged one by one") {
				t.Errorf("state %s, notes %q", result.State, result.Notes)
			}
			for _, o := range result.Outcomes {
				if o.State != offset.Done || o.Previous != 5 || o.Offset != tc.want || o.Seen != tc.want {
					t.Errorf("outcome %+v", o)
				}
			}
		})
	}
}

// The broker takes whatever it is told: what is not possible is refused before
// it is asked.
func TestShareGroupRefusals(t *testing.T) {
	f := sharing(t)
	f.Commit(t, "consumers", fake.Offsets{"orders": {0: 5}})
	c := connect(t, f.Bootstrap())
	before := f.Requests()[91]
	explicit := func(at int64) offset.Target {
		return offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {0: at}}}
	}
	change := func(f func(*offset.Request)) offset.Request {
		req := shared(earliest)
		f(&req)
		return req
	}
	whole := func(target offset.Target) offset.Request {
		req := shared(target)
		if target.Kind == offset.ToOffsets {
			req.Scope = offset.Scope{}
		}
		return req
	}
	for name, tc := range map[string]struct {
		req   offset.Request
		code  offset.Code
		words []string
	}{
		"-1":      {whole(explicit(-1)), offset.InvalidArgument, []string{"-1"}},
		"-2":      {whole(explicit(-2)), offset.InvalidArgument, []string{"-2"}},
		"a shift": {whole(offset.Target{Kind: offset.ByShift, Shift: -1}), offset.InvalidArgument, []string{"neither shifted nor copied"}},
		"a clone": {whole(offset.Target{Kind: offset.ToGroup, Group: "consumers"}), offset.InvalidArgument, []string{"neither shifted nor copied"}},
		"out of range": {change(func(r *offset.Request) {
			r.Target, r.Scope, r.OutOfRange = explicit(999999), offset.Scope{}, offset.Refuse
		}), offset.OutsideLog, []string{"orders-0: 999999 is outside of 0 to 10"}},
		"no such group": {change(func(r *offset.Request) { r.Group = "biling" }), offset.GroupMissing, []string{`Share group "biling" does not exist`, "allow_new_group"}},
		"no name":       {change(func(r *offset.Request) { r.Group = "" }), offset.InvalidArgument, nil},
		"a consumer group": {change(func(r *offset.Request) { r.Group = "consumers" }), offset.GroupKind,
			[]string{`"consumers" is a consumer group, not a share group`, `group_type = "consumer"`}},
		"no such topic":     {change(func(r *offset.Request) { r.Scope.Topics = []string{"order"} }), offset.TopicMissing, []string{`"order"`}},
		"no such partition": {change(func(r *offset.Request) { r.Scope.Partitions = []int32{7} }), offset.PartitionGone, []string{"orders-7"}},
		"over a limit": {change(func(r *offset.Request) { none := int64(14); r.Limits.MaxReplayed = &none }), offset.LimitExceeded,
			[]string{"15 messages would be replayed"}},
		"no such type": {change(func(r *offset.Request) { r.GroupType = "shares" }), offset.InvalidArgument, []string{`"shares"`}},
		"as a consumer group": {change(func(r *offset.Request) { r.GroupType = "" }), offset.GroupKind,
			[]string{`"billing" is a share group, not a consumer group`, `group_type = "share"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t.Context(), c, tc.req)
			wantError(t, err, tc.code, append(tc.words, "Nothing was changed")...)
		})
	}
	wantStarts(t, f, fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	if n := f.Requests()[91] - before; n > 0 {
		t.Errorf("%d requests that write were sent", n)
	}
}

// A group that is new is made if that is allowed, and loses its start offsets
// again with an undo: the whole topic had none.
func TestShareGroupThatIsNew(t *testing.T) {
	f := sharing(t)
	c := connect(t, f.Bootstrap())
	req := shared(offset.Target{Kind: offset.ToLatest})
	req.Group, req.AllowNewGroup = "new", true
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.ShareStarts(t, "new"); !maps.Equal(got["orders"], map[int32]int64{0: 10, 1: 10, 2: 10}) {
		t.Errorf("start offsets %v", got)
	}
	summary := offset.SummarizeOutcomes(result.Outcomes)
	if summary.Created != 3 || summary.Skipped != 30 || summary.Replayed != 0 {
		t.Errorf("summary %+v", summary)
	}
	back, err := c.Undo(t.Context(), undoOf(req, result))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.ShareStarts(t, "new"); len(got) > 0 {
		t.Errorf("start offsets %v, notes %q", got, back.Notes)
	}
}

// Whether a group that is not there has offsets anywhere is asked last, and may
// have no answer.
func TestShareGroupThatIsNotThereAndMayNotBeAskedFor(t *testing.T) {
	f := sharing(t)
	req := shared(offset.Target{Kind: offset.ToLatest})
	req.Group, req.AllowNewGroup = "new", true
	for _, all := range []bool{true, false} {
		faults := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeShareGroupOffsets}, Err: kerr.GroupAuthorizationFailed, Count: -1, When: func(r kmsg.Request) bool {
			return all == (r.(*kmsg.DescribeShareGroupOffsetsRequest).Groups[0].Topics == nil)
		}})
		_, err := run(t.Context(), connect(t, f.Bootstrap()), req)
		wantError(t, err, offset.Unauthorized, `DESCRIBE on the group "new"`, "Nothing was changed")
		faults.Remove()
	}
}

// The coordinator of a share group asks the leaders of the topic, and the broker
// that keeps the group's state, before it answers: both may just have moved.
func TestShareGroupWhoseLeadersMove(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.DescribeShareGroupOffsets, kmsg.AlterShareGroupOffsets} {
		f := sharing(t)
		c := connect(t, f.Bootstrap())
		faults := f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.NotLeaderForPartition, Count: 2})
		if _, err := run(t.Context(), c, shared(earliest)); err != nil {
			t.Fatalf("%v: %v", key, err)
		}
		if faults.Hits() != 2 {
			t.Errorf("%v: the fault was met %d times", key, faults.Hits())
		}
		wantStarts(t, f, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	}
}

func undoOf(req offset.Request, result *offset.Result) offset.UndoRequest {
	return offset.UndoRequest{
		Group: req.Group, GroupType: req.GroupType, ClusterID: result.ClusterID, TopicIDs: result.TopicIDs,
		Record: result.Outcomes, WaitForInactive: req.WaitForInactive,
	}
}

// Start offsets are deleted by whole topics: where a partition had one, those
// that had none keep what they have, and that is told.
func TestShareGroupUndoOfFirstOffsets(t *testing.T) {
	f := sharing(t)
	f.SetShareStarts(t, "billing", fake.Offsets{"bills": {0: 4}})
	c := connect(t, f.Bootstrap())
	req := shared(earliest)
	req.Scope.Topics = []string{"bills", "orders"}
	plan, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "1 partition has no start offset yet") {
		t.Errorf("notes %q", notes)
	}
	result, err := c.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	wantStarts(t, f, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {0: 0, 1: 0}})
	back, err := c.Undo(t.Context(), undoOf(req, result))
	if err != nil {
		t.Fatal(err)
	}
	wantStarts(t, f, fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}, "bills": {0: 4, 1: 0}})
	notes := strings.Join(back.Notes, " ")
	for _, words := range []string{"bills-1", "by whole topics only", "bills-0", "delivered again"} {
		if !strings.Contains(notes, words) {
			t.Errorf("the notes do not say %q: %s", words, notes)
		}
	}
}

// Deleting offsets takes whole topics, and refuses to take others along.
func TestShareGroupForget(t *testing.T) {
	f := sharing(t)
	c := connect(t, f.Bootstrap())
	req := shared(earliest)
	req.Scope.Partitions = []int32{0, 1}
	part, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Forget(t.Context(), undoOf(req, part))
	wantError(t, err, offset.Unsupported, "orders-2", "by whole topics only", "Nothing was changed", `on_destroy = "keep"`)
	wantStarts(t, f, fake.Offsets{"orders": {0: 0, 1: 0, 2: 5}})

	f.SetShareStarts(t, "billing", fake.Offsets{"bills": {0: 4}})
	req.Scope.Partitions = nil
	whole, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // The second time, nothing is left.
		if _, err := c.Forget(t.Context(), undoOf(req, whole)); err != nil {
			t.Fatal(err)
		}
		wantStarts(t, f, fake.Offsets{"bills": {0: 4}})
	}
}

// What was acknowledged after the start offset is delivered again by whatever
// resets it, so that it is written even where the start offset stays, and limits
// count it.
func TestShareGroupCountsWhatWasAcknowledged(t *testing.T) {
	r := row{start: 0, end: 100, committed: committed{offset: 60, apart: true, left: 10}}
	for name, tc := range map[string]struct {
		target            int64
		left              int64
		replayed, skipped int64
	}{
		"back":              {20, 10, 40 + 30, 0},
		"the same":          {60, 10, 30, 0},
		"forward":           {80, 10, 20, 20},
		"to the end":        {100, 10, 0, 40},
		"back, all is left": {20, 40, 40, 0},
		"back, not told":    {20, offset.None, 80, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := r
			r.committed.left = tc.left
			moves, _, err := resolve(offset.Target{Kind: offset.ToOffset, Offset: tc.target}, offset.Clamp, []row{r})
			if err != nil {
				t.Fatal(err)
			}
			if s := offset.Summarize(moves); s.Replayed != tc.replayed || s.Skipped != tc.skipped {
				t.Errorf("%d replayed, %d skipped, want %d and %d", s.Replayed, s.Skipped, tc.replayed, tc.skipped)
			}
		})
	}
}

func TestShareGroupIsWrittenWhereItStays(t *testing.T) {
	f := sharing(t)
	before := f.Requests()[91]
	result, err := run(t.Context(), connect(t, f.Bootstrap()), shared(offset.Target{Kind: offset.ToOffset, Offset: 5}))
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Requests()[91] - before; n != 1 {
		t.Errorf("%d requests that write, want 1", n)
	}
	for _, o := range result.Outcomes {
		if o.State != offset.Done || o.Previous != 5 || o.Offset != 5 || o.Seen != 5 {
			t.Errorf("outcome %+v", o)
		}
	}
}

// A partition that a refused request left where it is, is not proved by being
// there.
func TestShareGroupThatStaysIsProvedByTheBrokersWordOnly(t *testing.T) {
	w := &writer{outcomes: []offset.Outcome{
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders"}, Previous: 5, Offset: 5}},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 1}, Previous: 5, Offset: 5}},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 2}, Previous: 5, Offset: 5}},
	}}
	w.outcomes[0].Fail("refused")
	w.outcomes[1].Doubt("no answer")
	w.coordinator = &coordinator{is: fixedType{blockMap{"orders": {0: {committed: committed{offset: 5}}, 1: {committed: committed{offset: 5}}, 2: {committed: committed{offset: 5}}}}}}
	differ, err := w.look(t.Context(), []int{0, 1, 2})
	if err != nil || len(differ) > 0 {
		t.Fatalf("%v: %v", differ, err)
	}
	for i, want := range []offset.State{offset.NotDone, offset.Unsettled, offset.Done} {
		if got := w.outcomes[i].State; got != want {
			t.Errorf("partition %d: %v, want %v", i, got, want)
		}
	}
}

// fixedType is a type of group whose offsets are these.
type fixedType struct{ offsets blocks }

func (t fixedType) name() offset.GroupType { return offset.ShareGroup }
func (t fixedType) describe(context.Context, *coordinator) (*group, error) {
	return &group{state: stateEmpty}, nil
}
func (t fixedType) fetch(context.Context, *coordinator, map[string][]int32) (blocks, error) {
	return t.offsets, nil
}
func (t fixedType) commit(context.Context, *writer, []int) (verdicts, error) { return verdicts{}, nil }
func (t fixedType) remove(context.Context, *writer, []int) (verdicts, error) { return verdicts{}, nil }

// A group with members is waited for, and they are named.
func TestShareGroupWithMembers(t *testing.T) {
	f := sharing(t)
	m := f.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, Protocol: kafkaclient.Share, ClientID: "invoice-writer"})
	c := connect(t, f.Bootstrap())
	before := f.Requests()[91]
	_, err := run(t.Context(), c, shared(earliest))
	wantError(t, err, offset.GroupActive, `Share group "billing" is Stable with 1 member`, "invoice-writer", "Nothing was changed")
	if n := f.Requests()[91] - before; n > 0 {
		t.Errorf("%d requests that write were sent", n)
	}
	req := shared(earliest)
	wait := time.Minute
	req.WaitForInactive = &wait
	waiting := make(chan struct{})
	var once sync.Once
	req.Progress = func(message string) {
		if strings.Contains(message, `for share group "billing" (Stable) to be left by`) {
			once.Do(func() { close(waiting) })
		}
	}
	done := make(chan error, 1)
	go func() { _, err := run(t.Context(), c, req); done <- err }()
	select {
	case <-waiting:
	case err := <-done:
		t.Fatal("it did not wait:", err)
	}
	f.Leave(t, m)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := f.ShareStarts(t, "billing")["orders"]; !maps.Equal(got, map[int32]int64{0: 0, 1: 0, 2: 0}) {
		t.Errorf("start offsets %v", got)
	}
}

// A large group is written in requests that no broker takes too long for.
func TestShareGroupOfManyPartitions(t *testing.T) {
	const n = 2*sharePartitions + 1
	f := fake.New(t, fake.Options{Topics: map[string]int32{"many": n}})
	req := shared(earliest)
	req.Scope.Topics, req.AllowNewGroup = []string{"many"}, true
	result, err := run(t.Context(), connect(t, f.Bootstrap()), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Requests()[91]; got != 3 || len(f.ShareStarts(t, "billing")["many"]) != n || len(result.Outcomes) != n {
		t.Errorf("%d requests, %d outcomes", got, len(result.Outcomes))
	}
}

// Share groups are told as they are.
func TestDescribeShareGroup(t *testing.T) {
	f := sharing(t)
	f.SetShareStarts(t, "billing", fake.Offsets{"bills": {0: 4}})
	c := connect(t, f.Bootstrap())
	info, err := c.DescribeGroup(t.Context(), "billing", []string{"bills"})
	if err != nil {
		t.Fatal(err)
	}
	want := []GroupPartition{
		{Partition: offset.Partition{Topic: "bills"}, Committed: 4, Start: 0, End: 10, Lag: 6},
		{Partition: offset.Partition{Topic: "bills", ID: 1}, Committed: offset.None, Start: 0, End: 10, Lag: offset.None},
	}
	if info.Type != offset.ShareGroup || info.Protocol != "share" || info.State != "Empty" || !info.Exists || !slices.Equal(info.Partitions, want) {
		t.Errorf("got %+v", info)
	}
	all, err := c.DescribeGroup(t.Context(), "billing", nil)
	if err != nil || len(all.Partitions) != 4 {
		t.Errorf("got %+v, error %v", all, err)
	}
	f.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, Protocol: kafkaclient.Share, ClientID: "invoice-writer"})
	list, err := c.ListGroups(t.Context(), GroupFilter{Types: []string{"share"}, Topic: "bills"})
	if err != nil || !slices.Equal(list.Groups, []ListedGroup{{Group: "billing", Type: "share", State: "Stable", Protocol: "share", Members: 1}}) {
		t.Errorf("got %+v, error %v", list, err)
	}
}

// A snapshot of a share group leads it back on the same cluster.
func TestSnapshotOfAShareGroup(t *testing.T) {
	f := sharing(t)
	c := connect(t, f.Bootstrap())
	taken, err := c.Snapshot(t.Context(), "billing", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(taken.Notes, shareSnapshotNote) {
		t.Errorf("notes %q", taken.Notes)
	}
	if _, err := run(t.Context(), c, shared(offset.Target{Kind: offset.ToLatest})); err != nil {
		t.Fatal(err)
	}
	req := shared(offset.Target{Kind: offset.ToSnapshot, Snapshot: taken.Snapshot})
	req.Scope = offset.Scope{}
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	wantStarts(t, f, fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
}

// Brokers that are too old are named, with the release that is needed.
func TestShareGroupsOfAnOldBroker(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V3_9_0())}})
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	c := connect(t, f.Bootstrap())
	_, err := run(t.Context(), c, shared(earliest))
	wantError(t, err, offset.Unsupported, "share groups", "Kafka 4.1 or later", "Nothing was changed")
	req := shared(earliest)
	req.GroupType = offset.StreamsGroup
	_, err = run(t.Context(), c, req)
	wantError(t, err, offset.Unsupported, "streams groups", "Kafka 4.2 or later", "Nothing was changed")
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
}

// Start offsets are deleted only while the group has no members, whatever they
// consume.
func TestShareGroupForgetWaitsForAllMembers(t *testing.T) {
	f := sharing(t)
	c := connect(t, f.Bootstrap())
	req := shared(earliest)
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	m := f.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"bills"}, Protocol: kafkaclient.Share, ClientID: "bill-printer"})
	_, err = c.Forget(t.Context(), undoOf(req, result))
	wantError(t, err, offset.GroupActive, `Share group "billing" is Stable with 1 member`, "bill-printer", "Nothing was changed")
	if got := f.ShareStarts(t, "billing")["orders"]; !maps.Equal(got, map[int32]int64{0: 0, 1: 0, 2: 0}) {
		t.Errorf("start offsets %v", got)
	}
	f.Leave(t, m)
	if _, err := c.Forget(t.Context(), undoOf(req, result)); err != nil {
		t.Fatal(err)
	}
	if got := f.ShareStarts(t, "billing")["orders"]; len(got) > 0 {
		t.Errorf("start offsets %v", got)
	}
}

// A snapshot takes a share group to the same records on another cluster, too,
// where what was acknowledged after its start offsets is delivered again.
func TestSnapshotOfAShareGroupOnAnotherCluster(t *testing.T) {
	f := sharing(t)
	taken, err := connect(t, f.Bootstrap()).Snapshot(t.Context(), "billing", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.ClusterID("other")}})
	for p := range int32(3) {
		other.Produce(t, "orders", p, fake.Record{At: noon.Add(-time.Hour), Key: "before", Value: "before"})
	}
	other.Fill(t, "orders", 3, 10, noon, time.Second)
	req := shared(offset.Target{Kind: offset.ToSnapshot, Snapshot: taken.Snapshot})
	req.Scope, req.AllowNewGroup = offset.Scope{}, true
	result, err := run(t.Context(), connect(t, other.Bootstrap()), req)
	if err != nil {
		t.Fatal(err)
	}
	wantStarts(t, other, fake.Offsets{"orders": {0: 6, 1: 6, 2: 6}})
	if s := offset.SummarizeOutcomes(result.Outcomes); s.Matched != 3 {
		t.Errorf("summary %+v", s)
	}
}
