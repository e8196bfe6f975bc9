package provider

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// resetResource is the course of a reset as a resource, the same for every
// broker: when it happens, what is kept, how it is resumed, undone and
// imported. M is the resource's model.
type resetResource[M any, P resetModel[M]] struct {
	services *services
	typeName string
	broker   broker
	engine   func(s *services, instanceID string) (offset.Engine, error)
}

// resetModel is what the course of a reset needs to know of a model.
type resetModel[M any] interface {
	*M

	// common returns the attributes that all resets have.
	common() *resetCommon
	// validate checks what no single attribute's validator can see.
	validate(diags *diag.Diagnostics)
	// known tells whether a request can be made.
	known() bool
	// request returns what the engine is asked to do; the model must be known.
	request(ctx context.Context) (offset.Request, diag.Diagnostics)
	// resetID names group and scope; false while they are unknown.
	resetID(ctx context.Context) (resetID, bool)
	// aim returns the attributes that say target and scope.
	aim() []attr.Value
	// meant returns what the arguments mean; false if not all of it is known.
	meant(ctx context.Context) (aim, bool)
	// keepAim takes target and scope from the prior state.
	keepAim(prior *M)
	// keepRecorded takes from the prior state what the record needs to be read.
	keepRecorded(prior *M)
	// keepWords takes the prior words where they mean the same.
	keepWords(prior *M)
	// imported tells whether the state comes from an import that no apply has taken over yet.
	imported() bool
	// take sets the imported group and scope.
	take(id resetID)
	// derive computes what follows from the arguments alone.
	derive()
	// outcome and setOutcome read and write what a reset leaves.
	outcome() outcome
	setOutcome(o outcome)
	// wait returns how long to wait for members to leave, null where that has no meaning.
	wait() (v types.String, has bool)
	// faults names the attributes that the engine's errors concern.
	faults() attributes
	// refusals returns what the managed service cannot do of what is known.
	refusals(ctx context.Context, s *services, onDestroy types.String) []managed.Refusal
	// group returns the consumer group's name.
	group() types.String
	// instance returns the managed instance's id, or null.
	instance() types.String
	// identity returns the identity as a struct for the identity schema.
	identity(id resetID) any
	// identify reads an identity.
	identify(ctx context.Context, identity *tfsdk.ResourceIdentity) (resetID, diag.Diagnostics)
}

