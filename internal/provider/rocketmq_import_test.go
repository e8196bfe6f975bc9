package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func rocketmqImport(id string) string {
	return fmt.Sprintf("import {\n  to       = %s\n  id       = %q\n  provider = offsets\n}\n", rocketmqAddress, id)
}

// An import means "already done": the apply that follows takes the
// configuration over and touches no broker, and the plan after it is empty.
func TestRocketMQImport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ id, arguments string }{
		"latest":                   {"billing/orders", toLatest},
		"a time":                   {"billing/orders", lines(toFifty)},
		"offsets":                  {"billing/orders", "reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"0\" = 20 } }"},
		"odd characters in a name": {"bill%2Fing%2C%25/%25RETRY%25billing", toEarliest + "\nconsumer_group = \"bill/ing,%\"\ntopic = \"%RETRY%billing\""},
		"a managed instance":       {"billing/orders?instance_id=rmq-cn-1", toLatest + "\ninstance_id = \"rmq-cn-1\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{})
			if name != "a managed instance" { // The service tells no offsets to restore.
				test.arguments += "\non_destroy = \"restore\""
			}
			body := rocketmqReset(test.arguments)
			taken := []statecheck.StateCheck{rocketmqState("id", knownvalue.StringExact(test.id)), rocketmqState("record", knownvalue.Null()), rocketmqState("applied_at", knownvalue.Null())}
			if name == "a time" {
				taken = append(taken, rocketmqState("reset_at", knownvalue.StringExact("2026-03-01T14:00:50Z")))
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{
						Config:            rocketmqConfig(c, rocketmqImport(test.id)+body),
						ConfigPlanChecks:  rocketmqPlans(plancheck.ResourceActionUpdate),
						ConfigStateChecks: taken,
					},
					{Config: rocketmqConfig(c, body), ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop)},
				},
				CheckDestroy: stands(c, all(60)),
			})
			if got := c.Calls(); len(got) != 0 {
				t.Errorf("the import asked the cluster: %v", got)
			}
		})
	}
}

func TestRocketMQImportRefuses(t *testing.T) {
	t.Parallel()
	for id, text := range map[string]string{
		"billing":                             "has 1 parts",
		"billing/":                            "A name is empty",
		"billing/*":                           "is not a reset of one topic; the form is GROUP/TOPIC",
		"billing/orders/0":                    "is not a reset of one topic; the form is GROUP/TOPIC",
		"billing/orders,b":                    "is not a reset of one topic; the form is GROUP/TOPIC",
		"billing/or%ders":                     "a % inside of a name is written %25",
		"billing/orders?x=1":                  "only instance_id=… or group_type=… may stand",
		"billing/orders?group_type=share":     "RocketMQ groups have no type",
		"other/orders":                        "the configuration is not what was imported",
		"billing/audit":                       "the configuration is not what was imported",
		"billing/orders?instance_id=rmq-cn-1": "the configuration is not what was imported",
	} {
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{{
				Config:      rocketmqProvider(fmt.Sprintf("name_servers = [%q]", nowhere), rocketmqImport(id)+rocketmqReset(toLatest)),
				PlanOnly:    true,
				ExpectError: saying(text),
			}},
		})
	}
}

// After an import there is nothing to restore; a trigger resets as always.
func TestRocketMQResetAfterAnImport(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	arguments := toEarliest + "\non_destroy = \"restore\"\n"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: rocketmqConfig(c, rocketmqImport("billing/orders")+rocketmqReset(arguments)), Check: stands(c, all(60))},
			{
				Config:           rocketmqConfig(c, rocketmqReset(arguments+`triggers = { run = "1" }`)),
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionUpdate),
				Check:            stands(c, all(10)),
			},
		},
		CheckDestroy: stands(c, all(60)),
	})
}
