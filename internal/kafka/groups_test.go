package kafka

import (
	"context"
	"errors"
	"fmt"
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

var earliest = offset.Target{Kind: offset.ToEarliest}

var protocols = []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer}

func member(protocol kafkaclient.Protocol) kafkaclient.MemberOptions {
	return kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, Protocol: protocol, ClientID: "billing-app"}
}

func patient(d time.Duration) offset.Request {
	req := reset(earliest)
	req.WaitForInactive = &d
	return req
}

func TestActiveGroupIsRefusedWithItsMembers(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			f.Join(t, member(protocol))
			plan, err := c.Plan(t.Context(), reset(earliest))
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Members) != 1 || plan.Members[0].ClientID != "billing-app" || plan.Members[0].Host == "" || plan.Members[0].ID == "" {
				t.Errorf("members %+v", plan.Members)
			}
			if plan.State == "Empty" || plan.State == "Dead" || plan.Protocol != string(protocol) {
				t.Errorf("state %q, protocol %q", plan.State, plan.Protocol)
			}
			// kfake leaves out the topics' names in API 69.
			if n := len(plan.Members[0].Assignment["orders"]); n != 3 && protocol == kafkaclient.Classic {
				t.Errorf("assignment %v", plan.Members[0].Assignment)
			}
			_, err = c.Apply(t.Context(), plan)
			wantError(t, err, offset.GroupActive, `"billing-app"`, "127.0.0.1", "Nothing was changed")
			wantNothing(t, f)
		})
	}
}

func TestStaticMemberIsNamed(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	o := member(kafkaclient.Classic)
	o.InstanceID = "pod-0"
	f.Join(t, o)
	plan, err := c.Plan(t.Context(), reset(earliest))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(plan.Notes, " "), "static members") {
		t.Errorf("notes %q", plan.Notes)
	}
	_, err = c.Apply(t.Context(), plan)
	wantError(t, err, offset.GroupActive, `static instance id "pod-0"`, "session times out")
}

func TestWaitsUntilTheLastMemberHasLeftAndResolvesAnew(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			m := f.Join(t, member(protocol))
			req := patient(time.Minute)
			req.Target = offset.Target{Kind: offset.ByShift, Shift: -1}
			told := make(chan string, 100)
			req.Progress = func(message string) { told <- message }
			type outcome struct {
				result *offset.Result
				err    error
			}
			done := make(chan outcome, 1)
			go func() {
				result, err := run(t.Context(), c, req)
				done <- outcome{result, err}
			}()
			if first := <-told; !strings.Contains(first, "1 member") {
				t.Errorf("progress %q", first)
			}
			// It consumes on while it is waited for.
			leaveAt(t, f, m, fake.Offsets{"orders": {0: 8, 1: 8, 2: 8}})
			o := <-done
			if o.err != nil {
				t.Fatal(o.err)
			}
			want(t, f, "billing", fake.Offsets{"orders": {0: 7, 1: 7, 2: 7}})
			if p := o.result.Outcomes[0].Previous; p != 8 || o.result.State != "Empty" {
				t.Errorf("previous %d, state %q", p, o.result.State)
			}
		})
	}
}

// leaveAt has a member leave, and the group be at the offsets from the moment
// that it is empty.
func leaveAt(t *testing.T, f *fake.Cluster, m *kafkaclient.Member, offsets fake.Offsets) {
	t.Helper()
	// Until the commit is there, the group is told as active.
	hold := f.Fault(kfake.Fault{Keys: []kmsg.Key{69, 15}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	f.Leave(t, m)
	f.Commit(t, "billing", offsets)
	hold.Remove()
}

func TestWaitEndsWithTheMembersNames(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Join(t, member(kafkaclient.Classic))
	_, err := run(t.Context(), c, patient(50*time.Millisecond))
	wantError(t, err, offset.GroupActive, `"billing-app"`, "did not leave in time", "Nothing was changed")
	wantNothing(t, f)
}

func TestInterruptedWaitEndsAtOnceAndChangesNothing(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.poll = time.Hour
	f.Join(t, member(kafkaclient.Classic))
	ctx, cancel := context.WithCancel(t.Context())
	req := patient(time.Hour)
	req.Progress = func(string) { cancel() }
	_, err := run(ctx, c, req)
	wantError(t, err, offset.Interrupted, "Nothing was changed")
	wantNothing(t, f)
}

// A member may join between the look at the group and the commit. The broker
// refuses then, which is the same as having found it before.
func TestMemberThatJoinsBeforeTheCommit(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			plan, err := c.Plan(t.Context(), reset(earliest))
			if err != nil {
				t.Fatal(err)
			}
			f.Join(t, member(protocol))
			_, err = c.Apply(t.Context(), plan)
			wantError(t, err, offset.GroupActive, `"billing-app"`, "Nothing was changed")
			want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
		})
	}
}

