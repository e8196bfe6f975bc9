package provider_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// starts checks the broker's own view of the share group sharing.
func starts(t *testing.T, c *fake.Cluster, want fake.Offsets) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := c.ShareStarts(t, "sharing"); !maps.EqualFunc(got, want, maps.Equal) {
			return fmt.Errorf("share group \"sharing\" starts at %v, want %v", got, want)
		}
		return nil
	}
}

// sharing is the usual cluster with a share group beside the others.
func sharing(t *testing.T) *fake.Cluster {
	t.Helper()
	c := seeded(t)
	c.SetShareStarts(t, "sharing", at(60))
	return c
}

// A share group is reset, restored, and told by the data sources.
func TestKafkaShareGroupReset(t *testing.T) {
	t.Parallel()
	c := sharing(t)
	const reset = "group_id = \"sharing\"\ngroup_type = \"share\"\ntopic = \"orders\"\nmessage_offset = 20\non_destroy = \"restore\"\n"
	told := `
		data "kafka_consumer_group_offsets" "told" {
			provider = offsets
			group_id = "sharing"
		}
		data "kafka_consumer_groups" "shares" {
			provider = offsets
			types = ["share"]
		}
	`
	const group = "data.kafka_consumer_group_offsets.told"
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: kafkaConfig(c.Bootstrap(), kafkaReset(reset)),
				Check:  starts(t, c, orders(20, 20, 20)),
				ConfigStateChecks: []statecheck.StateCheck{
					state("id", knownvalue.StringExact("sharing/orders?group_type=share")),
					state("previous_group_state", knownvalue.StringExact("Empty")),
				},
			},
			{
				Config:           kafkaConfig(c.Bootstrap(), kafkaReset(reset)+told),
				ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{
					of(group, "group_type", knownvalue.StringExact("share")), of(group, "protocol", knownvalue.StringExact("share")),
					of(group, "offsets", offsetsExactly(map[string]map[string]int64{"orders": {"0": 20, "1": 20, "2": 20}, "audit": {"0": 60}})),
					of(group, "total_lag", knownvalue.Int64Exact(3*80+40)),
					of("data.kafka_consumer_groups.shares", "record", knownvalue.StringExact(` {"sharing":{"members":0,"protocol":"share","state":"Empty","type":"share"}}`)),
				},
			},
		},
		CheckDestroy: starts(t, c, at(60)),
	})
}

// Null and "consumer" are the same; another type is another group.
func TestKafkaGroupTypeReplaces(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	reset := func(group, more string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = %q\ntopic = \"orders\"\nmessage_offset = 20\n%s", group, more)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset("billing", ""), Check: committed(c, "billing", orders(20, 20, 20))},
			{Config: reset("billing", `group_type = "consumer"`), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
			{
				PreConfig: func() { c.Commit(t, "billing", at(60)) },
				Config:    reset("billing", ""), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check: committed(c, "billing", at(60)),
			},
			{
				Config: reset("billing", "group_type = \"share\"\nallow_new_group = true"), ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
				ExpectError: saying(`"billing" is a consumer group, not a share group`),
			},
		},
	})
	c.SetShareStarts(t, "sharing", at(60))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset("sharing", ""), ExpectError: saying(`"sharing" is a share group, not a consumer group. Nothing was changed. Set group_type = "share"`)},
			{Config: reset("sharing", `group_type = "share"`), Check: starts(t, c, orders(20, 20, 20))},
		},
	})
}

// What cannot be done with a group of the type is refused by the plan, on the
// attribute, before any broker is asked.
func TestKafkaGroupTypeRefusals(t *testing.T) {
	t.Parallel()
	const share, streams = "group_id = \"counts\"\ngroup_type = \"share\"\n", "group_id = \"counts\"\ngroup_type = \"streams\"\n"
	for name, test := range map[string]struct{ arguments, at, says string }{
		"another word":      {"group_id = \"counts\"\ngroup_type = \"shares\"\ntopic = \"orders\"\nshift = -1", "group_type", `value must be one of: ["consumer" "share" "streams"]`},
		"shift":             {share + "topic = \"orders\"\nshift = -1", "shift", "Not possible with a share group"},
		"clone":             {share + "topic = \"orders\"\nsource_group_id = \"billing\"", "source_group_id", "Not possible with a share group"},
		"a managed service": {share + "instance_id = \"i-1\"\ntopic = \"orders\"\nposition = \"latest\"", "group_type", "A managed instance has consumer groups only"},
		"delete partitions": {share + "topic = \"orders\"\npartitions = [0]\nposition = \"latest\"\non_destroy = \"delete_offsets\"", "on_destroy", "here it is partitions"},
		"delete offsets":    {share + "offsets = { orders = { 0 = 1 } }\non_destroy = \"delete_offsets\"", "on_destroy", "here it is offsets"},
		"delete lines":      {share + "offsets_csv = \"orders,0,1\"\non_destroy = \"delete_offsets\"", "on_destroy", "here it is offsets_csv"},
		"negative":          {share + "offsets = { orders = { 0 = -1 } }", "offsets", "-1"},
		"internal topic":    {streams + "topic = \"counts-by-customer-repartition\"\nposition = \"latest\"", "topic", "keeps topic \"counts-by-customer-repartition\" for itself"},
		"internal topics":   {streams + "topics = [\"orders\", \"counts-store-changelog\"]\nposition = \"latest\"", "topics", "keeps topic \"counts-store-changelog\" for itself"},
		"internal offsets":  {streams + "offsets = { counts-store-changelog = { 0 = 1 } }", "offsets", "keeps topic \"counts-store-changelog\" for itself"},
		"internal lines":    {streams + "offsets_csv = \"counts-store-changelog,0,1\"", "offsets_csv", "keeps topic \"counts-store-changelog\" for itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config: kafkaConfig([]string{nowhere}, kafkaReset(test.arguments)), PlanOnly: true, ExpectError: saying(test.says),
				}},
			})
		})
	}
}

// All topics of a streams group are reset but its own, and the plan says what
// stays.
func TestKafkaStreamsGroupReset(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.StreamsGroups(t, "billing")
	w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ngroup_type = \"streams\"\nall_topics = true\nposition = \"earliest\"\n")))
	says(t, w.must(0, "apply", "-auto-approve"), `Reset streams group "billing" on all of its topics`, "protocol streams", "state.dir", "cannot be undone")
	if err := committed(c, "billing", fake.Offsets{"orders": {0: 10, 1: 10, 2: 10}, "audit": {0: 10}})(nil); err != nil {
		t.Error(err)
	}
}
