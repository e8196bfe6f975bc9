//go:build actions

package provider_test

import (
	"fmt"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

func managedKafkaAction(arguments string) string {
	return kafkaAction(fmt.Sprintf("instance_id = %q\ngroup_id = \"billing\"\ntopic = \"orders\"\n%s", kafkaInstance, arguments))
}

func managedRocketMQAction(arguments string) string {
	return rocketmqAction(fmt.Sprintf("instance_id = %q\n%s", rmqInstance, lines(arguments)))
}

func TestManagedActions(t *testing.T) {
	t.Parallel()
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		w := newWorkspace(t, providerOf(apsaramqSection(s))+managedRocketMQAction(toFifty))
		out := w.must(0, "apply", "-auto-approve", invokeRocketMQ)
		says(t, out, `Action: reset consumer group "billing" on topic "orders": how many messages are replayed or skipped is not known`,
			"After the reset the lag is 100 ready messages")
		saysNot(t, out, "0 messages replayed")
		checked(t, apsaramqStands(s, 50, 50))
	})
	t.Run("ApsaraMQ in doubt", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		s.Fail(standin.Fault{Operation: apsaramq.ResetConsumeOffset, Kind: standin.BrokenAfter})
		w := newWorkspace(t, providerOf(apsaramqSection(s))+managedRocketMQAction(toLatest))
		says(t, w.must(1, "apply", "-auto-approve", invokeRocketMQ), "InternalError", rmqRequest, inDoubt, "the lag is 0 ready messages")
	})
	t.Run("ROMA Connect", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := newWorkspace(t, providerOf(romaSection(s))+managedKafkaAction("message_offset = 20"))
		says(t, w.must(0, "apply", "-auto-approve", invokeKafka), "3 partitions of 3 move, 120 messages replayed, 0 skipped", "orders-0: 60 → 20", "3 partitions of 3 moved, 120 messages replayed")
		checked(t, kafkaStands(s, 20, 20, 20))
	})
	t.Run("ROMA Connect without ShowGroup", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		s.WithoutShowGroup(true)
		w := newWorkspace(t, providerOf(romaSection(s))+managedKafkaAction("message_offset = 20"))
		says(t, w.must(0, "apply", "-auto-approve", invokeKafka), "how many messages are replayed or skipped is not known", "with a lag of 240")
		checked(t, kafkaStands(s, 20, 20, 20))
	})
	t.Run("DMS", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := newWorkspace(t, providerOf(dmsSection(s))+managedKafkaAction("message_offset = 20\nout_of_range = \"error\""))
		says(t, w.must(0, "apply", "-auto-approve", invokeKafka), "3 partitions of 3 move, 120 messages replayed, 0 skipped", "orders-0: 60 → 20", "3 partitions of 3 moved, 120 messages replayed")
		checked(t, kafkaStands(s, 20, 20, 20))
	})
}

func TestManagedActionsRefuseAtPlanTime(t *testing.T) {
	t.Parallel()
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		w := newWorkspace(t, providerOf(apsaramqSection(s))+managedRocketMQAction(toEarliest))
		says(t, w.must(1, "validate"), "ApsaraMQ cannot reset to the earliest message")
	})
	t.Run("either", func(t *testing.T) {
		t.Parallel()
		w := newWorkspace(t, providerOf()+managedKafkaAction("shift = -10"))
		says(t, w.must(1, "validate"), "shift = -10", "A managed Kafka instance cannot shift offsets")
	})
	t.Run("ROMA Connect", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := newWorkspace(t, providerOf(romaSection(s))+managedKafkaAction("message_offset = 20\nout_of_range = \"error\""))
		says(t, w.must(1, "apply", "-auto-approve", invokeKafka), "out_of_range = \"error\"", "ROMA Connect does not tell where the log starts")
		checked(t, kafkaStands(s, 60, 60, 60))
		if n := len(s.Requests("")); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}
