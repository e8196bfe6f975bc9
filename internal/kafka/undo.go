package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Undo puts back what an earlier reset moved: each partition to the offset it
// had before, or to none. It compares first: unless every partition still has
// the offset that was set, and the one before is still in the log, nothing is
// changed; a lenient request leaves alone those that have not, which a note
// tells. A partition that is back already is done, and so is one whose topic
// or group is gone, which a note tells too. It waits for the group's members
// to leave, as Apply does.
//
// The result's moves lead from what was committed to what was put back, with
// offset.None where the offset was removed.
func (c *Client) Undo(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	wait := c.newWait(req.Group, req.Wait(), tellOf(req))
	moves := recorded(req)
	for {
		if err := interrupted(ctx); err != nil {
			return nil, untouched(err)
		}
		r, err := c.recall(ctx, req, moves)
		if err != nil {
			return nil, untouched(err)
		}
		if len(r.rows) == 0 || r.gone {
			return r.result(c, nil), nil
		}
		if !r.group.idle() {
			if err := wait.until(ctx, r.coordinator, r.group, (*group).idle); err != nil {
				return nil, untouched(err)
			}
			continue // consumers may have moved on before they left
		}
		back, remove, err := r.compare(ctx, c, req.Lenient)
		if err != nil {
			return nil, untouched(err)
		}
		result, err := c.putBack(ctx, r, back, remove, words{"put back", "Destroy again: what is back already stays as it is."}, tellOf(req))
		if !errors.Is(err, errBusy) {
			return result, err
		}
		if err := wait.refused(ctx); err != nil {
			return nil, untouched(err)
		}
	}
}

// Forget deletes the group's committed offsets of the recorded partitions,
// never the group. Members that are subscribed to one of the topics are waited
// for: the broker would refuse (GROUP_SUBSCRIBED_TO_TOPIC).
func (c *Client) Forget(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	wait := c.newWait(req.Group, req.Wait(), tellOf(req))
	moves := recorded(req)
	r, err := c.recall(ctx, req, moves)
	if err != nil {
		return nil, untouched(err)
	}
	if len(r.rows) == 0 || r.gone {
		return r.result(c, nil), nil
	}
	if !may(r.group.rights, opDelete) {
		return nil, untouched(wire.NoRight("DELETE", "consumer group", req.Group))
	}
	topics := topicsOf(r.rows)
	free := func(g *group) bool { return !g.subscribed(topics) }
	if !free(r.group) {
		if err := wait.until(ctx, r.coordinator, r.group, free); err != nil {
			return nil, untouched(err)
		}
	}
	if err := interrupted(ctx); err != nil {
		return nil, untouched(err)
	}
	var remove []int
	for i := range r.moves {
		r.moves[i].Offset = offset.None
		if r.moves[i].Previous >= 0 {
			remove = append(remove, i)
		}
	}
	result, err := c.putBack(ctx, r, nil, remove, words{"removed", "Destroy again: only what is left is removed then."}, tellOf(req))
	if errors.Is(err, errBusy) {
		return nil, untouched(active(r.group, false))
	}
	return result, err
}

func tellOf(req offset.UndoRequest) func(string) {
	return offset.Request{Progress: req.Progress}.Tell
}

// recorded returns the recorded moves that count, sorted: what failed for
// certain has not been moved, and what is skipped belongs to another reset by now.
func recorded(req offset.UndoRequest) []offset.Outcome {
	var moves []offset.Outcome
	for _, m := range req.Record {
		if m.Touched() && m.Offset >= 0 && (req.Skip == nil || !req.Skip(m.Partition)) {
			moves = append(moves, m)
		}
	}
	offset.SortOutcomes(moves)
	return moves
}

// recall is what a look at the recorded partitions showed.
type recall struct {
	coordinator *coordinator
	place       *place
	group       *group
	gone        bool             // the group neither exists nor has offsets
	rows        []row            // those partitions that still exist
	moves       []offset.Outcome // beside the rows: from what is committed to what was before the reset
	set         []int64          // beside the rows: what the reset had set
	notes       []string
}

