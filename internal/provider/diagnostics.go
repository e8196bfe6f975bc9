package provider

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// attributes names the attribute at fault for each kind of trouble that has
// one. The others concern the whole resource.
type attributes map[offset.Code]string

// tell turns notices into diagnostics, failures on the attribute at fault.
func tell(diags *diag.Diagnostics, notices []reset.Notice, at attributes) {
	for _, n := range notices {
		name, has := at[n.Code]
		switch {
		case n.Severity == reset.Warning:
			diags.AddWarning(n.Headline, n.Text)
		case has:
			diags.AddAttributeError(path.Root(name), n.Headline, n.Text)
		default:
			diags.AddError(n.Headline, n.Text)
		}
	}
}

// diagnose turns an engine's error into a diagnostic: what failed and on what
// is the summary; why, what state things are in now, and what to do next
// stand in the detail.
func diagnose(headline string, err error, at attributes) diag.Diagnostic {
	detail := explain(err)
	if name, ok := at[offset.CodeOf(err)]; ok {
		return diag.NewAttributeErrorDiagnostic(path.Root(name), headline, detail)
	}
	return diag.NewErrorDiagnostic(headline, detail)
}

// damaged tells of a state that cannot be read.
func damaged(diags *diag.Diagnostics, err error) {
	diags.AddError("The state is damaged", sentence(err.Error()))
}

func explain(err error) string { return reset.Explain(err) }

func sentence(s string) string { return reset.Sentence(s) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// notes adds what the engine wants its reader to know.
func notes(diags *diag.Diagnostics, headline string, lines []string) {
	tell(diags, reset.PleaseNote(headline, lines), nil)
}
