package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
)

// most is how many connections to one broker there may be. Terraform works on
// ten resources at a time, unless told otherwise.
const most = 10

// pool holds the connections to one address. sarama sends one request at a
// time over a connection: whoever finds none free opens another one, up to a
// bound, so that a slow answer holds up nobody else for long.
type pool struct {
	cluster *Cluster
	addr    string
	idle    chan *link // those that wait for a request

	mu    sync.Mutex
	open  int       // connections that exist, idle or not
	muted time.Time // until when the broker wants no request
	pause time.Duration
}

// link is a connection in a pool.
type link struct {
	*connection.Link
	used   time.Time // when it was last answered; zero before that
	paused time.Time // until when sarama would hold a request back
}

// pool returns the pool of an address and counts a request as running.
func (c *Cluster) pool(addr string) (*pool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	p := c.pools[addr]
	if p == nil {
		p = &pool{cluster: c, addr: addr, idle: make(chan *link, most)}
		c.pools[addr] = p
	}
	c.running.Add(1)
	return p, nil
}

// take returns a connection that nobody uses: one that is idle, or a new one.
func (p *pool) take(ctx context.Context) (*link, error) {
	wait := time.NewTimer(p.cluster.Times.Queue)
	defer wait.Stop()
	for {
		select {
		case l := <-p.idle:
			if p.usable(l) {
				return l, nil
			}
			continue
		default:
		}
		if p.reserve(1) {
			return p.dial()
		}
		select {
		case l := <-p.idle:
			if p.usable(l) {
				return l, nil
			}
		case <-wait.C:
			if p.reserve(most) {
				return p.dial()
			}
			wait.Reset(p.cluster.Times.Queue)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// reserve counts one more connection if there are fewer than that.
func (p *pool) reserve(fewer int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= fewer {
		return false
	}
	p.open++
	return true
}

// dial begins to open a connection that is counted already.
func (p *pool) dial() (*link, error) {
	l, err := p.cluster.dialer.NewLink(p.cluster.conf, p.addr)
	if err != nil {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
		return nil, err
	}
	return &link{Link: l}, nil
}

// usable tells whether an idle connection may be used, and gives it up if not.
func (p *pool) usable(l *link) bool {
	now := time.Now()
	if now.Sub(l.used) > p.cluster.Times.Idle || now.Before(l.paused) {
		p.drop(l, net.ErrClosed)
		return false
	}
	return true
}

// give makes a connection idle. Those of a closed cluster are closed.
func (p *pool) give(l *link) {
	l.used = time.Now()
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	if p.cluster.closed {
		p.close(l, net.ErrClosed)
		return
	}
	p.idle <- l // there is room for all that may be open
}

// drop gives a connection up.
func (p *pool) drop(l *link, cause error) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	p.close(l, cause)
}

// close ends a connection. sarama may take a while to notice.
func (p *pool) close(l *link, cause error) {
	p.mu.Lock()
	p.open--
	p.mu.Unlock()
	l.Cut(cause)
	p.cluster.running.Add(1)
	go func() {
		defer p.cluster.running.Done()
		_ = l.Close()
	}()
}

// flush gives all idle connections up.
func (p *pool) flush() {
	for {
		select {
		case l := <-p.idle:
			p.drop(l, net.ErrClosed)
		default:
			return
		}
	}
}

// hush waits as long as the broker has asked for, but not longer than a
// request may take: a broker that throttles a client for minutes would keep it
// from finding out what it has done.
func (p *pool) hush(ctx context.Context) error {
	p.mu.Lock()
	wait, pause := time.Until(p.muted), p.pause
	p.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	pauses(ctx, p.addr, wait)
	if clock.Sleep(ctx, wait) != nil {
		return &throttled{pause}
	}
	return nil
}

// mute notes that the broker asks for a pause. Brokers answer a throttled
// client at once and then read nothing from the connection (KIP-219, Kafka
// 2.0); sarama would sleep with the Broker's lock held, so that not even Close
// ended it.
func (p *pool) mute(l *link, pause time.Duration) {
	now := time.Now()
	l.paused = now.Add(pause)
	p.mu.Lock()
	p.muted, p.pause = now.Add(min(pause, p.cluster.Times.Request)), pause
	p.mu.Unlock()
	p.cluster.log(fmt.Sprintf("broker %s throttles this client for %s (throttle_time_ms)", p.addr, pause))
}

// throttled tells that the time went by while the broker wanted no request.
type throttled struct{ pause time.Duration }

func (t *throttled) Error() string {
	return fmt.Sprintf("it throttles this client, and wants no request for %s (throttle_time_ms)", t.pause)
}

// throttle returns the pause that an answer asks for. All answers have it
// under one of three names, and most of sarama's as well.
func throttle(answer any) time.Duration {
	v := reflect.ValueOf(answer).Elem()
	for _, name := range []string{"ThrottleTime", "ThrottleTimeMs", "ThrottleMillis"} {
		switch f := v.FieldByName(name); {
		case !f.IsValid():
		case f.Kind() == reflect.Int32:
			return time.Duration(f.Int()) * time.Millisecond
		case f.Kind() == reflect.Int64:
			return time.Duration(f.Int())
		}
	}
	return 0
}

// broken tells that a broker could not be asked or did not answer.
type broken struct {
	addr string
	err  error
}

func (b *broken) Error() string { return fmt.Sprintf("broker %s: %v", b.addr, b.err) }
func (b *broken) Unwrap() error { return b.err }

// call sends one request to the broker at addr and returns its answer, never
// nil without an error. It takes no longer than a request may, and ends with
// ctx and with the cluster. A connection that was idle and turns out to be dead
// is replaced once, at once. Unanswered tells that the request may have been carried out without
// an answer, which a success does not rule out. An error is sarama's
// ErrUnsupportedVersion if the broker does not have the API, or of type
// *broken.
func call[A any](ctx context.Context, c *Cluster, addr string, send func(*Broker) (*A, error)) (answer *A, unanswered bool, err error) {
	p, err := c.pool(addr)
	if err != nil {
		return nil, false, &broken{addr, err}
	}
	defer c.running.Done()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer c.dialer.AfterClose(func() { end(ErrClosed) })()
	if err := p.hush(ctx); err != nil {
		return nil, false, &broken{addr, err}
	}
	limit := c.Times.Request
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s: %w", limit, context.DeadlineExceeded))
	defer cancel()
	for {
		l, err := p.take(ctx)
		if err != nil {
			return nil, unanswered, &broken{addr, err}
		}
		old := !l.used.IsZero()
		answer, sent, err := exchange(ctx, p, l, send)
		switch {
		case err == nil:
			c.met.Store(true)
			return answer, unanswered, nil
		case errors.Is(err, sarama.ErrUnsupportedVersion):
			return nil, unanswered, err
		}
		unanswered = unanswered || sent
		// Where one connection broke, or fell silent, the idle ones have.
		p.flush()
		if !old || ctx.Err() != nil || !connection.Stale(err) {
			return nil, unanswered, &broken{addr, err}
		}
	}
}

// exchange sends one request over a connection that nobody else uses, and
// ends when ctx does: sarama knows no contexts, so that the connection is cut
// then. Sent tells whether the request may have reached the broker.
func exchange[A any](ctx context.Context, p *pool, l *link, send func(*Broker) (*A, error)) (_ *A, sent bool, _ error) {
	var (
		answer *A
		err    error
		begun  atomic.Bool
	)
	run := func() {
		if err = l.Opened(); err == nil {
			begun.Store(true)
			answer, err = connection.Guard(l.Link, send)
		}
	}
	// What the connection says of its end tells how far it had come.
	cut := func() { l.Cut(context.Cause(ctx)) }
	if l.Prompt() {
		stop := context.AfterFunc(ctx, cut)
		run()
		if !stop() {
			p.drop(l, context.Cause(ctx))
			return answer, begun.Load(), err // perhaps with the answer
		}
	} else {
		done := make(chan struct{})
		p.cluster.running.Add(1)
		go func() {
			defer p.cluster.running.Done()
			defer close(done)
			run()
		}()
		select {
		case <-done:
		case <-ctx.Done():
			cut()
			defer p.drop(l, context.Cause(ctx))
			select {
			case <-done:
				return answer, begun.Load(), err
			case <-time.After(100 * time.Millisecond):
				return nil, begun.Load(), l.Awaited(context.Cause(ctx))
			}
		}
	}
	switch {
	case err == nil:
		if pause := throttle(answer); pause > 0 {
			p.mute(l, pause)
		}
		p.give(l)
	case errors.Is(err, sarama.ErrUnsupportedVersion): // it was not sent
		p.give(l)
		return nil, false, err
	default:
		p.drop(l, net.ErrClosed)
	}
	return answer, begun.Load(), err
}
