package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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
// left, and then resolves anew; a plan that was made just now of an idle group
// is committed as it is. Once the first commit has been sent, all of them are
// sent and read back even if ctx ends. The error is of code Incomplete if some
// partitions failed, and Overwritten if the read-back showed other offsets
// though the group has no member.
func (c *Client) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	req := plan.Request
	wait := c.newWait(req.Group, req.Wait(), req.Tell)
	ready, ok := plan.Engine.(*prepared)
	if !ok || ready.client != c || len(ready.epochs) != len(plan.Moves) || c.clock.Now().Sub(ready.at) > fresh {
		ready = nil
	}
	for {
		if err := interrupted(ctx); err != nil {
			return nil, untouched(err)
		}
		if ready == nil {
			var err error
			if plan, err = c.plan(ctx, req); err != nil {
				return nil, untouched(err)
			}
			ready = plan.Engine.(*prepared)
		}
		if !ready.group.idle() {
			if err := wait.until(ctx, ready.coordinator, ready.group, (*group).idle); err != nil {
				return nil, untouched(err)
			}
			ready = nil
			continue
		}
		if err := req.Limits.Check(offset.Summarize(plan.Moves)); err != nil {
			return nil, untouched(err)
		}
		result, err := c.commit(ctx, plan, ready)
		if !errors.Is(err, errBusy) {
			return result, err
		}
		// A member has joined since the group was looked at. Nothing was
		// written, so that this is the same as having found it before.
		if err := wait.refused(ctx); err != nil {
			return nil, untouched(err)
		}
		ready = nil
	}
}

// commit writes a plan's moves, reads them back and tells what came of it.
func (c *Client) commit(ctx context.Context, plan *offset.Plan, ready *prepared) (*offset.Result, error) {
	req := plan.Request
	w := &writer{
		coordinator: ready.coordinator,
		moves:       offset.Outcomes(plan.Moves),
		epochs:      ready.epochs,
		words:       words{"committed", "Apply again: the next apply ends where a whole one would have ended."},
		tell:        req.Tell,
	}
	result := &offset.Result{
		ClusterID: plan.ClusterID,
		State:     plan.State,
		At:        c.clock.Now(),
		Outcomes:  w.moves,
		Notes:     slices.Clone(plan.Notes),
	}
	todo := make([]int, len(w.moves))
	for i := range todo {
		todo[i] = i
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.finish)
	defer cancel()
	req.Tell(fmt.Sprintf("Committing %s of consumer group %q", count(len(todo), "offset"), req.Group))
	if err := w.write(sending, todo, c.clock.Now, w.commit); err != nil {
		return nil, err
	}
	result.At = w.started
	notes, err := w.settle(ctx, todo)
	if w.nothing() {
		return nil, w.rejected(err)
	}
	result.Notes = append(result.Notes, notes...)
	result.InDoubt = inDoubt(result.Outcomes)
	return result, err
}

// words say what a writer does.
type words struct {
	done string // to the offsets: "committed"
	next string // what to do if some failed
}

// settle reads back what was written and tells what came of it: notes if a
// consumer has moved on, an error if anything failed or another writer came
// between. It takes its own time, whatever happens to ctx.
func (w *writer) settle(ctx context.Context, todo []int) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackWithin)
	defer cancel()
	acknowledged := 0
	for _, n := range todo {
		if !w.moves[n].Failed() {
			acknowledged++
		}
	}
	differ, err := w.readBack(ctx, todo)
	if err != nil {
		return nil, w.unread(acknowledged, len(todo), err)
	}
	var notes []string
	var overwritten []string
	if len(differ) > 0 {
		g, err := w.coordinator.describe(ctx)
		if err != nil {
			w.unsettle(differ, "another offset shows, and the group cannot be looked at: "+brief(err))
			return nil, w.unread(acknowledged, len(todo), err)
		}
		for _, n := range differ {
			m := &w.moves[n]
			what := fmt.Sprintf("%s: %s instead of %s", name(m.Topic, m.ID), offsetText(m.Seen), offsetText(m.Offset))
			if !g.idle() {
				m.State = offset.MovedOn
				notes = append(notes, what)
				continue
			}
			m.State, m.Reason = offset.Elsewhere, fmt.Sprintf("another writer has put it to %s since", offsetText(m.Seen))
			overwritten = append(overwritten, what)
		}
	}
	if len(notes) > 0 {
		notes = []string{fmt.Sprintf("The group has become active and has moved on to %s.", listed(notes))}
	}
	return notes, w.verdict(todo, overwritten)
}

