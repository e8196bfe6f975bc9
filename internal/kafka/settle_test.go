package kafka

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

var oneBack = offset.Target{Kind: offset.ByShift, Shift: -1}

// unreadable has reads of offsets fail while it is told so, from the first
// commit on.
func unreadable(f *fake.Cluster) (end func()) {
	broken := make(chan struct{})
	f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		select {
		case <-broken:
			return nil, nil, false
		default:
		}
		if f.Requests()[8] == 0 {
			return nil, nil, false
		}
		resp := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		g := kmsg.NewOffsetFetchResponseGroup()
		g.Group, g.ErrorCode = r.(*kmsg.OffsetFetchRequest).Groups[0].Group, kerr.GroupAuthorizationFailed.Code
		resp.Groups = append(resp.Groups, g)
		return resp, nil, true
	})
	return func() { close(broken) }
}

func wantUnsettled(t *testing.T, result *offset.Result, ids ...int32) {
	t.Helper()
	if result == nil || !result.InDoubt {
		t.Fatalf("not in doubt: %+v", result)
	}
	for _, m := range result.Outcomes {
		unsettled := slices.Contains(ids, m.ID)
		if (m.State == offset.Unsettled) != unsettled {
			t.Errorf("partition %d, unsettled %t: %+v", m.ID, unsettled, m)
		}
	}
}

// A commit that could not be read back may have landed, whether it was
// answered or not: it is recorded, an undo compares, and a further apply does
// it once more with the target that it had.
func TestCommitThatCannotBeReadBackIsInDoubt(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(f *fake.Cluster, end <-chan struct{})
		word    string
	}{
		"acknowledged": {func(*fake.Cluster, <-chan struct{}) {}, "committed, but it could not be read back"},
		"landed without an answer": {func(f *fake.Cluster, _ <-chan struct{}) {
			f.LoseResponses(8, 1000)
		}, "could not be asked"},
		"not landed": {func(f *fake.Cluster, end <-chan struct{}) {
			f.ControlKey(8, func(kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				select {
				case <-end:
					return nil, nil, false
				default:
					return nil, errors.New("gone"), true
				}
			})
		}, "could not be asked"},
	} {
		for _, then := range []string{"undo", "apply"} {
			t.Run(name+", then "+then, func(t *testing.T) {
				f := orders(t)
				c := connect(t, f.Bootstrap())
				c.cluster.Times.Failover.Total = 20 * time.Millisecond
				end := make(chan struct{})
				readable := unreadable(f)
				f.ResetRequests()
				tc.happens(f, end)
				result, err := run(t.Context(), c, reset(oneBack))
				wantError(t, err, offset.Incomplete, "could not be read back", "Apply again")
				wantUnsettled(t, result, 0, 1, 2)
				if got := result.Outcomes[0].Reason; !strings.Contains(got, tc.word) {
					t.Errorf("the partition says %q", got)
				}

				close(end)
				readable()
				f.LoseResponses(8, 0)
				c.cluster.Times.Failover.Total = 5 * time.Second
				if then == "undo" {
					if _, err := c.Undo(t.Context(), undo(result)); err != nil {
						t.Fatal(err)
					}
					want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
					return
				}
				result = goOn(t, c, reset(oneBack), result)
				want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
				for _, m := range result.Outcomes {
					if m.Failed() || m.Previous != 5 || m.Seen != 4 {
						t.Errorf("settled as %+v", m)
					}
				}
			})
		}
	}
}

