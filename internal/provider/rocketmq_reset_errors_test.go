package provider_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// nowhere is an address that nobody listens on.
const nowhere = "127.0.0.1:1"

// Bad input is an error at plan time, on the attribute at fault, and asks no broker.
func TestRocketMQResetRefusesBadInput(t *testing.T) {
	t.Parallel()
	const timed, given = `reset_type = "SPECIFIED_TIME", `, `reset_type = "SPECIFIED_OFFSET", `
	for name, test := range map[string]struct {
		arguments string
		attribute string
		says      string
	}{
		"no type":                        {``, "reset_type", "is required"},
		"unknown type":                   {`reset_type = "latest"`, "reset_type", `"LATEST_OFFSET" "SPECIFIED_TIME" "EARLIEST_OFFSET" "SPECIFIED_OFFSET"`},
		"a time type without a time":     {`reset_type = "SPECIFIED_TIME"`, "Missing reset_time", "which needs reset_time"},
		"a time with LATEST_OFFSET":      {toLatest + `, reset_time = "2026-03-01T14:00:00Z"`, "reset_time", `belongs to reset_type "SPECIFIED_TIME", and reset_type is "LATEST_OFFSET"`},
		"a time with EARLIEST_OFFSET":    {toEarliest + `, reset_time = "2026-03-01T14:00:00Z"`, "reset_time", `and reset_type is "EARLIEST_OFFSET"`},
		"a zone with LATEST_OFFSET":      {toLatest + `, time_zone = "UTC"`, "time_zone", `belongs to reset_type "SPECIFIED_TIME"`},
		"neither form":                   {timed + `reset_time = "yesterday"`, "reset_time", "neither of the form yyyy-MM-dd HH:mm:ss nor RFC 3339"},
		"empty time":                     {timed + `reset_time = ""`, "reset_time", "must not be empty"},
		"impossible date":                {timed + `reset_time = "2026-02-30 14:00:00", time_zone = "UTC"`, "reset_time", "does not exist"},
		"impossible date in RFC 3339":    {timed + `reset_time = "2026-02-29T14:00:00Z"`, "reset_time", "does not exist"},
		"impossible hour":                {timed + `reset_time = "2026-03-01 24:00:00", time_zone = "UTC"`, "reset_time", "hours go from 00 to 23"},
		"no zone":                        {timed + `reset_time = "2026-03-01 14:00:00"`, "reset_time", "says no time zone"},
		"unknown zone":                   {timed + `reset_time = "2026-03-01 14:00:00", time_zone = "Mars/Olympus"`, "time_zone", `"Mars/Olympus" is unknown`},
		"the machine's zone":             {timed + `reset_time = "2026-03-01 14:00:00", time_zone = "Local"`, "time_zone", "is not an IANA name"},
		"empty zone":                     {timed + `reset_time = "2026-03-01 14:00:00", time_zone = ""`, "time_zone", "must not be empty"},
		"a zone with RFC 3339":           {timed + `reset_time = "2026-03-01T14:00:00Z", time_zone = "UTC"`, "time_zone", "has an offset of its own"},
		"an hour that is skipped":        {timed + `reset_time = "2026-03-29 02:30:00", time_zone = "Europe/Berlin"`, "reset_time", "the clocks are put forward over it"},
		"an hour that happens twice":     {timed + `reset_time = "2026-10-25 02:30:00", time_zone = "Europe/Berlin"`, "reset_time", "write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		"no offsets":                     {`reset_type = "SPECIFIED_OFFSET"`, "Missing offsets", "which needs offsets"},
		"offsets with LATEST_OFFSET":     {toLatest + `, offsets = { "broker-a" = { "0" = 1 } }`, "offsets", `belongs to reset_type "SPECIFIED_OFFSET"`},
		"empty offsets":                  {given + `offsets = {}`, "offsets", "names no broker"},
		"a broker without queues":        {given + `offsets = { "broker-a" = {} }`, "offsets", "names no queue"},
		"a broker without a name":        {given + `offsets = { "" = { "0" = 1 } }`, "offsets", "must not be empty"},
		"negative queue":                 {given + `offsets = { "broker-a" = { "-1" = 1 } }`, "offsets", `"-1" is not a queue number`},
		"queue that is no number":        {given + `offsets = { "broker-a" = { first = 1 } }`, "offsets", `"first" is not a queue number`},
		"negative offset":                {given + `offsets = { "broker-a" = { "0" = -1 } }`, "offsets", "not negative; got -1"},
		"null offset":                    {given + `offsets = { "broker-a" = { "0" = null } }`, "offsets", "must not be null"},
		"offsets of no map":              {given + `offsets = { "broker-a" = 1 }`, "offsets", "map of number required"},
		"a system topic":                 {toLatest + `, topic = "SCHEDULE_TOPIC_XXXX"`, "topic", "belongs to RocketMQ itself"},
		"the topic of half messages":     {toLatest + `, topic = "RMQ_SYS_TRANS_HALF_TOPIC"`, "topic", "belongs to RocketMQ itself"},
		"no brokers":                     {toLatest + `, brokers = []`, "brokers", "at least 1 elements"},
		"a broker that is null":          {toLatest + `, brokers = ["broker-a", null]`, "brokers", "null"},
		"brokers of an instance":         {toLatest + `, brokers = ["broker-a"], instance_id = "rmq-cn-1"`, "brokers", "tells no brokers"},
		"empty topic":                    {toLatest + `, topic = ""`, "topic", "must not be empty"},
		"empty group":                    {toLatest + `, consumer_group = ""`, "consumer_group", "must not be empty"},
		"negative limit":                 {toLatest + `, max_skipped_messages = -1`, "max_skipped_messages", "at least 0"},
		"unknown reset_on":               {toLatest + `, reset_on = "never"`, "reset_on", `"change" "triggers"`},
		"offsets cannot be deleted":      {toLatest + `, on_destroy = "delete_offsets"`, "on_destroy", `"keep" "restore"`},
		"consumers are not waited for":   {toLatest + `, wait_for_inactive = "1m"`, "wait_for_inactive", "not expected here"},
		"force is true or false":         {toLatest + `, force = "always"`, "force", "a bool is required"},
		"a time-out that is no duration": {toLatest + `, timeouts = { create = "soon" }`, "", `"soon" must be a string`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config:      rocketmqProvider(fmt.Sprintf("name_servers = [%q]", nowhere), rocketmqReset(lines(test.arguments))),
					PlanOnly:    true,
					ExpectError: atFault(test.attribute, test.says),
				}},
			})
		})
	}
}

