package provider

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

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
func merge(all ...map[string]schema.Attribute) map[string]schema.Attribute {
	merged := map[string]schema.Attribute{}
	for _, m := range all {
		maps.Copy(merged, m)
	}
	return merged
}
