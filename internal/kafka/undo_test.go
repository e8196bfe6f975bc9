package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// movedGroup is a cluster whose group was put from 5 to 8, where partition 2 had no
// offset before.
func movedGroup(t *testing.T) (*fake.Cluster, *Client, offset.UndoRequest) {
	t.Helper()
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "bills": 2}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5}, "bills": {0: 0}})
	c := connect(t, f.Bootstrap())
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 8}))
	if err != nil {
		t.Fatal(err)
	}
	f.ResetRequests()
	return f, c, undo(result)
}

var (
	before = fake.Offsets{"orders": {0: 5, 1: 5}, "bills": {0: 0}}
	after8 = fake.Offsets{"orders": {0: 8, 1: 8, 2: 8}, "bills": {0: 0}}
)

func wrote(f *fake.Cluster) int { return f.Requests()[8] + f.Requests()[47] }

func TestUndoPutsEveryOffsetBack(t *testing.T) {
	f, c, req := movedGroup(t)
	result, err := c.Undo(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", before)
	for i, to := range []int64{5, 5, offset.None} {
		if m := result.Outcomes[i]; m.Previous != 8 || m.Offset != to || m.Seen != to || m.Failed() {
			t.Errorf("move %+v", m)
		}
	}
	got := f.Requests()
	delete(got, 18)
	if got[8] != 1 || got[47] != 1 || got[9] != 2 || got[3] != 1 {
		t.Errorf("requests %v", got)
	}

	// Once more it has nothing to do.
	f.ResetRequests()
	if _, err := c.Undo(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", before)
	if n := wrote(f); n > 0 {
		t.Errorf("%d requests that write", n)
	}
}

func TestUndoRefusesAndChangesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(t *testing.T, f *fake.Cluster, req *offset.UndoRequest)
		code    offset.Code
		words   []string
		now     fake.Offsets
	}{
		"consumers have moved on": {func(t *testing.T, f *fake.Cluster, _ *offset.UndoRequest) {
			f.Commit(t, "billing", fake.Offsets{"orders": {1: 9}})
		}, offset.Overwritten, []string{"orders-1 is at 9 and not at 8", `on_destroy = "keep"`, "previous offsets from the record"},
			fake.Offsets{"orders": {0: 8, 1: 9, 2: 8}, "bills": {0: 0}}},
		"the old offset has left the log": {func(t *testing.T, f *fake.Cluster, _ *offset.UndoRequest) {
			if err := f.DeleteRecords("orders", 0, 6); err != nil {
				t.Fatal(err)
			}
		}, offset.OutsideLog, []string{"orders-0 was at 5 and its log holds 6 to 10"}, after8},
		"another cluster": {func(_ *testing.T, _ *fake.Cluster, req *offset.UndoRequest) {
			req.ClusterID = "other"
		}, offset.WrongCluster, []string{`"other"`, "the record"}, after8},
		"a member": {func(t *testing.T, f *fake.Cluster, _ *offset.UndoRequest) {
			f.Join(t, member(kafkaclient.Consumer))
		}, offset.GroupActive, []string{`"billing-app"`}, after8},
		"no right to delete": {func(t *testing.T, f *fake.Cluster, _ *offset.UndoRequest) {
			f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
				resp := described(r, "Empty", "consumer").(*kmsg.DescribeGroupsResponse)
				resp.Groups[0].AuthorizedOperations = 1<<3 | 1<<8
				return resp, nil, true
			})
		}, offset.Unauthorized, []string{`DELETE on the group "billing"`}, after8},
	} {
		t.Run(name, func(t *testing.T) {
			f, c, req := movedGroup(t)
			tc.happens(t, f, &req)
			_, err := c.Undo(t.Context(), req)
			wantError(t, err, tc.code, append(tc.words, "Nothing was changed")...)
			want(t, f, "billing", tc.now)
			if n := wrote(f); n > 0 {
				t.Errorf("%d requests that write", n)
			}
		})
	}
}

