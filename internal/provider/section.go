package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// decodeSection decodes a section of the provider's configuration into target.
// It returns false, with the reason, if the section holds anything unknown.
func decodeSection(ctx context.Context, name string, section types.Object, target any, diags *diag.Diagnostics) (string, bool) {
	if section.IsNull() {
		return "", true
	}
	raw, err := section.ToTerraformValue(ctx)
	if err != nil {
		diags.AddAttributeError(path.Root(name), "Unreadable configuration", err.Error())
		return "", false
	}
	if !raw.IsFullyKnown() {
		return fmt.Sprintf("the provider's section %s has values that are known only after the apply", name), false
	}
	diags.Append(section.As(ctx, target, basetypes.ObjectAsOptions{})...)
	return "", !diags.HasError()
}

// durationOf reads a duration that a validator has accepted; null gives 0.
func durationOf(v types.String) time.Duration {
	d, err := time.ParseDuration(v.ValueString())
	if err != nil {
		return 0
	}
	return d
}

// stringsOf reads a known list or set of strings.
func stringsOf(ctx context.Context, v interface {
	ElementsAs(ctx context.Context, target any, allowUnhandled bool) diag.Diagnostics
	IsNull() bool
}, diags *diag.Diagnostics) []string {
	if v.IsNull() {
		return nil
	}
	var list []string
	diags.Append(v.ElementsAs(ctx, &list, false)...)
	return list
}

// text describes an optional string of the configuration.
func text(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description}
}

// secret describes an optional string that must not be shown.
func secret(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: description}
}

// requestTimeout describes how long one request may take.
func requestTimeout(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, Validators: []validator.String{duration(1)}, MarkdownDescription: description}
}

// tlsModel is a nested attribute tls.
type tlsModel struct {
	CACert             types.String `tfsdk:"ca_cert"`
	ClientCert         types.String `tfsdk:"client_cert"`
	ClientKey          types.String `tfsdk:"client_key"`
	ServerName         types.String `tfsdk:"server_name"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
}

// tlsSchema describes tlsModel.
func tlsSchema(description string) schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"ca_cert":              text("The certificate authorities to trust instead of the machine's, as PEM text or a file's path."),
			"client_cert":          text("The client's certificate, as PEM text or a file's path."),
			"client_key":           secret("The client's private key, as PEM text or a file's path."),
			"server_name":          text("The name that the server's certificate must carry, if it is not the host that is dialled."),
			"insecure_skip_verify": schema.BoolAttribute{Optional: true, MarkdownDescription: "Trust whoever answers. For tests only."},
		},
	}
}

// withEnvironment adds to each attribute's description the environment
// variable that fills it; variables are named by the attribute's path.
func withEnvironment(attribute schema.SingleNestedAttribute, prefix string, variables map[string]string) schema.SingleNestedAttribute {
	for name, a := range attribute.Attributes {
		at := prefix + name
		variable := ""
		if v, ok := variables[at]; ok {
			variable = " Environment: `" + v + "`."
		}
		switch a := a.(type) {
		case schema.StringAttribute:
			a.MarkdownDescription += variable
			attribute.Attributes[name] = a
		case schema.BoolAttribute:
			a.MarkdownDescription += variable
			attribute.Attributes[name] = a
		case schema.ListAttribute:
			a.MarkdownDescription += variable
			attribute.Attributes[name] = a
		case schema.MapAttribute:
			a.MarkdownDescription += variable
			attribute.Attributes[name] = a
		case schema.SingleNestedAttribute:
			a.MarkdownDescription += variable
			attribute.Attributes[name] = withEnvironment(a, at+".", variables)
		}
	}
	return attribute
}

// at returns the path of an attribute of a section, given with dots.
func at(section, attribute string) path.Path {
	p := path.Root(section)
	for name := range strings.SplitSeq(attribute, ".") {
		p = p.AtName(name)
	}
	return p
}
