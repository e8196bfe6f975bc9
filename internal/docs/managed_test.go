package docs

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/sample"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// The instances that the examples speak of.
const (
	apsaraInstance = "rmq-cn-7e22ody2x03"
	romaInstance   = "6f8a1c2e-4b5d-4c7e-9f10-2a3b4c5d6e7f"
)

// services are the managed services that the examples speak of. They stand
// for servers inside the test's process.
type services struct {
	apsara *apsaramq.Server
	roma   *romaconnect.Server
}

// startServices starts the services, with the topic orders and the group
// billing as the usual clusters have them.
func startServices(t *testing.T) services {
	t.Helper()
	s := services{apsara: apsaramq.New(t), roma: romaconnect.New(t)}
	s.apsara.AddKey("LTAI5tExampleKeyId", standin.Key{Secret: password})
	s.roma.AddKey("HST3EXAMPLEACCESSKEY", standin.Key{Secret: password})
	stored := sample.Times()
	s.apsara.AddInstance(apsaraInstance)
	s.apsara.AddTopic(apsaraInstance, "orders", stored, stored)
	s.apsara.AddGroup(apsaraInstance, "billing", apsaramq.Group{})
	s.apsara.Consume(apsaraInstance, "billing", "orders", 900, 900)
	s.roma.AddInstance(romaInstance)
	log := romaconnect.Partition{Times: stored}
	s.roma.AddTopic(romaInstance, "orders", log, log, log)
	s.roma.AddGroup(romaInstance, "billing")
	s.roma.Commit(romaInstance, "billing", "orders", billing["orders"])
	return s
}

var region = regexp.MustCompile(`(?m)^( +)region( +)= "(cn-[a-z0-9-]+)"$`)

const project = "0d8c1a2b3c4d5e6f70819203a4b5c6d7"

// inPlace puts the servers' addresses in the place of the regions, and the
// project that they know in the place of the examples'.
func (s services) inPlace(code string) string {
	host := s.roma.Host
	if strings.Contains(code, "apsaramq = {") {
		host = s.apsara.Host
	}
	code = strings.ReplaceAll(code, project, romaconnect.ProjectID)
	return region.ReplaceAllString(code, `${1}endpoint${2}= "`+host+`"`)
}

// environment lets the provider in where an example leaves that to the environment.
func (s services) environment(t *testing.T, w workspace, code string) []string {
	t.Helper()
	ca, env := s.roma.CA, []string{"HW_ACCESS_KEY=" + romaconnect.AccessKey, "HW_SECRET_KEY=" + romaconnect.SecretKey}
	if strings.Contains(code, "apsaramq = {") {
		ca, env = s.apsara.CA, []string{
			"ALIBABA_CLOUD_ACCESS_KEY_ID=" + apsaramq.AccessKey, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + apsaramq.SecretKey,
		}
	}
	w.write("services.pem", ca)
	return append(env, "SSL_CERT_FILE="+w.dir+"/services.pem", "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true")
}

// managedProbe is a probe for a provider that is configured for a service.
func managedProbe(code string) string {
	if strings.Contains(code, "apsaramq = {") {
		return `resource "rocketmq_consumer_offset_reset" "probe" {
  provider = offsets

  instance_id    = "` + apsaraInstance + `"
  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "LATEST_OFFSET"
}
`
	}
	return `resource "kafka_consumer_offset_reset" "probe" {
  provider = offsets

  instance_id    = "` + romaInstance + `"
  group_id       = "billing"
  topic          = "orders"
  message_offset = 0
}
`
}

func (s services) check(t *testing.T, want *managedOffsets) {
	t.Helper()
	if want == nil {
		return
	}
	if want.apsara != nil {
		for queue, got := range s.apsara.Offsets(apsaraInstance, "billing", "orders") {
			if got != want.apsara[queue] {
				t.Errorf("billing has %d in queue %d, not %d", got, queue, want.apsara[queue])
			}
		}
	}
	if got := s.roma.Offsets(romaInstance, "billing", "orders"); want.roma != nil && !maps.Equal(got, want.roma) {
		t.Errorf("billing has %v, not %v", got, want.roma)
	}
}

// managedOffsets are the offsets of billing on orders at the services.
type managedOffsets struct {
	apsara []int64
	roma   map[int32]int64
}
