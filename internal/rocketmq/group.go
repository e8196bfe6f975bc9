package rocketmq

import (
	"context"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// The states of a group. The first two are the tools' words.
const (
	Online  = "online"     // a client is connected to a broker
	Offline = "not online" // none is, and brokers before 5.0 have no proxies in front of them
	// Unlisted is said from 5.0 on where no client is connected: brokers do not
	// list the consumers of a proxy, which may be consuming.
	Unlisted = "not listed"
)

// GroupInfo is what a cluster tells of a consumer group on one topic.
type GroupInfo struct {
	Group        string
	Topic        string
	ClusterID    string // the cluster's name
	Exists       bool   // false: no broker knows the group, and it has no offsets
	State        string // Online, Offline or Unlisted
	MessageModel string // CLUSTERING or BROADCASTING; empty while no client is online
	Clients      []ClientInfo
	Queues       []QueueInfo // sorted
	TotalLag     int64       // the sum of the known lags
	Notes        []string    // what a reader should know, one sentence each
}

// ClientInfo is one consumer that is online.
type ClientInfo struct {
	ID       string
	Address  string
	Language string
	Version  string // such as V4_9_7
}

// QueueInfo is where a group is in one queue.
type QueueInfo struct {
	offset.Partition
	Offset          int64     // offset.None if there is none or the broker cannot tell none from 0
	Min             int64     // the log's first offset
	Max             int64     // the offset after the log's last message
	Lag             int64     // Max - Offset, at least 0; offset.None if Offset is unknown
	LastConsumeTime time.Time // when the last consumed message was stored; zero if unknown
}

// Describe tells where the group is on the topic, queue by queue, and who
// consumes. A group that does not exist is no error. It needs the right GET on
// the group and the topic where access control is on.
func (c *Client) Describe(ctx context.Context, group, topic string) (*GroupInfo, error) {
	if group == "" || topic == "" {
		return nil, invalid("The consumer group and the topic must be named", "")
	}
	s, err := c.survey(ctx, group, topic)
	if err != nil {
		return nil, err
	}
	g := &GroupInfo{
		Group: group, Topic: topic, ClusterID: s.clusterID, State: s.stateName(), Clients: s.clients(),
		Exists: len(s.missing()) < len(s.brokers),
	}
	for _, b := range s.brokers {
		if b.model != "" {
			g.MessageModel = b.model
		}
		for q, state := range b.state {
			info := QueueInfo{
				Partition: offset.Partition{Topic: topic, Broker: b.name, ID: int32(q)}, //nolint:gosec // A queue id.
				Offset:    state.offset, Min: state.min, Max: state.max, Lag: offset.None,
				LastConsumeTime: millis(state.consumed),
			}
			if state.offset >= 0 {
				info.Lag = max(state.max-state.offset, 0)
				g.TotalLag += info.Lag
			}
			g.Queues = append(g.Queues, info)
		}
	}
	if g.Exists {
		g.Notes = append(g.Notes, s.notes(g.moves())...)
		g.Notes = append(g.Notes, c.backlogNotes(ctx, s)...)
	}
	return g, nil
}

// moves are the queues as a plan would show them, without a target.
func (g *GroupInfo) moves() []offset.Move {
	moves := make([]offset.Move, len(g.Queues))
	for i, q := range g.Queues {
		moves[i] = offset.Move{Partition: q.Partition, Previous: q.Offset, Offset: offset.None, Start: q.Min, End: q.Max}
	}
	return moves
}