// A try that is refused has told where the group is and has written nothing,
// which is told, too. The next one tells where the group is by then.
func TestWhereAGroupIsIsToldOnceMoreAfterARefusedTry(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	commits(f, func(n int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		if n > 1 {
			return nil, nil, false
		}
		return answer(req, kerr.UnknownMemberID.Code), nil, true
	})
	var told []string
	req := patient(time.Minute)
	req.Leaving = func(moves []offset.Move) {
		told = append(told, fmt.Sprint("at ", moves[0].Previous, moves[1].Previous, moves[2].Previous))
	}
	req.Progress = func(message string) {
		if strings.Contains(message, "nothing was written") {
			told = append(told, message)
			f.Commit(t, "billing", fake.Offsets{"orders": {0: 8, 1: 8, 2: 8}})
		}
	}
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	if all := []string{"at 5 5 5", `The commit was refused, since consumer group "billing" has got a member: nothing was written`, "at 8 8 8"}; !slices.Equal(told, all) {
		t.Errorf("told %q, want %q", told, all)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
}

// Consumers that come back again and again are waited for each time: their
// refusals are not those of a broker that tells of no member.
func TestMembersThatComeBackAgainAndAgainAreWaitedFor(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	var mu sync.Mutex
	back := false
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if !back {
			return nil, nil, false
		}
		back = false // and gone
		return described(r, "Stable", "consumer", "c"), nil, true
	})
	sizes := commits(f, func(n int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		if n > 8 {
			return nil, nil, false
		}
		mu.Lock()
		defer mu.Unlock()
		back = true
		return answer(req, kerr.UnknownMemberID.Code), nil, true
	})
	if _, err := run(t.Context(), c, patient(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if len(*sizes) != 9 {
		t.Errorf("%d commits", len(*sizes))
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
}

// With an old kafka_version the members of a KIP-848 group cannot be seen; the
// broker's refusal counts then.
func TestBrokersRefusalCountsWhenItTellsOfNoMember(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		return answer(req, kerr.UnknownMemberID.Code), nil, true
	})
	_, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.GroupActive, "as if it had members", "Nothing was changed")
}

// toldAsDead has the brokers answer for groups the classic way as real ones do
// for a group that is not of the classic protocol.
func toldAsDead(f *fake.Cluster) {
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return described(r, "Dead", ""), nil, true
	})
}

func TestActiveNewGroupIsNotTakenForDead(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Join(t, member(kafkaclient.Consumer))
	toldAsDead(f)
	plan, err := c.Plan(t.Context(), reset(earliest))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Members) != 1 || plan.Protocol != "consumer" {
		t.Errorf("plan %+v", plan)
	}
}

// Only members and the state Empty are believed: kfake tells a group of the new
// protocol as Stable and without members, and real brokers tell it as Dead.
func TestClassicAnswerWithoutMembersIsNotTheLastWord(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.Join(t, member(kafkaclient.Consumer))
	for _, state := range []string{"Stable", "Dead", "PreparingRebalance"} {
		f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) { return described(r, state, "consumer"), nil, true })
		plan, err := c.Plan(t.Context(), reset(earliest))
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Members) != 1 || plan.Protocol != "consumer" {
			t.Errorf("told as %s: %s, %d members", state, plan.Protocol, len(plan.Members))
		}
	}
}

