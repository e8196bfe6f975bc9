package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// describe asks for the group's state and members. It asks for a group of the
// new protocol first (ConsumerGroupDescribe, API 69, Kafka 3.7): asked the
// classic way (DescribeGroups, API 15), an active one is told as Dead, without
// members and without an error.
func (g *coordinator) describe(ctx context.Context) (*group, error) {
	d, err := g.describeNew(ctx)
	asked := true
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		asked, err = false, nil
	}
	if d != nil || err != nil {
		return d, err
	}
	d, err = g.describeClassic(ctx)
	if err != nil {
		return nil, err
	}
	if d.state == stateDead && asked {
		// Neither a classic nor a KIP-848 group: there may be one of another
		// kind under this name. Only brokers that have the API 69 can have it.
		d.kind, err = g.kindOf(ctx)
	}
	return d, err
}

// describeNew asks for a KIP-848 group. It returns nil if the group is none,
// and sarama's ErrUnsupportedVersion if the broker has no such groups.
func (g *coordinator) describeNew(ctx context.Context) (*group, error) {
	doing := fmt.Sprintf("Describe consumer group %q", g.group)
	resp, err := ask(ctx, g, doing, func(b *sarama.Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
		req := sarama.NewConsumerGroupDescribeRequest(g.cluster.conf.Version)
		req.GroupIDs = []string{g.group}
		req.IncludeAuthorizedOperations = true
		return b.ConsumerGroupDescribe(req)
	}, func(r *sarama.ConsumerGroupDescribeResponse) sarama.KError {
		if len(r.Groups) == 0 {
			return sarama.ErrGroupIDNotFound
		}
		return r.Groups[0].ErrorCode
	})
	if err != nil {
		return nil, err
	}
	if len(resp.Groups) == 0 {
		return nil, nil
	}
	told := resp.Groups[0]
	switch told.ErrorCode {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound:
		return nil, nil
	case sarama.ErrUnsupportedVersion:
		return nil, sarama.ErrUnsupportedVersion
	case sarama.ErrGroupAuthorizationFailed:
		return nil, noRight("DESCRIBE", "consumer group", g.group)
	case sarama.ErrTopicAuthorizationFailed:
		// The group has members that are subscribed to a topic which this
		// user may not see. That is unknown, not empty.
		return nil, &offset.Error{
			Code: offset.Unauthorized,
			What: fmt.Sprintf("The state of consumer group %q cannot be told without the right DESCRIBE on every topic that its members are subscribed to", g.group),
			Next: "Grant DESCRIBE on these topics to the user that the provider logs in as.",
		}
	default:
		return nil, refused(doing, told.ErrorCode)
	}
	d := &group{id: g.group, exists: told.GroupState != stateDead, state: told.GroupState, protocol: consumerProtocol, rights: told.AuthorizedOperations}
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
	return d, nil
}

// describeClassic asks for a classic group. A group that does not exist is
// Dead; so is an idle one on Azure Event Hubs, which never tells Empty, so
// that only its offsets show that it exists.
func (g *coordinator) describeClassic(ctx context.Context) (*group, error) {
	doing := fmt.Sprintf("Describe consumer group %q", g.group)
	resp, err := ask(ctx, g, doing, func(b *sarama.Broker) (*sarama.DescribeGroupsResponse, error) {
		return b.DescribeGroups(&sarama.DescribeGroupsRequest{
			Version:                     g.cluster.newest(describeGroupsVersions),
			Groups:                      []string{g.group},
			IncludeAuthorizedOperations: true,
		})
	}, func(r *sarama.DescribeGroupsResponse) sarama.KError {
		if len(r.Groups) == 0 {
			return sarama.ErrNoError
		}
		return r.Groups[0].Err
	})
	if err != nil {
		return nil, err
	}
	d := &group{id: g.group, state: stateDead}
	if len(resp.Groups) == 0 {
		return d, nil
	}
	told := resp.Groups[0]
	switch told.Err {
	case sarama.ErrNoError:
	case sarama.ErrGroupIDNotFound:
		return d, nil
	case sarama.ErrGroupAuthorizationFailed:
		return nil, noRight("DESCRIBE", "consumer group", g.group)
	default:
		return nil, refused(doing, told.Err)
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
		member := offset.Member{ID: m.MemberId, ClientID: m.ClientId, Host: m.ClientHost, InstanceID: text(m.GroupInstanceId)}
		// Both are bytes that only the group's own clients must understand.
		if a, err := m.GetMemberAssignment(); err == nil && a != nil {
			member.Assignment = a.Topics
		}
		if s, err := m.GetMemberMetadata(); err == nil && s != nil {
			d.topics = append(d.topics, s.Topics...)
		} else {
			d.opaque = true
		}
		d.members = append(d.members, member)
	}
	slices.SortFunc(d.members, func(a, b offset.Member) int { return cmp.Compare(a.ID, b.ID) })
	return d, nil
}

// kindOf asks whether the group is a share or a streams group: asked for as a
// consumer group, those are told as missing even when they exist.
func (g *coordinator) kindOf(ctx context.Context) (string, error) {
	version := g.cluster.newest(listGroupsVersions)
	if version == 0 {
		return "", nil
	}
	doing := fmt.Sprintf("Tell the kind of group %q", g.group)
	resp, err := ask(ctx, g, doing, func(b *sarama.Broker) (*sarama.ListGroupsResponse, error) {
		return b.ListGroups(&sarama.ListGroupsRequest{
			Version:     version,
			TypesFilter: []string{shareGroup, streamsGroup},
		})
	}, func(r *sarama.ListGroupsResponse) sarama.KError { return r.Err })
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	switch kind := resp.GroupsData[g.group].GroupType; kind {
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
