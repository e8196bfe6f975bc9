package provider

import (
	"reflect"
	"testing"
)

func TestResetIDRoundTrip(t *testing.T) {
	for text, id := range map[string]resetID{
		"billing/orders":                   {group: "billing", topics: []string{"orders"}},
		"billing/orders/0,2":               {group: "billing", topics: []string{"orders"}, partitions: []int32{0, 2}},
		"billing/audit,orders":             {group: "billing", topics: []string{"audit", "orders"}},
		"billing/*":                        {group: "billing"},
		"billing/orders?instance_id=a%2Fb": {group: "billing", topics: []string{"orders"}, instance: "a/b"},
		"a%2Fb%2Cc%25d%3Fe%2Af/%2A":        {group: "a/b,c%d?e*f", topics: []string{"*"}},
		"gr üße/ö":                         {group: "gr üße", topics: []string{"ö"}},
	} {
		if got := id.String(); got != text {
			t.Errorf("%+v is written as %q, want %q", id, got, text)
		}
		got, err := parseResetID(text)
		if err != nil || !reflect.DeepEqual(got, id) {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, id)
		}
	}
}

func FuzzParseResetID(f *testing.F) {
	for _, s := range []string{"billing/orders", "billing/orders/0,2", "a/b,c", "a/*", "a%2Fb/c?instance_id=x", "a/b/1,1", "%/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := parseResetID(s)
		if err != nil {
			return
		}
		again, err := parseResetID(id.String())
		if err != nil || !again.equal(id) {
			t.Fatalf("%q is read as %+v, which is written as %q and read as %+v, %v", s, id, id.String(), again, err)
		}
	})
}
