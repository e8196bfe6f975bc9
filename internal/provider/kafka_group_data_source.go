package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var (
	_ datasource.DataSource              = (*kafkaGroupOffsets)(nil)
	_ datasource.DataSourceWithConfigure = (*kafkaGroupOffsets)(nil)
)

// kafkaGroupOffsets is the data source kafka_consumer_group_offsets.
type kafkaGroupOffsets struct{ dataSource }

// dataSource is what the data sources have in common.
type dataSource struct{ services *services }

func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

func newKafkaGroupOffsets() datasource.DataSource { return &kafkaGroupOffsets{} }

type kafkaGroupOffsetsModel struct {
	GroupID   types.String       `tfsdk:"group_id"`
	Topics    types.Set          `tfsdk:"topics"`
	ClusterID types.String       `tfsdk:"cluster_id"`
	State     types.String       `tfsdk:"state"`
	Protocol  types.String       `tfsdk:"protocol"`
	Members   []kafkaMemberModel `tfsdk:"members"`
	TotalLag  types.Int64        `tfsdk:"total_lag"`
	Lag       types.Map          `tfsdk:"lag"`
	Offsets   types.Map          `tfsdk:"offsets"`
	Record    types.String       `tfsdk:"record"`
}

type kafkaMemberModel struct {
	MemberID   types.String       `tfsdk:"member_id"`
	ClientID   types.String       `tfsdk:"client_id"`
	Host       types.String       `tfsdk:"host"`
	InstanceID types.String       `tfsdk:"instance_id"`
	Assignment map[string][]int64 `tfsdk:"assignment"`
}

func (d *kafkaGroupOffsets) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "kafka_consumer_group_offsets"
}

func (d *kafkaGroupOffsets) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Tells where a Kafka consumer group is: its state and members, and the committed offset, log and lag of each partition. A group that does not exist is no error; its state is `Dead`.",
		Attributes: map[string]schema.Attribute{
			"group_id": schema.StringAttribute{Required: true, Validators: []validator.String{notEmpty}, MarkdownDescription: "The consumer group."},
			"topics": schema.SetAttribute{
				ElementType: types.StringType, Optional: true,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(topicName)},
				MarkdownDescription: "The topics to tell of, with all of their partitions. Default: every partition that the group has a committed offset for.",
			},
			"cluster_id": dataText("The id of the cluster."),
			"state":      dataText("The group's state in the broker's words: `Empty`, `Stable`, … and `Dead` for a group that does not exist."),
			"protocol":   dataText("The group's protocol: `classic`, or `consumer` (KIP-848). Null if unknown."),
			"members": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "The members that are active.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"member_id":   dataText("The id that the broker gave to the member."),
					"client_id":   dataText("The client's `client.id`."),
					"host":        dataText("The address that the client connects from."),
					"instance_id": dataText("The `group.instance.id` of a static member. Null for others."),
					"assignment": schema.MapAttribute{ElementType: types.ListType{ElemType: types.Int64Type}, Computed: true,
						MarkdownDescription: "The partitions that the member has, by topic."},
				}},
			},
			"total_lag": schema.Int64Attribute{Computed: true, MarkdownDescription: "The sum of the lags that are known."},
			"lag":       schema.MapAttribute{ElementType: types.Int64Type, Computed: true, MarkdownDescription: "The sum of the lags that are known, by topic."},
			"offsets":   dataOffsets("The committed offsets, by topic and partition."),
			"record": dataText("Everything by topic and partition, as a JSON document: `committed`, the log's `start` and `end`, and the `lag`; null where there is none or it is unknown. " +
				"Take it apart with `jsondecode`."),
		},
	}
}

func dataText(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// dataOffsets describes offsets in the very form that a resource's offsets take.
func dataOffsets(description string) schema.Attribute {
	return schema.MapAttribute{ElementType: offsetsType, Computed: true, MarkdownDescription: description + " It has the form that a resource's `offsets` takes."}
}

func (d *kafkaGroupOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaGroupOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	topics := stringsOf(ctx, m.Topics, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the offsets of consumer group %q", m.GroupID.ValueString())
	client, err := d.services.kafka()
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, nil))
		return
	}
	info, err := client.DescribeGroup(ctx, m.GroupID.ValueString(), topics)
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, attributes{offset.TopicMissing: "topics", offset.GroupKind: "group_id"}))
		return
	}
	notes(&resp.Diagnostics, what, info.Notes)
	m.fill(info)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *kafkaGroupOffsetsModel) fill(info *kafka.GroupInfo) {
	m.ClusterID, m.State, m.Protocol = stringOrNull(info.ClusterID), stringOrNull(info.State), stringOrNull(info.Protocol)
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
	m.Offsets, m.Record = offsetsValue(table.offsets("committed")), table.record()
}

// intMap is a map of strings to whole numbers as Terraform has it.
func intMap(m map[string]int64) types.Map {
	values := make(map[string]attr.Value, len(m))
	for k, v := range m {
		values[k] = types.Int64Value(v)
	}
	return types.MapValueMust(types.Int64Type, values)
}