func TestUndoOfWhatIsGoneIsDone(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(t *testing.T, f *fake.Cluster)
		note    string
	}{
		"topic": {func(t *testing.T, f *fake.Cluster) {
			if err := f.DeleteTopic("orders"); err != nil {
				t.Fatal(err)
			}
		}, "orders"},
		"group": {func(t *testing.T, f *fake.Cluster) {
			if err := f.Client().DeleteGroup(t.Context(), "billing"); err != nil {
				t.Fatal(err)
			}
		}, `Consumer group "billing" does not exist any more`},
	} {
		t.Run(name, func(t *testing.T) {
			f, c, req := movedGroup(t)
			tc.happens(t, f)
			for what, do := range map[string]func() (*offset.Result, error){
				"undo":   func() (*offset.Result, error) { return c.Undo(t.Context(), req) },
				"forget": func() (*offset.Result, error) { return c.Forget(t.Context(), req) },
			} {
				result, err := do()
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if !strings.Contains(strings.Join(result.Notes, " "), tc.note) {
					t.Errorf("%s: notes %q", what, result.Notes)
				}
			}
			if n := wrote(f); n > 0 {
				t.Errorf("%d requests that write", n)
			}
		})
	}
}

func TestUndoLeavesAloneWhatAnotherResetHasSet(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 2}})
	req.Skip = func(p offset.Partition) bool { return p.ID == 1 }
	if _, err := c.Undo(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 2}, "bills": {0: 0}})
}

func TestUndoLeavesAloneWhatFailed(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 2}})
	req.Record = slices.Clone(req.Record)
	req.Record[1].Fail("no")
	if _, err := c.Undo(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 2}, "bills": {0: 0}})
}

func TestUndoOfNothing(t *testing.T) {
	_, c, req := movedGroup(t)
	req.Record = nil
	if result, err := c.Undo(t.Context(), req); err != nil || len(result.Notes) != 1 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := c.Forget(t.Context(), req); err != nil {
		t.Error(err)
	}
}

func TestUndoWaitsForMembersAndComparesAgain(t *testing.T) {
	f, c, req := movedGroup(t)
	m := f.Join(t, member(kafkaclient.Classic))
	wait := time.Minute
	told := make(chan string, 100)
	req.WaitForInactive, req.Progress = &wait, func(s string) { told <- s }
	done := make(chan error, 1)
	go func() {
		_, err := c.Undo(t.Context(), req)
		done <- err
	}()
	<-told
	leaveAt(t, f, m, fake.Offsets{"orders": {0: 9}})
	wantError(t, <-done, offset.Overwritten, "orders-0 is at 9")
}

func TestUndoThatFailsOnOnePartitionCanBeRepeated(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Topic: "orders", Partitions: []int32{1}, Err: kerr.InvalidTopicException, Count: 1})
	_, err := c.Undo(t.Context(), req)
	wantError(t, err, offset.Incomplete, "orders-1", "2 partitions were put back")
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 8}, "bills": {0: 0}})
	if _, err := c.Undo(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", before)
}

func TestForgetDeletesTheRecordedOffsetsOnly(t *testing.T) {
	f, c, req := movedGroup(t)
	result, err := c.Forget(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"bills": {0: 0}})
	if n := f.Requests()[47]; n != 1 {
		t.Errorf("%d requests", n)
	}
	for _, m := range result.Outcomes {
		if m.Previous != 8 || m.Offset != offset.None || m.Failed() {
			t.Errorf("move %+v", m)
		}
	}
	if _, err := c.Forget(t.Context(), req); err != nil {
		t.Error("a second time:", err)
	}
}

func TestForgetRefusesAnotherCluster(t *testing.T) {
	f, c, req := movedGroup(t)
	req.ClusterID = "other"
	_, err := c.Forget(t.Context(), req)
	wantError(t, err, offset.WrongCluster, "Nothing was changed")
	want(t, f, "billing", after8)
}

func TestForgetRefusesWhileTheTopicIsConsumed(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			f, c, req := movedGroup(t)
			f.Join(t, member(protocol))
			_, err := c.Forget(t.Context(), req)
			wantError(t, err, offset.GroupActive, `"billing-app"`, "Nothing was changed")
			want(t, f, "billing", after8)
		})
	}
}

