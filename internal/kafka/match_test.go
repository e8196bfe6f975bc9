package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// pair is two clusters: records are written to west, and mirrored to east.
type pair struct {
	west, east *fake.Cluster
	clients    [2]*kgo.Client
	engines    [2]*Client
}

func newPair(t testing.TB, topics map[string]int32) *pair {
	t.Helper()
	p := &pair{
		west: fake.New(t, fake.Options{Topics: topics, Kfake: idOf("west")}),
		east: fake.New(t, fake.Options{Topics: topics, Kfake: idOf("east")}),
	}
	p.clients = [2]*kgo.Client{producer(t, p.west.Bootstrap()), producer(t, p.east.Bootstrap())}
	p.engines = [2]*Client{connect(t, p.west.Bootstrap()), connect(t, p.east.Bootstrap())}
	return p
}

// everything reads a partition's log to its end, records of aborted
// transactions too.
func everything(t testing.TB, f *fake.Cluster, topic string, partition int32) []*kgo.Record {
	t.Helper()
	_, ends := f.Log(t, topic)
	if ends[partition] == 0 {
		return nil
	}
	client := producer(t, f.Bootstrap(), kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {partition: kgo.NewOffset().AtStart()},
	}))
	defer client.Close()
	var records []*kgo.Record
	for last := int64(-1); last < ends[partition]-1; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			last = r.Offset
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}

// mirror copies what west holds of a partition, as MirrorMaker does: key,
// value and time, in batches of its own. It returns the offset on east of each
// record by its offset on west.
func (p *pair) mirror(t testing.TB, topic string, partition int32, batch int) map[int64]int64 {
	t.Helper()
	return p.copyRecords(t, topic, partition, everything(t, p.west, topic, partition), batch)
}

func (p *pair) copyRecords(t testing.TB, topic string, partition int32, records []*kgo.Record, batch int) map[int64]int64 {
	t.Helper()
	_, ends := p.east.Log(t, topic)
	next, places := ends[partition], map[int64]int64{}
	for chunk := range slices.Chunk(records, batch) {
		copies := make([]kgo.Record, 0, len(chunk))
		for _, r := range chunk {
			copies = append(copies, kgo.Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp})
			if _, again := places[r.Offset]; !again {
				places[r.Offset] = next
			}
			next++
		}
		write(t, p.clients[1], topic, partition, copies...)
	}
	return places
}

// failover asks for a plan of the snapshot on east.
func (p *pair) failover(s *TakenSnapshot, change ...func(*offset.Request)) offset.Request {
	req := offset.Request{
		Group:         "billing",
		Target:        offset.Target{Kind: offset.ToSnapshot, Snapshot: s.Snapshot},
		AllowNewGroup: true,
	}
	for _, f := range change {
		f(&req)
	}
	return req
}

