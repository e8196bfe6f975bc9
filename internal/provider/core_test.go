package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"
	"golang.org/x/sync/errgroup"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// unitTest runs a test case as resource.UnitTest does, without a Terraform
// process: it speaks the provider protocol itself, and is some hundred times
// as fast. It knows what most cases consist of: the provider's own resources,
// which may refer to those that stand above them, data sources and functions,
// import blocks, variables, outputs, and terraform_data, whose output is not
// known before the apply. It fails where there is more: such a case needs
// resource.UnitTest.
//
// What it does between the calls is what Terraform does: each command has a
// provider of its own; the state is kept as JSON, the private part beside it,
// and both are read again at the next command; a plan is made once more just
// before its apply, and must be the same; what was planned has to agree with
// the configuration, and what was applied with the plan; what failed to be
// created is tainted; after each apply the next plan has to be empty.
func unitTest(t *testing.T, c resource.TestCase) {
	t.Helper()
	r := newCore(t, c.ProtoV6ProviderFactories)
	for i, step := range c.Steps {
		if step.ImportState || step.RefreshState || len(step.Taint) > 0 || step.Config == "" ||
			len(step.ConfigPlanChecks.PostApplyPreRefresh)+len(step.ConfigPlanChecks.PostApplyPostRefresh) > 0 {
			t.Fatalf("step %d: this needs a real Terraform", i+1)
		}
		if step.PreConfig != nil {
			step.PreConfig()
		}
		r.use(step)
		err := r.step(step)
		switch {
		case step.ExpectError == nil && err != nil:
			t.Errorf("step %d: %v", i+1, err)
		case step.ExpectError != nil && err == nil:
			t.Errorf("step %d: no error, want one that says %s", i+1, step.ExpectError)
		case step.ExpectError != nil && !step.ExpectError.MatchString(err.Error()):
			t.Errorf("step %d: the error does not say %s: %v", i+1, step.ExpectError, err)
		}
		if t.Failed() {
			break
		}
	}
	if len(r.state) == 0 {
		return
	}
	before := r.shimmed()
	if err := r.destroy(); err != nil {
		t.Errorf("destroy: %v", err)
		return
	}
	if c.CheckDestroy != nil {
		if err := c.CheckDestroy(before); err != nil {
			t.Errorf("after the destroy: %v", err)
		}
	}
}

// step plans and applies, and plans again.
func (r *core) step(step resource.TestStep) error {
	if !step.PlanOnly {
		p, err := r.plan(step.Destroy)
		if err != nil {
			return err
		}
		for _, check := range step.ConfigPlanChecks.PreApply {
			resp := plancheck.CheckPlanResponse{}
			if check.CheckPlan(r.t.Context(), plancheck.CheckPlanRequest{Plan: p.shown()}, &resp); resp.Error != nil {
				return resp.Error
			}
		}
		if err := r.apply(p); err != nil {
			return err
		}
		if step.Check != nil {
			if err := step.Check(r.shimmed()); err != nil {
				return err
			}
		}
		for _, check := range step.ConfigStateChecks {
			resp := statecheck.CheckStateResponse{}
			if check.CheckState(r.t.Context(), statecheck.CheckStateRequest{State: r.shown()}, &resp); resp.Error != nil {
				return resp.Error
			}
		}
	}
	again, err := r.plan(step.Destroy)
	switch {
	case err != nil:
		return err
	case again.empty() == step.ExpectNonEmptyPlan:
		return fmt.Errorf("the plan afterwards is empty: %t; it has %v", again.empty(), again.actions())
	}
	return nil
}

func (r *core) destroy() error {
	p, err := r.plan(true)
	if err != nil {
		return err
	}
	return r.apply(p)
}

// configure and events are workspace's, without a process.
func (r *core) configure(config string) { r.config, r.vars = config, map[string]cty.Value{} }

func (r *core) events(args ...string) []event {
	p, err := r.plan(false)
	if err == nil && args[0] == "apply" {
		err = r.apply(p)
	}
	var all []event
	for _, c := range p {
		if len(c.actions) == 0 {
			continue // It could not be planned.
		}
		var e event
		e.Type, e.Change.Resource.Addr, e.Change.Action = "planned_change", c.address, string(c.actions[0])
		switch {
		case c.actions.NoOp():
			e.Change.Action = "noop"
		case c.actions.Replace():
			e.Change.Action = "replace"
		}
		all = append(all, e)
	}
	for _, d := range diagnostics(err) {
		var e event
		e.Type = "diagnostic"
		e.Diagnostic.Severity, e.Diagnostic.Summary, e.Diagnostic.Detail, e.Diagnostic.Address = "error", d.summary, d.detail, d.address
		all = append(all, e)
	}
	return all
}

