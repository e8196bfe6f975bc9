package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
)

// Apply, an empty plan, re-trigger and destroy through ApsaraMQ. What the
// service does not tell is null.
func TestApsaraMQReset(t *testing.T) {
	t.Parallel()
	s := alibaba(t)
	config := func(arguments string) string {
		return providerOf(apsaramqSection(s)) + managedRocketMQ(arguments)
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{
				Config: config(toFifty),
				Check: resource.ComposeAggregateTestCheckFunc(apsaramqStands(s, 50, 50), func(*terraform.State) error {
					sent := s.Requests(apsaramq.ResetConsumeOffset)
					if len(sent) != 1 || sent[0].Body != `{"resetType":"SPECIFIED_TIME","resetTime":"2026-03-01 22:00:50"}` {
						return fmt.Errorf("sent %+v", sent)
					}
					if agent := sent[0].Header.Get("User-Agent"); agent != "terraform-provider-offsets/test" {
						return fmt.Errorf("the service is called by %q", agent)
					}
					return nil
				}),
				ConfigStateChecks: []statecheck.StateCheck{
					rocketmqState("id", knownvalue.StringExact("billing/orders?instance_id="+rmqInstance)),
					rocketmqState("cluster_id", knownvalue.StringExact(rmqInstance)),
					rocketmqState("reset_at", knownvalue.StringExact("2026-03-01T14:00:50Z")),
					rocketmqState("applied_at", knownvalue.NotNull()),
					rocketmqState("summary", noNumbers("queues")),
					rocketmqState("record", knownvalue.StringExact(" {}")),
				},
			},
			{
				PreConfig:        func() { s.Consume(rmqInstance, "billing", "orders", 70, 71) },
				Config:           config(toFifty),
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop),
				Check:            apsaramqStands(s, 70, 71),
			},
			{
				Config:           config(toFifty + `, triggers = { run = "2" }`),
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionUpdate),
				Check:            apsaramqStands(s, 50, 50),
			},
			{
				Config:           config(toLatest + `, triggers = { run = "2" }`),
				ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionUpdate),
				Check:            apsaramqStands(s, 100, 100),
			},
		},
		CheckDestroy: apsaramqStands(s, 100, 100),
	})
}

// ROMA Connect tells the offsets of partitions too, in the two shapes that its
// page shows, but not where the log begins.
func TestROMAConnectReset(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*romaconnect.Server){"object": func(*romaconnect.Server) {}, "array": (*romaconnect.Server).InArray} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := huawei(t)
			prepare(s)
			testROMAConnectReset(t, s)
		})
	}
}

func testROMAConnectReset(t *testing.T, s *romaconnect.Server) {
	t.Helper()
	config := func(arguments string) string {
		return providerOf(romaSection(s)) + managedKafka(arguments+"\non_destroy = \"restore\"")
	}
	record := func(previous, to int) knownvalue.Check {
		one := fmt.Sprintf(`{"previous":%d,"offset":%d,"start":null,"end":100}`, previous, to)
		return knownvalue.StringExact(fmt.Sprintf(` {"orders":{"0":%s,"1":%s,"2":%s}}`, one, one, one))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{Config: config("message_offset = 20\nmax_replayed_messages = 119"), ExpectError: saying("120 messages would be replayed and max_replayed_messages is 119")},
			{
				Config: config("message_offset = 20\nmax_replayed_messages = 120\nmax_skipped_messages = 0"),
				Check:  kafkaStands(s, 20, 20, 20),
				ConfigStateChecks: []statecheck.StateCheck{
					state("id", knownvalue.StringExact("billing/orders?instance_id="+kafkaInstance)),
					state("previous_group_state", knownvalue.StringExact("Empty")),
					state("summary", kafkaNumbers(3, 3, 0, 0, 0, 120, 0)),
					state("record", record(60, 20)),
				},
			},
			{
				PreConfig:        func() { s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 40, 1: 40, 2: 40}) },
				Config:           config("message_offset = 20\nmax_replayed_messages = 1"), // resets nothing
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            kafkaStands(s, 40, 40, 40),
			},
			{
				Config:            config("datetime = \"2026-03-01T14:00:40Z\""),
				Check:             kafkaStands(s, 50, 50, 50),
				ConfigStateChecks: []statecheck.StateCheck{state("summary", kafkaNumbers(3, 3, 0, 0, 0, 0, 30)), state("record", record(40, 50))},
			},
		},
		CheckDestroy: kafkaStands(s, 40, 40, 40),
	})
}

