package provider_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// unreadable is what no broker written in Java says: bytes that are not UTF-8,
// and what clears a terminal. Shown is how it is told.
const (
	unreadable = "caf\xe9 \x1b[2J"
	shown      = `caf\xe9 \x1b[2J`
)

// strangely has the cluster tell of a member of billing on a host of that name.
func strangely(c *fake.Cluster, host string) {
	c.ControlKey(describeGroup, func(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // kfake's form
		c.KeepControl()
		resp := kreq.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, name := range kreq.(*kmsg.DescribeGroupsRequest).Groups {
			g, m := kmsg.NewDescribeGroupsResponseGroup(), kmsg.NewDescribeGroupsResponseGroupMember()
			m.MemberID, m.ClientID, m.ClientHost = "m-1", host, "/"+host
			g.Group, g.State, g.ProtocolType, g.Members = name, "Stable", "consumer", []kmsg.DescribeGroupsResponseGroupMember{m}
			resp.Groups = append(resp.Groups, g)
		}
		return resp, nil, true
	})
}

// A broker's text does nothing to a terminal, and shows what it is.
func TestTextsOfBrokersAreReadable(t *testing.T) {
	t.Parallel()
	t.Run("Kafka", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		strangely(c, unreadable)
		resource.UnitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps: []resource.TestStep{{
				Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
					group_id          = "billing"
					topic             = "orders"
					position          = "earliest"
					wait_for_inactive = "0s"
				`)),
				ExpectError: saying("on " + shown),
			}},
		})
		has(t, c, "billing", at(60))
	})
	t.Run("RocketMQ", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		c.SetFault(func(call rocketfake.Call) *rocketfake.Fault {
			if call.Server == "name server" {
				return nil
			}
			return &rocketfake.Fault{Raw: refusal(call.Opaque, unreadable)}
		})
		unitTest(t, resource.TestCase{
			ProtoV6ProviderFactories: inProcess(t),
			Steps:                    []resource.TestStep{{Config: rocketmqConfig(c, rocketmqReset(toEarliest)), ExpectError: saying(`caf\xe9 [2J`)}},
		})
		c.SetFault(nil)
		mustStand(t, c, all(60))
	})
}

// refusal is a broker's answer in RocketMQ's binary form, whose texts are bytes.
func refusal(opaque int32, remark string) []byte {
	b := binary.BigEndian.AppendUint16(nil, 1) // SYSTEM_ERROR
	b = append(b, 0)                           // Java
	b = binary.BigEndian.AppendUint16(b, 435)
	b = binary.BigEndian.AppendUint32(b, uint32(opaque))
	b = binary.BigEndian.AppendUint32(b, 1) // an answer
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(remark))), remark...)
	b = binary.BigEndian.AppendUint32(b, 0) // no fields
	head := binary.BigEndian.AppendUint32(nil, uint32(4+len(b)))
	return append(binary.BigEndian.AppendUint32(head, 1<<24|uint32(len(b))), b...)
}

// What a commit carried beside its offset may be any bytes. A restore brings
// the very same back, through Terraform's own state.
func TestKafkaMetadataThatIsNoTextIsRestored(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	before := kafkaclient.Commits{"orders": {
		0: {Offset: 60, Epoch: -1, Metadata: unreadable},
		1: {Offset: 60, Epoch: -1, Metadata: "gro\u0308ße"}, // which Terraform would write with an ö
		2: {Offset: 60, Epoch: -1, Metadata: "größe"},
	}}
	c.CommitWith(t, "billing", before)
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{{
			Config: kafkaConfig(c.Bootstrap(), kafkaReset(`
				group_id   = "billing"
				topic      = "orders"
				position   = "earliest"
				on_destroy = "restore"
			`)),
			Check: committed(c, "billing", orders(10, 10, 10)),
		}},
		CheckDestroy: func(*terraform.State) error {
			if got := c.Commits(t, "billing")["orders"]; !maps.Equal(got, before["orders"]) {
				return fmt.Errorf("the commits are %+v, want %+v", got, before["orders"])
			}
			return nil
		},
	})
}
