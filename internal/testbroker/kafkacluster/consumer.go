package kafkacluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// ConsumerOptions say what one of Apache's Java consumers does.
type ConsumerOptions struct {
	Group      string
	Topics     []string
	Protocol   kafkaclient.Protocol // group.protocol; empty means classic; share needs Kafka 4.2
	ClientID   string               // empty means a name of its own
	InstanceID string               // group.instance.id: a static member
	Assign     bool                 // takes all partitions with assign() and is no member of the group
	Reset      string               // auto.offset.reset; empty means earliest
	Commit     bool                 // enable.auto.commit, every 100 ms and on closing
	// Killable runs the consumer in a virtual machine of its own, as Kill needs it.
	Killable   bool
	Properties map[string]string // added to the consumer's
}

// Consumer is a running Java consumer.
type Consumer struct {
	name    string
	harness *harness
	own     bool // the harness is this consumer's alone

	mu       sync.Mutex
	grown    chan struct{}
	assigned map[string][]int32
	settled  bool
	records  []Record
	err      error
	ended    bool
}

// Consume starts a Java consumer and waits until it has been assigned partitions.
func (c *Cluster) Consume(ctx context.Context, o ConsumerOptions) (*Consumer, error) {
	if o.Protocol == kafkaclient.Share && c.before4() {
		return nil, fmt.Errorf("start a consumer of group %q: Kafka %s has no share groups", o.Group, c.options.Version)
	}
	name := "consumer-" + strconv.FormatInt(c.consumers.Add(1), 10)
	start := c.shared
	if o.Killable {
		start = func() (*harness, error) { return c.separate(name) }
	}
	h, err := start()
	if err != nil {
		return nil, fmt.Errorf("start a consumer of group %q: %w", o.Group, err)
	}
	clientID := cmp.Or(o.ClientID, name)
	consumer := &Consumer{name: name, harness: h, own: o.Killable, grown: make(chan struct{})}
	h.mu.Lock()
	h.consumers[name] = consumer
	h.mu.Unlock()

	_, err = h.ask(ctx, request{
		Op: "consume", Consumer: name, Topics: o.Topics, Properties: c.consumerProperties(o, clientID),
		Assign: o.Assign, Share: o.Protocol == kafkaclient.Share,
	})
	if err == nil {
		if o.Protocol == kafkaclient.Share {
			err = consumer.awaitShareMember(ctx, c.Client(), o.Group, clientID)
		} else {
			err = consumer.wait(ctx, "an assignment", func() bool { return consumer.settled })
		}
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("start a consumer of group %q: %w", o.Group, err), consumer.Err())
		if o.Killable {
			consumer.Kill()
			return nil, err
		}
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		return nil, errors.Join(err, consumer.Close(stopping))
	}
	return consumer, nil
}

// awaitShareMember waits until the broker knows the consumer, which is told no
// assignment itself, or until the consumer fails.
func (c *Consumer) awaitShareMember(ctx context.Context, client *kafkaclient.Client, group, clientID string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(c.wait(ctx, "an error", func() bool { return false })) }()
	if err := client.AwaitShareMember(ctx, group, clientID); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

func (c *Cluster) consumerProperties(o ConsumerOptions, clientID string) map[string]string {
	p := map[string]string{
		"bootstrap.servers": strings.Join(c.Bootstrap(), ","),
		"group.id":          o.Group,
		"client.id":         clientID,
		"fetch.max.wait.ms": "100",
	}
	if o.Protocol != kafkaclient.Share {
		p["group.protocol"] = string(cmp.Or(o.Protocol, kafkaclient.Classic))
		p["auto.offset.reset"] = cmp.Or(o.Reset, "earliest")
		p["enable.auto.commit"] = strconv.FormatBool(o.Commit)
		p["auto.commit.interval.ms"] = "100"
		if o.InstanceID != "" {
			p["group.instance.id"] = o.InstanceID
		}
	}
	maps.Copy(p, o.Properties)
	return p
}

// told takes in an event.
func (c *Consumer) told(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.Assigned != nil {
		// A member of a KIP-848 group is first told that it has nothing.
		c.settled = c.settled || len(a.Assigned) > 0
		c.assigned = a.Assigned
		for _, partitions := range c.assigned {
			slices.Sort(partitions)
		}
	}
	for _, r := range a.Records {
		c.records = append(c.records, Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
			At: time.UnixMilli(r.Timestamp), Key: r.Key, Value: r.Value,
		})
	}
	if a.Error != "" {
		c.err = errors.New(a.Error)
	}
	close(c.grown)
	c.grown = make(chan struct{})
}

// wait waits until the condition, asked under the lock, holds.
func (c *Consumer) wait(ctx context.Context, what string, holds func() bool) error {
	for {
		c.mu.Lock()
		done, grown, err := holds(), c.grown, c.err
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case err != nil:
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-grown:
		case <-c.harness.ended:
			return fmt.Errorf("wait for %s: the consumer has ended: %s", what, c.harness.process.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// Assigned returns the partitions that it consumes now.
func (c *Consumer) Assigned() map[string][]int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.assigned)
}

// Records returns what it has consumed so far.
func (c *Consumer) Records() []Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.records)
}

// WaitRecords waits until it has consumed at least n records.
func (c *Consumer) WaitRecords(ctx context.Context, n int) error {
	return c.wait(ctx, fmt.Sprintf("%d records", n), func() bool { return len(c.records) >= n })
}

// Err returns the error that ended it, if one has.
func (c *Consumer) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end tells whether the consumer had not ended before.
func (c *Consumer) end() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.ended
	c.ended = true
	return !was
}

// Close closes the consumer, which leaves its group unless it is a static
// member. Closing it again does nothing.
func (c *Consumer) Close(ctx context.Context) error {
	if !c.end() {
		return nil
	}
	_, err := c.harness.ask(ctx, request{Op: "stop", Consumer: c.name})
	if c.own {
		c.harness.close()
	}
	if err != nil {
		return fmt.Errorf("stop consumer %s: %w", c.name, err)
	}
	return nil
}

// Kill ends a Killable consumer as kill -9 does: the group counts it as a
// member until the session time-out. On another consumer it does nothing.
func (c *Consumer) Kill() {
	if c.own && c.end() {
		c.harness.kill()
	}
}
