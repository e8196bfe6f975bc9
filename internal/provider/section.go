package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// decodeSection decodes a section of the provider's configuration into target.
// It returns false, with the reason, if the section holds anything unknown.
func decodeSection(ctx context.Context, name string, section types.Object, target any, diags *diag.Diagnostics) (string, bool) {
	if section.IsNull() {
		return "", true
	}
	raw, err := section.ToTerraformValue(ctx)
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Unreadable configuration", err.Error())
		return "", false
	}
	if !raw.IsFullyKnown() {
		return fmt.Sprintf("the provider's section %s has values that are known only after the apply", name), false
	}
	diags.Append(section.As(ctx, target, basetypes.ObjectAsOptions{})...)
	return "", !diags.HasError()
}

// durationOf reads a duration that a validator has accepted; null gives 0.
func durationOf(v types.String) time.Duration {
	d, err := time.ParseDuration(v.ValueString())
	if err != nil {
		return 0
	}
	return d
}

// stringsOf reads a known list or set of strings.
func stringsOf(ctx context.Context, v interface {
	ElementsAs(ctx context.Context, target any, allowUnhandled bool) diag.Diagnostics
	IsNull() bool
}, diags *diag.Diagnostics) []string {
	if v.IsNull() {
		return nil
	}
	var list []string
	diags.Append(v.ElementsAs(ctx, &list, false)...)
	return list
}
