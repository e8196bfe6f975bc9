package kafka

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A log of 20 to 100, a group at 60, epochs 1, 4 and 7.
func sample(change ...func(*row)) row {
	r := newRow("orders", 0, 1)
	r.committed = committed{offset: 60, metadata: "state"}
	r.start, r.end, r.match = 20, 100, 40
	r.startEpoch, r.matchEpoch, r.endEpoch = 1, 4, 7
	for _, f := range change {
		f(&r)
	}
	return r
}

func unset(r *row)     { r.committed = uncommitted }
func empty(r *row)     { r.start, r.end, r.match = 30, 30, offset.None }
func unmatched(r *row) { r.match = offset.None }

func at(source int64) func(*row) {
	return func(r *row) { r.source = committed{offset: source, metadata: "source"} }
}

func TestResolve(t *testing.T) {
	to := func(k offset.TargetKind) offset.Target { return offset.Target{Kind: k} }
	off := func(n int64) offset.Target { return offset.Target{Kind: offset.ToOffset, Offset: n} }
	shift := func(n int64) offset.Target { return offset.Target{Kind: offset.ByShift, Shift: n} }
	for name, c := range map[string]struct {
		target  offset.Target
		row     row
		want    int64
		clamped bool
		epoch   int32
	}{
		"earliest":                               {to(offset.ToEarliest), sample(), 20, false, 1},
		"latest":                                 {to(offset.ToLatest), sample(), 100, false, 7},
		"earliest of an empty log":               {to(offset.ToEarliest), sample(empty), 30, false, 7},
		"current":                                {to(offset.ToCurrent), sample(), 60, false, -1},
		"current without an offset":              {to(offset.ToCurrent), sample(unset), 100, false, 7},
		"current that retention has passed":      {to(offset.ToCurrent), sample(func(r *row) { r.committed.offset = 3 }), 20, true, 1},
		"offset":                                 {off(50), sample(), 50, false, -1},
		"offset 0 is legal":                      {off(0), sample(func(r *row) { r.start = 0 }), 0, false, 1},
		"offset at the end is legal":             {off(100), sample(), 100, false, 7},
		"offset before the log":                  {off(7), sample(), 20, true, 1},
		"offset after the log":                   {off(101), sample(), 100, true, 7},
		"the largest offset":                     {off(math.MaxInt64), sample(), 100, true, 7},
		"time":                                   {to(offset.ToTime), sample(), 40, false, 4},
		"time after the last record":             {to(offset.ToTime), sample(unmatched), 100, false, 7},
		"time in an empty log":                   {to(offset.ToTime), sample(empty), 30, false, 7},
		"time whose record was just deleted":     {to(offset.ToTime), sample(func(r *row) { r.match = 19 }), 20, false, 1},
		"time behind the last stable offset":     {to(offset.ToTime), sample(func(r *row) { r.match = 120 }), 100, false, 7},
		"lookback":                               {to(offset.ToLookback), sample(), 40, false, 4},
		"shift back":                             {shift(-10), sample(), 50, false, -1},
		"shift forward":                          {shift(+10), sample(), 70, false, -1},
		"shift over the start":                   {shift(-1000), sample(), 20, true, 1},
		"shift over the end":                     {shift(+1000), sample(), 100, true, 7},
		"shift that would overflow":              {shift(math.MaxInt64), sample(), 100, true, 7},
		"shift that would overflow downwards":    {shift(math.MinInt64), sample(), 20, true, 1},
		"another group":                          {to(offset.ToGroup), sample(at(33)), 33, false, -1},
		"another group whose offset has expired": {to(offset.ToGroup), sample(at(3)), 20, true, 1},
		"explicit":                               {offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {0: 90}}}, sample(), 90, false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			moves, carry, err := resolve(c.target, offset.Clamp, []row{c.row})
			if err != nil {
				t.Fatal(err)
			}
			m := moves[0]
			if m.Offset != c.want || m.Clamped != c.clamped || carry[0].epoch != c.epoch {
				t.Errorf("offset %d, clamped %t, epoch %d; want %d, %t, %d", m.Offset, m.Clamped, carry[0].epoch, c.want, c.clamped, c.epoch)
			}
			if m.Previous != c.row.committed.offset || m.Metadata != c.row.committed.metadata || m.Start != c.row.start || m.End != c.row.end {
				t.Errorf("the move says %+v of %+v", m, c.row)
			}
			copied := ""
			if c.target.Kind == offset.ToGroup && !c.clamped {
				copied = "source"
			}
			if carry[0].metadata != copied {
				t.Errorf("the commit carries %q, want %q", carry[0].metadata, copied)
			}
			_, _, err = resolve(c.target, offset.Refuse, []row{c.row})
			if c.clamped {
				wantError(t, err, offset.OutsideLog, "orders-0")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestResolveNamesEveryPartitionWithoutAnOffset(t *testing.T) {
	other := sample(unset)
	other.id = 1
	for _, target := range []offset.Target{
		{Kind: offset.ByShift, Shift: -1},
		{Kind: offset.ToGroup, Group: "other"},
	} {
		_, _, err := resolve(target, offset.Clamp, []row{sample(unset), other})
		wantError(t, err, offset.NoOffset, "orders-0, orders-1")
	}
}

func TestMillisecondsRoundUp(t *testing.T) {
	ms := time.UnixMilli(1700000000123)
	for d, want := range map[time.Duration]int64{0: 1700000000123, 1: 1700000000124, time.Millisecond - 1: 1700000000124, time.Millisecond: 1700000000124} {
		if got := milliseconds(ms.Add(d)); got != want {
			t.Errorf("%s after: %d, want %d", d, got, want)
		}
	}
}

// Whatever the cluster tells and the target is, an offset that is committed
// lies in the log, and one that was moved says so.
func FuzzResolve(f *testing.F) {
	f.Add(uint8(0), int64(5), int64(-5), int64(60), int64(20), int64(100), int64(40))
	f.Add(uint8(6), int64(0), int64(math.MinInt64), int64(math.MaxInt64), int64(0), int64(0), int64(-1))
	f.Add(uint8(3), int64(math.MaxInt64), int64(1), int64(-1), int64(7), int64(7), int64(9))
	kinds := []offset.TargetKind{offset.ToEarliest, offset.ToLatest, offset.ToCurrent, offset.ToOffset, offset.ToTime, offset.ToLookback, offset.ByShift, offset.ToGroup, offset.ToOffsets}
	f.Fuzz(func(t *testing.T, kind uint8, off, shift, committed, start, length, match int64) {
		r := newRow("t", 0, 0)
		r.start = max(start, 0)
		r.end = add(r.start, max(length, 0))
		r.committed.offset, r.match, r.source.offset = max(committed, -1), match, off
		target := offset.Target{Kind: kinds[int(kind)%len(kinds)], Offset: off, Shift: shift, Offsets: offset.Offsets{"t": {0: off}}}
		moves, carry, err := resolve(target, offset.Clamp, []row{r})
		if err != nil {
			if offset.CodeOf(err) != offset.NoOffset {
				t.Fatal(err)
			}
			return
		}
		m := moves[0]
		if m.Offset < r.start || m.Offset > r.end || m.Offset < 0 {
			t.Errorf("%d is outside of %d to %d", m.Offset, r.start, r.end)
		}
		if m.Clamped && m.Offset != r.start && m.Offset != r.end {
			t.Errorf("clamped to %d", m.Offset)
		}
		if carry[0].epoch != -1 {
			t.Errorf("epoch %d out of nowhere", carry[0].epoch)
		}
		_, _, err = resolve(target, offset.Refuse, []row{r})
		if (err != nil) != m.Clamped {
			t.Errorf("clamped %t, but refused with %v", m.Clamped, err)
		}
	})
}

func TestSortPartitions(t *testing.T) {
	for _, ids := range [][]int32{{}, {0}, {2, 0, 1}, {5, 3, 9}, {1, 1, 0}, {-1, 0}} {
		var partitions []*sarama.PartitionMetadata
		for _, id := range ids {
			partitions = append(partitions, &sarama.PartitionMetadata{ID: id})
		}
		sortPartitions(partitions)
		var got []int32
		for _, p := range partitions {
			got = append(got, p.ID)
		}
		if slices.Sort(ids); !slices.Equal(got, ids) {
			t.Errorf("got %v, want %v", got, ids)
		}
	}
}
