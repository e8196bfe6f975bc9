package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
)

var _ datasource.DataSourceWithConfigure = (*rocketmqGroups)(nil)

// rocketmqGroups is the data source rocketmq_consumer_groups.
type rocketmqGroups struct{ dataSource }

func newRocketMQGroups() datasource.DataSource {
	return &rocketmqGroups{dataSource{
		typeName: "rocketmq_consumer_groups", schema: rocketmqGroupsAttributes,
		about: "Lists the consumer groups of a RocketMQ topic: those that consume it, and those that have an offset on it. Its `groups` are made for `for_each`.",
	}}
}

type rocketmqGroupsModel struct {
	Topic  types.String `tfsdk:"topic"`
	Groups types.Set    `tfsdk:"groups"`
	Record types.String `tfsdk:"record"`
}

func rocketmqGroupsAttributes() map[string]schema.Attribute {
	return dataAttributes(map[string]argument{
		"topic": {required: true, strings: []validator.String{notEmpty}, description: "The topic."},
	}, map[string]schema.Attribute{
		"groups": schema.SetAttribute{ElementType: types.StringType, Computed: true, MarkdownDescription: "The names of the groups, for `for_each`."},
		"record": dataText("The groups as a JSON document by name: `state`, as in `rocketmq_consumer_group_offsets`; `message_model` (null while no client is online); the number of `members` that the brokers list; and the `brokers` that know the group on the topic. " +
			"Take it apart with `jsondecode`."),
	})
}

func (d *rocketmqGroups) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m rocketmqGroupsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	topic := m.Topic.ValueString()
	what := fmt.Sprintf("List the consumer groups of topic %q", topic)
	found, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: "topic", offset.NoLeader: "topic"}, d.services.rocketmq, func(client *rocketmq.Client) ([]rocketmq.GroupSummary, error) {
		return client.ConsumerGroups(ctx, topic)
	})
	if !ok {
		return
	}
	type row struct {
		Brokers      []string `json:"brokers"`
		Members      int      `json:"members"`
		MessageModel any      `json:"message_model"`
		State        string   `json:"state"`
	}
	names, rows := make([]string, 0, len(found)), make(map[string]row, len(found))
	for _, g := range found {
		names = append(names, g.Group)
		r := row{Brokers: g.Brokers, Members: len(g.Members), State: g.State}
		if g.MessageModel != "" {
			r.MessageModel = g.MessageModel
		}
		rows[g.Group] = r
	}
	m.Groups, m.Record = setOf(types.StringType, names, types.StringValue), document(rows)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
