//go:build acceptance

package kafka

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// of is a request for one topic and group that waits for nobody.
func of(group, topic string, target offset.Target) offset.Request {
	req := reset(target)
	req.Group, req.Scope = group, offset.Scope{Topics: []string{topic}}
	return req
}

func TestRunningConsumersAreRefusedAndNotDisturbed(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			topic, group := "running."+string(protocol), "running-"+string(protocol)
			k.CreateTopic(t, topic, 3, 3)
			k.CreateTopic(t, topic+".other", 1, 3)
			k.Commit(t, group, kafkacluster.Offsets{topic + ".other": {0: 0}})
			k.Fill(t, topic, 3, 10, noon, time.Second)
			consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: group, Topics: []string{topic}, Protocol: protocol, ClientID: "app-" + string(protocol), Commit: true})
			if err := consumer.WaitRecords(within(t, kafkatest.Patience), 30); err != nil {
				t.Fatal(err)
			}
			before := consumer.Assigned()

			plan, err := c.Plan(t.Context(), of(group, topic, earliest))
			if err != nil {
				t.Fatal(err)
			}
			if len(plan.Members) != 1 || plan.Members[0].ClientID != "app-"+string(protocol) || len(plan.Members[0].Assignment[topic]) != 3 || plan.Protocol != string(protocol) || plan.State != "Stable" {
				t.Errorf("plan %+v", plan)
			}
			_, err = c.Apply(t.Context(), plan)
			wantError(t, err, offset.GroupActive, "app-"+string(protocol), "127.0.0.1", "Nothing was changed")
			_, err = c.Forget(t.Context(), offset.UndoRequest{Group: group, Record: offset.Outcomes(plan.Moves), WaitForInactive: new(time.Duration)})
			wantError(t, err, offset.GroupActive, "Nothing was changed")

			// A topic that the running group does not consume may be forgotten.
			other := offset.Outcomes([]offset.Move{{Partition: offset.Partition{Topic: topic + ".other"}, Previous: offset.None, Offset: 0}})
			if _, err = c.Forget(t.Context(), offset.UndoRequest{Group: group, Record: other, WaitForInactive: new(time.Duration)}); err != nil {
				t.Error(err)
			}
			if got := k.Committed(t, group)[topic+".other"]; len(got) > 0 {
				t.Errorf("offsets left: %v", got)
			}

			k.Fill(t, topic, 3, 5, noon.Add(time.Hour), time.Second)
			if err := consumer.WaitRecords(within(t, kafkatest.Patience), 45); err != nil {
				t.Fatal(err)
			}
			if got := len(consumer.Records()); got != 45 {
				t.Errorf("the consumer has read %d records, want 45", got)
			}
			if after := consumer.Assigned(); !reflect.DeepEqual(before, after) || consumer.Err() != nil {
				t.Errorf("assigned %v, before %v; %v", after, before, consumer.Err())
			}

			// Waiting goes through as soon as it has left.
			req := of(group, topic, earliest)
			wait := time.Minute
			req.WaitForInactive = &wait
			told := make(chan string, 100)
			req.Progress = func(s string) { told <- s }
			done := make(chan error, 1)
			go func() {
				_, err := run(t.Context(), c, req)
				done <- err
			}()
			if s := <-told; !strings.Contains(s, "1 member") {
				t.Errorf("progress %q", s)
			}
			consumer.Stop(t)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if got := k.Committed(t, group)[topic]; !reflect.DeepEqual(got, map[int32]int64{0: 0, 1: 0, 2: 0}) {
				t.Errorf("committed %v", got)
			}
		})
	}
}

func TestUndoOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "undone", 3, 3)
	k.Fill(t, "undone", 3, 10, noon, time.Second)
	before := kafkacluster.Offsets{"undone": {0: 4, 1: 10}}
	for _, group := range []string{"undone-classic", "undone-new"} {
		if group == "undone-new" {
			// An empty group of the new protocol.
			k.Leave(t, k.Join(t, kafkaclient.MemberOptions{Group: group, Topics: []string{"undone"}, Protocol: kafkaclient.Consumer}))
		}
		k.Commit(t, group, before)
		result, err := run(t.Context(), c, of(group, "undone", offset.Target{Kind: offset.ToOffset, Offset: 7}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Undo(t.Context(), offset.UndoRequest{Group: group, ClusterID: k.ID(), Record: result.Outcomes}); err != nil {
			t.Fatal(err)
		}
		if got := k.Committed(t, group); !reflect.DeepEqual(got, before) {
			t.Errorf("%s: %v, want %v", group, got, before)
		}
		if _, err := c.Forget(t.Context(), offset.UndoRequest{Group: group, ClusterID: k.ID(), Record: result.Outcomes}); err != nil {
			t.Fatal(err)
		}
		if got := k.Committed(t, group); len(got["undone"]) != 0 {
			t.Errorf("%s: %v after they were forgotten", group, got)
		}
	}
}

// A topic is deleted between the last look at it and the commit: the broker
// takes the other partitions and refuses that one.
func TestHalfWayResetOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	const kept, gone, group = "half.kept", "half.gone", "half"
	at := func(offset int64) kafkacluster.Offsets {
		return kafkacluster.Offsets{kept: {0: offset, 1: offset}, gone: {0: offset}}
	}
	k.CreateTopic(t, kept, 2, 3)
	k.Fill(t, kept, 2, 10, noon, time.Second)
	for name, target := range map[string]offset.Target{
		"message_offset": {Kind: offset.ToOffset, Offset: 3},
		"shift":          {Kind: offset.ByShift, Shift: -5},
	} {
		t.Run(name, func(t *testing.T) {
			refill := func() {
				k.CreateTopic(t, gone, 1, 3)
				k.Fill(t, gone, 1, 10, noon, time.Second)
			}
			refill()
			k.Commit(t, group, at(8))
			req := of(group, kept, target)
			req.Scope.Topics = []string{kept, gone}
			plan, err := c.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Client().DeleteTopic(within(t, kafkatest.Patience), gone); err != nil {
				t.Fatal(err)
			}
			result, err := c.Apply(t.Context(), plan)
			if target.Kind == offset.ByShift && offset.CodeOf(err) == offset.NoOffset {
				// The last look before the commit showed that the offset has gone
				// with its topic: then nothing is done half-way.
				wantError(t, err, offset.NoOffset, "half.gone-0", "Nothing was changed")
				if got := k.Committed(t, group)[kept]; !reflect.DeepEqual(got, map[int32]int64{0: 8, 1: 8}) {
					t.Errorf("committed %v", got)
				}
				return
			}
			wantError(t, err, offset.Incomplete, "half.gone-0", "2 partitions were committed and read back")
			// The coordinator may not have dropped the deleted topic's offset yet.
			got := k.Committed(t, group)
			if at, ok := got[gone][0]; !reflect.DeepEqual(got[kept], map[int32]int64{0: 3, 1: 3}) || ok && at != 8 {
				t.Fatalf("committed %v", got)
			}

			// The next attempt does the rest, and the undo leads to the very
			// beginning: of what was not written, to where it was then.
			refill()
			result = goOn(t, c, req, result)
			before := at(8)
			if result.Outcomes[0].Previous < 0 {
				delete(before, gone)
			}
			if got := k.Committed(t, group); !reflect.DeepEqual(got, at(3)) {
				t.Fatalf("committed %v, want %v", got, at(3))
			}
			if _, err := c.Undo(t.Context(), offset.UndoRequest{Group: group, ClusterID: k.ID(), Record: result.Outcomes}); err != nil {
				t.Fatal(err)
			}
			if got := k.Committed(t, group); !reflect.DeepEqual(got, before) {
				t.Errorf("committed %v, want %v", got, before)
			}
			if err := k.Client().DeleteTopic(within(t, kafkatest.Patience), gone); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestMissingGroupOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "lonely", 1, 3)
	_, err := run(t.Context(), c, of("nobody", "lonely", earliest))
	wantError(t, err, offset.GroupMissing, "Nothing was changed")
	_, err = run(t.Context(), c, of("nobody", "missing", earliest))
	wantError(t, err, offset.TopicMissing, "Nothing was changed")
	_, err = c.Plan(t.Context(), offset.Request{Group: "nobody", Scope: offset.Scope{AllTopics: true}, Target: earliest})
	wantError(t, err, offset.GroupMissing)
	info, err := c.DescribeGroup(t.Context(), "nobody", nil)
	if err != nil || info.Exists || info.ClusterID != k.ID() {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestReadCommittedOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "transacted", 1, 3)
	k.Fill(t, "transacted", 1, 5, noon, time.Second)
	tx := k.Begin(t, "tx-open", "transacted", 0, kafkacluster.Record{At: noon.Add(time.Hour), Value: "open"})
	k.Fill(t, "transacted", 1, 2, noon.Add(2*time.Hour), time.Second)
	for isolation, end := range map[offset.Isolation]int64{offset.ReadUncommitted: 8, offset.ReadCommitted: 5} {
		for _, target := range []offset.Target{{Kind: offset.ToLatest}, {Kind: offset.ToOffset, Offset: 100}} {
			req := of("tx-group", "transacted", target)
			req.Isolation, req.AllowNewGroup = isolation, true
			result, err := run(t.Context(), c, req)
			if err != nil {
				t.Fatal(err)
			}
			if m := result.Outcomes[0]; m.Offset != end || m.End != end {
				t.Errorf("%s: %+v, want %d", isolation, m, end)
			}
		}
		req := of("tx-group", "transacted", offset.Target{Kind: offset.ToTime, Time: noon.Add(90 * time.Minute)})
		req.Isolation = isolation
		plan, err := c.Plan(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if at := plan.Moves[0].Offset; at != min(6, end) {
			t.Errorf("%s by time: %d", isolation, at)
		}
	}
	// Offsets that a transaction has pending are no offsets, and what is
	// committed after them outlives it.
	k.Commit(t, "tx-pending", kafkacluster.Offsets{"transacted": {0: 3}})
	if err := tx.CommitOffsets(t.Context(), "tx-pending", kafkacluster.Offsets{"transacted": {0: 5}}); err != nil {
		t.Fatal(err)
	}
	result, err := run(t.Context(), c, of("tx-pending", "transacted", earliest))
	if err != nil {
		t.Fatal(err)
	}
	if p := result.Outcomes[0].Previous; p != 3 {
		t.Errorf("previous %d, want the committed 3", p)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := k.Committed(t, "tx-pending")["transacted"][0]; at != 0 {
		t.Errorf("the transaction has put the group to %d", at)
	}
}

func TestAssignedConsumerIsToldAsAnotherWriter(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "assigned", 1, 3)
	k.Fill(t, "assigned", 1, 10, noon, time.Second)
	consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: "assigned-group", Topics: []string{"assigned"}, Assign: true, Commit: true})
	if err := consumer.WaitRecords(within(t, kafkatest.Patience), 10); err != nil {
		t.Fatal(err)
	}
	// It commits every 100 ms into a group that is Empty all the time: here,
	// between the reset and its read-back.
	ctx := within(t, kafkatest.Patience)
	committed := func() bool { return k.Committed(t, "assigned-group")["assigned"][0] == 10 }
	until := func(what func() bool) {
		for !what() {
			if err := clock.Sleep(ctx, 10*time.Millisecond); err != nil {
				t.Error(err)
				return
			}
		}
	}
	until(committed)
	req := of("assigned-group", "assigned", earliest)
	req.Progress = func(message string) {
		if strings.HasPrefix(message, "Reading back") {
			until(committed)
		}
	}
	// Where it has committed what was there before, it may also be a broker
	// that has dropped the commit.
	_, err := run(ctx, c, req)
	wantError(t, err, offset.Incomplete, "assigned-0", "the offset from before is read back", "assign()", "1 partition may have been committed")
}

// A coordinator that has just taken over tells whoever does not ask for stable
// offsets older ones than were acknowledged (seen on Kafka 4.4, more often under
// load). What is planned from, and kept for an undo, is what is committed.
func TestCoordinatorThatHasJustTakenOver(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "taken", 3, 3)
	k.Fill(t, "taken", 3, 30, noon, time.Second)
	const group = "taken-group"
	k.Commit(t, group, kafkacluster.Offsets{"taken": {0: 1}}) // makes __consumer_offsets
	partition := kafkaclient.OffsetsPartition(group, 6)
	for at := int64(2); at < 10; at++ {
		k.Commit(t, group, kafkacluster.Offsets{"taken": {0: at, 1: at, 2: at}})
		if _, err := k.Client().MoveLeader(t.Context(), "__consumer_offsets", partition); err != nil {
			t.Fatal(err)
		}
		plan, err := c.Plan(t.Context(), of(group, "taken", oneBack))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range plan.Moves {
			if m.Previous != at {
				t.Errorf("%s: planned from %d, and %d is committed", m.Name(), m.Previous, at)
			}
		}
	}
}

func TestPartitionWithoutLeaderOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "fragile", 3, 1) // one replica each
	k.Fill(t, "fragile", 3, 10, noon, time.Second)
	k.Commit(t, "fragile-group", kafkacluster.Offsets{"fragile": {0: 5, 1: 5, 2: 5}})
	// Not the coordinator: for a moment its successor would tell older offsets.
	coordinator, lost := k.Coordinator(t, "fragile-group"), int32(0)
	for k.Leader(t, "fragile", lost) == coordinator {
		lost++
	}
	victim := k.Leader(t, "fragile", lost)
	var rest []int32
	for p := range int32(3) {
		if k.Leader(t, "fragile", p) != victim {
			rest = append(rest, p)
		}
	}
	k.Kill(t, int(victim))
	_, err := run(t.Context(), c, of("fragile-group", "fragile", earliest))
	wantError(t, err, offset.NoLeader, fmt.Sprintf("fragile-%d", lost), "Nothing was changed")
	// What is outside of the scope may be offline.
	req := of("fragile-group", "fragile", earliest)
	req.Scope.Partitions = rest
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	info, err := c.DescribeGroup(t.Context(), "fragile-group", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := info.Partitions[lost]; p.Error == "" || p.Committed != 5 {
		t.Errorf("partition %+v", p)
	}
}