func TestForgetOfATopicThatAnActiveGroupDoesNotConsume(t *testing.T) {
	f, c, req := movedGroup(t)
	o := member(kafkaclient.Classic) // kfake refuses for the other protocol
	o.Topics = []string{"bills"}
	f.Join(t, o)
	if _, err := c.Forget(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if got := f.Committed("billing")["orders"]; len(got) > 0 {
		t.Errorf("offsets left: %v", got)
	}
}

// A subscription that the description does not show.
func TestForgetTellsOfASubscribedTopic(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Fault(kfake.Fault{Keys: []kmsg.Key{47}, Topic: "orders", Err: kerr.GroupSubscribedToTopic, Count: -1})
	_, err := c.Forget(t.Context(), req)
	wantError(t, err, offset.GroupActive, "as if it had members that consume them", "Nothing was changed")
	want(t, f, "billing", after8)
}

// deletions hands each OffsetDelete to fn, which may answer it.
func deletions(f *fake.Cluster, fn func(n int, req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse) {
	n := 0
	f.ControlKey(47, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		n++
		if resp := fn(n, r.(*kmsg.OffsetDeleteRequest)); resp != nil {
			return resp, nil, true
		}
		return nil, nil, false
	})
}

// refused answers a deletion: the topics' partitions get the code, the others
// are left out.
func refused(req *kmsg.OffsetDeleteRequest, code int16, topics ...string) *kmsg.OffsetDeleteResponse {
	resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetDeleteResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetDeleteResponseTopicPartition()
			rp.Partition = p.Partition
			if slices.Contains(topics, t.Topic) {
				rp.ErrorCode = code
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// A member that comes between the look at the group and the deletion is waited
// for like one that was there before.
func TestForgetWaitsForAMemberThatComesBeforeItDeletes(t *testing.T) {
	for _, protocol := range protocols {
		for _, waits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, waits: %t", protocol, waits), func(t *testing.T) {
				f, c, req := movedGroup(t)
				joined := make(chan *kafkaclient.Member, 1)
				deletions(f, func(n int, del *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
					if n > 1 {
						return nil
					}
					f.SleepControl(func() { joined <- f.Join(t, member(protocol)) })
					return refused(del, kerr.GroupSubscribedToTopic.Code, "orders")
				})
				if !waits {
					_, err := c.Forget(t.Context(), req)
					wantError(t, err, offset.GroupActive, `"billing-app"`, "Nothing was changed")
					want(t, f, "billing", after8)
					return
				}
				wait := time.Minute
				told := make(chan string, 100)
				req.WaitForInactive, req.Progress = &wait, func(s string) { told <- s }
				done := make(chan error, 1)
				go func() {
					_, err := c.Forget(t.Context(), req)
					done <- err
				}()
				m := <-joined
				if !hasToWait(told, done) {
					t.Fatal("it has not waited: ", <-done)
				}
				f.Leave(t, m)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				want(t, f, "billing", fake.Offsets{"bills": {0: 0}})
			})
		}
	}
}

// hasToWait tells whether a call says that it waits before it ends.
func hasToWait[T any](told <-chan string, done chan T) bool {
	for {
		select {
		case s := <-told:
			if strings.HasPrefix(s, "Waiting") {
				return true
			}
		case end := <-done:
			done <- end
			return false
		}
	}
}

// manyTopics is a group that was put to 1 in more partitions than one deletion
// takes, and the request to forget them.
func manyTopics(t *testing.T) (*fake.Cluster, *Client, offset.UndoRequest) {
	t.Helper()
	const n = 40
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": n, "invoices": n, "bills": 2}})
	f.Fill(t, "orders", n, 2, noon, time.Second)
	f.Fill(t, "invoices", n, 2, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"bills": {0: 0}})
	c := connect(t, f.Bootstrap())
	r := reset(offset.Target{Kind: offset.ToOffset, Offset: 1})
	r.Scope.Topics = []string{"invoices", "orders"}
	result, err := run(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	f.ResetRequests()
	return f, c, undo(result)
}

// tooLarge has deletions of more than so many partitions refused, as a commit
// of too many is.
func tooLarge(most int) func(int, *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	return func(_ int, req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
		n := 0
		for _, t := range req.Topics {
			n += len(t.Partitions)
		}
		if n <= most {
			return nil
		}
		return refused(req, kerr.UnknownServerError.Code, "orders", "invoices")
	}
}

