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
