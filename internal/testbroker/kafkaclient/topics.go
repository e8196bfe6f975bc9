package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateTopic makes a topic and waits until every broker of the cluster knows
// a leader for each of its partitions. A replication of −1 is the cluster's default.
func (c *Client) CreateTopic(ctx context.Context, name string, partitions int32, replication int16,
	configs map[string]string,
) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replication
	for key, value := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	req.TimeoutMillis = 30000
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	for _, t := range resp.Topics {
		if err := broken(t.ErrorCode, t.ErrorMessage); err != nil {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return c.awaitTopic(ctx, name, partitions)
}

// AddPartitions gives a topic more partitions, total being their new number,
// and waits until every broker knows them.
func (c *Client) AddPartitions(ctx context.Context, name string, total int32) error {
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, total
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.Topics = append(req.Topics, topic)
	req.TimeoutMillis = 30000
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("add partitions to topic %s: %w", name, err)
	}
	for _, t := range resp.Topics {
		if err := broken(t.ErrorCode, t.ErrorMessage); err != nil {
			return fmt.Errorf("add partitions to topic %s: %w", name, err)
		}
	}
	if err := c.awaitTopic(ctx, name, total); err != nil {
		return err
	}
	c.kgo.ForceMetadataRefresh() // a producer knows the number from before for minutes
	return nil
}

// DeleteTopic deletes a topic and waits until no broker knows it.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(name)
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.Topics = []string{name}, append(req.Topics, topic)
	req.TimeoutMillis = 30000
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	for _, t := range resp.Topics {
		if err := broken(t.ErrorCode, t.ErrorMessage); err != nil {
			return fmt.Errorf("delete topic %s: %w", name, err)
		}
	}
	// Its id is another if the topic is created again.
	c.kgo.PurgeTopicsFromClient(name)
	return c.everywhere(ctx, "topic "+name+" to be gone", name, func(t kmsg.MetadataResponseTopic) bool {
		return errors.Is(kerr.ErrorForCode(t.ErrorCode), kerr.UnknownTopicOrPartition)
	})
}

// awaitTopic waits until every broker knows so many partitions with leaders,
// and these know that they are: a broker with thousands of new ones takes time.
func (c *Client) awaitTopic(ctx context.Context, name string, partitions int32) error {
	what := fmt.Sprintf("topic %s to have %d partitions with leaders", name, partitions)
	err := c.everywhere(ctx, what, name, func(t kmsg.MetadataResponseTopic) bool {
		led := int32(0)
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				led++
			}
		}
		return t.ErrorCode == 0 && led >= partitions
	})
	if err != nil {
		return err
	}
	return await(ctx, "the leaders of topic "+name+" to answer", func() (bool, error) {
		_, _, err := c.Log(ctx, name)
		return err == nil, err
	})
}

// everywhere waits until what every running broker says of the topic is right.
func (c *Client) everywhere(ctx context.Context, what, topic string, right func(kmsg.MetadataResponseTopic) bool) error {
	return c.everyBroker(ctx, what, func(broker kmsg.Requestor) (bool, error) {
		one, err := c.metadata(ctx, broker, topic)
		return err == nil && len(one.Topics) == 1 && right(one.Topics[0]), err
	})
}

// Leader returns the id of the broker that leads the partition.
func (c *Client) Leader(ctx context.Context, topic string, partition int32) (int32, error) {
	resp, err := c.metadata(ctx, c.kgo, topic)
	if err != nil {
		return -1, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Partition == partition {
				return p.Leader, kerr.ErrorForCode(p.ErrorCode)
			}
		}
	}
	return -1, fmt.Errorf("look up %s/%d: %w", topic, partition, kerr.UnknownTopicOrPartition)
}

// AwaitWhole waits until each of so many brokers says that all of them are
// there and that every replica of every partition is in sync.
func (c *Client) AwaitWhole(ctx context.Context, brokers int) error {
	return await(ctx, fmt.Sprintf("%d brokers with all replicas in sync", brokers), func() (bool, error) {
		all, err := c.metadata(ctx, c.kgo)
		if err != nil || len(all.Brokers) != brokers {
			return false, err
		}
		for _, b := range all.Brokers {
			one, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.kgo.Broker(int(b.NodeID)))
			if err != nil || len(one.Brokers) != brokers {
				return false, err
			}
			for _, t := range one.Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode != 0 || p.Leader < 0 || len(p.ISR) != len(p.Replicas) {
						return false, kerr.ErrorForCode(p.ErrorCode)
					}
				}
			}
		}
		return true, nil
	})
}

// metadata asks one broker, or any, about the topics.
func (c *Client) metadata(ctx context.Context, from kmsg.Requestor, topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; null would be all of them
	for _, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, t)
	}
	return req.RequestWith(ctx, from)
}

