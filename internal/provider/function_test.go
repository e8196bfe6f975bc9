package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// output is a configuration that asks for no broker.
func output(name, expression string) string {
	return fmt.Sprintf("output %q { value = %s }\n", name, expression)
}

func gives(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownOutputValue(name, check)
}

const csvLines = `"orders,0,120\norders,1,118\npayments,0,77\n"`

func TestCSVFunctions(t *testing.T) {
	t.Parallel()
	offsets := offsetsExactly(map[string]map[string]int64{"orders": {"0": 120, "1": 118}, "payments": {"0": 77}})
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: output("decoded", "provider::offsets::csv_decode("+csvLines+")") +
				output("of_a_group", `provider::offsets::csv_decode("group,topic,partition,offset\r\nbilling,\"orders\",0,120\r\nbilling,orders,1,118\r\n\r\nbilling,payments,0,77")`) +
				output("encoded", `provider::offsets::csv_encode({ payments = { "0" = 77 }, orders = { "10" = 3, "9" = "9223372036854775807" } })`) +
				output("around", "provider::offsets::csv_encode(provider::offsets::csv_decode("+csvLines+")) == "+csvLines) +
				output("nothing", "provider::offsets::csv_encode({})") +
				output("queues", `provider::offsets::csv_encode({ "broker-a" = { "0" = 5 } })`),
			ConfigStateChecks: []statecheck.StateCheck{
				gives("decoded", offsets),
				gives("of_a_group", offsets),
				gives("encoded", knownvalue.StringExact("orders,9,9223372036854775807\norders,10,3\npayments,0,77\n")),
				gives("around", knownvalue.Bool(true)),
				gives("nothing", knownvalue.StringExact("")),
				gives("queues", knownvalue.StringExact("broker-a,0,5\n")),
			},
		}},
	})
}

// Errors stand on the argument at fault, and name the line or the element.
func TestFunctionsRefuseBadArguments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ call, argument, says string }{
		"a bad line":          {`csv_decode("orders,0,1\norders,0,2\n")`, "text", "line 1 and line 2 both have an offset for orders-0."},
		"an empty text":       {`csv_decode("")`, "text", "there is no line of topic,partition,offset in it."},
		"several groups":      {`csv_decode("a,orders,0,1\nb,orders,0,2\n")`, "text", `line 1 is of group "a", line 2 of "b"`},
		"a fraction":          {`csv_encode({ orders = { "0" = 47.5 } })`, "offsets", `offsets["orders"]["0"]: 47.5 is not a whole number.`},
		"a negative offset":   {`csv_encode({ orders = { "0" = -1 } })`, "offsets", `offsets["orders"]["0"]: An offset is not negative; got -1.`},
		"a bad partition":     {`csv_encode({ orders = { first = 1 } })`, "offsets", `"first" is not a partition number`},
		"no record":           {`record_offsets("{", "previous")`, "record", "it is not the record of a reset, a JSON document"},
		"no offset in it":     {`record_rows(jsonencode({ orders = { "0" = { committed = 1 } } }))`, "record", `it is not the record of a reset: "0" of "orders" has no previous and offset.`},
		"a partition by name": {`record_rows(jsonencode({ orders = { first = { previous = 1, offset = 2 } } }))`, "record", `"first" of "orders" is not a number.`},
		"another word":        {`record_offsets("{}", "next")`, "which", `"next" is neither "previous" nor "offset".`},
		"null":                {`record_rows(null)`, "record", "argument must not be null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := unitTest
			if name == "a bad line" { // One as a real Terraform tells it.
				try = func(t *testing.T, c resource.TestCase) { resource.UnitTest(t, c) }
			}
			try(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config:      output("it", "provider::offsets::"+test.call),
					PlanOnly:    true,
					ExpectError: atFault(fmt.Sprintf("Invalid value for %q parameter", test.argument), test.says),
				}},
			})
		})
	}
}