// A gateway of ROMA Connect that does not know ShowGroup tells no offsets either.
func TestROMAConnectResetWithoutShowGroup(t *testing.T) {
	t.Parallel()
	s := huawei(t)
	s.WithoutShowGroup(true)
	config := func(arguments string) string {
		return providerOf(romaSection(s)) + managedKafka(arguments)
	}
	sent := func(body string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			requests := s.Requests(romaconnect.Reset)
			if len(requests) != 1 || requests[0].Body != body {
				return fmt.Errorf("sent %+v, want %s", requests, body)
			}
			s.Forget()
			return nil
		}
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{
				Config: config("message_offset = 20"),
				Check:  resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 20, 20, 20), sent(`{"topic":"orders","partition":-1,"message_offset":20}`)),
				ConfigStateChecks: []statecheck.StateCheck{
					state("id", knownvalue.StringExact("billing/orders?instance_id="+kafkaInstance)),
					state("cluster_id", knownvalue.StringExact(kafkaInstance)),
					state("previous_group_state", knownvalue.StringExact("Empty")),
					state("applied_at", knownvalue.NotNull()),
					state("summary", noNumbers("partitions")),
					state("record", knownvalue.StringExact(" {}")),
				},
			},
			{
				PreConfig:        func() { s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 30, 1: 31, 2: 32}) },
				Config:           config("message_offset = 20"),
				ConfigPlanChecks: plans(plancheck.ResourceActionNoop),
				Check:            kafkaStands(s, 30, 31, 32),
			},
			{
				Config:           config("message_offset = 20\ntriggers = { run = \"2\" }"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
				Check:            resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 20, 20, 20), sent(`{"topic":"orders","partition":-1,"message_offset":20}`)),
			},
			{
				Config: config("partition = 1\ndatetime = \"2026-03-01T14:00:40Z\""),
				Check:  resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 20, 50, 20), sent(`{"topic":"orders","partition":1,"timestamp":1772373640000}`)),
			},
			{
				Config: config("partition = 0\ntimestamp = 1772373660000"),
				Check:  resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 70, 50, 20), sent(`{"topic":"orders","partition":0,"timestamp":1772373660000}`)),
			},
			{Config: config("lookback = \"1m\""), Check: kafkaStands(s, 100, 100, 100)}, // newer than every record
			{Config: config("message_offset = 0"), Check: kafkaStands(s, 10, 10, 10)},
		},
		CheckDestroy: kafkaStands(s, 10, 10, 10),
	})
}

