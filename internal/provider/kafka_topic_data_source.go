package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

var (
	_ datasource.DataSource                   = (*kafkaTopicOffsets)(nil)
	_ datasource.DataSourceWithConfigure      = (*kafkaTopicOffsets)(nil)
	_ datasource.DataSourceWithValidateConfig = (*kafkaTopicOffsets)(nil)
)

// kafkaTopicOffsets is the data source kafka_topic_offsets.
type kafkaTopicOffsets struct{ dataSource }

func newKafkaTopicOffsets() datasource.DataSource { return &kafkaTopicOffsets{} }

type kafkaTopicOffsetsModel struct {
	Topic          types.String `tfsdk:"topic"`
	Topics         types.Set    `tfsdk:"topics"`
	Position       types.String `tfsdk:"position"`
	Timestamp      types.Number `tfsdk:"timestamp"`
	Datetime       types.String `tfsdk:"datetime"`
	Lookback       types.String `tfsdk:"lookback"`
	IsolationLevel types.String `tfsdk:"isolation_level"`
	ClusterID      types.String `tfsdk:"cluster_id"`
	Instant        types.String `tfsdk:"instant"`
	Offsets        types.Map    `tfsdk:"offsets"`
	Record         types.String `tfsdk:"record"`
}

func (d *kafkaTopicOffsets) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "kafka_topic_offsets"
}

func (d *kafkaTopicOffsets) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Tells the offsets of Kafka topics at a position or at a time, one for each partition. Its `offsets` put the exact numbers of a reset into the plan, where they can be reviewed.",
		Attributes: map[string]schema.Attribute{
			"topic": schema.StringAttribute{Optional: true, Validators: []validator.String{topicName}, MarkdownDescription: "The topic. Exactly one of `topic` and `topics` must be set."},
			"topics": schema.SetAttribute{
				ElementType: types.StringType, Optional: true,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(topicName)},
				MarkdownDescription: "The topics.",
			},
			"position": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(string(offset.ToEarliest), string(offset.ToLatest))},
				MarkdownDescription: "`earliest` is the log's start, `latest` its end. Exactly one of `position`, `timestamp`, `datetime` and `lookback` must be set.",
			},
			"timestamp": schema.NumberAttribute{Optional: true, Validators: []validator.Number{unixMillis},
				MarkdownDescription: "The first record at or after this Unix time in **milliseconds**, and the log's end where there is none."},
			"datetime": schema.StringAttribute{Optional: true, Validators: []validator.String{rfc3339},
				MarkdownDescription: "The first record at or after this RFC 3339 time with its zone, and the log's end where there is none."},
			"lookback": schema.StringAttribute{Optional: true, Validators: []validator.String{lookback},
				MarkdownDescription: "The first record at or after the time that lies this long before the data source is read, such as `15m`."},
			"isolation_level": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(string(offset.ReadUncommitted), string(offset.ReadCommitted))},
				MarkdownDescription: "What counts as the end of the log: `read_uncommitted` (default) is the high watermark, `read_committed` the last stable offset.",
			},
			"cluster_id": dataText("The id of the cluster."),
			"instant":    dataText("The instant that a time means, as an RFC 3339 time in UTC. Null for a position."),
			"offsets":    dataOffsets("The offsets, by topic and partition."),
			"record":     dataText("The same with the log's `start` and `end`, as a JSON document by topic and partition. Take it apart with `jsondecode`."),
		},
	}
}

// arguments returns the same as a reset's arguments, which have the rules.
func (m *kafkaTopicOffsetsModel) arguments() *kafkaArguments {
	return &kafkaArguments{
		Topic: m.Topic, Topics: m.Topics, Position: m.Position, Timestamp: m.Timestamp, Datetime: m.Datetime, Lookback: m.Lookback,
		Offsets: types.MapNull(offsetsType),
	}
}

func (d *kafkaTopicOffsets) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m kafkaTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	exactlyOne(&resp.Diagnostics, "scope", []given{
		{"topic", !m.Topic.IsNull(), m.Topic.IsUnknown()},
		{"topics", !m.Topics.IsNull(), m.Topics.IsUnknown()},
	})
	exactlyOne(&resp.Diagnostics, "target", []given{
		{"position", !m.Position.IsNull(), m.Position.IsUnknown()},
		{"timestamp", !m.Timestamp.IsNull(), m.Timestamp.IsUnknown()},
		{"datetime", !m.Datetime.IsNull(), m.Datetime.IsUnknown()},
		{"lookback", !m.Lookback.IsNull(), m.Lookback.IsUnknown()},
	})
}

func (d *kafkaTopicOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	scope, diags := m.arguments().scope(ctx)
	resp.Diagnostics.Append(diags...)
	target, diags := m.arguments().target()
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the offsets of %s", reset.Quoted("topic", scope.Topics))
	client, err := d.services.kafka()
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, nil))
		return
	}
	found, err := client.TopicOffsets(ctx, scope.Topics, target, offset.Isolation(m.IsolationLevel.ValueString()))
	if err != nil {
		at := "topic"
		if !m.Topics.IsNull() {
			at = "topics"
		}
		resp.Diagnostics.Append(diagnose(what, err, attributes{offset.TopicMissing: at, offset.NoLeader: at}))
		return
	}
	notes(&resp.Diagnostics, what, found.Notes)
	m.ClusterID, m.Instant = stringOrNull(found.ClusterID), types.StringNull()
	if !found.Instant.IsZero() {
		m.Instant = types.StringValue(found.Instant.UTC().Format(time.RFC3339Nano))
	}
	table := newTable("offset", "start", "end")
	for _, p := range found.Partitions {
		table.add(p.Topic, p.ID, p.Offset, p.Start, p.End)
	}
	m.Offsets, m.Record = offsetsValue(table.offsets("offset")), table.record()
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
