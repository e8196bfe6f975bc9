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

var (
	_ datasource.DataSourceWithConfigure      = (*rocketmqTopicOffsets)(nil)
	_ datasource.DataSourceWithValidateConfig = (*rocketmqTopicOffsets)(nil)
)

// rocketmqTopicOffsets is the data source rocketmq_topic_offsets.
type rocketmqTopicOffsets struct{ dataSource }

func newRocketMQTopicOffsets() datasource.DataSource {
	return &rocketmqTopicOffsets{dataSource{
		typeName: "rocketmq_topic_offsets", schema: rocketmqTopicOffsetsAttributes,
		about: "Tells the offsets of a RocketMQ topic at a position or at a time, one for each queue. Its `offsets` put the exact numbers of a reset into the plan, where they can be reviewed.",
	}}
}

type rocketmqTopicOffsetsModel struct {
	Topic types.String `tfsdk:"topic"`
	place
	ClusterID types.String `tfsdk:"cluster_id"`
	Instant   types.String `tfsdk:"instant"`
	Offsets   types.Map    `tfsdk:"offsets"`
	Record    types.String `tfsdk:"record"`
}

func rocketmqTopicOffsetsAttributes() map[string]schema.Attribute {
	return dataAttributes(merge(placeOfTopics(), map[string]argument{
		"topic": {required: true, strings: []validator.String{notEmpty}, description: "The topic."},
	}), map[string]schema.Attribute{
		"cluster_id": dataText("The name of the cluster."),
		"instant":    dataText(instantOfPlace),
		"offsets":    dataOffsets("The offsets, by broker and queue."),
		"record":     dataText("The same with the queue's `min` and `max`, as a JSON document by broker and queue. Take it apart with `jsondecode`."),
	})
}

func (d *rocketmqTopicOffsets) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m rocketmqTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		exactlyOne(&resp.Diagnostics, "target", givenTargets(m.targets()))
	}
}

func (d *rocketmqTopicOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m rocketmqTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	target, diags := targetOf(m.targets())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	topic := m.Topic.ValueString()
	what := fmt.Sprintf("Read the offsets of topic %q", topic)
	found, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: "topic", offset.NoLeader: "topic"}, d.services.rocketmq, func(client *rocketmq.Client) (*rocketmq.TopicInfo, error) {
		return client.TopicOffsets(ctx, topic, target)
	})
	if !ok {
		return
	}
	m.ClusterID, m.Instant = stringOrNull(found.ClusterID), instantOrNull(found.Instant)
	table := newTable("offset", "min", "max")
	for _, q := range found.Queues {
		table.add(q.Broker, q.ID, q.Offset, q.Min, q.Max)
	}
	m.Offsets, m.Record = offsetsValue(table.offsets("offset")), table.record()
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
