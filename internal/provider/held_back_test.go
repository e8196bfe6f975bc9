package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// withAudit adds a topic like orders, on which the group is at the offset.
func withAudit(t *testing.T, offset int64) *rocketfake.Cluster {
	t.Helper()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateTopic("audit", 2)
	for _, b := range masters {
		for q := range 2 {
			for range 100 {
				c.Append(b, "audit", q, base)
			}
			c.Commit(b, "billing", "audit", int32(q), offset)
		}
	}
	return c
}

func auditStands(c *rocketfake.Cluster, want int64) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, b := range masters {
			for q := range int32(2) {
				if got, _ := c.Committed(b, "billing", "audit", q); got != want {
					return fmt.Errorf("audit: %s/%d is at %d, want %d", b, q, got, want)
				}
			}
		}
		return nil
	}
}

// holds fails the test if a check does not hold. CheckDestroy is not called
// where the last step destroys.
func holds(t *testing.T, checks ...resource.TestCheckFunc) {
	t.Helper()
	for _, check := range checks {
		if err := check(nil); err != nil {
			t.Error(err)
		}
	}
}

// A record of queues does not name its topic: while another one is held back,
// an undo must still be of the topic that was reset.
func TestRocketMQHeldBackTopicIsNotRestored(t *testing.T) {
	t.Parallel()
	c := withAudit(t, 100)
	cfg := func(topic, arguments string) string {
		return rocketmqConfig(c, rocketmqReset("topic = \""+topic+"\"\non_destroy = \"restore\"\nreset_on = \"triggers\"\n"+lines(arguments)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg("orders", toLatest), Check: stands(c, all(100))},
			{Config: cfg("audit", toFifty), Check: resource.ComposeTestCheckFunc(stands(c, all(100)), auditStands(c, 100))},
			{Config: cfg("audit", toFifty), PlanOnly: true},
		},
		CheckDestroy: resource.ComposeTestCheckFunc(stands(c, all(60)), auditStands(c, 100)),
	})
}

// ... and so must the rest of one that failed half-way.
func TestRocketMQHeldBackTopicIsNotResumedOn(t *testing.T) {
	t.Parallel()
	c := withAudit(t, 77)
	cfg := func(topic, arguments string) string {
		return rocketmqConfig(c, rocketmqReset("topic = \""+topic+"\"\nreset_on = \"triggers\"\n"+lines(arguments)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg("orders", toEarliest), Check: stands(c, all(10))},
			{
				PreConfig: func() { refuses(c, "broker-b") },
				Config:    cfg("orders", toLatest+"\ntriggers = { a = 1 }"), ExpectError: saying("2 of 4 queues failed"),
			},
			{
				PreConfig: func() { c.SetFault(nil) },
				Config:    cfg("audit", toFifty+"\ntriggers = { a = 1 }"),
				Check:     resource.ComposeTestCheckFunc(stands(c, all(100)), auditStands(c, 77)),
			},
			{
				Config: cfg("audit", toEarliest+"\ntriggers = { a = 2 }"),
				Check:  resource.ComposeTestCheckFunc(stands(c, all(100)), auditStands(c, 0)),
			},
		},
	})
}

// What was held back while the rest of a reset was done is not done by that.
func TestRocketMQHeldBackTargetOutlivesAResume(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	cfg := func(arguments string) string { return rocketmqConfig(c, rocketmqReset(arguments)) }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg(lines(toEarliest)), Check: stands(c, all(10))},
			{PreConfig: func() { refuses(c, "broker-b") }, Config: cfg(lines(toLatest)), ExpectError: saying("2 of 4 queues failed")},
			{PreConfig: func() { c.SetFault(nil) }, Config: cfg("reset_on = \"triggers\"\n" + lines(toFifty)), Check: stands(c, all(100))},
			{Config: cfg(lines(toFifty)), Check: stands(c, all(50))},
		},
	})
}

// The last completed reset may have been of another topic than the newer one
// that failed half-way: each is undone where it was.
func TestRocketMQDestroyOfAnIncompleteUpdateToAnotherTopic(t *testing.T) {
	t.Parallel()
	c := withAudit(t, 100)
	cfg := func(topic, arguments string) string {
		return rocketmqConfig(c, rocketmqReset("topic = \""+topic+"\"\non_destroy = \"restore\"\n"+lines(arguments)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg("orders", toLatest), Check: stands(c, all(100))},
			{PreConfig: func() { refuses(c, "broker-b") }, Config: cfg("audit", toEarliest), ExpectError: saying("2 of 4 queues failed")},
			{PreConfig: func() { c.SetFault(nil) }, Config: cfg("audit", toEarliest), Destroy: true},
		},
	})
	holds(t, stands(c, all(60)), auditStands(c, 100))
}

