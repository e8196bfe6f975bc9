package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// producer returns a client that writes one batch at each call of write.
func producer(t testing.TB, bootstrap []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(8 << 20),
		kgo.MaxProduceRequestsInflightPerBroker(1), kgo.ClientID("testbroker"),
		kgo.ProducerLinger(time.Second), // what is flushed is one batch
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// write appends the records to a partition as one batch.
func write(t testing.TB, client *kgo.Client, topic string, partition int32, records ...kgo.Record) {
	t.Helper()
	var failed error
	for i := range records {
		r := records[i]
		r.Topic, r.Partition = topic, partition
		client.Produce(t.Context(), &r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}

func rec(ms int64, value string) kgo.Record {
	return kgo.Record{Timestamp: time.UnixMilli(ms), Value: []byte(value)}
}

// numbered returns n records, a millisecond apart from first on.
func numbered(first int64, n int) []kgo.Record {
	records := make([]kgo.Record, n)
	for i := range records {
		records[i] = rec(first+int64(i), fmt.Sprint("record ", first+int64(i)))
	}
	return records
}

func take(t testing.TB, c *Client, group string, topics ...string) *TakenSnapshot {
	t.Helper()
	s, err := c.Snapshot(t.Context(), group, topics)
	if err != nil {
		t.Fatal(err)
	}
	// What is kept is the document.
	text, err := offset.EncodeSnapshot(s.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if s.Snapshot, err = offset.DecodeSnapshot(text); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantMark checks a mark against the record of that content.
func wantMark(t testing.TB, s *TakenSnapshot, what string, got *offset.Mark, at int64, ms int64, key, value []byte) {
	t.Helper()
	want := offset.Mark{Offset: at, Time: ms, Fingerprint: s.Fingerprint(key, value)}
	if got == nil || *got != want {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

func TestSnapshotTellsPlaceAndRecords(t *testing.T) {
	f := orders(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 0, 2: 10}, "bills": {1: 0}})
	c := connect(t, f.Bootstrap())
	f.ResetRequests()
	s := take(t, c, "billing")
	if got := f.Requests(); got[1] > 3 || got[2] > 6 || got[3] != 1 || got[9] != 1 || got[8]+got[47] != 0 {
		t.Errorf("requests %v: a Fetch for each leader, and nothing is written", got)
	}
	if s.ClusterID != "fake-cluster" || s.Group != "billing" || len(s.Topics) != 2 || s.Topics[1].ID == "" {
		t.Fatalf("%+v", s)
	}
	value := func(p, i int) []byte { return fmt.Appendf(nil, "orders/%d/%d", p, i) }
	ms := noon.UnixMilli()
	o := s.Topic("orders").Partitions
	wantMark(t, s, "next of 0", o[0].Next, 5, ms+5000, nil, value(0, 5))
	wantMark(t, s, "last of 0", o[0].Last, 4, ms+4000, nil, value(0, 4))
	wantMark(t, s, "next of 1", o[1].Next, 0, ms, nil, value(1, 0))
	wantMark(t, s, "last of 2", o[2].Last, 9, ms+9000, nil, value(2, 9))
	wantMark(t, s, "the one before", o[2].Before, 8, ms+8000, nil, value(2, 8))
	if o[0].Before != nil || o[1].Last != nil || o[2].Next != nil || o[2].Start != 0 || o[2].End != 10 {
		t.Errorf("%+v", o)
	}
	b := s.Topic("bills").Partitions
	if b[0].Committed != offset.None || b[1].Committed != 0 || b[1].Next != nil || b[1].Last != nil {
		t.Errorf("%+v", b)
	}
}

func TestSnapshotRefusals(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	for name, ask := range map[string]struct {
		group  string
		topics []string
		code   offset.Code
	}{
		"no such group":     {"nobody", nil, offset.GroupMissing},
		"nothing committed": {"billing", []string{"bills"}, offset.NoOffset},
		"no such topic":     {"billing", []string{"oders"}, offset.TopicMissing},
		"no group":          {"", nil, offset.InvalidArgument},
		"no topic's name":   {"billing", []string{""}, offset.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Snapshot(t.Context(), ask.group, ask.topics)
			wantError(t, err, ask.code)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Snapshot(ctx, "billing", nil)
	wantError(t, err, offset.Interrupted)
}

func TestSnapshotDropsWhatALargeBatchHoldsBefore(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 1}})
	write(t, producer(t, f.Bootstrap()), "orders", 0, numbered(1000, 1000)...)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 500}})
	s := take(t, connect(t, f.Bootstrap()), "billing")
	p := s.Topic("orders").Partitions[0]
	wantMark(t, s, "next", p.Next, 500, 1500, nil, []byte("record 1500"))
	wantMark(t, s, "last", p.Last, 499, 1499, nil, []byte("record 1499"))
}

// TestSnapshotOfLargeBatchesTakesFewRequests: only the first partition of an
// answer gets a batch larger than its share, so that a small share would take
// a request for each partition.
func TestSnapshotOfLargeBatchesTakesFewRequests(t *testing.T) {
	const partitions = 40
	f := fake.New(t, fake.Options{Brokers: 1, Topics: map[string]int32{"orders": partitions}})
	client := producer(t, f.Bootstrap())
	offsets := fake.Offsets{"orders": {}}
	for p := range int32(partitions) {
		write(t, client, "orders", p, rec(1000, strings.Repeat("x", 900<<10)), rec(1001, "next"))
		write(t, client, "orders", p, rec(1002, "later"))
		offsets["orders"][p] = 1
	}
	f.Commit(t, "billing", offsets)
	c := connect(t, f.Bootstrap())
	f.ResetRequests()
	s := take(t, c, "billing")
	if n := f.Requests()[1]; n > 5 {
		t.Errorf("%d requests for %d partitions", n, partitions)
	}
	for i, p := range s.Topic("orders").Partitions {
		wantMark(t, s, fmt.Sprint("next of ", i), p.Next, 1, 1001, nil, []byte("next"))
	}
}

func TestSnapshotReadsABatchLargerThanEveryShare(t *testing.T) {
	f := fake.New(t, fake.Options{Brokers: 1})
	if err := f.CreateTopic("orders", 2, map[string]string{"max.message.bytes": "8000000"}); err != nil {
		t.Fatal(err)
	}
	client := producer(t, f.Bootstrap())
	for p := range int32(2) {
		write(t, client, "orders", p, rec(1000, strings.Repeat("x", 3<<20)))
	}
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 0, 1: 1}})
	s := take(t, connect(t, f.Bootstrap()), "billing")
	big := []byte(strings.Repeat("x", 3<<20))
	wantMark(t, s, "next", s.Topic("orders").Partitions[0].Next, 0, 1000, nil, big)
	wantMark(t, s, "last", s.Topic("orders").Partitions[1].Last, 0, 1000, nil, big)
}

