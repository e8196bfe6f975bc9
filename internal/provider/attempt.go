package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// attempt is a reset after an earlier one of the same resource.
type attempt struct {
	request offset.Request
	undo    offset.UndoRequest // its moves are those of the last reset
	resumes bool               // the last reset failed half-way and only its rest is done
	first   bool               // it is the resource's create

	// Set by run: the outcomes of the last reset after some of them were put
	// back; nil if none was.
	putBack []offset.Outcome
}

// run resumes the last reset, or starts a new one. If the last one failed
// half-way, a new one starts from the old place, as it would after the destroy
// and create of a tainted resource: what had landed is put back first, once
// nothing speaks against the new one.
func (a *attempt) run(ctx context.Context, services *services, engine offset.Engine) (*offset.Result, error) {
	if a.resumes {
		rest, err := life.Rest(a.request, a.undo.Record)
		if err != nil {
			return nil, err
		}
		res, err := services.run(ctx, engine, rest, a.undo.ClusterID)
		if res != nil {
			res.Outcomes = life.Merge(a.undo.Record, res.Outcomes)
		}
		return res, err
	}
	if !offset.AnyFailed(a.undo.Record) || len(offset.Touched(a.undo.Record)) == 0 {
		return services.run(ctx, engine, a.request, "")
	}
	if _, err := engine.Plan(ctx, a.request); err != nil {
		return nil, err
	}
	if err := a.goBack(ctx, engine); err != nil {
		return nil, err
	}
	services.prepared.drop(engine) // They were made before.
	res, err := services.run(ctx, engine, a.request, "")
	var e *offset.Error
	if res == nil && errors.As(err, &e) {
		told := *e
		told.State = "What the reset before had moved when it failed half-way was put back. Nothing else was changed."
		return nil, &told
	}
	return res, err
}

// tainted tells what to do after a create that failed half-way: Terraform
// marks it as tainted and replaces it.
func tainted(err error) error {
	var e *offset.Error
	if !errors.As(err, &e) {
		return err
	}
	told := *e
	told.Next = "Apply again: Terraform destroys and creates the reset anew, and destroying it puts back what has landed, so that it starts from the old place. " +
		"To finish this one instead, run terraform untaint and apply. With create_before_destroy and shift, do that: Terraform would shift again before it destroys."
	if e.Code == offset.Overwritten {
		told.Next = e.Next
	}
	return &told
}

const givenUp = "given up for another reset, and put back to the offset from before wherever nobody had moved it since"

// goBack puts back what the last reset has moved, and notes what it did.
func (a *attempt) goBack(ctx context.Context, engine offset.Engine) error {
	req := a.undo
	req.Record, req.Lenient = offset.Touched(req.Record), true
	res, err := engine.Undo(ctx, req)
	if res == nil {
		return err
	}
	a.putBack = putBack(a.undo.Record, res.Outcomes)
	return err
}

// putBack returns what a record says after an undo: what was put back is not
// done any more, so that a resume does it again.
func putBack(record, undone []offset.Outcome) []offset.Outcome {
	left := map[offset.Partition]bool{}
	for _, m := range undone {
		left[m.Partition] = m.Failed()
	}
	record = slices.Clone(record)
	for i := range record {
		if m := &record[i]; m.Touched() && !left[m.Partition] {
			m.Fail(givenUp)
		}
	}
	return record
}

// given returns the outcome of a reset whose moves were put back in part.
func (b broker) given(o outcome, moves []offset.Outcome) outcome {
	o.summary = summaryObject(b.fields, offset.SummarizeOutcomes(moves))
	o.record = types.StringValue(offset.EncodeRecord(moves, b.dialect))
	return o
}

