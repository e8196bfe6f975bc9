//go:build acceptance

package provider_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// realTopics creates the topics orders-NAME (3 partitions) and audit-NAME (1)
// with 100 records each, a second apart from base, the first 10 deleted.
func realTopics(t *testing.T, k *kafkacluster.Cluster, name string) (orders, audit string) {
	t.Helper()
	orders, audit = "orders-"+name, "audit-"+name
	k.CreateTopic(t, orders, 3, int16(k.Nodes()))
	k.CreateTopic(t, audit, 1, int16(k.Nodes()))
	k.Fill(t, orders, 3, 100, base, time.Second)
	k.Fill(t, audit, 1, 100, base, time.Second)
	for p := range int32(3) {
		k.DeleteRecords(t, orders, p, 10)
	}
	k.DeleteRecords(t, audit, 0, 10)
	return orders, audit
}

// toolSays compares what Apache's kafka-consumer-groups says of the group.
func toolSays(t *testing.T, k *kafkacluster.Cluster, group string, want kafkacluster.Offsets) {
	t.Helper()
	if got := k.ToolOffsets(t, group); !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("kafka-consumer-groups says that group %q is at %v, want %v", group, got, want)
	}
}

// The main job, on a real cluster: plan with figures, apply, the broker's own
// tool, a quiet plan, undo.
func TestRealKafkaPlanApplyAndUndo(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, audit := realTopics(t, k, "main")
	start := kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}, audit: {0: 60}}
	for name, test := range map[string]struct {
		arguments string
		want      kafkacluster.Offsets
		figures   string
	}{
		"topic": {
			fmt.Sprintf("topic = %q\ndatetime = \"2026-03-01T14:00:20Z\"", orders),
			kafkacluster.Offsets{orders: {0: 20, 1: 20, 2: 20}, audit: {0: 60}}, "3 partitions of 3 move, 40 messages replayed, 15 skipped",
		},
		"partitions": {
			fmt.Sprintf("topic = %q\npartitions = [0, 1]\nposition = \"latest\"", orders),
			kafkacluster.Offsets{orders: {0: 100, 1: 100, 2: 10}, audit: {0: 60}}, "2 partitions of 2 move, 0 messages replayed, 125 skipped",
		},
		"topics": {
			fmt.Sprintf("topics = [%q, %q]\nshift = -5", orders, audit),
			kafkacluster.Offsets{orders: {0: 55, 1: 10, 2: 10}, audit: {0: 55}}, "3 partitions of 4 move, 15 messages replayed, 0 skipped",
		},
		"all topics": {
			"all_topics = true\nposition = \"earliest\"",
			kafkacluster.Offsets{orders: {0: 10, 1: 10, 2: 10}, audit: {0: 10}}, "3 partitions of 4 move, 105 messages replayed, 0 skipped",
		},
		"offsets": {
			fmt.Sprintf("offsets = { %q = { \"1\" = 42 } }", orders),
			kafkacluster.Offsets{orders: {0: 60, 1: 42, 2: 10}, audit: {0: 60}}, "1 partition of 1 move, 0 messages replayed, 27 skipped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			group := "main-" + strings.ReplaceAll(name, " ", "-")
			k.Commit(t, group, start)
			w := newWorkspace(t, kafkaConfig(k.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = %q\non_destroy = \"restore\"\n%s", group, test.arguments))+
				"output \"summary\" { value = jsonencode(kafka_consumer_offset_reset.test.summary) }\n"))
			says(t, w.must(0, "plan", "-compact-warnings"), test.figures)
			toolSays(t, k, group, start)
			w.must(0, "apply", "-auto-approve")
			toolSays(t, k, group, test.want)
			out := w.must(0, "output", "-raw", "summary")
			var moved, of, replayed, skipped int
			var noun string
			if _, err := fmt.Sscanf(test.figures, "%d %s of %d move, %d messages replayed, %d skipped", &moved, &noun, &of, &replayed, &skipped); err != nil {
				t.Fatal(err)
			}
			for figure, want := range map[string]int{"moved": moved, "replayed_messages": replayed, "skipped_messages": skipped} {
				says(t, out, fmt.Sprintf("%q:%d", figure, want))
			}
			w.must(0, "plan", "-detailed-exitcode")
			says(t, w.must(0, "destroy", "-auto-approve"), fmt.Sprintf("destroying puts back %d %s, about %d messages replayed and %d skipped", moved, noun, skipped, replayed))
			toolSays(t, k, group, start)
		})
	}
}

