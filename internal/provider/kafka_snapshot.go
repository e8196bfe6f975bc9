package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// snapshotDocument accepts what a kafka_consumer_group_snapshot tells.
var snapshotDocument = stringCheck{
	description: "must be the snapshot of a kafka_consumer_group_snapshot",
	check: func(s string) string {
		if _, err := offset.DecodeSnapshot(s); err != nil {
			return sentence(err.Error())
		}
		return ""
	},
}

// whollyKnownMap tells whether a map and its values are known.
func whollyKnownMap(m types.Map) bool {
	return !m.IsUnknown() && !slices.ContainsFunc(slices.Collect(maps.Values(m.Elements())), isUnknown)
}

// validateSnapshot checks what is said beside a snapshot against it, as far as
// both are known.
func (a *kafkaArguments) validateSnapshot(diags *diag.Diagnostics) {
	if a.Snapshot.IsNull() || a.Snapshot.IsUnknown() || !whollyKnownMap(a.TopicNames) {
		return
	}
	target, err := a.snapshotTarget()
	if err != nil {
		return // The attribute's own validator says it.
	}
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.TopicNames.Elements())) {
		if target.Snapshot.Topic(name) == nil {
			diags.AddAttributeError(path.Root("topic_names").AtMapKey(name), "No such topic in the snapshot",
				fmt.Sprintf("The snapshot holds no topic %q. The keys are the topics' names where it was taken, the values their names here.", name))
		}
	}
	for _, t := range target.Snapshot.Topics {
		here := target.TopicHere(t.Name)
		if other, twice := names[here]; twice {
			diags.AddAttributeError(path.Root("topic_names"), "One name for two topics",
				fmt.Sprintf("Both %q and %q of the snapshot would be %q here.", other, t.Name, here))
		}
		names[here] = t.Name
	}
	if !whollyKnownSet(a.Topics) {
		return
	}
	for _, v := range a.Topics.Elements() {
		if name, ok := v.(types.String); ok && names[name.ValueString()] == "" {
			diags.AddAttributeError(path.Root("topics"), "No such topic in the snapshot",
				fmt.Sprintf("The snapshot holds no topic that is called %q here. Beside a snapshot, topics are those of it that are taken, by their names here.", name.ValueString()))
		}
	}
}

// snapshotTarget returns the target that the snapshot means. A name that is
// the same here is no other name.
func (a *kafkaArguments) snapshotTarget() (offset.Target, error) {
	s, err := offset.DecodeSnapshot(a.Snapshot.ValueString())
	if err != nil {
		return offset.Target{}, err
	}
	target := offset.Target{Kind: offset.ToSnapshot, Snapshot: s, Unmatched: offset.Unmatched(a.Unmatched.ValueString())}
	for name, v := range a.TopicNames.Elements() {
		if other, ok := v.(types.String); ok && other.ValueString() != name {
			if target.TopicNames == nil {
				target.TopicNames = map[string]string{}
			}
			target.TopicNames[name] = other.ValueString()
		}
	}
	return target, nil
}

// snapshotModel is what the resource and the data source tell of a snapshot.
type snapshotModel struct {
	GroupID    types.String `tfsdk:"group_id"`
	Topics     types.Set    `tfsdk:"topics"`
	Snapshot   types.String `tfsdk:"snapshot"`
	Offsets    types.Map    `tfsdk:"offsets"`
	OffsetsCSV types.String `tfsdk:"offsets_csv"`
	TakenAt    types.String `tfsdk:"taken_at"`
	ClusterID  types.String `tfsdk:"cluster_id"`
}

const (
	snapshotWords = "The snapshot, for the `snapshot` of a `kafka_consumer_offset_reset` on this or another cluster: where the group was, and for each partition the time and a salted fingerprint (8 bytes) of the records beside its place. " +
		"It holds no record's content. It is a JSON document of about 110 bytes a partition."
	snapshotTopics = "The topics, with all of their partitions. Default: all that the group has committed offsets for."
)

// take takes a snapshot now.
func (m *snapshotModel) take(ctx context.Context, s *services, diags *diag.Diagnostics) {
	topics := stringsOf(ctx, m.Topics, diags)
	if diags.HasError() {
		return
	}
	what := fmt.Sprintf("Take a snapshot of consumer group %q", m.GroupID.ValueString())
	at := attributes{
		offset.TopicMissing: "topics", offset.NoOffset: "group_id", offset.GroupMissing: "group_id", offset.GroupKind: "group_id",
	}
	client, err := s.kafka()
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return
	}
	taken, err := client.Snapshot(ctx, m.GroupID.ValueString(), topics)
	if err != nil {
		diags.Append(diagnose(what, err, at))
		return
	}
	text, err := offset.EncodeSnapshot(taken.Snapshot)
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return
	}
	notes(diags, what, taken.Notes)
	offsets := taken.Offsets()
	m.Snapshot, m.Offsets, m.OffsetsCSV = types.StringValue(text), offsetsValue(offsets), types.StringValue(offset.EncodeCSV(offsets))
	m.TakenAt, m.ClusterID = types.StringValue(taken.TakenAt.UTC().Format(time.RFC3339)), stringOrNull(taken.ClusterID)
}