func plan(t testing.TB, c *Client, req offset.Request) *offset.Plan {
	t.Helper()
	got, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// lands checks where the plan puts the partitions of a topic, and how it found that.
func lands(t testing.TB, got *offset.Plan, topic string, want map[int32]string) {
	t.Helper()
	n := 0
	for _, m := range got.Moves {
		if m.Topic != topic {
			continue
		}
		n++
		if have := fmt.Sprintf("%d %s", m.Offset, m.By); have != want[m.ID] {
			t.Errorf("%s-%d goes to %s, want %s", topic, m.ID, have, want[m.ID])
		}
	}
	if n != len(want) {
		t.Errorf("%d partitions of %s, want %d", n, topic, len(want))
	}
}

// shifted writes n records to each of the partitions, and mirrors them after
// the first k have been deleted, so that each has another offset.
func (p *pair) shifted(t testing.TB, topic string, partitions int32, n, k int) {
	t.Helper()
	for id := range partitions {
		for chunk := range slices.Chunk(numbered(1000, n), 50) {
			write(t, p.clients[0], topic, id, chunk...)
		}
		if err := p.west.DeleteRecords(topic, id, int64(k)); err != nil {
			t.Fatal(err)
		}
		p.mirror(t, topic, id, 70)
	}
}

func TestFailoverFindsTheVeryRecord(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 4})
	p.shifted(t, "orders", 4, 300, 90)
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 90, 1: 200, 2: 300}})
	s := take(t, p.engines[0], "billing")
	p.west.Close()

	p.east.ResetRequests()
	got := plan(t, p.engines[1], p.failover(s))
	lands(t, got, "orders", map[int32]string{0: "0 record", 1: "110 record", 2: "210 end"})
	// One look-up and one Fetch for each leader, beside what every reset takes.
	if r := p.east.Requests(); r[1] > 3 || r[2] > 9 || r[3] != 1 {
		t.Errorf("requests %v", r)
	}
	for _, want := range []string{"taken at", "3 partitions are at the very record", "orders-3"} {
		if !slices.ContainsFunc(got.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note says %q: %q", want, got.Notes)
		}
	}
	sum := offset.Summarize(got.Moves)
	if sum.Matched != 3 || sum.Unmatched != 0 || sum.Replayed != 0 || sum.Skipped != 0 || sum.Created != 3 {
		t.Errorf("%+v", sum)
	}
	// Limits of nothing at all are kept, and the offsets are committed.
	zero := int64(0)
	result, err := run(t.Context(), p.engines[1], p.failover(s, func(r *offset.Request) {
		r.Limits = offset.Limits{MaxReplayed: &zero, MaxSkipped: &zero}
	}))
	if err != nil {
		t.Fatal(err)
	}
	want(t, p.east, "billing", fake.Offsets{"orders": {0: 0, 1: 110, 2: 210}})
	record := offset.EncodeRecord(result.Outcomes, offset.KafkaRecord)
	if !strings.Contains(record, `"by":"record"`) || !strings.Contains(record, `"by":"end"`) {
		t.Errorf("record %s", record)
	}
	if back, err := offset.DecodeRecord(record, offset.KafkaRecord, ""); err != nil || offset.EncodeRecord(back, offset.KafkaRecord) != record {
		t.Errorf("the record does not survive: %v", err)
	}
}

func TestSnapshotPutBackOnItsOwnCluster(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	s := take(t, c, "billing")
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 10, 1: 5, 2: 2}})
	f.ResetRequests()
	p := &pair{}
	got := plan(t, c, p.failover(s))
	lands(t, got, "orders", map[int32]string{0: "5 offset", 1: "5 offset", 2: "5 offset"})
	if sum := offset.Summarize(got.Moves); sum.Replayed != 5 || sum.Skipped != 3 || sum.Matched != 3 {
		t.Errorf("%+v", sum)
	}
	if n := f.Requests()[1]; n != 0 {
		t.Errorf("%d Fetch requests", n)
	}
	// A topic that was made anew under its name is another one.
	if err := f.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateTopic("orders", 3, nil); err != nil {
		t.Fatal(err)
	}
	client := producer(t, f.Bootstrap())
	for id := range int32(3) {
		write(t, client, "orders", id, rec(noon.Add(4*time.Second).UnixMilli(), fmt.Sprintf("orders/%d/4", id)), rec(noon.Add(5*time.Second).UnixMilli(), fmt.Sprintf("orders/%d/5", id)))
	}
	got = plan(t, c, p.failover(s))
	lands(t, got, "orders", map[int32]string{0: "1 record", 1: "1 record", 2: "1 record"})
}

// What stood beside an offset is right beside it on its own cluster, and
// nowhere else: it may hold offsets of that log.
func TestSnapshotPutsMetadataBackOnItsOwnClusterOnly(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 1})
	p.shifted(t, "orders", 1, 50, 10)
	p.west.CommitWith(t, "billing", kafkaclient.Commits{"orders": {0: {Offset: 20, Epoch: -1, Metadata: "state at 20"}}})
	s := take(t, p.engines[0], "billing")
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 30}})
	for i, cluster := range []*fake.Cluster{p.west, p.east} {
		if _, err := run(t.Context(), p.engines[i], p.failover(s)); err != nil {
			t.Fatal(err)
		}
		got := cluster.Commits(t, "billing")["orders"][0]
		if want := []string{"20 state at 20", "10 "}[i]; fmt.Sprintf("%d %s", got.Offset, got.Metadata) != want {
			t.Errorf("committed %+v, want %q", got, want)
		}
	}
}

