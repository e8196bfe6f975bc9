package provider_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func TestKafkaResetRecordsWhatItDid(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithClock(clock.Fixed(base))),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
				group_id       = "billing"
				topic          = "orders"
				partitions     = [0, 2]
				message_offset = 5
			`)),
			ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
			Check:            committed(c, "billing", orders(10, 60, 10)),
			ConfigStateChecks: []statecheck.StateCheck{
				state("id", knownvalue.StringExact("billing/orders/0,2")),
				state("applied_at", knownvalue.StringExact("2026-03-01T14:00:00Z")),
				state("cluster_id", knownvalue.StringExact("fake-cluster")),
				state("previous_group_state", knownvalue.StringExact("Empty")),
				state("record", knownvalue.StringExact(
					` {"orders":{"0":{"previous":60,"offset":10,"start":10,"end":100,"clamped":true},`+
						`"2":{"previous":60,"offset":10,"start":10,"end":100,"clamped":true}}}`)),
				state("summary", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"partitions": knownvalue.Int64Exact(2), "moved": knownvalue.Int64Exact(2), "unchanged": knownvalue.Int64Exact(0),
					"clamped": knownvalue.Int64Exact(2), "created": knownvalue.Int64Exact(0),
					"matched": knownvalue.Int64Exact(0), "unmatched": knownvalue.Int64Exact(0),
					"replayed_messages": knownvalue.Int64Exact(100), "skipped_messages": knownvalue.Int64Exact(0),
				})),
			},
		}},
	})
}

// Every way to say the target and the scope, and what the broker has then.
func TestKafkaResetTargetsAndScopes(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "source", fake.Offsets{"orders": {0: 30, 1: 40, 2: 50}})
	halfway := base.Add(50 * time.Second)
	var resources strings.Builder
	var checks []resource.TestCheckFunc
	for name, test := range map[string]struct {
		arguments string
		want      fake.Offsets
	}{
		"one partition":          {`topic = "orders", partition = 1, message_offset = 20`, orders(60, 20, 60)},
		"partition -1 means all": {`topic = "orders", partition = -1, message_offset = 20`, orders(20, 20, 20)},
		"partitions":             {`topic = "orders", partitions = [2, 1], message_offset = 20`, orders(60, 20, 20)},
		"topics":                 {`topics = ["orders", "audit"], message_offset = 20`, at(20)},
		"all topics":             {`all_topics = true, message_offset = 20`, at(20)},
		"false is not given":     {`topic = "orders", all_topics = false, message_offset = 20`, orders(20, 20, 20)},
		"offset 0 is clamped":    {`topic = "orders", message_offset = 0`, orders(10, 10, 10)},
		"offset past the end":    {`topic = "orders", message_offset = 101`, orders(100, 100, 100)},
		"offset at the end":      {`topic = "orders", message_offset = 100, out_of_range = "error"`, orders(100, 100, 100)},
		"earliest":               {`topic = "orders", position = "earliest"`, orders(10, 10, 10)},
		"latest":                 {`topic = "orders", position = "latest"`, orders(100, 100, 100)},
		"current":                {`topic = "orders", position = "current"`, orders(60, 60, 60)},
		"shift back":             {`topic = "orders", shift = -10`, orders(50, 50, 50)},
		"shift forward":          {`topic = "orders", shift = 15`, orders(75, 75, 75)},
		"shift past the start":   {`topic = "orders", shift = -1000`, orders(10, 10, 10)},
		"timestamp":              {fmt.Sprintf(`topic = "orders", timestamp = %d`, halfway.UnixMilli()), orders(50, 50, 50)},
		"timestamp 0":            {`topic = "orders", timestamp = 0`, orders(10, 10, 10)},
		"between two records":    {fmt.Sprintf(`topic = "orders", timestamp = %d`, halfway.UnixMilli()+1), orders(51, 51, 51)},
		"datetime with a zone":   {`topic = "orders", datetime = "2026-03-01T15:00:50+01:00"`, orders(50, 50, 50)},
		"below a millisecond":    {`topic = "orders", datetime = "2026-03-01T14:00:50.0001Z"`, orders(51, 51, 51)},
		"after the last record":  {`topic = "orders", datetime = "2026-03-01T14:10:00Z"`, orders(100, 100, 100)},
		"in the future":          {`topic = "orders", datetime = "2099-01-01T00:00:00Z"`, orders(100, 100, 100)},
		"lookback":               {`topic = "orders", lookback = "70s"`, orders(50, 50, 50)},
		"another group":          {`topic = "orders", source_group_id = "source"`, orders(30, 40, 50)},
		"all of another group":   {`all_topics = true, source_group_id = "source"`, orders(30, 40, 50)},
		"offsets":                {`offsets = { orders = { "0" = 11, "2" = 22 }, audit = { "0" = 33 } }`, fake.Offsets{"orders": {0: 11, 1: 60, 2: 22}, "audit": {0: 33}}},
		"read committed":         {`topic = "orders", position = "latest", isolation_level = "read_committed"`, orders(100, 100, 100)},
	} {
		// A group and a reset for each, all in one apply.
		c.Commit(t, name, at(60))
		fmt.Fprintf(&resources, "resource \"kafka_consumer_offset_reset\" %q {\n  provider = offsets\n  group_id = %q\n%s\n}\n",
			strings.ReplaceAll(name, " ", "_"), name, lines(test.arguments))
		checks = append(checks, committed(c, name, test.want))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithClock(clock.Fixed(base.Add(2*time.Minute)))),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), resources.String()),
			Check:  resource.ComposeAggregateTestCheckFunc(checks...),
		}},
	})
}

func TestKafkaResetIsQuietUntilItsMeaningChanges(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	step := func(action plancheck.ResourceActionType, want fake.Offsets, arguments string) resource.TestStep {
		return resource.TestStep{
			// The consumers move on between the steps; a reset shows in the broker's view.
			PreConfig:        func() { c.Commit(t, "billing", at(70)) },
			Config:           kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\n"+lines(arguments))),
			ConfigPlanChecks: plans(action),
			Check:            committed(c, "billing", want),
		}
	}
	const nothing, update = plancheck.ResourceActionNoop, plancheck.ResourceActionUpdate
	moved := at(70)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			step(plancheck.ResourceActionCreate, fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}, "audit": {0: 70}}, `topic = "orders", datetime = "2026-03-01T14:00:20Z"`),
			step(nothing, moved, `topic = "orders", datetime = "2026-03-01T14:00:20Z"`),
			step(nothing, moved, `topic = "orders", datetime = "2026-03-01T16:00:20+02:00"`),
			step(update, moved, `topic = "orders", timestamp = 1772373620000`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, triggers = {}`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, triggers = { none = null }`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, on_destroy = "restore"`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, wait_for_inactive = "60s"`),
			step(nothing, moved, `topics = ["orders"], timestamp = 1772373620000, wait_for_inactive = "1m"`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, allow_new_group = true`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, max_replayed_messages = 5, max_skipped_messages = 0`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, out_of_range = "error", isolation_level = "read_committed"`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, timeouts = { create = "5m" }`),
			step(nothing, moved, `topics = ["orders"], timestamp = 1772373620000, timeouts = { create = "300s" }`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000, reset_on = "triggers"`),
			step(update, moved, `topics = ["orders"], timestamp = 1772373620000`),
			// The meaning changes.
			step(update, fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}, "audit": {0: 20}}, `topics = ["orders", "audit"], timestamp = 1772373620000`),
			step(update, fake.Offsets{"orders": {0: 21, 1: 21, 2: 21}, "audit": {0: 21}}, `topics = ["orders", "audit"], timestamp = 1772373621000`),
			step(update, fake.Offsets{"orders": {0: 21, 1: 21, 2: 21}, "audit": {0: 21}}, `topics = ["orders", "audit"], timestamp = 1772373621000, triggers = { run = "1" }`),
			step(nothing, moved, `topics = ["orders", "audit"], timestamp = 1772373621000, triggers = { run = "1" }`),
			step(update, fake.Offsets{"orders": {0: 70, 1: 10, 2: 70}, "audit": {0: 70}}, `topic = "orders", partition = 1, position = "earliest", triggers = { run = "1" }`),
		},
	})
}

