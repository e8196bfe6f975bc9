// Package fake is a RocketMQ cluster inside the test's process: a name server
// and brokers that speak the remoting protocol as far as resets need it, with
// the behaviour of old brokers and of new ones, and with faults on demand. It
// must not know the code that it tests beyond the wire format.
package fake

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// The versions that the brokers of the real harness have, as ordinals.
const (
	V4_9_7 = 407 //nolint:revive // RocketMQ's name.
	V5_1_0 = 433 //nolint:revive // RocketMQ's name.
	V5_5_0 = 513 //nolint:revive // RocketMQ's name.
)

// Config says what cluster to run. The zero value is one broker of version
// 5.5.0 without access control.
type Config struct {
	Name    string   // the cluster's name; empty means DefaultCluster
	Brokers []string // the masters' names; nil means broker-a
	Version int      // of every broker, as an ordinal; zero means V5_5_0

	// ClientReset switches useServerSideResetOffset off, which is on from 5.2
	// on. Brokers before 5.2 have it off always.
	ClientReset bool

	Keys map[string]string // secret keys by access key; nil means no access control
	TLS  *tls.Config       // nil means plain text
}

// Cluster is a running cluster. Its methods may be called at any time, from
// many goroutines.
type Cluster struct {
	conf  Config
	names *server

	mu      sync.Mutex
	brokers map[string]*Broker
	topics  map[string]bool
	groups  map[string]*group
	fault   func(Call) *Fault
	calls   []Call
	closed  bool
}

// Broker is one broker name with its master.
type Broker struct {
	Name    string
	cluster *Cluster
	server  *server

	// Guarded by the cluster's mutex.
	addresses map[int64]string // by broker id, as the name server tells them
	route     map[int64]string // as the route tells them, where that differs
	topics    map[string]*topic
	groups    map[string]bool // subscription groups that exist here
	offsets   map[key]int64
	pending   map[key]int64 // resets that wait for a consumer
}

type topic struct {
	read, write int
	queues      []*queue
}

// queue is a log: the store times of its messages, the first at offset min.
type queue struct {
	min    int64
	stored []int64
}

func (q *queue) max() int64 { return q.min + int64(len(q.stored)) }

type key struct {
	group, topic string
	queue        int32
}

type group struct {
	consumers []*Consumer
}

// Consumer is a client that is online.
type Consumer struct {
	ID        string
	Language  string        // of its client; empty means GO
	Topics    []string      // that it subscribes to
	Broadcast bool          // its message model
	Deaf      bool          // it ignores pushed resets, as lite pull consumers do
	Delay     time.Duration // until it takes up a pushed reset
	Eager     int64         // how many messages it consumes in the moment it takes up a reset
	Stubborn  bool          // it commits its own offset over whatever others commit
	Proxied   bool          // it is connected to a proxy, so that brokers do not list it
	Away      []string      // brokers that it is not connected to yet, so that they do not list it
}

// Call is one request that the cluster has got.
type Call struct {
	Server string // "name server" or the broker's name
	Code   int
	Opaque int32 // the request's number, which its answer repeats
	Fields map[string]string
}

// Fault is what goes wrong with a request. The zero value answers as usual.
type Fault struct {
	Code   int     // answer with this code and the remark, doing nothing
	Remark string  //
	Silent bool    // never answer, doing nothing
	Lost   bool    // do what was asked for, but never answer
	Close  bool    // close the connection, doing nothing unless Lost or Alter is set too
	Raw    []byte  // send these bytes instead of an answer
	Body   *string // answer with code 0 and this body, doing nothing

	// Fields, if not nil, are answered with code 0, doing nothing.
	Fields map[string]string
	Wait   time.Duration // before anything else
	Before func()        // run before anything else

	// Alter, if not nil, says what is sent instead of the answer to what was
	// done, the frame's length at its front included.
	Alter func(answer []byte) []byte
}

// Start runs a cluster until Close.
func Start(conf Config) (*Cluster, error) {
	if conf.Name == "" {
		conf.Name = "DefaultCluster"
	}
	if conf.Brokers == nil {
		conf.Brokers = []string{"broker-a"}
	}
	if conf.Version == 0 {
		conf.Version = V5_5_0
	}
	c := &Cluster{conf: conf, brokers: map[string]*Broker{}, topics: map[string]bool{}, groups: map[string]*group{}}
	var err error
	if c.names, err = listen(conf.TLS, c.handler(nil)); err != nil {
		return nil, err
	}
	for _, name := range conf.Brokers {
		b := &Broker{
			Name: name, cluster: c, topics: map[string]*topic{}, groups: map[string]bool{},
			offsets: map[key]int64{}, pending: map[key]int64{},
		}
		if b.server, err = listen(conf.TLS, c.handler(b)); err != nil {
			c.Close()
			return nil, err
		}
		b.addresses = map[int64]string{0: b.server.address()}
		c.brokers[name] = b
	}
	return c, nil
}

// Close ends every server and connection.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.closed = true
	brokers := slices.Collect(maps.Values(c.brokers))
	c.mu.Unlock()
	c.names.close()
	for _, b := range brokers {
		b.server.close()
	}
}

// NameServer returns the name server's address.
func (c *Cluster) NameServer() string { return c.names.address() }

// Address returns a broker's address.
func (c *Cluster) Address(broker string) string { return c.broker(broker).server.address() }

// Kill ends a broker's server. The name server goes on telling its address.
func (c *Cluster) Kill(broker string) { c.broker(broker).server.close() }

// SetAddresses makes the name server tell these addresses by broker id. A
// broker without any is not registered: the name server knows nothing of it.
func (c *Cluster) SetAddresses(broker string, addresses map[int64]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brokers[broker].addresses = addresses
}

