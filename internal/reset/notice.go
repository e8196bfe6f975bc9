package reset

import (
	"context"
	"errors"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Severity says how much a notice matters.
type Severity int

// The severities.
const (
	Warning Severity = iota
	Failure
)

// Notice is something that a person should read: what, and on what, in the
// headline; why, what state things are in now and what to do next in the text.
type Notice struct {
	Severity Severity
	Headline string
	Text     string
	Code     offset.Code // of a failure: the kind of trouble
}

func warning(headline, text string) Notice {
	return Notice{Severity: Warning, Headline: headline, Text: text}
}

// failure tells of an engine's error.
func failure(headline string, err error) Notice {
	return Notice{Severity: Failure, Headline: headline, Text: Explain(err), Code: offset.CodeOf(err)}
}

// Failed tells whether one of the notices is of a failure.
func Failed(notices []Notice) bool {
	for _, n := range notices {
		if n.Severity == Failure {
			return true
		}
	}
	return false
}

// PleaseNote tells what the engine wants its reader to know.
func PleaseNote(headline string, lines []string) []Notice {
	if len(lines) == 0 {
		return nil
	}
	return []Notice{warning(headline+": please note", strings.Join(lines, "\n"))}
}

// Explain writes an error as paragraphs: what failed and why, what state
// things are in now, and what to do next.
func Explain(err error) string {
	var e *offset.Error
	if !errors.As(err, &e) {
		switch {
		case errors.Is(err, context.Canceled):
			return "The operation was interrupted."
		case errors.Is(err, context.DeadlineExceeded):
			return "The operation ran out of time. Allow it more with timeouts."
		}
		return Sentence(err.Error())
	}
	what := e.What
	if e.Err != nil {
		what = strings.TrimSuffix(what, ".") + ": " + e.Err.Error()
	}
	var paragraphs []string
	for _, p := range []string{what, e.State, e.Next} {
		if p != "" {
			paragraphs = append(paragraphs, Sentence(p))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// Sentence ends s with a full stop and starts it with a capital.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	s = offset.Capital(s)
	if !strings.ContainsRune(".!?:", rune(s[len(s)-1])) {
		s += "."
	}
	return s
}
