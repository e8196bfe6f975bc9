// Package provider is Terraform's side: schemas, models, validation, plans
// and diagnostics of the provider offsets. It asks the engines for plans and
// resets in the words of package offset, and must not know any broker's protocol.
package provider

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// TypeName is the provider's type: the last part of its address.
const TypeName = "offsets"

var (
	_ provider.Provider              = (*Provider)(nil)
	_ provider.ProviderWithActions   = (*Provider)(nil)
	_ provider.ProviderWithFunctions = (*Provider)(nil)
)

// Provider is the provider offsets.
type Provider struct {
	version string
	clock   clock.Clock
	getenv  func(string) string
	retry   managed.Retry // of managed services; their packages' defaults if zero
	poll    time.Duration // between two looks at a managed group; the default if zero
	unheard bool          // nobody reads the log

	mu     sync.Mutex
	opened *services // by the last Configure
}

// Option changes a Provider from its defaults.
type Option func(*Provider)

// WithClock makes the provider take the time from c instead of the machine.
func WithClock(c clock.Clock) Option { return func(p *Provider) { p.clock = c } }

// WithEnvironment makes the provider look environment variables up with getenv.
func WithEnvironment(getenv func(string) string) Option {
	return func(p *Provider) { p.getenv = getenv }
}

// WithPatience changes how often and how patiently managed services are asked
// again, and how long the pause between two looks at a group is.
func WithPatience(retry managed.Retry, poll time.Duration) Option {
	return func(p *Provider) { p.retry, p.poll = retry, poll }
}

// WithoutLog tells that nobody reads the log: what takes work to put into words
// is left out of it.
func WithoutLog() Option { return func(p *Provider) { p.unheard = true } }

// New returns the provider; version is what Terraform's log shows.
func New(version string, opts ...Option) *Provider {
	p := &Provider{version: version, clock: clock.System{}, getenv: os.Getenv}
	for _, o := range opts {
		o(p)
	}
	return p
}

// finishWithin bounds Finish. It is longer than any engine takes to finish and
// read back what it has begun to write once Terraform is gone: three minutes
// with Kafka and RocketMQ (rocketmq.FinishWithin), less with the managed
// services.
const finishWithin = 5 * time.Minute

// Finish waits until no reset and no destroy is at work, for five minutes at
// most. Those that have written nothing yet end by their own contexts.
func (p *Provider) Finish() {
	p.mu.Lock()
	s := p.opened
	p.mu.Unlock()
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
	defer cancel()
	s.resets.Finish(ctx)
}

// Close ends the connections that are open.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.opened
	p.opened = nil
	if s == nil {
		return nil
	}
	return s.Close()
}

// Metadata names the provider.
func (p *Provider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = TypeName
	resp.Version = p.version
}

// Schema describes the provider's configuration.
func (p *Provider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Resets the offsets of consumer groups on Apache Kafka and Apache RocketMQ, and on the managed services ApsaraMQ for RocketMQ, ROMA Connect and DMS for Kafka.",
		Attributes: map[string]schema.Attribute{
			"kafka":        kafkaSectionSchema(),
			"rocketmq":     rocketmqSectionSchema(),
			"apsaramq":     apsaramqSectionSchema(),
			"roma_connect": romaConnectSectionSchema(),
			"preview": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Show in the plan, from the live cluster, what each reset would do (default `true`). " +
					"`false` plans without asking any cluster.",
			},
		},
	}
}

// configuration is the provider's configuration. Sections are objects, since
// a section that is wholly unknown cannot be decoded into a struct.
type configuration struct {
	Kafka       types.Object `tfsdk:"kafka"`
	RocketMQ    types.Object `tfsdk:"rocketmq"`
	ApsaraMQ    types.Object `tfsdk:"apsaramq"`
	RomaConnect types.Object `tfsdk:"roma_connect"`
	Preview     types.Bool   `tfsdk:"preview"`
}

// Configure reads the configuration and dials nothing.
func (p *Provider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var c configuration
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s := &services{
		ctx:     context.WithoutCancel(ctx),
		clock:   p.clock,
		managed: managedSettings{userAgent: "terraform-provider-offsets/" + p.version, retry: p.retry, poll: p.poll},
		unheard: p.unheard,
		resets:  reset.NewRun(p.clock),
		preview: c.Preview.IsNull() || c.Preview.IsUnknown() || c.Preview.ValueBool(),
	}
	s.kafkaSection = readKafkaSection(ctx, c.Kafka, p.getenv, &resp.Diagnostics)
	s.rocketmqSection = readRocketMQSection(ctx, c.RocketMQ, p.getenv, &resp.Diagnostics)
	s.apsaramqSection = readApsaraMQSection(ctx, c.ApsaraMQ, p.getenv, &resp.Diagnostics)
	s.romaConnectSection = readRomaConnectSection(ctx, c.RomaConnect, p.getenv, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	// One process may serve many runs (-debug): what the one before has opened
	// is not used any more.
	if err := p.Close(); err != nil {
		tflog.Debug(ctx, "closing the connections of an earlier run failed", map[string]any{"error": err.Error()})
	}
	p.mu.Lock()
	p.opened = s
	p.mu.Unlock()
	resp.ResourceData = s
	resp.DataSourceData = s
	resp.ActionData = s
}

// Resources returns the provider's resources.
func (p *Provider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newKafkaReset,
		newKafkaSnapshot,
		newRocketMQReset,
	}
}

// DataSources returns the provider's data sources.
func (p *Provider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newKafkaGroupOffsets,
		newKafkaTopicOffsets,
		newKafkaGroups,
		newKafkaSnapshotNow,
		newKafkaMirrorCheckpoints,
		newRocketMQGroupOffsets,
		newRocketMQTopicOffsets,
		newRocketMQGroups,
	}
}

// Actions returns the provider's actions.
func (p *Provider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		newKafkaResetAction,
		newRocketMQResetAction,
	}
}

// Functions returns the provider's functions.
func (p *Provider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		newCSVEncode,
		newCSVDecode,
		newRecordOffsets,
		newRecordRows,
	}
}
