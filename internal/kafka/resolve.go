package kafka

import (
	"fmt"
	"math"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// resolve says where the target puts each row. It is a pure function of what
// the cluster told. Its moves are sorted as the rows are; beside them is what
// their commits carry.
//
// The meaning is that of kafka-consumer-groups (Kafka 4.3) with three
// differences: the log's end is the last stable offset under read_committed,
// "current" is brought back into the log like every other target, and a
// target out of range can be refused.
func resolve(target offset.Target, outside offset.OutOfRange, rows []row) ([]offset.Move, []carried, error) {
	var without, out []string
	moves := make([]offset.Move, len(rows))
	carry := make([]carried, len(rows))
	for i := range rows {
		r := &rows[i]
		want, ok := aim(target, r)
		if !ok {
			without = append(without, name(r.topic, r.id))
			continue
		}
		at, clamped := clamp(want, r.start, r.end)
		if clamped && outside == offset.Refuse {
			out = append(out, fmt.Sprintf("%s: %d is outside of %d to %d", name(r.topic, r.id), want, r.start, r.end))
		}
		moves[i] = offset.Move{
			Partition: r.partition(),
			Previous:  r.committed.offset,
			Offset:    at,
			Start:     r.start,
			End:       r.end,
			Clamped:   clamped,
			Metadata:  r.committed.metadata,
			By:        r.by,
			Apart:     r.committed.again(max(r.end, r.after)),
		}
		carry[i].epoch = r.epoch(at, target.Kind)
		switch target.Kind { //nolint:exhaustive // The others carry nothing.
		case offset.ToGroup, offset.ToSnapshot:
			moves[i].Carries = r.source.metadata
		case offset.ToOffsets:
			known := target.Found[moves[i].Partition]
			moves[i].By, moves[i].Carries = known.By, known.Carries
		}
		if at != want { // it is right beside that offset only
			moves[i].Carries = ""
		}
		carry[i].metadata = moves[i].Carries
	}
	switch {
	case len(without) > 0:
		return nil, nil, noOffset(target, without, len(without) == len(rows))
	case len(out) > 0:
		return nil, nil, outsideLog(out)
	}
	return moves, carry, nil
}

// carried is what a commit carries beside the offset. A move carries no
// metadata, since what stood beside the old offset is wrong beside the new
// one; only what another group, or the group of a snapshot, has committed is
// copied whole.
type carried struct {
	epoch    int32 // the leader epoch; -1 if none is known
	metadata string
}

// aim returns the offset that the target means, wherever the log is, and false
// if it means none.
func aim(target offset.Target, r *row) (int64, bool) {
	switch target.Kind {
	case offset.ToEarliest:
		return r.start, true
	case offset.ToLatest:
		return r.end, true
	case offset.ToCurrent:
		if r.committed.offset < 0 {
			return r.end, true
		}
		return r.committed.offset, true
	case offset.ToOffset:
		return target.Offset, true
	case offset.ToTime, offset.ToLookback:
		// No record at or after the instant: the log's end. What matched a
		// moment ago may have left the log since, or lie behind the last
		// stable offset: that is no fault of the target.
		if r.match < 0 {
			return r.end, true
		}
		return min(max(r.match, r.start), r.end), true
	case offset.ByShift:
		if r.committed.offset < 0 {
			return offset.None, false
		}
		return add(r.committed.offset, target.Shift), true
	case offset.ToOffsets:
		at, ok := target.Offsets[r.topic][r.id]
		return at, ok
	case offset.ToGroup, offset.ToSnapshot:
		return r.source.offset, r.source.offset >= 0
	}
	return offset.None, false
}

// add adds without overflow.
func add(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

// clamp brings an offset into [start, end]. The end itself is legal: there the
// next record is waited for.
func clamp(at, start, end int64) (int64, bool) {
	switch {
	case at < start:
		return start, true
	case at > end:
		return end, true
	}
	return at, false
}

// epoch returns the leader epoch that ListOffsets told for an offset. Epoch 0,
// which a careless client commits, would make consumers believe that the log
// was truncated; -1 makes them believe nothing.
func (r *row) epoch(at int64, kind offset.TargetKind) int32 {
	switch {
	case (kind == offset.ToTime || kind == offset.ToLookback) && at == r.match:
		return r.matchEpoch
	case at == r.end:
		return r.endEpoch
	case at == r.start:
		return r.startEpoch
	}
	return -1
}

// milliseconds returns the timestamp of the first record that may lie at or
// after an instant: Kafka's times are whole milliseconds.
func milliseconds(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

func noOffset(target offset.Target, partitions []string, all bool) error {
	e := &offset.Error{
		Code: offset.NoOffset,
		What: fmt.Sprintf("The group has no committed offset in %s, so that there is nothing to shift", listed(partitions)),
		Next: "Leave these partitions out of the scope, or choose a target that needs no committed offset.",
	}
	if target.Kind == offset.ToGroup {
		e.What = fmt.Sprintf("Consumer group %q has no committed offset in %s", target.Group, listed(partitions))
		e.Next = "Leave these partitions out of the scope, or use all_topics, which takes the partitions that the group has offsets for."
		if all {
			e.What += ". It may not exist"
			e.Next = fmt.Sprintf("Check the name %q in source_group_id, and that the right DESCRIBE on it is there. If it is right: %s", target.Group, e.Next)
		}
	}
	return e
}

func outsideLog(partitions []string) error {
	return &offset.Error{
		Code: offset.OutsideLog,
		What: fmt.Sprintf("The target is outside of the log of %s: %s", count(len(partitions), "partition"), listed(partitions)),
		Next: `Choose another target, or set out_of_range = "clamp" to go to the log's start or end there.`,
	}
}
