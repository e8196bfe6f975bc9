//go:build acceptance

package kafka

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// typed is a request for a group of the type.
func typed(is offset.GroupType, group, topic string, target offset.Target) offset.Request {
	req := of(group, topic, target)
	req.GroupType = is
	return req
}

// Brokers of Kafka 3.9 have neither share nor streams groups: that is said, with
// the release that is needed, and nothing is touched.
func TestOtherGroupTypesOfAnOldBroker(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	if k.HasOtherGroupTypes() {
		return
	}
	k.CreateTopic(t, "kinds.old", 1, 3)
	k.Fill(t, "kinds.old", 1, 5, noon, time.Second)
	k.Commit(t, "kinds-old", kafkacluster.Offsets{"kinds.old": {0: 3}})
	for is, needs := range map[offset.GroupType]string{offset.ShareGroup: "Kafka 4.1 or later", offset.StreamsGroup: "Kafka 4.2 or later"} {
		_, err := run(t.Context(), c, typed(is, "kinds-old", "kinds.old", earliest))
		wantError(t, err, offset.Unsupported, string(is)+" groups", needs, "Nothing was changed")
	}
	if got := k.Committed(t, "kinds-old")["kinds.old"]; !maps.Equal(got, map[int32]int64{0: 3}) {
		t.Errorf("the group is at %v", got)
	}
}

