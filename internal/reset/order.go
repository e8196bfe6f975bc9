package reset

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// turns keeps resets of a group and undos of older ones apart: one resource is
// destroyed beside the create of another, and an undo that compares while a
// reset commits would find offsets that are nobody's, or write over what the
// reset has just set.
type turns struct {
	mu sync.Mutex
	of map[turn]*semaphore.Weighted
}

// turn is a group of an engine.
type turn struct {
	engine Engine
	group  string
}

// alone is the weight of an undo. Resets weigh 1: they may run beside each
// other.
const alone = 1 << 20

func (t *turns) group(engine Engine, group string) *semaphore.Weighted {
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
func (t *turns) take(ctx context.Context, engine Engine, group string, weight int64) (done func(), err error) {
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
func (t *turns) tryTake(engine Engine, group string) (done func(), ok bool) {
	s := t.group(engine, group)
	return func() { s.Release(1) }, s.TryAcquire(1)
}

// claims remembers which partitions resets of this run concern. What a reset
// has set, the destroy of an older one leaves alone (a new instance may be
// created before the old one is destroyed); and two resets of one run that
// concern the same partition are told.
type claims struct {
	mu sync.Mutex
	of map[claimed][]claim
}

// claimed is a group of the cluster, or of a managed instance: groups of two
// instances may have the same name.
type claimed struct{ instance, group string }

// claim is what one reset concerns: numbers, sorted, by topic and broker.
type claim struct {
	by         *offset.Request              // whose equals are the same reset; nil equals none
	partitions map[offset.Partition][]int32 // the key's ID is 0
}

// add remembers the partitions for whoever claims them, and returns those that
// somebody else has claimed before.
func (c *claims) add(instance, group string, by *offset.Request, partitions []offset.Partition) []offset.Partition {
	mine := claim{by: by, partitions: map[offset.Partition][]int32{}}
	for len(partitions) > 0 { // those of one topic stand together
		at := partitions[0]
		at.ID = 0
		n := 1
		for n < len(partitions) && partitions[n].Topic == at.Topic && partitions[n].Broker == at.Broker {
			n++
		}
		ids := slices.Grow(mine.partitions[at], n)
		for _, p := range partitions[:n] {
			ids = append(ids, p.ID)
		}
		mine.partitions[at] = ids
		partitions = partitions[n:]
	}
	for _, ids := range mine.partitions {
		slices.Sort(ids)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[claimed][]claim{}
	}
	key := claimed{instance, group}
	var twice []offset.Partition
	others := c.of[key][:0]
	for _, other := range c.of[key] {
		if by != nil && other.by != nil && reflect.DeepEqual(*other.by, *by) { // planned once more
			continue
		}
		others = append(others, other)
		twice = append(twice, mine.both(other)...)
	}
	c.of[key] = append(others, mine)
	slices.SortFunc(twice, offset.Partition.Compare)
	return slices.Compact(twice)
}

// both returns the partitions that are in both claims.
func (c claim) both(other claim) []offset.Partition {
	var both []offset.Partition
	for at, ids := range c.partitions {
		theirs := other.partitions[at]
		for _, id := range ids {
			if _, found := slices.BinarySearch(theirs, id); found {
				at.ID = id
				both = append(both, at)
			}
		}
	}
	return both
}

// has tells which partitions somebody has claimed.
func (c *claims) has(instance, group string) func(offset.Partition) bool {
	return func(p offset.Partition) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		id := p.ID
		p.ID = 0
		for _, claim := range c.of[claimed{instance, group}] {
			if _, found := slices.BinarySearch(claim.partitions[p], id); found {
				return true
			}
		}
		return false
	}
}

// overlap tells of partitions that two resets of one run concern.
func overlap(twice []offset.Partition) []string {
	if len(twice) == 0 {
		return nil
	}
	names := make([]string, len(twice))
	for i, p := range twice {
		names[i] = p.Name()
	}
	return []string{fmt.Sprintf("Another reset of this run concerns the same group on %s: the later one wins, and an undo of the other leaves them alone or is refused. Give each its own scope.", some(names, ", "))}
}

// some names the first three of many.
func some(names []string, between string) string {
	const most = 3
	if len(names) > most {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, between)
}