func TestFailoverByOtherNames(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 1, "bills": 1})
	if err := p.east.CreateTopic("west.orders", 1, nil); err != nil {
		t.Fatal(err)
	}
	p.shifted(t, "bills", 1, 50, 10)
	write(t, p.clients[0], "orders", 0, numbered(1, 50)...)
	write(t, p.clients[1], "west.orders", 0, numbered(11, 40)...)
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 20}, "bills": {0: 20}})
	s := take(t, p.engines[0], "billing")
	names := func(r *offset.Request) { r.Target.TopicNames = map[string]string{"orders": "west.orders"} }
	got := plan(t, p.engines[1], p.failover(s, names))
	lands(t, got, "west.orders", map[int32]string{0: "10 record"})
	lands(t, got, "bills", map[int32]string{0: "10 record"})
	// Some of the topics only.
	got = plan(t, p.engines[1], p.failover(s, names, func(r *offset.Request) { r.Scope.Topics = []string{"west.orders"} }))
	lands(t, got, "bills", nil)

	for name, c := range map[string]struct {
		change func(*offset.Request)
		want   string
	}{
		"a name for no topic":   {func(r *offset.Request) { r.Target.TopicNames = map[string]string{"oders": "x"} }, `no topic "oders"`},
		"an empty name":         {func(r *offset.Request) { r.Target.TopicNames = map[string]string{"orders": ""} }, "empty"},
		"one name for two":      {func(r *offset.Request) { r.Target.TopicNames = map[string]string{"orders": "bills"} }, "same name"},
		"a topic that's not in": {func(r *offset.Request) { r.Scope.Topics = []string{"orders", "audit"} }, `called "audit"`},
		"no such treatment":     {func(r *offset.Request) { r.Target.Unmatched = "skip" }, `"skip"`},
		"no snapshot":           {func(r *offset.Request) { r.Target.Snapshot = nil }, "no snapshot"},
		"partitions beside it":  {func(r *offset.Request) { r.Scope.Topics, r.Scope.Partitions = []string{"bills"}, []int32{0} }, "Partitions"},
		"all topics beside it":  {func(r *offset.Request) { r.Scope.AllTopics = true }, "one scope"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.engines[1].Plan(t.Context(), p.failover(s, c.change))
			wantError(t, err, offset.InvalidArgument, c.want)
		})
	}
}

