package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
)

type rocketmqSectionModel struct {
	NameServers    types.List   `tfsdk:"name_servers"`
	AccessKey      types.String `tfsdk:"access_key"`
	SecretKey      types.String `tfsdk:"secret_key"`
	SecurityToken  types.String `tfsdk:"security_token"`
	TLS            *tlsModel    `tfsdk:"tls"`
	RequestTimeout types.String `tfsdk:"request_timeout"`
}

// rocketmqVariables are the environment variables that fill the section.
var rocketmqVariables = map[string]string{ //nolint:gosec // Names of variables, not credentials.
	"name_servers":   "NAMESRV_ADDR",
	"access_key":     "ROCKETMQ_ACCESS_KEY",
	"secret_key":     "ROCKETMQ_SECRET_KEY",
	"security_token": "ROCKETMQ_SECURITY_TOKEN",
}

func rocketmqSectionSchema() schema.Attribute {
	return withEnvironment(schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How to reach the RocketMQ cluster. The environment fills what is left out; credentials come from the environment only if " +
			"`name_servers` does too, so that an alias never sends one cluster's secret to another.",
		Attributes: map[string]schema.Attribute{
			"name_servers": schema.ListAttribute{
				ElementType: types.StringType, Optional: true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(notEmpty)},
				MarkdownDescription: "`host:port` of the name servers, tried in order.",
			},
			"access_key":      text("The access key, where the cluster has access control."),
			"secret_key":      secret("The secret key."),
			"security_token":  secret("The security token of temporary credentials."),
			"tls":             tlsSchema("Encrypt the connections to name servers and brokers; `tls = {}` trusts the machine's certificate authorities."),
			"request_timeout": requestTimeout("How long one request, dialling included, may take. Default: `10s`."),
		},
	}, "", rocketmqVariables)
}

// readRocketMQSection reads the section rocketmq and completes it from the environment.
func readRocketMQSection(ctx context.Context, object types.Object, getenv func(string) string, diags *diag.Diagnostics) section[rocketmq.Config] {
	var m rocketmqSectionModel
	reason, ok := decodeSection(ctx, "rocketmq", object, &m, diags)
	if !ok {
		return section[rocketmq.Config]{missing: reason}
	}
	c := rocketmq.Config{
		NameServers: stringsOf(ctx, m.NameServers, diags),
		AccessKey:   m.AccessKey.ValueString(), SecretKey: m.SecretKey.ValueString(), SecurityToken: m.SecurityToken.ValueString(),
		RequestTimeout: durationOf(m.RequestTimeout),
	}
	if t := m.TLS; t != nil {
		c.TLS = &rocketmq.TLS{
			CACert: t.CACert.ValueString(), ClientCert: t.ClientCert.ValueString(), ClientKey: t.ClientKey.ValueString(),
			ServerName: t.ServerName.ValueString(), InsecureSkipVerify: t.InsecureSkipVerify.ValueBool(),
		}
	}
	if servers := getenv(rocketmqVariables["name_servers"]); len(c.NameServers) == 0 && servers != "" {
		c.NameServers = []string{servers}
		if m.AccessKey.IsNull() && m.SecretKey.IsNull() && m.SecurityToken.IsNull() {
			c.AccessKey, c.SecretKey, c.SecurityToken = getenv(rocketmqVariables["access_key"]), getenv(rocketmqVariables["secret_key"]), getenv(rocketmqVariables["security_token"])
		}
	}
	if len(c.NameServers) == 0 {
		return section[rocketmq.Config]{missing: "no RocketMQ cluster is configured: set rocketmq.name_servers in the provider's configuration, or NAMESRV_ADDR"}
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		if object.IsNull() { // The environment is perhaps another provider's.
			return section[rocketmq.Config]{missing: "ROCKETMQ_ACCESS_KEY and ROCKETMQ_SECRET_KEY belong together: one of them is missing"}
		}
		diags.AddAttributeError(path.Root("rocketmq").AtName("access_key"), "Invalid RocketMQ connection",
			"access_key and secret_key belong together: one of them is missing.")
	}
	return section[rocketmq.Config]{config: c}
}
