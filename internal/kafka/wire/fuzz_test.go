package wire

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
)

// FuzzMessage feeds an answer to every message that sarama does not have. It
// ends soon, whatever the answer says of how much is to come.
func FuzzMessage(f *testing.F) {
	// A group whose tags are said to be 2^32 - 1, and headers that say so.
	f.Add([]byte("\x00\x00\x00\x01\x00" + "\x00\x00\x00\x00" + "\x02\x00\x00\x00\x02g\x06Empty\x00\x00\x00\x01\x00\x00\x00\x01\x07simple\x01\x80\x00\x00\x00\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x00\x00\x00\x01\x00" + "\x00\x00\x00\x00" + "\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("\x00\x00\x00\x01\x01\x00\xff\xff\x03x"))
	f.Add([]byte("\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		check := func(got any, err error) {
			if err != nil && !errors.Is(err, connection.ErrUndecodable) {
				t.Errorf("%T: %v", got, err)
			}
		}
		for version := range int16(2) {
			of := func(r kmsg.Request) kmsg.Request {
				r.SetVersion(min(version, r.MaxVersion()))
				return r
			}
			check(read[ShareGroupDescribeResponse](answer, 1, of(&ShareGroupDescribeRequest{})))
			check(read[StreamsGroupDescribeResponse](answer, 1, of(&StreamsGroupDescribeRequest{})))
			check(read[DescribeShareGroupOffsetsResponse](answer, 1, of(&DescribeShareGroupOffsetsRequest{})))
			check(read[AlterShareGroupOffsetsResponse](answer, 1, of(&AlterShareGroupOffsetsRequest{})))
			check(read[DeleteShareGroupOffsetsResponse](answer, 1, of(&DeleteShareGroupOffsetsRequest{})))
		}
	})
}
