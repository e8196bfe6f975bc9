package main

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// What a picture measures, in pixels.
const (
	margin     = 24
	panelWidth = 450
	plotLeft   = 104 // within a panel: room for the ratios' names
	plotTop    = 34
	plotHeight = 210
	plotRight  = 30
	lineHeight = 20
	legendLine = 24
)

// style has colours for a light and for a dark page, and a ground of its own,
// so that neither page shines through.
const style = `<style>
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; fill: #57606a }
.ground { fill: #ffffff; stroke: #d0d7de } .grid { stroke: #d8dee4 }
.head { font-size: 16px; font-weight: 600; fill: #1f2328 } .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
.m { text-anchor: middle } .e { text-anchor: end } .v { font-size: 12px; text-anchor: middle; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.l { fill: none; stroke-width: 2.5 } .less { stroke-dasharray: 6 4 }
.as { stroke: #0969da } .af { fill: #0969da } .bs { stroke: #6e7781 } .bf { fill: #6e7781 }
.cs { stroke: #bc4c00 } .cf { fill: #bc4c00 } .ds { stroke: #8250df } .df { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .ground { fill: #0d1117; stroke: #3d444d } .grid { stroke: #2a313c } .v { stroke: #0d1117 }
.head, .title { fill: #f0f6fc }
.as { stroke: #4493f8 } .af { fill: #4493f8 } .bs { stroke: #9198a1 } .bf { fill: #9198a1 }
.cs { stroke: #f0883e } .cf { fill: #f0883e } .ds { stroke: #ab7df8 } .df { fill: #ab7df8 }
}
</style>
`

// canvas gathers a picture's elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(class string, x, y float64, text string) {
	fmt.Fprintf(c, `<text class="%s" x="%.1f" y="%.1f">`, class, x, y)
	_ = xml.EscapeText(c, []byte(text)) // writing to a buffer does not fail
	c.WriteString("</text>\n")
}

// draw draws the picture. The same numbers give the same bytes.
func (p picture) draw() []byte {
	legend := p.panels[0].series
	top := margin + 16 + 14 + (len(legend)+1)/2*legendLine
	rows := (len(p.panels) + p.columns - 1) / p.columns
	height := 0
	for _, one := range p.panels {
		height = max(height, one.height())
	}
	w, h := 2*margin+p.columns*panelWidth, top+rows*height+margin/2
	c := &canvas{}
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`, w, h, w, h)
	c.WriteString(`<title id="title">`)
	_ = xml.EscapeText(c, []byte(p.title)) // writing to a buffer does not fail
	c.WriteString("</title>\n" + style)
	c.add(`<rect class="ground" x="0.5" y="0.5" width="%d" height="%d" rx="8"/>`, w-1, h-1)
	c.text("head", margin, margin+16, p.title)
	for i, s := range legend {
		x, y := float64(margin+i%2*(w/2-margin)), float64(margin+16+14+i/2*legendLine+12)
		s.line(c, [][2]float64{{x, y - 5}, {x + 36, y - 5}})
		s.mark(c, x+18, y-5)
		c.text("", x+46, y, s.name)
	}
	low, high := bounds(p.panels...)
	for i, one := range p.panels {
		if !p.alike {
			low, high = bounds(one)
		}
		one.draw(c, float64(margin+i%p.columns*panelWidth), float64(top+i/p.columns*height), low, high)
	}
	c.WriteString("</svg>\n")
	return c.Bytes()
}

func (p panel) height() int { return plotTop + plotHeight + (1+len(p.ratios))*lineHeight + 24 }

// draw draws one chart, its upper left corner at x and y, its axis from low to high.
func (p panel) draw(c *canvas, x, y, low, high float64) {
	c.text("title", x+plotLeft, y+20, p.title)
	left, right := x+plotLeft, x+panelWidth-plotRight
	top, bottom := y+plotTop, y+plotTop+plotHeight
	across := scale{float64(p.sizes[0]), float64(p.sizes[len(p.sizes)-1]), left + 20, right - 20}
	up := scale{low, high, bottom, top}
	for _, tick := range ticks(low, high) {
		c.add(`<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, left, up.at(tick), right, up.at(tick))
		c.text("e", left-8, up.at(tick)+4, duration(tick))
	}
	for _, size := range p.sizes {
		c.text("m", across.at(float64(size)), bottom+lineHeight, thousands(size))
	}
	c.text("e", left-8, bottom+lineHeight, p.of)
	for i, r := range p.ratios {
		row := bottom + float64((i+2)*lineHeight)
		c.text("e", left-8, row, r.name)
		for _, size := range p.sizes {
			if value, known := r.values[size]; known {
				c.text("m", across.at(float64(size)), row, strconv.FormatFloat(value, 'f', places(value), 64)+"×")
			}
		}
	}
	for _, s := range slices.Backward(p.series) {
		var points [][2]float64
		for _, size := range slices.Sorted(maps.Keys(s.values)) {
			points = append(points, [2]float64{across.at(float64(size)), up.at(s.values[size])})
		}
		s.line(c, points)
		for _, at := range points {
			s.mark(c, at[0], at[1])
		}
	}
	for _, size := range p.sizes { // above all lines
		for _, l := range p.labels(size, up) {
			c.text("v "+l.class[:1]+"f", across.at(float64(size)), l.y, duration(l.value))
		}
	}
}

