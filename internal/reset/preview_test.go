package reset_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// planned is an engine whose plans are given.
type planned struct {
	*memory
	plan func(ctx context.Context, req offset.Request) (*offset.Plan, error)
}

func (p planned) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	return p.plan(ctx, req)
}

// previewed returns the one notice of a preview of an attempt, whose plan is
// given.
func previewed(t *testing.T, a reset.Attempt, plan offset.Plan, err error) reset.Notice {
	t.Helper()
	engine := &planned{newMemory(), func(_ context.Context, req offset.Request) (*offset.Plan, error) {
		if err != nil {
			return nil, err
		}
		plan.Request = req
		return &plan, nil
	}}
	notices := reset.NewRun(&hands{now: contractBase}).Preview(t.Context(), func() (reset.Engine, error) { return engine, nil }, "Reset", a)
	if len(notices) != 1 || notices[0].Severity != reset.Warning {
		t.Fatalf("notices %+v", notices)
	}
	return notices[0]
}

func move(id int32, previous, at int64) offset.Move {
	return offset.Move{Partition: offset.Partition{Topic: "orders", ID: id}, Previous: previous, Offset: at, Start: 10, End: 100}
}

func TestPreviewWords(t *testing.T) {
	unknown := move(1, offset.None, offset.None)
	clamped := move(2, 60, 100)
	clamped.Clamped = true
	members := []offset.Member{{ClientID: "a", Host: "/10.0.0.1"}, {ID: "b-1", Host: "10.0.0.2"}, {ClientID: "c"}, {ClientID: "d"}, {ClientID: "e"}}
	limited := attempt(to(20))
	limit := int64(10)
	limited.Request.Limits.MaxReplayed = &limit
	triggered := attempt(to(20))
	triggered.Decision.Reason = "triggers changed"
	queues := attempt(to(20))
	queues.Broker = reset.RocketMQ
	patient := attempt(to(20))
	wait := 90 * time.Second
	patient.Request.WaitForInactive = &wait
	for name, c := range map[string]struct {
		attempt  reset.Attempt
		plan     offset.Plan
		headline string
		text     string
	}{
		"all kinds of moves": {attempt(to(20)), offset.Plan{State: "Empty", Protocol: "classic", ClusterID: "c1", Moves: []offset.Move{move(0, 60, 20), move(1, 60, 60), clamped, move(3, offset.None, 10)}},
			"3 partitions of 4 move, 130 messages replayed, 40 skipped",
			"Group: Empty, protocol classic; cluster c1\n1 back, 1 forward, 1 first offset, 1 unchanged; 1 clamped; 1 at the log's start, 1 at its end\norders-0: 60 → 20 (-40)\norders-2: 60 → 100 (+40)"},
		"the farthest first": {attempt(to(20)), offset.Plan{Moves: []offset.Move{move(0, 60, 59), move(1, 60, 20), move(2, 60, 90), move(3, 60, 62)}},
			"4 partitions of 4 move, 41 messages replayed, 32 skipped",
			"Group: state unknown\n2 back, 2 forward, 0 first offset, 0 unchanged; 0 clamped; 0 at the log's start, 0 at its end\norders-1: 60 → 20 (-40)\norders-2: 60 → 90 (+30)\norders-3: 60 → 62 (+2)"},
		"of equals the first": {attempt(to(20)), offset.Plan{Moves: []offset.Move{move(0, 60, 65), move(1, 60, 60), move(2, 60, 20), move(3, 60, 65), move(4, 50, 90), move(5, 60, 20), move(6, 60, 99), move(7, offset.None, 90)}},
			"7 partitions of 8 move",
			"orders-2: 60 → 20 (-40)\norders-4: 50 → 90 (+40)\norders-5: 60 → 20 (-40)"},
		"one":      {attempt(to(20)), offset.Plan{Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move", "Group:"},
		"a reason": {triggered, offset.Plan{Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move", "Why: triggers changed\nGroup:"},
		"over a limit": {limited, offset.Plan{Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move",
			"This would fail if applied now: 40 messages would be replayed and max_replayed_messages is 10.\nGroup:"},
		"members that are waited for": {patient, offset.Plan{Members: members, Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move",
			"5 members are still active, the apply waits up to 1m30s for them to leave: a (10.0.0.1), b-1 (10.0.0.2), c (), and 2 more\nGroup:"},
		"a member, by default": {attempt(to(20)), offset.Plan{Members: members[:1], Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move",
			"1 member is still active, the apply waits up to 1m0s for them to leave: a (10.0.0.1)\nGroup:"},
		"members that may stay": {queues, offset.Plan{Members: members[:2], Moves: []offset.Move{move(0, 60, 20)}}, "1 queue of 1 move",
			"2 consumers are online and may stay so: a (10.0.0.1), b-1 (10.0.0.2)\nGroup:"},
		"an instant": {attempt(to(20)), offset.Plan{Instant: contractBase.Add(-26*time.Hour - 5*time.Minute), Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move",
			"Instant: 2026-02-28T11:55:00Z (1d2h ago)\nGroup:"},
		"an instant to come":     {attempt(to(20)), offset.Plan{Instant: contractBase.Add(time.Hour), Moves: []offset.Move{move(0, 60, 20)}}, "", "(in the future)"},
		"an instant of minutes":  {attempt(to(20)), offset.Plan{Instant: contractBase.Add(-95 * time.Minute), Moves: []offset.Move{move(0, 60, 20)}}, "", "(1h35m ago)"},
		"an instant of seconds":  {attempt(to(20)), offset.Plan{Instant: contractBase.Add(-5500 * time.Millisecond), Moves: []offset.Move{move(0, 60, 20)}}, "", "(5s ago)"},
		"nothing told":           {attempt(to(20)), offset.Plan{State: "Empty", Notes: []string{"It tells nothing."}}, "how many messages are replayed or skipped is not known", "Group: Empty\nIt tells nothing."},
		"not all told":           {attempt(to(20)), offset.Plan{State: "Empty", Moves: []offset.Move{move(0, 60, 20), unknown}}, "how many messages are replayed or skipped is not known", "Group: Empty\norders-0: 60 → 20 (-40)"},
		"no more lines than fit": {attempt(to(20)), offset.Plan{Notes: strings.Split(strings.Repeat("note ", 12), " "), Moves: []offset.Move{move(0, 60, 20)}}, "1 partition of 1 move", "note\n… and 7 more lines"},
	} {
		t.Run(name, func(t *testing.T) {
			n := previewed(t, c.attempt, c.plan, nil)
			if !strings.HasPrefix(n.Headline, `Reset consumer group "billing" on topic "orders": `+c.headline) {
				t.Errorf("headline %q", n.Headline)
			}
			if !strings.Contains(n.Text, c.text) {
				t.Errorf("got\n%s\nwant\n%s", n.Text, c.text)
			}
			if lines := strings.Count(n.Text, "\n") + 1; lines > 10 {
				t.Errorf("%d lines", lines)
			}
		})
	}
}

// What a cluster says now is no failure of a plan: something else of the same
// run may mend it.
func TestPreviewOfWhatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says []string
	}{
		"refused":     {&offset.Error{Code: offset.TopicMissing, What: "the topic does not exist", Next: "Make it."}, []string{": this would fail if applied now", "The topic does not exist.\n\nMake it."}},
		"unreachable": {&offset.Error{Code: offset.Unreachable, What: "no broker answers"}, []string{": no preview", "cannot be shown: No broker answers."}},
		"too slow":    {&offset.Error{Code: offset.Interrupted, What: "out of time"}, []string{": no preview", "Out of time."}},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, []reset.Notice{previewed(t, attempt(to(20)), offset.Plan{}, c.err)}, c.says...)
		})
	}
	run := newRun()
	says(t, run.Preview(t.Context(), func() (reset.Engine, error) { return nil, errors.New("nowhere") }, "Reset", attempt(to(20))), ": no preview", "cannot be shown: nowhere")
}

// A preview of a resume is of the rest, and of what begins with going back
// there is none: its targets are resolved from there.
func TestPreviewAfterAFailureHalfWay(t *testing.T) {
	m := newMemory()
	last := half(t, m, newRun())
	run := newRun()
	says(t, run.Preview(t.Context(), m.opening(), "Reset", after(last, goesOn, to(20))), "1 partition of 1 move, 40 messages replayed", "Why: it goes on: 1 of 3 partitions failed", "orders-1: 60 → 20")
	calls(t, m, "plan")
	says(t, run.Preview(t.Context(), m.opening(), "Reset", after(last, anew, to(30))), ": no preview", "the last reset failed half-way. What it moved is put back first")
	calls(t, m, "")
	// Nothing of it had landed: there is nothing to go back from.
	for i := range last.Outcomes {
		last.Outcomes[i].Fail("no")
	}
	says(t, run.Preview(t.Context(), m.opening(), "Reset", after(last, anew, to(30))), "3 partitions of 3 move")
	last.Outcomes[0].Offset = offset.None
	says(t, run.Preview(t.Context(), m.opening(), "Reset", after(last, goesOn, to(30))), "this would fail if applied now", "does not tell where orders-0 was to be put")
}

// The plan of a resume is kept for it, too.
func TestPreviewOfAResumeServesIt(t *testing.T) {
	m := newMemory()
	last := half(t, m, newRun())
	run := newRun()
	run.Preview(t.Context(), m.opening(), "Reset", after(last, goesOn, to(20)))
	run.Reset(t.Context(), m.opening(), after(last, goesOn, to(20)))
	is(t, m, "billing", 20, 20, 20)
	calls(t, m, "plan apply")
}

func TestPreviewsThatOverlapAreTold(t *testing.T) {
	m := newMemory()
	run := newRun()
	for range 2 { // A resource is planned once more before it is applied.
		if n := run.Preview(t.Context(), m.opening(), "Reset", attempt(to(20))); strings.Contains(n[0].Text, "Another reset") {
			t.Errorf("it overlaps with itself: %+v", n)
		}
	}
	says(t, run.Preview(t.Context(), m.opening(), "Reset", attempt(to(30))), "Another reset of this run concerns the same group on orders-0, orders-1, orders-2")
}

func TestResultsInLines(t *testing.T) {
	failed := offset.Outcome{Move: move(2, 60, 20)}
	failed.Fail("refused")
	clamped := move(1, offset.None, 10)
	clamped.Clamped = true
	got := reset.Kafka.Results(&offset.Result{Outcomes: []offset.Outcome{{Move: move(0, 60, 20)}, {Move: clamped}, failed}})
	want := []string{"orders-0: 60 → 20\norders-1: none → 10 (clamped)\norders-2: 60, failed: refused", "2 partitions of 3 moved, 130 messages replayed, 0 skipped, 1 failed"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := reset.Kafka.Results(&offset.Result{}); len(got) != 1 || got[0] != "how many messages are replayed or skipped is not known" {
		t.Errorf("got %q", got)
	}
	many := make([]offset.Outcome, 150)
	for i := range many {
		many[i].Move = move(int32(i), 60, 20)
	}
	if got := reset.Kafka.Results(&offset.Result{Outcomes: many}); len(got) != 3 || strings.Count(got[0], "\n") != 99 || strings.Count(got[1], "\n") != 49 {
		t.Errorf("%d messages", len(got))
	}
}

func TestErrorsAsParagraphs(t *testing.T) {
	for want, err := range map[string]error{
		"The operation was interrupted.":                              context.Canceled,
		"The operation ran out of time. Allow it more with timeouts.": fmt.Errorf("plan: %w", context.DeadlineExceeded),
		"Odd.": errors.New("odd"),
		"Why?": errors.New("why?"),
		"Ask: EOF.\n\nNothing was changed.\n\nTry again.": &offset.Error{What: "ask.", Err: errors.New("EOF"), State: offset.NothingChanged, Next: "try again"},
	} {
		if got := reset.Explain(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
