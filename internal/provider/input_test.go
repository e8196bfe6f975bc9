package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// refusals are configurations and what is said of them, on which attribute.
type refusals map[string]struct{ config, attribute, says string }

func (all refusals) try(t *testing.T) {
	t.Helper()
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps:                    []resource.TestStep{{Config: test.config, PlanOnly: true, ExpectError: atFault(test.attribute, test.says)}},
			})
		})
	}
}

func kafkaOf(arguments string) string {
	return kafkaConfig([]string{"127.0.0.1:1"}, kafkaReset("group_id = \"billing\"\n"+arguments))
}

func topicOffsetsOf(arguments string) string {
	return kafkaConfig([]string{"127.0.0.1:1"}, "data \"kafka_topic_offsets\" \"test\" {\n  provider = offsets\n"+arguments+"\n}\n")
}

func rocketmqOf(arguments string) string {
	return rocketmqProvider("name_servers = [\"127.0.0.1:1\"]", rocketmqReset(arguments))
}

// Terraform has one kind of number. What is no whole number, or does not fit,
// is told on the attribute with its value, wherever numbers are taken.
func TestNumbersAreWholeAndInRange(t *testing.T) {
	t.Parallel()
	const scope, given = "topic = \"orders\"\n", "reset_type = \"SPECIFIED_OFFSET\"\n"
	refusals{
		"a fraction":                  {kafkaOf(scope + "message_offset = 47.5"), "message_offset", "47.5 is not a whole number."},
		"a quotient":                  {kafkaOf(scope + "message_offset = 100 / 3"), "message_offset", "33.333333333333333333 is not a whole number."},
		"a fraction in a string":      {kafkaOf(scope + `message_offset = "47.5"`), "message_offset", "47.5 is not a whole number."},
		"no number in a string":       {kafkaOf(scope + `message_offset = "soon"`), "message_offset", "a number is required"},
		"too large":                   {kafkaOf(scope + "message_offset = 1e30"), "message_offset", "1e+30 is too large: the largest whole number here is 9223372036854775807."},
		"too small":                   {kafkaOf(scope + "shift = -1e30"), "shift", "-1e+30 is too small: the smallest whole number here is -9223372036854775808."},
		"just too large":              {kafkaOf(scope + "message_offset = 9223372036854775808"), "message_offset", "9223372036854775808 is too large"},
		"a fraction of a time":        {kafkaOf(scope + "timestamp = 1772373600000.5"), "timestamp", "1772373600000.5 is not a whole number."},
		"a fraction of a shift":       {kafkaOf(scope + "shift = 0.5"), "shift", "0.5 is not a whole number."},
		"a fraction of a limit":       {kafkaOf(scope + "position = \"latest\"\nmax_skipped_messages = 0.1"), "max_skipped_messages", "0.1 is not a whole number."},
		"half a partition":            {kafkaOf(scope + "position = \"latest\"\npartition = 0.5"), "partition", "0.5 is not a whole number."},
		"a partition of a set":        {kafkaOf(scope + "position = \"latest\"\npartitions = [0, 1.5]"), "partitions", "1.5 is not a whole number."},
		"too large in a set":          {kafkaOf(scope + "position = \"latest\"\npartitions = [0, 1e30]"), "partitions", "1e+30 is too large"},
		"a partition beyond any":      {kafkaOf(scope + "position = \"latest\"\npartitions = [2147483648]"), "partitions", "between 0 and 2147483647, got: 2147483648"},
		"a fraction in a map":         {kafkaOf(`offsets = { orders = { "0" = 47.5 } }`), `offsets["orders"]["0"]`, "47.5 is not a whole number."},
		"too large in a map":          {kafkaOf(`offsets = { orders = { "0" = 1e30 } }`), `offsets["orders"]["0"]`, "1e+30 is too large"},
		"of RocketMQ's queues":        {rocketmqOf(given + `offsets = { "broker-a" = { "0" = 47.5 } }`), `offsets["broker-a"]["0"]`, "47.5 is not a whole number."},
		"too large for a queue":       {rocketmqOf(given + `offsets = { "broker-a" = { "0" = 1e30 } }`), `offsets["broker-a"]["0"]`, "1e+30 is too large"},
		"of RocketMQ's limits":        {rocketmqOf("reset_type = \"LATEST_OFFSET\"\nmax_skipped_messages = 0.5"), "max_skipped_messages", "0.5 is not a whole number."},
		"of a data source":            {topicOffsetsOf(scope + "timestamp = 1772373600000.5"), "timestamp", "1772373600000.5 is not a whole number."},
		"too large for a data source": {topicOffsetsOf(scope + "timestamp = 1e30"), "timestamp", "1e+30 is too large"},
	}.try(t)
}

