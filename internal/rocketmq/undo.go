package rocketmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// Undo puts back what a reset moved, by compare-and-set: only where the
// committed offset is still the one that was set and the previous one is still
// in the log; else it is an error with figures that changes nothing, or, if
// the request is lenient, a note, and the queue is left alone. Queues that are
// back already are left alone, so that an undo which failed half-way
// can be repeated. It works while the reset still waits for a consumer.
//
// A queue that had no offset before, or whose broker could not tell, stays
// where it is, which a note says: brokers cannot delete one queue's offset. A
// topic or group that is gone needs nothing, which a note says too.
func (c *Client) Undo(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	return c.undo(ctx, req, time.Now().Add(c.pace.gather))
}

// undo waits for consumers until then.
func (c *Client) undo(ctx context.Context, req offset.UndoRequest, until time.Time) (*offset.Result, error) {
	if req.Group == "" || req.Topic == "" {
		return nil, invalid("A restore needs the consumer group and the topic", "")
	}
	gone := func(what string) (*offset.Result, error) {
		return &offset.Result{
			ClusterID: req.ClusterID, At: c.clock.Now().UTC(),
			Notes: []string{what + " does not exist any more, so there was nothing to restore."},
		}, nil
	}
	s, err := c.survey(ctx, req.Group, req.Topic)
	if offset.CodeOf(err) == offset.TopicMissing {
		if err := c.confirmGone(ctx, restoring(req, nil)); err != nil {
			return nil, err
		}
		return gone(fmt.Sprintf("Topic %q", req.Topic))
	}
	if err != nil {
		return nil, err
	}
	if req.ClusterID != "" && s.clusterID != req.ClusterID {
		return nil, &offset.Error{
			Code: offset.WrongCluster, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q is on cluster %q, and the reset was made on cluster %q", req.Topic, s.clusterID, req.ClusterID),
			Next: checkNameServers,
		}
	}
	if err := s.check(); err != nil {
		if offset.CodeOf(err) != offset.GroupMissing || len(s.missing()) < len(s.brokers) {
			return nil, err
		}
		for _, m := range req.Record {
			if s.broker(m.Broker) == nil { // Down, it may be: nobody has asked it.
				return nil, &offset.Error{
					Code: offset.NoLeader, State: offset.NothingChanged, Next: bringBack,
					What: fmt.Sprintf("No broker of topic %q that the name servers know has group %q, but broker %q, which the reset was made on too, is not among them: whether the group is gone cannot be told",
						req.Topic, req.Group, m.Broker),
				}
			}
		}
		return gone(fmt.Sprintf("Group %q", req.Group))
	}
	if err := c.confirmGone(ctx, restoring(req, s)); err != nil {
		return nil, err
	}
	moves, notes, err := s.restore(req)
	if err != nil {
		return nil, err
	}
	for i, err := range c.chooseWays(ctx, s, toOffsets, moves) {
		switch barred := s.brokers[i].name; {
		case err == nil:
		case req.Lenient && offset.CodeOf(err) == offset.GroupActive:
			moves = slices.DeleteFunc(moves, func(m offset.Move) bool { return m.Broker == barred })
			notes = append(notes, fmt.Sprintf("The queues on broker %s were left where they are: under consumers that are online it cannot set exact offsets.", barred))
		default:
			return nil, err
		}
	}
	tell := func(message string) {
		if req.Progress != nil {
			req.Progress(message)
		}
	}
	what := "restore " + on(req.Group, req.Topic)
	if waited, err := c.gather(ctx, s, until, what, tell); err != nil {
		return nil, err
	} else if waited {
		return c.undo(ctx, req, until)
	}
	result, err := c.carryOut(ctx, s, toOffsets, moves, what, tell)
	if result != nil {
		result.Notes = append(notes, result.Notes...)
	}
	return result, err
}

const (
	checkNameServers = "Check the name servers in the provider's configuration."
	bringBack        = `Bring the broker back, then destroy again. If it is gone for good, set on_destroy to "keep", apply, and destroy again.`
)

// lostTopic is a topic on brokers to which the name servers know no way.
type lostTopic struct {
	topic     string
	clusterID string // the recorded one; empty if it is not known
	brokers   []string
	again     string // what to do again once the trouble is over
	bringBack string // what to do about a broker that is down
}

// restoring returns those of the brokers that the reset was made on of which
// the survey knows nothing; no survey means all.
func restoring(req offset.UndoRequest, s *survey) lostTopic {
	l := lostTopic{topic: req.Topic, clusterID: req.ClusterID, again: "destroy again", bringBack: bringBack}
	for _, m := range req.Record {
		if s == nil || m.Touched() && s.broker(m.Broker) == nil {
			l.brokers = append(l.brokers, m.Broker)
		}
	}
	return l
}

// resuming returns those of the brokers that a reset is to go on with of which
// the survey knows nothing.
func resuming(req offset.Request, s *survey) lostTopic {
	return lostTopic{
		topic: s.topic, clusterID: req.TopicIDsOf, again: "apply again",
		brokers:   s.absent(slices.Collect(maps.Keys(req.Target.Offsets))),
		bringBack: "Bring the broker back, then apply again. If it is gone for good, take the resource out of the state (terraform state rm), and apply.",
	}
}

