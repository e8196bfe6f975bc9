package romaconnect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Undo puts back, partition by partition, what a reset has moved, if nothing
// has moved it since; a lenient request leaves alone what something has, and
// tells it in a note. A partition that is back already is done. It needs a
// service that tells offsets of partitions.
func (e *instance) Undo(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	what := fmt.Sprintf("Restore the offsets of consumer group %q on %s", req.Group, e.name())
	refuse := func(code offset.Code, reason, next string) (*offset.Result, error) {
		return nil, &offset.Error{Code: code, What: what + ": " + reason, State: offset.NothingChanged, Next: next}
	}
	if req.ClusterID != "" && req.ClusterID != e.id {
		return refuse(offset.WrongCluster, fmt.Sprintf("the reset was done on instance %q", req.ClusterID), "Set instance_id to that instance, or on_destroy = \"keep\".")
	}
	result := &offset.Result{ClusterID: e.id, At: e.client.clock.Now()}
	back, unknown := undone(req)
	if len(unknown) > 0 && req.Lenient {
		result.Notes = append(result.Notes, "Left alone, because nobody knows where the group was, or it had no offset there, and the service cannot delete one: "+list(unknown)+".")
	} else if len(unknown) > 0 {
		return refuse(offset.NoOffset, "nobody knows where the group was on "+list(unknown)+", or it had no offset there, and the service cannot delete one", "Set on_destroy = \"keep\", apply, and destroy.")
	}
	if len(back) == 0 {
		result.Notes = append(result.Notes, "There is nothing to put back.")
		return result, nil
	}
	topic := back[0].Topic

	tell := req.Progress
	if tell == nil {
		tell = func(string) {}
	}
	if err := e.awaitInactive(ctx, req.Group, what, req.Wait(), tell); err != nil {
		return gone(result, err)
	}
	limits, err := e.topicBounds(ctx, topic)
	if err != nil && !managed.Barred(err) {
		return gone(result, e.fail(ctx, what, e.topicOperation(), err))
	}
	now, err := e.groupStatus(ctx, req.Group, topic)
	if err != nil {
		return gone(result, e.fail(ctx, what, e.groupOperation(), err))
	}
	switch {
	case !now.exact:
		return refuse(offset.Unsupported, "the service tells no offsets of partitions, so that nobody can compare them", "Give the key the right to call "+e.offsetsOperation()+", or set on_destroy = \"keep\".")
	case !now.idle():
		return nil, e.active(what, now, 0)
	}
	result.State = now.state
	seen := view{group: now, bounds: limits}

	var moved, lost []string
	var put []offset.Move
	for _, m := range back {
		current, ok := now.offsets[m.ID]
		if !ok {
			current = offset.None
		}
		if current == m.Previous {
			continue
		}
		if current != m.Offset {
			moved = append(moved, fmt.Sprintf("partition %d is at %s, not at %d", m.ID, number(current), m.Offset))
			continue
		}
		if b, ok := limits[m.ID]; ok && b.start >= 0 && m.Previous < b.start {
			lost = append(lost, fmt.Sprintf("partition %d was at %d and its log begins at %d", m.ID, m.Previous, b.start))
			continue
		}
		// What is behind the end, as in a topic that was made anew, would be
		// moved to the end.
		if end := seen.end(m.ID); end >= 0 && m.Previous > end {
			lost = append(lost, fmt.Sprintf("partition %d was at %d and its log ends at %d", m.ID, m.Previous, end))
			continue
		}
		put = append(put, m)
	}
	next := "Set on_destroy = \"keep\", apply, and destroy; or reset once more with offsets from the record."
	switch {
	case len(moved) > 0 && !req.Lenient:
		return refuse(offset.Overwritten, "the offsets have moved since the reset: "+shorten(moved), next)
	case len(lost) > 0 && !req.Lenient:
		return refuse(offset.OutsideLog, "the log no longer holds the offsets from before the reset: "+shorten(lost), next)
	}

	if len(moved) > 0 {
		result.Notes = append(result.Notes, "Left alone, because the offsets have moved since the reset: "+shorten(moved)+".")
	}
	if len(lost) > 0 {
		result.Notes = append(result.Notes, "Left where the reset has put them, because the log no longer holds the offsets from before: "+shorten(lost)+".")
	}
	if back = put; len(back) == 0 {
		return result, nil
	}

	tell("Putting the offsets back")
	sent := 0
	var ids []string
	finish := context.WithoutCancel(ctx)
	for _, m := range back {
		if sent > 0 {
			ctx = finish //nolint:fatcontext // It is one context for all that follow the first.
		}
		id, failed := e.reset(ctx, req.Group, topic, order{partition: m.ID, offset: m.Previous})
		if err = failed; err != nil {
			break
		}
		ids = append(ids, id)
		sent++
	}
	if err != nil && sent == 0 && !managed.InDoubt(err) {
		return nil, e.fail(ctx, what, opReset, err)
	}
	result.Notes = append(result.Notes, managed.Requested(ids)...)
	return e.concludeUndo(ctx, req.Group, what, back, result, err)
}

