package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
)

// Broker is a connection to a broker that a request holds for it alone: sarama's
// requests are methods of it, and Message sends the others.
type Broker = connection.Link

// The messages that sarama does not have: share groups (KIP-932) and streams
// groups (KIP-1071).
type (
	// ShareGroupDescribeRequest asks for the state and the members of share groups.
	ShareGroupDescribeRequest = kmsg.ShareGroupDescribeRequest
	// ShareGroupDescribeResponse is the answer to ShareGroupDescribeRequest.
	ShareGroupDescribeResponse = kmsg.ShareGroupDescribeResponse

	// StreamsGroupDescribeRequest asks for the state and the members of streams groups.
	StreamsGroupDescribeRequest = kmsg.StreamsGroupDescribeRequest
	// StreamsGroupDescribeResponse is the answer to StreamsGroupDescribeRequest.
	StreamsGroupDescribeResponse = kmsg.StreamsGroupDescribeResponse

	// DescribeShareGroupOffsetsRequest asks for the start offsets of share groups.
	DescribeShareGroupOffsetsRequest = kmsg.DescribeShareGroupOffsetsRequest
	// ShareGroupOffsetsOf is a group of it; without topics it means all of them.
	ShareGroupOffsetsOf = kmsg.DescribeShareGroupOffsetsRequestGroup
	// ShareGroupOffsetsOfTopic is a topic of it.
	ShareGroupOffsetsOfTopic = kmsg.DescribeShareGroupOffsetsRequestGroupTopic
	// DescribeShareGroupOffsetsResponse is the answer to DescribeShareGroupOffsetsRequest.
	DescribeShareGroupOffsetsResponse = kmsg.DescribeShareGroupOffsetsResponse

	// AlterShareGroupOffsetsRequest sets start offsets of a share group.
	AlterShareGroupOffsetsRequest = kmsg.AlterShareGroupOffsetsRequest
	// AlterShareGroupOffsetsTopic is a topic of it.
	AlterShareGroupOffsetsTopic = kmsg.AlterShareGroupOffsetsRequestTopic
	// AlterShareGroupOffsetsPartition is a partition of it.
	AlterShareGroupOffsetsPartition = kmsg.AlterShareGroupOffsetsRequestTopicPartition
	// AlterShareGroupOffsetsResponse is the answer to AlterShareGroupOffsetsRequest.
	AlterShareGroupOffsetsResponse = kmsg.AlterShareGroupOffsetsResponse

	// DeleteShareGroupOffsetsRequest deletes the start offsets of whole topics.
	DeleteShareGroupOffsetsRequest = kmsg.DeleteShareGroupOffsetsRequest
	// DeleteShareGroupOffsetsTopic is a topic of it.
	DeleteShareGroupOffsetsTopic = kmsg.DeleteShareGroupOffsetsRequestTopic
	// DeleteShareGroupOffsetsResponse is the answer to DeleteShareGroupOffsetsRequest.
	DeleteShareGroupOffsetsResponse = kmsg.DeleteShareGroupOffsetsResponse
)

// String returns the API's name in the protocol: "OffsetCommit".
func (a API) String() string { return kmsg.NameForKey(int16(a)) }

// oldest are the first versions that releases of Kafka have had: those before
// them were previews of another form.
var oldest = map[API]int16{ShareGroupDescribeAPI: 1}

// errAnswer tells of an answer that is not that of the request.
var errAnswer = errors.New("the answer is not that of the request")

// Message returns what sends a request that sarama does not have, in the newest
// version that both sides know. A broker without the API is sarama's
// ErrUnsupportedVersion. A is the answer's type.
func Message[A any](request kmsg.Request) func(*Broker) (*A, error) {
	return func(b *Broker) (*A, error) {
		versions, ok, err := b.VersionsOf(request.Key())
		if err != nil {
			return nil, err
		}
		version := min(versions.Max, request.MaxVersion())
		if !ok || version < max(versions.Min, oldest[API(request.Key())]) {
			return nil, sarama.ErrUnsupportedVersion
		}
		request.SetVersion(version)
		const correlation = 1 // One request at a time.
		frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(b.ClientID())).AppendRequest(nil, request, correlation)
		answer, err := b.Exchange(frame)
		if err != nil {
			return nil, err
		}
		return read[A](answer, correlation, request)
	}
}

// read decodes the answer to a request.
func read[A any](answer []byte, correlation uint32, request kmsg.Request) (*A, error) {
	body, err := answered(answer, correlation, request.IsFlexible())
	if err != nil {
		return nil, err
	}
	response := request.ResponseKind()
	if err := response.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %w", connection.ErrUndecodable, err)
	}
	typed, ok := any(response).(*A)
	if !ok {
		return nil, fmt.Errorf("%w: %T", errAnswer, response)
	}
	return typed, nil
}

// answered returns an answer without its header: the number of the request and,
// in flexible versions, tagged fields.
func answered(answer []byte, correlation uint32, flexible bool) ([]byte, error) {
	if len(answer) < 4 || binary.BigEndian.Uint32(answer) != correlation {
		return nil, fmt.Errorf("%w: %w", connection.ErrUndecodable, errAnswer)
	}
	body := answer[4:]
	if !flexible {
		return body, nil
	}
	number := func() uint64 {
		v, n := binary.Uvarint(body)
		body = body[max(n, 0):]
		if n <= 0 {
			body = nil
		}
		return v
	}
	for tags := number(); tags > 0; tags-- {
		ended := len(body) == 0 // however many are said to come
		_ = number()
		size := number()
		if ended || size > uint64(len(body)) {
			return nil, fmt.Errorf("%w: %w", connection.ErrUndecodable, io.ErrUnexpectedEOF)
		}
		body = body[size:]
	}
	return body, nil
}
