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

// What goes on after a commit has been sent is bounded by these, whatever
// happens to the caller's context. The read-back has its own time: it is the
// more needed the longer the commit took.
const (
	finishWithin   = 2 * time.Minute
	readBackWithin = time.Minute
)

// Apply commits what the plan says. It waits until the group's last member has
// left, and then resolves anew; what a plan found just now of an idle group is
// taken as it is, except for the committed offsets, which are read once more
// just before the commit. A partition whose offset does not change is not
// committed; if none changes, nothing is. Once the first commit has been sent,
// all of them are sent and read back even if ctx ends. The error is of code
// Incomplete if some partitions failed, and Overwritten if the read-back
// showed other offsets though the group has no member.
func (c *Client) Apply(ctx context.Context, plan *offset.Plan) (_ *offset.Result, err error) {
	req := plan.Request
	ctx = wire.Telling(ctx, req.Tell)
	defer func() { err = wire.Why(ctx, err) }()
	req.Recent = false
	wait := c.newWait(req.Group, req.Wait(), req.Tell)
	from, ok := plan.Engine.(*basis)
	if !ok || from.client != c || c.clock.Now().Sub(from.at) > fresh {
		from = nil
	}
	for {
		if err := interrupted(ctx); err != nil {
			return nil, untouched(err)
		}
		if from == nil {
			if plan, err = c.plan(ctx, req); err != nil {
				return nil, untouched(err)
			}
			from = plan.Engine.(*basis)
		}
		if !from.group.idle() {
			if err := wait.until(ctx, from.coordinator, from.group, (*group).idle); err != nil {
				return nil, untouched(err)
			}
			from = nil
			continue
		}
		moves, w, err := from.final(ctx, plan)
		if err != nil {
			return nil, untouched(err)
		}
		result, err := c.commit(ctx, plan, from, moves, w)
		if !errors.Is(err, errBusy) {
			return result, err
		}
		// A member has joined since the group was looked at. Nothing was
		// written, so that this is the same as having found it before. Where the
		// group is has been told, though, and is told anew with the next try.
		req.Tell(fmt.Sprintf("The commit was refused, since %s has got a member: nothing was written", from.coordinator.called()))
		if err := wait.refused(ctx); err != nil {
			return nil, untouched(err)
		}
		from = nil
	}
}

// final reads the committed offsets once more, into the basis, and returns the
// moves that lead from there, within the limits, and their writer. Mostly nobody
// has committed since the plan was made: that its moves are counted and made
// ready for the broker happens while the answer is on its way.
func (b *basis) final(ctx context.Context, plan *offset.Plan) ([]offset.Move, *writer, error) {
	req := plan.Request
	var ready *writer
	var beyond error
	changed := b.coordinator.share() // of those the log's ends are looked at again
	err := wire.Parallel(ctx,
		func(ctx context.Context) error {
			return b.coordinator.committed(ctx, b.rows, func(r *row, now committed) {
				if r.committed != now {
					r.committed, changed = now, true
				}
			})
		},
		func(context.Context) error {
			if !b.coordinator.share() {
				if ready, beyond = b.ready(req, plan.Moves, b.carry); beyond == nil {
					ready.prepare()
				}
			}
			return nil
		})
	if err != nil {
		return nil, nil, err
	}
	if !changed {
		return plan.Moves, ready, beyond
	}
	if err := b.client.cluster.afterwards(ctx, b.coordinator, b.place.Metadata, b.rows); err != nil {
		return nil, nil, err
	}
	moves, carry, err := resolve(req.Target, req.OutOfRange, b.rows)
	if err != nil {
		return nil, nil, err
	}
	ready, err = b.ready(req, moves, carry)
	return moves, ready, err
}

// ready returns a writer of the moves if they are within the limits.
func (b *basis) ready(req offset.Request, moves []offset.Move, carry []carried) (*writer, error) {
	if err := req.Limits.Check(offset.Summarize(moves)); err != nil {
		return nil, err
	}
	return b.client.newWriter(b.coordinator, offset.Outcomes(moves), carry,
		words{"committed", "Apply again: the next apply ends where a whole one would have ended."}, req.Tell, b.coordinator.share()), nil
}

// commit writes the moves, reads them back and tells what came of it.
func (c *Client) commit(ctx context.Context, plan *offset.Plan, from *basis, moves []offset.Move, w *writer) (*offset.Result, error) {
	req := plan.Request
	result := &offset.Result{
		ClusterID: plan.ClusterID,
		State:     plan.State,
		At:        c.clock.Now(),
		TopicIDs:  from.place.ids,
		Outcomes:  w.outcomes,
		Notes:     slices.Clone(plan.Notes),
	}
	if len(w.todo) == 0 {
		return result, nil
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.finish)
	defer cancel()
	c.looks.drop()
	defer c.looks.drop() // also those that began meanwhile
	req.Leave(moves)
	req.Tell(fmt.Sprintf("Committing %s of %s", count(len(w.todo), "offset"), w.coordinator.called()))
	if err := w.write(sending, w.todo, w.most(), w.commits); err != nil {
		return nil, untouched(err)
	}
	result.At = w.started
	notes, err := w.settle(ctx)
	if w.nothing() {
		return nil, w.rejected(err)
	}
	result.Notes = append(result.Notes, notes...)
	result.InDoubt = inDoubt(result.Outcomes)
	return result, err
}

// inDoubt tells whether nobody knows where some of the moves are.
func inDoubt(outcomes []offset.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o offset.Outcome) bool { return o.State == offset.Unsettled })
}

// interrupted returns ctx's error as one that changed nothing.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
