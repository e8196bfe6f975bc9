package reset_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// hands is a clock that is set by hand.
type hands struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hands) turn(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func newRun() *reset.Run { return reset.NewRun(clock.System{}) }

// opening opens the engine.
func (m *memory) opening() reset.Open { return func() (reset.Engine, error) { return m, nil } }

// to is a request for one offset on all partitions of the topic orders.
func to(n int64) offset.Request {
	return offset.Request{Group: "billing", Scope: offset.Scope{Topics: []string{"orders"}}, Target: offset.Target{Kind: offset.ToOffset, Offset: n}}
}

func by(shift int64) offset.Request {
	req := to(0)
	req.Target = offset.Target{Kind: offset.ByShift, Shift: shift}
	return req
}

var isNew = reset.Decision{Do: reset.Reset, Reason: "it is new"}

func attempt(req offset.Request) reset.Attempt {
	return reset.Attempt{Broker: reset.Kafka, Request: req, Decision: isNew}
}

// after is the next attempt of the same resource.
func after(last *offset.Result, decision reset.Decision, req offset.Request) reset.Attempt {
	a := attempt(req)
	a.Decision = decision
	a.Last = &reset.Last{Name: reset.NameOf(req), ClusterID: last.ClusterID, Record: last.Outcomes}
	return a
}

var (
	goesOn = reset.Decision{Do: reset.Resume, Reason: "it goes on: 1 of 3 partitions failed"}
	anew   = reset.Decision{Do: reset.Reset, Reason: "the target changed"}
)

// half makes a reset to 20 that fails on partition 1.
func half(t *testing.T, m *memory, run *reset.Run) *offset.Result {
	t.Helper()
	m.refuses = []offset.Partition{m.partition[1]}
	report := run.Reset(t.Context(), m.opening(), attempt(to(20)))
	if report.Result == nil || !reset.Failed(report.Notices) {
		t.Fatalf("report %+v", report)
	}
	is(t, m, "billing", 20, 60, 20)
	m.called()
	return report.Result
}

// is checks a group's offsets.
func is(t *testing.T, m *memory, group string, want ...int64) {
	t.Helper()
	if got := m.committed(group); !slices.Equal(got, want) {
		t.Errorf("%s is at %v, want %v", group, got, want)
	}
}

// calls checks what the engine was asked to do.
func calls(t *testing.T, m *memory, want string) {
	t.Helper()
	if got := m.called(); got != want {
		t.Errorf("the engine was asked to %q, want %q", got, want)
	}
}

// says checks that the notices' texts have the words in their order.
func says(t *testing.T, notices []reset.Notice, words ...string) {
	t.Helper()
	text := ""
	for _, n := range notices {
		text += n.Headline + "\n" + n.Text + "\n"
	}
	rest := text
	for _, w := range words {
		_, after, found := strings.Cut(rest, w)
		if !found {
			t.Errorf("%q is not said, or not there, in\n%s", w, text)
			continue
		}
		rest = after
	}
	if len(words) == 0 && len(notices) > 0 {
		t.Errorf("notices %+v", notices)
	}
}

// recordIs checks previous, offset and state of the three partitions.
func recordIs(t *testing.T, record []offset.Outcome, want ...offset.Outcome) {
	t.Helper()
	if len(record) != len(want) {
		t.Fatalf("record %+v", record)
	}
	for i, o := range record {
		if w := want[i]; o.ID != int32(i) || o.Previous != w.Previous || o.Offset != w.Offset || o.State != w.State {
			t.Errorf("outcome %+v, want %d to %d in state %d", o, w.Previous, w.Offset, w.State)
		}
	}
}

func outcome(previous, at int64, state offset.State) offset.Outcome {
	return offset.Outcome{Move: offset.Move{Previous: previous, Offset: at}, State: state}
}

func done(previous, at int64) offset.Outcome { return outcome(previous, at, offset.Done) }

func TestANewReset(t *testing.T) {
	m := newMemory()
	report := newRun().Reset(t.Context(), m.opening(), attempt(to(20)))
	is(t, m, "billing", 20, 20, 20)
	says(t, report.Notices)
	recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), done(60, 20))
	calls(t, m, "plan apply")
}

