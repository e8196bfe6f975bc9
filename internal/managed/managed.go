// Package managed holds what the clients of the managed services share: one
// signed HTTP call with its retries, texts without secrets, and the form in
// which a service says what it cannot do. It must not know a service's paths,
// its signatures or Terraform's schemas.
package managed

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Refusal says that a service cannot do what an argument asks for. It is
// found without the network, so a plan can tell it on the argument at fault.
type Refusal struct {
	Argument string // the argument's name in the resource
	Detail   string // why it cannot be done and what can be done instead; sentences
}

// Error returns the argument and the reason in one line.
func (r Refusal) Error() string { return r.Argument + ": " + r.Detail }

// Sentences joins refusals into one text.
func Sentences(refusals []Refusal) string {
	texts := make([]string, len(refusals))
	for i, r := range refusals {
		texts[i] = r.Error()
	}
	return strings.Join(texts, " ")
}

// ConfigError tells which setting of a client is wrong or missing.
type ConfigError struct {
	Field  string // the setting's name in the provider's section
	Detail string // what is wrong with it; sentences
}

// Error returns the setting and what is wrong with it in one line.
func (e *ConfigError) Error() string { return e.Field + ": " + e.Detail }

// Logger takes one line about what a client does, with fields that hold no
// secrets.
type Logger func(ctx context.Context, message string, fields map[string]any)

// Escape encodes a path segment, or a name or value in a query, as RFC 3986
// says: everything but letters, digits, "-", ".", "_" and "~" becomes %XX,
// also "/" and "%". Both vendors sign exactly this form.
func Escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// CheckSegment returns why a name cannot be a path segment, or "". Clients
// and gateways take "." and ".." for directories, also in escaped form, so
// that such a name could reach another resource.
func CheckSegment(s string) string {
	switch {
	case s == "":
		return "must not be empty."
	case s == "." || s == "..":
		return fmt.Sprintf("%q cannot be part of a request's path.", s)
	case !utf8.ValidString(s):
		return "must be valid UTF-8."
	default:
		return ""
	}
}

// Clean makes a text from a server fit for a message: one line, printable, at
// most limit characters.
func Clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError {
			space = n > 0
			continue
		}
		if n >= limit {
			return b.String() + " …"
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// VendorError is what a service answered instead of doing what was asked.
type VendorError struct {
	Status    int    // of HTTP
	Code      string // the vendor's; empty if the answer holds none
	Message   string // the vendor's
	Detail    string // what else the answer says
	RequestID string // for the vendor's support; empty if the answer holds none
}

// Error returns everything that is known in one line.
func (e *VendorError) Error() string {
	var b strings.Builder
	switch {
	case e.Code != "" && e.Message != "":
		b.WriteString(e.Code + ": " + e.Message)
	case e.Code != "":
		b.WriteString(e.Code)
	case e.Message != "":
		b.WriteString(e.Message)
	default:
		b.WriteString("the service gave no reason")
	}
	if e.Detail != "" {
		b.WriteString(" [" + e.Detail + "]")
	}
	b.WriteString(" (HTTP " + strconv.Itoa(e.Status))
	if e.RequestID != "" {
		b.WriteString(", request id " + e.RequestID)
	}
	b.WriteString(")")
	return b.String()
}
