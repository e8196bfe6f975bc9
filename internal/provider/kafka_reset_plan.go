package provider

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func (r *kafkaReset) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state *kafkaResetModel
	if !req.State.Raw.IsNull() {
		if req.Plan.Raw.Equal(req.State.Raw) && !recordIncomplete(req.State, ctx) {
			return // Nothing differs, nothing is left to do: the common case, kept cheap.
		}
		state = &kafkaResetModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, state, req.Private, &resp.Diagnostics)
		return
	}
	var plan kafkaResetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	decided := decide(plan.changeFrom(ctx, state))
	what := plan.headline(ctx)
	switch decided {
	case adopt:
		plan.checkAdoption(ctx, *state, what, &resp.Diagnostics)
		plan.setOutcome(state.outcome())
	case keep:
		plan.keepWords(ctx, *state, what, &resp.Diagnostics)
		plan.setOutcome(state.outcome())
	case resume:
		plan.keepWords(ctx, *state, what, &resp.Diagnostics)
		plan.setOutcome(unknownOutcome(summaryTypes(kafkaSummaryFields)))
	case reset:
		plan.setOutcome(unknownOutcome(summaryTypes(kafkaSummaryFields)))
	}
	plan.ID = types.StringUnknown()
	if id, ok := plan.resetID(ctx); ok {
		plan.ID = types.StringValue(id.String())
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	replaced := state != nil && (!state.GroupID.Equal(plan.GroupID) || !state.InstanceID.Equal(plan.InstanceID))
	if (decided == reset || decided == resume) && !replaced {
		r.previewReset(ctx, plan, state, decided, &resp.Diagnostics)
	}
}

// recordIncomplete looks only at the record, not at the whole state.
func recordIncomplete(state attributeGetter, ctx context.Context) bool { //nolint:revive // The state is what this is about.
	var record types.String
	diags := state.GetAttribute(ctx, path.Root("record"), &record)
	return diags.HasError() || isIncomplete(record)
}

// isIncomplete tells whether a record has a failed partition, without taking
// it apart: only the member "error" of a partition is followed by a string.
func isIncomplete(record types.String) bool {
	return strings.Contains(record.ValueString(), `,"error":"`)
}

func (m kafkaResetModel) headline(ctx context.Context) string {
	var topics []string
	if id, ok := m.resetID(ctx); ok {
		topics = id.topics
	}
	return headline("Reset", m.GroupID.ValueString(), topics)
}

// aim returns the attributes that say target and scope.
func (a kafkaArguments) aim() []attr.Value {
	return append(a.scopeAttributes(), a.targetAttributes()...)
}

func (a kafkaArguments) scopeAttributes() []attr.Value {
	return []attr.Value{a.Topic, a.Topics, a.AllTopics, a.Partition, a.Partitions, a.Offsets}
}

func (a kafkaArguments) targetAttributes() []attr.Value {
	return []attr.Value{a.MessageOffset, a.Timestamp, a.Datetime, a.Lookback, a.Position, a.Shift, a.SourceGroupID, a.Offsets}
}

// shape says which of the attributes are set, one sign each.
func shape(values []attr.Value) string {
	var b strings.Builder
	for _, v := range values {
		if v.IsNull() {
			b.WriteByte('-')
		} else {
			b.WriteByte('+')
		}
	}
	return b.String()
}

func (a kafkaArguments) targetShape() string { return shape(a.targetAttributes()) }

// aimKnown tells whether group, target and scope are known.
func (a kafkaArguments) aimKnown() bool {
	for _, v := range append(a.aim(), a.GroupID, a.InstanceID) {
		if v.IsUnknown() {
			return false
		}
	}
	return whollyKnownSet(a.Topics) && whollyKnownSet(a.Partitions) && whollyKnownOffsets(a.Offsets)
}

// changeFrom says what the plan changes in meaning; state is nil on a create.
func (m kafkaResetModel) changeFrom(ctx context.Context, state *kafkaResetModel) change {
	if state == nil {
		return change{create: true}
	}
	return change{
		imported:   state.imported(),
		incomplete: isIncomplete(state.Record),
		triggers:   triggersDiffer(m.Triggers, state.Triggers),
		onTriggers: m.ResetOn.ValueString() == resetOnTriggers,
		aim:        !m.sameAim(ctx, *state),
	}
}

// sameAim tells whether target and scope mean the same.
func (m kafkaResetModel) sameAim(ctx context.Context, state kafkaResetModel) bool {
	if !m.aimKnown() || !m.GroupID.Equal(state.GroupID) || !m.InstanceID.Equal(state.InstanceID) {
		return false
	}
	scope, diags := m.scope(ctx)
	target, more := m.target()
	diags.Append(more...)
	oldScope, more := state.scope(ctx)
	diags.Append(more...)
	oldTarget, more := state.target()
	diags.Append(more...)
	return !diags.HasError() && reflect.DeepEqual(scope, oldScope) && reflect.DeepEqual(target, oldTarget)
}

