package kafka

import (
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Group states in the broker's words, which both protocols share. All others
// (Stable, PreparingRebalance, Assigning, …) have members.
const (
	stateEmpty = "Empty"
	stateDead  = "Dead"
)

// The group types of ListGroups (KIP-848), in lower case.
const (
	classicProtocol  = "classic"
	consumerProtocol = "consumer"
	shareGroup       = "share"
	streamsGroup     = "streams"
)

// Operations of the ACL protocol, as bits of an authorized-operations field.
const (
	opRead   = 1 << 3
	opDelete = 1 << 6
)

// group is what its coordinator tells of a consumer group.
type group struct {
	id       string
	exists   bool
	state    string
	protocol string // classic, consumer, share or streams; empty if unknown
	wanted   offset.GroupType
	kind     string // what it is if not what is wanted; else empty
	rights   int32  // authorized operations
	keeps    bool   // its broker cannot delete committed offsets (before Kafka 2.4)
	members  []offset.Member

	// What the members are subscribed to; anything counts as subscribed if a
	// subscription cannot be told.
	topics []string
	opaque bool
}

// called names the group: `consumer group "billing"`.
func (g *group) called() string { return g.wanted.Called(g.id) }

// idle tells whether the group's offsets may be written.
func (g *group) idle() bool {
	return len(g.members) == 0 && (g.state == stateEmpty || g.state == stateDead)
}

// subscribed tells whether an active member may consume one of the topics.
func (g *group) subscribed(topics []string) bool {
	if g.idle() {
		return false
	}
	if g.opaque || len(g.members) == 0 {
		return true
	}
	return slices.ContainsFunc(topics, func(t string) bool { return slices.Contains(g.topics, t) })
}

// may tells whether the rights hold an operation. A broker that does not tell
// (before Kafka 2.3) leaves it to the request itself.
func may(rights int32, op int32) bool {
	const untold = -1 << 31
	return rights == 0 || rights == untold || rights&op != 0
}

// refuseKind is an error for a group that is none of the type that was asked
// for. It names the type that would be right.
func (g *group) refuseKind() error {
	if g.kind == "" {
		return nil
	}
	e := &offset.Error{
		Code: offset.GroupKind,
		What: fmt.Sprintf("%q is a %s group, not a %s group", g.id, g.kind, g.wanted.Or()),
		Next: "Only groups that consume can be reset: consumer groups, share groups and streams groups.",
	}
	if kind := offset.GroupType(g.kind); kind == offset.ConsumerGroup || kind == offset.ShareGroup || kind == offset.StreamsGroup {
		e.Next = fmt.Sprintf("Set group_type = %q if this group is meant; if not, check its name.", kind)
	}
	return e
}

// describeGroupsWithDelete is the version of DescribeGroups that came in Kafka
// 2.4 together with OffsetDelete.
const describeGroupsWithDelete = 5

var (
	describeGroupsVersions = []wire.Since{{Version: 5, Kafka: sarama.V2_4_0_0}, {Version: 3, Kafka: sarama.V2_3_0_0}, {Version: 2, Kafka: sarama.V2_0_0_0}, {Version: 1, Kafka: sarama.V0_11_0_0}}
	listGroupsVersions     = []wire.Since{{Version: 5, Kafka: sarama.V3_8_0_0}}
)
