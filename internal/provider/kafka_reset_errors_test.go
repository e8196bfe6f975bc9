package provider_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// at fault matches an error whose source excerpt shows the attribute, and which says the text.
func atFault(attribute, text string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)` + regexp.QuoteMeta(attribute) + `.*` + saying(text).String())
}

// Bad input is an error at plan time, on the attribute at fault, and asks no broker.
func TestKafkaResetRefusesBadInput(t *testing.T) {
	t.Parallel()
	const scope, target = "topic = \"orders\"\n", "position = \"earliest\"\n"
	for name, test := range map[string]struct {
		arguments string
		attribute string
		says      string
	}{
		"no target":                    {scope, "", "Exactly one target must be set: one of message_offset, timestamp"},
		"two targets":                  {scope + "message_offset = 1\nshift = 2", "shift", "there are 2: message_offset, shift"},
		"no scope":                     {target, "", "Exactly one scope must be set: one of topic, topics, all_topics, offsets"},
		"false is no scope":            {"all_topics = false\n" + target, "", "Exactly one scope must be set"},
		"two scopes":                   {scope + target + `topics = ["a"]`, "topics", "there are 2: topic, topics"},
		"offsets is a scope":           {scope + `offsets = { a = { "0" = 1 } }`, "offsets", "there are 2: topic, offsets"},
		"offsets is a target":          {target + `offsets = { a = { "0" = 1 } }`, "offsets", "there are 2: position, offsets"},
		"negative offset":              {scope + "message_offset = -1", "message_offset", "at least 0, got: -1"},
		"negative time":                {scope + "timestamp = -1", "timestamp", "is not negative; got -1"},
		"time in seconds":              {scope + "timestamp = 1700000000", "timestamp", "did you mean 1700000000000?"},
		"partition below -1":           {scope + target + "partition = -2", "partition", "between -1 and 2147483647, got: -2"},
		"partition with topics":        {target + "topics = [\"a\"]\npartition = 1", "partition", "together with topic"},
		"partitions with all_topics":   {target + "all_topics = true\npartitions = [1]", "partitions", "together with topic"},
		"partition and partitions":     {scope + target + "partition = 1\npartitions = [2]", "partition", "not both"},
		"negative in partitions":       {scope + target + "partitions = [-1]", "partitions", "between 0 and 2147483647"},
		"no partitions":                {scope + target + "partitions = []", "partitions", "at least 1"},
		"no topics":                    {target + "topics = []", "topics", "at least 1"},
		"bad RFC 3339":                 {scope + `datetime = "2026-03-01 14:00"`, "datetime", "is not an RFC 3339 time with its zone"},
		"impossible date":              {scope + `datetime = "2026-02-30T14:00:00Z"`, "datetime", "is not an RFC 3339 time"},
		"bad duration":                 {scope + `lookback = "1 hour"`, "lookback", "is not a duration"},
		"negative duration":            {scope + `lookback = "-1h"`, "lookback", "is not a positive duration"},
		"zero shift":                   {scope + "shift = 0", "shift", "moves nothing"},
		"unknown position":             {scope + `position = "first"`, "position", `"earliest" "latest" "current"`},
		"empty topic":                  {target + `topic = ""`, "topic", "must not be empty"},
		"before 1970":                  {scope + `datetime = "1969-12-31T23:59:59Z"`, "datetime", "lies before 1970"},
		"looking back too far":         {scope + `lookback = "1000000h"`, "lookback", "leads to a time before any log"},
		"null in topics":               {target + `topics = ["orders", null]`, "topics", "null"},
		"null in partitions":           {scope + target + `partitions = [0, null]`, "partitions", "null"},
		"empty topic in topics":        {target + `topics = [""]`, "topics", "must not be empty"},
		"empty source":                 {scope + `source_group_id = ""`, "source_group_id", "must not be empty"},
		"copy of itself":               {scope + `source_group_id = "billing"`, "source_group_id", "cannot be copied from itself"},
		"non-numeric partition key":    {`offsets = { orders = { first = 1 } }`, "offsets", "is not a partition number"},
		"partition key with a zero":    {`offsets = { orders = { "01" = 1 } }`, "offsets", "is not a partition number"},
		"negative in offsets":          {`offsets = { orders = { "0" = -1 } }`, "offsets", "not negative; got -1"},
		"empty offsets":                {`offsets = {}`, "offsets", "names no topic"},
		"topic without partitions":     {`offsets = { orders = {} }`, "offsets", "names no partition"},
		"unknown out_of_range":         {scope + target + `out_of_range = "skip"`, "out_of_range", `"clamp" "error"`},
		"unknown isolation level":      {scope + target + `isolation_level = "none"`, "isolation_level", `"read_committed"`},
		"negative limit":               {scope + target + `max_replayed_messages = -1`, "max_replayed_messages", "at least 0"},
		"bad wait":                     {scope + target + `wait_for_inactive = "soon"`, "wait_for_inactive", "is not a duration"},
		"negative wait":                {scope + target + `wait_for_inactive = "-1s"`, "wait_for_inactive", "is negative"},
		"waiting longer than allowed":  {scope + target + "wait_for_inactive = \"10m\"", "wait_for_inactive", "must be less than timeouts.create, which is 10m0s"},
		"waiting longer than a delete": {scope + target + "timeouts = { delete = \"30s\" }", "", "must be less than timeouts.delete, which is 30s"},
		"unknown on_destroy":           {scope + target + `on_destroy = "undo"`, "on_destroy", `"keep" "restore" "delete_offsets"`},
		"unknown reset_on":             {scope + target + `reset_on = "never"`, "reset_on", `"change" "triggers"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config:      kafkaConfig([]string{"127.0.0.1:1"}, kafkaReset("group_id = \"billing\"\n"+test.arguments)),
					PlanOnly:    true,
					ExpectError: atFault(test.attribute, test.says),
				}},
			})
		})
	}
	t.Run("empty group", func(t *testing.T) {
		t.Parallel()
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{{
				Config:      kafkaConfig([]string{"127.0.0.1:1"}, kafkaReset("group_id = \"\"\n"+scope+target)),
				PlanOnly:    true,
				ExpectError: atFault("group_id", "must not be empty"),
			}},
		})
	})
}

