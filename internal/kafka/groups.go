package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/IBM/sarama"

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
	protocol string // classic or consumer; empty if unknown
	kind     string // what it is if not a consumer group; else empty
	rights   int32  // authorized operations
	members  []offset.Member

	// What the members are subscribed to; anything counts as subscribed if a
	// subscription cannot be told.
	topics []string
	opaque bool
}

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

// refuseKind is an error for everything but a consumer group.
func (g *group) refuseKind() error {
	if g.kind == "" {
		return nil
	}
	e := &offset.Error{
		Code: offset.GroupKind,
		What: fmt.Sprintf("%q is a %s group, not a consumer group", g.id, g.kind),
		Next: "Only consumer groups of the classic and of the new protocol (KIP-848) can be reset here.",
	}
	switch g.kind {
	case shareGroup:
		e.Next += " Apache's kafka-share-groups tool resets share groups."
	case streamsGroup:
		e.Next += " Apache's kafka-streams-groups tool resets streams groups."
	}
	return e
}

// busy tells whether a commit's error means that the group has members. A
// commit without a generation is accepted only while there are none:
// UNKNOWN_MEMBER_ID says so for classic and KIP-848 groups (Kafka 4.1); the
// others are what servers that speak the protocol answer in the same case.
func busy(code sarama.KError) bool {
	switch code {
	case sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrRebalanceInProgress,
		sarama.ErrNonEmptyGroup, sarama.ErrFencedInstancedId, sarama.ErrUnsupportedVersion,
		errFencedMemberEpoch, errUnreleasedInstance, errStaleMemberEpoch:
		return true
	}
	return false
}

// coordinator is the broker that keeps a group. Its address is found when it
// is first needed, and again when it has moved or died.
type coordinator struct {
	cluster *cluster
	group   string

	mu   sync.Mutex
	addr string
}

// coordinator returns the group's coordinator, and looks it up at once: its
// description then comes while the first broker is busy with the metadata. A
// coordinator that is not there yet is looked up again when it is needed.
func (c *cluster) coordinator(ctx context.Context, group string) (*coordinator, error) {
	g := &coordinator{cluster: c, group: group}
	_, err := g.find(ctx)
	if t := (*transient)(nil); errors.As(err, &t) {
		err = nil
	}
	return g, err
}

// find returns the coordinator's address.
func (g *coordinator) find(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.addr != "" {
		return g.addr, nil
	}
	resp, err := anyBroker(ctx, g.cluster, func(b *sarama.Broker) (*sarama.FindCoordinatorResponse, error) {
		return b.FindCoordinator(&sarama.FindCoordinatorRequest{
			Version:         g.cluster.newest(findCoordinatorVersions),
			CoordinatorKey:  g.group,
			CoordinatorType: sarama.CoordinatorGroup,
		})
	})
	if err != nil {
		return "", err
	}
	doing := fmt.Sprintf("Find the coordinator of consumer group %q", g.group)
	switch {
	case resp.Err == sarama.ErrGroupAuthorizationFailed:
		return "", noRight("DESCRIBE", "consumer group", g.group)
	case moving(resp.Err):
		return "", again(refused(doing, resp.Err))
	case resp.Err != sarama.ErrNoError:
		return "", refused(doing, resp.Err)
	case resp.Coordinator == nil || resp.Coordinator.ID() < 0:
		return "", again(refused(doing, sarama.ErrConsumerCoordinatorNotAvailable))
	}
	g.addr = resp.Coordinator.Addr()
	return g.addr, nil
}

// lost forgets an address that turned out to be no coordinator any more.
func (g *coordinator) lost(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.addr == addr {
		g.addr = ""
	}
}

// moving tells whether a code means that the coordinator is not there yet, or
// no longer, so that asking again helps. It is loading the group, elsewhere,
// being elected, or did not get its own write replicated in time.
func moving(code sarama.KError) bool {
	switch code {
	case sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable,
		sarama.ErrNotCoordinatorForConsumer, sarama.ErrRequestTimedOut, sarama.ErrNetworkException:
		return true
	}
	return false
}

// ask sends a request to the group's coordinator, wherever it is by then, and
// returns the first answer whose code does not say to ask again.
func ask[T any](ctx context.Context, g *coordinator, doing string, request func(*sarama.Broker) (*T, error), code func(*T) sarama.KError) (*T, error) {
	return askToWrite(ctx, g, doing, request, code, func() {})
}

// askToWrite is ask for a request that changes something. It calls lost each
// time that a request may have reached the broker and no answer came.
func askToWrite[T any](ctx context.Context, g *coordinator, doing string, request func(*sarama.Broker) (*T, error), code func(*T) sarama.KError, lost func()) (*T, error) {
	return retry(ctx, g.cluster.failover, func() (*T, error) {
		addr, err := g.find(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := call(ctx, g.cluster, addr, request)
		var gone *broken
		if err != nil && !unsent(err) {
			lost()
		}
		switch {
		case errors.As(err, &gone):
			// A coordinator that died refuses connections until another
			// broker has taken over: it is looked for anew.
			g.lost(addr)
			err = unreachable([]error{err})
			if hopeless(gone) {
				return nil, err
			}
			return nil, again(err)
		case err != nil:
			return nil, err
		}
		if c := code(resp); moving(c) {
			if c != sarama.ErrOffsetsLoadInProgress {
				g.lost(addr)
			}
			return nil, again(refused(doing, c))
		}
		return resp, nil
	})
}

// unsent tells whether a call failed before its request can have left.
func unsent(err error) bool {
	var op *net.OpError
	return errors.Is(err, sarama.ErrUnsupportedVersion) || errors.Is(err, sarama.ErrNotConnected) ||
		hopeless(err) || errors.As(err, &op) && op.Op == "dial"
}

// since is a version of a request and the Kafka version that brought it.
type since struct {
	version int16
	kafka   sarama.KafkaVersion
}

var (
	findCoordinatorVersions = []since{{3, sarama.V2_4_0_0}, {2, sarama.V2_0_0_0}, {1, sarama.V0_11_0_0}}
	describeGroupsVersions  = []since{{5, sarama.V2_4_0_0}, {3, sarama.V2_3_0_0}, {2, sarama.V2_0_0_0}, {1, sarama.V0_11_0_0}}
	listGroupsVersions      = []since{{5, sarama.V3_8_0_0}}
)

// newest returns the newest of the versions that the configuration allows.
// sarama negotiates it down to what the broker has, never up.
func (c *cluster) newest(versions []since) int16 {
	for _, v := range versions {
		if c.conf.Version.IsAtLeast(v.kafka) {
			return v.version
		}
	}
	return 0
}