// resetCommon are the attributes that the resources have in common.
type resetCommon struct {
	ID        types.String   `tfsdk:"id"`
	Triggers  types.Map      `tfsdk:"triggers"`
	ResetOn   types.String   `tfsdk:"reset_on"`
	OnDestroy types.String   `tfsdk:"on_destroy"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
	AppliedAt types.String   `tfsdk:"applied_at"`
	ClusterID types.String   `tfsdk:"cluster_id"`
	Summary   types.Object   `tfsdk:"summary"`
	Record    types.String   `tfsdk:"record"`
}

func (c *resetCommon) common() *resetCommon { return c }

// commonAttributes describes resetCommon, except for id and record.
func commonAttributes(ctx context.Context, fields []summaryField, onDestroy ...string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"triggers": schema.MapAttribute{
			ElementType: types.StringType, Optional: true,
			MarkdownDescription: "Values of your own whose change resets again.",
		},
		"reset_on": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.OneOf(resetOnChange, resetOnTriggers)},
			MarkdownDescription: "What resets again: `change` (default) of the target, the scope or `triggers`, or of `triggers` alone. With `triggers`, another target is not taken up before `triggers` change.",
		},
		"on_destroy": schema.StringAttribute{
			Optional: true, Validators: []validator.String{stringvalidator.OneOf(onDestroy...)},
			MarkdownDescription: onDestroyDescription(onDestroy),
		},
		"timeouts":   timeoutsAttribute(ctx),
		"applied_at": computedText("When the last reset was committed, as an RFC 3339 time. Null after an import."),
		"summary":    summaryAttribute(fields),
	}
}

const timeoutsDescription = "How long an operation may take, waiting included, such as `15m` (default `10m`)."

// timeoutsAttribute describes the argument timeouts, which the library leaves
// without a word.
func timeoutsAttribute(ctx context.Context) schema.Attribute {
	attribute := timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true})
	if nested, ok := attribute.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = timeoutsDescription
		return nested
	}
	return attribute
}

func onDestroyDescription(values []string) string {
	d := "What destroying the resource does to the offsets that it has set: `keep` (default) leaves them and asks no broker, `restore` puts back the offsets from before the last reset wherever nobody has moved them since"
	for _, v := range values {
		if v == onDestroyDeleteOffsets {
			return d + ", `delete_offsets` deletes the group's offsets of the recorded partitions."
		}
	}
	return d + "."
}

func (r *resetResource[M, P]) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = r.typeName
	// The identity names the scope, which may change in place.
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *resetResource[M, P]) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

func (r *resetResource[M, P]) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	m := P(new(M))
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.validate(&resp.Diagnostics)
	refuse(&resp.Diagnostics, m.refusals(ctx, r.services, m.common().OnDestroy))
	if wait, has := m.wait(); has {
		t := m.common().Timeouts
		checkWait(ctx, wait, t.Object, &resp.Diagnostics, operation{"create", t.Create}, operation{"update", t.Update}, operation{"delete", t.Delete})
	}
}

// operation is one that timeouts bounds.
type operation struct {
	name string
	read func(context.Context, time.Duration) (time.Duration, diag.Diagnostics)
}

// checkWait refuses to wait for longer than an operation may take.
func checkWait(ctx context.Context, wait types.String, t types.Object, diags *diag.Diagnostics, operations ...operation) {
	if wait.IsUnknown() || t.IsUnknown() {
		return
	}
	longest := offset.DefaultWaitForInactive
	if !wait.IsNull() {
		d, err := time.ParseDuration(wait.ValueString())
		if err != nil {
			return // Its validator has said so.
		}
		longest = d
	}
	for _, operation := range operations {
		if v, ok := t.Attributes()[operation.name]; ok && v.IsUnknown() {
			continue
		}
		timeout, problems := operation.read(ctx, defaultTimeout) // Its validator tells the problems.
		if !problems.HasError() && longest >= timeout {
			diags.AddAttributeError(path.Root("wait_for_inactive"), "Waiting takes longer than the operation may",
				fmt.Sprintf("wait_for_inactive is %s and must be less than timeouts.%s, which is %s.", longest, operation.name, timeout))
			return
		}
	}
}

// ModifyPlan decides whether the apply will reset, and keeps the computed
// values if it will not.
func (r *resetResource[M, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state P
	if !req.State.Raw.IsNull() {
		if req.Plan.Raw.Equal(req.State.Raw) && !stateIncomplete(ctx, req.State) {
			return // Nothing differs, nothing is left to do: the common case, kept cheap.
		}
		state = new(M)
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		if state != nil {
			if d, ok := r.destruction(ctx, state, req.Private, &resp.Diagnostics); ok {
				d.announce(&resp.Diagnostics)
			}
		}
		return
	}
	plan := P(new(M))
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	refuse(&resp.Diagnostics, plan.refusals(ctx, r.services, plan.common().OnDestroy))
	if resp.Diagnostics.HasError() {
		return
	}
	if state != nil && replaces[M](ctx, plan, state) {
		// Terraform plans the create in a call of its own, whose warnings it
		// does not show, and does not announce the destroy.
		if d, ok := r.destruction(ctx, state, req.Private, &resp.Diagnostics); ok {
			d.announce(&resp.Diagnostics)
		}
		state = nil
	}
	change := r.change(ctx, plan, state, req.Private)
	decided := decide(change)
	if state != nil {
		// Also where it resets: what is unknown now may turn out to be what it
		// was, and the plan that Terraform then makes must not differ from this.
		plan.keepWords(state)
		plan.common().Timeouts = sameTimeouts(ctx, plan.common().Timeouts, state.common().Timeouts)
	}
	switch decided {
	case adopt:
		r.checkAdoption(ctx, plan, state, &resp.Diagnostics)
		plan.setOutcome(state.outcome())
	case keep:
		r.keepPrior(ctx, plan, state, change, resp.Private, &resp.Diagnostics)
		plan.setOutcome(state.outcome())
	case resume:
		r.keepPrior(ctx, plan, state, change, resp.Private, &resp.Diagnostics)
		plan.setOutcome(r.broker.unknown())
	case reset:
		plan.setOutcome(r.broker.unknown())
	}
	plan.derive()
	plan.common().ID = types.StringUnknown()
	if id, known := plan.resetID(ctx); known { // keepPrior may have changed it
		plan.common().ID = types.StringValue(id.String())
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if resp.Diagnostics.HasError() || decided == keep || decided == adopt {
		return
	}
	r.preview(ctx, plan, state, decided, &resp.Diagnostics)
}

// replaces tells whether the plan is of another reset than the state: of
// another group or instance. With an imported one that is an error instead.
func replaces[M any, P resetModel[M]](ctx context.Context, plan, state P) bool {
	next, known := plan.resetID(ctx)
	old, _ := state.resetID(ctx)
	return known && !state.imported() && (old.group != next.group || old.instance != next.instance)
}

// stateIncomplete looks only at the record, not at the whole state.
func stateIncomplete(ctx context.Context, state tfsdk.State) bool {
	var record types.String
	diags := state.GetAttribute(ctx, path.Root("record"), &record)
	return diags.HasError() || isIncomplete(record)
}

// isIncomplete tells whether a record has a failed partition, without taking
// it apart: only the member "error" of a partition is followed by a string.
func isIncomplete(record types.String) bool {
	return strings.Contains(record.ValueString(), `,"error":"`)
}

