package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// master is the broker that takes writes for the queues of one broker name.
type master struct {
	name       string
	address    string
	queues     int // that consumers read; ids from 0
	pushQueues int // that a broker before 5.2 resets: those that producers write
}

// topology is where a topic lives.
type topology struct {
	clusterID string   // the clusters' names
	masters   []master // sorted by name
}

// locate finds the masters of a topic. It asks all name servers, because one
// that has just started, or that a broker cannot reach, knows only a part, and
// a part would be reset as if it were all: those that answer must agree. It
// needs every broker of the topic to have a master: a name server can pass a
// slave off as broker 0 while it acts for its master (acting masters, 5.0 and
// later), and only its list of brokers tells the difference.
func (c *Client) locate(ctx context.Context, topic string) (*topology, error) {
	views := make([]view, len(c.servers))
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var first sync.Once
	parallel(len(views), len(views), func(i int) {
		v := &views[i]
		v.server = c.servers[i]
		if v.topology, v.err = c.viewOf(ctx, v.server, topic); !v.silent() {
			// Whoever does not answer soon after the first is taken for down.
			first.Do(func() { time.AfterFunc(c.pace.others, enough) })
		}
	})
	var failures []error
	answered := views[:0]
	for _, v := range views {
		if v.silent() {
			failures = append(failures, v.err)
		} else {
			answered = append(answered, v)
		}
	}
	if len(answered) == 0 {
		return nil, c.explain(errors.Join(failures...), fmt.Sprintf("Cannot find the brokers of topic %q", topic))
	}
	return c.agree(answered, topic)
}

// view is what one name server says of a topic.
type view struct {
	server   string
	topology *topology // nil beside an error
	err      error
}

// silent tells whether the name server has not answered.
func (v view) silent() bool {
	var lost *remoting.TransportError
	return errors.As(v.err, &lost)
}

