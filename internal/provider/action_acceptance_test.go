//go:build acceptance && actions

package provider_test

import (
	"fmt"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

func TestRealKafkaAction(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, _ := realTopics(t, k, "action")
	k.Commit(t, "action", kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}})
	w := newWorkspace(t, kafkaConfig(k.Bootstrap(), kafkaAction(fmt.Sprintf("group_id = \"action\"\ntopic = %q\ndatetime = \"2026-03-01T14:00:20Z\"", orders))))
	const figures = "40 messages replayed, 15 skipped"
	out := w.must(0, "apply", "-auto-approve", invokeKafka)
	says(t, out, "3 partitions of 3 move, "+figures, "3 partitions of 3 moved, "+figures, orders+"-0: 60 → 20", orders+"-1: 15 → 20")
	toolSays(t, k, "action", kafkacluster.Offsets{orders: {0: 20, 1: 20, 2: 20}})
}

// An action goes to a snapshot that the state keeps.
func TestRealKafkaActionToASnapshot(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, audit := realTopics(t, k, "back")
	start := kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}, audit: {0: 60}}
	k.Commit(t, "back", start)
	w := newWorkspace(t, kafkaConfig(k.Bootstrap(), "resource \"kafka_consumer_group_snapshot\" \"before\" {\n  provider = offsets\n  group_id = \"back\"\n}\n"+
		kafkaAction(fmt.Sprintf("group_id = \"back\"\nsnapshot = kafka_consumer_group_snapshot.before.snapshot\ntopics = [%q]", orders))))
	w.must(0, "apply", "-auto-approve")
	k.Commit(t, "back", kafkacluster.Offsets{orders: {0: 90, 1: 10, 2: 10}, audit: {0: 70}})
	const figures = "30 messages replayed, 5 skipped"
	out := w.must(0, "apply", "-auto-approve", invokeKafka)
	says(t, out, "2 partitions of 3 move, "+figures, "2 partitions of 3 moved, "+figures, orders+"-0: 90 → 60", orders+"-1: 10 → 15")
	toolSays(t, k, "back", kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}, audit: {0: 70}})
}
