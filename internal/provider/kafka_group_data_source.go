package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var _ datasource.DataSourceWithConfigure = (*kafkaGroupOffsets)(nil)

// kafkaGroupOffsets is the data source kafka_consumer_group_offsets.
type kafkaGroupOffsets struct{ dataSource }

func newKafkaGroupOffsets() datasource.DataSource {
	return &kafkaGroupOffsets{dataSource{
		typeName: "kafka_consumer_group_offsets", schema: kafkaGroupOffsetsAttributes,
		about: "Tells where a Kafka consumer group is: its state and members, and the committed offset, log and lag of each partition. It tells of consumer groups, share groups and streams groups. A group that does not exist is no error; its state is `Dead`.",
	}}
}

type kafkaGroupOffsetsModel struct {
	GroupID   types.String       `tfsdk:"group_id"`
	Topics    types.Set          `tfsdk:"topics"`
	ClusterID types.String       `tfsdk:"cluster_id"`
	GroupType types.String       `tfsdk:"group_type"`
	State     types.String       `tfsdk:"state"`
	Protocol  types.String       `tfsdk:"protocol"`
	Members   []kafkaMemberModel `tfsdk:"members"`
	TotalLag  types.Int64        `tfsdk:"total_lag"`
	Lag       types.Map          `tfsdk:"lag"`
	kafkaOffsets
}

type kafkaMemberModel struct {
	MemberID   types.String       `tfsdk:"member_id"`
	ClientID   types.String       `tfsdk:"client_id"`
	Host       types.String       `tfsdk:"host"`
	InstanceID types.String       `tfsdk:"instance_id"`
	Assignment map[string][]int64 `tfsdk:"assignment"`
}

func kafkaGroupOffsetsAttributes() map[string]schema.Attribute {
	return dataAttributes(map[string]argument{
		"group_id": {required: true, strings: []validator.String{notEmpty}, description: "The consumer group."},
		"topics":   topicsArgument("The topics to tell of, with all of their partitions. Default: every partition that the group has a committed offset for."),
	}, merge(kafkaOffsetsAttributes("The committed offsets, by topic and partition; the start offsets of a share group.",
		"Everything by topic and partition, as a JSON document: `committed` (the start offset of a share group), the log's `start` and `end`, and the `lag`; null where there is none or it is unknown. "+
			"Of a share group the lag is what the broker tells, with what was acknowledged one by one taken off (Kafka 4.3 or later)."), map[string]schema.Attribute{
		"cluster_id": dataText("The id of the cluster."),
		"group_type": dataText("The group's type, as the resource's `group_type` takes it: `consumer`, `share` or `streams`; `consumer` for a group that does not exist."),
		"state":      dataText("The group's state in the broker's words: `Empty`, `Stable`, … and `Dead` for a group that does not exist."),
		"protocol":   dataText("The group's protocol: `classic`, `consumer` (KIP-848), `share` (KIP-932) or `streams` (KIP-1071). Null if unknown."),
		"members": schema.ListNestedAttribute{
			Computed: true, MarkdownDescription: "The members that are active.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"member_id":   dataText("The id that the broker gave to the member."),
				"client_id":   dataText("The client's `client.id`."),
				"host":        dataText("The address that the client connects from."),
				"instance_id": dataText("The `group.instance.id` of a static member. Null for others."),
				"assignment": schema.MapAttribute{ElementType: types.ListType{ElemType: types.Int64Type}, Computed: true,
					MarkdownDescription: "The partitions that the member has, by topic. Empty for a streams group, whose members have tasks."},
			}},
		},
		"total_lag": dataNumber("The sum of the lags that are known."),
		"lag":       schema.MapAttribute{ElementType: types.Int64Type, Computed: true, MarkdownDescription: "The sum of the lags that are known, by topic."},
	}))
}

func (d *kafkaGroupOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaGroupOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	topics := stringsOf(ctx, m.Topics, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the offsets of consumer group %q", m.GroupID.ValueString())
	info, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: "topics", offset.GroupKind: "group_id"}, d.services.kafka, func(client *kafka.Client) (*kafka.GroupInfo, error) {
		return client.DescribeGroup(ctx, m.GroupID.ValueString(), topics)
	})
	if !ok {
		return
	}
	notes(&resp.Diagnostics, what, info.Notes)
	m.fill(info)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *kafkaGroupOffsetsModel) fill(info *kafka.GroupInfo) {
	m.ClusterID, m.State, m.Protocol = stringOrNull(info.ClusterID), stringOrNull(info.State), stringOrNull(info.Protocol)
	m.GroupType = types.StringValue(string(info.Type))
	m.Members = make([]kafkaMemberModel, 0, len(info.Members))
	for _, member := range info.Members {
		assignment := make(map[string][]int64, len(member.Assignment))
		for topic, partitions := range member.Assignment {
			assignment[topic] = make([]int64, len(partitions))
			for i, p := range partitions {
				assignment[topic][i] = int64(p)
			}
		}
		m.Members = append(m.Members, kafkaMemberModel{
			MemberID: types.StringValue(member.ID), ClientID: types.StringValue(member.ClientID), Host: types.StringValue(member.Host),
			InstanceID: stringOrNull(member.InstanceID), Assignment: assignment,
		})
	}
	table := newTable("committed", "start", "end", "lag")
	for _, p := range info.Partitions {
		table.add(p.Topic, p.ID, p.Committed, p.Start, p.End, p.Lag)
	}
	m.TotalLag, m.Lag = table.sum("lag")
	m.tell(table, "committed")
}

// intMap is a map of strings to whole numbers as Terraform has it.
func intMap(m map[string]int64) types.Map {
	values := make(map[string]attr.Value, len(m))
	for k, v := range m {
		values[k] = types.Int64Value(v)
	}
	return types.MapValueMust(types.Int64Type, values)
}
