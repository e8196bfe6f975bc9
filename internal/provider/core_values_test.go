package provider_test

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// What expressions of unitTest can hold: functions, and the provider's own
// resources, in the arguments of others and in outputs.

// scope is what an expression is evaluated in.
func (s *session) scope() *hcl.EvalContext {
	known := maps.Clone(s.known)
	kinds := map[string]map[string]cty.Value{}
	for _, b := range s.blocks {
		if b.Type != "resource" || s.schemas[b.Labels[0]] == nil {
			continue
		}
		kind, name := b.Labels[0], b.Labels[1]
		if kinds[kind] == nil {
			kinds[kind] = map[string]cty.Value{}
		}
		kinds[kind][name] = cty.DynamicVal
		if v, ok := s.own[kind+"."+name]; ok {
			kinds[kind][name] = v
		}
	}
	for kind, of := range kinds {
		known[kind] = cty.ObjectVal(of)
	}
	return &hcl.EvalContext{Variables: known, Functions: s.functions}
}

// refersToItself tells whether a resource or data source of the configuration
// refers to a resource of the provider.
func (s *session) refersToItself() bool {
	for _, b := range s.blocks {
		if b.Type != "resource" && b.Type != "data" {
			continue
		}
		for name, a := range b.Body.Attributes {
			for _, v := range a.Expr.Variables() {
				if name != "depends_on" && s.schemas[v.RootName()] != nil {
					return true
				}
			}
		}
	}
	return false
}

// learn takes up what a resource is, and evaluates the configuration with it.
func (s *session) learn(address string, v cty.Value) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[address] = v
	if !s.chained {
		return nil
	}
	return s.read()
}

func (r *core) learn(s *session, address string) error {
	r.mu.Lock()
	k := r.state[address]
	r.mu.Unlock()
	if k == nil {
		return nil
	}
	v, err := ctyjson.Unmarshal(k.json, s.kindOf(k.kind))
	if err != nil {
		return err
	}
	return s.learn(address, v)
}

// outputs evaluates the outputs.
func (s *session) outputs() (map[string]cty.Value, error) {
	all := map[string]cty.Value{}
	var errs []error
	for _, b := range s.blocks {
		if b.Type != "output" {
			continue
		}
		v, diags := b.Body.Attributes["value"].Expr.Value(s.scope())
		for _, d := range diags {
			errs = append(errs, &diagnostic{address: "output." + b.Labels[0], summary: d.Summary, detail: d.Detail})
		}
		all[b.Labels[0]] = v
	}
	return all, errors.Join(errs...)
}

// shownOutputs is how a state tells outputs, those that are known.
func shownOutputs(values map[string]cty.Value) map[string]*tfjson.StateOutput {
	shown := map[string]*tfjson.StateOutput{}
	for name, v := range values {
		if v.IsWhollyKnown() {
			shown[name] = &tfjson.StateOutput{Value: decoded(stateJSON(cty.ObjectVal(map[string]cty.Value{name: v})))[name], Type: v.Type()}
		}
	}
	return shown
}

// functionsOf are the provider's functions, and those of Terraform that tests
// use, as expressions call them.
func (s *session) functionsOf(ctx context.Context, declared map[string]*tfprotov6.Function) map[string]function.Function {
	all := map[string]function.Function{"jsonencode": stdlib.JSONEncodeFunc, "jsondecode": stdlib.JSONDecodeFunc}
	for name, f := range declared {
		spec := &function.Spec{Type: function.StaticReturnType(typeOf(f.Return.Type))}
		for _, p := range f.Parameters {
			spec.Params = append(spec.Params, function.Parameter{
				Name: p.Name, Type: typeOf(p.Type), AllowNull: p.AllowNullValue, AllowUnknown: p.AllowUnknownValues, AllowDynamicType: true,
			})
		}
		spec.Impl = func(args []cty.Value, want cty.Type) (cty.Value, error) {
			req := &tfprotov6.CallFunctionRequest{Name: name}
			for i, v := range args {
				b, err := msgpack.Marshal(v, spec.Params[i].Type)
				if err != nil {
					return cty.NilVal, err
				}
				req.Arguments = append(req.Arguments, &tfprotov6.DynamicValue{MsgPack: b})
			}
			resp, err := s.CallFunction(ctx, req)
			switch {
			case err != nil:
				return cty.NilVal, err
			case resp.Error != nil && resp.Error.FunctionArgument != nil:
				return cty.NilVal, function.NewArgErrorf(int(*resp.Error.FunctionArgument), "%s", resp.Error.Text)
			case resp.Error != nil:
				return cty.NilVal, errors.New(resp.Error.Text)
			}
			return unpacked(resp.Result, want)
		}
		all[fmt.Sprintf("provider::%s::%s", provider.TypeName, name)] = function.New(spec)
	}
	return all
}
