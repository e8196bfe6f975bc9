package reset

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Last is what a state tells of the last reset.
type Last struct {
	Name      Name
	ClusterID string
	Record    []offset.Outcome
	Kept      Kept
}

// known returns the record with what is kept beside it.
func (l Last) known() []offset.Outcome {
	record := slices.Clone(l.Record)
	for i := range record {
		o := &record[i]
		kept := l.Kept.Beside[o.Partition]
		if o.Carries == "" {
			o.Carries = kept.Carries
		}
		if kept.Overwritten && o.State == offset.Unsettled {
			o.State = offset.Elsewhere
		}
	}
	return record
}

// undo returns what undoes the last reset.
func (l Last) undo() offset.UndoRequest {
	return offset.UndoRequest{Group: l.Name.Group, GroupType: l.Name.Type, Topic: l.Name.Topic(), ClusterID: l.ClusterID, TopicIDs: l.Kept.TopicIDs, Record: l.Record}
}

// ReadRecord reads the record of a reset with the given name; an empty one
// (an imported reset) has no outcomes.
func (b Broker) ReadRecord(record string, name Name) ([]offset.Outcome, error) {
	if record == "" {
		return nil, nil
	}
	return offset.DecodeRecord(record, b.Dialect, name.Topic())
}

// Attempt is a reset that is to be done now.
type Attempt struct {
	Broker   Broker
	Instance string // of a managed service
	Request  offset.Request
	Decision Decision
	// Last is the last reset of the same resource if it failed half-way.
	Last *Last
	// Unfinished, if it is not empty, is what to do next after a failure
	// half-way, in the words of whoever asked.
	Unfinished string
}

// Report is what came of an attempt.
type Report struct {
	// Result is what the state is to hold; nil if nothing was written.
	Result *offset.Result
	// PutBack is the record of the last reset after some of it was put back,
	// though the new one then wrote nothing; nil if none was.
	PutBack []offset.Outcome
	Notices []Notice
}

// Reset resumes the last reset, or starts a new one. If the last one failed
// half-way, a new one starts from the old place, as it would after a destroy
// and a create: what had landed is put back first, once nothing speaks against
// the new one.
func (r *Run) Reset(ctx context.Context, open Open, a Attempt) Report {
	r.work.Add(1)
	defer r.work.Done()
	headline := NameOf(a.Request).Headline("Reset")
	var report Report
	fail := func(err error) Report {
		n := failure(headline, err)
		if a.Decision.Reason != isNew {
			n.Text += "\n\n" + Sentence("Why it was reset: "+a.Decision.Reason)
		}
		report.Notices = append(report.Notices, n)
		return report
	}
	engine, err := open()
	if err != nil {
		return fail(err)
	}
	weight := int64(1)
	if a.goesBack() {
		weight = alone // it undoes first
	}
	done, err := r.turns.take(ctx, engine, a.Request.Group, weight)
	if err != nil {
		return fail(err)
	}
	defer done()

	res, err := r.attempt(ctx, engine, a, &report)
	if res != nil {
		if report.Result = res; len(res.Outcomes) > 0 {
			report.PutBack = nil
		}
		var written []offset.Partition
		for _, o := range res.Outcomes {
			if o.Touched() {
				written = append(written, o.Partition)
			}
		}
		twice := r.set.add(a.Instance, a.Request.Group, nil, written)
		report.Notices = append(report.Notices, PleaseNote(headline, slices.Concat(res.Notes, overlap(twice)))...)
	}
	if err != nil {
		if a.Unfinished != "" && res != nil && len(res.Outcomes) > 0 {
			err = unfinished(err, a.Unfinished)
		}
		return fail(err)
	}
	return report
}

// goesBack tells whether what the last reset has moved is put back first.
func (a Attempt) goesBack() bool {
	return a.Last != nil && a.Decision.Do == Reset && offset.AnyFailed(a.Last.Record) && len(offset.Touched(a.Last.Record)) > 0
}

// rest returns the request for what the record tells as undone, on the topics
// that the last reset was made on.
func (a Attempt) rest(record []offset.Outcome) (offset.Request, error) {
	req, err := Rest(a.Request, record)
	req.TopicIDs, req.TopicIDsOf = a.Last.Kept.TopicIDs, a.Last.ClusterID
	return req, err
}

