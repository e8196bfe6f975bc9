package kafka

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func TestResetToEachTarget(t *testing.T) {
	f := orders(t)
	f.Commit(t, "source", fake.Offsets{"orders": {0: 1, 1: 2, 2: 3}})
	c := connect(t, f.Bootstrap())
	c.clock = clock.Fixed(noon.Add(time.Hour))
	leaders := map[int32]bool{}
	for p := range int32(3) {
		leaders[f.LeaderFor("orders", p)] = true
	}
	for name, tc := range map[string]struct {
		target offset.Target
		want   [3]int64
		lists  int // ListOffsets requests to each leader
		fetch  int // OffsetFetch requests
	}{
		"earliest":           {offset.Target{Kind: offset.ToEarliest}, [3]int64{0, 0, 0}, 2, 3},
		"latest":             {offset.Target{Kind: offset.ToLatest}, [3]int64{10, 10, 10}, 2, 3},
		"current":            {offset.Target{Kind: offset.ToCurrent}, [3]int64{5, 5, 5}, 2, 3},
		"offset":             {offset.Target{Kind: offset.ToOffset, Offset: 7}, [3]int64{7, 7, 7}, 2, 3},
		"offset after end":   {offset.Target{Kind: offset.ToOffset, Offset: 999999}, [3]int64{10, 10, 10}, 2, 3},
		"time":               {offset.Target{Kind: offset.ToTime, Time: noon.Add(3500 * time.Millisecond)}, [3]int64{4, 4, 4}, 3, 3},
		"time before all":    {offset.Target{Kind: offset.ToTime, Time: noon.Add(-time.Hour)}, [3]int64{0, 0, 0}, 3, 3},
		"time after all":     {offset.Target{Kind: offset.ToTime, Time: noon.Add(time.Minute)}, [3]int64{10, 10, 10}, 3, 3},
		"time in the future": {offset.Target{Kind: offset.ToTime, Time: noon.Add(24 * time.Hour)}, [3]int64{10, 10, 10}, 3, 3},
		"lookback":           {offset.Target{Kind: offset.ToLookback, Lookback: time.Hour - 6*time.Second}, [3]int64{6, 6, 6}, 3, 3},
		"shift":              {offset.Target{Kind: offset.ByShift, Shift: -2}, [3]int64{3, 3, 3}, 2, 3},
		"group":              {offset.Target{Kind: offset.ToGroup, Group: "source"}, [3]int64{1, 2, 3}, 2, 4},
	} {
		t.Run(name, func(t *testing.T) {
			f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
			f.ResetRequests()
			result, err := run(t.Context(), c, reset(tc.target))
			if err != nil {
				t.Fatal(err)
			}
			w := tc.want
			want(t, f, "billing", fake.Offsets{"orders": {0: w[0], 1: w[1], 2: w[2]}})
			for i, m := range result.Outcomes {
				if m.Previous != 5 || m.Offset != w[i] || m.Start != 0 || m.End != 10 || m.Seen != w[i] || m.Failed() {
					t.Errorf("move %+v", m)
				}
			}
			if result.State != "Empty" || result.ClusterID != "fake-cluster" {
				t.Errorf("state %q, cluster %q", result.State, result.ClusterID)
			}
			got := f.Requests()
			delete(got, 18) // one for each new connection
			coordinators := tc.fetch - 2
			wants := map[int16]int{3: 1, 10: coordinators, 15: 1, 2: tc.lists * len(leaders), 9: tc.fetch, 8: 1}
			if tc.target.Kind == offset.ToCurrent { // nothing is committed, nor read back
				delete(wants, 8)
				wants[9]--
			}
			same(t, "requests", got, wants)
		})
	}
}

