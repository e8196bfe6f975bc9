package remoting

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is one connection as the server sees it.
type peer struct {
	net.Conn
	in *bufio.Reader
}

func (p peer) request(t *testing.T) *Header {
	t.Helper()
	h, _, err := ReadFrame(p.in, DefaultMaxFrame)
	if err != nil {
		return nil
	}
	return h
}

func (p peer) answer(t *testing.T, h Header, body string) {
	t.Helper()
	frame, err := EncodeFrame(&h, []byte(body))
	if err != nil {
		t.Error(err)
	}
	_, _ = p.Write(frame)
}

// serve runs handle for each connection and ends with the test.
func serve(t *testing.T, conf *tls.Config, handle func(peer)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		open  []net.Conn
	)
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if conf != nil {
				c = tls.Server(c, conf)
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			group.Go(func() {
				defer func() { _ = c.Close() }()
				handle(peer{c, bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return l.Addr().String()
}

// echo answers every request with its field "say" as the body.
func echo(t *testing.T) func(peer) {
	return func(p peer) {
		for {
			h := p.request(t)
			if h == nil {
				return
			}
			p.answer(t, Header{Opaque: h.Opaque, Flag: flagResponse, Version: 513}, h.Fields["say"])
		}
	}
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func say(s string) Request { return Request{Code: GetRoute, Fields: map[string]string{"say": s}} }

func TestManyCallsShareOneConnection(t *testing.T) {
	var connections atomic.Int32
	address := serve(t, nil, func(p peer) {
		connections.Add(1)
		// Answers come in the opposite order, between things nobody waits for.
		var pending []*Header
		for {
			h := p.request(t)
			if h == nil {
				return
			}
			if pending = append(pending, h); len(pending) < 10 {
				continue
			}
			p.answer(t, Header{Opaque: h.Opaque, Code: 40}, "a request of the server's own")
			p.answer(t, Header{Opaque: h.Opaque + 1000, Flag: flagResponse}, "an answer to nobody")
			for i := len(pending) - 1; i >= 0; i-- {
				p.answer(t, Header{Opaque: pending[i].Opaque, Flag: flagResponse, Version: 407}, pending[i].Fields["say"])
			}
			pending = nil
		}
	})
	c := client(t, Options{})
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			want := fmt.Sprint(i)
			resp, err := c.Call(t.Context(), address, say(want))
			if err != nil {
				t.Error(err)
				return
			}
			if string(resp.Body) != want || resp.Version != 407 {
				t.Errorf("got %q of version %d, want %q", resp.Body, resp.Version, want)
			}
		})
	}
	group.Wait()
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAResponseCodeIsATypedError(t *testing.T) {
	address := serve(t, nil, func(p peer) {
		for h := p.request(t); h != nil; h = p.request(t) {
			p.answer(t, Header{
				Opaque: h.Opaque, Flag: flagResponse, Code: TopicNotExist, Version: 513,
				Remark: "No topic route info\n\tin name server " + strings.Repeat("at org.apache.Foo ", 1000),
			}, "")
		}
	})
	resp, err := client(t, Options{}).Call(t.Context(), address, say(""))
	var e *Error
	if !errors.As(err, &e) || e.Code != TopicNotExist || e.Address != address || e.Request != GetRoute || e.Version != 513 {
		t.Fatalf("got %#v", err)
	}
	if resp == nil || resp.Code != TopicNotExist {
		t.Errorf("got the response %+v", resp)
	}
	for _, want := range []string{address, "GET_ROUTEINFO_BY_TOPIC", "17 TOPIC_NOT_EXIST", "No topic route info in name server"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || len(err.Error()) > 600 {
		t.Errorf("not one short line: %q", err)
	}
}

func TestAnEndedContextEndsTheCallWhateverItWaitsFor(t *testing.T) {
	silent := serve(t, nil, func(p peer) { _, _ = io.Copy(io.Discard, p) })
	deaf := serve(t, nil, func(p peer) { <-t.Context().Done() })
	noDial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	noTLS := &tls.Config{MinVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		options Options
		address string
		body    int
	}{
		"an answer":     {Options{}, silent, 0},
		"a write":       {Options{}, deaf, 15 << 20},
		"a connection":  {Options{Dial: noDial}, silent, 0},
		"TLS handshake": {Options{TLS: noTLS}, silent, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := client(t, c.options)
			r := say("")
			r.Body = make([]byte, c.body)
			cause := errors.New("the user has gone")
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
			defer timer.Stop()
			start := time.Now()
			_, err := k.Call(ctx, c.address, r)
			if !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
		t.Run(name+" with the client's time-out", func(t *testing.T) {
			o := c.options
			o.Timeout = 30 * time.Millisecond
			r := say("")
			r.Body = make([]byte, c.body)
			_, err := client(t, o).Call(t.Context(), c.address, r)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "within 30ms") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestACallThatGaveUpDoesNotHurtTheOthers(t *testing.T) {
	release := make(chan struct{})
	address := serve(t, nil, func(p peer) {
		first := p.request(t)
		second := p.request(t)
		if first == nil || second == nil {
			return
		}
		<-release
		p.answer(t, Header{Opaque: first.Opaque, Flag: flagResponse}, first.Fields["say"])
		p.answer(t, Header{Opaque: second.Opaque, Flag: flagResponse}, second.Fields["say"])
		p.request(t)
	})
	c := client(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.Call(ctx, address, say("gone"))
		gone <- err
	}()
	stays := make(chan string)
	go func() {
		resp, err := c.Call(t.Context(), address, say("stays"))
		if err != nil {
			t.Error(err)
			resp = &Response{}
		}
		stays <- string(resp.Body)
	}()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// If the first call gave up before it wrote, a third one takes its place.
	go func() { _, _ = c.Call(t.Context(), address, say("third")) }()
	close(release)
	if got := <-stays; got != "stays" {
		t.Errorf("got %q", got)
	}
}

func TestASilentConnectionIsReplacedAfterATimeout(t *testing.T) {
	var connections atomic.Int32
	address := serve(t, nil, func(p peer) {
		if connections.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, p)
			return
		}
		echo(t)(p)
	})
	c := client(t, Options{Timeout: 200 * time.Millisecond})
	if _, err := c.Call(t.Context(), address, say("1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	c.opts.Timeout = 10 * time.Second
	if _, err := c.Call(t.Context(), address, say("2")); err != nil {
		t.Error(err)
	}
}

func TestAConnectionThatWasClosedIsOpenedAgain(t *testing.T) {
	address := serve(t, nil, func(p peer) {
		if h := p.request(t); h != nil {
			p.answer(t, Header{Opaque: h.Opaque, Flag: flagResponse}, h.Fields["say"])
		}
	})
	c := client(t, Options{})
	for i := range 3 {
		if _, err := c.Call(t.Context(), address, say("x")); err != nil {
			t.Fatal(i, err)
		}
		s := c.slots[address]
		for deadline := time.Now().Add(10 * time.Second); s.conn.usable() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestServersThatDoNotSpeakTheProtocol(t *testing.T) {
	for name, c := range map[string]struct{ send, want string }{
		"HTTP":               {"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/2 (gRPC)"},
		"garbage":            {"\x10\x20\x30\x40 and so on", "not RocketMQ's protocol"},
		"a huge frame":       {"\xff\xff\xff\xff\x00\x00\x00\x10", "not RocketMQ's protocol"},
		"a huge header":      {"\x00\x80\x00\x00\x00\x7f\xff\xff", "a header of 8388607 bytes"},
		"a header too long":  {"\x00\x00\x00\x10\x00\x00\x00\x40", "a header of 64 bytes in a frame of 16"},
		"another form":       {"\x00\x00\x00\x10\x02\x00\x00\x04", "serialized in form 2"},
		"no JSON":            {"\x00\x00\x00\x08\x00\x00\x00\x04abcd", "no JSON"},
		"a frame cut short":  {"\x00\x00\x00\x20\x00\x00\x00\x04", "cut short"},
		"nothing":            {"", "closed the connection"},
		"a header of no use": {"\x00\x00\x00\x06\x00\x00\x00\x02{}", "no code"},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, nil, func(p peer) {
				p.request(t)
				_, _ = p.Write([]byte(c.send))
			})
			_, err := client(t, Options{}).Call(t.Context(), address, say(""))
			var e *TransportError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCloseEndsEverythingAtOnce(t *testing.T) {
	address := serve(t, nil, func(p peer) { _, _ = io.Copy(io.Discard, p) })
	started := make(chan struct{}, 1)
	c := New(Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		defer func() { started <- struct{}{} }()
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	failed := make(chan error)
	go func() {
		_, err := c.Call(t.Context(), address, say(""))
		failed <- err
	}()
	<-started
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Call(t.Context(), address, say("")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestNameServersAreTriedInOrder(t *testing.T) {
	dead := serve(t, nil, func(peer) {})
	_, port, err := net.SplitHostPort(serve(t, nil, echo(t)))
	if err != nil {
		t.Fatal(err)
	}
	alive := "localhost:" + port // host names work
	var asked []string
	c := client(t, Options{Trace: func(_ context.Context, x Exchange) { asked = append(asked, x.Address) }})
	for range 2 {
		if _, err := c.CallAny(t.Context(), []string{dead, alive}, say("x")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{dead, alive, alive}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	_, err = c.CallAny(t.Context(), []string{dead, "127.0.0.1:1"}, say("x"))
	if err == nil || !strings.Contains(err.Error(), dead) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("not every server is named: %v", err)
	}
}

func TestARefusalOfANameServerIsItsAnswer(t *testing.T) {
	var calls int
	address := serve(t, nil, func(p peer) {
		for h := p.request(t); h != nil; h = p.request(t) {
			p.answer(t, Header{Opaque: h.Opaque, Flag: flagResponse, Code: TopicNotExist}, "")
		}
	})
	c := client(t, Options{Trace: func(context.Context, Exchange) { calls++ }})
	_, err := c.CallAny(t.Context(), []string{address, "127.0.0.1:1"}, say("x"))
	var e *Error
	if !errors.As(err, &e) || e.Code != TopicNotExist || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	stranger := newAuthority(t)
	server := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue(t, "broker.example")},
	}
	mutual := server.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	for name, c := range map[string]struct {
		server, client *tls.Config
		want           string
	}{
		"trusted":            {server, &tls.Config{RootCAs: ca.pool, ServerName: "broker.example"}, ""},
		"unknown authority":  {server, &tls.Config{RootCAs: stranger.pool, ServerName: "broker.example"}, "certificate"},
		"another name":       {server, &tls.Config{RootCAs: ca.pool, ServerName: "other.example"}, "other.example"},
		"the address's host": {server, &tls.Config{RootCAs: ca.pool}, "127.0.0.1"},
		"unverified":         {server, &tls.Config{InsecureSkipVerify: true}, ""}, //nolint:gosec // The case.
		"client certificate": {mutual, &tls.Config{
			RootCAs: ca.pool, ServerName: "broker.example",
			Certificates: []tls.Certificate{ca.issue(t, "client")},
		}, ""},
		"no client certificate": {mutual, &tls.Config{RootCAs: ca.pool, ServerName: "broker.example"}, "certificate"},
		"a server without TLS":  {nil, &tls.Config{RootCAs: ca.pool}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.client.MinVersion = tls.VersionTLS12
			address := serve(t, c.server, echo(t))
			_, err := client(t, Options{TLS: c.client}).Call(t.Context(), address, say("x"))
			ok := c.want == "" && c.server != nil
			if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTraceKnowsNoSecret(t *testing.T) {
	address := serve(t, nil, func(p peer) {
		for h := p.request(t); h != nil; h = p.request(t) {
			if h.Fields["AccessKey"] != "ak" || h.Fields["SecurityToken"] != "token" ||
				h.Fields["Signature"] != Signature("secret-key", h.Fields, nil) {
				t.Errorf("not signed: %v", h.Fields)
			}
			if h.Language != "GO" || h.Version == 0 {
				t.Errorf("got %+v", h)
			}
			p.answer(t, Header{Opaque: h.Opaque, Flag: flagResponse, Code: 1, Remark: "no"}, "")
		}
	})
	var seen []Exchange
	c := client(t, Options{
		Credentials: &Credentials{AccessKey: "ak", SecretKey: "secret-key", SecurityToken: "token"},
		Trace:       func(_ context.Context, x Exchange) { seen = append(seen, x) },
	})
	_, err := c.Call(t.Context(), address, say("x"))
	if err == nil || len(seen) != 1 {
		t.Fatal(err, seen)
	}
	x := seen[0]
	if x.Address != address || x.Request != GetRoute || x.Name != "GET_ROUTEINFO_BY_TOPIC" || x.Code != 1 || x.Err == nil {
		t.Errorf("got %+v", x)
	}
	for _, secret := range []string{"secret-key", "token"} {
		if strings.Contains(fmt.Sprintf("%+v %v", x, err), secret) {
			t.Errorf("%q is in %+v", secret, x)
		}
	}
}

func TestACallThatCannotBeEncoded(t *testing.T) {
	r := say("")
	r.Body = make([]byte, DefaultMaxFrame)
	if _, err := client(t, Options{}).Call(t.Context(), "127.0.0.1:1", r); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

// authority is a certificate authority.
type authority struct {
	*certs.Authority
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a, err := certs.NewAuthority("test authority")
	if err != nil {
		t.Fatal(err)
	}
	return authority{a, a.Pool()}
}

func (a authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	c, err := a.Issue(name, name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// gate is a connection whose writes begin, and wait until it is open.
type gate struct {
	net.Conn
	began chan int // how many bytes
	open  chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	g.began <- len(b)
	<-g.open
	return g.Conn.Write(b)
}

// gated returns a client with one connection, a call whose write has begun, and
// the place where that tells how it ended.
func gated(t *testing.T) (c *Client, address string, g *gate, first chan error) {
	t.Helper()
	address = serve(t, nil, echo(t))
	g = &gate{began: make(chan int, 100), open: make(chan struct{})}
	c = client(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		g.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return g, err
	}})
	first = make(chan error, 1)
	go func() {
		_, err := c.Call(t.Context(), address, say("first"))
		first <- err
	}()
	<-g.began
	return c, address, g, first
}

// waiting waits until that many frames are in the connection's queue.
func waiting(c *Client, address string, frames int) {
	cn := c.slots[address].conn
	for {
		cn.mu.Lock()
		n := len(cn.queue)
		cn.mu.Unlock()
		if n == frames {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A system call for each request costs more than the request.
func TestFramesThatComeTogetherLeaveTogether(t *testing.T) {
	c, address, g, first := gated(t)
	var group sync.WaitGroup
	for i := range 63 {
		group.Go(func() {
			resp, err := c.Call(t.Context(), address, say(fmt.Sprint(i)))
			if err != nil || string(resp.Body) != fmt.Sprint(i) {
				t.Errorf("got %+v, %v", resp, err)
			}
		})
	}
	waiting(c, address, 63)
	close(g.open)
	group.Wait()
	if err := <-first; err != nil {
		t.Error(err)
	}
	if n := len(g.began); n != 1 {
		t.Errorf("63 requests were sent in %d writes", n)
	}
}

// A call that gives up while another is being written has sent nothing, and
// never will.
func TestAFrameThatIsStillWaitingHasNotLeft(t *testing.T) {
	c, address, g, first := gated(t)
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := c.Call(ctx, address, say("second"))
		second <- err
	}()
	waiting(c, address, 1)
	cancel()
	var lost *TransportError
	if err := <-second; !errors.As(err, &lost) || lost.Sent {
		t.Errorf("got %+v", err)
	}
	close(g.open)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if resp, err := c.Call(t.Context(), address, say("third")); err != nil || string(resp.Body) != "third" {
		t.Errorf("got %+v, %v", resp, err)
	}
	if n := len(g.began); n != 1 {
		t.Errorf("%d writes after the first", n)
	}
}

// One that gives up while it is being written itself may have sent something.
func TestAFrameThatIsBeingWrittenMayHaveLeft(t *testing.T) {
	c, address, g, first := gated(t)
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := c.Call(ctx, address, say("second"))
		second <- err
	}()
	waiting(c, address, 1)
	g.open <- struct{}{} // the first write
	<-g.began
	if err := <-first; err != nil {
		t.Error(err)
	}
	cancel()
	var lost *TransportError
	if err := <-second; !errors.As(err, &lost) || !lost.Sent {
		t.Errorf("got %+v", err)
	}
	close(g.open)
}

// Other requests travel on the same connection.
func TestAnAnswerThatIsTooLongBreaksNothing(t *testing.T) {
	address := serve(t, nil, func(p peer) {
		for {
			h := p.request(t)
			if h == nil {
				return
			}
			p.answer(t, Header{Opaque: h.Opaque, Flag: flagResponse}, strings.Repeat("x", h.Code))
		}
	})
	c := client(t, Options{MaxFrame: 1000})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if resp, err := c.Call(t.Context(), address, Request{Code: 10}); err != nil || len(resp.Body) != 10 {
				t.Errorf("got %+v, %v", resp, err)
			}
		})
	}
	var long *TooLongError
	if _, err := c.Call(t.Context(), address, Request{Code: 5000}); !errors.As(err, &long) {
		t.Errorf("got %v", err)
	}
	wait.Wait()
}

func TestSplitAddress(t *testing.T) {
	for in, want := range map[string]string{
		"localhost:9876": "localhost 9876 true", "10.0.0.1:10911": "10.0.0.1 10911 true",
		"::1:27200": "::1 27200 true", "[::1]:27200": "::1 27200 true", "fe80::1%eth0:9876": "fe80::1%eth0 9876 true",
		"[::1:9876": "  false", "localhost": "  false", "localhost:": "localhost  false", ":9876": " 9876 false", "h:port": "h port false",
		"h:0": "h 0 false", "user:secret@h:9876": "user:secret@h 9876 false", "http://h:9876": "http://h 9876 false",
	} {
		host, port, ok := SplitAddress(in)
		if got := fmt.Sprintf("%s %s %t", host, port, ok); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestAnIPv6AddressMayStandWithoutBrackets(t *testing.T) {
	var dialled []string
	c := client(t, Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, errors.New("not here")
	}})
	for _, a := range []string{"::1:27200", "[::1]:27200", "10.0.0.1:9876"} {
		if _, err := c.Call(t.Context(), a, Request{Code: GetRoute}); err == nil {
			t.Error("no error")
		}
	}
	if got := fmt.Sprint(dialled); got != "[[::1]:27200 [::1]:27200 10.0.0.1:9876]" {
		t.Errorf("dialled %s", got)
	}
}
