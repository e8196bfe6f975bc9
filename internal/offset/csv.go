package offset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// CSV is what a file of offsets holds: lines of topic, partition and offset,
// as "kafka-consumer-groups --export" writes them, or with the group in front
// of them, as it does for several groups.
type CSV struct {
	Group   string // the group that the lines name; empty if they name none
	Offsets Offsets
	lines   map[Partition]int
}

// Line returns the number of the first line of a topic, counted from 1.
func (c CSV) Line(topic string) int {
	first := 0
	for p, line := range c.lines {
		if p.Topic == topic && (first == 0 || line < first) {
			first = line
		}
	}
	return first
}

// EncodeCSV writes offsets as lines of topic, partition and offset, in order
// and without a heading, in the form that "kafka-consumer-groups
// --reset-offsets --from-file" reads. Offsets of queues have the broker's name
// in the topic's place.
func EncodeCSV(offsets Offsets) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, topic := range slices.Sorted(maps.Keys(offsets)) {
		for _, id := range slices.Sorted(maps.Keys(offsets[topic])) {
			_ = w.Write([]string{topic, strconv.FormatInt(int64(id), 10), strconv.FormatInt(offsets[topic][id], 10)})
		}
	}
	w.Flush() // A strings.Builder refuses nothing.
	return b.String()
}

// DecodeCSV reads what EncodeCSV or Kafka's tool has written, by hand or with
// a spreadsheet too: fields may be quoted, lines may end with CR and LF, blank
// lines and a heading are passed over. Its errors name the line.
func DecodeCSV(text string) (CSV, error) {
	found := CSV{Offsets: Offsets{}, lines: map[Partition]int{}}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))) // Spreadsheets begin a file with a byte-order mark.
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	r.ReuseRecord = true
	var group lineGroup
	for first := true; ; {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return CSV{}, unreadable(err)
		}
		line, _ := r.FieldPos(0)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if len(fields) == 1 && fields[0] == "" {
			continue
		}
		if first && isHeading(fields) {
			first = false
			continue
		}
		first = false
		if len(fields) != 3 && len(fields) != 4 {
			return CSV{}, fmt.Errorf("line %d has %s: a line is topic,partition,offset or group,topic,partition,offset", line, fieldCount(len(fields)))
		}
		if err := group.add(fields[:len(fields)-3], line); err != nil {
			return CSV{}, err
		}
		if err := found.add(fields[len(fields)-3:], line); err != nil {
			return CSV{}, err
		}
	}
	if len(found.Offsets) == 0 {
		return CSV{}, errors.New("there is no line of topic,partition,offset in it")
	}
	found.Group = group.name
	return found, nil
}

// isHeading tells whether the first line names its columns: where a partition
// should be stands the word. More is not asked, since tools differ.
func isHeading(fields []string) bool {
	return len(fields) >= 3 && strings.EqualFold(fields[len(fields)-2], "partition")
}

func fieldCount(n int) string {
	if n == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", n)
}

// unreadable words an error of the CSV reader, which names the line.
func unreadable(err error) error {
	var bad *csv.ParseError
	if !errors.As(err, &bad) {
		return err
	}
	switch {
	case errors.Is(bad.Err, csv.ErrQuote) && bad.StartLine != bad.Line:
		return fmt.Errorf("line %d: a quotation mark that is opened is not closed", bad.StartLine)
	case errors.Is(bad.Err, csv.ErrQuote), errors.Is(bad.Err, csv.ErrBareQuote):
		return fmt.Errorf("line %d: a quotation mark is out of place", bad.Line)
	}
	return fmt.Errorf("line %d: %w", bad.Line, bad.Err)
}

// lineGroup is the group that all lines must have in common.
type lineGroup struct {
	name string
	line int // the first line; 0 before it
}

// add compares a line's group, of which there is one or none, with the others'.
func (g *lineGroup) add(field []string, line int) error {
	name := strings.Join(field, "")
	switch {
	case len(field) > 0 && name == "":
		return fmt.Errorf("line %d: the group is empty", line)
	case broken(name):
		return fmt.Errorf("line %d: the group's name goes on in the next line: a quotation mark may be out of place", line)
	case g.line == 0:
		g.name, g.line = strings.Clone(name), line
	case (g.name == "") != (name == ""):
		return fmt.Errorf("line %d and line %d do not have the same number of fields: either each line names the group, or none does", g.line, line)
	case g.name != name:
		return fmt.Errorf("there are lines of several groups: line %d is of group %q, line %d of %q. Give it the lines of one group: "+
			`join("\n", [for line in split("\n", file("…")) : line if startswith(line, "%s,")])`, g.line, g.name, line, name, g.name)
	}
	return nil
}

// add takes topic, partition and offset.
func (c CSV) add(fields []string, line int) error {
	if fields[0] == "" {
		return fmt.Errorf("line %d: the topic is empty", line)
	}
	if broken(fields[0]) {
		return fmt.Errorf("line %d: the topic's name goes on in the next line: a quotation mark may be out of place", line)
	}
	id, err := whole("partition", fields[1], math.MaxInt32)
	if err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	at, err := whole("offset", fields[2], math.MaxInt64)
	if err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	p := Partition{Topic: strings.Clone(fields[0]), ID: int32(id)} //nolint:gosec // Bounded by whole.
	if before, twice := c.lines[p]; twice {
		return fmt.Errorf("line %d and line %d both have an offset for %s", before, line, p.Name())
	}
	c.lines[p] = line
	if c.Offsets[p.Topic] == nil {
		c.Offsets[p.Topic] = map[int32]int64{}
	}
	c.Offsets[p.Topic][p.ID] = at
	return nil
}

// broken tells whether a name has a line break in it, which no topic's and no
// group's has.
func broken(name string) bool { return strings.ContainsAny(name, "\r\n") }

// whole reads a number from 0 to the greatest that there may be.
func whole(what, field string, most int64) (int64, error) {
	n, err := strconv.ParseInt(field, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(field, "-"), err == nil && n > most:
		return 0, fmt.Errorf("the %s %s is too large: the largest is %d", what, field, most)
	case errors.Is(err, strconv.ErrRange), err == nil && n < 0:
		return 0, fmt.Errorf("the %s %s is negative", what, field)
	case err != nil:
		return 0, fmt.Errorf("the %s %q is not a whole number", what, field)
	}
	return n, nil
}
