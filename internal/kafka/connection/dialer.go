package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/proxy"
)

// Dialer opens and tracks the connections of one Config. It is installed as
// sarama's proxy, and differs from sarama's own dialling in what sarama cannot
// do: dials and TLS handshakes can be cancelled and end in one time-out, every
// connection can be cut from outside, an answer that is not Kafka's is
// recognised before memory is taken for it, and a connection whose read has
// timed out is dead (sarama would go on and read the late answer as that to
// the next request).
//
// Cutting a connection ends the requests that wait on it. Sarama keeps one
// goroutine for each broker until Broker.Close is called, which then returns
// at once.
type Dialer struct {
	timeout time.Duration // of one dial, TLS included
	request time.Duration // of one request
	tls     *tls.Config   // nil means plaintext
	sasl    bool

	//nolint:containedctx // not a request's: it ends with CloseAll, and carries that to dials and token requests
	ctx    context.Context
	cancel context.CancelFunc
	stop   func()                  // the logger's
	token  func() string           // the last token that was shown; nil if there are none
	asks   func(cause error) error // tells of a login that waited for somebody else than the broker; nil if none does
	open   func(ctx context.Context, network, address string) (net.Conn, error)
	kdc    bool // logins ask a KDC

	mu    sync.Mutex
	conns map[*conn]struct{}
}

var _ proxy.ContextDialer = (*Dialer)(nil)
var _ proxy.Dialer = (*Dialer)(nil)

func newDialer(request time.Duration, conf *tls.Config, sasl bool, stop func()) *Dialer {
	ctx, cancel := context.WithCancel(context.Background())
	return &Dialer{
		timeout: min(request, dialTimeout), request: request, tls: conf, sasl: sasl, stop: stop,
		ctx: ctx, cancel: cancel,
		open:  new(net.Dialer).DialContext, // keeps the connection alive with TCP's means, by default
		conns: make(map[*conn]struct{}),
	}
}

// dialTimeout bounds a dial, TLS included, however long a request may take:
// a network needs no more, and whoever waits for it could ask elsewhere.
const dialTimeout = 10 * time.Second

// Dial opens a connection to a broker, with TLS if the Config says so, within
// 10 s or the Config's RequestTimeout if that is shorter. Its errors are of
// type *ConnError.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(d.ctx, network, address)
}

// DialContext is Dial that ends early with ctx. CloseAll ends it too.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (d *Dialer) dial(ctx context.Context, network, address string) (*conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.timeout, noAnswer(d.timeout))
	defer cancel()
	// A second source of cancellation: the caller's context is not d's.
	defer context.AfterFunc(d.ctx, cancel)()

	closed := &ConnError{Address: address, stage: stageConnect, Err: net.ErrClosed}
	if d.ctx.Err() != nil {
		return nil, closed
	}
	c, err := d.connect(ctx, network, address)

	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil { // the end came first: the connection must not outlive it
		if c != nil {
			_ = c.raw.Close()
		}
		return nil, closed
	}
	if err != nil {
		return nil, err
	}
	d.conns[c] = struct{}{}
	return c, nil
}

func (d *Dialer) connect(ctx context.Context, network, address string) (*conn, error) {
	var shown *x509.Certificate
	fail := func(s stage, err error) error {
		// The network's error says nothing of why the dial was ended.
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return &ConnError{Address: address, stage: s, sasl: d.sasl, tls: d.tls != nil, shown: shown, Err: err}
	}
	raw, err := d.open(ctx, network, address)
	if err != nil {
		return nil, fail(stageConnect, err)
	}
	c := &conn{Conn: raw, raw: raw, dialer: d, address: address}
	if d.tls != nil {
		conf := d.tls.Clone()
		if conf.ServerName == "" {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				host = address
			}
			conf.ServerName = host
		}
		if show := conf.GetClientCertificate; show != nil {
			conf.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				cert, err := show(info)
				if err == nil {
					shown = cert.Leaf
				}
				return cert, err
			}
		}
		secure := tls.Client(raw, conf)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fail(stageTLS, err)
		}
		c.Conn, c.shown = secure, shown
	}
	return c, nil
}

