package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
)

type romaConnectSectionModel struct {
	managedSectionModel
	ProjectID types.String `tfsdk:"project_id"`
	Service   types.String `tfsdk:"service"`
	Engine    types.String `tfsdk:"engine"`
	AuthToken types.String `tfsdk:"auth_token"`
}

func romaConnectSectionSchema() schema.Attribute {
	return withEnvironment(schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How to reach ROMA Connect or DMS for Kafka, for resets with an `instance_id`. The environment fills what is left out, the keys only as a whole, " +
			"and a token only where `endpoint` is not set. Without keys and token, the agency of the ECS instance is asked.",
		Attributes: managedAttributes(map[string]schema.Attribute{
			"region":     text("The region of the instances, such as `cn-north-4`. Needed unless `endpoint` is set."),
			"endpoint":   text("The service's address, as `host` or `host:port`. Default: `roma.REGION.myhuaweicloud.com` or, with `service = \"dms\"`, `dms.REGION.myhuaweicloud.com`."),
			"project_id": text("The id of the project in that region. Needed."),
			"service": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.OneOf(string(romaconnect.ROMA), string(romaconnect.DMS))},
				MarkdownDescription: "Whose instances these are: `roma` (ROMA Connect, the default) or `dms` (DMS for Kafka, which tells more: the offsets of partitions, and so limits and `restore`).",
			},
			"engine":         text("The engine in the path of ROMA Connect's API. Default: `" + romaconnect.DefaultEngine + "`."),
			"access_key":     text("The access key id (AK) that signs requests."),
			"secret_key":     secret("The secret access key (SK)."),
			"security_token": secret("The security token of temporary keys."),
			"auth_token":     secret("A token from IAM, sent as `X-Auth-Token` instead of a signature."),
		}),
	}, "", variablesOf(romaconnect.Environment))
}

// readRomaConnectSection reads the section roma_connect and completes it from the environment.
func readRomaConnectSection(ctx context.Context, object types.Object, getenv func(string) string, diags *diag.Diagnostics) section[romaconnect.Config] {
	var m romaConnectSectionModel
	reason, ok := decodeSection(ctx, "roma_connect", object, &m, diags)
	if !ok {
		return section[romaconnect.Config]{missing: reason}
	}
	config := romaconnect.FromEnvironment(romaconnect.Config{
		Region: m.Region.ValueString(), Endpoint: m.Endpoint.ValueString(), ProjectID: m.ProjectID.ValueString(),
		Service: romaconnect.Service(m.Service.ValueString()), Engine: m.Engine.ValueString(),
		AccessKey: m.AccessKey.ValueString(), SecretKey: m.SecretKey.ValueString(), SecurityToken: m.SecurityToken.ValueString(),
		AuthToken: m.AuthToken.ValueString(),
		CACert:    m.CACert.ValueString(), RequestTimeout: durationOf(m.RequestTimeout),
	}, getenv)
	return managedSection("roma_connect", object, config, openRomaConnect, diags)
}

func openRomaConnect(c romaconnect.Config) (*instances, error) {
	return instancesOf(romaconnect.New(c))
}
