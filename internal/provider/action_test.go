//go:build actions

package provider_test

import (
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// Actions need Terraform 1.14. Their schemas are in every test that starts the
// provider; what is here runs them.

func kafkaAction(arguments string) string {
	return "action \"kafka_consumer_offset_reset\" \"now\" {\n  provider = offsets\n  config {\n" + arguments + "\n  }\n}\n"
}

const invokeKafka = "-invoke=action.kafka_consumer_offset_reset.now"

func TestKafkaActionResetsEachTimeItIsInvoked(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction(`
		group_id       = "billing"
		topic          = "orders"
		message_offset = 5
	`)))
	for range 2 {
		c.Commit(t, "billing", at(60))
		out := w.must(0, "apply", "-auto-approve", invokeKafka)
		has(t, c, "billing", orders(10, 10, 10))
		says(t, out, `Action: reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 150 messages replayed, 0 skipped`,
			"orders-0: 60 → 10 (clamped)", "orders-2: 60 → 10 (clamped)", "3 partitions of 3 moved, 150 messages replayed, 0 skipped, 0 failed")
	}
}

// The arguments are the resource's, the type of group among them.
func TestKafkaActionOnAShareGroup(t *testing.T) {
	t.Parallel()
	c := sharing(t)
	reset := func(more string) string {
		return kafkaConfig(c.Bootstrap(), kafkaAction("group_id = \"sharing\"\ntopic = \"orders\"\n"+more))
	}
	w := newWorkspace(t, reset("group_type = \"share\"\nmessage_offset = 20\n"))
	says(t, w.must(0, "apply", "-auto-approve", invokeKafka), `Action: reset share group "sharing" on topic "orders": 3 partitions of 3 move, 120 messages replayed, 0 skipped`,
		"Committing 3 offsets of share group", "acknowledged one by one", "orders-2: 60 → 20")
	if err := starts(t, c, orders(20, 20, 20))(nil); err != nil {
		t.Error(err)
	}
	w.configure(reset("group_type = \"share\"\nshift = -1\n"))
	says(t, w.must(1, "plan"), "Not possible with a share group")
	w.configure(reset("message_offset = 30\n"))
	says(t, w.must(1, "apply", "-auto-approve", invokeKafka), `"sharing" is a share group, not a consumer group`, `group_type = "share"`, "Nothing was changed")
	if err := starts(t, c, orders(20, 20, 20))(nil); err != nil {
		t.Error(err)
	}
}

func TestKafkaActionTellsItsProgressWhileItWaits(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, ClientID: "invoice-writer-1"})
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction(`
		group_id = "billing"
		topic    = "orders"
		position = "earliest"
	`)))
	go func() {
		waitFor(t, "the action to look at the group more than once", func() bool { return c.Requests()[describeGroup] > 3 })
		c.Leave(t, m)
	}()
	out := w.must(0, "apply", "-auto-approve", invokeKafka)
	says(t, out, "invoice-writer-1", "orders-1: 60 → 10")
	has(t, c, "billing", orders(10, 10, 10))
}

// A progress that is not UTF-8 would end the action.
func TestKafkaActionTellsTextsThatAreReadable(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	strangely(c, unreadable)
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction(`
		group_id          = "billing"
		topic             = "orders"
		position          = "earliest"
		wait_for_inactive = "1s"
	`)))
	says(t, w.must(1, "apply", "-auto-approve", invokeKafka), "Waiting up to 1s", "on "+shown, "Nothing was changed")
	has(t, c, "billing", at(60))
}

func TestKafkaActionByATrigger(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction(`
		group_id = "billing"
		topic    = "orders"
		position = "latest"
	`)+`
		resource "terraform_data" "deployment" {
			input = "v2"
			lifecycle {
				action_trigger {
					events  = [after_create]
					actions = [action.kafka_consumer_offset_reset.now]
				}
			}
		}
	`))
	w.must(0, "apply", "-auto-approve")
	has(t, c, "billing", orders(100, 100, 100))
}

func TestKafkaActionRefusesAndChangesNothing(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction("group_id = \"billing\"\ntopics = [\"orders\", \"nowhere\"]\nposition = \"earliest\"")))
	says(t, w.must(1, "apply", "-auto-approve", invokeKafka), `Reset consumer group "billing" on topics "nowhere", "orders"`, "Nothing was changed")
	has(t, c, "billing", at(60))

	w = newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction("group_id = \"billing\"\ntopic = \"orders\"")))
	says(t, w.must(1, "plan"), "Exactly one target must be set")
}

