package provider

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

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

// sameTimeouts returns the prior timeouts if the planned ones last as long.
func sameTimeouts(planned, prior timeouts.Value) timeouts.Value {
	if planned.IsNull() || planned.IsUnknown() || prior.IsNull() {
		return planned
	}
	old := prior.Attributes()
	for name, v := range planned.Attributes() {
		p, okP := v.(types.String)
		q, okQ := old[name].(types.String)
		if !okP || !okQ {
			return planned
		}
		if !p.Equal(q) && (p.IsNull() || p.IsUnknown() || q.IsNull() || !sameDuration(p.ValueString(), q.ValueString())) {
			return planned
		}
	}
	return prior
}

func sortedIDs(m map[int32]int64) []int32 {
	ids := make([]int32, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

type attributeGetter interface {
	GetAttribute(ctx context.Context, path path.Path, target any) diag.Diagnostics
}

type stateSetter interface {
	Set(ctx context.Context, val any) diag.Diagnostics
}

// setIdentity sets an identity where Terraform knows identities (1.12).
func setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, value any) diag.Diagnostics {
	if identity == nil {
		return nil
	}
	return identity.Set(ctx, value)
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
