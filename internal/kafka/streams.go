package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// streamsType are streams groups (KIP-1071). They keep their offsets as consumer
// groups do; only what tells of the group is another request: asked for as a
// consumer group, one with members is told as dead (Kafka 4.4).
type streamsType struct{ consumerType }

// streamsSince is the release that has streams groups.
const streamsSince = "4.2 or later"

func (streamsType) name() offset.GroupType { return offset.StreamsGroup }

func (streamsType) describe(ctx context.Context, g *coordinator) (*group, error) {
	d, err := describeAs(ctx, g, offset.StreamsGroup, wire.Request[wire.StreamsGroupDescribeResponse]{
		API: wire.StreamsGroupDescribeAPI,
		Send: wire.Message[wire.StreamsGroupDescribeResponse](&wire.StreamsGroupDescribeRequest{
			Groups: []string{g.Name}, IncludeAuthorizedOperations: true,
		}),
		Codes: func(r *wire.StreamsGroupDescribeResponse) (codes []sarama.KError) {
			for i := range r.Groups {
				codes = append(codes, sarama.KError(r.Groups[i].ErrorCode))
			}
			return codes
		},
	}, func(r *wire.StreamsGroupDescribeResponse) *group {
		told := &r.Groups[0]
		d := &group{
			state: told.State, protocol: streamsGroup, rights: told.AuthorizedOperations,
			opaque: true, // Its members have tasks, not topics.
		}
		for i := range told.Members {
			m := &told.Members[i]
			d.members = append(d.members, offset.Member{
				ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, InstanceID: text(m.InstanceID), Assignment: map[string][]int32{},
			})
		}
		return d
	})
	return g.there(ctx, d, err, streamsSince)
}

// leaveInternal takes the application's own topics out of the rows: what it
// keeps between its steps would be read twice, or not at all. With a source,
// those of the application that is cloned are left out too.
func (g *coordinator) leaveInternal(rows []row, source *coordinator) []row {
	if g.is.name() != offset.StreamsGroup {
		return rows
	}
	return slices.DeleteFunc(rows, func(r row) bool {
		return offset.StreamsInternal(g.Name, r.topic) || source != nil && offset.StreamsInternal(source.Name, r.topic)
	})
}

// refuseInternal is an error if one of the topics is the application's own.
func (g *coordinator) refuseInternal(topics []string) error {
	if g.is.name() != offset.StreamsGroup {
		return nil
	}
	var own []string
	for _, t := range topics {
		if offset.StreamsInternal(g.Name, t) {
			own = append(own, t)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return &offset.Error{
		Code: offset.InvalidArgument,
		What: fmt.Sprintf("The Kafka Streams application %q keeps these topics for itself: %s", g.Name, wire.Quoted(own)),
		Next: "Name its input topics only. Internal topics are never reset: Apache's kafka-streams-groups deletes them if they shall begin anew.",
	}
}

// newStreamsGroup tells that a streams group cannot be made by a commit: brokers
// make a consumer group of it, which is refused as one of another type until the
// application has started, by a restore too (Kafka 4.4).
func newStreamsGroup(group string) error {
	return &offset.Error{
		Code: offset.GroupMissing,
		What: fmt.Sprintf("Streams group %q does not exist, and a reset cannot make it: brokers make a consumer group of offsets that are committed first", group),
		Next: `Check its name. If it is new, let the application start once; or reset it with group_type = "consumer": an application that starts takes an empty consumer group over, with its offsets.`,
	}
}

// streamsNote tells what offsets do not hold.
const streamsNote = "Only the offsets of the input topics are reset. What the Kafka Streams application has computed stays: its local state (state.dir), and its changelog and repartition topics, which are never touched here. " +
	"Records that are read again are added to that state. To begin anew, stop all instances, delete their state.dir (KafkaStreams#cleanUp) and the internal topics (kafka-streams-groups --delete-all-internal-topics, which cannot be undone) before they start again."
