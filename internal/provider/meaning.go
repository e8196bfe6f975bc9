package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// field is an attribute that says target or scope.
type field interface {
	value() attr.Value
	// keep takes the value of the same field of the prior state, where both are
	// set and known. Whether a field is set is not kept: Terraform insists on
	// showing null becoming a value, and a value becoming null.
	keep(prior field)
}

type fieldOf[V attr.Value] struct{ v *V }

func of[V attr.Value](v *V) field { return fieldOf[V]{v} }

func (f fieldOf[V]) value() attr.Value { return *f.v }

func (f fieldOf[V]) keep(prior field) {
	p, ok := prior.(fieldOf[V])
	if ok && !(*f.v).IsNull() && !(*f.v).IsUnknown() && !(*p.v).IsNull() {
		*f.v = *p.v
	}
}

// anySet tells whether one of the fields is set.
func anySet(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return !f.value().IsNull() })
}

// anyUnknown tells whether one of the fields is unknown as a whole.
func anyUnknown(fields []field) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.value().IsUnknown() })
}

// sameMeaning returns the prior value if the planned one says the same in other words.
func sameMeaning(planned, prior types.String, same func(a, b string) bool) types.String {
	if planned.IsNull() || planned.IsUnknown() || prior.IsNull() || !same(planned.ValueString(), prior.ValueString()) {
		return planned
	}
	return prior
}

func sameInstant(a, b string) bool {
	ta, errA := time.Parse(time.RFC3339, a)
	tb, errB := time.Parse(time.RFC3339, b)
	return errA == nil && errB == nil && ta.Equal(tb)
}

func sameDuration(a, b string) bool {
	da, errA := time.ParseDuration(a)
	db, errB := time.ParseDuration(b)
	return errA == nil && errB == nil && da == db
}

// sameCSV tells whether lines of CSV hold the same offsets.
func sameCSV(a, b string) bool {
	ca, errA := offset.DecodeCSV(a)
	cb, errB := offset.DecodeCSV(b)
	return errA == nil && errB == nil && maps.EqualFunc(ca.Offsets, cb.Offsets, maps.Equal)
}

// sameTimeouts returns the planned timeouts, each in the prior words if it
// lasts as long.
func sameTimeouts(ctx context.Context, planned, prior timeouts.Value) timeouts.Value {
	if planned.IsNull() || planned.IsUnknown() || prior.IsNull() {
		return planned
	}
	values, old := planned.Attributes(), prior.Attributes()
	for name, v := range values {
		p, okP := v.(types.String)
		q, okQ := old[name].(types.String)
		if okP && okQ {
			values[name] = sameMeaning(p, q, sameDuration)
		}
	}
	object, diags := types.ObjectValue(planned.AttributeTypes(ctx), values)
	if diags.HasError() {
		return planned
	}
	return timeouts.Value{Object: object}
}

// triggersDiffer tells whether triggers differ in meaning: a value that is null
// is none, null is empty, and what is unknown differs.
func triggersDiffer(a, b types.Map) bool {
	if a.IsUnknown() {
		return true
	}
	set := func(m types.Map) map[string]attr.Value {
		values := maps.Clone(m.Elements())
		maps.DeleteFunc(values, func(_ string, v attr.Value) bool { return v.IsNull() })
		return values
	}
	return !maps.EqualFunc(set(a), set(b), attr.Value.Equal)
}

// servicesOf returns what Configure has prepared; nil while the provider is
// not configured yet.
func servicesOf(data any, diags *diag.Diagnostics) *services {
	if data == nil {
		return nil
	}
	s, ok := data.(*services)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("Got %T. This is a defect of the provider; please report it.", data))
	}
	return s
}
