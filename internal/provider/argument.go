package provider

import (
	"cmp"
	"context"

	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// argument describes an argument once, for the resource, the action and the
// data sources that have it.
type argument struct {
	description string
	kind        argumentKind
	required    bool
	replaces    bool   // the resource is of another group then
	absent      string // of what replaces: what null means
	strings     []validator.String
	numbers     []validator.Number
	sets        []validator.Set
	maps        []validator.Map
}

type argumentKind int

const (
	stringArgument argumentKind = iota
	numberArgument              // a whole number
	boolArgument
	stringSetArgument
	numberSetArgument
	stringMapArgument
	offsetsArgument // topic or broker → partition or queue → offset
)

// offsetsType has numbers, not the framework's Int64: see numberCheck.
var offsetsType = types.MapType{ElemType: types.NumberType}

// replaceIfKnown replaces the resource if the value is known to be another one.
// What is not known yet may turn out the same, and a replacement would reset.
// Null means the same as absent.
func replaceIfKnown(absent string) planmodifier.String {
	return stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = !req.PlanValue.IsUnknown() && cmp.Or(req.PlanValue.ValueString(), absent) != cmp.Or(req.StateValue.ValueString(), absent)
	}, "", "")
}

// attribute returns the argument as an attribute: of a resource, and of an
// action or a data source too, whose attributes are the same interface.
// Only names replace, and names are strings.
func (a argument) attribute(modifiers ...planmodifier.String) schema.Attribute {
	switch a.kind {
	case numberArgument:
		return schema.NumberAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.numbers}
	case boolArgument:
		return schema.BoolAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description}
	case stringSetArgument:
		return schema.SetAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case numberSetArgument:
		return schema.SetAttribute{ElementType: types.NumberType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.sets}
	case stringMapArgument:
		return schema.MapAttribute{ElementType: types.StringType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	case offsetsArgument:
		return schema.MapAttribute{ElementType: offsetsType, Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.maps}
	default:
		return schema.StringAttribute{Required: a.required, Optional: !a.required, MarkdownDescription: a.description, Validators: a.strings, PlanModifiers: modifiers}
	}
}

// resourceAttributes returns the arguments as attributes of a resource.
func resourceAttributes(arguments map[string]argument) map[string]schema.Attribute {
	attributes := make(map[string]schema.Attribute, len(arguments))
	for name, a := range arguments {
		if a.replaces {
			a.description += " A change replaces the resource."
			attributes[name] = a.attribute(replaceIfKnown(a.absent))
		} else {
			attributes[name] = a.attribute()
		}
	}
	return attributes
}

// actionAttributes returns the arguments as attributes of an action.
func actionAttributes(arguments map[string]argument) map[string]actionschema.Attribute {
	attributes := make(map[string]actionschema.Attribute, len(arguments))
	for name, a := range arguments {
		attributes[name] = a.attribute()
	}
	return attributes
}

// check runs the argument's validators on its value in a configuration.
func (a argument) check(ctx context.Context, config tfsdk.Config, name string) diag.Diagnostics {
	p := path.Root(name)
	switch a.kind {
	case numberArgument:
		var v types.Number
		diags := config.GetAttribute(ctx, p, &v)
		for _, one := range a.numbers {
			var resp validator.NumberResponse
			one.ValidateNumber(ctx, validator.NumberRequest{Path: p, PathExpression: p.Expression(), Config: config, ConfigValue: v}, &resp)
			diags.Append(resp.Diagnostics...)
		}
		return diags
	case boolArgument:
		return nil // has no validators
	case stringSetArgument, numberSetArgument:
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
