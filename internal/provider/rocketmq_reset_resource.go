package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/resettime"
)

const rocketmqResetType = "rocketmq_consumer_offset_reset"

var _ resettingResource = (*rocketmqReset)(nil)

// rocketmqReset is the resource rocketmq_consumer_offset_reset.
type rocketmqReset struct {
	resetResource[rocketmqResetModel, *rocketmqResetModel]
}

var (
	rocketmqSummaryFields = summaryFields("queues")
	rocketmqKind          = kind{Broker: reset.RocketMQ, fields: rocketmqSummaryFields}
)

func newRocketMQReset() resource.Resource {
	return &rocketmqReset{resetResource[rocketmqResetModel, *rocketmqResetModel]{
		typeName: rocketmqResetType, kind: rocketmqKind, engine: (*services).rocketmqEngine,
	}}
}

// rocketmqResetModel is the resource's configuration, plan and state.
type rocketmqResetModel struct {
	rocketmqArguments
	resetCommon
	ResetAt types.String `tfsdk:"reset_at"`
}

func (r *rocketmqReset) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Resets the offsets of a RocketMQ consumer group on one topic, once: when it is created, and again when its target, topic or `triggers` change. " +
			"The group's consumers may be online.",
		Attributes: merge(resourceAttributes(rocketmqArgumentSchema()), commonAttributes(ctx, rocketmqSummaryFields, reset.DestroyKeeps, reset.DestroyRestores), map[string]schema.Attribute{
			"id":         computedText("`GROUP/TOPIC`: what an import takes."),
			"cluster_id": computedText("The name of the cluster on which the last reset was done. Undoing it on any other cluster is refused."),
			"reset_at":   computedText("The instant that `reset_time` means, as an RFC 3339 time in UTC. Known at plan time."),
			"record": computedText("What the last reset did to each queue: a JSON document of broker, queue, and `previous` (null where the broker cannot tell none from 0), `offset`, " +
				"the queue's `min` and `max` at the time, `how` it was written, whether a consumer still has to take it up (`pending`), and, only where there is something to say, `clamped` and an `error` where the queue failed. It names no queues where a managed service tells no offsets. " +
				"Take it apart with `jsondecode`."),
		}),
	}
}

func (r *rocketmqReset) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"consumer_group": identityschema.StringAttribute{RequiredForImport: true, Description: "The consumer group."},
		"topic":          identityschema.StringAttribute{RequiredForImport: true, Description: "The topic."},
		"instance_id":    identityschema.StringAttribute{OptionalForImport: true, Description: "The managed instance."},
	}}
}

type rocketmqIdentity struct {
	ConsumerGroup types.String `tfsdk:"consumer_group"`
	Topic         types.String `tfsdk:"topic"`
	InstanceID    types.String `tfsdk:"instance_id"`
}

func (m *rocketmqResetModel) identity(id reset.Name) any {
	return rocketmqIdentity{ConsumerGroup: types.StringValue(id.Group), Topic: types.StringValue(id.Topic()), InstanceID: stringOrNull(id.Instance)}
}

func (m *rocketmqResetModel) identify(ctx context.Context, identity *tfsdk.ResourceIdentity) (reset.Name, diag.Diagnostics) {
	var i rocketmqIdentity
	diags := identity.Get(ctx, &i)
	return reset.Name{Group: i.ConsumerGroup.ValueString(), Topics: []string{i.Topic.ValueString()}, Instance: i.InstanceID.ValueString()}, diags
}

func (m *rocketmqResetModel) take(id reset.Name) {
	m.ConsumerGroup, m.Topic, m.InstanceID = types.StringValue(id.Group), types.StringValue(id.Topic()), stringOrNull(id.Instance)
}

func (m *rocketmqResetModel) imported() bool { return m.Record.IsNull() && m.ResetType.IsNull() }

func (m *rocketmqResetModel) wait() (types.String, bool) { return types.StringNull(), false }

// derive computes reset_at.
func (m *rocketmqResetModel) derive() {
	m.ResetAt = types.StringNull()
	if m.ResetType.IsUnknown() || m.ResetTime.IsUnknown() || m.TimeZone.IsUnknown() {
		m.ResetAt = types.StringUnknown()
		return
	}
	if t, known, err := m.instant(); known && err == nil {
		m.ResetAt = types.StringValue(t.UTC().Format(time.RFC3339Nano))
	}
}

func (m *rocketmqResetModel) name(context.Context) (reset.Name, bool) {
	if m.ConsumerGroup.IsUnknown() || m.Topic.IsUnknown() || m.InstanceID.IsUnknown() {
		return reset.Name{}, false
	}
	return reset.Name{Group: m.ConsumerGroup.ValueString(), Topics: []string{m.Topic.ValueString()}, Instance: m.InstanceID.ValueString()}, true
}

func (m *rocketmqResetModel) recorded() recorded {
	return recorded{appliedAt: m.AppliedAt, clusterID: m.ClusterID, summary: m.Summary, record: m.Record}
}

func (m *rocketmqResetModel) setRecorded(r recorded) {
	m.AppliedAt, m.ClusterID, m.Summary, m.Record = r.appliedAt, r.clusterID, r.summary, r.record
}

// keepWords keeps a reset_time that says the same in other words. Where these
// need no time_zone, which may be known only when the reset is applied, it does
// not look at that: until then the plan has to be the same.
func (m *rocketmqResetModel) keepWords(prior *rocketmqResetModel) {
	m.ResetTime = sameMeaning(m.ResetTime, prior.ResetTime, func(a, b string) bool {
		for _, zone := range []string{"", "UTC"} { // with an offset of its own, and without
			ta, errA := resettime.Parse(a, zone)
			tb, errB := resettime.Parse(b, zone)
			if errA == nil && errB == nil && ta.Equal(tb) {
				return true
			}
		}
		return false
	})
	next, known, err := m.instant()
	old, knownToo, errToo := prior.instant()
	if known && knownToo && err == nil && errToo == nil && next.Equal(old) && !m.TimeZone.IsNull() && !prior.TimeZone.IsNull() {
		m.ResetTime, m.TimeZone = prior.ResetTime, prior.TimeZone
	}
}
