package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	sasl "github.com/twmb/franz-go/pkg/sasl/plain"
	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// ignored are goroutines that go-plugin, which the test library serves
// providers with, never ends: two for each provider served, copying its output.
var ignored = goleak.IgnoreAnyFunction("github.com/hashicorp/go-plugin.copyChan")

type factories map[string]func() (tfprotov6.ProviderServer, error)

// inProcess serves the provider inside the test, so that the race detector
// sees it. Its connections are closed when the test ends.
func inProcess(t *testing.T, opts ...provider.Option) factories {
	t.Helper()
	// What the machine's environment says about brokers must not leak into a test.
	opts = append([]provider.Option{provider.WithEnvironment(func(string) string { return "" })}, opts...)
	return factories{
		provider.TypeName: func() (tfprotov6.ProviderServer, error) {
			p := provider.New("test", opts...)
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
			return provider.NewServer(p), nil
		},
	}
}

// kafkaConfig is a configuration with a provider for the cluster and body.
func kafkaConfig(bootstrap []string, body string) string {
	return fmt.Sprintf("provider \"offsets\" {\n  kafka = { bootstrap_servers = %s }\n}\n%s", hclList(bootstrap), body)
}

func hclList(s []string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return "[]"
	}
	return string(b)
}

// kafkaReset is a resource named "test" with the arguments.
func kafkaReset(arguments string) string {
	return fmt.Sprintf("resource \"kafka_consumer_offset_reset\" \"test\" {\n  provider = offsets\n%s\n}\n", arguments)
}

const kafkaResetAddress = "kafka_consumer_offset_reset.test"

// seeded is a cluster with the topics orders (3 partitions) and audit (1), 100
// records each, a second apart from base, whose first 10 are deleted; and the
// group billing at 60 everywhere.
func seeded(t *testing.T) *fake.Cluster {
	t.Helper()
	c := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "audit": 1}})
	c.Fill(t, "orders", 3, 100, base, time.Second)
	c.Fill(t, "audit", 1, 100, base, time.Second)
	for p := range int32(3) {
		deleteRecords(t, c, "orders", p, 10)
	}
	deleteRecords(t, c, "audit", 0, 10)
	c.Commit(t, "billing", at(60))
	return c
}

var base = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)

// at is the group billing with the same offset everywhere.
func at(offset int64) fake.Offsets {
	return fake.Offsets{"orders": {0: offset, 1: offset, 2: offset}, "audit": {0: offset}}
}

// orders is at(60) with other offsets on the topic orders.
func orders(p0, p1, p2 int64) fake.Offsets {
	o := at(60)
	o["orders"] = map[int32]int64{0: p0, 1: p1, 2: p2}
	return o
}

// committed checks the broker's own view.
func committed(c *fake.Cluster, group string, want fake.Offsets) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got := c.Committed(group)
		if !maps.EqualFunc(got, want, maps.Equal) {
			return fmt.Errorf("group %q has committed %v, want %v", group, got, want)
		}
		return nil
	}
}

// plans expects the resource's action in the plan of a step.
func plans(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(kafkaResetAddress, action)}}
}

// saying matches a text that Terraform has wrapped and framed.
func saying(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│]+`))
}

// lines puts arguments that are separated by commas onto lines of their own,
// leaving what stands in brackets alone.
func lines(arguments string) string {
	var b strings.Builder
	depth := 0
	for _, r := range arguments {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if r == ',' && depth == 0 {
			r = '\n'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func clusterID(id string) []kfake.Opt { return []kfake.Opt{kfake.ClusterID(id)} }

// plain has the cluster's own client log in.
func plain(user, password string) []kgo.Opt {
	return []kgo.Opt{kgo.SASL(sasl.Auth{User: user, Pass: password}.AsMechanism())}
}

// deleteRecords moves the start of a partition's log.
func deleteRecords(t *testing.T, c *fake.Cluster, topic string, partition int32, before int64) {
	t.Helper()
	if err := c.DeleteRecords(topic, partition, before); err != nil {
		t.Fatal(err)
	}
}