// diagnostics takes joined errors apart.
func diagnostics(err error) []*diagnostic {
	var all []*diagnostic
	switch e := err.(type) { //nolint:errorlint // It goes through the tree by itself.
	case nil:
	case *diagnostic:
		all = append(all, e)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, diagnostics(inner)...)
		}
	default:
		all = append(all, &diagnostic{summary: e.Error()})
	}
	return all
}

// core is as much of Terraform as a test case needs.
type core struct {
	t       *testing.T
	factory func() (tfprotov6.ProviderServer, error)
	config  string
	vars    map[string]cty.Value
	mu      sync.Mutex           // for what follows, while it applies
	state   map[string]*kept     // by address
	data    map[string]cty.Value // what data sources have read at last, by address
	outputs map[string]cty.Value // as of the last apply
	stored  map[string]cty.Value // the arguments of terraform_data, by name
}

func newCore(t *testing.T, f factories) *core {
	return &core{t: t, factory: f[provider.TypeName], state: map[string]*kept{}, stored: map[string]cty.Value{}}
}

// use takes up a step's configuration.
func (r *core) use(step resource.TestStep) {
	r.configure(step.Config)
	for name, v := range step.ConfigVariables {
		text, err := json.Marshal(v)
		if err != nil {
			r.t.Fatal(err)
		}
		t, err := ctyjson.ImpliedType(text)
		if err == nil {
			r.vars[name], err = ctyjson.Unmarshal(text, t)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// kept is what a state file holds of a resource.
type kept struct {
	kind     string
	json     []byte
	private  []byte
	identity *tfprotov6.ResourceIdentityData
	tainted  bool
}

// session is one command's provider.
type session struct {
	tfprotov6.ProviderServer
	config  string
	blocks  hclsyntax.Blocks
	schemas map[string]*tfprotov6.Schema // of resources; those of data sources begin with "data."
	order   []string
	configs map[string]cty.Value // by address
	wrong   map[string]error     // why an address has no config
	imports map[string]string    // ids by address

	mu        sync.Mutex // for what follows, while resources are planned and applied
	functions map[string]function.Function
	known     map[string]cty.Value // what expressions can refer to
	own       map[string]cty.Value // the provider's resources as far as they are known, by address
	chained   bool                 // one of them refers to another
}

// change is what is planned for a resource.
type change struct {
	address, kind  string
	actions        tfjson.Actions
	importing      bool
	before         cty.Value // null if it is created
	planned        cty.Value // null if it is destroyed
	plannedPrivate []byte
	identity       *tfprotov6.ResourceIdentityData
	old            *kept // what is destroyed, or replaced
}

type plan []change

func (p plan) empty() bool {
	return !slices.ContainsFunc(p, func(c change) bool { return !c.actions.NoOp() || c.importing })
}

func (p plan) actions() []string {
	var all []string
	for _, c := range p {
		all = append(all, fmt.Sprintf("%s: %v", c.address, c.actions))
	}
	return all
}

// open starts a provider, reads the configuration, and has it validated and
// configured. Before an apply, nothing of terraform_data is known that changes.
func (r *core) open(applying bool) (*session, error) {
	ctx := r.t.Context()
	server, err := r.factory()
	if err != nil {
		return nil, err
	}
	resp, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	file, diags := hclsyntax.ParseConfig([]byte(r.config), "test.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	s := &session{
		ProviderServer: server, config: r.config, blocks: file.Body.(*hclsyntax.Body).Blocks,
		schemas: resp.ResourceSchemas, imports: map[string]string{}, own: map[string]cty.Value{},
	}
	s.functions = s.functionsOf(ctx, resp.Functions)
	s.chained = s.refersToItself()
	for kind, schema := range resp.DataSourceSchemas {
		s.schemas["data."+kind] = schema
	}
	s.schemas["provider"] = resp.Provider

	// Nothing but constants is known when a configuration is validated.
	s.known = map[string]cty.Value{"var": cty.DynamicVal, "terraform_data": cty.DynamicVal, "data": cty.DynamicVal}
	if err := s.read(); err != nil {
		return nil, err
	}
	valid, err := server.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: packed(s.configs["provider"])})
	errs := []error{s.told("provider", err, valid.Diagnostics)}
	for _, address := range s.order {
		errs = append(errs, s.validate(ctx, address))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	s.known = map[string]cty.Value{"var": cty.ObjectVal(r.vars), "data": cty.DynamicVal}
	if s.known["terraform_data"], err = r.storedNow(s, applying); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	configured, err := server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.15.0", Config: packed(s.configs["provider"])})
	if err := s.told("provider", err, configured.Diagnostics); err != nil {
		return nil, err
	}
	if s.known["data"], err = r.readData(ctx, s); err != nil {
		return nil, err
	}
	err = s.read()
	return s, err
}

// storedNow returns what is known of terraform_data.
func (r *core) storedNow(s *session, applying bool) (cty.Value, error) {
	all := map[string]cty.Value{}
	scope := s.scope()
	for _, b := range s.blocks {
		if b.Type != "resource" || b.Labels[0] != "terraform_data" {
			continue
		}
		given := map[string]cty.Value{}
		for name, a := range b.Body.Attributes {
			v, diags := a.Expr.Value(scope)
			if diags.HasErrors() {
				return cty.NilVal, fmt.Errorf("this needs a real Terraform: %w", diags)
			}
			given[name] = v
		}
		now := cty.ObjectVal(given)
		before, exists := r.stored[b.Labels[1]]
		input, set := given["input"]
		if !set {
			input = cty.NullVal(cty.DynamicPseudoType)
		}
		output := input
		switch {
		case applying:
			r.stored[b.Labels[1]] = now
		case !exists || !before.RawEquals(now):
			output = cty.DynamicVal
		}
		all[b.Labels[1]] = cty.ObjectVal(map[string]cty.Value{"input": input, "output": output})
	}
	return cty.ObjectVal(all), nil
}

// readData reads the data sources of which all arguments are known.
func (r *core) readData(ctx context.Context, s *session) (cty.Value, error) {
	r.data = map[string]cty.Value{}
	kinds := map[string]map[string]cty.Value{}
	var errs []error
	for _, address := range s.order {
		part := strings.Split(address, ".")
		if part[0] != "data" {
			continue
		}
		kind, name := part[1], part[2]
		v := cty.DynamicVal
		if config := s.configs[address]; s.wrong[address] != nil {
			errs = append(errs, s.wrong[address])
		} else if config.IsWhollyKnown() {
			errs = append(errs, s.validate(ctx, address))
			resp, err := s.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: kind, Config: packed(config)})
			if err = s.told(address, err, resp.Diagnostics); err == nil {
				v, err = unpacked(resp.State, s.kindOf("data."+kind))
				r.data[address] = v
			}
			errs = append(errs, err)
		}
		if kinds[kind] == nil {
			kinds[kind] = map[string]cty.Value{}
		}
		kinds[kind][name] = v
	}
	all := map[string]cty.Value{}
	for kind, of := range kinds {
		all[kind] = cty.ObjectVal(of)
	}
	return cty.ObjectVal(all), errors.Join(errs...)
}

