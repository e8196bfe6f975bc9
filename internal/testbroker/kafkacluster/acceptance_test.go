//go:build acceptance

package kafkacluster

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	t.Cleanup(cancel)
	return ctx
}

func TestRealClusterTellsItsOffsetsInEveryWay(t *testing.T) {
	c := Start(t)
	if c.ID() == "" || len(c.Bootstrap()) != 3 {
		t.Errorf("id %q, bootstrap %v", c.ID(), c.Bootstrap())
	}
	c.CreateTopic(t, "orders", 4, 3, "retention.ms", "-1")
	c.Fill(t, "orders", 4, 100, start, time.Minute)
	c.DeleteRecords(t, "orders", 1, 25)
	starts, ends := c.Log(t, "orders")
	if want := map[int32]int64{0: 0, 1: 25, 2: 0, 3: 0}; !maps.Equal(starts, want) {
		t.Errorf("starts %v, want %v", starts, want)
	}
	if want := map[int32]int64{0: 100, 1: 100, 2: 100, 3: 100}; !maps.Equal(ends, want) {
		t.Errorf("ends %v, want %v", ends, want)
	}

	committed := Offsets{"orders": {0: 10, 1: 30, 3: 100}}
	c.Commit(t, "billing", committed)
	if got := c.Committed(t, "billing"); !equal(got, committed) {
		t.Errorf("got %v, want %v", got, committed)
	}
	if got := c.ToolOffsets(t, "billing"); !equal(got, committed) {
		t.Errorf("tool: got %v, want %v", got, committed)
	}

	// An hour in is record 60; the tool puts an offset before the log's start there.
	want := Offsets{"orders": {0: 60, 1: 60, 2: 60, 3: 60}}
	if got := c.ToolReset(t, "billing", "--topic", "orders", "--to-datetime", "2026-03-01T13:00:00.000"); !equal(got, want) {
		t.Errorf("tool: reset to %v, want %v", got, want)
	}
	if got := c.Committed(t, "billing"); !equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want = Offsets{"orders": {1: 25}}
	if got := c.ToolReset(t, "billing", "--topic", "orders:1", "--to-offset", "5"); !equal(got, want) {
		t.Errorf("tool: reset to %v, want %v", got, want)
	}
	if got := c.Committed(t, "no such group"); len(got) != 0 {
		t.Errorf("got %v of a group that does not exist", got)
	}
}

func TestToolsAreQuickAndTellTheirErrors(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "quick", 1, 1)
	if out, err := c.RunTool(within(t), ConfigTool, "--alter", "--entity-type", "topics", "--entity-name", "quick",
		"--add-config", "max.message.bytes=2000000"); err != nil {
		t.Errorf("%s: %v", out, err)
	}
	ctx := within(t)
	for range time.Tick(100 * time.Millisecond) { // a broker learns of it in its own time
		out, err := c.RunTool(ctx, TopicTool, "--describe", "--topic", "quick")
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if strings.Contains(out, "max.message.bytes=2000000") {
			break
		}
	}
	if _, err := c.Tool(t, "--no-such-option"); err == nil {
		t.Error("no error")
	}
	if _, err := c.ResetByTool(within(t), "g", "--topic", "no-such-topic", "--to-earliest"); err == nil {
		t.Error("no error")
	}
	c.Commit(t, "quick", Offsets{"quick": {0: 0}})
	begin := time.Now()
	const calls = 5
	for range calls {
		c.ToolOffsets(t, "quick")
	}
	t.Logf("a call takes %s", time.Since(begin)/calls)
}