// recall looks at the group and the recorded partitions.
func (c *Client) recall(ctx context.Context, req offset.UndoRequest, recorded []offset.Outcome) (*recall, error) {
	r := &recall{}
	if req.Group == "" {
		return nil, &offset.Error{Code: offset.InvalidArgument, What: "The consumer group's name is empty"}
	}
	if len(recorded) == 0 {
		r.notes = append(r.notes, "There is nothing to put back or to remove.")
		return r, nil
	}
	var err error
	if r.coordinator, err = c.cluster.coordinator(ctx, req.Group); err != nil {
		return nil, err
	}
	targets := offset.Offsets{}
	for _, m := range recorded {
		if targets[m.Topic] == nil {
			targets[m.Topic] = map[int32]int64{}
		}
		targets[m.Topic][m.ID] = m.Offset
	}
	sc := explicitScope(targets)
	err = wire.Parallel(ctx,
		func(ctx context.Context) (err error) {
			r.group, err = r.coordinator.describe(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			r.place, err = c.cluster.locate(ctx, selection{topics: sc.topics, explicit: sc.explicit, right: opRead, lenient: true})
			if err != nil {
				return err
			}
			if r.place.ClusterID != req.ClusterID && req.ClusterID != "" {
				return wire.WrongCluster(r.place.ClusterID, req.ClusterID, "the record of the reset")
			}
			if len(r.place.forbidden) > 0 {
				return wire.NoRight("DESCRIBE", "topic", r.place.forbidden...)
			}
			r.rows = r.place.rows
			return r.coordinator.committed(ctx, r.rows, func(r *row, at int64) { r.committed = at })
		})
	if err != nil {
		return nil, err
	}
	if err := r.group.refuseKind(); err != nil {
		return nil, err
	}
	r.align(recorded)
	return r, nil
}

// align puts the recorded moves beside the rows.
func (r *recall) align(recorded []offset.Outcome) {
	r.moves = make([]offset.Outcome, len(r.rows))
	r.set = make([]int64, len(r.rows))
	held := false
	n := 0
	for i := range r.rows {
		row := &r.rows[i]
		for recorded[n].Compare(row.partition()) < 0 {
			n++
		}
		m := recorded[n]
		r.set[i] = m.Offset
		r.moves[i] = offset.Outcome{
			Move: offset.Move{Partition: row.partition(), Previous: row.committed, Offset: m.Previous, Start: m.Start, End: m.End},
			Seen: offset.None,
		}
		held = held || row.committed >= 0
	}
	if len(r.place.missing) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("Nothing is left to do for %s: they do not exist any more.", listed(r.place.missing)))
	}
	if !r.group.exists && !held && len(r.rows) > 0 {
		r.gone = true
		r.notes = append(r.notes, fmt.Sprintf("Consumer group %q does not exist any more, so that nothing is left to do.", r.group.id))
	}
}

// compare says which moves to commit and which offsets to remove, or why the
// undo may not happen at all. If it is lenient, partitions that stand in its
// way are left alone instead.
func (r *recall) compare(ctx context.Context, c *Client, lenient bool) (back, remove []int, err error) {
	var conflicts []string
	var left []int
	for i := range r.rows {
		m := &r.moves[i]
		switch {
		case m.Previous == m.Offset:
			// It is back already.
		case m.Previous != r.set[i]:
			conflicts = append(conflicts, fmt.Sprintf("%s is at %s and not at %d any more", name(m.Topic, m.ID), offsetText(m.Previous), r.set[i]))
			left = append(left, i)
		case m.Offset < 0:
			remove = append(remove, i)
		default:
			back = append(back, i)
		}
	}
	if len(conflicts) > 0 && lenient {
		r.notes = append(r.notes, fmt.Sprintf("Left alone, because something else has moved them since: %s.", listed(conflicts)))
		r.leave(left)
	} else if len(conflicts) > 0 {
		return nil, nil, &offset.Error{
			Code: offset.Overwritten,
			What: fmt.Sprintf("The offsets of consumer group %q are not those that the reset had set: %s", r.group.id, listed(conflicts)),
			Next: keepInstead,
		}
	}
	if len(back) > 0 && !may(r.group.rights, opRead) {
		return nil, nil, wire.NoRight("READ", "consumer group", r.group.id)
	}
	if len(remove) > 0 && !may(r.group.rights, opDelete) {
		return nil, nil, wire.NoRight("DELETE", "consumer group", r.group.id)
	}
	back, err = r.inLog(ctx, c, back, lenient)
	return back, remove, err
}