// Whatever fails before the first write leaves no result: a state must not
// tell of a reset that was none.
func TestAResetThatChangesNothing(t *testing.T) {
	limit := int64(1)
	limited := to(20)
	limited.Limits.MaxReplayed = &limit
	nowhere := to(20)
	nowhere.Scope.Topics = []string{"nowhere"}
	refused := &offset.Error{Code: offset.Unauthorized, What: "the password is wrong", State: offset.NothingChanged, Next: "Mend it."}
	for name, c := range map[string]struct {
		req  offset.Request
		open reset.Open
		code offset.Code
		says []string
	}{
		"limit":   {limited, nil, offset.LimitExceeded, []string{"120 messages would be replayed", "Nothing was changed."}},
		"topic":   {nowhere, nil, offset.TopicMissing, []string{`on topic "nowhere"`, "The topic does not exist."}},
		"no open": {to(20), func() (reset.Engine, error) { return nil, refused }, offset.Unauthorized, []string{"The password is wrong.\n\nNothing was changed.\n\nMend it."}},
		"odd":     {to(20), func() (reset.Engine, error) { return nil, errors.New("odd") }, offset.Failed, []string{"Odd."}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			if c.open == nil {
				c.open = m.opening()
			}
			a := attempt(c.req)
			a.Unfinished = "Untaint it."
			report := newRun().Reset(t.Context(), c.open, a)
			if report.Result != nil || report.PutBack != nil || len(report.Notices) != 1 || report.Notices[0].Code != c.code || report.Notices[0].Severity != reset.Failure {
				t.Fatalf("report %+v", report)
			}
			says(t, report.Notices, append([]string{`Reset consumer group "billing"`}, c.says...)...)
			if strings.Contains(report.Notices[0].Text, "Why it was reset") || strings.Contains(report.Notices[0].Text, "Untaint") {
				t.Errorf("text %q", report.Notices[0].Text)
			}
			is(t, m, "billing", 60, 60, 60)
		})
	}
}

// A reset that failed half-way tells what to do next in the words of whoever
// asked, unless something else writes the group's offsets.
func TestAResetThatFailsHalfWay(t *testing.T) {
	m := newMemory()
	m.refuses = []offset.Partition{m.partition[1]}
	a := attempt(to(20))
	a.Unfinished = "Untaint it."
	report := newRun().Reset(t.Context(), m.opening(), a)
	says(t, report.Notices, "1 of 3 failed: orders-1.\n\nThe others are done.\n\nUntaint it.")
	recordIs(t, report.Result.Outcomes, done(60, 20), outcome(60, 20, offset.NotDone), done(60, 20))

	m.refuses = slices.Clone(m.partition)
	report = newRun().Reset(t.Context(), m.opening(), a)
	if report.Result != nil {
		t.Errorf("nothing was written, and the result is %+v", report.Result)
	}

	m.refuses = slices.Clone(m.partition[1:2])
	report = newRun().Reset(t.Context(), func() (reset.Engine, error) { return &overwritten{m}, nil }, a)
	says(t, report.Notices, "Something else.\n\nStop it.")
	if report.Result == nil {
		t.Error("no result")
	}
}

// overwritten is an engine whose writes something else writes over.
type overwritten struct{ *memory }

func (o *overwritten) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	res, err := o.memory.Apply(ctx, plan)
	if err != nil {
		err = &offset.Error{Code: offset.Overwritten, What: "something else", Next: "Stop it."}
	}
	return res, err
}

