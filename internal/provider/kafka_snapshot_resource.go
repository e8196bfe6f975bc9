package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const kafkaSnapshotType = "kafka_consumer_group_snapshot"

var (
	_ resource.Resource               = (*kafkaSnapshot)(nil)
	_ resource.ResourceWithConfigure  = (*kafkaSnapshot)(nil)
	_ resource.ResourceWithModifyPlan = (*kafkaSnapshot)(nil)
)

// kafkaSnapshot is the resource kafka_consumer_group_snapshot. It is taken
// when it is created and when its triggers, group or topics change, and else
// stays as it is, also while its cluster is gone: Read and Delete do nothing.
type kafkaSnapshot struct{ services *services }

func newKafkaSnapshot() resource.Resource { return &kafkaSnapshot{} }

type kafkaSnapshotModel struct {
	snapshotModel
	Triggers types.Map `tfsdk:"triggers"`
}

func (r *kafkaSnapshot) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = kafkaSnapshotType
}

func (r *kafkaSnapshot) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

func (r *kafkaSnapshot) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Keeps a snapshot of where a Kafka consumer group was: taken once, when it is created, and again when its group, topics or `triggers` change. " +
			"It writes to no broker. It stays as it is while its cluster is gone, which is when it is needed: reading and destroying it ask no broker.",
		Attributes: map[string]schema.Attribute{
			"group_id": schema.StringAttribute{Required: true, Validators: []validator.String{notEmpty}, MarkdownDescription: "The consumer group."},
			"topics": schema.SetAttribute{
				ElementType: types.StringType, Optional: true, MarkdownDescription: snapshotTopics,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(topicName)},
			},
			"triggers": schema.MapAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "Any values, such as a date or an incident's number. When one of them changes, the snapshot is taken anew."},
			"snapshot": computedText(snapshotWords),
			"offsets": schema.MapAttribute{ElementType: offsetsType, Computed: true,
				MarkdownDescription: "The committed offsets, by topic and partition. It has the form that a resource's `offsets` takes."},
			"offsets_csv": computedText("The committed offsets as lines `topic,partition,offset`, in the form of `kafka-consumer-groups --export`."),
			"taken_at":    computedText("When it was taken (RFC 3339)."),
			"cluster_id":  computedText("The id of the cluster that it was taken on."),
		},
	}
}

// ModifyPlan keeps the snapshot unless it is to be taken anew.
func (r *kafkaSnapshot) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan kafkaSnapshotModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if req.State.Raw.IsNull() || resp.Diagnostics.HasError() {
		return
	}
	var state kafkaSnapshotModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.anew(&state) {
		plan.Snapshot, plan.Offsets, plan.OffsetsCSV = types.StringUnknown(), types.MapUnknown(offsetsType), types.StringUnknown()
		plan.TakenAt, plan.ClusterID = types.StringUnknown(), types.StringUnknown()
	} else {
		plan.keep(&state)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// anew tells whether the snapshot is taken anew.
func (m *kafkaSnapshotModel) anew(state *kafkaSnapshotModel) bool {
	return !m.GroupID.Equal(state.GroupID) || !m.Topics.Equal(state.Topics) || triggersDiffer(m.Triggers, state.Triggers)
}

func (m *kafkaSnapshotModel) keep(state *kafkaSnapshotModel) {
	m.Snapshot, m.Offsets, m.OffsetsCSV, m.TakenAt, m.ClusterID = state.Snapshot, state.Offsets, state.OffsetsCSV, state.TakenAt, state.ClusterID
}

func (r *kafkaSnapshot) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m kafkaSnapshotModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.take(ctx, r.services, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// Read asks no broker: the snapshot is of then, and its cluster may be gone.
func (r *kafkaSnapshot) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (r *kafkaSnapshot) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m kafkaSnapshotModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var state kafkaSnapshotModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// What was not known in the plan may have turned out the same: then the
	// snapshot that is there is the one to keep.
	if m.anew(&state) {
		m.take(ctx, r.services, &resp.Diagnostics)
	} else {
		m.keep(&state)
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// Delete forgets the snapshot.
func (r *kafkaSnapshot) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
