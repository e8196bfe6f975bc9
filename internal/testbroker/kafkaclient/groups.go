package kafkaclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// commitChunk is how many partitions one OffsetCommit carries: a broker writes
// a commit as one batch and refuses it above about 1 MB.
const commitChunk = 4000

// Commit is what a group commits of one partition: Kafka Streams and the
// parallel consumer keep state in the metadata.
type Commit struct {
	Offset   int64
	Epoch    int32 // the leader epoch; −1 if none is known
	Metadata string
}

// Commits are commits by topic and partition.
type Commits = map[string]map[int32]Commit

// Commit writes offsets as an administrator does, with generation −1: legal
// only while the group has no members. Nothing is checked, as on the broker:
// −1, −2 and offsets past the log's end are written too.
func (c *Client) Commit(ctx context.Context, group string, offsets Offsets) error {
	commits := Commits{}
	for topic, of := range offsets {
		commits[topic] = map[int32]Commit{}
		for partition, offset := range of {
			commits[topic][partition] = Commit{Offset: offset, Epoch: -1}
		}
	}
	return c.CommitWith(ctx, group, commits)
}

// CommitWith is Commit with what stands beside the offsets.
func (c *Client) CommitWith(ctx context.Context, group string, offsets Commits) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		n = 0
		topics := req.Topics
		req.Topics = nil
		once := *req
		once.Topics = topics
		err := c.onCoordinator(ctx, group, func(coordinator int32) error {
			resp, err := once.RequestWith(ctx, c.kgo.Broker(int(coordinator)))
			if err != nil {
				return err
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						return fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
					}
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("commit offsets of group %q: %w", group, err)
		}
		return nil
	}
	for _, topic := range slices.Sorted(maps.Keys(offsets)) {
		for chunk := range slices.Chunk(slices.Sorted(maps.Keys(offsets[topic])), commitChunk) {
			if n+len(chunk) > commitChunk {
				if err := flush(); err != nil {
					return err
				}
			}
			t := kmsg.NewOffsetCommitRequestTopic()
			t.Topic = topic
			for _, partition := range chunk {
				p := kmsg.NewOffsetCommitRequestTopicPartition()
				o := offsets[topic][partition]
				p.Partition, p.Offset, p.LeaderEpoch = partition, o.Offset, o.Epoch
				if o.Metadata != "" {
					p.Metadata = &o.Metadata
				}
				t.Partitions = append(t.Partitions, p)
			}
			req.Topics = append(req.Topics, t)
			n += len(chunk)
		}
	}
	return flush()
}

// Committed returns what the group has committed, of all topics. A group that
// does not exist has nothing. Offsets that a transaction has not committed yet
// do not count.
func (c *Client) Committed(ctx context.Context, group string) (Offsets, error) {
	commits, err := c.Commits(ctx, group)
	if err != nil {
		return nil, err
	}
	offsets := Offsets{}
	for topic, of := range commits {
		offsets[topic] = map[int32]int64{}
		for partition, commit := range of {
			offsets[topic][partition] = commit.Offset
		}
	}
	return offsets, nil
}

// Commits is Committed with what stands beside the offsets. A coordinator of
// Kafka 4 that has just taken over tells older offsets to whoever does not ask
// for stable ones; others are asked for only if a transaction has some pending.
func (c *Client) Commits(ctx context.Context, group string) (Commits, error) {
	commits, err := c.commits(ctx, group, true)
	if errors.Is(err, kerr.UnstableOffsetCommit) {
		return c.commits(ctx, group, false)
	}
	return commits, err
}

// StableCommits is Commits, and an error as long as offsets of the group are
// pending in a transaction.
func (c *Client) StableCommits(ctx context.Context, group string) (Commits, error) {
	return c.commits(ctx, group, true)
}

func (c *Client) commits(ctx context.Context, group string, stable bool) (Commits, error) {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = stable
	req.Groups = append(req.Groups, g)
	out := Commits{}
	err := c.onCoordinator(ctx, group, func(coordinator int32) error {
		clear(out)
		resp, err := req.RequestWith(ctx, c.kgo.Broker(int(coordinator)))
		if err != nil {
			return err
		}
		if len(resp.Groups) != 1 {
			return fmt.Errorf("%d groups in the answer", len(resp.Groups))
		}
		switch err := kerr.ErrorForCode(resp.Groups[0].ErrorCode); {
		case errors.Is(err, kerr.GroupIDNotFound):
			return nil
		case err != nil:
			return err
		}
		for _, t := range resp.Groups[0].Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("%s/%d: %w", t.Topic, p.Partition, err)
				}
				if out[t.Topic] == nil {
					out[t.Topic] = map[int32]Commit{}
				}
				commit := Commit{Offset: p.Offset, Epoch: p.LeaderEpoch}
				if p.Metadata != nil {
					commit.Metadata = *p.Metadata
				}
				out[t.Topic][p.Partition] = commit
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of group %q: %w", group, err)
	}
	return out, nil
}