// A group of another type is refused before anything is written, whatever the
// scope and even if new groups are allowed, and the type that is right is named;
// so is a group with members, and they are named.
func TestGroupsOfAnotherTypeAndWithMembersOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	if !k.HasOtherGroupTypes() {
		return
	}
	k.CreateTopic(t, "kinds", 2, 3)
	k.Fill(t, "kinds", 2, 5, noon, time.Second)
	start := map[int32]int64{0: 3, 1: 3}
	k.SetShareStarts(t, "kinds-share", kafkacluster.Offsets{"kinds": start})
	m := k.JoinStreams(t, "kinds-streams", "kinds")
	k.LeaveStreams(t, m)
	for _, group := range []string{"kinds-streams", "kinds-consumer"} {
		k.Commit(t, group, kafkacluster.Offsets{"kinds": start})
	}
	unmoved := func() {
		t.Helper()
		if got := k.ShareStarts(t, "kinds-share")["kinds"]; !maps.Equal(got, start) {
			t.Errorf("the share group starts at %v", got)
		}
		for _, group := range []string{"kinds-streams", "kinds-consumer"} {
			if got := k.Committed(t, group)["kinds"]; !maps.Equal(got, start) {
				t.Errorf("%s is at %v", group, got)
			}
		}
	}
	types := []offset.GroupType{offset.ConsumerGroup, offset.ShareGroup, offset.StreamsGroup}
	for _, asked := range types {
		for _, is := range types {
			if asked == is {
				continue
			}
			for _, scope := range []offset.Scope{{Topics: []string{"kinds"}}, {AllTopics: true}} {
				req := typed(asked, "kinds-"+string(is), "kinds", earliest)
				req.Scope, req.AllowNewGroup = scope, true
				_, err := run(t.Context(), c, req)
				wantError(t, err, offset.GroupKind, fmt.Sprintf("is a %s group, not a %s group", is, asked), fmt.Sprintf("group_type = %q", is), "Nothing was changed")
			}
		}
	}
	for name, target := range map[string]offset.Target{
		"negative":      {Kind: offset.ToOffsets, Offsets: offset.Offsets{"kinds": {0: -1}}},
		"more negative": {Kind: offset.ToOffsets, Offsets: offset.Offsets{"kinds": {0: -2}}},
		"beyond":        {Kind: offset.ToOffsets, Offsets: offset.Offsets{"kinds": {0: 999999}}},
		"no partition":  {Kind: offset.ToOffsets, Offsets: offset.Offsets{"kinds": {7: 1}}},
		"no topic":      {Kind: offset.ToOffsets, Offsets: offset.Offsets{"kind": {0: 1}}},
	} {
		req := typed(offset.ShareGroup, "kinds-share", "kinds", target)
		req.Scope, req.OutOfRange = offset.Scope{}, offset.Refuse
		if _, err := run(t.Context(), c, req); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := run(t.Context(), c, typed(offset.ShareGroup, "kinds-shar", "kinds", earliest))
	wantError(t, err, offset.GroupMissing, `Share group "kinds-shar" does not exist`)
	if got := k.ShareStates(t, "kinds-shar"); len(got) > 0 {
		t.Errorf("a group was made: %v", got)
	}
	// What is committed first makes a consumer group, which a streams application
	// takes over with its offsets when it starts.
	fresh := typed(offset.StreamsGroup, "kinds-fresh", "kinds", earliest)
	fresh.AllowNewGroup = true
	_, err = run(t.Context(), c, fresh)
	wantError(t, err, offset.GroupMissing, `Streams group "kinds-fresh"`, "a reset cannot make it", "Nothing was changed")
	if info, err := c.DescribeGroup(t.Context(), "kinds-fresh", nil); err != nil || info.Exists {
		t.Errorf("a group was made: %+v, %v", info, err)
	}
	fresh.GroupType = offset.ConsumerGroup
	if _, err := run(t.Context(), c, fresh); err != nil {
		t.Error(err)
	}
	k.LeaveStreams(t, k.JoinStreams(t, "kinds-fresh", "kinds"))
	fresh.GroupType = offset.StreamsGroup
	if r, err := run(t.Context(), c, fresh); err != nil || r.Outcomes[0].Previous != 0 {
		t.Errorf("taken over: %+v, %v", r, err)
	}
	unmoved()
	share, err := c.DescribeGroup(t.Context(), "kinds-share", []string{"kinds"})
	if err != nil {
		t.Fatal(err)
	}
	told := map[int32]int64{}
	for _, p := range share.Partitions {
		told[p.ID] = p.Committed
		if p.Lag != 2 || p.Start != 0 || p.End != 5 {
			t.Errorf("partition %+v", p)
		}
	}
	if want := k.ToolShareStarts(t, "kinds-share")["kinds"]; share.Type != offset.ShareGroup || share.State != "Empty" || !maps.Equal(told, want) {
		t.Errorf("engine %+v, tool %v", share, want)
	}

	consumer := k.StartConsumer(t, kafkacluster.ConsumerOptions{Group: "kinds-active", Topics: []string{"kinds"}, Protocol: kafkaclient.Share, ClientID: "label-printer-7"})
	active := typed(offset.ShareGroup, "kinds-active", "kinds", earliest)
	_, err = run(t.Context(), c, active)
	wantError(t, err, offset.GroupActive, `Share group "kinds-active"`, "label-printer-7", "Nothing was changed")
	info, err := c.DescribeGroup(t.Context(), "kinds-active", nil)
	if err != nil || info.Type != offset.ShareGroup || len(info.Members) != 1 || info.Members[0].ClientID != "label-printer-7" || info.State != "Stable" {
		t.Errorf("%+v: %v", info, err)
	}
	list, err := c.ListGroups(t.Context(), GroupFilter{Types: []string{"share", "streams"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []ListedGroup{
		{Group: "kinds-active", Type: "share", State: "Stable", Protocol: "share", Members: 1},
		{Group: "kinds-share", Type: "share", State: "Empty", Protocol: "share"},
		{Group: "kinds-streams", Type: "streams", State: "Empty", Protocol: "streams"},
	} {
		if !slices.Contains(list.Groups, want) {
			t.Errorf("%+v is not listed: %+v", want, list.Groups)
		}
	}
	consumer.Stop(t)
	if _, err := run(t.Context(), c, active); err != nil {
		t.Error(err)
	}
	again := k.JoinStreams(t, "kinds-streams", "kinds")
	streaming := typed(offset.StreamsGroup, "kinds-streams", "kinds", earliest)
	_, err = run(t.Context(), c, streaming)
	wantError(t, err, offset.GroupActive, `Streams group "kinds-streams"`, kafkaclient.ClientID, "Nothing was changed")
	unmoved()
	k.LeaveStreams(t, again)
}

// comparison resets one group with the engine and another with one of Apache's
// tools, from the same start.
type comparison struct {
	is    offset.GroupType
	reset func(ctx context.Context, group string, args ...string) (kafkacluster.Offsets, error)
	begin func(t *testing.T, group string, start kafkacluster.Offsets)
	at    func(t testing.TB, group string) kafkacluster.Offsets
	start kafkacluster.Offsets
	ours  string
	other string
}

func (p comparison) run(t *testing.T, c *Client, scope offset.Scope, target offset.Target, args ...string) {
	t.Helper()
	p.begin(t, p.ours, p.start)
	p.begin(t, p.other, p.start)
	req := typed(p.is, p.ours, "", target)
	req.Scope = scope
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, kafkatest.Patience)
	if told, err := p.reset(ctx, p.other, args...); err != nil {
		t.Fatalf("%v: %v", told, err)
	}
	if got, want := p.at(t, p.ours), p.at(t, p.other); !maps.EqualFunc(got, want, maps.Equal) {
		t.Errorf("%v\nengine %v\ntool   %v", args, got, want)
	}
}

// toolTargets are the targets that both tools have.
func toolTargets() map[string]struct {
	target offset.Target
	args   []string
} {
	utc := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000") }
	between, late := noon.Add(30*time.Hour+time.Millisecond), noon.Add(1000*time.Hour)
	return map[string]struct {
		target offset.Target
		args   []string
	}{
		"earliest":                   {offset.Target{Kind: offset.ToEarliest}, []string{"--to-earliest"}},
		"latest":                     {offset.Target{Kind: offset.ToLatest}, []string{"--to-latest"}},
		"offset":                     {offset.Target{Kind: offset.ToOffset, Offset: 55}, []string{"--to-offset", "55"}},
		"offset behind the end":      {offset.Target{Kind: offset.ToOffset, Offset: 1e6}, []string{"--to-offset", "1000000"}},
		"time":                       {offset.Target{Kind: offset.ToTime, Time: between}, []string{"--to-datetime", utc(between)}},
		"time after the last record": {offset.Target{Kind: offset.ToTime, Time: late}, []string{"--to-datetime", utc(late)}},
		"current":                    {offset.Target{Kind: offset.ToCurrent}, []string{"--to-current"}},
	}
}

func csvFile(t *testing.T, offsets kafkacluster.Offsets) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "offsets.csv")
	if err := os.WriteFile(path, []byte(offset.EncodeCSV(offset.Offsets(offsets))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// For each target and each scope that kafka-share-groups has, the engine sets
// the start offsets that it sets.
//
// The deliberate differences:
//   - with all topics, the engine leaves partitions alone that have no start
//     offset yet, as with consumer groups;
//   - the tool creates a group that does not exist, and exits with 0 where it
//     could do nothing; the engine says so
//     (TestGroupsOfAnotherTypeAndWithMembersOnARealCluster);
//   - the tool has no duration and no snapshot.
func TestSameStartOffsetsAsApachesShareTool(t *testing.T) {
	k := kafkacluster.Start(t)
	if !k.HasOtherGroupTypes() {
		return
	}
	diffTopics(t, k)
	c := live(t, k)
	n := 0
	compare := func(t *testing.T, scope offset.Scope, target offset.Target, args ...string) {
		t.Helper()
		n++ // A group that is new keeps nothing of the case before.
		p := comparison{
			is: offset.ShareGroup, reset: k.ResetSharesByTool,
			begin: func(t *testing.T, group string, start kafkacluster.Offsets) { k.SetShareStarts(t, group, start) },
			at:    k.ShareStarts, start: diffStart(), ours: fmt.Sprintf("diff-shares-%d", n), other: fmt.Sprintf("diff-shares-tool-%d", n),
		}
		p.run(t, c, scope, target, args...)
	}
	topic := offset.Scope{Topics: []string{diffOrders}}
	for to, how := range toolTargets() {
		t.Run(to, func(t *testing.T) {
			compare(t, topic, how.target, append([]string{"--topic", diffOrders}, how.args...)...)
		})
	}
	t.Run("topics", func(t *testing.T) {
		compare(t, offset.Scope{Topics: []string{diffOrders, diffBills}}, earliest, "--topic", diffOrders, "--topic", diffBills, "--to-earliest")
	})
	t.Run("partitions", func(t *testing.T) {
		compare(t, offset.Scope{Topics: []string{diffOrders}, Partitions: []int32{0, 3}}, earliest, "--topic", diffOrders+":0,3", "--to-earliest")
	})
	t.Run("all topics", func(t *testing.T) {
		compare(t, offset.Scope{AllTopics: true}, earliest, "--all-topics", "--to-earliest")
	})
	t.Run("offsets", func(t *testing.T) {
		offsets := kafkacluster.Offsets{diffOrders: {0: 33, 1: 3, 2: 1000}, diffBills: {1: 4}}
		compare(t, offset.Scope{}, offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets(offsets)}, "--from-file", csvFile(t, offsets))
	})
}

// The same for kafka-streams-groups, which has every target of
// kafka-consumer-groups.
//
// The deliberate differences:
//   - all topics are those with committed offsets, without the application's
//     own; the tool takes the input topics of its topology, and their partitions
//     with committed offsets;
//   - the tool refuses a topic of which the group has no offset in a partition
//     ("not part of the group"); the engine commits a first offset there;
//   - the engine never deletes an internal topic;
//   - the differences from kafka-consumer-groups (TestSameOffsetsAsApachesTool).
func TestSameOffsetsAsApachesStreamsTool(t *testing.T) {
	k := kafkacluster.Start(t)
	if !k.HasOtherGroupTypes() {
		return
	}
	diffTopics(t, k)
	c := live(t, k)
	const ours, other = "diff-streams", "diff-streams-tool"
	for _, group := range []string{ours, other} {
		k.LeaveStreams(t, k.JoinStreams(t, group, diffOrders, diffBills))
	}
	p := comparison{
		is: offset.StreamsGroup, reset: k.ResetStreamsByTool,
		begin: func(t *testing.T, group string, start kafkacluster.Offsets) {
			t.Helper()
			if err := k.Client().ForgetOffsets(within(t, kafkatest.Patience), group, map[string][]int32{diffOrders: {0, 1, 2, 3}, diffBills: {0, 1}}); err != nil {
				t.Fatal(err)
			}
			k.Commit(t, group, start)
		},
		at: k.Committed, start: kafkacluster.Offsets{diffOrders: {0: 60, 1: 50, 2: 99, 3: 0}, diffBills: {0: 10, 1: 10}}, ours: ours, other: other,
	}
	compare := func(t *testing.T, scope offset.Scope, target offset.Target, args ...string) {
		t.Helper()
		p.run(t, c, scope, target, args...)
	}
	topic := offset.Scope{Topics: []string{diffOrders}}
	for to, how := range toolTargets() {
		t.Run(to, func(t *testing.T) {
			compare(t, topic, how.target, append([]string{"--input-topic", diffOrders}, how.args...)...)
		})
	}
	t.Run("shift", func(t *testing.T) {
		compare(t, topic, offset.Target{Kind: offset.ByShift, Shift: -7}, "--input-topic", diffOrders, "--shift-by", "-7")
	})
	t.Run("partitions", func(t *testing.T) {
		compare(t, offset.Scope{Topics: []string{diffOrders}, Partitions: []int32{0, 3}}, earliest, "--input-topic", diffOrders+":0,3", "--to-earliest")
	})
	t.Run("lookback", func(t *testing.T) {
		back := time.Since(noon.Add(40*time.Hour + 30*time.Minute)).Truncate(time.Minute)
		compare(t, topic, offset.Target{Kind: offset.ToLookback, Lookback: back}, "--input-topic", diffOrders, "--by-duration", fmt.Sprintf("PT%dM", int(back.Minutes())))
	})
	t.Run("topics", func(t *testing.T) {
		compare(t, offset.Scope{Topics: []string{diffOrders, diffBills}}, earliest, "--input-topic", diffOrders, "--input-topic", diffBills, "--to-earliest")
	})
	t.Run("offsets", func(t *testing.T) {
		offsets := kafkacluster.Offsets{diffOrders: {0: 33, 1: 3, 2: 1000}, diffBills: {1: 4}}
		compare(t, offset.Scope{}, offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets(offsets)}, "--from-file", csvFile(t, offsets))
	})
	t.Run("all topics", func(t *testing.T) {
		p.start = diffStart()
		compare(t, offset.Scope{AllTopics: true}, earliest, "--all-input-topics", "--to-earliest")
	})
}

// An undo and a deletion of start offsets on a real cluster: whole topics, and
// what had none before.
func TestShareGroupGoesBackOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	if !k.HasOtherGroupTypes() {
		return
	}
	c := live(t, k)
	for _, topic := range []string{"shares.whole", "shares.part"} {
		k.CreateTopic(t, topic, 2, 3)
		k.Fill(t, topic, 2, 10, noon, time.Second)
	}
	start := kafkacluster.Offsets{"shares.part": {0: 4}}
	k.SetShareStarts(t, "shares-back", start)
	at := func(want kafkacluster.Offsets) {
		t.Helper()
		if got := k.ShareStarts(t, "shares-back"); !maps.EqualFunc(got, want, maps.Equal) {
			t.Errorf("the group starts at %v, want %v", got, want)
		}
	}
	req := typed(offset.ShareGroup, "shares-back", "", offset.Target{Kind: offset.ToOffset, Offset: 7})
	req.Scope = offset.Scope{Topics: []string{"shares.part", "shares.whole"}}
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	at(kafkacluster.Offsets{"shares.part": {0: 7, 1: 7}, "shares.whole": {0: 7, 1: 7}})

	// A snapshot leads back to the same start offsets.
	taken, err := c.Snapshot(t.Context(), "shares-back", nil)
	if err != nil {
		t.Fatal(err)
	}
	k.SetShareStarts(t, "shares-back", kafkacluster.Offsets{"shares.part": {0: 1, 1: 10}, "shares.whole": {0: 2, 1: 9}})
	restored := typed(offset.ShareGroup, "shares-back", "", offset.Target{Kind: offset.ToSnapshot, Snapshot: taken.Snapshot})
	restored.Scope = offset.Scope{}
	if _, err := run(t.Context(), c, restored); err != nil {
		t.Fatal(err)
	}
	at(kafkacluster.Offsets{"shares.part": {0: 7, 1: 7}, "shares.whole": {0: 7, 1: 7}})

	for range 2 {
		back, err := c.Undo(t.Context(), undoOf(req, result))
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(back.Notes, " "); !strings.Contains(notes, "shares.part-1") {
			t.Errorf("notes %q", notes)
		}
		at(kafkacluster.Offsets{"shares.part": {0: 4, 1: 7}})
	}

	req.Scope = offset.Scope{Topics: []string{"shares.part"}, Partitions: []int32{1}}
	part, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Forget(t.Context(), undoOf(req, part))
	wantError(t, err, offset.Unsupported, "shares.part-0", "Nothing was changed")
	at(kafkacluster.Offsets{"shares.part": {0: 4, 1: 7}})
	req.Scope.Partitions = nil
	whole, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Forget(t.Context(), undoOf(req, whole)); err != nil {
			t.Fatal(err)
		}
		at(kafkacluster.Offsets{})
	}
}