// A number that is known only when the plan is made, or computed, is checked then.
func TestNumbersOfVariables(t *testing.T) {
	t.Parallel()
	body := kafkaOf("topic = \"orders\"\nmessage_offset = var.n / 2") + "variable \"n\" { type = number }\n"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: body, ConfigVariables: config.Variables{"n": config.IntegerVariable(95)},
			PlanOnly: true, ExpectError: atFault("message_offset", "47.5 is not a whole number."),
		}},
	})
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				variable "n" { type = number }
				resource "terraform_data" "t" { input = var.n }
			`+kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nmessage_offset = terraform_data.t.output / 2")),
			ConfigVariables: config.Variables{"n": config.IntegerVariable(95)},
			ExpectError:     atFault("message_offset", "47.5 is not a whole number."),
		}, {
			Config:          kafkaConfig(c.Bootstrap(), "variable \"n\" { type = number }\n"+kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nmessage_offset = \"${var.n}\"")),
			ConfigVariables: config.Variables{"n": config.FloatVariable(47.0)},
			Check:           committed(c, "billing", orders(47, 47, 47)),
		}},
	})
}

// A time in another unit would be thousands of years off: at the log's end, or
// before its start, and the whole backlog with it.
func TestTimestampsInOtherUnits(t *testing.T) {
	t.Parallel()
	const scope = "topic = \"orders\"\n"
	refusals{
		"seconds":                        {kafkaOf(scope + "timestamp = 1772373600"), "timestamp", "looks like a time in seconds. The value is a Unix time in milliseconds; did you mean 1772373600000?"},
		"microseconds":                   {kafkaOf(scope + "timestamp = 1772373600000000"), "timestamp", "looks like a time in microseconds. The value is a Unix time in milliseconds; did you mean 1772373600000?"},
		"nanoseconds":                    {kafkaOf(scope + "timestamp = 1772373600000000000"), "timestamp", "looks like a time in nanoseconds. The value is a Unix time in milliseconds; did you mean 1772373600000?"},
		"microseconds for a data source": {topicOffsetsOf(scope + "timestamp = 1772373600000000"), "timestamp", "looks like a time in microseconds"},
	}.try(t)
}

// What cannot be the name of a topic is told where it stands, before any
// broker is asked.
func TestTopicNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("m", 250)
	const target = "position = \"latest\"\n"
	refusals{
		"with a partition":          {kafkaOf(target + `topic = "m:0"`), "topic", `"m:0" is not the name of a topic. For one partition, set topic = "m" and partition = 0.`},
		"with partitions":           {kafkaOf(target + `topic = "m:0,2"`), "topic", `For some partitions, set topic = "m" and partitions.`},
		"a pattern":                 {kafkaOf(target + `topic = "m.*"`), "topic", "There are no patterns here."},
		"a list":                    {kafkaOf(target + `topic = "m,re"`), "topic", "is not the name of a topic: it may have letters"},
		"too long":                  {kafkaOf(target + fmt.Sprintf("topic = %q", long)), "topic", "at most 249 characters, and this one has 250"},
		"a full stop":               {kafkaOf(target + `topic = "."`), "topic", `"." cannot be the name of a topic.`},
		"two full stops":            {kafkaOf(target + `topic = ".."`), "topic", `".." cannot be the name of a topic.`},
		"not ASCII":                 {kafkaOf(target + `topic = "müll"`), "topic", "is not the name of a topic"},
		"in a set":                  {kafkaOf(target + `topics = ["orders", "m:0"]`), "topics", `"m:0" is not the name of a topic`},
		"in offsets":                {kafkaOf(`offsets = { "m:0" = { "0" = 1 } }`), `offsets["m:0"]`, `"m:0" is not the name of a topic`},
		"of a data source":          {topicOffsetsOf(target + `topic = "m:0"`), "topic", `"m:0" is not the name of a topic`},
		"in a set of a data source": {topicOffsetsOf(target + `topics = ["m:0"]`), "topics", `"m:0" is not the name of a topic`},
		"in the topics of a group": {
			kafkaConfig([]string{"127.0.0.1:1"}, "data \"kafka_consumer_group_offsets\" \"test\" {\n  provider = offsets\n  group_id = \"billing\"\n  topics   = [\"m:0\"]\n}\n"),
			"topics", `"m:0" is not the name of a topic`,
		},
	}.try(t)
}