func TestCoordinatorKilledDuringTheReset(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "survivor", 6, 3)
	k.Fill(t, "survivor", 6, 10, noon, time.Second)
	k.Commit(t, "survivor-group", kafkacluster.Offsets{"survivor": {0: 5, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5}})
	var killed atomic.Bool
	req := of("survivor-group", "survivor", earliest)
	req.Progress = func(message string) {
		if strings.HasPrefix(message, "Committing") && killed.CompareAndSwap(false, true) {
			k.Kill(t, int(k.Coordinator(t, "survivor-group")))
		}
	}
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	if !killed.Load() {
		t.Error("nothing was killed")
	}
	for p, at := range k.Committed(t, "survivor-group")["survivor"] {
		if at != 0 {
			t.Errorf("partition %d is at %d", p, at)
		}
	}
}

func TestRightsOnARealCluster(t *testing.T) {
	k := kafkacluster.StartWith(t, kafkacluster.Options{
		Nodes: 1, ACLs: true, Users: map[string]string{"alice": "alice-secret", "bob": "bob-secret", "carol": "carol-secret"},
		Listeners: []kafkacluster.Listener{{Name: "SASL", Mechanisms: []string{"PLAIN"}}},
	})
	k.CreateTopic(t, "orders", 2, 1)
	k.CreateTopic(t, "bills", 2, 1)
	k.Commit(t, "billing", kafkacluster.Offsets{"orders": {0: 0, 1: 0}, "bills": {0: 0, 1: 0}})
	k.Allow(t, "User:alice", "TOPIC", "orders", "READ")
	k.Allow(t, "User:alice", "GROUP", "billing", "READ")
	k.Allow(t, "User:alice", "TOPIC", "bills", "DESCRIBE")
	k.Allow(t, "User:carol", "TOPIC", "orders", "READ")
	k.Allow(t, "User:carol", "GROUP", "billing", "DELETE")
	as := func(user string) *Client {
		c, err := New(connection.Config{
			BootstrapServers: k.BootstrapOf("SASL"),
			SASL:             &connection.SASL{Mechanism: "PLAIN", Username: user, Password: user + "-secret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	alice, bob, carol := as("alice"), as("bob"), as("carol")
	_, err := run(t.Context(), bob, of("billing", "orders", earliest))
	wantError(t, err, offset.Unauthorized, "DESCRIBE on the group", "Nothing was changed")
	_, err = run(t.Context(), carol, of("billing", "orders", earliest))
	wantError(t, err, offset.Unauthorized, "READ on the group", "Nothing was changed")
	req := of("billing", "orders", earliest)
	req.Scope.Topics = []string{"bills", "orders"}
	_, err = run(t.Context(), alice, req)
	wantError(t, err, offset.Unauthorized, `READ on the topic "bills"`, "Nothing was changed")
	result, err := run(t.Context(), alice, of("billing", "orders", earliest))
	if err != nil {
		t.Fatal(err)
	}
	_, err = alice.Forget(t.Context(), offset.UndoRequest{Group: "billing", Record: result.Outcomes})
	wantError(t, err, offset.Unauthorized, "DELETE on the group", "Nothing was changed")
	if _, err = carol.Forget(t.Context(), offset.UndoRequest{Group: "billing", Record: result.Outcomes}); err != nil {
		t.Error(err)
	}
	want := kafkacluster.Offsets{"bills": {0: 0, 1: 0}}
	if got := k.Committed(t, "billing"); !reflect.DeepEqual(got, want) {
		t.Errorf("committed %v, want %v", got, want)
	}
	// A member that is subscribed to what alice may not see: with the new
	// protocol the state is unknown then, and not empty.
	k.CreateTopic(t, "secret", 1, 1)
	member := k.Join(t, kafkaclient.MemberOptions{Group: "billing-new", Topics: []string{"secret"}, Protocol: kafkaclient.Consumer})
	if err := member.WaitAssigned(within(t, kafkatest.Patience)); err != nil {
		t.Fatal(err)
	}
	k.Allow(t, "User:alice", "GROUP", "billing-new", "READ")
	req = of("billing-new", "orders", earliest)
	req.AllowNewGroup = true
	_, err = run(t.Context(), alice, req)
	if !k.HasOtherGroupTypes() { // Kafka 3 shows the members all the same
		wantError(t, err, offset.GroupActive, "Nothing was changed")
	} else {
		wantError(t, err, offset.Unauthorized, "DESCRIBE on every topic", "Nothing was changed")
	}
}

// A commit above max.message.bytes of __consumer_offsets fails on every
// partition; other tools exit 0 then with nothing committed.
func TestTenThousandPartitionsInLoweredChunks(t *testing.T) {
	const partitions = 10000
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "wide", partitions/2, 1) // the controller takes no more at a time
	if err := k.Client().AddPartitions(within(t, kafkatest.Patience), "wide", partitions); err != nil {
		t.Fatal(err)
	}
	group := strings.Repeat("g", 200)
	check := func(want int64) {
		t.Helper()
		offsets := k.Committed(t, group)["wide"]
		if len(offsets) != partitions {
			t.Fatalf("%d partitions are committed", len(offsets))
		}
		for p, at := range offsets {
			if at != want {
				t.Fatalf("partition %d is at %d, want %d", p, at, want)
			}
		}
	}
	req := of(group, "wide", earliest)
	req.AllowNewGroup = true
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	check(0)
	alter := func(action, config string) {
		t.Helper()
		if out, err := k.RunTool(within(t, kafkatest.Patience), kafkacluster.ConfigTool, "--alter", "--entity-type", "topics", "--entity-name", "__consumer_offsets", action, config); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	alter("--add-config", "max.message.bytes=100000")
	defer alter("--delete-config", "max.message.bytes")
	k.Fill(t, "wide", partitions, 1, noon, time.Second)
	req.Target = offset.Target{Kind: offset.ToLatest}
	chunks := 0
	req.Progress = func(string) { chunks++ }
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	check(1)
	if s := offset.SummarizeOutcomes(result.Outcomes); s.Moved != partitions || chunks < 10 {
		t.Errorf("summary %+v, %d chunks", s, chunks)
	}
	if _, err := c.Undo(t.Context(), offset.UndoRequest{Group: group, Record: result.Outcomes}); err != nil {
		t.Fatal(err)
	}
	check(0)
	if _, err := c.Forget(t.Context(), offset.UndoRequest{Group: group, Record: result.Outcomes}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Forget(t.Context(), offset.UndoRequest{Group: group, Record: offset.Outcomes([]offset.Move{{Partition: offset.Partition{Topic: "wide"}, Offset: 0}})}); err != nil {
		t.Fatal(err)
	}
	if left := k.Committed(t, group)["wide"]; len(left) > 0 {
		t.Errorf("%d offsets are left", len(left))
	}
}
