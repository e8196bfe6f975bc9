package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	width  = 100 // of the widest line, in columns
	indent = "  "
)

// style is what a line looks like.
type style int

const (
	plain style = iota
	title
	command
	source
	faint
	figures
	warning
	good
)

// colours are the styles' escape sequences.
var colours = map[style]string{
	title: "1", command: "1;36", faint: "2", figures: "1", warning: "33", good: "32",
}

// screen prints lines as they come, if it has somewhere to print to, and
// remembers them.
type screen struct {
	out     io.Writer
	colours bool
	// timeless leaves out what differs from day to day and from machine to
	// machine, so that a picture changes only when the provider does.
	timeless bool
	lines    []line
}

type line struct {
	style style
	text  string
}

func (s *screen) print(look style, text string) {
	s.lines = append(s.lines, line{look, text})
	if s.out == nil {
		return
	}
	if escape := colours[look]; s.colours && escape != "" {
		text = "\x1b[" + escape + "m" + text + "\x1b[0m"
	}
	fmt.Fprintln(s.out, text)
}

func (s *screen) blank() { s.print(plain, "") }

var age = regexp.MustCompile(` \([0-9a-z]+ ago\)`)

// withoutAge leaves out how long ago an instant is, on a screen without time.
func (s *screen) withoutAge(text string) string {
	if !s.timeless {
		return text
	}
	return age.ReplaceAllLiteralString(text, "")
}

// wrap breaks a text into lines between words. All but the first are indented.
func wrap(text string, columns int) []string {
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		switch {
		case now == "":
			now = word
		case utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) <= columns:
			now += " " + word
		default:
			lines = append(lines, now)
			now = indent + word
		}
	}
	return append(lines, now)
}

// colourful tells whether colours are wanted there: on a terminal, unless
// NO_COLOR or TERM say otherwise.
func colourful(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
