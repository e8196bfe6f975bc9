package reset

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// OnDestroy says what destroying a reset does to the offsets it has set.
type OnDestroy string

// What destroying can do.
const (
	DestroyKeeps    OnDestroy = "keep"
	DestroyRestores OnDestroy = "restore"
	DestroyDeletes  OnDestroy = "delete_offsets"
)

// Destruction is what destroying a reset does to the offsets it has set.
type Destruction struct {
	Broker          Broker
	Instance        string // of a managed service
	OnDestroy       OnDestroy
	Last            Last
	WaitForInactive *time.Duration
	// Stuck, if it is not empty, says how to go on without the undo where the
	// reset is not declared any more, in the words of whoever asked.
	Stuck string
	// Progress, if set, is told in one line what is about to be done.
	Progress func(message string)
}

// steps returns what is put back because its reset is incomplete, whatever
// OnDestroy says, and the completed reset that OnDestroy is about.
func (d Destruction) steps() (unfinished, completed offset.UndoRequest, err error) {
	last := d.Last.undo()
	last.WaitForInactive, last.Progress = d.WaitForInactive, d.Progress
	if !offset.AnyFailed(last.Record) {
		return offset.UndoRequest{}, last, nil
	}
	unfinished, completed = last, last
	unfinished.Record = offset.Touched(last.Record)
	// Consumers may have moved on from where it left them, and the way on must
	// not be barred for that.
	unfinished.Lenient = true
	completed.Record = nil
	if base := d.Last.Kept.Completed; base != nil {
		completed.ClusterID, completed.Topic, completed.TopicIDs = base.ClusterID, base.Topic, base.TopicIDs
		completed.Record, err = d.Broker.ReadRecord(base.Record, Name{Topics: []string{base.Topic}})
	}
	return unfinished, completed, err
}

// headline names what is undone. Partitions are named if the reset was of
// some of a topic's, since two resets may share a topic.
func (d Destruction) headline(verb string, outcomes []offset.Outcome) string {
	id := Name{Group: d.Last.Name.Group, Type: d.Last.Name.Type, Topics: offset.Topics(offset.Moves(outcomes))}
	if len(d.Last.Name.Partitions) > 0 {
		for _, o := range outcomes {
			id.Partitions = append(id.Partitions, o.ID)
		}
	}
	return id.Headline(verb)
}

// Announce tells what will happen to the offsets.
func (d Destruction) Announce() ([]Notice, error) {
	unfinished, completed, err := d.steps()
	if err != nil {
		return nil, err
	}
	var notices []Notice
	if n := len(unfinished.Record); n > 0 {
		notices = append(notices, warning(fmt.Sprintf("%s: destroying puts back %s", d.headline("Undo the incomplete reset of", unfinished.Record), count(int64(n), d.Broker.Noun)),
			"The last reset failed half-way. Destroying it puts back what it had moved, whatever on_destroy says, wherever nobody has moved it on since."))
	}
	n := int64(len(completed.Record))
	switch {
	case n == 0:
		notices = append(notices, d.nothingToDo()...)
	case d.OnDestroy == DestroyRestores:
		back := d.back(completed.Record)
		s := offset.Summarize(back)
		active := ""
		if d.Broker.Waits {
			active = "if members are still active, "
		}
		lost := ""
		if d.Last.Name.Type == offset.ShareGroup {
			lost = "\n\nRecords of a share group are acknowledged one by one. The start offsets are put back; what was acknowledged after them is delivered again, and is not in these figures. " +
				"Start offsets where there were none before are taken away only by whole topics."
		}
		notices = append(notices, warning(fmt.Sprintf("%s: destroying puts back %s, about %d messages replayed and %d skipped",
			d.headline("Restore", completed.Record), count(int64(len(back)), d.Broker.Noun), s.Replayed, s.Skipped),
			"The offsets from before the last reset are committed again, except where another reset of the same run has put them since. It is refused, and changes nothing, "+active+
				"if somebody else has moved an offset since, or if an old offset has left the log. To destroy without restoring, apply on_destroy = \"keep\" first."+lost))
	case d.OnDestroy == DestroyDeletes:
		start := "auto.offset.reset"
		if d.Last.Name.Type == offset.ShareGroup {
			start = "the group's share.auto.offset.reset"
		}
		notices = append(notices, warning(fmt.Sprintf("%s: destroying deletes the offsets of %s", d.headline("Delete the offsets of", completed.Record), count(n, d.Broker.Noun)),
			"The group's offsets of these partitions are deleted. Its consumers then start where "+start+" tells them to."))
	}
	return notices, nil
}

