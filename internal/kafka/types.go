package kafka

import (
	"context"
	"fmt"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// groupType is what differs between the types of groups: which requests tell of
// such a group, and which read, write and delete its offsets. What is done with
// them is the same for all.
type groupType interface {
	// name is what users call it.
	name() offset.GroupType
	// describe tells the group's state and members, or what it is instead.
	describe(ctx context.Context, g *coordinator) (*group, error)
	// fetch reads the offsets of the partitions, or all if they are nil.
	fetch(ctx context.Context, g *coordinator, partitions map[string][]int32) (blocks, error)
	// commit writes the offsets of a chunk.
	commit(ctx context.Context, w *writer, chunk []int) (verdicts, error)
	// remove deletes the offsets of a chunk.
	remove(ctx context.Context, w *writer, chunk []int) (verdicts, error)
}

// typeOf returns the type of that name.
func typeOf(name offset.GroupType) (groupType, error) {
	switch name.Or() {
	case offset.ConsumerGroup:
		return consumerType{}, nil
	case offset.ShareGroup:
		return shareType{}, nil
	case offset.StreamsGroup:
		return streamsType{}, nil
	}
	return nil, &offset.Error{Code: offset.InvalidArgument, What: fmt.Sprintf("There is no group type %q", name)}
}

// consumerType are consumer groups, of the classic protocol and of KIP-848.
type consumerType struct{}

func (consumerType) name() offset.GroupType { return offset.ConsumerGroup }

func (consumerType) describe(ctx context.Context, g *coordinator) (*group, error) {
	return g.describeConsumers(ctx)
}

func (consumerType) fetch(ctx context.Context, g *coordinator, partitions map[string][]int32) (blocks, error) {
	return g.fetchCommitted(ctx, partitions)
}

func (consumerType) commit(ctx context.Context, w *writer, chunk []int) (verdicts, error) {
	return w.commit(ctx, chunk)
}

func (consumerType) remove(ctx context.Context, w *writer, chunk []int) (verdicts, error) {
	return w.remove(ctx, chunk)
}

// coordinator asks the broker that keeps a group.
type coordinator struct {
	*wire.Group
	is groupType // what it is asked as
}

// coordinator returns the coordinator of a group of the type.
func (c cluster) coordinator(ctx context.Context, group string, is groupType) (*coordinator, error) {
	g, err := c.Group(ctx, group)
	return &coordinator{g, is}, err
}

// as returns the same coordinator, asked of a group of another type.
func (g *coordinator) as(is groupType) *coordinator { return &coordinator{g.Group, is} }

// called names the group: `consumer group "billing"`.
func (g *coordinator) called() string { return g.is.name().Called(g.Name) }

// share tells whether the group's records are acknowledged one by one.
func (g *coordinator) share() bool { return g.is.name() == offset.ShareGroup }

func (g *coordinator) describe(ctx context.Context) (*group, error) { return g.is.describe(ctx, g) }

func (g *coordinator) fetch(ctx context.Context, partitions map[string][]int32) (blocks, error) {
	return g.is.fetch(ctx, g, partitions)
}

// otherwise tells what there is under the name of a group that is none of the
// coordinator's type: one of another type, or nothing.
func (g *coordinator) otherwise(ctx context.Context) (*group, error) {
	d, err := g.describeConsumers(ctx)
	if err != nil {
		return nil, err
	}
	if d.exists && d.kind == "" {
		d.kind = string(offset.ConsumerGroup)
	}
	d.wanted = g.is.name()
	return d, nil
}

// tooOld tells that the brokers have no groups of the type.
func (g *coordinator) tooOld(since string) error {
	name := g.is.name()
	return &offset.Error{
		Code: offset.Unsupported,
		What: fmt.Sprintf("The brokers cannot tell of %s groups and their offsets: that needs Kafka %s", name, since),
		Next: fmt.Sprintf("Upgrade the brokers, or, if they are new enough, switch such groups on (kafka-features.sh upgrade --feature %s.version=1).", name),
	}
}