// Produce appends the records to one partition, with their own times, and
// returns the offset of the first.
func (c *Client) Produce(ctx context.Context, topic string, partition int32, records ...Record) (int64, error) {
	return produce(ctx, c.kgo, topic, partition, records)
}

func produce(ctx context.Context, client *kgo.Client, topic string, partition int32, records []Record) (int64, error) {
	if len(records) == 0 {
		return 0, errors.New("no records to produce")
	}
	out := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		record := &kgo.Record{Topic: topic, Partition: partition, Timestamp: r.At, Value: []byte(r.Value)}
		if r.Key != "" {
			record.Key = []byte(r.Key)
		}
		out = append(out, record)
	}
	results := client.ProduceSync(ctx, out...)
	if err := results.FirstErr(); err != nil {
		client.ForceMetadataRefresh() // the partition may be new
		return 0, fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	return out[0].Offset, nil
}

// Fill appends n records to each of a topic's first partitions, the first of
// them at the given time and each of the others a step later.
func (c *Client) Fill(ctx context.Context, topic string, partitions int32, n int, first time.Time, step time.Duration) error {
	records := make([]*kgo.Record, 0, int(partitions)*n)
	for p := range partitions {
		for i := range n {
			records = append(records, &kgo.Record{
				Topic: topic, Partition: p, Timestamp: first.Add(time.Duration(i) * step),
				Value: fmt.Appendf(nil, "%s/%d/%d", topic, p, i),
			})
		}
	}
	if err := c.kgo.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("fill topic %s: %w", topic, err)
	}
	return nil
}

// DeleteRecords moves the start of a partition's log to the given offset. It
// waits up to a minute for all replicas, of which one may just be starting.
func (c *Client) DeleteRecords(ctx context.Context, topic string, partition int32, before int64) error {
	err := c.deleteRecords(ctx, topic, partition, before)
	if errors.Is(err, kerr.RequestTimedOut) {
		err = c.deleteRecords(ctx, topic, partition, before)
	}
	return err
}

func (c *Client) deleteRecords(ctx context.Context, topic string, partition int32, before int64) error {
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, before
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics = append(req.Topics, t)
	req.TimeoutMillis = 30000
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("delete records of %s/%d: %w", topic, partition, err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("delete records of %s/%d: %w", topic, p.Partition, err)
			}
		}
	}
	return nil
}

// What ListOffsets calls the ends of a log.
const (
	earliest = -2
	latest   = -1
)

// Log returns the start and the high watermark of each of a topic's partitions.
func (c *Client) Log(ctx context.Context, topic string) (starts, ends map[int32]int64, err error) {
	all, err := c.metadata(ctx, c.kgo, topic)
	if err != nil {
		return nil, nil, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	if len(all.Topics) != 1 || all.Topics[0].ErrorCode != 0 {
		return nil, nil, fmt.Errorf("look up topic %s: %w", topic, kerr.UnknownTopicOrPartition)
	}
	if starts, err = c.list(ctx, all.Topics[0], earliest, false); err != nil {
		return nil, nil, err
	}
	if ends, err = c.list(ctx, all.Topics[0], latest, false); err != nil {
		return nil, nil, err
	}
	return starts, ends, nil
}

// Stable returns the last stable offset of each of a topic's partitions: no
// transaction that is open has written before it.
func (c *Client) Stable(ctx context.Context, topic string) (map[int32]int64, error) {
	all, err := c.metadata(ctx, c.kgo, topic)
	if err != nil {
		return nil, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	return c.list(ctx, all.Topics[0], latest, true)
}

// At returns the offset of the first record at or after the instant, or −1 if
// there is none, of each of a topic's partitions.
func (c *Client) At(ctx context.Context, topic string, instant time.Time) (map[int32]int64, error) {
	all, err := c.metadata(ctx, c.kgo, topic)
	if err != nil {
		return nil, fmt.Errorf("look up topic %s: %w", topic, err)
	}
	return c.list(ctx, all.Topics[0], instant.UnixMilli(), false)
}

func (c *Client) list(ctx context.Context, topic kmsg.MetadataResponseTopic, at int64, stable bool) (map[int32]int64, error) {
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = *topic.Topic
	for _, p := range topic.Partitions {
		one := kmsg.NewListOffsetsRequestTopicPartition()
		one.Partition, one.Timestamp = p.Partition, at
		t.Partitions = append(t.Partitions, one)
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if stable {
		req.IsolationLevel = 1
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, fmt.Errorf("list offsets of topic %s: %w", t.Topic, err)
	}
	out := make(map[int32]int64, len(t.Partitions))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", t.Topic, p.Partition, err)
			}
			out[p.Partition] = p.Offset
		}
	}
	return out, nil
}
