package provider_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// sayingAll matches texts that follow each other, anything between them.
func sayingAll(texts ...string) *regexp.Regexp {
	patterns := make([]string, len(texts))
	for i, text := range texts {
		patterns[i] = saying(text).String()
	}
	return regexp.MustCompile(`(?s)` + strings.Join(patterns, ".*"))
}

// The words of every error that changed nothing, and of every one after which
// nobody knows.
const (
	unchanged  = "Nothing was changed."
	inDoubt    = "It is not known whether the service executed the reset."
	noPreview  = "preview = false" // the failure then meets the apply alone
	rmqRequest = "request id F9A95891-EAD4-5A2B-8A30-"
	hwRequest  = "request id 5a1b7c"
)

// A failure of the service is told with the vendor's code, message and request
// id. The state then has no reset that was not done: after a failure that
// changed nothing there is no resource, and one whose reset is in doubt is
// tainted. In both cases the next apply, with the service in order, resets.
func TestApsaraMQFailures(t *testing.T) {
	t.Parallel()
	reset := func(kind standin.Kind, times int) []standin.Fault {
		return []standin.Fault{fault(apsaramq.ResetConsumeOffset, kind, times)}
	}
	told := func(operation string, kind standin.Kind, status int, code, message string) []standin.Fault {
		return []standin.Fault{{Operation: operation, Kind: kind, Times: -1, Status: status, Code: code, Message: message}}
	}
	for name, test := range map[string]struct {
		section   []string
		arguments string
		faults    []standin.Fault
		says      []string // empty: it succeeds
		tainted   bool
		stands    int64 // on both queues, after the failure; 60 if 0
	}{
		"wrong secret": {
			section: []string{"secret_key", "wrong-secret"},
			says:    []string{"SignatureDoesNotMatch", "HTTP 400", rmqRequest, unchanged, "Check access_key, secret_key and security_token"},
		},
		"expired token": {
			section: []string{"access_key", "LTAItemporary", "security_token", "temporary-token"},
			says:    []string{"InvalidSecurityToken.Expired", rmqRequest, unchanged, "Get new credentials from STS"},
		},
		"throttled for good":  {faults: reset(standin.Throttle, -1), says: []string{"Throttling.User: Request was denied due to user flow control.", "HTTP 429", rmqRequest, "after 4 tries", unchanged}},
		"throttled, then not": {faults: reset(standin.Throttle, 2), stands: 100},
		"looks broken, then not": {
			faults: append(reset(standin.Throttle, 1), fault(apsaramq.GetConsumerGroup, standin.Broken, 2), fault(apsaramq.GetTopic, standin.Unavailable, 1)), stands: 100,
		},
		"a time, broken, then not": {arguments: toFifty, faults: reset(standin.Broken, 2), stands: 50},
		"a time, broken for good": {
			arguments: toFifty, faults: reset(standin.Broken, -1), tainted: true,
			says: []string{"InternalError: The request processing has failed due to some unknown error.", "HTTP 500", rmqRequest, "after 4 tries", inDoubt, "the lag is 80 ready messages", "Apply again: a reset to a time has the same effect if it is executed twice."},
		},
		"looks broken for good": {
			faults: []standin.Fault{fault(apsaramq.GetTopic, standin.Unavailable, -1)},
			says:   []string{"ServiceUnavailable", "HTTP 503", rmqRequest, "after 4 tries", unchanged},
		},
		"the latest, time-out": {
			section: []string{"request_timeout", "2s"}, faults: reset(standin.Hang, -1), tainted: true,
			says: []string{"no answer within 2s", inDoubt, "the lag is 80 ready messages", "that is why it was not sent again"},
		},
		"the latest, executed, then time-out": {
			section: []string{"request_timeout", "2s"}, faults: reset(standin.HangAfter, -1), tainted: true, stands: 100,
			says: []string{"no answer within 2s", inDoubt, "the lag is 0 ready messages", "that is why it was not sent again"},
		},
		"success: false": {
			faults: told(apsaramq.ResetConsumeOffset, standin.ToldAsSuccess, 400, "ConsumerGroup.Frozen", "The group is frozen."),
			says:   []string{"ConsumerGroup.Frozen: The group is frozen.", "HTTP 400", rmqRequest, unchanged},
		},
		"no JSON": {
			faults: reset(standin.Page, -1), tainted: true,
			says: []string{"the answer is not the API's JSON but text/html", "Please log in to the network", "HTTP 200", inDoubt},
		},
		"no JSON at a look": {
			faults: []standin.Fault{fault(apsaramq.GetConsumerGroup, standin.Page, -1)},
			says:   []string{"the answer is not the API's JSON but text/html", unchanged},
		},
		"no right": {
			faults: told(apsaramq.ResetConsumeOffset, standin.Told, 403, "NoPermission", "You are not authorized to do this action."),
			says:   []string{"NoPermission: You are not authorized to do this action.", rmqRequest, unchanged, "allows rocketmq:ResetConsumeOffset"},
		},
		"missing instance": {
			arguments: toLatest + "\ninstance_id = \"rmq-cn-other\"",
			says:      []string{`instance_id = "rmq-cn-other"`, "Instance.NotFound: The instance cannot be found.", "dynamicCode InstanceId", "HTTP 404", rmqRequest, unchanged, "Check instance_id"},
		},
		"missing group": {
			arguments: toLatest + "\nconsumer_group = \"biling\"",
			says:      []string{`consumer_group = "biling"`, "ConsumerGroup.NotFound: The consumer group cannot be found.", rmqRequest, unchanged, "Check consumer_group"},
		},
		"missing topic": {
			arguments: toLatest + "\ntopic = \"order\"",
			says:      []string{`topic = "order"`, "Topic.NotFound: The topic cannot be found.", rmqRequest, unchanged, "Check topic"},
		},
		"a time outside of the stored messages": {
			arguments: toTime(-1),
			says:      []string{"reset_time =", "lies outside of the stored messages, which reach from 2026-03-01T14:00:00Z to 2026-03-01T14:01:39Z", unchanged},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := alibaba(t)
			s.AddKey("LTAItemporary", standin.Key{Secret: apsaramq.SecretKey, Token: "temporary-token", Expired: true})
			s.Fail(test.faults...)
			arguments := test.arguments
			if arguments == "" {
				arguments = toLatest
			}
			if !strings.Contains(arguments, "instance_id") {
				arguments += "\ninstance_id = \"" + rmqInstance + "\""
			}
			config := providerOf(apsaramqSection(s, test.section...), noPreview) + rocketmqReset(lines(arguments))
			if test.stands == 0 {
				test.stands = 60
			}
			if len(test.says) == 0 {
				unitTest(t, resource.TestCase{
					ProtoV6ProviderFactories: patient(t),
					Steps:                    []resource.TestStep{{Config: config, Check: apsaramqStands(s, test.stands, test.stands)}},
				})
				return
			}
			again := plancheck.ResourceActionCreate
			if test.tainted {
				again = plancheck.ResourceActionReplace
			}
			unitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: patient(t),
				Steps: []resource.TestStep{
					{Config: config, ExpectError: sayingAll(append([]string{"Reset consumer group"}, test.says...)...)},
					{
						PreConfig:        func() { checked(t, apsaramqStands(s, test.stands, test.stands)); s.Heal() },
						Config:           providerOf(apsaramqSection(s)) + managedRocketMQ(toLatest),
						ConfigPlanChecks: rocketmqPlans(again),
						Check:            apsaramqStands(s, 100, 100),
					},
				},
			})
		})
	}
}