// Terraform validates an action only with what is known when it plans. What is
// known when the action is invoked must be refused then, not guessed at.
func TestKafkaActionRefusesWhatTurnsOutWrong(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	for name, test := range map[string]struct{ arguments, says string }{
		"seconds":                     {"topic = \"orders\"\ntimestamp = terraform_data.v.output.seconds", "looks like a time in seconds"},
		"two targets":                 {"topic = \"orders\"\ntimestamp = terraform_data.v.output.ms\nshift = 5", "shift"},
		"a partition without a topic": {"topics = [\"orders\"]\npartition = terraform_data.v.output.one\nposition = \"latest\"", "partition"},
		"odd keys":                    {"offsets = terraform_data.v.output.offsets", "is not a partition number"},
		"a negative limit":            {"topic = \"orders\"\nposition = \"earliest\"\nmax_replayed_messages = terraform_data.v.output.negative", "must be at least 0"},
		"another word":                {"topic = \"orders\"\nmessage_offset = 1000\nout_of_range = terraform_data.v.output.word", "out_of_range"},
		"a wait that is too long":     {"topic = \"orders\"\nmessage_offset = 50\nwait_for_inactive = terraform_data.v.output.wait", "Waiting takes longer than the operation may"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaAction("group_id = \"billing\"\n"+test.arguments)+`
				resource "terraform_data" "v" {
					input = {
						seconds = 1772373600, ms = 1772373600000, one = 1, negative = -1, word = "Error", wait = "20m",
						offsets = { orders = { "00" = 11, "0" = 22 } }
					}
				}
				resource "terraform_data" "deployment" {
					input = terraform_data.v.output.ms
					lifecycle {
						action_trigger {
							events  = [after_create]
							actions = [action.kafka_consumer_offset_reset.now]
						}
					}
				}
			`))
			says(t, w.must(1, "apply", "-auto-approve"), test.says)
			has(t, c, "billing", at(60))
		})
	}
}

// Import by identity needs Terraform 1.12.
func TestKafkaImportByIdentity(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ identity, arguments string }{
		"topic":      {`{ group_id = "billing", topics = ["orders"] }`, `topic = "orders"`},
		"partitions": {`{ group_id = "billing", topics = ["orders"], partitions = [2, 0] }`, "topic = \"orders\"\npartitions = [0, 2]"},
		"topics":     {`{ group_id = "billing", topics = ["orders", "audit"] }`, `topics = ["audit", "orders"]`},
		"all topics": {`{ group_id = "billing" }`, `all_topics = true`},

		"a share group": {`{ group_id = "billing", topics = ["orders"], group_type = "share" }`, "topic = \"orders\"\ngroup_type = \"share\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			c.ResetRequests()
			config := kafkaConfig(c.Bootstrap(), "import {\n  to       = "+kafkaResetAddress+"\n  identity = "+test.identity+"\n  provider = offsets\n}\n"+
				kafkaReset("group_id = \"billing\"\nposition = \"earliest\"\n"+test.arguments))
			w := newWorkspace(t, config)
			says(t, w.must(0, "plan"), "1 to import, 0 to add, 1 to change", "taken over, nothing will be reset")
			w.must(0, "apply", "-auto-approve")
			w.must(0, "plan", "-detailed-exitcode")
			has(t, c, "billing", at(60))
			if got := c.Requests(); len(got) != 0 {
				t.Errorf("the import asked the broker: %v", got)
			}
		})
	}
	t.Run("half a partition", func(t *testing.T) {
		t.Parallel()
		w := newWorkspace(t, kafkaConfig([]string{"127.0.0.1:1"}, "import {\n  to       = "+kafkaResetAddress+"\n  identity = { group_id = \"billing\", topics = [\"orders\"], partitions = [47.5] }\n  provider = offsets\n}\n"+
			kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"")))
		out := w.must(1, "plan")
		says(t, out, "The identity's partitions: 47.5 is not a whole number. Nothing was imported.")
		saysNot(t, out, "error in the provider")
	})
}
