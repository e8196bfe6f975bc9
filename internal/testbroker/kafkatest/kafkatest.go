// Package kafkatest sets up and looks at Kafka clusters from within tests: what
// kafkaclient does, with a failed test in place of an error. Clusters embed
// its Helper. It must not know which cluster it is.
package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// Patience is how long a helper waits for what a busy machine takes its time
// for, such as a topic with thousands of partitions.
const Patience = 4 * time.Minute

// Helper is a client whose errors fail the test.
type Helper struct{ client *kafkaclient.Client }

// New returns a helper that uses the client.
func New(client *kafkaclient.Client) Helper { return Helper{client} }

// Client returns the client itself. Its methods return errors and take
// contexts, for use without a test.
func (h Helper) Client() *kafkaclient.Client { return h.client }

// Within returns a context for one call of a helper. It outlives the test's
// own context, so that cleanups can use it too.
func Within(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), Patience)
}

// do fails the test if the work fails.
func do(t testing.TB, work func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := Within(t)
	defer cancel()
	if err := work(ctx); err != nil {
		t.Fatal(err)
	}
}

// CreateTopic makes a topic and waits until every broker knows a leader for
// each of its partitions. A replication of −1 is the cluster's default.
// Configs are pairs of key and value. The topic goes when the test ends.
func (h Helper) CreateTopic(t testing.TB, name string, partitions int32, replication int16, configs ...string) {
	t.Helper()
	if len(configs)%2 != 0 {
		t.Fatalf("create topic %s: %d configs are no pairs", name, len(configs))
	}
	pairs := map[string]string{}
	for i := 0; i < len(configs); i += 2 {
		pairs[configs[i]] = configs[i+1]
	}
	do(t, func(ctx context.Context) error {
		return h.client.CreateTopic(ctx, name, partitions, replication, pairs)
	})
	t.Cleanup(func() {
		ctx, cancel := Within(t)
		defer cancel()
		_ = h.client.DeleteTopic(ctx, name) // the test may have deleted it
	})
}

// Produce appends the records, with their times, and returns the offset of the first.
func (h Helper) Produce(t testing.TB, topic string, partition int32, records ...kafkaclient.Record) (first int64) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		first, err = h.client.Produce(ctx, topic, partition, records...)
		return err
	})
	return first
}

// Fill appends n records to each of a topic's first partitions, the first of
// them at the given time and each of the others a step later.
func (h Helper) Fill(t testing.TB, topic string, partitions int32, n int, first time.Time, step time.Duration) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.Fill(ctx, topic, partitions, n, first, step) })
}

// DeleteRecords moves the start of a partition's log to the given offset.
func (h Helper) DeleteRecords(t testing.TB, topic string, partition int32, before int64) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.DeleteRecords(ctx, topic, partition, before) })
}

// Log returns the start and the high watermark of each of a topic's partitions.
func (h Helper) Log(t testing.TB, topic string) (starts, ends map[int32]int64) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		starts, ends, err = h.client.Log(ctx, topic)
		return err
	})
	return starts, ends
}

// Commit writes offsets as an administrator does. The broker checks nothing.
func (h Helper) Commit(t testing.TB, group string, offsets kafkaclient.Offsets) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.Commit(ctx, group, offsets) })
}

// Committed returns what the group has committed. A group that does not exist
// has nothing.
func (h Helper) Committed(t testing.TB, group string) (offsets kafkaclient.Offsets) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		offsets, err = h.client.Committed(ctx, group)
		return err
	})
	return offsets
}

// CommitWith is Commit with what stands beside the offsets.
func (h Helper) CommitWith(t testing.TB, group string, commits kafkaclient.Commits) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.CommitWith(ctx, group, commits) })
}

// Commits is Committed with what stands beside the offsets.
func (h Helper) Commits(t testing.TB, group string) (commits kafkaclient.Commits) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		commits, err = h.client.Commits(ctx, group)
		return err
	})
	return commits
}

// Coordinator returns the id of the broker that coordinates the group.
func (h Helper) Coordinator(t testing.TB, group string) (node int32) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		node, err = h.client.Coordinator(ctx, group)
		return err
	})
	return node
}

// Controller returns the id of the node that leads the cluster's metadata.
func (h Helper) Controller(t testing.TB) (node int32) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		node, err = h.client.Controller(ctx)
		return err
	})
	return node
}

// Leader returns the id of the broker that leads the partition.
func (h Helper) Leader(t testing.TB, topic string, partition int32) (node int32) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		node, err = h.client.Leader(ctx, topic, partition)
		return err
	})
	return node
}

// Allow lets a principal, such as "User:alice", do the operations on one
// resource; see kafkaclient's Allow for the words. Rules are enforced at once
// on a cluster of one node only.
func (h Helper) Allow(t testing.TB, principal, resource, name string, operations ...string) {
	t.Helper()
	do(t, func(ctx context.Context) error {
		return h.client.Allow(ctx, principal, resource, name, operations...)
	})
}

// Begin opens a transaction with the records in it. It is forgotten when the
// test ends, if it has not ended before.
func (h Helper) Begin(t testing.TB, id, topic string, partition int32, records ...kafkaclient.Record) (tx *kafkaclient.Transaction) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		tx, err = h.client.Begin(ctx, id, topic, partition, records...)
		return err
	})
	t.Cleanup(tx.Close)
	return tx
}

// Join starts a consumer in a group and waits until it is a member with an
// assignment. It is killed when the test ends, if it has not left before.
func (h Helper) Join(t testing.TB, o kafkaclient.MemberOptions) (member *kafkaclient.Member) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		member, err = h.client.Join(ctx, o)
		return err
	})
	t.Cleanup(member.Kill)
	return member
}

// Leave has a member leave its group.
func (h Helper) Leave(t testing.TB, member *kafkaclient.Member) {
	t.Helper()
	do(t, member.Leave)
}

// JoinStreams makes a member of a streams group that reads the topics and does
// no work. It is forgotten when the test ends.
func (h Helper) JoinStreams(t testing.TB, group string, topics ...string) (member *kafkaclient.StreamsMember) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		member, err = h.client.JoinStreams(ctx, group, topics...)
		return err
	})
	t.Cleanup(member.Close)
	return member
}

// LeaveStreams has a member leave its streams group.
func (h Helper) LeaveStreams(t testing.TB, member *kafkaclient.StreamsMember) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.LeaveStreams(ctx, member) })
}

// ShareStarts returns the start offsets that a share group has.
func (h Helper) ShareStarts(t testing.TB, group string) kafkaclient.Offsets {
	t.Helper()
	offsets := kafkaclient.Offsets{}
	for topic, of := range h.ShareStates(t, group) {
		for id, start := range of {
			if start.Offset < 0 {
				continue
			}
			if offsets[topic] == nil {
				offsets[topic] = map[int32]int64{}
			}
			offsets[topic][id] = start.Offset
		}
	}
	return offsets
}

// ShareStates returns what the broker keeps of a share group, partitions
// without a start offset included.
func (h Helper) ShareStates(t testing.TB, group string) (starts map[string]map[int32]kafkaclient.ShareStart) {
	t.Helper()
	do(t, func(ctx context.Context) (err error) {
		starts, err = h.client.ShareStarts(ctx, group)
		return err
	})
	return starts
}

// SetShareStarts sets start offsets of a share group, as on the broker without
// any check. A group that does not exist is made.
func (h Helper) SetShareStarts(t testing.TB, group string, offsets kafkaclient.Offsets) {
	t.Helper()
	do(t, func(ctx context.Context) error { return h.client.SetShareStarts(ctx, group, offsets) })
}