func TestAResumeDoesTheRest(t *testing.T) {
	m := newMemory()
	run := newRun()
	last := half(t, m, run)
	// What has landed is moved on by its consumers, what has not by somebody else.
	m.commit("billing", 25, 70, 20)
	m.wrote = nil
	report := run.Reset(t.Context(), m.opening(), after(last, goesOn, to(20)))
	says(t, report.Notices, "Another reset of this run") // Both of them are in this run here.
	is(t, m, "billing", 25, 20, 20)
	recordIs(t, report.Result.Outcomes, done(60, 20), done(70, 20), done(60, 20))
	if !slices.Equal(m.wrote, m.partition[1:2]) {
		t.Errorf("wrote %v", m.wrote)
	}
	calls(t, m, "plan apply")
}

func TestAResumeThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *memory, last *offset.Result)
		says   string
	}{
		"another cluster": {func(m *memory, _ *offset.Result) { m.cluster = "c2" }, `was done on cluster "c1", and the provider is connected to cluster "c2"`},
		"no target":       {func(_ *memory, last *offset.Result) { last.Outcomes[1].Offset = offset.None }, "does not tell where orders-1 was to be put"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			run := newRun()
			last := half(t, m, run)
			c.change(m, last)
			report := run.Reset(t.Context(), m.opening(), after(last, goesOn, to(20)))
			if report.Result != nil {
				t.Errorf("result %+v", report.Result)
			}
			says(t, report.Notices, c.says, "Nothing was changed.", "Why it was reset: it goes on: 1 of 3 partitions failed.")
			is(t, m, "billing", 20, 60, 20)
		})
	}
}

// doubt makes a reset to 20 of which nobody knows what came.
func doubt(t *testing.T, m *memory) *offset.Result {
	t.Helper()
	m.mute = true
	report := newRun().Reset(t.Context(), m.opening(), attempt(to(20)))
	if report.Result == nil || !report.Result.InDoubt {
		t.Fatalf("report %+v", report)
	}
	m.mute, m.wrote = false, nil
	m.called()
	return report.Result
}

// RocketMQ before 5.0 cannot tell offset 0 from none: a queue that was to be put
// at 0, and was somewhere else, has been put there. Counted as one without an
// offset it would use up a limit that the whole reset was within. One that was
// to be put somewhere else is not.
func TestAResumeTakesZeroForWhereItWasPut(t *testing.T) {
	for target, want := range map[int64][]int32{0: {1, 2}, 20: {0, 1, 2}} {
		m := newMemory()
		m.start, m.blurred, m.mute = 0, true, true
		last := newRun().Reset(t.Context(), m.opening(), attempt(to(target))).Result
		m.mute, m.wrote = false, nil
		m.commit("billing", 0, 60, 60)
		run, a := newRun(), after(last, goesOn, to(target))
		preview := run.Preview(t.Context(), m.opening(), "Reset", a)
		if target == 0 {
			says(t, preview, "2 partitions of 2 move, 120 messages replayed")
		}
		report := run.Reset(t.Context(), m.opening(), a)
		recordIs(t, report.Result.Outcomes, done(report.Result.Outcomes[0].Previous, target), done(60, target), done(60, target))
		var wrote []int32
		for _, p := range m.wrote {
			wrote = append(wrote, p.ID)
		}
		if !slices.Equal(wrote, want) {
			t.Errorf("to %d: wrote %v, want %v", target, wrote, want)
		}
	}
}

// What is in doubt is compared before it is written, in the preview as in the
// apply, and what was found stands: consumers may go on while the apply waits.
func TestAResumeComparesWhatIsInDoubt(t *testing.T) {
	m := newMemory()
	last := doubt(t, m)
	m.commit("billing", 20, 60, 33)
	run := newRun()
	a := after(last, goesOn, to(20))
	says(t, run.Preview(t.Context(), m.opening(), "Reset", a), "1 partition of 1 move, 40 messages replayed", "Left alone", "orders-2 is at 33")
	calls(t, m, "plan plan")
	m.writing = func() { m.commit("billing", 25, 60, 33) } // by then
	report := run.Reset(t.Context(), m.opening(), a)
	m.writing = nil
	calls(t, m, "plan apply") // the preview's second plan serves
	is(t, m, "billing", 25, 20, 33)
	recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), outcome(60, 20, offset.MovedOn))
	if !slices.Equal(m.wrote, m.partition[1:2]) {
		t.Errorf("wrote %v", m.wrote)
	}
	says(t, report.Notices, "please note", "orders-2 is at 33, neither at 20, where it was to be put, nor at 60, where it was. To put them there all the same, change triggers.")
	if len(report.Notices) == 1 && strings.Contains(report.Notices[0].Text, "orders-1") {
		t.Errorf("notices %+v", report.Notices)
	}
}

