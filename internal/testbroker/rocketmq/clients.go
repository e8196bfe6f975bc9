package rocketmq

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	client "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
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

// Consumer is a push consumer of Apache's Go client, in a process of its own.
type Consumer struct {
	process *artifacts.Process
	stdin   *os.File
	ended   chan struct{} // closed when its output has ended

	mu       sync.Mutex
	received []Received
	grown    chan struct{}
}

// pushConsumer is the program that every consumer runs.
const pushConsumer = "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/pushconsumer"

// program builds it, once.
func (c *Cluster) program() (string, error) {
	c.building.Lock()
	defer c.building.Unlock()
	path := filepath.Join(c.home, "pushconsumer")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	//nolint:gosec // The arguments are ours.
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, pushConsumer).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pushConsumer, err, out)
	}
	return path, nil
}

// NewConsumer starts a push consumer that begins at the log's start where its
// group has no offset. It runs until Stop.
func (c *Cluster) NewConsumer(group, topic string, broadcast bool) (*Consumer, error) {
	return c.startConsumer(group, topic, fmt.Sprintf("-broadcast=%t", broadcast))
}

// NewSlowConsumer starts a push consumer that takes its time for each message,
// one after the other, so that it lags.
func (c *Cluster) NewSlowConsumer(group, topic string, pace time.Duration) (*Consumer, error) {
	return c.startConsumer(group, topic, "-pace="+pace.String())
}

func (c *Cluster) startConsumer(group, topic, option string) (*Consumer, error) {
	path, err := c.program()
	if err != nil {
		return nil, err
	}
	childIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stdout, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), stdin.Close())
	}
	keys := c.credentials()
	process, err := artifacts.Start(artifacts.Command{
		Name: "consumer of " + group, Path: path,
		Args: []string{"-name-server", c.nameServer, "-group", group, "-topic", topic, option},
		Dir:  c.home, Env: append(c.env(), "ACCESS_KEY="+keys.AccessKey, "SECRET_KEY="+keys.SecretKey),
		Log: filepath.Join(c.logs, "consumers.log"), Stdin: childIn, Stdout: childOut,
	})
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	k := &Consumer{process: process, stdin: stdin, ended: make(chan struct{}), grown: make(chan struct{})}
	go k.read(stdout)
	return k, nil
}

// Stop ends the consumer; it commits where it is. It may be called again.
func (k *Consumer) Stop() error {
	err := k.stdin.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	select {
	case <-k.process.Done():
	case <-time.After(bootTime):
		k.process.Kill()
		<-k.process.Done()
		err = errors.Join(err, errors.New("the consumer did not end"))
	}
	<-k.ended
	return err
}

// read takes down messages until the consumer ends.
func (k *Consumer) read(stdout io.ReadCloser) {
	defer close(k.ended)
	defer func() { _ = stdout.Close() }()
	in := json.NewDecoder(stdout)
	for {
		var m struct {
			Broker string
			Queue  int
			Offset int64
			Stored int64
			Body   string
		}
		if err := in.Decode(&m); err != nil {
			return
		}
		k.mu.Lock()
		k.received = append(k.received, Received{m.Broker, m.Queue, m.Offset, time.UnixMilli(m.Stored), m.Body})
		close(k.grown)
		k.grown = make(chan struct{})
		k.mu.Unlock()
	}
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
		case <-k.ended:
			return got, fmt.Errorf("the consumer has ended after %d messages:\n%s", skip+len(got), k.process.Tail(20))
		case <-ctx.Done():
			return got, fmt.Errorf("%d messages after the first %d: %w", len(got), skip, ctx.Err())
		}
	}
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
	err := c.everywhere(ctx, remoting.Request{Code: updateGroup, Body: fmt.Appendf(nil,
		`{"brokerId":0,"consumeBroadcastEnable":false,"consumeEnable":true,"consumeFromMinEnable":false,"groupName":%q,`+
			`"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`, group)})
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
