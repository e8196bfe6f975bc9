package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var _ datasource.DataSourceWithConfigure = (*kafkaMirrorCheckpoints)(nil)

// kafkaMirrorCheckpoints is the data source kafka_mirror_checkpoints.
type kafkaMirrorCheckpoints struct{ dataSource }

func newKafkaMirrorCheckpoints() datasource.DataSource { return &kafkaMirrorCheckpoints{} }

type kafkaMirrorModel struct {
	GroupID        types.String `tfsdk:"group_id"`
	SourceAlias    types.String `tfsdk:"source_alias"`
	Offsets        types.Map    `tfsdk:"offsets"`
	OffsetsCSV     types.String `tfsdk:"offsets_csv"`
	Record         types.String `tfsdk:"record"`
	Missing        types.Map    `tfsdk:"missing"`
	CheckpointedAt types.String `tfsdk:"checkpointed_at"`
	HeartbeatAt    types.String `tfsdk:"heartbeat_at"`
	ClusterID      types.String `tfsdk:"cluster_id"`
}

func (d *kafkaMirrorCheckpoints) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "kafka_mirror_checkpoints"
}

func (d *kafkaMirrorCheckpoints) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Tells what MirrorMaker 2 has translated for a consumer group, on the target cluster of the mirror: the last checkpoint of each partition. " +
			"It is the way to fail over when nobody has a snapshot. Checkpoints lie at or before the group's place: what is between is consumed again.",
		Attributes: map[string]schema.Attribute{
			"group_id":     schema.StringAttribute{Required: true, Validators: []validator.String{notEmpty}, MarkdownDescription: "The consumer group."},
			"source_alias": schema.StringAttribute{Required: true, Validators: []validator.String{notEmpty}, MarkdownDescription: "The alias that the source cluster has in MirrorMaker's configuration. Its checkpoints are in the topic `<alias>.checkpoints.internal`."},
			"offsets":      dataOffsets("The translated offsets, by topic (its name here) and partition."),
			"offsets_csv":  dataText("The translated offsets as lines `topic,partition,offset`, in the form of `kafka-consumer-groups --export`."),
			"record":       dataText("The checkpoints by topic and partition, as a JSON document: `upstream`, the offset on the source, and `downstream`, the one here. Take it apart with `jsondecode`."),
			"missing": schema.MapAttribute{
				ElementType: missingType, Computed: true,
				MarkdownDescription: "The partitions of mirrored topics that have no checkpoint of the group, by topic. A consumer would start there where its `auto.offset.reset` says: at the log's end, silently, with `latest`.",
			},
			"checkpointed_at": dataText("When the newest checkpoint of the group was written (RFC 3339). Null if there is none."),
			"heartbeat_at":    dataText("The newest heartbeat of the source (RFC 3339): a recent one shows that MirrorMaker runs. Null if there is none."),
			"cluster_id":      dataText("The id of the cluster."),
		},
	}
}

var missingType = types.ListType{ElemType: types.Int64Type}

func (d *kafkaMirrorCheckpoints) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaMirrorModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the mirror's checkpoints of consumer group %q", m.GroupID.ValueString())
	client, err := d.services.kafka()
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, nil))
		return
	}
	found, err := client.MirrorCheckpoints(ctx, m.GroupID.ValueString(), m.SourceAlias.ValueString())
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, attributes{offset.TopicMissing: "source_alias"}))
		return
	}
	notes(&resp.Diagnostics, what, found.Notes)
	m.fill(found)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *kafkaMirrorModel) fill(found *kafka.MirrorCheckpoints) {
	offsets := offset.Offsets{}
	table := newTable("upstream", "downstream")
	for _, c := range found.Checkpoints {
		table.add(c.Topic, c.ID, c.Upstream, c.Downstream)
		if offsets[c.Topic] == nil {
			offsets[c.Topic] = map[int32]int64{}
		}
		offsets[c.Topic][c.ID] = c.Downstream
	}
	m.Offsets, m.OffsetsCSV, m.Record = offsetsValue(offsets), types.StringValue(offset.EncodeCSV(offsets)), table.record()
	missing := make(map[string]attr.Value, len(found.Missing))
	for topic, partitions := range found.Missing {
		values := make([]attr.Value, len(partitions))
		for i, p := range partitions {
			values[i] = types.Int64Value(int64(p))
		}
		missing[topic] = types.ListValueMust(types.Int64Type, values)
	}
	m.Missing = types.MapValueMust(missingType, missing)
	m.CheckpointedAt, m.HeartbeatAt, m.ClusterID = timeOrNull(found.CheckpointAt), timeOrNull(found.HeartbeatAt), stringOrNull(found.ClusterID)
}

func timeOrNull(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}
