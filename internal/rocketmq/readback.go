package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// readBack looks at the brokers until every offset that was written shows, or
// patience ends. Queues whose write had no answer are looked at too: it may
// have been carried out.
func (w *writer) readBack(caller context.Context) {
	parallel(len(w.s.brokers), len(w.s.brokers), func(n int) { w.readBackFrom(caller, w.s.brokers[n]) })
}

// readBackFrom looks at one broker; what it has shown before is settled. It has
// its own time, however long the write took.
func (w *writer) readBackFrom(caller context.Context, b *brokerState) {
	ctx, end := finishing(caller, w.c.pace.readBack)
	defer end()
	var open []*queueWrite
	for _, q := range w.of[b.name] {
		if !q.settled && (q.written() || q.unanswered()) {
			q.settled = true
			open = append(open, q)
		}
	}
	w.settle(ctx, b, open)
}

// written tells whether a queue was written and the broker has confirmed it.
func (q *queueWrite) written() bool { return q.How != "" && !q.Failed() && q.planned.How == "" }

// unanswered tells whether a write has left without an answer.
func (q *queueWrite) unanswered() bool {
	var e *remoting.TransportError
	return errors.As(q.cause, &e) && e.Sent
}

// settle waits for the offsets of one broker to show. What the broker's own
// answer proves is looked at once: only to tell how far consumers have gone on
// since, which those of a proxy do within milliseconds.
func (w *writer) settle(ctx context.Context, b *brokerState, open []*queueWrite) {
	start := time.Now()
	wait := w.c.pace.interval
	revised := false
	for look := 0; len(open) > 0; look++ {
		all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
		if err == nil {
			open = w.judge(b, open, all, time.Since(start))
		}
		open = slices.DeleteFunc(open, func(q *queueWrite) bool { return q.proved })
		if len(open) == 0 {
			return
		}
		if err == nil {
			if !b.online { // a consumer may have come meanwhile, and moved on
				_ = w.c.readClients(ctx, w.s, b)
			}
			if !revised {
				w.revise(ctx, b, open)
				revised = true
			}
		}
		patience := w.c.pace.settle
		for _, q := range open {
			if q.How == HowPush || q.fragile {
				patience = w.c.pace.push
			}
		}
		if errors.Is(err, remoting.ErrClosed) || time.Since(start)+wait > patience {
			giveUp(open, time.Since(start), err)
			return
		}
		if look == 0 && patience == w.c.pace.push && w.tell != nil {
			w.tell(fmt.Sprintf("Waiting for the consumers at broker %s to take up the reset", b.name))
		}
		if late := clock.Sleep(ctx, wait); late != nil {
			giveUp(open, time.Since(start), late)
			return
		}
		wait = min(2*wait, w.c.pace.longest)
	}
}

// judge removes the queues whose offset shows the reset. What was committed
// under consumers shows at once, and proves nothing before these would have
// committed something else.
func (w *writer) judge(b *brokerState, open []*queueWrite, all []committed, after time.Duration) []*queueWrite {
	var rest []*queueWrite
	for _, q := range open {
		q.Seen = all[q.ID].asked
		if !q.proved && (!landed(q.Outcome, b.consumed()) || q.fragile && after < w.c.pace.commits) {
			rest = append(rest, q)
			continue
		}
		if q.cause != nil { // there was no answer, but it was done
			q.cause, q.State, q.Reason, q.How = nil, offset.Done, "", howOf(b.way)
		}
		if q.Pending = q.How == HowServer && q.Seen == q.Offset; q.Seen != q.Offset {
			q.State = offset.MovedOn
		}
	}
	return rest
}

// howOf says what a write is that had no answer.
func howOf(w way) string {
	switch w {
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
func (w *writer) revise(ctx context.Context, b *brokerState, open []*queueWrite) {
	if !b.online || w.in.kind == offset.ToOffsets || b.resets == yes {
		return
	}
	told := slices.ContainsFunc(open, func(q *queueWrite) bool { return q.How == HowServer || q.How == HowPush })
	if !told {
		return
	}
	for _, q := range w.of[b.name] {
		if q.How == HowServer && q.planned.How == "" {
			q.How, q.Pending = HowPush, false
		}
	}
	if b.subscribed {
		return
	}
	for _, q := range open {
		if q.How == HowPush {
			w.commit(ctx, b, q)
		}
	}
}

// giveUp notes for each queue what was seen instead of the target.
func giveUp(open []*queueWrite, after time.Duration, err error) {
	for _, q := range open {
		switch {
		case q.cause != nil:
			continue // the write itself has failed
		case err != nil:
			q.doubt(fmt.Errorf("written, but it could not be read back: %w", err))
		case q.How == HowPush:
			// They may still do it: Go consumers have taken two minutes.
			q.doubt(fmt.Errorf("%w: the broker has told its consumers to go to %d, but after %s the offset is %s",
				errOther, q.Offset, after.Round(time.Second), shown(q.Seen)))
		default:
			q.fail(fmt.Errorf("%w: %d was written, but after %s the offset is %s",
				errOther, q.Offset, after.Round(time.Second), shown(q.Seen)))
			q.State = offset.Elsewhere
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
