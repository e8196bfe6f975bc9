package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// An import means "already done": the apply that follows takes the
// configuration over and touches no broker, and the plan after it is empty.
func TestKafkaImportOfEachScope(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ id, group, arguments string }{
		"topic":                    {"billing/orders", "billing", `topic = "orders"`},
		"topic as topics":          {"billing/orders", "billing", `topics = ["orders"]`},
		"partitions":               {"billing/orders/2,0", "billing", "topic = \"orders\"\npartitions = [0, 2]"},
		"one partition":            {"billing/orders/1", "billing", "topic = \"orders\"\npartition = 1"},
		"topics":                   {"billing/orders,audit", "billing", `topics = ["audit", "orders"]`},
		"all topics":               {"billing/*", "billing", `all_topics = true`},
		"odd characters in a name": {"bill%2Fing%2C 1%25%3F%2A ü/orders", "bill/ing, 1%?* ü", `topic = "orders"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			c.Commit(t, test.group, at(60))
			c.ResetRequests()
			body := kafkaReset(fmt.Sprintf("group_id = %q\n%s\nposition = \"earliest\"\n", test.group, test.arguments))
			importing := fmt.Sprintf("import {\n  to       = %s\n  id       = %q\n  provider = offsets\n}\n", kafkaResetAddress, test.id)
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{
						Config:           kafkaConfig(c.Bootstrap(), importing+body),
						ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
						Check:            committed(c, test.group, at(60)),
						ConfigStateChecks: []statecheck.StateCheck{
							state("record", knownvalue.Null()), state("applied_at", knownvalue.Null()), state("position", knownvalue.StringExact("earliest")),
						},
					},
					{Config: kafkaConfig(c.Bootstrap(), body), ConfigPlanChecks: plans(plancheck.ResourceActionNoop)},
				},
				CheckDestroy: committed(c, test.group, at(60)),
			})
			if got := c.Requests(); len(got) != 0 {
				t.Errorf("the import asked the broker: %v", got)
			}
		})
	}
}

func TestKafkaImportOfAnotherScopeThanTheConfiguration(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	for id, arguments := range map[string]string{
		"billing/orders":     `topic = "audit"`,
		"billing/audit":      `topics = ["audit", "orders"]`,
		"billing/*":          `topic = "orders"`,
		"billing/orders/0,1": `topic = "orders"`,
		"billing/orders/0":   `offsets = { orders = { "1" = 1 } }`,
	} {
		target := "\nposition = \"earliest\"\n"
		if id == "billing/orders/0" {
			target = ""
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{{
				Config: kafkaConfig(c.Bootstrap(), fmt.Sprintf("import {\n  to       = %s\n  id       = %q\n  provider = offsets\n}\n", kafkaResetAddress, id)+
					kafkaReset("group_id = \"billing\"\n"+arguments+target)),
				PlanOnly:    true,
				ExpectError: saying("the configuration is not what was imported"),
			}},
		})
	}
}

func TestKafkaImportRefusesWhatIsNoID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"billing", "billing/", "/orders", "billing/orders/x", "billing/a,b/1", "billing/orders/1/2", "billing/orders,orders", "billing/or%ders", "billing/orders?x=1"} {
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{{
				Config: kafkaConfig([]string{"127.0.0.1:1"}, fmt.Sprintf("import {\n  to       = %s\n  id       = %q\n  provider = offsets\n}\n", kafkaResetAddress, id)+
					kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"\n")),
				PlanOnly:    true,
				ExpectError: saying("Import kafka_consumer_offset_reset"),
			}},
		})
	}
}

// After an import there is nothing to restore; a trigger resets as always.
func TestKafkaResetAfterAnImport(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	arguments := "group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"\non_destroy = \"restore\"\n"
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), fmt.Sprintf("import {\n  to       = %s\n  id       = \"billing/orders\"\n  provider = offsets\n}\n", kafkaResetAddress)+kafkaReset(arguments))},
			{
				Config:           kafkaConfig(c.Bootstrap(), kafkaReset(arguments+`triggers = { run = "1" }`)),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            committed(c, "billing", orders(10, 10, 10)),
			},
		},
		CheckDestroy: committed(c, "billing", at(60)),
	})
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), fmt.Sprintf("import {\n  to       = %s\n  id       = \"billing/orders\"\n  provider = offsets\n}\n", kafkaResetAddress)+kafkaReset(arguments)),
		}},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}
