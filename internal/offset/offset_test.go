package offset_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func kafkaMove(topic string, id int32, previous, to, start, end int64) offset.Outcome {
	return offset.Outcome{
		Move: offset.Move{
			Partition: offset.Partition{Topic: topic, ID: id},
			Previous:  previous, Offset: to, Start: start, End: end,
		},
		Seen: offset.None,
	}
}

func TestEncodeRecordIsSortedAndUnfoldsToOneLine(t *testing.T) {
	moves := []offset.Outcome{
		kafkaMove("orders", 10, 1, 2, 0, 9),
		kafkaMove("orders", 2, offset.None, 20, 20, 100),
		kafkaMove("audit", 0, 60, 20, 20, 100),
	}
	moves[0].Clamped = true
	moves[0].Fail(`no "right"`)
	moves[1].Metadata = "BQAAAXk7"
	want := ` {"audit":{"0":{"previous":60,"offset":20,"start":20,"end":100}},` +
		`"orders":{"2":{"previous":null,"offset":20,"start":20,"end":100,"metadata":"BQAAAXk7"},` +
		`"10":{"previous":1,"offset":2,"start":0,"end":9,"clamped":true,"error":"no \"right\""}}}`
	if got := offset.EncodeRecord(moves, offset.KafkaRecord); got != want {
		t.Errorf("record\n got %s\nwant %s", got, want)
	}
	if got := offset.EncodeRecord(nil, offset.KafkaRecord); got != " {}" {
		t.Errorf("empty record %q", got)
	}
	if moves[0].ID != 10 {
		t.Error("the caller's slice was reordered")
	}
}

func TestRecordRoundTrip(t *testing.T) {
	kafka := []offset.Outcome{
		kafkaMove("a/b", 0, 1, 2, 0, 9),
		kafkaMove("größe", 1, offset.None, 0, offset.None, offset.None),
	}
	kafka[0].Metadata = "{\"x\":1}"
	kafka[1].Doubt("no answer")
	rocket := offset.Outcomes([]offset.Move{
		{Partition: offset.Partition{Topic: "t", Broker: "b-0", ID: 3}, Previous: 4, Offset: 5, Start: 1, End: 9, How: "server"},
		{Partition: offset.Partition{Topic: "t", Broker: "b-1", ID: 0}, Previous: offset.None, Offset: 5, Start: 1, End: 9, How: "kept", Clamped: true},
	})
	rocket[0].Pending = true
	for name, c := range map[string]struct {
		moves   []offset.Outcome
		dialect offset.Dialect
	}{"kafka": {kafka, offset.KafkaRecord}, "rocketmq": {rocket, offset.RocketMQRecord}} {
		t.Run(name, func(t *testing.T) {
			got, err := offset.DecodeRecord(offset.EncodeRecord(c.moves, c.dialect), c.dialect, "t")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.moves) {
				t.Errorf("got %+v, want %+v", got, c.moves)
			}
		})
	}
}

