package reset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

const (
	// previewWithin bounds a preview: a cluster that does not answer must not
	// hold up a plan.
	previewWithin  = 5 * time.Second
	previewLines   = 10
	previewMoves   = 3
	previewMembers = 3
)

// Preview asks the live cluster what an attempt would do, and says so in one
// warning. The state of the cluster is no failure: something else of the same
// run may create the topic or stop the consumers. What goes first in the
// headline is the verb.
func (r *Run) Preview(ctx context.Context, open Open, verb string, a Attempt) []Notice {
	headline := NameOf(a.Request).Headline(verb)
	if a.goesBack() {
		return []Notice{NoPreview(headline, "the last reset failed half-way. What it moved is put back first, and the new targets are resolved from there.")}
	}
	engine, err := open()
	if err != nil {
		return []Notice{NoPreview(headline, err.Error())}
	}
	ctx, cancel := context.WithTimeout(ctx, previewWithin)
	defer cancel()
	// What is planned while an undo runs on the group may be wrong at once.
	done, undisturbed := r.turns.tryTake(engine, a.Request.Group)
	if undisturbed {
		defer done()
	}
	left := remainder{request: a.Request}
	if a.Last != nil && a.Decision.Do == Resume {
		left, err = r.remainder(ctx, engine, a)
	}
	req, plan := left.request, left.plan
	switch {
	case err != nil:
	case left.nothing:
		return []Notice{warning(headline+": nothing is left to write", strings.Join(append([]string{"Why: " + a.Decision.Reason}, left.notes...), "\n"))}
	case plan == nil:
		asked := req
		asked.Recent = true
		plan, err = engine.Plan(ctx, asked)
	}
	if err != nil {
		switch offset.CodeOf(err) {
		case offset.Unreachable, offset.Interrupted:
			return []Notice{NoPreview(headline, Explain(err))}
		default:
			return []Notice{warning(headline+": this would fail if applied now", Explain(err))}
		}
	}
	if undisturbed {
		r.plans.put(engine, req, plan, r.clock.Now())
	}
	partitions := make([]offset.Partition, len(plan.Moves))
	for i, m := range plan.Moves {
		partitions[i] = m.Partition
	}
	twice := r.planned.add(a.Instance, req.Group, &req, partitions)
	reason := ""
	if a.Decision.Reason != isNew {
		reason = a.Decision.Reason
	}
	summary, detail := a.Broker.preview(headline, reason, plan, slices.Concat(overlap(twice), left.notes), r.clock.Now())
	return []Notice{warning(summary, detail)}
}

// NoPreview says that what a reset would do cannot be shown, and why.
func NoPreview(headline, why string) Notice {
	return warning(headline+": no preview", "What the reset would do cannot be shown: "+strings.TrimSpace(why))
}

// preview renders a plan: the figures in the summary, because warnings with
// equal summaries are collapsed, and a compact output shows nothing else, and
// at most ten lines below it.
func (b Broker) preview(what, reason string, plan *offset.Plan, more []string, now time.Time) (summary, detail string) {
	s := offset.Summarize(plan.Moves)
	summary = what + ": " + uncounted
	if s.Counted() {
		summary = fmt.Sprintf("%s: %s of %d move, %d messages replayed, %d skipped",
			what, count(s.Moved, b.Noun), s.Partitions, s.Replayed, s.Skipped)
	}

	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if reason != "" {
		add("Why: %s", reason)
	}
	if err := plan.Request.Limits.Check(s); err != nil {
		add("This would fail if applied now: %s", strings.SplitN(Explain(err), "\n", 2)[0])
	}
	lines = append(lines, more...)
	switch n := len(plan.Members); {
	case n > 0 && b.Waits:
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
	if atStart, atEnd := landings(plan.Moves); s.Counted() {
		add("%d back, %d forward, %d first offset, %d unchanged; %d clamped; %d at the log's start, %d at its end", s.Back, s.Forward, s.Created, s.Unchanged, s.Clamped, atStart, atEnd)
	}
	lines = append(lines, largest(plan.Moves)...)
	lines = append(lines, plan.Notes...)
	if len(lines) > previewLines {
		more := len(lines) - previewLines + 1
		lines = append(lines[:previewLines-1], fmt.Sprintf("… and %d more lines", more))
	}
	return summary, strings.Join(lines, "\n")
}

// uncounted is said where a managed service does not tell enough.
const uncounted = "how many messages are replayed or skipped is not known"

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
	for i := range moves {
		switch m := &moves[i]; {
		case m.Offset < 0:
		case m.Offset == m.End:
			atEnd++
		case m.Offset == m.Start:
			atStart++
		}
	}
	return atStart, atEnd
}

// largest returns a line for each of the moves that go farthest, the first of
// those that go equally far.
func largest(moves []offset.Move) []string {
	var far []*offset.Move // sorted, and no more than are told: there may be ten thousands to choose from
	for i := range moves {
		m := &moves[i]
		d := distance(m)
		if d == 0 || len(far) == previewMoves && d <= distance(far[previewMoves-1]) {
			continue
		}
		at := len(far)
		for at > 0 && distance(far[at-1]) < d {
			at--
		}
		far = slices.Insert(far, at, m)
		far = far[:min(len(far), previewMoves)]
	}
	var lines []string
	for _, m := range far {
		d, _ := m.Delta()
		lines = append(lines, fmt.Sprintf("%s: %d → %d (%+d)", m.Name(), m.Previous, m.Offset, d))
	}
	return lines
}

// distance returns how far a move goes in either direction; 0 if nobody knows.
func distance(m *offset.Move) int64 {
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

// resultLines bounds one message of results.
const resultLines = 100

// Results tells what a reset did, partition by partition, and in the end in sum.
func (b Broker) Results(res *offset.Result) []string {
	var messages []string
	var lines []string
	for i, o := range res.Outcomes {
		lines = append(lines, resultLine(o))
		if len(lines) == resultLines || i == len(res.Outcomes)-1 {
			messages = append(messages, strings.Join(lines, "\n"))
			lines = nil
		}
	}
	s := offset.SummarizeOutcomes(res.Outcomes)
	if !s.Counted() {
		return append(messages, uncounted)
	}
	return append(messages, fmt.Sprintf("%s of %d moved, %d messages replayed, %d skipped, %d failed", count(s.Moved, b.Noun), s.Partitions, s.Replayed, s.Skipped, s.Failed))
}

func number(n int64) string {
	if n < 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

func resultLine(o offset.Outcome) string {
	switch line := fmt.Sprintf("%s: %s", o.Name(), number(o.Previous)); {
	case o.Failed():
		return fmt.Sprintf("%s, failed: %s", line, o.Reason)
	case o.Clamped:
		return fmt.Sprintf("%s → %s (clamped)", line, number(o.Offset))
	default:
		return fmt.Sprintf("%s → %s", line, number(o.Offset))
	}
}
