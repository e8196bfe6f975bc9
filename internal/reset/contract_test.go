package reset_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// The contract of Engine, on each of them against its broker. Where a service
// tells no offsets of partitions, those cases count that mean something then.
func TestEngines(t *testing.T) {
	cases := []struct {
		name string
		run  func(t *testing.T, s *subject)
		all  bool // it means something without offsets too
	}{
		{"a plan writes nothing and tells what an apply does", planWritesNothing, true},
		{"an apply leads where it was asked to", applyLeadsThere, true},
		{"an apply proves and tells what it did", applyTells, false},
		{"where the group was is told before anything is written", leavingIsTold, false},
		{"limits refuse and change nothing", limitsRefuse, true},
		{"a caller who has gone changes nothing", goneBefore, true},
		{"what was sent is finished, whoever has gone", goneMeanwhile, true},
		{"a refusal is told", refusalIsTold, true},
		{"a failure half-way names its partitions", halfway, false},
		{"the rest ends where a whole apply would have ended", resumed, false},
		{"the rest moves nothing that has landed", resumedAmongConsumers, false},
		{"the rest moves nothing that may have landed", resumedInDoubt, false},
		{"an answer that is lost is settled by a look", lostAnswer, false},
		{"what nobody can tell is in doubt, and ends where it should", inDoubt, true},
		{"an undo puts back, once", undone, false},
		{"an undo refuses where somebody has moved an offset", undoRefuses, false},
		{"a lenient undo leaves alone what somebody has moved", undoLenient, false},
		{"an undo leaves alone what it is told to, and what was not written", undoSkips, false},
		{"an undo of another cluster is refused", undoElsewhere, false},
		{"where nothing is told, an undo is refused", undoUnsupported, true},
	}
	for _, engine := range openers() {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				if c.all || engine.tells {
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						s := engine.open(t)
						s.tells = engine.tells
						c.run(t, s)
					})
				}
			}
			if engine.carries {
				t.Run("the rest commits what the whole would have", func(t *testing.T) {
					t.Parallel()
					resumedWhole(t, engine.open(t))
				})
			}
		})
	}
}

var seeded = map[int32]int64{0: 60, 1: 60, 2: 60}

// at checks the broker's own view.
func (s *subject) at(t *testing.T, want map[int32]int64) {
	t.Helper()
	if got := s.committed(); !maps.Equal(got, want) {
		t.Errorf("the group is at %v, want %v", got, want)
	}
}

// untouched checks that nothing was written, not even in vain.
func (s *subject) untouched(t *testing.T) {
	t.Helper()
	if n := s.writes(); n > 0 {
		t.Errorf("%d writes were sent", n)
	}
	s.at(t, seeded)
}