// Whatever is unknown at plan time is no error, wherever it stands.
func TestRocketMQResetPlansWithUnknownValues(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf(`
				resource "terraform_data" "v" {
					input = {
						servers = [%q]
						group   = "billing"
						topic   = "orders"
						type    = "SPECIFIED_TIME"
						time    = "2026-03-01 22:00:50"
						zone    = "Asia/Shanghai"
						offset  = 20
						yes     = true
						map     = { "broker-b" = { "0" = 22 } }
					}
				}
				provider "offsets" {
					rocketmq = { name_servers = terraform_data.v.output.servers }
				}
				resource "rocketmq_consumer_offset_reset" "a" {
					provider              = offsets
					consumer_group        = terraform_data.v.output.group
					topic                 = terraform_data.v.output.topic
					reset_type            = terraform_data.v.output.type
					reset_time            = terraform_data.v.output.time
					time_zone             = terraform_data.v.output.zone
					force                 = terraform_data.v.output.yes
					max_replayed_messages = terraform_data.v.output.offset * 100
				}
				resource "rocketmq_consumer_offset_reset" "b" {
					provider       = offsets
					consumer_group = "billing"
					topic          = "orders"
					reset_type     = "SPECIFIED_OFFSET"
					offsets        = { "broker-a" = { "0" = terraform_data.v.output.offset }, "broker-b" = { "1" = 21 } }
					triggers       = { run = terraform_data.v.output.offset }
					depends_on     = [rocketmq_consumer_offset_reset.a]
				}
				resource "rocketmq_consumer_offset_reset" "c" {
					provider       = offsets
					consumer_group = "billing"
					topic          = "orders"
					reset_type     = "SPECIFIED_OFFSET"
					offsets        = terraform_data.v.output.map
					depends_on     = [rocketmq_consumer_offset_reset.b]
				}
			`, c.NameServer()),
			Check: stands(c, queues{20, 50, 22, 21}),
		}},
	})
}

