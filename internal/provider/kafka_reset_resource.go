package provider

import (
	"context"
	"fmt"
	"math"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

const kafkaResetType = "kafka_consumer_offset_reset"

var _ resettingResource = (*kafkaReset)(nil)

// kafkaReset is the resource kafka_consumer_offset_reset.
type kafkaReset struct {
	resetResource[kafkaResetModel, *kafkaResetModel]
}

var (
	kafkaSummaryFields = append(summaryFields("partitions"),
		summaryField{"matched", "With `snapshot`: number of partitions whose record, or offset, was found.", func(s offset.Summary) int64 { return s.Matched }, offset.Summary.Counted},
		summaryField{"unmatched", "With `snapshot`: number of partitions that went by the record's time.", func(s offset.Summary) int64 { return s.Unmatched }, offset.Summary.Counted},
	)
	kafkaKind = kind{Broker: reset.Kafka, fields: kafkaSummaryFields}
)

func newKafkaReset() resource.Resource {
	return &kafkaReset{resetResource[kafkaResetModel, *kafkaResetModel]{
		typeName: kafkaResetType, kind: kafkaKind, engine: (*services).kafkaEngine,
	}}
}

// kafkaResetModel is the resource's configuration, plan and state.
type kafkaResetModel struct {
	kafkaArguments
	resetCommon
	PreviousGroupState types.String `tfsdk:"previous_group_state"`
}

func (r *kafkaReset) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Resets the committed offsets of a Kafka consumer group, once: when it is created, and again when its target, scope or `triggers` change.",
		Attributes: merge(resourceAttributes(kafkaArgumentSchema()), commonAttributes(ctx, kafkaSummaryFields, reset.DestroyKeeps, reset.DestroyRestores, reset.DestroyDeletes), map[string]schema.Attribute{
			"id":                   computedText("`GROUP/TOPIC`, `GROUP/TOPIC/0,2`, `GROUP/TOPIC,TOPIC` or `GROUP/*`, with `?group_type=…` behind it for a share or a streams group: what an import takes."),
			"cluster_id":           computedText("The id of the cluster on which the last reset was done. Undoing it on any other cluster is refused."),
			"previous_group_state": computedText("The group's state just before the last reset, in the broker's words, such as `Empty` or `Dead`."),
			"record": computedText("What the last reset did to each partition: a JSON document of topic, partition, and `previous` (null where there was no offset), `offset`, " +
				"the log's `start` and `end` at the time. Only where there is something to say, it also has `clamped`, the `metadata` that the commit before carried (as `{\"base64\": \"…\"}` where it is no text), how the place of a snapshot was found (`by`: `record`, `end`, `time` or `offset`), and an `error` where the partition failed. It names no partitions where a managed service tells no offsets. Take it apart with `jsondecode`."),
		}),
	}
}

func (r *kafkaReset) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"group_id":    identityschema.StringAttribute{RequiredForImport: true, Description: "The consumer group."},
		"topics":      identityschema.ListAttribute{ElementType: types.StringType, OptionalForImport: true, Description: "The topics, sorted; none means all topics of the group."},
		"partitions":  identityschema.ListAttribute{ElementType: types.NumberType, OptionalForImport: true, Description: "The partitions of the one topic, sorted; none means all."},
		"instance_id": identityschema.StringAttribute{OptionalForImport: true, Description: "The managed instance."},
		"group_type":  identityschema.StringAttribute{OptionalForImport: true, Description: "The type of the group, share or streams; none means a consumer group."},
	}}
}

type kafkaIdentity struct {
	GroupID    types.String   `tfsdk:"group_id"`
	Topics     []types.String `tfsdk:"topics"`
	Partitions []types.Number `tfsdk:"partitions"`
	InstanceID types.String   `tfsdk:"instance_id"`
	GroupType  types.String   `tfsdk:"group_type"`
}

func (m *kafkaResetModel) identity(id reset.Name) any {
	identity := kafkaIdentity{GroupID: types.StringValue(id.Group), InstanceID: stringOrNull(id.Instance), GroupType: stringOrNull(string(id.Type))}
	for _, topic := range id.Topics {
		identity.Topics = append(identity.Topics, types.StringValue(topic))
	}
	for _, p := range id.Partitions {
		identity.Partitions = append(identity.Partitions, numberValue(int64(p)))
	}
	return identity
}