// A running consumer of either protocol is refused, named and left alone;
// with wait_for_inactive the apply goes through once it has left.
func TestRealKafkaActiveGroups(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, _ := realTopics(t, k, "active")
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			group := "active-" + string(protocol)
			start := kafkacluster.Offsets{orders: {0: 100, 1: 100, 2: 100}}
			k.Commit(t, group, start)
			consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: group, Topics: []string{orders}, Protocol: protocol, ClientID: "invoice-writer-1"})
			assigned := fmt.Sprint(consumer.Assigned())
			reset := func(wait string) *workspace {
				return newWorkspace(t, kafkaConfig(k.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = %q\ntopic = %q\nposition = \"earliest\"\nwait_for_inactive = %q", group, orders, wait))))
			}
			w := reset("0s")
			says(t, w.must(0, "plan"), "1 member is still active")
			says(t, w.must(1, "apply", "-auto-approve"), "invoice-writer-1", "127.0.0.1", "Nothing was changed")
			toolSays(t, k, group, start)
			if got := fmt.Sprint(consumer.Assigned()); got != assigned {
				t.Errorf("the consumer was disturbed: it had %s and has %s", assigned, got)
			}
			// Ctrl-C during the wait ends it at once.
			out := reset("5m").interrupted(func(out *printed) {
				waitFor(t, "the apply to begin", func() bool { return strings.Contains(out.String(), "Creating...") })
				time.Sleep(2 * time.Second) // by then it waits for the member, which nothing announces
			}, "apply", "-auto-approve")
			says(t, out, fmt.Sprintf("Reset consumer group %q on topic %q", group, orders), "Nothing was changed")
			toolSays(t, k, group, start)
			w = reset("60s")
			stopped := time.AfterFunc(3*time.Second, func() { consumer.Stop(t) })
			defer stopped.Stop()
			w.must(0, "apply", "-auto-approve")
			toolSays(t, k, group, kafkacluster.Offsets{orders: {0: 10, 1: 10, 2: 10}})
			w.must(0, "plan", "-detailed-exitcode")
		})
	}
}

