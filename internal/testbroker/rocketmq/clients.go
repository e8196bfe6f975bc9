package rocketmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/apache/rocketmq-client-go/v2"
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

// The requests that make topics and groups, which only tools send.
const (
	updateTopic = 17
	updateGroup = 200
)

// CreateTopic makes a topic with as many queues on each master. mqadmin would
// take seconds for it now and then.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, queues int) error {
	n := strconv.Itoa(queues)
	return c.everywhere(ctx, remoting.Request{Code: updateTopic, Fields: map[string]string{
		"topic": topic, "defaultTopic": "TBW102", "readQueueNums": n, "writeQueueNums": n, "perm": "6",
		"topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
	}})
}

// CreateGroup makes a subscription group on each master, as mqadmin does. For
// mqadmin 4.9.7, which looks there for the group's brokers, it also makes the
// retry topic that its first consumer would make.
func (c *Cluster) CreateGroup(ctx context.Context, group string) error {
	return c.createGroup(ctx, group, false)
}

// CreateOrderedGroup makes a group whose consumers by POP get the messages of
// each queue in order.
func (c *Cluster) CreateOrderedGroup(ctx context.Context, group string) error {
	return c.createGroup(ctx, group, true)
}

func (c *Cluster) createGroup(ctx context.Context, group string, ordered bool) error {
	err := c.everywhere(ctx, remoting.Request{Code: updateGroup, Body: fmt.Appendf(nil,
		`{"brokerId":0,"consumeBroadcastEnable":false,"consumeEnable":true,"consumeFromMinEnable":false,"consumeMessageOrderly":%t,"groupName":%q,`+
			`"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`, ordered, group)})
	if err == nil && c.Version == V4 {
		err = c.CreateTopic(ctx, "%RETRY%"+group, 1)
	}
	return err
}

// everywhere sends a request to every master.
func (c *Cluster) everywhere(ctx context.Context, r remoting.Request) error {
	for _, address := range c.addresses {
		if _, err := c.wire.Call(ctx, address, r); err != nil {
			return err
		}
	}
	return nil
}

// Commit stores a group's offset as a consumer does.
func (c *Cluster) Commit(ctx context.Context, group, topic, broker string, queue int, offset int64) error {
	_, err := c.wire.Call(ctx, c.Address(broker), remoting.Request{Code: remoting.UpdateOffset, Fields: map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(queue), "commitOffset": strconv.FormatInt(offset, 10),
	}})
	return err
}

// Committed returns where a group is in a queue, and false if it has no offset
// there (which brokers before 5.0 do not tell from 0).
func (c *Cluster) Committed(ctx context.Context, group, topic, broker string, queue int) (at int64, ok bool, err error) {
	at, err = c.askOffset(ctx, broker, remoting.Request{Code: remoting.QueryConsumerOffset, Fields: map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": strconv.Itoa(queue), "setZeroIfNotFound": "false",
	}})
	var told *remoting.Error
	if errors.As(err, &told) && told.Code == remoting.QueryNotFound {
		return 0, false, nil
	}
	return at, err == nil, err
}

// Bounds returns where a queue's log starts and ends.
func (c *Cluster) Bounds(ctx context.Context, topic, broker string, queue int) (low, high int64, err error) {
	of := map[string]string{"topic": topic, "queueId": strconv.Itoa(queue)}
	low, err = c.askOffset(ctx, broker, remoting.Request{Code: remoting.GetMinOffset, Fields: of})
	if err == nil {
		high, err = c.askOffset(ctx, broker, remoting.Request{Code: remoting.GetMaxOffset, Fields: of})
	}
	return low, high, err
}

func (c *Cluster) askOffset(ctx context.Context, broker string, r remoting.Request) (int64, error) {
	resp, err := c.wire.Call(ctx, c.Address(broker), r)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(resp.Fields["offset"], 10, 64)
}

// newWire returns the administrator's client of the bare protocol.
func (c *Cluster) newWire() *remoting.Client {
	o := remoting.Options{Timeout: bootTime}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Authority.Pool()}
	}
	if c.ACL {
		o.Credentials = &remoting.Credentials{AccessKey: AdminKey, SecretKey: AdminSecret}
	}
	return remoting.New(o)
}
