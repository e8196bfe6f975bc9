package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

var (
	_ datasource.DataSourceWithConfigure      = (*kafkaTopicOffsets)(nil)
	_ datasource.DataSourceWithValidateConfig = (*kafkaTopicOffsets)(nil)
)

// kafkaTopicOffsets is the data source kafka_topic_offsets.
type kafkaTopicOffsets struct{ dataSource }

func newKafkaTopicOffsets() datasource.DataSource {
	return &kafkaTopicOffsets{dataSource{
		typeName: "kafka_topic_offsets", schema: kafkaTopicOffsetsAttributes,
		about: "Tells the offsets of Kafka topics at a position or at a time, one for each partition. Its `offsets` put the exact numbers of a reset into the plan, where they can be reviewed.",
	}}
}

type kafkaTopicOffsetsModel struct {
	Topic  types.String `tfsdk:"topic"`
	Topics types.Set    `tfsdk:"topics"`
	place
	IsolationLevel types.String `tfsdk:"isolation_level"`
	ClusterID      types.String `tfsdk:"cluster_id"`
	Instant        types.String `tfsdk:"instant"`
	kafkaOffsets
}

func kafkaTopicOffsetsAttributes() map[string]schema.Attribute {
	return dataAttributes(merge(placeOfTopics(), map[string]argument{
		"topic":           {strings: []validator.String{topicName}, description: "The topic. Exactly one of `topic` and `topics` must be set."},
		"topics":          topicsArgument("The topics."),
		"isolation_level": isolationArgument(),
	}), merge(kafkaOffsetsAttributes("The offsets, by topic and partition.",
		"The same with the log's `start` and `end`, as a JSON document by topic and partition."), map[string]schema.Attribute{
		"cluster_id": dataText("The id of the cluster."),
		"instant":    dataText(instantOfPlace),
	}))
}

const instantOfPlace = "The instant that a time means, as an RFC 3339 time in UTC. Null for a position."

// placeOfTopics describes the place that a data source looks up in topics.
func placeOfTopics() map[string]argument {
	return placeArguments("the data source is read",
		"`earliest` is the log's start, `latest` its end. Exactly one of `position`, `timestamp`, `datetime` and `lookback` must be set.", offset.ToEarliest, offset.ToLatest)
}

func (d *kafkaTopicOffsets) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m kafkaTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	exactlyOne(&resp.Diagnostics, "scope", []given{givenBy("topic", m.Topic), givenBy("topics", m.Topics)})
	exactlyOne(&resp.Diagnostics, "target", givenTargets(m.targets()))
}

func (d *kafkaTopicOffsets) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m kafkaTopicOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	topics, at := stringsOf(ctx, m.Topics, &resp.Diagnostics), "topics"
	if !m.Topic.IsNull() {
		topics, at = []string{m.Topic.ValueString()}, "topic"
	}
	target, diags := targetOf(m.targets())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	what := fmt.Sprintf("Read the offsets of %s", reset.Quoted("topic", topics))
	found, ok := look(&resp.Diagnostics, what, attributes{offset.TopicMissing: at, offset.NoLeader: at}, d.services.kafka, func(client *kafka.Client) (*kafka.TopicOffsets, error) {
		return client.TopicOffsets(ctx, topics, target, offset.Isolation(m.IsolationLevel.ValueString()))
	})
	if !ok {
		return
	}
	notes(&resp.Diagnostics, what, found.Notes)
	m.ClusterID, m.Instant = stringOrNull(found.ClusterID), instantOrNull(found.Instant)
	table := newTable("offset", "start", "end")
	for _, p := range found.Partitions {
		table.add(p.Topic, p.ID, p.Offset, p.Start, p.End)
	}
	m.tell(table, "offset")
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func instantOrNull(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339Nano))
}