// concludeUndo reads back what an undo has done.
func (e *instance) concludeUndo(ctx context.Context, group, what string, back []offset.Move, result *offset.Result, failed error) (*offset.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*e.client.timeout)
	defer cancel()
	topic := back[0].Topic
	for i := range back {
		m := &back[i]
		m.Previous, m.Offset, m.Clamped = m.Offset, m.Previous, false
	}
	result.Outcomes = offset.Outcomes(back)
	request := offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}}}
	after, err := e.readBack(ctx, request, back)
	var wrong []offset.Outcome
	for i := range result.Outcomes {
		m := &result.Outcomes[i]
		if n, ok := after.offsets[m.ID]; ok {
			m.Seen = n
		}
		if err != nil || m.Seen != m.Offset {
			m.Fail("not put back")
			wrong = append(wrong, *m)
		}
	}
	switch {
	case err != nil:
		told := e.fail(ctx, what, e.groupOperation(), err)
		told.Code = offset.Incomplete
		told.State = "The offsets could not be read back, so it is not known which were put back."
		return result, told
	case len(wrong) == 0:
		return result, nil
	default:
		told := &offset.Error{Code: offset.Incomplete, What: what + ": not every offset was put back", Err: failed}
		told.State = "Read back: " + figures(wrong) + "."
		told.Next = "Destroy again."
		return result, told
	}
}

// Forget is not possible: the service deletes a topic's offsets only as a
// whole (DMS), or not at all.
func (e *instance) Forget(_ context.Context, req offset.UndoRequest) (*offset.Result, error) {
	return nil, &offset.Error{
		Code:  offset.Unsupported,
		What:  fmt.Sprintf("Delete the offsets of consumer group %q on %s: the service has no call for single partitions", req.Group, e.name()),
		State: offset.NothingChanged,
		Next:  "Set on_destroy = \"keep\".",
	}
}

// undone returns the moves that have to be put back, and the partitions of
// which nobody knows where to.
func undone(req offset.UndoRequest) (back []offset.Move, unknown []string) {
	for _, m := range req.Record {
		switch {
		case !m.Touched(), req.Skip != nil && req.Skip(m.Partition), m.Previous >= 0 && m.Previous == m.Offset:
		case m.Previous < 0 || m.Offset < 0:
			unknown = append(unknown, fmt.Sprint(m.ID))
		default:
			back = append(back, m.Move)
		}
	}
	return back, unknown
}

// gone turns the error that a group, topic or instance does not exist into a
// note: what is gone needs no undo.
func gone(result *offset.Result, err error) (*offset.Result, error) {
	switch offset.CodeOf(err) {
	case offset.GroupMissing, offset.TopicMissing:
		var told *offset.Error
		if errors.As(err, &told) {
			result.Notes = append(result.Notes, "There is nothing to put back: "+told.Error()+".")
			return result, nil
		}
	}
	return nil, err
}

func list(partitions []string) string {
	if len(partitions) == 1 {
		return "partition " + partitions[0]
	}
	return "partitions " + strings.Join(partitions[:min(10, len(partitions))], ", ")
}

func shorten(parts []string) string {
	if len(parts) > 10 {
		parts = append(parts[:10:10], fmt.Sprintf("and %d more", len(parts)-10))
	}
	return strings.Join(parts, "; ")
}

func number(n int64) string {
	if n < 0 {
		return "no offset"
	}
	return fmt.Sprint(n)
}
