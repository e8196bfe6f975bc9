package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// GroupFilter says which groups to list. Its zero value is all groups that
// consume: classic ones and those of the new protocol (KIP-848).
type GroupFilter struct {
	Name   *regexp.Regexp // nil: any
	States []string       // in the broker's words, in any case; nil: any
	Types  []string       // of "classic", "consumer", "share" and "streams"; nil: classic and consumer
	Topic  string         // only groups with a committed offset on it; empty: any
}

// ListedGroup is what a list tells of a group.
type ListedGroup struct {
	Group    string
	Type     string // "classic", "consumer", "share" or "streams"
	State    string // in the broker's words
	Protocol string // the members' kind of protocol, such as "consumer"; empty while a classic group has had none
	Members  int    // -1 if they cannot be told
}

// GroupList is a list of groups.
type GroupList struct {
	ClusterID string // empty if the cluster has none
	Groups    []ListedGroup
}

// ListGroups lists the groups of all brokers, sorted by name. Classic groups
// that do not consume (Kafka Connect's workers, schema registries) are left
// out. It needs the right DESCRIBE on the cluster or on the groups: brokers
// leave out the others without saying so. Each broker is asked for its groups,
// and then for many of them with each request.
func (c *Client) ListGroups(ctx context.Context, f GroupFilter) (*GroupList, error) {
	if len(f.Types) == 0 {
		f.Types = []string{classicProtocol, consumerProtocol}
	}
	id, brokers, err := c.cluster.Brokers(ctx)
	if err != nil {
		return nil, told(err)
	}
	var partitions map[string][]int32
	if f.Topic != "" {
		p, err := c.cluster.locate(ctx, selection{topics: []string{f.Topic}, lenient: true})
		switch {
		case err != nil:
			return nil, told(err)
		case len(p.forbidden) > 0:
			return nil, wire.NoRight("DESCRIBE", "topic", p.forbidden...)
		case len(p.missing) > 0:
			return nil, wire.TopicsMissing(p.missing...)
		}
		partitions = partitionsOf(p.rows)
	}
	shares := make([][]ListedGroup, len(brokers))
	var steps []func(context.Context) error
	for i, broker := range slices.Sorted(maps.Keys(brokers)) {
		steps = append(steps, func(ctx context.Context) (err error) {
			l := lister{cluster: c.cluster, addr: brokers[broker], filter: f, partitions: partitions}
			shares[i], err = l.list(ctx)
			return err
		})
	}
	if err := wire.Parallel(ctx, steps...); err != nil {
		return nil, told(err)
	}
	// A group whose coordinator has just moved may be told by both.
	groups := slices.Concat(shares...)
	slices.SortFunc(groups, func(a, b ListedGroup) int { return strings.Compare(a.Group, b.Group) })
	groups = slices.CompactFunc(groups, func(a, b ListedGroup) bool { return a.Group == b.Group })
	return &GroupList{ClusterID: id, Groups: groups}, nil
}

// lister lists the groups that one broker coordinates.
type lister struct {
	cluster    cluster
	addr       string
	filter     GroupFilter
	partitions map[string][]int32 // of the filter's topic
}

// groupsARequest bounds the groups of one request, and with them its answer.
const groupsARequest = 500

func (l lister) list(ctx context.Context) ([]ListedGroup, error) {
	groups, err := l.names(ctx)
	if err != nil {
		return nil, err
	}
	var listed []ListedGroup
	for batch := range slices.Chunk(groups, groupsARequest) {
		if l.filter.Topic != "" {
			if batch, err = l.onTopic(ctx, batch); err != nil {
				return nil, err
			}
		}
		if err := l.describe(ctx, batch); err != nil {
			return nil, err
		}
		listed = append(listed, batch...)
	}
	return slices.DeleteFunc(listed, func(g ListedGroup) bool { return !l.hasState(g) }), nil
}

func (l lister) hasState(g ListedGroup) bool {
	return len(l.filter.States) == 0 || slices.ContainsFunc(l.filter.States, func(s string) bool { return strings.EqualFold(s, g.State) })
}

var listVersions = []wire.Since{{Version: 5, Kafka: sarama.V3_8_0_0}, {Version: 4, Kafka: sarama.V2_6_0_0}, {Version: 2, Kafka: sarama.V2_0_0_0}}

