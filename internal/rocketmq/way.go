package rocketmq

import (
	"context"
	"fmt"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// intent is what a write needs to decide how it is done.
type intent struct {
	kind  offset.TargetKind
	ms    int64 // the instant of a time target, as brokers take it
	exact bool  // each queue must get the very offset that was resolved, and no other queue may move
	ahead bool  // queues whose target lies ahead are left alone
}

// toOffsets is the intent of whoever brings an offset for each queue.
var toOffsets = intent{kind: offset.ToOffsets, exact: true}

// intentOf reads a request. Limits are promises about numbers, so they need
// the numbers that were checked: a broker that resolves "latest" by itself
// would skip whatever has arrived since.
func intentOf(req offset.Request) intent {
	if req.Target.Kind == offset.ToOffsets {
		return toOffsets
	}
	in := intent{kind: req.Target.Kind, ahead: req.KeepAhead}
	if in.kind == offset.ToTime {
		in.ms = wireTime(req.Target.Time)
	}
	in.exact = req.KeepAhead || req.Limits.MaxReplayed != nil || req.Limits.MaxSkipped != nil
	return in
}

// way is how the queues of one broker are written.
type way int

const (
	// wayCommit commits each queue's offset (15), as a consumer does. It is
	// for groups that nobody consumes the topic with: a consumer would commit
	// its own offset over it.
	wayCommit way = iota
	// wayBroker asks the broker to reset all queues (222): from 5.2 on it
	// does so itself, before it tells the consumers that are online, or says
	// that none is.
	wayBroker
	// wayPush is wayBroker where the broker is known to only tell its consumers.
	wayPush
	// wayQueue asks a broker that resets by itself for one queue at a time
	// (222 with queueId and offset).
	wayQueue
)

// chooseWays decides how each broker is written, or says why it cannot be:
// brokers before 5.2 cannot set an exact offset under a consumer that is online.
func (c *Client) chooseWays(ctx context.Context, s *survey, in intent, moves []offset.Move) ([]way, []error) {
	concerned := map[string]bool{}
	for _, m := range moves {
		if m.How == "" {
			concerned[m.Broker] = true
		}
	}
	ways, refusals := make([]way, len(s.brokers)), make([]error, len(s.brokers))
	parallel(len(s.brokers), len(s.brokers), func(i int) {
		if concerned[s.brokers[i].name] {
			ways[i], refusals[i] = c.chooseWay(ctx, s, s.brokers[i], in)
		}
	})
	return ways, refusals
}

func (c *Client) chooseWay(ctx context.Context, s *survey, b *brokerState, in intent) (way, error) {
	active := b.online && b.subscribed
	switch {
	case b.online && !b.subscribed:
		// Consumers with assign() subscribe to nothing and consume all the same:
		// they would commit over what was committed here, but take up what the
		// broker resets. A broker that only tells its consumers would tell some
		// that do not care, and say that all is well.
		resets, _, err := c.resetsItself(ctx, b)
		switch {
		case err != nil:
			return 0, c.explain(err, fmt.Sprintf("Cannot find out how broker %q resets offsets", b.name))
		case !resets:
			return wayCommit, nil
		case in.exact:
			return wayQueue, nil
		default:
			return wayBroker, nil
		}
	case !in.exact && active && b.version < remoting.V5_1_0:
		return wayPush, nil
	case !in.exact:
		return wayBroker, nil
	case !active:
		return wayCommit, nil
	}
	resets, known, err := c.resetsItself(ctx, b)
	switch {
	case err != nil:
		return 0, c.explain(err, fmt.Sprintf("Cannot find out how broker %q resets offsets", b.name))
	case resets:
		return wayQueue, nil
	case in.kind == offset.ToOffsets || !known && in.ahead:
		why := "only tells its consumers to go to a time, which cannot set exact offsets"
		next := "Stop the group's consumers, then try again."
		if !known {
			why = "does not tell whether it resets offsets by itself, without which exact offsets cannot be set"
			next = "Stop the group's consumers, or give the key the right to read the broker's configuration (GET on the cluster), then try again."
		}
		return 0, &offset.Error{
			Code: offset.GroupActive, State: offset.NothingChanged,
			What: fmt.Sprintf("%s has consumers online, and broker %q (%s) %s", upperFirst(on(s.group, s.topic)), b.name, remoting.VersionName(b.version), why),
			Next: next,
		}
	case known:
		return wayPush, nil
	default:
		return wayBroker, nil
	}
}

// resetsItself tells whether the broker has useServerSideResetOffset on, and
// whether that could be found out. The switch exists from 5.1.0 on.
func (c *Client) resetsItself(ctx context.Context, b *brokerState) (resets, known bool, err error) {
	if b.version < remoting.V5_1_0 {
		return false, true, nil
	}
	resp, err := c.ask(ctx, b.master, remoting.GetBrokerConfig, nil)
	if isDenied(err) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	for line := range strings.Lines(string(resp.Body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name == "useServerSideResetOffset" {
			return value == "true", true, nil
		}
	}
	return false, false, nil
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