// A record of a reset, of Kafka and of RocketMQ, is read by the functions.
func TestRecordFunctions(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing", orders(60, 70, 80))
	row := func(topic, broker knownvalue.Check, partition, previous, offset, moved int64, clamped bool) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"topic": topic, "broker": broker, "partition": knownvalue.Int64Exact(partition),
			"previous": knownvalue.Int64Exact(previous), "offset": knownvalue.Int64Exact(offset), "moved": knownvalue.Int64Exact(moved),
			"start": knownvalue.Int64Exact(10), "end": knownvalue.Int64Exact(100), "clamped": knownvalue.Bool(clamped), "error": knownvalue.Null(),
		})
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
				group_id       = "billing"
				topic          = "orders"
				partitions     = [0, 2]
				message_offset = 3
			`)+
				output("previous", `provider::offsets::record_offsets(kafka_consumer_offset_reset.test.record, "previous")`)+
				output("offset", `provider::offsets::record_offsets(kafka_consumer_offset_reset.test.record, "offset")`)+
				output("rows", "provider::offsets::record_rows(kafka_consumer_offset_reset.test.record)")+
				output("none", `provider::offsets::record_rows(" {}")`)),
			Check: committed(c, "billing", orders(10, 70, 10)),
			ConfigStateChecks: []statecheck.StateCheck{
				gives("previous", offsetsExactly(map[string]map[string]int64{"orders": {"0": 60, "2": 80}})),
				gives("offset", offsetsExactly(map[string]map[string]int64{"orders": {"0": 10, "2": 10}})),
				gives("rows", knownvalue.ListExact([]knownvalue.Check{
					row(knownvalue.StringExact("orders"), knownvalue.Null(), 0, 60, 10, -50, true),
					row(knownvalue.StringExact("orders"), knownvalue.Null(), 2, 80, 10, -70, true),
				})),
				gives("none", knownvalue.ListSizeExact(0)),
			},
		}},
	})

	rocketmq := rocketmqSeeded(t, rocketfake.Config{})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(rocketmq, rocketmqReset(`
				reset_type = "SPECIFIED_OFFSET"
				offsets    = { "broker-b" = { "1" = 20 }, "broker-a" = { "0" = 70 } }
			`)+
				output("previous", `provider::offsets::record_offsets(rocketmq_consumer_offset_reset.test.record, "previous")`)+
				output("offset", `provider::offsets::record_offsets(rocketmq_consumer_offset_reset.test.record, "offset")`)+
				output("rows", "provider::offsets::record_rows(rocketmq_consumer_offset_reset.test.record)")),
			ConfigStateChecks: []statecheck.StateCheck{
				gives("previous", offsetsExactly(map[string]map[string]int64{"broker-a": {"0": 60}, "broker-b": {"1": 60}})),
				gives("offset", offsetsExactly(map[string]map[string]int64{"broker-a": {"0": 70}, "broker-b": {"1": 20}})),
				gives("rows", knownvalue.ListExact([]knownvalue.Check{
					row(knownvalue.Null(), knownvalue.StringExact("broker-a"), 0, 60, 70, 10, false),
					row(knownvalue.Null(), knownvalue.StringExact("broker-b"), 1, 60, 20, -40, false),
				})),
			},
		}},
	})
}

// What is not known, or failed, is null in a row and left out of offsets.
func TestRecordsWithHoles(t *testing.T) {
	t.Parallel()
	const record = `jsonencode({ orders = {
		"1" = { previous = null, offset = 5, start = null, end = null }
		"0" = { previous = 7, offset = 5, start = 0, end = 9, error = "no leader" }
	} })`
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: output("previous", "provider::offsets::record_offsets("+record+`, "previous")`) +
				output("rows", "provider::offsets::record_rows("+record+")"),
			ConfigStateChecks: []statecheck.StateCheck{
				gives("previous", offsetsExactly(map[string]map[string]int64{"orders": {"0": 7}})),
				gives("rows", knownvalue.ListPartial(map[int]knownvalue.Check{
					0: knownvalue.ObjectPartial(map[string]knownvalue.Check{"error": knownvalue.StringExact("no leader"), "previous": knownvalue.Int64Exact(7)}),
					1: knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"error": knownvalue.Null(), "previous": knownvalue.Null(), "moved": knownvalue.Null(), "start": knownvalue.Null(), "end": knownvalue.Null(),
					}),
				})),
			},
		}},
	})
}
