package rocketmq

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func undoOf(r *offset.Result) offset.UndoRequest {
	return offset.UndoRequest{Group: group, Topic: topic, ClusterID: r.ClusterID, Record: r.Outcomes}
}

// Trap 2 again: it must also work right after the reset, which then still
// waits for a consumer.
func TestUndoRightAfterAReset(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Commit("broker-b", group, topic, 1, 9)
			undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
			r, err := k.Undo(t.Context(), undo)
			if s.online && !s.resetsItself() {
				wantError(t, err, offset.GroupActive, "consumers online", "Nothing was changed")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != "a/0=6 a/1=6 b/0=6 b/1=9" {
				t.Errorf("got %s", got)
			}
			for _, m := range r.Outcomes {
				if m.Failed() || m.Previous != 0 || m.Seen != m.Offset {
					t.Errorf("got %+v", m)
				}
			}
			// Once more does no harm.
			cluster.Forget()
			if r, err = k.Undo(t.Context(), undo); err != nil || len(r.Outcomes) != 0 || writes(cluster) != 0 {
				t.Errorf("got %+v, %v, %d writes", r, err, writes(cluster))
			}
		})
	}
}

func TestUndoComparesFirst(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		for name, c := range map[string]struct {
			change func(*fake.Cluster)
			code   offset.Code
			want   []string
		}{
			"moved on": {func(c *fake.Cluster) {
				c.Connect(group, fake.Consumer{Topics: []string{topic}})
				c.Disconnect(group)
				c.Commit("broker-a", group, topic, 1, 5)
			}, offset.Overwritten, []string{"1 of 4 queues are not where the reset put them", "broker-a/1 is at 5, not 2", `on_destroy to "keep"`}},
			"expired": {func(c *fake.Cluster) {
				c.Trim("broker-b", topic, 0, 8)
			}, offset.OutsideLog, []string{"the log of 1 of 4 queues", "broker-b/0 was at 6, the log holds 8 to 10"}},
			"another cluster's topic": {func(c *fake.Cluster) {
				c.DeleteTopic(topic)
				c.CreateTopic(topic, 1)
			}, offset.OutsideLog, []string{"the log of 2 of 2 queues"}},
		} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				cluster, k := s.start(t)
				undo := undoOf(mustReset(t, k, atTime(base.Add(2*time.Second))))
				c.change(cluster)
				before := where(cluster)
				cluster.Forget()
				_, err := k.Undo(t.Context(), undo)
				wantError(t, err, c.code, append(c.want, "Nothing was changed")...)
				if after := where(cluster); after != before || writes(cluster) > 0 {
					t.Errorf("%s became %s", before, after)
				}
			})
		}
	}
}

