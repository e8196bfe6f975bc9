package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// Each target is held back by reset_on = "triggers", and taken up with them.
func TestEachTargetIsHeldBack(t *testing.T) {
	t.Parallel()
	const scope = "topic = \"orders\"\n"
	snapshots := ""
	for _, group := range []string{"green", "blue"} {
		snapshots += fmt.Sprintf("resource \"kafka_consumer_group_snapshot\" %q {\n  provider = offsets\n  group_id = %q\n  topics   = [\"orders\"]\n}\n", group, group)
	}
	tried := map[string]bool{}
	for name, test := range map[string]struct {
		scope, first, second string
		want                 fake.Offsets
	}{
		"message_offset":  {scope, "20", "30", orders(30, 30, 30)},
		"timestamp":       {scope, "1772373620000", "1772373630000", orders(30, 30, 30)},
		"datetime":        {scope, `"2026-03-01T14:00:20Z"`, `"2026-03-01T14:00:30Z"`, orders(30, 30, 30)},
		"lookback":        {scope, `"1h"`, `"2000000m"`, nil},
		"position":        {scope, `"earliest"`, `"latest"`, orders(100, 100, 100)},
		"shift":           {scope, "-1", "5", orders(95, 95, 95)},
		"source_group_id": {scope, `"green"`, `"blue"`, orders(33, 33, 33)},
		"offsets":         {"", `{ orders = { "0" = 20 } }`, `{ orders = { "0" = 30 } }`, orders(30, 90, 90)},
		"offsets_csv":     {"", `"orders,0,20"`, `"orders,0,30"`, orders(30, 90, 90)},
		"snapshot":        {"", "kafka_consumer_group_snapshot.green.snapshot", "kafka_consumer_group_snapshot.blue.snapshot", orders(33, 33, 33)},
	} {
		tried[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			c.Commit(t, "green", at(22))
			c.Commit(t, "blue", at(33))
			elsewhere := orders(90, 90, 90)
			step := func(target, trigger string) string {
				return kafkaConfig(c.Bootstrap(), snapshots+kafkaReset("group_id = \"billing\"\nreset_on = \"triggers\"\ntriggers = { n = "+trigger+" }\n"+test.scope+name+" = "+target))
			}
			taken := resource.TestStep{Config: step(test.second, "2"), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)}
			if test.want != nil { // The log's end or start, for a lookback: the machine's clock decides.
				taken.Check = committed(c, "billing", test.want)
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: step(test.first, "1")},
					{
						PreConfig:        func() { c.Commit(t, "billing", elsewhere) },
						Config:           step(test.second, "1"),
						ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
						Check:            committed(c, "billing", elsewhere),
					},
					taken,
				},
			})
		})
	}
	for _, target := range provider.KafkaTargets() {
		if !tried[target] {
			t.Errorf("nothing holds %s back", target)
		}
	}
}

// With ignore_changes a plan can have two targets, though no configuration has.
func TestTwoTargetsInAPlan(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\ndatetime = \"2026-03-01T14:00:20Z\"")),
				Check:  committed(c, "billing", orders(20, 20, 20)),
			},
			{
				Config:      kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"latest\"\nlifecycle {\n  ignore_changes = [datetime]\n}")),
				PlanOnly:    true,
				ExpectError: saying("More than one target"),
			},
		},
	})
	holds(t, committed(c, "billing", orders(20, 20, 20)))
}