// What may follow a reset: consumers read on, records come and go. The plan
// stays empty, and an undo that would take from somebody refuses.
func TestRealKafkaAfterTheReset(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, _ := realTopics(t, k, "after")
	at := func(p0, p1, p2 int64) kafkacluster.Offsets {
		return kafkacluster.Offsets{orders: {0: p0, 1: p1, 2: p2}}
	}
	reset := func(group, arguments string) string {
		return kafkaReset(fmt.Sprintf("group_id = %q\n", group) + arguments)
	}
	config := func(body string) string { return kafkaConfig(k.Bootstrap(), body) }
	applied := func(t *testing.T, group, arguments string) *workspace {
		t.Helper()
		k.Commit(t, group, at(60, 60, 60))
		w := newWorkspace(t, config(reset(group, arguments)))
		w.must(0, "apply", "-auto-approve")
		return w
	}
	restore := "on_destroy = \"restore\"\n"
	keep := "on_destroy = \"keep\"\n"
	topic := fmt.Sprintf("topic = %q\n", orders)

	t.Run("another cluster", func(t *testing.T) {
		other := kafkacluster.StartWith(t, kafkacluster.Options{Nodes: 1})
		other.CreateTopic(t, orders, 3, 1)
		other.Fill(t, orders, 3, 100, base, time.Second)
		other.Commit(t, "elsewhere", at(20, 20, 20))
		for _, onDestroy := range []string{"restore", "delete_offsets"} {
			arguments := topic + fmt.Sprintf("message_offset = 20\non_destroy = %q\n", onDestroy)
			w := applied(t, "elsewhere", arguments)
			w.configure(kafkaConfig(other.Bootstrap(), reset("elsewhere", arguments)))
			says(t, w.must(1, "destroy", "-auto-approve"), other.ID(), k.ID())
			toolSays(t, other, "elsewhere", at(20, 20, 20))
			toolSays(t, k, "elsewhere", at(20, 20, 20))
		}
	})

	t.Run("the newer reset survives", func(t *testing.T) {
		body := func(run, offset int) string {
			return fmt.Sprintf("resource \"terraform_data\" \"run\" { input = %d }\n", run) +
				reset("newer", topic+restore+fmt.Sprintf("message_offset = %d\n", offset)+
					"lifecycle {\n create_before_destroy = true\n replace_triggered_by = [terraform_data.run]\n}\n")
		}
		k.Commit(t, "newer", at(60, 60, 60))
		w := newWorkspace(t, config(body(1, 20)))
		w.must(0, "apply", "-auto-approve")
		w.configure(config(body(2, 30)))
		says(t, w.must(0, "apply", "-auto-approve"), "create replacement and then destroy")
		toolSays(t, k, "newer", at(30, 30, 30))
		w.must(0, "destroy", "-auto-approve")
		toolSays(t, k, "newer", at(20, 20, 20))
	})

	t.Run("replaced", func(t *testing.T) {
		w := applied(t, "replaced", topic+restore+"shift = -10\n")
		w.must(0, "apply", "-auto-approve", "-replace="+kafkaResetAddress)
		toolSays(t, k, "replaced", at(50, 50, 50))
		w.must(0, "destroy", "-auto-approve")
		toolSays(t, k, "replaced", at(60, 60, 60))
	})

	t.Run("consumed", func(t *testing.T) {
		arguments := topic + "datetime = \"2026-03-01T14:00:20Z\"\n"
		w := applied(t, "consumed", arguments+restore)
		consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: "consumed", Topics: []string{orders}, Protocol: kafkaclient.Classic, Commit: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := consumer.WaitRecords(ctx, 240); err != nil {
			t.Fatal(err)
		}
		w.must(0, "plan", "-detailed-exitcode")
		consumer.Stop(t)
		toolSays(t, k, "consumed", at(100, 100, 100))
		w.must(0, "plan", "-detailed-exitcode")
		says(t, w.must(1, "destroy", "-auto-approve"), "Nothing was changed", "on_destroy = \"keep\"")
		toolSays(t, k, "consumed", at(100, 100, 100))
		w.configure(config(reset("consumed", arguments+keep)))
		says(t, w.must(0, "apply", "-auto-approve"), "0 added, 1 changed, 0 destroyed")
		w.must(0, "destroy", "-auto-approve")
		toolSays(t, k, "consumed", at(100, 100, 100))
	})

	// Last, for they change the topic.
	t.Run("fed by data", func(t *testing.T) {
		body := func(incident string) string {
			return config(fmt.Sprintf("data \"kafka_topic_offsets\" \"from\" {\n provider = offsets\n topic = %q\n position = \"earliest\"\n}\n", orders) +
				reset("fed", fmt.Sprintf("offsets = data.kafka_topic_offsets.from.offsets\nreset_on = \"triggers\"\ntriggers = { incident = %q }\n", incident)))
		}
		k.Commit(t, "fed", at(60, 60, 60))
		w := newWorkspace(t, body("first"))
		w.must(0, "apply", "-auto-approve")
		toolSays(t, k, "fed", at(10, 10, 10))
		k.DeleteRecords(t, orders, 0, 30)
		k.Fill(t, orders, 3, 5, base.Add(time.Hour), time.Second)
		k.Commit(t, "fed", at(95, 95, 95))
		w.must(0, "plan", "-detailed-exitcode")
		w.configure(body("second"))
		w.must(0, "apply", "-auto-approve")
		toolSays(t, k, "fed", at(30, 10, 10))
	})

	t.Run("the old offset has left the log", func(t *testing.T) {
		w := applied(t, "expired", topic+restore+"message_offset = 90\n")
		k.DeleteRecords(t, orders, 2, 80)
		says(t, w.must(1, "destroy", "-auto-approve"), "60", "Nothing was changed", "on_destroy = \"keep\"")
		toolSays(t, k, "expired", at(90, 90, 90))
	})
}

