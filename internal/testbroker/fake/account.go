package fake

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"

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

// account reads along what clients send.
type account struct {
	tls *tls.Config

	mu   sync.Mutex
	log  []Request
	lose map[int16]int
}

func newAccount(tls *tls.Config) *account { return &account{tls: tls, lose: map[int16]int{}} }

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
	return &conn{Conn: c, account: l.account, broker: l.Addr().String()}, nil
}

// conn notes the header of each request that is read from it.
type conn struct {
	net.Conn
	account *account
	broker  string

	header []byte // the current request's, as far as it is there, its size included
	skip   int    // bytes of the current request that come after its header

	mu   sync.Mutex
	lost bool
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
	return n, err
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
		if c.account.note(r) {
			c.mu.Lock()
			c.lost = true
			c.mu.Unlock()
		}
	}
	c.header = c.header[:0]
}

// note writes the request down, and tells whether its response is to be lost.
func (a *account) note(r Request) (lose bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, r)
	if r.ClientID == kafkaclient.ClientID || a.lose[r.Key] == 0 {
		return false
	}
	a.lose[r.Key]--
	return true
}

func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	lost := c.lost
	c.mu.Unlock()
	if lost {
		return 0, errors.Join(net.ErrClosed, c.Close())
	}
	return c.Conn.Write(b)
}