// TestFailoverOfWhatIsHardToFind has the kinds of partitions in which the
// offset, or the time, does not lead to the place.
func TestFailoverOfWhatIsHardToFind(t *testing.T) {
	topics := map[string]int32{"equal": 1, "disorder": 1, "aborted": 1, "markers": 1, "behind": 1, "gone": 1, "ahead": 1, "never": 1}
	p := newPair(t, topics)
	for _, f := range []*fake.Cluster{p.west, p.east} {
		if err := f.CreateTopic("state", 1, map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}); err != nil {
			t.Fatal(err)
		}
	}
	committed := fake.Offsets{}
	group := func(topic string, at int64) { committed[topic] = map[int32]int64{0: at} }
	expect := map[string]string{}
	filler := func(topic string, n int) { // another offset on east
		write(t, p.clients[1], topic, 0, numbered(100, n)...)
	}

	var same []kgo.Record
	for i := range 200 {
		same = append(same, rec(1000+int64(i/100), fmt.Sprint("equal ", i)))
	}
	write(t, p.clients[0], "equal", 0, same...)
	filler("equal", 7)
	p.mirror(t, "equal", 0, 30)
	group("equal", 150)
	expect["equal"] = "157 record"

	// The record before has a later time, and the next an earlier one.
	write(t, p.clients[0], "disorder", 0, rec(1000, "a"), rec(9000, "b"), rec(2000, "c"), rec(1500, "d"))
	filler("disorder", 3)
	p.mirror(t, "disorder", 0, 10)
	group("disorder", 2)
	expect["disorder"] = "5 record"

	transactions := 0
	transact := func(topic string, how kgo.TransactionEndTry, records ...kgo.Record) {
		// A producer for each: kfake may lose count of one that has aborted.
		transactions++
		tx := producer(t, p.west.Bootstrap(), kgo.TransactionalID(fmt.Sprint("tx-", transactions)))
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		write(t, tx, topic, 0, records...)
		if err := tx.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(5) {
		transact("aborted", kgo.TryAbort, rec(1000+i, fmt.Sprint("aborted ", i)))
		transact("markers", kgo.TryCommit, rec(1000+i, fmt.Sprint("committed ", i)))
	}
	p.mirror(t, "aborted", 0, 10)
	p.mirror(t, "markers", 0, 10)
	group("aborted", 10) // the end; 9 is a marker
	expect["aborted"] = "5 end"
	group("markers", 5) // a marker
	expect["markers"] = "3 record"

	write(t, p.clients[0], "state", 0, kgo.Record{Key: []byte("of its own"), Value: []byte("x"), Timestamp: time.UnixMilli(999)})
	for i := range int64(30) {
		write(t, p.clients[0], "state", 0, kgo.Record{Key: fmt.Append(nil, i%3), Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(1000 + i)})
	}
	p.west.Compact()
	p.mirror(t, "state", 0, 10)
	group("state", 20)
	expect["state"] = "1 record"

	// The mirror has not brought the next record: its place is the log's end,
	// behind the last one.
	write(t, p.clients[0], "behind", 0, numbered(1000, 20)...)
	p.copyRecords(t, "behind", 0, everything(t, p.west, "behind", 0)[5:12], 10)
	group("behind", 12)
	expect["behind"] = "7 record"
	// Nor the last one: what is there is older than both.
	write(t, p.clients[0], "ahead", 0, numbered(1000, 20)...)
	p.copyRecords(t, "ahead", 0, everything(t, p.west, "ahead", 0)[5:8], 10)
	group("ahead", 12)
	expect["ahead"] = "3 time"

	// A mirror that reads committed leaves the aborted next one out.
	transact("gone", kgo.TryCommit, rec(1000, "first"))
	transact("gone", kgo.TryAbort, rec(1001, "aborted"))
	transact("gone", kgo.TryCommit, rec(1002, "second"))
	all := everything(t, p.west, "gone", 0)
	p.copyRecords(t, "gone", 0, []*kgo.Record{all[0], all[2]}, 10)
	group("gone", 2)
	expect["gone"] = "1 record"

	// Nothing was ever written when the snapshot was taken.
	group("never", 0)
	expect["never"] = "0 end"

	p.west.Commit(t, "billing", committed)
	s := take(t, p.engines[0], "billing")
	write(t, p.clients[1], "never", 0, numbered(1, 5)...)
	got := plan(t, p.engines[1], p.failover(s))
	for topic, place := range expect {
		lands(t, got, topic, map[int32]string{0: place})
	}
	if sum := offset.Summarize(got.Moves); sum.Unmatched != 1 || sum.Replayed != 0 {
		t.Errorf("%+v", sum)
	}
	// Or nothing of it at all.
	_, err := p.engines[1].Plan(t.Context(), p.failover(s, func(r *offset.Request) { r.Target.Unmatched = offset.UnmatchedError }))
	wantError(t, err, offset.SnapshotUnfit, "ahead-0", "not found in 1 partition", offset.NothingChanged)
}