func TestDecodeRecordRefusesWhatIsNoRecord(t *testing.T) {
	for _, s := range []string{"", "null and void", "[]", `{"t":{"x":{}}}`, `{"t":{"0":{"offset":"1"}}}`} {
		if _, err := offset.DecodeRecord(s, offset.KafkaRecord, ""); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100}}}`)
	f.Add(` {"b":{"0":{"previous":null,"offset":-5,"min":0,"max":1,"how":"server","pending":true,"error":"x"}}}`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range []offset.Dialect{offset.KafkaRecord, offset.RocketMQRecord} {
			moves, err := offset.DecodeRecord(s, d, "t")
			if err != nil {
				continue
			}
			again := offset.EncodeRecord(moves, d)
			if !json.Valid([]byte(again)) {
				t.Fatalf("not JSON: %s", again)
			}
			back, err := offset.DecodeRecord(again, d, "t")
			if err != nil || offset.EncodeRecord(back, d) != again {
				t.Fatalf("%q does not survive: %v", again, err)
			}
		}
	})
}

func TestSummarize(t *testing.T) {
	failed := kafkaMove("t", 6, 10, 5, 0, 20)
	failed.Fail("no")
	clamped := kafkaMove("t", 4, 10, 20, 0, 20)
	clamped.Clamped = true
	got := offset.SummarizeOutcomes([]offset.Outcome{
		kafkaMove("t", 0, 60, 20, 20, 100),          // back 40
		kafkaMove("t", 1, 60, 100, 20, 100),         // forward 40
		kafkaMove("t", 2, 60, 60, 20, 100),          // there already
		kafkaMove("t", 3, offset.None, 20, 20, 100), // first offset: 80 may be replayed
		clamped,                           // forward 10
		kafkaMove("t", 5, 5, 30, 25, 100), // 5 to 25 is no longer in the log: skips 5
		failed,                            // counts nowhere else
		kafkaMove("t", 7, 5, 30, offset.None, offset.None), // bounds unknown: 25
		kafkaMove("t", 9, 200, 20, 0, 100),                 // the topic was created again: 80
		kafkaMove("t", 8, offset.None, offset.None, 0, 10), // a managed service that tells nothing
		kafkaMove("t", 10, 60, offset.None, 0, 100),        // the same, but for the offset before
		{Move: offset.Move{Previous: offset.None, Offset: offset.None, How: "kept"}},
		kafkaMove("t", 11, 1000, 20, 0, 100), // from beyond the log's end: 80
		kafkaMove("t", 12, 20, 1000, 0, 100), // and back there, as an undo would: 80
	})
	want := offset.Summary{
		Partitions: 14, Moved: 9, Forward: 5, Back: 3, Unchanged: 2, Unknown: 2, Clamped: 1, Created: 1, Failed: 1,
		Replayed: 40 + 80 + 80 + 80, Skipped: 40 + 10 + 5 + 25 + 80,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestWhatNobodyToldIsNotCounted(t *testing.T) {
	known, unknown := kafkaMove("t", 0, 60, 20, 20, 100), kafkaMove("t", 1, 60, offset.None, 20, 100)
	failed := unknown
	failed.Fail("no")
	for name, c := range map[string]struct {
		moves         []offset.Outcome
		told, counted bool
	}{
		"no partitions": {nil, false, false},
		"all known":     {[]offset.Outcome{known}, true, true},
		"one unknown":   {[]offset.Outcome{known, unknown}, true, false},
		"one failed":    {[]offset.Outcome{known, failed}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := offset.SummarizeOutcomes(c.moves)
			if s.Told() != c.told || s.Counted() != c.counted {
				t.Errorf("told %t, counted %t", s.Told(), s.Counted())
			}
		})
	}
}

func TestLimits(t *testing.T) {
	ten, zero := int64(10), int64(0)
	over := offset.Limits{MaxReplayed: &ten, MaxSkipped: &zero}.Check(offset.Summary{Replayed: 11, Skipped: 1})
	var e *offset.Error
	if !errors.As(over, &e) || e.Code != offset.LimitExceeded || e.State != offset.NothingChanged {
		t.Fatalf("got %#v", over)
	}
	for _, part := range []string{"11 messages would be replayed", "max_replayed_messages is 10", "1 messages would be skipped", "max_skipped_messages is 0"} {
		if !strings.Contains(over.Error(), part) {
			t.Errorf("%q does not say %q", over, part)
		}
	}
	if err := (offset.Limits{MaxReplayed: &ten}).Check(offset.Summary{Replayed: 10, Skipped: 99}); err != nil {
		t.Errorf("at the limit, and without one: %v", err)
	}
}

func TestErrorSaysWhatStateAndNext(t *testing.T) {
	cause := errors.New("EOF")
	err := &offset.Error{Code: offset.Unreachable, What: "ask for offsets", State: offset.NothingChanged, Next: "Try again.", Err: cause}
	if got, want := err.Error(), "ask for offsets: EOF. Nothing was changed. Try again"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, cause) || offset.CodeOf(err) != offset.Unreachable || offset.CodeOf(cause) != offset.Failed {
		t.Error("the cause or the code got lost")
	}
}

// A partition without an offset hides how far it is moved: limits must not let
// it through uncounted.
func TestAFirstOffsetCountsAtItsUpperBound(t *testing.T) {
	zero := int64(0)
	limits := offset.Limits{MaxReplayed: &zero, MaxSkipped: &zero}
	for name, c := range map[string]struct {
		to                int64
		replayed, skipped int64
	}{"to the start": {100, 5000, 0}, "to the end": {5100, 0, 5000}, "between": {1100, 4000, 1000}} {
		t.Run(name, func(t *testing.T) {
			s := offset.Summarize([]offset.Move{kafkaMove("t", 0, offset.None, c.to, 100, 5100).Move})
			if s.Replayed != c.replayed || s.Skipped != c.skipped {
				t.Errorf("%d replayed, %d skipped", s.Replayed, s.Skipped)
			}
			if limits.Check(s) == nil {
				t.Error("the limits let it through")
			}
		})
	}
}

// A record says a long reason once, and reads back as it was.
func TestRecordSaysALongReasonOnce(t *testing.T) {
	long := strings.Repeat("The Kafka cluster could not be asked. ", 3)
	var outcomes []offset.Outcome
	for i := range int32(6) {
		outcomes = append(outcomes, offset.Outcome{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: i}, Previous: 5, Offset: 3, Start: 0, End: 9}, Seen: offset.None})
	}
	for _, i := range []int{1, 3, 5} {
		outcomes[i].Doubt(long)
	}
	outcomes[2].Fail("the group became active")
	outcomes[4].Fail("the group became active")
	record := offset.EncodeRecord(outcomes, offset.KafkaRecord)
	if n := strings.Count(record, long); n != 1 {
		t.Errorf("it is said %d times: %s", n, record)
	}
	if !strings.Contains(record, `"error":"as orders-1"`) || strings.Count(record, "became active") != 2 {
		t.Errorf("record %s", record)
	}
	if failed, of := offset.FailedIn(record); failed != 5 || of != 6 {
		t.Errorf("%d of %d failed", failed, of)
	}
	again, err := offset.DecodeRecord(record, offset.KafkaRecord, "")
	if err != nil || !reflect.DeepEqual(again, outcomes) {
		t.Errorf("%+v, %v; want %+v", again, err, outcomes)
	}
}

func TestCapital(t *testing.T) {
	for in, want := range map[string]string{"": "", "group": "Group", "Group": "Group", "élan": "Élan", "\xff": "\xff", "1 group": "1 group"} {
		if got := offset.Capital(in); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
}