// Whatever is unknown at plan time is no error, wherever it stands.
func TestKafkaResetPlansWithUnknownValues(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf(`
				resource "terraform_data" "v" {
					input = {
						servers = %s
						group   = "billing"
						topic   = "orders"
						set     = ["orders"]
						offset  = 20
						wait    = "5s"
						map     = { orders = { "0" = 21 } }
						keys    = { orders = 22 }
					}
				}
				provider "offsets" {
					kafka = { bootstrap_servers = terraform_data.v.output.servers }
				}
				resource "kafka_consumer_offset_reset" "a" {
					provider          = offsets
					group_id          = terraform_data.v.output.group
					topic             = terraform_data.v.output.topic
					partition         = terraform_data.v.output.offset - 19
					message_offset    = terraform_data.v.output.offset
					wait_for_inactive = terraform_data.v.output.wait
				}
				resource "kafka_consumer_offset_reset" "b" {
					provider       = offsets
					group_id       = "billing"
					topics         = terraform_data.v.output.set
					message_offset = 20
					triggers       = terraform_data.v.output.keys
					depends_on     = [kafka_consumer_offset_reset.a]
				}
				resource "kafka_consumer_offset_reset" "c" {
					provider   = offsets
					group_id   = "billing"
					offsets    = terraform_data.v.output.map
					depends_on = [kafka_consumer_offset_reset.b]
				}
			`, hclList(c.Bootstrap())),
			Check: committed(c, "billing", orders(21, 20, 20)),
		}},
	})
}

// A section that is wholly unknown cannot be decoded into a struct.
func TestKafkaSectionMayBeWhollyUnknown(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf(`
				resource "terraform_data" "v" { input = { bootstrap_servers = %s } }
				provider "offsets" { kafka = terraform_data.v.output }
			`, hclList(c.Bootstrap())) + kafkaReset(`
				group_id = "billing"
				topic    = "orders"
				position = "earliest"
			`),
			Check: committed(c, "billing", orders(10, 10, 10)),
		}},
	})
}

// A time-out that is not known yet is no reason to refuse a wait.
func TestKafkaResetWithAnUnknownTimeout(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), `resource "terraform_data" "t" { input = "20m" }`+"\n"+kafkaReset(`
				group_id          = "billing"
				topic             = "orders"
				position          = "earliest"
				wait_for_inactive = "15m"
				timeouts = {
					create = terraform_data.t.output
					update = terraform_data.t.output
					delete = terraform_data.t.output
				}
			`)),
			Check: committed(c, "billing", orders(10, 10, 10)),
		}},
	})
}