// A streams group with an internal topic: all topics leave it alone, and naming
// it is refused. What was reset goes back, and its offsets can be deleted.
func TestStreamsGroupOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	if !k.HasOtherGroupTypes() {
		return
	}
	c := live(t, k)
	const app, internal = "streams-app", "streams-app-by-customer-repartition"
	for _, topic := range []string{"streams.in", internal} {
		k.CreateTopic(t, topic, 2, 3)
		k.Fill(t, topic, 2, 10, noon, time.Second)
	}
	k.LeaveStreams(t, k.JoinStreams(t, app, "streams.in"))
	start := kafkacluster.Offsets{"streams.in": {0: 5, 1: 6}, internal: {0: 7, 1: 8}}
	k.Commit(t, app, start)
	at := func(want kafkacluster.Offsets) {
		t.Helper()
		if got := k.Committed(t, app); !maps.EqualFunc(got, want, maps.Equal) {
			t.Errorf("the group is at %v, want %v", got, want)
		}
	}
	_, err := run(t.Context(), c, typed(offset.StreamsGroup, app, internal, earliest))
	wantError(t, err, offset.InvalidArgument, internal, "keeps these topics for itself", "Nothing was changed")
	at(start)
	req := typed(offset.StreamsGroup, app, "", earliest)
	req.Scope = offset.Scope{AllTopics: true}
	result, err := run(t.Context(), c, req)
	if err != nil {
		t.Fatal(err)
	}
	at(kafkacluster.Offsets{"streams.in": {0: 0, 1: 0}, internal: start[internal]})
	if notes := strings.Join(result.Notes, " "); !strings.Contains(notes, "state.dir") || result.State != "Empty" {
		t.Errorf("state %s, notes %q", result.State, notes)
	}
	if _, err := c.Undo(t.Context(), undoOf(req, result)); err != nil {
		t.Fatal(err)
	}
	at(start)
	if result, err = run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Forget(t.Context(), undoOf(req, result)); err != nil {
		t.Fatal(err)
	}
	at(kafkacluster.Offsets{internal: start[internal]})
	info, err := c.DescribeGroup(t.Context(), app, nil)
	if err != nil || info.Type != offset.StreamsGroup || info.Protocol != "streams" || info.State != "Empty" {
		t.Errorf("%+v: %v", info, err)
	}
}
