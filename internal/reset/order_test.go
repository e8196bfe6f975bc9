package reset

import (
	"slices"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func partitionsOf(topic string, ids ...int32) []offset.Partition {
	var all []offset.Partition
	for _, id := range ids {
		all = append(all, offset.Partition{Topic: topic, ID: id})
	}
	return all
}

func TestClaims(t *testing.T) {
	var c claims
	a := &offset.Request{Group: "billing", Target: offset.Target{Kind: offset.ToEarliest}}
	b := &offset.Request{Group: "billing", Target: offset.Target{Kind: offset.ToLatest}}
	equal := *a
	if twice := c.add("", "billing", a, partitionsOf("orders", 2, 0, 1)); twice != nil {
		t.Errorf("the first is told to overlap: %v", twice)
	}
	if twice := c.add("", "billing", &equal, partitionsOf("orders", 0, 1, 2)); twice != nil {
		t.Errorf("a reset that is planned once more overlaps with itself: %v", twice)
	}
	if twice := c.add("", "billing", b, append(partitionsOf("orders", 1, 3), partitionsOf("audit", 0)...)); !slices.Equal(twice, partitionsOf("orders", 1)) {
		t.Errorf("overlap %v", twice)
	}
	for name, group := range map[string][2]string{"another group": {"", "audit"}, "another instance": {"i-1", "billing"}} {
		if twice := c.add(group[0], group[1], b, partitionsOf("orders", 1)); twice != nil {
			t.Errorf("%s overlaps: %v", name, twice)
		}
	}
	has := c.has("", "billing")
	for p, want := range map[offset.Partition]bool{
		{Topic: "orders", ID: 2}: true, {Topic: "orders", ID: 3}: true, {Topic: "orders", ID: 4}: false,
		{Topic: "audit", ID: 0}: true, {Topic: "audit", ID: 1}: false, {Topic: "orders", Broker: "b", ID: 1}: false,
	} {
		if has(p) != want {
			t.Errorf("%v claimed: %t", p, !want)
		}
	}
}

// Whoever applies two resets of the same partitions at once should know that
// one of them will not last.
func TestAnOverlapIsToldInFewWords(t *testing.T) {
	lines := overlap(partitionsOf("orders", 0, 1, 2, 3, 4))
	if len(lines) != 1 || !strings.Contains(lines[0], "orders-0, orders-1, orders-2, and 2 more") {
		t.Errorf("got %q", lines)
	}
	if overlap(nil) != nil {
		t.Error("nothing is told as something")
	}
}
