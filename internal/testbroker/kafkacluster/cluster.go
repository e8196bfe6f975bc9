// Package kafkacluster runs real Apache Kafka clusters on this machine, from
// the artifacts that Maven's repositories hold: three KRaft nodes, with the
// listeners, users and rights that a test needs, Apache's own tools and Java
// consumers beside them. It needs Java 17 and, the first time, Maven. It must
// not know the engine.
package kafkacluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// Newest is the version that clusters have unless KAFKA_VERSION or the options
// name another.
const Newest = "4.4.0"

// Options say what a cluster is like. The zero value is three nodes of the
// version in KAFKA_VERSION, or of the newest, to which anyone may talk.
type Options struct {
	Version    string            // empty means $KAFKA_VERSION, else Newest
	Nodes      int               // 0 means 3
	Properties map[string]string // added to server.properties
	Listeners  []Listener        // beside the plain one
	Users      map[string]string // passwords by name: PLAIN and, if a listener offers it, SCRAM
	Kerberos   *Kerberos         // GSSAPI, if a listener offers it
	// ACLs has the cluster refuse what no rule allows. Whoever shows no name,
	// through the plain listener or with TLS alone, may still do anything.
	ACLs bool
	// Heap is the size of each node's heap; empty means 320m.
	Heap string
}

// Listener is one more way into the cluster.
type Listener struct {
	Name       string   // as server.properties names it, in capitals
	TLS        bool     // certificates are the cluster's Authority's
	ClientAuth bool     // TLS: the client has to show a certificate of the Authority
	Mechanisms []string // SASL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (see UnsecuredToken), GSSAPI; none means no SASL
	Session    Session  // SASL: how long a login lasts, and whose tokens are taken
	// Advertised are what clients are told in place of the listener's own
	// addresses, by node: those of something that stands in between.
	Advertised []string
}

// Offsets are offsets by topic and partition.
type Offsets = kafkaclient.Offsets

// Record is one record to produce, or one that was consumed.
type Record = kafkaclient.Record

// Cluster is a running cluster of real brokers. It has kafkatest's helpers:
// CreateTopic, Produce, Fill, DeleteRecords, Log, Commit, Committed, Begin,
// Join, Leave, Coordinator, Leader, and Client for use without a test.
type Cluster struct {
	kafkatest.Helper
	options   Options
	id        string
	java      string
	classpath string
	data      string // deleted at the end
	logs      string // kept if asked to
	authority *certs.Authority
	nodes     []*node
	consumers atomic.Int64 // how many have been started

	mu        sync.Mutex
	harness   *harness   // the shared one; nil until it is needed
	harnesses []*harness // all of them
	closed    bool
}