// A half-way create whose consumers have moved on since is no dead end: what
// they have left alone is put back, and the rest is told.
func TestKafkaHalfWayCreateWhoseConsumersHaveMovedOn(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	fault := failCommits(c, 1)
	body := kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nmessage_offset = 50"))
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: body, ExpectError: saying("run terraform untaint and apply")},
			{
				PreConfig: func() {
					fault.Remove()
					c.Commit(t, "billing", orders(51, 60, 50))
				},
				Config: body,
				Check:  committed(c, "billing", orders(50, 50, 50)),
			},
		},
	})
}

// Before what a half-way reset has moved is put back for another one, that one
// is looked at: what speaks against it speaks before anything is changed.
func TestKafkaHalfWayResetIsNotGivenUpForOneThatCannotBe(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	var fault *kfake.FaultHandle
	reset := func(arguments string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\n"+arguments))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset("topic = \"orders\"\nposition = \"current\"")},
			{PreConfig: func() { fault = failCommits(c, 1) }, Config: reset("topic = \"orders\"\nmessage_offset = 30"), ExpectError: saying("orders-1")},
			{PreConfig: func() { fault.Remove() }, Config: reset("topic = \"nowhere\"\nmessage_offset = 30"), ExpectError: saying("Nothing was changed")},
			{
				PreConfig: func() {
					if err := committed(c, "billing", orders(30, 60, 30))(nil); err != nil {
						t.Error(err)
					}
				},
				Config:      reset("topic = \"orders\"\nposition = \"latest\"\nmax_skipped_messages = 1"),
				ExpectError: saying("had moved when it failed half-way was put back"),
			},
			{
				PreConfig: func() {
					if err := committed(c, "billing", at(60))(nil); err != nil {
						t.Error(err)
					}
				},
				Config: reset("topic = \"orders\"\nmessage_offset = 30"),
				Check:  resource.ComposeTestCheckFunc(committed(c, "billing", orders(30, 30, 30)), recorded("orders", 60, 30)),
			},
		},
	})
}

// What the cluster does not allow is an error of the apply, before anything is
// written, and never of the plan: another resource of the same apply may
// create the topic.
func TestKafkaResetRefusesAtApplyBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "partial", fake.Offsets{"orders": {0: 60}})
	for name, test := range map[string]struct {
		arguments string
		says      string
	}{
		"missing topic":         {"group_id = \"billing\"\ntopics = [\"orders\", \"nowhere\"]\nposition = \"earliest\"", `nowhere`},
		"missing partition":     {"group_id = \"billing\"\ntopic = \"orders\"\npartitions = [0, 7]\nposition = \"earliest\"", `7`},
		"partition in offsets":  {"group_id = \"billing\"\noffsets = { orders = { \"0\" = 20, \"9\" = 20 } }", `9`},
		"unknown group":         {"group_id = \"biling\"\ntopic = \"orders\"\nposition = \"earliest\"", `allow_new_group`},
		"out of range":          {"group_id = \"billing\"\ntopic = \"orders\"\nmessage_offset = 5\nout_of_range = \"error\"", `Nothing was changed`},
		"shift without offset":  {"group_id = \"partial\"\ntopic = \"orders\"\nshift = -1", `Nothing was changed`},
		"source without offset": {"group_id = \"billing\"\ntopic = \"orders\"\nsource_group_id = \"partial\"", `Nothing was changed`},
		"replays too much":      {"group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"\nmax_replayed_messages = 149", `150 messages would be replayed and max_replayed_messages is 149`},
		"skips too much":        {"group_id = \"billing\"\ntopic = \"orders\"\nposition = \"latest\"\nmax_skipped_messages = 119", `120 messages would be skipped and max_skipped_messages is 119`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: kafkaConfig(c.Bootstrap(), kafkaReset(test.arguments)), PlanOnly: true, ExpectNonEmptyPlan: true},
					{Config: kafkaConfig(c.Bootstrap(), kafkaReset(test.arguments)), ExpectError: saying(test.says)},
				},
				CheckDestroy: resource.ComposeTestCheckFunc(
					committed(c, "billing", at(60)), committed(c, "biling", fake.Offsets{}), committed(c, "partial", fake.Offsets{"orders": {0: 60}})),
			})
		})
	}
}

func TestKafkaResetRefusesAnotherClusterThanTheConfiguredOne(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: fmt.Sprintf("provider \"offsets\" {\n  kafka = { bootstrap_servers = %s, cluster_id = \"production\" }\n}\n", hclList(c.Bootstrap())) + kafkaReset(`
				group_id = "billing"
				topic    = "orders"
				position = "earliest"
			`),
			ExpectError: saying("production"),
		}},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}