// Before Kafka 3.7, and on Azure Event Hubs, there is no API 69. The latter
// tells Dead for idle groups, so that the offsets show that it exists.
func TestIdleGroupToldAsDeadHasOffsets(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "bills": 1}, Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V3_0_0())}})
	f.Commit(t, "billing", fake.Offsets{"bills": {0: 0}})
	c := connect(t, f.Bootstrap())
	toldAsDead(f)
	f.ResetRequests()
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}, "bills": {0: 0}})
	if f.Requests()[69] > 0 {
		t.Error("an API that the broker does not offer was asked")
	}
}

func TestUnsupportedAnswerToTheNewDescriptionLeavesTheClassicOne(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{69}, Err: kerr.UnsupportedVersion, Count: 1})
	if _, err := run(t.Context(), c, meeting(69)); err != nil {
		t.Fatal(err)
	}
	if h.Hits() == 0 {
		t.Error("the fault was never met")
	}
}

func TestTopicThatMayNotBeSeenIsUnknownAndNotEmpty(t *testing.T) {
	// The members of the group consume such a topic.
	hide := func(f *fake.Cluster) *fake.Cluster {
		code := kerr.TopicAuthorizationFailed.Code
		toldAsDead(f) // as a group of the new protocol is, the classic way
		f.ControlKey(69, func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			answer := r.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
			answer.Groups = []kmsg.ConsumerGroupDescribeResponseGroup{{Group: "billing", ErrorCode: code}}
			return answer, nil, true
		})
		f.ControlKey(77, func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			answer := r.ResponseKind().(*kmsg.ShareGroupDescribeResponse)
			answer.Groups = []kmsg.ShareGroupDescribeResponseGroup{{GroupID: "billing", ErrorCode: code}}
			return answer, nil, true
		})
		f.ControlKey(89, func(r kmsg.Request) (kmsg.Response, error, bool) {
			f.KeepControl()
			answer := r.ResponseKind().(*kmsg.StreamsGroupDescribeResponse)
			answer.Groups = []kmsg.StreamsGroupDescribeResponseGroup{{Group: "billing", ErrorCode: code}}
			return answer, nil, true
		})
		return f
	}
	streams := func(t testing.TB) *fake.Cluster {
		f := hide(orders(t))
		f.StreamsGroups(t, "billing")
		return f
	}
	for name, tc := range map[string]struct {
		f   *fake.Cluster
		req offset.Request
	}{
		"consumer": {hide(orders(t)), reset(earliest)},
		"share":    {hide(sharing(t)), shared(earliest)},
		"streams":  {streams(t), streaming("billing", "orders", earliest)},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, tc.f.Bootstrap())
			writes := func() int { return tc.f.Requests()[8] + tc.f.Requests()[91] } // OffsetCommit, AlterShareGroupOffsets
			before := writes()
			_, err := run(t.Context(), c, tc.req)
			wantError(t, err, offset.Unauthorized, fmt.Sprintf("The state of %s group %q cannot be told", name, "billing"), "DESCRIBE on every topic", "Nothing was changed")
			if n := writes() - before; n > 0 {
				t.Errorf("%d requests that write were sent", n)
			}
		})
	}
}