func (s *session) validate(ctx context.Context, address string) error {
	if err := s.wrong[address]; err != nil {
		return err
	}
	config := packed(s.configs[address])
	if kind, data := strings.CutPrefix(kindIn(address), "data."); data {
		resp, err := s.ValidateDataResourceConfig(ctx, &tfprotov6.ValidateDataResourceConfigRequest{TypeName: kind, Config: config})
		return s.told(address, err, resp.Diagnostics)
	}
	resp, err := s.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: kindIn(address), Config: config})
	return s.told(address, err, resp.Diagnostics)
}

// kindIn returns an address without its name.
func kindIn(address string) string { return address[:strings.LastIndex(address, ".")] }

// read evaluates the configuration.
func (s *session) read() (err error) {
	scope := s.scope()
	s.order, s.configs, s.wrong = nil, map[string]cty.Value{}, map[string]error{}
	if s.configs["provider"], err = s.values("provider", &hclsyntax.Body{}, scope); err != nil {
		return err
	}
	for _, b := range s.blocks {
		address := strings.Join(b.Labels, ".")
		switch {
		case b.Type == "provider":
			address = "provider"
		case b.Type == "import":
			id, diags := b.Body.Attributes["id"].Expr.Value(nil)
			if diags.HasErrors() {
				return diags
			}
			to, _ := hcl.AbsTraversalForExpr(b.Body.Attributes["to"].Expr)
			s.imports[to.RootName()+"."+to[1].(hcl.TraverseAttr).Name] = id.AsString()
			continue
		case b.Type == "resource" && b.Labels[0] == "terraform_data" && len(b.Body.Blocks) == 0, b.Type == "variable", b.Type == "output":
			continue
		case b.Type == "resource" && s.schemas[b.Labels[0]] != nil:
			s.order = append(s.order, address)
		case b.Type == "data" && s.schemas["data."+b.Labels[0]] != nil:
			address = "data." + address
			s.order = append(s.order, address)
		default:
			return fmt.Errorf("a block %q %v needs a real Terraform", b.Type, b.Labels)
		}
		v, err := s.values(address, b.Body, scope)
		if d := (*diagnostic)(nil); err != nil && (!errors.As(err, &d) || address == "provider") {
			return err
		}
		s.configs[address], s.wrong[address] = v, err
	}
	return nil
}

