// Package kafka resets consumer group offsets on Apache Kafka. It knows groups,
// logs and offsets. What it asks, it asks through package wire: cluster's
// locate and bounds for topics and their logs, coordinator's describe and fetch
// for a group. It must not know Terraform, who calls it, which broker answers,
// how often it is asked, and how a connection is made.
package kafka

import (
	"context"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Client talks to one Kafka cluster. It may be used from many goroutines,
// which share a few connections to each broker.
type Client struct {
	clock   clock.Clock
	log     connection.Logger
	cluster cluster
	looks   looks
	poll    time.Duration // between two looks at a group that is waited for
	finish  time.Duration // for all commits of one reset, from the first on
	// settling is how long a read-back that shows other offsets is repeated.
	settling time.Duration
}

// Option changes a Client from its defaults.
type Option func(*Client)

// WithClock makes the client take the time from c instead of the machine.
func WithClock(c clock.Clock) Option { return func(k *Client) { k.clock = c } }

// WithLogger sends the protocol client's log lines to log, secrets masked.
func WithLogger(log connection.Logger) Option { return func(k *Client) { k.log = log } }

// New returns a client for the cluster that cfg describes. It dials nothing;
// the error tells what is wrong with the configuration.
func New(cfg connection.Config, opts ...Option) (*Client, error) {
	k := &Client{clock: clock.System{}, poll: time.Second, finish: finishWithin, settling: settleWithin}
	for _, o := range opts {
		o(k)
	}
	brokers, err := wire.New(cfg, k.log)
	if err != nil {
		return nil, err
	}
	k.cluster = cluster{brokers}
	return k, nil
}

// cluster is what is asked of the brokers that has to do with resets.
type cluster struct{ *wire.Cluster }

// Close ends all connections at once and waits until nothing of the client is
// running any more. Calls that are under way fail.
func (c *Client) Close() error {
	c.cluster.Close()
	c.looks.running.Wait()
	return nil
}

// GroupInfo is what a cluster tells of a consumer group.
type GroupInfo struct {
	Group      string
	Type       offset.GroupType
	ClusterID  string // empty if the cluster has none
	Exists     bool   // false: the group neither exists nor has offsets
	State      string // in the broker's words: Empty, Stable, …; Dead if the group does not exist
	Protocol   string // "classic", "consumer", "share" or "streams"; empty if unknown
	Members    []offset.Member
	Partitions []GroupPartition // sorted
	Notes      []string         // what a reader should know, one sentence each
}

// GroupPartition is where a group is in one partition.
type GroupPartition struct {
	offset.Partition
	Committed int64  // the start offset of a share group; offset.None if there is none
	Start     int64  // the log's first offset; offset.None if unknown
	End       int64  // the high watermark; offset.None if unknown
	Lag       int64  // End - Committed, at least 0, and what the broker tells of a share group; offset.None if unknown
	Error     string // why the bounds are unknown; empty if they are not
}

// TopicOffsets are offsets of topics at a position or an instant.
type TopicOffsets struct {
	ClusterID  string    // empty if the cluster has none
	Instant    time.Time // the instant that a time target means; zero for others
	Partitions []TopicPartition
	Notes      []string // what a reader should know, one sentence each
}

// TopicPartition is one partition's offset and bounds.
type TopicPartition struct {
	offset.Partition
	Offset int64
	Start  int64
	End    int64 // the high watermark, or the last stable offset under read_committed
}

// DescribeGroup tells a group's state and members, and for each partition the
// committed offset, the log's bounds and the lag. Topics are those to tell of,
// with all their partitions; nil means every partition with a committed
// offset. The group may be of any type that consumes. One that does not exist is
// no error. It needs the right DESCRIBE
// on the group and the topics.
func (c *Client) DescribeGroup(ctx context.Context, group string, topics []string) (*GroupInfo, error) {
	return c.describeGroup(ctx, group, topics)
}

// TopicOffsets resolves the target (earliest, latest, time or lookback) on all
// partitions of the topics. It needs the right DESCRIBE on the topics.
func (c *Client) TopicOffsets(ctx context.Context, topics []string, target offset.Target, isolation offset.Isolation) (*TopicOffsets, error) {
	return c.topicOffsets(ctx, topics, target, isolation)
}