func TestKafkaResetOnTriggersAlone(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	step := func(action plancheck.ResourceActionType, want fake.Offsets, arguments string) resource.TestStep {
		return resource.TestStep{
			PreConfig:        func() { c.Commit(t, "billing", at(70)) },
			Config:           kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\nreset_on = \"triggers\"\n"+lines(arguments))),
			ConfigPlanChecks: plans(action),
			Check:            committed(c, "billing", want),
		}
	}
	const nothing, update = plancheck.ResourceActionNoop, plancheck.ResourceActionUpdate
	all := func(o int64) fake.Offsets { return fake.Offsets{"orders": {0: o, 1: o, 2: o}, "audit": {0: 70}} }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			step(plancheck.ResourceActionCreate, all(20), `topic = "orders", message_offset = 20, triggers = { run = 1 }`),
			step(nothing, at(70), `topic = "orders", message_offset = 30, triggers = { run = 1 }`),
			step(nothing, at(70), `topic = "audit", message_offset = 31, triggers = { run = 1 }`),
			step(update, all(30), `topic = "orders", message_offset = 30, triggers = { run = 2 }`),
			// Other arguments say the target: Terraform shows them, nothing is reset.
			step(update, at(70), `topic = "orders", position = "latest", triggers = { run = 2 }`),
			step(nothing, at(70), `topic = "orders", position = "latest", triggers = { run = 2 }`),
			step(update, all(100), `topic = "orders", position = "latest", triggers = { run = 3 }`),
		},
	})
}