// A section that is wholly unknown cannot be decoded into a struct.
func TestRocketMQSectionMayBeWhollyUnknown(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf(`
				resource "terraform_data" "v" { input = { name_servers = [%q] } }
				provider "offsets" { rocketmq = terraform_data.v.output }
			`, c.NameServer()) + rocketmqReset(toEarliest),
			Check: stands(c, all(10)),
		}},
	})
}

// What the cluster does not allow is an error of the apply, before anything is
// written, and never of the plan: another resource of the same apply may
// create the topic.
func TestRocketMQResetRefusesAtApplyBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	// 5.5.0 unless prepare says otherwise.
	for name, test := range map[string]struct {
		conf      rocketfake.Config
		section   string // of the provider, beside name_servers
		prepare   func(*rocketfake.Cluster)
		fault     func(rocketfake.Call) *rocketfake.Fault
		arguments string
		attribute string
		says      string
	}{
		"missing topic": {arguments: toLatest + `, topic = "nowhere"`, attribute: "topic", says: `Cannot find the brokers of topic "nowhere"`},
		"missing group": {arguments: toLatest + `, consumer_group = "biling"`, attribute: "consumer_group", says: `Group "biling" does not exist`},
		"group that a broker lacks": {
			prepare:   func(c *rocketfake.Cluster) { c.CreateGroup("half", "broker-a") },
			arguments: toLatest + `, consumer_group = "half"`, attribute: "consumer_group", says: `does not exist on broker "broker-b"`,
		},
		"broadcasting group": {
			prepare: func(c *rocketfake.Cluster) {
				c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}, Broadcast: true})
			},
			arguments: toLatest, attribute: "consumer_group", says: "consumes by broadcasting",
		},
		"missing broker": {
			arguments: `reset_type = "SPECIFIED_OFFSET", offsets = { "broker-z" = { "0" = 20 } }`, attribute: "offsets", says: `its brokers are broker-a, broker-b`,
		},
		"a broker that must take part": {
			prepare:   func(c *rocketfake.Cluster) { c.SetAddresses("broker-b", nil) },
			arguments: toLatest + `, brokers = ["broker-a", "broker-b"]`, attribute: "brokers", says: "Broker broker-b must take part",
		},
		"missing queue": {
			arguments: `reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { "0" = 20, "2" = 20 } }`, attribute: "offsets", says: `no queue 2 on broker "broker-a": it has queues 0 to 1`,
		},
		"only a slave left": {
			prepare:   func(c *rocketfake.Cluster) { c.SetAddresses("broker-b", map[int64]string{1: c.Address("broker-b")}) },
			arguments: toLatest, attribute: "topic", says: `"broker-b", which holds 2 queues of topic "orders", has no master`,
		},
		"a slave that acts for its master": {
			prepare: func(c *rocketfake.Cluster) {
				c.SetAddresses("broker-b", map[int64]string{1: c.Address("broker-b")})
				c.SetRoute("broker-b", map[int64]string{0: c.Address("broker-b")})
			},
			arguments: toLatest, attribute: "topic", says: "has no master",
		},
		"one of two masters down": {
			prepare:   func(c *rocketfake.Cluster) { c.Kill("broker-b") },
			arguments: toLatest, says: `Cannot read group "billing" on topic "orders" from broker "broker-b"`,
		},
		"wrong secret": {
			conf:      rocketfake.Config{Keys: map[string]string{"reader": "right"}},
			section:   `access_key = "reader", secret_key = "wrong"`,
			arguments: toLatest, says: "check signature failed.",
		},
		"wrong secret on 4.9.7": {
			conf:      rocketfake.Config{Version: rocketfake.V4_9_7, Keys: map[string]string{"reader": "right"}},
			section:   `access_key = "reader", secret_key = "wrong"`,
			arguments: toLatest, says: "Check signature failed for accessKey=reader",
		},
		"no keys": {
			conf:      rocketfake.Config{Keys: map[string]string{"reader": "right"}},
			arguments: toLatest, says: "check signature failed.",
		},
		"no right to reset": {
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				if call.Code == remoting.ResetOffset {
					return &rocketfake.Fault{Code: remoting.NoPermission, Remark: "has no permission to access Topic:orders"}
				}
				return nil
			},
			arguments: toLatest, says: "has no permission to access Topic:orders",
		},
		"a broker that never answers": {
			section: `request_timeout = "500ms"`,
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				return &rocketfake.Fault{Silent: call.Server == "broker-b"}
			},
			arguments: toLatest, says: "no answer within 500ms",
		},
		"a name server that never answers": {
			section: `request_timeout = "500ms"`,
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				return &rocketfake.Fault{Silent: call.Server == "name server"}
			},
			arguments: toLatest, says: "no answer within 500ms",
		},
		"less time than a broker takes": {
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				return &rocketfake.Fault{Silent: call.Server == "broker-b"}
			},
			arguments: toLatest + `, timeouts = { create = "1s" }`, says: "deadline exceeded",
		},
		"a server that speaks something else": {
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				if call.Server == "broker-b" {
					return &rocketfake.Fault{Raw: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}
				}
				return nil
			},
			arguments: toLatest, says: `from broker "broker-b"`,
		},
		"a frame of two gigabytes": {
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				if call.Server == "name server" {
					return &rocketfake.Fault{Raw: []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 8}}
				}
				return nil
			},
			arguments: toLatest, says: `Cannot find the brokers of topic "orders"`,
		},
		"a body that makes no sense": {
			fault: func(call rocketfake.Call) *rocketfake.Fault {
				body := `{"offsetTable":{{{`
				if call.Code == remoting.GetTopicStats {
					return &rocketfake.Fault{Body: &body}
				}
				return nil
			},
			arguments: toLatest, says: "something that cannot be read",
		},
		"replays too much": {arguments: toEarliest + `, max_replayed_messages = 199`, says: `200 messages would be replayed and max_replayed_messages is 199`},
		"skips too much":   {arguments: toLatest + `, max_skipped_messages = 159`, says: `160 messages would be skipped and max_skipped_messages is 159`},
		"offsets under consumers of 4.9.7": {
			conf:      rocketfake.Config{Version: rocketfake.V4_9_7},
			prepare:   func(c *rocketfake.Cluster) { c.Connect("billing", rocketfake.Consumer{Topics: []string{"orders"}}) },
			arguments: `reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { "0" = 20 } }`, says: "has consumers online",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, test.conf)
			if test.prepare != nil {
				test.prepare(c)
			}
			c.SetFault(test.fault)
			config := rocketmqProvider(fmt.Sprintf("name_servers = [%q]\n", c.NameServer())+test.section, rocketmqReset(lines(test.arguments)))
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: config, PlanOnly: true, ExpectNonEmptyPlan: true},
					{Config: config, ExpectError: regexp.MustCompile(atFault(test.attribute, test.says).String() + `.*` + saying("Nothing was changed").String())},
				},
				CheckDestroy: stands(c, all(60)),
			})
			if test.fault == nil && writes(c) > 0 {
				t.Errorf("%d writes were sent", writes(c))
			}
		})
	}
}