// A group with members is refused, told who they are, and left alone.
func TestKafkaResetRefusesAnActiveGroup(t *testing.T) {
	t.Parallel()
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, Protocol: protocol, ClientID: "invoice-writer-1"})
			assigned := m.Assigned()
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
						group_id          = "billing"
						topic             = "orders"
						position          = "earliest"
						wait_for_inactive = "0s"
					`)),
					ExpectError: saying("invoice-writer-1"),
				}},
				CheckDestroy: committed(c, "billing", at(60)),
			})
			if got := m.Assigned(); fmt.Sprint(got) != fmt.Sprint(assigned) {
				t.Errorf("the member was disturbed: it had %v and has %v", assigned, got)
			}
			c.Leave(t, m)
		})
	}
}

// The apply goes through once the last member has left.
func TestKafkaResetWaitsUntilTheLastMemberHasLeft(t *testing.T) {
	t.Parallel()
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, Protocol: protocol})
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{{
					PreConfig: func() { time.AfterFunc(time.Second, func() { c.Leave(t, m) }) },
					Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
						group_id = "billing"
						topic    = "orders"
						position = "earliest"
					`)),
					Check: committed(c, "billing", orders(10, 10, 10)),
				}},
			})
		})
	}
}

// failCommits lets commits on one partition of orders fail until the handle is removed.
func failCommits(c *fake.Cluster, partition int32) *kfake.FaultHandle {
	return c.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "orders", Partitions: []int32{partition},
		Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
}

// One partition fails: the error names it, the others are told as done, the
// state has the truth, the next apply ends where one whole apply would have
// ended, and the undo goes back to the very beginning.
func TestKafkaResetThatFailsHalfWay(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string]string{
		"message_offset": `message_offset = 50`,
		"shift":          `shift = -10`,
	} {
		body := func(more string) string {
			return kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\n" + arguments + "\n" + more)
		}
		t.Run("create with "+name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			fault := failCommits(c, 1)
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{
						Config:      kafkaConfig(c.Bootstrap(), body(`on_destroy = "restore"`)),
						ExpectError: saying("orders-1"),
					},
					{
						PreConfig: func() {
							if err := committed(c, "billing", orders(50, 60, 50))(nil); err != nil {
								t.Error(err)
							}
							fault.Remove()
						},
						Config:           kafkaConfig(c.Bootstrap(), body(`on_destroy = "restore"`)),
						ConfigPlanChecks: plans(plancheck.ResourceActionReplace),
						Check:            resource.ComposeTestCheckFunc(committed(c, "billing", orders(50, 50, 50)), recorded("orders", 60, 50)),
					},
				},
				CheckDestroy: committed(c, "billing", at(60)),
			})
		})
		t.Run("update to "+name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			var fault *kfake.FaultHandle
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"current\""))},
					{
						PreConfig:   func() { fault = failCommits(c, 1) },
						Config:      kafkaConfig(c.Bootstrap(), body(`on_destroy = "restore"`)),
						ExpectError: saying("orders-1"),
					},
					{
						PreConfig: func() {
							if err := committed(c, "billing", orders(50, 60, 50))(nil); err != nil {
								t.Error(err)
							}
							fault.Remove()
						},
						Config:           kafkaConfig(c.Bootstrap(), body(`on_destroy = "restore"`)),
						ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
						Check:            resource.ComposeTestCheckFunc(committed(c, "billing", orders(50, 50, 50)), recorded("orders", 60, 50)),
					},
				},
				CheckDestroy: committed(c, "billing", at(60)),
			})
		})
	}
}

// What a clone's commits carry is kept for the rest of it, beside the record.
func TestKafkaRestOfACloneCarriesTheMetadata(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.CommitWith(t, "source", kafkaclient.Commits{"orders": {
		0: {Offset: 30, Metadata: "zero"}, 1: {Offset: 40, Metadata: "one"}, 2: {Offset: 50},
	}})
	reset := func(target string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\n"+target))
	}
	var fault *kfake.FaultHandle
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset(`position = "current"`)},
			{PreConfig: func() { fault = failCommits(c, 1) }, Config: reset(`source_group_id = "source"`), ExpectError: saying("orders-1")},
			{
				PreConfig: func() {
					fault.Remove()
					c.Commit(t, "source", fake.Offsets{"orders": {0: 90, 1: 90, 2: 90}})
				},
				Config: reset(`source_group_id = "source"`),
				Check: resource.ComposeTestCheckFunc(committed(c, "billing", orders(30, 40, 50)), func(*terraform.State) error {
					if got := c.Commits(t, "billing")["orders"]; got[0].Metadata != "zero" || got[1].Metadata != "one" || got[2].Metadata != "" {
						return fmt.Errorf("committed %+v", got)
					}
					return nil
				}),
			},
		},
	})
}

