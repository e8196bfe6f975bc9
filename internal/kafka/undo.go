package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Undo puts back what an earlier reset moved: each partition to the offset it
// had before, or to none. It compares first: unless every partition still has
// the offset that was set, and the one before is still in the log, nothing is
// changed; a lenient request leaves alone those that have not, which a note
// tells. A partition that is back already is done, and so is one whose topic
// or group is gone, which a note tells too; one that the reset did not move is
// left alone. What the commit from before carried is committed again. It waits
// for the group's members to leave, as Apply does.
//
// The result's outcomes lead from what was committed to what was put back, with
// offset.None where the offset was removed.
func (c *Client) Undo(ctx context.Context, req offset.UndoRequest) (_ *offset.Result, err error) {
	ctx = wire.Telling(ctx, tellOf(req))
	defer func() { err = wire.Why(ctx, err) }()
	wait := c.newWait(req.Group, req.Wait(), tellOf(req))
	moves := slices.DeleteFunc(recorded(req), func(o offset.Outcome) bool { return o.Previous == o.Offset })
	for {
		if err := interrupted(ctx); err != nil {
			return nil, untouched(err)
		}
		r, err := c.recall(ctx, req, moves, !req.Lenient)
		if err != nil {
			return nil, untouched(err)
		}
		if len(r.rows) == 0 || r.gone {
			return r.result(c.clock.Now()), nil
		}
		if !r.group.idle() {
			if err := wait.until(ctx, r.coordinator, r.group, (*group).idle); err != nil {
				return nil, untouched(err)
			}
			continue // consumers may have moved on before they left
		}
		if err := r.compare(ctx, c, req.Lenient); err != nil {
			return nil, untouched(err)
		}
		w := c.newWriter(r.coordinator, r.outcomes, r.carry, words{"put back", "Destroy again: what is back already stays as it is."}, tellOf(req), false)
		result, err := c.putBack(ctx, r, w)
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
// for, also those that come while it deletes: the broker refuses then
// (GROUP_SUBSCRIBED_TO_TOPIC). Members that consume other topics may stay.
func (c *Client) Forget(ctx context.Context, req offset.UndoRequest) (_ *offset.Result, err error) {
	ctx = wire.Telling(ctx, tellOf(req))
	defer func() { err = wire.Why(ctx, err) }()
	wait := c.newWait(req.Group, req.Wait(), tellOf(req))
	moves := recorded(req)
	// What came of it so far, if a member has come when a part was deleted.
	var part *offset.Result
	var partly error
	fail := func(err error) (*offset.Result, error) {
		if part != nil {
			return part, partly
		}
		return nil, untouched(err)
	}
	for {
		if err := interrupted(ctx); err != nil {
			return fail(err)
		}
		r, err := c.recall(ctx, req, moves, false)
		if err != nil {
			return fail(err)
		}
		if len(r.rows) == 0 || r.gone {
			return after(r.result(c.clock.Now()), part), nil
		}
		if err := r.mayDelete(); err != nil {
			return fail(err)
		}
		if err := r.wholeTopics(ctx); err != nil {
			return fail(err)
		}
		topics := topicsOf(r.rows)
		free := func(g *group) bool { return !g.subscribed(topics) }
		if !free(r.group) {
			if err := wait.until(ctx, r.coordinator, r.group, free); err != nil {
				return fail(err)
			}
			continue // they may have committed before they left
		}
		for i := range r.outcomes {
			r.outcomes[i].Offset = offset.None
		}
		w := c.newWriter(r.coordinator, r.outcomes, r.carry, words{"removed", "Destroy again: only what is left is removed then."}, tellOf(req), false)
		w.free = free
		result, err := c.putBack(ctx, r, w)
		switch {
		case w.busy:
			part, partly = after(result, part), err
		case !errors.Is(err, errBusy):
			return after(result, part), err
		}
		if err := wait.refused(ctx); err != nil {
			return fail(err)
		}
	}
}

// after puts what was removed before beside what has come since: what is gone
// already is not removed again.
func after(result, before *offset.Result) *offset.Result {
	if result == nil || before == nil {
		return result
	}
	removed := map[offset.Partition]offset.Outcome{}
	for _, o := range before.Outcomes {
		if !o.Failed() {
			removed[o.Partition] = o
		}
	}
	for i, o := range result.Outcomes {
		if was, ok := removed[o.Partition]; ok && o.Previous < 0 {
			result.Outcomes[i] = was
		}
	}
	return result
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
	outcomes    []offset.Outcome // beside the rows: of the moves from what is committed to what was before the reset
	set         []int64          // beside the rows: what the reset had set
	carry       []carried        // beside the rows: what the commits from before carried
	notes       []string
}

// recall looks at the group and the recorded partitions. A topic that was
// deleted and made anew under its name is another topic: it counts as one that
// is gone, or, if it is strict, as an error.
func (c *Client) recall(ctx context.Context, req offset.UndoRequest, recorded []offset.Outcome, strict bool) (*recall, error) {
	r := &recall{}
	if req.Group == "" {
		return nil, &offset.Error{Code: offset.InvalidArgument, What: "The consumer group's name is empty"}
	}
	if len(recorded) == 0 {
		r.notes = append(r.notes, "There is nothing to put back or to remove.")
		return r, nil
	}
	is, err := typeOf(req.GroupType)
	if err != nil {
		return nil, err
	}
	if r.coordinator, err = c.cluster.coordinator(ctx, req.Group, is); err != nil {
		return nil, err
	}
	targets := offset.Offsets{}
	for _, m := range recorded {
		if targets[m.Topic] == nil {
			targets[m.Topic] = map[int32]int64{}
		}
		targets[m.Topic][m.ID] = m.Offset
	}
	sel := selectionAt(targets)
	sel.lenient = true
	err = wire.Parallel(ctx,
		func(ctx context.Context) (err error) {
			r.group, err = r.coordinator.describe(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			r.place, err = c.cluster.locate(ctx, sel)
			if err != nil {
				return err
			}
			if r.place.ClusterID != req.ClusterID && req.ClusterID != "" {
				return wire.WrongCluster(r.place.ClusterID, req.ClusterID, "the record of the reset")
			}
			if len(r.place.forbidden) > 0 {
				return wire.NoRight("DESCRIBE", "topic", r.place.forbidden...)
			}
			if err := r.leaveNewTopics(req, strict); err != nil {
				return err
			}
			if r.coordinator.share() {
				led, _ := split(r.rows)
				if err := c.cluster.bounds(ctx, r.place.Metadata, led, endProbe(offset.ReadUncommitted)); err != nil {
					return err
				}
				for i, n := 0, 0; i < len(r.rows); i++ {
					if r.rows[i].leader >= 0 {
						r.rows[i].end = led[n].end
						n++
					}
				}
			}
			return r.coordinator.committed(ctx, r.rows, ofGroup)
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

// leaveNewTopics takes those rows that are of the recorded topics.
func (r *recall) leaveNewTopics(req offset.UndoRequest, strict bool) error {
	anew := madeAnew(r.place.ids, req.TopicIDs)
	r.rows = slices.DeleteFunc(r.place.rows, func(row row) bool { return slices.Contains(anew, row.topic) })
	switch {
	case len(anew) == 0:
		return nil
	case strict:
		return &offset.Error{
			Code: offset.Overwritten,
			What: fmt.Sprintf("Topics were deleted and made anew under their names since the reset, so that the offsets from before mean other records: %s", wire.Quoted(anew)),
			Next: keepInstead,
		}
	}
	r.notes = append(r.notes, fmt.Sprintf("Left alone, because the topics were deleted and made anew since the reset: %s.", wire.Quoted(anew)))
	return nil
}

// madeAnew returns the topics whose id is not the recorded one, sorted: they
// were deleted, and made anew under their names.
func madeAnew(ids, recorded map[string]string) []string {
	var anew []string
	for topic, id := range ids {
		if was := recorded[topic]; was != "" && was != id {
			anew = append(anew, topic)
		}
	}
	slices.Sort(anew)
	return anew
}

// align puts the recorded moves beside the rows.
func (r *recall) align(recorded []offset.Outcome) {
	r.outcomes = make([]offset.Outcome, len(r.rows))
	r.set = make([]int64, len(r.rows))
	r.carry = make([]carried, len(r.rows))
	held := false
	n := 0
	for i := range r.rows {
		row := &r.rows[i]
		for recorded[n].Compare(row.partition()) < 0 {
			n++
		}
		m := recorded[n]
		r.set[i] = m.Offset
		r.carry[i] = carried{epoch: -1, metadata: m.Metadata}
		r.outcomes[i] = offset.Outcome{
			Move: offset.Move{
				Partition: row.partition(), Previous: row.committed.offset, Offset: m.Previous,
				Start: m.Start, End: m.End, Metadata: row.committed.metadata,
			},
			Seen: offset.None,
		}
		held = held || row.committed.offset >= 0
	}
	if len(r.place.missing) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("Nothing is left to do for %s: they do not exist any more.", listed(r.place.missing)))
	}
	if !r.group.exists && !held && len(r.rows) > 0 {
		r.gone = true
		r.notes = append(r.notes, offset.Capital(r.group.called())+" does not exist any more, so that nothing is left to do.")
	}
}

// compare makes sure that all offsets may be put back or removed, or says why
// the undo may not happen at all. If it is lenient, partitions that stand in
// its way are left alone instead.
func (r *recall) compare(ctx context.Context, c *Client, lenient bool) error {
	var conflicts []string
	var left, back, remove []int
	for i := range r.rows {
		m := &r.outcomes[i]
		switch {
		case m.Previous == m.Offset:
			// It is back already.
		case m.Previous != r.set[i]:
			conflicts = append(conflicts, fmt.Sprintf("%s is at %s and not at %d any more", name(m.Topic, m.ID), offsetText(m.Previous), r.set[i]))
			left = append(left, i)
		case r.consumedSince(i) > 0:
			conflicts = append(conflicts, fmt.Sprintf("%s was at %d, and %s after it were acknowledged since", name(m.Topic, m.ID), r.set[i], count(int(r.consumedSince(i)), "record")))
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
		return &offset.Error{
			Code: offset.Overwritten,
			What: fmt.Sprintf("The offsets of %s are not those that the reset had set: %s", r.group.called(), listed(conflicts)),
			Next: keepInstead,
		}
	}
	if len(back) > 0 && !may(r.group.rights, opRead) {
		return wire.NoRight("READ", wire.OnGroup, r.group.id)
	}
	stuck, others, err := r.shared(ctx, remove)
	if err != nil {
		return err
	}
	if len(stuck) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("Left where the reset has put them, though they had no start offset before: %s. Brokers delete start offsets by whole topics only, and the group has others there: %s.",
			listed(r.names(stuck)), listed(others)))
		r.leave(stuck)
	}
	if len(remove) > len(stuck) {
		if err := r.mayDelete(); err != nil {
			return err
		}
	}
	return r.inLog(ctx, c, back, lenient)
}

// mayDelete is an error if the group's offsets cannot be deleted.
func (r *recall) mayDelete() error {
	switch {
	case r.group.keeps:
		return cannotDelete(r.group.called())
	case !may(r.group.rights, opDelete):
		return wire.NoRight("DELETE", wire.OnGroup, r.group.id)
	}
	return nil
}

func cannotDelete(group string) error {
	return &offset.Error{
		Code: offset.Unsupported,
		What: fmt.Sprintf("The brokers cannot delete committed offsets of %s: they are older than Kafka 2.4", group),
		Next: `Set on_destroy = "keep", apply, and destroy then. If the brokers are newer, check kafka_version.`,
	}
}

// names names the partitions with these indices.
func (r *recall) names(indices []int) []string {
	names := make([]string, len(indices))
	for n, i := range indices {
		names[n] = name(r.rows[i].topic, r.rows[i].id)
	}
	return names
}

// leave has moves lead nowhere.
func (r *recall) leave(moves []int) {
	for _, i := range moves {
		r.outcomes[i].Offset = r.outcomes[i].Previous
	}
}

const keepInstead = `To give the restore up, set on_destroy = "keep", apply, and destroy then. To go back all the same, make a new reset with the previous offsets from the record.`

// inLog makes sure that the offsets to go back to are still in the log. If it
// is lenient, those that are not are left alone.
func (r *recall) inLog(ctx context.Context, c *Client, back []int, lenient bool) error {
	rows := make([]row, 0, len(back))
	var leaderless []string
	for _, i := range back {
		rows = append(rows, r.rows[i])
		if r.rows[i].leader < 0 {
			leaderless = append(leaderless, name(r.rows[i].topic, r.rows[i].id))
		}
	}
	if len(leaderless) > 0 {
		return wire.NoLeader(leaderless...)
	}
	if err := c.cluster.bounds(ctx, r.place.Metadata, rows, startProbe(), endProbe(offset.ReadUncommitted)); err != nil {
		return err
	}
	if err := unbounded(rows); err != nil {
		return err
	}
	var out []string
	var left []int
	for n, i := range back {
		m := &r.outcomes[i]
		m.Start, m.End = rows[n].start, rows[n].end
		if m.Offset < m.Start || m.Offset > m.End {
			out = append(out, fmt.Sprintf("%s was at %d and its log holds %d to %d", name(m.Topic, m.ID), m.Offset, m.Start, m.End))
			left = append(left, i)
		}
	}
	if len(out) == 0 {
		return nil
	}
	if lenient {
		r.notes = append(r.notes, fmt.Sprintf("Left where the reset has put them, because the offsets from before are not in the log any more: %s.", listed(out)))
		r.leave(left)
		return nil
	}
	return &offset.Error{
		Code: offset.OutsideLog,
		What: fmt.Sprintf("Offsets of %s from before the reset are not in the log any more: %s", r.group.called(), listed(out)),
		Next: keepInstead,
	}
}

// putBack removes and commits offsets, reads them back and tells what came of
// it. Removing comes first: it may turn out to be impossible, and then nothing
// was changed.
func (c *Client) putBack(ctx context.Context, r *recall, w *writer) (*offset.Result, error) {
	if len(w.todo) == 0 {
		return r.result(c.clock.Now()), nil
	}
	var back, remove []int
	for _, n := range w.todo {
		if r.outcomes[n].Offset < 0 {
			remove = append(remove, n)
		} else {
			back = append(back, n)
		}
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.finish)
	defer cancel()
	c.looks.drop()
	defer c.looks.drop() // also those that began meanwhile
	w.tell(fmt.Sprintf("Putting back %s of %s, removing %d", count(len(back), "offset"), r.group.called(), len(remove)))
	if err := w.write(sending, remove, len(remove), w.removes); err != nil {
		return nil, untouched(err)
	}
	if err := w.write(sending, back, w.most(), w.commits); err != nil {
		return nil, untouched(err)
	}
	if r.coordinator.share() && len(back) > 0 {
		r.notes = append(r.notes, shareUndoNote)
	}
	notes, err := w.settle(ctx)
	r.notes = append(r.notes, notes...)
	return r.result(w.started), err
}

func (r *recall) result(at time.Time) *offset.Result {
	result := &offset.Result{At: at, Outcomes: r.outcomes, Notes: r.notes, InDoubt: inDoubt(r.outcomes)}
	if r.place != nil {
		result.ClusterID = r.place.ClusterID
	}
	if r.group != nil {
		result.State = r.group.state
	}
	return result
}