func TestUndoLeavesAloneWhatIsNotIts(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	undo.Record[0].Fail("failed")                   // never moved
	undo.Record[1].How = HowKept                    // never moved
	undo.Record[2].Previous = undo.Record[2].Offset // was there before
	undo.Skip = func(p offset.Partition) bool {     // another reset has it now
		if p.Topic != topic {
			t.Errorf("asked for %+v", p)
		}
		return p.Broker == "broker-b" && p.ID == 1
	}
	cluster.Forget()
	r, err := k.Undo(t.Context(), undo)
	if err != nil || len(r.Outcomes) != 0 || writes(cluster) != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestUndoWhereThereWasNoOffset(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.DeleteGroup(group)
			cluster.CreateGroup(group)
			cluster.Commit("broker-a", group, topic, 0, 5)
			undo := undoOf(mustReset(t, k, request(offset.ToLatest)))
			r, err := k.Undo(t.Context(), undo)
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != "a/0=5 a/1=10 b/0=10 b/1=10" {
				t.Errorf("got %s", got)
			}
			if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "3 queues had no offset before the reset, or the broker could not tell") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func TestUndoOfWhatIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		gone func(*fake.Cluster)
		want string
	}{
		"topic": {func(c *fake.Cluster) { c.DeleteTopic(topic) }, `Topic "orders" does not exist any more`},
		"group": {func(c *fake.Cluster) { c.DeleteGroup(group) }, `Group "billing" does not exist any more`},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
			c.gone(cluster)
			cluster.Forget()
			r, err := k.Undo(t.Context(), undo)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Outcomes) != 0 || !strings.Contains(strings.Join(r.Notes, " "), c.want) || writes(cluster) > 0 {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestUndoOnAnotherCluster(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	undo.ClusterID = "Production"
	cluster.Forget()
	_, err := k.Undo(t.Context(), undo)
	wantError(t, err, offset.WrongCluster, "DefaultCluster", "Production", "Nothing was changed")
	undo.ClusterID, undo.Topic = "", ""
	_, err = k.Undo(t.Context(), undo)
	wantError(t, err, offset.InvalidArgument, "topic")
	if writes(cluster) > 0 {
		t.Error("something was written")
	}
}

// That the name servers know no way to a topic does not prove that it is gone:
// what is known of the offsets from before must not be thrown away for it.
func TestUndoWhereTheTopicOnlySeemsGone(t *testing.T) {
	elsewhere := func(brokers ...string) func(*testing.T, *fake.Cluster) *Client {
		return func(t *testing.T, _ *fake.Cluster) *Client {
			c, err := fake.Start(fake.Config{Name: "Staging", Brokers: brokers})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return newClient(t, Config{NameServers: []string{c.NameServer()}})
		}
	}
	here := func(change func(*fake.Cluster)) func(*testing.T, *fake.Cluster) *Client {
		return func(t *testing.T, c *fake.Cluster) *Client {
			change(c)
			return newClient(t, Config{NameServers: []string{c.NameServer()}})
		}
	}
	for name, c := range map[string]struct {
		client func(*testing.T, *fake.Cluster) *Client
		code   offset.Code
		want   []string
	}{
		"another cluster with brokers of these names": {elsewhere("broker-a", "broker-b"), offset.WrongCluster, []string{`cluster "Staging"`, "DefaultCluster", "Check the name servers"}},
		"another cluster with other brokers":          {elsewhere("broker-x"), offset.NoLeader, []string{`no master of broker "broker-a"`, "Check the name servers", `on_destroy to "keep"`}},
		"no broker is registered": {here(func(c *fake.Cluster) {
			c.SetAddresses("broker-a", nil)
			c.SetAddresses("broker-b", nil)
		}), offset.NoLeader, []string{`no master of broker "broker-a"`, "Bring the broker back"}},
		"one broker is not registered, the other has lost the topic": {here(func(c *fake.Cluster) {
			c.DeleteTopic(topic)
			c.SetAddresses("broker-b", nil)
		}), offset.NoLeader, []string{`no master of broker "broker-b"`}},
		"only a slave is registered": {here(func(c *fake.Cluster) {
			c.DeleteTopic(topic)
			c.SetAddresses("broker-b", map[int64]string{1: c.Address("broker-b")})
		}), offset.NoLeader, []string{`no master of broker "broker-b"`}},
		"the brokers have not told of it yet": {here(func(c *fake.Cluster) {
			c.SetFault(func(call fake.Call) *fake.Fault {
				if call.Code == remoting.GetRoute {
					return &fake.Fault{Code: remoting.TopicNotExist, Remark: "No topic route info in name server for the topic: orders"}
				}
				return nil
			})
		}), offset.NoLeader, []string{`broker "broker-a" has it all the same`, "Wait until"}},
		"a broker does not answer": {here(func(c *fake.Cluster) {
			c.DeleteTopic(topic)
			c.Kill("broker-b")
		}), offset.Unreachable, []string{"broker-b", `whether topic "orders" is gone`}},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
			k = c.client(t, cluster)
			cluster.Forget()
			_, err := k.Undo(t.Context(), undo)
			wantError(t, err, c.code, append(c.want, "Nothing was changed")...)
			if writes(cluster) > 0 {
				t.Error("something was written")
			}
		})
	}
}

// A group that another cluster does not know is not gone either.
func TestUndoOnAnotherClusterWithoutTheGroup(t *testing.T) {
	_, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	other, elsewhere := setups[0].startWith(t, fake.Config{Name: "Staging"})
	other.DeleteGroup(group)
	_, err := elsewhere.Undo(t.Context(), undo)
	wantError(t, err, offset.WrongCluster, "Staging", "DefaultCluster", "Nothing was changed")
}

// Nor is a group that the brokers which are up do not know, while another that
// the reset was made on is down.
func TestUndoWithoutTheGroupWhileABrokerIsDown(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	cluster.DeleteGroup(group)
	cluster.SetAddresses("broker-b", nil)
	_, err := k.Undo(t.Context(), undo)
	wantError(t, err, offset.NoLeader, `broker "broker-b", which the reset was made on`, "Bring the broker back", `on_destroy to "keep"`, "Nothing was changed")
}

func TestUndoWithABrokerDownChangesNothing(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	cluster.Kill("broker-b")
	cluster.Forget()
	_, err := k.Undo(t.Context(), undo)
	wantError(t, err, offset.Unreachable, "broker-b", "Nothing was changed")
	if writes(cluster) > 0 {
		t.Error("something was written")
	}
}

func TestAnUndoThatFailsHalfWayCanBeRepeated(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Server == "broker-b" && (c.Code == remoting.UpdateOffset || c.Code == remoting.ResetOffset) {
			return &fake.Fault{Code: 1, Remark: "disk full"}
		}
		return nil
	})
	r, err := k.Undo(t.Context(), undo)
	wantError(t, err, offset.Incomplete, "restore", "2 of 4 queues failed")
	if r == nil || len(r.Outcomes) != 4 {
		t.Fatalf("got %+v", r)
	}
	cluster.SetFault(nil)
	if _, err := k.Undo(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != everywhere(6) {
		t.Errorf("got %s", got)
	}
}

