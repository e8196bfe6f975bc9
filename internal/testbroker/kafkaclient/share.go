package kafkaclient

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// ShareStart is where a share group is in a partition.
type ShareStart struct {
	Offset int64 // −1 if it has no start offset
	Left   int64 // records from there on that are not done with; −1 if the broker does not tell (before Kafka 4.3)
}

// ShareStarts returns the start offsets of a share group, of all topics that
// the broker keeps for it, those partitions included that have none.
func (c *Client) ShareStarts(ctx context.Context, group string) (map[string]map[int32]ShareStart, error) {
	g := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	g.GroupID = group
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	req.Groups = append(req.Groups, g)
	starts := map[string]map[int32]ShareStart{}
	err := c.newest(ctx, group, func(broker *kgo.Broker) error {
		clear(starts)
		resp, err := req.RequestWith(ctx, broker)
		if err != nil {
			return err
		}
		for _, g := range resp.Groups {
			if err := broken(g.ErrorCode, g.ErrorMessage); err != nil {
				return err
			}
			for _, t := range g.Topics {
				starts[t.Topic] = map[int32]ShareStart{}
				for _, p := range t.Partitions {
					if err := broken(p.ErrorCode, p.ErrorMessage); err != nil {
						return fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
					}
					start := ShareStart{p.StartOffset, -1}
					if resp.Version >= 1 {
						start.Left = p.Lag
					}
					starts[t.Topic][p.Partition] = start
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("describe the offsets of share group %q: %w", group, err)
	}
	return starts, nil
}

// SetShareStarts sets start offsets of a share group without members, and makes
// it if there is none. Nothing is checked, as on the broker.
func (c *Client) SetShareStarts(ctx context.Context, group string, offsets Offsets) error {
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	req.GroupID = group
	for topic, of := range offsets {
		t := kmsg.NewAlterShareGroupOffsetsRequestTopic()
		t.Topic = topic
		for partition, offset := range of {
			p := kmsg.NewAlterShareGroupOffsetsRequestTopicPartition()
			p.Partition, p.StartOffset = partition, offset
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	err := c.newest(ctx, group, func(broker *kgo.Broker) error {
		resp, err := req.RequestWith(ctx, broker)
		if err != nil {
			return err
		}
		if err := broken(resp.ErrorCode, resp.ErrorMessage); err != nil {
			return err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set the offsets of share group %q: %w", group, err)
	}
	return nil
}

// newest asks the group's coordinator in the newest versions of requests.
func (c *Client) newest(ctx context.Context, group string, ask func(*kgo.Broker) error) error {
	client, err := c.open(kgo.MaxVersions(kversion.Stable()))
	if err != nil {
		return err
	}
	defer client.Close()
	return c.onCoordinator(ctx, group, func(coordinator int32) error {
		if err := client.Ping(ctx); err != nil { // It learns the brokers.
			return err
		}
		return ask(client.Broker(int(coordinator)))
	})
}
