package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// readBack looks at the brokers until every offset that was written shows, or
// patience ends. Queues whose write had no answer are looked at too: it may
// have been carried out.
func (w *writer) readBack(ctx context.Context) {
	parallel(len(w.s.brokers), len(w.s.brokers), func(n int) { w.readBackFrom(ctx, w.s.brokers[n]) })
}

// readBackFrom looks at one broker; what it has shown before is settled.
func (w *writer) readBackFrom(ctx context.Context, b *brokerState) {
	var open []int
	for _, i := range w.of[b.name] {
		if !w.settled[i] && w.moves[i].How != HowKept && (w.written(i) || w.unanswered(i)) {
			w.settled[i] = true
			open = append(open, i)
		}
	}
	w.settle(ctx, b, open)
}

// written tells whether a move was written in this run and the broker has
// confirmed it. What an earlier run wrote has been read back then.
func (w *writer) written(i int) bool {
	return w.moves[i].How != "" && !w.moves[i].Failed() && w.before[i].How == ""
}

// unanswered tells whether a write has left without an answer.
func (w *writer) unanswered(i int) bool {
	var e *remoting.TransportError
	return errors.As(w.causes[i], &e) && e.Sent
}

// settle waits for the offsets of one broker to show.
func (w *writer) settle(ctx context.Context, b *brokerState, open []int) {
	start := time.Now()
	wait := w.c.pace.interval
	revised := false
	for look := 0; len(open) > 0; look++ {
		all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
		if err == nil {
			if open = w.judge(b, open, all, time.Since(start)); len(open) == 0 {
				return
			}
			if !b.online { // a consumer may have come meanwhile, and moved on
				_ = w.c.readClients(ctx, w.s, b)
			}
			if !revised {
				w.revise(ctx, b, open)
				revised = true
			}
		}
		patience := w.c.pace.settle
		for _, i := range open {
			if w.moves[i].How == HowPush || w.fragile[i] {
				patience = w.c.pace.push
			}
		}
		if errors.Is(err, remoting.ErrClosed) || time.Since(start)+wait > patience {
			w.giveUp(open, time.Since(start), err)
			return
		}
		if look == 0 && patience == w.c.pace.push && w.tell != nil {
			w.tell(fmt.Sprintf("Waiting for the consumers at broker %s to take up the reset", b.name))
		}
		time.Sleep(wait)
		wait = min(2*wait, w.c.pace.longest)
	}
}

// judge removes the queues whose offset shows the reset. What was committed
// under consumers shows at once, and proves nothing before these would have
// committed something else.
func (w *writer) judge(b *brokerState, open []int, all []committed, after time.Duration) []int {
	var rest []int
	for _, i := range open {
		m := &w.moves[i]
		m.Seen = all[m.ID].asked
		if !landed(*m, b.consumed()) || w.fragile[i] && after < w.c.pace.commits {
			rest = append(rest, i)
			continue
		}
		if w.causes[i] != nil { // there was no answer, but it was done
			w.causes[i], m.State, m.Reason, m.How = nil, offset.Done, "", w.how(b)
		}
		if m.Pending = m.How == HowServer && m.Seen == m.Offset; m.Seen != m.Offset {
			m.State = offset.MovedOn
		}
	}
	return rest
}

// how says what a write to the broker is that had no answer.
func (w *writer) how(b *brokerState) string {
	switch w.ways[slices.Index(w.s.brokers, b)] {
	case wayBroker, wayQueue:
		return HowServer
	case wayPush:
		return HowPush
	default:
		return HowPerQueue
	}
}

// landed tells whether what the broker shows proves the reset. Consumers that
// are online move on from the target at once, so that after a rewind every
// offset from the target to below the old one proves it, and after a skip
// every offset from the target on.
func landed(m offset.Outcome, active bool) bool {
	switch {
	case m.Seen == m.Offset:
		return true
	case !active || m.Seen < m.Offset:
		return false
	case m.Previous > m.Offset:
		return m.Seen < m.Previous
	default:
		return true
	}
}

// revise finds out that a broker from 5.1 on has its own resets switched off:
// the offset of one that resets by itself shows at once. Where it has told
// consumers of another topic, which have come since it was asked, the queues
// get their offsets one by one.
func (w *writer) revise(ctx context.Context, b *brokerState, open []int) {
	if !b.online || w.in.kind == offset.ToOffsets {
		return
	}
	told := slices.ContainsFunc(open, func(i int) bool { return w.moves[i].How == HowServer || w.moves[i].How == HowPush })
	if !told {
		return
	}
	for _, i := range w.of[b.name] {
		if m := &w.moves[i]; m.How == HowServer && w.before[i].How == "" {
			m.How, m.Pending = HowPush, false
		}
	}
	if b.subscribed {
		return
	}
	for _, i := range open {
		if w.moves[i].How == HowPush {
			w.commit(ctx, b, i)
		}
	}
}

// giveUp notes for each queue what was seen instead of the target.
func (w *writer) giveUp(open []int, after time.Duration, err error) {
	for _, i := range open {
		m := w.moves[i]
		switch {
		case w.causes[i] != nil:
			continue // the write itself has failed
		case err != nil:
			w.fail(i, fmt.Errorf("written, but it could not be read back: %w", err))
			w.moves[i].State = offset.Unsettled
		case m.How == HowPush:
			// They may still do it: Go consumers have taken two minutes.
			w.fail(i, fmt.Errorf("%w: the broker has told its consumers to go to %d, but after %s the offset is %s",
				errOther, m.Offset, after.Round(time.Second), shown(m.Seen)))
			w.moves[i].State = offset.Unsettled
		default:
			w.fail(i, fmt.Errorf("%w: %d was written, but after %s the offset is %s",
				errOther, m.Offset, after.Round(time.Second), shown(m.Seen)))
			w.moves[i].State = offset.Elsewhere
		}
	}
}

// errOther marks a read-back that shows another offset.
var errOther = errors.New("the reset does not show")

// shown says an offset that a broker has told.
func shown(n int64) string {
	if n < 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