func TestFailoverIsRefusedWhereItCannotBeTrusted(t *testing.T) {
	topics := map[string]int32{"orders": 2}
	for name, c := range map[string]struct {
		west, east func(t *testing.T, p *pair) // after 20 records were written, and before they are mirrored; after that
		committed  int64
		want       []string
		lands      string // instead of an error
	}{
		"the source had lost the next record": {
			west: func(t *testing.T, p *pair) {
				if err := p.west.DeleteRecords("orders", 0, 8); err != nil {
					t.Fatal(err)
				}
			},
			committed: 5, want: []string{"orders-0", "did not hold the committed offset 5", "1 partition is"},
		},
		"another number of partitions": {
			east: func(t *testing.T, p *pair) {
				if err := p.east.DeleteTopic("orders"); err != nil {
					t.Fatal(err)
				}
				if err := p.east.CreateTopic("orders", 3, nil); err != nil {
					t.Fatal(err)
				}
			},
			committed: 5, want: []string{"3 partitions", "had 2"},
		},
		"the log here was trimmed past the record": {
			east: func(t *testing.T, p *pair) {
				if err := p.east.DeleteRecords("orders", 0, 12); err != nil {
					t.Fatal(err)
				}
			},
			committed: 5, want: []string{"orders-0", "begins at 12"},
		},
		"the log here was trimmed up to the record": {
			east: func(t *testing.T, p *pair) {
				if err := p.east.DeleteRecords("orders", 0, 5); err != nil {
					t.Fatal(err)
				}
			},
			committed: 5, lands: "5 record",
		},
		"the log here was trimmed before the record": {
			east: func(t *testing.T, p *pair) {
				if err := p.east.DeleteRecords("orders", 0, 4); err != nil {
					t.Fatal(err)
				}
			},
			committed: 5, lands: "5 record",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, topics)
			records := numbered(1000, 20)
			write(t, p.clients[0], "orders", 0, records[:10]...)
			write(t, p.clients[0], "orders", 0, records[10:]...)
			p.mirror(t, "orders", 0, 6)
			if c.west != nil {
				c.west(t, p)
			}
			p.west.Commit(t, "billing", fake.Offsets{"orders": {0: c.committed}})
			s := take(t, p.engines[0], "billing")
			if c.east != nil {
				c.east(t, p)
			}
			p.east.ResetRequests()
			if c.lands != "" {
				lands(t, plan(t, p.engines[1], p.failover(s)), "orders", map[int32]string{0: c.lands})
				return
			}
			_, err := run(t.Context(), p.engines[1], p.failover(s))
			wantError(t, err, offset.SnapshotUnfit, append(c.want, offset.NothingChanged)...)
			if n := p.east.Requests()[8]; n != 0 {
				t.Error("something was committed")
			}
		})
	}
}

func TestFailoverCountsUnmatchedAsReplay(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 1})
	write(t, p.clients[0], "orders", 0, numbered(1000, 20)...)
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 10}})
	s := take(t, p.engines[0], "billing")
	write(t, p.clients[1], "orders", 0, numbered(900, 50)...)
	// The same times with other content: nothing is found.
	s.Topics[0].Partitions[0].Next.Fingerprint[0]++
	s.Topics[0].Partitions[0].Last.Fingerprint[0]++
	lim := int64(3)
	p2 := p.failover(s, func(r *offset.Request) { r.Limits.MaxReplayed = &lim })
	// 950 is the end, and the record's time is beyond it.
	s.Topics[0].Partitions[0].Next.Time = 945
	_, err := run(t.Context(), p.engines[1], p2)
	wantError(t, err, offset.LimitExceeded, "5 messages would be replayed")
}

