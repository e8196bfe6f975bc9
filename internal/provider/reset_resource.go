package provider

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// resettingResource is what Terraform asks of a reset.
type resettingResource interface {
	resource.ResourceWithConfigure
	resource.ResourceWithValidateConfig
	resource.ResourceWithModifyPlan
	resource.ResourceWithImportState
	resource.ResourceWithIdentity
}

// resetResource is the course of a reset as a resource, the same for every
// broker: when it happens, what is kept, how it is resumed, undone and
// imported. M is the resource's model.
type resetResource[M any, P resetModel[M]] struct {
	services *services
	typeName string
	kind     kind
	engine   func(s *services, instanceID string) (reset.Engine, error)
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
	// name names group and scope; false while they are unknown.
	name(ctx context.Context) (reset.Name, bool)
	// aim returns the attributes that say target and scope.
	aim() []field
	// meaning returns what the arguments mean; nil if not all of it is known.
	meaning(ctx context.Context) *reset.Meaning
	// keepWords takes the prior words where they mean the same.
	keepWords(prior *M)
	// imported tells whether the state comes from an import that no apply has taken over yet.
	imported() bool
	// take sets the imported group and scope.
	take(id reset.Name)
	// derive computes what follows from the arguments alone.
	derive()
	// recorded and setRecorded read and write what a reset leaves.
	recorded() recorded
	setRecorded(r recorded)
	// wait returns how long to wait for members to leave, null where that has no meaning.
	wait() (v types.String, has bool)
	// faults names the attributes that the engine's errors concern.
	faults() attributes
	// refusals returns what the managed service cannot do of what is known.
	refusals(ctx context.Context, s *services, onDestroy types.String) []managed.Refusal
	// group returns the consumer group's name.
	group() types.String
	// typed returns the type of the group, or null where it has the usual one.
	typed() types.String
	// instance returns the managed instance's id, or null.
	instance() types.String
	// identity returns the identity as a struct for the identity schema.
	identity(id reset.Name) any
	// identify reads an identity.
	identify(ctx context.Context, identity *tfsdk.ResourceIdentity) (reset.Name, diag.Diagnostics)
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

// What reset_on can be.
const (
	resetOnChange   = "change"
	resetOnTriggers = "triggers"
)

// commonAttributes describes resetCommon, except for id and record.
func commonAttributes(ctx context.Context, fields []summaryField, onDestroy ...reset.OnDestroy) map[string]schema.Attribute {
	var destroys []string
	for _, v := range onDestroy {
		destroys = append(destroys, string(v))
	}
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
			Optional: true, Validators: []validator.String{stringvalidator.OneOf(destroys...)},
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

func onDestroyDescription(values []reset.OnDestroy) string {
	d := "What destroying the resource does to the offsets that it has set: `keep` (default) leaves them and asks no broker, `restore` puts back the offsets from before the last reset wherever nobody has moved them since"
	if slices.Contains(values, reset.DestroyDeletes) {
		return d + ", `delete_offsets` deletes the group's offsets of the recorded partitions."
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
		timeout, problems := operation.read(ctx, reset.DefaultTimeout) // Its validator tells the problems.
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
			r.announce(ctx, state, req.Private, &resp.Diagnostics)
		}
		return
	}
	plan := P(new(M))
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// With ignore_changes a plan may have what no configuration has.
	plan.validate(&resp.Diagnostics)
	refuse(&resp.Diagnostics, plan.refusals(ctx, r.services, plan.common().OnDestroy))
	if resp.Diagnostics.HasError() {
		return
	}
	if state != nil && replaces[M](plan, state) {
		// Terraform plans the create in a call of its own, whose warnings it
		// does not show, and does not announce the destroy.
		r.announce(ctx, state, req.Private, &resp.Diagnostics)
		state = nil
	}
	kept := readKept(ctx, req.Private, &resp.Diagnostics)
	decided := reset.Decide(r.change(ctx, plan, state, kept))
	tflog.Debug(ctx, "decided whether to reset", map[string]any{"resets": decided.Writes(), "why": decided.Reason})
	if state != nil {
		// Also where it resets: what is unknown now may turn out to be what it
		// was, and the plan that Terraform then makes must not differ from this.
		plan.keepWords(state)
		plan.common().Timeouts = sameTimeouts(ctx, plan.common().Timeouts, state.common().Timeouts)
	}
	switch decided.Do {
	case reset.Adopt:
		r.checkAdoption(ctx, plan, state, &resp.Diagnostics)
	case reset.Keep, reset.Resume:
		r.holdBack(ctx, plan, state, decided, kept, resp.Private, &resp.Diagnostics)
	case reset.Reset:
	}
	if decided.Writes() {
		plan.setRecorded(r.kind.unknown())
	} else {
		plan.setRecorded(state.recorded())
	}
	plan.derive()
	plan.common().ID = types.StringUnknown()
	if id, known := plan.name(ctx); known { // holdBack may have changed it
		plan.common().ID = types.StringValue(id.String())
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if decided.Writes() && !resp.Diagnostics.HasError() {
		r.preview(ctx, plan, state, decided, kept, &resp.Diagnostics)
	}
}

// typeOf returns a group's type in one word: null is a consumer group.
func typeOf(typed types.String) types.String {
	if typed.IsNull() {
		return types.StringValue(string(offset.ConsumerGroup))
	}
	return typed
}

// replaces tells whether the plan is certainly of another reset than the
// state: of another group or instance. With an imported one that is an error
// instead.
func replaces[M any, P resetModel[M]](plan, state P) bool {
	differ := func(planned, prior types.String) bool { return !planned.IsUnknown() && !planned.Equal(prior) }
	return !state.imported() && (differ(plan.group(), state.group()) || differ(plan.instance(), state.instance()) || differ(typeOf(plan.typed()), typeOf(state.typed())))
}

// stateIncomplete looks only at the record, not at the whole state.
func stateIncomplete(ctx context.Context, state tfsdk.State) bool {
	var record types.String
	diags := state.GetAttribute(ctx, path.Root("record"), &record)
	return diags.HasError() || isIncomplete(record)
}

func isIncomplete(record types.String) bool {
	failed, _ := offset.FailedIn(record.ValueString())
	return failed > 0
}

// privateGetter and privateSetter are what Terraform keeps beside a state.
type privateGetter interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateSetter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

func readKept(ctx context.Context, private privateGetter, diags *diag.Diagnostics) reset.Kept {
	kept, err := reset.ReadKept(func(key string) []byte {
		text, problems := private.GetKey(ctx, key)
		diags.Append(problems...)
		return text
	})
	if err != nil {
		damaged(diags, err)
	}
	return kept
}

func setter(ctx context.Context, private privateSetter, diags *diag.Diagnostics) func(string, []byte) {
	return func(key string, value []byte) { diags.Append(private.SetKey(ctx, key, value)...) }
}

// change says what the plan changes in meaning; state is nil on a create.
func (r *resetResource[M, P]) change(ctx context.Context, plan, state P, kept reset.Kept) reset.Change {
	if state == nil {
		return reset.Change{Create: true}
	}
	c := reset.Change{
		Broker:     r.kind.Broker,
		Imported:   state.imported(),
		Record:     state.common().Record.ValueString(),
		Triggers:   triggersDiffer(plan.common().Triggers, state.common().Triggers),
		OnTriggers: plan.common().ResetOn.ValueString() == resetOnTriggers,
		Done:       kept.HeldBack,
		Wanted:     plan.meaning(ctx),
	}
	if c.Done == nil {
		c.Done = state.meaning(ctx)
	}
	return c
}

// holdBack keeps what the last reset was for, as far as the same arguments say
// it, while reset_on = "triggers" holds another target or scope back. The
// state may then say what was never done, so that what was done is remembered
// beside it.
func (r *resetResource[M, P]) holdBack(ctx context.Context, plan, state P, d reset.Decision, kept reset.Kept, private privateSetter, diags *diag.Diagnostics) {
	if !d.HeldBack {
		if kept.HeldBack != nil {
			reset.WriteHeldBack(setter(ctx, private, diags), nil)
		}
		return
	}
	diags.AddWarning(r.headline(ctx, plan)+": nothing is reset by this change",
		"Target or scope are not those of the last reset any more, and reset_on = \"triggers\" holds them back: they take effect when triggers change.")
	prior := state.aim()
	for i, f := range plan.aim() {
		f.keep(prior[i])
	}
	done := kept.HeldBack
	if done == nil {
		done = state.meaning(ctx)
	}
	if now := plan.meaning(ctx); now != nil && reflect.DeepEqual(now, done) {
		done = nil // The state says what was done.
	}
	if done != nil || kept.HeldBack != nil {
		reset.WriteHeldBack(setter(ctx, private, diags), done)
	}
}

// checkAdoption refuses to take over an import with another scope.
func (r *resetResource[M, P]) checkAdoption(ctx context.Context, plan, state P, diags *diag.Diagnostics) {
	what := r.headline(ctx, plan)
	imported, err := reset.ParseName(state.common().ID.ValueString())
	if err != nil {
		damaged(diags, err)
		return
	}
	id, known := plan.name(ctx)
	switch {
	case !known:
		diags.AddWarning(what+": taken over if it is what was imported",
			fmt.Sprintf("Imported was %q, as a reset that is done already. Not all of the group and the scope in the configuration is known before the apply. "+
				"If they are the same, the apply takes the configuration over without touching the broker; if they are not, it fails, also without touching it.", imported))
	case !id.Equal(imported):
		diags.AddError(what+": the configuration is not what was imported",
			fmt.Sprintf("Imported was %q and the configuration says %q. An import means that this reset is done already, so both must have the same scope. "+
				"Change the configuration, or remove the resource from the state and import what the configuration says.", imported, id))
	default:
		diags.AddWarning(what+": taken over, nothing will be reset",
			"The reset was imported as done already. The apply takes the configuration over without touching the broker.")
	}
}

func (r *resetResource[M, P]) headline(ctx context.Context, m P) string {
	id, ok := m.name(ctx)
	switch group := m.group(); {
	case !ok && group.IsUnknown():
		return "Reset a consumer group that is not known yet"
	case !ok:
		return "Reset " + offset.GroupType(m.typed().ValueString()).Called(group.ValueString())
	}
	return id.Headline("Reset")
}

// preview shows what the reset would do to the live cluster.
func (r *resetResource[M, P]) preview(ctx context.Context, plan, state P, decided reset.Decision, kept reset.Kept, diags *diag.Diagnostics) {
	if !plan.known() {
		if r.services == nil || r.services.preview {
			tell(diags, []reset.Notice{reset.NoPreview(r.headline(ctx, plan), "some of its arguments are known only after the apply.")}, nil)
		}
		return
	}
	attempt, more := r.attempt(ctx, plan, state, decided, kept)
	diags.Append(more...)
	if !diags.HasError() {
		r.services.previews(ctx, diags, "Reset", attempt, r.open(plan))
	}
}

// open returns the engine of the model's cluster or managed instance.
func (r *resetResource[M, P]) open(m P) reset.Open {
	return func() (reset.Engine, error) { return r.engine(r.services, m.instance().ValueString()) }
}

// attempt returns the reset that a plan, which must be known, asks for.
func (r *resetResource[M, P]) attempt(ctx context.Context, plan, state P, decided reset.Decision, kept reset.Kept) (reset.Attempt, diag.Diagnostics) {
	request, diags := plan.request(ctx)
	if state != nil && r.kind.Dialect == offset.RocketMQRecord {
		// A name server forgets a broker that has died: only the record knows it.
		request.RecordedBrokers = offset.BrokersIn(state.common().Record.ValueString())
	}
	a := reset.Attempt{Broker: r.kind.Broker, Instance: plan.instance().ValueString(), Request: request, Decision: decided}
	if state != nil && isIncomplete(state.common().Record) { // A whole reset's record is of no further use: it may be large.
		last := r.last(state, kept, &diags)
		a.Last = &last
	}
	return a, diags
}

// last returns what the state tells of the last reset.
func (r *resetResource[M, P]) last(state P, kept reset.Kept, diags *diag.Diagnostics) reset.Last {
	name, err := reset.ParseName(state.common().ID.ValueString())
	if err != nil {
		damaged(diags, fmt.Errorf("the resource's id is not readable: %w", err))
		return reset.Last{}
	}
	record, err := r.kind.ReadRecord(state.common().Record.ValueString(), name)
	if err != nil {
		damaged(diags, err)
	}
	return reset.Last{Name: name, ClusterID: state.recorded().clusterID.ValueString(), Record: record, Kept: kept}
}

// unfinished is what to do after a create that failed half-way: Terraform marks
// it as tainted and replaces it.
const unfinished = "Apply again: Terraform destroys and creates the reset anew, and destroying it puts back what has landed, so that it starts from the old place. " +
	"To finish this one instead, run terraform untaint and apply. With create_before_destroy and shift, do that: Terraform would shift again before it destroys."

// Create resets.
func (r *resetResource[M, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	plan := P(new(M))
	resp.Diagnostics.Append(req.Plan.Get(ctx, plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := plan.common().Timeouts.Create(ctx, reset.DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	attempt, diags := r.attempt(ctx, plan, nil, reset.Decide(reset.Change{Create: true}), reset.Kept{})
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	attempt.Unfinished = unfinished
	attempt.Request.Progress, attempt.Request.Leaving = logged(ctx), r.services.left(ctx, attempt.Request)
	report := r.services.resets.Reset(ctx, r.open(plan), attempt)
	tell(&resp.Diagnostics, report.Notices, plan.faults())
	if report.Result != nil {
		plan.setRecorded(r.kind.recorded(report.Result))
		set := setter(ctx, resp.Private, &resp.Diagnostics)
		reset.WriteTopicIDs(set, report.Result.TopicIDs)
		reset.WriteBeside(set, report.Result.Outcomes)
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
	kept := readKept(ctx, req.Private, &resp.Diagnostics)
	decided := reset.Decide(r.change(ctx, plan, state, kept))
	timeout, diags := plan.common().Timeouts.Update(ctx, reset.DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	attempt, diags := r.attempt(ctx, plan, state, decided, kept)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	attempt.Request.Progress, attempt.Request.Leaving = logged(ctx), r.services.left(ctx, attempt.Request)
	report := r.services.resets.Reset(ctx, r.open(plan), attempt)
	tell(&resp.Diagnostics, report.Notices, plan.faults())
	switch res := report.Result; {
	case res != nil && res.InDoubt && len(res.Outcomes) == 0:
		// Nothing is known of it: the state stays that of the last reset, and
		// the plan that follows resets once more.
		if report.PutBack != nil {
			state.setRecorded(r.kind.with(state.recorded(), report.PutBack))
			resp.Diagnostics.Append(r.store(ctx, state, &resp.State, resp.Identity)...)
		}
	case res != nil:
		plan.setRecorded(r.kind.recorded(res))
		r.remember(ctx, state, kept, decided, res, setter(ctx, resp.Private, &resp.Diagnostics))
		resp.Diagnostics.Append(r.store(ctx, plan, &resp.State, resp.Identity)...)
	case report.PutBack != nil:
		state.setRecorded(r.kind.with(state.recorded(), report.PutBack))
		resp.Diagnostics.Append(r.store(ctx, state, &resp.State, resp.Identity)...)
	}
}

// remember keeps beside the state what an undo, a resume and the next decision
// need to know.
func (r *resetResource[M, P]) remember(ctx context.Context, state P, kept reset.Kept, decided reset.Decision, res *offset.Result, set func(string, []byte)) {
	name, _ := state.name(ctx)
	before := reset.Last{Name: name, ClusterID: state.recorded().clusterID.ValueString(), Kept: kept}
	if base, forget := r.kind.Completed(before, state.common().Record.ValueString(), res.Outcomes); base != nil || forget {
		reset.WriteCompleted(set, base)
	}
	ids := res.TopicIDs
	if decided.Do == reset.Resume { // of which the rest concerns some
		ids = maps.Clone(kept.TopicIDs)
		if ids == nil {
			ids = map[string]string{}
		}
		maps.Copy(ids, res.TopicIDs)
	}
	reset.WriteTopicIDs(set, ids)
	reset.WriteBeside(set, res.Outcomes)
	if decided.Do == reset.Reset { // What was held back while the rest was done still is.
		reset.WriteHeldBack(set, nil)
	}
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
	timeout, diags := state.common().Timeouts.Delete(ctx, reset.DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	d := r.destruction(ctx, state, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	d.Progress = logged(ctx)
	record, notices := r.services.resets.Destroy(ctx, r.open(state), d)
	tell(&resp.Diagnostics, notices, nil)
	if record != nil && resp.Diagnostics.HasError() { // It stays in the state, which must tell what is true.
		state.setRecorded(r.kind.with(state.recorded(), record))
		resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	}
}

// stuck is said with a refused undo: whoever has deleted the block cannot
// change on_destroy any more.
const stuck = "If the resource is not in the configuration any more: a removed block with lifecycle { destroy = false }, or terraform state rm, gives the undo up and leaves the offsets as they are."

func (r *resetResource[M, P]) destruction(ctx context.Context, state P, private privateGetter, diags *diag.Diagnostics) reset.Destruction {
	wait, _ := state.wait()
	waitFor, problems := waitOf(wait)
	diags.Append(problems...)
	kept := readKept(ctx, private, diags)
	return reset.Destruction{
		Broker: r.kind.Broker, Instance: state.instance().ValueString(), OnDestroy: reset.OnDestroy(state.common().OnDestroy.ValueString()),
		Last: r.last(state, kept, diags), WaitForInactive: waitFor, Stuck: stuck,
	}
}

// announce tells in the plan of a destroy what will happen to the offsets.
func (r *resetResource[M, P]) announce(ctx context.Context, state P, private privateGetter, diags *diag.Diagnostics) {
	d := r.destruction(ctx, state, private, diags)
	if diags.HasError() {
		return
	}
	notices, err := d.Announce()
	if err != nil {
		damaged(diags, err)
	}
	tell(diags, notices, nil)
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
	id, err := reset.ParseName(text)
	if err == nil && r.kind.Dialect == offset.RocketMQRecord && (len(id.Topics) != 1 || len(id.Partitions) > 0) {
		err = fmt.Errorf("%q is not a reset of one topic; the form is GROUP/TOPIC", id)
	}
	if err == nil && r.kind.Dialect == offset.RocketMQRecord && id.Type != "" {
		err = fmt.Errorf("%q: RocketMQ groups have no type", id)
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
	if id, ok := m.name(ctx); ok {
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
	parsed, err := reset.ParseName(id.ValueString())
	if err != nil {
		var diags diag.Diagnostics
		damaged(&diags, fmt.Errorf("the resource's id is not readable: %w", err))
		return diags
	}
	return identity.Set(ctx, P(new(M)).identity(parsed))
}
