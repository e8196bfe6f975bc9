package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestColoursOnlyWhereWanted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		colours bool
		want    string
	}{{false, "yes\n"}, {true, "\x1b[32myes\x1b[0m\n"}} {
		var out bytes.Buffer
		s := screen{out: &out, colours: c.colours}
		s.print(good, "yes")
		if out.String() != c.want {
			t.Errorf("%q, not %q", out.String(), c.want)
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if colourful(f) {
		t.Error("a file is no terminal")
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                     {""},
		"one":                  {"one"},
		"one two":              {"one two"},
		"one two three four":   {"one two", "  three", "  four"},
		"→→→ →→→ x":            {"→→→ →→→", "  x"},
		"unbreakablyLong text": {"unbreakablyLong", "  text"},
	} {
		if got := wrap(text, 8); !slices.Equal(got, want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestOnlyAScreenWithoutTimeLeavesAgesOut(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Instant: now (3h12m ago)", "Instant: now (266d8h ago)", "Instant: now (12s ago)"} {
		if got := (&screen{timeless: true}).withoutAge(text); got != "Instant: now" {
			t.Errorf("%q", got)
		}
		if got := (&screen{}).withoutAge(text); got != text {
			t.Errorf("%q", got)
		}
	}
}

func TestDrawingIsWellFormed(t *testing.T) {
	t.Parallel()
	var lines []line
	var want []string
	for look := range classes {
		lines = append(lines, line{look, `  <a & "b">  → 1`})
		want = append(want, `<a & "b">  → 1`)
	}
	lines = append(lines, line{plain, ""})
	picture := drawing(lines)
	if !bytes.Equal(picture, drawing(lines)) {
		t.Error("the same lines give different pictures")
	}
	var got []string
	inText := false
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				got = append(got, string(token))
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	for look, class := range classes {
		if !strings.Contains(string(picture), "."+class+" ") && !strings.Contains(string(picture), "."+class+",") {
			t.Errorf("style %d has no colour", look)
		}
	}
}
