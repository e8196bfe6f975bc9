package reset

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// golden reads a form as some release has written it. These files never
// change: a state that holds one must stay readable.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(text, []byte("\n"))
}

func keptUnder(key string, text []byte) (Kept, error) {
	return ReadKept(func(k string) []byte {
		if k == key {
			return text
		}
		return nil
	})
}

var (
	atTime     = &Meaning{offset.Scope{Topics: []string{"orders"}, Partitions: []int32{0, 2}}, offset.Target{Kind: offset.ToTime, Time: time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)}}
	toOffsets  = &Meaning{offset.Scope{}, offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {0: 20, 2: 7}}}}
	toSnapshot = &Meaning{offset.Scope{Topics: []string{"west.orders"}}, offset.Target{
		Kind: offset.ToSnapshot, TopicNames: map[string]string{"orders": "west.orders"},
		Snapshot: &offset.Snapshot{
			ClusterID: "west", Group: "billing", TakenAt: time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC), Salt: []byte("0123456789abcdef"),
			Topics: []offset.SnapshotTopic{{Name: "orders", Partitions: []offset.Place{{Committed: 60, Start: 20, End: 100, Next: &offset.Mark{Offset: 60, Time: 5, Fingerprint: offset.Fingerprint{1}}}}}},
		},
	}}
	incomplete = []offset.Outcome{
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders"}}},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 1}, Carries: "BQAAAXk7"}, State: offset.NotDone},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", Broker: "broker-a", ID: 2}}, State: offset.Elsewhere},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 3}}, State: offset.Unsettled},
	}
	ids = map[string]string{"orders": "GcaQDl2UTsCNs1p9s37XkQ"}
)

func TestEveryFormThatAStateMayHoldIsRead(t *testing.T) {
	const old = ` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100,"clamped":false}}}`
	const now = ` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100}}}`
	for file, c := range map[string]struct {
		key  string
		want Kept
	}{
		"aim_0.json":          {keyHeldBack, Kept{HeldBack: atTime}},
		"aim_1.json":          {keyHeldBack, Kept{HeldBack: atTime}},
		"aim_1_offsets.json":  {keyHeldBack, Kept{HeldBack: toOffsets}},
		"aim_1_snapshot.json": {keyHeldBack, Kept{HeldBack: toSnapshot}},
		"completed_0.json":    {keyCompleted, Kept{Completed: &Completed{"c-1", "orders", old, nil}}},
		"completed_1.json":    {keyCompleted, Kept{Completed: &Completed{"c-1", "orders", now, ids}}},
		"topics_1.json":       {keyTopics, Kept{TopicIDs: ids}},
		"beside_1.json": {keyBeside, Kept{Beside: map[offset.Partition]Beside{
			{Topic: "orders", ID: 1}:                     {Carries: "BQAAAXk7"},
			{Topic: "orders", Broker: "broker-a", ID: 2}: {Overwritten: true},
		}}},
		"beside_1_bytes.json": {keyBeside, Kept{Beside: map[offset.Partition]Beside{{Topic: "orders", ID: 1}: {Carries: "\xff\xfe"}}}},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := keptUnder(c.key, golden(t, file))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestTheNewestFormIsWritten(t *testing.T) {
	for file, write := range map[string]func(set func(string, []byte)){
		"aim_1.json":          func(set func(string, []byte)) { WriteHeldBack(set, atTime) },
		"aim_1_offsets.json":  func(set func(string, []byte)) { WriteHeldBack(set, toOffsets) },
		"aim_1_snapshot.json": func(set func(string, []byte)) { WriteHeldBack(set, toSnapshot) },
		"completed_1.json": func(set func(string, []byte)) {
			WriteCompleted(set, &Completed{"c-1", "orders", ` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100}}}`, ids})
		},
		"topics_1.json": func(set func(string, []byte)) { WriteTopicIDs(set, ids) },
		"beside_1.json": func(set func(string, []byte)) { WriteBeside(set, incomplete) },
		"beside_1_bytes.json": func(set func(string, []byte)) {
			of := incomplete[1]
			of.Carries = "\xff\xfe"
			WriteBeside(set, []offset.Outcome{of})
		},
	} {
		t.Run(file, func(t *testing.T) {
			write(func(key string, value []byte) {
				if want := golden(t, file); !bytes.Equal(value, want) {
					t.Errorf("%s: got  %s\nwant %s", key, value, want)
				}
				if !json.Valid(value) {
					t.Error("it is not JSON, which is all that Terraform keeps")
				}
			})
		})
	}
}

func TestWhatIsForgottenIsGone(t *testing.T) {
	private := map[string][]byte{}
	set := func(key string, value []byte) { private[key] = value }
	WriteHeldBack(set, atTime)
	WriteCompleted(set, &Completed{ClusterID: "c-1"})
	WriteTopicIDs(set, ids)
	WriteBeside(set, incomplete)
	WriteHeldBack(set, nil)
	WriteCompleted(set, nil)
	WriteTopicIDs(set, nil)
	WriteBeside(set, incomplete[:1]) // whole
	got, err := ReadKept(func(key string) []byte { return private[key] })
	if err != nil || !reflect.DeepEqual(got, Kept{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAStateOfANewerReleaseIsRefusedInWords(t *testing.T) {
	for _, key := range []string{keyHeldBack, keyCompleted, keyTopics, keyBeside} {
		if _, err := keptUnder(key, []byte(`{"version":2}`)); err == nil || !strings.Contains(err.Error(), "has the form 2, and this release of the provider knows forms up to 1") {
			t.Errorf("%s: %v", key, err)
		}
		for _, text := range []string{`[]`, `{"version":"1"}`, `{"version":1,"record":3,"ids":3,"topics":3,"partitions":3}`, `{"version":-1}`} {
			if _, err := keptUnder(key, []byte(text)); err == nil {
				t.Errorf("%s: %s was taken", key, text)
			}
		}
	}
}

func TestTheRecordsFormIsFrozen(t *testing.T) {
	for file, b := range map[string]Broker{"record_kafka.json": Kafka, "record_kafka_bytes.json": Kafka, "record_rocketmq.json": RocketMQ} {
		t.Run(file, func(t *testing.T) {
			want := string(golden(t, file))
			outcomes, err := b.ReadRecord(want, Name{Topics: []string{"orders"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := offset.EncodeRecord(outcomes, b.Dialect); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	if got := offset.BrokersIn(string(golden(t, "record_rocketmq.json"))); !slices.Equal(got, []string{"broker-a", "broker-b"}) {
		t.Errorf("brokers %v", got)
	}
	if got := offset.BrokersIn("no record"); got != nil {
		t.Errorf("brokers %v", got)
	}
	// Earlier states say of each partition whether it was clamped.
	old, err := Kafka.ReadRecord(string(golden(t, "record_kafka_0.json")), Name{})
	if err != nil {
		t.Fatal(err)
	}
	if len(old) != 3 || !old[0].Clamped || old[1].Clamped || old[1].Previous != offset.None || old[2].State != offset.NotDone {
		t.Errorf("got %+v", old)
	}
	if failed, of := offset.FailedIn(string(golden(t, "record_kafka.json"))); failed != 2 || of != 4 {
		t.Errorf("%d of %d failed", failed, of)
	}
	if failed, of := offset.FailedIn(string(golden(t, "record_rocketmq.json"))); failed != 1 || of != 4 {
		t.Errorf("%d of %d failed", failed, of)
	}
}
