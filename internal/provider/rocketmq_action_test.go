//go:build actions

package provider_test

import (
	"testing"
	"time"

	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func rocketmqAction(arguments string) string {
	return "action \"rocketmq_consumer_offset_reset\" \"now\" {\n  provider = offsets\n  config {\n    consumer_group = \"billing\"\n    topic = \"orders\"\n" + arguments + "\n  }\n}\n"
}

const invokeRocketMQ = "-invoke=action.rocketmq_consumer_offset_reset.now"

func TestRocketMQActionResetsEachTimeItIsInvoked(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]rocketfake.Config{"5.5.0": {}, "4.9.7": {Version: rocketfake.V4_9_7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			w := newWorkspace(t, rocketmqConfig(c, rocketmqAction(lines(toFifty))))
			for range 2 {
				consume(c, "billing", queues{60, 15, 50, 100})
				out := w.must(0, "apply", "-auto-approve", invokeRocketMQ)
				mustStand(t, c, all(50))
				says(t, out, `Action: reset consumer group "billing" on topic "orders": 3 queues of 4 move, 60 messages replayed, 35 skipped`,
					`Going to reset group "billing" on topic "orders": 4 queues`,
					"broker-a/0: 60 → 50", "broker-a/1: 15 → 50", "broker-b/0: 50 → 50", "broker-b/1: 100 → 50",
					"3 queues of 4 moved, 60 messages replayed, 35 skipped, 0 failed")
			}
		})
	}
}

func TestRocketMQActionTellsItsProgressWhileConsumersTakeUpTheReset(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{Version: rocketfake.V4_9_7})
	c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}, Delay: time.Second})
	w := newWorkspace(t, rocketmqConfig(c, rocketmqAction(toLatest)))
	says(t, w.must(0, "apply", "-auto-approve", invokeRocketMQ), "Waiting for the consumers at broker broker-a to take up the reset", "broker-b/1: 60 → 100")
	mustStand(t, c, all(100))
}

func TestRocketMQActionByATrigger(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	w := newWorkspace(t, rocketmqConfig(c, rocketmqAction("reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-b\" = { \"0\" = 5 } }")+`
		resource "terraform_data" "deployment" {
			input = "v2"
			lifecycle {
				action_trigger {
					events  = [after_create]
					actions = [action.rocketmq_consumer_offset_reset.now]
				}
			}
		}
	`))
	says(t, w.must(0, "apply", "-auto-approve"), "broker-b/0: 60 → 10 (clamped)")
	mustStand(t, c, queues{60, 60, 10, 60})
}

func TestRocketMQActionRefusesAndChangesNothing(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	w := newWorkspace(t, rocketmqConfig(c, rocketmqAction(toEarliest+"\nmax_replayed_messages = 199")))
	says(t, w.must(1, "apply", "-auto-approve", invokeRocketMQ), `Reset consumer group "billing" on topic "orders"`,
		"200 messages would be replayed and max_replayed_messages is 199", "Nothing was changed")
	mustStand(t, c, all(60))

	for arguments, text := range map[string]string{
		`reset_type = "SPECIFIED_TIME"`:                                             "which needs reset_time",
		toLatest + ", time_zone = \"UTC\"":                                          "time_zone belongs to reset_type",
		`reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01 14:00:00"`:         "says no time zone",
		toLatest + ", on_destroy = \"restore\"":                                     "not expected here",
		`reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { first = 1 } }`: "is not a queue number",
	} {
		w = newWorkspace(t, rocketmqConfig(c, rocketmqAction(lines(arguments))))
		says(t, w.must(1, "plan"), text)
	}
}

// A broker that fails half-way is told queue by queue.
func TestRocketMQActionThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	refuses(c, "broker-b")
	w := newWorkspace(t, rocketmqConfig(c, rocketmqAction(toLatest)))
	says(t, w.must(1, "apply", "-auto-approve", invokeRocketMQ), "broker-a/1: 60 → 100", "broker-b/0: 60, failed:", "the disk is full",
		"2 queues of 4 moved, 0 messages replayed, 80 skipped, 2 failed", "2 of 4 queues failed")
	mustStand(t, c, queues{100, 100, 60, 60})
}

// Import by identity needs Terraform 1.12.
func TestRocketMQImportByIdentity(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	importing := func(identity string) string {
		return "import {\n  to       = " + rocketmqAddress + "\n  identity = " + identity + "\n  provider = offsets\n}\n"
	}
	w := newWorkspace(t, rocketmqConfig(c, importing(`{ consumer_group = "billing", topic = "orders" }`)+rocketmqReset(toEarliest)))
	says(t, w.must(0, "plan"), "1 to import, 0 to add, 1 to change", "taken over, nothing will be reset")
	w.must(0, "apply", "-auto-approve")
	w.must(0, "plan", "-detailed-exitcode")
	mustStand(t, c, all(60))
	if got := c.Calls(); len(got) != 0 {
		t.Errorf("the import asked the cluster: %v", got)
	}

	for identity, text := range map[string]string{
		`{ consumer_group = "billing", topic = "audit" }`:                            "the configuration is not what was imported",
		`{ consumer_group = "billing", topic = "orders", instance_id = "rmq-cn-1" }`: "the configuration is not what was imported",
		`{ consumer_group = "", topic = "orders" }`:                                  "A name is empty",
		`{ consumer_group = "billing" }`:                                             "topic",
	} {
		w = newWorkspace(t, rocketmqConfig(c, importing(identity)+rocketmqReset(toEarliest)))
		says(t, w.must(1, "plan"), text)
	}
}
