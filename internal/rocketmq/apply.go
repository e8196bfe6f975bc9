package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// Apply writes what the plan says, broker by broker, and reads it back. A plan
// that is older than a few seconds is resolved anew. Consumers that are online
// may have moved on from the target when it returns; brokers before 5.2 need
// about 10 s to make them move at all, for which it waits up to 30 s. What has
// begun to write goes on if ctx ends, for FinishWithin at most; what is left then
// is told as not written, or in doubt.
//
// Targets "latest" and time are resolved by the brokers in the moment of the
// reset, where they do that exactly; the result tells the offsets they chose.
func (c *Client) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	ready := readinessOf(plan)
	if ready == nil || c.clock.Now().Sub(plan.At) > c.pace.fresh {
		var err error
		if plan, err = c.resolve(ctx, plan.Request); err != nil {
			return nil, err
		}
		ready = readinessOf(plan)
	}
	req := plan.Request
	what := "reset " + on(req.Group, ready.survey.topic)
	for until := time.Now().Add(c.pace.gather); ; { // they may come and go
		waited, err := c.gather(ctx, ready.survey, until, what, req.Tell)
		if err != nil {
			return nil, err
		}
		if !waited {
			break
		}
		if plan, err = c.resolve(ctx, req); err != nil {
			return nil, err
		}
		ready = readinessOf(plan)
	}
	if err := req.Limits.Check(offset.Summarize(plan.Moves)); err != nil {
		return nil, err
	}
	req.Leave(plan.Moves)
	result, err := c.carryOut(ctx, ready.survey, intentOf(req), plan.Moves, what, req.Tell)
	if result != nil {
		result.Notes = slices.Concat(ready.survey.absentNote(req.RecordedBrokers), ready.survey.goneNote(plan.Moves), result.Notes)
	}
	return result, err
}

// What goes on once the first write has left is bounded by these, counted from
// when the caller's context has ended; as long as the caller is there, every
// request and every wait has its own bound. Brokers that have to go one after
// the other may take three quarters of a minute each.
const (
	finishWithin   = 2 * time.Minute
	readBackWithin = time.Minute

	// FinishWithin is how long a reset or a restore that has begun to write
	// goes on at most once its caller is gone.
	FinishWithin = finishWithin + readBackWithin
)

// lateError is why nothing more is done: the caller is gone for so long.
type lateError struct{ after time.Duration }

func (e lateError) Error() string {
	return fmt.Sprintf("it was interrupted, and %s later still not done", e.after)
}

// Timeout and Is make the error one of time for those who ask.
func (lateError) Timeout() bool        { return true }
func (lateError) Is(target error) bool { return target == context.DeadlineExceeded }

// finishing returns a context that outlives the caller's by that long, from now
// on if that has ended already.
func finishing(ctx context.Context, within time.Duration) (context.Context, context.CancelFunc) {
	longer, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(within)
		defer late.Stop()
		select {
		case <-late.C:
			end(lateError{within})
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); end(nil) }
}

// carryOut writes, reads back and makes the result. What names the operation.
func (c *Client) carryOut(ctx context.Context, s *survey, in intent, moves []offset.Move, what string, tell func(string)) (*offset.Result, error) {
	interrupted := func() error {
		if ctx.Err() == nil {
			return nil
		}
		return interruptedBefore(ctx, what)
	}
	if err := interrupted(); err != nil {
		return nil, err
	}
	w := c.writer(s, in, moves)
	w.tell, w.interrupted = inTurn(tell), interrupted
	result := &offset.Result{ClusterID: s.clusterID, State: s.stateName(), At: c.clock.Now().UTC()}
	if n := w.unwritten(); n > 0 {
		tell(fmt.Sprintf("Going to %s: %s", what, queueCount(n)))
	}
	// From the first write on everything is finished, whoever has gone.
	w.write(ctx)
	if !w.accepted.Load() && w.failed() > 0 {
		return nil, w.refusal(what)
	}
	w.readBack(ctx)
	for _, q := range w.queues {
		// A request that has left may still be carried out, whatever shows.
		if q.unanswered() {
			q.State = offset.Unsettled
		}
		result.InDoubt = result.InDoubt || q.State == offset.Unsettled
	}
	result.Outcomes, result.Notes = w.outcomes(), w.notes()
	return result, w.incomplete(what)
}