// SetRoute makes routes tell other addresses than the list of brokers, as
// acting masters do.
func (c *Cluster) SetRoute(broker string, addresses map[int64]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.brokers[broker].route = addresses
}

// SetFault decides what goes wrong with each request; nil means nothing.
func (c *Cluster) SetFault(f func(Call) *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

// Calls returns the requests since the start or the last Forget.
func (c *Cluster) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// Forget drops the account of requests.
func (c *Cluster) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = nil
}

// CreateTopic makes a topic on every broker, with as many queues on each for
// readers as for writers.
func (c *Cluster) CreateTopic(name string, queues int) { c.CreateTopicWith(name, queues, queues) }

// CreateTopicWith makes a topic whose readers see other queues than its writers.
func (c *Cluster) CreateTopicWith(name string, read, write int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name] = true
	for _, b := range c.brokers {
		t := &topic{read: read, write: write}
		for range max(read, write) {
			t.queues = append(t.queues, &queue{})
		}
		b.topics[name] = t
	}
}

// DeleteTopic removes a topic everywhere.
func (c *Cluster) DeleteTopic(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.topics, name)
	for _, b := range c.brokers {
		delete(b.topics, name)
	}
}

// ShrinkTopic leaves a topic fewer queues on each broker.
func (c *Cluster) ShrinkTopic(name string, queues int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.brokers {
		b.topics[name].read, b.topics[name].write = queues, queues
	}
}

// DropTopic removes a topic from one broker.
func (c *Cluster) DropTopic(broker, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.brokers[broker].topics, name)
}

// CreateGroup makes a subscription group on the brokers, or on all.
func (c *Cluster) CreateGroup(name string, brokers ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.brokers {
		if len(brokers) == 0 || slices.Contains(brokers, b.Name) {
			b.groups[name] = true
		}
	}
}

// DeleteGroup removes a group and its offsets everywhere.
func (c *Cluster) DeleteGroup(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.groups, name)
	for _, b := range c.brokers {
		delete(b.groups, name)
		for _, table := range []map[key]int64{b.offsets, b.pending} {
			maps.DeleteFunc(table, func(k key, _ int64) bool { return k.group == name })
		}
	}
}

// Append stores messages with these store times.
func (c *Cluster) Append(broker, topic string, queue int, stored ...time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.brokers[broker].topics[topic].queues[queue]
	for _, t := range stored {
		q.stored = append(q.stored, t.UnixMilli())
	}
}

// Trim removes messages from the log's start, up to the offset.
func (c *Cluster) Trim(broker, topic string, queue int, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.brokers[broker].topics[topic].queues[queue]
	if to <= q.max() {
		q.stored = q.stored[to-q.min:]
	} else {
		q.stored = nil
	}
	q.min = to
}

// Commit stores a group's offset, as if a consumer had committed it, which has
// taken up a reset that waited for it before.
func (c *Cluster) Commit(broker, group, topic string, queue int32, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{group, topic, queue}
	c.brokers[broker].groups[group] = true
	delete(c.brokers[broker].pending, k)
	c.brokers[broker].offsets[k] = offset
}

// Committed returns a group's offset, and false if it has none.
func (c *Cluster) Committed(broker, group, topic string, queue int32) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.brokers[broker].offsets[key{group, topic, queue}]
	return n, ok
}

// Pending returns the reset of a queue that waits for a consumer, and false if
// none does.
func (c *Cluster) Pending(broker, group, topic string, queue int32) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.brokers[broker].pending[key{group, topic, queue}]
	return n, ok
}

// Exists tells whether a broker knows the group.
func (c *Cluster) Exists(broker, group string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brokers[broker].groups[group]
}

// Connect brings a consumer online. It takes up resets that wait for one.
func (c *Cluster) Connect(name string, consumer Consumer) *Consumer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if consumer.ID == "" {
		consumer.ID = fmt.Sprintf("10.0.0.1@%d", len(c.groups)+1)
	}
	g := c.groups[name]
	if g == nil {
		g = &group{}
		c.groups[name] = g
	}
	g.consumers = append(g.consumers, &consumer)
	for _, b := range c.brokers {
		b.groups[name] = true
		for k, n := range b.pending {
			if k.group == name && slices.Contains(consumer.Topics, k.topic) {
				delete(b.pending, k)
				b.offsets[k] = min(n+consumer.Eager, b.topics[k.topic].queues[k.queue].max())
			}
		}
	}
	return &consumer
}

// Come connects a group's consumers to the brokers that they were away from.
func (c *Cluster) Come(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, consumer := range c.groups[name].consumers {
		consumer.Away = nil
	}
}

// Disconnect takes all of a group's consumers offline.
func (c *Cluster) Disconnect(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.groups, name)
}

func (c *Cluster) broker(name string) *Broker {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brokers[name]
}

// resets tells whether brokers reset by themselves.
func (c *Cluster) resets() bool { return c.conf.Version >= remoting.V5_2_0 && !c.conf.ClientReset }

// server accepts connections until it is closed.
type server struct {
	listener net.Listener
	handle   func(net.Conn)
	group    sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func listen(conf *tls.Config, handle func(net.Conn)) (*server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{listener: l, handle: handle, open: map[net.Conn]bool{}}
	s.group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if conf != nil {
				conn = tls.Server(conn, conf)
			}
			s.serve(conn)
		}
	})
	return s, nil
}

func (s *server) serve(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.open[conn] = true
	s.group.Go(func() {
		s.handle(conn)
		_ = conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, conn)
	})
}

func (s *server) address() string { return s.listener.Addr().String() }

func (s *server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}