// The same through ROMA Connect and DMS for Kafka.
func TestManagedKafkaFailures(t *testing.T) {
	t.Parallel()
	reset := func(kind standin.Kind, times int) []standin.Fault {
		return []standin.Fault{fault(romaconnect.Reset, kind, times)}
	}
	for name, test := range map[string]struct {
		section   []string
		arguments string
		faults    []standin.Fault
		says      []string // empty: it succeeds
		tainted   bool     // where nothing can be read back
		// What is said only where offsets are told, and where they are not; ROMA
		// Connect, if it is not the first.
		told, untold, roma []string
	}{
		"wrong secret": {
			section: []string{"secret_key", "wrong-secret"},
			says:    []string{"APIGW.0301: Incorrect IAM authentication information: verify aksk signature fail", "HTTP 401", hwRequest, unchanged, "Check access_key, secret_key and security_token, or auth_token"},
		},
		"expired token": {
			section: []string{"access_key", "HWTEMPORARY", "security_token", "temporary-token"},
			says:    []string{"APIGW.0301", "the security token has expired", hwRequest, unchanged, "tokens end"},
		},
		"wrong auth token": {
			section: []string{"access_key", "", "secret_key", "", "auth_token", "MIIwrong"},
			says:    []string{"APIGW.0301", "decrypt token fail, (secret)", hwRequest, unchanged},
		},
		"other project": {
			section: []string{"project_id", "other"},
			says:    []string{"APIGW.0302: The project in the path is not the user's.", hwRequest, unchanged},
		},
		"throttled for good":  {faults: reset(standin.Throttle, -1), says: []string{"APIGW.0308: The throttling threshold has been reached", "HTTP 429", hwRequest, "after 4 tries", unchanged}},
		"throttled, then not": {faults: reset(standin.Throttle, 2)},
		"broken, then not":    {faults: append(reset(standin.Broken, 2), fault("", standin.Unavailable, 1))},
		"broken for good": {
			faults: reset(standin.Broken, -1), tainted: true,
			says:   []string{"InternalError: The request processing has failed due to some unknown error.", "HTTP 500", hwRequest, "after 4 tries"},
			told:   []string{"Read back: partition 0 has offset 60 instead of 20", "Apply again"},
			untold: []string{inDoubt, "with a lag of 120", "Apply again: the reset has the same effect if it is executed twice."},
		},
		"time-out for good": {
			section: []string{"request_timeout", "1s"}, faults: reset(standin.Hang, -1), tainted: true,
			says: []string{"no answer within 1s", "after 4 tries"}, untold: []string{inDoubt}, told: []string{"Read back: partition 0 has offset 60"},
		},
		"looks broken for good": {
			faults: []standin.Fault{fault("", standin.Unavailable, -1)},
			says:   []string{"ServiceUnavailable", "HTTP 503", hwRequest, "after 4 tries", unchanged},
		},
		"no JSON": {
			faults: reset(standin.Page, -1), tainted: true,
			says: []string{"HTTP 200 where HTTP 204 means success"}, untold: []string{inDoubt}, told: []string{"Read back: partition 0 has offset 60"},
		},
		"no JSON at a look": {
			faults: []standin.Fault{fault("", standin.Page, -1)},
			says:   []string{"the answer is not the API's JSON", "Please log in to the network", unchanged},
		},
		"instance busy": {
			faults: []standin.Fault{{Operation: romaconnect.Reset, Kind: standin.Told, Status: 400, Code: "DMS.00400026", Message: "This operation is not allowed due to the instance status."}},
			says:   []string{"DMS.00400026: This operation is not allowed due to the instance status.", "HTTP 400", hwRequest, unchanged},
		},
		"missing instance": {
			arguments: `instance_id = "2c4d5e6f-9999"`,
			says:      []string{`instance_id = "2c4d5e6f-9999"`, "DMS.00404022: This instance does not exist.", "HTTP 404", hwRequest, unchanged, "Check instance_id"},
		},
		"missing group": {
			arguments: `group_id = "biling"`,
			says:      []string{`group_id = "biling"`},
			told:      []string{"DMS.111400864: The consumer group does not exist.", hwRequest, unchanged, "Check group_id"},
			untold:    []string{"ListInstanceGroups): the instance has no such group", unchanged, "Check group_id"},
		},
		"missing topic": {
			arguments: `topic = "order"`,
			says:      []string{`topic = "order"`},
			told:      []string{"DMS.00404045: The topic does not exist.", hwRequest, unchanged, "Check topic"},
			untold:    []string{"ListMqsInstanceTopics): the instance has no such topic", unchanged, "Check topic"},
			roma:      []string{"ListMqsInstanceTopics): the instance has no such topic", unchanged, "Check topic"},
		},
		"missing partition": {
			arguments: `partition = 7`,
			says:      []string{`partition = 7`, "the topic has no partition 7, it has 3", unchanged},
		},
	} {
		const withoutShowGroup = "ROMA Connect without ShowGroup"
		services := maps.Clone(kafkaServices)
		services[withoutShowGroup] = romaSection
		for service, section := range services {
			t.Run(name+"/"+service, func(t *testing.T) {
				t.Parallel()
				s := huawei(t)
				target := "message_offset = 20"
				if service == withoutShowGroup { // an offset that may lie beyond the end would be sent once
					s.WithoutShowGroup(true)
					target = "datetime = \"2026-03-01T14:00:10Z\""
				}
				s.AddKey("HWTEMPORARY", standin.Key{Secret: romaconnect.SecretKey, Token: "temporary-token", Expired: true})
				s.Fail(test.faults...)
				arguments := target + "\n" + test.arguments
				for _, usual := range [][2]string{{"instance_id", kafkaInstance}, {"group_id", "billing"}, {"topic", "orders"}} {
					if !strings.Contains(arguments, usual[0]) {
						arguments += "\n" + usual[0] + " = \"" + usual[1] + "\""
					}
				}
				config := providerOf(section(s, test.section...), noPreview) + kafkaReset(arguments)
				if len(test.says) == 0 {
					unitTest(t, resource.TestCase{
						ProtoV6ProviderFactories: patient(t),
						Steps:                    []resource.TestStep{{Config: config, Check: kafkaStands(s, 20, 20, 20)}},
					})
					return
				}
				more, again := test.told, plancheck.ResourceActionCreate
				switch {
				case service == "ROMA Connect" && test.roma != nil:
					more = test.roma
				case service == withoutShowGroup:
					more = test.untold
					if test.tainted {
						again = plancheck.ResourceActionReplace
					}
				}
				texts := append(append([]string{"Reset consumer group"}, test.says...), more...)
				unitTest(t, resource.TestCase{
					ProtoV6ProviderFactories: patient(t),
					Steps: []resource.TestStep{
						{Config: config, ExpectError: sayingAll(texts...)},
						{
							PreConfig:        func() { checked(t, kafkaStands(s, 60, 60, 60)); s.Heal() },
							Config:           providerOf(section(s)) + managedKafka(target),
							ConfigPlanChecks: plans(again),
							Check:            kafkaStands(s, 20, 20, 20),
						},
					},
				})
			})
		}
	}
}

