package provider

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// turns keeps resets of a group and undos of older ones apart: Terraform
// destroys a resource beside the create of another, and an undo that compares
// while a reset commits would find offsets that are nobody's, or write over
// what the reset has just set.
type turns struct {
	mu sync.Mutex
	of map[turn]*semaphore.Weighted
}

// turn is a group of an engine.
type turn struct {
	engine offset.Engine
	group  string
}

// alone is the weight of an undo. Resets weigh 1: they may run beside each
// other.
const alone = 1 << 20

func (t *turns) group(engine offset.Engine, group string) *semaphore.Weighted {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[turn]*semaphore.Weighted{}
	}
	key := turn{engine, group}
	if t.of[key] == nil {
		t.of[key] = semaphore.NewWeighted(alone)
	}
	return t.of[key]
}

// take waits for a turn, until ctx is done.
func (t *turns) take(ctx context.Context, engine offset.Engine, group string, weight int64) (done func(), err error) {
	s := t.group(engine, group)
	if err := s.Acquire(ctx, weight); err != nil {
		return nil, &offset.Error{
			Code: offset.Interrupted, State: offset.NothingChanged, Err: err,
			What: fmt.Sprintf("Another resource of this run was still at work on consumer group %q", group),
			Next: "Apply again.",
		}
	}
	return func() { s.Release(weight) }, nil
}

// tryTake takes a turn of a reset if there is one without waiting.
func (t *turns) tryTake(engine offset.Engine, group string) (done func(), ok bool) {
	s := t.group(engine, group)
	return func() { s.Release(1) }, s.TryAcquire(1)
}
