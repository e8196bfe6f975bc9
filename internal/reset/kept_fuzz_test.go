package reset_test

import (
	"reflect"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// Whatever stands in the private part of a state is read or refused, and what
// was read survives being written.
func FuzzReadKept(f *testing.F) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `"x"`, `{"version":1}`, `{"version":2}`, `{"version":-1}`, `{"version":"1"}`, `{"version":1e3}`,
		`{"version":1,"topics":["t"],"partitions":[1],"target":"time","time":"2026-03-01T14:00:00+02:00"}`,
		`{"version":1,"all_topics":true,"target":"shift","shift":-5,"lookback":9223372036854775807}`,
		`{"version":1,"target":"offsets","offsets":{"t":{"0":1}}}`, `{"version":1,"offsets":{"t":{"x":1}}}`,
		`{"Scope":{"Topics":["t"]},"Target":{"Kind":"time","Time":"0001-01-01T00:00:00Z","Offsets":null}}`,
		`{"version":1,"cluster":"c","topic":"t","record":" {}","topic_ids":{"t":"x"}}`, `{"version":1,"ids":{"t":"AAAA"}}`, `{"version":1,"ids":{"t":null}}`,
		`{"version":1,"partitions":[{"topic":"t","partition":1,"metadata":"x"},{"topic":"t","broker":"b","partition":2,"overwritten":true}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// The text under each of the keys, whichever they are.
		for n := range 4 {
			asked := 0
			kept, err := reset.ReadKept(func(string) []byte {
				if asked++; asked == n+1 {
					return text
				}
				return nil
			})
			if err != nil {
				continue
			}
			stored := map[string][]byte{}
			set := func(key string, value []byte) { stored[key] = value }
			reset.WriteHeldBack(set, kept.HeldBack)
			reset.WriteCompleted(set, kept.Completed)
			reset.WriteTopicIDs(set, kept.TopicIDs)
			reset.WriteBeside(set, beside(kept))
			again, err := reset.ReadKept(func(key string) []byte { return stored[key] })
			if err != nil {
				t.Fatalf("%q became %q, which is not read: %v", text, stored, err)
			}
			if len(kept.TopicIDs) == 0 {
				kept.TopicIDs = nil // none
			}
			if !reflect.DeepEqual(normal(kept), normal(again)) {
				t.Fatalf("%+v became %+v", kept, again)
			}
		}
	})
}

// beside returns outcomes of which as much is to be kept.
func beside(k reset.Kept) []offset.Outcome {
	failed := offset.Outcome{Move: offset.Move{Partition: offset.Partition{Topic: "failed", ID: -1}}}
	failed.Fail("no")
	outcomes := []offset.Outcome{failed}
	for p, b := range k.Beside {
		o := offset.Outcome{Move: offset.Move{Partition: p, Carries: b.Carries}}
		if b.Overwritten {
			o.State = offset.Elsewhere
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// normal takes away what means the same: an empty list and none.
func normal(k reset.Kept) reset.Kept {
	if m := k.HeldBack; m != nil {
		copied := *m
		if len(copied.Scope.Topics) == 0 {
			copied.Scope.Topics = nil
		}
		if len(copied.Scope.Partitions) == 0 {
			copied.Scope.Partitions = nil
		}
		if len(copied.Target.Offsets) == 0 {
			copied.Target.Offsets = nil
		}
		copied.Target.Time = copied.Target.Time.UTC()
		k.HeldBack = &copied
	}
	if c := k.Completed; c != nil && len(c.TopicIDs) == 0 {
		copied := *c
		copied.TopicIDs = nil
		k.Completed = &copied
	}
	for p, b := range k.Beside {
		if b == (reset.Beside{}) { // It says nothing.
			delete(k.Beside, p)
		}
	}
	if len(k.Beside) == 0 {
		k.Beside = nil
	}
	return k
}
