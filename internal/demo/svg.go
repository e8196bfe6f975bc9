package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What the picture measures, in pixels: a column is as wide as the usual
// monospaced fonts are at this size.
const (
	fontSize   = 14
	column     = 8.43
	lineHeight = 20
	margin     = 20
)

// classes are the styles' classes in the picture.
var classes = map[style]string{
	plain: "p", title: "t", command: "c", source: "h", faint: "f", figures: "n", warning: "w", good: "g",
}

// drawing draws the lines as a terminal shows them. The same lines give the
// same bytes.
func drawing(lines []line) []byte {
	columns := width
	for _, l := range lines {
		columns = max(columns, utf8.RuneCountInString(l.text))
	}
	w, h := int(float64(columns)*column)+2*margin, len(lines)*lineHeight+2*margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title">
<title id="title">What make demo prints: a plan, an apply and a destroy that restores, on Kafka and on RocketMQ</title>
<style>
text { font: %dpx ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; white-space: pre }
.p { fill: #c9d1d9 } .h { fill: #a5d6ff } .f { fill: #8b949e } .w { fill: #e3b341 } .g { fill: #56d364 }
.t, .n { fill: #f0f6fc; font-weight: bold } .c { fill: #79c0ff; font-weight: bold }
</style>
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
`, w, h, w, h, fontSize)
	for i, l := range lines {
		text := strings.TrimLeft(l.text, " ")
		if text == "" {
			continue
		}
		left := float64(len(l.text)-len(text))*column + margin
		fmt.Fprintf(&b, `<text class="%s" x="%.2f" y="%d" xml:space="preserve">`, classes[l.style], left, margin+i*lineHeight+fontSize)
		_ = xml.EscapeText(&b, []byte(text)) // writing to a buffer does not fail
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