// names asks for the broker's groups. States come with Kafka 2.6 and types with
// 3.8: before, all groups are classic, apart from previews of KIP-848.
func (l lister) names(ctx context.Context) ([]ListedGroup, error) {
	doing := "List the groups of broker " + l.addr
	answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[sarama.ListGroupsResponse]{
		API:   wire.ListGroupsAPI,
		Doing: doing,
		Send: func(b *wire.Broker) (*sarama.ListGroupsResponse, error) {
			return b.ListGroups(&sarama.ListGroupsRequest{Version: l.cluster.Newest(listVersions)})
		},
		Codes: func(r *sarama.ListGroupsResponse) []sarama.KError { return []sarama.KError{r.Err} },
	})
	if err != nil {
		return nil, err
	}
	if answer.Err != sarama.ErrNoError {
		return nil, wire.MeaningOf(wire.ListGroupsAPI, answer.Err).Failure(doing, answer.Err, l.addr)
	}
	var groups []ListedGroup
	for id, protocol := range answer.Groups {
		g := ListedGroup{Group: id, Protocol: protocol, Type: classicProtocol, State: answer.GroupsData[id].GroupState, Members: -1}
		if kind := answer.GroupsData[id].GroupType; kind != "" {
			g.Type = strings.ToLower(kind)
		}
		switch {
		case g.Type == classicProtocol && g.Protocol != "" && g.Protocol != "consumer":
		case !slices.Contains(l.filter.Types, g.Type):
		case l.filter.Name != nil && !l.filter.Name.MatchString(id):
		case g.State != "" && !l.hasState(g):
		default:
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// apart parts share groups from the others.
func apart(groups []ListedGroup) (others, share []ListedGroup) {
	for _, g := range groups {
		if g.Type == shareGroup {
			share = append(share, g)
		} else {
			others = append(others, g)
		}
	}
	return others, share
}

// onTopic keeps the groups that have a committed offset on the topic. Many are
// asked for at once since Kafka 3.0, one after the other before. The offsets of
// share groups are told by another request.
func (l lister) onTopic(ctx context.Context, groups []ListedGroup) ([]ListedGroup, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	if groups, share := apart(groups); len(share) > 0 {
		on, err := l.onTopic(ctx, groups)
		if err != nil {
			return nil, err
		}
		for _, g := range share {
			coordinator, err := l.cluster.coordinator(ctx, g.Group, shareType{})
			if err != nil {
				return nil, err
			}
			blocks, err := coordinator.fetch(ctx, l.partitions)
			if err != nil {
				return nil, err
			}
			if len(rowsOf(blocks)) > 0 {
				on = append(on, g)
			}
		}
		return on, nil
	}
	req := sarama.NewOffsetFetchRequest(l.cluster.Config().Version, groups[0].Group, l.partitions)
	for _, g := range groups[1:] {
		req.Groups = append(req.Groups, sarama.OffsetFetchRequestGroup{GroupId: g.Group, Partitions: l.partitions})
	}
	var many *sarama.OffsetFetchResponse
	if req.Version >= 8 {
		answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[sarama.OffsetFetchResponse]{
			API: wire.OffsetFetchAPI, Doing: fmt.Sprintf("Read the committed offsets of consumer groups on topic %q", l.filter.Topic),
			Send: func(b *wire.Broker) (*sarama.OffsetFetchResponse, error) {
				answer, err := fetchOffsets(b, req, true)
				if encoding := (sarama.PacketEncodingError{}); errors.As(err, &encoding) {
					err = sarama.ErrUnsupportedVersion // sarama finds that out only when it encodes for this broker.
				}
				return answer, err
			},
		})
		switch {
		case errors.Is(err, sarama.ErrUnsupportedVersion):
		case err != nil:
			return nil, err
		case answer.Version >= 8: // else it has become one of a single group
			many = answer
		}
	}
	var on []ListedGroup
	for _, g := range groups {
		var blocks blocks
		var told *sarama.OffsetFetchResponseGroup
		if many != nil {
			told = many.GetGroup(g.Group)
		}
		if told != nil && told.Err == sarama.ErrNoError && !fetchAnswer(told.Blocks).unstable() {
			blocks = fetchAnswer(told.Blocks)
		} else { // an old broker, an open transaction, or the group is elsewhere by now
			coordinator, err := l.cluster.coordinator(ctx, g.Group, consumerType{})
			if err == nil {
				blocks, err = coordinator.fetch(ctx, l.partitions)
			}
			if err != nil {
				return nil, err
			}
		}
		if len(rowsOf(blocks)) > 0 {
			on = append(on, g)
		}
	}
	return on, nil
}

// describe fills in the number of members, and the state where a list tells
// none. What may not be described is left as it is.
func (l lister) describe(ctx context.Context, groups []ListedGroup) error {
	index := map[string]*ListedGroup{}
	names := map[string][]string{} // by type
	for i := range groups {
		g := &groups[i]
		index[g.Group] = g
		names[g.Type] = append(names[g.Type], g.Group)
	}
	var again []*ListedGroup // what is elsewhere by now, or no classic group
	if all := names[classicProtocol]; len(all) > 0 {
		answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[sarama.DescribeGroupsResponse]{
			API: wire.DescribeGroupsAPI, Doing: "Describe the groups of broker " + l.addr,
			Send: func(b *wire.Broker) (*sarama.DescribeGroupsResponse, error) {
				return b.DescribeGroups(&sarama.DescribeGroupsRequest{Version: l.cluster.Newest(describeGroupsVersions), Groups: all})
			},
		})
		if err != nil {
			return err
		}
		for _, d := range answer.Groups {
			g := index[d.GroupId]
			switch {
			case g == nil:
			case d.Err == sarama.ErrNoError && d.State == stateDead, wanders(wire.DescribeGroupsAPI, d.Err):
				again = append(again, g)
			case d.Err == sarama.ErrNoError:
				g.State, g.Members = d.State, len(d.Members)
			}
		}
	}
	if all := names[consumerProtocol]; len(all) > 0 {
		answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[sarama.ConsumerGroupDescribeResponse]{
			API: wire.ConsumerGroupDescribeAPI, Doing: "Describe the groups of broker " + l.addr,
			Send: func(b *wire.Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
				req := sarama.NewConsumerGroupDescribeRequest(l.cluster.Config().Version)
				req.GroupIDs = all
				return b.ConsumerGroupDescribe(req)
			},
		})
		if err != nil {
			return err
		}
		for _, d := range answer.Groups {
			g := index[d.GroupID]
			switch {
			case g == nil:
			case wanders(wire.ConsumerGroupDescribeAPI, d.ErrorCode):
				again = append(again, g)
			case d.ErrorCode == sarama.ErrNoError:
				g.State, g.Members = d.GroupState, len(d.Members)
			}
		}
	}
	more, err := l.describeOthers(ctx, index, names)
	if err != nil {
		return err
	}
	for _, g := range append(again, more...) {
		coordinator, err := l.cluster.coordinator(ctx, g.Group, g.is())
		if err != nil {
			return err
		}
		d, err := coordinator.describe(ctx)
		if e := (*offset.Error)(nil); errors.As(err, &e) && e.Code == offset.Unauthorized {
			continue
		}
		if err != nil {
			return err
		}
		g.State, g.Members = d.state, len(d.members)
		if d.protocol != "" {
			g.Type = d.protocol
		}
	}
	return nil
}

