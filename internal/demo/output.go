package main

import (
	"fmt"
	"strings"
)

// output is what a command has printed, without colours.
type output string

// line returns the line that begins so.
func (o output) line(beginning string) (string, error) {
	for line := range strings.Lines(string(o)) {
		if strings.HasPrefix(line, beginning) {
			return strings.TrimRight(line, "\r\n"), nil
		}
	}
	return "", fmt.Errorf("no line begins with %q; this is the output:\n%s", beginning, o)
}

// diagnostic is a warning as Terraform prints it: a summary, the resource and
// the place in the configuration, and the detail, each after an empty line.
type diagnostic struct {
	summary string
	detail  []string // its first paragraph
}

// warning returns the first warning whose summary begins so.
func (o output) warning(beginning string) (diagnostic, error) {
	_, after, found := strings.Cut(string(o), "\nWarning: "+beginning)
	if !found {
		return diagnostic{}, fmt.Errorf("no warning begins with %q; this is the output:\n%s", beginning, o)
	}
	paragraphs := strings.Split(strings.ReplaceAll(after, "\r\n", "\n"), "\n\n")
	d := diagnostic{summary: strings.ReplaceAll(beginning+paragraphs[0], "\n", " ")}
	for _, p := range paragraphs[1:] {
		if !strings.HasPrefix(p, " ") { // the resource and the place are indented
			d.detail = strings.Split(strings.TrimRight(p, "\n"), "\n")
			break
		}
	}
	return d, nil
}