// A write that may have been carried out is put back where it was, and is done
// where it was not.
func TestUndoComparesWhatHadNoAnswer(t *testing.T) {
	cluster, k := setups[0].start(t)
	r := mustReset(t, k, request(offset.ToEarliest))
	undo := undoOf(r)
	for i := range undo.Record {
		undo.Record[i].Doubt("no answer")
		undo.Record[i].How = ""
	}
	undo.Record[3].Offset, undo.Record[3].Previous = 3, 0 // is at 0: was not carried out
	if _, err := k.Undo(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != "a/0=6 a/1=6 b/0=6 b/1=0" {
		t.Errorf("got %s", got)
	}
}

// Brokers before 5.2 cannot set exact offsets under consumers that are online.
// A lenient undo, after which something else is to begin, must not end there.
func TestLenientUndoUnderConsumersOfOldBrokers(t *testing.T) {
	for _, s := range setups {
		if !s.online || s.resetsItself() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
			cluster.Forget()
			_, err := k.Undo(t.Context(), undo)
			wantError(t, err, offset.GroupActive, "consumers online", "Nothing was changed")
			undo.Lenient = true
			r, err := k.Undo(t.Context(), undo)
			if err != nil {
				t.Fatal(err)
			}
			if notes := strings.Join(r.Notes, " "); len(r.Outcomes) != 0 || writes(cluster) != 0 || !strings.Contains(notes, "broker-b were left where they are") {
				t.Errorf("got %+v, %d writes", r, writes(cluster))
			}
		})
	}
}

func TestLenientUndoLeavesAloneWhatCannotGoBack(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	undo.Lenient = true
	undo.Record[1].Offset = 2 // is at 0
	cluster.Trim("broker-b", topic, 0, 8)
	r, err := k.Undo(t.Context(), undo)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); got != "a/0=6 a/1=0 b/0=0 b/1=6" {
		t.Errorf("got %s", got)
	}
	notes := strings.Join(r.Notes, " ")
	for _, words := range []string{"broker-a/1 is at 0, not 2", "broker-b/0 was at 6, the log holds 8 to 10"} {
		if !strings.Contains(notes, words) {
			t.Errorf("notes %q do not say %q", notes, words)
		}
	}
}

// A queue that is gone needs no restore, and must not stand in the way of one.
func TestUndoOfATopicThatHasShrunk(t *testing.T) {
	for name, lenient := range map[string]bool{"a restore": false, "of a reset that failed half-way": true} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
			undo.Lenient = lenient
			cluster.ShrinkTopic(topic, 1)
			r, err := k.Undo(t.Context(), undo)
			if err != nil {
				t.Fatal(err)
			}
			if got := where(cluster); got != "a/0=6 a/1=0 b/0=6 b/1=0" {
				t.Errorf("got %s", got)
			}
			if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "2 queues no more, so there was nothing to restore there: broker-a/1, broker-b/1") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

func TestUndoWhereOneBrokerHasTheTopicNoMore(t *testing.T) {
	cluster, k := setups[0].start(t)
	undo := undoOf(mustReset(t, k, request(offset.ToEarliest)))
	cluster.SetAddresses("broker-b", nil) // down: that is no proof
	_, err := k.Undo(t.Context(), undo)
	wantError(t, err, offset.NoLeader, `on broker broker-b, and no master of broker "broker-b"`, "Bring the broker back", "Nothing was changed")
	cluster.SetAddresses("broker-b", map[int64]string{0: cluster.Address("broker-b")})
	cluster.DropTopic("broker-b", topic)
	r, err := k.Undo(t.Context(), undo)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(cluster); !strings.HasPrefix(got, "a/0=6 a/1=6") {
		t.Errorf("got %s", got)
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "broker-b/0, broker-b/1") {
		t.Errorf("notes %q", notes)
	}
}

// A restore of what was reset while nobody consumed waits for consumers as well,
// and is refused under them: these brokers cannot set exact offsets then.
func TestUndoWaitsForConsumersThatHaveNotComeToABroker(t *testing.T) {
	for _, comes := range []bool{true, false} {
		cluster, k := setup{version: fake.V4_9_7}.start(t)
		k.pace.gather = 20 * time.Second
		if !comes {
			k.pace.gather = 50 * time.Millisecond
		}
		r := mustReset(t, k, request(offset.ToEarliest))
		only := slices.DeleteFunc(slices.Clone(r.Outcomes), func(o offset.Outcome) bool { return o.Broker != "broker-a" })
		cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Away: []string{"broker-a"}})
		_, err := k.Undo(t.Context(), offset.UndoRequest{Group: group, Topic: topic, Record: only, Progress: func(message string) {
			if comes && strings.HasPrefix(message, "Waiting for the consumers") {
				cluster.Come(group)
			}
		}})
		wantError(t, err, offset.GroupActive, "broker-a", "Nothing was changed")
		if got := where(cluster); got != everywhere(0) {
			t.Errorf("got %s", got)
		}
	}
}