// DMS tells the offsets of partitions: the numbers are known, and a destroy
// can put them back.
func TestDMSReset(t *testing.T) {
	t.Parallel()
	s := huawei(t)
	config := func(arguments string) string {
		return providerOf(dmsSection(s)) + managedKafka(arguments+"\non_destroy = \"restore\"")
	}
	record := func(previous, to string) knownvalue.Check {
		one := fmt.Sprintf(`{"previous":%s,"offset":%s,"start":10,"end":100}`, previous, to)
		return knownvalue.StringExact(fmt.Sprintf(` {"orders":{"0":%s,"1":%s,"2":%s}}`, one, one, one))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{
				Config: config("message_offset = 20\nmax_replayed_messages = 120\nmax_skipped_messages = 0\nout_of_range = \"error\""),
				Check:  kafkaStands(s, 20, 20, 20),
				ConfigStateChecks: []statecheck.StateCheck{
					state("cluster_id", knownvalue.StringExact(kafkaInstance)),
					state("previous_group_state", knownvalue.StringExact("Empty")),
					state("summary", kafkaNumbers(3, 3, 0, 0, 0, 120, 0)),
					state("record", record("60", "20")),
				},
			},
			{
				PreConfig:        func() { s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 30, 1: 30, 2: 30}) },
				Config:           config("message_offset = 20"),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate), // the limits are gone, and nothing is reset for that
				Check:            kafkaStands(s, 30, 30, 30),
			},
			{
				Config: config("message_offset = 5"),
				Check:  kafkaStands(s, 10, 10, 10),
				ConfigStateChecks: []statecheck.StateCheck{
					state("summary", kafkaNumbers(3, 3, 0, 3, 0, 60, 0)),
				},
			},
			{
				Config: config("message_offset = 5\ntriggers = { run = \"2\" }"),
				ConfigStateChecks: []statecheck.StateCheck{
					state("summary", kafkaNumbers(3, 0, 3, 3, 0, 0, 0)),
				},
			},
			{
				PreConfig:         func() { s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 40, 1: 40, 2: 40}) },
				Config:            config("datetime = \"2026-03-01T16:00:40+02:00\""),
				Check:             kafkaStands(s, 50, 50, 50),
				ConfigStateChecks: []statecheck.StateCheck{state("summary", kafkaNumbers(3, 3, 0, 0, 0, 0, 30)), state("record", record("40", "50"))},
			},
		},
		CheckDestroy: kafkaStands(s, 40, 40, 40),
	})
}

// What a restore cannot do exactly is an error that changes nothing.
func TestDMSRestoreOfOffsetsThatHaveMovedOn(t *testing.T) {
	t.Parallel()
	s := huawei(t)
	config := func(onDestroy string) string {
		return providerOf(dmsSection(s)) + managedKafka("message_offset = 20\non_destroy = \""+onDestroy+"\"")
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps: []resource.TestStep{
			{Config: config("restore"), Check: kafkaStands(s, 20, 20, 20)},
			{
				PreConfig:   func() { s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{1: 25}) },
				Config:      config("restore"),
				Destroy:     true,
				ExpectError: saying("partition 1 is at 25, not at 20. Nothing was changed."),
			},
			{Config: config("keep"), Check: kafkaStands(s, 20, 25, 20)},
		},
		CheckDestroy: kafkaStands(s, 20, 25, 20),
	})
}

// The services reset no group online: the apply waits until its members have left.
func TestManagedKafkaGroupsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for name, section := range kafkaServices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := huawei(t)
			s.AddGroup(kafkaInstance, "billing", romaconnect.Member{ClientID: "invoice-writer-1", Host: "10.0.0.7"})
			s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 60, 1: 60, 2: 60})
			config := func(wait string) string {
				return providerOf(section(s)) + managedKafka("message_offset = 20\nwait_for_inactive = \""+wait+"\"")
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{
					{Config: config("0s"), ExpectError: saying(`the group is active (state Stable)`)},
					{
						PreConfig:        func() { checked(t, kafkaStands(s, 60, 60, 60)); s.LeaveAfter(kafkaInstance, "billing", 5) },
						Config:           config("1m"),
						ConfigPlanChecks: plans(plancheck.ResourceActionCreate),
						Check:            kafkaStands(s, 20, 20, 20),
					},
				},
			})
		})
	}
}

