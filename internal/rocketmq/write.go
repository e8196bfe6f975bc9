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

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// writer carries out moves on the brokers of a survey. It writes to those
// moves that say no How yet, and leaves in each what became of it.
type writer struct {
	c      *Client
	s      *survey
	in     intent
	ways   []way
	before []offset.Move // as planned
	moves  []offset.Outcome
	of     map[string][]int // the moves of each broker, which is all that its goroutine may touch
	tell   func(string)
	// interrupted is not nil once the caller has gone. What has been written
	// is finished all the same.
	interrupted func() error

	accepted atomic.Bool // a broker has taken a write, or may have
	causes   []error     // by move: why it failed, if it did
	settled  []bool      // by move: it was read back, or there was no way to
	fragile  []bool      // by move: the target was committed under consumers of the topic, which may know nothing of it
}

func (c *Client) writer(s *survey, in intent, ways []way, moves []offset.Move) *writer {
	w := &writer{
		c: c, s: s, in: in, ways: ways, before: moves, moves: offset.Outcomes(moves), of: map[string][]int{},
		interrupted: func() error { return nil },
		causes:      make([]error, len(moves)), settled: make([]bool, len(moves)), fragile: make([]bool, len(moves)),
	}
	for i, m := range moves {
		w.of[m.Broker] = append(w.of[m.Broker], i)
	}
	return w
}

// todo returns the moves of a broker that are still to be written.
func (w *writer) todo(b *brokerState) []int {
	var todo []int
	for _, i := range w.of[b.name] {
		if w.moves[i].How == "" && w.causes[i] == nil {
			todo = append(todo, i)
		}
	}
	return todo
}

// write writes everything. The first broker goes ahead alone, and of its
// queues the first: what it refuses, such as for want of a right, is most
// likely refused everywhere, and then nothing was changed.
func (w *writer) write(ctx context.Context) {
	var brokers []int
	for i, b := range w.s.brokers {
		if len(w.todo(b)) > 0 {
			brokers = append(brokers, i)
		}
	}
	if len(brokers) == 0 {
		return
	}
	first := w.s.brokers[brokers[0]]
	w.broker(ctx, first, w.ways[brokers[0]], true)
	if slices.ContainsFunc(w.of[first.name], func(i int) bool { return w.causes[i] != nil }) {
		for _, i := range brokers[1:] {
			for _, m := range w.todo(w.s.brokers[i]) {
				w.fail(m, fmt.Errorf("not attempted, because broker %q failed", first.name))
			}
		}
		return
	}
	if w.delicate() {
		w.readBackFrom(ctx, first)
		for _, n := range brokers[1:] {
			w.broker(ctx, w.s.brokers[n], w.ways[n], false)
			w.readBackFrom(ctx, w.s.brokers[n])
		}
		return
	}
	parallel(len(brokers)-1, len(brokers), func(i int) {
		n := brokers[i+1]
		w.broker(ctx, w.s.brokers[n], w.ways[n], false)
	})
}

// delicate tells whether brokers have to go one after the other, each read
// back before the next: the Go client loses the reset of some queues when two
// brokers tell it to reset at the same time (seen with 2.1.3 on 4.9.7). Only
// brokers before 5.2 tell their clients; the others show the reset at once.
func (w *writer) delicate() bool {
	if w.in.kind == offset.ToOffsets {
		return false
	}
	return slices.ContainsFunc(w.s.clients(), func(c ClientInfo) bool { return c.Language == "GO" })
}

// fail notes that a queue was not written, or that nobody knows.
func (w *writer) fail(i int, err error) {
	w.causes[i] = err
	w.moves[i].Fail(err.Error())
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
func (w *writer) broker(ctx context.Context, b *brokerState, how way, cautious bool) {
	todo := w.todo(b)
	switch how {
	case wayBroker, wayPush:
		if w.whole(ctx, b, how, todo) {
			return
		}
		todo = w.todo(b)
		how = wayCommit
	case wayCommit, wayQueue:
	}
	one := w.commit
	if how == wayQueue {
		one = w.resetQueue
	}
	if len(todo) > 0 {
		// Alone: a broker that has no offset of the group on the topic makes the
		// table for them with the first commit, and of two at the same time it
		// keeps only one (seen on 4.9.7).
		if one(ctx, b, todo[0]); cautious && w.causes[todo[0]] != nil {
			for _, i := range todo[1:] {
				w.fail(i, fmt.Errorf("not attempted, because queue %d failed", w.moves[todo[0]].ID))
			}
			return
		}
		todo = todo[1:]
	}
	parallel(len(todo), w.c.pace.inFlight, func(i int) { one(ctx, b, todo[i]) })
}

// whole asks the broker to reset all queues of the topic. It returns true if
// that is done or has failed for good, and false if the queues that are still
// to do need a commit each: before 5.2 a broker only passes the reset on to
// its consumers, and refuses if none is online or a queue has no offset.
func (w *writer) whole(ctx context.Context, b *brokerState, how way, todo []int) bool {
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
			w.refuseAll(todo, err)
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
		w.refuseAll(todo, err)
		for _, i := range todo { // The broker has said yes: it was done, wherever that led.
			w.moves[i].State = offset.Unsettled
		}
		return true
	}
	w.refuseAll(todo, err)
	return true
}

