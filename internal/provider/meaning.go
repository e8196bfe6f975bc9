package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// aim is what a reset's arguments mean: the same meaning in other words is
// equal. The private state keeps it as JSON.
type aim struct {
	Group    string
	Instance string
	Scope    offset.Scope
	Target   offset.Target
}

// heldBackKey is where the private state keeps the aim of the last reset while
// the state has another that was held back.
const heldBackKey = "aim"

func holdBack(ctx context.Context, private privateSetter, done aim) diag.Diagnostics {
	text, err := json.Marshal(done)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("The last reset's target cannot be kept", sentence(err.Error()))}
	}
	return private.SetKey(ctx, heldBackKey, text)
}

// heldBack returns the aim of the last reset if the state has another.
func heldBack(ctx context.Context, private privateGetter) (done aim, held bool) {
	text, diags := private.GetKey(ctx, heldBackKey)
	if diags.HasError() || len(text) == 0 || string(text) == "null" {
		return aim{}, false
	}
	return done, json.Unmarshal(text, &done) == nil
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

// triggersDiffer tells whether triggers differ in meaning: null is empty, and
// what is unknown differs.
func triggersDiffer(a, b types.Map) bool {
	if a.IsUnknown() {
		return true
	}
	if len(a.Elements()) == 0 && len(b.Elements()) == 0 {
		return false
	}
	return !a.Equal(b)
}

// shape says which of the attributes are set, one sign each.
func shape(values []attr.Value) string {
	var b strings.Builder
	for _, v := range values {
		if v.IsNull() {
			b.WriteByte('-')
		} else {
			b.WriteByte('+')
		}
	}
	return b.String()
}

// hasAny tells whether one of the attributes is set.
func hasAny(values []attr.Value) bool { return strings.Contains(shape(values), "+") }

func firstOf(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
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
