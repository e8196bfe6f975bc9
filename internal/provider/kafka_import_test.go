package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/zclconf/go-cty/cty"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
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
		"a share group":            {"billing/orders?group_type=share", "billing", "topic = \"orders\"\ngroup_type = \"share\""},
		"a streams group":          {"billing/*?group_type=streams", "billing", "all_topics = true\ngroup_type = \"streams\""},
		"a consumer group":         {"billing/orders?group_type=consumer", "billing", "topic = \"orders\"\ngroup_type = \"consumer\""},
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

		"billing/orders?group_type=share": `topic = "orders"`,
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
	unitTest(t, resource.TestCase{
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
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), fmt.Sprintf("import {\n  to       = %s\n  id       = \"billing/orders\"\n  provider = offsets\n}\n", kafkaResetAddress)+kafkaReset(arguments)),
		}},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}

// Numbers and names of an identity are checked by the provider, in its own
// words: the framework's whole numbers would call 47.5 an error of the provider.
func TestKafkaImportByAnIdentityThatCannotBe(t *testing.T) {
	t.Parallel()
	number := func(v any) cty.Value {
		switch n := v.(type) {
		case float64:
			return cty.NumberFloatVal(n)
		case int:
			return cty.NumberIntVal(int64(n))
		}
		return cty.NullVal(cty.Number)
	}
	text := func(v any) cty.Value {
		if s, ok := v.(string); ok {
			return cty.StringVal(s)
		}
		return cty.NullVal(cty.String)
	}
	for name, test := range map[string]struct {
		topic, partition any
		says             string
	}{
		"a fraction":         {"orders", 47.5, "The identity's partitions: 47.5 is not a whole number."},
		"too large":          {"orders", 1e30, "The identity's partitions: 1e+30 is too large"},
		"a negative number":  {"orders", -1, "The identity's partitions: The value must be between 0 and 2147483647, got: -1."},
		"a partition of all": {"orders", nil, "The identity's partitions: A number is null."},
		"no name":            {nil, 0, "The identity's topics: A name is null."},
		"an empty name":      {"", 0, "A name is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := inProcess(t)[provider.TypeName]()
			if err != nil {
				t.Fatal(err)
			}
			identity := packed(cty.ObjectVal(map[string]cty.Value{
				"group_id": cty.StringVal("billing"), "group_type": cty.NullVal(cty.String), "instance_id": cty.NullVal(cty.String),
				"topics": cty.ListVal([]cty.Value{text(test.topic)}), "partitions": cty.ListVal([]cty.Value{number(test.partition)}),
			}))
			resp, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{
				TypeName: "kafka_consumer_offset_reset", Identity: &tfprotov6.ResourceIdentityData{IdentityData: identity},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.ImportedResources) > 0 || len(resp.Diagnostics) != 1 {
				t.Fatalf("it gives %v and %v", resp.ImportedResources, resp.Diagnostics)
			}
			d := resp.Diagnostics[0]
			if d.Summary != "Import kafka_consumer_offset_reset" || !strings.Contains(d.Detail, test.says) {
				t.Errorf("it says %q: %q, want %q", d.Summary, d.Detail, test.says)
			}
		})
	}
}