// New starts a cluster and waits until all its nodes are up. The caller closes it.
func New(ctx context.Context, o Options) (*Cluster, error) {
	o.Version = cmp.Or(o.Version, os.Getenv("KAFKA_VERSION"), Newest)
	o.Nodes = cmp.Or(o.Nodes, 3)
	o.Heap = cmp.Or(o.Heap, "320m")
	c := &Cluster{options: o}
	if err := c.start(ctx); err != nil {
		logs := c.logs
		c.Keep()
		return nil, errors.Join(fmt.Errorf("start Kafka %s (logs in %s): %w", o.Version, logs, err), c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	var err error
	if c.java, err = artifacts.Java(); err != nil {
		return err
	}
	coordinates := []string{
		"org.apache.kafka:kafka_2.13:" + c.options.Version,
		"org.apache.kafka:kafka-tools:" + c.options.Version,
	}
	if !c.before4() { // before 4.0 Kafka brings its own log4j
		coordinates = append(coordinates, "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1")
	}
	if c.classpath, err = artifacts.Classpath(ctx, "kafka", c.options.Version, coordinates...); err != nil {
		return err
	}
	if c.logs, err = artifacts.LogDir("kafka"); err != nil {
		return err
	}
	if c.data, err = os.MkdirTemp("", "kafka-data-"); err != nil {
		return err
	}
	if c.authority, err = certs.NewAuthority("kafka"); err != nil {
		return err
	}
	if err := c.writeLogging(); err != nil {
		return err
	}
	if err := c.layOut(); err != nil {
		return err
	}
	if err := c.format(ctx); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	client, err := kafkaclient.New(c.Bootstrap())
	if err != nil {
		return err
	}
	c.Helper = kafkatest.New(client)
	for _, n := range c.nodes {
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	if err := c.Client().AwaitWhole(ctx, len(c.nodes)); err != nil {
		return err
	}
	for _, mechanism := range c.scramMechanisms() {
		for user, password := range c.options.Users {
			if err := client.SetScram(ctx, mechanism, user, password); err != nil {
				return err
			}
		}
	}
	c.id, err = client.ClusterID(ctx)
	return err
}

func (c *Cluster) before4() bool { return strings.HasPrefix(c.options.Version, "3.") }

// Bootstrap returns the plain addresses of all nodes, running or not.
func (c *Cluster) Bootstrap() []string { return c.BootstrapOf(plainListener) }

// BootstrapOf returns the addresses at which the named listener is, of all nodes.
func (c *Cluster) BootstrapOf(listener string) []string {
	var out []string
	for _, n := range c.nodes {
		if address, ok := n.listeners[listener]; ok {
			out = append(out, address)
		}
	}
	return out
}

// ID returns the cluster's id.
func (c *Cluster) ID() string { return c.id }

// Version returns the version of Kafka that runs.
func (c *Cluster) Version() string { return c.options.Version }

// HasOtherGroupTypes tells whether the brokers know share and streams groups,
// which came with Kafka 4.
func (c *Cluster) HasOtherGroupTypes() bool { return !strings.HasPrefix(c.Version(), "3.") }

// Nodes returns how many nodes there are, running or not. Their ids are 0 and up.
func (c *Cluster) Nodes() int { return len(c.nodes) }

// Authority returns what has signed the certificates of the TLS listeners and
// signs those of clients.
func (c *Cluster) Authority() *certs.Authority { return c.authority }

// Logs returns the directory with the logs of all processes.
func (c *Cluster) Logs() string { return c.logs }

// stopGrace is how long a node may take to hand over its partitions and stop.
const stopGrace = 2 * time.Minute

// StopNode has a node hand over its partitions and end, as a rolling restart does.
func (c *Cluster) StopNode(i int) error {
	if i < 0 || i >= len(c.nodes) {
		return fmt.Errorf("stop node %d: there are %d", i, len(c.nodes))
	}
	return c.nodes[i].stop(stopGrace)
}

// KillNode ends a node at once (SIGKILL). The cluster notices after
// broker.session.timeout.ms, here 6 s.
func (c *Cluster) KillNode(i int) error {
	if i < 0 || i >= len(c.nodes) {
		return fmt.Errorf("kill node %d: there are %d", i, len(c.nodes))
	}
	c.nodes[i].kill()
	return nil
}

// StartNode starts a node again and waits until the cluster is whole: every
// node is there and every replica in sync.
func (c *Cluster) StartNode(ctx context.Context, i int) error {
	if i < 0 || i >= len(c.nodes) {
		return fmt.Errorf("start node %d: there are %d", i, len(c.nodes))
	}
	if err := c.nodes[i].start(); err != nil {
		return err
	}
	if err := c.nodes[i].awaitReady(ctx); err != nil {
		return err
	}
	running := 0
	for _, n := range c.nodes {
		if n.running() {
			running++
		}
	}
	return c.Client().AwaitWhole(ctx, running)
}

// Keep has Close leave the logs in place.
func (c *Cluster) Keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logs != "" {
		_ = os.WriteFile(filepath.Join(c.logs, keepFile), nil, 0o600)
	}
}

// keepFile marks logs that Close leaves in place.
const keepFile = ".keep"

// Close ends all processes and deletes the data, and the logs too unless Keep
// was called. Data are gone anyway, so nodes get no time to hand over.
func (c *Cluster) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	harnesses := c.harnesses
	c.mu.Unlock()

	for _, h := range harnesses {
		h.close()
	}
	if client := c.Client(); client != nil {
		client.Close()
	}
	for _, n := range c.nodes {
		n.kill()
	}
	var errs []error
	if c.data != "" {
		errs = append(errs, os.RemoveAll(c.data))
	}
	if _, err := os.Stat(filepath.Join(c.logs, keepFile)); err != nil && c.logs != "" {
		errs = append(errs, os.RemoveAll(c.logs))
	}
	return errors.Join(errs...)
}
