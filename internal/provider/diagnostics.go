package provider

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// attributes names the attribute at fault for each kind of trouble that has
// one. The others concern the whole resource.
type attributes map[offset.Code]string

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

// explain writes an error as paragraphs.
func explain(err error) string {
	var e *offset.Error
	if !errors.As(err, &e) {
		switch {
		case errors.Is(err, context.Canceled):
			return "The operation was interrupted."
		case errors.Is(err, context.DeadlineExceeded):
			return "The operation ran out of time. Allow it more with timeouts."
		}
		return sentence(err.Error())
	}
	what := e.What
	if e.Err != nil {
		what = strings.TrimSuffix(what, ".") + ": " + e.Err.Error()
	}
	var paragraphs []string
	for _, p := range []string{what, e.State, e.Next} {
		if p != "" {
			paragraphs = append(paragraphs, sentence(p))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// sentence ends s with a full stop and starts it with a capital.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.ContainsRune(".!?:", rune(s[len(s)-1])) {
		s += "."
	}
	return s
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
