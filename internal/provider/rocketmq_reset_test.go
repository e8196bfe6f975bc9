package provider_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func TestRocketMQResetRecordsWhatItDid(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{Name: "production"})
	consume(c, "billing", queues{60, 15, 50, 100})
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithClock(clock.Fixed(base))),
		Steps: []resource.TestStep{{
			Config:           rocketmqConfig(c, rocketmqReset(lines(toFifty))),
			ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionCreate),
			Check:            stands(c, all(50)),
			ConfigStateChecks: []statecheck.StateCheck{
				rocketmqState("id", knownvalue.StringExact("billing/orders")),
				rocketmqState("applied_at", knownvalue.StringExact("2026-03-01T14:00:00Z")),
				rocketmqState("cluster_id", knownvalue.StringExact("production")),
				rocketmqState("reset_at", knownvalue.StringExact("2026-03-01T14:00:50Z")),
				rocketmqState("record", knownvalue.StringExact(
					` {"broker-a":{"0":{"previous":60,"offset":50,"min":10,"max":100,"how":"server","pending":true},`+
						`"1":{"previous":15,"offset":50,"min":10,"max":100,"how":"server","pending":true}},`+
						`"broker-b":{"0":{"previous":50,"offset":50,"min":10,"max":100,"how":"server","pending":true},`+
						`"1":{"previous":100,"offset":50,"min":10,"max":100,"how":"server","pending":true}}}`)),
				rocketmqState("summary", rocketmqSummary(4, 3, 1, 0, 0, 10+50, 35)),
			},
		}},
	})
}

// Queues that are named, targets out of the log and first offsets show in the
// record and in the summary.
func TestRocketMQResetRecordsGivenOffsets(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateGroup("fresh")
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, rocketmqReset(`
				consumer_group = "fresh"
				reset_type     = "SPECIFIED_OFFSET"
				offsets        = { "broker-a" = { "1" = 5 }, "broker-b" = { "0" = 30, "1" = 101 } }
			`)),
			Check: standsGroup(c, "fresh", queues{-1, 10, 30, 100}),
			ConfigStateChecks: []statecheck.StateCheck{
				rocketmqState("reset_at", knownvalue.Null()),
				rocketmqState("cluster_id", knownvalue.StringExact("DefaultCluster")),
				rocketmqState("record", knownvalue.StringExact(
					` {"broker-a":{"1":{"previous":null,"offset":10,"min":10,"max":100,"clamped":true,"how":"server","pending":true}},`+
						`"broker-b":{"0":{"previous":null,"offset":30,"min":10,"max":100,"how":"server","pending":true},`+
						`"1":{"previous":null,"offset":100,"min":10,"max":100,"clamped":true,"how":"server","pending":true}}}`)),
				rocketmqState("summary", rocketmqSummary(3, 3, 0, 2, 3, 90+70, 20+90)),
			},
		}},
	})
}

// Each target on each kind of broker, with and without consumers, in one life
// of a resource: the same words mean the same offsets everywhere.
func TestRocketMQResetTargetsOnEveryKindOfBroker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		conf   rocketfake.Config
		online bool
	}{
		"5.5.0":                     {conf: rocketfake.Config{}},
		"5.5.0 online":              {conf: rocketfake.Config{}, online: true},
		"5.5.0 with client resets":  {conf: rocketfake.Config{ClientReset: true}},
		"5.5.0 client, online":      {conf: rocketfake.Config{ClientReset: true}, online: true},
		"4.9.7":                     {conf: rocketfake.Config{Version: rocketfake.V4_9_7}},
		"4.9.7 with clients online": {conf: rocketfake.Config{Version: rocketfake.V4_9_7}, online: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, test.conf)
			if test.online {
				c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}})
			}
			step := func(arguments string, want queues) resource.TestStep {
				return resource.TestStep{Config: rocketmqConfig(c, rocketmqReset(arguments)), Check: stands(c, want)}
			}
			steps := []resource.TestStep{
				step(toLatest, all(100)),
				step(lines(toFifty), all(50)),
				step(toTime(-5), all(10)),
				step(toTime(1000), all(100)),
				step(toEarliest, all(10)),
			}
			exact := test.conf.Version == 0 && !test.conf.ClientReset
			if exact || !test.online {
				steps = append(steps, step("reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"0\" = 20 }, \"broker-b\" = { \"1\" = 99 } }", queues{20, 10, 10, 99}))
			}
			unitTest(t, resource.TestCase{ProtoV6ProviderFactories: inProcess(t), Steps: steps})
		})
	}
}

