package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

const rocketmqAddress = "rocketmq_consumer_offset_reset.test"

// masters are the brokers of every RocketMQ cluster here.
var masters = []string{"broker-a", "broker-b"}

// rocketmqSeeded is a cluster of two masters with the topic orders, two queues
// on each, 100 messages in each queue, a second apart from base, whose first
// 10 are deleted; and the group billing at 60 everywhere.
func rocketmqSeeded(t *testing.T, conf rocketfake.Config) *rocketfake.Cluster {
	t.Helper()
	conf.Brokers = masters
	c, err := rocketfake.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.CreateTopic("orders", 2)
	for _, b := range masters {
		for q := range 2 {
			for i := range 100 {
				c.Append(b, "orders", q, base.Add(time.Duration(i)*time.Second))
			}
			c.Trim(b, "orders", q, 10)
			c.Commit(b, "billing", "orders", int32(q), 60)
		}
	}
	return c
}

// queues are offsets of broker-a's and then of broker-b's two queues on the
// topic orders; -1 is none.
type queues [4]int64

func all(offset int64) queues { return queues{offset, offset, offset, offset} }

// stands checks the brokers' own view of the group billing.
func stands(c *rocketfake.Cluster, want queues) resource.TestCheckFunc {
	return standsGroup(c, "billing", want)
}

func standsGroup(c *rocketfake.Cluster, group string, want queues) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var got queues
		for i := range got {
			n, ok := c.Committed(masters[i/2], group, "orders", int32(i%2))
			if got[i] = n; !ok {
				got[i] = -1
			}
		}
		if got != want {
			return fmt.Errorf("group %q is at %v, want %v", group, got, want)
		}
		return nil
	}
}

func mustStand(t *testing.T, c *rocketfake.Cluster, want queues) {
	t.Helper()
	if err := stands(c, want)(nil); err != nil {
		t.Error(err)
	}
}

// consume has a consumer come, take up whatever reset waits for it, commit
// these offsets, and leave.
func consume(c *rocketfake.Cluster, group string, to queues) {
	c.Connect(group, rocketfake.Consumer{Topics: []string{"orders"}})
	for i, n := range to {
		c.Commit(masters[i/2], group, "orders", int32(i%2), n)
	}
	c.Disconnect(group)
}

// rocketmqConfig is a configuration with a provider for the name servers.
func rocketmqConfig(c *rocketfake.Cluster, body string) string {
	return rocketmqProvider(fmt.Sprintf("name_servers = [%q]", c.NameServer()), body)
}

func rocketmqProvider(section, body string) string {
	return fmt.Sprintf("provider \"offsets\" {\n  rocketmq = {\n%s\n  }\n}\n%s", lines(section), body)
}

// rocketmqReset is a resource named "test" with the arguments, of the group
// billing on the topic orders unless they name others.
func rocketmqReset(arguments string) string {
	for name, value := range map[string]string{"topic": "orders", "consumer_group": "billing"} {
		if !slices.Contains(strings.Fields(arguments), name) {
			arguments = fmt.Sprintf("%s = %q\n%s", name, value, arguments)
		}
	}
	return fmt.Sprintf("resource \"rocketmq_consumer_offset_reset\" \"test\" {\n  provider = offsets\n%s\n}\n", arguments)
}

const (
	toLatest   = `reset_type = "LATEST_OFFSET"`
	toEarliest = `reset_type = "EARLIEST_OFFSET"`
	// toFifty is the instant at which message 50 of every queue was stored.
	toFifty = `reset_type = "SPECIFIED_TIME", reset_time = "2026-03-01T14:00:50Z"`
)

// toTime is a reset to that many seconds after base.
func toTime(seconds int) string {
	return fmt.Sprintf("reset_type = \"SPECIFIED_TIME\"\nreset_time = %q\n", base.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339))
}

func rocketmqPlans(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(rocketmqAddress, action)}}
}

func rocketmqState(name string, check knownvalue.Check) statecheck.StateCheck {
	return of(rocketmqAddress, name, check)
}

// rocketmqSummary is a summary, in the order of its attributes in the documentation.
func rocketmqSummary(queues, moved, unchanged, clamped, created, replayed, skipped int64) knownvalue.Check {
	exact := knownvalue.Int64Exact
	return knownvalue.ObjectExact(map[string]knownvalue.Check{
		"queues": exact(queues), "moved": exact(moved), "unchanged": exact(unchanged), "clamped": exact(clamped), "created": exact(created),
		"replayed_messages": exact(replayed), "skipped_messages": exact(skipped),
	})
}

// refuses makes a broker turn away every write.
func refuses(c *rocketfake.Cluster, broker string) {
	c.SetFault(func(call rocketfake.Call) *rocketfake.Fault {
		if call.Server == broker && (call.Code == remoting.ResetOffset || call.Code == remoting.UpdateOffset) {
			return &rocketfake.Fault{Code: remoting.SystemError, Remark: "the disk is full"}
		}
		return nil
	})
}

// writes counts the requests that change something.
func writes(c *rocketfake.Cluster) int {
	var n int
	for _, call := range c.Calls() {
		if call.Code == remoting.ResetOffset || call.Code == remoting.UpdateOffset {
			n++
		}
	}
	return n
}
