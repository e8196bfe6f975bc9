// Package wire is the one way to ask a Kafka cluster. Whoever wants to know
// something describes a Request and says who can answer it:
//
//   - AskAny: any broker, tried one after the other and beside each other;
//   - AskLeaders: the leaders of some partitions, each for its share, wherever
//     they are by then;
//   - AskGroup: the coordinator of a group, wherever it is by then.
//
// All three have one patience (Times), end with their context, and tell then
// what failed last. Meaning is the one table of what a code means in the answer
// to a request: ask again, look again for the place, split, the group is busy,
// or final. An Answer says whether an earlier try may have been carried out
// without a word, which is what somebody who writes has to know.
//
// Below that are the connections: a few to each broker, one request at a time
// over each, replaced at once when they turn out to be dead. sarama encodes,
// decodes and logs in; a request that it does not have is a Message, encoded by
// kmsg, which only knows the names of requests besides, and written to and read from a connection
// that exchange holds for it alone.
//
// It must not know what a reset is, nor Terraform.
package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Cluster is one Kafka cluster that can be asked. It may be used from many
// goroutines.
type Cluster struct {
	// Times may be changed before the first request.
	Times Times

	cfg    connection.Config
	conf   *sarama.Config
	dialer *connection.Dialer
	log    connection.Logger

	met atomic.Bool // a broker has answered a request

	mu      sync.Mutex
	pools   map[string]*pool // by address
	known   []string         // addresses to ask anything: the last that answered first, those that failed last
	closed  bool
	running sync.WaitGroup // requests and closes under way
}

// New returns the cluster that cfg describes. It dials nothing; the error, of
// type *connection.ConfigError, tells what is wrong with the configuration.
// The log gets the lines of sarama and of this package, secrets masked; nil
// drops them.
func New(cfg connection.Config, log connection.Logger) (*Cluster, error) {
	conf, dialer, err := connection.Open(cfg, log)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = func(string) {}
	}
	return &Cluster{
		Times:  timesFor(cfg.Timeout()),
		cfg:    cfg,
		conf:   conf,
		dialer: dialer,
		log:    log,
		pools:  map[string]*pool{},
		known:  slices.Clone(cfg.BootstrapServers),
	}, nil
}

// Config returns what sarama needs to know to make a request.
func (c *Cluster) Config() *sarama.Config { return c.conf }

// closeWithin is for how long Close waits for a login that waits for a KDC.
// Terraform leaves two seconds after a second Ctrl-C.
const closeWithin = time.Second

// Close ends every connection and request at once, and returns when nothing
// of the cluster is running any more. Only a login that waits for a KDC cannot
// be ended: it is left behind after a second, and gives up by itself
// (connection.Dialer.Lingers).
func (c *Cluster) Close() {
	c.mu.Lock()
	c.closed = true
	pools := c.pools
	c.pools = nil
	c.mu.Unlock()
	// The sockets go first: a Broker can be closed only when no request is
	// waiting for its answer.
	c.dialer.CloseAll()
	for _, p := range pools {
		p.flush()
	}
	if !c.dialer.Lingers() {
		c.running.Wait()
		return
	}
	ended := make(chan struct{})
	go func() {
		c.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(closeWithin):
	}
}

// ErrClosed tells that the cluster was closed.
var ErrClosed = errors.New("the client is closed")

// Metadata is what the cluster tells of some topics and its brokers.
type Metadata struct {
	ClusterID string           // empty if the cluster has none
	Brokers   map[int32]string // addresses by broker id
	Topics    []*sarama.TopicMetadata
}

// Metadata asks for the named topics, of which there must be at least one
// since no name means all topics. It creates none of them. A cluster that is
// not the configured one is an error of code WrongCluster.
func (c *Cluster) Metadata(ctx context.Context, topics []string) (*Metadata, error) {
	return retry(ctx, c.patience, func() (*Metadata, error) { return c.metadata(ctx, topics) })
}

