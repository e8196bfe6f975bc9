package rocketmq

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// wireTime is an instant as brokers compare it with store times: the first
// millisecond that does not lie before it. Brokers take negative numbers for
// "latest", so that everything before 1970 is 0.
func wireTime(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return max(ms, 0)
}

// offsetAt returns the offset of the first message of the queue that was
// stored at or after the instant: the log's end where there is none, its start
// where the instant is before all. From 5.1.1 on that is what brokers answer.
func (c *Client) offsetAt(ctx context.Context, s *survey, b *brokerState, queue int, ms int64) (int64, error) {
	q := &b.state[queue]
	switch {
	case q.min == q.max || q.lastStored > 0 && ms > q.lastStored:
		return q.max, nil
	case ms == 0:
		return q.min, nil
	}
	n, err := c.askOffset(ctx, b.master, remoting.SearchOffsetByTime, s.topic, queue,
		fields{"timestamp": strconv.FormatInt(ms, 10)})
	if err != nil {
		return 0, err
	}
	n = min(max(n, q.min), q.max)
	if b.version >= remoting.V5_1_1 {
		return n, nil
	}
	n, err = search(q.min, q.max, n, func(at int64) (bool, error) {
		stored, err := c.storeTime(ctx, s, b, queue, at)
		if stored >= ms { // the earliest of these is the target's
			q.reached = stored
		}
		return stored >= ms, err
	})
	return n, err
}

// search returns the first offset in [from, to) for which reached is true, or
// to. Reached must be false up to some offset and true from there on. The
// guess, which may be wrong, makes it cheap: right at it or one after it costs
// two questions, farther away the logarithm of the distance.
//
// Brokers before 5.1.1 answer a look-up by time with the nearest message, so
// one too early, or with any of several of the same millisecond, so also too
// late; and they choose the file to look into by its modification time, which
// a restored backup gets wrong.
func search(from, to, guess int64, reached func(at int64) (bool, error)) (int64, error) {
	low, high := from-1, to // reached is false at low (or low is before all), true at high
	at := min(max(guess, from), to-1)
	for step := int64(1); low+1 < high; {
		ok, err := reached(at)
		if err != nil {
			return 0, err
		}
		if ok {
			high = at
		} else {
			low = at
		}
		switch {
		case low >= from && high < to: // both sides are known: halve
			at = low + (high-low)/2
		case ok:
			at = max(high-step, from)
			step *= 2
		default:
			at = min(low+step, to-1)
			step *= 2
		}
	}
	return high, nil
}

// sysFlagSubscription says that the request brings its own subscription, so
// that nobody needs to be online, and neither commits nor waits.
const sysFlagSubscription = 4

// storeTime pulls one message and returns when it was stored. A message that
// the log no longer holds counts as older than all.
func (c *Client) storeTime(ctx context.Context, s *survey, b *brokerState, queue int, at int64) (int64, error) {
	resp, err := c.ask(ctx, b.master, remoting.PullMessage, fields{
		"consumerGroup": s.group, "topic": s.topic, "queueId": strconv.Itoa(queue),
		"queueOffset": strconv.FormatInt(at, 10), "maxMsgNums": "1", "sysFlag": strconv.Itoa(sysFlagSubscription),
		"commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "0",
		"subscription": "*", "expressionType": "TAG",
	})
	for _, gone := range []int{remoting.PullNotFound, remoting.PullRetryImmediately, remoting.PullOffsetMoved} {
		if hasCode(err, gone) {
			return -1, nil
		}
	}
	if err != nil {
		return 0, err
	}
	offset, stored, err := remoting.FirstMessage(resp.Body)
	if err != nil {
		return 0, garbled(fmt.Sprintf("Broker %q sent no message for offset %d of queue %d of topic %q", b.name, at, queue, s.topic))
	}
	if offset > at { // what was asked for is gone
		return -1, nil
	}
	return stored, nil
}
