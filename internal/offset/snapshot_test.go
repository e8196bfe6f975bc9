package offset_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func aSnapshot() *offset.Snapshot {
	s := &offset.Snapshot{
		ClusterID: "west", Group: "billing <&>", TakenAt: time.Date(2026, 3, 1, 12, 0, 0, 123000000, time.UTC),
		Salt: []byte("0123456789abcdef"),
	}
	mark := func(at, ms int64, value string) *offset.Mark {
		return &offset.Mark{Offset: at, Time: ms, Fingerprint: s.Fingerprint(nil, []byte(value))}
	}
	s.Topics = []offset.SnapshotTopic{
		{Name: "audit", Partitions: []offset.Place{{Committed: offset.None, End: 4}, {Committed: 0, End: 4, Next: mark(0, -1, "x")}}},
		{Name: "orders", ID: "DkP-_w", Partitions: []offset.Place{
			{Committed: 12, Metadata: `{"a":1}`, Start: 3, End: 40, Next: mark(14, 99, "b"), Last: mark(11, 98, "a")},
			{Committed: 40, Start: 3, End: 40, Last: mark(39, 98, "a"), Before: mark(37, 98, "a")},
			{Committed: 2, Start: 3, End: 40},
			{Committed: 0},
		}},
	}
	return s
}

func encode(t testing.TB, s *offset.Snapshot) string {
	t.Helper()
	text, err := offset.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSnapshotRoundTrip(t *testing.T) {
	s := aSnapshot()
	text := encode(t, s)
	if !strings.HasPrefix(text, " {") {
		t.Errorf("Terraform would unfold %.20q", text)
	}
	got, err := offset.DecodeSnapshot(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v\nwant %+v", got, s)
	}
	// jsonencode(jsondecode(…)) changes the order of keys and the spaces alone.
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(tree, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := offset.DecodeSnapshot(string(again)); err != nil {
		t.Errorf("after jsondecode and jsonencode: %v", err)
	}
	want := offset.Offsets{"audit": {1: 0}, "orders": {0: 12, 1: 40, 2: 2, 3: 0}}
	if got := s.Offsets(); !reflect.DeepEqual(got, want) {
		t.Errorf("offsets %v", got)
	}
	if s.Topic("orders") != &s.Topics[1] || s.Topic("order") != nil {
		t.Error("a topic is not found by its name")
	}
}

func TestSnapshotThatIsDamagedIsRefused(t *testing.T) {
	text := encode(t, aSnapshot())
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "no snapshot"},
		"a record":          {` {"orders":{"0":{"previous":1}}}`, "no version"},
		"cut off":           {text[:len(text)/2], "only a part"},
		"a later version":   {strings.Replace(text, `"version":1`, `"version":2`, 1), "version 2, and this release of the provider reads version 1"},
		"a changed figure":  {strings.Replace(text, "[12,40,2,0]", "[13,40,2,0]", 1), "damaged"},
		"a changed group":   {strings.Replace(text, "billing", "shipping", 1), "damaged"},
		"a field too many":  {strings.Replace(text, `"version":1`, `"version":1,"payload":"x"`, 1), "damaged"},
		"something after":   {text + "{}", "only a part"},
		"too large":         {strings.Repeat(" ", offset.MaxSnapshotBytes) + text, "at most"},
		"another shape":     {`{"version":1,"topics":[]}`, "damaged"},
		"without an offset": {encode(t, &offset.Snapshot{Group: "g", Salt: make([]byte, 16)}), "no offset"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := offset.DecodeSnapshot(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSnapshotThatCannotBeIsRefused(t *testing.T) {
	mark := &offset.Mark{Offset: 5}
	for name, p := range map[string]offset.Place{
		"the end before the start":           {Committed: 5, Start: 9, End: 8},
		"the next before the committed":      {Committed: 6, End: 9, Next: mark},
		"the last at the committed":          {Committed: 5, End: 9, Last: mark},
		"a record of an offset that's not":   {Committed: offset.None, End: 9, Next: mark},
		"one before the last without a last": {Committed: 6, End: 9, Before: mark},
		"a record where it is lost":          {Committed: 2, Start: 3, End: 9, Next: mark},
	} {
		t.Run(name, func(t *testing.T) {
			s := aSnapshot()
			s.Topics[1].Partitions[0] = p
			if _, err := offset.DecodeSnapshot(encode(t, s)); err == nil || !strings.Contains(err.Error(), "orders-0") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFingerprintTellsNullFromEmptyAndKeyFromValue(t *testing.T) {
	s := aSnapshot()
	seen := map[offset.Fingerprint]string{}
	for name, kv := range map[string][2][]byte{
		"nothing": {nil, nil}, "empty value": {nil, {}}, "empty key": {{}, nil}, "both empty": {{}, {}},
		"ab": {[]byte("ab"), nil}, "a b": {[]byte("a"), []byte("b")}, "value ab": {nil, []byte("ab")},
	} {
		f := s.Fingerprint(kv[0], kv[1])
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q have the same fingerprint", name, other)
		}
		seen[f] = name
	}
	other := aSnapshot()
	other.Salt = offset.NewSalt()
	if other.Fingerprint(nil, nil) == s.Fingerprint(nil, nil) || len(other.Salt) != 16 {
		t.Error("the salt does not count")
	}
}

// TestSnapshotHoldsNoPayloadAndLittle encodes a thousand partitions as large
// as they get and counts what a state would hold of them.
func TestSnapshotHoldsNoPayloadAndLittle(t *testing.T) {
	s := aSnapshot()
	const secret = "a payload nobody may see"
	var places []offset.Place
	for i := range int64(1000) {
		at := 9_000_000_000 + i*1001
		places = append(places, offset.Place{
			Committed: at, Start: at - 900_000_000, End: at + 1000,
			Next: &offset.Mark{Offset: at, Time: 1_772_366_400_000 + i, Fingerprint: s.Fingerprint([]byte(secret), fmt.Append(nil, secret, i))},
			Last: &offset.Mark{Offset: at - 1, Time: 1_772_366_400_000 + i, Fingerprint: s.Fingerprint(nil, fmt.Append(nil, secret, i))},
		})
	}
	s.Topics = []offset.SnapshotTopic{{Name: "orders", ID: "DkP-_wDkP-_wDkP-_wDkP-", Partitions: places}}
	text := encode(t, s)
	state, err := json.MarshalIndent(map[string]any{"snapshot": text, "offsets": s.Offsets()}, "          ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000 partitions: %d bytes, in a state %d", len(text), len(state))
	if len(state) > 220_000 {
		t.Errorf("%d bytes in a state", len(state))
	}
	if strings.Contains(text, secret) {
		t.Error("a payload is in the snapshot")
	}
	if _, err := offset.DecodeSnapshot(text); err != nil {
		t.Error(err)
	}
}

func TestSnapshotTooLargeIsRefusedWhenTaken(t *testing.T) {
	s := aSnapshot()
	s.Topics[0].Partitions[1].Metadata = strings.Repeat("x", offset.MaxSnapshotBytes)
	if _, err := offset.EncodeSnapshot(s); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	text := encode(f, aSnapshot())
	f.Add(text)
	f.Add(text[:100])
	f.Add(strings.Replace(text, "null", "1", 1))
	f.Add(`{"version":1,"checksum":"","topics":{"a":{"committed":[1],"start":[0],"end":[2],"next":{"offset":[null]},"last":{}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := offset.DecodeSnapshot(text)
		if err != nil {
			return
		}
		again, err := offset.EncodeSnapshot(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := offset.DecodeSnapshot(again)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("%q does not survive: %v", again, err)
		}
	})
}