// viewOf asks one name server for a topic's masters.
func (c *Client) viewOf(ctx context.Context, server, topic string) (*topology, error) {
	var route, brokers remoting.Value
	err := parallelErr(2, 2, func(i int) error {
		code, f, into := remoting.GetRoute, fields{"topic": topic}, &route
		if i == 1 {
			code, f, into = remoting.GetClusterInfo, nil, &brokers
		}
		resp, err := c.wire.Call(ctx, server, remoting.Request{Code: code, Fields: f})
		if err == nil {
			*into, err = parse(resp, code, server)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if route.Get("topicQueueMappingByBroker").Len() > 0 {
		return nil, &offset.Error{
			Code: offset.Unsupported, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q is a static topic, whose queues are mapped onto others", topic),
			Next: "Reset it with the cluster's own tools.",
		}
	}
	return readTopology(topic, route, brokers)
}

// agree returns what the name servers have in common, which must be all.
func (c *Client) agree(views []view, topic string) (*topology, error) {
	var known *view // the one that knows the most
	unknown := 0
	for i := range views {
		v := &views[i]
		switch {
		case hasCode(v.err, remoting.TopicNotExist):
			unknown++
			v.topology = &topology{}
		case v.err != nil:
			return nil, c.explain(v.err, fmt.Sprintf("Cannot find the brokers of topic %q", topic))
		}
		if known == nil || len(v.topology.masters) > len(known.topology.masters) {
			known = v
		}
	}
	if unknown == len(views) {
		return nil, c.explain(views[0].err, fmt.Sprintf("Cannot find the brokers of topic %q", topic))
	}
	for _, v := range views {
		if slices.Equal(v.topology.masters, known.topology.masters) {
			continue
		}
		return nil, &offset.Error{
			Code: offset.Unreachable, State: offset.NothingChanged,
			What: fmt.Sprintf("The name servers know different brokers of topic %q: %s knows %s, and %s knows %s",
				topic, known.server, known.topology.names(), v.server, v.topology.names()),
			Next: "A name server that has just started knows all brokers after half a minute: try again then. If they still differ, see which brokers cannot reach which name server, or take the name server that is wrong out of name_servers.",
		}
	}
	c.wire.Prefer(known.server)
	return known.topology, nil
}

// names tells the masters, with their queues and addresses.
func (t *topology) names() string {
	if len(t.masters) == 0 {
		return "none"
	}
	var names []string
	for _, m := range t.masters {
		names = append(names, fmt.Sprintf("%s (%s at %s)", m.name, queueCount(m.queues), m.address))
	}
	return someOf(names)
}

// readTopology checks what the name server says. Queues are taken from the
// route: a broker's statistics leave out those whose topic the group that is
// online does not subscribe to.
func readTopology(topic string, route, brokers remoting.Value) (*topology, error) {
	addresses := map[string]remoting.Value{}
	var clusters []string
	for _, b := range route.Get("brokerDatas").Elements() {
		addresses[b.Get("brokerName").Text()] = b.Get("brokerAddrs")
		if name := b.Get("cluster").Text(); name != "" {
			clusters = append(clusters, name)
		}
	}
	slices.Sort(clusters)
	t := &topology{clusterID: strings.Join(slices.Compact(clusters), ",")}
	for _, q := range route.Get("queueDatas").Elements() {
		name := q.Get("brokerName").Text()
		read, ok := q.Get("readQueueNums").Int()
		if !ok || read < 0 || read > math.MaxInt16 {
			return nil, garbled(fmt.Sprintf("The route of topic %q says no number of queues for broker %q", topic, name))
		}
		if read == 0 {
			continue
		}
		write, _ := q.Get("writeQueueNums").Int()
		address := addresses[name].Get("0").Text()
		if truth := brokers.Get("brokerAddrTable").Get(name); truth.Kind() == remoting.Object {
			if truth.Get("brokerAddrs").Get("0").Text() != address {
				address = ""
			}
		}
		if address == "" {
			return nil, &offset.Error{
				Code: offset.NoLeader, State: offset.NothingChanged,
				What: fmt.Sprintf("Broker %q, which holds %d queues of topic %q, has no master: only slaves are registered", name, read, topic),
				Next: "Bring the master back, then try again: slaves take no resets.",
			}
		}
		t.masters = append(t.masters, master{name, address, int(read), int(write)})
	}
	slices.SortFunc(t.masters, func(a, b master) int { return strings.Compare(a.name, b.name) })
	if len(t.masters) == 0 {
		return nil, &offset.Error{
			Code: offset.TopicMissing, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q has no queue that can be read", topic),
			Next: "Check the topic's brokers and permissions.",
		}
	}
	return t, nil
}

type fields = map[string]string

// askNameServers returns the body of the first name server's answer.
func (c *Client) askNameServers(ctx context.Context, code int, f fields) (remoting.Value, error) {
	resp, err := c.wire.CallAny(ctx, c.servers, remoting.Request{Code: code, Fields: f})
	if err != nil {
		return remoting.Value{}, err
	}
	return parse(resp, code, "a name server")
}

// busyWaits are how long to wait before a request is repeated that a busy
// broker has turned away, which it does before it looks at it.
var busyWaits = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second}

// ask sends a request to a broker. A code other than 0 is an error.
func (c *Client) ask(ctx context.Context, m master, code int, f fields) (*remoting.Response, error) {
	for _, wait := range busyWaits {
		resp, err := c.wire.Call(ctx, m.address, remoting.Request{Code: code, Fields: f})
		if !hasCode(err, remoting.SystemBusy) {
			return resp, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return resp, err
		}
	}
	return c.wire.Call(ctx, m.address, remoting.Request{Code: code, Fields: f})
}

// askTable returns the body of a broker's answer.
func (c *Client) askTable(ctx context.Context, m master, code int, f fields) (remoting.Value, *remoting.Response, error) {
	resp, err := c.ask(ctx, m, code, f)
	if err != nil {
		return remoting.Value{}, resp, err
	}
	v, err := parse(resp, code, m.address)
	return v, resp, err
}

func parse(resp *remoting.Response, code int, from string) (remoting.Value, error) {
	v, err := remoting.ParseBody(resp.Body)
	if err != nil {
		return v, fmt.Errorf("%s answered %s with something that cannot be read: %w", from, remoting.RequestName(code), err)
	}
	return v, nil
}

// byQueue reads a table whose keys are message queues: the values of the topic.
func byQueue(table remoting.Value, topic string) map[int32]remoting.Value {
	out := make(map[int32]remoting.Value, table.Len())
	for key, v := range table.Fields() {
		id, ok := key.Get("queueId").Int()
		if ok && id >= 0 && id <= math.MaxInt16 && key.Get("topic").Text() == topic {
			out[int32(id)] = v //nolint:gosec // Bounded just before.
		}
	}
	return out
}

// hasCode tells whether the error is an answer with that code.
func hasCode(err error, code int) bool {
	var e *remoting.Error
	return errors.As(err, &e) && e.Code == code
}