// triggersDiffer tells whether triggers differ in meaning: null is empty, and
// what is unknown differs.
func triggersDiffer(a, b types.Map) bool {
	if a.IsUnknown() {
		return true
	}
	if len(a.Elements()) == 0 && len(b.Elements()) == 0 {
		return false
	}
	return !a.Equal(b)
}

// keepWords keeps the prior words where they mean the same as the new ones,
// so that a plan shows no change that is none. With reset_on = "triggers" it
// keeps target and scope as a whole, as long as the same arguments say them;
// if other arguments do, Terraform insists on showing them, and the plan says
// that nothing is reset.
func (m *kafkaResetModel) keepWords(ctx context.Context, state kafkaResetModel, what string, diags *diag.Diagnostics) {
	if m.ResetOn.ValueString() == resetOnTriggers && !m.sameAim(ctx, state) {
		if shape(m.aim()) == shape(state.aim()) {
			m.Topic, m.Topics, m.AllTopics, m.Partition, m.Partitions, m.Offsets = state.Topic, state.Topics, state.AllTopics, state.Partition, state.Partitions, state.Offsets
			m.MessageOffset, m.Timestamp, m.Datetime, m.Lookback = state.MessageOffset, state.Timestamp, state.Datetime, state.Lookback
			m.Position, m.Shift, m.SourceGroupID = state.Position, state.Shift, state.SourceGroupID
		} else {
			diags.AddWarning(what+": nothing is reset by this change",
				"Other arguments now say the target or the scope, and reset_on is \"triggers\". The new ones take effect when triggers change.")
		}
	}
	m.Datetime = sameMeaning(m.Datetime, state.Datetime, sameInstant)
	m.Lookback = sameMeaning(m.Lookback, state.Lookback, sameDuration)
	m.WaitForInactive = sameMeaning(m.WaitForInactive, state.WaitForInactive, sameDuration)
	m.Timeouts = sameTimeouts(m.Timeouts, state.Timeouts)
}

// checkAdoption refuses to take over an import with another scope.
func (m kafkaResetModel) checkAdoption(ctx context.Context, state kafkaResetModel, what string, diags *diag.Diagnostics) {
	imported, err := parseResetID(state.ID.ValueString())
	if err != nil {
		diags.AddError(what, sentence(err.Error()))
		return
	}
	id, known := m.resetID(ctx)
	if known && !id.equal(imported) {
		diags.AddError(what+": the configuration is not what was imported",
			fmt.Sprintf("Imported was %q and the configuration says %q. An import means that this reset is done already, so both must have the same scope. "+
				"Change the configuration, or remove the resource from the state and import what the configuration says.", imported, id))
		return
	}
	diags.AddWarning(what+": taken over, nothing will be reset",
		"The reset was imported as done already. The apply takes the configuration over without touching the broker.")
}

// planDestroy says in the plan what destroying will do to offsets.
func (r *kafkaReset) planDestroy(ctx context.Context, state *kafkaResetModel, private privateGetter, diags *diag.Diagnostics) {
	if state == nil {
		return
	}
	last, more := lastMoves(state.Record, offset.KafkaRecord, "")
	diags.Append(more...)
	base, more := baseMoves(ctx, private, offset.KafkaRecord, "")
	diags.Append(more...)
	undo, more := state.undo(last)
	diags.Append(more...)
	if diags.HasError() {
		return
	}
	destruction{onDestroy: state.OnDestroy.ValueString(), undo: undo, base: base, broker: kafkaBroker}.announce(diags)
}

// previewReset shows what the reset would do.
func (r *kafkaReset) previewReset(ctx context.Context, plan kafkaResetModel, state *kafkaResetModel, decided decision, diags *diag.Diagnostics) {
	what := plan.headline(ctx)
	if !plan.known() {
		r.services.previewUnavailable(diags, what, "some of its arguments are known only after the apply")
		return
	}
	request, more := plan.request(ctx)
	diags.Append(more...)
	if diags.HasError() {
		return
	}
	if decided == resume && state != nil {
		last, more := lastMoves(state.Record, offset.KafkaRecord, "")
		diags.Append(more...)
		request.Resume = last
	}
	r.services.previewReset(ctx, diags, what, kafkaBroker, request, func() (offset.Engine, error) {
		return r.services.kafkaEngine(plan.InstanceID.ValueString())
	})
}
