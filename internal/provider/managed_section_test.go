package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
)

// A setting that is wrong is an error at plan time that names the setting.
func TestManagedSectionsRefuseBadSettings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ section, attribute, says string }{
		"no region":          {`apsaramq = {}`, "apsaramq.region", "Neither region nor endpoint is given"},
		"bad region":         {`apsaramq = { region = "cn hangzhou" }`, "apsaramq.region", "A region is written in lower case"},
		"plain HTTP":         {`apsaramq = { endpoint = "http://127.0.0.1:1" }`, "apsaramq.endpoint", "Only https is spoken"},
		"half a key":         {`apsaramq = { region = "cn-hangzhou", access_key = "LTAI" }`, "apsaramq.secret_key", "access_key is given without secret_key"},
		"token alone":        {`apsaramq = { region = "cn-hangzhou", security_token = "t" }`, "apsaramq.security_token", "security_token is given without access_key and secret_key"},
		"no CA":              {`apsaramq = { region = "cn-hangzhou", ca_cert = "-----BEGIN CERTIFICATE-----" }`, "apsaramq.ca_cert", "holds no certificate in PEM form"},
		"no such CA file":    {`apsaramq = { region = "cn-hangzhou", ca_cert = "missing.pem" }`, "apsaramq.ca_cert", "neither PEM text"},
		"bad time-out":       {`apsaramq = { region = "cn-hangzhou", request_timeout = "soon" }`, "request_timeout", "is not a duration"},
		"no project":         {`roma_connect = { region = "cn-north-4" }`, "roma_connect.project_id", "No project id is given"},
		"unknown service":    {`roma_connect = { region = "cn-north-4", project_id = "p", service = "kafka" }`, "service", `"roma" "dms"`},
		"engine of DMS":      {`roma_connect = { region = "cn-north-4", project_id = "p", service = "dms", engine = "rocketmq" }`, "roma_connect.engine", "DMS for Kafka knows only the engine \"kafka\""},
		"keys and token":     {`roma_connect = { region = "cn-north-4", project_id = "p", access_key = "a", secret_key = "s", auth_token = "t" }`, "roma_connect.auth_token", "not both"},
		"secret without key": {`roma_connect = { region = "cn-north-4", project_id = "p", secret_key = "s" }`, "roma_connect.access_key", "secret_key is given without access_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, body, _ := strings.Cut(test.section, "{")
			section := strings.SplitN(test.section, "=", 2)[0] + "= {\n" + lines(strings.TrimSuffix(body, "}")) + "\n}"
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{{
					// A resource of the provider makes Terraform configure it.
					Config:   providerOf(section) + managedKafka("message_offset = 1"),
					PlanOnly: true, ExpectError: atFault(test.attribute, test.says),
				}},
			})
		})
	}
}

// A section that nothing uses is never dialled, and one that is missing is
// asked for only by a reset that needs it.
func TestManagedSectionsThatAreNotUsed(t *testing.T) {
	t.Parallel()
	c, a, h := seeded(t), alibaba(t), huawei(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{
				Config: providerOf(fmt.Sprintf("kafka = { bootstrap_servers = %s }", hclList(c.Bootstrap())), apsaramqSection(a), romaSection(h)) +
					kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\""),
				Check: committed(c, "billing", orders(10, 10, 10)),
			},
		},
	})
	if n := len(a.Requests("")) + len(h.Requests("")); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	for address, test := range map[string]struct{ config, says string }{
		"roma_connect": {managedKafka("message_offset = 1"), "the provider's section roma_connect, with the environment, is not enough to reach the service: project_id: No project id is given."},
		"apsaramq":     {managedRocketMQ(toLatest), "the provider's section apsaramq, with the environment, is not enough to reach the service: region: Neither region nor endpoint is given"},
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{
					{Config: providerOf() + test.config, PlanOnly: true, ExpectNonEmptyPlan: true},
					{Config: providerOf() + test.config, ExpectError: saying(test.says)},
				},
			})
		})
	}
}

// The vendors' variables fill what the configuration leaves out; what other
// providers find in them is no error here.
func TestManagedSectionsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	a, h := alibaba(t), huawei(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(a.CA), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{
			"ALIBABA_CLOUD_ENDPOINT_ROCKETMQ": a.Host,
			"ALIBABA_CLOUD_ACCESS_KEY_ID":     apsaramq.AccessKey,
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET": apsaramq.SecretKey,
			"HW_PROJECT_ID":                   romaconnect.ProjectID,
			"HW_ACCESS_KEY":                   romaconnect.AccessKey,
			"HW_SECRET_KEY":                   romaconnect.SecretKey,
		}[name]
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithEnvironment(getenv)),
		Steps: []resource.TestStep{{
			Config: providerOf(
				sectionOf("apsaramq", map[string]string{"ca_cert": ca}, nil),
				sectionOf("roma_connect", map[string]string{"endpoint": h.Host, "ca_cert": h.CA}, nil),
			) + managedRocketMQ(toFifty) + managedKafka("message_offset = 20"),
			Check: resource.ComposeAggregateTestCheckFunc(apsaramqStands(a, 50, 50), kafkaStands(h, 20, 20, 20)),
		}},
	})
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t, provider.WithEnvironment(func(name string) string {
			return map[string]string{"HW_REGION_NAME": "not a region", "HW_ACCESS_KEY": "half", "ALIBABA_CLOUD_REGION": "not a region"}[name]
		})),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"")),
			Check:  committed(c, "billing", orders(10, 10, 10)),
		}},
	})
}

// A service whose certificate nobody vouches for is not talked to.
func TestManagedServicesAreNotTrustedBlindly(t *testing.T) {
	t.Parallel()
	a := alibaba(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{{
			Config:      providerOf(apsaramqSection(a, "ca_cert", "")) + managedRocketMQ(toLatest),
			ExpectError: sayingAll("certificate", unchanged, "ca_cert"),
		}},
	})
	if n := len(a.Requests("")); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A token from IAM does instead of a signature.
func TestManagedKafkaByToken(t *testing.T) {
	t.Parallel()
	s := huawei(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{{
			Config: providerOf(romaSection(s, "access_key", "", "secret_key", "", "auth_token", romaconnect.AuthToken)) + managedKafka("message_offset = 20"),
			Check:  kafkaStands(s, 20, 20, 20),
		}},
	})
}
