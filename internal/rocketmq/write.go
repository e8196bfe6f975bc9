package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// writer carries out moves on the brokers of a survey. It writes to those
// queues that say no How yet, and leaves in each what became of it.
type writer struct {
	c      *Client
	s      *survey
	in     intent
	queues []*queueWrite            // sorted, as the moves were
	of     map[string][]*queueWrite // by broker, whose goroutine alone may touch them
	tell   func(string)
	// interrupted is not nil once the caller has gone. What has been written
	// is finished all the same.
	interrupted func() error

	accepted atomic.Bool // a broker has taken a write, or may have
}

// queueWrite is one queue of a write: what was planned, and what becomes of it.
type queueWrite struct {
	offset.Outcome
	planned offset.Move
	cause   error // why it failed, if it did
	proved  bool  // the broker that resets by itself has said where it put it
	settled bool  // it was read back, or there was no way to
	fragile bool  // the target was committed under consumers of the topic, which may know nothing of it
}

func (c *Client) writer(s *survey, in intent, moves []offset.Move) *writer {
	w := &writer{c: c, s: s, in: in, of: map[string][]*queueWrite{}, interrupted: func() error { return nil }}
	for _, o := range offset.Outcomes(moves) {
		q := &queueWrite{Outcome: o, planned: o.Move}
		w.queues = append(w.queues, q)
		w.of[o.Broker] = append(w.of[o.Broker], q)
	}
	return w
}

// outcomes returns what became of the queues.
func (w *writer) outcomes() []offset.Outcome {
	all := make([]offset.Outcome, len(w.queues))
	for i, q := range w.queues {
		all[i] = q.Outcome
	}
	return all
}

// todo returns the queues of a broker that are still to be written.
func (w *writer) todo(b *brokerState) []*queueWrite {
	var todo []*queueWrite
	for _, q := range w.of[b.name] {
		if q.How == "" && q.cause == nil {
			todo = append(todo, q)
		}
	}
	return todo
}

// write writes everything. The first broker goes ahead alone, and of its
// queues the first: what it refuses, such as for want of a right, is most
// likely refused everywhere, and then nothing was changed. It goes on for some
// time after the caller has gone; what is left then is not written, or in doubt.
func (w *writer) write(caller context.Context) {
	ctx, end := finishing(caller, w.c.pace.finish)
	defer end()
	var brokers []*brokerState
	for _, b := range w.s.brokers {
		if len(w.todo(b)) > 0 {
			brokers = append(brokers, b)
		}
	}
	if len(brokers) == 0 {
		return
	}
	first, others := brokers[0], brokers[1:]
	w.broker(ctx, first, true)
	if slices.ContainsFunc(w.of[first.name], func(q *queueWrite) bool { return q.cause != nil }) {
		for _, b := range others {
			for _, q := range w.todo(b) {
				q.fail(fmt.Errorf("not attempted, because broker %q failed", first.name))
			}
		}
		return
	}
	if w.delicate(brokers) {
		w.readBackFrom(caller, first)
		for _, b := range others {
			w.broker(ctx, b, false)
			w.readBackFrom(caller, b)
		}
		return
	}
	parallel(len(others), len(others), func(i int) { w.broker(ctx, others[i], false) })
}

// delicate tells whether brokers have to go one after the other, each read
// back before the next: the Go client loses the reset of some queues when two
// brokers tell it to reset at the same time (seen with 2.1.3 on 4.9.7). Brokers
// that reset by themselves tell it nothing that could be lost.
func (w *writer) delicate(brokers []*brokerState) bool {
	if w.in.kind == offset.ToOffsets || !slices.ContainsFunc(brokers, func(b *brokerState) bool { return b.resets != yes }) {
		return false
	}
	return slices.ContainsFunc(w.s.clients(), inGo)
}

// fail notes that a queue was not written.
func (q *queueWrite) fail(err error) {
	q.cause = err
	q.Fail(err.Error())
}

// doubt notes that nobody knows whether a queue was written.
func (q *queueWrite) doubt(err error) {
	q.cause = err
	q.Doubt(err.Error())
}

