package rocketmq

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func TestTopicOffsetsMeanWhatAResetMeans(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Trim("broker-b", topic, 1, 4)
			k.clock = clock.Fixed(base.Add(time.Minute))
			for name, c := range map[string]struct {
				target offset.Target
				want   offset.Offsets
			}{
				"earliest":  {offset.Target{Kind: offset.ToEarliest}, offset.Offsets{"broker-a": {0: 0, 1: 0}, "broker-b": {0: 0, 1: 4}}},
				"latest":    {offset.Target{Kind: offset.ToLatest}, offset.Offsets{"broker-a": {0: 10, 1: 10}, "broker-b": {0: 10, 1: 10}}},
				"a time":    {offset.Target{Kind: offset.ToTime, Time: base.Add(2600 * time.Millisecond)}, offset.Offsets{"broker-a": {0: 3, 1: 3}, "broker-b": {0: 3, 1: 4}}},
				"lookback":  {offset.Target{Kind: offset.ToLookback, Lookback: 53 * time.Second}, offset.Offsets{"broker-a": {0: 7, 1: 7}, "broker-b": {0: 7, 1: 7}}},
				"after all": {offset.Target{Kind: offset.ToTime, Time: base.Add(time.Hour)}, offset.Offsets{"broker-a": {0: 10, 1: 10}, "broker-b": {0: 10, 1: 10}}},
			} {
				info, err := k.TopicOffsets(t.Context(), topic, c.target)
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Offsets(); !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: got %v, want %v", name, got, c.want)
				}
				if last := info.Queues[3]; last.Name() != "broker-b/1" || last.Min != 4 || last.Max != 10 || info.ClusterID != "DefaultCluster" {
					t.Errorf("%s: got %+v", name, info)
				}
				if timed := c.target.Kind == offset.ToTime || c.target.Kind == offset.ToLookback; timed == info.Instant.IsZero() {
					t.Errorf("%s: the instant is %s", name, info.Instant)
				}
			}
			nothingWritten(t, cluster)
		})
	}
}

func TestTopicOffsetsRefuse(t *testing.T) {
	_, k := setups[0].start(t)
	for name, c := range map[string]struct {
		topic string
		kind  offset.TargetKind
		code  offset.Code
	}{
		"no topic":       {"", offset.ToLatest, offset.InvalidArgument},
		"another target": {topic, offset.ByShift, offset.InvalidArgument},
		"missing":        {"no-such-topic", offset.ToLatest, offset.TopicMissing},
	} {
		if _, err := k.TopicOffsets(t.Context(), c.topic, offset.Target{Kind: c.kind}); offset.CodeOf(err) != c.code {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestConsumerGroupsOfATopic(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.CreateTopic("invoices", 1)
			cluster.Commit("broker-b", "audit", topic, 0, 1)
			cluster.Commit("broker-b", "elsewhere", "invoices", 0, 1)
			cluster.Connect("newcomer", fake.Consumer{ID: "client-1", Topics: []string{topic}})
			cluster.Connect("behind-a-proxy", fake.Consumer{ID: "client-2", Topics: []string{topic}, Proxied: true})
			groups, err := k.ConsumerGroups(t.Context(), topic)
			if err != nil {
				t.Fatal(err)
			}
			idle := s.idle()
			state, members := idle, 0
			if s.online {
				state, members = Online, 1
			}
			want := fmt.Sprintf("audit %s 0 [broker-b], billing %s %d [broker-a broker-b], newcomer online 1 [broker-a broker-b]", idle, state, members)
			got := ""
			for i, g := range groups {
				if i > 0 {
					got += ", "
				}
				got += fmt.Sprintf("%s %s %d %v", g.Group, g.State, len(g.Members), g.Brokers)
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestConsumerGroupsRefuse(t *testing.T) {
	cluster, k := setups[0].start(t)
	if _, err := k.ConsumerGroups(t.Context(), ""); offset.CodeOf(err) != offset.InvalidArgument {
		t.Errorf("got %v", err)
	}
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Server == "broker-b" && c.Code == remoting.GetGroupsOfTopic {
			return &fake.Fault{Code: 16, Remark: "no permission"}
		}
		return nil
	})
	_, err := k.ConsumerGroups(t.Context(), topic)
	if offset.CodeOf(err) != offset.Unauthorized {
		t.Errorf("got %v", err)
	}
}
