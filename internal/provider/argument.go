package provider

import (
	"context"

	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// argument describes one argument of a reset once, for the resource and for
// the action of the same name, whose schema types differ.
type argument struct {
	description string
	kind        argumentKind
	required    bool
	replaces    bool // resource only: another value is another resource
	strings     []validator.String
	ints        []validator.Int64
	sets        []validator.Set
	maps        []validator.Map
}

type argumentKind int

const (
	stringArgument argumentKind = iota
	int64Argument
	boolArgument
	stringSetArgument
	int64SetArgument
	stringMapArgument
	offsetsArgument // topic or broker → partition or queue → offset
)

var offsetsType = types.MapType{ElemType: types.Int64Type}

// replaceIfKnown replaces the resource if the value is known to be another one.
// What is not known yet may turn out the same, and a replacement would reset.
var replaceIfKnown = stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = !req.PlanValue.IsUnknown()
}, "", "")

func (a argument) resourceAttribute() schema.Attribute {
	if a.replaces {
		a.description += " A change replaces the resource."
	}
	switch a.kind {
	case int64Argument:
		var modifiers []planmodifier.Int64
		if a.replaces {
			modifiers = append(modifiers, int64planmodifier.RequiresReplace())
		}
		return schema.Int64Attribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.ints, PlanModifiers: modifiers}
	case boolArgument:
		var modifiers []planmodifier.Bool
		if a.replaces {
			modifiers = append(modifiers, boolplanmodifier.RequiresReplace())
		}
		return schema.BoolAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, PlanModifiers: modifiers}
	case stringSetArgument:
		return schema.SetAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case int64SetArgument:
		return schema.SetAttribute{ElementType: types.Int64Type, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case stringMapArgument:
		return schema.MapAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	case offsetsArgument:
		return schema.MapAttribute{ElementType: offsetsType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	default:
		var modifiers []planmodifier.String
		if a.replaces {
			modifiers = append(modifiers, replaceIfKnown)
		}
		return schema.StringAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.strings, PlanModifiers: modifiers}
	}
}

func (a argument) actionAttribute() actionschema.Attribute {
	switch a.kind {
	case int64Argument:
		return actionschema.Int64Attribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.ints}
	case boolArgument:
		return actionschema.BoolAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description}
	case stringSetArgument:
		return actionschema.SetAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case int64SetArgument:
		return actionschema.SetAttribute{ElementType: types.Int64Type, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case stringMapArgument:
		return actionschema.MapAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	case offsetsArgument:
		return actionschema.MapAttribute{ElementType: offsetsType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	default:
		return actionschema.StringAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.strings}
	}
}

// resourceAttributes returns the arguments as attributes of a resource.
func resourceAttributes(arguments map[string]argument) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(arguments))
	for name, a := range arguments {
		attributes[name] = a.resourceAttribute()
	}
	return attributes
}

// actionAttributes returns the arguments as attributes of an action.
func actionAttributes(arguments map[string]argument) map[string]actionschema.Attribute {
	attributes := make(map[string]actionschema.Attribute, len(arguments))
	for name, a := range arguments {
		attributes[name] = a.actionAttribute()
	}
	return attributes
}

// check runs the argument's validators on its value in a configuration.
func (a argument) check(ctx context.Context, config tfsdk.Config, name string) diag.Diagnostics {
	p := path.Root(name)
	switch a.kind {
	case int64Argument:
		var v types.Int64
		diags := config.GetAttribute(ctx, p, &v)
		for _, one := range a.ints {
			var resp validator.Int64Response
			one.ValidateInt64(ctx, validator.Int64Request{Path: p, PathExpression: p.Expression(), Config: config, ConfigValue: v}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		return diags
	case boolArgument:
		return nil // has no validators
	case stringSetArgument, int64SetArgument:
		var v types.Set
		diags := config.GetAttribute(ctx, p, &v)
		for _, one := range a.sets {
			var resp validator.SetResponse
			one.ValidateSet(ctx, validator.SetRequest{Path: p, PathExpression: p.Expression(), Config: config, ConfigValue: v}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		return diags
	case stringMapArgument, offsetsArgument:
		var v types.Map
		diags := config.GetAttribute(ctx, p, &v)
		for _, one := range a.maps {
			var resp validator.MapResponse
			one.ValidateMap(ctx, validator.MapRequest{Path: p, PathExpression: p.Expression(), Config: config, ConfigValue: v}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		return diags
	default:
		var v types.String
		diags := config.GetAttribute(ctx, p, &v)
		for _, one := range a.strings {
			var resp validator.StringResponse
			one.ValidateString(ctx, validator.StringRequest{Path: p, PathExpression: p.Expression(), Config: config, ConfigValue: v}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		return diags
	}
}