func TestRocketMQResetOverTLS(t *testing.T) {
	t.Parallel()
	ours, err := certs.NewAuthority("ours")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := certs.NewAuthority("theirs")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ours.Issue("rocketmq", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := issued.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c := rocketmqSeeded(t, rocketfake.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}})
	section := func(more string) string {
		return rocketmqProvider(fmt.Sprintf("name_servers = [%q]\nrequest_timeout = \"5s\"\n", c.NameServer())+more, rocketmqReset(toEarliest))
	}
	trusting := func(a *certs.Authority) string { return fmt.Sprintf("tls = { ca_cert = %q }", a.PEM) }
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: section(""), ExpectError: saying("if this one does, give the tls settings")},
			{Config: section(trusting(theirs)), ExpectError: saying("Give the authority that has signed the servers' certificates as tls.ca_cert")},
			{Config: section("tls = {}"), ExpectError: saying("tls.ca_cert")},
			{Config: section(trusting(ours)), Check: stands(c, all(10))},
		},
	})
}

// Name servers are tried in order, by name or by number, also as one string of
// the environment; its credentials belong to its servers alone.
func TestRocketMQConnections(t *testing.T) {
	t.Parallel()
	keys := map[string]string{"writer": "right"}
	for name, test := range map[string]struct {
		section     string // %s is the address, %p its port
		environment map[string]string
		fails       string
	}{
		"the first is dead":                        {section: `name_servers = ["` + nowhere + `", "%s"], access_key = "writer", secret_key = "right"`},
		"by host name":                             {section: `name_servers = ["localhost:%p"], access_key = "writer", secret_key = "right"`},
		"by the environment":                       {environment: map[string]string{"NAMESRV_ADDR": nowhere + ";%s", "ROCKETMQ_ACCESS_KEY": "writer", "ROCKETMQ_SECRET_KEY": "right"}},
		"servers by the environment":               {section: `access_key = "writer", secret_key = "right"`, environment: map[string]string{"NAMESRV_ADDR": "%s", "ROCKETMQ_ACCESS_KEY": "writer", "ROCKETMQ_SECRET_KEY": "wrong"}},
		"no credentials from the environment":      {section: `name_servers = ["%s"]`, environment: map[string]string{"NAMESRV_ADDR": "%s", "ROCKETMQ_ACCESS_KEY": "writer", "ROCKETMQ_SECRET_KEY": "right"}, fails: "Check access_key and secret_key"},
		"a key without a secret":                   {section: `name_servers = ["%s"], access_key = "writer"`, fails: "access_key and secret_key belong together"},
		"an address without a port":                {section: `name_servers = ["localhost"]`, fails: `"localhost" is not of the form host:port`},
		"nothing is configured":                    {fails: "set rocketmq.name_servers in the provider's configuration, or NAMESRV_ADDR"},
		"a time-out that is none":                  {section: `name_servers = ["%s"], request_timeout = "0s"`, fails: "is not a positive duration"},
		"all name servers are dead":                {section: `name_servers = ["` + nowhere + `"]`, fails: nowhere},
		"a security token without its credentials": {section: `name_servers = ["%s"], security_token = "t"`, fails: "without an access key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{Keys: keys})
			_, port, err := net.SplitHostPort(c.NameServer())
			if err != nil {
				t.Fatal(err)
			}
			fill := strings.NewReplacer("%s", c.NameServer(), "%p", port).Replace
			environment := provider.WithEnvironment(func(name string) string { return fill(test.environment[name]) })
			step := resource.TestStep{Config: rocketmqProvider(fill(test.section), rocketmqReset(toEarliest)), Check: stands(c, all(10))}
			if test.fails != "" {
				step.Check, step.ExpectError = nil, saying(test.fails)
			}
			unitTest(t, resource.TestCase{ProtoV6ProviderFactories: inProcess(t, environment), Steps: []resource.TestStep{step}})
		})
	}
}