// unsettle notes that nobody knows where the moves that may have landed are.
func (w *writer) unsettle(moves []int, why string) {
	for _, n := range moves {
		m := &w.moves[n]
		switch {
		case !m.Failed():
			m.Doubt(w.words.done + ", but it could not be read back: " + why)
		case w.unsure[n]:
			m.State = offset.Unsettled
		}
	}
}

// inDoubt tells whether nobody knows where some of the moves are.
func inDoubt(outcomes []offset.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o offset.Outcome) bool { return o.State == offset.Unsettled })
}

// nothing tells whether the broker refused every partition and the read-back
// shows all of them where they were.
func (w *writer) nothing() bool {
	return w.landed == 0 && len(w.unsure) == 0 && !slices.ContainsFunc(w.moves, func(m offset.Outcome) bool {
		return !m.Failed() || m.Seen != m.Previous
	})
}

// rejected is the error of a write that changed nothing.
func (w *writer) rejected(err error) error {
	code := offset.Failed
	if w.refusal.Right != "" {
		code = offset.Unauthorized
	}
	e := &offset.Error{Code: code, What: err.Error(), State: offset.NothingChanged}
	var told *offset.Error
	if errors.As(err, &told) {
		e.What = told.What
	}
	return e
}

func offsetText(at int64) string {
	if at < 0 {
		return "no offset"
	}
	return strconv.FormatInt(at, 10)
}

// verdict is the error of a write that did not succeed on all partitions.
func (w *writer) verdict(todo []int, overwritten []string) error {
	var failures []string
	for _, n := range todo {
		if m := &w.moves[n]; m.Failed() {
			failures = append(failures, name(m.Topic, m.ID)+": "+m.Reason)
		}
	}
	group := w.coordinator.Name
	switch {
	case len(failures) == 0:
		return nil
	case len(failures) == len(overwritten):
		return &offset.Error{
			Code:  offset.Overwritten,
			What:  fmt.Sprintf("Another writer has overwritten %s of consumer group %q, which has no member: %s", count(len(overwritten), "offset"), group, listed(overwritten)),
			State: w.state(len(todo) - len(failures)),
			Next:  "Look for a consumer that uses assign() with this group id, for MirrorMaker's sync.group.offsets, and for jobs that restore their own checkpoints (Flink, Spark); stop it. " + w.words.next,
		}
	}
	return &offset.Error{
		Code:  offset.Incomplete,
		What:  fmt.Sprintf("%s of consumer group %q failed: %s", count(len(failures), "partition"), group, listed(failures)),
		State: w.state(len(todo) - len(failures)),
		Next:  w.words.next,
	}
}

func (w *writer) state(landed int) string {
	switch landed {
	case 0:
		return "No partition was " + w.words.done + "."
	case 1:
		return "1 partition was " + w.words.done + " and read back."
	}
	return fmt.Sprintf("%d partitions were %s and read back.", landed, w.words.done)
}

// unread is the error of a write whose outcome could not be read back.
func (w *writer) unread(acknowledged, of int, err error) error {
	return &offset.Error{
		Code:  offset.Incomplete,
		What:  fmt.Sprintf("The offsets of consumer group %q could not be read back: %s", w.coordinator.Name, brief(err)),
		State: fmt.Sprintf("The broker has acknowledged that %s of %d were %s.", count(acknowledged, "partition"), of, w.words.done),
		Next:  w.words.next,
	}
}

// interrupted returns ctx's error as one that changed nothing.
func interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