// interruptedBefore is the error of a caller who has gone before anything was
// written.
func interruptedBefore(ctx context.Context, what string) error {
	return &offset.Error{
		Code: offset.Interrupted, State: offset.NothingChanged, Err: context.Cause(ctx),
		What: fmt.Sprintf("Interrupted before the %s", what), Next: "Apply again.",
	}
}

// inTurn lets one goroutine tell at a time: brokers are read back together.
func inTurn(tell func(string)) func(string) {
	var turn sync.Mutex
	return func(message string) {
		turn.Lock()
		defer turn.Unlock()
		tell(message)
	}
}

// unwritten counts the queues that this run is to write.
func (w *writer) unwritten() int {
	var n int
	for _, b := range w.s.brokers {
		n += len(w.todo(b))
	}
	return n
}

func (w *writer) failed() int {
	var n int
	for _, q := range w.queues {
		if q.cause != nil {
			n++
		}
	}
	return n
}

// cause returns the first failure that is not the consequence of another.
func (w *writer) cause() error {
	var first error
	for _, q := range w.queues {
		err := q.cause
		var refused *remoting.Error
		var lost *remoting.TransportError
		switch {
		case err == nil:
		case errors.As(err, &refused), errors.As(err, &lost), errors.Is(err, errOther):
			return err
		case first == nil:
			first = err
		}
	}
	return first
}

// refusal is the error of a write of which nothing was accepted.
func (w *writer) refusal(what string) error {
	err := w.cause()
	var told *offset.Error
	if errors.As(err, &told) { // Interrupted, which says all itself.
		return told
	}
	code, next := w.c.advice(err)
	return &offset.Error{Code: code, What: "Cannot " + what, State: offset.NothingChanged, Next: next, Err: err}
}

// incomplete is the error of a write that failed for some queues, or nil.
func (w *writer) incomplete(what string) error {
	if w.failed() == 0 {
		return nil
	}
	var states []string
	for _, q := range w.queues {
		if q.cause == nil {
			continue
		}
		state := fmt.Sprintf("%s was at %s", q.Name(), shown(q.Previous))
		if q.Seen >= 0 {
			state = fmt.Sprintf("%s is at %d, not %d", q.Name(), q.Seen, q.Offset)
		}
		states = append(states, state)
	}
	err := w.cause()
	code, next := offset.Incomplete, "Remove the cause and apply again: only what has failed is done again, with the same targets."
	if errors.Is(err, errOther) {
		code = offset.Overwritten
		next = "Something else commits for this group, or its consumers do not take resets (lite pull consumers). Stop the consumers and apply again: only what has failed is done again."
	}
	done := len(w.queues) - w.failed()
	return &offset.Error{
		Code: code, Err: err, Next: next,
		What:  fmt.Sprintf("Could not %s completely: %d of %s failed", what, w.failed(), queueCount(len(w.queues))),
		State: fmt.Sprintf("%s as they should be; of the rest %s", areThere(done), someOf(states)),
	}
}

func areThere(n int) string {
	switch n {
	case 0:
		return "No queue is"
	case 1:
		return "1 queue is"
	default:
		return fmt.Sprintf("%d queues are", n)
	}
}

// notes tells what a reader of the result should know.
func (w *writer) notes() []string {
	var moved, early, pending []string
	for _, q := range w.queues {
		if q.cause != nil || q.planned.How != "" {
			continue
		}
		if q.Seen >= 0 && q.Seen != q.Offset {
			moved = append(moved, fmt.Sprintf("%s from %d to %d", q.Name(), q.Offset, q.Seen))
		}
		if w.in.kind == offset.ToTime && q.How == HowPush && q.Offset < q.planned.Offset {
			early = append(early, fmt.Sprintf("%s at %d instead of %d", q.Name(), q.Offset, q.planned.Offset))
		}
		if q.Pending {
			pending = append(pending, q.Name())
		}
	}
	var notes []string
	if len(moved) > 0 {
		notes = append(notes, fmt.Sprintf("Consumers have moved on from the target on %s: %s.", queueCount(len(moved)), someOf(moved)))
	}
	if len(early) > 0 {
		notes = append(notes, fmt.Sprintf("The broker looks up times to the nearest message, so that its consumers begin early on %s: %s.", queueCount(len(early)), someOf(early)))
	}
	if len(pending) > 0 {
		notes = append(notes, fmt.Sprintf("A consumer still has to take up the reset of %s, which it does with its next pull.", queueCount(len(pending))))
	}
	return slices.Clip(notes)
}
