package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func TestTheSameMeaningOnEverySetup(t *testing.T) {
	for _, s := range setups {
		for _, c := range []struct {
			name string
			req  offset.Request
			want int64
		}{
			{"latest", request(offset.ToLatest), 10},
			{"earliest", request(offset.ToEarliest), 0},
			{"the time of a message", atTime(base.Add(3 * time.Second)), 3},
			{"nearer to the one before", atTime(base.Add(3*time.Second + time.Millisecond)), 4},
			{"a fraction of a millisecond after a message", atTime(base.Add(3*time.Second + time.Microsecond)), 4},
			{"before all", atTime(base.Add(-time.Hour)), 0},
			{"before 1970", atTime(time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)), 0},
			{"after all", atTime(base.Add(time.Hour)), 10},
			{"the last message", atTime(base.Add(9 * time.Second)), 9},
			{"in the far future", atTime(time.Now().Add(time.Hour)), 10},
		} {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				cluster, k := s.start(t)
				r := mustReset(t, k, c.req)
				if got := where(cluster); got != everywhere(c.want) {
					t.Errorf("the offsets are %s, want %d", got, c.want)
				}
				for _, m := range r.Outcomes {
					if m.Offset != c.want || m.Previous != 6 || m.Start != 0 || m.End != 10 || m.Seen != c.want || m.Failed() {
						t.Errorf("got %+v", m)
					}
				}
				how := HowPerQueue
				switch {
				case s.resetsItself():
					how = HowServer
				case s.online:
					how = HowPush
				}
				if got := hows(r.Outcomes); got != how {
					t.Errorf("done by %s, want %s", got, how)
				}
			})
		}
	}
}

func TestGivenOffsets(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			_, err := reset(t, k, toEach(offset.Offsets{"broker-a": {1: 3}, "broker-b": {0: 99}}))
			if s.online && !s.resetsItself() {
				wantError(t, err, offset.GroupActive, group, topic, "broker-", "consumers online", "Stop the group's consumers", "Nothing was changed")
				nothingWritten(t, cluster)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := where(cluster), "a/0=6 a/1=3 b/0=10 b/1=6"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestForceFalseMeansTheSameOnEverySetup(t *testing.T) {
	for _, s := range setups {
		for name, c := range map[string]struct {
			req  offset.Request
			want string
		}{
			"latest":   {request(offset.ToLatest), "a/0=6 a/1=9 b/0=6 b/1=6"},
			"a time":   {atTime(base.Add(7 * time.Second)), "a/0=6 a/1=7 b/0=6 b/1=6"},
			"earliest": {request(offset.ToEarliest), "a/0=0 a/1=0 b/0=0 b/1=0"},
		} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				cluster, k := s.start(t)
				cluster.Commit("broker-a", group, topic, 1, 9)
				c.req.KeepAhead = true
				r := mustReset(t, k, c.req)
				if got := where(cluster); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
				for _, m := range r.Outcomes {
					if kept := m.How == HowKept; kept != (m.Offset == m.Previous) {
						t.Errorf("got %+v", m)
					}
				}
			})
		}
	}
}

func TestForceFalseLeavesAQueueWithoutAnOffsetAlone(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.DeleteGroup(group)
			cluster.CreateGroup(group)
			req := atTime(base.Add(4 * time.Second))
			req.KeepAhead = true
			r := mustReset(t, k, req)
			if got := where(cluster); got != "a/0=none a/1=none b/0=none b/1=none" {
				t.Errorf("got %s", got)
			}
			if sum := offset.SummarizeOutcomes(r.Outcomes); sum.Unchanged != 4 || sum.Created != 0 {
				t.Errorf("got %+v", sum)
			}
		})
	}
}

func TestQueuesWithoutAnOffset(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			consumers := s.online
			cluster.DeleteGroup(group)
			cluster.CreateGroup(group)
			cluster.Commit("broker-b", group, topic, 0, 5)
			if consumers {
				cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
			}
			r := mustReset(t, k, atTime(base.Add(4*time.Second)))
			if got := where(cluster); got != everywhere(4) {
				t.Errorf("got %s", got)
			}
			sum := offset.SummarizeOutcomes(r.Outcomes)
			if sum.Created != 3 || sum.Moved != 4 || sum.Replayed != 1+3*6 || sum.Skipped != 3*4 { // the first offsets at their upper bounds
				t.Errorf("got %+v", sum)
			}
		})
	}
}

// A consumer that has just come has committed nothing yet, and a broker that
// only tells its consumers refuses for that. What is committed in the
// consumer's place is lost, since it writes over it seconds later: it is waited
// for, and told then.
func TestAConsumerThatHasNotCommittedYetIsWaitedFor(t *testing.T) {
	for _, s := range []setup{{version: fake.V4_9_7}, {version: fake.V5_5_0, clientReset: true}} {
		for name, c := range map[string]struct {
			req  offset.Request
			want int64
		}{"latest": {request(offset.ToLatest), 10}, "earliest": {request(offset.ToEarliest), 0}} {
			t.Run(fmt.Sprint(s.version, " ", name), func(t *testing.T) {
				cluster, k := s.start(t)
				k.pace.commits, k.pace.push = time.Minute, time.Minute
				cluster.DeleteGroup(group)
				cluster.CreateGroup(group)
				cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
				var told []string
				c.req.Progress = func(m string) {
					told = append(told, m)
					for _, b := range []string{"broker-a", "broker-b"} {
						if strings.Contains(m, b+" to commit an offset on every queue") {
							cluster.Commit(b, group, topic, 0, 3)
							cluster.Commit(b, group, topic, 1, 4)
						}
					}
				}
				r := mustReset(t, k, c.req)
				if got := where(cluster); got != everywhere(c.want) {
					t.Errorf("got %s", got)
				}
				if got := r.Outcomes[0].How; got != HowPush {
					t.Errorf("done by %s", got)
				}
				for _, call := range cluster.Calls() {
					if call.Code == remoting.UpdateOffset {
						t.Errorf("committed in the consumer's place: %+v", call)
					}
				}
				if !strings.Contains(strings.Join(told, " "), "to commit an offset on every queue") {
					t.Errorf("told %q", told)
				}
			})
		}
	}
}

