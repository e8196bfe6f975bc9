package connection

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Link is one connection to one broker, from its dial to its end, that can be
// cut at any time. It serves one request at a time: sarama holds a Broker's
// lock from a request to its answer.
type Link struct {
	*sarama.Broker
	dialer   *Dialer
	clientID string

	//nolint:containedctx // of the dial, which sarama starts in a goroutine of its own
	ctx context.Context
	cut context.CancelCauseFunc

	mu   sync.Mutex
	conn *conn

	versions map[int16]Versions // of the broker's APIs; nil before they are asked for
}

// Versions are the versions of an API that a broker knows.
type Versions struct{ Min, Max int16 }

// NewLink begins to open a connection. Opened waits for it. The caller ends
// with Cut, and Close to be rid of sarama's goroutine.
func (d *Dialer) NewLink(conf *sarama.Config, address string) (*Link, error) {
	l := &Link{Broker: sarama.NewBroker(address), dialer: d, clientID: conf.ClientID}
	l.ctx, l.cut = context.WithCancelCause(d.ctx)
	own := *conf
	own.Net.Proxy.Dialer = l
	if err := l.Open(&own); err != nil {
		l.cut(err)
		return nil, err
	}
	return l, nil
}

// Dial opens the link's connection, for sarama.
func (l *Link) Dial(network, address string) (net.Conn, error) {
	c, err := l.dialer.dial(l.ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
	if l.ctx.Err() != nil { // cut since
		return nil, c.fail(context.Cause(l.ctx))
	}
	return c, nil
}

// Cut ends the dial or the connection, and with it the request that waits on
// it, which then fails with a *ConnError of that cause.
func (l *Link) Cut(cause error) {
	l.cut(cause)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.dialer.forget(l.conn)
		_ = l.conn.fail(cause)
	}
}

// Opened waits until the connection is open and logged in, and returns why it
// is not. Nothing but the greeting and the login has been sent then.
func (l *Link) Opened() error {
	ok, err := l.Connected()
	switch {
	case err != nil:
		return l.dialer.tokenExpired(err)
	case !ok:
		return sarama.ErrNotConnected
	case panicked(l.Broker):
		return &ConnError{Address: l.Addr(), sasl: l.dialer.sasl, tls: l.dialer.tls != nil, Err: ErrUndecodable}
	}
	return nil
}

// Prompt tells whether Cut ends at once whatever the link waits for. A login
// may wait for somebody else, such as who gives out tokens.
func (l *Link) Prompt() bool { return !l.dialer.sasl }

// ClientID returns how this side calls itself, as every request tells.
func (l *Link) ClientID() string { return l.clientID }

// VersionsOf returns the versions of an API that the broker knows, and false if
// it does not have it. The first call asks it.
func (l *Link) VersionsOf(key int16) (Versions, bool, error) {
	if l.versions == nil {
		answer, err := l.ApiVersions(&sarama.ApiVersionsRequest{})
		if err != nil {
			return Versions{}, false, err
		}
		if code := sarama.KError(answer.ErrorCode); code != sarama.ErrNoError {
			return Versions{}, false, code
		}
		l.versions = make(map[int16]Versions, len(answer.ApiKeys))
		for _, k := range answer.ApiKeys {
			l.versions[k.ApiKey] = Versions{k.MinVersion, k.MaxVersion}
		}
	}
	v, ok := l.versions[key]
	return v, ok, nil
}

// Exchange writes one request, with its length, and returns the answer without
// it: for what sarama cannot encode. Sarama itself reads only while it waits
// for an answer, so that nobody else does. It has no time-out of its own: Cut
// ends it.
func (l *Link) Exchange(request []byte) ([]byte, error) {
	l.mu.Lock()
	c := l.conn
	l.mu.Unlock()
	if c == nil {
		return nil, sarama.ErrNotConnected
	}
	if sessionEnds(l.Broker) {
		// Before its own requests sarama logs in again.
		if _, err := l.ApiVersions(&sarama.ApiVersionsRequest{}); err != nil {
			return nil, err
		}
	}
	if err := c.SetDeadline(time.Time{}); err != nil { // sarama's last one
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:])) // which the connection has found possible
	_, err := io.ReadFull(c, answer)
	return answer, err
}

// panicked tells whether opening the connection ended in a panic: sarama
// decodes the greeting in a goroutine of its own, and leaves a Broker that
// counts as connected but would wait forever for the first answer. Nothing
// that it exports tells; only what it makes after the greeting is missing.
// After a panic in the login, the broker hangs up on the first request.
func panicked(b *sarama.Broker) bool {
	made := reflect.ValueOf(b).Elem().FieldByName("inFlight")
	return made.IsValid() && made.Kind() == reflect.Chan && made.IsNil()
}

// sessionEnds tells whether sarama would log in again before its next request
// (KIP-368): the broker closes the connection on whoever does not. Nothing that
// it exports tells.
func sessionEnds(b *sarama.Broker) bool {
	at := reflect.ValueOf(b).Elem().FieldByName("clientSessionReauthenticationTimeMs")
	return at.IsValid() && at.Kind() == reflect.Int64 && at.Int() > 0 && time.Now().UnixMilli() > at.Int()
}

var panics sync.Once

// catchPanics keeps what a broken or hostile server sends from ending the
// process: sarama decodes some of it in goroutines of its own.
func catchPanics() {
	panics.Do(func() {
		sarama.PanicHandler = func(p any) {
			emit(func() string { return fmt.Sprintf("panic in the Kafka client: %v\n%s", p, debug.Stack()) })
		}
	})
}

// ErrUndecodable tells that an answer does not follow the protocol.
var ErrUndecodable = errors.New("the answer could not be decoded")

// Guard runs a request and returns a decoder's panic as an error.
func Guard[A any](l *Link, request func(*Link) (*A, error)) (answer *A, err error) {
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, fmt.Errorf("%w: %v", ErrUndecodable, p)
		}
	}()
	answer, err = request(l)
	if err == nil && answer == nil {
		err = errors.New("no answer")
	}
	return answer, l.dialer.tokenExpired(err)
}
