package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// describeConsumers asks for a consumer group's state and members: the classic
// way first (DescribeGroups, API 15), which tells of most groups all there is to
// tell. A group of the new protocol is Dead there, without members and without
// an error even if it is active, so that only members and the state Empty are
// taken for the truth. All others are asked for as groups of the new protocol
// (ConsumerGroupDescribe, API 69, Kafka 3.7).
func (g *coordinator) describeConsumers(ctx context.Context) (*group, error) {
	classic, err := g.describeClassic(ctx)
	if err != nil || len(classic.members) > 0 || classic.state == stateEmpty {
		return classic, err
	}
	d, err := g.describeNew(ctx)
	switch {
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return classic, nil
	case d != nil || err != nil:
		return d, err
	case classic.state != stateDead:
		return classic, nil
	}
	// Neither a classic nor a KIP-848 group: there may be one of another kind
	// under this name. Only brokers that have the API 69 can have it.
	classic.kind, err = g.kindOf(ctx)
	return classic, err
}

// describeNew asks for a KIP-848 group. It returns nil if the group is none,
// and sarama's ErrUnsupportedVersion if the broker has no such groups.
func (g *coordinator) describeNew(ctx context.Context) (*group, error) {
	return describeAs(ctx, g, offset.ConsumerGroup, wire.Request[sarama.ConsumerGroupDescribeResponse]{
		API: wire.ConsumerGroupDescribeAPI,
		Send: func(b *wire.Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
			req := sarama.NewConsumerGroupDescribeRequest(g.Cluster.Config().Version)
			req.GroupIDs = []string{g.Name}
			req.IncludeAuthorizedOperations = true
			return b.ConsumerGroupDescribe(req)
		},
		Codes: func(r *sarama.ConsumerGroupDescribeResponse) (codes []sarama.KError) {
			for _, d := range r.Groups {
				codes = append(codes, d.ErrorCode)
			}
			return codes
		},
	}, func(r *sarama.ConsumerGroupDescribeResponse) *group {
		told := r.Groups[0]
		d := &group{exists: told.GroupState != stateDead, state: told.GroupState, protocol: consumerProtocol, rights: told.AuthorizedOperations}
		for _, m := range told.Members {
			member := offset.Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, InstanceID: text(m.InstanceID), Assignment: map[string][]int32{}}
			for _, t := range m.Assignment.TopicPartitions {
				if t.TopicName != "" {
					member.Assignment[t.TopicName] = t.Partitions
				}
			}
			d.members = append(d.members, member)
			d.topics = append(d.topics, m.SubscribedTopicNames...)
			d.opaque = d.opaque || text(m.SubscribedTopicRegex) != ""
		}
		return d
	})
}

// describeAs asks for a group with the request of its type. Told reads the one
// group of an answer that has no code. It returns nil if there is no such group,
// and sarama's ErrUnsupportedVersion if the broker has none of the type.
func describeAs[A any](ctx context.Context, g *coordinator, is offset.GroupType, r wire.Request[A], told func(*A) *group) (*group, error) {
	r.Doing = "Describe " + is.Called(g.Name)
	answer, err := wire.AskGroup(ctx, g.Group, r)
	if err != nil || len(answer.Codes) == 0 {
		return nil, err
	}
	switch code := answer.Codes[0]; code {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound:
		return nil, nil
	case sarama.ErrUnsupportedVersion:
		return nil, sarama.ErrUnsupportedVersion
	case sarama.ErrTopicAuthorizationFailed:
		return nil, hidden(is.Called(g.Name))
	default:
		return nil, wire.MeaningOf(r.API, code).Failure(r.Doing, code, g.Name)
	}
	d := told(answer.Body)
	d.id = g.Name
	return d, nil
}

// there returns the group that describeAs has told of, or what else there is
// under its name. Since is the release that has groups of the type.
func (g *coordinator) there(ctx context.Context, d *group, err error, since string) (*group, error) {
	switch {
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return nil, g.tooOld(since)
	case err != nil:
		return nil, err
	case d == nil || d.state == stateDead:
		return g.otherwise(ctx)
	}
	d.wanted, d.exists = g.is.name(), true
	return d, nil
}