// is returns the type that the group is asked as.
func (g *ListedGroup) is() groupType {
	switch g.Type {
	case shareGroup:
		return shareType{}
	case streamsGroup:
		return streamsType{}
	}
	return consumerType{}
}

// describeOthers is describe for share and streams groups. It returns those
// that are elsewhere by now.
func (l lister) describeOthers(ctx context.Context, index map[string]*ListedGroup, names map[string][]string) (again []*ListedGroup, err error) {
	take := func(api wire.API, group, state string, members int, code int16) {
		g := index[group]
		switch {
		case g == nil:
		case wanders(api, sarama.KError(code)):
			again = append(again, g)
		case code == 0:
			g.State, g.Members = state, members
		}
	}
	if all := names[shareGroup]; len(all) > 0 {
		answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[wire.ShareGroupDescribeResponse]{
			API: wire.ShareGroupDescribeAPI, Doing: "Describe the share groups of broker " + l.addr,
			Send: wire.Message[wire.ShareGroupDescribeResponse](&wire.ShareGroupDescribeRequest{GroupIDs: all}),
		})
		if err != nil {
			return nil, err
		}
		for i := range answer.Groups {
			d := &answer.Groups[i]
			take(wire.ShareGroupDescribeAPI, d.GroupID, d.GroupState, len(d.Members), d.ErrorCode)
		}
	}
	if all := names[streamsGroup]; len(all) > 0 {
		answer, err := wire.AskBroker(ctx, l.cluster.Cluster, l.addr, wire.Request[wire.StreamsGroupDescribeResponse]{
			API: wire.StreamsGroupDescribeAPI, Doing: "Describe the streams groups of broker " + l.addr,
			Send: wire.Message[wire.StreamsGroupDescribeResponse](&wire.StreamsGroupDescribeRequest{Groups: all}),
		})
		if err != nil {
			return nil, err
		}
		for i := range answer.Groups {
			d := &answer.Groups[i]
			take(wire.StreamsGroupDescribeAPI, d.Group, d.State, len(d.Members), d.ErrorCode)
		}
	}
	return again, nil
}

// wanders tells whether a group is, or is about to be, at another broker.
func wanders(api wire.API, code sarama.KError) bool {
	do := wire.MeaningOf(api, code).Do
	return do == wire.Again || do == wire.Relocate
}
