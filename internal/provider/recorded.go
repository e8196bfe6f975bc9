package provider

import (
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// recorded is what a reset leaves in the state.
type recorded struct {
	appliedAt types.String
	clusterID types.String
	state     types.String
	summary   types.Object
	record    types.String
}

// kind is a kind of broker: what differs in the life of a reset, and in what
// the state tells of it.
type kind struct {
	reset.Broker

	fields []summaryField
}

// recorded returns what a result leaves in the state. Of a reset that is in
// doubt it says neither that it was done nor how far it went.
func (k kind) recorded(res *offset.Result) recorded {
	if res.InDoubt {
		r := recorded{clusterID: stringOrNull(res.ClusterID), state: stringOrNull(res.State), summary: types.ObjectNull(summaryTypes(k.fields))}
		if len(res.Outcomes) > 0 {
			r.record = types.StringValue(offset.EncodeRecord(res.Outcomes, k.Dialect))
		}
		return r
	}
	r := recorded{
		appliedAt: types.StringValue(res.At.UTC().Format(time.RFC3339)),
		clusterID: stringOrNull(res.ClusterID),
		state:     stringOrNull(res.State),
	}
	return k.with(r, res.Outcomes)
}

// with returns what is recorded with other outcomes.
func (k kind) with(r recorded, outcomes []offset.Outcome) recorded {
	r.summary = summaryObject(k.fields, offset.SummarizeOutcomes(outcomes))
	r.record = types.StringValue(offset.EncodeRecord(outcomes, k.Dialect))
	return r
}

// unknown returns what a reset that the apply will do leaves.
func (k kind) unknown() recorded {
	return recorded{
		appliedAt: types.StringUnknown(), clusterID: types.StringUnknown(), state: types.StringUnknown(),
		summary: types.ObjectUnknown(summaryTypes(k.fields)), record: types.StringUnknown(),
	}
}

func stringOrNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// summaryField is one number of the computed attribute summary. It is null
// where it is not known: a managed service may tell no partitions, or not how
// far each of them moves.
type summaryField struct {
	name        string
	description string
	value       func(offset.Summary) int64
	known       func(offset.Summary) bool
}

func summaryFields(partitions string) []summaryField {
	return []summaryField{
		{partitions, "Number of " + partitions + " in scope.", func(s offset.Summary) int64 { return s.Partitions }, offset.Summary.Told},
		{"moved", "Number of " + partitions + " whose offset changed.", func(s offset.Summary) int64 { return s.Moved }, offset.Summary.Counted},
		{"unchanged", "Number of " + partitions + " that were there already.", func(s offset.Summary) int64 { return s.Unchanged }, offset.Summary.Counted},
		{"clamped", "Number of " + partitions + " whose target was outside of the log.", func(s offset.Summary) int64 { return s.Clamped }, offset.Summary.Told},
		{"created", "Number of " + partitions + " that got their first offset.", func(s offset.Summary) int64 { return s.Created }, offset.Summary.Counted},
		{"replayed_messages", "Messages that are consumed again, counted in offsets: an upper bound.", func(s offset.Summary) int64 { return s.Replayed }, offset.Summary.Counted},
		{"skipped_messages", "Messages that are not consumed, counted in offsets: an upper bound.", func(s offset.Summary) int64 { return s.Skipped }, offset.Summary.Counted},
	}
}

func summaryTypes(fields []summaryField) map[string]attr.Type {
	t := make(map[string]attr.Type, len(fields))
	for _, f := range fields {
		t[f.name] = types.Int64Type
	}
	return t
}

func summaryObject(fields []summaryField, s offset.Summary) types.Object {
	values := make(map[string]attr.Value, len(fields))
	for _, f := range fields {
		values[f.name] = types.Int64Null()
		if f.known(s) {
			values[f.name] = types.Int64Value(f.value(s))
		}
	}
	return types.ObjectValueMust(summaryTypes(fields), values)
}

// summaryAttribute describes the computed attribute summary.
func summaryAttribute(fields []summaryField) schema.Attribute {
	nested := make(map[string]schema.Attribute, len(fields))
	for _, f := range fields {
		nested[f.name] = schema.Int64Attribute{Computed: true, MarkdownDescription: f.description}
	}
	return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "What the last reset did, in numbers. A number is null where a managed service does not tell what it would take to know it.", Attributes: nested}
}

// computedText describes a computed string.
func computedText(description string) schema.Attribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// merge returns all attributes of the given maps; no name may occur twice.
func merge[V any](all ...map[string]V) map[string]V {
	merged := map[string]V{}
	for _, m := range all {
		maps.Copy(merged, m)
	}
	return merged
}