// Ctrl-C during that wait ends it, and nothing was changed.
func TestInterruptWhileAConsumerIsWaitedForToCommit(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7}.start(t)
	k.pace.commits = time.Minute
	cluster.DeleteGroup(group)
	cluster.CreateGroup(group)
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
	ctx, cancel := context.WithCancel(t.Context())
	req := request(offset.ToLatest)
	req.Progress = func(m string) {
		if strings.Contains(m, "to commit an offset on every queue") {
			cancel()
		}
	}
	plan, err := k.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err = k.Apply(ctx, plan)
	wantError(t, err, offset.Interrupted, "Nothing was changed")
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it took %s, of a minute", took)
	}
	if got := where(cluster); got != "a/0=none a/1=none b/0=none b/1=none" {
		t.Errorf("got %s", got)
	}
}

// Where consumers never commit on some queue, the target is committed there
// and the consumers are told of it; it is not believed at once.
func TestACommitUnderConsumersIsNotBelievedAtOnce(t *testing.T) {
	for _, s := range []setup{{version: fake.V4_9_7}, {version: fake.V5_5_0, clientReset: true}} {
		t.Run(fmt.Sprint(s.version), func(t *testing.T) {
			t.Parallel() // It takes the time that a commit is not believed for.
			cluster, k := s.start(t)
			k.pace.commits, k.pace.push = 2*time.Second, 3*time.Second
			cluster.DeleteGroup(group)
			cluster.CreateGroup(group)
			cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Deaf: true})
			req := request(offset.ToLatest)
			req.Progress = commitsInstead(cluster, 3)
			r, err := reset(t, k, req)
			wantError(t, err, offset.Overwritten, "broker-a/0 is at 3, not 10")
			if r == nil || !r.Outcomes[0].Failed() {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// commitsInstead lets a consumer that is to take a reset up at broker-a commit
// where it is instead.
func commitsInstead(cluster *fake.Cluster, at int64) (progress func(string)) {
	return func(m string) {
		if strings.Contains(m, "broker-a to take up the reset") {
			cluster.Commit("broker-a", group, topic, 0, at)
		}
	}
}

// Trap 5: no offset looks like 0, in the statistics everywhere and on 4.9 in
// every answer.
func TestNoOffsetIsNotZero(t *testing.T) {
	for _, c := range []struct {
		version    int
		zero, none int64
	}{{fake.V5_5_0, 0, offset.None}, {fake.V4_9_7, offset.None, offset.None}} {
		s := setup{version: c.version}
		cluster, k := s.start(t)
		cluster.DeleteGroup(group)
		cluster.Commit("broker-a", group, topic, 0, 0)
		cluster.Commit("broker-a", group, topic, 1, 6)
		cluster.CreateGroup(group)
		plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int64{c.zero, 6, c.none, c.none} {
			if got := plan.Moves[i].Previous; got != want {
				t.Errorf("version %d, queue %d: previous %d, want %d", c.version, i, got, want)
			}
		}
		told := strings.Contains(strings.Join(plan.Notes, " "), "cannot tell offset 0 from no offset")
		if told != (c.version == fake.V4_9_7) {
			t.Errorf("version %d: notes %q", c.version, plan.Notes)
		}
		// Also where 0 is the target and cannot be told from none.
		if _, err := k.Apply(t.Context(), plan); err != nil {
			t.Error(err)
		}
	}
}

// Trap 1: before 5.2 a broker says that all is well when the group is online
// but consumes something else.
func TestAGroupThatConsumesAnotherTopicIsReset(t *testing.T) {
	for _, s := range setups {
		if !s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Disconnect(group)
			cluster.Connect(group, fake.Consumer{Topics: []string{"invoices"}})
			plan, err := k.Plan(t.Context(), atTime(base.Add(2*time.Second)))
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "subscribes to invoices and not to topic") {
				t.Errorf("notes %q", notes)
			}
			if plan.Moves[0].Previous != 6 {
				t.Errorf("trap 6: the baseline is %d", plan.Moves[0].Previous)
			}
			if _, err := k.Apply(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(2) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Trap 1, when such a consumer comes only after the plan.
func TestAConsumerOfAnotherTopicThatComesMeanwhile(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
			if err != nil {
				t.Fatal(err)
			}
			cluster.Connect(group, fake.Consumer{Topics: []string{"invoices"}})
			r, err := k.Apply(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(0) {
				t.Errorf("got %s", got)
			}
			how := HowPerQueue
			if s.resetsItself() {
				how = HowServer
			}
			if got := hows(r.Outcomes); got != how {
				t.Errorf("done by %s, want %s", got, how)
			}
		})
	}
}

// The Go client loses resets when two brokers tell it to reset at a time.
func TestBrokersTellGoClientsOneAfterTheOther(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7}.start(t)
	k.pace.push = 20 * time.Second
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Delay: 50 * time.Millisecond})
	var atB string
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.ResetOffset && c.Server == "broker-b" {
			return &fake.Fault{Before: func() { atB = where(cluster) }}
		}
		return nil
	})
	mustReset(t, k, request(offset.ToEarliest))
	if want := "a/0=0 a/1=0 b/0=6 b/1=6"; atB != want {
		t.Errorf("when broker-b was asked, the offsets were %s, want %s", atB, want)
	}
	if got := where(cluster); got != everywhere(0) {
		t.Errorf("got %s", got)
	}
}

// Trap 1: nor is it believed where the consumers do not take it up.
func TestNoFalseSuccess(t *testing.T) {
	for name, consumer := range map[string]fake.Consumer{
		"lite pull consumers": {Topics: []string{topic}, Deaf: true},
	} {
		for _, s := range []setup{{version: fake.V4_9_7}, {version: fake.V5_5_0, clientReset: true}} {
			t.Run(name, func(t *testing.T) {
				cluster, k := s.start(t)
				cluster.Connect(group, consumer)
				r, err := reset(t, k, request(offset.ToEarliest))
				wantError(t, err, offset.Overwritten, "4 of 4 queues failed", "told its consumers to go to 0", "the offset is 6", "broker-a/0 is at 6, not 0", "lite pull")
				if got := where(cluster); got != everywhere(6) {
					t.Errorf("got %s", got)
				}
				for _, m := range r.Outcomes {
					if !m.Failed() || m.Offset != 0 || m.Previous != 6 || m.Seen != 6 {
						t.Errorf("got %+v", m)
					}
				}
			})
		}
	}
}

