package kafkaclient

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// StreamsMember is a member of a streams group (KIP-1071, Kafka 4.2 and up)
// that does no work. It sends one heartbeat, so the broker keeps it for the
// session time-out (45 s) unless it leaves.
type StreamsMember struct {
	kgo   *kgo.Client
	group string
	id    string
}

// JoinStreams makes a member of a streams group that reads the topics.
func (c *Client) JoinStreams(ctx context.Context, group string, topics ...string) (*StreamsMember, error) {
	client, err := c.open(kgo.MaxVersions(kversion.Stable())) // 3.9 knew no streams groups
	if err != nil {
		return nil, err
	}
	m := &StreamsMember{kgo: client, group: group, id: "streams-member"}
	topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	for i, topic := range topics {
		sub := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
		sub.SubtopologyID, sub.SourceTopics = strconv.Itoa(i), []string{topic}
		topology.Subtopologies = append(topology.Subtopologies, sub)
	}
	req := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	req.Topology, req.RebalanceTimeoutMillis = &topology, 60000
	req.ProcessID = kmsg.StringPtr("process")
	req.ActiveTasks, req.StandbyTasks, req.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	if err := c.heartbeat(ctx, m, req); err != nil {
		client.Close()
		return nil, fmt.Errorf("join streams group %q: %w", group, err)
	}
	return m, nil
}

// heartbeat sends a member's heartbeat to the coordinator.
func (c *Client) heartbeat(ctx context.Context, m *StreamsMember, req *kmsg.StreamsGroupHeartbeatRequest) error {
	req.Group, req.MemberID = m.group, m.id
	return c.onCoordinator(ctx, m.group, func(coordinator int32) error {
		resp, err := req.RequestWith(ctx, m.kgo.Broker(int(coordinator)))
		if err != nil {
			return err
		}
		return broken(resp.ErrorCode, resp.ErrorMessage)
	})
}

// LeaveStreams has the member leave its group.
func (c *Client) LeaveStreams(ctx context.Context, m *StreamsMember) error {
	defer m.kgo.Close()
	req := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	req.MemberEpoch = -1
	if err := c.heartbeat(ctx, m, req); err != nil {
		return fmt.Errorf("leave streams group %q: %w", m.group, err)
	}
	return nil
}

// Close forgets the member without a word to the broker.
func (m *StreamsMember) Close() { m.kgo.Close() }
