package kafka

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func mmText(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func checkpointKey(group, topic string, id uint32) []byte {
	return binary.BigEndian.AppendUint32(slices.Concat(mmText(group), mmText(topic)), id)
}

func checkpointValue(up, down uint64) []byte {
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(nil, 0), up)
	return append(binary.BigEndian.AppendUint64(b, down), mmText("")...)
}

func heartbeat(source string, ms uint64) (key, value []byte) {
	return slices.Concat(mmText(source), mmText("east")), binary.BigEndian.AppendUint64([]byte{0, 0}, ms)
}

func TestMirrorCheckpoints(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{
		"west.checkpoints.internal": 1, "heartbeats": 2, "west.heartbeats": 1, "west.orders": 3, "west.bills": 1, "ledger": 2, "north.orders": 1,
	}})
	client := producer(t, f.Bootstrap())
	of := func(ms int64, key, value []byte) kgo.Record {
		return kgo.Record{Key: key, Value: value, Timestamp: time.UnixMilli(ms)}
	}
	write(t, client, "west.checkpoints.internal", 0,
		of(1000, checkpointKey("billing", "west.orders", 0), checkpointValue(400, 350)),
		of(2000, checkpointKey("billing", "west.orders", 0), checkpointValue(500, 405)),
		of(2000, checkpointKey("billing", "west.orders", 1), checkpointValue(7, 7)),
		of(2500, checkpointKey("billing", "west.bills", 0), checkpointValue(9, 8)),
		of(9000, checkpointKey("other", "ledger", 1), checkpointValue(3, 3)),
		of(2600, checkpointKey("billing", "west.bills", 0), nil),
		of(2700, []byte("nonsense"), []byte("nonsense")),
	)
	for i, source := range []string{"west", "north"} {
		key, value := heartbeat(source, uint64(5000+i))
		write(t, client, "heartbeats", int32(i), of(5000, key, value))
	}
	c := connect(t, f.Bootstrap())
	got, err := c.MirrorCheckpoints(t.Context(), "billing", "west")
	if err != nil {
		t.Fatal(err)
	}
	want := []MirrorCheckpoint{{offset.Partition{Topic: "west.orders"}, 500, 405}, {offset.Partition{Topic: "west.orders", ID: 1}, 7, 7}}
	if !reflect.DeepEqual(got.Checkpoints, want) {
		t.Errorf("checkpoints %+v", got.Checkpoints)
	}
	missing := map[string][]int32{"west.orders": {2}, "west.bills": {0}, "ledger": {0, 1}}
	if !reflect.DeepEqual(got.Missing, missing) {
		t.Errorf("missing %v", got.Missing)
	}
	if got.CheckpointAt.UnixMilli() != 2500 || got.HeartbeatAt.UnixMilli() != 5000 || got.ClusterID != "fake-cluster" {
		t.Errorf("%+v", got)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "1 record of the topic") {
		t.Errorf("notes %q", got.Notes)
	}
	// A group without any is no error.
	got, err = c.MirrorCheckpoints(t.Context(), "nobody", "west")
	if err != nil || len(got.Checkpoints) != 0 || len(got.Missing["west.orders"]) != 3 || !got.CheckpointAt.IsZero() {
		t.Errorf("%v, %+v", err, got)
	}
	_, err = c.MirrorCheckpoints(t.Context(), "billing", "south")
	wantError(t, err, offset.TopicMissing, `"south.checkpoints.internal"`)
	_, err = c.MirrorCheckpoints(t.Context(), "", "west")
	wantError(t, err, offset.InvalidArgument)
}

func TestMirrorMakerIsToldInPlans(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"west.eu.checkpoints.internal": 1, "west.eu.orders": 1, "orders": 1}})
	f.Commit(t, "billing", fake.Offsets{"west.eu.orders": {0: 0}, "orders": {0: 0}})
	c := connect(t, f.Bootstrap())
	says := func(topic string) bool {
		f.ResetRequests()
		req := reset(offset.Target{Kind: offset.ToEarliest})
		req.Scope.Topics = []string{topic}
		got := plan(t, c, req)
		if n := f.Requests()[3]; n != 1 {
			t.Errorf("%d metadata requests", n)
		}
		return slices.ContainsFunc(got.Notes, func(n string) bool {
			return strings.Contains(n, `"west.eu"`) && strings.Contains(n, "sync.group.offsets.enabled")
		})
	}
	if !says("west.eu.orders") || says("orders") {
		t.Error("MirrorMaker is not told where it is, or where it is not")
	}
}

func FuzzMirrorRecords(f *testing.F) {
	key, value := heartbeat("west", 5)
	f.Add(key, value)
	f.Add(checkpointKey("g", "t", 3), checkpointValue(1, 2))
	f.Add([]byte{0xff, 0xff}, []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if group, at, err := decodeCheckpointKey(key); err == nil && !slices.Equal(checkpointKey(group, at.Topic, uint32(at.ID)), key) {
			t.Errorf("%q is not %q", key, checkpointKey(group, at.Topic, uint32(at.ID)))
		}
		if up, down, err := decodeCheckpointValue(value); err == nil && (up < 0 || down < 0) {
			t.Errorf("%d, %d", up, down)
		}
		if source, ms, err := decodeHeartbeat(key, value); err == nil && (ms < 0 || len(source) > len(key)) {
			t.Errorf("%q, %d", source, ms)
		}
	})
}
