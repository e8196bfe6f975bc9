package provider

import (
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// table holds numbers by topic and partition, or by broker and queue: what
// the data sources tell. A number that is negative is unknown.
type table struct {
	columns []string
	rows    []tableRow
}

type tableRow struct {
	outer   string
	inner   int32
	numbers []int64
	texts   map[string]string // further members of the record
}

func newTable(columns ...string) *table { return &table{columns: columns} }

// add appends a row; its numbers are in the order of the columns.
func (t *table) add(outer string, inner int32, numbers ...int64) {
	t.rows = append(t.rows, tableRow{outer: outer, inner: inner, numbers: numbers})
}

// say adds a text to the last row's record.
func (t *table) say(name, text string) {
	if last := &t.rows[len(t.rows)-1]; last.texts == nil {
		last.texts = map[string]string{name: text}
	} else {
		last.texts[name] = text
	}
}

// sum returns the sum of a column's known numbers, in all and by the outer name.
func (t *table) sum(column string) (types.Int64, types.Map) {
	i := slices.Index(t.columns, column)
	var total int64
	by := map[string]int64{}
	for _, r := range t.rows {
		by[r.outer] += max(0, r.numbers[i])
		total += max(0, r.numbers[i])
	}
	return types.Int64Value(total), intMap(by)
}

// offsets returns a column's known numbers.
func (t *table) offsets(column string) offset.Offsets {
	i := slices.Index(t.columns, column)
	offsets := offset.Offsets{}
	for _, r := range t.rows {
		if r.numbers[i] < 0 {
			continue
		}
		if offsets[r.outer] == nil {
			offsets[r.outer] = map[int32]int64{}
		}
		offsets[r.outer][r.inner] = r.numbers[i]
	}
	return offsets
}

// offsetsValue returns offsets in the form of a resource's argument.
func offsetsValue(offsets offset.Offsets) types.Map {
	outer := make(map[string]attr.Value, len(offsets))
	for name, partitions := range offsets {
		inner := make(map[string]attr.Value, len(partitions))
		for id, at := range partitions {
			inner[strconv.FormatInt(int64(id), 10)] = numberValue(at)
		}
		outer[name] = types.MapValueMust(types.NumberType, inner)
	}
	return types.MapValueMust(offsetsType, outer)
}

// record returns the table as the JSON document of an attribute record.
func (t *table) record() types.String {
	doc := map[string]map[string]map[string]any{}
	for _, r := range t.rows {
		values := make(map[string]any, len(t.columns))
		for i, column := range t.columns {
			values[column] = numberOrNil(r.numbers[i])
		}
		for name, text := range r.texts {
			values[name] = text
		}
		if doc[r.outer] == nil {
			doc[r.outer] = map[string]map[string]any{}
		}
		doc[r.outer][strconv.FormatInt(int64(r.inner), 10)] = values
	}
	return document(doc)
}

func numberOrNil(n int64) any {
	if n == offset.None {
		return nil
	}
	return n
}
