package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// known returns a resource whose output is the value, and is unknown in a plan
// after round has changed.
func known(name, value string, round int) string {
	return fmt.Sprintf("resource \"terraform_data\" %q {\n  input            = %q\n  triggers_replace = %d\n}\n", name, value, round)
}

// A change elsewhere may make a group's name unknown in the plan. If it turns
// out the same, nothing has changed, and nothing is consumed twice.
func TestANameThatTurnsOutTheSameResetsNothing(t *testing.T) {
	t.Parallel()
	t.Run("Kafka", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		cfg := func(round int, more string) string {
			return kafkaConfig(c.Bootstrap(), known("group", "billing", round)+kafkaReset("group_id = terraform_data.group.output\ntopic = \"orders\"\nposition = \"earliest\"\n"+more))
		}
		moved := orders(70, 70, 70)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{
				{Config: cfg(1, ""), Check: committed(c, "billing", orders(10, 10, 10))},
				{
					PreConfig: func() { c.Commit(t, "billing", moved) }, Config: cfg(2, ""),
					ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), Check: committed(c, "billing", moved),
				},
				{Config: cfg(3, "on_destroy = \"restore\""), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), Check: committed(c, "billing", moved)},
				{Config: cfg(4, "reset_on = \"triggers\""), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), Check: committed(c, "billing", moved)},
				{Config: cfg(5, "triggers = { again = 1 }"), Check: committed(c, "billing", orders(10, 10, 10))},
			},
		})
	})
	t.Run("RocketMQ", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		cfg := func(round int) string {
			return rocketmqConfig(c, known("group", "billing", round)+rocketmqReset("consumer_group = terraform_data.group.output\n"+lines(toEarliest)))
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{
				{Config: cfg(1), Check: stands(c, all(10))},
				{PreConfig: func() { consume(c, "billing", all(70)) }, Config: cfg(2), Check: stands(c, all(70))},
			},
		})
	})
}

// Where a name turns out another one, Terraform itself refuses to replace what
// it had planned to keep. Nothing is reset before somebody has seen a plan.
func TestANameThatTurnsOutAnotherIsNotReplacedUnseen(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "audit", at(50))
	cfg := func(group string, round int) string {
		return kafkaConfig(c.Bootstrap(), known("group", group, round)+kafkaReset("group_id = terraform_data.group.output\ntopic = \"orders\"\nposition = \"earliest\""))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg("billing", 1), Check: committed(c, "billing", orders(10, 10, 10))},
			{Config: cfg("audit", 2), ExpectError: saying("Provider produced inconsistent final plan")},
			{
				PreConfig: func() { has(t, c, "audit", at(50)) }, Config: cfg("audit", 2),
				ConfigPlanChecks: plans(plancheck.ResourceActionReplace), Check: resource.ComposeTestCheckFunc(
					committed(c, "billing", orders(10, 10, 10)), committed(c, "audit", fake.Offsets{"orders": {0: 10, 1: 10, 2: 10}, "audit": {0: 50}})),
			},
		},
	})
}

// An import says that a reset is done already. While it is open whether it is
// the one that was imported, nobody may read that nothing is reset.
func TestAnImportOfAGroupThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	cfg := func(group string) string {
		return kafkaConfig(c.Bootstrap(), known("group", group, 1)+"import {\n  provider = offsets\n  to = kafka_consumer_offset_reset.test\n  id = \"billing/orders\"\n}\n"+
			kafkaReset("group_id = terraform_data.group.output\ntopic = \"orders\"\nposition = \"earliest\""))
	}
	w := attached(t, cfg("billing"))
	out := w.must(0, "apply", "-auto-approve")
	says(t, out, "taken over if it is what was imported", "1 imported, 1 added, 1 changed")
	has(t, c, "billing", at(60))

	w = attached(t, cfg("audit"))
	out = w.must(0, "plan")
	saysNot(t, out, "nothing will be reset")
	says(t, w.must(1, "apply", "-auto-approve"), "the configuration is not what was imported")
	has(t, c, "billing", at(60))
}

func TestARestoreIsAnnouncedWhileTheTopicOfAReplacementIsOpen(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "audit", at(50))
	cfg := func(group string, round int) string {
		return kafkaConfig(c.Bootstrap(), known("topic", "orders", round)+kafkaReset(fmt.Sprintf("group_id = %q\ntopic = terraform_data.topic.output\nposition = \"earliest\"\non_destroy = \"restore\"", group)))
	}
	w := attached(t, cfg("billing", 1))
	w.must(0, "apply", "-auto-approve")
	w.configure(cfg("audit", 2))
	says(t, w.must(0, "plan"), `Restore consumer group "billing" on topic "orders": destroying puts back 3 partitions`, "must be replaced")
}

func TestTwoResetsOfTheSamePartitionsAreTold(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	second := "resource \"kafka_consumer_offset_reset\" \"second\" {\n  provider = offsets\n  group_id = \"billing\"\n  topic = \"orders\"\n  partition = %d\n  position = \"latest\"\n}\n"
	w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\npartitions = [0, 1]\nposition = \"earliest\"")+fmt.Sprintf(second, 1)))
	says(t, w.must(0, "plan"), "Another reset of this run concerns the same group on orders-1")
	w.configure(kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\npartitions = [0, 1]\nposition = \"earliest\"")+fmt.Sprintf(second, 2)))
	saysNot(t, w.must(0, "plan"), "Another reset of this run")
	saysNot(t, w.must(0, "apply", "-auto-approve"), "Another reset of this run")
}

// A target that is held back changes nothing, and a plan without a word would
// look as if it had been taken up.
func TestATargetThatIsHeldBackIsTold(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	cfg := func(at string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nreset_on = \"triggers\"\ntriggers = { incident = 1, none = null }\nmessage_offset = "+at))
	}
	w := attached(t, cfg("20"))
	w.must(0, "apply", "-auto-approve")
	w.configure(cfg("30"))
	says(t, w.must(0, "plan"), "No changes.", `Reset consumer group "billing" on topic "orders": nothing is reset by this change`, "they take effect when triggers change")
	w.configure(cfg("20"))
	saysNot(t, w.must(0, "plan"), "nothing is reset")
}
