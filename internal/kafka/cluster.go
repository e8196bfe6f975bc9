package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// cluster holds the connections to the brokers of one cluster, at most one to
// each address. sarama sends one request at a time over a connection and holds
// it until the answer has come.
type cluster struct {
	cfg    connection.Config
	log    connection.Logger
	conf   *sarama.Config
	dialer *connection.Dialer

	failover, propagation patience

	mu      sync.Mutex
	brokers map[string]*sarama.Broker // by address
	known   []string                  // addresses to ask anything: the last that answered first
	closed  bool
	running sync.WaitGroup // calls and closes under way
}

func newCluster(cfg connection.Config) *cluster {
	return &cluster{
		cfg:         cfg,
		log:         func(string) {},
		brokers:     map[string]*sarama.Broker{},
		known:       slices.Clone(cfg.BootstrapServers),
		failover:    failover,
		propagation: propagation,
	}
}

// configure makes the configuration ready. It dials nothing.
func (c *cluster) configure() (err error) {
	c.conf, c.dialer, err = connection.Open(c.cfg, c.log)
	return err
}

// close ends every connection and call.
func (c *cluster) close() {
	c.mu.Lock()
	c.closed = true
	brokers := c.brokers
	c.brokers = nil
	c.mu.Unlock()
	// The sockets go first: a Broker can be closed only when no request is
	// waiting for its answer.
	c.dialer.CloseAll()
	for _, b := range brokers {
		c.running.Go(func() { _ = b.Close() })
	}
	c.running.Wait()
}

var errClosed = errors.New("the client is closed")

// broker returns the connection to addr, opening one if there is none, and
// counts a call as running.
func (c *cluster) broker(addr string) (*sarama.Broker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	b := c.brokers[addr]
	if b == nil {
		b = sarama.NewBroker(addr)
		// Open dials in the background; the first request waits for it.
		if err := b.Open(c.conf); err != nil {
			return nil, err
		}
		c.brokers[addr] = b
	}
	c.running.Add(1)
	return b, nil
}

// discard forgets a connection that broke, so that the next call opens another.
func (c *cluster) discard(addr string, b *sarama.Broker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.brokers[addr] == b {
		delete(c.brokers, addr)
		c.running.Go(func() { _ = b.Close() })
	}
}

// broken tells that a broker could not be asked or did not answer.
type broken struct {
	addr string
	err  error
}

func (b *broken) Error() string { return fmt.Sprintf("broker %s: %v", b.addr, b.err) }
func (b *broken) Unwrap() error { return b.err }

// call sends one request to the broker at addr and returns its answer, never
// nil without an error. It returns as soon as ctx ends: sarama knows no
// contexts, so that the answer is then left to itself, and the connection with
// it is good for the next request. An error is ctx's, sarama's
// ErrUnsupportedVersion if the broker does not have the API, or of type
// *broken.
func call[T any](ctx context.Context, c *cluster, addr string, request func(*sarama.Broker) (*T, error)) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	b, err := c.broker(addr)
	if err != nil {
		return nil, &broken{addr, err}
	}
	type answer struct {
		body *T
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		defer c.running.Done()
		body, err := guarded(b, request)
		if err != nil && !errors.Is(err, sarama.ErrUnsupportedVersion) {
			c.discard(addr, b)
		}
		answered <- answer{body, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case a := <-answered:
		switch {
		case a.err == nil && a.body == nil:
			return nil, &broken{addr, errors.New("no answer")}
		case a.err == nil:
			return a.body, nil
		case errors.Is(a.err, sarama.ErrUnsupportedVersion):
			return nil, a.err
		default:
			return nil, &broken{addr, a.err}
		}
	}
}

// guarded runs the request. What a broken or hostile server sends must not end
// the process, so that a decoder's panic becomes an error.
func guarded[T any](b *sarama.Broker, request func(*sarama.Broker) (*T, error)) (body *T, err error) {
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, fmt.Errorf("the answer could not be decoded: %v", p)
		}
	}()
	return request(b)
}

// anyBroker sends a request that every broker can answer: to the broker that
// answered last, else to the next one.
func anyBroker[T any](ctx context.Context, c *cluster, request func(*sarama.Broker) (*T, error)) (*T, error) {
	c.mu.Lock()
	known := slices.Clone(c.known)
	c.mu.Unlock()
	var errs []error
	for _, addr := range known {
		body, err := call(ctx, c, addr, request)
		if err == nil {
			c.answered(addr)
			return body, nil
		}
		if gone := (*broken)(nil); !errors.As(err, &gone) {
			return nil, err
		}
		errs = append(errs, err)
		if hopeless(err) {
			break
		}
	}
	return nil, unreachable(errs)
}

// answered moves addr to the front of the addresses to ask.
func (c *cluster) answered(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.known, addr); i > 0 {
		copy(c.known[1:], c.known[:i])
		c.known[0] = addr
	}
}

// learn adds the addresses of brokers to those that can be asked if the
// bootstrap servers are gone.
func (c *cluster) learn(brokers []*sarama.Broker) map[int32]string {
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

// view is what the cluster tells of some topics and its brokers.
type view struct {
	clusterID string
	brokers   map[int32]string // addresses by broker id
	topics    []*sarama.TopicMetadata
}

// metadata asks for the named topics, of which there must be at least one
// since no name means all topics. It creates none of them.
func (c *cluster) metadata(ctx context.Context, topics []string) (*view, error) {
	resp, err := anyBroker(ctx, c, func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		req := sarama.NewMetadataRequest(c.conf.Version, topics)
		req.AllowAutoTopicCreation = false
		req.IncludeTopicAuthorizedOperations = true
		return b.GetMetadata(req)
	})
	if err != nil {
		return nil, err
	}
	v := &view{topics: resp.Topics, brokers: c.learn(resp.Brokers)}
	if resp.ClusterID != nil {
		v.clusterID = *resp.ClusterID
	}
	return v, c.expect(v.clusterID)
}

// clusterID asks for the cluster's id without naming a topic. It is empty if
// the brokers are too old to be asked (before Kafka 2.8), which is an error if
// a certain cluster is configured.
func (c *cluster) clusterID(ctx context.Context) (string, error) {
	resp, err := anyBroker(ctx, c, func(b *sarama.Broker) (*sarama.DescribeClusterResponse, error) {
		return b.DescribeCluster(sarama.NewDescribeClusterRequest(c.conf.Version))
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
	return resp.ClusterID, c.expect(resp.ClusterID)
}

// expect refuses a cluster that is not the configured one.
func (c *cluster) expect(id string) error {
	if c.cfg.ClusterID != "" && c.cfg.ClusterID != id {
		return wrongCluster(id, c.cfg.ClusterID, "the provider's cluster_id")
	}
	return nil
}