// TestFailoverNeverSkips puts a group at random places of logs with disordered
// and equal times, records of the same content, markers and compaction, and
// compares each with what was really mirrored.
func TestFailoverNeverSkips(t *testing.T) {
	const partitions, rounds = 50, 200
	random := rand.New(rand.NewPCG(1, 2))
	p := newPair(t, map[string]int32{"plain": partitions})
	for _, f := range []*fake.Cluster{p.west, p.east} {
		config := map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}
		if f == p.east {
			config = nil
		}
		if err := f.CreateTopic("state", partitions, config); err != nil {
			t.Fatal(err)
		}
	}
	serial := 0
	for step := range 12 {
		tx := producer(t, p.west.Bootstrap(), kgo.TransactionalID(fmt.Sprint("tx-", step)))
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"plain", "state"} {
			for id := range int32(partitions) {
				var records []kgo.Record
				for range 1 + random.IntN(12) {
					serial++
					r := kgo.Record{Value: fmt.Append(nil, serial), Key: fmt.Append(nil, random.IntN(8))}
					base := int64(1000 + step*50)
					switch id % 4 {
					case 0: // in order, with equal ones
						r.Timestamp = time.UnixMilli(base + int64(len(records)/3))
					case 1: // in disorder
						r.Timestamp = time.UnixMilli(base + random.Int64N(200))
					case 2: // all equal
						r.Timestamp = time.UnixMilli(1000)
					case 3: // anything at all, and little content
						r.Timestamp = time.UnixMilli(random.Int64N(2000))
						r.Value = fmt.Append(nil, random.IntN(5))
					}
					records = append(records, r)
				}
				client := p.clients[0]
				if id%5 == 0 {
					client = tx
				}
				write(t, client, topic, id, records...)
			}
		}
		how := kgo.TryCommit
		if random.IntN(3) == 0 {
			how = kgo.TryAbort
		}
		if err := tx.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	p.west.Compact()

	places := map[string][]map[int64]int64{}
	starts, ends := map[string]map[int32]int64{}, map[string]map[int32]int64{}
	for _, topic := range []string{"plain", "state"} {
		starts[topic], ends[topic] = p.west.Log(t, topic)
		for id := range int32(partitions) {
			records := everything(t, p.west, topic, id)
			switch id % 7 {
			case 5: // the mirror lags
				records = records[:len(records)*3/4]
			case 6: // it came again after a restart
				half := len(records) / 2
				records = slices.Concat(records[:half], records[half/2:])
			}
			if filler := random.IntN(9); filler > 0 {
				write(t, p.clients[1], topic, id, numbered(1, filler)...)
			}
			places[topic] = append(places[topic], p.copyRecords(t, topic, id, records, 1+random.IntN(40)))
		}
	}
	checked, exact, by := 0, 0, map[offset.By]int{}
	for range rounds / 2 {
		committed := fake.Offsets{}
		for topic := range places {
			committed[topic] = map[int32]int64{}
			for id := range int32(partitions) {
				start := starts[topic][id]
				committed[topic][id] = start + random.Int64N(ends[topic][id]-start+1)
			}
		}
		p.west.Commit(t, "billing", committed)
		got := plan(t, p.engines[1], p.failover(take(t, p.engines[0], "billing")))
		for _, m := range got.Moves {
			// The first of all that was not consumed, and what comes before it.
			first, at := m.End, committed[m.Topic][m.ID]
			between := 0
			for west, east := range places[m.Topic][m.ID] {
				if west >= at {
					first = min(first, east)
				}
			}
			for west, east := range places[m.Topic][m.ID] {
				if west < at && east >= m.Offset && east < first {
					between++
				}
			}
			checked++
			by[m.By]++
			switch {
			case m.Offset > first:
				t.Fatalf("%s at %d goes to %d (%s), and %d was not consumed", m.Name(), at, m.Offset, m.By, first)
			case between == 0:
				exact++
			}
		}
	}
	t.Logf("%d places, none behind the true record, %.1f %% exact; %v", checked, 100*float64(exact)/float64(checked), by)
	if checked < 10000 || exact < checked*80/100 {
		t.Errorf("%d of %d are exact", exact, checked)
	}
}

