//go:build acceptance

package kafka

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// live connects to a real cluster with the patience that users have.
func live(t testing.TB, k *kafkacluster.Cluster) *Client {
	t.Helper()
	c, err := New(connection.Config{BootstrapServers: k.Bootstrap()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// The topics of the differential test. Logs of several shapes: whole, with its
// start deleted, empty, and emptied.
const (
	diffOrders = "diff.orders"
	diffBills  = "diff_bills"
)

func diffTopics(t *testing.T, k *kafkacluster.Cluster) {
	t.Helper()
	k.CreateTopic(t, diffOrders, 4, 3)
	k.CreateTopic(t, diffBills, 2, 3)
	k.Fill(t, diffOrders, 3, 100, noon, time.Hour) // partition 3 stays empty
	k.Fill(t, diffBills, 2, 10, noon, time.Hour)
	k.DeleteRecords(t, diffOrders, 1, 20)
	k.DeleteRecords(t, diffBills, 1, 10)
}

// diffStart is where every group begins: in the middle, uncommitted in two
// partitions, and at the log's end in one.
func diffStart() kafkacluster.Offsets {
	return kafkacluster.Offsets{
		diffOrders: {0: 60, 1: 50, 3: 0},
		diffBills:  {0: 10},
	}
}

// For each target and each scope, the engine commits what Apache's tool
// commits from the same start.
//
// The deliberate differences, each with a test of its own elsewhere:
//   - to-current leaves a committed offset that retention has passed where it
//     is; the engine brings it into the log (TestResolve);
//   - the tool's times look at uncommitted transactions, the engine's too
//     unless read_committed is asked for (TestReadCommitted…);
//   - a shift without a committed offset is an error of both, but the tool
//     exits 0 (TestRefusedBeforeAnythingIsWritten);
//   - the tool creates a group that does not exist; the engine if it is
//     allowed to (TestNewGroupIsCreatedOnDemand);
//   - the tool has no clone: it is compared with an import of the source's
//     offsets from a file.
func TestSameOffsetsAsApachesTool(t *testing.T) {
	k := kafkacluster.Start(t)
	diffTopics(t, k)
	c := live(t, k)
	source := kafkacluster.Offsets{diffOrders: {0: 10, 1: 30, 2: 99, 3: 0}, diffBills: {0: 3, 1: 10}}
	k.Commit(t, "diff-source", source)
	utc := func(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000") }
	after := noon.Add

	type how struct {
		target offset.Target
		args   []string
	}
	targets := map[string]how{
		"earliest":                     {offset.Target{Kind: offset.ToEarliest}, []string{"--to-earliest"}},
		"latest":                       {offset.Target{Kind: offset.ToLatest}, []string{"--to-latest"}},
		"current":                      {offset.Target{Kind: offset.ToCurrent}, []string{"--to-current"}},
		"offset":                       {offset.Target{Kind: offset.ToOffset, Offset: 55}, []string{"--to-offset", "55"}},
		"offset 0":                     {offset.Target{Kind: offset.ToOffset, Offset: 0}, []string{"--to-offset", "0"}},
		"offset behind the end":        {offset.Target{Kind: offset.ToOffset, Offset: 1e6}, []string{"--to-offset", "1000000"}},
		"time of a record":             {offset.Target{Kind: offset.ToTime, Time: after(5 * time.Hour)}, []string{"--to-datetime", utc(after(5 * time.Hour))}},
		"time between records":         {offset.Target{Kind: offset.ToTime, Time: after(30*time.Hour + time.Millisecond)}, []string{"--to-datetime", utc(after(30*time.Hour + time.Millisecond))}},
		"time before the first record": {offset.Target{Kind: offset.ToTime, Time: after(-time.Hour)}, []string{"--to-datetime", utc(after(-time.Hour))}},
		"time after the last record":   {offset.Target{Kind: offset.ToTime, Time: after(1000 * time.Hour)}, []string{"--to-datetime", utc(after(1000 * time.Hour))}},
		"lookback":                     {offset.Target{Kind: offset.ToLookback, Lookback: time.Since(after(40*time.Hour + 30*time.Minute)).Truncate(time.Minute)}, nil},
	}
	lookback := targets["lookback"]
	lookback.args = []string{"--by-duration", fmt.Sprintf("PT%dM", int(lookback.target.Lookback.Minutes()))}
	targets["lookback"] = lookback
	shifts := map[string]how{
		"back":           {offset.Target{Kind: offset.ByShift, Shift: -7}, []string{"--shift-by", "-7"}},
		"forward":        {offset.Target{Kind: offset.ByShift, Shift: 7}, []string{"--shift-by", "7"}},
		"over the start": {offset.Target{Kind: offset.ByShift, Shift: -1000}, []string{"--shift-by", "-1000"}},
		"over the end":   {offset.Target{Kind: offset.ByShift, Shift: 1000}, []string{"--shift-by", "1000"}},
	}
	type where struct {
		scope offset.Scope
		args  []string
	}
	scopes := map[string]where{
		"topic":      {offset.Scope{Topics: []string{diffOrders}}, []string{"--topic", diffOrders}},
		"topics":     {offset.Scope{Topics: []string{diffOrders, diffBills}}, []string{"--topic", diffOrders, "--topic", diffBills}},
		"partition":  {offset.Scope{Topics: []string{diffOrders}, Partitions: []int32{1}}, []string{"--topic", diffOrders + ":1"}},
		"partitions": {offset.Scope{Topics: []string{diffOrders}, Partitions: []int32{0, 3}}, []string{"--topic", diffOrders + ":0,3"}},
		"all topics": {offset.Scope{AllTopics: true}, []string{"--all-topics"}},
	}
	n := 0
	compareFrom := func(t *testing.T, start kafkacluster.Offsets, scope offset.Scope, target offset.Target, args ...string) {
		t.Helper()
		n++
		ours, theirs := fmt.Sprintf("diff-ours-%d", n), fmt.Sprintf("diff-theirs-%d", n)
		k.Commit(t, ours, start)
		k.Commit(t, theirs, start)
		req := reset(target)
		req.Group, req.Scope = ours, scope
		result, err := run(t.Context(), c, req)
		if err != nil {
			t.Fatal(err)
		}
		k.ToolReset(t, theirs, args...)
		got, want := k.Committed(t, ours), k.Committed(t, theirs)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v\nengine %v\ntool   %v", args, got, want)
		}
		for _, m := range result.Outcomes {
			if m.Seen != m.Offset || got[m.Topic][m.ID] != m.Offset {
				t.Errorf("the result says %+v, the broker has %d", m, got[m.Topic][m.ID])
			}
		}
	}
	compare := func(t *testing.T, scope offset.Scope, target offset.Target, args ...string) {
		t.Helper()
		compareFrom(t, diffStart(), scope, target, args...)
	}
	for _, in := range slices.Sorted(maps.Keys(scopes)) {
		for _, to := range slices.Sorted(maps.Keys(targets)) {
			t.Run(in+"/"+to, func(t *testing.T) {
				compare(t, scopes[in].scope, targets[to].target, append(slices.Clone(scopes[in].args), targets[to].args...)...)
			})
		}
	}
	// A shift needs an offset on every partition.
	whole := kafkacluster.Offsets{diffOrders: {0: 60, 1: 50, 2: 99, 3: 0}, diffBills: {0: 10, 1: 10}}
	for in, start := range map[string]kafkacluster.Offsets{
		"topic": whole, "topics": whole, "partition": diffStart(), "partitions": diffStart(), "all topics": diffStart(),
	} {
		for to, how := range shifts {
			t.Run(in+"/shift "+to, func(t *testing.T) {
				compareFrom(t, start, scopes[in].scope, how.target, append(slices.Clone(scopes[in].args), how.args...)...)
			})
		}
	}
	file := func(t *testing.T, offsets kafkacluster.Offsets) string {
		var b strings.Builder
		for _, topic := range slices.Sorted(maps.Keys(offsets)) {
			for _, id := range slices.Sorted(maps.Keys(offsets[topic])) {
				fmt.Fprintf(&b, "%s,%d,%d\n", topic, id, offsets[topic][id])
			}
		}
		path := filepath.Join(t.TempDir(), "offsets.csv")
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("offsets", func(t *testing.T) {
		offsets := kafkacluster.Offsets{diffOrders: {0: 33, 1: 3, 2: 1000}, diffBills: {1: 4}}
		target := offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets(offsets)}
		compare(t, offset.Scope{}, target, "--from-file", file(t, offsets))
	})
	t.Run("group", func(t *testing.T) {
		target := offset.Target{Kind: offset.ToGroup, Group: "diff-source"}
		compare(t, offset.Scope{AllTopics: true}, target, "--from-file", file(t, source))
		compare(t, offset.Scope{Topics: []string{diffBills}}, target, "--from-file", file(t, kafkacluster.Offsets{diffBills: source[diffBills]}))
	})
}

// What the tool shows of a group is what the engine tells.
func TestSameDescriptionAsApachesTool(t *testing.T) {
	k := kafkacluster.Start(t)
	k.CreateTopic(t, "told", 3, 3)
	k.Fill(t, "told", 3, 10, noon, time.Second)
	k.Commit(t, "told-group", kafkacluster.Offsets{"told": {0: 4, 2: 10}})
	c := live(t, k)
	info, err := c.DescribeGroup(t.Context(), "told-group", nil)
	if err != nil {
		t.Fatal(err)
	}
	told := kafkacluster.Offsets{"told": {}}
	for _, p := range info.Partitions {
		told["told"][p.ID] = p.Committed
		if p.Lag != 10-p.Committed {
			t.Errorf("partition %+v", p)
		}
	}
	if want := k.ToolOffsets(t, "told-group"); !reflect.DeepEqual(told, want) {
		t.Errorf("engine %v, tool %v", told, want)
	}
	if info.ClusterID != k.ID() {
		t.Errorf("cluster %q, want %q", info.ClusterID, k.ID())
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
