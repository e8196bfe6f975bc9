package provider_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
)

// onLine matches an error whose source excerpt is the line that sets the
// attribute, and which says the text.
func onLine(attribute, text string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)The managed service cannot do this.*\d+:\s+` + regexp.QuoteMeta(attribute) + `\s*=.*` + saying(text).String())
}

// What ApsaraMQ cannot do is refused at plan time, on the attribute, and never
// approximated. No service is asked.
func TestApsaraMQRefusesAtPlanTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ arguments, attribute, says string }{
		"earliest":                {toEarliest, "reset_type", "ApsaraMQ cannot reset to the earliest message. Use SPECIFIED_TIME"},
		"offsets, by type":        {`reset_type = "SPECIFIED_OFFSET", offsets = { broker-a = { "0" = 1 } }`, "reset_type", "ApsaraMQ cannot reset queues to given offsets"},
		"offsets":                 {`reset_type = "SPECIFIED_OFFSET", offsets = { broker-a = { "0" = 1 } }`, "offsets", "neither takes nor tells offsets of single queues"},
		"fractions of a second":   {`reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:50.5Z"`, "reset_time", "ApsaraMQ resets to whole seconds only"},
		"a bare fraction":         {`reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01 22:00:50.001", time_zone = "Asia/Shanghai"`, "reset_time", "ApsaraMQ resets to whole seconds only"},
		"a time before 1970":      {`reset_type = "SPECIFIED_TIME", reset_time = "1969-12-31T10:00:00Z"`, "reset_time", "ApsaraMQ takes times from 1970"},
		"force = false":           {toLatest + `, force = false`, "force", "it has no reset with force = false"},
		"a limit of replays":      {toLatest + `, max_replayed_messages = 10`, "max_replayed_messages", "ApsaraMQ tells no offsets"},
		"a limit of skips":        {toLatest + `, max_skipped_messages = 10`, "max_skipped_messages", "ApsaraMQ tells no offsets"},
		"restore":                 {toLatest + `, on_destroy = "restore"`, "on_destroy", "there is nothing that could be restored"},
		"a group that is no path": {toLatest + `, consumer_group = ".."`, "consumer_group", `".." cannot be part of a request's path.`},
		"a topic that is no path": {toLatest + `, topic = "."`, "topic", `"." cannot be part of a request's path.`},
		"an instance that is none": {
			toLatest + `, instance_id = ".."`, "instance_id", `The id ".." cannot be part of a request's path.`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := alibaba(t)
			arguments := test.arguments
			if !strings.Contains(arguments, "instance_id") {
				arguments += fmt.Sprintf(", instance_id = %q", rmqInstance)
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{{
					Config: providerOf(apsaramqSection(s)) + rocketmqReset(lines(arguments)), PlanOnly: true, ExpectError: onLine(test.attribute, test.says),
				}},
			})
			if n := len(s.Requests("")); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

