package provider_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

const (
	rmqInstance   = "rmq-cn-tl32ue44x0g"
	kafkaInstance = "2c4d5e6f-0001"
	otherInstance = "2c4d5e6f-0002"
)

// patient has the provider ask managed services again without long pauses.
func patient(t *testing.T) factories {
	t.Helper()
	return inProcess(t, provider.WithPatience(managed.Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond}, 10*time.Millisecond))
}

// alibaba is a stand-in of ApsaraMQ with one instance: the topic orders, two
// queues of 100 messages, a second apart from base, and the group billing at
// 60 on both.
func alibaba(t *testing.T) *apsaramq.Server {
	t.Helper()
	s := apsaramq.New(t)
	s.AddInstance(rmqInstance)
	s.AddTopic(rmqInstance, "orders", timesOf(100), timesOf(100))
	s.AddGroup(rmqInstance, "billing", apsaramq.Group{})
	s.Consume(rmqInstance, "billing", "orders", 60, 60)
	return s
}

// huawei is a stand-in of ROMA Connect and DMS for Kafka with two equal
// instances: the topic orders, three partitions from 10 to 100, a record a
// second from base, and the group billing at 60 on all of them.
func huawei(t *testing.T) *romaconnect.Server {
	t.Helper()
	s := romaconnect.New(t)
	for _, id := range []string{kafkaInstance, otherInstance} {
		s.AddInstance(id)
		log := romaconnect.Log(10, 100, base)
		s.AddTopic(id, "orders", log, log, log)
		s.AddGroup(id, "billing")
		s.Commit(id, "billing", "orders", map[int32]int64{0: 60, 1: 60, 2: 60})
	}
	return s
}

// apsaramqSection is the section for a stand-in; later arguments win.
func apsaramqSection(s *apsaramq.Server, settings ...string) string {
	return sectionOf("apsaramq", map[string]string{
		"endpoint": s.Host, "ca_cert": s.CA, "access_key": apsaramq.AccessKey, "secret_key": apsaramq.SecretKey,
	}, settings)
}

func romaSection(s *romaconnect.Server, settings ...string) string {
	return sectionOf("roma_connect", map[string]string{
		"endpoint": s.Host, "ca_cert": s.CA, "project_id": romaconnect.ProjectID,
		"access_key": romaconnect.AccessKey, "secret_key": romaconnect.SecretKey,
	}, settings)
}

// dmsSection is the section for a stand-in of DMS for Kafka.
func dmsSection(s *romaconnect.Server, settings ...string) string {
	return romaSection(s, append([]string{"service", "dms"}, settings...)...)
}

// sectionOf writes a provider's section; settings are names and values by
// turns, an empty value taking a setting away.
func sectionOf(name string, usual map[string]string, settings []string) string {
	for i := 0; i+1 < len(settings); i += 2 {
		usual[settings[i]] = settings[i+1]
	}
	text := "  " + name + " = {\n"
	for key, value := range usual {
		if value != "" {
			text += fmt.Sprintf("    %s = %q\n", key, value)
		}
	}
	return text + "  }\n"
}

// providerOf is a provider with sections or settings.
func providerOf(parts ...string) string {
	text := "provider \"offsets\" {\n"
	for _, p := range parts {
		text += p + "\n"
	}
	return text + "}\n"
}

// managedKafka and managedRocketMQ are resets of billing on orders.
func managedKafka(arguments string) string {
	return kafkaReset(fmt.Sprintf("instance_id = %q\ngroup_id = \"billing\"\ntopic = \"orders\"\n%s", kafkaInstance, arguments))
}

func managedRocketMQ(arguments string) string {
	return rocketmqReset(fmt.Sprintf("instance_id = %q\n%s", rmqInstance, lines(arguments)))
}

// apsaramqStands and kafkaStands check the service's own view of billing.
func apsaramqStands(s *apsaramq.Server, want ...int64) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := s.Offsets(rmqInstance, "billing", "orders"); !slices.Equal(got, want) {
			return fmt.Errorf("billing is at %v, want %v", got, want)
		}
		return nil
	}
}

func kafkaStands(s *romaconnect.Server, want ...int64) resource.TestCheckFunc {
	return kafkaStandsOn(s, kafkaInstance, want...)
}

func kafkaStandsOn(s *romaconnect.Server, id string, want ...int64) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got := s.Offsets(id, "billing", "orders")
		for p, n := range want {
			if got[int32(p)] != n { //nolint:gosec // the index of a short list
				return fmt.Errorf("billing is at %v on %s, want %v", got, id, want)
			}
		}
		return nil
	}
}

// checked runs a check outside of Terraform.
func checked(t *testing.T, check resource.TestCheckFunc) {
	t.Helper()
	if err := check(nil); err != nil {
		t.Error(err)
	}
}

// noNumbers is a summary of which nothing is known.
func noNumbers(partitions string) knownvalue.Check {
	null := knownvalue.Null()
	numbers := map[string]knownvalue.Check{
		partitions: null, "moved": null, "unchanged": null, "clamped": null, "created": null, "replayed_messages": null, "skipped_messages": null,
	}
	if partitions == "partitions" { // Only Kafka has snapshots.
		numbers["matched"], numbers["unmatched"] = null, null
	}
	return knownvalue.ObjectExact(numbers)
}

// kafkaNumbers is a summary, in the order of its attributes in the documentation.
func kafkaNumbers(partitions, moved, unchanged, clamped, created, replayed, skipped int64) knownvalue.Check {
	exact := knownvalue.Int64Exact
	return knownvalue.ObjectExact(map[string]knownvalue.Check{
		"partitions": exact(partitions), "moved": exact(moved), "unchanged": exact(unchanged), "clamped": exact(clamped), "created": exact(created),
		"replayed_messages": exact(replayed), "skipped_messages": exact(skipped), "matched": exact(0), "unmatched": exact(0),
	})
}

// fault is a fault of one operation.
func fault(operation string, kind standin.Kind, times int) standin.Fault {
	return standin.Fault{Operation: operation, Kind: kind, Times: times}
}

// timesOf are the times of so many messages, a second apart from base.
func timesOf(n int) []time.Time {
	times := make([]time.Time, n)
	for i := range times {
		times[i] = base.Add(time.Duration(i) * time.Second)
	}
	return times
}