// values evaluates a block's arguments as the schema has them.
func (s *session) values(address string, body *hclsyntax.Body, scope *hcl.EvalContext) (cty.Value, error) {
	if len(body.Blocks) > 0 {
		return cty.NilVal, fmt.Errorf("a block %q needs a real Terraform", body.Blocks[0].Type)
	}
	kind := "provider"
	if address != kind {
		kind = kindIn(address)
	}
	schema, types := s.schemas[kind], s.kindOf(kind)
	wrong := func(summary, attribute, detail string) error { return s.wrongAt(address, attribute, summary, detail) }
	given := map[string]cty.Value{}
	for name, a := range body.Attributes {
		if name == "provider" || name == "depends_on" {
			continue
		}
		v, diags := a.Expr.Value(scope)
		if diags.HasErrors() {
			return cty.NilVal, fmt.Errorf("this needs a real Terraform: %w", diags)
		}
		given[name] = v
	}
	all := map[string]cty.Value{}
	for _, a := range schema.Block.Attributes {
		want := types.AttributeType(a.Name)
		v, set := given[a.Name]
		delete(given, a.Name)
		switch {
		case a.Required && (!set || v.IsNull()):
			return cty.NilVal, wrong("Missing required argument", "", fmt.Sprintf("The argument %q is required, but no definition was found.", a.Name))
		case !a.Required && !a.Optional && set:
			return cty.NilVal, wrong("Value for unconfigurable attribute", a.Name, "Its value is decided by the provider.")
		case !set:
			v = cty.NullVal(want)
		}
		v, err := convert.Convert(v, optional(want))
		if err != nil {
			return cty.NilVal, wrong("Incorrect attribute value type", a.Name, fmt.Sprintf("Inappropriate value for attribute %q: %v.", a.Name, err))
		}
		all[a.Name] = v
	}
	for name := range given {
		return cty.NilVal, wrong("Unsupported argument", name, fmt.Sprintf("An argument named %q is not expected here.", name))
	}
	return cty.ObjectVal(all), nil
}

// diagnostic is an error as Terraform shows it: with the line of the argument
// at fault, if there is one.
type diagnostic struct {
	address, summary, line, detail string
}

func (d *diagnostic) Error() string {
	return fmt.Sprintf("Error: %s\n\n  with %s,\n%s%s\n", d.summary, d.address, d.line, d.detail)
}

func (s *session) wrongAt(address, attribute, summary, detail string) error {
	d := &diagnostic{address: address, summary: summary, detail: detail}
	for _, b := range s.blocks {
		of := strings.Join(b.Labels, ".")
		switch b.Type {
		case "data":
			of = "data." + of
		case "provider":
			of = b.Type
		}
		if a := b.Body.Attributes[attribute]; a != nil && of == address {
			n := a.NameRange.Start.Line
			d.line = fmt.Sprintf("  on test.tf line %d:\n  %d: %s\n\n", n, n, strings.TrimSpace(strings.Split(s.config, "\n")[n-1]))
		}
	}
	return d
}

// typeOf translates a type: both libraries write it in the same way.
func typeOf(t tftypes.Type) cty.Type {
	text, err := json.Marshal(t)
	if err == nil {
		var same cty.Type
		if same, err = ctyjson.UnmarshalType(text); err == nil {
			return same
		}
	}
	panic(err) //nolint:forbidigo // The provider's own types are all there.
}