// What neither ROMA Connect nor DMS can do is refused by "terraform validate"
// already, and what only one of them cannot, by the plan.
func TestManagedKafkaRefusesAtPlanTime(t *testing.T) {
	t.Parallel()
	const topic, toOffset, toInstant = "topic = \"orders\"\n", "message_offset = 20\n", "datetime = \"2026-03-01T14:00:40Z\"\n"
	for name, test := range map[string]struct {
		arguments, attribute string
		both                 string // what is said whichever service it is
		roma, dms            string // what only the plan can say; empty: possible
	}{
		"earliest":             {topic + `position = "earliest"`, "position", "A managed Kafka instance has no reset by position. message_offset = 0 leads to the log's start", "", ""},
		"latest":               {topic + `position = "latest"`, "position", "has no reset by position. A datetime later than the newest record leads to the log's end", "", ""},
		"current":              {topic + `position = "current"`, "position", "has no reset by position", "", ""},
		"shift":                {topic + `shift = -10`, "shift", "A managed Kafka instance cannot shift offsets", "", ""},
		"clone":                {topic + `source_group_id = "other"`, "source_group_id", "cannot copy another group's offsets", "", ""},
		"offsets":              {`offsets = { orders = { "0" = 20 } }`, "offsets", "resets to one offset or time a call", "", ""},
		"topics":               {toOffset + `topics = ["audit", "orders"]`, "topics", "resets exactly one topic a call", "", ""},
		"all topics":           {toOffset + `all_topics = true`, "all_topics", "resets exactly one topic a call", "", ""},
		"partitions":           {topic + toOffset + `partitions = [0, 1]`, "partitions", "resets one partition or all of them a call", "", ""},
		"read_committed":       {topic + toOffset + `isolation_level = "read_committed"`, "isolation_level", "has no isolation level", "", ""},
		"a new group":          {topic + toOffset + `allow_new_group = true`, "allow_new_group", "resets only groups that exist", "", ""},
		"delete_offsets":       {topic + toOffset + `on_destroy = "delete_offsets"`, "on_destroy", "has no call that deletes the offsets of partitions", "", ""},
		"before 1970":          {topic + `datetime = "1969-12-31T10:00:00Z"`, "datetime", "takes times from 1970 on", "", ""},
		"a group named ..":     {topic + toOffset + `group_id = ".."`, "group_id", `".." cannot be part of a request's path.`, "", ""},
		"a topic named .":      {toOffset + `topic = "."`, "topic", `"." cannot be part of a request's path.`, "", ""},
		"a topic of topics":    {toOffset + `topics = ["."]`, "topics", `"." cannot be part of a request's path.`, "", ""},
		"an instance named ..": {topic + toOffset + `instance_id = ".."`, "instance_id", `".." cannot be part of a request's path.`, "", ""},

		"exact range of a time":      {topic + toInstant + `out_of_range = "error"`, "out_of_range", "this can be checked beforehand only with message_offset", "", ""},
		"limit of replays of a time": {topic + toInstant + `max_replayed_messages = 10`, "max_replayed_messages", "finds the offsets of a time only while it resets", "", ""},
		"limit of skips of a time":   {topic + toInstant + `max_skipped_messages = 10`, "max_skipped_messages", "finds the offsets of a time only while it resets", "", ""},

		"exact range": {topic + toOffset + `out_of_range = "error"`, "out_of_range", "", "ROMA Connect does not tell where the log starts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := huawei(t)
			arguments := test.arguments
			for _, usual := range [][2]string{{"group_id", "billing"}, {"instance_id", kafkaInstance}} {
				if !strings.Contains(arguments, usual[0]+" = \"..") && !strings.Contains(arguments, "\n"+usual[0]) {
					arguments += fmt.Sprintf("\n%s = %q", usual[0], usual[1])
				}
			}
			refused := func(section, says string) {
				unitTest(t, resource.TestCase{
					ProtoV6ProviderFactories: patient(t),
					Steps: []resource.TestStep{{
						Config: providerOf(section) + kafkaReset(arguments), PlanOnly: true, ExpectError: onLine(test.attribute, says),
					}},
				})
			}
			if test.both != "" {
				refused("", test.both) // without a section: before any is read
			} else {
				refused(romaSection(s), test.roma)
			}
			if n := len(s.Requests("")); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
			if test.both == "" {
				unitTest(t, resource.TestCase{
					ProtoV6ProviderFactories: patient(t),
					Steps:                    []resource.TestStep{{Config: providerOf(dmsSection(s)) + kafkaReset(arguments), Check: kafkaStands(s, 20, 20, 20)}},
				})
			}
		})
	}
}

// Without an instance everything is as it was.
func TestClustersRefuseNothingOfWhatServicesCannotDo(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopics = [\"orders\"]\nposition = \"earliest\"\nmax_replayed_messages = 1000\non_destroy = \"delete_offsets\"")),
			Check:  committed(c, "billing", orders(10, 10, 10)),
		}},
	})
}

// What is unknown at plan time is refused once it is known, before anything is sent.
func TestManagedRefusalsOfWhatWasUnknown(t *testing.T) {
	t.Parallel()
	t.Run("an argument", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{{
				Config: providerOf(dmsSection(s)) + "resource \"terraform_data\" \"v\" { input = \"earliest\" }\n" +
					managedKafka("position = terraform_data.v.output"),
				ExpectError: onLine("position", "DMS for Kafka has no reset by position"),
			}},
		})
		checked(t, kafkaStands(s, 60, 60, 60))
		if n := len(s.Requests(romaconnect.Reset)); n != 0 {
			t.Errorf("%d resets were sent", n)
		}
	})
	t.Run("the service", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{{
				Config: "resource \"terraform_data\" \"v\" { input = \"roma\" }\n" +
					providerOf(strings.Replace(dmsSection(s), `"dms"`, "terraform_data.v.output", 1)) +
					managedKafka("message_offset = 20\nout_of_range = \"error\""),
				ExpectError: onLine("out_of_range", "ROMA Connect does not tell where the log starts"),
			}},
		})
		checked(t, kafkaStands(s, 60, 60, 60))
	})
}