// Numbers that come from elsewhere move with traffic and retention. With
// reset_on = "triggers" a plan stays empty all the same.
// Where other arguments say the new target, the state has to take them up
// though nothing is reset; it is not forgotten that this was never done.
func TestKafkaResetHeldBackUnderOtherArguments(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := func(arguments string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\n"+arguments))
	}
	const (
		done       = "topic = \"orders\"\nposition = \"latest\"\ntriggers = { a = 1 }\n"
		next       = "topics = [\"orders\", \"audit\"]\nmessage_offset = 30\ntriggers = { a = 1 }\n"
		onTriggers = "reset_on = \"triggers\"\n"
	)
	moved := at(60)
	step := func(arguments string, action plancheck.ResourceActionType, want fake.Offsets) resource.TestStep {
		return resource.TestStep{Config: body(arguments), ConfigPlanChecks: plans(action), Check: committed(c, "billing", want)}
	}
	consume := func(s resource.TestStep) resource.TestStep {
		s.PreConfig = func() { c.Commit(t, "billing", moved) }
		return s
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			step(done+onTriggers, plancheck.ResourceActionCreate, orders(100, 100, 100)),
			consume(step(next+onTriggers, plancheck.ResourceActionUpdate, moved)),
			step(next+onTriggers, plancheck.ResourceActionNoop, moved),
			// Back to what was done: that is no change, then or later.
			step(done+onTriggers, plancheck.ResourceActionUpdate, moved),
			step(done, plancheck.ResourceActionUpdate, moved),
			step(done+onTriggers, plancheck.ResourceActionUpdate, moved),
			step(next+onTriggers, plancheck.ResourceActionUpdate, moved),
			step(next, plancheck.ResourceActionUpdate, at(30)),
			consume(step(next+onTriggers, plancheck.ResourceActionUpdate, moved)),
			step(next, plancheck.ResourceActionUpdate, moved),
		},
	})
}

func TestKafkaResetFedByAnInputThatChanges(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := `
		variable "offset" { type = number }
		resource "terraform_data" "numbers" { input = var.offset }
	` + kafkaReset(`
		group_id = "billing"
		reset_on = "triggers"
		triggers = { run = "1" }
		offsets  = { orders = { "0" = terraform_data.numbers.output, "1" = terraform_data.numbers.output } }
	`)
	variable := func(n int64) config.Variables { return config.Variables{"offset": config.IntegerVariable(n)} }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), body), ConfigVariables: variable(20), Check: committed(c, "billing", orders(20, 20, 60))},
			{
				PreConfig:        func() { deleteRecords(t, c, "orders", 0, 50); c.Commit(t, "billing", at(80)) },
				Config:           kafkaConfig(c.Bootstrap(), body),
				ConfigVariables:  variable(55),
				ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
				Check:            committed(c, "billing", at(80)),
			},
		},
	})
}

