package offset

import (
	"fmt"
	"strings"
)

// Summary counts what a reset does, or did.
type Summary struct {
	Partitions int64 // partitions in scope
	Moved      int64 // partitions whose offset changes
	Forward    int64 // of these, towards the log's end
	Back       int64 // of these, towards the log's start
	Unchanged  int64 // partitions that were there already
	Clamped    int64 // partitions whose target was out of range
	Created    int64 // partitions that get their first offset
	Failed     int64 // partitions that failed; they count nowhere else but in Partitions
	Unknown    int64 // partitions of which nobody can tell where they are; they count nowhere else but in Partitions
	Matched    int64 // of a snapshot: partitions whose record, or offset, was found
	Unmatched  int64 // of a snapshot: partitions that went by the record's time
	Pending    int64 // RocketMQ: partitions that a consumer still has to take up
	Replayed   int64 // offsets that will be consumed again: an upper bound of messages
	Skipped    int64 // offsets that will not be consumed: an upper bound of messages
}

// Told tells whether anything is known of single partitions. A managed service
// that tells no offsets leaves no moves, and then no number means anything.
func (s Summary) Told() bool { return s.Partitions > 0 }

// Counted tells whether it is known of every partition how far it moves, so
// that the numbers of moves and messages are whole.
func (s Summary) Counted() bool { return s.Told() && s.Unknown == 0 }

// Summarize counts the moves. Replayed and skipped messages are counted in
// offsets, an upper bound of messages because of compaction and transaction
// markers. What the log no longer holds can be neither replayed nor skipped,
// so a distance counts only within the log. A partition without a previous
// offset counts at its upper bound, so that no limit is passed unseen: all up
// to the log's end may be replayed, and all before the target is skipped.
func Summarize(moves []Move) Summary {
	s := Summary{Partitions: int64(len(moves))}
	for i := range moves {
		s.count(&moves[i])
	}
	return s
}

// SummarizeOutcomes counts what came of moves.
func SummarizeOutcomes(outcomes []Outcome) Summary {
	s := Summary{Partitions: int64(len(outcomes))}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Failed() {
			s.Failed++
			continue
		}
		if o.Pending && !o.Unknown() {
			s.Pending++
		}
		s.count(&o.Move)
	}
	return s
}

// count adds a move that is done, or is to be done.
func (s *Summary) count(m *Move) {
	if m.Clamped {
		s.Clamped++
	}
	if m.Unknown() {
		s.Unknown++
		return
	}
	if m.By != "" {
		s.countFound(m)
		return
	}
	if m.Created() {
		s.Created++
		s.Moved++
		s.Replayed += max(0, m.End-m.Offset)
		s.Skipped += max(0, m.Offset-max(m.Start, 0))
		return
	}
	d, known := m.Delta()
	switch {
	case !known || d == 0:
		s.Unchanged++
	case d > 0:
		s.Moved++
		s.Forward++
		s.Skipped += m.within(m.Offset) - m.within(m.Previous)
	default:
		s.Moved++
		s.Back++
		s.Replayed += m.within(m.Previous) - m.within(m.Offset)
	}
	s.Replayed += m.again()
}

// again counts what a share group has acknowledged one by one after the place
// where it is put.
func (m *Move) again() int64 { return min(m.Apart, max(0, m.End-m.Offset)) }

// countFound adds a move to the place of a snapshot, which tells what was
// consumed, so that nothing of it is skipped, wherever the group was here
// before. At the record itself nothing is replayed but what the group has
// consumed here since; by time anything up to the log's end may be.
func (s *Summary) countFound(m *Move) {
	d, known := m.Delta()
	switch {
	case m.Created():
		s.Created++
		s.Moved++
	case !known || d == 0:
		s.Unchanged++
	case d > 0:
		s.Moved++
		s.Forward++
	default:
		s.Moved++
		s.Back++
	}
	if m.By == ByTime {
		s.Unmatched++
		s.Replayed += max(0, m.End-m.Offset)
		return
	}
	s.Matched++
	s.Replayed += m.again()
	if d < 0 {
		s.Replayed += m.within(m.Previous) - m.within(m.Offset)
	}
	if m.By == ByOffset && d > 0 {
		s.Skipped += m.within(m.Offset) - m.within(m.Previous)
	}
}

// within brings an offset into the log, as far as the log's bounds are known.
// What lies beyond its end is left from a log that was deleted and created
// again.
func (m *Move) within(at int64) int64 {
	if m.End >= 0 {
		at = min(at, m.End)
	}
	return max(at, m.Start, 0)
}

// Limits bound what a reset may replay or skip, in offsets over all
// partitions. Nil means no limit.
type Limits struct {
	MaxReplayed *int64
	MaxSkipped  *int64
}

// Check returns an error that names every limit the summary is over.
func (l Limits) Check(s Summary) error {
	var over []string
	if l.MaxReplayed != nil && s.Replayed > *l.MaxReplayed {
		over = append(over, fmt.Sprintf("%d messages would be replayed and max_replayed_messages is %d", s.Replayed, *l.MaxReplayed))
	}
	if l.MaxSkipped != nil && s.Skipped > *l.MaxSkipped {
		over = append(over, fmt.Sprintf("%d messages would be skipped and max_skipped_messages is %d", s.Skipped, *l.MaxSkipped))
	}
	if len(over) == 0 {
		return nil
	}
	return &Error{
		Code:  LimitExceeded,
		What:  strings.Join(over, "; "),
		State: NothingChanged,
		Next:  "Look at the preview in the plan. If the numbers are what you want, raise the limit; else choose a nearer target.",
	}
}
