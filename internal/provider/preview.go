package provider

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

const (
	previewTimeout  = 5 * time.Second // a cluster that does not answer must not hold up a plan
	previewLines    = 10
	previewMoves    = 3
	previewMembers  = 3
	preparedForSure = 2 * time.Second
)

// previewReset asks the live cluster what the reset would do and says so in
// one warning. The state of the cluster never fails a plan: another resource
// of the same apply may create the topic or stop the consumers.
func (s *services) previewReset(ctx context.Context, diags *diag.Diagnostics, what string, b broker, req offset.Request, open func() (offset.Engine, error)) {
	if s == nil {
		s.previewUnavailable(diags, what, "the provider is not configured yet")
		return
	}
	if !s.preview {
		return
	}
	engine, err := open()
	if err != nil {
		s.previewUnavailable(diags, what, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	// What is planned while an undo runs on the group may be wrong at once.
	done, undisturbed := s.turns.tryTake(engine, req.Group)
	if undisturbed {
		defer done()
	}
	plan, err := engine.Plan(ctx, req)
	if err != nil {
		switch offset.CodeOf(err) {
		case offset.Unreachable, offset.Interrupted:
			s.previewUnavailable(diags, what, explain(err))
		default:
			diags.AddWarning(what+": this would fail if applied now", explain(err))
		}
		return
	}
	if undisturbed {
		s.prepared.put(engine, req, plan, s.clock.Now())
	}
	summary, detail := b.preview(what, plan, s.clock.Now())
	diags.AddWarning(summary, detail)
}

// previewUnavailable says that there is no preview, and why.
func (s *services) previewUnavailable(diags *diag.Diagnostics, what, why string) {
	if s != nil && !s.preview {
		return
	}
	diags.AddWarning(what+": no preview", "What the reset would do cannot be shown: "+strings.TrimSpace(why))
}

// run plans and applies a request, on no other cluster than the given one if
// it is not empty. The result is nil if it is known that nothing was written:
// then the state must not change. Terraform plans a resource once more just
// before it applies it, so that preview's plan serves.
func (s *services) run(ctx context.Context, engine offset.Engine, req offset.Request, clusterID string) (*offset.Result, error) {
	plan := s.prepared.take(engine, req, s.clock.Now())
	if plan == nil {
		var err error
		if plan, err = engine.Plan(ctx, req); err != nil {
			return nil, err
		}
	}
	if clusterID != "" && plan.ClusterID != clusterID {
		return nil, &offset.Error{
			Code:  offset.WrongCluster,
			What:  fmt.Sprintf("The reset that failed half-way was done on cluster %q, and the provider is connected to cluster %q", clusterID, plan.ClusterID),
			State: offset.NothingChanged,
			Next:  "Connect the provider to the recorded cluster and apply again.",
		}
	}
	res, err := engine.Apply(ctx, plan)
	if err != nil && (res == nil || len(offset.Touched(res.Outcomes)) == 0 && !res.InDoubt) {
		return nil, err
	}
	return res, err
}

// prepared keeps the plans of previews for the apply that follows at once.
type prepared struct {
	mu    sync.Mutex
	plans []preparedPlan
}

type preparedPlan struct {
	engine offset.Engine
	req    offset.Request
	plan   *offset.Plan
	at     time.Time
}

func (p *prepared) put(engine offset.Engine, req offset.Request, plan *offset.Plan, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld(now)
	p.plans = append(p.plans, preparedPlan{engine, req, plan, now})
}

func (p *prepared) take(engine offset.Engine, req offset.Request, now time.Time) *offset.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld(now)
	for i, c := range p.plans {
		if c.engine == engine && reflect.DeepEqual(c.req, req) {
			p.plans = slices.Delete(p.plans, i, i+1)
			return c.plan
		}
	}
	return nil
}

// drop forgets the plans of an engine, because something has been written since.
func (p *prepared) drop(engine offset.Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = slices.DeleteFunc(p.plans, func(c preparedPlan) bool { return c.engine == engine })
}

func (p *prepared) forgetOld(now time.Time) {
	p.plans = slices.DeleteFunc(p.plans, func(c preparedPlan) bool { return now.Sub(c.at) > preparedForSure })
}

// preview renders a plan: the figures in the summary, because Terraform
// collapses warnings with equal summaries and -compact-warnings shows nothing
// else, and at most ten lines below it.
func (b broker) preview(what string, plan *offset.Plan, now time.Time) (summary, detail string) {
	moves := plan.Moves
	s := offset.Summarize(moves)
	summary = what + ": " + uncounted
	if s.Counted() {
		summary = fmt.Sprintf("%s: %s of %d move, %d messages replayed, %d skipped",
			what, count(s.Moved, b.partition), s.Partitions, s.Replayed, s.Skipped)
	}

	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if err := plan.Request.Limits.Check(s); err != nil {
		add("This would fail if applied now: %s", strings.SplitN(explain(err), "\n", 2)[0])
	}
	switch n := len(plan.Members); {
	case n > 0 && b.waits:
		add("%s still active, the apply waits up to %s for them to leave: %s", countIs(n, "member"), plan.Request.Wait(), members(plan.Members))
	case n > 0:
		add("%s online and may stay so: %s", countIs(n, "consumer"), members(plan.Members))
	}
	if !plan.Instant.IsZero() {
		add("Instant: %s (%s)", plan.Instant.UTC().Format(time.RFC3339Nano), age(now.Sub(plan.Instant)))
	}
	group := "Group: " + cmp.Or(plan.State, "state unknown")
	if plan.Protocol != "" {
		group += ", protocol " + plan.Protocol
	}
	if plan.ClusterID != "" {
		group += "; cluster " + plan.ClusterID
	}
	add("%s", group)
	if atStart, atEnd := landings(moves); s.Counted() {
		add("%d back, %d forward, %d first offset, %d unchanged; %d clamped; %d at the log's start, %d at its end", s.Back, s.Forward, s.Created, s.Unchanged, s.Clamped, atStart, atEnd)
	}
	lines = append(lines, largest(moves)...)
	for _, note := range plan.Notes {
		add("%s", note)
	}
	if len(lines) > previewLines {
		more := len(lines) - previewLines + 1
		lines = append(lines[:previewLines-1], fmt.Sprintf("… and %d more lines", more))
	}
	return summary, strings.Join(lines, "\n")
}

// uncounted is said where a managed service does not tell enough.
const uncounted = "how many messages are replayed or skipped is not known"

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func countIs(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}

func members(all []offset.Member) string {
	var names []string
	for i, m := range all {
		if i == previewMembers {
			names = append(names, fmt.Sprintf("and %d more", len(all)-previewMembers))
			break
		}
		names = append(names, fmt.Sprintf("%s (%s)", cmp.Or(m.ClientID, m.ID), strings.TrimPrefix(m.Host, "/")))
	}
	return strings.Join(names, ", ")
}

func landings(moves []offset.Move) (atStart, atEnd int) {
	for _, m := range moves {
		switch {
		case m.Offset < 0:
		case m.Offset == m.End:
			atEnd++
		case m.Offset == m.Start:
			atStart++
		}
	}
	return atStart, atEnd
}

// largest returns a line for each of the moves that go farthest.
func largest(moves []offset.Move) []string {
	far := make([]offset.Move, 0, len(moves))
	for _, m := range moves {
		if d, ok := m.Delta(); ok && d != 0 {
			far = append(far, m)
		}
	}
	slices.SortStableFunc(far, func(a, b offset.Move) int { return cmp.Compare(distance(b), distance(a)) })
	var lines []string
	for _, m := range far[:min(len(far), previewMoves)] {
		d, _ := m.Delta()
		lines = append(lines, fmt.Sprintf("%s: %d → %d (%+d)", m.Name(), m.Previous, m.Offset, d))
	}
	return lines
}

func distance(m offset.Move) int64 {
	d, _ := m.Delta()
	return max(d, -d)
}

// age says how long ago an instant is, to the minute.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return d.Truncate(time.Second).String() + " ago"
	case d < 24*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s") + " ago"
	default:
		days := d / (24 * time.Hour)
		return fmt.Sprintf("%dd%dh ago", days, (d%(24*time.Hour))/time.Hour)
	}
}