func TestAResumeOfWhatTurnsOutToBeDone(t *testing.T) {
	m := newMemory()
	last := doubt(t, m)
	run := newRun()
	a := after(last, goesOn, to(20))
	says(t, run.Preview(t.Context(), m.opening(), "Reset", a), "nothing is left to write", "Why: it goes on")
	report := run.Reset(t.Context(), m.opening(), a)
	calls(t, m, "plan plan")
	says(t, report.Notices)
	recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), done(60, 20))
	if len(m.wrote) > 0 || report.Result.ClusterID != "c1" || report.Result.At.IsZero() {
		t.Errorf("wrote %v, result %+v", m.wrote, report.Result)
	}
}

// Where everything in doubt is at the old place, one plan is enough.
func TestAResumeOfWhatTurnsOutToBeUndone(t *testing.T) {
	m := newMemory()
	last := doubt(t, m)
	m.commit("billing", 60, 60, 60)
	report := newRun().Reset(t.Context(), m.opening(), after(last, goesOn, to(20)))
	calls(t, m, "plan apply")
	is(t, m, "billing", 20, 20, 20)
	recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), done(60, 20))
}

// What is in doubt means nothing on another cluster.
func TestAResumeOfWhatIsInDoubtIsOfItsCluster(t *testing.T) {
	m := newMemory()
	last := doubt(t, m)
	m.cluster = "c2"
	report := newRun().Reset(t.Context(), m.opening(), after(last, goesOn, to(20)))
	says(t, report.Notices, `was done on cluster "c1", and the provider is connected to cluster "c2"`, "Nothing was changed.")
	if report.Result != nil || len(m.wrote) > 0 {
		t.Errorf("result %+v, wrote %v", report.Result, m.wrote)
	}
}

// What something else has written over while the group was idle was consumed
// by nobody of the group: it is done again, wherever it is.
func TestAResumeDoesAgainWhatWasOverwritten(t *testing.T) {
	for name, kept := range map[string]bool{"known": true, "from a state that does not tell": false} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			last := half(t, m, newRun())
			last.Outcomes[2].State, last.Outcomes[2].Reason = offset.Elsewhere, "another writer"
			m.commit("billing", 20, 60, 33)
			a := after(last, goesOn, to(20))
			private := map[string][]byte{}
			reset.WriteBeside(func(key string, value []byte) { private[key] = value }, last.Outcomes)
			var err error
			if a.Last.Record, err = reset.Kafka.ReadRecord(offset.EncodeRecord(last.Outcomes, offset.KafkaRecord), a.Last.Name); err != nil {
				t.Fatal(err)
			}
			if kept {
				if a.Last.Kept, err = reset.ReadKept(func(key string) []byte { return private[key] }); err != nil {
					t.Fatal(err)
				}
			}
			report := newRun().Reset(t.Context(), m.opening(), a)
			if kept {
				is(t, m, "billing", 20, 20, 20)
				recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), done(60, 20))
				return
			}
			is(t, m, "billing", 20, 20, 33)
			recordIs(t, report.Result.Outcomes, done(60, 20), done(60, 20), outcome(60, 20, offset.MovedOn))
		})
	}
}

