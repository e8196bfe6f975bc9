package docs

import (
	"regexp"
	"strings"
	"testing"
)

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// `make testacc` runs those of the provider's tests that begin with TestReal:
// the others need no real broker, and `make test` runs them.
func TestTheProvidersTestsOnRealBrokersAreNamedSo(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "internal/provider", "_test.go") {
		tagged := strings.Contains(file.text, "//go:build acceptance")
		for _, m := range testFunction.FindAllStringSubmatch(file.text, -1) {
			if m[1] != "TestMain" && tagged != strings.HasPrefix(m[1], "TestReal") {
				t.Errorf("%s: %s", file.path, m[1])
			}
		}
	}
}
