package kafkaclient

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MoveLeader has another of a partition's replicas lead it, as a rebalancing
// tool does: it becomes the preferred one and is elected. It returns the new
// leader's node. A partition of __consumer_offsets takes its groups'
// coordinator along.
func (c *Client) MoveLeader(ctx context.Context, topic string, partition int32) (node int32, err error) {
	fail := func(err error) (int32, error) {
		return -1, fmt.Errorf("move the leader of %s/%d: %w", topic, partition, err)
	}
	all, err := c.metadata(ctx, c.kgo, topic)
	if err != nil {
		return fail(err)
	}
	var replicas []int32
	for _, t := range all.Topics {
		for _, p := range t.Partitions {
			if p.Partition == partition {
				replicas, node = slices.Clone(p.Replicas), p.Leader
			}
		}
	}
	if len(replicas) < 2 {
		return fail(kerr.UnknownTopicOrPartition)
	}
	// The leader goes last, and the one after it leads.
	at := max(slices.Index(replicas, node), 0)
	replicas = slices.Concat(replicas[at+1:], replicas[:at+1])

	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Partition, p.Replicas = partition, replicas
	t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	order := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	order.Topics, order.TimeoutMillis = append(order.Topics, t), 30000
	ordered, err := order.RequestWith(ctx, c.kgo)
	if err == nil {
		err = broken(ordered.ErrorCode, ordered.ErrorMessage)
	}
	if err != nil {
		return fail(err)
	}
	e := kmsg.NewElectLeadersRequestTopic()
	e.Topic, e.Partitions = topic, []int32{partition}
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Topics, elect.TimeoutMillis = append(elect.Topics, e), 30000
	// The order is known to the controller a moment after it was taken.
	err = await(ctx, fmt.Sprintf("%s/%d to have another leader", topic, partition), func() (bool, error) {
		elected, err := elect.RequestWith(ctx, c.kgo)
		if err == nil {
			err = kerr.ErrorForCode(elected.ErrorCode)
		}
		if err != nil {
			return false, err
		}
		now, err := c.Leader(ctx, topic, partition)
		return err == nil && now == replicas[0], err
	})
	if err != nil {
		return fail(err)
	}
	err = c.everywhere(ctx, fmt.Sprintf("%s/%d to have another leader", topic, partition), topic, func(t kmsg.MetadataResponseTopic) bool {
		for _, p := range t.Partitions {
			if p.Partition == partition {
				return p.Leader == replicas[0]
			}
		}
		return false
	})
	return replicas[0], err
}

// Throttle bounds the time that brokers spend on the requests of clients with
// the given client id, in percent of one thread; 0 lifts the bound.
func (c *Client) Throttle(ctx context.Context, clientID string, percent float64) error {
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = "client-id", &clientID
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value, op.Remove = "request_percentage", percent, percent == 0
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entry.Entity, entry.Ops = append(entry.Entity, entity), append(entry.Ops, op)
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = append(req.Entries, entry)
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("throttle client %q: %w", clientID, err)
	}
	for _, e := range resp.Entries {
		if err := broken(e.ErrorCode, e.ErrorMessage); err != nil {
			return fmt.Errorf("throttle client %q: %w", clientID, err)
		}
	}
	return nil
}

// OffsetsPartition returns which of so many partitions of __consumer_offsets
// holds the offsets of a group with a name in ASCII.
func OffsetsPartition(group string, partitions int32) int32 {
	var hash int32 // Java's String.hashCode
	for _, unit := range []byte(group) {
		hash = 31*hash + int32(unit)
	}
	return (hash & 0x7fffffff) % partitions
}