func TestConsumersThatTakeTheirTimeAreWaitedFor(t *testing.T) {
	for _, s := range []setup{{version: fake.V4_9_7}, {version: fake.V5_5_0, clientReset: true}} {
		cluster, k := s.start(t)
		k.pace.push = 20 * time.Second
		cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Delay: 100 * time.Millisecond})
		var told []string
		req := request(offset.ToEarliest)
		req.Progress = func(m string) { told = append(told, m) }
		k.pace.inFlight = 1
		r := mustReset(t, k, req)
		if got := where(cluster); got != everywhere(0) {
			t.Errorf("got %s", got)
		}
		if got := hows(r.Outcomes); got != HowPush {
			t.Errorf("done by %s", got)
		}
		if len(told) == 0 || !strings.Contains(told[0], "4 queues") {
			t.Errorf("told %q", told)
		}
	}
}

func TestConsumersThatMoveOnAreNoFailure(t *testing.T) {
	for _, s := range setups {
		if !s.online {
			continue
		}
		for name, req := range map[string]offset.Request{
			"after a rewind": atTime(base.Add(2 * time.Second)), "after a skip": atTime(base.Add(7 * time.Second)),
		} {
			t.Run(s.name+" "+name, func(t *testing.T) {
				cluster, k := s.start(t)
				cluster.Disconnect(group)
				cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Eager: 2})
				r := mustReset(t, k, req)
				if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "moved on from the target on 4 queues") {
					t.Errorf("notes %q", notes)
				}
				for _, m := range r.Outcomes {
					if m.Seen != m.Offset+2 || m.Pending || m.Failed() {
						t.Errorf("got %+v", m)
					}
				}
			})
		}
	}
}

// Trap 2: from 5.2 on a reset that waits for a consumer blocks commits, which
// brokers answer with success.
func TestTwoResetsInARowBothTake(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			r := mustReset(t, k, atTime(base.Add(2*time.Second)))
			if pending := s.resetsItself() && !s.online; pending {
				if n, ok := cluster.Pending("broker-a", group, topic, 0); !ok || n != 2 || !r.Outcomes[0].Pending {
					t.Fatalf("no reset waits: %+v", r.Outcomes[0])
				}
			}
			mustReset(t, k, request(offset.ToLatest))
			if got := where(cluster); got != everywhere(10) {
				t.Errorf("got %s", got)
			}
			if s.online && !s.resetsItself() {
				return
			}
			r = mustReset(t, k, toEach(all(3)))
			if got := where(cluster); got != everywhere(3) {
				t.Errorf("got %s", got)
			}
			// What a broker from 5.2 on says is an echo of the reset until the
			// consumers move on, so also with consumers online nobody can tell.
			if want := s.resetsItself(); want != r.Outcomes[0].Pending {
				t.Errorf("got %+v", r.Outcomes[0])
			}
		})
	}
}

