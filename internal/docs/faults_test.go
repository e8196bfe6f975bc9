package docs

import (
	"regexp"
	"slices"
	"testing"
)

var namedTest = regexp.MustCompile("`(Test\\w+)`")

// What the guide says is proved by a test is proved by one that is there.
func TestWhatTheGuidesSayIsProvedIs(t *testing.T) {
	t.Parallel()
	var tests []string
	for _, file := range files(t, "internal", "_test.go") {
		for _, m := range testFunction.FindAllStringSubmatch(file.text, -1) {
			tests = append(tests, m[1])
		}
	}
	named := 0
	for _, file := range files(t, "templates", ".tmpl") {
		for _, m := range namedTest.FindAllStringSubmatch(file.text, -1) {
			named++
			if !slices.Contains(tests, m[1]) {
				t.Errorf("%s: there is no test %s", file.path, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no guide names a test")
	}
}
