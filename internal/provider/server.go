package provider

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// NewServer returns what serves the provider to Terraform: the framework's
// server, which keeps the context of every request until Terraform stops it
// (terraform-plugin-framework 1.19), with all that hangs on it for the log.
// Thousands of resources make that a hundred megabytes, which every collection
// of garbage goes through. Here it is lent a context of each request about a
// resource or a data source, for as long as that takes.
func NewServer(p provider.Provider) tfprotov6.ProviderServer {
	s := providerserver.NewProtocol6(p)()
	if s, ok := s.(framework); ok {
		return server{s}
	}
	return s // as later versions of it may be
}

// framework is what of the framework's server this provider needs.
type framework interface {
	tfprotov6.ProviderServer
	tfprotov6.ActionServer
}

type server struct{ framework }

func (s server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return lend(ctx, req, s.framework.ValidateResourceConfig)
}

func (s server) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	return lend(ctx, req, s.framework.UpgradeResourceState)
}

func (s server) UpgradeResourceIdentity(ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	return lend(ctx, req, s.framework.UpgradeResourceIdentity)
}

func (s server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	return lend(ctx, req, s.framework.ReadResource)
}

func (s server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	return lend(ctx, req, s.framework.PlanResourceChange)
}

func (s server) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	return lend(ctx, req, s.framework.ApplyResourceChange)
}

func (s server) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	return lend(ctx, req, s.framework.ImportResourceState)
}

func (s server) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return lend(ctx, req, s.framework.ValidateDataResourceConfig)
}

func (s server) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	return lend(ctx, req, s.framework.ReadDataSource)
}

// lend serves a request with a context that is taken back when it is served.
func lend[Q, R any](ctx context.Context, req Q, serve func(context.Context, Q) (R, error)) (R, error) {
	l := &loan{}
	l.of.Store(&ctx)
	defer l.of.Store(&ended)
	return serve(l, req)
}

// loan is the context of a request while it is served, and an ended one
// without values after that.
type loan struct {
	of atomic.Pointer[context.Context]
}

// ended is a context that holds nothing.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (l *loan) Deadline() (time.Time, bool) { return (*l.of.Load()).Deadline() }
func (l *loan) Done() <-chan struct{}       { return (*l.of.Load()).Done() }
func (l *loan) Err() error                  { return (*l.of.Load()).Err() }
func (l *loan) Value(key any) any           { return (*l.of.Load()).Value(key) }