// queuesRecorded checks that every queue has the previous and the new offset
// in the record, and no error.
func queuesRecorded(previous, offset int64) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		doc, err := records(s, rocketmqAddress)
		if err != nil {
			return err
		}
		for broker, entries := range doc {
			for id, e := range entries {
				if e.Error != "" || e.Previous == nil || *e.Previous != previous || e.Offset == nil || *e.Offset != offset {
					return fmt.Errorf("queue %s/%s is recorded as %+v", broker, id, e)
				}
			}
		}
		if len(doc) != len(masters) {
			return fmt.Errorf("the record says nothing of some brokers: %v", doc)
		}
		return nil
	}
}

// One broker fails: the error names its queues, the other is told as done, the
// state has the truth, the next apply ends where one whole apply would have
// ended, and the undo goes back to the very beginning.
func TestRocketMQResetThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	const restore = "\non_destroy = \"restore\""
	for name, conf := range map[string]rocketfake.Config{
		"5.5.0": {}, "5.5.0 with client resets": {ClientReset: true}, "4.9.7": {Version: rocketfake.V4_9_7},
	} {
		t.Run("create on "+name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			refuses(c, "broker-b")
			config := rocketmqConfig(c, rocketmqReset(lines(toFifty)+restore))
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: config, ExpectError: saying("2 of 4 queues failed")},
					{
						PreConfig: func() {
							mustStand(t, c, queues{50, 50, 60, 60})
							c.SetFault(nil)
						},
						Config:           config,
						ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionReplace),
						Check:            resource.ComposeTestCheckFunc(stands(c, all(50)), queuesRecorded(60, 50)),
					},
				},
				CheckDestroy: stands(c, all(60)),
			})
		})
		t.Run("update on "+name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			const here = "reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"0\" = 60 } }"
			config := rocketmqConfig(c, rocketmqReset(toLatest+restore))
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: rocketmqConfig(c, rocketmqReset(here))},
					{
						PreConfig:   func() { refuses(c, "broker-b") },
						Config:      config,
						ExpectError: saying("2 of 4 queues failed"),
					},
					{
						PreConfig: func() {
							mustStand(t, c, queues{100, 100, 60, 60})
							c.SetFault(nil)
							// The targets of the first attempt stay, although the log has grown.
							for _, b := range masters {
								c.Append(b, "orders", 0, base.Add(time.Hour))
							}
						},
						Config:            config,
						ConfigPlanChecks:  rocketmqPlans(plancheck.ResourceActionUpdate),
						ConfigStateChecks: []statecheck.StateCheck{rocketmqState("summary", rocketmqSummary(4, 4, 0, 0, 0, 0, 160))},
						Check:             resource.ComposeTestCheckFunc(stands(c, all(100)), queuesRecorded(60, 100)),
					},
					{Config: config, ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop)},
				},
				CheckDestroy: stands(c, all(60)),
			})
		})
	}
}