func (s *subject) plan(t *testing.T, req offset.Request) *offset.Plan {
	t.Helper()
	plan, err := s.engine.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// apply plans and applies.
func (s *subject) apply(t *testing.T, req offset.Request) (*offset.Result, error) {
	t.Helper()
	return s.engine.Apply(t.Context(), s.plan(t, req))
}

func (s *subject) mustApply(t *testing.T, req offset.Request) *offset.Result {
	t.Helper()
	res, err := s.apply(t, req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// failing applies, which has to fail with a result.
func (s *subject) failing(t *testing.T, req offset.Request) *offset.Result {
	t.Helper()
	res, err := s.apply(t, req)
	if err == nil || res == nil {
		t.Fatalf("result %+v, error %v", res, err)
	}
	var told *offset.Error
	if !errors.As(err, &told) || told.State == offset.NothingChanged || told.Next == "" {
		t.Errorf("the error does not tell what state things are in and what to do: %+v", told)
	}
	return res
}

// undo is of the request's group.
func (s *subject) undo(clusterID string, record []offset.Outcome) offset.UndoRequest {
	return offset.UndoRequest{Group: "billing", GroupType: s.request.GroupType, Topic: "orders", ClusterID: clusterID, Record: record, WaitForInactive: s.request.WaitForInactive}
}

// rest does what is left of a reset, and returns its record then.
func (s *subject) rest(t *testing.T, record []offset.Outcome) []offset.Outcome {
	t.Helper()
	rest, err := reset.Rest(s.request, record)
	if err != nil {
		t.Fatal(err)
	}
	return reset.Merge(record, s.mustApply(t, rest).Outcomes)
}

// nothingChanged checks an error that came before the first write.
func nothingChanged(t *testing.T, err error, codes ...offset.Code) {
	t.Helper()
	var told *offset.Error
	if !errors.As(err, &told) || !slices.Contains(codes, told.Code) || told.State != offset.NothingChanged {
		t.Errorf("got %#v, want one of %v that changed nothing", err, codes)
	}
}

func planWritesNothing(t *testing.T, s *subject) {
	plan := s.plan(t, s.request)
	s.untouched(t)
	if plan.ClusterID == "" || plan.Request.Group != "billing" {
		t.Errorf("plan %+v", plan)
	}
	if !s.tells {
		if len(plan.Moves) > 0 || len(plan.Notes) == 0 {
			t.Errorf("moves %+v, notes %q", plan.Moves, plan.Notes)
		}
		return
	}
	if len(plan.Moves) != 3 {
		t.Fatalf("moves %+v", plan.Moves)
	}
	for i, m := range plan.Moves {
		if m.ID != int32(i) || m.Topic != "orders" || m.Previous != 60 || m.Offset != s.target[m.ID] || m.Start != s.start() || m.End != 100 || m.Clamped {
			t.Errorf("move %+v", m)
		}
	}
}

func applyLeadsThere(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	s.at(t, s.target)
	if res.ClusterID == "" || res.InDoubt {
		t.Errorf("result %+v", res)
	}
	// The same again has the same effect.
	s.mustApply(t, s.request)
	s.at(t, s.target)
}

func applyTells(t *testing.T, s *subject) {
	req := s.request
	req.Target.Offsets = offset.Offsets{}
	for outer := range s.request.Target.Offsets {
		req.Target.Offsets[outer] = map[int32]int64{0: 5, 2: 500}
	}
	res := s.mustApply(t, req)
	s.at(t, map[int32]int64{0: 10, 1: 60, 2: 100})
	if len(res.Outcomes) != 2 {
		t.Fatalf("outcomes %+v", res.Outcomes)
	}
	for i, want := range []offset.Move{
		{Partition: offset.Partition{ID: 0}, Previous: 60, Offset: 10},
		{Partition: offset.Partition{ID: 2}, Previous: 60, Offset: 100},
	} {
		o := res.Outcomes[i]
		if o.ID != want.ID || o.Previous != want.Previous || o.Offset != want.Offset || o.Start != s.start() || o.End != 100 || !o.Clamped || o.State != offset.Done || o.Seen != o.Offset {
			t.Errorf("outcome %+v", o)
		}
	}
}

func leavingIsTold(t *testing.T, s *subject) {
	var left []map[int32]int64
	req := s.request
	req.Leaving = func(moves []offset.Move) {
		if n := s.writes(); n > 0 {
			t.Errorf("told after %d writes", n)
		}
		was := map[int32]int64{}
		for _, m := range moves {
			was[m.ID] = m.Previous
		}
		left = append(left, was)
	}
	s.mustApply(t, req)
	if len(left) != 1 || !maps.Equal(left[0], seeded) {
		t.Errorf("told that the group was at %v", left)
	}
	// A limit that does not hold writes nothing, and nothing is left.
	none := int64(0)
	req.Target.Offsets = offset.Offsets{}
	for outer := range s.request.Target.Offsets {
		req.Target.Offsets[outer] = map[int32]int64{0: 90}
	}
	req.Limits.MaxSkipped = &none
	plan, err := s.engine.Plan(t.Context(), req)
	if err == nil {
		_, err = s.engine.Apply(t.Context(), plan)
	}
	nothingChanged(t, err, offset.LimitExceeded)
	if len(left) != 1 {
		t.Errorf("told though nothing was written: %v", left)
	}
}

func limitsRefuse(t *testing.T, s *subject) {
	req := s.request
	limit := int64(89) // It would be 40 + 30 + 20.
	req.Limits.MaxReplayed = &limit
	plan, err := s.engine.Plan(t.Context(), req)
	if err == nil {
		_, err = s.engine.Apply(t.Context(), plan)
	}
	if s.tells {
		nothingChanged(t, err, offset.LimitExceeded)
		if !strings.Contains(err.Error(), "90 messages would be replayed") {
			t.Error(err)
		}
	} else {
		nothingChanged(t, err, offset.Unsupported)
	}
	s.untouched(t)
}

func goneBefore(t *testing.T, s *subject) {
	gone, cancel := context.WithCancel(t.Context())
	plan := s.plan(t, s.request)
	cancel()
	_, err := s.engine.Plan(gone, s.request)
	nothingChanged(t, err, offset.Interrupted)
	res, err := s.engine.Apply(gone, plan)
	nothingChanged(t, err, offset.Interrupted)
	if res != nil {
		t.Errorf("result %+v", res)
	}
	s.untouched(t)
}

func goneMeanwhile(t *testing.T, s *subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	plan := s.plan(t, s.request)
	s.during(cancel)
	res, err := s.engine.Apply(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() == nil {
		t.Fatal("nothing was written")
	}
	if offset.AnyFailed(res.Outcomes) {
		t.Errorf("outcomes %+v", res.Outcomes)
	}
	s.at(t, s.target)
}

func refusalIsTold(t *testing.T, s *subject) {
	s.refuse()
	res, err := s.apply(t, s.request)
	if err == nil {
		t.Fatal("no error")
	}
	if res == nil {
		nothingChanged(t, err, offset.CodeOf(err))
		s.at(t, seeded)
	}
}

func halfway(t *testing.T, s *subject) {
	s.refuse()
	res, err := s.apply(t, s.request)
	if offset.CodeOf(err) != offset.Incomplete || res == nil || len(res.Outcomes) != 3 {
		t.Fatalf("result %+v, error %v", res, err)
	}
	is := s.committed()
	failed := 0
	for _, o := range res.Outcomes {
		want := s.target[o.ID]
		if o.Failed() {
			failed++
			want = o.Previous
			if o.State != offset.NotDone || o.Reason == "" {
				t.Errorf("outcome %+v", o)
			}
			if !slices.ContainsFunc(named(o.Partition), func(name string) bool { return strings.Contains(err.Error(), name) }) {
				t.Errorf("the error does not name %s: %v", o.Name(), err)
			}
		}
		if o.Previous != 60 || o.Offset != s.target[o.ID] || is[o.ID] != want {
			t.Errorf("outcome %+v, and the group is at %d", o, is[o.ID])
		}
	}
	if failed == 0 || failed == 3 || res.InDoubt {
		t.Errorf("%d failed, in doubt: %t", failed, res.InDoubt)
	}
}

func resumed(t *testing.T, s *subject) {
	s.refuse()
	record := s.rest(t, s.failing(t, s.request).Outcomes)
	s.at(t, s.target)
	for i, o := range record {
		if o.ID != int32(i) || o.Failed() || o.Reason != "" || o.Previous != 60 || o.Offset != s.target[o.ID] || o.Start != s.start() || o.End != 100 {
			t.Errorf("outcome %+v", o)
		}
	}
	if _, err := s.engine.Undo(t.Context(), s.undo("", record)); err != nil {
		t.Fatal(err)
	}
	s.at(t, seeded)
}

// Between the attempts, the group moves on where it was put, and where it was
// not.
func resumedAmongConsumers(t *testing.T, s *subject) {
	s.refuse()
	half := s.failing(t, s.request)
	s.commit(0, 33) // It has landed.
	s.commit(1, 66) // It has not.
	record := s.rest(t, half.Outcomes)
	want := maps.Clone(s.target)
	want[0] = 33
	s.at(t, want)
	previous := map[int32]int64{0: 60, 1: 66, 2: 60}
	for _, o := range record {
		if o.Failed() || o.Previous != previous[o.ID] || o.Offset != s.target[o.ID] {
			t.Errorf("outcome %+v", o)
		}
	}
}

// resume goes on with a reset that failed half-way, as a run does.
func (s *subject) resume(t *testing.T, half *offset.Result) reset.Report {
	t.Helper()
	report := newRun().Reset(t.Context(), func() (reset.Engine, error) { return s.engine, nil }, reset.Attempt{
		Broker: s.broker, Request: s.request, Decision: goesOn,
		Last: &reset.Last{Name: reset.NameOf(s.request), ClusterID: half.ClusterID, Record: half.Outcomes},
	})
	if reset.Failed(report.Notices) || report.Result == nil {
		t.Fatalf("report %+v", report)
	}
	return report
}

// Of what is in doubt, one partition is where it was put, one where it was, and
// one elsewhere, where its consumers may have gone from where it was put.
func resumedInDoubt(t *testing.T, s *subject) {
	s.mute()
	half := s.failing(t, s.request)
	s.heal()
	for i := range half.Outcomes { // Whatever else has come of it.
		half.Outcomes[i].Doubt("no answer")
	}
	s.commit(0, s.target[0])
	s.commit(1, 60)
	s.commit(2, 77)
	report := s.resume(t, half)
	s.at(t, map[int32]int64{0: s.target[0], 1: s.target[1], 2: 77})
	for i, want := range []offset.State{offset.Done, offset.Done, offset.MovedOn} {
		if o := report.Result.Outcomes[i]; o.State != want || o.Reason != "" || o.Previous != 60 || o.Offset != s.target[o.ID] {
			t.Errorf("outcome %+v, want it in state %d", o, want)
		}
	}
	p := half.Outcomes[2].Partition
	says(t, report.Notices, "Left alone", p.Name()+" is at 77, neither at 40, where it was to be put, nor at 60, where it was", "change triggers")

	// Where nothing is at the old place, nothing is written.
	s.commit(1, 61)
	writes := s.writes()
	report = s.resume(t, half)
	if n := s.writes() - writes; n > 0 {
		t.Errorf("%d writes were sent", n)
	}
	s.at(t, map[int32]int64{0: s.target[0], 1: 61, 2: 77})
	if r := report.Result; offset.AnyFailed(r.Outcomes) || r.ClusterID != half.ClusterID || r.At.IsZero() || r.InDoubt {
		t.Errorf("result %+v", r)
	}
}

// What another group's commit, or a snapshot's, carries belongs to the offset,
// whenever that is committed, and so does how it was found.
func resumedWhole(t *testing.T, s *subject) {
	s.refuse()
	half := s.failing(t, s.request)
	for i := range half.Outcomes {
		o := &half.Outcomes[i]
		o.By, o.Carries = offset.ByRecord, fmt.Sprintf("beside %d", o.ID)
	}
	report := s.resume(t, half)
	s.at(t, s.target)
	if got := s.carried(1); got != "beside 1" {
		t.Errorf("the commit carries %q", got)
	}
	for _, o := range report.Result.Outcomes {
		if o.By != offset.ByRecord || o.Carries != fmt.Sprintf("beside %d", o.ID) {
			t.Errorf("outcome %+v", o)
		}
	}
}

func lostAnswer(t *testing.T, s *subject) {
	s.lose()
	res := s.mustApply(t, s.request)
	if offset.AnyFailed(res.Outcomes) || res.InDoubt {
		t.Errorf("result %+v", res)
	}
	s.at(t, s.target)
}

// Of a reset whose answer was lost and that cannot be read back, nobody can
// tell what came. A resume and an undo go by what they find.
func inDoubt(t *testing.T, s *subject) {
	s.mute()
	res := s.failing(t, s.request)
	s.heal()
	if !res.InDoubt {
		t.Errorf("not in doubt: %+v", res)
	}
	if !s.tells {
		return
	}
	is := s.committed()
	unsettled := 0
	for _, o := range res.Outcomes {
		switch {
		case o.State == offset.Unsettled && o.Reason != "":
			unsettled++
		case is[o.ID] != 60 || o.Touched():
			t.Errorf("outcome %+v, and the group is at %d", o, is[o.ID])
		}
		if o.Previous != 60 || o.Offset != s.target[o.ID] {
			t.Errorf("outcome %+v", o)
		}
	}
	if unsettled == 0 {
		t.Errorf("outcomes %+v", res.Outcomes)
	}

	record := s.rest(t, res.Outcomes)
	s.at(t, s.target)
	for _, o := range record {
		if o.Failed() || o.Previous != 60 || o.Offset != s.target[o.ID] {
			t.Errorf("outcome %+v", o)
		}
	}

	// What landed of it is at the target now, and what did not as well.
	want := maps.Clone(s.target)
	for _, o := range offset.Touched(res.Outcomes) {
		want[o.ID] = 60
	}
	for range 2 { // The second time, it is back already.
		if _, err := s.engine.Undo(t.Context(), s.undo(res.ClusterID, res.Outcomes)); err != nil {
			t.Fatal(err)
		}
		s.at(t, want)
	}
	if _, err := s.engine.Undo(t.Context(), s.undo(res.ClusterID, record)); err != nil {
		t.Fatal(err)
	}
	s.at(t, seeded)
}

func undone(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	undo := s.undo(res.ClusterID, res.Outcomes)
	back, err := s.engine.Undo(t.Context(), undo)
	if err != nil {
		t.Fatal(err)
	}
	s.at(t, seeded)
	if len(back.Outcomes) != 3 {
		t.Errorf("outcomes %+v", back.Outcomes)
	}
	for _, o := range back.Outcomes {
		if o.Failed() || o.Previous != s.target[o.ID] || o.Offset != 60 || o.Seen != 60 {
			t.Errorf("outcome %+v", o)
		}
	}
	before := s.writes()
	if _, err := s.engine.Undo(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	if n := s.writes() - before; n > 0 {
		t.Errorf("what was back already was written %d times", n)
	}
	s.at(t, seeded)
}

func undoRefuses(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	s.commit(1, 31)
	before, writes := s.committed(), s.writes()
	_, err := s.engine.Undo(t.Context(), s.undo(res.ClusterID, res.Outcomes))
	nothingChanged(t, err, offset.Overwritten)
	if p := res.Outcomes[1].Partition; !slices.ContainsFunc(named(p), func(name string) bool { return strings.Contains(err.Error(), name) }) {
		t.Errorf("the error does not name %s: %v", p.Name(), err)
	}
	s.at(t, before)
	if n := s.writes() - writes; n > 0 {
		t.Errorf("%d writes were sent", n)
	}
}

func undoLenient(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	s.commit(1, 31)
	undo := s.undo(res.ClusterID, res.Outcomes)
	undo.Lenient = true
	back, err := s.engine.Undo(t.Context(), undo)
	if err != nil {
		t.Fatal(err)
	}
	s.at(t, map[int32]int64{0: 60, 1: 31, 2: 60})
	if p, notes := res.Outcomes[1].Partition, strings.Join(back.Notes, " "); !slices.ContainsFunc(named(p), func(name string) bool { return strings.Contains(notes, name) }) {
		t.Errorf("no note names %s: %q", p.Name(), notes)
	}
}

func undoSkips(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	s.commit(0, 21)
	s.commit(2, 60)
	res.Outcomes[2].Fail("refused")
	undo := s.undo(res.ClusterID, res.Outcomes)
	undo.Skip = func(p offset.Partition) bool { return p.Topic == "orders" && p.ID == 0 }
	if _, err := s.engine.Undo(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	s.at(t, map[int32]int64{0: 21, 1: 60, 2: 60})
}

func undoElsewhere(t *testing.T, s *subject) {
	res := s.mustApply(t, s.request)
	writes := s.writes()
	_, err := s.engine.Undo(t.Context(), s.undo("another", res.Outcomes))
	nothingChanged(t, err, offset.WrongCluster)
	s.at(t, s.target)
	if n := s.writes() - writes; n > 0 {
		t.Errorf("%d writes were sent", n)
	}
}

func undoUnsupported(t *testing.T, s *subject) {
	if s.tells {
		return
	}
	res := s.mustApply(t, s.request)
	writes := s.writes()
	record := offset.Outcomes([]offset.Move{{Partition: offset.Partition{Topic: "orders"}, Previous: 60, Offset: 20}})
	for _, undo := range []func(context.Context, offset.UndoRequest) (*offset.Result, error){s.engine.Undo, s.engine.Forget} {
		_, err := undo(t.Context(), s.undo(res.ClusterID, record))
		nothingChanged(t, err, offset.Unsupported)
	}
	s.at(t, s.target)
	if n := s.writes() - writes; n > 0 {
		t.Errorf("%d writes were sent", n)
	}
}
