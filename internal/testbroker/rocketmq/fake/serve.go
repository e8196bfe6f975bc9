package fake

import (
	"bufio"
	"net"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// reply is what a server answers.
type reply struct {
	code   int
	remark string
	fields map[string]string
	body   string
}

func ok(body string) reply                 { return reply{body: body} }
func refuse(code int, remark string) reply { return reply{code: code, remark: remark} }

// handler serves the connections of a broker, or of the name server (nil).
func (c *Cluster) handler(b *Broker) func(net.Conn) {
	return func(conn net.Conn) {
		var write sync.Mutex
		var group sync.WaitGroup
		defer group.Wait()
		gone := make(chan struct{})
		defer close(gone)
		in := bufio.NewReader(conn)
		for {
			h, body, err := remoting.ReadFrame(in, remoting.DefaultMaxFrame)
			if err != nil {
				return
			}
			group.Go(func() {
				answer, hangUp := c.answer(b, h, body, conn, gone)
				if answer == nil {
					return
				}
				write.Lock()
				defer write.Unlock()
				_, _ = conn.Write(answer)
				if hangUp {
					_ = conn.Close()
				}
			})
		}
	}
}

// answer returns the bytes to send, or nil for none, and whether the connection
// ends after them.
func (c *Cluster) answer(b *Broker, h *remoting.Header, body []byte, conn net.Conn, gone <-chan struct{}) (_ []byte, hangUp bool) {
	call := Call{Server: "name server", Code: h.Code, Opaque: h.Opaque, Fields: h.Fields}
	if b != nil {
		call.Server = b.Name
	}
	c.mu.Lock()
	c.calls = append(c.calls, call)
	fault := c.fault
	c.mu.Unlock()
	var f Fault
	if fault != nil {
		if x := fault(call); x != nil {
			f = *x
		}
	}
	if f.Before != nil {
		f.Before()
	}
	if f.Wait > 0 {
		select {
		case <-time.After(f.Wait):
		case <-gone:
			return nil, false
		}
	}
	var r reply
	switch {
	case f.Silent:
		return nil, false
	case f.Close && !f.Lost && f.Alter == nil:
		_ = conn.Close()
		return nil, false
	case f.Raw != nil:
		return f.Raw, false
	case f.Body != nil:
		r = ok(*f.Body)
	case f.Fields != nil:
		r = reply{fields: f.Fields}
	case f.Code != 0:
		r = refuse(f.Code, f.Remark)
	default:
		c.mu.Lock()
		r = c.process(b, h, body)
		c.mu.Unlock()
	}
	if f.Lost {
		if f.Close {
			_ = conn.Close()
		}
		return nil, false
	}
	out := &remoting.Header{
		Code: r.code, Language: "JAVA", Version: c.conf.Version, Opaque: h.Opaque, Remark: r.remark, Fields: r.fields,
	}
	out.AsResponse()
	frame, err := remoting.EncodeFrame(out, []byte(r.body))
	if err != nil {
		return nil, false
	}
	if f.Alter != nil {
		return f.Alter(frame), f.Close
	}
	return frame, false
}

// process answers one request; the cluster is locked.
func (c *Cluster) process(b *Broker, h *remoting.Header, body []byte) reply {
	if b == nil {
		switch h.Code {
		case remoting.GetRoute:
			return c.route(h.Fields["topic"])
		case remoting.GetClusterInfo:
			return c.clusterInfo()
		}
		return refuse(remoting.NotSupported, " request type not supported")
	}
	if r, denied := c.authenticate(h, body); denied {
		return r
	}
	switch h.Code {
	case remoting.GetTopicStats:
		return b.topicStats(h.Fields)
	case remoting.GetConsumeStats:
		return b.consumeStats(h.Fields)
	case remoting.GetConnections:
		return b.connections(h.Fields)
	case remoting.QueryConsumerOffset:
		return b.query(h.Fields)
	case remoting.UpdateOffset:
		return b.update(h.Fields)
	case remoting.SearchOffsetByTime:
		return b.search(h.Fields)
	case remoting.GetMaxOffset, remoting.GetMinOffset:
		return b.bound(h.Code, h.Fields)
	case remoting.PullMessage:
		return b.pull(h.Fields)
	case remoting.GetAllGroups:
		return b.allGroups()
	case remoting.GetGroupsOfTopic:
		return b.groupsOf(h.Fields["topic"])
	case remoting.GetBrokerConfig:
		return b.config()
	case remoting.ResetOffset:
		return b.reset(h.Fields)
	}
	return refuse(remoting.NotSupported, " request type not supported")
}

// authenticate checks a signature.
func (c *Cluster) authenticate(h *remoting.Header, body []byte) (reply, bool) {
	if c.conf.Keys == nil {
		return reply{}, false
	}
	secret, known := c.conf.Keys[h.Fields["AccessKey"]]
	if known && h.Fields["Signature"] == remoting.Signature(secret, h.Fields, body) {
		return reply{}, false
	}
	if c.conf.Version < remoting.V5_0_0 {
		return refuse(remoting.SystemError, "org.apache.rocketmq.acl.common.AclException: Check signature failed for accessKey="+h.Fields["AccessKey"]+", org.apache.rocketmq.acl.plain.PlainPermissionManager.validate"), true
	}
	return refuse(remoting.NoPermission, "check signature failed."), true
}
