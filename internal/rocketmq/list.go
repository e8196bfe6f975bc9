package rocketmq

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// GroupSummary is one consumer group of a topic.
type GroupSummary struct {
	Group        string
	State        string // Online, Offline or Unlisted
	MessageModel string // CLUSTERING or BROADCASTING; empty while no client is online
	Members      []ClientInfo
	Brokers      []string // the brokers that know the group on the topic, sorted
}

// ConsumerGroups lists the groups that consume a topic, or have an offset on
// it, on any of its brokers, sorted by name. It asks each master for its groups
// and for the clients of each of these. Brokers do not list the consumers of a
// proxy.
func (c *Client) ConsumerGroups(ctx context.Context, topic string) ([]GroupSummary, error) {
	if topic == "" {
		return nil, invalid("The topic has no name", "")
	}
	t, err := c.locate(ctx, topic)
	if err != nil {
		return nil, err
	}
	found := make([]map[string]*brokerState, len(t.masters)) // by broker, by group
	err = parallelErr(len(t.masters), len(t.masters), func(i int) error {
		m := t.masters[i]
		var err error
		found[i], err = c.groupsOn(ctx, topic, m)
		return c.explain(err, fmt.Sprintf("Cannot list the groups of topic %q on broker %q", topic, m.name))
	})
	if err != nil {
		return nil, err
	}
	surveys := map[string]*survey{}
	for _, groups := range found {
		for name, b := range groups {
			if surveys[name] == nil {
				surveys[name] = &survey{group: name, topic: topic, clusterID: t.clusterID}
			}
			surveys[name].brokers = append(surveys[name].brokers, b)
		}
	}
	all := make([]GroupSummary, 0, len(surveys))
	for _, name := range slices.Sorted(maps.Keys(surveys)) {
		s := surveys[name]
		g := GroupSummary{Group: name, State: s.stateName(), Members: s.clients()}
		for _, b := range s.brokers { // sorted, as the masters are
			g.Brokers = append(g.Brokers, b.name)
			if b.model != "" {
				g.MessageModel = b.model
			}
		}
		all = append(all, g)
	}
	return all, nil
}

// groupsOn asks one master.
func (c *Client) groupsOn(ctx context.Context, topic string, m master) (map[string]*brokerState, error) {
	body, resp, err := c.askTable(ctx, m, remoting.GetGroupsOfTopic, fields{"topic": topic})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range body.Get("groupList").Elements() {
		if name := v.Text(); name != "" {
			names = append(names, name)
		}
	}
	states := make([]*brokerState, len(names))
	err = parallelErr(len(names), c.pace.inFlight, func(i int) error {
		states[i] = &brokerState{master: m, version: resp.Version}
		return c.readClients(ctx, &survey{group: names[i], topic: topic}, states[i])
	})
	groups := map[string]*brokerState{}
	for i, name := range names {
		groups[name] = states[i]
	}
	return groups, err
}