func TestNothingIsPerPartition(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"wide": 300}})
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Queue = 5 * time.Second // a busy machine must not make it open another connection
	req := reset(offset.Target{Kind: offset.ToTime, Time: noon})
	req.Scope.Topics, req.AllowNewGroup = []string{"wide"}, true
	f.ResetRequests()
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Outcomes) != 300 {
		t.Errorf("%d moves", len(result.Outcomes))
	}
	got := f.Requests()
	connections := got[18]
	delete(got, 18)
	// The group does not exist: whether it has offsets elsewhere, and what
	// kind it is of, costs one more request each.
	same(t, "requests", got, map[int16]int{3: 1, 10: 1, 69: 1, 15: 1, 16: 1, 2: 9, 9: 4, 8: 1})
	if connections > 3 {
		t.Errorf("%d connections to 3 brokers", connections)
	}
}

func TestScopes(t *testing.T) {
	newCluster := func(t *testing.T) (*fake.Cluster, *Client) {
		f := orders(t)
		f.Fill(t, "bills", 2, 4, noon, time.Second)
		f.Commit(t, "billing", fake.Offsets{"bills": {1: 2}})
		f.Commit(t, "source", fake.Offsets{"bills": {0: 1}, "orders": {2: 9}})
		return f, connect(t, f.Bootstrap())
	}
	earliest := offset.Target{Kind: offset.ToEarliest}
	for name, tc := range map[string]struct {
		scope  offset.Scope
		target offset.Target
		want   fake.Offsets
		note   string
	}{
		"topic":            {offset.Scope{Topics: []string{"orders"}}, earliest, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {1: 2}}, ""},
		"topics":           {offset.Scope{Topics: []string{"orders", "bills"}}, earliest, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {0: 0, 1: 0}}, ""},
		"one partition":    {offset.Scope{Topics: []string{"orders"}, Partitions: []int32{1}}, earliest, fake.Offsets{"orders": {0: 5, 1: 0, 2: 5}, "bills": {1: 2}}, ""},
		"partitions":       {offset.Scope{Topics: []string{"orders"}, Partitions: []int32{2, 0}}, earliest, fake.Offsets{"orders": {0: 0, 1: 5, 2: 0}, "bills": {1: 2}}, ""},
		"partition -1":     {offset.Scope{Topics: []string{"orders"}, Partitions: []int32{-1}}, earliest, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {1: 2}}, ""},
		"all topics":       {offset.Scope{AllTopics: true}, earliest, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {1: 0}}, "left alone in bills"},
		"all topics shift": {offset.Scope{AllTopics: true}, offset.Target{Kind: offset.ByShift, Shift: 1}, fake.Offsets{"orders": {0: 6, 1: 6, 2: 6}, "bills": {1: 3}}, "may be described"},
		"all topics of the source": {offset.Scope{AllTopics: true}, offset.Target{Kind: offset.ToGroup, Group: "source"},
			fake.Offsets{"orders": {0: 5, 1: 5, 2: 9}, "bills": {0: 1, 1: 2}}, ""},
		"offsets": {offset.Scope{}, offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {2: 8}, "bills": {0: 3}}},
			fake.Offsets{"orders": {0: 5, 1: 5, 2: 8}, "bills": {0: 3, 1: 2}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newCluster(t)
			req := reset(tc.target)
			req.Scope = tc.scope
			result, err := run(t.Context(), c, req)
			if err != nil {
				t.Fatal(err)
			}
			want(t, f, "billing", tc.want)
			if !strings.Contains(strings.Join(result.Notes, " "), tc.note) {
				t.Errorf("notes do not say %q: %q", tc.note, result.Notes)
			}
			if !slices.IsSortedFunc(result.Outcomes, func(a, b offset.Outcome) int { return a.Compare(b.Partition) }) {
				t.Error("moves are not sorted")
			}
		})
	}
}

func TestPlanWritesNothing(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	plan, err := c.Plan(t.Context(), reset(offset.Target{Kind: offset.ToEarliest}))
	if err != nil {
		t.Fatal(err)
	}
	if s := offset.Summarize(plan.Moves); s.Replayed != 15 || s.Moved != 3 {
		t.Errorf("summary %+v", s)
	}
	if plan.State != "Empty" || plan.Protocol != "classic" || plan.ClusterID != "fake-cluster" {
		t.Errorf("plan %+v", plan)
	}
	wantNothing(t, f)
}