// A partition of which the read-back tells an error is not without offset.
func TestPartitionThatCannotBeReadBackIsInDoubt(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.ControlKey(8, func(kmsg.Request) (kmsg.Response, error, bool) {
		f.Fault(kfake.Fault{Keys: []kmsg.Key{9}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
		return nil, nil, false
	})
	result, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Incomplete, "orders-1: committed, but it could not be read back", "2 partitions were committed and read back")
	wantUnsettled(t, result, 1)
}

// The first commit lands and its answer is lost, or tells that it was not
// replicated in time; the second is refused for a member that has come since.
// That is not the same as having found the member before: resolved anew, the
// shift would be applied twice.
func TestShiftIsNotAppliedTwiceWhenTheGroupBecomesActive(t *testing.T) {
	for name, late := range map[string]bool{"answer lost": false, "timed out": true} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			if !late {
				f.LoseResponses(8, 1)
			}
			sizes := commits(f, func(i int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
				switch {
				case i == 2:
					return answer(req, kerr.UnknownMemberID.Code), nil, true
				case late:
					return answer(req, kerr.RequestTimedOut.Code), nil, true
				}
				return nil, nil, false
			})
			result, err := run(t.Context(), c, reset(oneBack))
			if len(*sizes) != 2 {
				t.Errorf("commits of %v partitions, want two", *sizes)
			}
			if late { // the cluster of the test has not written it
				wantError(t, err, offset.Failed, "orders-0 to orders-2: the group became active", "Nothing was changed")
				want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
			for _, m := range result.Outcomes {
				if m.Previous != 5 || m.Offset != 4 || m.Failed() {
					t.Errorf("move %+v", m)
				}
			}
		})
	}
}

// Nor when the consumer has moved on from where the lost commit had put it.
func TestLostCommitFromWhichAConsumerMovedOnIsInDoubt(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.LoseResponses(8, 1)
	overwrite(f)
	commits(f, func(i int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		if i == 2 {
			return answer(req, kerr.UnknownMemberID.Code), nil, true
		}
		return nil, nil, false
	})
	result, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Incomplete, "orders-1: the group became active", "2 partitions were committed")
	wantUnsettled(t, result, 1)
}

// A broker that takes no commit at all is not asked once for each partition.
func TestBrokerThatRefusesEverySizeIsNotAskedForEachPartition(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"wide": 200}})
	c := connect(t, f.Bootstrap())
	sizes := commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		return answer(req, -1), nil, true
	})
	req := reset(offset.Target{Kind: offset.ToLatest})
	req.Scope.Topics, req.AllowNewGroup = []string{"wide"}, true
	result, err := run(t.Context(), c, req)
	wantError(t, err, offset.Failed, "wide-1 to wide-199: not written, because a commit of one partition failed", "Nothing was changed")
	if result != nil {
		t.Errorf("result %+v", result)
	}
	if want := []int{200, 100, 50, 25, 13, 7, 4, 2, 1}; !slices.Equal(*sizes, want) {
		t.Errorf("commits of %v partitions, want %v", *sizes, want)
	}
}

// One partition's error is no reason to write the others one by one.
func TestUnknownErrorOfOnePartitionDoesNotShrinkTheCommits(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.UnknownServerError, Count: -1})
	f.ResetRequests()
	_, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Incomplete, "orders-1", "2 partitions were committed")
	if n := f.Requests()[8]; n != 1 {
		t.Errorf("%d commits", n)
	}
}

// However long the commit took, there is time to look at what it did.
func TestReadBackHasItsOwnTime(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.finish = 200 * time.Millisecond
	f.LoseResponses(8, 1000)
	c.cluster.Times.Failover.Total = time.Minute
	result, err := run(t.Context(), c, reset(oneBack))
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
	if result.Outcomes[0].Seen != 4 || result.InDoubt {
		t.Errorf("result %+v", result)
	}
}

// A group without lag that has consumed everything again is where it was before
// the reset. That is no sign of an undo: what has landed stays as it is.
func TestAResumeMovesNothingThatHasLandedAgain(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	req := reset(oneBack)
	first, err := run(t.Context(), c, req)
	wantError(t, err, offset.Incomplete, "orders-1")
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 2: 9}}) // consumed again, and moved on
	result := goOn(t, c, req, first)
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 4, 2: 9}})
	for _, m := range result.Outcomes {
		if m.Previous != 5 || m.Offset != 4 || m.Failed() {
			t.Errorf("outcome %+v", m)
		}
	}
}