// optional lets attributes of nested objects be left out.
func optional(t cty.Type) cty.Type {
	switch {
	case t.IsObjectType():
		inner := map[string]cty.Type{}
		for name, a := range t.AttributeTypes() {
			inner[name] = optional(a)
		}
		return cty.ObjectWithOptionalAttrs(inner, slices.Collect(maps.Keys(inner)))
	case t.IsMapType():
		return cty.Map(optional(t.ElementType()))
	case t.IsSetType():
		return cty.Set(optional(t.ElementType()))
	case t.IsListType():
		return cty.List(optional(t.ElementType()))
	}
	return t
}

// kinds are the types of the provider's schemas, which are the same in all tests.
var kinds sync.Map

func (s *session) kindOf(kind string) cty.Type {
	if t, ok := kinds.Load(kind); ok {
		return t.(cty.Type)
	}
	t := typeOf(s.schemas[kind].ValueType())
	kinds.Store(kind, t)
	return t
}

func packed(v cty.Value) *tfprotov6.DynamicValue {
	b, err := msgpack.Marshal(v, v.Type())
	if err != nil {
		panic(err) //nolint:forbidigo // A value of its own type can always be written.
	}
	return &tfprotov6.DynamicValue{MsgPack: b}
}

func unpacked(d *tfprotov6.DynamicValue, t cty.Type) (cty.Value, error) {
	if d == nil {
		return cty.NullVal(t), nil
	}
	if d.JSON != nil {
		return ctyjson.Unmarshal(d.JSON, t)
	}
	return msgpack.Unmarshal(d.MsgPack, t)
}

// unprintable tells whether a terminal does something else with a character
// than to show it.
func unprintable(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }

// told makes an error of what the provider tells.
func (s *session) told(address string, err error, diagnostics []*tfprotov6.Diagnostic) error {
	if err != nil {
		return err
	}
	var all []error
	for _, d := range diagnostics {
		if text := d.Summary + d.Detail; !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
			return fmt.Errorf("a text that nobody can read: %q", text)
		}
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			attribute := ""
			if d.Attribute != nil && len(d.Attribute.Steps()) > 0 {
				attribute = fmt.Sprint(d.Attribute.Steps()[0].(tftypes.AttributeName))
			}
			all = append(all, s.wrongAt(address, attribute, d.Summary, d.Detail))
		}
	}
	return errors.Join(all...)
}

// plan reads what is there and asks the provider what it would do.
func (r *core) plan(destroy bool) (plan, error) {
	s, err := r.open(destroy)
	if err != nil {
		return nil, err
	}
	var p plan
	var errs []error
	for _, address := range slices.Sorted(maps.Keys(r.state)) {
		if _, wanted := s.configs[address]; destroy || !wanted {
			c, err := s.planDestroy(r.t.Context(), address, r.state[address])
			errs = append(errs, err)
			p = append(p, c)
		}
	}
	if !destroy {
		managed := slices.DeleteFunc(slices.Clone(s.order), func(address string) bool { return strings.HasPrefix(address, "data.") })
		changes := make([]change, len(managed))
		errs = append(errs, s.each(len(managed), func(i int) (err error) {
			if changes[i], err = s.planChange(r.t.Context(), managed[i], r.state[managed[i]]); err != nil {
				return err
			}
			return s.learn(managed[i], changes[i].planned)
		}))
		p = append(p, changes...)
		if err := errors.Join(errs...); err != nil {
			return p, err
		}
		_, err := s.outputs()
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

// refresh reads a state back and what has become of it.
func (s *session) refresh(ctx context.Context, address string, k *kept) (cty.Value, *kept, error) {
	t := s.kindOf(k.kind)
	up, err := s.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{TypeName: k.kind, Version: s.schemas[k.kind].Version, RawState: &tfprotov6.RawState{JSON: k.json}})
	if err := s.told(address, err, up.Diagnostics); err != nil {
		return cty.NilVal, nil, err
	}
	got, err := s.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: k.kind, CurrentState: up.UpgradedState, Private: k.private, CurrentIdentity: k.identity})
	if err := s.told(address, err, got.Diagnostics); err != nil {
		return cty.NilVal, nil, err
	}
	now := *k
	now.private, now.identity = got.Private, got.NewIdentity
	v, err := unpacked(got.NewState, t)
	return v, &now, err
}

