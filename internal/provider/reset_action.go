package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

var (
	_ action.Action                   = (*resetAction[kafkaActionModel, *kafkaActionModel])(nil)
	_ action.ActionWithConfigure      = (*resetAction[kafkaActionModel, *kafkaActionModel])(nil)
	_ action.ActionWithValidateConfig = (*resetAction[kafkaActionModel, *kafkaActionModel])(nil)
	_ action.ActionWithModifyPlan     = (*resetAction[kafkaActionModel, *kafkaActionModel])(nil)
)

// resetAction is a reset as an action: the same arguments as the resource of
// the same name, less those that need state, and the same engine.
type resetAction[M any, P actionModel[M]] struct {
	services  *services
	typeName  string
	kind      kind
	about     string
	arguments func() map[string]argument
	engine    func(s *services, instanceID string) (reset.Engine, error)
}

// actionModel is what an action needs to know of its model.
type actionModel[M any] interface {
	*M
	validate(diags *diag.Diagnostics)
	known() bool
	request(ctx context.Context) (offset.Request, diag.Diagnostics)
	wait() (v types.String, has bool)
	instance() types.String
	refusals(ctx context.Context, s *services, onDestroy types.String) []managed.Refusal
	faults() attributes
	timeouts() timeouts.Value
}

type kafkaActionModel struct {
	kafkaArguments
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (m *kafkaActionModel) timeouts() timeouts.Value   { return m.Timeouts }
func (m *kafkaActionModel) wait() (types.String, bool) { return m.WaitForInactive, true }

type rocketmqActionModel struct {
	rocketmqArguments
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (m *rocketmqActionModel) timeouts() timeouts.Value   { return m.Timeouts }
func (m *rocketmqActionModel) wait() (types.String, bool) { return types.StringNull(), false }

func newKafkaResetAction() action.Action {
	return &resetAction[kafkaActionModel, *kafkaActionModel]{
		typeName: kafkaResetType, kind: kafkaKind, arguments: kafkaArgumentSchema, engine: (*services).kafkaEngine,
		about: "Resets the committed offsets of a Kafka consumer group, each time it is invoked. Nothing is kept in the state, so there is no undo; the resource of the same name has one.",
	}
}

func newRocketMQResetAction() action.Action {
	return &resetAction[rocketmqActionModel, *rocketmqActionModel]{
		typeName: rocketmqResetType, kind: rocketmqKind, arguments: rocketmqArgumentSchema, engine: (*services).rocketmqEngine,
		about: "Resets the offsets of a RocketMQ consumer group on one topic, each time it is invoked. Nothing is kept in the state, so there is no undo; the resource of the same name has one.",
	}
}

func (a *resetAction[M, P]) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = a.typeName
}

func (a *resetAction[M, P]) Schema(ctx context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	attributes := actionAttributes(a.arguments())
	attributes["timeouts"] = timeouts.Attributes(ctx)
	if nested, ok := attributes["timeouts"].(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = timeoutsDescription
		attributes["timeouts"] = nested
	}
	resp.Schema = schema.Schema{MarkdownDescription: a.about, Attributes: attributes}
}

func (a *resetAction[M, P]) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.services = servicesOf(req.ProviderData, &resp.Diagnostics)
}

func (a *resetAction[M, P]) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	m := P(new(M))
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if !resp.Diagnostics.HasError() {
		a.check(ctx, m, &resp.Diagnostics)
	}
}

// check refuses what no single argument's validator can see.
func (a *resetAction[M, P]) check(ctx context.Context, m P, diags *diag.Diagnostics) {
	m.validate(diags)
	refuse(diags, m.refusals(ctx, a.services, types.StringNull()))
	if wait, has := m.wait(); has {
		checkWait(ctx, wait, m.timeouts().Object, diags, operation{"invoke", m.timeouts().Invoke})
	}
}

// ModifyPlan shows what the reset would do to the live cluster.
func (a *resetAction[M, P]) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	m := P(new(M))
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	refuse(&resp.Diagnostics, m.refusals(ctx, a.services, types.StringNull()))
	if resp.Diagnostics.HasError() || !m.known() {
		return
	}
	request, diags := m.request(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	a.services.previews(ctx, &resp.Diagnostics, "Action: reset", a.attempt(m, request), a.open(m))
}

// attempt is a reset that knows of no reset before.
func (a *resetAction[M, P]) attempt(m P, request offset.Request) reset.Attempt {
	return reset.Attempt{
		Broker: a.kind.Broker, Instance: m.instance().ValueString(), Request: request, Decision: reset.Decide(reset.Change{Create: true}),
	}
}

func (a *resetAction[M, P]) open(m P) reset.Open {
	return func() (reset.Engine, error) { return a.engine(a.services, m.instance().ValueString()) }
}

// Invoke resets, and tells what it does as it goes.
func (a *resetAction[M, P]) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	m := P(new(M))
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// Terraform validates an action when it plans, with what is known then, and
	// not once more when it invokes it.
	for name, argument := range a.arguments() {
		resp.Diagnostics.Append(argument.check(ctx, req.Config, name)...)
	}
	if !resp.Diagnostics.HasError() {
		a.check(ctx, m, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	request, diags := m.request(ctx)
	resp.Diagnostics.Append(diags...)
	timeout, diags := m.timeouts().Invoke(ctx, reset.DefaultTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	request.Progress = func(message string) { resp.SendProgress(action.InvokeProgressEvent{Message: readable(message)}) }
	request.Leaving = a.services.left(ctx, request)
	report := a.services.resets.Reset(ctx, a.open(m), a.attempt(m, request))
	if report.Result != nil {
		for _, message := range a.kind.Results(report.Result) {
			request.Progress(message)
		}
	}
	tell(&resp.Diagnostics, report.Notices, m.faults())
}
