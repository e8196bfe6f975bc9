package reset

import (
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// keptFor is how long a preview's plan may serve an apply, and keptMoves how
// many moves are kept for it: those of the ten resources that Terraform walks at
// a time, with ten thousand partitions each. A plan of hundreds of those would
// fill the memory with what no apply asks for.
const (
	keptFor   = 2 * time.Second
	keptMoves = 100000
)

// plans keeps the plans of previews for the apply that follows at once: a
// resource is planned once more just before it is applied.
type plans struct {
	mu   sync.Mutex
	kept []keptPlan
}

type keptPlan struct {
	engine Engine
	req    offset.Request
	plan   *offset.Plan
	at     time.Time
}

func (p *plans) put(engine Engine, req offset.Request, plan *offset.Plan, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld(now)
	p.kept = append(p.kept, keptPlan{engine, req, plan, now})
	moves, from := 0, len(p.kept)
	for from > 0 && (moves == 0 || moves+len(p.kept[from-1].plan.Moves) <= keptMoves) {
		from--
		moves += len(p.kept[from].plan.Moves)
	}
	p.kept = slices.Delete(p.kept, 0, from)
}

func (p *plans) take(engine Engine, req offset.Request, now time.Time) *offset.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld(now)
	progress, leaving := req.Progress, req.Leaving
	req.Progress, req.Leaving = nil, nil
	for i, c := range p.kept {
		if c.engine == engine && reflect.DeepEqual(c.req, req) {
			p.kept = slices.Delete(p.kept, i, i+1)
			plan := *c.plan
			plan.Request = req
			plan.Request.Progress, plan.Request.Leaving = progress, leaving
			return &plan
		}
	}
	return nil
}

// drop forgets the plans of an engine, because something has been written since.
func (p *plans) drop(engine Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = slices.DeleteFunc(p.kept, func(c keptPlan) bool { return c.engine == engine })
}

func (p *plans) forgetOld(now time.Time) {
	p.kept = slices.DeleteFunc(p.kept, func(c keptPlan) bool { return now.Sub(c.at) > keptFor })
}