// A time between two messages, a millisecond off and below a millisecond, in
// each of its forms.
func TestRocketMQResetTimes(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	var steps []resource.TestStep
	for _, test := range []struct {
		arguments string
		at        string
		want      int64
	}{
		{`reset_time = "2026-03-01T14:00:40Z"`, "2026-03-01T14:00:40Z", 40},
		{`reset_time = "2026-03-01T22:00:41+08:00"`, "2026-03-01T14:00:41Z", 41},
		{`reset_time = "2026-03-01T14:00:41.001Z"`, "2026-03-01T14:00:41.001Z", 42},
		{`reset_time = "2026-03-01T14:00:42.0001Z"`, "2026-03-01T14:00:42.0001Z", 43},
		{`reset_time = "2026-03-01 22:00:44", time_zone = "Asia/Shanghai"`, "2026-03-01T14:00:44Z", 44},
		{`reset_time = "2026-03-01 14:00:44.5", time_zone = "UTC"`, "2026-03-01T14:00:44.5Z", 45},
		{`reset_time = "2026-03-01 09:00:46", time_zone = "America/New_York"`, "2026-03-01T14:00:46Z", 46},
		{`reset_time = "2099-01-01T00:00:00Z"`, "2099-01-01T00:00:00Z", 100},
		{`reset_time = "1970-01-01T00:00:00Z"`, "1970-01-01T00:00:00Z", 10},
	} {
		check := knownvalue.StringExact(test.at)
		steps = append(steps, resource.TestStep{
			Config: rocketmqConfig(c, rocketmqReset("reset_type = \"SPECIFIED_TIME\"\n"+lines(test.arguments))),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(rocketmqAddress, tfjsonpath.New("reset_at"), check),
			}},
			Check:             stands(c, all(test.want)),
			ConfigStateChecks: []statecheck.StateCheck{rocketmqState("reset_at", check)},
		})
	}
	unitTest(t, resource.TestCase{ProtoV6ProviderFactories: inProcess(t), Steps: steps})
}

// force = false leaves a queue alone whose target lies ahead, whatever the
// broker's version, and counts it.
func TestRocketMQResetWithoutForce(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]rocketfake.Config{
		"5.5.0": {}, "5.5.0 with client resets": {ClientReset: true}, "4.9.7": {Version: rocketfake.V4_9_7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			consume(c, "billing", queues{60, 20, 90, 50})
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config: rocketmqConfig(c, rocketmqReset(lines(toFifty+`, force = false, on_destroy = "restore"`))),
					Check:  stands(c, queues{50, 20, 50, 50}),
					ConfigStateChecks: []statecheck.StateCheck{
						rocketmqState("summary", rocketmqSummary(4, 2, 2, 0, 0, 50, 0)),
						rocketmqState("record", knownvalue.StringRegexp(regexp.MustCompile(`"1":\{"previous":20,"offset":20,"min":10,"max":100,"how":"kept","pending":false\}\},"broker-b"`))),
					},
				}},
				CheckDestroy: stands(c, queues{60, 20, 90, 50}),
			})
		})
	}
}

