package reset

import (
	"fmt"
	"maps"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Rest returns the request that does what a reset which failed half-way left
// undone: an ordinary one, with the offsets that were resolved then for the
// partitions that failed, and no others. What has landed is not in it, so that
// it is never moved again, wherever its consumers have gone since.
func Rest(req offset.Request, record []offset.Outcome) (offset.Request, error) {
	targets := offset.Offsets{}
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
	}
	slices.Sort(topics)
	req.Scope = offset.Scope{Topics: slices.Compact(topics)}
	req.Target = offset.Target{Kind: offset.ToOffsets, Offsets: targets}
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
			now.By = before.By
		}
		if ok && before.Failed() && before.Touched() {
			if now.State == offset.NotDone && (now.Seen < 0 || now.Seen != before.Previous) {
				now.State = offset.Unsettled
			}
			now.Previous, now.Metadata = before.Previous, before.Metadata
		}
		merged[now.Partition] = now
	}
	return slices.SortedFunc(maps.Values(merged), func(a, b offset.Outcome) int { return a.Compare(b.Partition) })
}