// Queues that the topic has lost since a reset failed half-way are done: neither
// a create that was untainted nor an update may end in asking for them.
func TestRocketMQResumeOnATopicThatHasLostQueues(t *testing.T) {
	t.Parallel()
	const gone = "The topic has 1 queue no more, so there was nothing left to reset there: broker-b/1."
	const restore = "\non_destroy = \"restore\""
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		refuses(c, "broker-b")
		w := attached(t, rocketmqConfig(c, rocketmqReset(toLatest+restore)))
		says(t, w.must(1, "apply", "-auto-approve"), "2 of 4 queues failed")
		c.SetFault(nil)
		c.ShrinkTopic("orders", 1)
		w.must(0, "untaint", rocketmqAddress)
		says(t, w.must(0, "apply", "-auto-approve"), gone)
		holds(t, stands(c, queues{100, 100, 100, 60}))
		w.must(0, "plan", "-detailed-exitcode")
		w.must(0, "destroy", "-auto-approve")
		holds(t, stands(c, queues{60, 100, 60, 60}))
	})
	t.Run("in doubt", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		c.SetFault(func(call rocketfake.Call) *rocketfake.Fault {
			if call.Server == "broker-b" && call.Code == remoting.ResetOffset && call.Fields["queueId"] == "1" {
				return &rocketfake.Fault{Close: true}
			}
			return nil
		})
		w := attached(t, rocketmqConfig(c, rocketmqReset(toEarliest+restore)))
		says(t, w.must(1, "apply", "-auto-approve"), "1 of 4 queues failed")
		c.SetFault(nil)
		c.ShrinkTopic("orders", 1)
		w.must(0, "untaint", rocketmqAddress)
		out := w.must(0, "apply", "-auto-approve")
		says(t, out, gone)
		saysNot(t, out, "neither at")
		w.must(0, "plan", "-detailed-exitcode")
	})
	t.Run("update", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		config := rocketmqConfig(c, rocketmqReset(toLatest+restore))
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{
				{Config: rocketmqConfig(c, rocketmqReset("reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"0\" = 60 } }"))},
				{PreConfig: func() { refuses(c, "broker-b") }, Config: config, ExpectError: saying("2 of 4 queues failed")},
				{
					PreConfig:         func() { c.SetFault(nil); c.ShrinkTopic("orders", 1) },
					Config:            config,
					ConfigPlanChecks:  rocketmqPlans(plancheck.ResourceActionUpdate),
					ConfigStateChecks: []statecheck.StateCheck{rocketmqState("summary", rocketmqSummary(4, 3, 1, 0, 0, 0, 120))},
					Check:             stands(c, queues{100, 100, 100, 60}),
				},
				{Config: config, ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop)},
			},
			CheckDestroy: stands(c, queues{60, 100, 60, 60}),
		})
	})
}

