package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// csvReset is a reset of billing to the lines.
func csvReset(lines ...string) string {
	return kafkaReset(fmt.Sprintf("group_id = \"billing\"\noffsets_csv = %q\n", strings.Join(lines, "\n")))
}

// Offsets as CSV and as a map mean the same: neither another form, nor another
// order, nor other line ends reset again. Another offset does.
func TestKafkaResetByCSV(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	asMap := kafkaReset("group_id = \"billing\"\noffsets = { orders = { \"0\" = 20, \"2\" = 30 }, audit = { \"0\" = 40 } }\n")
	asCSV := csvReset("orders,0,20", "orders,2,30", "audit,0,40")
	set := orders(20, 60, 30)
	set["audit"] = map[int32]int64{0: 40}
	moved := at(95)
	step := func(reset string, action plancheck.ResourceActionType, want resource.TestCheckFunc) resource.TestStep {
		return resource.TestStep{Config: kafkaConfig(c.Bootstrap(), reset), ConfigPlanChecks: plans(action), Check: want}
	}
	first := step(asCSV, plancheck.ResourceActionCreate, committed(c, "billing", set))
	first.ConfigStateChecks = []statecheck.StateCheck{
		of(kafkaResetAddress, "id", knownvalue.StringExact("billing/audit,orders")),
		of(kafkaResetAddress, "offsets", knownvalue.Null()),
	}
	toMap := step(asMap, plancheck.ResourceActionUpdate, committed(c, "billing", moved))
	toMap.PreConfig = func() { c.Commit(t, "billing", moved) }
	last := orders(21, 95, 30)
	last["audit"] = map[int32]int64{0: 40}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			first, toMap,
			step(asCSV, plancheck.ResourceActionUpdate, committed(c, "billing", moved)),
			step(csvReset("topic,partition,offset\r", "audit,0,40\r", "", "\"orders\",2,30", "orders,0,20"), plancheck.ResourceActionNoop, committed(c, "billing", moved)),
			step(csvReset("billing,orders,0,21", "billing,orders,2,30", "billing,audit,0,40"), plancheck.ResourceActionUpdate, committed(c, "billing", last)),
		},
	})
}

// Lines that are known only at the apply are read then; what is wrong with
// them changes nothing.
func TestKafkaResetByCSVThatIsNotKnownYet(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	of := func(lines string) string {
		return kafkaConfig(c.Bootstrap(), fmt.Sprintf("resource \"terraform_data\" \"t\" { input = %q }\n", lines)+
			kafkaReset("group_id = \"billing\"\noffsets_csv = terraform_data.t.output\n"))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: of("orders,0,20\norders,0,21"), ExpectError: atFault("offsets_csv", "Line 1 and line 2 both have an offset for orders-0.")},
			{Config: of("orders,0,20\n"), Check: committed(c, "billing", orders(20, 60, 60))},
		},
	})
}

// What is wrong with lines is told on the attribute, with the line.
func TestOffsetsCSVRefusesBadLines(t *testing.T) {
	t.Parallel()
	csv := func(lines ...string) string {
		return fmt.Sprintf("offsets_csv = %q\n", strings.Join(lines, "\n"))
	}
	refusals{
		"empty":                 {kafkaOf(csv("")), "offsets_csv", "There is no line of topic,partition,offset in it."},
		"a fraction":            {kafkaOf(csv("orders,0,1", "orders,1,47.5")), "offsets_csv", `Line 2: the offset "47.5" is not a whole number.`},
		"negative":              {kafkaOf(csv("orders,0,-1")), "offsets_csv", "Line 1: the offset -1 is negative."},
		"twice":                 {kafkaOf(csv("orders,0,1", "", "orders,0,1")), "offsets_csv", "Line 1 and line 3 both have an offset for orders-0."},
		"no name of a topic":    {kafkaOf(csv("orders,0,1", "m:0,0,1")), "offsets_csv", `Line 2: "m:0" is not the name of a topic.`},
		"another group":         {kafkaOf(csv("audit,orders,0,1")), "offsets_csv", `The lines name the consumer group "audit", and group_id is "billing".`},
		"several groups":        {kafkaOf(csv("billing,orders,0,1", "audit,orders,0,1")), "offsets_csv", `line 1 is of group "billing", line 2 of "audit"`},
		"beside a topic":        {kafkaOf(csv("orders,0,1") + "topic = \"orders\"\n"), "offsets_csv", "there are 2: topic, offsets_csv"},
		"beside another target": {kafkaOf(csv("orders,0,1") + "position = \"latest\"\n"), "offsets_csv", "there are 2: position, offsets_csv"},
		"beside offsets":        {kafkaOf(csv("orders,0,1") + "offsets = { orders = { \"0\" = 1 } }\n"), "offsets_csv", "there are 2: offsets, offsets_csv"},
		"beside partitions":     {kafkaOf(csv("orders,0,1") + "partitions = [0]\n"), "partitions", "can only be set together with topic"},
	}.try(t)

	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), csvReset("orders,7,20")), ExpectError: atFault("offsets_csv", "orders-7"),
		}, {
			Config:      kafkaConfig(c.Bootstrap(), csvReset("nowhere,0,20")),
			ExpectError: atFault("offsets_csv", "nowhere"),
		}, {
			Config:      kafkaConfig(c.Bootstrap(), strings.Replace(csvReset("orders,0,5000"), "offsets_csv", "out_of_range = \"error\"\noffsets_csv", 1)),
			ExpectError: atFault("offsets_csv", "orders-0"),
		}},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}

// The data sources tell offsets in the form that a reset takes.
func TestOffsetsCSVOfDataSources(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing", orders(60, 70, 80))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				data "kafka_consumer_group_offsets" "billing" {
					provider = offsets
					group_id = "billing"
				}
				data "kafka_consumer_group_offsets" "nobody" {
					provider = offsets
					group_id = "nobody"
				}
				data "kafka_topic_offsets" "start" {
					provider = offsets
					topic    = "orders"
					position = "earliest"
				}
			`+kafkaReset(`
				group_id    = "billing"
				offsets_csv = data.kafka_topic_offsets.start.offsets_csv
				reset_on    = "triggers"
			`)),
			ConfigStateChecks: []statecheck.StateCheck{
				of("data.kafka_consumer_group_offsets.billing", "offsets_csv", knownvalue.StringExact("audit,0,60\norders,0,60\norders,1,70\norders,2,80\n")),
				of("data.kafka_consumer_group_offsets.nobody", "offsets_csv", knownvalue.StringExact("")),
				of("data.kafka_topic_offsets.start", "offsets_csv", knownvalue.StringExact("orders,0,10\norders,1,10\norders,2,10\n")),
			},
			Check: committed(c, "billing", orders(10, 10, 10)),
		}},
	})
}