// DeleteGroup deletes an empty group with its offsets.
func (c *Client) DeleteGroup(ctx context.Context, group string) error {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	err := c.onCoordinator(ctx, group, func(coordinator int32) error {
		resp, err := req.RequestWith(ctx, c.kgo.Broker(int(coordinator)))
		if err != nil {
			return err
		}
		for _, g := range resp.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete group %q: %w", group, err)
	}
	return nil
}

// AwaitEmpty waits until the coordinator tells of no member of a classic or
// consumer group. A member that leaves while it joins may come once more.
func (c *Client) AwaitEmpty(ctx context.Context, group string) error {
	return await(ctx, fmt.Sprintf("group %q to be empty", group), func() (bool, error) {
		classic := kmsg.NewPtrDescribeGroupsRequest()
		classic.Groups = []string{group}
		told, err := classic.RequestWith(ctx, c.kgo)
		if err != nil {
			return false, err
		}
		for _, g := range told.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
				return false, err
			}
			if len(g.Members) > 0 {
				return false, nil
			}
		}
		consumer := kmsg.NewPtrConsumerGroupDescribeRequest()
		consumer.Groups = []string{group}
		described, err := consumer.RequestWith(ctx, c.kgo)
		if err != nil {
			return false, err
		}
		for _, g := range described.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
				return false, err
			}
			if len(g.Members) > 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

// Coordinator returns the id of the broker that coordinates the group.
func (c *Client) Coordinator(ctx context.Context, group string) (int32, error) {
	var node int32
	err := await(ctx, fmt.Sprintf("the coordinator of group %q", group), func() (done bool, err error) {
		node, err = c.findCoordinator(ctx, group)
		return err == nil, err
	})
	return node, err
}

func (c *Client) findCoordinator(ctx context.Context, group string) (int32, error) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{group}
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return -1, err
	}
	if len(resp.Coordinators) != 1 {
		return -1, fmt.Errorf("%d coordinators in the answer", len(resp.Coordinators))
	}
	found := resp.Coordinators[0]
	return found.NodeID, broken(found.ErrorCode, found.ErrorMessage)
}

// onCoordinator works with the group's coordinator, and with the next one
// where that has moved, is still loading or is gone.
func (c *Client) onCoordinator(ctx context.Context, group string, work func(coordinator int32) error) error {
	var failed error
	err := await(ctx, fmt.Sprintf("the coordinator of group %q", group), func() (done bool, err error) {
		node, err := c.findCoordinator(ctx, group)
		if err == nil {
			err = work(node)
		}
		if moving(err) {
			return false, err
		}
		failed = err
		return true, nil
	})
	return errors.Join(err, failed)
}

// moving tells whether an error says that a group has no coordinator right now.
func moving(err error) bool {
	var network net.Error
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) ||
		errors.Is(err, kerr.NotCoordinator) || errors.As(err, &network) || errors.Is(err, io.EOF)
}

// AwaitShareMember waits until the share group has a member with the client id
// and an assignment, which may be empty.
func (c *Client) AwaitShareMember(ctx context.Context, group, clientID string) error {
	client, err := c.open(kgo.MaxVersions(kversion.Stable())) // 3.9 knew share groups only as a preview
	if err != nil {
		return err
	}
	defer client.Close()
	return await(ctx, fmt.Sprintf("a member of share group %q", group), func() (bool, error) {
		req := kmsg.NewPtrShareGroupDescribeRequest()
		req.GroupIDs = []string{group}
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return false, err
		}
		for _, g := range resp.Groups {
			if err := broken(g.ErrorCode, g.ErrorMessage); err != nil {
				return false, err
			}
			for _, m := range g.Members {
				if m.ClientID == clientID && m.MemberEpoch > 0 {
					return true, nil
				}
			}
		}
		return false, nil
	})
}

// ForgetOffsets deletes committed offsets of a group without members. A
// partition that has none is no error.
func (c *Client) ForgetOffsets(ctx context.Context, group string, partitions map[string][]int32) error {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	for topic, ids := range partitions {
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic = topic
		for _, id := range ids {
			p := kmsg.NewOffsetDeleteRequestTopicPartition()
			p.Partition = id
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	err := c.onCoordinator(ctx, group, func(coordinator int32) error {
		resp, err := req.RequestWith(ctx, c.kgo.Broker(int(coordinator)))
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if err != nil {
		return fmt.Errorf("delete offsets of group %q: %w", group, err)
	}
	return nil
}