// An import of each scope leaves the offsets as they are, and the plan after it is empty.
func TestRealKafkaImports(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, audit := realTopics(t, k, "import")
	start := kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}, audit: {0: 60}}
	for id, arguments := range map[string]string{
		"imported/" + orders:               fmt.Sprintf("topic = %q", orders),
		"imported/" + orders + "/0,2":      fmt.Sprintf("topic = %q\npartitions = [0, 2]", orders),
		"imported/" + audit + "," + orders: fmt.Sprintf("topics = [%q, %q]", orders, audit),
		"imported/*":                       "all_topics = true",
	} {
		k.Commit(t, "imported", start)
		w := newWorkspace(t, kafkaConfig(k.Bootstrap(), kafkaReset("group_id = \"imported\"\nposition = \"earliest\"\n"+arguments)))
		w.must(0, "import", kafkaResetAddress, id)
		says(t, w.must(0, "plan"), "taken over, nothing will be reset", "0 to add, 1 to change, 0 to destroy")
		w.must(0, "apply", "-auto-approve")
		toolSays(t, k, "imported", start)
		w.must(0, "plan", "-detailed-exitcode")
	}
}

// A right is missing on one of two topics: that is told before anything is
// written, in the preview too. With the right, apply and undo work.
func TestRealKafkaWithoutARight(t *testing.T) {
	k := kafkacluster.StartWith(t, kafkacluster.Options{
		Nodes: 1, ACLs: true,
		Listeners: []kafkacluster.Listener{{Name: "LOGIN", Mechanisms: []string{"SCRAM-SHA-512"}}},
		Users:     map[string]string{"resetter": "secret-of-the-resetter"},
	})
	orders, audit := realTopics(t, k, "rights")
	for _, topic := range []string{orders, audit} {
		k.Allow(t, "User:resetter", "topic", topic, "DESCRIBE")
	}
	k.Allow(t, "User:resetter", "topic", orders, "READ")
	k.Allow(t, "User:resetter", "group", "rights", "READ")
	start := kafkacluster.Offsets{orders: {0: 60, 1: 60, 2: 60}, audit: {0: 60}}
	k.Commit(t, "rights", start)
	config := func(arguments string) string {
		return fmt.Sprintf(`
			provider "offsets" {
				kafka = {
					bootstrap_servers = %s
					sasl = { mechanism = "SCRAM-SHA-512", username = "resetter", password = "secret-of-the-resetter" }
				}
			}
		`, hclList(k.BootstrapOf("LOGIN"))) + kafkaReset(fmt.Sprintf("group_id = \"rights\"\ntopics = [%q, %q]\non_destroy = \"restore\"\n", orders, audit)+arguments)
	}
	w := newWorkspace(t, config("message_offset = 20"))
	says(t, w.must(0, "plan"), "this would fail if applied now", fmt.Sprintf("There is no right READ on the topic %q", audit))
	out := w.must(1, "apply", "-auto-approve")
	says(t, out, fmt.Sprintf("There is no right READ on the topic %q", audit), "Nothing was changed")
	saysNot(t, out, "secret-of-the-resetter")
	toolSays(t, k, "rights", start)

	k.Allow(t, "User:resetter", "topic", audit, "READ")
	w.must(0, "apply", "-auto-approve")
	toolSays(t, k, "rights", kafkacluster.Offsets{orders: {0: 20, 1: 20, 2: 20}, audit: {0: 20}})
	w.must(0, "plan", "-detailed-exitcode")
	w.must(0, "destroy", "-auto-approve")
	toolSays(t, k, "rights", start)
}