// back returns the moves of a restore.
func (d Destruction) back(record []offset.Outcome) []offset.Move {
	var back []offset.Move
	for _, o := range record {
		if o.Previous != o.Offset && (o.Previous >= 0 || d.Broker.Removes) {
			m := o.Move
			m.Previous, m.Offset = m.Offset, m.Previous
			back = append(back, m)
		}
	}
	return back
}

// nothingToDo tells that there is nothing that OnDestroy could be about.
func (d Destruction) nothingToDo() []Notice {
	if offset.AnyFailed(d.Last.Record) || d.OnDestroy != DestroyRestores && d.OnDestroy != DestroyDeletes {
		return nil
	}
	return []Notice{warning(fmt.Sprintf("%s: on_destroy = %q has nothing to do", offset.Capital(d.Last.Name.Type.Called(d.Last.Name.Group)), d.OnDestroy),
		"The reset was imported, so it is not known which offsets it has set and what was there before. Destroying leaves the group as it is.")}
}

// Destroy puts back what an incomplete reset has moved, and then does what
// OnDestroy says. Keep asks no broker. Beside a failure it returns the record
// after the incomplete reset was put back, nil if none was: the state stays,
// and must tell what is true.
func (r *Run) Destroy(ctx context.Context, open Open, d Destruction) (record []offset.Outcome, notices []Notice) {
	r.work.Add(1)
	defer r.work.Done()
	unfinished, completed, err := d.steps()
	if err != nil {
		return nil, []Notice{failure(d.headline("Destroy the reset of", nil), err)}
	}
	skip := r.set.has(d.Instance, d.Last.Name.Group)
	unfinished.Skip, completed.Skip = skip, skip
	done := func() {}
	defer func() { done() }()
	engine := sync.OnceValues(func() (Engine, error) {
		engine, err := open()
		if err != nil {
			return nil, err
		}
		end, err := r.turns.take(ctx, engine, d.Last.Name.Group, alone)
		if err != nil {
			return nil, err
		}
		done = func() {
			r.plans.drop(engine) // They were made before.
			end()
		}
		return engine, nil
	})
	step := func(what string, do func(Engine, context.Context, offset.UndoRequest) (*offset.Result, error), req offset.UndoRequest) (*offset.Result, bool) {
		var res *offset.Result
		e, err := engine()
		if err == nil {
			res, err = do(e, ctx, req)
		}
		if res != nil {
			notices = append(notices, PleaseNote(what, res.Notes)...)
		}
		if err != nil {
			n := failure(what, err)
			if d.Stuck != "" {
				n.Text += "\n\n" + d.Stuck
			}
			notices = append(notices, n)
		}
		return res, err == nil
	}
	if len(unfinished.Record) > 0 {
		res, ok := step(d.headline("Undo the incomplete reset of", unfinished.Record), Engine.Undo, unfinished)
		if res != nil {
			record = putBack(d.Last.Record, res.Outcomes)
		}
		if !ok {
			return record, notices
		}
	}
	switch {
	case len(completed.Record) == 0:
		notices = append(notices, d.nothingToDo()...)
	case d.OnDestroy == DestroyRestores:
		step(d.headline("Restore", completed.Record), Engine.Undo, completed)
	case d.OnDestroy == DestroyDeletes:
		step(d.headline("Delete the offsets of", completed.Record), Engine.Forget, completed)
	}
	return record, notices
}