func (s *session) planDestroy(ctx context.Context, address string, k *kept) (change, error) {
	before, now, err := s.refresh(ctx, address, k)
	if err != nil {
		return change{}, err
	}
	gone := cty.NullVal(before.Type())
	resp, err := s.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: k.kind, PriorState: packed(before), ProposedNewState: packed(gone), Config: packed(gone), PriorPrivate: now.private, PriorIdentity: now.identity,
	})
	return change{
		address: address, kind: k.kind, actions: tfjson.Actions{tfjson.ActionDelete}, before: before, planned: gone,
		plannedPrivate: resp.PlannedPrivate, identity: now.identity, old: k,
	}, s.told(address, err, resp.Diagnostics)
}

func (s *session) planChange(ctx context.Context, address string, k *kept) (change, error) {
	kind, _, _ := strings.Cut(address, ".")
	c := change{address: address, kind: kind, before: cty.NullVal(s.kindOf(kind)), old: k}
	if err := s.wrong[address]; err != nil {
		return c, err
	}
	if id, importing := s.imports[address]; importing && k == nil {
		c.importing = true
		resp, err := s.ImportResourceState(ctx, &tfprotov6.ImportResourceStateRequest{TypeName: kind, ID: id})
		if err := s.told(address, err, resp.Diagnostics); err != nil {
			return c, err
		}
		imported := resp.ImportedResources[0]
		v, err := unpacked(imported.State, s.kindOf(kind))
		if err != nil {
			return c, err
		}
		k = &kept{kind: kind, json: stateJSON(v), private: imported.Private, identity: imported.Identity}
	}
	var private []byte
	if k != nil {
		before, now, err := s.refresh(ctx, address, k)
		if err != nil {
			return c, err
		}
		c.before, private, c.identity = before, now.private, now.identity
	}
	prior := c.before
	if k != nil && k.tainted {
		prior, private = cty.NullVal(prior.Type()), nil
	}
	replace, err := s.planFrom(ctx, &c, prior, private)
	if err != nil {
		return c, err
	}
	switch {
	case replace:
		if _, err := s.planFrom(ctx, &c, cty.NullVal(prior.Type()), c.plannedPrivate); err != nil {
			return c, err
		}
		fallthrough
	case k != nil && k.tainted:
		c.actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
	case prior.IsNull():
		c.actions = tfjson.Actions{tfjson.ActionCreate}
	case c.planned.RawEquals(prior):
		c.actions = tfjson.Actions{tfjson.ActionNoop}
	default:
		c.actions = tfjson.Actions{tfjson.ActionUpdate}
	}
	return c, nil
}

// planFrom plans from a prior state, and tells whether it has to be replaced.
func (s *session) planFrom(ctx context.Context, c *change, prior cty.Value, private []byte) (replace bool, err error) {
	if err := s.validate(ctx, c.address); err != nil {
		return false, err
	}
	config := s.configs[c.address]
	resp, err := s.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: c.kind, PriorState: packed(prior), ProposedNewState: packed(s.proposed(c.kind, prior, config)), Config: packed(config),
		PriorPrivate: private, PriorIdentity: c.identity,
	})
	if err := s.told(c.address, err, resp.Diagnostics); err != nil {
		return false, err
	}
	if c.planned, err = unpacked(resp.PlannedState, prior.Type()); err != nil {
		return false, err
	}
	c.plannedPrivate = resp.PlannedPrivate
	for _, a := range s.schemas[c.kind].Block.Attributes {
		given, planned, was := config.GetAttr(a.Name), c.planned.GetAttr(a.Name), cty.NullVal(cty.DynamicPseudoType)
		if !prior.IsNull() {
			was = prior.GetAttr(a.Name)
		}
		if !conforms(given, planned, was) && (!given.IsNull() || !a.Computed) {
			return false, s.wrongAt(c.address, a.Name, "Provider produced invalid plan", fmt.Sprintf("It planned %#v, where %#v was before, and %#v is configured.", planned, was, given))
		}
		for _, path := range resp.RequiresReplace {
			if path.Steps()[0] == tftypes.AttributeName(a.Name) && !prior.IsNull() && !same(planned, was) {
				replace = true
			}
		}
	}
	return replace, nil
}

