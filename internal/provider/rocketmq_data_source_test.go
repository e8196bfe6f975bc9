package provider_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// rocketmqGroup is a data source of the group on the topic orders.
func rocketmqGroup(name, group string) string {
	return fmt.Sprintf("data \"rocketmq_consumer_group_offsets\" %q {\n  provider       = offsets\n  consumer_group = %q\n  topic          = \"orders\"\n}\n", name, group)
}

func TestRocketMQGroupDataSource(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{Name: "production"})
	consume(c, "billing", queues{60, 15, 100, 50})
	c.Connect("billing", rocketfake.Consumer{ID: "invoice-writer-1", Topics: []string{"orders"}})
	c.CreateGroup("fresh")
	c.Commit("broker-a", "fresh", "orders", 1, 99)
	const online, fresh, nobody = "data.rocketmq_consumer_group_offsets.online", "data.rocketmq_consumer_group_offsets.fresh", "data.rocketmq_consumer_group_offsets.nobody"
	at := func(offset int64) string { return base.Add(time.Duration(offset) * time.Second).Format(time.RFC3339) }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, rocketmqGroup("online", "billing")+rocketmqGroup("fresh", "fresh")+rocketmqGroup("nobody", "nobody")),
			ConfigStateChecks: []statecheck.StateCheck{
				of(online, "cluster_id", knownvalue.StringExact("production")),
				of(online, "state", knownvalue.StringExact("online")),
				of(online, "message_model", knownvalue.StringExact("CLUSTERING")),
				of(online, "total_lag", knownvalue.Int64Exact(40+85+0+50)),
				of(online, "offsets", offsetsExactly(map[string]map[string]int64{"broker-a": {"0": 60, "1": 15}, "broker-b": {"0": 100, "1": 50}})),
				of(online, "record", knownvalue.StringExact(
					` {"broker-a":{"0":{"lag":40,"last_consume_time":"`+at(59)+`","max":100,"min":10,"offset":60},`+
						`"1":{"lag":85,"last_consume_time":"`+at(14)+`","max":100,"min":10,"offset":15}},`+
						`"broker-b":{"0":{"lag":0,"last_consume_time":"`+at(99)+`","max":100,"min":10,"offset":100},`+
						`"1":{"lag":50,"last_consume_time":"`+at(49)+`","max":100,"min":10,"offset":50}}}`)),
				of(online, "clients", knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
					"client_id": knownvalue.StringExact("invoice-writer-1"), "address": knownvalue.StringExact("10.0.0.1:40000"),
					"language": knownvalue.StringExact("GO"), "version": knownvalue.StringExact("V4_5_2"),
				})})),

				of(fresh, "state", knownvalue.StringExact("not listed")),
				of(fresh, "message_model", knownvalue.Null()),
				of(fresh, "clients", knownvalue.ListSizeExact(0)),
				of(fresh, "total_lag", knownvalue.Int64Exact(1)),
				of(fresh, "offsets", offsetsExactly(map[string]map[string]int64{"broker-a": {"1": 99}})),
				of(fresh, "record", knownvalue.StringExact(
					` {"broker-a":{"0":{"lag":null,"max":100,"min":10,"offset":null},`+
						`"1":{"lag":1,"last_consume_time":"`+at(98)+`","max":100,"min":10,"offset":99}},`+
						`"broker-b":{"0":{"lag":null,"max":100,"min":10,"offset":null},"1":{"lag":null,"max":100,"min":10,"offset":null}}}`)),

				of(nobody, "state", knownvalue.StringExact("not listed")),
				of(nobody, "offsets", knownvalue.MapSizeExact(0)),
				of(nobody, "total_lag", knownvalue.Int64Exact(0)),
			},
		}},
	})
	if n := writes(c); n > 0 {
		t.Errorf("reading sent %d writes", n)
	}
	if c.Exists("broker-a", "nobody") {
		t.Error("reading has created the group")
	}
}

// Before 5.0 a broker cannot tell an offset of 0 from none, and broadcasting
// can be told while a client is online.
func TestRocketMQGroupDataSourceOnOldBrokers(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{Version: rocketfake.V4_9_7})
	c.CreateTopic("audit", 1)
	c.Connect("shouting", rocketfake.Consumer{Topics: []string{"orders"}, Broadcast: true})
	consume(c, "billing", queues{0, 20, 30, 40})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, rocketmqGroup("billing", "billing")+rocketmqGroup("shouting", "shouting")),
			ConfigStateChecks: []statecheck.StateCheck{
				of("data.rocketmq_consumer_group_offsets.billing", "offsets", offsetsExactly(map[string]map[string]int64{"broker-a": {"1": 20}, "broker-b": {"0": 30, "1": 40}})),
				of("data.rocketmq_consumer_group_offsets.billing", "total_lag", knownvalue.Int64Exact(80+70+60)),
				of("data.rocketmq_consumer_group_offsets.shouting", "message_model", knownvalue.StringExact("BROADCASTING")),
				statecheck.ExpectKnownValue("data.rocketmq_consumer_group_offsets.shouting", tfjsonpath.New("state"), knownvalue.StringExact("online")),
			},
		}},
	})
}

func TestRocketMQGroupDataSourceRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	reading := func(group, topic string) string {
		return fmt.Sprintf("data \"rocketmq_consumer_group_offsets\" \"test\" {\n  provider       = offsets\n  consumer_group = %q\n  topic          = %q\n}\n", group, topic)
	}
	for config, want := range map[string]struct{ attribute, says string }{
		rocketmqConfig(c, reading("billing", "nowhere")): {"topic", `Cannot find the brokers of topic "nowhere"`},
		rocketmqConfig(c, reading("billing", "")):        {"topic", "must not be empty"},
		rocketmqConfig(c, reading("", "orders")):         {"consumer_group", "must not be empty"},
		"provider \"offsets\" {}\n" + reading("a", "b"):  {"", "set rocketmq.name_servers"},
	} {
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps:                    []resource.TestStep{{Config: config, ExpectError: atFault(want.attribute, want.says)}},
		})
	}
}

// A precondition on a data source stops a plan that would replay too much.
func TestRocketMQPreconditionOnADataSourceStopsThePlan(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, rocketmqGroup("before", "billing")+rocketmqReset(toEarliest+`
				lifecycle {
					precondition {
						condition     = data.rocketmq_consumer_group_offsets.before.total_lag < 100
						error_message = "The group is ${data.rocketmq_consumer_group_offsets.before.total_lag} messages behind."
					}
				}
			`)),
			PlanOnly:    true,
			ExpectError: saying("The group is 160 messages behind."),
		}},
	})
}