// confirmGone returns nil if the brokers have the topic no more. That the name
// servers know no way to a broker proves nothing: they say the same while it is
// down, for half a minute after they themselves have started, and if they are
// another cluster's.
func (c *Client) confirmGone(ctx context.Context, l lostTopic) error {
	names := slices.Clone(l.brokers)
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil
	}
	info, err := c.askNameServers(ctx, remoting.GetClusterInfo, nil)
	if err != nil {
		return c.explain(err, "Cannot list the cluster's brokers")
	}
	doubt := func(code offset.Code, next, format string, args ...any) error {
		return &offset.Error{
			Code: code, State: offset.NothingChanged, Next: next,
			What: fmt.Sprintf("The name servers know no way to topic %q on broker %s, and %s", l.topic, someOf(names), fmt.Sprintf(format, args...)),
		}
	}
	var masters []master
	for _, name := range names {
		b := info.Get("brokerAddrTable").Get(name)
		cluster, address := b.Get("cluster").Text(), b.Get("brokerAddrs").Get("0").Text()
		switch {
		case cluster != "" && l.clusterID != "" && !slices.Contains(strings.Split(l.clusterID, ","), cluster):
			return doubt(offset.WrongCluster, checkNameServers,
				"their broker %q is of cluster %q, while the reset was made on cluster %q", name, cluster, l.clusterID)
		case address == "":
			return doubt(offset.NoLeader, l.bringBack+" "+checkNameServers,
				"no master of broker %q, which the reset was made on: whether the topic is gone cannot be told", name)
		}
		masters = append(masters, master{name: name, address: address})
	}
	return parallelErr(len(masters), len(masters), func(i int) error {
		_, err := c.ask(ctx, masters[i], remoting.GetTopicStats, fields{"topic": l.topic})
		switch {
		case err == nil:
			return doubt(offset.NoLeader, "Wait until the broker has registered it (half a minute at most), then "+l.again+".",
				"broker %q has it all the same", masters[i].name)
		case hasCode(err, remoting.TopicNotExist):
			return nil
		default:
			return c.explain(err, fmt.Sprintf("Cannot ask broker %q whether topic %q is gone", masters[i].name, l.topic))
		}
	})
}

// restore makes the moves that lead back, and compares.
func (s *survey) restore(req offset.UndoRequest) (moves []offset.Move, notes []string, err error) {
	var elsewhere, expired, gone []string
	var compared, unknown int
	for _, set := range req.Record {
		set.Topic = s.topic
		if !set.Touched() || set.Offset < 0 || set.How == HowKept || set.Previous == set.Offset || req.Skip != nil && req.Skip(set.Partition) {
			continue
		}
		b := s.broker(set.Broker)
		if b == nil || set.ID < 0 || int(set.ID) >= b.queues {
			gone = append(gone, set.Name())
			continue
		}
		if set.Previous < 0 {
			unknown++
			continue
		}
		compared++
		q := b.state[set.ID]
		if q.asked == set.Previous {
			continue
		}
		if q.asked != set.Offset {
			elsewhere = append(elsewhere, fmt.Sprintf("%s/%d is at %s, not %d", set.Broker, set.ID, shown(q.asked), set.Offset))
			continue
		}
		if set.Previous < q.min || set.Previous > q.max {
			expired = append(expired, fmt.Sprintf("%s/%d was at %d, the log holds %d to %d", set.Broker, set.ID, set.Previous, q.min, q.max))
			continue
		}
		m := s.move(b, int(set.ID))
		m.Previous, m.Offset = set.Offset, set.Previous
		moves = append(moves, m)
	}
	const next = `To leave the offsets as they are, set on_destroy to "keep", apply, and destroy again; to put them back all the same, make a new reset with the offsets from the record.`
	if len(elsewhere) > 0 && req.Lenient {
		notes = append(notes, fmt.Sprintf("Left alone, because something else has moved them since: %s.", someOf(elsewhere)))
	} else if len(elsewhere) > 0 {
		return nil, nil, &offset.Error{
			Code: offset.Overwritten, State: offset.NothingChanged, Next: next,
			What: fmt.Sprintf("Cannot restore %s: %d of %s are not where the reset put them any more (%s)",
				on(s.group, s.topic), len(elsewhere), queueCount(compared), someOf(elsewhere)),
		}
	}
	if len(expired) > 0 && req.Lenient {
		notes = append(notes, fmt.Sprintf("Left where the reset put them, because the log does not hold the previous offset any more: %s.", someOf(expired)))
	} else if len(expired) > 0 {
		return nil, nil, &offset.Error{
			Code: offset.OutsideLog, State: offset.NothingChanged, Next: next,
			What: fmt.Sprintf("Cannot restore %s: the log of %d of %s does not hold the previous offset any more (%s)",
				on(s.group, s.topic), len(expired), queueCount(compared), someOf(expired)),
		}
	}
	if len(gone) > 0 {
		notes = append(notes, fmt.Sprintf("The topic has %s no more, so there was nothing to restore there: %s.", queueCount(len(gone)), someOf(gone)))
	}
	if unknown > 0 {
		notes = append(notes, fmt.Sprintf("%s had no offset before the reset, or the broker could not tell: as brokers cannot delete one queue's offset, they stay where the reset put them.", offset.Capital(queueCount(unknown))))
	}
	offset.SortMoves(moves)
	return moves, notes, nil
}
