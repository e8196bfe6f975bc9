// Package fake runs Kafka clusters inside the process, for the tests that need
// no real broker and for the demo. It adds to kfake what those have in common:
// records, offsets and groups to begin with, and an account of the requests.
// It must not know the engine. Where kfake differs from a real broker, only the
// tests against real brokers count.
package fake

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// Options say what a cluster is like. The zero value is three brokers without
// topics that anyone may talk to.
type Options struct {
	Brokers int              // 0 means 3
	Ports   []int            // one for each broker; nil means free ones
	Topics  map[string]int32 // topics to begin with, and their numbers of partitions
	TLS     *tls.Config      // the listeners' side; nil means plaintext
	Kfake   []kfake.Opt      // handed on: ACLs, users, versions, configuration; not ListenFn and TLS
	Client  []kgo.Opt        // how the cluster's own client connects, where that takes TLS or SASL
}

// Cluster is a Kafka cluster inside the process. Everything that kfake offers
// is there too: ControlKey and Fault for faults, MoveTopicPartition,
// RehashCoordinators, GroupInfo, CreateTopic, DeleteTopic, DeleteRecords.
type Cluster struct {
	*kfake.Cluster
	client  *kafkaclient.Client
	account *account
}

// Offsets are offsets by topic and partition.
type Offsets = kafkaclient.Offsets

// Record is one record to produce, or one that was consumed.
type Record = kafkaclient.Record

// patience is how long a helper waits for what should happen at once.
const patience = 30 * time.Second

// Start starts a cluster. The caller closes it.
func Start(o Options) (*Cluster, error) {
	account := newAccount(o.TLS)
	opts := []kfake.Opt{
		kfake.NumBrokers(3),
		kfake.ClusterID("fake-cluster"),
		// Members of KIP-848 groups learn of changes with a heartbeat.
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "100"}),
		kfake.ListenFn(account.listen),
	}
	if o.Brokers > 0 {
		opts = append(opts, kfake.NumBrokers(o.Brokers))
	}
	if len(o.Ports) > 0 {
		opts = append(opts, kfake.Ports(o.Ports...))
	}
	for topic, partitions := range o.Topics {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	cluster, err := kfake.NewCluster(append(opts, o.Kfake...)...)
	if err != nil {
		return nil, fmt.Errorf("start an in-process Kafka cluster: %w", err)
	}
	client, err := kafkaclient.New(cluster.ListenAddrs(), o.Client...)
	if err != nil {
		cluster.Close()
		return nil, err
	}
	return &Cluster{cluster, client, account}, nil
}

// New starts a cluster that ends with the test.
func New(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Close ends the cluster and its client.
func (c *Cluster) Close() {
	c.client.Close()
	c.Cluster.Close()
}

// Bootstrap returns the addresses of the brokers.
func (c *Cluster) Bootstrap() []string { return c.ListenAddrs() }

// Client returns the client with which the cluster is set up. Its methods
// return errors and take contexts, for use without a test.
func (c *Cluster) Client() *kafkaclient.Client { return c.client }

// limited returns a context for one call of a helper.
func limited(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), patience)
}

// Produce appends the records, with their times, and returns the offset of the first.
func (c *Cluster) Produce(t testing.TB, topic string, partition int32, records ...Record) int64 {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	first, err := c.client.Produce(ctx, topic, partition, records...)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// Fill appends n records to each of a topic's first partitions, the first of
// them at the given time and each of the others a step later.
func (c *Cluster) Fill(t testing.TB, topic string, partitions int32, n int, first time.Time, step time.Duration) {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	if err := c.client.Fill(ctx, topic, partitions, n, first, step); err != nil {
		t.Fatal(err)
	}
}

// Commit writes offsets as an administrator does. Nothing is checked, as on a
// real broker.
func (c *Cluster) Commit(t testing.TB, group string, offsets Offsets) {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	if err := c.client.Commit(ctx, group, offsets); err != nil {
		t.Fatal(err)
	}
}

// Committed returns what the group has committed: the broker's own view. A
// group that does not exist has nothing.
func (c *Cluster) Committed(group string) Offsets {
	offsets := Offsets{}
	info := c.GroupInfo(group)
	if info == nil {
		return offsets
	}
	for topic, partitions := range info.Commits {
		offsets[topic] = map[int32]int64{}
		for partition, commit := range partitions {
			offsets[topic][partition] = commit.Offset
		}
	}
	return offsets
}

// Begin opens a transaction with the records in it. It is forgotten when the
// test ends, if it has not ended before.
func (c *Cluster) Begin(t testing.TB, id, topic string, partition int32, records ...Record) *kafkaclient.Transaction {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	transaction, err := c.client.Begin(ctx, id, topic, partition, records...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transaction.Close)
	return transaction
}

// Join starts a consumer in a group and waits until it is a member with an
// assignment. It is killed when the test ends, if it has not left before.
func (c *Cluster) Join(t testing.TB, o kafkaclient.MemberOptions) *kafkaclient.Member {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	member, err := c.client.Join(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Kill)
	return member
}

// Leave has a member leave its group.
func (c *Cluster) Leave(t testing.TB, member *kafkaclient.Member) {
	t.Helper()
	ctx, cancel := limited(t)
	defer cancel()
	if err := member.Leave(ctx); err != nil {
		t.Fatal(err)
	}
}