// metadata asks each broker at most once.
func (c *Cluster) metadata(ctx context.Context, topics []string) (*Metadata, error) {
	resp, err := round(ctx, c, MetadataAPI, func(b *Broker) (*sarama.MetadataResponse, error) {
		req := sarama.NewMetadataRequest(c.conf.Version, topics)
		req.AllowAutoTopicCreation = false
		req.IncludeTopicAuthorizedOperations = true
		return b.GetMetadata(req)
	})
	if err != nil {
		return nil, err
	}
	m := &Metadata{Topics: resp.Topics, Brokers: c.learn(resp.Brokers)}
	if resp.ClusterID != nil {
		m.ClusterID = *resp.ClusterID
	}
	return m, c.expect(m.ClusterID)
}

// ID asks for the cluster's id without naming a topic. It is empty if the
// brokers are too old to be asked (before Kafka 2.8), which is an error if a
// certain cluster is configured.
func (c *Cluster) ID(ctx context.Context) (string, error) {
	answer, err := AskAny(ctx, c, Request[sarama.DescribeClusterResponse]{
		API:   DescribeClusterAPI,
		Doing: "Tell the cluster's id",
		Send: func(b *Broker) (*sarama.DescribeClusterResponse, error) {
			return b.DescribeCluster(sarama.NewDescribeClusterRequest(c.conf.Version))
		},
		Codes: func(r *sarama.DescribeClusterResponse) []sarama.KError { return []sarama.KError{r.Err} },
	})
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		if c.cfg.ClusterID != "" {
			return "", &offset.Error{
				Code: offset.WrongCluster,
				What: fmt.Sprintf("It is not known whether this is the Kafka cluster %q, which the provider's cluster_id names: brokers before Kafka 2.8 tell their cluster only beside a topic", c.cfg.ClusterID),
				Next: "Name a topic; if the brokers are newer, check kafka_version.",
			}
		}
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if code := answer.Body.Err; code != sarama.ErrNoError && c.cfg.ClusterID != "" {
		return "", Refused("Tell the cluster's id", code)
	}
	return answer.Body.ClusterID, c.expect(answer.Body.ClusterID)
}

// expect refuses a cluster that is not the configured one.
func (c *Cluster) expect(id string) error {
	if c.cfg.ClusterID != "" && c.cfg.ClusterID != id {
		return WrongCluster(id, c.cfg.ClusterID, "the provider's cluster_id")
	}
	return nil
}

// learn adds the addresses of brokers to those that can be asked if the
// bootstrap servers are gone.
func (c *Cluster) learn(brokers []*sarama.Broker) map[int32]string {
	addrs := make(map[int32]string, len(brokers))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range brokers {
		addrs[b.ID()] = b.Addr()
		if !slices.Contains(c.known, b.Addr()) {
			c.known = append(c.known, b.Addr())
		}
	}
	return addrs
}

// patience returns the patience of the next request: a cluster of which no
// broker has ever answered is rather misconfigured than in trouble.
func (c *Cluster) patience() Patience {
	if c.met.Load() {
		return c.Times.Failover
	}
	return c.Times.Contact
}

// Since is a version of a request and the Kafka version that brought it.
type Since struct {
	Version int16
	Kafka   sarama.KafkaVersion
}

// Newest returns the newest of the versions that the configuration allows, or
// 0. They are given from new to old. sarama negotiates it down to what the
// broker has, never up.
func (c *Cluster) Newest(versions []Since) int16 {
	for _, v := range versions {
		if c.conf.Version.IsAtLeast(v.Kafka) {
			return v.Version
		}
	}
	return 0
}

// timesFor returns the times for requests that may take so long each.
func timesFor(request time.Duration) Times {
	t := Defaults
	t.Request = request
	t.Failover.Total = max(t.Failover.Total, tries*request)
	return t
}
