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
// so a distance counts only from the log's start. A partition without a
// previous offset replays and skips nothing that could be told; one that may
// have been at 0 counts as being there, so that no limit is passed unseen.
func Summarize(moves []Move) Summary {
	s := Summary{Partitions: int64(len(moves))}
	for _, m := range moves {
		if m.Failed() {
			s.Failed++
			continue
		}
		if m.Clamped {
			s.Clamped++
		}
		if m.Unknown() {
			s.Unknown++
			continue
		}
		if m.Pending {
			s.Pending++
		}
		if m.Created() {
			s.Created++
			s.Moved++
			if m.MaybeZero {
				s.Skipped += max(0, m.Offset-max(m.Start, 0))
			}
			continue
		}
		d, known := m.Delta()
		switch {
		case !known || d == 0:
			s.Unchanged++
		case d > 0:
			s.Moved++
			s.Forward++
			s.Skipped += m.Offset - max(m.Previous, min(m.Start, m.Offset))
		default:
			s.Moved++
			s.Back++
			s.Replayed += replayable(m)
		}
	}
	return s
}

// replayable returns how many offsets a move back passes: from the target up
// to the previous offset, or to the log's end where the previous offset lies
// beyond it, as after the topic was deleted and created again.
func replayable(m Move) int64 {
	from := m.Previous
	if m.End >= 0 {
		from = min(from, m.End)
	}
	return max(0, from-m.Offset)
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
