// Package remoting speaks RocketMQ's remoting protocol: frames, headers,
// signatures and the bodies that brokers write with fastjson. It must not know
// what the requests are for.
package remoting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultTimeout bounds a call if Options do not say otherwise.
const DefaultTimeout = 10 * time.Second

// ErrClosed is the error of every call on a client that was closed.
var ErrClosed = errors.New("the client is closed")

// errTimeout is the cause of a call that has taken longer than the client allows.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout and Is make the error one of time for those who ask.
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Options say how to talk to servers. The zero value speaks plain text without
// a signature.
type Options struct {
	TLS         *tls.Config   // nil means plain text; an empty ServerName means the address's host
	Credentials *Credentials  // nil means unsigned requests
	Timeout     time.Duration // of one call, the connection included; zero means DefaultTimeout
	MaxFrame    int           // longest frame to read, in bytes; zero means DefaultMaxFrame

	// Trace is told of each call once it has ended, in the caller's goroutine.
	Trace func(ctx context.Context, x Exchange)

	// Dial opens a connection; nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Exchange is one call, for logs and for counting round trips. It holds no
// field of the request, so no secret either.
type Exchange struct {
	Address  string
	Request  int    // the request's code
	Name     string // the request's name
	Code     int    // the response's code; -1 if there was no response
	Start    time.Time
	Duration time.Duration
	Err      error // nil if the response's code is 0
}

// Request is what to ask a server.
type Request struct {
	Code   int
	Fields map[string]string
	Body   []byte
}

// Response is a server's answer.
type Response struct {
	Code    int
	Version int // the server's version, as an ordinal (see VersionName)
	Remark  string
	Fields  map[string]string
	Body    []byte
	unread  error // why the body was not read; nil if it was
}

// Client keeps one connection to each server that it has talked to. It may be
// used from many goroutines; their requests travel together.
type Client struct {
	opts   Options
	opaque atomic.Int32
	ctx    context.Context //nolint:containedctx // The client's own lifetime: it ends with Close.
	cancel context.CancelFunc
	good   atomic.Value // the address that CallAny asks first, a string

	mu    sync.Mutex
	slots map[string]*slot
	wg    sync.WaitGroup // every goroutine that the client has started
}

// slot is where the connection to one server lives.
type slot struct {
	turn chan struct{} // holds one token: whoever has it may look at conn and replace it
	conn *conn
}

// New returns a client. It dials nothing.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = DefaultMaxFrame
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Client{opts: o, ctx: ctx, cancel: cancel, slots: map[string]*slot{}}
}

// Close ends every connection at once and waits until nothing of the client is
// running any more. Calls that are under way fail with ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Call sends the request to the server at address and returns its answer. A
// response whose code is not 0 comes with an *Error beside it; any other error
// is a *TransportError, and no response. It returns as soon as ctx ends, and
// when Options.Timeout is over.
func (c *Client) Call(ctx context.Context, address string, r Request) (*Response, error) {
	start := time.Now()
	resp, sent, err := c.call(ctx, address, r)
	if err != nil {
		err = &TransportError{Request: r.Code, Address: address, Sent: sent, Err: err}
	} else if resp.Code != Success {
		err = &Error{
			Code: resp.Code, Remark: cleanRemark(resp.Remark), Address: address, Request: r.Code, Version: resp.Version,
		}
	}
	if c.opts.Trace != nil {
		x := Exchange{
			Address: address, Request: r.Code, Name: RequestName(r.Code), Code: -1,
			Start: start, Duration: time.Since(start), Err: err,
		}
		if resp != nil {
			x.Code = resp.Code
		}
		c.opts.Trace(ctx, x)
	}
	return resp, err
}