// A resume that fails again keeps what landed, in either attempt.
func TestAResumeThatFailsAgain(t *testing.T) {
	m := newMemory()
	run := newRun()
	m.refuses = slices.Clone(m.partition[1:])
	first := run.Reset(t.Context(), m.opening(), attempt(to(20)))
	m.refuses = slices.Clone(m.partition[2:])
	second := run.Reset(t.Context(), m.opening(), after(first.Result, goesOn, to(20)))
	recordIs(t, second.Result.Outcomes, done(60, 20), done(60, 20), outcome(60, 20, offset.NotDone))
	third := run.Reset(t.Context(), m.opening(), after(second.Result, goesOn, to(20)))
	recordIs(t, third.Result.Outcomes, done(60, 20), done(60, 20), done(60, 20))
	is(t, m, "billing", 20, 20, 20)
}

// A new target instead of a resume starts from the old place: a shift must not
// count from where the half-way reset has put some of the partitions.
func TestAnotherTargetInsteadOfAResume(t *testing.T) {
	m := newMemory()
	run := newRun()
	last := half(t, m, run)
	report := run.Reset(t.Context(), m.opening(), after(last, anew, by(-10)))
	is(t, m, "billing", 50, 50, 50)
	recordIs(t, report.Result.Outcomes, done(60, 50), done(60, 50), done(60, 50))
	if report.PutBack != nil {
		t.Errorf("put back %+v, and the new reset has its own record", report.PutBack)
	}
	calls(t, m, "plan undo plan apply")
}

// A plan from before the half-way reset was put back is of no use after it.
func TestAnotherTargetInsteadOfAResumeIsPlannedAnew(t *testing.T) {
	m := newMemory()
	run := newRun()
	last := half(t, m, newRun())
	run.Preview(t.Context(), m.opening(), "Reset", attempt(by(-5)))
	run.Reset(t.Context(), m.opening(), after(last, anew, by(-5)))
	is(t, m, "billing", 55, 55, 55)
	calls(t, m, "plan plan undo plan apply")
}

// A completed reset is not undone for the next one.
func TestAnotherTargetAfterACompletedReset(t *testing.T) {
	m := newMemory()
	run := newRun()
	first := run.Reset(t.Context(), m.opening(), attempt(to(20)))
	m.called()
	run.Reset(t.Context(), m.opening(), after(first.Result, anew, by(-5)))
	is(t, m, "billing", 15, 15, 15)
	calls(t, m, "plan apply")
}

func TestAnotherTargetThatCannotBe(t *testing.T) {
	t.Run("speaks before anything is put back", func(t *testing.T) {
		m := newMemory()
		run := newRun()
		last := half(t, m, run)
		nowhere := to(20)
		nowhere.Scope.Topics = []string{"nowhere"}
		report := run.Reset(t.Context(), m.opening(), after(last, anew, nowhere))
		if report.Result != nil || report.PutBack != nil {
			t.Errorf("report %+v", report)
		}
		says(t, report.Notices, "The topic does not exist", "Nothing was changed.", "Why it was reset: the target changed.")
		is(t, m, "billing", 20, 60, 20)
	})
	t.Run("tells what was put back", func(t *testing.T) {
		m := newMemory()
		run := newRun()
		last := half(t, m, run)
		limit := int64(1)
		limited := to(100)
		limited.Limits.MaxSkipped = &limit
		report := run.Reset(t.Context(), m.opening(), after(last, anew, limited))
		if report.Result != nil {
			t.Errorf("result %+v", report.Result)
		}
		is(t, m, "billing", 60, 60, 60)
		says(t, report.Notices, "What the reset before had moved when it failed half-way was put back. Nothing else was changed.")
		// The record says so, so that a resume would do all of it.
		recordIs(t, report.PutBack, outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone))
		run.Reset(t.Context(), m.opening(), after(&offset.Result{ClusterID: "c1", Outcomes: report.PutBack}, goesOn, to(20)))
		is(t, m, "billing", 20, 20, 20)
	})
	t.Run("is not begun where putting back fails", func(t *testing.T) {
		m := newMemory()
		run := newRun()
		last := half(t, m, run)
		m.refuses = slices.Clone(m.partition[:1])
		report := run.Reset(t.Context(), m.opening(), after(last, anew, to(30)))
		if report.Result != nil {
			t.Errorf("result %+v", report.Result)
		}
		is(t, m, "billing", 20, 60, 60)
		recordIs(t, report.PutBack, done(60, 20), outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone))
	})
}