func TestFutureInstantIsPointedOut(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.clock = clock.Fixed(noon)
	plan, err := c.Plan(t.Context(), reset(offset.Target{Kind: offset.ToTime, Time: noon.Add(time.Hour)}))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Notes, func(n string) bool { return strings.Contains(n, "2026-03-01T13:00:00Z lies in the future") }) {
		t.Errorf("notes %q", plan.Notes)
	}
}

func TestStalePlanIsMadeAnew(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.clock = clock.Fixed(noon)
	plan, err := c.Plan(t.Context(), reset(offset.Target{Kind: offset.ToLatest}))
	if err != nil {
		t.Fatal(err)
	}
	f.Fill(t, "orders", 3, 1, noon, time.Second)
	c.clock = clock.Fixed(noon.Add(time.Minute))
	if _, err := c.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 11, 1: 11, 2: 11}})
}

func TestRefusedBeforeAnythingIsWritten(t *testing.T) {
	shift := offset.Target{Kind: offset.ByShift, Shift: -1}
	earliest := offset.Target{Kind: offset.ToEarliest}
	for name, tc := range map[string]struct {
		change func(*offset.Request)
		code   offset.Code
		words  []string
	}{
		"missing topic":     {func(r *offset.Request) { r.Scope.Topics = []string{"orders", "ordres"} }, offset.TopicMissing, []string{`"ordres" does not exist`}},
		"missing partition": {func(r *offset.Request) { r.Scope.Partitions = []int32{1, 7} }, offset.PartitionGone, []string{"orders-7"}},
		"missing partition below": {func(r *offset.Request) {
			r.Target = offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"bills": {0: 1, 2: 1}}}
			r.Scope = offset.Scope{}
		}, offset.PartitionGone, []string{"bills-2"}},
		"unknown group":             {func(r *offset.Request) { r.Group = "biling" }, offset.GroupMissing, []string{"misspelt", "expired", "another cluster", "DESCRIBE"}},
		"unknown group, all topics": {func(r *offset.Request) { r.Group, r.Scope = "biling", offset.Scope{AllTopics: true} }, offset.GroupMissing, nil},
		"new group, all topics": {func(r *offset.Request) {
			r.Group, r.AllowNewGroup, r.Scope = "new", true, offset.Scope{AllTopics: true}
		}, offset.NoOffset, nil},
		"shift without an offset": {func(r *offset.Request) { r.Scope.Topics, r.Target = []string{"bills"}, shift }, offset.NoOffset, []string{"bills-0, bills-1"}},
		"source without an offset": {func(r *offset.Request) {
			r.Scope.Topics, r.Target = []string{"bills"}, offset.Target{Kind: offset.ToGroup, Group: "other"}
		}, offset.NoOffset, []string{`"other"`, "bills-0"}},
		"source of all topics without an offset": {func(r *offset.Request) {
			r.Scope, r.Target = offset.Scope{AllTopics: true}, offset.Target{Kind: offset.ToGroup, Group: "other"}
		}, offset.NoOffset, []string{`"other"`}},
		"outside of the log": {func(r *offset.Request) {
			r.OutOfRange, r.Target = offset.Refuse, offset.Target{Kind: offset.ToOffset, Offset: 11}
		}, offset.OutsideLog, []string{"orders-0: 11 is outside of 0 to 10"}},
		"too many replayed": {func(r *offset.Request) { n := int64(14); r.Limits.MaxReplayed = &n }, offset.LimitExceeded, []string{"15 messages"}},
		"too many skipped":  {func(r *offset.Request) { n := int64(0); r.Limits.MaxSkipped, r.Target.Kind = &n, offset.ToLatest }, offset.LimitExceeded, []string{"15 messages"}},
		"no group":          {func(r *offset.Request) { r.Group = "" }, offset.InvalidArgument, nil},
		"no scope":          {func(r *offset.Request) { r.Scope = offset.Scope{} }, offset.InvalidArgument, nil},
		"two scopes":        {func(r *offset.Request) { r.Scope.AllTopics = true }, offset.InvalidArgument, nil},
		"empty topic":       {func(r *offset.Request) { r.Scope.Topics = []string{""} }, offset.InvalidArgument, nil},
		"partition -2":      {func(r *offset.Request) { r.Scope.Partitions = []int32{-2} }, offset.InvalidArgument, nil},
		"no target":         {func(r *offset.Request) { r.Target = offset.Target{} }, offset.InvalidArgument, nil},
		"negative offset":   {func(r *offset.Request) { r.Target = offset.Target{Kind: offset.ToOffset, Offset: -1} }, offset.InvalidArgument, nil},
		"negative time":     {func(r *offset.Request) { r.Target = offset.Target{Kind: offset.ToTime, Time: time.UnixMilli(-2)} }, offset.InvalidArgument, nil},
		"negative duration": {func(r *offset.Request) { r.Target = offset.Target{Kind: offset.ToLookback, Lookback: -1} }, offset.InvalidArgument, nil},
		"lookback before 1970": {func(r *offset.Request) {
			r.Target = offset.Target{Kind: offset.ToLookback, Lookback: 100 * 365 * 24 * time.Hour}
		}, offset.InvalidArgument, []string{"before 1970"}},
		"shift by nothing": {func(r *offset.Request) { r.Target = offset.Target{Kind: offset.ByShift} }, offset.InvalidArgument, nil},
		"clone of itself":  {func(r *offset.Request) { r.Target = offset.Target{Kind: offset.ToGroup, Group: "billing"} }, offset.InvalidArgument, nil},
		"negative explicit offset": {func(r *offset.Request) {
			r.Scope, r.Target = offset.Scope{}, offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {0: -1}}}
		}, offset.InvalidArgument, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			req := reset(earliest)
			tc.change(&req)
			result, err := run(t.Context(), c, req)
			wantError(t, err, tc.code, append(tc.words, "Nothing was changed")...)
			if result != nil {
				t.Errorf("a result beside the error: %+v", result)
			}
			wantNothing(t, f)
		})
	}
}

