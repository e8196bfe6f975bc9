package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// table is one table of what a benchmark has printed: numbers by row and by
// the number of partitions, resources or queues.
type table struct {
	title string
	of    string // what the columns count
	sizes []int  // the columns, ascending
	rows  map[string]map[int]float64
}

// tables are a benchmark's, by title.
type tables map[string]*table

// set adds a number, and its column if that is new.
func (t *table) set(row string, size int, value float64) {
	if i, found := slices.BinarySearch(t.sizes, size); !found {
		t.sizes = slices.Insert(t.sizes, i, size)
	}
	if t.rows[row] == nil {
		t.rows[row] = map[int]float64{}
	}
	t.rows[row][size] = value
}

// ratio returns one row as a multiple of another: as it was printed, if it was,
// for the medians in the table are rounded.
func (t *table) ratio(row, to string) map[int]float64 {
	ratios := maps.Clone(t.rows[row+" / "+to])
	if ratios == nil {
		ratios = map[int]float64{}
	}
	for size, value := range t.rows[row] {
		if base := t.rows[to][size]; ratios[size] == 0 && base > 0 {
			ratios[size] = value / base
		}
	}
	return ratios
}

func (ts tables) get(title, of string) *table {
	if ts[title] == nil {
		ts[title] = &table{title: title, of: of, rows: map[string]map[int]float64{}}
	}
	return ts[title]
}

// find returns the table of a title that has all the rows. That one is missing
// means that the benchmark prints something else than the drawing knows.
func (ts tables) find(title string, rows ...string) (*table, error) {
	t := ts[title]
	if t == nil {
		return nil, fmt.Errorf("there is no table %q", title)
	}
	for _, row := range rows {
		if len(t.rows[row]) == 0 {
			return nil, fmt.Errorf("the table %q has no row %q", title, row)
		}
	}
	return t, nil
}

// parseKafka reads the tables of bench/kafka, each a title, a line with the
// columns' numbers, and a line for each row. Tables of one title are one: large
// sizes are measured later. What is no such table is passed over.
func parseKafka(text string) tables {
	found := tables{}
	for block := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		if len(lines) < 3 {
			continue
		}
		of, numbers := split(lines[1], -1)
		if of != "partitions" && of != "resources" || len(numbers) == 0 {
			continue
		}
		t := found.get(lines[0], of)
		for _, line := range lines[2:] {
			name, values := split(line, len(numbers))
			if len(values) != len(numbers) {
				continue // a note below the table
			}
			for i, value := range values {
				t.set(name, int(numbers[i]), value)
			}
		}
	}
	return found
}

// split takes the numbers at a line's end off its name: all of them if n is
// negative, else the last n.
func split(line string, n int) (name string, numbers []float64) {
	fields := strings.Fields(line)
	for len(fields) > 0 && len(numbers) != n {
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			break
		}
		numbers, fields = append(numbers, value), fields[:len(fields)-1]
	}
	slices.Reverse(numbers)
	return strings.Join(fields, " "), numbers
}

// parseRocketMQ reads the tables of bench/rocketmq, each a title with the
// number of queues, and a line with median, ratio and name for each row. The
// titles without the number are the tables', and their sizes are all queues.
func parseRocketMQ(text string) (tables, error) {
	found := tables{}
	var t *table
	var queues int
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "To ") {
			target, rest, _ := strings.Cut(line, ", ")
			count, way, _ := strings.Cut(rest, ", ")
			var masters, each int
			if _, err := fmt.Sscanf(count, "%d × %d queues", &masters, &each); err != nil {
				return nil, fmt.Errorf("the title %q: %w", line, err)
			}
			t, queues = found.get(target+", "+way, "queues"), masters*each
			continue
		}
		fields := strings.Fields(line)
		if t == nil || len(fields) < 3 {
			continue
		}
		median, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			continue // the heading
		}
		t.set(strings.Join(fields[2:], " "), queues, median)
	}
	return found, nil
}
