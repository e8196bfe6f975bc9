package remoting

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// errBroken is the error of a request that finds its connection closed.
var errBroken = errors.New("the connection was closed")

// conn is one connection, with the calls that wait for an answer on it.
type conn struct {
	nc       net.Conn
	maxFrame int
	write    chan struct{} // holds one token: whoever has it may write

	mu      sync.Mutex
	waiting map[int32]chan *Response // by opaque; nil once the connection is broken
	err     error                    // why it is broken
	retired bool                     // closed as soon as nobody waits any more
}

func newConn(nc net.Conn, maxFrame int) *conn {
	cn := &conn{nc: nc, maxFrame: maxFrame, write: make(chan struct{}, 1), waiting: map[int32]chan *Response{}}
	cn.write <- struct{}{}
	return cn
}

// usable tells whether new requests may be sent.
func (cn *conn) usable() bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.waiting != nil && !cn.retired
}

// retire takes no new requests, and ends the connection after the last answer.
func (cn *conn) retire() {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	cn.retired = true
	if len(cn.waiting) == 0 {
		_ = cn.nc.Close() // the reader sees it
	}
}

// breakWith ends the connection and every call that waits on it. The first
// reason stays.
func (cn *conn) breakWith(err error) {
	cn.mu.Lock()
	if cn.waiting != nil {
		cn.err = err
		for _, w := range cn.waiting {
			close(w)
		}
		cn.waiting = nil
	}
	cn.mu.Unlock()
	_ = cn.nc.Close()
}

// broken returns why the connection is broken.
func (cn *conn) broken() error {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.err
}

// roundTrip sends the frame and waits for the response with the opaque. It
// also tells whether anything of the frame has left.
func (cn *conn) roundTrip(ctx context.Context, opaque int32, frame []byte) (*Response, bool, error) {
	answer := make(chan *Response, 1)
	cn.mu.Lock()
	if cn.waiting == nil || cn.retired {
		err := cmp.Or(cn.err, errBroken)
		cn.mu.Unlock()
		return nil, false, err
	}
	cn.waiting[opaque] = answer
	cn.mu.Unlock()
	defer cn.forget(opaque)

	if sent, err := cn.send(ctx, frame); err != nil {
		return nil, sent, err
	}
	select {
	case resp, ok := <-answer:
		if !ok {
			return nil, true, cn.broken()
		}
		return resp, true, resp.unread
	case <-ctx.Done():
		return nil, true, ctx.Err()
	}
}

// forget drops the call; an answer that comes later is skipped.
func (cn *conn) forget(opaque int32) {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	delete(cn.waiting, opaque)
	if cn.retired && len(cn.waiting) == 0 {
		_ = cn.nc.Close()
	}
}

// send writes the frame. A write that ctx cuts short breaks the connection,
// because the rest of the frame is missing. It also tells whether anything has
// left.
func (cn *conn) send(ctx context.Context, frame []byte) (bool, error) {
	select {
	case <-cn.write:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { cn.write <- struct{}{} }()
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = cn.nc.SetWriteDeadline(time.Unix(1, 0))
	})
	n, err := cn.nc.Write(frame)
	if !stop() {
		// The deadline may come only now: it must not hit the next writer.
		<-cut
		if err == nil {
			_ = cn.nc.SetWriteDeadline(time.Time{})
		}
	}
	if err != nil {
		cn.breakWith(hungUp(fmt.Errorf("write: %w", err)))
		err = cn.broken() // the reader may have seen the reason first
	}
	return n > 0, err
}

// hungUp says in one way that the server has closed the connection, which
// shows in many.
func hungUp(err error) error {
	for _, sign := range []error{io.EOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, sign) {
			return fmt.Errorf("the server closed the connection without an answer (%w)", err)
		}
	}
	return err
}

// read hands each response to the call that waits for it, until the connection
// ends or ctx does. What nobody waits for is skipped: brokers also send
// requests of their own.
func (cn *conn) read(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { cn.breakWith(ErrClosed) })
	defer stop()
	in := bufio.NewReader(cn.nc)
	for {
		h, body, err := ReadFrame(in, cn.maxFrame)
		var long *TooLongError
		if err != nil && !errors.As(err, &long) {
			if ctx.Err() != nil {
				err = ErrClosed
			}
			cn.breakWith(hungUp(err))
			return
		}
		if h.Flag&flagResponse == 0 {
			continue
		}
		cn.mu.Lock()
		if answer, ok := cn.waiting[h.Opaque]; ok {
			delete(cn.waiting, h.Opaque)
			answer <- &Response{Code: h.Code, Version: h.Version, Remark: h.Remark, Fields: h.Fields, Body: body, unread: err}
		}
		cn.mu.Unlock()
	}
}
