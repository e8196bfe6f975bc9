//go:build acceptance && unix

package soak

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// proxy stands between the product and the brokers of a Kafka cluster. It sees
// each request and each answer, can lose them, and knows who is connected.
type proxy struct {
	listeners []net.Listener
	accepting sync.WaitGroup

	mu      sync.Mutex
	nodes   []string // where the brokers are
	refuses map[int]bool
	open    map[*link]bool
	hook    func(node int, api int16, answer bool) (lose bool)
}

// link is one connection through the proxy.
type link struct {
	node           int
	client, broker net.Conn
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.broker.Close()
}

// newProxy listens once for each node.
func newProxy(nodes int) (*proxy, error) {
	p := &proxy{refuses: map[int]bool{}, open: map[*link]bool{}}
	for node := range nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			p.close()
			return nil, err
		}
		p.listeners = append(p.listeners, l)
		p.accepting.Add(1)
		go p.accept(node, l)
	}
	return p, nil
}

// addresses returns where the proxy listens, by node.
func (p *proxy) addresses() []string {
	var all []string
	for _, l := range p.listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// leadTo says where the nodes are.
func (p *proxy) leadTo(nodes []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes = nodes
}

// watch has the hook called with each request and answer, until another is
// set. What it says shall be lost is not passed on, and its connection is cut.
func (p *proxy) watch(hook func(node int, api int16, answer bool) (lose bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = hook
}

// refuse has nobody come through to a node, and cuts who is connected.
func (p *proxy) refuse(node int, refuses bool) {
	p.mu.Lock()
	p.refuses[node] = refuses
	p.mu.Unlock()
	if refuses {
		p.cut(node)
	}
}

// cut cuts all connections to a node.
func (p *proxy) cut(node int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		if l.node == node {
			l.close()
		}
	}
}

// connections counts the connections that clients have not closed.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

func (p *proxy) close() {
	for _, l := range p.listeners {
		_ = l.Close()
	}
	for node := range p.listeners {
		p.cut(node)
	}
	p.accepting.Wait()
}

func (p *proxy) accept(node int, l net.Listener) {
	defer p.accepting.Done()
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		var address string
		if node < len(p.nodes) && !p.refuses[node] {
			address = p.nodes[node]
		}
		p.mu.Unlock()
		broker, err := net.Dial("tcp", address)
		if address == "" || err != nil {
			_ = client.Close()
			continue
		}
		p.accepting.Add(1)
		go p.serve(&link{node, client, broker})
	}
}

// serve passes frames on, both ways, until one side ends.
func (p *proxy) serve(l *link) {
	defer p.accepting.Done()
	p.mu.Lock()
	p.open[l] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, l)
		p.mu.Unlock()
	}()
	var mu sync.Mutex
	asked := map[uint32]int16{} // APIs by correlation id
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.close()
		_ = p.pass(l.broker, l.client, func(frame []byte) (bool, error) {
			if len(frame) < 8 {
				return false, errors.New("too short a request")
			}
			api := int16(binary.BigEndian.Uint16(frame))
			mu.Lock()
			asked[binary.BigEndian.Uint32(frame[4:])] = api
			mu.Unlock()
			return p.loses(l.node, api, false), nil
		})
	}()
	_ = p.pass(l.client, l.broker, func(frame []byte) (bool, error) {
		if len(frame) < 4 {
			return false, errors.New("too short an answer")
		}
		mu.Lock()
		api := asked[binary.BigEndian.Uint32(frame)]
		mu.Unlock()
		return p.loses(l.node, api, true), nil
	})
	l.close()
	<-done
}

func (p *proxy) loses(node int, api int16, answer bool) bool {
	p.mu.Lock()
	hook := p.hook
	p.mu.Unlock()
	return hook != nil && hook(node, api, answer)
}

// pass copies frames until one is lost or a side ends.
func (p *proxy) pass(to io.Writer, from io.Reader, look func(frame []byte) (lose bool, err error)) error {
	size := make([]byte, 4)
	for {
		if _, err := io.ReadFull(from, size); err != nil {
			return err
		}
		frame := make([]byte, 4+binary.BigEndian.Uint32(size))
		copy(frame, size)
		if _, err := io.ReadFull(from, frame[4:]); err != nil {
			return err
		}
		if lose, err := look(frame[4:]); lose || err != nil {
			return err
		}
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}