// change says what the plan changes in meaning; state is nil on a create.
func (r *resetResource[M, P]) change(ctx context.Context, plan, state P, private privateGetter) change {
	if state == nil {
		return change{create: true}
	}
	c := change{
		imported:   state.imported(),
		incomplete: isIncomplete(state.common().Record),
		triggers:   triggersDiffer(plan.common().Triggers, state.common().Triggers),
		onTriggers: plan.common().ResetOn.ValueString() == resetOnTriggers,
		aim:        true,
	}
	done, known := heldBack(ctx, private)
	if !known {
		done, known = state.meant(ctx)
	}
	if next, ok := plan.meant(ctx); ok && known {
		c.aim = !reflect.DeepEqual(next, done)
	}
	return c
}

// keepPrior keeps target and scope as a whole with reset_on = "triggers", as
// long as the same arguments say them; if other arguments do, Terraform insists
// on showing them, and the plan says that nothing is reset. The state then has
// what was never done, so that what was done is remembered beside it.
func (r *resetResource[M, P]) keepPrior(ctx context.Context, plan, state P, c change, private privateState, diags *diag.Diagnostics) {
	_, held := heldBack(ctx, private)
	switch {
	case !c.aim:
		if held {
			diags.Append(private.SetKey(ctx, heldBackKey, []byte("null"))...)
		}
	case shape(plan.aim()) == shape(state.aim()):
		plan.keepAim(state)
	default:
		diags.AddWarning(r.headline(ctx, plan)+": nothing is reset by this change",
			"Other arguments now say the target or the scope, and reset_on is \"triggers\". The new ones take effect when triggers change.")
		plan.keepRecorded(state)
		if done, ok := state.meant(ctx); ok && !held {
			diags.Append(holdBack(ctx, private, done)...)
		}
	}
}

// checkAdoption refuses to take over an import with another scope.
func (r *resetResource[M, P]) checkAdoption(ctx context.Context, plan, state P, diags *diag.Diagnostics) {
	what := r.headline(ctx, plan)
	imported, err := parseResetID(state.common().ID.ValueString())
	if err != nil {
		diags.AddError(what, sentence(err.Error()))
		return
	}
	id, known := plan.resetID(ctx)
	if known && !id.equal(imported) {
		diags.AddError(what+": the configuration is not what was imported",
			fmt.Sprintf("Imported was %q and the configuration says %q. An import means that this reset is done already, so both must have the same scope. "+
				"Change the configuration, or remove the resource from the state and import what the configuration says.", imported, id))
		return
	}
	diags.AddWarning(what+": taken over, nothing will be reset",
		"The reset was imported as done already. The apply takes the configuration over without touching the broker.")
}

func (r *resetResource[M, P]) headline(ctx context.Context, m P) string {
	id, ok := m.resetID(ctx)
	switch group := m.group(); {
	case !ok && group.IsUnknown():
		return "Reset a consumer group that is not known yet"
	case !ok:
		return fmt.Sprintf("Reset consumer group %q", group.ValueString())
	}
	return headline("Reset", id)
}