// label is a value beside its point.
type label struct {
	class    string
	value, y float64
}

// labels are those of one size. Of two points that are close, the upper one's
// stands above and the lower one's below, whatever they want.
func (p panel) labels(size int, up scale) []label {
	const near = below - above + 12
	var shown []series
	for _, s := range p.series {
		if _, known := s.values[size]; known && s.label != apart {
			shown = append(shown, s)
		}
	}
	slices.SortStableFunc(shown, func(a, b series) int { return cmp.Compare(b.values[size], a.values[size]) })
	for i := 1; i < len(shown); i++ {
		if up.at(shown[i].values[size])-up.at(shown[i-1].values[size]) < near {
			shown[i-1].label, shown[i].label = above, below
		}
	}
	var out []label
	for _, s := range shown {
		out = append(out, label{s.class, s.values[size], up.at(s.values[size]) + s.label})
	}
	return out
}

// bounds are those of the vertical axis, with room for labels.
func bounds(panels ...panel) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, p := range panels {
		for _, s := range p.series {
			for _, v := range s.values {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	// Labels take as much room as their share of the axis.
	room := math.Pow(high/low, 0.1)
	return low / room, high * room
}

// ticks are the powers of ten within bounds, with 2 and 5 times as much if these are few.
func ticks(low, high float64) []float64 {
	var out []float64
	factors := []float64{1}
	if high/low <= 30 {
		factors = []float64{1, 2, 5}
	}
	for power := math.Pow(10, math.Floor(math.Log10(low))); power <= high; power *= 10 {
		for _, f := range factors {
			if tick := power * f; low <= tick && tick <= high {
				out = append(out, tick)
			}
		}
	}
	return out
}

// scale is a logarithmic axis.
type scale struct{ low, high, from, to float64 }

func (s scale) at(value float64) float64 {
	if s.high == s.low {
		return (s.from + s.to) / 2
	}
	return s.from + (s.to-s.from)*math.Log(value/s.low)/math.Log(s.high/s.low)
}

func (s series) line(c *canvas, points [][2]float64) {
	var words []string
	for _, p := range points {
		words = append(words, fmt.Sprintf("%.1f,%.1f", p[0], p[1]))
	}
	class := "l " + s.class[:1] + "s"
	if len(s.class) > 1 {
		class += " less"
	}
	c.add(`<polyline class="%s" points="%s"/>`, class, strings.Join(words, " "))
}

// mark draws a point, in a form of its own for each colour.
func (s series) mark(c *canvas, x, y float64) {
	fill := s.class[:1] + "f"
	switch s.class[:1] {
	case ours:
		c.add(`<circle class="%s" cx="%.1f" cy="%.1f" r="4"/>`, fill, x, y)
	case base:
		c.add(`<rect class="%s" x="%.1f" y="%.1f" width="7" height="7"/>`, fill, x-3.5, y-3.5)
	case theirs:
		c.add(`<path class="%s" d="M%.1f %.1fl5 8.5h-10z"/>`, fill, x, y-5)
	default:
		c.add(`<path class="%s" d="M%.1f %.1fl5 5l-5 5l-5 -5z"/>`, fill, x, y-5)
	}
}

// duration writes milliseconds with two or three digits that count.
func duration(ms float64) string {
	unit := " ms"
	if ms >= 1000 {
		ms, unit = ms/1000, " s"
	}
	text := strconv.FormatFloat(ms, 'f', places(ms), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + unit
}

// places is how many digits stand behind the point of so large a number.
func places(v float64) int {
	switch {
	case v >= 20:
		return 0
	case v >= 5:
		return 1
	default:
		return 2
	}
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
