package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
)

type apsaramqSectionModel struct{ managedSectionModel }

func apsaramqSectionSchema() schema.Attribute {
	return withEnvironment(schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How to reach ApsaraMQ for RocketMQ, for resets with an `instance_id`. The environment fills what is left out, the keys only as a whole. " +
			"Without keys, Alibaba Cloud's credential chain is asked: OIDC, the profile of its CLI, the RAM role of the ECS instance, a credentials URI.",
		Attributes: managedAttributes(map[string]schema.Attribute{
			"region":         text("The region of the instances, such as `cn-hangzhou`. Needed unless `endpoint` is set."),
			"endpoint":       text("The service's address, as `host` or `host:port`. Default: `rocketmq.REGION.aliyuncs.com`."),
			"access_key":     text("The AccessKey id of a RAM user, or one from STS."),
			"secret_key":     secret("The AccessKey secret."),
			"security_token": secret("The token of an AccessKey from STS."),
		}),
	}, "", variablesOf(apsaramq.Environment))
}

// readApsaraMQSection reads the section apsaramq and completes it from the environment.
func readApsaraMQSection(ctx context.Context, object types.Object, getenv func(string) string, diags *diag.Diagnostics) section[apsaramq.Config] {
	var m apsaramqSectionModel
	reason, ok := decodeSection(ctx, "apsaramq", object, &m, diags)
	if !ok {
		return section[apsaramq.Config]{missing: reason}
	}
	config := apsaramq.FromEnvironment(apsaramq.Config{
		Region: m.Region.ValueString(), Endpoint: m.Endpoint.ValueString(),
		AccessKey: m.AccessKey.ValueString(), SecretKey: m.SecretKey.ValueString(), SecurityToken: m.SecurityToken.ValueString(),
		CACert: m.CACert.ValueString(), RequestTimeout: durationOf(m.RequestTimeout),
	}, getenv)
	return managedSection("apsaramq", object, config, openApsaraMQ, diags)
}

func openApsaraMQ(c apsaramq.Config) (*instances, error) { return instancesOf(apsaramq.New(c)) }