func TestRocketMQResetIsQuietUntilItsMeaningChanges(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateTopic("audit", 1)
	step := func(action plancheck.ResourceActionType, want queues, arguments string) resource.TestStep {
		return resource.TestStep{
			// The consumers move on between the steps; a reset shows in the broker's view.
			PreConfig:        func() { consume(c, "billing", all(70)) },
			Config:           rocketmqConfig(c, rocketmqReset(lines(arguments))),
			ConfigPlanChecks: rocketmqPlans(action),
			Check:            stands(c, want),
		}
	}
	const nothing, update = plancheck.ResourceActionNoop, plancheck.ResourceActionUpdate
	const shanghai = `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01 22:00:50", time_zone = "Asia/Shanghai"`
	moved := all(70)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			step(plancheck.ResourceActionCreate, all(50), toFifty),
			step(nothing, moved, toFifty),
			step(nothing, moved, `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T16:00:50+02:00"`),
			step(nothing, moved, `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:50.000Z"`),
			// Another argument says the same instant: Terraform shows it, nothing is reset.
			step(update, moved, shanghai),
			step(nothing, moved, shanghai),
			step(nothing, moved, `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01 14:00:50", time_zone = "UTC"`),
			step(update, moved, toFifty),
			step(update, moved, toFifty+`, triggers = {}`),
			step(update, moved, toFifty+`, on_destroy = "restore"`),
			step(update, moved, toFifty+`, force = false, max_replayed_messages = 5, max_skipped_messages = 0`),
			step(update, moved, toFifty+`, brokers = ["broker-a", "broker-b"]`),
			step(update, moved, toFifty+`, timeouts = { create = "5m" }`),
			step(nothing, moved, toFifty+`, timeouts = { create = "300s" }`),
			step(update, moved, toFifty+`, reset_on = "triggers"`),
			step(update, moved, toFifty),
			// The meaning changes.
			step(update, all(51), `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:50.001Z"`),
			step(update, all(10), toEarliest),
			step(update, all(100), toLatest),
			step(update, all(100), toLatest+`, triggers = { run = "1" }`),
			step(nothing, moved, toLatest+`, triggers = { run = "1" }`),
			step(update, queues{70, 33, 70, 70}, `reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { "1" = 33 } }, triggers = { run = "1" }`),
			step(nothing, moved, `reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { "1" = 33 } }, triggers = { run = "1" }`),
			step(update, moved, toLatest+`, topic = "audit", triggers = { run = "1" }`),
		},
	})
}

func TestRocketMQResetOnTriggersAlone(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	step := func(action plancheck.ResourceActionType, want queues, arguments string) resource.TestStep {
		return resource.TestStep{
			PreConfig:        func() { consume(c, "billing", all(70)) },
			Config:           rocketmqConfig(c, rocketmqReset("reset_on = \"triggers\"\n"+lines(arguments))),
			ConfigPlanChecks: rocketmqPlans(action),
			Check:            stands(c, want),
		}
	}
	const nothing, update = plancheck.ResourceActionNoop, plancheck.ResourceActionUpdate
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			step(plancheck.ResourceActionCreate, all(50), toFifty+`, triggers = { run = 1 }`),
			step(nothing, all(70), `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:30Z", triggers = { run = 1 }`),
			step(update, all(30), `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:30Z", triggers = { run = 2 }`),
			// Other arguments say the target: Terraform shows them, nothing is reset.
			step(update, all(70), toLatest+`, triggers = { run = 2 }`),
			step(nothing, all(70), toLatest+`, triggers = { run = 2 }`),
			step(nothing, all(70), toEarliest+`, triggers = { run = 2 }`),
			step(update, all(10), toEarliest+`, triggers = { run = 3 }`),
		},
	})
}

// What is unknown at plan time and turns out the same resets nothing.
func TestRocketMQResetWithAnUnknownTargetThatStaysTheSame(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	body := func(run int) string {
		return fmt.Sprintf(`
			resource "terraform_data" "target" {
				input            = "2026-03-01 22:00:50"
				triggers_replace = %d
			}
		`, run) + rocketmqReset(`
			reset_type = "SPECIFIED_TIME"
			reset_time = terraform_data.target.output
			time_zone  = "Asia/Shanghai"
		`)
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: rocketmqConfig(c, body(1)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(rocketmqAddress, tfjsonpath.New("reset_at")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{rocketmqState("reset_at", knownvalue.StringExact("2026-03-01T14:00:50Z"))},
				Check:             stands(c, all(50)),
			},
			{
				PreConfig: func() { consume(c, "billing", all(80)) },
				Config:    rocketmqConfig(c, body(2)),
				Check:     stands(c, all(80)),
			},
		},
	})
}