func TestMissingTopicCostsNothingPerPartition(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	req := reset(offset.Target{Kind: offset.ToEarliest})
	req.Scope.Topics = []string{"missing"}
	f.ResetRequests()
	_, err := c.Plan(t.Context(), req)
	wantError(t, err, offset.TopicMissing)
	if n := f.Requests()[2]; n > 0 {
		t.Errorf("%d ListOffsets requests for a topic that does not exist", n)
	}
}

func TestTopicIsNotCreatedByAsking(t *testing.T) {
	f := fake.New(t, fake.Options{Kfake: []kfake.Opt{kfake.AllowAutoTopicCreation()}})
	c := connect(t, f.Bootstrap())
	_, err := c.TopicOffsets(t.Context(), []string{"missing"}, offset.Target{Kind: offset.ToLatest}, "")
	wantError(t, err, offset.TopicMissing)
	if f.TopicInfo("missing") != nil {
		t.Error("asking for the topic has created it")
	}
}

func TestNewGroupIsCreatedOnDemand(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	req := reset(offset.Target{Kind: offset.ToLatest})
	req.Group, req.AllowNewGroup = "new", true
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "new", fake.Offsets{"orders": {0: 10, 1: 10, 2: 10}})
	if s := offset.SummarizeOutcomes(result.Outcomes); s.Created != 3 || result.Outcomes[0].Previous != offset.None {
		t.Errorf("summary %+v of %+v", s, result.Outcomes)
	}
	if !strings.Contains(strings.Join(result.Notes, " "), `"new" does not exist yet`) {
		t.Errorf("notes %q", result.Notes)
	}
}

// A tool that resolved a time after the last record has committed -1, which
// brokers store: that is no offset.
func TestCommittedMinusOneIsNoOffset(t *testing.T) {
	f := orders(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {1: -1}})
	c := connect(t, f.Bootstrap())
	_, err := c.Plan(t.Context(), reset(offset.Target{Kind: offset.ByShift, Shift: 1}))
	wantError(t, err, offset.NoOffset, "in orders-1,")
	if _, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToCurrent})); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 10, 2: 5}})
}

