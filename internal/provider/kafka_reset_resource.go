package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

const kafkaResetType = "kafka_consumer_offset_reset"

var (
	_ resource.Resource                   = (*kafkaReset)(nil)
	_ resource.ResourceWithConfigure      = (*kafkaReset)(nil)
	_ resource.ResourceWithValidateConfig = (*kafkaReset)(nil)
	_ resource.ResourceWithModifyPlan     = (*kafkaReset)(nil)
	_ resource.ResourceWithImportState    = (*kafkaReset)(nil)
	_ resource.ResourceWithIdentity       = (*kafkaReset)(nil)
)

// kafkaReset is the resource kafka_consumer_offset_reset.
type kafkaReset struct {
	services *services
}

// kafkaResetModel is the resource's configuration, plan and state.
type kafkaResetModel struct {
	kafkaArguments
	ID                 types.String   `tfsdk:"id"`
	Triggers           types.Map      `tfsdk:"triggers"`
	ResetOn            types.String   `tfsdk:"reset_on"`
	OnDestroy          types.String   `tfsdk:"on_destroy"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
	AppliedAt          types.String   `tfsdk:"applied_at"`
	ClusterID          types.String   `tfsdk:"cluster_id"`
	PreviousGroupState types.String   `tfsdk:"previous_group_state"`
	Summary            types.Object   `tfsdk:"summary"`
	Record             types.String   `tfsdk:"record"`
}

var (
	kafkaSummaryFields = summaryFields("partitions")
	kafkaBroker        = broker{dialect: offset.KafkaRecord, partition: "partition", summary: summaryObject(kafkaSummaryFields)}
)

func (r *kafkaReset) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = kafkaResetType
	// The identity names the scope, which may change in place.
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *kafkaReset) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Resets the committed offsets of a Kafka consumer group, once: when it is created, and again when its target, scope or `triggers` change.",
		Attributes: merge(resourceAttributes(kafkaArgumentSchema()), lifecycleAttributes(ctx, onDestroyKeep, onDestroyRestore, onDestroyDeleteOffsets), map[string]schema.Attribute{
			"id":                   computedText("`GROUP/TOPIC`, `GROUP/TOPIC/0,2`, `GROUP/TOPIC,TOPIC` or `GROUP/*`: what an import takes."),
			"applied_at":           computedText("When the last reset was committed, as an RFC 3339 time. Null after an import."),
			"cluster_id":           computedText("The id of the cluster on which the last reset was done. Undoing it on any other cluster is refused."),
			"previous_group_state": computedText("The group's state just before the last reset, in the broker's words, such as `Empty` or `Dead`."),
			"summary":              summaryAttribute(kafkaSummaryFields),
			"record": computedText("What the last reset did to each partition: a JSON document of topic, partition, and `previous` (null where there was no offset), `offset`, " +
				"the log's `start` and `end` at the time, whether it was `clamped`, and an `error` where the partition failed. Take it apart with `jsondecode`."),
		}),
	}
}

// lifecycleAttributes are the arguments of a resource that an action does not have.
func lifecycleAttributes(ctx context.Context, onDestroy ...string) map[string]schema.Attribute {
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
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true}),
	}
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

func (r *kafkaReset) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"group_id":    identityschema.StringAttribute{RequiredForImport: true, Description: "The consumer group."},
		"topics":      identityschema.ListAttribute{ElementType: types.StringType, OptionalForImport: true, Description: "The topics, sorted; none means all topics of the group."},
		"partitions":  identityschema.ListAttribute{ElementType: types.Int64Type, OptionalForImport: true, Description: "The partitions of the one topic, sorted; none means all."},
		"instance_id": identityschema.StringAttribute{OptionalForImport: true, Description: "The managed instance."},
	}}
}

type kafkaIdentity struct {
	GroupID    types.String `tfsdk:"group_id"`
	Topics     []string     `tfsdk:"topics"`
	Partitions []int64      `tfsdk:"partitions"`
	InstanceID types.String `tfsdk:"instance_id"`
}

func (r *kafkaReset) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

func (r *kafkaReset) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m kafkaResetModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.validate(&resp.Diagnostics)
	checkWait(ctx, m.WaitForInactive, m.Timeouts, &resp.Diagnostics)
}

// checkWait refuses to wait for longer than the operation may take.
func checkWait(ctx context.Context, wait types.String, t timeouts.Value, diags *diag.Diagnostics) {
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
	for name, read := range map[string]func(context.Context, time.Duration) (time.Duration, diag.Diagnostics){
		"create": t.Create, "update": t.Update, "delete": t.Delete,
	} {
		timeout, problems := read(ctx, defaultTimeout)
		if !problems.HasError() && longest >= timeout {
			diags.AddAttributeError(path.Root("wait_for_inactive"), "Waiting takes longer than the operation may",
				fmt.Sprintf("wait_for_inactive is %s and must be less than timeouts.%s, which is %s.", longest, name, timeout))
			return
		}
	}
}

// resetID returns the canonical name of the reset; false if it is not known yet.
func (m kafkaResetModel) resetID(ctx context.Context) (resetID, bool) {
	if !m.aimKnown() {
		return resetID{}, false
	}
	scope, diags := m.scope(ctx)
	if diags.HasError() {
		return resetID{}, false
	}
	id := resetID{group: m.GroupID.ValueString(), instance: m.InstanceID.ValueString(), topics: scope.Topics, partitions: scope.Partitions}
	if !m.Offsets.IsNull() {
		offsets := offsetsOf(m.Offsets)
		id.topics = sortedKeys(offsets)
		if len(id.topics) == 1 {
			id.partitions = sortedIDs(offsets[id.topics[0]])
		}
	}
	return id, true
}

func (m kafkaResetModel) outcome() outcome {
	return outcome{appliedAt: m.AppliedAt, clusterID: m.ClusterID, state: m.PreviousGroupState, summary: m.Summary, record: m.Record}
}

func (m *kafkaResetModel) setOutcome(o outcome) {
	m.AppliedAt, m.ClusterID, m.PreviousGroupState, m.Summary, m.Record = o.appliedAt, o.clusterID, o.state, o.summary, o.record
}

func (m kafkaResetModel) undo(moves []offset.Move) (offset.UndoRequest, diag.Diagnostics) {
	wait, diags := waitOf(m.WaitForInactive)
	return offset.UndoRequest{Group: m.GroupID.ValueString(), ClusterID: m.ClusterID.ValueString(), Moves: moves, WaitForInactive: wait}, diags
}

// faults names the attributes that the engine's errors concern.
func (a kafkaArguments) faults() attributes {
	scope := "topic"
	switch {
	case !a.Offsets.IsNull():
		scope = "offsets"
	case !a.Topics.IsNull():
		scope = "topics"
	case a.AllTopics.ValueBool():
		scope = "all_topics"
	}
	at := attributes{
		offset.GroupMissing: "group_id", offset.GroupActive: "group_id", offset.GroupKind: "group_id",
		offset.TopicMissing: scope, offset.PartitionGone: scope, offset.NoLeader: scope,
	}
	switch {
	case !a.Partitions.IsNull():
		at[offset.PartitionGone] = "partitions"
	case !a.Partition.IsNull():
		at[offset.PartitionGone] = "partition"
	}
	switch {
	case !a.Shift.IsNull():
		at[offset.NoOffset], at[offset.OutsideLog] = "shift", "shift"
	case !a.SourceGroupID.IsNull():
		at[offset.NoOffset], at[offset.OutsideLog] = "source_group_id", "source_group_id"
	case !a.MessageOffset.IsNull():
		at[offset.OutsideLog] = "message_offset"
	case !a.Offsets.IsNull():
		at[offset.OutsideLog] = "offsets"
	}
	return at
}

func (r *kafkaReset) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan kafkaResetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	request, diags := plan.request(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	what := headline("Reset", request.Group, scopeTopics(request))
	engine, err := r.services.kafkaEngine(plan.InstanceID.ValueString())
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, nil))
		return
	}
	res, err := r.services.run(ctx, engine, request)
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, plan.faults()))
	}
	if res == nil {
		return
	}
	r.services.set.add(request.Group, res.Moves)
	notes(&resp.Diagnostics, what, res.Notes)
	plan.setOutcome(kafkaBroker.outcome(res))
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity)...)
}

func (r *kafkaReset) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state kafkaResetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !plan.Record.IsUnknown() {
		resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity)...)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	request, diags := plan.request(ctx)
	resp.Diagnostics.Append(diags...)
	last, diags := lastMoves(state.Record, offset.KafkaRecord, "")
	resp.Diagnostics.Append(diags...)
	undo, diags := state.undo(last)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	what := headline("Reset", request.Group, scopeTopics(request))
	engine, err := r.services.kafkaEngine(plan.InstanceID.ValueString())
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, nil))
		return
	}
	again := attempt{
		request: request, undo: undo,
		resumes: decide(plan.changeFrom(ctx, &state)) == resume,
	}
	res, err := again.run(ctx, r.services, engine)
	if err != nil {
		resp.Diagnostics.Append(diagnose(what, err, plan.faults()))
	}
	if res == nil {
		if again.putBack {
			state.setOutcome(kafkaBroker.undone(state.outcome(), last))
			resp.Diagnostics.Append(state.store(ctx, &resp.State, resp.Identity)...)
		}
		return
	}
	r.services.set.add(request.Group, res.Moves)
	notes(&resp.Diagnostics, what, res.Notes)
	resp.Diagnostics.Append(keepBase(ctx, resp.Private, state.Record, res.Moves)...)
	plan.setOutcome(kafkaBroker.outcome(res))
	resp.Diagnostics.Append(plan.store(ctx, &resp.State, resp.Identity)...)
}

// Read asks no broker: a reset is an event, and the state its record.
func (r *kafkaReset) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state kafkaResetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(state.setIdentity(ctx, resp.Identity)...)
}

func (r *kafkaReset) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state kafkaResetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, defaultTimeout)
	resp.Diagnostics.Append(diags...)
	last, diags := lastMoves(state.Record, offset.KafkaRecord, "")
	resp.Diagnostics.Append(diags...)
	base, diags := baseMoves(ctx, req.Private, offset.KafkaRecord, "")
	resp.Diagnostics.Append(diags...)
	undo, diags := state.undo(last)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	undo.Skip = r.services.set.has(undo.Group)
	d := destruction{onDestroy: state.OnDestroy.ValueString(), undo: undo, base: base, broker: kafkaBroker}
	d.run(ctx, func() (offset.Engine, error) { return r.services.kafkaEngine(state.InstanceID.ValueString()) }, &resp.Diagnostics)
}

// store writes the model and its identity.
func (m kafkaResetModel) store(ctx context.Context, state stateSetter, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	if id, ok := m.resetID(ctx); ok {
		m.ID = types.StringValue(id.String())
	}
	diags := state.Set(ctx, &m)
	diags.Append(m.setIdentity(ctx, identity)...)
	return diags
}

func (m kafkaResetModel) setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity) diag.Diagnostics {
	id, err := parseResetID(m.ID.ValueString())
	if err != nil {
		var diags diag.Diagnostics
		diags.AddError("The state is damaged", fmt.Sprintf("The resource's id is not readable: %s.", err))
		return diags
	}
	partitions := make([]int64, len(id.partitions))
	for i, p := range id.partitions {
		partitions[i] = int64(p)
	}
	return setIdentity(ctx, identity, kafkaIdentity{
		GroupID: types.StringValue(id.group), Topics: orEmpty(id.topics), Partitions: partitions, InstanceID: stringOrNull(id.instance),
	})
}

func (r *kafkaReset) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id resetID
	if req.ID != "" {
		parsed, err := parseResetID(req.ID)
		if err != nil {
			resp.Diagnostics.AddError("Import "+kafkaResetType, sentence(err.Error()))
			return
		}
		id = parsed
	} else {
		var identity kafkaIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		if resp.Diagnostics.HasError() {
			return
		}
		id = resetID{group: identity.GroupID.ValueString(), topics: identity.Topics, instance: identity.InstanceID.ValueString()}
		for _, p := range identity.Partitions {
			id.partitions = append(id.partitions, int32(min(max(p, -1), 1<<31-1))) //nolint:gosec // Bounded beside.
		}
		// The string form has the rules: what it cannot say is no identity.
		parsed, err := parseResetID(id.String())
		if err != nil {
			resp.Diagnostics.AddError("Import "+kafkaResetType, sentence(err.Error()))
			return
		}
		id = parsed
	}
	at := resp.State.SetAttribute
	resp.Diagnostics.Append(at(ctx, path.Root("id"), id.String())...)
	resp.Diagnostics.Append(at(ctx, path.Root("group_id"), id.group)...)
	resp.Diagnostics.Append(at(ctx, path.Root("instance_id"), stringOrNull(id.instance))...)
	switch {
	case len(id.topics) == 0:
		resp.Diagnostics.Append(at(ctx, path.Root("all_topics"), true)...)
	case len(id.topics) == 1:
		resp.Diagnostics.Append(at(ctx, path.Root("topic"), id.topics[0])...)
	default:
		resp.Diagnostics.Append(at(ctx, path.Root("topics"), id.topics)...)
	}
	if len(id.partitions) > 0 {
		resp.Diagnostics.Append(at(ctx, path.Root("partitions"), id.partitions)...)
	}
	m := kafkaResetModel{ID: types.StringValue(id.String())}
	resp.Diagnostics.Append(m.setIdentity(ctx, resp.Identity)...)
}

// imported tells whether the state comes from an import that no apply has
// taken over yet: it has a scope and no target.
func (m kafkaResetModel) imported() bool {
	return m.Record.IsNull() && !strings.Contains(m.targetShape(), "+")
}