func TestSnapshotWalksBackOverMarkers(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 2}})
	f.Produce(t, "orders", 0, fake.Record{At: time.UnixMilli(900), Value: "early"}, fake.Record{At: time.UnixMilli(1000), Value: "first"})
	for i := range 5 { // each of them leaves a record on 1 and a marker on both
		tx := f.Begin(t, fmt.Sprint("tx", i), "orders", 1, fake.Record{At: time.UnixMilli(2000 + int64(i)), Value: fmt.Sprint(i)})
		if err := tx.Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, ends := f.Log(t, "orders")
	if ends[1] != 10 {
		t.Fatalf("the log ends at %d", ends[1])
	}
	// Offset 9 is a marker, 8 the last record; 10 is the end.
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 2, 1: 10}})
	s := take(t, connect(t, f.Bootstrap()), "billing")
	p := s.Topic("orders").Partitions[1]
	wantMark(t, s, "last", p.Last, 8, 2004, nil, []byte("4"))
	wantMark(t, s, "the one before", p.Before, 6, 2003, nil, []byte("3"))
	if p.Next != nil {
		t.Errorf("next %+v", p.Next)
	}
	// Behind a marker the next record is the one after it.
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 7}})
	s = take(t, connect(t, f.Bootstrap()), "billing")
	p = s.Topic("orders").Partitions[1]
	wantMark(t, s, "next", p.Next, 8, 2004, nil, []byte("4"))
	wantMark(t, s, "last", p.Last, 6, 2003, nil, []byte("3"))
}

// TestSnapshotSeesRecordsOfAnOpenTransaction: under read_committed the answer
// would be empty though the log goes on.
func TestSnapshotSeesRecordsOfAnOpenTransaction(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 1}})
	f.Produce(t, "orders", 0, fake.Record{At: time.UnixMilli(1000), Value: "first"})
	f.Begin(t, "open", "orders", 0, fake.Record{At: time.UnixMilli(2000), Value: "pending"})
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 1}})
	s := take(t, connect(t, f.Bootstrap()), "billing")
	wantMark(t, s, "next", s.Topic("orders").Partitions[0].Next, 1, 2000, nil, []byte("pending"))
}

func TestSnapshotWalksBackOverWhatCompactionRemoved(t *testing.T) {
	f := fake.New(t, fake.Options{})
	if err := f.CreateTopic("state", 1, map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}); err != nil {
		t.Fatal(err)
	}
	client := producer(t, f.Bootstrap())
	keyed := func(key string, ms int64) kgo.Record {
		return kgo.Record{Key: []byte(key), Value: fmt.Append(nil, key, ms), Timestamp: time.UnixMilli(ms)}
	}
	write(t, client, "state", 0, keyed("a", 1000))
	write(t, client, "state", 0, keyed("b", 1001))
	for i := range int64(40) {
		write(t, client, "state", 0, keyed("c", 1002+i))
	}
	write(t, client, "state", 0, keyed("d", 1500))
	f.Compact()
	f.Commit(t, "billing", fake.Offsets{"state": {0: 38}})
	s := take(t, connect(t, f.Bootstrap()), "billing")
	p := s.Topic("state").Partitions[0]
	if p.Next == nil || p.Next.Offset != 41 {
		t.Fatalf("the log is not compacted: %+v %+v", p, p.Next)
	}
	wantMark(t, s, "last", p.Last, 1, 1001, []byte("b"), []byte("b1001"))
}