func TestRoundTrips(t *testing.T) {
	for _, c := range []struct {
		name                    string
		setup                   setup
		req                     offset.Request
		reset, commits, lookups int
		readBack                int
	}{
		{"5.5.0", setups[0], request(offset.ToLatest), 2, 0, 0, 2},
		{"5.5.0 online", setups[1], request(offset.ToLatest), 2, 0, 0, 2},
		{"5.5.0 to the start", setups[0], request(offset.ToEarliest), 4, 0, 0, 2},
		{"5.5.0 to a time", setups[0], atTime(base.Add(time.Second)), 4, 0, 4, 2},
		{"5.5.0 to a time after all", setups[0], atTime(base.Add(time.Hour)), 4, 0, 0, 2},
		{"5.5.0 to offsets", setups[0], toEach(all(2)), 4, 0, 0, 2},
		{"4.9.7", setups[4], request(offset.ToLatest), 2, 4, 0, 2},
		{"4.9.7 to a time", setups[4], atTime(base.Add(time.Second)), 2, 4, 4, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, k := c.setup.start(t)
			plan, err := k.Plan(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			planned := counted(cluster)
			// Four more routes are asked for: the retry and dead-letter topics'.
			want := map[string]int{
				"GET_ROUTEINFO_BY_TOPIC": 1 + 4, "GET_BROKER_CLUSTER_INFO": 1,
				"GET_TOPIC_STATS_INFO": 2, "GET_CONSUME_STATS": 2, "GET_CONSUMER_CONNECTION_LIST": 2,
			}
			if c.lookups > 0 {
				want["SEARCH_OFFSET_BY_TIMESTAMP"] = c.lookups
				if c.setup.version < remoting.V5_1_1 {
					want["PULL_MESSAGE"] = 2 * c.lookups
				}
			}
			if c.setup.version >= remoting.V5_1_0 {
				want["GET_BROKER_CONFIG"] = 2
			}
			if !maps.Equal(planned, want) {
				t.Errorf("Plan sent %v, want %v", planned, want)
			}
			cluster.Forget()
			if _, err := k.Apply(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			want = map[string]int{"INVOKE_BROKER_TO_RESET_OFFSET": c.reset, "UPDATE_CONSUMER_OFFSET": c.commits, "GET_CONSUME_STATS": c.readBack}
			if c.req.Target.Kind == offset.ToEarliest {
				want["QUERY_CONSUMER_OFFSET"] = c.reset // the statistics say 0 for none as well
			}
			maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
			if got := counted(cluster); !maps.Equal(got, want) {
				t.Errorf("Apply sent %v, want %v", got, want)
			}
		})
	}
}

func TestLimitsAreCheckedBeforeTheFirstWrite(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			limit := int64(15)
			req := request(offset.ToLatest) // skips 4 on each of 4 queues
			req.Limits.MaxSkipped = &limit
			_, err := reset(t, k, req)
			wantError(t, err, offset.LimitExceeded, "16 messages would be skipped", "15", "Nothing was changed")
			req = request(offset.ToEarliest) // replays 6 on each
			req.Limits.MaxReplayed = &limit
			_, err = reset(t, k, req)
			wantError(t, err, offset.LimitExceeded, "24 messages would be replayed")
			nothingWritten(t, cluster)
			limit = 24
			mustReset(t, k, req)
			if got := where(cluster); got != everywhere(0) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A broker that resolves "latest" by itself would skip more than was checked.
func TestALimitHoldsWhenMessagesArriveMeanwhile(t *testing.T) {
	for _, s := range setups {
		if s.online && !s.resetsItself() {
			continue // its brokers can only be told to go to the end
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			limit := int64(16)
			req := request(offset.ToLatest)
			req.Limits.MaxSkipped = &limit
			plan, err := k.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			cluster.Append("broker-a", topic, 0, base.Add(time.Hour), base.Add(time.Hour))
			if _, err := k.Apply(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(10) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestTheResultTellsWhereTheBrokerHasPutTheGroup(t *testing.T) {
	cluster, k := setups[0].start(t)
	plan, err := k.Plan(t.Context(), request(offset.ToLatest))
	if err != nil {
		t.Fatal(err)
	}
	cluster.Append("broker-a", topic, 0, base.Add(time.Hour), base.Add(time.Hour))
	r, err := k.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Outcomes[0]; m.Offset != 12 || m.End != 12 || m.Seen != 12 {
		t.Errorf("got %+v", m)
	}
}

func TestAnOldPlanIsResolvedAnew(t *testing.T) {
	cluster, k := setups[0].start(t)
	plan, err := k.Plan(t.Context(), toEach(offset.Offsets{"broker-a": {0: 9}}))
	if err != nil {
		t.Fatal(err)
	}
	cluster.Trim("broker-a", topic, 0, 10)
	k.clock = clock.Fixed(plan.At.Add(time.Minute))
	r, err := k.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Outcomes[0]; m.Offset != 10 || !m.Clamped || m.Start != 10 {
		t.Errorf("got %+v", m)
	}
}

func TestAPartialFailureIsToldQueueByQueueAndResumed(t *testing.T) {
	for _, s := range setups {
		if s.online && !s.resetsItself() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.SetFault(func(c fake.Call) *fake.Fault {
				if c.Server == "broker-b" && (c.Code == remoting.ResetOffset && c.Fields["queueId"] != "1" || c.Code == remoting.UpdateOffset && c.Fields["queueId"] == "0") {
					return &fake.Fault{Code: 1, Remark: "disk full"}
				}
				return nil
			})
			req := toEach(all(2))
			r, err := reset(t, k, req)
			wantError(t, err, offset.Incomplete, "1 of 4 queues failed", "disk full", "3 queues are as they should be", "broker-b/0 was at 6", "apply again")
			if r == nil {
				t.Fatal("no result")
			}
			for i, m := range r.Outcomes {
				if bad := i == 2; m.Failed() != bad || m.Offset != 2 || m.Previous != 6 {
					t.Errorf("got %+v", m)
				}
			}
			if got := where(cluster); got != "a/0=2 a/1=2 b/0=6 b/1=2" {
				t.Errorf("got %s", got)
			}

			// The next attempt does only the rest, whatever has happened to what has landed.
			cluster.SetFault(nil)
			cluster.Forget()
			rest, err := life.Rest(req, r.Outcomes)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := k.Plan(t.Context(), rest)
			if err != nil {
				t.Fatal(err)
			}
			cluster.Forget()
			r2, err := k.Apply(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if n := writes(cluster); n != 1 {
				t.Errorf("%d writes", n)
			}
			if got := where(cluster); got != everywhere(2) {
				t.Errorf("got %s", got)
			}
			for _, m := range life.Merge(r.Outcomes, r2.Outcomes) {
				if m.Failed() || m.Previous != 6 || m.Offset != 2 || m.How == "" {
					t.Errorf("got %+v", m)
				}
			}
		})
	}
}

// A queue that the topic has lost since a reset failed half-way is done: there is
// nothing left to reset. That a broker is down proves no such thing.
func TestTheRestOfAResetOnATopicThatHasLostQueues(t *testing.T) {
	halfWay := func(t *testing.T, bad func(c fake.Call) bool) (*fake.Cluster, *Client, *offset.Result, offset.Request) {
		t.Helper()
		cluster, k := setups[0].start(t)
		cluster.SetFault(func(c fake.Call) *fake.Fault {
			if c.Code == remoting.ResetOffset && bad(c) {
				return &fake.Fault{Code: 1, Remark: "disk full"}
			}
			return nil
		})
		r, err := reset(t, k, toEach(all(2)))
		wantError(t, err, offset.Incomplete, "disk full")
		cluster.SetFault(nil)
		rest, err := life.Rest(toEach(all(2)), r.Outcomes)
		if err != nil {
			t.Fatal(err)
		}
		return cluster, k, r, rest
	}
	finish := func(t *testing.T, k *Client, before *offset.Result, rest offset.Request, note string) []offset.Outcome {
		t.Helper()
		plan, err := k.Plan(t.Context(), rest)
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, note) {
			t.Errorf("the plan's notes %q do not say %q", notes, note)
		}
		r, err := k.Apply(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, note) {
			t.Errorf("notes %q do not say %q", notes, note)
		}
		whole := life.Merge(before.Outcomes, r.Outcomes)
		if offset.AnyFailed(whole) {
			t.Errorf("got %+v", whole)
		}
		if s := offset.SummarizeOutcomes(whole); s.Unknown > 0 || !s.Counted() {
			t.Errorf("got %+v", s)
		}
		return whole
	}

	t.Run("queues", func(t *testing.T) {
		cluster, k, r, rest := halfWay(t, func(c fake.Call) bool { return c.Server == "broker-b" })
		cluster.ShrinkTopic(topic, 1)
		whole := finish(t, k, r, rest, "The topic has 1 queue no more, so there was nothing left to reset there: broker-b/1.")
		if got := where(cluster); got != "a/0=2 a/1=2 b/0=2 b/1=6" {
			t.Errorf("got %s", got)
		}
		if o := whole[3]; o.How != HowGone || o.Offset != offset.None {
			t.Errorf("got %+v", o)
		}
		if _, err := k.Undo(t.Context(), offset.UndoRequest{Group: group, Topic: topic, Record: whole}); err != nil {
			t.Fatal(err)
		}
		if got := where(cluster); got != "a/0=6 a/1=2 b/0=6 b/1=6" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("all that was left", func(t *testing.T) {
		cluster, k, r, rest := halfWay(t, func(c fake.Call) bool { return c.Server == "broker-b" && c.Fields["queueId"] == "1" })
		cluster.ShrinkTopic(topic, 1)
		cluster.Forget()
		finish(t, k, r, rest, "broker-b/1")
		if n := writes(cluster); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("a broker's", func(t *testing.T) {
		cluster, k, r, rest := halfWay(t, func(c fake.Call) bool { return c.Server == "broker-b" })
		cluster.SetAddresses("broker-b", nil)
		_, err := k.Plan(t.Context(), rest)
		wantError(t, err, offset.NoLeader, `on broker broker-b, and no master of broker "broker-b"`, "then apply again", "Nothing was changed")
		cluster.SetAddresses("broker-b", map[int64]string{0: cluster.Address("broker-b")})
		cluster.DropTopic("broker-b", topic)
		finish(t, k, r, rest, "2 queues no more, so there was nothing left to reset there: broker-b/0, broker-b/1")
	})
	t.Run("a reset that is not the rest of one", func(t *testing.T) {
		cluster, k := setups[0].start(t)
		cluster.ShrinkTopic(topic, 1)
		_, err := reset(t, k, toEach(all(2)))
		wantError(t, err, offset.PartitionGone, "has no queue 1")
	})
}

func TestWhatTheFirstBrokerRefusesStopsEverything(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault fake.Fault
		code  offset.Code
	}{
		{"no right, ACL 2.0", fake.Fault{Code: 16, Remark: "User:app has no permission to access Group:billing"}, offset.Unauthorized},
		{"no right, ACL 1.0", fake.Fault{Code: 1, Remark: "org.apache.rocketmq.acl.common.AclException: No default permission for billing"}, offset.Unauthorized},
		{"a group that is gone", fake.Fault{Code: 26, Remark: "Group billing does not exist"}, offset.GroupMissing},
		{"a proxy", fake.Fault{Code: 3, Remark: "request code 222 not supported"}, offset.Unsupported},
	} {
		for _, s := range []setup{setups[0], setups[4]} {
			for name, req := range map[string]offset.Request{"all": request(offset.ToEarliest), "queues": toEach(all(1))} {
				t.Run(c.name+"/"+s.name+"/"+name, func(t *testing.T) {
					cluster, k := s.start(t)
					cluster.SetFault(func(call fake.Call) *fake.Fault {
						if call.Code == remoting.ResetOffset || call.Code == remoting.UpdateOffset {
							f := c.fault
							return &f
						}
						return nil
					})
					r, err := reset(t, k, req)
					wantError(t, err, c.code, group, topic, "Nothing was changed")
					if r != nil {
						t.Errorf("got %+v", r)
					}
					if n := writes(cluster); n != 1 {
						t.Errorf("%d writes", n)
					}
				})
			}
		}
	}
}

func TestAWriteWithoutAnAnswerIsReadBack(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		for name, lost := range map[string]bool{"done": true, "not done": false} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				cluster, k := s.start(t)
				k2 := newClient(t, Config{NameServers: []string{cluster.NameServer()}, RequestTimeout: time.Second}) // as long as an answer can take on a busy machine
				k2.pace = k.pace
				cluster.SetFault(func(c fake.Call) *fake.Fault {
					if c.Server == "broker-b" && (c.Code == remoting.ResetOffset && s.resetsItself() || c.Code == remoting.UpdateOffset && c.Fields["queueId"] == "1") {
						return &fake.Fault{Lost: lost, Silent: !lost}
					}
					return nil
				})
				r, err := reset(t, k2, request(offset.ToEarliest))
				if lost {
					if err != nil {
						t.Fatal(err)
					}
					if got := where(cluster); got != everywhere(0) {
						t.Errorf("got %s", got)
					}
					for _, m := range r.Outcomes {
						if m.Failed() || m.How == "" {
							t.Errorf("got %+v", m)
						}
					}
					if r.InDoubt {
						t.Error("in doubt, though it was read back")
					}
					return
				}
				wantError(t, err, offset.Incomplete, "no answer within", "broker-b/1 is at 6, not 0")
				if r == nil || r.Outcomes[0].Failed() || !r.Outcomes[3].Failed() || r.Outcomes[3].State != offset.Unsettled || r.Outcomes[0].State != offset.Done || !r.InDoubt {
					t.Errorf("got %+v", r)
				}
			})
		}
	}
}

func TestABrokerThatGoesDownBetweenPlanAndApply(t *testing.T) {
	for first, broker := range map[bool]string{true: "broker-a", false: "broker-b"} {
		cluster, k := setups[0].start(t)
		plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
		if err != nil {
			t.Fatal(err)
		}
		cluster.Kill(broker)
		for err = nil; err == nil || !strings.Contains(err.Error(), "connect:"); { // until the client has noticed
			_, err = k.wire.Call(t.Context(), cluster.Address(broker), remoting.Request{Code: remoting.GetBrokerConfig})
		}
		r, err := k.Apply(t.Context(), plan)
		if first {
			wantError(t, err, offset.Unreachable, "connect", "Nothing was changed")
			if got := where(cluster); r != nil || got != everywhere(6) {
				t.Errorf("got %s, %+v", got, r)
			}
			continue
		}
		wantError(t, err, offset.Incomplete, "2 of 4 queues failed", "connect", "broker-b/0 was at 6")
		if got := where(cluster); got != "a/0=0 a/1=0 b/0=6 b/1=6" || r == nil || r.InDoubt {
			t.Errorf("got %s, %+v", got, r)
		}
	}
}

func TestAnotherWriterIsFoundOut(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.SetFault(func(c fake.Call) *fake.Fault {
				if c.Code == remoting.GetConsumeStats && writes(cluster) > 0 {
					return &fake.Fault{Before: func() {
						cluster.Commit("broker-a", group, topic, 0, 8)
						if _, waits := cluster.Pending("broker-a", group, topic, 0); waits {
							cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
							cluster.Disconnect(group)
							cluster.Commit("broker-a", group, topic, 0, 8)
						}
					}}
				}
				return nil
			})
			r, err := reset(t, k, request(offset.ToEarliest))
			if s.resetsItself() {
				// It has said that it did it, and lets nobody commit before a consumer
				// has taken it up: whatever shows has come after.
				if err != nil || r.Outcomes[0].State != offset.MovedOn || r.Outcomes[0].Seen != 8 ||
					!strings.Contains(strings.Join(r.Notes, " "), "moved on from the target on 1 queue: broker-a/0 from 0 to 8") {
					t.Errorf("got %+v, %v", r, err)
				}
				return
			}
			wantError(t, err, offset.Overwritten, "1 of 4 queues failed", "broker-a/0 is at 8, not 0", "0 was written")
			if r == nil || !r.Outcomes[0].Failed() || r.Outcomes[0].Seen != 8 || r.Outcomes[0].Offset != 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestABusyBrokerIsAskedAgain(t *testing.T) {
	cluster, k := setups[0].start(t)
	var turned atomic.Int32
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.ResetOffset && turned.Add(1) <= 2 {
			return &fake.Fault{Code: remoting.SystemBusy, Remark: "[TIMEOUT_CLEAN_QUEUE]broker busy"}
		}
		return nil
	})
	mustReset(t, k, request(offset.ToEarliest))
	if got := where(cluster); got != everywhere(0) {
		t.Errorf("got %s", got)
	}
}

func TestInterruptedBeforeTheFirstWrite(t *testing.T) {
	cluster, k := setups[0].start(t)
	plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := k.Apply(ctx, plan)
	wantError(t, err, offset.Interrupted, "Nothing was changed")
	if r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v", r, err)
	}
	nothingWritten(t, cluster)
}

func TestOnceAWriteHasLeftItIsFinished(t *testing.T) {
	cluster, k := setups[0].start(t)
	plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.ResetOffset && c.Server == "broker-a" {
			return &fake.Fault{Before: cancel}
		}
		return nil
	})
	r, err := k.Apply(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != everywhere(0) || r.Outcomes[3].Seen != 0 {
		t.Errorf("got %s, %+v", got, r.Outcomes[3])
	}
}