func TestCommitCarriesRealLeaderEpochs(t *testing.T) {
	f := orders(t)
	move := func() {
		for p := range int32(3) {
			if err := f.MoveTopicPartition("orders", p, (f.LeaderFor("orders", p)+1)%3); err != nil {
				t.Fatal(err)
			}
		}
	}
	move()
	f.Fill(t, "orders", 3, 1, noon.Add(time.Minute), time.Second)
	now := f.PartitionInfo("orders", 0).Epoch
	c := connect(t, f.Bootstrap())
	for _, tc := range []struct {
		target offset.Target
		epoch  int32
	}{
		{offset.Target{Kind: offset.ToLatest}, now},
		{offset.Target{Kind: offset.ToEarliest}, now - 1},
		{offset.Target{Kind: offset.ToTime, Time: noon.Add(time.Second)}, now - 1},
		{offset.Target{Kind: offset.ToOffset, Offset: 3}, -1},
	} {
		if _, err := run(t.Context(), c, reset(tc.target)); err != nil {
			t.Fatal(err)
		}
		if got := f.GroupInfo("billing").Commits["orders"][0].LeaderEpoch; got != tc.epoch {
			t.Errorf("%s: committed leader epoch %d, want %d", tc.target.Kind, got, tc.epoch)
		}
	}
}

func TestReadCommittedEndsAtTheLastStableOffset(t *testing.T) {
	f := orders(t)
	tx := f.Begin(t, "tx", "orders", 0, fake.Record{At: noon.Add(time.Hour), Value: "open"})
	f.Fill(t, "orders", 1, 2, noon.Add(2*time.Hour), time.Second)
	c := connect(t, f.Bootstrap())
	for _, tc := range []struct {
		isolation offset.Isolation
		target    offset.Target
		want      int64
	}{
		{offset.ReadUncommitted, offset.Target{Kind: offset.ToLatest}, 13},
		{offset.ReadCommitted, offset.Target{Kind: offset.ToLatest}, 10},
		{offset.ReadCommitted, offset.Target{Kind: offset.ToOffset, Offset: 12}, 10},
		{offset.ReadCommitted, offset.Target{Kind: offset.ToTime, Time: noon.Add(time.Hour)}, 10},
		{offset.ReadUncommitted, offset.Target{Kind: offset.ToTime, Time: noon.Add(2 * time.Hour)}, 11},
	} {
		req := reset(tc.target)
		req.Isolation, req.Scope.Partitions = tc.isolation, []int32{0}
		result, err := run(t.Context(), c, req)
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Outcomes[0].Offset; got != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.isolation, tc.target.Kind, got, tc.want)
		}
	}
	if err := tx.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// An offset that a transaction has pending is not committed, and what is
// committed after it outlives the transaction.
func TestPendingTransactionalOffsetIsNotRead(t *testing.T) {
	f := orders(t)
	tx := f.Begin(t, "tx", "bills", 0, fake.Record{Value: "x"})
	if err := tx.CommitOffsets(t.Context(), "billing", fake.Offsets{"orders": {0: 9}}); err != nil {
		t.Fatal(err)
	}
	c := connect(t, f.Bootstrap())
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 2}))
	if err != nil {
		t.Fatal(err)
	}
	if p := result.Outcomes[0].Previous; p != 5 {
		t.Errorf("previous %d, want the committed 5 and not the pending 9", p)
	}
	if err := tx.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// commits counts the partitions of each commit, and lets fn answer.
func commits(f *fake.Cluster, fn func(n int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool)) *[]int {
	sizes := &[]int{}
	f.ControlKey(8, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		req := r.(*kmsg.OffsetCommitRequest)
		n := 0
		for _, t := range req.Topics {
			n += len(t.Partitions)
		}
		*sizes = append(*sizes, n)
		return fn(len(*sizes), req)
	})
	return sizes
}

// answer fills a commit's response with one code.
func answer(req *kmsg.OffsetCommitRequest, code int16) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func partitionCount(req *kmsg.OffsetCommitRequest) (n int) {
	for _, t := range req.Topics {
		n += len(t.Partitions)
	}
	return n
}

