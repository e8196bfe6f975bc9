// Package kafkaclient sets up and looks at Kafka clusters for tests, the demo
// and the benchmarks, real clusters and in-process ones alike. It is built on
// another client library than the engine, so that the two cannot share a
// mistake, and it must not know the engine or testing.
package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// ClientID is what these clients call themselves, so that their requests can
// be told from those of the code under test.
const ClientID = "testbroker"

// Offsets are offsets by topic and partition.
type Offsets = map[string]map[int32]int64

// Record is one record to produce, or one that was consumed.
type Record struct {
	Topic     string // set on consumed records only
	Partition int32  // set on consumed records only
	Offset    int64  // set on consumed records only
	At        time.Time
	Key       string
	Value     string
}

// Client sets up and looks at one cluster.
type Client struct {
	bootstrap []string
	opts      []kgo.Opt
	kgo       *kgo.Client
}

// New returns a client of the cluster. It dials on first use. The options,
// say TLS or SASL, hold for everything that the client does. Requests have the
// versions of Kafka 3.9 at most, the last that name topics and not their ids.
func New(bootstrap []string, opts ...kgo.Opt) (*Client, error) {
	c := &Client{bootstrap: bootstrap, opts: opts}
	var err error
	if c.kgo, err = c.open(); err != nil {
		return nil, err
	}
	return c, nil
}

// open returns another connection with the client's and with more options.
func (c *Client) open(more ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.bootstrap...),
		kgo.ClientID(ClientID),
		kgo.MaxVersions(kversion.V3_9_0()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
	opts = append(append(opts, c.opts...), more...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("open a Kafka client: %w", err)
	}
	return client, nil
}

// Close ends the connections.
func (c *Client) Close() { c.kgo.Close() }

// ClusterID returns the cluster's id.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	resp, err := c.metadata(ctx, c.kgo)
	if err != nil {
		return "", fmt.Errorf("ask for the cluster id: %w", err)
	}
	if resp.ClusterID == nil {
		return "", nil
	}
	return *resp.ClusterID, nil
}

// Versions returns the versions of requests that a broker knows.
func (c *Client) Versions(ctx context.Context) (*kmsg.ApiVersionsResponse, error) {
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, fmt.Errorf("ask for the versions of requests: %w", err)
	}
	return resp, broken(resp.ErrorCode, nil)
}

// retryEvery is how often something is asked that announces itself by no event.
const retryEvery = 50 * time.Millisecond

// await asks until it is told yes, or ctx is done; then with the last error.
func await(ctx context.Context, what string, ask func() (done bool, err error)) error {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		done, err := ask()
		if done {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

// everyBroker asks each running broker until all of them say yes: a change is
// acknowledged before all have heard of it.
func (c *Client) everyBroker(ctx context.Context, what string, ask func(broker kmsg.Requestor) (yes bool, err error)) error {
	return await(ctx, what, func() (bool, error) {
		all, err := c.metadata(ctx, c.kgo)
		if err != nil {
			return false, err
		}
		for _, b := range all.Brokers {
			yes, err := ask(c.kgo.Broker(int(b.NodeID)))
			if err != nil {
				return false, fmt.Errorf("broker %d: %w", b.NodeID, err)
			}
			if !yes {
				return false, nil
			}
		}
		return true, nil
	})
}

// broken returns the error that a code stands for, with the broker's own words.
func broken(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err != nil && message != nil && *message != "" {
		return fmt.Errorf("%w: %s", err, *message)
	}
	return err
}

// Controller returns the id of the node that leads the cluster's metadata.
func (c *Client) Controller(ctx context.Context) (int32, error) {
	client, err := c.open(kgo.MaxVersions(kversion.Stable())) // 3.9's list leaves the request out
	if err != nil {
		return -1, err
	}
	defer client.Close()
	node := int32(-1)
	err = await(ctx, "the controller", func() (done bool, err error) {
		req := kmsg.NewPtrDescribeQuorumRequest()
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = "__cluster_metadata"
		topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return false, err
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				node = p.LeaderID
			}
		}
		return node >= 0, nil
	})
	return node, err
}