// Brokers that go one after the other may take minutes. Once the caller has gone,
// they go on for some time; what is left then is not written, and says so.
func TestWhatIsBegunIsFinishedWithinATimeOnceTheCallerHasGone(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	consumers := func(c *fake.Cluster) {
		c.Connect(group, fake.Consumer{Topics: []string{topic}, Delay: never}) // a client in Go
	}
	for name, test := range map[string]struct {
		begin func(c *fake.Cluster, k *Client)
		b     offset.State // of broker-b's queues; those of broker-a are in doubt
		says  string       // of broker-b's queues
	}{
		"one broker after the other": {
			begin: func(c *fake.Cluster, k *Client) {
				k.pace.push, k.pace.finish, k.pace.readBack = 500*time.Millisecond, 100*time.Millisecond, time.Minute
				consumers(c)
			},
			b: offset.NotDone, says: "it was interrupted, and 100ms later still not done",
		},
		"waiting for consumers to commit": {
			begin: func(c *fake.Cluster, k *Client) {
				k.pace.push, k.pace.commits, k.pace.finish, k.pace.readBack = 100*time.Millisecond, never, 100*time.Millisecond, time.Minute
				c.DeleteGroup(group)
				c.CreateGroup(group)
				consumers(c)
				c.Commit("broker-a", group, topic, 0, 6)
				c.Commit("broker-a", group, topic, 1, 6)
			},
			b: offset.NotDone, says: "it was interrupted, and 100ms later still not done",
		},
		"reading back": {
			begin: func(c *fake.Cluster, k *Client) {
				k.pace.push, k.pace.finish, k.pace.readBack = never, time.Minute, 100*time.Millisecond
				consumers(c)
			},
			b: offset.Unsettled, says: "written, but it could not be read back: it was interrupted, and 100ms later still not done",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, k := setup{version: fake.V4_9_7}.start(t)
			test.begin(cluster, k)
			plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
			if err != nil {
				t.Fatal(err)
			}
			ctx, gone := context.WithCancel(t.Context())
			defer gone()
			cluster.SetFault(func(c fake.Call) *fake.Fault {
				if c.Code == remoting.ResetOffset && c.Server == "broker-a" {
					return &fake.Fault{Before: gone}
				}
				return nil
			})
			start := time.Now()
			r, err := k.Apply(ctx, plan)
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if err == nil || r == nil || !r.InDoubt {
				t.Fatalf("got %+v, %v", r, err)
			}
			for _, o := range r.Outcomes {
				want, says := offset.Unsettled, ""
				if o.Broker == "broker-b" {
					want, says = test.b, test.says
				}
				if o.State != want || !strings.Contains(o.Reason, says) {
					t.Errorf("%s is %d: %s; want %d: %s", o.Name(), o.State, o.Reason, want, says)
				}
			}
		})
	}
}