// A cluster whose max.message.bytes for __consumer_offsets was lowered answers
// -1 on every partition of a commit that is too large.
func TestCommitThatIsTooLargeIsHalved(t *testing.T) {
	for _, code := range []int16{-1, 10, 28} {
		t.Run(strconv.Itoa(int(code)), func(t *testing.T) {
			f := fake.New(t, fake.Options{Topics: map[string]int32{"wide": 100}})
			c := connect(t, f.Bootstrap())
			sizes := commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
				if partitionCount(req) > 30 {
					return answer(req, code), nil, true
				}
				return nil, nil, false
			})
			req := reset(offset.Target{Kind: offset.ToLatest})
			req.Scope.Topics, req.AllowNewGroup = []string{"wide"}, true
			if _, err := run(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
			if n := len(f.Committed("billing")["wide"]); n != 100 {
				t.Errorf("%d partitions are committed", n)
			}
			if want := []int{100, 50, 25, 25, 25, 25}; !reflect.DeepEqual(*sizes, want) {
				t.Errorf("commits of %v partitions, want %v", *sizes, want)
			}
		})
	}
}

func TestCommitThatIsRefusedWholeChangesNothing(t *testing.T) {
	for code, want := range map[int16]offset.Code{-1: offset.Failed, 29: offset.Unauthorized, 30: offset.Unauthorized, 12: offset.Failed} {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
			return answer(req, code), nil, true
		})
		result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToEarliest}))
		wantError(t, err, want, "orders-0", "orders-2", "Nothing was changed")
		if result != nil {
			t.Errorf("a result beside the error: %+v", result)
		}
	}
}

// chunked makes every commit of more than one partition too large.
func chunked(f *fake.Cluster, after func(n int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool)) {
	commits(f, func(n int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		if partitionCount(req) > 1 {
			return answer(req, -1), nil, true
		}
		return after(n, req)
	})
}

// Chunks of one commit are not atomic together.
func TestGroupIsCheckedBeforeEachChunk(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	joined := false
	chunked(f, func(int, *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		if !joined {
			joined = true
			f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				return described(r, "Stable", "consumer", "late-consumer"), nil, true
			})
		}
		return nil, nil, false
	})
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToEarliest}))
	wantError(t, err, offset.Incomplete, "orders-1", "orders-2", "became active", "1 partition was committed")
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 5, 2: 5}})
	if result.Outcomes[0].Failed() || !result.Outcomes[1].Failed() || !result.Outcomes[2].Failed() {
		t.Errorf("moves %+v", result.Outcomes)
	}
}

// described is a classic group's description.
func described(r kmsg.Request, state, protocolType string, members ...string) kmsg.Response {
	req := r.(*kmsg.DescribeGroupsRequest)
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	g := kmsg.NewDescribeGroupsResponseGroup()
	g.Group, g.State, g.ProtocolType = req.Groups[0], state, protocolType
	for _, id := range members {
		m := kmsg.NewDescribeGroupsResponseGroupMember()
		m.MemberID, m.ClientID, m.ClientHost = id+"-1", id, "/10.0.0.1"
		g.Members = append(g.Members, m)
	}
	resp.Groups = append(resp.Groups, g)
	return resp
}

func TestInterruptedCommitIsFinishedAndReadBack(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	chunked(f, func(int, *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		cancel()
		return nil, nil, false
	})
	result, err := run(ctx, c, reset(offset.Target{Kind: offset.ToEarliest}))
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	for _, m := range result.Outcomes {
		if m.Seen != 0 {
			t.Errorf("not read back: %+v", m)
		}
	}
}