// hidden tells that a group has members that are subscribed to a topic which
// this user may not see. That is unknown, not empty.
func hidden(group string) error {
	return &offset.Error{
		Code: offset.Unauthorized,
		What: fmt.Sprintf("The state of %s cannot be told without the right DESCRIBE on every topic that its members are subscribed to", group),
		Next: "Grant DESCRIBE on these topics to the user that the provider logs in as.",
	}
}

// describeClassic asks for a classic group. A group that does not exist is
// Dead; so is an idle one on Azure Event Hubs, which never tells Empty, so
// that only its offsets show that it exists.
func (g *coordinator) describeClassic(ctx context.Context) (*group, error) {
	doing := fmt.Sprintf("Describe consumer group %q", g.Name)
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.DescribeGroupsResponse]{
		API:   wire.DescribeGroupsAPI,
		Doing: doing,
		Send: func(b *wire.Broker) (*sarama.DescribeGroupsResponse, error) {
			return b.DescribeGroups(&sarama.DescribeGroupsRequest{
				Version:                     g.Cluster.Newest(describeGroupsVersions),
				Groups:                      []string{g.Name},
				IncludeAuthorizedOperations: true,
			})
		},
		Codes: func(r *sarama.DescribeGroupsResponse) (codes []sarama.KError) {
			for _, d := range r.Groups {
				codes = append(codes, d.Err)
			}
			return codes
		},
	})
	if err != nil {
		return nil, err
	}
	d := &group{id: g.Name, state: stateDead, keeps: answer.Body.Version < describeGroupsWithDelete}
	if len(answer.Body.Groups) == 0 {
		return d, nil
	}
	told := answer.Body.Groups[0]
	switch told.Err {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound:
		return d, nil
	default:
		return nil, wire.MeaningOf(wire.DescribeGroupsAPI, told.Err).Failure(doing, told.Err, g.Name)
	}
	d.rights = told.AuthorizedOperations
	if told.State == stateDead {
		return d, nil
	}
	d.exists, d.state, d.protocol = true, told.State, classicProtocol
	if told.ProtocolType != "" && told.ProtocolType != "consumer" {
		// Kafka Connect's workers and schema registries use the group
		// protocol without consuming.
		d.kind = fmt.Sprintf("%q", told.ProtocolType)
	}
	for _, m := range told.Members {
		d.join(m)
	}
	slices.SortFunc(d.members, func(a, b offset.Member) int { return cmp.Compare(a.ID, b.ID) })
	return d, nil
}

// join adds a member of a classic group. What it is subscribed to and assigned
// are bytes that only the group's own clients must understand.
func (g *group) join(m *sarama.GroupMemberDescription) {
	member := offset.Member{ID: m.MemberId, ClientID: m.ClientId, Host: m.ClientHost, InstanceID: text(m.GroupInstanceId)}
	if a, err := m.GetMemberAssignment(); err == nil && a != nil {
		member.Assignment = a.Topics
	}
	if s, err := m.GetMemberMetadata(); err == nil && s != nil {
		g.topics = append(g.topics, s.Topics...)
	} else {
		g.opaque = true
	}
	g.members = append(g.members, member)
}

// kindOf asks whether the group is a share or a streams group: asked for as a
// consumer group, those are told as missing even when they exist.
func (g *coordinator) kindOf(ctx context.Context) (string, error) {
	version := g.Cluster.Newest(listGroupsVersions)
	if version == 0 {
		return "", nil
	}
	doing := fmt.Sprintf("Tell the kind of group %q", g.Name)
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.ListGroupsResponse]{
		API:   wire.ListGroupsAPI,
		Doing: doing,
		Send: func(b *wire.Broker) (*sarama.ListGroupsResponse, error) {
			return b.ListGroups(&sarama.ListGroupsRequest{
				Version:     version,
				TypesFilter: []string{shareGroup, streamsGroup},
			})
		},
		Codes: func(r *sarama.ListGroupsResponse) []sarama.KError { return []sarama.KError{r.Err} },
	})
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	switch kind := answer.Body.GroupsData[g.Name].GroupType; kind {
	case "Share", shareGroup:
		return shareGroup, nil
	case "Streams", streamsGroup:
		return streamsGroup, nil
	}
	return "", nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
