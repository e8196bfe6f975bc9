package provider_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

func of(address, attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), check)
}

func offsetsExactly(topics map[string]map[string]int64) knownvalue.Check {
	outer := map[string]knownvalue.Check{}
	for topic, partitions := range topics {
		inner := map[string]knownvalue.Check{}
		for id, o := range partitions {
			inner[id] = knownvalue.Int64Exact(o)
		}
		outer[topic] = knownvalue.MapExact(inner)
	}
	return knownvalue.MapExact(outer)
}

func TestKafkaGroupDataSource(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing", orders(60, 70, 80))
	const group, idle, nobody = "data.kafka_consumer_group_offsets.active", "data.kafka_consumer_group_offsets.idle", "data.kafka_consumer_group_offsets.nobody"
	c.Commit(t, "reports", fake.Offsets{"audit": {0: 90}})
	m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, ClientID: "invoice-writer-1"})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				data "kafka_consumer_group_offsets" "active" {
					provider = offsets
					group_id = "billing"
					topics   = ["orders"]
				}
				data "kafka_consumer_group_offsets" "idle" {
					provider = offsets
					group_id = "reports"
				}
				data "kafka_consumer_group_offsets" "nobody" {
					provider = offsets
					group_id = "nobody"
				}
			`),
			ConfigStateChecks: []statecheck.StateCheck{
				of(group, "cluster_id", knownvalue.StringExact("fake-cluster")),
				of(group, "state", knownvalue.StringExact("Stable")),
				of(group, "protocol", knownvalue.StringExact("classic")),
				of(group, "total_lag", knownvalue.Int64Exact(40+30+20)),
				of(group, "lag", knownvalue.MapExact(map[string]knownvalue.Check{"orders": knownvalue.Int64Exact(90)})),
				of(group, "offsets", offsetsExactly(map[string]map[string]int64{"orders": {"0": 60, "1": 70, "2": 80}})),
				of(group, "record", knownvalue.StringExact(` {"orders":{"0":{"committed":60,"end":100,"lag":40,"start":10},`+
					`"1":{"committed":70,"end":100,"lag":30,"start":10},"2":{"committed":80,"end":100,"lag":20,"start":10}}}`)),
				statecheck.ExpectKnownValue(group, tfjsonpath.New("members").AtSliceIndex(0).AtMapKey("client_id"), knownvalue.StringExact("invoice-writer-1")),
				statecheck.ExpectKnownValue(group, tfjsonpath.New("members").AtSliceIndex(0).AtMapKey("assignment"), knownvalue.MapExact(map[string]knownvalue.Check{
					"orders": knownvalue.ListExact([]knownvalue.Check{knownvalue.Int64Exact(0), knownvalue.Int64Exact(1), knownvalue.Int64Exact(2)}),
				})),
				of(idle, "state", knownvalue.StringExact("Empty")),
				of(idle, "members", knownvalue.ListSizeExact(0)),
				of(idle, "offsets", offsetsExactly(map[string]map[string]int64{"audit": {"0": 90}})),
				of(nobody, "state", knownvalue.StringExact("Dead")),
				of(nobody, "offsets", knownvalue.MapSizeExact(0)),
				of(nobody, "total_lag", knownvalue.Int64Exact(0)),
			},
		}},
	})
	c.Leave(t, m)
}

func TestKafkaTopicDataSource(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithClock(clock.Fixed(base.Add(2*time.Minute)))),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				data "kafka_topic_offsets" "start" {
					provider = offsets
					topics   = ["orders", "audit"]
					position = "earliest"
				}
				data "kafka_topic_offsets" "end" {
					provider        = offsets
					topic           = "audit"
					position        = "latest"
					isolation_level = "read_committed"
				}
				data "kafka_topic_offsets" "millis" {
					provider  = offsets
					topic     = "audit"
					timestamp = 1772373650000
				}
				data "kafka_topic_offsets" "datetime" {
					provider = offsets
					topic    = "audit"
					datetime = "2026-03-01T15:00:50+01:00"
				}
				data "kafka_topic_offsets" "lookback" {
					provider = offsets
					topic    = "audit"
					lookback = "70s"
				}
			`),
			ConfigStateChecks: []statecheck.StateCheck{
				of("data.kafka_topic_offsets.start", "offsets", offsetsExactly(map[string]map[string]int64{"orders": {"0": 10, "1": 10, "2": 10}, "audit": {"0": 10}})),
				of("data.kafka_topic_offsets.start", "instant", knownvalue.Null()),
				of("data.kafka_topic_offsets.start", "cluster_id", knownvalue.StringExact("fake-cluster")),
				of("data.kafka_topic_offsets.end", "offsets", offsetsExactly(map[string]map[string]int64{"audit": {"0": 100}})),
				of("data.kafka_topic_offsets.end", "record", knownvalue.StringExact(` {"audit":{"0":{"end":100,"offset":100,"start":10}}}`)),
				of("data.kafka_topic_offsets.millis", "offsets", offsetsExactly(map[string]map[string]int64{"audit": {"0": 50}})),
				of("data.kafka_topic_offsets.datetime", "offsets", offsetsExactly(map[string]map[string]int64{"audit": {"0": 50}})),
				of("data.kafka_topic_offsets.datetime", "instant", knownvalue.StringExact("2026-03-01T14:00:50Z")),
				of("data.kafka_topic_offsets.lookback", "offsets", offsetsExactly(map[string]map[string]int64{"audit": {"0": 50}})),
				of("data.kafka_topic_offsets.lookback", "instant", knownvalue.StringExact("2026-03-01T14:00:50Z")),
			},
		}},
	})
}

func TestKafkaTopicDataSourceRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ arguments, attribute, says string }{
		"no topic":      {`position = "latest"`, "", "Exactly one scope must be set: one of topic, topics"},
		"no target":     {`topic = "orders"`, "", "Exactly one target must be set: one of timestamp, datetime, lookback, position"},
		"two targets":   {"topic = \"orders\"\nposition = \"latest\"\nlookback = \"1h\"", "position", "there are 2: lookback, position"},
		"current":       {"topic = \"orders\"\nposition = \"current\"", "position", `"earliest" "latest"`},
		"missing topic": {"topic = \"nowhere\"\nposition = \"latest\"", "topic", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config:      kafkaConfig(c.Bootstrap(), "data \"kafka_topic_offsets\" \"test\" {\nprovider = offsets\n"+test.arguments+"\n}\n"),
					ExpectError: atFault(test.attribute, test.says),
				}},
			})
		})
	}
}

// The exact numbers stand in the plan; afterwards records are deleted,
// produced and consumed, and the plan is empty.
func TestKafkaResetFedByADataSource(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	body := kafkaConfig(c.Bootstrap(), `
		data "kafka_topic_offsets" "outage" {
			provider = offsets
			topic    = "orders"
			position = "earliest"
		}
	`+kafkaReset(`
		group_id = "billing"
		offsets  = data.kafka_topic_offsets.outage.offsets
		reset_on = "triggers"
		triggers = { incident = "4711" }
	`))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: body,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New("offsets"), offsetsExactly(map[string]map[string]int64{"orders": {"0": 10, "1": 10, "2": 10}})),
				}},
				Check: committed(c, "billing", orders(10, 10, 10)),
			},
			{
				PreConfig: func() {
					deleteRecords(t, c, "orders", 0, 30)
					c.Fill(t, "orders", 3, 5, base.Add(time.Hour), time.Second)
					c.Commit(t, "billing", at(95))
				},
				Config:           body,
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(kafkaResetAddress, plancheck.ResourceActionNoop)}},
				Check:            committed(c, "billing", at(95)),
			},
		},
	})
}

// A precondition on a data source stops a plan that would replay too much.
func TestAPreconditionOnADataSourceStopsThePlan(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				data "kafka_consumer_group_offsets" "before" {
					provider = offsets
					group_id = "billing"
				}
			`+kafkaReset(`
				group_id = "billing"
				topic    = "orders"
				position = "earliest"
				lifecycle {
					precondition {
						condition     = data.kafka_consumer_group_offsets.before.total_lag < 100
						error_message = "The group is ${data.kafka_consumer_group_offsets.before.total_lag} messages behind."
					}
				}
			`)),
			PlanOnly:    true,
			ExpectError: saying("The group is 160 messages behind."),
		}},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}
