package provider_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

func groupNames(names ...string) knownvalue.Check {
	all := make([]knownvalue.Check, len(names))
	for i, n := range names {
		all[i] = knownvalue.StringExact(n)
	}
	return knownvalue.SetExact(all)
}

func TestKafkaGroupsDataSource(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing-eu", fake.Offsets{"orders": {0: 50, 1: 50, 2: 50}})
	c.Commit(t, "reports", fake.Offsets{"audit": {0: 90}})
	m := c.Join(t, kafkaclient.MemberOptions{Group: "live", Topics: []string{"audit"}, ClientID: "reader"})
	const all, billing, live, audit, none = "data.kafka_consumer_groups.all", "data.kafka_consumer_groups.billing", "data.kafka_consumer_groups.live", "data.kafka_consumer_groups.audit", "data.kafka_consumer_groups.none"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `
				data "kafka_consumer_groups" "all" {
					provider = offsets
				}
				data "kafka_consumer_groups" "billing" {
					provider   = offsets
					name_regex = "^billing"
					topic      = "orders"
				}
				data "kafka_consumer_groups" "live" {
					provider = offsets
					states   = ["stable"]
				}
				data "kafka_consumer_groups" "audit" {
					provider = offsets
					topic    = "audit"
					types    = ["classic"]
					states   = ["Empty"]
				}
				data "kafka_consumer_groups" "none" {
					provider   = offsets
					name_regex = "^nobody$"
				}
			`),
			ConfigStateChecks: []statecheck.StateCheck{
				of(all, "cluster_id", knownvalue.StringExact("fake-cluster")),
				of(all, "groups", groupNames("billing", "billing-eu", "live", "reports")),
				of(billing, "groups", groupNames("billing", "billing-eu")),
				of(live, "groups", groupNames("live")),
				of(live, "record", knownvalue.StringExact(` {"live":{"members":1,"protocol":"consumer","state":"Stable","type":"classic"}}`)),
				of(audit, "groups", groupNames("billing", "reports")),
				of(none, "groups", knownvalue.SetSizeExact(0)),
				of(none, "record", knownvalue.StringExact(" {}")),
			},
		}},
	})
	c.Leave(t, m)
}

// One reset for each group that has offsets on a topic.
func TestKafkaResetOfAllGroupsOfATopic(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	eu := fake.Offsets{"orders": {0: 50, 1: 50, 2: 50}}
	c.Commit(t, "billing-eu", eu)
	c.Commit(t, "reports", fake.Offsets{"audit": {0: 90}})
	w := attached(t, kafkaConfig(c.Bootstrap(), `
		data "kafka_consumer_groups" "orders" {
			provider = offsets
			topic    = "orders"
		}
		resource "kafka_consumer_offset_reset" "each" {
			provider = offsets
			for_each = data.kafka_consumer_groups.orders.groups

			group_id = each.key
			topic    = "orders"
			datetime = "2026-03-01T14:00:20Z"
		}
	`))
	says(t, w.must(0, "apply", "-auto-approve"), "2 added")
	has(t, c, "billing", orders(20, 20, 20))
	has(t, c, "billing-eu", fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}})
	has(t, c, "reports", fake.Offsets{"audit": {0: 90}})
	w.must(0, "plan", "-detailed-exitcode")
}

func TestKafkaGroupsDataSourceRefusesBadInput(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	groups := func(arguments string) string {
		return kafkaConfig(c.Bootstrap(), "data \"kafka_consumer_groups\" \"test\" {\n  provider = offsets\n"+arguments+"\n}\n")
	}
	refusals{
		"no expression":   {groups(`name_regex = "("`), "name_regex", "missing closing )"},
		"another type":    {groups(`types = ["classics"]`), "types", `"classic" "consumer" "share" "streams"`},
		"no types":        {groups(`types = []`), "types", "at least 1"},
		"an empty state":  {groups(`states = [""]`), "states", "must not be empty"},
		"no topic's name": {groups(`topic = "m:0"`), "topic", `"m:0" is not the name of a topic`},
		"a missing topic": {groups(`topic = "nowhere"`), "topic", "nowhere"},
	}.try(t)
}