// A half-way reset that is given up for another one starts from the old place.
func TestKafkaResetGivenUpHalfWayForAnotherTarget(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	var fault *kfake.FaultHandle
	reset := func(arguments string) string {
		return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\non_destroy = \"restore\"\n"+arguments))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: reset(`position = "current"`)},
			{PreConfig: func() { fault = failCommits(c, 1) }, Config: reset(`message_offset = 30`), ExpectError: saying("orders-1")},
			{
				PreConfig: func() { fault.Remove() },
				Config:    reset(`shift = -5`),
				Check:     resource.ComposeTestCheckFunc(committed(c, "billing", orders(55, 55, 55)), recorded("orders", 60, 55)),
			},
		},
		CheckDestroy: committed(c, "billing", at(60)),
	})
}

// The rest of a half-way reset is done on the cluster where it began.
func TestKafkaRetryRefusesAnotherCluster(t *testing.T) {
	t.Parallel()
	first, second := seeded(t), otherCluster(t)
	second.Commit(t, "billing", orders(70, 70, 70))
	body := func(target string) string {
		return kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\n" + target)
	}
	var fault *kfake.FaultHandle
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(first.Bootstrap(), body(`position = "current"`))},
			{PreConfig: func() { fault = failCommits(first, 1) }, Config: kafkaConfig(first.Bootstrap(), body(`shift = -10`)), ExpectError: saying("orders-1")},
			{Config: kafkaConfig(second.Bootstrap(), body(`shift = -10`)), ExpectError: saying(`was done on cluster "fake-cluster", and the provider is connected to cluster "other-cluster"`)},
			{
				PreConfig: func() { fault.Remove() },
				Config:    kafkaConfig(first.Bootstrap(), body(`shift = -10`)),
				Check:     resource.ComposeTestCheckFunc(committed(first, "billing", orders(50, 50, 50)), committed(second, "billing", orders(70, 70, 70))),
			},
		},
	})
}

// Destroying an incomplete update leads to before the last completed reset.
func TestKafkaDestroyOfAnIncompleteUpdate(t *testing.T) {
	t.Parallel()
	for onDestroy, want := range map[string]fake.Offsets{"keep": orders(40, 40, 40), "restore": at(60)} {
		t.Run(onDestroy, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			var fault *kfake.FaultHandle
			reset := func(offset int) string {
				return kafkaConfig(c.Bootstrap(), kafkaReset(fmt.Sprintf("group_id = \"billing\"\ntopic = \"orders\"\non_destroy = %q\nmessage_offset = %d", onDestroy, offset)))
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: inProcess(t),
				Steps: []resource.TestStep{
					{Config: reset(40)},
					{PreConfig: func() { fault = failCommits(c, 1) }, Config: reset(30), ExpectError: saying("orders-1")},
					{PreConfig: func() { fault.Remove() }, Config: reset(30), Destroy: true},
				},
			})
			holds(t, committed(c, "billing", want))
		})
	}
}

// recorded checks that every partition of the topic has the previous and the
// new offset in the record, and no error.
func recorded(topic string, previous, offset int64) resource.TestCheckFunc {
	return func(s *terraform.State) error {
		doc, err := records(s, kafkaResetAddress)
		if err != nil {
			return err
		}
		for id, e := range doc[topic] {
			if e.Error != "" || e.Previous == nil || *e.Previous != previous || e.Offset == nil || *e.Offset != offset {
				return fmt.Errorf("partition %s is recorded as %+v", id, e)
			}
		}
		if len(doc[topic]) == 0 {
			return fmt.Errorf("the record says nothing of %s", topic)
		}
		return nil
	}
}

func TestKafkaResetWithoutAConfiguredCluster(t *testing.T) {
	t.Parallel()
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config:      "provider \"offsets\" {}\n" + kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\""),
			ExpectError: saying("set kafka.bootstrap_servers in the provider's configuration, or KAFKA_BOOTSTRAP_SERVERS"),
		}},
	})
}

// A cluster that does not answer never fails a plan.
func TestKafkaResetPlansWithoutACluster(t *testing.T) {
	t.Parallel()
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config:             kafkaConfig([]string{"127.0.0.1:1"}, kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"")),
			PlanOnly:           true,
			ExpectNonEmptyPlan: true,
		}},
	})
}
