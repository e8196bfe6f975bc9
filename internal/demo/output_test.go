package main

import (
	"slices"
	"strings"
	"testing"
)

const planOutput = `
Plan: 1 to add, 0 to change, 0 to destroy.

Warning: Another: first

  with a.b,
  on main.tf line 1, in resource "a" "b":

Not this one.

Warning: Reset a group: 3 move

  with a.b,
  on main.tf line 1, in resource "a" "b":
   1: resource "a" "b" {

First line
second line

Another paragraph
`

func TestLine(t *testing.T) {
	t.Parallel()
	if got, err := output(planOutput).line("Plan: "); err != nil || got != "Plan: 1 to add, 0 to change, 0 to destroy." {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := output(planOutput).line("Apply complete!"); err == nil || !strings.Contains(err.Error(), "Plan: 1 to add") {
		t.Errorf("the error %v does not have the output", err)
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"unix": planOutput, "windows": strings.ReplaceAll(planOutput, "\n", "\r\n")} {
		w, err := output(text).warning("Reset ")
		if err != nil || w.summary != "Reset a group: 3 move" || !slices.Equal(w.detail, []string{"First line", "second line"}) {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
	}
	if _, err := output(planOutput).warning("Restore "); err == nil || !strings.Contains(err.Error(), "Plan: 1 to add") {
		t.Errorf("the error %v does not have the output", err)
	}
}

func FuzzWarning(f *testing.F) {
	f.Add(planOutput)
	f.Add("\nWarning: Reset ")
	f.Add("\nWarning: Reset \n\n \n\n")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := output(text).warning("Reset ")
		if err == nil && !strings.HasPrefix(w.summary, "Reset ") {
			t.Errorf("the summary is %q", w.summary)
		}
		for _, l := range w.detail {
			if strings.Contains(l, "\n") {
				t.Errorf("%q is more than a line", l)
			}
		}
	})
}