// What is unknown at plan time and turns out the same resets nothing.
func TestKafkaResetWithAnUnknownTargetThatStaysTheSame(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := func(run int) string {
		return fmt.Sprintf(`
			resource "terraform_data" "target" {
				input            = 20
				triggers_replace = %d
			}
		`, run) + kafkaReset(`
			group_id       = "billing"
			topic          = "orders"
			message_offset = terraform_data.target.output
		`)
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), body(1)), Check: committed(c, "billing", orders(20, 20, 20))},
			{
				PreConfig: func() { c.Commit(t, "billing", at(80)) },
				Config:    kafkaConfig(c.Bootstrap(), body(2)),
				Check:     committed(c, "billing", at(80)),
			},
		},
	})
}

// Beside it, other words for the same are no other plan once it is known.
func TestKafkaResetWithOtherWordsBesideAnUnknownThatStaysTheSame(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := func(run int, datetime, wait string) string {
		return fmt.Sprintf(`
			resource "terraform_data" "run" {
				input            = "same"
				triggers_replace = %d
			}
		`, run) + kafkaReset(fmt.Sprintf(`
			group_id          = "billing"
			topic             = "orders"
			datetime          = %q
			wait_for_inactive = %q
			triggers          = { run = terraform_data.run.output }
			timeouts          = { create = %[2]q, update = "10m" }
		`, datetime, wait))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), strings.Replace(body(1, "2026-03-01T14:00:20Z", "60s"), `create = "60s"`, `create = "120s"`, 1)), Check: committed(c, "billing", orders(20, 20, 20))},
			{
				PreConfig: func() { c.Commit(t, "billing", at(80)) },
				Config:    kafkaConfig(c.Bootstrap(), strings.Replace(body(2, "2026-03-01T15:00:20+01:00", "1m"), `create = "1m"`, `create = "2m"`, 1)),
				Check:     committed(c, "billing", at(80)),
			},
		},
	})
}

func TestKafkaResetReplacesForAnotherGroupOnly(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "other", at(60))
	arguments := "topic = \"orders\"\nposition = \"earliest\"\n"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\n"+arguments))},
			{
				Config:           kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"other\"\n"+arguments)),
				ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
				Check:            committed(c, "other", orders(10, 10, 10)),
			},
		},
	})
}

func TestKafkaResetOnDestroy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		onDestroy string
		want      fake.Offsets
	}{
		"keep is the default": {``, orders(20, 20, 20)},
		"keep":                {`on_destroy = "keep"`, orders(20, 20, 20)},
		"restore":             {`on_destroy = "restore"`, at(60)},
		"delete_offsets":      {`on_destroy = "delete_offsets"`, fake.Offsets{"audit": {0: 60}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{Config: kafkaConfig(c.Bootstrap(), kafkaReset(test.onDestroy+`
					group_id       = "billing"
					topic          = "orders"
					message_offset = 20
				`))}},
				CheckDestroy: committed(c, "billing", test.want),
			})
		})
	}
}

// A partition that had no offset loses it again.
func TestKafkaRestoreOfAFirstOffset(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
				group_id        = "fresh"
				topic           = "orders"
				position        = "earliest"
				allow_new_group = true
				on_destroy      = "restore"
			`)),
			Check: committed(c, "fresh", fake.Offsets{"orders": {0: 10, 1: 10, 2: 10}}),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(kafkaResetAddress,
				tfjsonpath.New("summary").AtMapKey("created"), knownvalue.Int64Exact(3))},
		}},
		CheckDestroy: committed(c, "fresh", fake.Offsets{}),
	})
}

func TestKafkaRestoreRefusesWhenSomebodyElseHasMovedTheOffsets(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	arguments := `
		group_id       = "billing"
		topic          = "orders"
		message_offset = 20
	`
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "restore"`))},
			{
				PreConfig:   func() { c.Commit(t, "billing", orders(20, 21, 20)) },
				Config:      kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "restore"`)),
				Destroy:     true,
				ExpectError: atFault(`on_destroy = "keep"`, "a removed block with lifecycle { destroy = false }, or terraform state rm, gives the undo up"),
			},
			{
				Config: kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "keep"`)),
				Check:  committed(c, "billing", orders(20, 21, 20)),
			},
		},
		CheckDestroy: committed(c, "billing", orders(20, 21, 20)),
	})
}