// conforms tells whether a planned value is the configured one, or the one from
// before, which may mean the same in other words.
func conforms(given, planned, was cty.Value) bool {
	switch {
	case same(planned, given), !given.IsNull() && same(planned, was):
		return true
	case given.IsNull() || planned.IsNull() || !given.IsKnown() || !planned.IsKnown() || !given.Type().IsObjectType():
		return false
	}
	for name := range given.Type().AttributeTypes() {
		inner := cty.NullVal(cty.DynamicPseudoType)
		if !was.IsNull() {
			inner = was.GetAttr(name)
		}
		if !conforms(given.GetAttr(name), planned.GetAttr(name), inner) {
			return false
		}
	}
	return true
}

// same tells whether two values are equal; of unknown ones, that they are both.
func same(a, b cty.Value) bool { return !a.IsKnown() && !b.IsKnown() || a.RawEquals(b) }

// proposed is the configuration, with what the provider computes as before.
func (s *session) proposed(kind string, prior, config cty.Value) cty.Value {
	all := config.AsValueMap()
	for _, a := range s.schemas[kind].Block.Attributes {
		if a.Computed && all[a.Name].IsNull() && !prior.IsNull() {
			all[a.Name] = prior.GetAttr(a.Name)
		}
	}
	return cty.ObjectVal(all)
}

// apply does what was planned, with a provider of its own.
func (r *core) apply(p plan) error {
	s, err := r.open(true)
	if err != nil {
		return err
	}
	err = s.each(len(p), func(i int) error {
		if err := r.applyOne(s, p[i]); err != nil {
			return err
		}
		return r.learn(s, p[i].address)
	})
	if err != nil {
		return err
	}
	r.outputs, err = s.outputs()
	return err
}

// each does n things, ten at a time as Terraform does, or one after the other
// where something depends on something.
func (s *session) each(n int, do func(i int) error) error {
	most := 10
	if strings.Contains(s.config, "depends_on") || s.chained {
		most = 1
	}
	errs := make([]error, n)
	var g errgroup.Group
	g.SetLimit(most)
	for i := range n {
		g.Go(func() error {
			// Terraform does not go on with what refers to what has failed.
			if failed := s.chained && errors.Join(errs...) != nil; !failed {
				errs[i] = do(i)
			}
			return nil
		})
	}
	return errors.Join(append(errs, g.Wait())...)
}

func (r *core) applyOne(s *session, c change) error {
	ctx := r.t.Context()
	switch {
	case c.actions.NoOp():
		if c.importing {
			r.keep(c.address, &kept{kind: c.kind, json: stateJSON(c.planned), private: c.plannedPrivate, identity: c.identity})
		}
		return nil
	case c.actions.Delete():
		return r.write(ctx, s, c)
	case c.actions.Replace():
		gone := c
		gone.planned = cty.NullVal(c.planned.Type())
		if err := r.write(ctx, s, gone); err != nil {
			return err
		}
		c.before, c.old, c.identity = cty.NullVal(c.before.Type()), nil, nil
	}
	again := c
	private := []byte(nil)
	if c.old != nil && !c.old.tainted {
		private = c.old.private
	} else if c.importing {
		private = c.plannedPrivate
	}
	replace, err := s.planFrom(ctx, &again, c.before, private)
	switch {
	case err != nil:
		return err
	case replace:
		return s.wrongAt(c.address, "", "Provider produced inconsistent final plan", "The planned action changed from Update to DeleteThenCreate.")
	}
	if err := agrees(c.planned, again.planned); err != nil {
		return s.wrongAt(c.address, "", "Provider produced inconsistent final plan", err.Error())
	}
	return r.write(ctx, s, again)
}

// write has a change applied, and keeps what came of it.
func (r *core) write(ctx context.Context, s *session, c change) error {
	config := cty.NullVal(c.planned.Type())
	if !c.planned.IsNull() {
		config = s.configs[c.address]
	}
	resp, err := s.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: c.kind, PriorState: packed(c.before), PlannedState: packed(c.planned), Config: packed(config),
		PlannedPrivate: c.plannedPrivate, PlannedIdentity: c.identity,
	})
	if err != nil {
		return err
	}
	now, err := unpacked(resp.NewState, c.planned.Type())
	if err != nil {
		return err
	}
	failed := s.told(c.address, nil, resp.Diagnostics)
	if now.IsNull() {
		r.keep(c.address, nil)
		if !c.planned.IsNull() && failed == nil {
			return fmt.Errorf("%s: nothing was created", c.address)
		}
		return failed
	}
	if !now.IsWhollyKnown() {
		return errors.Join(failed, fmt.Errorf("%s: the provider left unknown values: %#v", c.address, now))
	}
	r.keep(c.address, &kept{
		kind: c.kind, json: stateJSON(now), private: resp.Private, identity: resp.NewIdentity,
		tainted: failed != nil && c.before.IsNull(),
	})
	if failed != nil {
		return failed
	}
	if err := agrees(c.planned, now); err != nil {
		return s.wrongAt(c.address, "", "Provider produced inconsistent result after apply", err.Error())
	}
	return nil
}

