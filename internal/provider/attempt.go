package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// attempt is a reset after an earlier one of the same resource.
type attempt struct {
	request offset.Request
	undo    offset.UndoRequest // its moves are those of the last reset
	resumes bool               // the last reset failed half-way and only its rest is done
	putBack bool               // set by run: what the last reset moved has been put back
}

// run resumes the last reset, or starts a new one. If the last one failed
// half-way, a new one starts from the old place, as it would after the destroy
// and create of a tainted resource: what had landed is put back first.
func (a *attempt) run(ctx context.Context, services *services, engine offset.Engine) (*offset.Result, error) {
	if a.resumes {
		a.request.Resume = a.undo.Moves
		return services.run(ctx, engine, a.request, a.undo.ClusterID)
	}
	if incomplete(a.undo.Moves) {
		if err := putBack(ctx, engine, a.undo); err != nil {
			return nil, err
		}
		a.putBack = true
		services.prepared.drop(engine) // They were made before.
	}
	return services.run(ctx, engine, a.request, "")
}

// undone returns the outcome of a half-way reset after what it had moved was put back.
func (b broker) undone(o outcome, last []offset.Move) outcome {
	moves := make([]offset.Move, len(last))
	for i, m := range last {
		if !m.Failed() {
			m.Error = "put back to the offset from before, because the reset was given up for another one that could not start"
		}
		moves[i] = m
	}
	o.summary = summaryObject(b.fields, offset.Summarize(moves))
	o.record = types.StringValue(offset.EncodeRecord(moves, b.dialect))
	return o
}

// lastMoves reads a record; null (an imported reset) gives none.
func lastMoves(record types.String, d offset.Dialect, topic string) ([]offset.Move, diag.Diagnostics) {
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

// baseKey is where the private state keeps the record of the last completed
// reset while a newer one is incomplete.
const baseKey = "completed"

type privateGetter interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateSetter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// keepBase remembers the record before a reset that failed half-way, so that
// a restore still leads to before the last completed one.
func keepBase(ctx context.Context, private privateSetter, before types.String, now []offset.Move) diag.Diagnostics {
	switch {
	case !incomplete(now):
		return private.SetKey(ctx, baseKey, []byte("null"))
	case before.IsNull() || isIncomplete(before):
		return nil // There was none, or it is remembered already.
	default:
		return private.SetKey(ctx, baseKey, []byte(before.ValueString()))
	}
}

// baseMoves returns the moves of the last completed reset if a newer one is incomplete.
func baseMoves(ctx context.Context, private privateGetter, d offset.Dialect, topic string) ([]offset.Move, diag.Diagnostics) {
	record, diags := private.GetKey(ctx, baseKey)
	if diags.HasError() || len(record) == 0 || string(record) == "null" {
		return nil, diags
	}
	moves, more := lastMoves(types.StringValue(string(record)), d, topic)
	diags.Append(more...)
	return moves, diags
}

// destruction is what destroying a resource does to the offsets it has set.
type destruction struct {
	onDestroy string
	undo      offset.UndoRequest // its moves are those of the last reset
	base      []offset.Move      // those of the last completed reset, if the last one is incomplete
	broker    broker
}

// steps returns what is put back because its reset is incomplete, whatever
// on_destroy says, and the completed moves that on_destroy is about.
func (d destruction) steps() (unfinished, completed []offset.Move) {
	if incomplete(d.undo.Moves) {
		return landed(d.undo.Moves), d.base
	}
	return nil, d.undo.Moves
}

// announce tells in the plan of a destroy what will happen to the offsets.
func (d destruction) announce(diags *diag.Diagnostics) {
	unfinished, completed := d.steps()
	if len(unfinished) > 0 {
		diags.AddWarning(fmt.Sprintf("%s: destroying puts back %d %ss", headline("Undo the incomplete reset of", d.undo.Group, offset.Topics(unfinished)), len(unfinished), d.broker.partition),
			"The last reset failed half-way. Destroying it puts back what it had moved, whatever on_destroy says.")
	}
	topics := offset.Topics(completed)
	switch {
	case len(completed) == 0:
		d.saysNothing(diags)
	case d.onDestroy == onDestroyRestore:
		back := make([]offset.Move, len(completed))
		for i, m := range completed {
			m.Previous, m.Offset = m.Offset, m.Previous
			back[i] = m
		}
		s := offset.Summarize(back)
		diags.AddWarning(fmt.Sprintf("%s: destroying puts back %d %ss, about %d messages replayed and %d skipped",
			headline("Restore", d.undo.Group, topics), len(completed), d.broker.partition, s.Replayed, s.Skipped),
			"The offsets from before the last reset are committed again. It is refused, and changes nothing, "+d.obstacles()+
				" To destroy without restoring, apply on_destroy = \"keep\" first.")
	case d.onDestroy == onDestroyDeleteOffsets:
		diags.AddWarning(fmt.Sprintf("%s: destroying deletes the offsets of %d %ss", headline("Delete the offsets of", d.undo.Group, topics), len(completed), d.broker.partition),
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
	if incomplete(d.undo.Moves) || d.onDestroy != onDestroyRestore && d.onDestroy != onDestroyDeleteOffsets {
		return
	}
	diags.AddWarning(fmt.Sprintf("Consumer group %q: on_destroy = %q has nothing to do", d.undo.Group, d.onDestroy),
		"The reset was imported, so it is not known which offsets it has set and what was there before. Destroying leaves the group as it is.")
}

// run does it. The resource stays in the state if diags gets an error.
func (d destruction) run(ctx context.Context, open func() (offset.Engine, error), diags *diag.Diagnostics) {
	unfinished, completed := d.steps()
	if len(unfinished) > 0 {
		what := headline("Undo the incomplete reset of", d.undo.Group, offset.Topics(unfinished))
		if !d.step(ctx, open, what, offset.Engine.Undo, unfinished, diags) {
			return
		}
	}
	switch {
	case len(completed) == 0:
		d.saysNothing(diags)
	case d.onDestroy == onDestroyRestore:
		d.step(ctx, open, headline("Restore", d.undo.Group, offset.Topics(completed)), offset.Engine.Undo, completed, diags)
	case d.onDestroy == onDestroyDeleteOffsets:
		d.step(ctx, open, headline("Delete the offsets of", d.undo.Group, offset.Topics(completed)), offset.Engine.Forget, completed, diags)
	}
}

func (d destruction) step(ctx context.Context, open func() (offset.Engine, error), what string,
	do func(offset.Engine, context.Context, offset.UndoRequest) (*offset.Result, error), moves []offset.Move, diags *diag.Diagnostics,
) bool {
	engine, err := open()
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return false
	}
	req := d.undo
	req.Moves = moves
	res, err := do(engine, ctx, req)
	if res != nil {
		notes(diags, what, res.Notes)
	}
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return false
	}
	return true
}
