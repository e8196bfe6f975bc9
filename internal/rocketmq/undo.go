package rocketmq

import (
	"context"
	"fmt"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
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
	if req.Group == "" || req.Topic == "" {
		return nil, invalid("A restore needs the consumer group and the topic", "")
	}
	s, err := c.survey(ctx, req.Group, req.Topic)
	if err == nil {
		err = s.check()
	}
	if gone := offset.CodeOf(err); err != nil && (gone == offset.TopicMissing || gone == offset.GroupMissing && (s == nil || len(s.missing()) == len(s.brokers))) {
		name := fmt.Sprintf("Topic %q", req.Topic)
		if gone == offset.GroupMissing {
			name = fmt.Sprintf("Group %q", req.Group)
		}
		return &offset.Result{
			ClusterID: req.ClusterID, At: c.clock.Now().UTC(),
			Notes: []string{name + " does not exist any more, so there was nothing to restore."},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	if req.ClusterID != "" && s.clusterID != req.ClusterID {
		return nil, &offset.Error{
			Code: offset.WrongCluster, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q is on cluster %q, and the reset was made on cluster %q", req.Topic, s.clusterID, req.ClusterID),
			Next: "Check the name servers in the provider's configuration.",
		}
	}
	moves, notes, err := s.restore(req)
	if err != nil {
		return nil, err
	}
	ways, err := c.chooseWays(ctx, s, toOffsets, moves)
	if err != nil {
		return nil, err
	}
	tell := func(message string) {
		if req.Progress != nil {
			req.Progress(message)
		}
	}
	result, err := c.carryOut(ctx, s, toOffsets, ways, moves, "restore "+on(req.Group, req.Topic), tell)
	if result != nil {
		result.Notes = append(notes, result.Notes...)
	}
	return result, err
}

// restore makes the moves that lead back, and compares.
func (s *survey) restore(req offset.UndoRequest) (moves []offset.Move, notes []string, err error) {
	var elsewhere, expired []string
	var compared, unknown int
	for _, set := range req.Moves {
		set.Topic = s.topic
		if !set.Touched() || set.Offset < 0 || set.How == HowKept || set.Previous == set.Offset || req.Skip != nil && req.Skip(set.Partition) {
			continue
		}
		if set.Previous < 0 {
			unknown++
			continue
		}
		b := s.broker(set.Broker)
		if b == nil || set.ID < 0 || int(set.ID) >= b.queues {
			return nil, nil, s.noQueue(set.Broker, set.ID)
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
	if unknown > 0 {
		notes = append(notes, fmt.Sprintf("%s had no offset before the reset, or the broker could not tell: as brokers cannot delete one queue's offset, they stay where the reset put them.", upperFirst(queueCount(unknown))))
	}
	offset.SortMoves(moves)
	return moves, notes, nil
}