func (m *kafkaResetModel) identify(ctx context.Context, identity *tfsdk.ResourceIdentity) (reset.Name, diag.Diagnostics) {
	var i kafkaIdentity
	diags := identity.Get(ctx, &i)
	id := reset.Name{Group: i.GroupID.ValueString(), Instance: i.InstanceID.ValueString(), Type: offset.GroupType(i.GroupType.ValueString())}
	refuse := func(name, problem string) {
		diags.AddError("Import "+kafkaResetType, fmt.Sprintf("The identity's %s: %s Nothing was imported.", name, problem))
	}
	for _, topic := range i.Topics {
		if topic.IsNull() {
			refuse("topics", "A name is null.")
		}
		id.Topics = append(id.Topics, topic.ValueString())
	}
	for _, p := range i.Partitions {
		problem := between(0, math.MaxInt32).problem(p)
		if p.IsNull() {
			problem = "A number is null."
		}
		if problem != "" {
			refuse("partitions", problem)
		}
		id.Partitions = append(id.Partitions, int32(int64Of(p))) //nolint:gosec // Bounded just before.
	}
	return id, diags
}

func (m *kafkaResetModel) take(id reset.Name) {
	m.GroupID, m.InstanceID, m.GroupType = types.StringValue(id.Group), stringOrNull(id.Instance), stringOrNull(string(id.Type))
	switch {
	case len(id.Topics) == 0:
		m.AllTopics = types.BoolValue(true)
	case len(id.Topics) == 1:
		m.Topic = types.StringValue(id.Topics[0])
	default:
		m.Topics = setOf(types.StringType, id.Topics, types.StringValue)
	}
	if len(id.Partitions) > 0 {
		m.Partitions = setOf(types.NumberType, id.Partitions, func(p int32) types.Number { return numberValue(int64(p)) })
	}
}

func setOf[E any, V attr.Value](t attr.Type, elements []E, value func(E) V) types.Set {
	values := make([]attr.Value, len(elements))
	for i, e := range elements {
		values[i] = value(e)
	}
	return types.SetValueMust(t, values)
}

func (m *kafkaResetModel) imported() bool {
	return m.Record.IsNull() && !anySet(m.targetFields())
}

// validate also refuses what a destroy could not do.
func (m *kafkaResetModel) validate(diags *diag.Diagnostics) {
	m.kafkaArguments.validate(diags)
	if m.groupType() != offset.ShareGroup || reset.OnDestroy(m.OnDestroy.ValueString()) != reset.DestroyDeletes {
		return
	}
	for _, part := range []given{
		{"partition", !m.Partition.IsNull() && int64Of(m.Partition) != int64(offset.AllPartitions), m.Partition.IsUnknown()},
		givenBy("partitions", m.Partitions), givenBy("offsets", m.Offsets), givenBy("offsets_csv", m.OffsetsCSV), givenBy("snapshot", m.Snapshot),
	} {
		if part.set && !part.unknown {
			diags.AddAttributeError(path.Root("on_destroy"), "Start offsets are deleted by whole topics",
				fmt.Sprintf("Brokers delete the start offsets of a share group by whole topics only, so that on_destroy = \"delete_offsets\" needs topic, topics or all_topics as the scope, and here it is %s. Use \"restore\" or \"keep\".", part.name))
		}
	}
}

func (m *kafkaResetModel) wait() (types.String, bool) { return m.WaitForInactive, true }
func (m *kafkaResetModel) derive()                    {}

// name returns the canonical name of the reset; false if it is not known yet.
func (m *kafkaResetModel) name(ctx context.Context) (reset.Name, bool) {
	if m.GroupID.IsUnknown() || m.InstanceID.IsUnknown() || m.GroupType.IsUnknown() || !m.aimKnown() {
		return reset.Name{}, false
	}
	scope, diags := m.scope(ctx)
	if diags.HasError() {
		return reset.Name{}, false
	}
	id := reset.Name{Group: m.GroupID.ValueString(), Type: m.groupType(), Instance: m.InstanceID.ValueString(), Topics: scope.Topics, Partitions: scope.Partitions}
	if t, ok := theSet(m.targets()); ok && t.scopes {
		target, err := t.read()
		if err != nil {
			return reset.Name{}, false
		}
		switch {
		case target.Kind == offset.ToOffsets:
			id.Topics = sortedKeys(target.Offsets)
			if len(id.Topics) == 1 {
				id.Partitions = sortedKeys(target.Offsets[id.Topics[0]])
			}
		case len(id.Topics) == 0: // Beside a snapshot, topics choose some of it.
			id.Topics = target.SnapshotTopics()
		}
	}
	return id, true
}

