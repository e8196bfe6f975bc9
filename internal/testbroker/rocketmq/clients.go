package rocketmq

import (
	"context"
	"crypto/tls"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// instances makes the clients of one process different from each other.
var instances atomic.Int64

var quiet sync.Once

func instance() string {
	quiet.Do(func() { rlog.SetLogLevel("fatal") })
	return fmt.Sprintf("test-%d", instances.Add(1))
}

func (c *Cluster) resolver() primitive.NsResolver {
	return primitive.NewPassthroughResolver([]string{c.nameServer})
}

func (c *Cluster) credentials() primitive.Credentials {
	if !c.ACL {
		return primitive.Credentials{}
	}
	return primitive.Credentials{AccessKey: AdminKey, SecretKey: AdminSecret}
}

// Producer sends messages. The Go client has no TLS that verifies, so that it
// cannot be used on clusters with TLS.
type Producer struct {
	producer client.Producer
}

// NewProducer starts a producer until Stop.
func (c *Cluster) NewProducer() (*Producer, error) {
	p, err := client.NewProducer(
		producer.WithNsResolver(c.resolver()), producer.WithInstanceName(instance()), producer.WithGroupName("producers"),
		producer.WithQueueSelector(producer.NewManualQueueSelector()), producer.WithSendMsgTimeout(15*time.Second),
		producer.WithRetry(3), producer.WithCredentials(c.credentials()),
	)
	if err != nil {
		return nil, err
	}
	return &Producer{p}, p.Start()
}

// Stop ends the producer.
func (p *Producer) Stop() error { return p.producer.Shutdown() }

// Send stores one message, or several as one batch with one store time, in a queue.
func (p *Producer) Send(ctx context.Context, topic, broker string, queue int, bodies ...string) error {
	var messages []*primitive.Message
	for _, b := range bodies {
		m := primitive.NewMessage(topic, []byte(b))
		m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: broker, QueueId: queue}
		messages = append(messages, m)
	}
	r, err := p.producer.SendSync(ctx, messages...)
	if err != nil {
		return fmt.Errorf("send to %s/%d of %s: %w", broker, queue, topic, err)
	}
	if r.Status != primitive.SendOK {
		return fmt.Errorf("send to %s/%d of %s: %v", broker, queue, topic, r.Status)
	}
	return nil
}

// Received is one message that a consumer has got.
type Received struct {
	Broker string
	Queue  int
	Offset int64
	Stored time.Time
	Body   string
}

// Consumer is a push consumer.
type Consumer struct {
	consumer client.PushConsumer

	mu       sync.Mutex
	received []Received
	grown    chan struct{}
}

// NewConsumer starts a push consumer that begins at the log's start where its
// group has no offset. It runs until Stop.
func (c *Cluster) NewConsumer(group, topic string, broadcast bool) (*Consumer, error) {
	model := consumer.Clustering
	if broadcast {
		model = consumer.BroadCasting
	}
	p, err := client.NewPushConsumer(
		consumer.WithNsResolver(c.resolver()), consumer.WithInstance(instance()), consumer.WithGroupName(group),
		consumer.WithConsumerModel(model), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithCredentials(c.credentials()),
	)
	if err != nil {
		return nil, err
	}
	k := &Consumer{consumer: p, grown: make(chan struct{})}
	if err := p.Subscribe(topic, consumer.MessageSelector{}, k.take); err != nil {
		return nil, err
	}
	return k, p.Start()
}

// Stop ends the consumer; it commits where it is.
func (k *Consumer) Stop() error { return k.consumer.Shutdown() }

func (k *Consumer) take(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range messages {
		k.received = append(k.received, Received{
			m.Queue.BrokerName, m.Queue.QueueId, m.QueueOffset, time.UnixMilli(m.StoreTimestamp), string(m.Body),
		})
	}
	close(k.grown)
	k.grown = make(chan struct{})
	return consumer.ConsumeSuccess, nil
}

// Received returns what the consumer has got so far.
func (k *Consumer) Received() []Received {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Received(nil), k.received...)
}

// Wait waits until the messages that the consumer has got, after the first
// skip of them, satisfy the condition.
func (k *Consumer) Wait(ctx context.Context, skip int, enough func([]Received) bool) ([]Received, error) {
	for {
		k.mu.Lock()
		got, grown := append([]Received(nil), k.received[min(skip, len(k.received)):]...), k.grown
		k.mu.Unlock()
		if enough(got) {
			return got, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return got, fmt.Errorf("%d messages after the first %d: %w", len(got), skip, ctx.Err())
		}
	}
}

// Commit stores a group's offset as a consumer does.
func (c *Cluster) Commit(ctx context.Context, group, topic, broker string, queue int, offset int64) error {
	wire := c.wire()
	defer func() { _ = wire.Close() }()
	_, err := wire.Call(ctx, c.Address(broker), remoting.Request{Code: remoting.UpdateOffset, Fields: map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(queue), "commitOffset": strconv.FormatInt(offset, 10),
	}})
	return err
}

// wire is a client of the bare protocol.
func (c *Cluster) wire() *remoting.Client {
	o := remoting.Options{}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Authority.Pool()}
	}
	if c.ACL {
		o.Credentials = &remoting.Credentials{AccessKey: AdminKey, SecretKey: AdminSecret}
	}
	return remoting.New(o)
}
