package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
)

// managedService is the client of a managed service: it has an engine for
// each of its instances.
type managedService[E reset.Engine] interface {
	Instance(id string) E
	Close()
}

// instances gives out one engine for each instance, always the same one, since
// a prepared plan belongs to the engine that has made it.
type instances struct {
	open  func(id string) reset.Engine
	close func()

	mu      sync.Mutex
	engines map[string]reset.Engine
}

var _ io.Closer = (*instances)(nil)

// instancesOf returns the instances of a service that could be reached.
func instancesOf[E reset.Engine, S managedService[E]](service S, err error) (*instances, error) {
	if err != nil {
		return nil, err
	}
	return &instances{
		open:    func(id string) reset.Engine { return service.Instance(id) },
		close:   service.Close,
		engines: map[string]reset.Engine{},
	}, nil
}

func (i *instances) engine(id string) reset.Engine {
	i.mu.Lock()
	defer i.mu.Unlock()
	e, ok := i.engines[id]
	if !ok {
		e = i.open(id)
		i.engines[id] = e
	}
	return e
}

// Close closes the connections.
func (i *instances) Close() error {
	i.close()
	return nil
}

// managedSectionModel is what the sections of managed services have in common.
type managedSectionModel struct {
	Region         types.String `tfsdk:"region"`
	Endpoint       types.String `tfsdk:"endpoint"`
	AccessKey      types.String `tfsdk:"access_key"`
	SecretKey      types.String `tfsdk:"secret_key"`
	SecurityToken  types.String `tfsdk:"security_token"`
	CACert         types.String `tfsdk:"ca_cert"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
}

// managedAttributes adds what means the same in all of them.
func managedAttributes(attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["ca_cert"] = text("Certificate authorities to trust beside the machine's, as PEM text or a file's path.")
	attributes["request_timeout"] = requestTimeout("How long one request may take. Default: `30s`. Requests that were throttled or failed on the service's side are repeated.")
	return attributes
}

// managedSection tries out what a section says, without dialling. What is
// wrong with a section that is written is an error on its attribute. A section
// that the environment fills, perhaps for another provider, is merely of no use.
func managedSection[C any](name string, written types.Object, config C, open func(C) (*instances, error), diags *diag.Diagnostics) section[C] {
	i, err := open(config)
	if err == nil {
		err = i.Close()
	}
	if err == nil {
		return section[C]{config: config}
	}
	if !written.IsNull() {
		attribute, setting, detail := path.Root(name), name, err.Error()
		var wrong *managed.ConfigError
		if errors.As(err, &wrong) {
			attribute, setting, detail = attribute.AtName(wrong.Field), name+"."+wrong.Field, wrong.Detail
		}
		// Terraform's excerpt shows no more than the provider's block.
		diags.AddAttributeError(attribute, "Invalid setting "+setting, detail)
	}
	return section[C]{missing: fmt.Sprintf("the reset has an instance_id, and the provider's section %s, with the environment, is not enough to reach the service: %s", name, err)}
}

// variablesOf returns the environment variables that fill each attribute.
func variablesOf(table []managed.Variable) map[string]string {
	variables := make(map[string]string, len(table))
	for _, v := range table {
		variables[v.Field] = strings.Join(v.Names, "` or `")
	}
	return variables
}

// refuse reports what a managed service cannot do, each on its attribute.
func refuse(diags *diag.Diagnostics, refusals []managed.Refusal) {
	for _, r := range refusals {
		diags.AddAttributeError(path.Root(r.Argument), "The managed service cannot do this", r.Detail)
	}
}

// checkInstance refuses an instance id that cannot be part of a request's path.
func checkInstance(id types.String) []managed.Refusal {
	if id.IsUnknown() || id.ValueString() == "" {
		return nil // A validator refuses the empty one.
	}
	if fault := managed.CheckSegment(id.ValueString()); fault != "" {
		return []managed.Refusal{{Argument: "instance_id", Detail: "The id " + fault}}
	}
	return nil
}

// managedSettings are what the provider itself says to clients of managed services.
type managedSettings struct {
	userAgent string
	retry     managed.Retry
	poll      time.Duration
}

// apsaramq returns the instances of ApsaraMQ that the provider is configured for.
func (s *services) apsaramq() (*instances, error) {
	if s == nil {
		return nil, notConfigured
	}
	return client(s, &s.apsaramqClient, s.apsaramqSection, func(c apsaramq.Config) (*instances, error) {
		c.Clock, c.Log, c.UserAgent, c.Retry = s.clock, logCall, s.managed.userAgent, s.managed.retry
		return openApsaraMQ(c)
	})
}

// romaConnect returns the instances of ROMA Connect, or of DMS for Kafka, that
// the provider is configured for.
func (s *services) romaConnect() (*instances, error) {
	if s == nil {
		return nil, notConfigured
	}
	return client(s, &s.romaConnectClient, s.romaConnectSection, func(c romaconnect.Config) (*instances, error) {
		c.Clock, c.Log, c.UserAgent, c.Retry, c.PollInterval = s.clock, logCall, s.managed.userAgent, s.managed.retry, s.managed.poll
		return openRomaConnect(c)
	})
}

// logCall logs a call to a managed service with the logger of the operation that made it.
func logCall(ctx context.Context, message string, fields map[string]any) {
	tflog.Debug(ctx, message, fields)
}

// engineOfInstance returns the engine of a managed instance.
func engineOfInstance(id string, open func() (*instances, error)) (reset.Engine, error) {
	i, err := open()
	if err != nil {
		return nil, err
	}
	return i.engine(id), nil
}
