package fake

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

const (
	describeGroups        = 15
	listGroups            = 16
	apiVersions           = 18
	consumerGroupDescribe = 69
	streamsGroupDescribe  = 89
)

// StreamsGroups has the brokers tell of these groups as streams groups without
// members, which kfake does not have: by StreamsGroupDescribe, in a list of such
// groups, and as dead when they are asked for as consumer groups. All else of
// such a group is as that of a consumer group, as on Kafka 4.4 while it is empty.
// It is called once.
func (c *Cluster) StreamsGroups(t testing.TB, groups ...string) {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	versions, err := c.Client().Versions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	key := kmsg.NewApiVersionsResponseApiKey()
	key.ApiKey = streamsGroupDescribe
	versions.ApiKeys = append(versions.ApiKeys, key)
	c.ControlKey(apiVersions, func(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		answer := *versions
		answer.Version = req.GetVersion()
		return &answer, nil, true
	})
	c.ControlKey(streamsGroupDescribe, func(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		req, ok := kreq.(*kmsg.StreamsGroupDescribeRequest)
		if !ok {
			return nil, nil, false
		}
		answer := kmsg.NewPtrStreamsGroupDescribeResponse()
		answer.Version = req.Version
		for _, group := range req.Groups {
			g := kmsg.NewStreamsGroupDescribeResponseGroup()
			g.Group, g.State = group, "Dead"
			if slices.Contains(groups, group) {
				g.State = "Empty"
			} else {
				g.ErrorCode = kerr.GroupIDNotFound.Code
			}
			answer.Groups = append(answer.Groups, g)
		}
		return answer, nil, true
	})
	c.ControlKey(consumerGroupDescribe, func(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		req, ok := kreq.(*kmsg.ConsumerGroupDescribeRequest)
		if !ok || len(req.Groups) != 1 || !slices.Contains(groups, req.Groups[0]) {
			return nil, nil, false
		}
		answer := kmsg.NewPtrConsumerGroupDescribeResponse()
		answer.Version = req.Version
		g := kmsg.NewConsumerGroupDescribeResponseGroup()
		g.Group, g.ErrorCode, g.State = req.Groups[0], kerr.GroupIDNotFound.Code, "Dead"
		answer.Groups = append(answer.Groups, g)
		return answer, nil, true
	})
	c.ControlKey(describeGroups, func(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		req, ok := kreq.(*kmsg.DescribeGroupsRequest)
		if !ok || len(req.Groups) != 1 || !slices.Contains(groups, req.Groups[0]) {
			return nil, nil, false
		}
		answer := kmsg.NewPtrDescribeGroupsResponse()
		answer.Version = req.Version
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.State = req.Groups[0], "Dead"
		answer.Groups = append(answer.Groups, g)
		return answer, nil, true
	})
	c.ControlKey(listGroups, func(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		req, ok := kreq.(*kmsg.ListGroupsRequest)
		if !ok || !slices.Contains(req.TypesFilter, "streams") {
			return nil, nil, false
		}
		answer := kmsg.NewPtrListGroupsResponse()
		answer.Version = req.Version
		for _, group := range groups {
			g := kmsg.NewListGroupsResponseGroup()
			g.Group, g.GroupType, g.GroupState = group, "streams", "Empty"
			answer.Groups = append(answer.Groups, g)
		}
		return answer, nil, true
	})
}