func TestJavaConsumersOfBothProtocols(t *testing.T) {
	c := Start(t)
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			topic, group := "consumed-"+string(protocol), "consumers-"+string(protocol)
			c.CreateTopic(t, topic, 3, 3)
			c.Fill(t, topic, 3, 10, start, time.Second)
			c.Commit(t, group, Offsets{topic: {0: 4}})
			consumer := c.StartConsumer(t, ConsumerOptions{Group: group, Topics: []string{topic}, Protocol: protocol, Commit: true})
			if got := consumer.Assigned()[topic]; !slices.Equal(got, []int32{0, 1, 2}) {
				t.Errorf("assigned %v", got)
			}
			if err := consumer.WaitRecords(within(t), 26); err != nil {
				t.Fatal(err)
			}
			for _, r := range consumer.Records() {
				if r.Partition == 0 && r.Offset < 4 || !r.At.Equal(start.Add(time.Duration(r.Offset)*time.Second)) {
					t.Errorf("consumed %+v", r)
				}
			}
			hasType(t, c, group, protocol)
			if _, err := c.ResetByTool(within(t), group, "--topic", topic, "--to-earliest"); err == nil {
				t.Error("the tool has reset an active group")
			}
			consumer.Stop(t)
			want := Offsets{topic: {0: 10, 1: 10, 2: 10}}
			if got := c.ToolOffsets(t, group); !equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			want = Offsets{topic: {0: 0, 1: 0, 2: 0}}
			if got := c.ToolReset(t, group, "--topic", topic, "--to-earliest"); !equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// hasType asks the broker whether the group speaks the protocol.
func hasType(t *testing.T, c *Cluster, group string, protocol kafkaclient.Protocol) {
	t.Helper()
	out, err := c.Tool(t, "--list", "--type", string(protocol))
	if err != nil || !strings.Contains(out, group) {
		t.Errorf("groups of type %s: %s: %v", protocol, out, err)
	}
}

func TestConsumersThatDoNotLeave(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "left", 2, 3)
	for name, o := range map[string]ConsumerOptions{
		"killed": {Killable: true},
		"static": {InstanceID: "pod-0"},
	} {
		t.Run(name, func(t *testing.T) {
			o.Group, o.Topics, o.ClientID = "left-"+name, []string{"left"}, "worker"
			o.Properties = map[string]string{"session.timeout.ms": "45000"}
			consumer := c.StartConsumer(t, o)
			consumer.Kill()
			consumer.Stop(t)
			out, err := c.Tool(t, "--describe", "--members", "--group", o.Group)
			if err != nil || !strings.Contains(out, "worker") {
				t.Errorf("%s: %v", out, err)
			}
		})
	}
}

func TestAssignedConsumerIsNoMember(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "assigned", 2, 3)
	c.Fill(t, "assigned", 2, 5, start, time.Second)
	consumer := c.StartConsumer(t, ConsumerOptions{Group: "assigners", Topics: []string{"assigned"}, Assign: true, Commit: true})
	if err := consumer.WaitRecords(within(t), 10); err != nil {
		t.Fatal(err)
	}
	out, err := c.Tool(t, "--describe", "--members", "--group", "assigners")
	if err != nil || strings.Contains(out, "consumer-") {
		t.Errorf("%s: %v", out, err)
	}
	consumer.Stop(t)
	if got, want := c.Committed(t, "assigners"), (Offsets{"assigned": {0: 5, 1: 5}}); !equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestGoMembersOfBothProtocols(t *testing.T) {
	c := Start(t)
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			topic, group := "joined-"+string(protocol), "members-"+string(protocol)
			c.CreateTopic(t, topic, 3, 3)
			c.Fill(t, topic, 3, 10, start, time.Second)
			m := c.Join(t, kafkaclient.MemberOptions{Group: group, Topics: []string{topic}, Protocol: protocol, Commit: true})
			if err := m.WaitRecords(within(t), 30); err != nil {
				t.Fatal(err)
			}
			if protocol == kafkaclient.Consumer && c.before4() {
				protocol = kafkaclient.Classic // what the library makes of it where KIP-848 is a preview
			}
			hasType(t, c, group, protocol)
			c.Leave(t, m)
			if got, want := c.Committed(t, group), (Offsets{topic: {0: 10, 1: 10, 2: 10}}); !equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if got := c.ToolReset(t, group, "--topic", topic, "--to-earliest"); len(got[topic]) != 3 {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTransactionHoldsOffsetsBack(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "transacted", 1, 3)
	c.Commit(t, "pending", Offsets{"transacted": {0: 0}})
	tx := c.Begin(t, "tx", "transacted", 0, Record{At: start, Value: "pending"})
	if err := tx.CommitOffsets(within(t), "pending", Offsets{"transacted": {0: 1}}); err != nil {
		t.Fatal(err)
	}
	if got := c.Committed(t, "pending")["transacted"][0]; got != 0 {
		t.Errorf("committed %d while the transaction is open, want 0", got)
	}
	if err := tx.Abort(within(t)); err != nil {
		t.Fatal(err)
	}
}

func TestNodesStopDieAndComeBack(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "survives", 6, 3)
	c.Fill(t, "survives", 6, 10, start, time.Second)
	want := Offsets{"survives": {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6}}
	c.Commit(t, "survivors", want)
	for name, end := range map[string]func(testing.TB, int){"stopped": c.Stop, "killed": c.Kill} {
		t.Run(name, func(t *testing.T) {
			node := int(c.Coordinator(t, "survivors"))
			end(t, node)
			ctx := within(t)
			for range time.Tick(100 * time.Millisecond) { // the cluster notices in its own time
				next, err := c.Client().Coordinator(ctx, "survivors")
				if err != nil {
					t.Fatal(err)
				}
				if int(next) != node {
					break
				}
			}
			// A successor tells older offsets until it has learnt which
			// records of its log are committed.
			got := c.Committed(t, "survivors")
			for ctx.Err() == nil && !equal(got, want) {
				time.Sleep(100 * time.Millisecond)
				got = c.Committed(t, "survivors")
			}
			if !equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			c.Restart(t, node)
		})
	}
}