func (r *Run) attempt(ctx context.Context, engine Engine, a Attempt, report *Report) (*offset.Result, error) {
	if a.Last != nil && a.Decision.Do == Resume {
		return r.resume(ctx, engine, a)
	}
	if !a.goesBack() {
		return r.apply(ctx, engine, a.Request)
	}
	if _, err := engine.Plan(ctx, a.Request); err != nil {
		return nil, err
	}
	undo := a.Last.undo()
	undo.Record, undo.Lenient, undo.WaitForInactive = offset.Touched(a.Last.Record), true, a.Request.WaitForInactive
	back, err := engine.Undo(ctx, undo)
	if back != nil {
		report.PutBack = putBack(a.Last.Record, back.Outcomes)
	}
	if err != nil {
		return nil, err
	}
	r.plans.drop(engine) // They were made before.
	res, err := r.apply(ctx, engine, a.Request)
	var e *offset.Error
	if res == nil && errors.As(err, &e) {
		told := *e
		told.State = "What the reset before had moved when it failed half-way was put back. Nothing else was changed."
		return nil, &told
	}
	return res, err
}

// resume does what the last reset left undone. The result is of the whole.
func (r *Run) resume(ctx context.Context, engine Engine, a Attempt) (*offset.Result, error) {
	left, err := r.remainder(ctx, engine, a)
	if err != nil {
		return nil, err
	}
	var res *offset.Result
	switch {
	case left.nothing:
		res = &offset.Result{ClusterID: left.looked.ClusterID, State: left.looked.State, At: r.clock.Now(), TopicIDs: a.Last.Kept.TopicIDs}
	case left.plan != nil:
		res, err = r.carryOut(ctx, engine, left.plan)
	default:
		var plan *offset.Plan
		if plan, err = r.plan(ctx, engine, left.request, a.Last.ClusterID); err == nil {
			res, err = r.carryOut(ctx, engine, plan)
		}
	}
	if res != nil {
		res.Outcomes = Merge(a.Last.known(), slices.Concat(res.Outcomes, left.settled))
		res.Notes = slices.Concat(left.notes, res.Notes)
	}
	return res, err
}

// apply plans and applies a request. The result is nil if it is known that
// nothing was written.
func (r *Run) apply(ctx context.Context, engine Engine, req offset.Request) (*offset.Result, error) {
	plan, err := r.plan(ctx, engine, req, "")
	if err != nil {
		return nil, err
	}
	return r.carryOut(ctx, engine, plan)
}

// plan plans a request, on no other cluster than the given one if it is not
// empty. A preview's plan that was made just now serves.
func (r *Run) plan(ctx context.Context, engine Engine, req offset.Request, clusterID string) (*offset.Plan, error) {
	plan := r.plans.take(engine, req, r.clock.Now())
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
	return plan, nil
}

// carryOut applies a plan. The result is nil if it is known that nothing was
// written.
func (r *Run) carryOut(ctx context.Context, engine Engine, plan *offset.Plan) (*offset.Result, error) {
	res, err := engine.Apply(ctx, plan)
	if err != nil && (res == nil || len(offset.Touched(res.Outcomes)) == 0 && !res.InDoubt) {
		return nil, err
	}
	return res, err
}

// unfinished replaces what to do next after a failure half-way. What to do
// about another writer stands.
func unfinished(err error, next string) error {
	var e *offset.Error
	if !errors.As(err, &e) || e.Code == offset.Overwritten {
		return err
	}
	told := *e
	told.Next = next
	return &told
}

const (
	givenUp   = "given up for another reset, and put back to the offset from before"
	leftAlone = "given up for another reset, and left where it was then"
)

// putBack returns what a record says after an undo: what was put back is not
// done any more, so that a resume does it again. What was left alone, because
// somebody had moved it, or because it was back already, is for a resume to
// compare: it must not be moved again once consumers have gone on from it.
func putBack(record, undone []offset.Outcome) []offset.Outcome {
	came := map[offset.Partition]offset.Outcome{}
	for _, o := range undone {
		came[o.Partition] = o
	}
	record = slices.Clone(record)
	for i := range record {
		o := &record[i]
		switch back, ok := came[o.Partition]; {
		case !o.Touched():
		case ok && back.State == offset.NotDone: // It stands where it stood.
		case ok && !back.Failed() && back.Offset == o.Previous:
			o.Fail(givenUp)
		default:
			o.Doubt(leftAlone)
		}
	}
	return record
}

// Completed returns what a state must remember of the reset before one that
// failed half-way, so that a restore still leads to before the last completed
// one. Forget tells that there is nothing to remember any more; nil without it
// that what is remembered stays.
func (b Broker) Completed(before Last, record string, now []offset.Outcome) (base *Completed, forget bool) {
	failed, _ := offset.FailedIn(record)
	switch {
	case !offset.AnyFailed(now):
		return nil, true
	case record == "" || failed > 0:
		return nil, false // There was none, or it is remembered already.
	}
	return &Completed{before.ClusterID, before.Name.Topic(), record, before.Kept.TopicIDs}, false
}