// took notes the answer to a write: one that has left was, or may have been,
// carried out, unless the broker refused it.
func (w *writer) took(err error) {
	var refused *remoting.Error
	var lost *remoting.TransportError
	if errors.As(err, &refused) || errors.As(err, &lost) && !lost.Sent {
		return
	}
	w.accepted.Store(true)
}

// broker writes one broker's queues. If it is cautious, it stops where the
// first queue fails.
func (w *writer) broker(ctx context.Context, b *brokerState, cautious bool) {
	if (b.way == wayBroker || b.way == wayPush) && w.whole(ctx, b) {
		return
	}
	one := w.commit
	if b.way == wayQueue {
		one = w.resetQueue
	}
	todo := w.todo(b)
	if len(todo) > 0 {
		// Alone: a broker that has no offset of the group on the topic makes the
		// table for them with the first commit, and of two at the same time it
		// keeps only one (seen on 4.9.7).
		first := todo[0]
		todo = todo[1:]
		if one(ctx, b, first); cautious && first.cause != nil {
			for _, q := range todo {
				q.fail(fmt.Errorf("not attempted, because queue %d failed", first.ID))
			}
			return
		}
	}
	parallel(len(todo), w.c.pace.inFlight, func(i int) { one(ctx, b, todo[i]) })
}

// whole asks the broker to reset all queues of the topic. It returns true if
// that is done or has failed for good, and false if the queues that are still
// to do need a commit each: before 5.2 a broker only passes the reset on to
// its consumers, and refuses if none is online or a queue has no offset.
func (w *writer) whole(ctx context.Context, b *brokerState) bool {
	todo, how := w.todo(b), b.way
	if b.online && b.subscribed { // whether the broker resets by itself may not be known yet
		w.baseline(ctx, b, todo)
	}
	resp, err := w.resetAll(ctx, b, todo)
	if noOffset(err) && b.online && b.subscribed {
		// A broker that resets by itself would not have refused.
		how = wayPush
		if resp, err = w.awaitOffsets(ctx, b, todo); noOffset(err) {
			if err = w.seed(ctx, b, todo); err == nil {
				resp, err = w.resetAll(ctx, b, todo)
			}
		}
		if noOffset(err) {
			err = fmt.Errorf("the broker passes no reset on to its consumers as long as one of the topic's queues has no offset: %w", err)
			refuseAll(todo, err)
			return true
		}
	}
	if hasCode(err, remoting.ConsumerNotOnline) || noOffset(err) {
		w.c.log(ctx, "RocketMQ broker leaves the reset to its consumers, committing queue by queue", "broker", b.name)
		return false
	}
	if err == nil {
		var body remoting.Value
		if body, err = parse(resp, remoting.ResetOffset, b.address); err == nil {
			return w.adopt(b, how, todo, byQueue(body.Get("offsetTable"), w.s.topic))
		}
		for _, q := range todo { // The broker has said yes: it was done, wherever that led.
			q.doubt(err)
		}
		return true
	}
	refuseAll(todo, err)
	return true
}

// refuseAll notes that no queue was written. Nobody knows what became of an
// offset that was committed before.
func refuseAll(todo []*queueWrite, err error) {
	for _, q := range todo {
		if q.fragile {
			q.doubt(err)
		} else {
			q.fail(err)
		}
	}
}

// baseline looks once more at the queues without an offset, just before their
// consumers are told to reset: these may have committed since, and only what
// they leave proves that they took the reset up. What cannot be read stays as
// it was.
func (w *writer) baseline(ctx context.Context, b *brokerState, todo []*queueWrite) {
	if !slices.ContainsFunc(todo, func(q *queueWrite) bool { return q.Previous < 0 }) {
		return
	}
	all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
	if err != nil {
		return
	}
	for _, q := range todo {
		if q.Previous < 0 {
			q.Previous = all[q.ID].offset
		}
	}
}

