package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var _ datasource.DataSourceWithConfigure = (*kafkaGroups)(nil)

// kafkaGroups is the data source kafka_consumer_groups.
type kafkaGroups struct{ dataSource }

func newKafkaGroups() datasource.DataSource {
	return &kafkaGroups{dataSource{
		typeName: "kafka_consumer_groups", schema: kafkaGroupsAttributes,
		about: "Lists the consumer groups of a Kafka cluster: all of them, or those whose names, states or types fit, or that have offsets on a topic. Its `groups` are made for `for_each`.",
	}}
}

type kafkaGroupsModel struct {
	NameRegex types.String `tfsdk:"name_regex"`
	States    types.Set    `tfsdk:"states"`
	Types     types.Set    `tfsdk:"types"`
	Topic     types.String `tfsdk:"topic"`
	ClusterID types.String `tfsdk:"cluster_id"`
	Groups    types.Set    `tfsdk:"groups"`
	Record    types.String `tfsdk:"record"`
}

func kafkaGroupsAttributes() map[string]schema.Attribute {
	words := func(description string, each validator.String) argument {
		return argument{
			kind: stringSetArgument, sets: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(each)},
			description: description,
		}
	}
	return dataAttributes(map[string]argument{
		"name_regex": {
			strings:     []validator.String{regularExpression},
			description: "Only groups whose name this regular expression (RE2) finds a match in: `^billing-` for those that begin so. Default: any.",
		},
		"states": words("Only groups in one of these states, in the broker's words and in any case: `Empty`, `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Assigning`, `Reconciling`. Default: any.", notEmpty),
		"types": words("Only groups of these types: `classic`, `consumer` (KIP-848), `share` or `streams`. Default: `classic` and `consumer`, the consumer groups. `share` and `streams` groups are reset with that `group_type`.",
			stringvalidator.OneOf("classic", "consumer", "share", "streams")),
		"topic": {
			strings:     []validator.String{topicName},
			description: "Only groups that have a committed offset on this topic, or a start offset if they are share groups. It must exist. Default: any.",
		},
	}, map[string]schema.Attribute{
		"cluster_id": dataText("The id of the cluster."),
		"groups":     schema.SetAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: "The names of the groups, for `for_each`."},
		"record": dataText("The groups as a JSON document by name: `type`, `state`, `protocol` (such as `consumer`; null while a classic group has had no member) and the number of `members` (null if it cannot be told). " +
			"Take it apart with `jsondecode`."),
	})
}

// regularExpression accepts what Go's package regexp does.
var regularExpression = stringCheck{
	description: "must be a regular expression",
	check: func(s string) string {
		if _, err := regexp.Compile(s); err != nil {
			return sentence(err.Error())
		}
		return ""
	},
}

func (d *kafkaGroups) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaGroupsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	filter := kafka.GroupFilter{
		States: stringsOf(ctx, m.States, &resp.Diagnostics), Types: stringsOf(ctx, m.Types, &resp.Diagnostics), Topic: m.Topic.ValueString(),
	}
	if !m.NameRegex.IsNull() {
		expression, err := regexp.Compile(m.NameRegex.ValueString())
		if err != nil {
			return // Its validator has said so.
		}
		filter.Name = expression
	}
	if resp.Diagnostics.HasError() {
		return
	}
	const what = "List the consumer groups"
	found, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: "topic"}, d.services.kafka, func(client *kafka.Client) (*kafka.GroupList, error) {
		return client.ListGroups(ctx, filter)
	})
	if !ok {
		return
	}
	type row struct {
		Members  any    `json:"members"`
		Protocol any    `json:"protocol"`
		State    string `json:"state"`
		Type     string `json:"type"`
	}
	names, rows := make([]string, 0, len(found.Groups)), make(map[string]row, len(found.Groups))
	for _, g := range found.Groups {
		names = append(names, g.Group)
		r := row{Members: numberOrNil(int64(g.Members)), State: g.State, Type: g.Type}
		if g.Protocol != "" {
			r.Protocol = g.Protocol
		}
		rows[g.Group] = r
	}
	m.ClusterID, m.Groups, m.Record = stringOrNull(found.ClusterID), setOf(types.StringType, names, types.StringValue), document(rows)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// document returns a value as the JSON of an attribute record. It begins with
// a space, so that Terraform does not unfold it in a plan.
func document(v any) types.String {
	b, err := json.Marshal(v)
	if err != nil { // Strings and numbers can be marshalled.
		return types.StringValue(fmt.Sprintf(" %q", err))
	}
	return types.StringValue(" " + string(b))
}