func TestReadersWithMoreQueuesThanWriters(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			online := s.online
			cluster.Disconnect(group)
			cluster.CreateTopicWith(topic, 2, 1)
			for _, b := range []string{"broker-a", "broker-b"} {
				for q := range 2 {
					cluster.Append(b, topic, q, base, base.Add(time.Second), base.Add(2*time.Second))
					cluster.Commit(b, group, topic, int32(q), 2)
				}
			}
			if online {
				cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
			}
			r := mustReset(t, k, request(offset.ToLatest))
			if got := where(cluster); got != everywhere(3) {
				t.Errorf("got %s", got)
			}
			if len(r.Outcomes) != 4 {
				t.Errorf("%d queues", len(r.Outcomes))
			}
		})
	}
}

// A queue-wise reset must never reach a broker that ignores the queue.
func TestAQueueWiseResetReachesOnlyBrokersThatKnowIt(t *testing.T) {
	for _, s := range setups {
		cluster, k := s.start(t)
		_, _ = reset(t, k, toEach(all(1)))
		_, _ = reset(t, k, toEach(all(2)))
		for _, c := range cluster.Calls() {
			if c.Code == remoting.ResetOffset && c.Fields["queueId"] != "-1" && !s.resetsItself() {
				t.Errorf("%s: got %v", s.name, c)
			}
			if c.Fields["offset"] != "-1" && strings.HasPrefix(c.Fields["offset"], "-") || strings.HasPrefix(c.Fields["commitOffset"], "-") {
				t.Errorf("%s: a negative offset was sent: %v", s.name, c)
			}
		}
	}
}

func TestABrokerThatDoesNotTellHowItResetsIsNotGuessed(t *testing.T) {
	cluster, k := setups[1].start(t)
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetBrokerConfig {
			return &fake.Fault{Code: 16, Remark: "no permission"}
		}
		return nil
	})
	_, err := reset(t, k, toEach(all(1)))
	wantError(t, err, offset.GroupActive, "does not tell whether", "GET on the cluster")
	nothingWritten(t, cluster)
	mustReset(t, k, request(offset.ToEarliest)) // needs no exact offsets
}

// What a broker before 5.0 tells as offset 0 may be an offset: a limit holds
// for it as well, and the summary counts it.
func TestLimitsCountAnOffsetThatMayBeZero(t *testing.T) {
	for _, s := range []setup{setups[0], setups[4]} {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			for q := range int32(2) {
				cluster.Commit("broker-a", group, topic, q, 0)
				cluster.Commit("broker-b", group, topic, q, 0)
			}
			cluster.Trim("broker-b", topic, 1, 4)
			req := request(offset.ToLatest)
			req.Limits.MaxSkipped = new(int64)
			cluster.Forget()
			_, err := reset(t, k, req)
			wantError(t, err, offset.LimitExceeded, "36 messages would be skipped", "Nothing was changed")
			if writes(cluster) > 0 {
				t.Error("something was written")
			}
			r := mustReset(t, k, request(offset.ToLatest))
			if got := offset.SummarizeOutcomes(r.Outcomes).Skipped; got != 36 {
				t.Errorf("%d messages are told as skipped", got)
			}
		})
	}
}