func TestOtherKindsOfGroupsAreRefusedByName(t *testing.T) {
	t.Run("share", func(t *testing.T) {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		m := f.Join(t, kafkaclient.MemberOptions{Group: "sharing", Topics: []string{"orders"}, Protocol: kafkaclient.Share})
		// kfake forgets a share group that has never fetched once it is empty.
		// It begins at the log's end, so that an early record passes it by.
		for tries := 0; len(m.Records()) == 0; tries++ {
			if tries == 100 {
				t.Fatal("the share consumer consumes nothing")
			}
			f.Produce(t, "orders", 0, kafkaclient.Record{Value: "shared"})
			soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_ = m.WaitRecords(soon, 1) // Else another record is produced.
			cancel()
		}
		for _, state := range []string{"active", "empty"} {
			for _, scope := range []offset.Scope{{Topics: []string{"orders"}}, {AllTopics: true}} {
				req := reset(earliest)
				req.Group, req.AllowNewGroup, req.Scope = "sharing", true, scope
				f.ResetRequests()
				_, err := run(t.Context(), c, req)
				wantError(t, err, offset.GroupKind, `"sharing" is a share group`, "Nothing was changed")
				if n := f.Requests()[8]; n > 0 {
					t.Errorf("%s: %d commits", state, n)
				}
			}
			f.Leave(t, m)
		}
	})
	t.Run("streams", func(t *testing.T) {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) { return described(r, "Dead", ""), nil, true })
		f.ControlKey(16, func(r kmsg.Request) (kmsg.Response, error, bool) {
			resp := r.ResponseKind().(*kmsg.ListGroupsResponse)
			g := kmsg.NewListGroupsResponseGroup()
			g.Group, g.GroupType = "billing", "Streams"
			resp.Groups = append(resp.Groups, g)
			return resp, nil, true
		})
		_, err := run(t.Context(), c, reset(earliest))
		wantError(t, err, offset.GroupKind, "streams group")
		wantNothing(t, f)
	})
	t.Run("connect", func(t *testing.T) {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
			return described(r, "Empty", "connect"), nil, true
		})
		_, err := run(t.Context(), c, reset(earliest))
		wantError(t, err, offset.GroupKind, `"connect" group`)
		wantNothing(t, f)
	})
}

func TestDescribeGroup(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			f.Join(t, member(protocol))
			info, err := c.DescribeGroup(t.Context(), "billing", nil)
			if err != nil {
				t.Fatal(err)
			}
			if !info.Exists || info.Protocol != string(protocol) || len(info.Members) != 1 || info.ClusterID != "fake-cluster" || len(info.Partitions) != 3 {
				t.Errorf("info %+v", info)
			}
			for _, p := range info.Partitions {
				if p.Committed != 5 || p.Start != 0 || p.End != 10 || p.Lag != 5 || p.Error != "" {
					t.Errorf("partition %+v", p)
				}
			}
		})
	}
	f := orders(t)
	c := connect(t, f.Bootstrap())
	info, err := c.DescribeGroup(t.Context(), "billing", []string{"orders", "bills"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(info.Partitions); n != 5 || info.Partitions[0].Topic != "bills" || info.Partitions[0].Committed != offset.None || info.Partitions[0].Lag != offset.None {
		t.Errorf("partitions %+v", info.Partitions)
	}
	if _, err = c.DescribeGroup(t.Context(), "billing", []string{"missing"}); err == nil {
		t.Error("no error for a missing topic")
	}
	wantError(t, err, offset.TopicMissing)
	info, err = c.DescribeGroup(t.Context(), "missing", nil)
	if err != nil || info.Exists || info.State != "Dead" || info.ClusterID != "fake-cluster" {
		t.Errorf("a missing group: %+v, %v", info, err)
	}
	_, err = c.DescribeGroup(t.Context(), "", nil)
	wantError(t, err, offset.InvalidArgument)
}

func TestTopicOffsets(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	for _, tc := range []struct {
		target offset.Target
		want   int64
	}{
		{earliest, 0},
		{offset.Target{Kind: offset.ToLatest}, 10},
		{offset.Target{Kind: offset.ToTime, Time: noon.Add(2 * time.Second)}, 2},
	} {
		o, err := c.TopicOffsets(t.Context(), []string{"orders"}, tc.target, offset.ReadCommitted)
		if err != nil {
			t.Fatal(err)
		}
		if p := o.Partitions[2]; p.Offset != tc.want || p.Start != 0 || p.End != 10 || o.ClusterID != "fake-cluster" {
			t.Errorf("%s: %+v", tc.target.Kind, o)
		}
	}
	_, err := c.TopicOffsets(t.Context(), []string{"orders"}, offset.Target{Kind: offset.ToCurrent}, "")
	wantError(t, err, offset.InvalidArgument)
}

func TestErrorsKeepTheirCause(t *testing.T) {
	err := untouched(context.DeadlineExceeded)
	if !errors.Is(err, context.DeadlineExceeded) || offset.CodeOf(err) != offset.Interrupted {
		t.Error(err)
	}
}