// leave has moves lead nowhere.
func (r *recall) leave(moves []int) {
	for _, i := range moves {
		r.moves[i].Offset = r.moves[i].Previous
	}
}

const keepInstead = `To give the restore up, set on_destroy = "keep", apply, and destroy then. To go back all the same, make a new reset with the previous offsets from the record.`

// inLog makes sure that the offsets to go back to are still in the log. If it
// is lenient, it returns the moves of which that is true.
func (r *recall) inLog(ctx context.Context, c *Client, back []int, lenient bool) ([]int, error) {
	rows := make([]row, 0, len(back))
	var leaderless []string
	for _, i := range back {
		rows = append(rows, r.rows[i])
		if r.rows[i].leader < 0 {
			leaderless = append(leaderless, name(r.rows[i].topic, r.rows[i].id))
		}
	}
	if len(leaderless) > 0 {
		return nil, wire.NoLeader(leaderless...)
	}
	if err := c.cluster.bounds(ctx, r.place.Metadata, rows, startProbe(), endProbe(offset.ReadUncommitted)); err != nil {
		return nil, err
	}
	var out []string
	var in, left []int
	for n, i := range back {
		m := &r.moves[i]
		m.Start, m.End = rows[n].start, rows[n].end
		if m.Offset < m.Start || m.Offset > m.End {
			out = append(out, fmt.Sprintf("%s was at %d and its log holds %d to %d", name(m.Topic, m.ID), m.Offset, m.Start, m.End))
			left = append(left, i)
			continue
		}
		in = append(in, i)
	}
	if len(out) == 0 {
		return in, nil
	}
	if lenient {
		r.notes = append(r.notes, fmt.Sprintf("Left where the reset has put them, because the offsets from before are not in the log any more: %s.", listed(out)))
		r.leave(left)
		return in, nil
	}
	return nil, &offset.Error{
		Code: offset.OutsideLog,
		What: fmt.Sprintf("Offsets of consumer group %q from before the reset are not in the log any more: %s", r.group.id, listed(out)),
		Next: keepInstead,
	}
}

// putBack commits and removes offsets, reads them back and tells what came of
// it.
func (c *Client) putBack(ctx context.Context, r *recall, back, remove []int, words words, tell func(string)) (*offset.Result, error) {
	w := &writer{coordinator: r.coordinator, moves: r.moves, words: words, tell: tell}
	todo := slices.Sorted(slices.Values(slices.Concat(back, remove)))
	if len(todo) == 0 {
		return r.result(c, w), nil
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.finish)
	defer cancel()
	tell(fmt.Sprintf("Putting back %s of consumer group %q, removing %d", count(len(back), "offset"), r.group.id, len(remove)))
	if err := w.write(sending, back, c.clock.Now, w.commit); err != nil {
		return nil, err
	}
	if err := w.write(sending, remove, c.clock.Now, w.remove); err != nil {
		if len(back) == 0 {
			return nil, err
		}
		w.fail(remove, err.Error())
	}
	notes, err := w.settle(ctx, todo)
	r.notes = append(r.notes, notes...)
	return r.result(c, w), err
}

func (r *recall) result(c *Client, w *writer) *offset.Result {
	result := &offset.Result{At: c.clock.Now(), Outcomes: r.moves, Notes: r.notes, InDoubt: inDoubt(r.moves)}
	if r.place != nil {
		result.ClusterID = r.place.ClusterID
	}
	if r.group != nil {
		result.State = r.group.state
	}
	if w != nil && !w.started.IsZero() {
		result.At = w.started
	}
	return result
}