// What was left alone when a half-way reset was given up has landed once: a
// resume of it after all does not move it again.
func TestAResumeAfterItWasGivenUp(t *testing.T) {
	m := newMemory()
	run := newRun()
	last := half(t, m, run)
	m.commit("billing", 25, 60, 20)
	limit := int64(1)
	limited := to(100)
	limited.Limits.MaxSkipped = &limit
	report := run.Reset(t.Context(), m.opening(), after(last, anew, limited))
	is(t, m, "billing", 25, 60, 60)
	recordIs(t, report.PutBack, outcome(60, 20, offset.Unsettled), outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone))

	report = newRun().Reset(t.Context(), m.opening(), after(&offset.Result{ClusterID: "c1", Outcomes: report.PutBack}, goesOn, to(20)))
	is(t, m, "billing", 25, 20, 20)
	says(t, report.Notices, "orders-0 is at 25")
	recordIs(t, report.Result.Outcomes, outcome(60, 20, offset.MovedOn), done(60, 20), done(60, 20))
}

// What consumers have moved on from is left alone when a half-way reset is
// given up.
func TestAnotherTargetAfterConsumersHaveMovedOn(t *testing.T) {
	m := newMemory()
	run := newRun()
	last := half(t, m, run)
	m.commit("billing", 25, 60, 20)
	report := run.Reset(t.Context(), m.opening(), after(last, anew, by(-10)))
	is(t, m, "billing", 15, 50, 50)
	recordIs(t, report.Result.Outcomes, done(25, 15), done(60, 50), done(60, 50))
}

// The plan of a preview serves the apply that follows at once, and no other.
func TestAPreviewsPlanServesOnce(t *testing.T) {
	for name, c := range map[string]struct {
		between func(run *reset.Run, m *memory, h *hands)
		apply   offset.Request
		calls   string
	}{
		"at once":       {nil, to(20), "plan apply"},
		"in time":       {func(_ *reset.Run, _ *memory, h *hands) { h.turn(2 * time.Second) }, to(20), "plan apply"},
		"too late":      {func(_ *reset.Run, _ *memory, h *hands) { h.turn(2001 * time.Millisecond) }, to(20), "plan plan apply"},
		"another reset": {nil, to(21), "plan plan apply"},
		"used before": {func(run *reset.Run, m *memory, _ *hands) {
			run.Reset(t.Context(), m.opening(), attempt(to(20)))
		}, to(20), "plan apply plan apply"},
		"after an undo": {func(run *reset.Run, m *memory, _ *hands) {
			run.Destroy(t.Context(), m.opening(), reset.Destruction{
				Broker: reset.Kafka, OnDestroy: reset.DestroyRestores,
				Last: reset.Last{Name: reset.Name{Group: "billing"}, Record: []offset.Outcome{{Move: offset.Move{Partition: m.partition[0], Previous: 50, Offset: 60}}}},
			})
		}, to(20), "plan undo plan apply"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			h := &hands{now: contractBase}
			run := reset.NewRun(h)
			run.Preview(t.Context(), m.opening(), "Reset", attempt(to(20)))
			if c.between != nil {
				c.between(run, m, h)
			}
			var told []string
			c.apply.Progress = func(s string) { told = append(told, s) }
			report := run.Reset(t.Context(), m.opening(), attempt(c.apply))
			if reset.Failed(report.Notices) {
				t.Error(report.Notices)
			}
			calls(t, m, c.calls)
			is(t, m, "billing", c.apply.Target.Offset, c.apply.Target.Offset, c.apply.Target.Offset)
		})
	}
}