func (m *kafkaResetModel) recorded() recorded {
	return recorded{appliedAt: m.AppliedAt, clusterID: m.ClusterID, state: m.PreviousGroupState, summary: m.Summary, record: m.Record}
}

func (m *kafkaResetModel) setRecorded(r recorded) {
	m.AppliedAt, m.ClusterID, m.PreviousGroupState, m.Summary, m.Record = r.appliedAt, r.clusterID, r.state, r.summary, r.record
}

// aim returns the arguments that say scope and target.
func (a *kafkaArguments) aim() []field {
	return append([]field{of(&a.Topic), of(&a.Topics), of(&a.AllTopics), of(&a.Partition), of(&a.Partitions), of(&a.TopicNames)}, a.targetFields()...)
}

func (a *kafkaArguments) targetFields() []field {
	var fields []field
	for _, t := range a.targets() {
		fields = append(fields, t.field)
	}
	return fields
}

// aimKnown tells whether target and scope are known.
func (a *kafkaArguments) aimKnown() bool {
	return !anyUnknown(a.aim()) && whollyKnownSet(a.Topics) && whollyKnownSet(a.Partitions) && whollyKnownOffsets(a.Offsets) && whollyKnownMap(a.TopicNames)
}

// known tells whether a request can be made.
func (a *kafkaArguments) known() bool {
	for _, v := range []attr.Value{a.GroupID, a.GroupType, a.InstanceID, a.OutOfRange, a.IsolationLevel, a.MaxReplayedMessages, a.MaxSkippedMessages, a.AllowNewGroup, a.WaitForInactive, a.Unmatched} {
		if v.IsUnknown() {
			return false
		}
	}
	return a.aimKnown()
}

// meaning returns what the arguments mean; nil if not all of it is known.
func (a *kafkaArguments) meaning(ctx context.Context) *reset.Meaning {
	if !a.aimKnown() {
		return nil
	}
	scope, diags := a.scope(ctx)
	target, more := a.target()
	diags.Append(more...)
	if diags.HasError() {
		return nil
	}
	target.Unmatched = "" // A treatment, as out_of_range.
	return &reset.Meaning{Scope: scope, Target: target}
}

func (m *kafkaResetModel) keepWords(prior *kafkaResetModel) {
	m.Datetime = sameMeaning(m.Datetime, prior.Datetime, sameInstant)
	m.Lookback = sameMeaning(m.Lookback, prior.Lookback, sameDuration)
	m.OffsetsCSV = sameMeaning(m.OffsetsCSV, prior.OffsetsCSV, sameCSV)
	m.WaitForInactive = sameMeaning(m.WaitForInactive, prior.WaitForInactive, sameDuration)
}

// faults names the attributes that the engine's errors concern.
func (a *kafkaArguments) faults() attributes {
	target, _ := theSet(a.targets())
	scope := "topic"
	switch {
	case target.scopes:
		scope = target.name
	case !a.Topics.IsNull():
		scope = "topics"
	case a.AllTopics.ValueBool():
		scope = "all_topics"
	}
	at := attributes{
		offset.GroupMissing: "group_id", offset.GroupActive: "group_id", offset.GroupKind: "group_id",
		offset.InstanceMissing: "instance_id",
		offset.SnapshotUnfit:   "snapshot",
		offset.TopicMissing:    scope, offset.PartitionGone: scope, offset.NoLeader: scope,
	}
	switch {
	case !a.Partitions.IsNull():
		at[offset.PartitionGone] = "partitions"
	case !a.Partition.IsNull():
		at[offset.PartitionGone] = "partition"
	}
	switch target.name {
	case "shift", "source_group_id":
		at[offset.NoOffset], at[offset.OutsideLog] = target.name, target.name
	case "message_offset", "offsets", "offsets_csv":
		at[offset.OutsideLog] = target.name
	}
	return at
}