// preview shows what the reset would do to the live cluster.
func (r *resetResource[M, P]) preview(ctx context.Context, plan, state P, decided decision, diags *diag.Diagnostics) {
	what := r.headline(ctx, plan)
	if !plan.known() {
		r.services.previewUnavailable(diags, what, "some of its arguments are known only after the apply.")
		return
	}
	if decided == reset && state != nil && isIncomplete(state.common().Record) {
		r.services.previewUnavailable(diags, what, "the last reset failed half-way. What it moved is put back first, and the new targets are resolved from there.")
		return
	}
	request, more := plan.request(ctx)
	diags.Append(more...)
	if decided == resume {
		record, more := r.lastMoves(state)
		diags.Append(more...)
		rest, err := life.Rest(request, record)
		if err != nil {
			diags.Append(diagnose(what, err, nil))
		}
		request = rest
	}
	if diags.HasError() {
		return
	}
	r.services.previewReset(ctx, diags, what, r.broker, request, func() (offset.Engine, error) {
		return r.engine(r.services, plan.instance().ValueString())
	})
}

// lastMoves returns the moves of the last reset.
func (r *resetResource[M, P]) lastMoves(state P) ([]offset.Outcome, diag.Diagnostics) {
	id, err := parseResetID(state.common().ID.ValueString())
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("The state is damaged", fmt.Sprintf("The resource's id is not readable: %s.", err))
		return nil, diags
	}
	return lastMoves(state.common().Record, r.broker.dialect, firstOf(id.topics))
}

// undo returns the request that undoes the last reset.
func (r *resetResource[M, P]) undo(state P) (offset.UndoRequest, diag.Diagnostics) {
	moves, diags := r.lastMoves(state)
	wait, _ := state.wait()
	waitFor, more := waitOf(wait)
	diags.Append(more...)
	id, _ := parseResetID(state.common().ID.ValueString()) //nolint:errcheck // lastMoves has told it.
	return offset.UndoRequest{
		Group: id.group, Topic: firstOf(id.topics), ClusterID: state.outcome().clusterID.ValueString(), Record: moves, WaitForInactive: waitFor,
	}, diags
}

