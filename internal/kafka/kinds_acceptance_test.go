//go:build acceptance

package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// A share group with or without members is refused before anything is written,
// whatever the scope and even if new groups are allowed.
func TestShareGroupIsRefusedOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	if noOtherKinds(k) {
		return
	}
	k.CreateTopic(t, "shared", 2, 3)
	k.Fill(t, "shared", 2, 5, noon, time.Second)
	consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: "sharing", Topics: []string{"shared"}, Protocol: kafkaclient.Share})
	refused := func() {
		t.Helper()
		for _, scope := range []offset.Scope{{Topics: []string{"shared"}}, {AllTopics: true}} {
			req := reset(earliest)
			req.Group, req.Scope, req.AllowNewGroup = "sharing", scope, true
			_, err := run(t.Context(), c, req)
			wantError(t, err, offset.GroupKind, `"sharing" is a share group`, "Nothing was changed")
		}
		_, err := c.DescribeGroup(t.Context(), "sharing", nil)
		wantError(t, err, offset.GroupKind)
	}
	refused()
	consumer.Stop(t)
	refused()
}

// A streams group has committed offsets, as a consumer group has, and is told
// as dead when it is asked for as one.
func TestStreamsGroupIsRefusedOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "streamed", 2, 3)
	req := of("streaming", "streamed", earliest)
	if noOtherKinds(k) {
		_, err := run(t.Context(), c, req)
		wantError(t, err, offset.GroupMissing, "Nothing was changed")
		return
	}
	req.AllowNewGroup = true
	refused := func() {
		t.Helper()
		_, err := run(t.Context(), c, req)
		wantError(t, err, offset.GroupKind, `"streaming" is a streams group`, "Nothing was changed")
	}
	m := k.JoinStreams(t, "streaming", "streamed")
	refused()
	k.LeaveStreams(t, m)
	refused()
}

// noOtherKinds tells whether the brokers are too old for share and streams
// groups, which came with Kafka 4.
func noOtherKinds(k *kafkacluster.Cluster) bool { return strings.HasPrefix(k.Version(), "3.") }
