package remoting

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
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
	more     chan struct{} // holds a token while frames wait to be written

	mu      sync.Mutex
	queue   []*outgoing              // to be written, in order
	cut     bool                     // the write that is under way is cut short
	waiting map[int32]chan *Response // by opaque; nil once the connection is broken
	err     error                    // why it is broken
	retired bool                     // closed as soon as nobody waits any more
}

// outgoing is a frame on its way. The connection's lock guards it.
type outgoing struct {
	frame []byte
	taken bool // it is being written, or was
	done  bool // it was written, or never will be
	left  bool // some of it has left
}

func newConn(nc net.Conn, maxFrame int) *conn {
	return &conn{nc: nc, maxFrame: maxFrame, more: make(chan struct{}, 1), waiting: map[int32]chan *Response{}}
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
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	answer, out := make(chan *Response, 1), &outgoing{frame: frame}
	cn.mu.Lock()
	if cn.waiting == nil || cn.retired {
		err := cmp.Or(cn.err, errBroken)
		cn.mu.Unlock()
		return nil, false, err
	}
	cn.waiting[opaque] = answer
	cn.queue = append(cn.queue, out)
	cn.mu.Unlock()
	defer cn.forget(opaque)
	select {
	case cn.more <- struct{}{}:
	default: // the writer will look anyway
	}
	select {
	case resp, ok := <-answer:
		if !ok {
			return nil, cn.hasLeft(out), cn.broken()
		}
		return resp, true, resp.unread
	case <-ctx.Done():
		return nil, cn.abandon(out), ctx.Err()
	}
}

// hasLeft tells whether anything of a frame has left, or may have.
func (cn *conn) hasLeft(out *outgoing) bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return out.left || out.taken && !out.done
}

// abandon takes a frame out of the queue, or tells that some of it has left, or
// may have. A write that is under way is cut short, which breaks the
// connection, because the rest of the frame is missing.
func (cn *conn) abandon(out *outgoing) bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	switch {
	case !out.taken:
		out.frame, out.done = nil, true
	case !out.done:
		cn.cut = true
		_ = cn.nc.SetWriteDeadline(time.Unix(1, 0))
	}
	return out.taken
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

// send writes the frames of all calls until the connection ends or ctx does.
// Frames that come together leave together: a system call for each costs both
// sides more than the requests themselves.
func (cn *conn) send(ctx context.Context) {
	var buffer []byte
	for {
		select {
		case <-cn.more:
		case <-ctx.Done():
			return
		}
		runtime.Gosched() // whoever is about to send may still do so
		var batch []*outgoing
		buffer = buffer[:0]
		cn.mu.Lock()
		if cn.waiting == nil {
			cn.mu.Unlock()
			return
		}
		for _, out := range cn.queue {
			if out.done {
				continue
			}
			out.taken = true
			batch = append(batch, out)
			buffer = append(buffer, out.frame...)
		}
		cn.queue = cn.queue[:0]
		if cn.cut { // the write before had ended by then
			cn.cut = false
			_ = cn.nc.SetWriteDeadline(time.Time{})
		}
		cn.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		n, err := cn.nc.Write(buffer)
		cn.mu.Lock()
		begin := 0
		for _, out := range batch {
			out.done, out.left = true, begin < n
			begin += len(out.frame)
			out.frame = nil
		}
		cn.mu.Unlock()
		if err != nil {
			cn.breakWith(hungUp(fmt.Errorf("write: %w", err))) // the reader may have seen the reason first
			return
		}
	}
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
	in := bufio.NewReaderSize(cn.nc, 32<<10)
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