// Groups of two instances may have the same name: neither plans nor what a run
// has set are taken for those of the other.
func TestInstancesAreNotMixedUp(t *testing.T) {
	t.Parallel()
	t.Run("in one run", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		s.Commit(otherInstance, "billing", "orders", map[int32]int64{0: 70, 1: 70, 2: 70})
		const other = "kafka_consumer_offset_reset.other"
		on := func(id string) string {
			return kafkaReset(fmt.Sprintf("instance_id = %q\ngroup_id = \"billing\"\ntopic = \"orders\"\nmessage_offset = 20\non_destroy = \"restore\"", id))
		}
		config := providerOf(dmsSection(s)) + on(kafkaInstance) + strings.Replace(on(otherInstance), `"test"`, `"other"`, 1)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{{
				Config: config,
				Check:  resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 20, 20, 20), kafkaStandsOn(s, otherInstance, 20, 20, 20)),
				ConfigStateChecks: []statecheck.StateCheck{
					state("cluster_id", knownvalue.StringExact(kafkaInstance)),
					state("summary", kafkaNumbers(3, 3, 0, 0, 0, 120, 0)),
					of(other, "cluster_id", knownvalue.StringExact(otherInstance)),
					of(other, "summary", kafkaNumbers(3, 3, 0, 0, 0, 150, 0)),
				},
			}},
			CheckDestroy: resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 60, 60, 60), kafkaStandsOn(s, otherInstance, 70, 70, 70)),
		})
	})
	t.Run("one after the other, created before destroyed", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		config := func(id string) string {
			return providerOf(dmsSection(s)) + kafkaReset(fmt.Sprintf(`
				instance_id    = %q
				group_id       = "billing"
				topic          = "orders"
				message_offset = 20
				on_destroy     = "restore"
				lifecycle {
					create_before_destroy = true
				}
			`, id))
		}
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{Config: config(kafkaInstance), Check: kafkaStands(s, 20, 20, 20)},
				{
					Config:           config(otherInstance),
					ConfigPlanChecks: plans(plancheck.ResourceActionCreateBeforeDestroy),
					Check:            resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 60, 60, 60), kafkaStandsOn(s, otherInstance, 20, 20, 20)),
				},
			},
			CheckDestroy: kafkaStandsOn(s, otherInstance, 60, 60, 60),
		})
	})
}

var kafkaServices = map[string]func(*romaconnect.Server, ...string) string{"ROMA Connect": romaSection, "DMS": dmsSection}

// Names with every kind of character arrive unharmed, in paths, queries,
// bodies and ids.
func TestNamesArriveUnharmedThroughManagedServices(t *testing.T) {
	t.Parallel()
	const group, topic = "bill/ing %2F ü?*", "größe/100% +&=,日本"
	id := "bill%2Fing %252F ü%3F%2A/größe%2F100%25 +&=%2C日本?instance_id="
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		s.AddTopic(rmqInstance, topic, timesOf(100))
		s.AddGroup(rmqInstance, group, apsaramq.Group{})
		s.Consume(rmqInstance, group, topic, 60)
		config := providerOf(apsaramqSection(s)) + rocketmqReset(fmt.Sprintf("instance_id = %q\ntopic = %q\nconsumer_group = %q\n", rmqInstance, topic, group)+toLatest)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{{
				Config:            config,
				ConfigStateChecks: []statecheck.StateCheck{rocketmqState("id", knownvalue.StringExact(id+rmqInstance))},
			}},
			CheckDestroy: func(*terraform.State) error {
				if got := s.Offsets(rmqInstance, group, topic); len(got) != 1 || got[0] != 100 {
					return fmt.Errorf("the group is at %v", got)
				}
				return nil
			},
		})
	})
	for name, section := range kafkaServices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const topic = "orders.v1_x-2" // Kafka's topics have plain names
			id := "bill%2Fing %252F ü%3F%2A/" + topic + "?instance_id="
			s := huawei(t)
			s.AddTopic(kafkaInstance, topic, romaconnect.Log(0, 100, base))
			s.AddGroup(kafkaInstance, group)
			s.Commit(kafkaInstance, group, topic, map[int32]int64{0: 60})
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{{
					Config: providerOf(section(s)) + kafkaReset(fmt.Sprintf(
						"instance_id = %q\ngroup_id = %q\ntopic = %q\nmessage_offset = 20\n", kafkaInstance, group, topic)),
					ConfigStateChecks: []statecheck.StateCheck{state("id", knownvalue.StringExact(id+kafkaInstance))},
				}},
				CheckDestroy: func(*terraform.State) error {
					if got := s.Offsets(kafkaInstance, group, topic); got[0] != 20 {
						return fmt.Errorf("the group is at %v", got)
					}
					return nil
				},
			})
		})
	}
}