func TestKafkaRestoreRefusesWhenTheOldOffsetHasLeftTheLog(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	arguments := `
		group_id       = "billing"
		topic          = "orders"
		message_offset = 90
	`
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "restore"`))},
			{
				PreConfig:   func() { deleteRecords(t, c, "orders", 2, 80) },
				Config:      kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "restore"`)),
				Destroy:     true,
				ExpectError: saying("60"),
			},
			{
				Config: kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`on_destroy = "keep"`)),
				Check:  committed(c, "billing", orders(90, 90, 90)),
			},
		},
	})
}

func TestKafkaUndoRefusesAnotherCluster(t *testing.T) {
	t.Parallel()
	first := seeded(t)
	second := otherCluster(t)
	second.Commit(t, "billing", orders(20, 20, 20))
	body := func(onDestroy string) string {
		return kafkaReset(onDestroy + `
			group_id       = "billing"
			topic          = "orders"
			message_offset = 20
		`)
	}
	for _, onDestroy := range []string{`on_destroy = "restore"`, `on_destroy = "delete_offsets"`} {
		first.Commit(t, "billing", at(60))
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{
				{Config: kafkaConfig(first.Bootstrap(), body(onDestroy))},
				{Config: kafkaConfig(second.Bootstrap(), body(onDestroy)), Destroy: true, ExpectError: saying("other-cluster")},
				{Config: kafkaConfig(first.Bootstrap(), body(`on_destroy = "keep"`)), Check: committed(second, "billing", orders(20, 20, 20))},
			},
		})
	}
}

// The old instance is destroyed after the new one was created, in the same
// process: the newer reset survives.
func TestKafkaRestoreWithCreateBeforeDestroy(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := func(run, offset int) string {
		return fmt.Sprintf(`
			resource "terraform_data" "run" { input = %d }
		`, run) + kafkaReset(fmt.Sprintf(`
			group_id       = "billing"
			topic          = "orders"
			message_offset = %d
			on_destroy     = "restore"
			lifecycle {
				create_before_destroy = true
				replace_triggered_by  = [terraform_data.run]
			}
		`, offset))
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), body(1, 20)), Check: committed(c, "billing", orders(20, 20, 20))},
			{
				Config:           kafkaConfig(c.Bootstrap(), body(2, 30)),
				ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
				Check:            committed(c, "billing", orders(30, 30, 30)),
			},
		},
		CheckDestroy: committed(c, "billing", orders(20, 20, 20)),
	})
}

func TestKafkaRestoreWithPlainReplacement(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := kafkaConfig(c.Bootstrap(), kafkaReset(`
		group_id   = "billing"
		topic      = "orders"
		shift      = -10
		on_destroy = "restore"
	`))
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body, Check: committed(c, "billing", orders(50, 50, 50))},
			{
				Config: body, Taint: []string{kafkaResetAddress},
				ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
				Check:            committed(c, "billing", orders(50, 50, 50)),
			},
		},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}

// state checks an attribute of the resource under test.
func state(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New(name), check)
}

// otherCluster is like seeded, with another id.
func otherCluster(t *testing.T) *fake.Cluster {
	t.Helper()
	c := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "audit": 1}, Kfake: clusterID("other-cluster")})
	c.Fill(t, "orders", 3, 100, base, time.Second)
	return c
}

// entry is one partition of a record.
type entry struct {
	Previous *int64
	Offset   *int64
	Error    string
}

// records reads a resource's record.
func records(s *terraform.State, address string) (map[string]map[string]entry, error) {
	var doc map[string]map[string]entry
	err := json.Unmarshal([]byte(s.RootModule().Resources[address].Primary.Attributes["record"]), &doc)
	return doc, err
}
