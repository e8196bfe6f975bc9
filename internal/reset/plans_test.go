package reset

import (
	"fmt"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A plan of hundreds of resets with ten thousand partitions each would keep
// half a gigabyte for an apply that does not come.
func TestKeptPlansAreBounded(t *testing.T) {
	var p plans
	now := time.Now()
	request := func(group int) offset.Request { return offset.Request{Group: fmt.Sprint(group)} }
	const kept, of = 10, 30
	for i := range of {
		p.put(nil, request(i), &offset.Plan{Moves: make([]offset.Move, keptMoves/kept)}, now)
	}
	for i := range of {
		if got, want := p.take(nil, request(i), now) != nil, i >= of-kept; got != want {
			t.Errorf("plan %d of %d is kept: %t, want %t", i, of, got, want)
		}
	}
	p.put(nil, request(0), &offset.Plan{}, now)
	p.put(nil, request(1), &offset.Plan{Moves: make([]offset.Move, 2*keptMoves)}, now)
	if p.take(nil, request(0), now) != nil || p.take(nil, request(1), now) == nil {
		t.Error("want the last plan alone, whatever its size")
	}
}
