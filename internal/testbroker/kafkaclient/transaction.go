package kafkaclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Transaction is one that is open: the last stable offset of the partitions it
// wrote to stays before its records until it ends.
type Transaction struct {
	id  string
	kgo *kgo.Client
}

// Begin opens a transaction and produces the records, at least one, in it.
func (c *Client) Begin(ctx context.Context, id, topic string, partition int32, records ...Record) (*Transaction, error) {
	client, err := c.open(kgo.TransactionalID(id))
	if err != nil {
		return nil, err
	}
	if err := client.BeginTransaction(); err != nil {
		client.Close()
		return nil, fmt.Errorf("begin transaction %s: %w", id, err)
	}
	if _, err := produce(ctx, client, topic, partition, records); err != nil {
		client.Close()
		return nil, fmt.Errorf("transaction %s: %w", id, err)
	}
	return &Transaction{id, client}, nil
}

// CommitOffsets puts offsets of a group into the transaction: until it ends,
// they are pending, and a client that requires stable offsets is refused.
func (t *Transaction) CommitOffsets(ctx context.Context, group string, offsets Offsets) error {
	pid, epoch, err := t.kgo.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("transaction %s: %w", t.id, err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = t.id, pid, epoch, group
	added, err := add.RequestWith(ctx, t.kgo)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("add offsets of group %q to transaction %s: %w", group, t.id, err)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = t.id, group, pid, epoch, -1
	for name, partitions := range offsets {
		topic := kmsg.NewTxnOffsetCommitRequestTopic()
		topic.Topic = name
		for number, offset := range partitions {
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = number, offset, -1
			topic.Partitions = append(topic.Partitions, p)
		}
		req.Topics = append(req.Topics, topic)
	}
	resp, err := req.RequestWith(ctx, t.kgo)
	if err != nil {
		return fmt.Errorf("commit offsets of group %q in transaction %s: %w", group, t.id, err)
	}
	var errs []error
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				errs = append(errs, fmt.Errorf("commit %s/%d of group %q in transaction %s: %w",
					topic.Topic, p.Partition, group, t.id, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Commit ends the transaction; what it wrote counts.
func (t *Transaction) Commit(ctx context.Context) error { return t.end(ctx, kgo.TryCommit) }

// Abort ends the transaction; what it wrote does not count.
func (t *Transaction) Abort(ctx context.Context) error { return t.end(ctx, kgo.TryAbort) }

func (t *Transaction) end(ctx context.Context, how kgo.TransactionEndTry) error {
	defer t.kgo.Close()
	if err := t.kgo.EndTransaction(ctx, how); err != nil {
		return fmt.Errorf("end transaction %s: %w", t.id, err)
	}
	return nil
}

// Close forgets the transaction; if it has not ended, the broker aborts it
// after its time-out.
func (t *Transaction) Close() { t.kgo.Close() }
