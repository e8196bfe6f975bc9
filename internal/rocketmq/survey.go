package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// broadcasting is the message model whose offsets the clients keep themselves.
const broadcasting = "BROADCASTING"

// survey is what the cluster says of a group on a topic. Everything in it was
// only read.
type survey struct {
	group, topic string
	clusterID    string
	brokers      []*brokerState // sorted by name
}

// brokerState is one master's part of a survey.
type brokerState struct {
	master
	version    int
	online     bool // a client of the group is connected
	subscribed bool // and one of them subscribes to the topic
	topics     []string
	model      string // CLUSTERING or BROADCASTING; empty while nobody is online
	clients    []ClientInfo
	exists     finding
	resets     finding      // whether it resets offsets by itself; known once ways are chosen
	way        way          // how its queues are written; the same
	state      []queueState // by queue id
}

// consumed tells whether somebody who is online may consume the topic.
// Consumers that choose their queues themselves (assign) subscribe to nothing.
func (b *brokerState) consumed() bool {
	return b.online && (b.subscribed || len(b.topics) == 0)
}

// finding is an answer that a broker may not give.
type finding int

const (
	maybe finding = iota // it could not be asked
	yes
	no
)

// queueState is one queue's part of a survey.
type queueState struct {
	min, max   int64
	lastStored int64 // when the last message was stored, in Unix milliseconds; 0 or -1 if unknown
	reached    int64 // when the message was stored that a time target leads to; 0 if it was not read
	committed
}

// committed is what a broker says of a group's offset. Before 5.0 brokers
// answer 0 also where there is none.
type committed struct {
	offset   int64 // None if there is none, or if nobody can tell
	asked    int64 // the same as the broker said it: 0 where it cannot tell; None if there is none
	consumed int64 // when the last consumed message was stored, in Unix milliseconds; 0 if unknown
}