func TestSnapshotReadsEveryCodec(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 5}})
	offsets := fake.Offsets{"orders": {}}
	for p, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		client := producer(t, f.Bootstrap(), kgo.ProducerBatchCompression(codec))
		write(t, client, "orders", int32(p), rec(1000, strings.Repeat("first ", 200)), rec(1001, strings.Repeat("second ", 200)))
		offsets["orders"][int32(p)] = 1
	}
	f.Commit(t, "billing", offsets)
	s := take(t, connect(t, f.Bootstrap()), "billing")
	for p, got := range s.Topic("orders").Partitions {
		wantMark(t, s, fmt.Sprint("next of ", p), got.Next, 1, 1001, nil, []byte(strings.Repeat("second ", 200)))
		wantMark(t, s, fmt.Sprint("last of ", p), got.Last, 0, 1000, nil, []byte(strings.Repeat("first ", 200)))
	}
}

func TestSnapshotTellsNullFromEmpty(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 1}})
	null, empty := []byte(nil), []byte{}
	pairs := [][2][]byte{{[]byte("k"), null}, {empty, []byte("v")}, {null, empty}, {empty, empty}, {null, null}}
	var records []kgo.Record
	for i, p := range pairs {
		records = append(records, kgo.Record{Key: p[0], Value: p[1], Timestamp: time.UnixMilli(1000 + int64(i))})
	}
	write(t, producer(t, f.Bootstrap()), "orders", 0, records...)
	c := connect(t, f.Bootstrap())
	for i, p := range pairs {
		f.Commit(t, "billing", fake.Offsets{"orders": {0: int64(i)}})
		s := take(t, c, "billing")
		wantMark(t, s, fmt.Sprint("record ", i), s.Topic("orders").Partitions[0].Next, int64(i), 1000+int64(i), p[0], p[1])
	}
}

func TestSnapshotBelowTheLogsStartIsTold(t *testing.T) {
	f := orders(t)
	if err := f.DeleteRecords("orders", 1, 7); err != nil {
		t.Fatal(err)
	}
	c := connect(t, f.Bootstrap())
	s := take(t, c, "billing")
	p := s.Topic("orders").Partitions[1]
	if !p.Lost() || p.Next != nil || p.Last != nil || p.Start != 7 {
		t.Errorf("%+v", p)
	}
	if !slices.ContainsFunc(s.Notes, func(n string) bool { return strings.Contains(n, "orders-1") }) {
		t.Errorf("notes %q", s.Notes)
	}
	// The log begins within a batch: what was deleted of it is no record.
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 7}})
	if p := take(t, c, "billing").Topic("orders").Partitions[1]; p.Last != nil || p.Next == nil || p.Next.Offset != 7 {
		t.Errorf("%+v", p)
	}
}

func TestSnapshotLeavesOutTopicsThatAreGone(t *testing.T) {
	f := orders(t)
	f.Commit(t, "billing", fake.Offsets{"bills": {0: 0}})
	// A broker keeps the offsets of a deleted topic for a moment.
	f.ControlKey(3, func(kmsg.Request) (kmsg.Response, error, bool) {
		_ = f.DeleteTopic("bills")
		return nil, nil, false
	})
	c := connect(t, f.Bootstrap())
	s := take(t, c, "billing")
	if len(s.Topics) != 1 || !slices.ContainsFunc(s.Notes, func(n string) bool { return strings.Contains(n, "bills") }) {
		t.Errorf("%+v, %q", s.Topics, s.Notes)
	}
	_, err := c.Snapshot(t.Context(), "billing", []string{"bills", "orders"})
	wantError(t, err, offset.TopicMissing, `"bills"`)
}

func TestSnapshotFollowsLeaders(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	moved := false
	f.ControlKey(1, func(kmsg.Request) (kmsg.Response, error, bool) {
		if !moved {
			moved = true
			for p := range int32(3) {
				leader := f.LeaderFor("orders", p)
				_ = f.MoveTopicPartition("orders", p, (leader+1)%3)
			}
		}
		return nil, nil, false
	})
	s := take(t, c, "billing")
	if !moved || s.Topic("orders").Partitions[2].Next == nil {
		t.Errorf("%t, %+v", moved, s.Topic("orders").Partitions)
	}
}
