package reset

import (
	"reflect"
	"testing"
)

func TestNameRoundTrip(t *testing.T) {
	for text, id := range map[string]Name{
		"billing/orders":                   {Group: "billing", Topics: []string{"orders"}},
		"billing/orders/0,2":               {Group: "billing", Topics: []string{"orders"}, Partitions: []int32{0, 2}},
		"billing/audit,orders":             {Group: "billing", Topics: []string{"audit", "orders"}},
		"billing/*":                        {Group: "billing"},
		"billing/orders?instance_id=a%2Fb": {Group: "billing", Topics: []string{"orders"}, Instance: "a/b"},
		"a%2Fb%2Cc%25d%3Fe%2Af/%2A":        {Group: "a/b,c%d?e*f", Topics: []string{"*"}},
		"gr üße/ö":                         {Group: "gr üße", Topics: []string{"ö"}},
	} {
		if got := id.String(); got != text {
			t.Errorf("%+v is written as %q, want %q", id, got, text)
		}
		got, err := ParseName(text)
		if err != nil || !reflect.DeepEqual(got, id) {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, id)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"billing/orders", "billing/orders/0,2", "a/b,c", "a/*", "a%2Fb/c?instance_id=x", "a/b/1,1", "%/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseName(s)
		if err != nil {
			return
		}
		again, err := ParseName(id.String())
		if err != nil || !again.Equal(id) {
			t.Fatalf("%q is read as %+v, which is written as %q and read as %+v, %v", s, id, id.String(), again, err)
		}
	})
}
