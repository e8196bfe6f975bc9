package reset

import (
	"reflect"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func TestNameRoundTrip(t *testing.T) {
	for text, id := range map[string]Name{
		"billing/orders":                   {Group: "billing", Topics: []string{"orders"}},
		"billing/orders/0,2":               {Group: "billing", Topics: []string{"orders"}, Partitions: []int32{0, 2}},
		"billing/audit,orders":             {Group: "billing", Topics: []string{"audit", "orders"}},
		"billing/*":                        {Group: "billing"},
		"billing/orders?group_type=share":  {Group: "billing", Topics: []string{"orders"}, Type: offset.ShareGroup},
		"billing/*?group_type=streams":     {Group: "billing", Type: offset.StreamsGroup},
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

func TestNameOfAType(t *testing.T) {
	for text, says := range map[string]string{
		"billing/orders?group_type=shares":                  `"shares" is no group type`,
		"billing/orders?group_type=":                        "is not understood",
		"billing/orders?group_type=share&group_type=share":  "is not understood",
		"billing/orders?type=share":                         "only instance_id=… or group_type=… may stand",
		"billing/orders?group_type=share&instance_id=i-1":   "a managed instance has consumer groups only",
		"billing/orders?instance_id=i-1&group_type=streams": "a managed instance has consumer groups only",
	} {
		if _, err := ParseName(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	consumer, err := ParseName("billing/orders?group_type=consumer")
	if plain := (Name{Group: "billing", Topics: []string{"orders"}}); err != nil || !consumer.Equal(plain) || consumer.String() != plain.String() {
		t.Errorf("%+v: %v", consumer, err)
	}
	share := Name{Group: "billing", Topics: []string{"orders"}, Type: offset.ShareGroup}
	if share.Equal(consumer) {
		t.Error("a share group is taken for a consumer group")
	}
	if got, want := share.Headline("Reset"), `Reset share group "billing" on topic "orders"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"billing/orders", "billing/orders/0,2", "a/b,c", "a/*", "a%2Fb/c?instance_id=x", "a/b?group_type=share", "a/b?group_type=consumer", "a/b/1,1", "%/%"} {
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