// Consumers may take a push up after nobody waits for it any more: what they
// then did must not be lost to an undo.
func TestAPushThatIsLateIsInDoubt(t *testing.T) {
	for _, s := range []setup{setups[3], setups[5]} {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Disconnect(group)
			cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Delay: 1500 * time.Millisecond})
			r, err := reset(t, k, request(offset.ToEarliest))
			wantError(t, err, offset.Overwritten, "has told its consumers to go to 0", "the offset is 6")
			if r == nil || !r.InDoubt {
				t.Fatalf("got %+v", r)
			}
			for _, m := range r.Outcomes {
				if m.State != offset.Unsettled || m.Previous != 6 {
					t.Errorf("got %+v", m)
				}
			}
			for where(cluster) != everywhere(0) {
				time.Sleep(10 * time.Millisecond)
			}
			cluster.Disconnect(group)
			if _, err := k.Undo(t.Context(), undoOf(r)); err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(6) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// Messages that come in while the reset is done lie before an instant in the
// future too.
func TestAFutureInstantWhileMessagesComeIn(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			plan, err := k.Plan(t.Context(), atTime(time.Now().Add(time.Hour)))
			if err != nil {
				t.Fatal(err)
			}
			cluster.Append("broker-a", topic, 0, time.Now())
			if _, err := k.Apply(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			if got, _ := cluster.Committed("broker-a", group, topic, 0); got < 10 {
				t.Errorf("at %d", got)
			}
		})
	}
}

// The first look after the write can fail, and what it would have told must be
// found out by the next: that the broker leaves the reset to its consumers.
func TestAFirstLookThatFailsIsMadeUpFor(t *testing.T) {
	cluster, k := setups[3].start(t)
	k.pace.settle, k.pace.push = 50*time.Millisecond, 5*time.Second
	cluster.Disconnect(group)
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Delay: 400 * time.Millisecond})
	plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetConsumeStats && failed.Add(1) <= 2 {
			return &fake.Fault{Code: remoting.SystemError, Remark: "not now"}
		}
		return nil
	})
	r, err := k.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != everywhere(0) || hows(r.Outcomes) != HowPush {
		t.Errorf("got %s, %s", got, hows(r.Outcomes))
	}
}

// Where consumers have committed between plan and write, only what they leave
// proves that they took the reset up: deaf ones stay where they were.
func TestNoBaselineIsNoProof(t *testing.T) {
	for _, s := range setups {
		if !s.online || s.resetsItself() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Disconnect(group)
			cluster.DeleteGroup(group)
			cluster.CreateGroup(group)
			cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Deaf: true})
			plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
			if err != nil {
				t.Fatal(err)
			}
			for q := range int32(2) {
				cluster.Commit("broker-a", group, topic, q, 7)
				cluster.Commit("broker-b", group, topic, q, 7)
			}
			r, err := k.Apply(t.Context(), plan)
			wantError(t, err, offset.Overwritten, "is at 7, not 0")
			if r == nil || r.Outcomes[0].Previous != 7 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// A broker that says yes with a table that cannot be read has done it.
func TestAnUnreadableYesIsInDoubt(t *testing.T) {
	cluster, k := setups[0].start(t)
	garbage := "{\"offsetTable\":"
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.ResetOffset {
			return &fake.Fault{Body: &garbage}
		}
		return nil
	})
	r, err := reset(t, k, request(offset.ToEarliest))
	wantError(t, err, offset.Incomplete, "cannot be read")
	if r == nil || !r.InDoubt {
		t.Errorf("got %+v", r)
	}
}

// Consumers that choose their queues themselves subscribe to nothing, and would
// commit over an offset that was committed in their place.
func TestConsumersThatSubscribeToNothing(t *testing.T) {
	for _, s := range setups {
		if !s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // It takes the time that a commit is not believed for.
			cluster, k := s.start(t)
			k.pace.commits, k.pace.push = 2*time.Second, 3*time.Second
			cluster.Disconnect(group)
			cluster.Connect(group, fake.Consumer{})
			if s.resetsItself() {
				for _, req := range []offset.Request{request(offset.ToEarliest), toEach(all(3))} {
					if r := mustReset(t, k, req); hows(r.Outcomes) != HowServer {
						t.Errorf("%s: done %s", req.Target.Kind, hows(r.Outcomes))
					}
				}
				return
			}
			req := request(offset.ToEarliest)
			req.Progress = commitsInstead(cluster, 9)
			plan, err := k.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "subscribes to nothing") {
				t.Errorf("notes %q", notes)
			}
			_, err = k.Apply(t.Context(), plan)
			wantError(t, err, offset.Overwritten, "broker-a/0 is at 9, not 0")
		})
	}
}

// A broker without an offset of the group on the topic makes the table with
// the first commit. Of two at the same time it keeps one (4.9.7), so that the
// first of each broker goes alone.
func TestTheFirstCommitOnEachBrokerGoesAlone(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7}.start(t)
	cluster.DeleteGroup(group)
	cluster.CreateGroup(group)
	var mu sync.Mutex
	first, early := map[string]time.Time{}, 0
	const held = 50 * time.Millisecond
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code != remoting.UpdateOffset {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if at, ok := first[c.Server]; ok {
			if time.Since(at) < held {
				early++
			}
			return nil
		}
		first[c.Server] = time.Now()
		return &fake.Fault{Wait: held}
	})
	mustReset(t, k, request(offset.ToEarliest))
	if got := where(cluster); got != everywhere(0) || len(first) != 2 || early > 0 {
		t.Errorf("got %s; %d commits came beside the first of their broker", got, early)
	}
}