func TestInterruptedBeforeTheCommitChangesNothing(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	plan, err := c.Plan(t.Context(), reset(offset.Target{Kind: offset.ToEarliest}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Apply(ctx, plan)
	wantError(t, err, offset.Interrupted, "Nothing was changed")
	if !errors.Is(err, context.Canceled) {
		t.Error("the cause is lost")
	}
	wantNothing(t, f)
}

func TestPartitionThatFailsIsNamedAndTheRestIsDone(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	req := reset(offset.Target{Kind: offset.ByShift, Shift: -2})
	result, err := run(t.Context(), c, req)
	wantError(t, err, offset.Incomplete, "orders-1: no right READ on the topic", "2 partitions were committed and read back")
	want(t, f, "billing", fake.Offsets{"orders": {0: 3, 1: 5, 2: 3}})
	if result == nil || len(result.Outcomes) != 3 || !result.Outcomes[1].Failed() || result.Outcomes[1].Offset != 3 || result.Outcomes[1].Previous != 5 {
		t.Fatalf("result %+v", result)
	}

	// The next apply does only the rest, with the target it already had, and
	// ends where one whole apply would have ended.
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 9}}) // a consumer has moved on
	sizes := commits(f, func(int, *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) { return nil, nil, false })
	result = goOn(t, c, req, result)
	want(t, f, "billing", fake.Offsets{"orders": {0: 9, 1: 3, 2: 3}})
	if !reflect.DeepEqual(*sizes, []int{1}) {
		t.Errorf("commits of %v partitions, want only the one that failed", *sizes)
	}
	for _, m := range result.Outcomes {
		if m.Previous != 5 || m.Offset != 3 || m.Failed() {
			t.Errorf("move %+v", m)
		}
	}
	// And the undo goes back to the very beginning where nobody moved on.
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 3}})
	if _, err := c.Undo(t.Context(), undo(result)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
}

// goOn does the rest of a reset that failed half-way, and returns the whole.
func goOn(t *testing.T, c *Client, req offset.Request, first *offset.Result) *offset.Result {
	t.Helper()
	rest, err := life.Rest(req, first.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	result, err := run(t.Context(), c, rest)
	if err != nil {
		t.Fatal(err)
	}
	result.Outcomes = life.Merge(first.Outcomes, result.Outcomes)
	return result
}

func undo(result *offset.Result) offset.UndoRequest {
	var none time.Duration
	return offset.UndoRequest{Group: "billing", ClusterID: result.ClusterID, Record: result.Outcomes, WaitForInactive: &none}
}

func TestReadBackThatDiffersInAnEmptyGroupIsAnError(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	overwrite(f)
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToEarliest}))
	wantError(t, err, offset.Overwritten, "orders-1: 8 instead of 0", "assign()", "MirrorMaker", "2 partitions were committed")
	if m := result.Outcomes[1]; m.Seen != 8 || !m.Failed() || m.Offset != 0 {
		t.Errorf("move %+v", m)
	}
}

// overwrite has partition 1 read as 8 from the first commit on.
func overwrite(f *fake.Cluster) {
	f.ResetRequests()
	f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if f.Requests()[8] == 0 {
			return nil, nil, false
		}
		return tell(r, func(p int32) int64 {
			if p == 1 {
				return 8
			}
			return 0
		}), nil, true
	})
}

func TestReadBackThatDiffersInAnActiveGroupIsTold(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	overwrite(f)
	n := 0
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if n++; n == 1 {
			return nil, nil, false
		}
		return described(r, "Stable", "consumer", "c"), nil, true
	})
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToEarliest}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(result.Notes, " "), "has moved on to orders-1: 8 instead of 0") {
		t.Errorf("notes %q", result.Notes)
	}
	if m := result.Outcomes[1]; m.Seen != 8 || m.Failed() {
		t.Errorf("move %+v", m)
	}
}

func TestSeveralResetsShareTheConnections(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Queue = time.Minute // nothing here is slow but the machine
	f.ResetRequests()
	errs := make(chan error, 20)
	for i := range cap(errs) {
		go func() {
			req := reset(offset.Target{Kind: offset.ToOffset, Offset: int64(i % 10)})
			req.Group, req.AllowNewGroup = fmt.Sprintf("group-%d", i), true
			_, err := run(t.Context(), c, req)
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for i := range cap(errs) {
		n := int64(i % 10)
		want(t, f, fmt.Sprintf("group-%d", i), fake.Offsets{"orders": {0: n, 1: n, 2: n}})
	}
	if n := f.Requests()[18]; n > 3 {
		t.Errorf("%d connections to 3 brokers", n)
	}
}