// Members that consume other topics do not stand in the way of any chunk.
func TestForgetInManyChunksBesideMembersOfOtherTopics(t *testing.T) {
	f, c, req := manyTopics(t)
	o := member(kafkaclient.Classic)
	o.Topics = []string{"bills"}
	f.Join(t, o)
	deletions(f, tooLarge(20))
	result, err := c.Forget(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Requests()[47]; n < 4 {
		t.Errorf("%d deletions", n)
	}
	if got := f.Committed("billing"); len(got["orders"])+len(got["invoices"]) > 0 {
		t.Errorf("offsets left: %v", got)
	}
	if offset.AnyFailed(result.Outcomes) || len(result.Outcomes) != 80 {
		t.Errorf("outcomes %+v", result.Outcomes)
	}
}

// A member that comes when a part was deleted is waited for too, and what was
// deleted is told in any case.
func TestForgetGoesOnAfterAMemberThatComesInBetween(t *testing.T) {
	for _, waits := range []bool{true, false} {
		t.Run(fmt.Sprintf("waits: %t", waits), func(t *testing.T) {
			f, c, req := manyTopics(t)
			joined := make(chan *kafkaclient.Member, 1)
			deletions(f, func(n int, del *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
				resp := tooLarge(40)(n, del)
				if n == 2 { // the first that is small enough, of the topic invoices
					f.SleepControl(func() { joined <- f.Join(t, member(kafkaclient.Classic)) })
				}
				return resp
			})
			if !waits {
				result, err := c.Forget(t.Context(), req)
				wantError(t, err, offset.Incomplete, "the group became active", "40 partitions were removed", "Destroy again")
				if got := f.Committed("billing"); len(got["invoices"]) != 0 || len(got["orders"]) != 40 {
					t.Errorf("committed %v", got)
				}
				if result == nil || result.Outcomes[0].Failed() || !result.Outcomes[79].Failed() {
					t.Errorf("result %+v", result)
				}
				return
			}
			wait := time.Minute
			told := make(chan string, 100)
			req.WaitForInactive, req.Progress = &wait, func(s string) { told <- s }
			type ended struct {
				result *offset.Result
				err    error
			}
			done := make(chan ended, 1)
			go func() {
				result, err := c.Forget(t.Context(), req)
				done <- ended{result, err}
			}()
			m := <-joined
			if !hasToWait(told, done) {
				t.Fatal("it has not waited: ", (<-done).err)
			}
			f.Leave(t, m)
			end := <-done
			if end.err != nil {
				t.Fatal(end.err)
			}
			if got := f.Committed("billing"); len(got["orders"])+len(got["invoices"]) > 0 {
				t.Errorf("offsets left: %v", got)
			}
			for _, o := range end.result.Outcomes {
				if o.Previous != 1 || o.Offset != offset.None || o.Failed() {
					t.Errorf("outcome %+v", o)
				}
			}
		})
	}
}

// A write that may have landed is put back where it has, and is done where it
// has not.
func TestUndoOfWhatMayHaveLandedCompares(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 5}}) // has not
	req.Record = slices.Clone(req.Record)
	for i := range req.Record {
		req.Record[i].Doubt("no answer")
	}
	result, err := c.Undo(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", before)
	if result.InDoubt || len(result.Notes) > 0 {
		t.Errorf("result %+v", result)
	}
}

func TestLenientUndoLeavesAloneWhatCannotGoBack(t *testing.T) {
	f, c, req := movedGroup(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {2: 9}})
	if err := f.DeleteRecords("orders", 0, 6); err != nil {
		t.Fatal(err)
	}
	req.Lenient = true
	result, err := c.Undo(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 8, 1: 5, 2: 9}, "bills": {0: 0}})
	for i, at := range []int64{8, 5, 9} {
		if m := result.Outcomes[i]; m.Offset != at || m.Failed() {
			t.Errorf("move %+v", m)
		}
	}
	for _, words := range []string{"orders-2 is at 9 and not at 8", "orders-0 was at 5 and its log holds 6 to 10"} {
		if notes := strings.Join(result.Notes, " "); !strings.Contains(notes, words) {
			t.Errorf("notes %q do not say %q", notes, words)
		}
	}
}
