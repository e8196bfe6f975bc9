package rocketmq

import (
	"context"
	"fmt"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// TopicInfo is where a position or an instant lies in each queue of a topic.
type TopicInfo struct {
	Topic     string
	ClusterID string       // the cluster's name
	At        time.Time    // when it was looked up
	Instant   time.Time    // the instant that a time or a look-back means; zero for a position
	Queues    []TopicQueue // sorted
}

// TopicQueue is one queue of a topic.
type TopicQueue struct {
	offset.Partition
	Offset int64 // where the target lies, Min and Max included
	Min    int64 // the log's first offset
	Max    int64 // the offset after the log's last message
}

// Offsets returns the offsets by broker and queue, as a reset to given offsets
// takes them.
func (t *TopicInfo) Offsets() offset.Offsets {
	all := offset.Offsets{}
	for _, q := range t.Queues {
		if all[q.Broker] == nil {
			all[q.Broker] = map[int32]int64{}
		}
		all[q.Broker][q.ID] = q.Offset
	}
	return all
}

// toolsGroup is a group that every broker makes for tools. Only brokers before
// 5.1.1 are told it: they read a message for nobody without a group.
const toolsGroup = "TOOLS_CONSUMER"

// TopicOffsets tells where the target (earliest, latest, a time, or a look-back
// from now) lies in each queue, with the meaning that a reset has: a time is
// the first message that was stored at or after it, and the log's end where
// there is none. It asks no group, and reads once from each master; a time also
// asks once for each queue, and once or twice more on brokers before 5.1.1.
func (c *Client) TopicOffsets(ctx context.Context, topic string, target offset.Target) (*TopicInfo, error) {
	if topic == "" {
		return nil, invalid("The topic has no name", "")
	}
	now := c.clock.Now().UTC()
	info := &TopicInfo{Topic: topic, At: now}
	switch target.Kind {
	case offset.ToEarliest, offset.ToLatest:
	case offset.ToTime:
		info.Instant = target.Time.UTC()
	case offset.ToLookback:
		info.Instant = now.Add(-target.Lookback)
	default:
		return nil, invalid(fmt.Sprintf("Offsets of a topic cannot be looked up for the target %q", target.Kind), "Use earliest, latest, a time or a look-back.")
	}
	t, err := c.locate(ctx, topic)
	if err != nil {
		return nil, err
	}
	info.ClusterID = t.clusterID
	s := &survey{group: toolsGroup, topic: topic, clusterID: t.clusterID}
	for _, m := range t.masters {
		s.brokers = append(s.brokers, &brokerState{master: m, state: make([]queueState, m.queues)})
	}
	err = parallelErr(len(s.brokers), len(s.brokers), func(i int) error {
		b := s.brokers[i]
		var err error
		b.version, err = c.readBounds(ctx, topic, b)
		return c.explain(err, fmt.Sprintf("Cannot read the offsets of topic %q from broker %q", topic, b.name))
	})
	if err != nil {
		return nil, err
	}
	at, err := c.targets(ctx, s, target.Kind, info.Instant)
	if err != nil {
		return nil, err
	}
	for i, b := range s.brokers {
		for q, n := range at[i] {
			info.Queues = append(info.Queues, TopicQueue{
				Partition: offset.Partition{Topic: topic, Broker: b.name, ID: int32(q)}, //nolint:gosec // A queue id.
				Offset:    n, Min: b.state[q].min, Max: b.state[q].max,
			})
		}
	}
	return info, nil
}

// targets resolves a position or an instant on every queue, broker by broker.
func (c *Client) targets(ctx context.Context, s *survey, kind offset.TargetKind, instant time.Time) ([][]int64, error) {
	at := make([][]int64, len(s.brokers))
	err := parallelErr(len(s.brokers), len(s.brokers), func(i int) error {
		var err error
		at[i], err = c.targetsOn(ctx, s, s.brokers[i], kind, instant)
		return err
	})
	return at, err
}

// targetsOn resolves a position or an instant on every queue of one broker.
func (c *Client) targetsOn(ctx context.Context, s *survey, b *brokerState, kind offset.TargetKind, instant time.Time) ([]int64, error) {
	at := make([]int64, b.queues)
	err := parallelErr(b.queues, c.pace.inFlight, func(q int) error {
		var err error
		switch kind {
		case offset.ToLatest:
			at[q] = b.state[q].max
		case offset.ToEarliest:
			at[q] = b.state[q].min
		default:
			at[q], err = c.offsetAt(ctx, s, b, q, wireTime(instant))
		}
		return err
	})
	if err != nil {
		return nil, c.explain(err, fmt.Sprintf("Cannot look up the offsets at %s of topic %q on broker %q",
			instant.UTC().Format(time.RFC3339Nano), s.topic, b.name))
	}
	return at, nil
}