// An import of a managed reset means "already done" as well.
func TestManagedImport(t *testing.T) {
	t.Parallel()
	importing := func(address, instance string) string {
		return fmt.Sprintf("import {\n  to       = %s\n  id       = \"billing/orders?instance_id=%s\"\n  provider = offsets\n}\n", address, instance)
	}
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		config := providerOf(apsaramqSection(s)) + managedRocketMQ(toLatest)
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{
					Config:            config + importing(rocketmqAddress, rmqInstance),
					ConfigPlanChecks:  rocketmqPlans(plancheck.ResourceActionUpdate),
					ConfigStateChecks: []statecheck.StateCheck{rocketmqState("instance_id", knownvalue.StringExact(rmqInstance)), rocketmqState("record", knownvalue.Null())},
				},
				{Config: config, ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop)},
			},
			CheckDestroy: apsaramqStands(s, 60, 60),
		})
		if n := len(s.Requests("")); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
	t.Run("DMS", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		config := providerOf(dmsSection(s)) + managedKafka("message_offset = 20\non_destroy = \"restore\"")
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{Config: config + importing(kafkaResetAddress, kafkaInstance), ConfigPlanChecks: plans(plancheck.ResourceActionUpdate)},
				{Config: config, ConfigPlanChecks: plans(plancheck.ResourceActionNoop)},
			},
			CheckDestroy: kafkaStands(s, 60, 60, 60),
		})
		if n := len(s.Requests("")); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