// CloseAll closes every connection, cancels every dial and every request for
// a token that is under way, makes all later ones fail, and ends the log. It
// may be called more than once.
func (d *Dialer) CloseAll() {
	d.mu.Lock()
	d.cancel()
	for c := range d.conns {
		delete(d.conns, c)
		_ = c.fail(net.ErrClosed)
	}
	d.mu.Unlock()
	d.stop()
}

// AfterClose has f called in a goroutine of its own once CloseAll is called,
// unless stop is called before.
func (d *Dialer) AfterClose(f func()) (stop func() bool) { return context.AfterFunc(d.ctx, f) }

// Lingers tells whether a login may go on after CloseAll: gokrb5 takes no
// context, and nothing here has a hold of its connection to a KDC. It gives up
// by itself, five seconds after it has asked, for each KDC of krb5.conf and
// each of UDP and TCP. Whatever else waits ends with CloseAll.
func (d *Dialer) Lingers() bool { return d.kdc }

// noAnswer says that nothing came in time.
func noAnswer(within time.Duration) error {
	return fmt.Errorf("no answer within %s: %w", within, context.DeadlineExceeded)
}

// Connections returns how many connections are open.
func (d *Dialer) Connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// stage is how far a connection had come when it failed.
type stage int

const (
	stageConnect  stage = iota // TCP
	stageTLS                   // the TLS handshake
	stageGreeting              // nothing that makes sense has come yet
	stageLogin                 // SASL
	stageFirst                 // the first request after the greeting has no answer yet
	stageWork                  // requests have been answered
)

// ConnError is why a connection could not be made or broke. It unwraps to the
// cause (io.EOF, a syscall.Errno, os.ErrDeadlineExceeded, net.ErrClosed if it
// was cut by this side, x509 and tls errors).
//
// It is a net.Error that is never a time-out, even if its cause is one:
// sarama goes on using a connection after a time-out, and gives up one that
// failed in any other way. Errors.Is with os.ErrDeadlineExceeded tells.
type ConnError struct {
	Address string
	Err     error

	stage stage
	sasl  bool
	tls   bool
	shown *x509.Certificate // by this side; nil if the broker has not asked for one
}

var _ net.Error = (*ConnError)(nil)

