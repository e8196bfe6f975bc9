package reset

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Rest returns the request that does what a reset which failed half-way left
// undone: an ordinary one, with the offsets that were resolved then for the
// partitions that failed, and no others. What has landed is not in it, so that
// it is never moved again, wherever its consumers have gone since. How a place
// was found and what its commit carries go with the offsets. A leader's epoch
// does not: it is known again where the offset is the log's start or end, and
// elsewhere none makes consumers believe nothing wrong.
func Rest(req offset.Request, record []offset.Outcome) (offset.Request, error) {
	targets := offset.Offsets{}
	var known map[offset.Partition]offset.Found
	var topics []string
	if len(record) > 0 && !slices.ContainsFunc(record, func(o offset.Outcome) bool { return !o.Failed() || o.Offset >= 0 }) {
		return req, nil // Of a time that only the service resolves, all is left to do.
	}
	for _, o := range record {
		if !o.Failed() {
			continue
		}
		if o.Offset < 0 {
			return req, &offset.Error{
				Code:  offset.InvalidArgument,
				What:  fmt.Sprintf("The record does not tell where %s was to be put, so that the reset cannot go on with it", o.Name()),
				State: offset.NothingChanged,
				Next:  "Change triggers to begin anew.",
			}
		}
		outer := o.Topic
		if o.Broker != "" {
			outer = o.Broker
			topics = append(topics, o.Topic)
		}
		if targets[outer] == nil {
			targets[outer] = map[int32]int64{}
		}
		targets[outer][o.ID] = o.Offset
		if found := (offset.Found{By: o.By, Carries: o.Carries}); found != (offset.Found{}) {
			if known == nil {
				known = map[offset.Partition]offset.Found{}
			}
			known[o.Partition] = found
		}
	}
	slices.Sort(topics)
	req.Scope = offset.Scope{Topics: slices.Compact(topics)}
	req.Target = offset.Target{Kind: offset.ToOffsets, Offsets: targets, Found: known}
	req.Rest = true
	return req, nil
}

// Merge puts what the rest came to into the record of the whole. A partition
// that was, or may have been, written by the attempt before keeps the offset
// from before that one, so that an undo leads to the very beginning; one that
// certainly was not has the offset that it had when the rest was done.
func Merge(record, rest []offset.Outcome) []offset.Outcome {
	merged := make(map[offset.Partition]offset.Outcome, len(record))
	for _, o := range record {
		merged[o.Partition] = o
	}
	for _, now := range rest {
		before, ok := merged[now.Partition]
		if ok {
			now.Clamped = now.Clamped || before.Clamped
			now.By, now.Carries = before.By, before.Carries
		}
		if ok && before.Failed() && before.Touched() {
			if now.State == offset.NotDone && (now.Seen < 0 || now.Seen != before.Previous) {
				now.State = before.State
			}
			now.Previous, now.Metadata = before.Previous, before.Metadata
		}
		merged[now.Partition] = now
	}
	return slices.SortedFunc(maps.Values(merged), func(a, b offset.Outcome) int { return a.Compare(b.Partition) })
}

// remainder is what is left to do of a reset that failed half-way.
type remainder struct {
	request offset.Request   // for what is left
	nothing bool             // nothing is
	plan    *offset.Plan     // of the request; nil if it is still to be made
	settled []offset.Outcome // of the partitions in doubt that turn out to have been written
	notes   []string
	looked  *offset.Plan // by which that was found; nil if nothing was in doubt
}

// remainder compares the partitions of which the last attempt did not tell
// whether they were written with where they are now. One at its target was, and
// is done. One at the offset from before is written. Anywhere else it may have
// been written, and consumed from: it is left alone, and told. What is found
// stands, however long the apply waits after it.
func (r *Run) remainder(ctx context.Context, engine Engine, a Attempt) (remainder, error) {
	record := a.Last.known()
	rest, err := a.rest(record)
	left := remainder{request: rest}
	if err != nil || !slices.ContainsFunc(record, doubtful) {
		return left, err
	}
	plan, err := r.plan(ctx, engine, rest, a.Last.ClusterID)
	if err != nil {
		return left, err
	}
	now := make(map[offset.Partition]offset.Move, len(plan.Moves))
	for _, m := range plan.Moves {
		now[m.Partition] = m
	}
	left.looked = plan
	var moved []string
	for i := range record {
		o := &record[i]
		m, ok := now[o.Partition]
		if !ok || !doubtful(*o) || m.Offset < 0 { // a queue that is gone is nowhere
			continue
		}
		at := m.Previous
		if m.MaybeZero {
			if o.Offset != 0 || o.Previous < 0 {
				continue
			}
			at = 0 // where it was to be put, and was not before
		}
		switch at {
		case o.Previous:
			continue
		case o.Offset:
			o.State = offset.Done
		default:
			o.State = offset.MovedOn
			moved = append(moved, fmt.Sprintf("%s is at %s, neither at %d, where it was to be put, nor at %s, where it was", o.Name(), number(at), o.Offset, number(o.Previous)))
		}
		o.Reason, o.Seen = "", at
		left.settled = append(left.settled, *o)
	}
	if len(left.settled) == 0 {
		left.plan = plan
		return left, nil
	}
	if len(moved) > 0 {
		left.notes = append(left.notes, fmt.Sprintf("Left alone, because the attempt before may have put them there, and their consumers may have gone on since: %s. To put them there all the same, change triggers.", some(moved, "; ")))
	}
	if left.nothing = !offset.AnyFailed(record); !left.nothing {
		left.request, err = a.rest(record)
	}
	return left, err
}

// doubtful tells whether only a comparison can tell if a partition was written.
func doubtful(o offset.Outcome) bool { return o.State == offset.Unsettled && o.Offset >= 0 }