// Brokers do not list the consumers of a proxy. These would commit over an
// offset that was committed in their place, and take up what the broker resets.
func TestExactOffsetsUnderConsumersOfAProxy(t *testing.T) {
	ten := int64(100)
	limited, kept := request(offset.ToEarliest), atTime(base)
	limited.Limits.MaxReplayed, kept.KeepAhead = &ten, true
	for name, c := range map[string]struct {
		req  offset.Request
		want int64
	}{
		"offsets": {toEach(all(3)), 3}, "with a limit": {limited, 0}, "force = false": {kept, 0},
		"earliest": {request(offset.ToEarliest), 0}, "a time": {atTime(base.Add(2 * time.Second)), 2}, "latest": {request(offset.ToLatest), 10},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Proxied: true, Stubborn: true})
			plan, err := k.Plan(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			if plan.State != Unlisted {
				t.Fatalf("the group is %s: the test shows nothing", plan.State)
			}
			r, err := k.Apply(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(c.want) || hows(r.Outcomes) != HowServer {
				t.Errorf("got %s, done by %s", got, hows(r.Outcomes))
			}
			undo := undoOf(r)
			if _, err := k.Undo(t.Context(), undo); err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(6) {
				t.Errorf("got %s after the undo", got)
			}
		})
	}
}

// A key that may not read the broker's configuration still sets exact offsets
// of a group of which no consumer is listed; the plan says what that is worth.
func TestExactOffsetsWithoutTheRightToReadTheConfiguration(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetBrokerConfig {
			return &fake.Fault{Code: 16, Remark: "no permission"}
		}
		return nil
	})
	plan, err := k.Plan(t.Context(), toEach(all(3)))
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "may not read its configuration (GET on the cluster)") {
		t.Errorf("notes %q", notes)
	}
	r, err := k.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != everywhere(3) || hows(r.Outcomes) != HowPerQueue {
		t.Errorf("got %s, done by %s", got, hows(r.Outcomes))
	}
}

// Consumers by POP are past the target before anybody can look.
func TestConsumersThatOvertakeTheReadBack(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Proxied: true, Eager: 7})
	r := mustReset(t, k, atTime(base.Add(2*time.Second)))
	for _, o := range r.Outcomes {
		if o.Offset != 2 || o.Seen != 9 || o.State != offset.MovedOn || o.Pending {
			t.Errorf("got %+v", o)
		}
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "moved on from the target on 4 queues: broker-a/0 from 2 to 9") {
		t.Errorf("notes %q", notes)
	}
}

// The broker's answer is the proof: a read-back that fails takes nothing away.
func TestTheAnswerIsTheProof(t *testing.T) {
	for name, c := range map[string]struct {
		fault fake.Fault
		state offset.State
		words string
	}{
		"no read-back":     {fake.Fault{}, offset.Done, ""},
		"another offset":   {fake.Fault{Body: new(`{"offsetTable":{{"brokerName":"broker-a","queueId":1,"topic":"orders"}:7}}`)}, offset.Elsewhere, "was told 3, and says that it put the queue to 7"},
		"no offset at all": {fake.Fault{Body: new(`{"offsetTable":{}}`)}, offset.Unsettled, "does not say where it put the queue"},
		"no table":         {fake.Fault{Body: new(`{"offset`)}, offset.Unsettled, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			cluster.SetFault(func(call fake.Call) *fake.Fault {
				switch {
				case c.words == "" && call.Code == remoting.GetConsumeStats && writes(cluster) > 0:
					return &fake.Fault{Code: 1, Remark: "out of order"}
				case c.words != "" && call.Code == remoting.ResetOffset && call.Server == "broker-a" && call.Fields["queueId"] == "1":
					return &c.fault
				}
				return nil
			})
			r, err := reset(t, k, toEach(all(3)))
			if (err != nil) != (c.words != "") || r == nil {
				t.Fatalf("got %+v, %v", r, err)
			}
			if o := r.Outcomes[1]; o.State != c.state || !strings.Contains(o.Reason, c.words) {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// Retention can take a target out of the log between the plan and the write.
func TestATargetThatHasLeftTheLogIsFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		req     offset.Request
		clamped bool
		fails   bool
	}{
		"earliest":            {request(offset.ToEarliest), false, false},
		"offsets":             {toEach(all(1)), true, false},
		"offsets that refuse": {func() offset.Request { r := toEach(all(1)); r.OutOfRange = offset.Refuse; return r }(), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			plan, err := k.Plan(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			cluster.Trim("broker-b", topic, 1, 4)
			r, err := k.Apply(t.Context(), plan)
			if c.fails {
				wantError(t, err, offset.Incomplete, "not in consume queue range")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if o := r.Outcomes[3]; o.Offset != 4 || o.Start != 4 || o.Clamped != c.clamped {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// Consumers connect to a broker within half a minute after it was started. Until
// then it lists none, and what is committed in their place they write over (seen
// on real 4.9.7, after a broker was restarted).
func TestConsumersThatHaveNotComeToABrokerAreWaitedFor(t *testing.T) {
	for _, s := range []setup{{version: fake.V4_9_7}, {version: fake.V5_5_0, clientReset: true}, {version: fake.V5_5_0}} {
		for _, comes := range []bool{true, false} {
			cluster, k := s.start(t)
			k.pace.push, k.pace.gather = 20*time.Second, 20*time.Second
			if !comes {
				k.pace.gather = 50 * time.Millisecond
			}
			cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Away: []string{"broker-a"}})
			req := request(offset.ToEarliest)
			req.Progress = func(message string) {
				if comes && strings.HasPrefix(message, "Waiting for the consumers") {
					cluster.Come(group)
				}
			}
			plan, err := k.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			waits := s.version != fake.V5_5_0 || s.clientReset
			if said := strings.Contains(strings.Join(plan.Notes, " "), "not connected to broker-a"); said != waits {
				t.Errorf("notes %q", plan.Notes)
			}
			_, err = k.Apply(t.Context(), plan)
			if waits && !comes {
				wantError(t, err, offset.GroupActive, "broker-a", "Nothing was changed")
				if got := where(cluster); got != everywhere(6) {
					t.Errorf("got %s", got)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != everywhere(0) {
				t.Errorf("got %s", got)
			}
		}
	}
}

// Consumers that come and go all the time are not waited for without end.
func TestConsumersThatComeAndGo(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7}.start(t)
	k.pace.gather = 200 * time.Millisecond
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
	var asked atomic.Int32
	cluster.SetFault(func(call fake.Call) *fake.Fault {
		if call.Server == "broker-a" && call.Code == remoting.GetConnections && asked.Add(1)%2 == 1 {
			return &fake.Fault{Code: remoting.ConsumerNotOnline, Remark: "not online"}
		}
		return nil
	})
	k.pace.fresh = time.Minute
	plan, err := k.Plan(t.Context(), request(offset.ToEarliest))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = k.Apply(ctx, plan)
	wantError(t, err, offset.GroupActive, "broker-a", "Nothing was changed")
	if got := where(cluster); got != everywhere(6) {
		t.Errorf("got %s", got)
	}
}
