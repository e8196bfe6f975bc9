package rocketmq

import (
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func TestDescribe(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Trim("broker-a", topic, 1, 2)
			g, err := k.Describe(t.Context(), group, topic)
			if err != nil {
				t.Fatal(err)
			}
			if g.Group != group || g.Topic != topic || g.ClusterID != "DefaultCluster" || !g.Exists || g.TotalLag != 16 || len(g.Queues) != 4 {
				t.Errorf("got %+v", g)
			}
			q := g.Queues[1]
			if q.Broker != "broker-a" || q.ID != 1 || q.Offset != 6 || q.Min != 2 || q.Max != 10 || q.Lag != 4 || !q.LastConsumeTime.Equal(base.Add(5*time.Second)) {
				t.Errorf("got %+v", q)
			}
			if s.online {
				if g.State != Online || g.MessageModel != "CLUSTERING" || len(g.Clients) != 1 || g.Clients[0] != (ClientInfo{"consumer-1", "10.0.0.1:40000", "GO", "V4_5_2"}) {
					t.Errorf("got %+v", g)
				}
			} else if g.State != s.idle() || g.MessageModel != "" || len(g.Clients) != 0 {
				t.Errorf("got %+v", g)
			}
			nothingWritten(t, cluster)
		})
	}
}

func TestDescribeAGroupThatDoesNotExist(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.DeleteGroup(group)
	g, err := k.Describe(t.Context(), group, topic)
	if err != nil {
		t.Fatal(err)
	}
	if g.Exists || len(g.Queues) != 4 || g.Queues[0].Offset != offset.None || g.Queues[0].Lag != offset.None || g.TotalLag != 0 {
		t.Errorf("got %+v", g)
	}
	if cluster.Exists("broker-a", group) {
		t.Error("the group was created")
	}
}

func TestDescribeABroadcastingGroup(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}, Broadcast: true})
	g, err := k.Describe(t.Context(), group, topic)
	if err != nil || g.MessageModel != broadcasting {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestDescribeErrors(t *testing.T) {
	_, k := setups[0].start(t)
	_, err := k.Describe(t.Context(), group, "")
	wantError(t, err, offset.InvalidArgument, "must be named")
	_, err = k.Describe(t.Context(), group, "nothing")
	wantError(t, err, offset.TopicMissing, "nothing")
}

func TestDescribeTellsTheBacklog(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.CreateTopic("%DLQ%"+group, 1)
	cluster.Append("broker-a", "%DLQ%"+group, 0, base, base)
	g, err := k.Describe(t.Context(), group, topic)
	if err != nil || !strings.Contains(strings.Join(g.Notes, " "), "2 messages wait in the dead-letter topic") {
		t.Errorf("got %+v, %v", g, err)
	}
}