// Error names the broker and the cause.
func (e *ConnError) Error() string {
	if e.stage == stageTLS {
		return fmt.Sprintf("broker %s: TLS handshake: %v", e.Address, e.Err)
	}
	return fmt.Sprintf("broker %s: %v", e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *ConnError) Unwrap() error { return e.Err }

// Timeout returns false.
func (e *ConnError) Timeout() bool { return false }

// Temporary returns false.
func (e *ConnError) Temporary() bool { return false }

// The keys of the requests that come before the first real one.
const (
	keySASLHandshake    = 17
	keyAPIVersions      = 18
	keySASLAuthenticate = 36
)

// conn is one connection to a broker. Its first failure is its last: it cuts
// the connection and is what every later call returns.
type conn struct {
	net.Conn // with TLS if there is any
	raw      net.Conn
	dialer   *Dialer
	address  string
	shown    *x509.Certificate // by this side

	frames  frames       // of the reader alone
	key     atomic.Int32 // of the last request
	replied atomic.Bool  // it has begun to be answered
	greeted atomic.Bool  // something that looks like Kafka has come
	served  atomic.Bool  // a request after the login was answered

	failure atomic.Pointer[ConnError]
}

func (c *conn) Read(b []byte) (int, error) {
	if e := c.failure.Load(); e != nil {
		return 0, e
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		if ferr := c.frames.feed(b[:n]); ferr != nil {
			return 0, c.fail(ferr)
		}
		c.answered()
	}
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

func (c *conn) answered() {
	if c.frames.begun == 0 {
		return
	}
	c.replied.Store(true)
	c.greeted.Store(true)
	switch c.key.Load() {
	case keyAPIVersions, keySASLHandshake, keySASLAuthenticate:
	default:
		c.served.Store(true)
	}
}

// Write sends one request: sarama writes each whole.
func (c *conn) Write(b []byte) (int, error) {
	if e := c.failure.Load(); e != nil {
		return 0, e
	}
	c.replied.Store(false)
	if len(b) >= 6 {
		c.key.Store(int32(int16(binary.BigEndian.Uint16(b[4:6])))) //nolint:gosec // An API key is a signed 16-bit number.
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// SetReadDeadline returns the connection's failure, if it has one, as sarama
// sets a deadline before it reads.
func (c *conn) SetReadDeadline(t time.Time) error { return c.deadline(c.Conn.SetReadDeadline, t) }

// SetWriteDeadline returns the connection's failure, if it has one.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.deadline(c.Conn.SetWriteDeadline, t) }

// SetDeadline returns the connection's failure, if it has one.
func (c *conn) SetDeadline(t time.Time) error { return c.deadline(c.Conn.SetDeadline, t) }

func (c *conn) deadline(set func(time.Time) error, t time.Time) error {
	if e := c.failure.Load(); e != nil {
		return e
	}
	if err := set(t); err != nil {
		return c.fail(err)
	}
	return nil
}

// Close ends the connection. A connection that failed is closed already.
func (c *conn) Close() error {
	c.dialer.forget(c)
	if c.failure.Load() == nil {
		return c.Conn.Close()
	}
	return nil
}

func (d *Dialer) forget(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// fail keeps the first failure, cuts the connection and returns what is kept.
func (c *conn) fail(err error) error {
	e := &ConnError{Address: c.address, Err: err, stage: c.stage(), sasl: c.dialer.sasl, tls: c.dialer.tls != nil, shown: c.shown}
	if c.failure.CompareAndSwap(nil, e) {
		_ = c.raw.Close()
	}
	return c.failure.Load()
}

func (c *conn) stage() stage {
	switch {
	case !c.greeted.Load():
		return stageGreeting
	case c.served.Load():
		return stageWork
	}
	switch c.key.Load() {
	case keyAPIVersions:
		return stageGreeting
	case keySASLHandshake, keySASLAuthenticate:
		return stageLogin
	}
	return stageFirst
}

// maxResponse bounds one answer of a broker. The offsets of 100,000
// partitions take less than a tenth of it.
const maxResponse = 64 << 20

// Answers that are not Kafka's.
var (
	errTLSAnswer  = errors.New("the answer is TLS")
	errHTTPAnswer = errors.New("the answer is HTTP")
	errNoFrame    = errors.New("the answer is not Kafka's")
)

// frames follows the lengths of a broker's answers through the stream.
type frames struct {
	begun int // how many answers have begun
	head  []byte
	left  int // bytes of the current answer that are to come
}

// feed looks at the next bytes of the stream. It returns an error at the
// first length that no broker sends: sarama takes memory for up to 4 GiB on
// the word of a peer's first four bytes.
func (f *frames) feed(b []byte) error {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left -= n
			b = b[n:]
			continue
		}
		n := min(4-len(f.head), len(b))
		f.head = append(f.head, b[:n]...)
		b = b[n:]
		if len(f.head) < 4 {
			return nil
		}
		// An answer has a correlation id and something more.
		size := binary.BigEndian.Uint32(f.head)
		if size <= 4 || size > maxResponse {
			return f.refuse(size)
		}
		f.left = int(size)
		f.head = f.head[:0]
		f.begun++
	}
	return nil
}

func (f *frames) refuse(size uint32) error {
	switch {
	case f.begun > 0:
	case f.head[0] >= 20 && f.head[0] <= 23 && f.head[1] == 3: // a TLS record of any version
		return errTLSAnswer
	case string(f.head) == "HTTP":
		return errHTTPAnswer
	}
	return fmt.Errorf("%w: it says it has %d bytes", errNoFrame, size)
}