// A look-up by time may be answered before the mirror writes the record, and
// the log's end after it: then nothing at or after the time is no reason to go
// to the end, which would skip the record.
func TestFailoverDoesNotPassOverWhatAMirrorWritesMeanwhile(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 1})
	p.shifted(t, "orders", 1, 50, 5)
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 5}}) // No record before it could be found instead.
	s := take(t, p.engines[0], "billing")
	var lookUps atomic.Int32
	p.east.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		p.east.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		if req.Topics[0].Partitions[0].Timestamp < 0 || lookUps.Add(1) > 1 {
			return nil, nil, false
		}
		return nothingThere(req), nil, true
	})
	lands(t, plan(t, p.engines[1], p.failover(s)), "orders", map[int32]string{0: "0 record"})
	if n := lookUps.Load(); n != 2 {
		t.Errorf("the time was looked up %d times", n)
	}
}

func TestFailoverHonoursItsContext(t *testing.T) {
	p := newPair(t, map[string]int32{"orders": 1})
	p.shifted(t, "orders", 1, 50, 5)
	p.west.Commit(t, "billing", fake.Offsets{"orders": {0: 20}})
	s := take(t, p.engines[0], "billing")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.engines[1].Plan(ctx, p.failover(s))
	wantError(t, err, offset.Interrupted)
}

// idOf gives a cluster its id. Records of any age stay.
func idOf(id string) []kfake.Opt {
	return []kfake.Opt{kfake.ClusterID(id), kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1"})}
}

// TestBrokersTimesNeedTheNeighbourToo: where a log keeps its broker's times,
// records of the same content may stand for one that is not there.
func TestBrokersTimesNeedTheNeighbourToo(t *testing.T) {
	s := &offset.Snapshot{Salt: offset.NewSalt()}
	mark := func(value string, ms int64) *offset.Mark {
		return &offset.Mark{Time: ms, Fingerprint: s.Fingerprint(nil, []byte(value))}
	}
	log := func(values ...string) []fetched {
		var got []fetched
		for i, v := range values {
			got = append(got, fetched{offset: 10 + int64(i), time: 9000, value: []byte(v), brokers: true})
		}
		return got
	}
	for name, c := range map[string]struct {
		place offset.Place
		log   []fetched
		want  int64
	}{
		"the record after the right one":       {offset.Place{Next: mark("b", 1), Last: mark("a", 1)}, log("x", "a", "b"), 12},
		"one of its content, then itself":      {offset.Place{Next: mark("b", 1), Last: mark("a", 1)}, log("b", "b", "a", "b"), 13},
		"only one of its content":              {offset.Place{Next: mark("b", 1), Last: mark("a", 1)}, log("x", "b", "y"), offset.None},
		"the neighbour is unknown":             {offset.Place{Next: mark("b", 1)}, log("x", "b"), offset.None},
		"the first, where the log begins here": {offset.Place{Next: mark("b", 1), Last: mark("a", 1)}, log("b"), offset.None},
		"behind the last":                      {offset.Place{Last: mark("b", 1), Before: mark("a", 1)}, log("a", "b", "c"), 12},
		"one like the last":                    {offset.Place{Last: mark("b", 1), Before: mark("a", 1)}, log("c", "b", "a"), offset.None},
		// The time itself says nothing there.
		"the same time": {offset.Place{Next: mark("b", 9000), Last: mark("a", 1)}, log("x", "b"), offset.None},
	} {
		t.Run(name, func(t *testing.T) {
			k := &seek{of: &c.place, want: c.place.Next, prior: c.place.Last, snapshot: s, start: 10, end: 10 + int64(len(c.log)), byTime: 10, at: offset.None}
			if k.want == nil {
				k.want, k.prior, k.plus = c.place.Last, c.place.Before, 1
			}
			k.begin(10)
			if more := k.take(&reader{from: k.end}, c.log); more || k.at != c.want {
				t.Errorf("at %d, more %t; want %d", k.at, more, c.want)
			}
			if !k.brokers {
				t.Error("whose times they are is not noted")
			}
		})
	}
}