// Numbers that come from elsewhere move with traffic and retention. With
// reset_on = "triggers" a plan stays empty all the same.
func TestRocketMQResetFedByADataSource(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateGroup("copy")
	body := rocketmqConfig(c, `
		data "rocketmq_consumer_group_offsets" "source" {
			provider       = offsets
			consumer_group = "billing"
			topic          = "orders"
		}
	`+rocketmqReset(`
		consumer_group = "copy"
		reset_type     = "SPECIFIED_OFFSET"
		offsets        = data.rocketmq_consumer_group_offsets.source.offsets
		reset_on       = "triggers"
		triggers       = { incident = "4711" }
	`))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				PreConfig: func() { consume(c, "billing", queues{20, 30, 40, 50}) },
				Config:    body,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(rocketmqAddress, tfjsonpath.New("offsets"), offsetsExactly(map[string]map[string]int64{
						"broker-a": {"0": 20, "1": 30}, "broker-b": {"0": 40, "1": 50},
					})),
				}},
				Check: standsGroup(c, "copy", queues{20, 30, 40, 50}),
			},
			{
				PreConfig: func() {
					consume(c, "billing", all(90))
					consume(c, "copy", all(95))
					c.Trim("broker-a", "orders", 0, 80)
				},
				Config:           body,
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop),
				Check:            standsGroup(c, "copy", all(95)),
			},
		},
	})
}

func TestRocketMQResetReplacesForAnotherGroupOnly(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	consume(c, "other", all(60))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: rocketmqConfig(c, rocketmqReset(toEarliest))},
			{
				Config:           rocketmqConfig(c, rocketmqReset("consumer_group = \"other\"\n"+toEarliest)),
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionReplace),
				Check:            standsGroup(c, "other", all(10)),
			},
		},
	})
}

// A restore works right after the reset, while that still waits for a consumer
// and the broker ignores plain commits, and where brokers leave resets to the clients.
func TestRocketMQResetOnDestroy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		conf      rocketfake.Config
		online    bool
		onDestroy string
		want      queues
	}{
		"keep is the default":           {want: all(50)},
		"keep":                          {onDestroy: `on_destroy = "keep"`, want: all(50)},
		"restore while a reset waits":   {onDestroy: `on_destroy = "restore"`, want: queues{60, 20, 90, 50}},
		"restore under consumers":       {onDestroy: `on_destroy = "restore"`, online: true, want: queues{60, 20, 90, 50}},
		"restore with client resets":    {onDestroy: `on_destroy = "restore"`, conf: rocketfake.Config{ClientReset: true}, want: queues{60, 20, 90, 50}},
		"restore on 4.9.7":              {onDestroy: `on_destroy = "restore"`, conf: rocketfake.Config{Version: rocketfake.V4_9_7}, want: queues{60, 20, 90, 50}},
		"keep when the cluster is dead": {onDestroy: `on_destroy = "keep"`, want: all(50)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, test.conf)
			consume(c, "billing", queues{60, 20, 90, 50})
			if test.online {
				c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}})
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: rocketmqConfig(c, rocketmqReset(lines(toFifty)+"\n"+test.onDestroy))},
					{
						PreConfig: func() {
							if strings.Contains(name, "dead") {
								c.Close()
							}
						},
						Config: rocketmqConfig(c, rocketmqReset(lines(toFifty)+"\n"+test.onDestroy)), Destroy: true,
					},
				},
			})
			holds(t, stands(c, test.want))
		})
	}
}

// Two resets in a row on a group that is offline both take, and the restore
// leads to before the last completed one.
func TestRocketMQTwoResetsInARow(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	reset := func(offset int) string {
		return rocketmqConfig(c, rocketmqReset(fmt.Sprintf("reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"0\" = %d } }\non_destroy = \"restore\"", offset)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: rocketmqConfig(c, rocketmqReset(toLatest)), Check: stands(c, all(100))},
			{Config: reset(20), Check: stands(c, queues{20, 100, 100, 100})},
			{Config: reset(30), Check: stands(c, queues{30, 100, 100, 100})},
		},
		CheckDestroy: stands(c, queues{20, 100, 100, 100}),
	})
}