// survey asks the name servers and every master. All masters must answer, so
// that a broker which is down is known before anything is written.
func (c *Client) survey(ctx context.Context, group, topic string) (*survey, error) {
	if strings.HasPrefix(topic, "%LMQ%") {
		return nil, &offset.Error{
			Code: offset.Unsupported, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q is a light queue (LMQ), which brokers do not reset", topic),
			Next: "Reset an ordinary topic.",
		}
	}
	t, err := c.locate(ctx, topic)
	if err != nil {
		return nil, err
	}
	s := &survey{group: group, topic: topic, clusterID: t.clusterID}
	for _, m := range t.masters {
		s.brokers = append(s.brokers, &brokerState{master: m, state: make([]queueState, m.queues)})
	}
	err = parallelErr(len(s.brokers), len(s.brokers), func(i int) error {
		b := s.brokers[i]
		return c.explain(c.surveyBroker(ctx, s, b), fmt.Sprintf("Cannot read %s from broker %q", on(group, topic), b.name))
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Client) surveyBroker(ctx context.Context, s *survey, b *brokerState) error {
	err := parallelErr(3, 3, func(i int) error {
		switch i {
		case 0:
			_, err := c.readBounds(ctx, s.topic, b)
			return err
		case 1:
			return c.readClients(ctx, s, b)
		default:
			all, version, err := c.readCommitted(ctx, s.group, s.topic, b.master)
			if err != nil {
				return err
			}
			b.version = version
			for q := range b.state {
				b.state[q].committed = all[q]
			}
			return nil
		}
	})
	if err != nil {
		return err
	}
	b.exists, err = c.knowsGroup(ctx, s.group, b)
	return err
}

// readBounds asks for each queue's log, and learns the broker's version. The
// statistics cover the queues that producers write to (before 5.0) or all; the
// rest is asked for one by one.
func (c *Client) readBounds(ctx context.Context, topic string, b *brokerState) (version int, err error) {
	body, resp, err := c.askTable(ctx, b.master, remoting.GetTopicStats, fields{"topic": topic})
	if err != nil {
		return 0, err
	}
	table := byQueue(body.Get("offsetTable"), topic)
	return resp.Version, parallelErr(b.queues, c.pace.inFlight, func(q int) error {
		s := &b.state[q]
		if v, ok := table[int32(q)]; ok { //nolint:gosec // A queue id.
			var ok1, ok2 bool
			s.min, ok1 = v.Get("minOffset").Int()
			s.max, ok2 = v.Get("maxOffset").Int()
			s.lastStored, _ = v.Get("lastUpdateTimestamp").Int()
			if !ok1 || !ok2 {
				return garbled(fmt.Sprintf("Broker %q says no bounds for queue %d of topic %q", b.name, q, topic))
			}
		} else {
			var err error
			if s.min, err = c.askOffset(ctx, b.master, remoting.GetMinOffset, topic, q, nil); err != nil {
				return err
			}
			if s.max, err = c.askOffset(ctx, b.master, remoting.GetMaxOffset, topic, q, nil); err != nil {
				return err
			}
		}
		s.min = max(s.min, 0)
		s.max = max(s.max, s.min)
		return nil
	})
}

// askOffset asks for one number about one queue.
func (c *Client) askOffset(ctx context.Context, m master, code int, topic string, queue int, more fields) (int64, error) {
	f := fields{"topic": topic, "queueId": strconv.Itoa(queue)}
	for k, v := range more {
		f[k] = v
	}
	resp, err := c.ask(ctx, m, code, f)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(resp.Fields["offset"], 10, 64)
	if err != nil {
		return 0, garbled(fmt.Sprintf("Broker %q answered %s for queue %d of topic %q without an offset", m.name, remoting.RequestName(code), queue, topic))
	}
	return n, nil
}

// readClients asks who is online.
func (c *Client) readClients(ctx context.Context, s *survey, b *brokerState) error {
	body, _, err := c.askTable(ctx, b.master, remoting.GetConnections, fields{"consumerGroup": s.group})
	b.online, b.subscribed, b.model, b.clients, b.topics = false, false, "", nil, nil
	if hasCode(err, remoting.ConsumerNotOnline) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range body.Get("connectionSet").Elements() {
		version, _ := v.Get("version").Int()
		b.clients = append(b.clients, ClientInfo{
			ID:       v.Get("clientId").Text(),
			Address:  v.Get("clientAddr").Text(),
			Language: v.Get("language").Text(),
			Version:  remoting.VersionName(int(version)),
		})
	}
	b.online = len(b.clients) > 0
	if !b.online {
		return nil
	}
	b.model = body.Get("messageModel").Text()
	for key := range body.Get("subscriptionTable").Fields() {
		b.topics = append(b.topics, key.Text())
		if key.Text() == s.topic {
			b.subscribed = true
		}
	}
	slices.Sort(b.topics)
	return nil
}

// readCommitted asks where the group is, and learns the broker's version. The
// statistics say 0 for a queue without an offset, and leave the topic out if
// the group that is online does not subscribe to it, so that such queues are
// asked for one by one. Before 5.0 that tells nothing new about a 0.
func (c *Client) readCommitted(ctx context.Context, group, topic string, m master) ([]committed, int, error) {
	body, resp, err := c.askTable(ctx, m, remoting.GetConsumeStats, fields{"consumerGroup": group, "topic": topic})
	if err != nil {
		return nil, 0, err
	}
	all := make([]committed, m.queues)
	table := byQueue(body.Get("offsetTable"), topic)
	err = parallelErr(m.queues, c.pace.inFlight, func(q int) error {
		v, told := table[int32(q)] //nolint:gosec // A queue id.
		n, ok := v.Get("consumerOffset").Int()
		all[q].consumed, _ = v.Get("lastTimestamp").Int()
		if !told || !ok || n <= 0 && resp.Version >= remoting.V5_0_0 {
			var err error
			n, err = c.askOffset(ctx, m, remoting.QueryConsumerOffset, topic, q,
				fields{"consumerGroup": group, "setZeroIfNotFound": "false"})
			if hasCode(err, remoting.QueryNotFound) {
				n, err = offset.None, nil
			}
			if err != nil {
				return err
			}
		}
		all[q].asked = max(n, offset.None)
		all[q].offset = all[q].asked
		if n == 0 && resp.Version < remoting.V5_0_0 {
			all[q].offset = offset.None
		}
		return nil
	})
	return all, resp.Version, err
}

// knowsGroup tells whether the broker knows the group. It must not be found
// out by a write: a 4.9.7 broker stores the offset of a group that does not
// exist, and asking for a group's configuration (352) creates the group where
// groups are created automatically.
func (c *Client) knowsGroup(ctx context.Context, group string, b *brokerState) (finding, error) {
	if b.online || slices.ContainsFunc(b.state, func(q queueState) bool { return q.offset >= 0 }) {
		return yes, nil
	}
	body, _, err := c.askTable(ctx, b.master, remoting.GetAllGroups, nil)
	var lost *remoting.TransportError
	var long *remoting.TooLongError // of tens of thousands of groups
	if errors.As(err, &lost) && !errors.As(err, &long) {
		return maybe, err
	}
	if err != nil { // Refused, or a list that cannot be read.
		c.log(ctx, "RocketMQ broker does not list its groups", "broker", b.name, "error", err.Error())
		return maybe, nil
	}
	table := body.Get("subscriptionGroupTable")
	if table.Kind() != remoting.Object {
		return maybe, nil
	}
	if table.Get(group).Kind() == remoting.Absent {
		return no, nil
	}
	return yes, nil
}

// missing returns the names of the brokers that do not know the group.
func (s *survey) missing() []string {
	var names []string
	for _, b := range s.brokers {
		if b.exists == no {
			names = append(names, strconv.Quote(b.name))
		}
	}
	return names
}

// takePart refuses a reset without all the brokers that are to take part.
func (s *survey) takePart(brokers []string) error {
	absent := s.absent(brokers)
	if len(absent) == 0 {
		return nil
	}
	return &offset.Error{
		Code: offset.BrokerMissing, State: offset.NothingChanged,
		What: fmt.Sprintf("Broker %s must take part, and the name servers know topic %q only on %s: it is down, or has lost the topic", someOf(absent), s.topic, someOf(s.names())),
		Next: "Bring the broker back, then try again; if it is gone for good, take it out of brokers.",
	}
}

// absent returns those of the brokers that are not among the topic's.
func (s *survey) absent(brokers []string) []string {
	var absent []string
	for _, name := range brokers {
		if s.broker(name) == nil {
			absent = append(absent, name)
		}
	}
	slices.Sort(absent)
	return slices.Compact(absent)
}

// absentNote tells of brokers that the last record knows and the name servers
// do not.
func (s *survey) absentNote(recorded []string) []string {
	absent := s.absent(recorded)
	if len(absent) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("The reset before was made on broker %s too, which the name servers do not know for this topic any more: it is down, or has lost the topic, and its queues are not reset. "+
		"To make that an error, name the brokers in the argument brokers.", someOf(absent))}
}

// names returns the brokers' names.
func (s *survey) names() []string {
	var names []string
	for _, b := range s.brokers {
		names = append(names, b.name)
	}
	return names
}

// check refuses what cannot be reset.
func (s *survey) check() error {
	for _, b := range s.brokers {
		if b.model == broadcasting {
			return &offset.Error{
				Code: offset.GroupKind, State: offset.NothingChanged,
				What: fmt.Sprintf("Group %q consumes by broadcasting: its offsets are kept by the clients, not by the brokers", s.group),
				Next: "Move the offsets at the clients, or reset a clustering group.",
			}
		}
	}
	switch missing := s.missing(); len(missing) {
	case 0:
		return nil
	case len(s.brokers):
		return &offset.Error{
			Code: offset.GroupMissing, State: offset.NothingChanged,
			What: fmt.Sprintf("Group %q does not exist: no broker of topic %q knows it, and it has no offsets", s.group, s.topic),
			Next: "Check the group's name and the cluster; a group exists once it was created or a consumer has connected.",
		}
	default:
		return &offset.Error{
			Code: offset.GroupMissing, State: offset.NothingChanged,
			What: fmt.Sprintf("Group %q does not exist on broker %s, which holds queues of topic %q", s.group, strings.Join(missing, ", "), s.topic),
			Next: "Create the group on every broker of the topic (mqadmin updateSubGroup), or let a consumer connect, then try again.",
		}
	}
}

// stateName is the group's state. Proxies came with 5.0.
func (s *survey) stateName() string {
	switch {
	case slices.ContainsFunc(s.brokers, func(b *brokerState) bool { return b.online }):
		return Online
	case slices.ContainsFunc(s.brokers, func(b *brokerState) bool { return b.version >= remoting.V5_0_0 }):
		return Unlisted
	default:
		return Offline
	}
}

// clients returns who is online, each once: a client connects to every broker.
func (s *survey) clients() []ClientInfo {
	var all []ClientInfo
	for _, b := range s.brokers {
		all = append(all, b.clients...)
	}
	slices.SortStableFunc(all, func(a, b ClientInfo) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b ClientInfo) bool { return a.ID == b.ID })
}

// broker returns the state of the broker with that name, or nil.
func (s *survey) broker(name string) *brokerState {
	for _, b := range s.brokers {
		if b.name == name {
			return b
		}
	}
	return nil
}

// millis makes a time of Unix milliseconds; 0 and less mean unknown.
func millis(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