// A failed update of which nothing is known leaves the state of the reset
// before it, and the plan goes on to say that a reset is due.
func TestManagedUpdateInDoubtIsDueAgain(t *testing.T) {
	t.Parallel()
	const once, twice = "triggers = { run = \"1\" }", "triggers = { run = \"2\" }"
	t.Run("ApsaraMQ", func(t *testing.T) {
		t.Parallel()
		s := alibaba(t)
		config := func(arguments ...string) string {
			return providerOf(apsaramqSection(s)) + managedRocketMQ(strings.Join(arguments, "\n"))
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{Config: config(toFifty, once), Check: apsaramqStands(s, 50, 50)},
				{
					PreConfig:   func() { s.Fail(fault(apsaramq.ResetConsumeOffset, standin.BrokenAfter, 1)) },
					Config:      config(toLatest, twice),
					ExpectError: sayingAll("InternalError", inDoubt, "the lag is 0 ready messages", "that is why it was not sent again"),
				},
				{
					PreConfig:        func() { checked(t, apsaramqStands(s, 100, 100)) },
					Config:           config(toFifty, once), // as the state has it
					ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionNoop),
				},
				{
					Config:           config(toLatest, twice),
					ConfigPlanChecks: rocketmqPlans(plancheck.ResourceActionUpdate),
					Check:            apsaramqStands(s, 100, 100),
				},
			},
		})
	})
	t.Run("ROMA Connect without ShowGroup", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		s.WithoutShowGroup(true)
		config := func(trigger string) string {
			return providerOf(romaSection(s)) + managedKafka("message_offset = 20\n"+trigger)
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{Config: config(once), Check: kafkaStands(s, 20, 20, 20)},
				{PreConfig: func() { s.Fail(fault(romaconnect.Reset, standin.Broken, -1)) }, Config: config(twice), ExpectError: sayingAll("HTTP 500", inDoubt, "that is why it was not sent again")},
				{
					PreConfig:        s.Heal,
					Config:           config(twice),
					ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
					Check:            kafkaStands(s, 20, 20, 20),
				},
			},
		})
	})
	// DMS tells where the group was, so the record keeps that until the rest is done.
	t.Run("DMS", func(t *testing.T) {
		t.Parallel()
		s := huawei(t)
		config := func(arguments string) string {
			return providerOf(dmsSection(s)) + managedKafka(arguments+"\non_destroy = \"restore\"")
		}
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: patient(t),
			Steps: []resource.TestStep{
				{Config: config("message_offset = 20"), Check: kafkaStands(s, 20, 20, 20)},
				{
					PreConfig: func() {
						s.Commit(kafkaInstance, "billing", "orders", map[int32]int64{0: 30, 1: 30, 2: 30})
						s.Fail(fault(romaconnect.Reset, standin.BrokenAfter, -1), fault(romaconnect.TopicInfo, standin.Broken, 0))
					},
					Config:      config("datetime = \"2026-03-01T14:00:40Z\""),
					ExpectError: sayingAll("HTTP 500", "Read back: partition 0 has offset 50 instead of the time's offset", "Apply again"),
				},
				{
					PreConfig:        s.Heal,
					Config:           config("datetime = \"2026-03-01T14:00:40Z\""),
					ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
					Check:            resource.ComposeAggregateTestCheckFunc(kafkaStands(s, 50, 50, 50), recorded("orders", 30, 50)),
					ConfigStateChecks: []statecheck.StateCheck{
						state("applied_at", knownvalue.NotNull()), state("summary", kafkaNumbers(3, 3, 0, 0, 0, 0, 60)),
					},
				},
			},
			CheckDestroy: kafkaStands(s, 30, 30, 30),
		})
	})
}

// A reset that turns out to have been done need not be done again.
func TestAResetInDoubtCanBeKept(t *testing.T) {
	t.Parallel()
	s := alibaba(t)
	s.Fail(fault(apsaramq.ResetConsumeOffset, standin.BrokenAfter, 1))
	w := attached(t, providerOf(apsaramqSection(s))+managedRocketMQ(toLatest))
	says(t, w.must(1, "apply", "-auto-approve"), inDoubt, "the lag is 0 ready messages")
	says(t, w.must(0, "show"), rocketmqAddress+": (tainted)")
	says(t, w.must(0, "plan"), "must be replaced")
	w.must(0, "untaint", rocketmqAddress)
	says(t, w.must(0, "plan", "-detailed-exitcode"), "No changes.")
	if shown := w.must(0, "show"); strings.Contains(shown, "applied_at") || strings.Contains(shown, "record") {
		t.Errorf("the state claims to know of the reset: %s", shown)
	}
	w.must(0, "destroy", "-auto-approve")
	if n := len(s.Requests(apsaramq.ResetConsumeOffset)); n != 1 {
		t.Errorf("%d resets were sent", n)
	}
	checked(t, apsaramqStands(s, 100, 100))
}
