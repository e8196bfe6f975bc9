// Package fake runs Kafka clusters inside the process, for the tests that need
// no real broker and for the demo. It adds to kfake what those have in common:
// records, offsets and groups to begin with, and an account of the requests.
// It must not know the engine. Where kfake differs from a real broker, only the
// tests against real brokers count.
package fake

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
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
// is there: ControlKey and Fault for faults, MoveTopicPartition,
// RehashCoordinators, GroupInfo, CreateTopic, DeleteTopic, DeleteRecords; and
// kafkatest's helpers: Produce, Fill, Commit, Begin, Join, Leave, Log.
type Cluster struct {
	*kfake.Cluster
	helper
	account *account
}

// helper lets kfake's methods win where both have one of the same name.
type helper struct{ kafkatest.Helper }

// Offsets are offsets by topic and partition.
type Offsets = kafkaclient.Offsets

// Record is one record to produce, or one that was consumed.
type Record = kafkaclient.Record

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
	return &Cluster{cluster, helper{kafkatest.New(client)}, account}, nil
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
	c.Client().Close()
	c.Cluster.Close()
}

// Bootstrap returns the addresses of the brokers.
func (c *Cluster) Bootstrap() []string { return c.ListenAddrs() }

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