// lastMoves reads a record; null (an imported reset) gives none.
func lastMoves(record types.String, d offset.Dialect, topic string) ([]offset.Outcome, diag.Diagnostics) {
	var diags diag.Diagnostics
	if record.IsNull() || record.IsUnknown() {
		return nil, diags
	}
	moves, err := offset.DecodeRecord(record.ValueString(), d, topic)
	if err != nil {
		diags.AddError("The state is damaged", sentence(err.Error()))
	}
	return moves, diags
}

// baseKey is where the private state keeps the last completed reset while a
// newer one is incomplete.
const baseKey = "completed"

// completed is a completed reset: the newer one may be of another topic, or on
// another cluster.
type completed struct {
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`
	Record  string `json:"record"`
}

type privateGetter interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateSetter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

type privateState interface {
	privateGetter
	privateSetter
}

// keepBase remembers the reset before one that failed half-way, so that a
// restore still leads to before the last completed one.
func keepBase(ctx context.Context, private privateSetter, before outcome, id resetID, now []offset.Outcome) diag.Diagnostics {
	switch {
	case !offset.AnyFailed(now):
		return private.SetKey(ctx, baseKey, []byte("null"))
	case before.record.IsNull() || isIncomplete(before.record):
		return nil // There was none, or it is remembered already.
	}
	text, err := json.Marshal(completed{before.clusterID.ValueString(), firstOf(id.topics), before.record.ValueString()})
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("The last completed reset cannot be kept", sentence(err.Error()))}
	}
	return private.SetKey(ctx, baseKey, text)
}

// baseOf returns what undoes the last completed reset if last, a newer one, is
// incomplete; else it has no moves.
func baseOf(ctx context.Context, private privateGetter, d offset.Dialect, last offset.UndoRequest) (offset.UndoRequest, diag.Diagnostics) {
	base := last
	base.Record = nil
	text, diags := private.GetKey(ctx, baseKey)
	if diags.HasError() || len(text) == 0 || string(text) == "null" {
		return base, diags
	}
	var kept completed
	if err := json.Unmarshal(text, &kept); err != nil {
		diags.AddError("The state is damaged", sentence(err.Error()))
		return base, diags
	}
	base.ClusterID, base.Topic = kept.Cluster, kept.Topic
	moves, more := lastMoves(types.StringValue(kept.Record), d, kept.Topic)
	diags.Append(more...)
	base.Record = moves
	return base, diags
}

// destruction is what destroying a resource does to the offsets it has set.
type destruction struct {
	onDestroy string
	undo      offset.UndoRequest // of the last reset
	base      offset.UndoRequest // of the last completed reset, if the last one is incomplete
	broker    broker
	some      bool // the reset is of some partitions of its topic
}

// steps returns what is put back because its reset is incomplete, whatever
// on_destroy says, and the completed reset that on_destroy is about.
func (d destruction) steps() (unfinished, completed offset.UndoRequest) {
	if !offset.AnyFailed(d.undo.Record) {
		return offset.UndoRequest{}, d.undo
	}
	unfinished = d.undo
	unfinished.Record = offset.Touched(d.undo.Record)
	// Consumers may have moved on from where it left them, and the way on must
	// not be barred for that.
	unfinished.Lenient = true
	return unfinished, d.base
}

// headline names what is undone. Partitions are named if the reset was of
// some of a topic's, since two resources may share a topic.
func (d destruction) headline(verb string, moves []offset.Outcome) string {
	id := resetID{group: d.undo.Group, topics: offset.Topics(offset.Moves(moves))}
	if d.some {
		for _, m := range moves {
			id.partitions = append(id.partitions, m.ID)
		}
	}
	return headline(verb, id)
}

// announce tells in the plan of a destroy what will happen to the offsets.
func (d destruction) announce(diags *diag.Diagnostics) {
	unfinishedReset, completedReset := d.steps()
	unfinished, completed := unfinishedReset.Record, completedReset.Record
	if len(unfinished) > 0 {
		diags.AddWarning(fmt.Sprintf("%s: destroying puts back %s", d.headline("Undo the incomplete reset of", unfinished), count(int64(len(unfinished)), d.broker.partition)),
			"The last reset failed half-way. Destroying it puts back what it had moved, whatever on_destroy says, wherever nobody has moved it on since.")
	}
	switch {
	case len(completed) == 0:
		d.saysNothing(diags)
	case d.onDestroy == onDestroyRestore:
		var back []offset.Move
		for _, m := range completed {
			if m.Previous != m.Offset && (m.Previous >= 0 || d.broker.dialect != offset.RocketMQRecord) { // RocketMQ cannot take an offset away again
				m.Previous, m.Offset = m.Offset, m.Previous
				back = append(back, m.Move)
			}
		}
		s := offset.Summarize(back)
		diags.AddWarning(fmt.Sprintf("%s: destroying puts back %s, about %d messages replayed and %d skipped",
			d.headline("Restore", completed), count(int64(len(back)), d.broker.partition), s.Replayed, s.Skipped),
			"The offsets from before the last reset are committed again, except where another reset of the same run has put them since. It is refused, and changes nothing, "+d.obstacles()+
				" To destroy without restoring, apply on_destroy = \"keep\" first.")
	case d.onDestroy == onDestroyDeleteOffsets:
		diags.AddWarning(fmt.Sprintf("%s: destroying deletes the offsets of %s", d.headline("Delete the offsets of", completed), count(int64(len(completed)), d.broker.partition)),
			"The group's committed offsets of these partitions are deleted. Its consumers then start where auto.offset.reset tells them to.")
	}
}

// obstacles says when a restore is refused.
func (d destruction) obstacles() string {
	active := ""
	if d.broker.waits {
		active = "if members are still active, "
	}
	return active + "if somebody else has moved an offset since, or if an old offset has left the log."
}

// saysNothing tells that there is nothing that on_destroy could be about.
func (d destruction) saysNothing(diags *diag.Diagnostics) {
	if offset.AnyFailed(d.undo.Record) || d.onDestroy != onDestroyRestore && d.onDestroy != onDestroyDeleteOffsets {
		return
	}
	diags.AddWarning(fmt.Sprintf("Consumer group %q: on_destroy = %q has nothing to do", d.undo.Group, d.onDestroy),
		"The reset was imported, so it is not known which offsets it has set and what was there before. Destroying leaves the group as it is.")
}

// run does it. The resource stays in the state if diags gets an error. It
// returns the record after the incomplete reset was put back, nil if none was.
func (d destruction) run(ctx context.Context, open func() (offset.Engine, error), diags *diag.Diagnostics) (record []offset.Outcome) {
	unfinished, completed := d.steps()
	if len(unfinished.Record) > 0 {
		what := d.headline("Undo the incomplete reset of", unfinished.Record)
		res, ok := d.step(ctx, open, what, offset.Engine.Undo, unfinished, diags)
		if res != nil {
			record = putBack(d.undo.Record, res.Outcomes)
		}
		if !ok {
			return record
		}
	}
	switch {
	case len(completed.Record) == 0:
		d.saysNothing(diags)
	case d.onDestroy == onDestroyRestore:
		d.step(ctx, open, d.headline("Restore", completed.Record), offset.Engine.Undo, completed, diags)
	case d.onDestroy == onDestroyDeleteOffsets:
		d.step(ctx, open, d.headline("Delete the offsets of", completed.Record), offset.Engine.Forget, completed, diags)
	}
	return record
}

func (d destruction) step(ctx context.Context, open func() (offset.Engine, error), what string,
	do func(offset.Engine, context.Context, offset.UndoRequest) (*offset.Result, error), req offset.UndoRequest, diags *diag.Diagnostics,
) (*offset.Result, bool) {
	engine, err := open()
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return nil, false
	}
	res, err := do(engine, ctx, req)
	if res != nil {
		notes(diags, what, res.Notes)
	}
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return res, false
	}
	return res, true
}