// refuseAll notes that no queue was written. Nobody knows what became of an
// offset that was committed before.
func (w *writer) refuseAll(todo []int, err error) {
	for _, i := range todo {
		w.fail(i, err)
		if w.fragile[i] {
			w.moves[i].State = offset.Unsettled
		}
	}
}

// baseline looks once more at the queues without an offset, just before their
// consumers are told to reset: these may have committed since, and only what
// they leave proves that they took the reset up. What cannot be read stays as
// it was.
func (w *writer) baseline(ctx context.Context, b *brokerState, todo []int) {
	if !slices.ContainsFunc(todo, func(i int) bool { return w.moves[i].Previous < 0 }) {
		return
	}
	all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
	if err != nil {
		return
	}
	for _, i := range todo {
		if m := &w.moves[i]; m.Previous < 0 {
			m.Previous = all[m.ID].offset
		}
	}
}

// awaitOffsets asks the broker again until the consumers, which are online,
// have committed where they are on every queue, as they do seconds after they
// have come. Committing in their place would be no use: they would write over
// it, having been told nothing.
func (w *writer) awaitOffsets(ctx context.Context, b *brokerState, todo []int) (*remoting.Response, error) {
	if w.tell != nil {
		w.tell(fmt.Sprintf("Waiting for the consumers at broker %s to commit an offset on every queue, without which it passes no reset on", b.name))
	}
	wait := w.c.pace.longest
	for start := time.Now(); ; {
		time.Sleep(wait)
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
func (w *writer) seed(ctx context.Context, b *brokerState, todo []int) error {
	all, _, err := w.c.readCommitted(ctx, w.s.group, w.s.topic, b.master)
	if err != nil {
		return err
	}
	for _, i := range todo {
		if all[w.moves[i].ID].offset >= 0 {
			continue
		}
		if w.commit(ctx, b, i); w.causes[i] != nil {
			return w.causes[i]
		}
		w.moves[i].How = ""
	}
	return nil
}

// adopt takes over what the broker says it has done. It returns false if it
// has left queues out: before 5.2 it resets those that producers write to.
func (w *writer) adopt(b *brokerState, how way, todo []int, table map[int32]remoting.Value) bool {
	all := true
	for _, i := range todo {
		m := &w.moves[i]
		n, ok := table[m.ID].Int()
		if !ok || n < 0 {
			all = false
			continue
		}
		m.How = HowServer
		if how == wayPush || b.version < remoting.V5_1_0 {
			m.How = HowPush
		}
		// Messages that come in meanwhile belong before an instant in the future.
		past := w.in.ms <= w.c.clock.Now().UnixMilli()
		if w.in.kind == offset.ToTime && past && b.version < remoting.V5_1_1 && n > m.Offset {
			w.fail(i, fmt.Errorf("the broker has looked up %d for the instant, where the first message at or after it is %d, and has sent its consumers there", n, m.Offset))
			continue
		}
		m.Offset, m.End = n, max(m.End, n)
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
func (w *writer) resetAll(ctx context.Context, b *brokerState, todo []int) (*remoting.Response, error) {
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
func (w *writer) timestamp(b *brokerState, todo []int) int64 {
	switch {
	case w.in.kind == offset.ToLatest:
		return -1
	case w.in.kind == offset.ToEarliest:
		return 0
	case b.version >= remoting.V5_1_1:
		return w.in.ms
	}
	atEnd, first := true, int64(math.MaxInt64)
	for _, i := range todo {
		if m := w.moves[i]; m.Offset < m.End {
			atEnd, first = false, min(first, b.state[m.ID].reached)
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
func (w *writer) commit(ctx context.Context, b *brokerState, i int) {
	m := &w.moves[i]
	resp, err := w.c.ask(ctx, b.master, remoting.UpdateOffset, fields{
		"consumerGroup": w.s.group, "topic": w.s.topic, "queueId": strconv.Itoa(int(m.ID)),
		"commitOffset": strconv.FormatInt(m.Offset, 10),
	})
	if err == nil && strings.Contains(resp.Remark, pendingRemark) {
		w.resetQueue(ctx, b, i)
		return
	}
	w.took(err)
	if err != nil {
		w.fail(i, err)
		return
	}
	m.How = HowPerQueue
	w.fragile[i] = b.consumed()
}

// resetQueue makes a broker that resets by itself reset one queue to the
// offset. It must never reach another broker: that would ignore queue and
// offset, and send all consumers to the end of all queues.
func (w *writer) resetQueue(ctx context.Context, b *brokerState, i int) {
	m := &w.moves[i]
	_, err := w.c.ask(ctx, b.master, remoting.ResetOffset, fields{
		"topic": w.s.topic, "group": w.s.group, "isForce": "true", "timestamp": "-1",
		"queueId": strconv.Itoa(int(m.ID)), "offset": strconv.FormatInt(m.Offset, 10),
	})
	w.took(err)
	if err != nil {
		w.fail(i, err)
		return
	}
	m.How = HowServer
}
