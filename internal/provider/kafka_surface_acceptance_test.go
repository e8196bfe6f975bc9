//go:build acceptance

package provider_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// Offsets come from the file of Apache's own tool, a snapshot puts them back,
// and the lines that a function writes of the record are such a file again:
// for each group that a data source lists.
func TestRealKafkaFilesSnapshotsAndGroups(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, audit := realTopics(t, k, "files")
	start := kafkacluster.Offsets{orders: {0: 60, 1: 15, 2: 10}, audit: {0: 60}}
	groups := []string{"files-a", "files-b"}
	for _, group := range groups {
		k.Commit(t, group, start)
	}
	k.Commit(t, "files-elsewhere", kafkacluster.Offsets{audit: {0: 60}})
	everywhere := func(want kafkacluster.Offsets) {
		t.Helper()
		for _, group := range groups {
			toolSays(t, k, group, want)
		}
		toolSays(t, k, "files-elsewhere", kafkacluster.Offsets{audit: {0: 60}})
	}
	exported, err := k.Tool(t, "--timeout", "60000", "--group", groups[0], "--topic", orders, "--reset-offsets", "--to-datetime", "2026-03-01T14:00:20.000Z", "--export", "--dry-run")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkspace(t, "")
	w.write("offsets.csv", exported)
	config := func(target, more string) string {
		return kafkaConfig(k.Bootstrap(), fmt.Sprintf(`
			data "kafka_consumer_groups" "these" {
				provider   = offsets
				name_regex = "^files-"
				topic      = %q
				states     = ["Empty"]
			}
			resource "kafka_consumer_group_snapshot" "before" {
				provider = offsets
				for_each = data.kafka_consumer_groups.these.groups
				group_id = each.key
			}
			resource "kafka_consumer_offset_reset" "each" {
				provider   = offsets
				for_each   = data.kafka_consumer_groups.these.groups
				group_id   = each.key
				%s
				depends_on = [kafka_consumer_group_snapshot.before]
			}
		`, orders, target)+more)
	}

	w.configure(config(`offsets_csv = file("offsets.csv")`, `
		output "undo" {
			value = provider::offsets::csv_encode(provider::offsets::record_offsets(kafka_consumer_offset_reset.each["files-a"].record, "previous"))
		}
		output "moved" {
			value = [for row in provider::offsets::record_rows(kafka_consumer_offset_reset.each["files-a"].record) : "${row.topic}-${row.partition} by ${row.moved}"]
		}
		output "same" {
			value = (provider::offsets::csv_decode(file("offsets.csv")) ==
				provider::offsets::record_offsets(kafka_consumer_offset_reset.each["files-b"].record, "offset"))
		}
	`))
	out := w.must(0, "apply", "-auto-approve")
	says(t, out, "4 added", "3 partitions of 3 move, 40 messages replayed, 15 skipped",
		orders+"-0 by -40", orders+"-1 by 5", orders+"-2 by 10", "same = true")
	everywhere(kafkacluster.Offsets{orders: {0: 20, 1: 20, 2: 20}, audit: {0: 60}})
	w.must(0, "plan", "-detailed-exitcode")

	cmd, undo := w.command("output", "-raw", "undo")
	if err := cmd.Run(); err != nil {
		t.Fatal(err, undo)
	}
	if want := fmt.Sprintf("%s,0,60\n%[1]s,1,15\n%[1]s,2,10\n", orders); undo.String() != want {
		t.Errorf("the lines are %q, want %q", undo, want)
	}
	w.write("undo.csv", undo.String())
	k.ToolReset(t, groups[0], "--from-file", filepath.Join(w.dir, "undo.csv"))
	toolSays(t, k, groups[0], start)

	w.configure(config("snapshot = kafka_consumer_group_snapshot.before[each.key].snapshot", `
		output "how" {
			value = distinct([for p in values(jsondecode(kafka_consumer_offset_reset.each["files-b"].record)["`+orders+`"]) : p.by])
		}
	`))
	out = w.must(0, "apply", "-auto-approve")
	says(t, out, "0 added, 2 changed", "3 partitions of 4 move, 15 messages replayed, 40 skipped", strings.Join(strings.Fields(`how = tolist([ "offset", ])`), " "))
	everywhere(start)
	w.must(0, "plan", "-detailed-exitcode")
}