// ... or on another cluster, which must not get the first one's offsets.
func TestKafkaDestroyOfAnIncompleteUpdateOnAnotherCluster(t *testing.T) {
	t.Parallel()
	a, b := seeded(t), otherCluster(t)
	at20 := fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}}
	b.Commit(t, "billing", at20)
	var fault *kfake.FaultHandle
	cfg := func(c *fake.Cluster, offset int) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = \"billing\"\ntopic = \"orders\"\non_destroy = \"restore\"\nmessage_offset = %d", offset)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: cfg(a, 20), Check: committed(a, "billing", orders(20, 20, 20))},
			{PreConfig: func() { fault = failCommits(b, 1) }, Config: cfg(b, 30), ExpectError: saying("orders-1")},
			{PreConfig: func() { fault.Remove() }, Config: cfg(b, 30), Destroy: true, ExpectError: saying("the record of the reset")},
			{Config: cfg(b, 30), Check: committed(b, "billing", fake.Offsets{"orders": {0: 30, 1: 30, 2: 30}})},
			{Config: cfg(b, 30), Destroy: true},
		},
	})
	holds(t, committed(a, "billing", orders(20, 20, 20)), committed(b, "billing", at20))
}

// A resource that was renamed is destroyed beside the create of its new self.
// Whichever comes first, the reset stands.
func TestKafkaRenamedResetStands(t *testing.T) {
	t.Parallel()
	for range 5 {
		c := seeded(t)
		cfg := func(name string, offset int) string {
			return kafkaConfig(c.Bootstrap(), fmt.Sprintf("resource \"kafka_consumer_offset_reset\" %q {\n  provider = offsets\n  group_id = \"billing\"\n  topic = \"orders\"\n  message_offset = %d\n  on_destroy = \"restore\"\n}\n", name, offset))
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{
				{Config: cfg("before", 20)},
				{Config: cfg("after", 30), Check: committed(c, "billing", orders(30, 30, 30))},
			},
		})
	}
}

// Terraform does not show the warnings of a replacement's create.
func TestKafkaReplacementIsPreviewed(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "other", at(60))
	cfg := func(group string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \""+group+"\"\ntopic = \"orders\"\nmessage_offset = 20\non_destroy = \"restore\""))
	}
	w := attached(t, cfg("billing"))
	w.must(0, "apply", "-auto-approve")
	w.configure(cfg("other"))
	says(t, w.must(0, "plan"),
		`Reset consumer group "other" on topic "orders": 3 partitions of 3 move, 120 messages replayed, 0 skipped`,
		`Restore consumer group "billing" on topic "orders": destroying puts back 3 partitions`)
	w.must(0, "apply", "-auto-approve")
	has(t, c, "billing", at(60))
	has(t, c, "other", orders(20, 20, 20))
}

// What the environment says may be for another provider.
func TestABrokenEnvironmentIsOfNoUse(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	k := seeded(t)
	bad := provider.WithEnvironment(func(name string) string {
		return map[string]string{
			"KAFKA_BOOTSTRAP_SERVERS": "SASL_SSL://b1:9093", "NAMESRV_ADDR": "ns1:9876", "ROCKETMQ_ACCESS_KEY": "half",
		}[name]
	})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, bad),
		Steps: []resource.TestStep{
			{Config: rocketmqConfig(c, rocketmqReset(lines(toLatest))), Check: stands(c, all(100))},
			{Config: rocketmqConfig(c, kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"latest\"")), ExpectError: saying("KAFKA_* variables of the environment make no connection")},
			{Config: kafkaConfig(k.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"latest\"")), Check: committed(k, "billing", orders(100, 100, 100))},
		},
	})
}

// What is unknown in one time-out must not take the words of another.
func TestKafkaResetWithOtherTimeoutsBesideAnUnknown(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := func(run int, update string) string {
		return kafkaConfig(c.Bootstrap(), fmt.Sprintf(`
			resource "terraform_data" "run" {
				input            = "10m"
				triggers_replace = %d
			}
		`, run)+kafkaReset(fmt.Sprintf(`
			group_id       = "billing"
			topic          = "orders"
			message_offset = 20
			timeouts       = { create = terraform_data.run.output, update = %q }
		`, update)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body(1, "1h")},
			{PreConfig: func() { c.Commit(t, "billing", at(80)) }, Config: body(2, "60m"), Check: committed(c, "billing", at(80))},
		},
	})
}

// Nor an unknown topic the words of the time.
func TestRocketMQResetWithOtherWordsBesideAnUnknownThatStaysTheSame(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	body := func(run int, time string) string {
		return rocketmqConfig(c, fmt.Sprintf(`
			resource "terraform_data" "run" {
				input            = "orders"
				triggers_replace = %d
			}
		`, run)+rocketmqReset(fmt.Sprintf(`
			topic      = terraform_data.run.output
			reset_type = "SPECIFIED_TIME"
			reset_time = %q
		`, time)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body(1, "2026-03-01T14:00:50Z"), Check: stands(c, all(50))},
			{Config: body(2, "2026-03-01T15:00:50+01:00"), Check: stands(c, all(50))},
		},
	})
}

// A name server forgets a broker that has died. The record of the reset before
// knows it, and half a reset must not look like a whole one.
func TestRocketMQBrokersThatTheRecordKnowsAreMissed(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	cfg := func(run string) string {
		return rocketmqConfig(c, rocketmqReset("triggers = { run = \""+run+"\" }\n"+lines(toEarliest)))
	}
	w := attached(t, cfg("1"))
	saysNot(t, w.must(0, "apply", "-auto-approve"), "reset before")
	c.SetRoute("broker-b", nil)
	c.SetAddresses("broker-b", nil)
	w.configure(cfg("2"))
	says(t, w.must(0, "plan"), "was made on broker broker-b too")
	says(t, w.must(0, "apply", "-auto-approve"), "was made on broker broker-b too")
}
