//go:build acceptance

package kafka

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/mirrormaker"
)

// mirrorPatience is how long something that MirrorMaker does may take.
const mirrorPatience = 3 * time.Minute

// await asks every quarter of a second until it is told yes.
func await(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mirrorPatience)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// hard are topics of one partition, each of another kind, and where the group
// is in it.
type hard struct {
	kind      string
	topic     string
	config    []string // of the source's topic
	here      []string // of the topic on the target, made beforehand, under the identity policy
	fill      func(t *testing.T, west *kafkacluster.Cluster, topic string)
	trim      int64 // the source's log begins here before it is mirrored
	committed int64
	want      int64 // the same record on the target
	total     int64 // how many records there will be on the target
}

func hardTopics() []hard {
	batches := func(records []kgo.Record, size int) func(*testing.T, *kafkacluster.Cluster, string) {
		return func(t *testing.T, west *kafkacluster.Cluster, topic string) {
			client := producer(t, west.Bootstrap(), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
			for from := 0; from < len(records); from += size {
				write(t, client, topic, 0, records[from:min(from+size, len(records))]...)
			}
		}
	}
	transactions := func(how kgo.TransactionEndTry) func(*testing.T, *kafkacluster.Cluster, string) {
		return func(t *testing.T, west *kafkacluster.Cluster, topic string) {
			tx := producer(t, west.Bootstrap(), kgo.TransactionalID("tx-"+topic))
			for i := range int64(3) {
				if err := tx.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				write(t, tx, topic, 0, rec(noon.UnixMilli()+i, fmt.Sprint("in a transaction ", i)))
				if err := tx.EndTransaction(t.Context(), how); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	stamp := []string{"message.timestamp.type", "LogAppendTime"}
	since := noon.UnixMilli()
	var equal, disorder, keyed []kgo.Record
	for i := range 1000 {
		equal = append(equal, rec(since+int64(i/100), fmt.Sprint("equal ", i)))
		disorder = append(disorder, rec(since+int64(i*7919%1000), fmt.Sprint("disorder ", i)))
		keyed = append(keyed, kgo.Record{Key: fmt.Append(nil, i%10), Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(since + int64(i))})
	}
	return []hard{
		{kind: "in the middle", topic: "m.middle", fill: batches(numbered(since, 1300), 50), trim: 300, committed: 800, want: 500, total: 1000},
		{kind: "at the end", topic: "m.end", fill: batches(numbered(since, 1300), 50), trim: 300, committed: 1300, want: 1000, total: 1000},
		{kind: "100 records of one time", topic: "m.equal", fill: batches(equal, 40), trim: 300, committed: 450, want: 150, total: 700},
		{kind: "times in disorder", topic: "m.disorder", fill: batches(disorder, 40), trim: 300, committed: 450, want: 150, total: 700},
		{kind: "LogAppendTime on the source", topic: "m.stamped", config: stamp, fill: batches(numbered(since, 50), 50), trim: 10, committed: 25, want: 15, total: 40},
		{kind: "transactions", topic: "m.committed", fill: transactions(kgo.TryCommit), committed: 3, want: 2, total: 3},
		{kind: "aborted, at the end", topic: "m.aborted", fill: transactions(kgo.TryAbort), committed: 6, want: 3, total: 3},
		{kind: "keys and times, trimmed", topic: "m.keyed", fill: batches(keyed, 100), trim: 500, committed: 700, want: 200, total: 500},
		{kind: "other names: none", topic: "i.middle", fill: batches(numbered(since, 1300), 50), trim: 300, committed: 800, want: 500, total: 1000},
		{kind: "into LogAppendTime", topic: "i.stamped", here: stamp, fill: batches(numbered(since, 1000), 50), trim: 100, committed: 500, want: 400, total: 900},
		{kind: "into LogAppendTime, at the end", topic: "i.stamped-end", here: stamp, fill: batches(numbered(since, 1000), 50), trim: 100, committed: 1000, want: 900, total: 900},
	}
}

// TestRealFailover takes a group from one real cluster to another, between
// which a real MirrorMaker mirrors, and compares what each way leads to.
func TestRealFailover(t *testing.T) {
	options := kafkacluster.Options{Nodes: 1}
	west, east := kafkacluster.StartWith(t, options), kafkacluster.StartWith(t, options)
	all := hardTopics()
	committed := kafkacluster.Offsets{}
	for _, h := range all {
		west.CreateTopic(t, h.topic, 1, 1, h.config...)
		h.fill(t, west, h.topic)
		if h.trim > 0 {
			west.DeleteRecords(t, h.topic, 0, h.trim)
		}
		if h.here != nil {
			east.CreateTopic(t, h.topic, 1, 1, h.here...)
		}
		committed[h.topic] = map[int32]int64{0: h.committed}
	}
	west.Commit(t, "billing", committed)

	ctx, cancel := context.WithTimeout(t.Context(), mirrorPatience)
	defer cancel()
	mm, err := mirrormaker.Start(ctx, mirrormaker.Options{Target: "east", Bootstrap: east.Bootstrap(), Flows: []mirrormaker.Flow{
		{Alias: "west", Bootstrap: west.Bootstrap(), Topics: `m\..*`},
		{Alias: "same", Bootstrap: west.Bootstrap(), Topics: `i\..*`, Identity: true},
	}}, filepath.Join(t.TempDir(), "mirrormaker.log"))
	if err != nil {
		t.Fatal(err)
	}
	running := true
	stop := func() {
		if running {
			running = false
			if err := mm.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	defer stop()
	defer func() {
		if t.Failed() {
			t.Log(mm.Tail())
		}
	}()
	here := func(topic string) string {
		if strings.HasPrefix(topic, "m.") {
			return "west." + topic
		}
		return topic
	}
	engines := [2]*Client{connect(t, west.Bootstrap()), connect(t, east.Bootstrap())}
	s := take(t, engines[0], "billing")

	await(t, "MirrorMaker to copy everything", func() bool {
		for _, h := range all {
			starts, got, err := engines[1].logOf(t.Context(), here(h.topic))
			if err != nil || got-starts < h.total {
				return false
			}
		}
		return true
	})
	checkpoints := map[string]int64{}
	await(t, "checkpoints of both mirrors", func() bool {
		for _, alias := range []string{"west", "same"} {
			found, err := engines[1].MirrorCheckpoints(t.Context(), "billing", alias)
			if err != nil {
				return false
			}
			for _, c := range found.Checkpoints {
				checkpoints[c.Topic] = c.Downstream
			}
			if len(found.Checkpoints) == 0 {
				return false
			}
		}
		return true
	})
	// The first cluster is gone, and the mirror with it.
	stop()
	for i := range west.Nodes() {
		if err := west.KillNode(i); err != nil {
			t.Fatal(err)
		}
	}

	names := map[string]string{}
	for _, h := range all {
		names[h.topic] = here(h.topic)
	}
	req := offset.Request{
		Group: "billing", AllowNewGroup: true,
		Target: offset.Target{Kind: offset.ToSnapshot, Snapshot: s.Snapshot, TopicNames: names},
	}
	result, err := run(t.Context(), engines[1], req)
	if err != nil {
		t.Fatal(err)
	}
	got := east.Committed(t, "billing")
	how := map[string]offset.By{}
	for _, o := range result.Outcomes {
		how[o.Topic] = o.By
	}
	t.Logf("%-32s %8s %8s %12s %8s %8s", "kind of partition", "source", "true", "checkpoint", "by time", "ours")
	for _, h := range all {
		topic, p := here(h.topic), s.Topic(h.topic).Partitions[0]
		checkpoint := "none"
		if at, ok := checkpoints[topic]; ok {
			checkpoint = fmt.Sprint(at)
		}
		mark := p.Next
		if mark == nil {
			mark = p.Last
		}
		byTime, err := engines[1].TopicOffsets(t.Context(), []string{topic}, offset.Target{Kind: offset.ToTime, Time: time.UnixMilli(mark.Time)}, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-32s %8d %8d %12s %8d %8d %s", h.kind, h.committed, h.want, checkpoint, byTime.Partitions[0].Offset, got[topic][0], how[topic])
		if got[topic][0] != h.want {
			t.Errorf("%s: the group is at %d, and the record at %d", h.kind, got[topic][0], h.want)
		}
	}
	note := false
	for _, n := range result.Notes {
		note = note || strings.Contains(n, "sync.group.offsets.enabled")
	}
	if !note {
		t.Errorf("MirrorMaker is not told: %q", result.Notes)
	}
}

// logOf returns the bounds of a topic's first partition.
func (c *Client) logOf(ctx context.Context, topic string) (start, end int64, err error) {
	got, err := c.TopicOffsets(ctx, []string{topic}, offset.Target{Kind: offset.ToLatest}, "")
	if err != nil {
		return 0, 0, err
	}
	return got.Partitions[0].Start, got.Partitions[0].End, nil
}