// awaitOffsets asks the broker again until the consumers, which are online,
// have committed where they are on every queue, as they do seconds after they
// have come. Committing in their place would be no use: they would write over
// it, having been told nothing.
func (w *writer) awaitOffsets(ctx context.Context, b *brokerState, todo []*queueWrite) (*remoting.Response, error) {
	if w.tell != nil {
		w.tell(fmt.Sprintf("Waiting for the consumers at broker %s to commit an offset on every queue, without which it passes no reset on", b.name))
	}
	wait := w.c.pace.longest
	for start := time.Now(); ; {
		if err := clock.Sleep(ctx, wait); err != nil {
			return nil, err
		}
		if err := w.interrupted(); err != nil && !w.accepted.Load() {
			return nil, err
		}
		w.baseline(ctx, b, todo)
		resp, err := w.resetAll(ctx, b, todo)
		if !noOffset(err) || time.Since(start)+wait > w.c.pace.commits {
			return resp, err
		}
		wait = min(2*wait, w.c.pace.commits/15)
	}
}

// seed gives an offset to the queues that have none though consumers are
// online, so that the broker passes a reset on to these. Before 5.0 a 0 may
// mean none.
func (w *writer) seed(ctx context.Context, b *brokerState, todo []*queueWrite) error {
	all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
	if err != nil {
		return err
	}
	for _, q := range todo {
		if all[q.ID].offset >= 0 {
			continue
		}
		if w.commit(ctx, b, q); q.cause != nil {
			return q.cause
		}
		q.How = ""
	}
	return nil
}

// adopt takes over what the broker says it has done. It returns false if it
// has left queues out: before 5.2 it resets those that producers write to.
func (w *writer) adopt(b *brokerState, how way, todo []*queueWrite, table map[int32]remoting.Value) bool {
	all := true
	for _, q := range todo {
		n, ok := table[q.ID].Int()
		if !ok || n < 0 {
			all = false
			continue
		}
		q.How, q.proved = HowServer, b.resets == yes
		if how == wayPush || b.version < remoting.V5_1_0 {
			q.How = HowPush
		}
		// Messages that come in meanwhile belong before an instant in the future.
		past := w.in.ms <= w.c.clock.Now().UnixMilli()
		if w.in.kind == offset.ToTime && past && b.version < remoting.V5_1_1 && n > q.Offset {
			q.fail(fmt.Errorf("the broker has looked up %d for the instant, where the first message at or after it is %d, and has sent its consumers there", n, q.Offset))
			q.State = offset.Elsewhere
			continue
		}
		q.Offset, q.End = n, max(q.End, n)
	}
	return all
}

// noOffset tells whether a broker before 5.2 refuses because the group has no
// offset on some queue, or because the group does not exist, which it cannot
// tell apart.
func noOffset(err error) bool {
	var e *remoting.Error
	return errors.As(err, &e) && e.Code == remoting.SystemError &&
		strings.Contains(strings.ToLower(e.Remark), "the consumer group <") && strings.Contains(e.Remark, "not exist")
}

// resetAll sends the reset of all queues.
func (w *writer) resetAll(ctx context.Context, b *brokerState, todo []*queueWrite) (*remoting.Response, error) {
	resp, err := w.c.ask(ctx, b.master, remoting.ResetOffset, fields{
		"topic": w.s.topic, "group": w.s.group, "isForce": strconv.FormatBool(!w.in.ahead),
		"timestamp": strconv.FormatInt(w.timestamp(b, todo), 10), "queueId": "-1", "offset": "-1",
	})
	w.took(err)
	return resp, err
}

// timestamp is what makes the broker resolve the target as it was resolved
// here. Latest is -1 and not the current time, for which brokers before 5.1.1
// answer the last message. Their look-up by time answers the nearest message,
// or any of several of the same millisecond. The latest time with which they
// skip nothing on any queue lies just before the first of the targets; with it
// they begin early only where the message before is nearer.
func (w *writer) timestamp(b *brokerState, todo []*queueWrite) int64 {
	switch {
	case w.in.kind == offset.ToLatest:
		return -1
	case w.in.kind == offset.ToEarliest:
		return 0
	case b.version >= remoting.V5_1_1:
		return w.in.ms
	}
	atEnd, first := true, int64(math.MaxInt64)
	for _, q := range todo {
		if q.Offset < q.End {
			atEnd, first = false, min(first, b.state[q.ID].reached)
		}
	}
	if atEnd {
		return -1
	}
	return max(first-1, w.in.ms-1, 0)
}

