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
	clamp bool  // a target that has left the log since it was resolved is moved into it
}

// toOffsets is the intent of whoever brings an offset for each queue.
var toOffsets = intent{kind: offset.ToOffsets, exact: true}

// intentOf reads a request. Limits are promises about numbers, so they need
// the numbers that were checked: a broker that resolves "latest" by itself
// would skip whatever has arrived since.
func intentOf(req offset.Request) intent {
	in := toOffsets
	if req.Target.Kind != offset.ToOffsets {
		in = intent{kind: req.Target.Kind, ahead: req.KeepAhead}
		if in.kind == offset.ToTime {
			in.ms = wireTime(req.Target.Time)
		}
		in.exact = req.KeepAhead || req.Limits.MaxReplayed != nil || req.Limits.MaxSkipped != nil
	}
	in.clamp = req.OutOfRange != offset.Refuse
	return in
}

// way is how the queues of one broker are written.
type way int

const (
	// wayNone: none of its queues is written.
	wayNone way = iota
	// wayQueue asks a broker that resets by itself for one queue at a time
	// (222 with queueId and offset): the one way to set exact offsets that
	// consumers of every kind take up, those of a proxy too.
	wayQueue
	// wayBroker asks the broker to reset all queues (222). One that resets by
	// itself does so; whether the others do shows afterwards.
	wayBroker
	// wayPush is wayBroker where the broker is known to only tell its
	// consumers. It says so where none is online, and each queue is committed.
	wayPush
	// wayCommit commits each queue's offset (15), as a consumer does. It is
	// for groups that nobody consumes the topic with: a consumer would commit
	// its own offset over it.
	wayCommit
)

// chooseWays decides how each broker is written, or says why it cannot be.
func (c *Client) chooseWays(ctx context.Context, s *survey, in intent, moves []offset.Move) []error {
	concerned := map[string]bool{}
	for _, m := range moves {
		if m.How == "" {
			concerned[m.Broker] = true
		}
	}
	refusals := make([]error, len(s.brokers))
	parallel(len(s.brokers), len(s.brokers), func(i int) {
		b := s.brokers[i]
		if !concerned[b.name] {
			return
		}
		var err error
		if b.resets, err = c.resetsItself(ctx, b); err != nil {
			refusals[i] = c.explain(err, fmt.Sprintf("Cannot find out how broker %q resets offsets", b.name))
			return
		}
		b.way, refusals[i] = s.wayOf(b, in)
	})
	return refusals
}

// wayOf decides how one broker is written. Brokers that do not reset by
// themselves cannot set an exact offset under a consumer that is online.
func (s *survey) wayOf(b *brokerState, in intent) (way, error) {
	active := b.online && b.subscribed
	switch {
	case b.resets == yes && in.kind == offset.ToLatest && !in.exact:
		return wayBroker, nil // the end moves: the broker knows where it is in the moment of the reset
	case b.resets == yes:
		return wayQueue, nil
	// A broker that only tells its consumers would tell some that do not care,
	// and say that all is well.
	case !active && (in.exact || b.online):
		return wayCommit, nil
	case active && in.exact && (in.kind == offset.ToOffsets || b.resets == maybe && in.ahead):
		why := "only tells its consumers to go to a time, which cannot set exact offsets"
		next := "Stop the group's consumers, then try again."
		if b.resets == maybe {
			why = "does not tell whether it resets offsets by itself, without which exact offsets cannot be set"
			next = "Stop the group's consumers, or give the key the right to read the broker's configuration (GET on the cluster), then try again."
		}
		return wayNone, &offset.Error{
			Code: offset.GroupActive, State: offset.NothingChanged,
			What: fmt.Sprintf("%s has consumers online, and broker %q (%s) %s", offset.Capital(on(s.group, s.topic)), b.name, remoting.VersionName(b.version), why),
			Next: next,
		}
	case b.resets == no:
		return wayPush, nil
	default:
		return wayBroker, nil
	}
}

// resetsItself tells whether the broker has useServerSideResetOffset on, or
// maybe where the key may not read the configuration. The switch exists from
// 5.1.0 on, and is on by default from 5.2.0 on.
func (c *Client) resetsItself(ctx context.Context, b *brokerState) (finding, error) {
	if b.version < remoting.V5_1_0 {
		return no, nil
	}
	resp, err := c.ask(ctx, b.master, remoting.GetBrokerConfig, nil)
	if isDenied(err) {
		return maybe, nil
	}
	if err != nil {
		return maybe, err
	}
	for line := range strings.Lines(string(resp.Body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name == "useServerSideResetOffset" {
			if value == "true" {
				return yes, nil
			}
			return no, nil
		}
	}
	return maybe, nil
}

// wayNote tells what a reader of the plan should know of how a broker is written.
func (b *brokerState) wayNote() string {
	version := remoting.VersionName(b.version)
	switch {
	case b.way == wayNone || b.resets == yes:
		return ""
	case b.resets == maybe:
		return fmt.Sprintf("Broker %s (%s) does not tell whether it resets offsets by itself, because the key may not read its configuration (GET on the cluster). "+
			"Offsets may have to be committed in the consumers' place, and consumers that brokers do not list, such as those of a proxy, write over that: give the key the right, or stop them first.", b.name, version)
	case b.online && b.subscribed:
		return fmt.Sprintf("Broker %s (%s) does not reset offsets itself, it tells its consumers to: that takes them up to half a minute.", b.name, version)
	case b.version >= remoting.V5_0_0:
		return fmt.Sprintf("Broker %s (%s) has its own resets switched off (useServerSideResetOffset) or is too old for them: offsets are committed in the consumers' place, "+
			"and consumers that brokers do not list, such as those of a proxy, write over that. Stop them first.", b.name, version)
	default:
		return ""
	}
}
