package fake

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// Request is one request that a broker has read.
type Request struct {
	Key      int16
	Version  int16
	ClientID string
	Broker   string // the address of the broker's listener
}

// Requests counts, by API key, the requests since the last ResetRequests.
// Those of the cluster's own client do not count.
func (c *Cluster) Requests() map[int16]int {
	counts := map[int16]int{}
	for _, r := range c.RequestLog() {
		counts[r.Key]++
	}
	return counts
}

// RequestLog returns the requests since the last ResetRequests, in the order
// in which they were read. Those of the cluster's own client are not in it.
func (c *Cluster) RequestLog() []Request {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.account.log), func(r Request) bool {
		return r.ClientID == kafkaclient.ClientID
	})
}

// ResetRequests forgets the requests so far.
func (c *Cluster) ResetRequests() {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.log = nil
}

// LoseResponses has the next n requests of the key done by the broker, but
// closes the connection in place of the answer: the client cannot know
// whether the work was done. Requests of the cluster's own client do not count.
func (c *Cluster) LoseResponses(key int16, n int) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.lose[key] = n
}

// Delay has every later request of the key wait so long before a broker sees
// it, and with it what comes after it over the same connection. Requests of
// the cluster's own client are not delayed.
func (c *Cluster) Delay(key int16, by time.Duration) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.delay[key] = by
}

// Alter has each later answer go through f before it is sent, its length at the
// front included. What f returns is sent instead, and the connection is closed
// after it if f says so. Answers to the cluster's own client are left alone. Nil
// ends it. It means something to clients that send one request at a time over a
// connection.
func (c *Cluster) Alter(f func(r Request, answer []byte) (instead []byte, hangUp bool)) {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.alter = f
}

// HangUp closes all connections but those of the cluster's own client, as
// brokers and load balancers do with idle ones.
func (c *Cluster) HangUp() {
	c.account.mu.Lock()
	conns := slices.Collect(maps.Keys(c.account.conns))
	c.account.mu.Unlock()
	for _, conn := range conns {
		if client := conn.client.Load(); client == nil || *client != kafkaclient.ClientID {
			_ = conn.Close()
		}
	}
}

// Connections returns how many connections there are, without those of the
// cluster's own client.
func (c *Cluster) Connections() int {
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	n := 0
	for conn := range c.account.conns {
		if client := conn.client.Load(); client == nil || *client != kafkaclient.ClientID {
			n++
		}
	}
	return n
}

// Freeze has the broker at the address read nothing any more, as a stopped
// process does: connections are accepted, and nothing is answered. It ends
// with the returned function, or with the cluster.
func (c *Cluster) Freeze(address string) (thaw func()) {
	thawed := make(chan struct{})
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.frozen[address] = thawed
	return func() {
		c.account.mu.Lock()
		defer c.account.mu.Unlock()
		if c.account.frozen[address] == thawed {
			delete(c.account.frozen, address)
			close(thawed)
		}
	}
}

// account reads along what clients send.
type account struct {
	tls *tls.Config

	mu     sync.Mutex
	log    []Request
	lose   map[int16]int
	delay  map[int16]time.Duration
	frozen map[string]chan struct{} // by broker; closed when it thaws
	alter  func(Request, []byte) ([]byte, bool)
	conns  map[*conn]struct{}
}

func newAccount(tls *tls.Config) *account {
	return &account{
		tls: tls, lose: map[int16]int{}, delay: map[int16]time.Duration{},
		frozen: map[string]chan struct{}{}, conns: map[*conn]struct{}{},
	}
}

func (a *account) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if a.tls != nil {
		l = tls.NewListener(l, a.tls)
	}
	return &listener{l, a}, nil
}

type listener struct {
	net.Listener
	account *account
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &conn{Conn: c, account: l.account, broker: l.Addr().String(), closed: make(chan struct{})}
	l.account.mu.Lock()
	defer l.account.mu.Unlock()
	l.account.conns[counted] = struct{}{}
	return counted, nil
}

// conn notes the header of each request that is read from it.
type conn struct {
	net.Conn
	account *account
	broker  string

	header []byte // the current request's, as far as it is there, its size included
	skip   int    // bytes of the current request that come after its header
	wait   time.Duration

	client atomic.Pointer[string] // the client id of its requests
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	lost bool
	last Request
}

// A request begins with its size (4 bytes), key (2), version (2), correlation
// id (4) and the length (2) of the client id that follows.
const (
	sizeBytes  = 4
	fixedBytes = sizeBytes + 2 + 2 + 4 + 2
)

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.scan(b[:n])
	c.account.mu.Lock()
	thawed := c.account.frozen[c.broker]
	c.account.mu.Unlock()
	if thawed != nil {
		select {
		case <-thawed:
		case <-c.closed:
		}
	}
	if c.wait > 0 {
		select {
		case <-time.After(c.wait):
		case <-c.closed:
		}
		c.wait = 0
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.account.mu.Lock()
		defer c.account.mu.Unlock()
		delete(c.account.conns, c)
	})
	return c.Conn.Close()
}

// scan follows the stream from request to request.
func (c *conn) scan(b []byte) {
	for len(b) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(b))
			c.skip, b = c.skip-n, b[n:]
			continue
		}
		n := min(c.need()-len(c.header), len(b))
		c.header, b = append(c.header, b[:n]...), b[n:]
		if len(c.header) == c.need() {
			c.count()
		}
	}
}

// need returns how long the header is, as far as that is known.
func (c *conn) need() int {
	if len(c.header) < sizeBytes {
		return sizeBytes
	}
	whole := sizeBytes + int(binary.BigEndian.Uint32(c.header))
	if len(c.header) < fixedBytes {
		return min(fixedBytes, whole)
	}
	id := max(0, int(int16(binary.BigEndian.Uint16(c.header[fixedBytes-2:]))))
	return min(fixedBytes+id, whole)
}

func (c *conn) count() {
	size := int(binary.BigEndian.Uint32(c.header))
	c.skip = sizeBytes + size - len(c.header)
	if len(c.header) >= fixedBytes {
		r := Request{
			Key:      int16(binary.BigEndian.Uint16(c.header[4:])),
			Version:  int16(binary.BigEndian.Uint16(c.header[6:])),
			ClientID: string(c.header[fixedBytes:]),
			Broker:   c.broker,
		}
		c.client.Store(&r.ClientID)
		lose, wait := c.account.note(r)
		c.wait = max(c.wait, wait)
		c.mu.Lock()
		c.lost, c.last = c.lost || lose, r
		c.mu.Unlock()
	}
	c.header = c.header[:0]
}

// note writes the request down, and tells whether its response is to be lost,
// and how long it is to wait.
func (a *account) note(r Request) (lose bool, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, r)
	if r.ClientID == kafkaclient.ClientID {
		return false, 0
	}
	if lose = a.lose[r.Key] > 0; lose {
		a.lose[r.Key]--
	}
	return lose, a.delay[r.Key]
}

func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	lost, asked := c.lost, c.last
	c.mu.Unlock()
	if lost {
		return 0, errors.Join(net.ErrClosed, c.Close())
	}
	c.account.mu.Lock()
	alter := c.account.alter
	c.account.mu.Unlock()
	if alter == nil || asked.ClientID == kafkaclient.ClientID {
		return c.Conn.Write(b)
	}
	instead, hangUp := alter(asked, b)
	if _, err := c.Conn.Write(instead); err != nil || hangUp {
		return 0, errors.Join(net.ErrClosed, err, c.Close())
	}
	return len(b), nil
}