// Two resets of one run that set the same partitions are told, whichever comes
// later.
func TestResetsThatOverlapAreTold(t *testing.T) {
	m := newMemory()
	m.commit("audit", 60, 60, 60)
	run := newRun()
	one, other, elsewhere := to(20), to(30), to(30)
	one.Scope.Partitions, other.Scope.Partitions = []int32{0, 1}, []int32{2}
	elsewhere.Group = "audit"
	for _, a := range []reset.Attempt{attempt(one), attempt(other), attempt(elsewhere), {Broker: reset.Kafka, Instance: "i", Request: one, Decision: isNew}} {
		says(t, run.Reset(t.Context(), m.opening(), a).Notices)
	}
	says(t, run.Reset(t.Context(), m.opening(), attempt(to(40))).Notices, "please note", "orders-0, orders-1, orders-2", "the later one wins")
}

// An undo that compares while a reset commits would find offsets that are
// nobody's.
func TestAnUndoWaitsForAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		run := newRun()
		old := run.Reset(t.Context(), m.opening(), attempt(to(20)))
		m.called()
		writing, goOn := make(chan struct{}), make(chan struct{})
		m.writing = func() {
			close(writing)
			<-goOn
		}
		var running sync.WaitGroup
		running.Go(func() { run.Reset(t.Context(), m.opening(), attempt(to(30))) })
		<-writing
		m.mu.Lock()
		m.writing = nil
		m.mu.Unlock()

		// A preview does not wait.
		says(t, run.Preview(t.Context(), m.opening(), "Reset", attempt(to(40))), "3 partitions of 3 move")
		undo := reset.Destruction{Broker: reset.Kafka, OnDestroy: reset.DestroyRestores, Last: reset.Last{Name: reset.Name{Group: "billing"}, ClusterID: "c1", Record: old.Result.Outcomes}}
		running.Go(func() { run.Destroy(t.Context(), m.opening(), undo) })
		synctest.Wait()
		calls(t, m, "plan apply plan") // of the reset and the preview; the undo waits

		// Whoever has gone does not wait for ever.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, notices := run.Destroy(ctx, m.opening(), undo)
		if len(notices) != 1 || notices[0].Code != offset.Interrupted {
			t.Errorf("notices %+v", notices)
		}
		says(t, notices, `still at work on consumer group "billing"`, "Nothing was changed.", "Apply again.")

		// Another group's does not wait.
		other := undo
		other.Last.Name.Group = "audit"
		run.Destroy(t.Context(), m.opening(), other)
		calls(t, m, "undo")

		close(goOn)
		running.Wait()
		is(t, m, "billing", 30, 30, 30)
		calls(t, m, "undo")
	})
}

// What is planned while an undo runs may be wrong at once: it is shown, and not
// kept for an apply.
func TestAPlanBesideAnUndoIsNotKept(t *testing.T) {
	m := newMemory()
	run := newRun()
	old := newRun().Reset(t.Context(), m.opening(), attempt(to(20))).Result
	planning, goOn := make(chan struct{}), make(chan struct{})
	engine := &planned{m, func(ctx context.Context, req offset.Request) (*offset.Plan, error) {
		plan, err := m.Plan(ctx, req)
		close(planning)
		<-goOn
		return plan, err
	}}
	open := func() (reset.Engine, error) { return engine, nil }
	var previewing sync.WaitGroup
	m.writing = func() {
		m.mu.Lock()
		m.writing = nil
		m.mu.Unlock()
		previewing.Go(func() {
			says(t, run.Preview(t.Context(), open, "Reset", attempt(by(-10))), "orders-0: 20 → 10")
		})
		<-planning
	}
	run.Destroy(t.Context(), open, destruction(reset.DestroyRestores, old.Outcomes))
	is(t, m, "billing", 60, 60, 60)
	close(goOn)
	previewing.Wait()

	engine.plan = m.Plan
	run.Reset(t.Context(), open, attempt(by(-10)))
	is(t, m, "billing", 50, 50, 50)
}

func TestResetsOfAGroupRunBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		run := newRun()
		var both sync.WaitGroup
		both.Add(2)
		m.writing = func() { both.Done(); both.Wait() }
		var running sync.WaitGroup
		for p := range int32(2) {
			req := to(20)
			req.Scope.Partitions = []int32{p}
			running.Go(func() { run.Reset(t.Context(), m.opening(), attempt(req)) })
		}
		running.Wait()
		is(t, m, "billing", 20, 20, 60)
	})
}

func TestWhatIsRememberedOfTheCompletedReset(t *testing.T) {
	const whole = ` {"orders":{"0":{"previous":60,"offset":20,"start":10,"end":100}}}`
	const failed = ` {"orders":{"0":{"previous":60,"offset":20,"start":10,"end":100,"error":"no"}}}`
	before := reset.Last{Name: reset.Name{Group: "billing", Topics: []string{"orders"}}, ClusterID: "c1", Kept: reset.Kept{TopicIDs: map[string]string{"orders": "x"}}}
	fine := []offset.Outcome{done(60, 20)}
	half := []offset.Outcome{done(60, 20), outcome(60, 20, offset.NotDone)}
	for name, c := range map[string]struct {
		record string
		now    []offset.Outcome
		keeps  bool
		forget bool
	}{
		"a completed one after a completed one":      {whole, fine, false, true},
		"a completed one after one that failed":      {failed, fine, false, true},
		"one that failed after a completed one":      {whole, half, true, false},
		"one that failed after one that failed":      {failed, half, false, false},
		"one that failed after an imported one":      {"", half, false, false},
		"a completed one after an imported one":      {"", fine, false, true},
		"one that is in doubt after a completed one": {whole, []offset.Outcome{outcome(60, 20, offset.Unsettled)}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			base, forget := reset.Kafka.Completed(before, c.record, c.now)
			if (base != nil) != c.keeps || forget != c.forget {
				t.Errorf("got %+v, %t", base, forget)
			}
			if base != nil && (base.Record != whole || base.ClusterID != "c1" || base.Topic != "orders" || base.TopicIDs["orders"] != "x") {
				t.Errorf("got %+v", base)
			}
		})
	}
}

// Whoever ends the process waits for what is being written, and not for ever.
func TestFinishWaitsForWhatIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		run := newRun()
		run.Finish(t.Context()) // There is nothing to wait for.

		// during has do write while it is finished.
		during := func(do func(), finish func(goOn func())) {
			writing, goOn := make(chan struct{}), make(chan struct{})
			m.writing = func() {
				close(writing)
				<-goOn
			}
			var running sync.WaitGroup
			running.Go(do)
			<-writing
			finish(func() { close(goOn) })
			running.Wait()
			m.writing = nil
		}
		old := run.Reset(t.Context(), m.opening(), attempt(to(20)))
		before := m.committed("billing")
		during(func() { run.Reset(t.Context(), m.opening(), attempt(to(30))) }, func(goOn func()) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			run.Finish(ctx)
			if got := m.committed("billing"); ctx.Err() == nil || !slices.Equal(got, before) {
				t.Errorf("it was not waited for: the group is at %v", got)
			}
			time.AfterFunc(time.Minute, goOn)
			run.Finish(t.Context())
			if got := m.committed("billing"); !slices.Equal(got, []int64{30, 30, 30}) {
				t.Errorf("finished, and the group is at %v", got)
			}
		})
		undo := reset.Destruction{Broker: reset.Kafka, OnDestroy: reset.DestroyRestores, Last: reset.Last{Name: reset.Name{Group: "billing"}, ClusterID: "c1", Record: old.Result.Outcomes}}
		fresh := reset.NewRun(clock.System{}) // which has set nothing itself
		m.commit("billing", 20, 20, 20)
		during(func() { fresh.Destroy(t.Context(), m.opening(), undo) }, func(goOn func()) {
			time.AfterFunc(time.Minute, goOn)
			fresh.Finish(t.Context())
			if got := m.committed("billing"); slices.Equal(got, before) {
				t.Errorf("finished, and the group is at %v", got)
			}
		})
	})
}
