//go:build acceptance

package provider_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// sharesAt compares what Apache's kafka-share-groups says of the group, and
// what another client reads.
func sharesAt(t *testing.T, k *kafkacluster.Cluster, group string, want kafkacluster.Offsets) {
	t.Helper()
	if got := k.ToolShareStarts(t, group); !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("kafka-share-groups says that group %q starts at %v, want %v", group, got, want)
	}
	if got := k.ShareStarts(t, group); !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("the broker says that group %q starts at %v, want %v", group, got, want)
	}
}

// received starts a Java share consumer and waits until it has received that
// many records. It returns the offsets by partition, sorted, when it has left.
func received(t *testing.T, k *kafkacluster.Cluster, group, topic string, n int) map[int32][]int64 {
	t.Helper()
	consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: group, Topics: []string{topic}, Protocol: kafkaclient.Share})
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	if err := consumer.WaitRecords(ctx, n); err != nil {
		t.Fatal(err)
	}
	consumer.Stop(t)
	offsets := map[int32][]int64{}
	for _, r := range consumer.Records() {
		offsets[r.Partition] = append(offsets[r.Partition], r.Offset)
	}
	for _, of := range offsets {
		slices.Sort(of)
	}
	return offsets
}

// from checks that exactly the offsets of [first, end) were received of each of
// three partitions.
func from(t *testing.T, got map[int32][]int64, first, end int64) {
	t.Helper()
	var want []int64
	for at := first; at < end; at++ {
		want = append(want, at)
	}
	for p := range int32(3) {
		if !slices.Equal(got[p], want) {
			t.Errorf("partition %d: received %v, want %d to %d", p, got[p], first, end-1)
		}
	}
}

// The main job on a share group: real share consumers receive what a reset
// says, and after its undo what they would have received without it.
func TestRealKafkaShareGroup(t *testing.T) {
	k := kafkacluster.Start(t)
	orders, _ := realTopics(t, k, "share")
	const group = "share-main"
	body := func(run string) string {
		return kafkaConfig(k.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = %q\ngroup_type = \"share\"\ntopic = %q\ndatetime = \"2026-03-01T14:00:20Z\"\non_destroy = \"restore\"\ntriggers = { run = %q }", group, orders, run)))
	}
	w := newWorkspace(t, body("1"))
	if !k.HasOtherGroupTypes() {
		k.Commit(t, group, kafkacluster.Offsets{orders: {0: 3}})
		says(t, w.must(1, "apply", "-auto-approve"), "share groups", "Kafka 4.1 or later", "Nothing was changed")
		if got := k.Committed(t, group); !maps.Equal(got[orders], map[int32]int64{0: 3}) {
			t.Errorf("the group is at %v", got)
		}
		return
	}
	k.ShareFromEarliest(t, group)
	from(t, received(t, k, group, orders, 270), 10, 100)
	all := func(at int64) kafkacluster.Offsets { return kafkacluster.Offsets{orders: {0: at, 1: at, 2: at}} }
	// The broker has still to move the start offset over what was acknowledged last.
	k.SetShareStarts(t, group, all(100))

	mistaken := newWorkspace(t, kafkaConfig(k.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = %q\ntopic = %q\nposition = \"earliest\"\n", group, orders))))
	says(t, mistaken.must(0, "plan"), "this would fail if applied now", `"share-main" is a share group, not a consumer group`, `group_type = "share"`)
	says(t, mistaken.must(1, "apply", "-auto-approve"), `group_type = "share"`, "Nothing was changed")

	says(t, w.must(0, "plan"), `Reset share group "share-main"`, "3 partitions of 3 move, 240 messages replayed, 0 skipped", "acknowledged one by one", "protocol share")
	sharesAt(t, k, group, all(100))
	w.must(0, "apply", "-auto-approve")
	sharesAt(t, k, group, all(20))
	w.must(0, "plan", "-detailed-exitcode")
	from(t, received(t, k, group, orders, 240), 20, 100)
	// An undo would take back what was consumed since, wherever the broker says
	// that the group starts.
	says(t, w.must(1, "destroy", "-auto-approve"), "were acknowledged since", "Nothing was changed")
	k.SetShareStarts(t, group, all(100))

	w.configure(body("2"))
	w.must(0, "apply", "-auto-approve")
	sharesAt(t, k, group, all(20))
	says(t, w.must(0, "destroy", "-auto-approve"), `Restore share group "share-main"`, "what was acknowledged after them is delivered again")
	sharesAt(t, k, group, all(100))
	k.Fill(t, orders, 3, 1, base.Add(time.Hour), time.Second)
	from(t, received(t, k, group, orders, 3), 100, 101)
}