// CallAny sends the request to the first of the servers that answers,
// whatever its answer; the one that answered last is asked first. If none
// does, the error names all of them.
func (c *Client) CallAny(ctx context.Context, addresses []string, r Request) (*Response, error) {
	var failures []error
	good, _ := c.good.Load().(string) //nolint:errcheck // Empty at first.
	first := max(slices.Index(addresses, good), 0)
	for i := range addresses {
		address := addresses[(first+i)%len(addresses)]
		resp, err := c.Call(ctx, address, r)
		var refused *Error
		if err == nil || errors.As(err, &refused) {
			c.Prefer(address)
			return resp, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) == 0 {
		return nil, errors.New("no server to ask")
	}
	return nil, errors.Join(failures...)
}

// Prefer makes CallAny ask this server first.
func (c *Client) Prefer(address string) { c.good.Store(address) }

func (c *Client) call(ctx context.Context, address string, r Request) (resp *Response, sent bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Timeout, timeoutError{c.opts.Timeout})
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()

	frame, opaque, err := c.encode(r)
	if err != nil {
		return nil, false, err
	}
	// A connection that broke while it was idle is replaced without a word:
	// nothing of the request has left then.
	for attempt := 0; ; attempt++ {
		cn, fresh, err := c.connection(ctx, address)
		if err != nil {
			return nil, false, c.cause(ctx, err)
		}
		resp, sent, err := cn.roundTrip(ctx, opaque, frame)
		if err == nil {
			return resp, true, nil
		}
		if !sent && !fresh && attempt == 0 && ctx.Err() == nil {
			continue
		}
		err = c.cause(ctx, err)
		if errors.As(err, new(timeoutError)) {
			// The server or the way to it may be gone without a trace; the
			// next call should not wait for the same silence.
			cn.retire()
		}
		return nil, sent, err
	}
}

// cause says why a call ended: the client was closed, time was up, the caller
// has gone, or else err.
func (c *Client) cause(ctx context.Context, err error) error {
	// A dialler takes the deadline for itself, and can be faster than ctx.
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done()
	}
	switch {
	case c.ctx.Err() != nil:
		return ErrClosed
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return err
	}
}

// encode writes the request as a frame with a new opaque.
func (c *Client) encode(r Request) ([]byte, int32, error) {
	opaque := c.opaque.Add(1)
	fields := r.Fields
	if c.opts.Credentials != nil {
		fields = c.opts.Credentials.sign(r.Fields, r.Body)
	}
	frame, err := EncodeFrame(&Header{
		Code: r.Code, Language: language, Version: clientVersion, Opaque: opaque, Fields: fields,
	}, r.Body)
	return frame, opaque, err
}

// connection returns the connection to the server, and whether it was opened
// for this call. Callers that come while it is being opened wait for it.
func (c *Client) connection(ctx context.Context, address string) (*conn, bool, error) {
	c.mu.Lock()
	s := c.slots[address]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		c.slots[address] = s
	}
	c.mu.Unlock()

	select {
	case <-s.turn:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.conn != nil && s.conn.usable() {
		return s.conn, false, nil
	}
	nc, err := c.dial(ctx, address)
	if err != nil {
		return nil, false, err
	}
	cn := newConn(nc, c.opts.MaxFrame)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		_ = nc.Close()
		return nil, false, ErrClosed
	}
	ctx, end := context.WithCancel(c.ctx)
	c.wg.Go(func() { defer end(); cn.read(ctx) })
	c.wg.Go(func() { cn.send(ctx) })
	s.conn = cn
	return cn, true, nil
}

// SplitAddress splits host:port as RocketMQ does: at the last colon, so that an
// IPv6 address may stand without brackets, as brokers announce theirs.
func SplitAddress(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = address[:i], address[i+1:]
	if inner, found := strings.CutPrefix(host, "["); found {
		host, found = strings.CutSuffix(inner, "]")
		if !found {
			return "", "", false
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, port, err == nil && n > 0 && host != "" && !strings.ContainsAny(host, "[]/@ ")
}

// dial opens a connection and, with TLS, shakes hands on it.
func (c *Client) dial(ctx context.Context, address string) (net.Conn, error) {
	host, port, ok := SplitAddress(address)
	if !ok {
		return nil, fmt.Errorf("connect: %q is not of the form host:port", address)
	}
	nc, err := c.opts.Dial(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if c.opts.TLS == nil {
		return nc, nil
	}
	conf := c.opts.TLS.Clone()
	if conf.ServerName == "" {
		conf.ServerName = host
	}
	tc := tls.Client(nc, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return tc, nil
}