// The plan says what is known, and never that nothing would be replayed where
// nobody can know it.
func TestPreviewsOfManagedResets(t *testing.T) {
	t.Parallel()
	const unknown = `Reset consumer group "billing" on topic "orders": how many messages are replayed or skipped is not known`
	const noZeros = "0 messages replayed"
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		s.AddGroup(rmqInstance, "billing", apsaramq.Group{Clients: []string{"invoice-writer-1"}})
		s.Consume(rmqInstance, "billing", "orders", 60, 60)
		w := attached(t, providerOf(apsaramqSection(s))+managedRocketMQ(toFifty))
		out := w.must(0, "plan")
		says(t, out, unknown, "Instant: 2026-03-01T14:00:50Z", "cluster "+rmqInstance, "1 consumer is online and may stay so: invoice-writer-1",
			"ApsaraMQ tells no offsets of queues", "The stored messages reach from 2026-03-01T14:00:00Z to 2026-03-01T14:01:39Z", "The lag is 80 ready messages")
		saysNot(t, out, noZeros, "0 back")
		out = w.must(0, "apply", "-auto-approve")
		says(t, out, "please note", "After the reset the lag is 100 ready messages and 0 in flight; before it was 80 ready messages")
		w.must(0, "plan", "-detailed-exitcode")
		w.must(0, "destroy", "-auto-approve")
	})
	t.Run("ROMA Connect", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := attached(t, providerOf(romaSection(s))+managedKafka("message_offset = 20\non_destroy = \"restore\""))
		says(t, w.must(0, "apply", "-auto-approve"), `Reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 120 messages replayed, 0 skipped`, "orders-0: 60 → 20 (-40)")
		says(t, w.must(0, "destroy", "-auto-approve"), "destroying puts back 3 partitions, about 0 messages replayed and 120 skipped")
		checked(t, kafkaStands(s, 60, 60, 60))
	})
	t.Run("ROMA Connect without ShowGroup", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		s.WithoutShowGroup(true)
		w := attached(t, providerOf(romaSection(s))+managedKafka("message_offset = 20"))
		out := w.must(0, "apply", "-auto-approve")
		says(t, out, unknown, "Group: Empty; cluster "+kafkaInstance, "The service tells no offsets of partitions", "The group's lag over all its topics is 120",
			"please note", "with a lag of 240 over all its topics; before it was 120")
		saysNot(t, out, noZeros, "0 back")
	})
	t.Run("DMS to an offset", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := attached(t, providerOf(dmsSection(s))+managedKafka("message_offset = 20\non_destroy = \"restore\""))
		says(t, w.must(0, "apply", "-auto-approve"), `Reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 120 messages replayed, 0 skipped`, "orders-0: 60 → 20 (-40)")
		says(t, w.must(0, "destroy", "-auto-approve"), "destroying puts back 3 partitions, about 0 messages replayed and 120 skipped")
		checked(t, kafkaStands(s, 60, 60, 60))
	})
	t.Run("DMS to a time", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := attached(t, providerOf(dmsSection(s))+managedKafka("datetime = \"2026-03-01T14:00:40Z\""))
		out := w.must(0, "plan")
		says(t, out, unknown, "The service finds the offsets of a time while it resets; the group has offsets on 3 of the topic's 3 partitions")
		saysNot(t, out, noZeros)
	})
	t.Run("what would fail", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		w := attached(t, providerOf(dmsSection(s))+managedKafka("message_offset = 20\nmax_replayed_messages = 119"))
		says(t, w.must(0, "plan"), "this would fail if applied now", "120 messages would be replayed and max_replayed_messages is 119")
		a := alibaba(t)
		w = attached(t, providerOf(apsaramqSection(a))+managedRocketMQ(toTime(200)))
		says(t, w.must(0, "plan"), "this would fail if applied now", "lies outside of the stored messages")
	})
}

// Whatever is unknown at plan time is no error, and arrives with the apply.
func TestManagedResetsPlanWithUnknownValues(t *testing.T) {
	t.Parallel()
	a, h := alibaba(t), huawei(t)
	config := fmt.Sprintf(`
		resource "terraform_data" "apsaramq" { input = %s }
		resource "terraform_data" "roma" { input = { service = "dms", instance = %q, offset = 20, limit = 1000, topics = ["orders"] } }
		resource "terraform_data" "rocketmq" { input = { instance = %q, type = "SPECIFIED_TIME", time = "2026-03-01T14:00:50Z", keep = "keep" } }
		provider "offsets" {
			apsaramq = terraform_data.apsaramq.output
			%s
		}
	`, object(apsaramqSection(a)), kafkaInstance, rmqInstance,
		strings.Replace(dmsSection(h), `service = "dms"`, "service = terraform_data.roma.output.service", 1)) +
		rocketmqReset(`
			instance_id = terraform_data.rocketmq.output.instance
			reset_type  = terraform_data.rocketmq.output.type
			reset_time  = terraform_data.rocketmq.output.time
			on_destroy  = terraform_data.rocketmq.output.keep
		`) + kafkaReset(`
			instance_id           = terraform_data.roma.output.instance
			group_id              = "billing"
			topics                = terraform_data.roma.output.topics
			message_offset        = terraform_data.roma.output.offset
			max_replayed_messages = terraform_data.roma.output.limit
			on_destroy            = "restore"
		`)
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: patient(t),
		Steps:                    []resource.TestStep{{Config: config, Check: resource.ComposeAggregateTestCheckFunc(apsaramqStands(a, 50, 50), kafkaStands(h, 20, 20, 20))}},
		CheckDestroy:             kafkaStands(h, 60, 60, 60),
	})
}

// object takes the name from a section.
func object(section string) string {
	_, value, _ := strings.Cut(section, "=")
	return strings.TrimSpace(value)
}