// keep writes a resource into the state, or removes it from there.
func (r *core) keep(address string, k *kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state[address] = k; k == nil {
		delete(r.state, address)
	}
}

// agrees tells whether a value is what was planned, as far as that was known.
func agrees(planned, now cty.Value) error {
	switch {
	case !planned.IsKnown():
		return nil
	case planned.IsWhollyKnown() || now.IsNull() || !planned.Type().IsObjectType():
		if planned.IsWhollyKnown() && !planned.RawEquals(now) || planned.IsNull() != now.IsNull() {
			return fmt.Errorf("%#v was planned, and it is %#v", planned, now)
		}
		return nil
	}
	for name := range planned.Type().AttributeTypes() {
		if err := agrees(planned.GetAttr(name), now.GetAttr(name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// stateJSON is how a state file holds a value.
func stateJSON(v cty.Value) []byte {
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		panic(err) //nolint:forbidigo // A value of its own type can always be written.
	}
	return b
}

func decoded(b []byte) (doc map[string]any) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		panic(err) //nolint:forbidigo // It was written just now.
	}
	return doc
}

// shown is the plan for plan checks.
func (p plan) shown() *tfjson.Plan {
	shown := &tfjson.Plan{}
	for _, c := range p {
		kind, name, _ := strings.Cut(c.address, ".")
		after, unknown := map[string]any{}, map[string]any{}
		for attribute := range c.planned.Type().AttributeTypes() {
			if c.planned.IsNull() {
				continue
			}
			if v := c.planned.GetAttr(attribute); !v.IsWhollyKnown() {
				unknown[attribute] = true
			} else {
				maps.Copy(after, decoded(stateJSON(cty.ObjectVal(map[string]cty.Value{attribute: v}))))
			}
		}
		shown.ResourceChanges = append(shown.ResourceChanges, &tfjson.ResourceChange{
			Address: c.address, Mode: tfjson.ManagedResourceMode, Type: kind, Name: name,
			Change: &tfjson.Change{Actions: c.actions, After: after, AfterUnknown: unknown},
		})
	}
	return shown
}

// shown is the state for state checks.
func (r *core) shown() *tfjson.State {
	module := &tfjson.StateModule{}
	for _, address := range slices.Sorted(maps.Keys(r.state)) {
		kind, name, _ := strings.Cut(address, ".")
		module.Resources = append(module.Resources, &tfjson.StateResource{
			Address: address, Mode: tfjson.ManagedResourceMode, Type: kind, Name: name, AttributeValues: decoded(r.state[address].json),
		})
	}
	for _, address := range slices.Sorted(maps.Keys(r.data)) {
		part := strings.Split(address, ".")
		module.Resources = append(module.Resources, &tfjson.StateResource{
			Address: address, Mode: tfjson.DataResourceMode, Type: part[1], Name: part[2], AttributeValues: decoded(stateJSON(r.data[address])),
		})
	}
	return &tfjson.State{Values: &tfjson.StateValues{RootModule: module, Outputs: shownOutputs(r.outputs)}}
}

// shimmed is the state for checks, with the attributes that are no collections.
func (r *core) shimmed() *terraform.State {
	module := &terraform.ModuleState{Path: []string{"root"}, Resources: map[string]*terraform.ResourceState{}}
	add := func(address, kind string, values []byte, tainted bool) {
		flat := map[string]string{}
		for name, v := range decoded(values) {
			switch v.(type) {
			case string, json.Number, bool:
				flat[name] = fmt.Sprint(v)
			}
		}
		module.Resources[address] = &terraform.ResourceState{Type: kind, Primary: &terraform.InstanceState{ID: flat["id"], Attributes: flat, Tainted: tainted}}
	}
	for address, k := range r.state {
		add(address, k.kind, k.json, k.tainted)
	}
	for address, v := range r.data {
		add(address, strings.Split(address, ".")[1], stateJSON(v), false)
	}
	return &terraform.State{Modules: []*terraform.ModuleState{module}}
}
