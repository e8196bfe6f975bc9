package provider

import (
	"testing"
	"unicode/utf8"
)

func TestReadable(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"Größe: 5 → 7 …\n\tfin":   "Größe: 5 → 7 …\n\tfin",
		"\ufffd":                  "\ufffd",
		"caf\xe9 \x1b[2J\x00\x7f": `caf\xe9 \x1b[2J\x00\x7f`,
		"a\r\nb":                  `a\r` + "\nb",
		"\u202eevil\u200b":        `\u202eevil\u200b`,
		"\xe2\x82":                `\xe2\x82`,
	} {
		if got := readable(text); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if again := readable(want); again != want {
			t.Errorf("%q is changed once more, to %q", want, again)
		}
	}
	if n := testing.AllocsPerRun(10, func() { readable("Consumer group \"billing\" moves on “orders”") }); n > 0 {
		t.Errorf("%v allocations for a text that is readable", n)
	}
}
