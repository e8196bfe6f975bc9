package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// counting is a cluster with a streams group that has offsets of an input
// topic, and of one that the application keeps for itself.
func counting(t testing.TB) *fake.Cluster {
	t.Helper()
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 2, "counts-by-customer-repartition": 1}})
	f.StreamsGroups(t, "counts", "counts-b")
	f.Fill(t, "orders", 2, 10, noon, time.Second)
	f.Fill(t, "counts-by-customer-repartition", 1, 10, noon, time.Second)
	f.Commit(t, "counts", fake.Offsets{"orders": {0: 5, 1: 5}, "counts-by-customer-repartition": {0: 7}})
	return f
}

// streaming is a request for a streams group.
func streaming(group, topic string, target offset.Target) offset.Request {
	req := reset(target)
	req.Group, req.GroupType, req.Scope.Topics = group, offset.StreamsGroup, []string{topic}
	return req
}

// All topics are those that the application reads: not the ones between its own
// steps, even where those are gone already.
func TestStreamsGroupKeepsItsInternalTopics(t *testing.T) {
	f := counting(t)
	c := connect(t, f.Bootstrap())
	req := streaming("counts", "", earliest)
	req.Scope = offset.Scope{AllTopics: true}
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "counts", fake.Offsets{"orders": {0: 0, 1: 0}, "counts-by-customer-repartition": {0: 7}})
	if notes := strings.Join(result.Notes, " "); !strings.Contains(notes, "state.dir") || !strings.Contains(notes, "cannot be undone") {
		t.Errorf("notes %q", notes)
	}
	explicit := streaming("counts", "counts-by-customer-repartition", earliest)
	_, err = run(t.Context(), c, explicit)
	wantError(t, err, offset.InvalidArgument, `"counts-by-customer-repartition"`, "keeps these topics for itself", "Nothing was changed")

	if err := f.DeleteTopic("counts-by-customer-repartition"); err != nil {
		t.Fatal(err)
	}
	req.Target = offset.Target{Kind: offset.ToLatest}
	if _, err := run(t.Context(), c, req); err != nil {
		t.Errorf("with an internal topic that is gone: %v", err)
	}
	info, err := c.DescribeGroup(t.Context(), "counts", []string{"orders"})
	if err != nil || info.Type != offset.StreamsGroup || info.Protocol != "streams" || info.State != "Empty" || info.Partitions[0].Committed != 10 {
		t.Errorf("%+v: %v", info, err)
	}
	asConsumers := streaming("counts", "orders", earliest)
	asConsumers.GroupType = ""
	_, err = run(t.Context(), c, asConsumers)
	wantError(t, err, offset.GroupKind, `"counts" is a streams group, not a consumer group`, `group_type = "streams"`, "Nothing was changed")
}

// A streams application can begin where another one is, without that one's own
// topics.
func TestStreamsGroupThatIsCloned(t *testing.T) {
	f := counting(t)
	f.Commit(t, "counts-b", fake.Offsets{"orders": {0: 1, 1: 1}})
	req := streaming("counts-b", "", offset.Target{Kind: offset.ToGroup, Group: "counts"})
	req.Scope = offset.Scope{AllTopics: true}
	if _, err := run(t.Context(), connect(t, f.Bootstrap()), req); err != nil {
		t.Fatal(err)
	}
	want(t, f, "counts-b", fake.Offsets{"orders": {0: 5, 1: 5}})
}

func TestStreamsGroupThatIsNone(t *testing.T) {
	f := counting(t)
	f.Commit(t, "consumers", fake.Offsets{"orders": {0: 5}})
	c := connect(t, f.Bootstrap())
	req := streaming("consumers", "orders", earliest)
	_, err := run(t.Context(), c, req)
	wantError(t, err, offset.GroupKind, `"consumers" is a consumer group, not a streams group`, `group_type = "consumer"`, "Nothing was changed")
	req.Group = "nobody"
	_, err = run(t.Context(), c, req)
	wantError(t, err, offset.GroupMissing, `Streams group "nobody"`, "Nothing was changed")
	// A commit would make a consumer group, which no restore of this reset could
	// be for.
	req.AllowNewGroup = true
	_, err = run(t.Context(), c, req)
	wantError(t, err, offset.GroupMissing, `Streams group "nobody" does not exist, and a reset cannot make it`, `group_type = "consumer"`, "Nothing was changed")
	want(t, f, "nobody", fake.Offsets{})
}

// What fails names the group for what it is, though it is asked as a consumer
// group is.
func TestStreamsGroupIsNamedInErrors(t *testing.T) {
	f := counting(t)
	c := connect(t, f.Bootstrap())
	f.Fault(kfake.Fault{Keys: []kmsg.Key{9}, Err: kerr.InvalidRequest, Count: -1})
	_, err := run(t.Context(), c, streaming("counts", "orders", earliest))
	wantError(t, err, offset.Failed, `Read the committed offsets of streams group "counts"`, "Nothing was changed")
}
