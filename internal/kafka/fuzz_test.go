package kafka

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// FuzzMember feeds what a client says in a group's protocol, which the broker
// hands on as it came. What cannot be read is unknown, and not nothing.
func FuzzMember(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x06orders\x00\x00\x00\x00"), []byte("\x00\x00\x00\x00\x00\x01\x00\x06orders\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x03\x7f\xff\xff\xff"), []byte("\x00\x00\x00\x00\x00\x01\x00\x01t\x7f\xff\xff\xff"))
	f.Add([]byte{}, []byte{0xff})
	f.Add([]byte("\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01"), []byte("\xff\xff"))
	f.Fuzz(func(t *testing.T, metadata, assignment []byte) {
		g := &group{state: "Stable"}
		g.join(&sarama.GroupMemberDescription{MemberId: "m", MemberMetadata: metadata, MemberAssignment: assignment})
		if len(g.members) != 1 || g.idle() || !g.opaque && len(g.topics) == 0 && len(metadata) == 0 {
			t.Errorf("%+v", g)
		}
		if g.opaque && !g.subscribed([]string{"any"}) {
			t.Errorf("a subscription that cannot be read counts as none: %+v", g)
		}
		_ = active(g, false).Error()
		_ = offset.CodeOf(active(g, true))
	})
}