// pendingRemark is what a broker from 5.2 on says, with code 0, when it
// ignores a commit because an earlier reset waits for a consumer.
const pendingRemark = "previously reset"

// commit commits one queue's offset, as a consumer does. Where that is ignored
// because of an earlier reset, the broker is one that resets by itself, and is
// asked to do that for the queue.
func (w *writer) commit(ctx context.Context, b *brokerState, q *queueWrite) {
	resp, err := w.c.ask(ctx, b.master, remoting.UpdateOffset, fields{
		"consumerGroup": w.s.group, "topic": w.s.topic, "queueId": strconv.Itoa(int(q.ID)),
		"commitOffset": strconv.FormatInt(q.Offset, 10),
	})
	if err == nil && strings.Contains(resp.Remark, pendingRemark) {
		w.resetQueue(ctx, b, q)
		return
	}
	w.took(err)
	if err != nil {
		q.fail(err)
		return
	}
	q.How = HowPerQueue
	q.fragile = b.consumed()
}

// resetQueue makes a broker that resets by itself reset one queue to the
// offset, which its answer proves. It must never reach another broker: that
// would ignore queue and offset, and send all consumers to the end of all queues.
func (w *writer) resetQueue(ctx context.Context, b *brokerState, q *queueWrite) {
	resp, err := w.resetTo(ctx, b, q)
	if outsideLog(err) && w.in.clamp && w.follow(ctx, b, q) {
		resp, err = w.resetTo(ctx, b, q)
	}
	if err != nil {
		q.fail(err)
		return
	}
	q.How = HowServer
	body, err := parse(resp, remoting.ResetOffset, b.address)
	if err != nil {
		q.doubt(err)
		return
	}
	switch n, ok := byQueue(body.Get("offsetTable"), w.s.topic)[q.ID].Int(); {
	case !ok:
		q.doubt(fmt.Errorf("broker %q accepted the reset, but does not say where it put the queue", b.name))
	case n != q.Offset:
		q.cause = fmt.Errorf("%w: broker %q was told %d, and says that it put the queue to %d", errOther, b.name, q.Offset, n)
		q.Seen, q.State, q.Reason = n, offset.Elsewhere, q.cause.Error()
	default:
		q.proved = true
	}
}

func (w *writer) resetTo(ctx context.Context, b *brokerState, q *queueWrite) (*remoting.Response, error) {
	resp, err := w.c.ask(ctx, b.master, remoting.ResetOffset, fields{
		"topic": w.s.topic, "group": w.s.group, "isForce": "true", "timestamp": "-1",
		"queueId": strconv.Itoa(int(q.ID)), "offset": strconv.FormatInt(q.Offset, 10),
	})
	w.took(err)
	return resp, err
}

// outsideLog tells whether a broker refuses an offset that its log does not hold.
func outsideLog(err error) bool {
	var e *remoting.Error
	return errors.As(err, &e) && e.Code == remoting.SystemError && strings.Contains(e.Remark, "not in consume queue range")
}

// follow moves the target of a queue into the log, out of which retention has
// taken it since it was resolved. It returns false if it cannot.
func (w *writer) follow(ctx context.Context, b *brokerState, q *queueWrite) bool {
	start, err := w.c.askOffset(ctx, b.master, remoting.GetMinOffset, w.s.topic, int(q.ID), nil)
	if err != nil || start <= q.Offset {
		return false
	}
	q.Start, q.End = start, max(start, q.End)
	q.Clamped = q.Clamped || w.in.kind == offset.ToOffsets
	q.Offset = start
	return true
}