// Create resets.
func (r *resetResource[M, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := P(new(M))
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := plan.common().Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	request, diags := plan.request(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	first := attempt{request: request, first: true}
	if res := r.reset(ctx, &first, plan, &resp.Diagnostics); res != nil {
		resp.Diagnostics.Append(r.store(ctx, plan, &resp.State, resp.Identity)...)
	}
}

// Update resets, or does the rest of a reset, exactly when the plan left the
// record unknown. Otherwise it asks no broker.
func (r *resetResource[M, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	plan, state := P(new(M)), P(new(M))
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !plan.common().Record.IsUnknown() {
		resp.Diagnostics.Append(r.store(ctx, plan, &resp.State, resp.Identity)...)
		return
	}
	timeout, diags := plan.common().Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	request, diags := plan.request(ctx)
	resp.Diagnostics.Append(diags...)
	var undo offset.UndoRequest
	if isIncomplete(state.common().Record) { // A whole reset's record is of no further use: it may be large.
		undo, diags = r.undo(state)
		resp.Diagnostics.Append(diags...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	again := attempt{request: request, undo: undo, resumes: decide(r.change(ctx, plan, state, req.Private)) == resume}
	res := r.reset(ctx, &again, plan, &resp.Diagnostics)
	switch {
	case res != nil && res.InDoubt && len(res.Outcomes) == 0:
		// Nothing is known of it: the state stays that of the last reset, and
		// the plan that follows resets once more.
	case res != nil:
		stateID, _ := state.resetID(ctx)
		resp.Diagnostics.Append(keepBase(ctx, resp.Private, state.outcome(), stateID, res.Outcomes)...)
		if !again.resumes { // What was held back while the rest was done still is.
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, heldBackKey, []byte("null"))...)
		}
		resp.Diagnostics.Append(r.store(ctx, plan, &resp.State, resp.Identity)...)
	case again.putBack != nil:
		state.setOutcome(r.broker.given(state.outcome(), again.putBack))
		resp.Diagnostics.Append(r.store(ctx, state, &resp.State, resp.Identity)...)
	}
}

// reset runs an attempt and writes its outcome into the plan. It returns nil
// if nothing was written.
func (r *resetResource[M, P]) reset(ctx context.Context, a *attempt, plan P, diags *diag.Diagnostics) *offset.Result {
	what := headline("Reset", scopeOf(a.request))
	engine, err := r.engine(r.services, plan.instance().ValueString())
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return nil
	}
	done, err := r.services.turns.take(ctx, engine, a.request.Group, 1)
	if err != nil {
		diags.Append(diagnose(what, err, nil))
		return nil
	}
	defer done()
	res, err := a.run(ctx, r.services, engine)
	if err != nil {
		if a.first && res != nil && len(res.Outcomes) > 0 {
			err = tainted(err)
		}
		diags.Append(diagnose(what, err, plan.faults()))
	}
	if res == nil {
		return nil
	}
	r.services.set.add(plan.instance().ValueString(), a.request.Group, res.Outcomes)
	notes(diags, what, res.Notes)
	plan.setOutcome(r.broker.outcome(res))
	return res
}

// Read asks no broker: a reset is an event, and the state its record.
func (r *resetResource[M, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	if resp.Identity == nil {
		return
	}
	var id types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	resp.Diagnostics.Append(r.identify(ctx, id, resp.Identity)...)
}

// Delete does what on_destroy says, after it has put back what an incomplete
// reset has moved.
func (r *resetResource[M, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	state := P(new(M))
	resp.Diagnostics.Append(req.State.Get(ctx, state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := state.common().Timeouts.Delete(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	d, ok := r.destruction(ctx, state, req.Private, &resp.Diagnostics)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d.undo.Skip = r.services.setByAnother(state.instance().ValueString(), d.undo.Group)
	d.base.Skip = d.undo.Skip
	done := func() {}
	defer func() { done() }()
	open := sync.OnceValues(func() (offset.Engine, error) {
		engine, err := r.engine(r.services, state.instance().ValueString())
		if err != nil {
			return nil, err
		}
		end, err := r.services.turns.take(ctx, engine, d.undo.Group, alone)
		if err != nil {
			return nil, err
		}
		done = func() {
			r.services.prepared.drop(engine) // They were made before.
			end()
		}
		return engine, nil
	})
	record := d.run(ctx, open, &resp.Diagnostics)
	if record != nil && resp.Diagnostics.HasError() { // It stays in the state, which must tell what is true.
		state.setOutcome(r.broker.given(state.outcome(), record))
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
}

func (r *resetResource[M, P]) destruction(ctx context.Context, state P, private privateGetter, diags *diag.Diagnostics) (destruction, bool) {
	undo, more := r.undo(state)
	diags.Append(more...)
	base, more := baseOf(ctx, private, r.broker.dialect, undo)
	diags.Append(more...)
	id, _ := parseResetID(state.common().ID.ValueString()) //nolint:errcheck // undo has told it.
	return destruction{
		onDestroy: state.common().OnDestroy.ValueString(), undo: undo, base: base, broker: r.broker, some: len(id.partitions) > 0,
	}, !diags.HasError()
}

// ImportState takes a reset as done already. The string form has the rules:
// what it cannot say is no identity either.
func (r *resetResource[M, P]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	text := req.ID
	m := P(new(M))
	if text == "" && req.Identity != nil && !req.Identity.Raw.IsNull() {
		id, diags := m.identify(ctx, req.Identity)
		resp.Diagnostics.Append(diags...)
		if diags.HasError() {
			return
		}
		text = id.String()
	}
	id, err := parseResetID(text)
	if err == nil {
		err = r.broker.checkID(id)
	}
	if err != nil {
		resp.Diagnostics.AddError("Import "+r.typeName, sentence(err.Error()))
		return
	}
	// One attribute makes the empty state an object, whose other values are null.
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), id.String())...)
	resp.Diagnostics.Append(resp.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.take(id)
	resp.Diagnostics.Append(r.store(ctx, m, &resp.State, resp.Identity)...)
}

// store writes the model, with its id, and the identity.
func (r *resetResource[M, P]) store(ctx context.Context, m P, state *tfsdk.State, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	if id, ok := m.resetID(ctx); ok {
		m.common().ID = types.StringValue(id.String())
	}
	m.derive()
	diags := state.Set(ctx, m)
	diags.Append(r.identify(ctx, m.common().ID, identity)...)
	return diags
}

// identify sets the identity where Terraform knows identities (1.12).
func (r *resetResource[M, P]) identify(ctx context.Context, id types.String, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	if identity == nil {
		return nil
	}
	parsed, err := parseResetID(id.ValueString())
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("The state is damaged", fmt.Sprintf("The resource's id is not readable: %s.", err))
		return diags
	}
	return identity.Set(ctx, P(new(M)).identity(parsed))
}
