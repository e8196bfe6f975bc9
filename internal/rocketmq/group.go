package rocketmq

import (
	"context"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// The states of a group, in the tools' words.
const (
	Online  = "online"
	Offline = "not online"
)

// GroupInfo is what a cluster tells of a consumer group on one topic.
type GroupInfo struct {
	Group        string
	Topic        string
	ClusterID    string // the cluster's name
	Exists       bool   // false: no broker knows the group, and it has no offsets
	State        string // Online or Offline
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
	return c.describe(ctx, group, topic)
}
