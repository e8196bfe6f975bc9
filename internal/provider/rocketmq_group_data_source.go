package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
)

var _ datasource.DataSourceWithConfigure = (*rocketmqGroupOffsets)(nil)

// rocketmqGroupOffsets is the data source rocketmq_consumer_group_offsets.
type rocketmqGroupOffsets struct{ dataSource }

func newRocketMQGroupOffsets() datasource.DataSource {
	return &rocketmqGroupOffsets{dataSource{
		typeName: "rocketmq_consumer_group_offsets", schema: rocketmqGroupOffsetsAttributes,
		about: "Tells where a RocketMQ consumer group is on a topic: who consumes, and the offset, log and lag of each queue. A group that does not exist is no error.",
	}}
}

type rocketmqGroupOffsetsModel struct {
	ConsumerGroup types.String          `tfsdk:"consumer_group"`
	Topic         types.String          `tfsdk:"topic"`
	ClusterID     types.String          `tfsdk:"cluster_id"`
	State         types.String          `tfsdk:"state"`
	MessageModel  types.String          `tfsdk:"message_model"`
	Clients       []rocketmqClientModel `tfsdk:"clients"`
	TotalLag      types.Int64           `tfsdk:"total_lag"`
	Offsets       types.Map             `tfsdk:"offsets"`
	Record        types.String          `tfsdk:"record"`
}

type rocketmqClientModel struct {
	ClientID types.String `tfsdk:"client_id"`
	Address  types.String `tfsdk:"address"`
	Language types.String `tfsdk:"language"`
	Version  types.String `tfsdk:"version"`
}

func rocketmqGroupOffsetsAttributes() map[string]schema.Attribute {
	return dataAttributes(map[string]argument{
		"consumer_group": {required: true, strings: []validator.String{notEmpty}, description: "The consumer group."},
		"topic":          {required: true, strings: []validator.String{notEmpty}, description: "The topic."},
	}, map[string]schema.Attribute{
		"cluster_id":    dataText("The name of the cluster."),
		"state":         dataText("`online` while a client is connected to a broker. Where none is: `not online` on brokers before 5.0, and `not listed` later, because brokers never list the consumers of a proxy (the 5.x clients over gRPC), which may be consuming."),
		"message_model": dataText("`CLUSTERING` or `BROADCASTING`. Null while no client is online, because only clients tell it."),
		"clients": schema.ListNestedAttribute{
			Computed: true, MarkdownDescription: "The clients that are online.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"client_id": dataText("The client's id."),
				"address":   dataText("The address that it connects from."),
				"language":  dataText("The language of its library."),
				"version":   dataText("The version of its library."),
			}},
		},
		"total_lag": dataNumber("The sum of the lags that are known."),
		"offsets":   dataOffsets("The offsets, by broker and queue."),
		"record": dataText("Everything by broker and queue, as a JSON document: `offset`, the queue's `min` and `max`, the `lag`, and `last_consume_time`; null where it is unknown. " +
			"Take it apart with `jsondecode`."),
	})
}

func (d *rocketmqGroupOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m rocketmqGroupOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the offsets of consumer group %q on topic %q", m.ConsumerGroup.ValueString(), m.Topic.ValueString())
	info, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: "topic", offset.GroupKind: "consumer_group"}, d.services.rocketmq, func(client *rocketmq.Client) (*rocketmq.GroupInfo, error) {
		return client.Describe(ctx, m.ConsumerGroup.ValueString(), m.Topic.ValueString())
	})
	if !ok {
		return
	}
	notes(&resp.Diagnostics, what, info.Notes)
	m.fill(info)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *rocketmqGroupOffsetsModel) fill(info *rocketmq.GroupInfo) {
	m.ClusterID, m.State, m.MessageModel = stringOrNull(info.ClusterID), stringOrNull(info.State), stringOrNull(info.MessageModel)
	m.Clients = make([]rocketmqClientModel, 0, len(info.Clients))
	for _, c := range info.Clients {
		m.Clients = append(m.Clients, rocketmqClientModel{
			ClientID: types.StringValue(c.ID), Address: types.StringValue(c.Address), Language: stringOrNull(c.Language), Version: stringOrNull(c.Version),
		})
	}
	table := newTable("offset", "min", "max", "lag")
	for _, q := range info.Queues {
		table.add(q.Broker, q.ID, q.Offset, q.Min, q.Max, q.Lag)
		if !q.LastConsumeTime.IsZero() {
			table.say("last_consume_time", q.LastConsumeTime.UTC().Format(time.RFC3339Nano))
		}
	}
	m.TotalLag, _ = table.sum("lag")
	m.Offsets, m.Record = offsetsValue(table.offsets("offset")), table.record()
}