// A broker that refuses as the first has let nothing happen: there is nothing
// in the state and nothing to put back.
func TestRocketMQResetWhoseFirstBrokerRefuses(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	refuses(c, "broker-a")
	config := rocketmqConfig(c, rocketmqReset(toLatest))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: saying("the disk is full")},
			{
				PreConfig:        func() { mustStand(t, c, all(60)); c.SetFault(nil) },
				Config:           config,
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionCreate),
				Check:            stands(c, all(100)),
			},
		},
	})
}

// A half-way reset that is given up for another one starts from the old place.
func TestRocketMQResetGivenUpHalfWayForAnotherTarget(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	reset := func(arguments string) string {
		return rocketmqConfig(c, rocketmqReset("on_destroy = \"restore\"\n"+lines(arguments)))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset(`reset_type = "SPECIFIED_OFFSET", offsets = { "broker-a" = { "0" = 60 } }`)},
			{PreConfig: func() { refuses(c, "broker-b") }, Config: reset(toLatest), ExpectError: saying("2 of 4 queues failed")},
			{
				PreConfig: func() { c.SetFault(nil) },
				Config:    reset(toFifty + `, force = false`),
				Check:     resource.ComposeTestCheckFunc(stands(c, all(50)), queuesRecorded(60, 50)),
			},
		},
		CheckDestroy: stands(c, all(60)),
	})
}

// Destroying an incomplete update leads to before the last completed reset.
func TestRocketMQDestroyOfAnIncompleteUpdate(t *testing.T) {
	t.Parallel()
	for onDestroy, want := range map[string]queues{"keep": all(40), "restore": all(60)} {
		t.Run(onDestroy, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{})
			reset := func(second int) string {
				return rocketmqConfig(c, rocketmqReset(fmt.Sprintf("on_destroy = %q\n", onDestroy)+toTime(second)))
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: reset(40), Check: stands(c, all(40))},
					{PreConfig: func() { refuses(c, "broker-b") }, Config: reset(30), ExpectError: saying("2 of 4 queues failed")},
					{PreConfig: func() { c.SetFault(nil) }, Config: reset(30), Destroy: true},
				},
			})
			holds(t, stands(c, want))
		})
	}
}

// A group that is online but subscribes to another topic is reset all the
// same: a broker before 5.2 would tell its consumers, who do not care, and say
// that all is well.
func TestRocketMQResetOfAGroupThatConsumesAnotherTopic(t *testing.T) {
	t.Parallel()
	for name, conf := range map[string]rocketfake.Config{"5.5.0": {}, "4.9.7": {Version: rocketfake.V4_9_7}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, conf)
			c.CreateTopic("audit", 1)
			c.Connect("billing", rocketfake.Consumer{Topics: []string{"audit"}})
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config:            rocketmqConfig(c, rocketmqReset(toEarliest)),
					Check:             stands(c, all(10)),
					ConfigStateChecks: []statecheck.StateCheck{rocketmqState("record", knownvalue.NotNull())},
				}},
			})
		})
	}
}
