package provider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
		headline, text := readable(n.Headline), readable(n.Text)
		switch {
		case n.Severity == reset.Warning:
			diags.AddWarning(headline, text)
		case has:
			diags.AddAttributeError(path.Root(name), headline, text)
		default:
			diags.AddError(headline, text)
		}
	}
}

// diagnose turns an engine's error into a diagnostic: what failed and on what
// is the summary; why, what state things are in now, and what to do next
// stand in the detail.
func diagnose(headline string, err error, at attributes) diag.Diagnostic {
	headline, detail := readable(headline), readable(explain(err))
	if name, ok := at[offset.CodeOf(err)]; ok {
		return diag.NewAttributeErrorDiagnostic(path.Root(name), headline, detail)
	}
	return diag.NewErrorDiagnostic(headline, detail)
}

// damaged tells of a state that cannot be read.
func damaged(diags *diag.Diagnostics, err error) {
	diags.AddError("The state is damaged", readable(sentence(err.Error())))
}

func explain(err error) string { return reset.Explain(err) }

func sentence(s string) string { return reset.Sentence(s) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// notes adds what the engine wants its reader to know.
func notes(diags *diag.Diagnostics, headline string, lines []string) {
	tell(diags, reset.PleaseNote(headline, lines), nil)
}

// readable is a text as people can read it and Terraform takes it. What brokers
// and services say may hold any bytes, and so may the names that clients have
// given themselves: an action's progress that is not UTF-8 ends the action
// (of diagnostics, the plugin library replaces it), and a control character
// can hide or change what a terminal shows. Both become what Go writes for
// them, \xff and \x1b.
func readable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case hidden(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// hidden tells whether a character is not shown as itself. Lines and tabs are.
func hidden(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }
