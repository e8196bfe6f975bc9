package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
)

type kafkaSectionModel struct {
	BootstrapServers types.List      `tfsdk:"bootstrap_servers"`
	TLS              *tlsModel       `tfsdk:"tls"`
	SASL             *kafkaSASLModel `tfsdk:"sasl"`
	ClientID         types.String    `tfsdk:"client_id"`
	KafkaVersion     types.String    `tfsdk:"kafka_version"`
	RequestTimeout   types.String    `tfsdk:"request_timeout"`
	ClusterID        types.String    `tfsdk:"cluster_id"`
}

type kafkaSASLModel struct {
	Mechanism               types.String `tfsdk:"mechanism"`
	Username                types.String `tfsdk:"username"`
	Password                types.String `tfsdk:"password"`
	Token                   types.String `tfsdk:"token"`
	TokenURL                types.String `tfsdk:"token_url"`
	ClientID                types.String `tfsdk:"client_id"`
	ClientSecret            types.String `tfsdk:"client_secret"`
	Scopes                  types.List   `tfsdk:"scopes"`
	Extensions              types.Map    `tfsdk:"extensions"`
	AWSRegion               types.String `tfsdk:"aws_region"`
	AWSProfile              types.String `tfsdk:"aws_profile"`
	AWSRoleARN              types.String `tfsdk:"aws_role_arn"`
	AWSRoleSessionName      types.String `tfsdk:"aws_role_session_name"`
	AWSRoleExternalID       types.String `tfsdk:"aws_role_external_id"`
	AWSAccessKeyID          types.String `tfsdk:"aws_access_key_id"`
	AWSSecretAccessKey      types.String `tfsdk:"aws_secret_access_key"`
	AWSSessionToken         types.String `tfsdk:"aws_session_token"`
	KerberosServiceName     types.String `tfsdk:"kerberos_service_name"`
	KerberosRealm           types.String `tfsdk:"kerberos_realm"`
	KerberosKeytab          types.String `tfsdk:"kerberos_keytab"`
	KerberosConfig          types.String `tfsdk:"kerberos_config"`
	KerberosDisablePAFXFAST types.Bool   `tfsdk:"kerberos_disable_pa_fx_fast"`
}

func kafkaSectionSchema() schema.Attribute {
	variables := map[string]string{}
	for _, v := range connection.Environment() {
		variables[v.Attribute] = v.Name
	}
	return withEnvironment(schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How to reach the Kafka cluster. The environment fills what is left out if `bootstrap_servers` comes from there too, " +
			"so that an alias never sends one cluster's password to another; else it gives no more than `client_id`.",
		Attributes: map[string]schema.Attribute{
			"bootstrap_servers": schema.ListAttribute{
				ElementType: types.StringType, Optional: true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(notEmpty)},
				MarkdownDescription: "`host:port` of some brokers, tried in order.",
			},
			"client_id": text("The `client.id` that the brokers see. Default: `terraform-provider-offsets`."),
			"kafka_version": text("The newest protocol version to speak, such as `3.9.0`. Not needed: the versions are negotiated with each broker. " +
				"For services that answer the negotiation wrongly. Below `3.7.0`, members of groups of the new protocol (KIP-848) are not seen. " +
				"Below `2.5.0`, brokers cannot be asked for stable offsets (KIP-447): just after a failover, Kafka 4 then tells committed offsets that are older than they are, and a reset takes them for `previous`."),
			"request_timeout": requestTimeout("How long one request may take, dialling included. Default: `10s`. What fails in a way that another try may mend is tried for 30 seconds, or three times as long as one request."),
			"cluster_id":      text("Work with this cluster and refuse any other, before anything is written."),
			"tls":             tlsSchema("Encrypt the connection; `tls = {}` trusts the machine's certificate authorities."),
			"sasl": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "How to authenticate.",
				Attributes: map[string]schema.Attribute{
					"mechanism": schema.StringAttribute{
						Optional: true, Validators: []validator.String{stringvalidator.OneOf(connection.Mechanisms()...)},
						MarkdownDescription: "One of `" + strings.Join(connection.Mechanisms(), "`, `") + "`.",
					},
					"username":                    text("The user name (PLAIN, SCRAM) or principal (GSSAPI)."),
					"password":                    secret("The password."),
					"token":                       secret("OAUTHBEARER: a token."),
					"token_url":                   text("OAUTHBEARER: the URL that gives tokens for client credentials."),
					"client_id":                   text("OAUTHBEARER: the client's id at `token_url`."),
					"client_secret":               secret("OAUTHBEARER: the client's secret at `token_url`."),
					"scopes":                      schema.ListAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "OAUTHBEARER: the scopes to ask `token_url` for."},
					"extensions":                  schema.MapAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "OAUTHBEARER: SASL extensions, such as `logicalCluster`."},
					"aws_region":                  text("AWS_MSK_IAM: the cluster's region."),
					"aws_profile":                 text("AWS_MSK_IAM: the profile of the shared configuration to use."),
					"aws_role_arn":                text("AWS_MSK_IAM: the role to assume."),
					"aws_role_session_name":       text("AWS_MSK_IAM: the session's name when assuming the role."),
					"aws_role_external_id":        text("AWS_MSK_IAM: the external id that the role asks for."),
					"aws_access_key_id":           text("AWS_MSK_IAM: a static access key's id. Without it, the AWS credential chain is asked."),
					"aws_secret_access_key":       secret("AWS_MSK_IAM: the static access key's secret."),
					"aws_session_token":           secret("AWS_MSK_IAM: the session token of temporary credentials."),
					"kerberos_service_name":       text("GSSAPI: the brokers' service name. Otherwise `kafka`."),
					"kerberos_realm":              text("GSSAPI: the realm."),
					"kerberos_keytab":             text("GSSAPI: the path of the keytab, instead of a password."),
					"kerberos_config":             text("GSSAPI: the path of `krb5.conf`. Otherwise `/etc/krb5.conf`."),
					"kerberos_disable_pa_fx_fast": schema.BoolAttribute{Optional: true, MarkdownDescription: "GSSAPI: do not use PA-FX-FAST, which some directories refuse."},
				},
			},
		},
	}, "", variables)
}

// readKafkaSection reads the section kafka and completes it from the environment.
func readKafkaSection(ctx context.Context, object types.Object, getenv func(string) string, diags *diag.Diagnostics) section[connection.Config] {
	var m kafkaSectionModel
	reason, ok := decodeSection(ctx, "kafka", object, &m, diags)
	if !ok {
		return section[connection.Config]{missing: reason}
	}
	config := connection.FromEnv(m.config(ctx, diags), getenv)
	if len(config.BootstrapServers) == 0 {
		return section[connection.Config]{missing: "no Kafka cluster is configured: set kafka.bootstrap_servers in the provider's configuration, or KAFKA_BOOTSTRAP_SERVERS"}
	}
	problems := config.Validate()
	if object.IsNull() && len(problems) > 0 {
		// The environment is perhaps another provider's.
		return section[connection.Config]{missing: "the KAFKA_* variables of the environment make no connection: " + problems[0].Attribute + ": " + problems[0].Message}
	}
	for _, p := range problems {
		diags.AddAttributeError(at("kafka", p.Attribute), "Invalid Kafka connection", p.Message)
	}
	for _, p := range config.Warnings() {
		diags.AddAttributeWarning(at("kafka", p.Attribute), "Unsafe Kafka connection", p.Message)
	}
	return section[connection.Config]{config: config}
}

func (m kafkaSectionModel) config(ctx context.Context, diags *diag.Diagnostics) connection.Config {
	c := connection.Config{
		ClientID:       m.ClientID.ValueString(),
		Version:        m.KafkaVersion.ValueString(),
		RequestTimeout: durationOf(m.RequestTimeout),
		ClusterID:      m.ClusterID.ValueString(),
	}
	c.BootstrapServers = stringsOf(ctx, m.BootstrapServers, diags)
	if t := m.TLS; t != nil {
		c.TLS = &connection.TLS{
			CACert: t.CACert.ValueString(), ClientCert: t.ClientCert.ValueString(), ClientKey: t.ClientKey.ValueString(),
			ServerName: t.ServerName.ValueString(), InsecureSkipVerify: t.InsecureSkipVerify.ValueBool(),
		}
	}
	if s := m.SASL; s != nil {
		c.SASL = &connection.SASL{
			Mechanism: s.Mechanism.ValueString(), Username: s.Username.ValueString(), Password: s.Password.ValueString(),
			Token: s.Token.ValueString(), TokenURL: s.TokenURL.ValueString(),
			ClientID: s.ClientID.ValueString(), ClientSecret: s.ClientSecret.ValueString(),
			Scopes:    stringsOf(ctx, s.Scopes, diags),
			AWSRegion: s.AWSRegion.ValueString(), AWSProfile: s.AWSProfile.ValueString(),
			AWSRoleARN: s.AWSRoleARN.ValueString(), AWSRoleSessionName: s.AWSRoleSessionName.ValueString(), AWSRoleExternalID: s.AWSRoleExternalID.ValueString(),
			AWSAccessKeyID: s.AWSAccessKeyID.ValueString(), AWSSecretAccessKey: s.AWSSecretAccessKey.ValueString(), AWSSessionToken: s.AWSSessionToken.ValueString(),
			KerberosServiceName: s.KerberosServiceName.ValueString(), KerberosRealm: s.KerberosRealm.ValueString(),
			KerberosKeytab: s.KerberosKeytab.ValueString(), KerberosConfig: s.KerberosConfig.ValueString(),
			KerberosDisablePAFXFAST: s.KerberosDisablePAFXFAST.ValueBool(),
		}
		if !s.Extensions.IsNull() {
			diags.Append(s.Extensions.ElementsAs(ctx, &c.SASL.Extensions, false)...)
		}
	}
	return c
}
