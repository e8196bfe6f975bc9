package provider_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func rocketmqTopic(name, arguments string) string {
	return fmt.Sprintf("data \"rocketmq_topic_offsets\" %q {\n  provider = offsets\n  topic = \"orders\"\n%s\n}\n", name, arguments)
}

// The offsets of a topic by position and time, in the form that a reset takes.
func TestRocketMQTopicDataSource(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{Name: "production"})
	everywhere := func(at int64) knownvalue.Check {
		return offsetsExactly(map[string]map[string]int64{"broker-a": {"0": at, "1": at}, "broker-b": {"0": at, "1": at}})
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithClock(clock.Fixed(base.Add(2*time.Minute)))),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, rocketmqTopic("start", `position = "earliest"`)+rocketmqTopic("end", `position = "latest"`)+
				rocketmqTopic("then", `datetime = "2026-03-01T14:00:50Z"`)+rocketmqTopic("ago", `lookback = "70s"`)+rocketmqTopic("millis", "timestamp = 1772373650000")+
				rocketmqReset("reset_type = \"SPECIFIED_OFFSET\"\noffsets = data.rocketmq_topic_offsets.then.offsets\nreset_on = \"triggers\"")),
			ConfigStateChecks: []statecheck.StateCheck{
				of("data.rocketmq_topic_offsets.start", "offsets", everywhere(10)),
				of("data.rocketmq_topic_offsets.start", "cluster_id", knownvalue.StringExact("production")),
				of("data.rocketmq_topic_offsets.start", "instant", knownvalue.Null()),
				of("data.rocketmq_topic_offsets.end", "offsets", everywhere(100)),
				of("data.rocketmq_topic_offsets.then", "offsets", everywhere(50)),
				of("data.rocketmq_topic_offsets.then", "instant", knownvalue.StringExact("2026-03-01T14:00:50Z")),
				of("data.rocketmq_topic_offsets.ago", "offsets", everywhere(50)),
				of("data.rocketmq_topic_offsets.millis", "record", knownvalue.StringExact(
					` {"broker-a":{"0":{"max":100,"min":10,"offset":50},"1":{"max":100,"min":10,"offset":50}},"broker-b":{"0":{"max":100,"min":10,"offset":50},"1":{"max":100,"min":10,"offset":50}}}`)),
			},
			Check: stands(c, all(50)),
		}},
	})
}

func TestRocketMQGroupsDataSource(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateGroup("reports")
	c.Commit("broker-a", "reports", "orders", 0, 5)
	c.Connect("billing", rocketfake.Consumer{ID: "invoice-writer-1", Topics: []string{"orders"}})
	const address = "data.rocketmq_consumer_groups.orders"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: rocketmqConfig(c, "data \"rocketmq_consumer_groups\" \"orders\" {\n  provider = offsets\n  topic    = \"orders\"\n}\n"+
				output("billing", `jsondecode(data.rocketmq_consumer_groups.orders.record)["billing"]`)+
				output("reports", `jsondecode(data.rocketmq_consumer_groups.orders.record)["reports"]`)),
			ConfigStateChecks: []statecheck.StateCheck{
				of(address, "groups", groupNames("billing", "reports")),
				gives("billing", knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"state": knownvalue.StringExact("online"), "message_model": knownvalue.StringExact("CLUSTERING"), "members": knownvalue.Int64Exact(1),
				})),
				gives("reports", knownvalue.ObjectPartial(map[string]knownvalue.Check{"message_model": knownvalue.Null(), "members": knownvalue.Int64Exact(0)})),
			},
		}},
	})
	if n := writes(c); n > 0 {
		t.Errorf("reading sent %d writes", n)
	}
}

func TestRocketMQTopicDataSourcesRefuseBadInput(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	topic := func(kind, arguments string) string {
		return rocketmqConfig(c, fmt.Sprintf("data %q \"test\" {\n  provider = offsets\n%s\n}\n", kind, arguments))
	}
	refusals{
		"no target":               {topic("rocketmq_topic_offsets", `topic = "orders"`), "", "Exactly one target must be set: one of timestamp, datetime, lookback, position"},
		"two targets":             {topic("rocketmq_topic_offsets", "topic = \"orders\"\nposition = \"latest\"\nlookback = \"1h\""), "position", "there are 2"},
		"current":                 {topic("rocketmq_topic_offsets", "topic = \"orders\"\nposition = \"current\""), "position", `"earliest" "latest"`},
		"microseconds":            {topic("rocketmq_topic_offsets", "topic = \"orders\"\ntimestamp = 1772373600000000"), "timestamp", "looks like a time in microseconds"},
		"a missing topic":         {topic("rocketmq_topic_offsets", "topic = \"nowhere\"\nposition = \"latest\""), "topic", "nowhere"},
		"no topic of groups":      {topic("rocketmq_consumer_groups", `topic = ""`), "topic", "must not be empty"},
		"missing topic of groups": {topic("rocketmq_consumer_groups", `topic = "nowhere"`), "topic", "nowhere"},
	}.try(t)
}
