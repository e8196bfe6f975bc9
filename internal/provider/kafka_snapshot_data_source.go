package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*kafkaSnapshotNow)(nil)

// kafkaSnapshotNow is the data source kafka_consumer_group_snapshot: one that
// is taken each time that it is read.
type kafkaSnapshotNow struct{ dataSource }

func newKafkaSnapshotNow() datasource.DataSource { return &kafkaSnapshotNow{} }

func (d *kafkaSnapshotNow) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = kafkaSnapshotType
}

func (d *kafkaSnapshotNow) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Takes a snapshot of where a Kafka consumer group is now, each time that it is read. For one that is kept, use the resource of the same name. It needs the right READ on the topics.",
		Attributes: map[string]schema.Attribute{
			"group_id": schema.StringAttribute{Required: true, Validators: []validator.String{notEmpty}, MarkdownDescription: "The consumer group."},
			"topics": schema.SetAttribute{
				ElementType: types.StringType, Optional: true, MarkdownDescription: snapshotTopics,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(topicName)},
			},
			"snapshot":    dataText(snapshotWords),
			"offsets":     dataOffsets("The committed offsets, by topic and partition."),
			"offsets_csv": dataText("The committed offsets as lines `topic,partition,offset`, in the form of `kafka-consumer-groups --export`."),
			"taken_at":    dataText("When it was taken (RFC 3339)."),
			"cluster_id":  dataText("The id of the cluster."),
		},
	}
}

func (d *kafkaSnapshotNow) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m snapshotModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.take(ctx, d.services, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}
