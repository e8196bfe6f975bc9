package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// What Terraform and OpenTofu can do with a resource beside planning and
// applying it, and what each says.

// undoable is the reset that these tests use.
const undoable = `
	group_id       = "billing"
	topic          = "orders"
	message_offset = 20
	on_destroy     = "restore"
`

// An import knows group and scope. What it cannot know, the target, is what a
// generated configuration lacks, and it says so.
func TestGeneratedConfigurationLacksTheTarget(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	imports := kafkaConfig(c.Bootstrap(), `
		import {
			provider = offsets
			to       = kafka_consumer_offset_reset.test
			id       = "billing/orders/0,2"
		}
	`)
	w := attached(t, imports)
	says(t, w.must(1, "plan", "-generate-config-out=generated.tf"), "No target", "Exactly one target must be set")
	generated, err := os.ReadFile(filepath.Join(w.dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	says(t, flat(string(generated)), `group_id = "billing"`, `topic = "orders"`, "partitions = [0, 2]")
	w.write("generated.tf", strings.Replace(string(generated), "message_offset", "message_offset = 20 #", 1))
	says(t, w.must(0, "apply", "-auto-approve"), `Reset consumer group "billing" on topic "orders", partitions 0, 2: taken over, nothing will be reset`)
	has(t, c, "billing", at(60))
	w.must(0, "plan", "-detailed-exitcode")
}

// A new name is no new reset.
func TestMovedResetIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset(undoable)))
	w.must(0, "apply", "-auto-approve")
	c.Commit(t, "billing", at(80))
	w.configure(kafkaConfig(c.Bootstrap(), strings.Replace(kafkaReset(undoable), `"test"`, `"replay"`, 1)+`
		moved {
			from = kafka_consumer_offset_reset.test
			to   = kafka_consumer_offset_reset.replay
		}
	`))
	out := w.must(0, "plan")
	says(t, out, "kafka_consumer_offset_reset.test has moved to kafka_consumer_offset_reset.replay", "0 to add, 0 to change, 0 to destroy")
	saysNot(t, out, "Reset consumer group", "Restore consumer group")
	w.must(0, "apply", "-auto-approve")
	has(t, c, "billing", at(80))
}

// A removed block forgets a reset, and asks no broker: also where a restore is
// refused because consumers have moved on, and the block of the resource is gone.
func TestRemovedResetIsForgotten(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset(undoable)))
	w.must(0, "apply", "-auto-approve")
	c.Commit(t, "billing", at(80))
	w.configure(kafkaConfig(c.Bootstrap(), ""))
	says(t, w.must(1, "apply", "-auto-approve"), `Restore consumer group "billing" on topic "orders"`, `set on_destroy = "keep"`)
	has(t, c, "billing", at(80))
	c.ResetRequests()
	w.configure(kafkaConfig(c.Bootstrap(), `
		removed {
			from = kafka_consumer_offset_reset.test
			lifecycle {
				destroy = false
			}
		}
	`))
	out := w.must(0, "apply", "-auto-approve")
	says(t, out, "0 added, 0 changed, 0 destroyed")
	saysNot(t, out, "Restore consumer group")
	if list := w.must(0, "state", "list"); strings.Contains(list, kafkaResetAddress) {
		t.Errorf("it is still in the state: %s", list)
	}
	if got := c.Requests(); len(got) != 0 {
		t.Errorf("a removed reset asked the broker: %v", got)
	}
	has(t, c, "billing", at(80))
}

// Terraform plans a replacement that the user asks for in two calls, and drops
// what the second warns of: neither the reset nor the restore is announced. The
// documentation says so. A limit holds there, too; triggers have a preview.
func TestReplacementOnRequestHasNoPreview(t *testing.T) {
	t.Parallel()
	resets := map[string]func(run string) (config string, args []string){
		"-replace": func(string) (string, []string) {
			return kafkaReset(undoable), []string{"-replace=" + kafkaResetAddress}
		},
		"replace_triggered_by": func(run string) (string, []string) {
			return "resource \"terraform_data\" \"run\" {\n  triggers_replace = \"" + run + "\"\n}\n" +
				kafkaReset(undoable+"lifecycle {\n  replace_triggered_by = [terraform_data.run]\n}\n"), nil
		},
	}
	for name, config := range resets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			body, _ := config("1")
			w := attached(t, kafkaConfig(c.Bootstrap(), body))
			w.must(0, "apply", "-auto-approve")
			body, args := config("2")
			w.configure(kafkaConfig(c.Bootstrap(), body))
			out := w.must(0, append([]string{"plan"}, args...)...)
			says(t, out, "will be replaced")
			saysNot(t, out, "Reset consumer group", "Restore consumer group")
			body = strings.Replace(body, "on_destroy     = \"restore\"", "max_replayed_messages = 100", 1)
			w.configure(kafkaConfig(c.Bootstrap(), body))
			// What a destroy does stands in the state: the offsets are put back
			// to 60, and from there the limit holds.
			says(t, w.must(1, append([]string{"apply", "-auto-approve"}, args...)...), "120 messages would be replayed and max_replayed_messages is 100")
			has(t, c, "billing", at(60))
		})
	}
	t.Run("triggers", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset(undoable)))
		w.must(0, "apply", "-auto-approve")
		c.Commit(t, "billing", at(80))
		w.configure(kafkaConfig(c.Bootstrap(), kafkaReset(undoable+`triggers = { run = "2" }`)))
		says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 180 messages replayed, 0 skipped`)
	})
}

// What is ignored resets nothing; other arguments do as ever.
func TestIgnoredChangesResetNothing(t *testing.T) {
	t.Parallel()
	for ignored, changed := range map[string]string{
		"message_offset": strings.Replace(undoable, "20", "30", 1),
		"triggers":       undoable + `triggers = { run = "2" }`,
		"all":            strings.Replace(undoable, "20", "30", 1) + `triggers = { run = "2" }`,
	} {
		t.Run(ignored, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			list := "[" + ignored + "]"
			if ignored == "all" {
				list = "all"
			}
			lifecycle := "\nlifecycle {\n  ignore_changes = " + list + "\n}\n"
			w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset(undoable+lifecycle)))
			w.must(0, "apply", "-auto-approve")
			c.Commit(t, "billing", at(80))
			w.configure(kafkaConfig(c.Bootstrap(), kafkaReset(changed+lifecycle)))
			says(t, w.must(0, "plan", "-detailed-exitcode"), "No changes.")
			if ignored == "message_offset" {
				w.configure(kafkaConfig(c.Bootstrap(), kafkaReset(changed+`triggers = { run = "2" }`+lifecycle)))
				says(t, w.must(0, "apply", "-auto-approve"), `Reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 180 messages replayed`)
				has(t, c, "billing", fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}, "audit": {0: 80}})
			}
		})
	}
}