// What certainly was not written counts from where it is when the rest is
// done: for the limits, and for an undo.
func TestAResumeCountsFromWhereAPartitionIsNow(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	req := reset(oneBack)
	most := int64(4)
	req.Limits.MaxReplayed = &most
	first, err := run(t.Context(), c, req)
	wantError(t, err, offset.Incomplete, "orders-1")
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 9}}) // its consumers have gone on
	rest, err := life.Rest(req, first.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	_, err = run(t.Context(), c, rest)
	wantError(t, err, offset.LimitExceeded, "5 messages would be replayed", "Nothing was changed")
	want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 9, 2: 4}})

	most = 5
	result := goOn(t, c, req, first)
	want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
	if _, err := c.Undo(t.Context(), undo(result)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 9, 2: 5}})
}

// A clone that failed half-way copies the metadata of the rest too, though the
// group that it was copied from has gone on since.
func TestTheRestOfACloneCarriesTheMetadata(t *testing.T) {
	f := orders(t)
	f.CommitWith(t, "source", commitsOf(kafkaclient.Commit{Offset: 2, Metadata: "zero"}, kafkaclient.Commit{Offset: 3, Metadata: state}, kafkaclient.Commit{Offset: 4}))
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	req := reset(offset.Target{Kind: offset.ToGroup, Group: "source"})
	first, err := run(t.Context(), c, req)
	wantError(t, err, offset.Incomplete, "orders-1")
	f.Commit(t, "source", fake.Offsets{"orders": {0: 9, 1: 9, 2: 9}})
	result := goOn(t, c, req, first)
	wantCommits(t, f.Commits(t, "billing"), commitsOf(
		kafkaclient.Commit{Offset: 2, Epoch: -1, Metadata: "zero"}, kafkaclient.Commit{Offset: 3, Epoch: -1, Metadata: state}, kafkaclient.Commit{Offset: 4, Epoch: -1}))
	if offset.AnyFailed(result.Outcomes) {
		t.Errorf("outcomes %+v", result.Outcomes)
	}
}

// So does the rest of a snapshot. What was found in it counts as that in the
// rest: of a group that was not here before, nothing is replayed or skipped.
func TestTheRestOfASnapshotCountsWhatWasFound(t *testing.T) {
	f := orders(t)
	f.CommitWith(t, "source", commitsOf(kafkaclient.Commit{Offset: 2}, kafkaclient.Commit{Offset: 3, Metadata: state}, kafkaclient.Commit{Offset: 4}))
	c := connect(t, f.Bootstrap())
	s := take(t, c, "source")
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	var none int64
	req := offset.Request{
		Group: "new", AllowNewGroup: true, WaitForInactive: new(time.Duration),
		Target: offset.Target{Kind: offset.ToSnapshot, Snapshot: s.Snapshot},
		Limits: offset.Limits{MaxReplayed: &none, MaxSkipped: &none},
	}
	first, err := run(t.Context(), c, req)
	wantError(t, err, offset.Incomplete, "orders-1")
	result := goOn(t, c, req, first)
	if got := f.Commits(t, "new")["orders"][1]; got.Offset != 3 || got.Metadata != state {
		t.Errorf("committed %+v", got)
	}
	if s := offset.SummarizeOutcomes(result.Outcomes); s.Matched != 3 || s.Created != 3 || s.Replayed+s.Skipped > 0 {
		t.Errorf("summary %+v", s)
	}
	// Brought back into a log that was trimmed since, it carries nothing.
	if err := f.DeleteRecords("orders", 1, 5); err != nil {
		t.Fatal(err)
	}
	rest, err := life.Rest(req, first.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	rest.Group, rest.Limits = "late", offset.Limits{}
	if _, err := run(t.Context(), c, rest); err != nil {
		t.Fatal(err)
	}
	if got := f.Commits(t, "late")["orders"][1]; got.Offset != 5 || got.Metadata != "" {
		t.Errorf("committed %+v", got)
	}
}