func TestRocketMQRestoreRefusesWhenSomebodyElseHasMovedTheOffsets(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	body := func(onDestroy string) string {
		return rocketmqConfig(c, rocketmqReset(lines(toFifty)+"\n"+onDestroy))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body(`on_destroy = "restore"`)},
			{
				PreConfig:   func() { consume(c, "billing", queues{50, 55, 50, 50}) },
				Config:      body(`on_destroy = "restore"`),
				Destroy:     true,
				ExpectError: saying(`broker-a/1 is at 55, not 50`),
			},
			{Config: body(`on_destroy = "keep"`), Check: stands(c, queues{50, 55, 50, 50})},
		},
		CheckDestroy: stands(c, queues{50, 55, 50, 50}),
	})
}

func TestRocketMQRestoreRefusesWhenTheOldOffsetHasLeftTheLog(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	body := func(onDestroy string) string { return rocketmqConfig(c, rocketmqReset(toLatest+"\n"+onDestroy)) }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body(`on_destroy = "restore"`)},
			{
				PreConfig:   func() { c.Trim("broker-b", "orders", 1, 80) },
				Config:      body(`on_destroy = "restore"`),
				Destroy:     true,
				ExpectError: saying("broker-b/1 was at 60, the log holds 80 to 100"),
			},
			{Config: body(`on_destroy = "keep"`), Check: stands(c, all(100))},
		},
	})
}

func TestRocketMQRestoreRefusesAnotherCluster(t *testing.T) {
	t.Parallel()
	first, second := rocketmqSeeded(t, rocketfake.Config{}), rocketmqSeeded(t, rocketfake.Config{Name: "other-cluster"})
	consume(second, "billing", all(50))
	body := func(c *rocketfake.Cluster, onDestroy string) string {
		return rocketmqConfig(c, rocketmqReset(lines(toFifty)+"\n"+onDestroy))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body(first, `on_destroy = "restore"`)},
			{Config: body(second, `on_destroy = "restore"`), Destroy: true, ExpectError: saying("other-cluster")},
			{Config: body(first, `on_destroy = "keep"`), Check: stands(second, all(50))},
		},
	})
}

// A topic or a group that is gone needs no restore.
func TestRocketMQRestoreOfWhatIsGone(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*rocketfake.Cluster){
		"topic": func(c *rocketfake.Cluster) { c.DeleteTopic("orders") },
		"group": func(c *rocketfake.Cluster) { c.DeleteGroup("billing") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{})
			body := rocketmqConfig(c, rocketmqReset(toLatest+"\non_destroy = \"restore\""))
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: body},
					{PreConfig: func() { remove(c) }, Config: body, Destroy: true},
				},
			})
		})
	}
}

// The old instance is destroyed after the new one was created, in the same
// process: the newer reset survives.
func TestRocketMQRestoreWithCreateBeforeDestroy(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	body := rocketmqConfig(c, `
		variable "second" { type = number }
		resource "terraform_data" "run" { input = var.second }
	`+rocketmqReset(`
		reset_type = "SPECIFIED_TIME"
		reset_time = "2026-03-01T14:00:${var.second}Z"
		on_destroy = "restore"
		lifecycle {
			create_before_destroy = true
			replace_triggered_by  = [terraform_data.run]
		}
	`))
	second := func(n int64) config.Variables { return config.Variables{"second": config.IntegerVariable(n)} }
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body, ConfigVariables: second(20), Check: stands(c, all(20))},
			{Config: body, ConfigVariables: second(30), ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionReplace), Check: stands(c, all(30))},
		},
		CheckDestroy: stands(c, all(20)),
	})
}

// Consumers that are online may move on from the target at once: that is told
// and no error, and the plan after it is empty.
func TestRocketMQResetUnderConsumersThatMoveOn(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]rocketfake.Config{"5.5.0": {}, "4.9.7": {Version: rocketfake.V4_9_7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}, Eager: 3, Delay: 100 * time.Millisecond})
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: rocketmqConfig(c, rocketmqReset(toEarliest)), Check: stands(c, all(13))},
					{Config: rocketmqConfig(c, rocketmqReset(toEarliest)), ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop)},
				},
			})
		})
	}
}
