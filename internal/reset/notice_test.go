package reset

import "testing"

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " \n": "", "a b": "A b.", "A b!": "A b!", "“a”": "“a”.",
		"ünpaid":    "Ünpaid.",
		"内部错误":      "内部错误.",
		"\xe9t\xe9": "\xe9t\xe9.",
	} {
		if got := Sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
