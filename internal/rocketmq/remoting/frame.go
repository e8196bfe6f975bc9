package remoting

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// DefaultMaxFrame is the longest frame that brokers themselves accept and
// send: Netty's limit in RocketMQ, 16 MiB.
const DefaultMaxFrame = 16 << 20

// maxHeader bounds a header: a remark can hold a Java stack trace, no more.
const maxHeader = 1 << 20

// maxSkip bounds how much of a frame that is too long is read over, so that
// the answers behind it still arrive.
const maxSkip = 1 << 30

const (
	serializeJSON   = 0 // the header's serialization
	serializeBinary = 1 // the same, in RocketMQ's own form

	flagResponse = 1 // the frame is an answer
	flagOneway   = 2 // no answer is expected
)

// What brokers are told of this client.
const (
	language      = "GO"
	clientVersion = 317 // V4_5_2's ordinal, as the Go client library sends it
)

// Header is what a frame says beside its body.
type Header struct {
	Code     int               `json:"code"`
	Language string            `json:"language"`
	Version  int               `json:"version"`
	Opaque   int32             `json:"opaque"`
	Flag     int32             `json:"flag"`
	Remark   string            `json:"remark,omitempty"`
	Fields   map[string]string `json:"extFields,omitempty"`
}

// IsResponse tells whether the frame is an answer.
func (h *Header) IsResponse() bool { return h.Flag&flagResponse != 0 }

// IsOneway tells whether no answer is expected.
func (h *Header) IsOneway() bool { return h.Flag&flagOneway != 0 }

// AsResponse marks the frame as an answer.
func (h *Header) AsResponse() { h.Flag |= flagResponse }

// EncodeFrame writes header and body as one frame: the length of all that
// follows, the header's serialization and length, the header, the body.
func EncodeFrame(h *Header, body []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the header: %w", err)
	}
	if len(head) > maxHeader || 4+len(head)+len(body) > DefaultMaxFrame {
		return nil, errors.New("the request is too long for a frame")
	}
	frame := make([]byte, 0, 8+len(head)+len(body))
	frame = binary.BigEndian.AppendUint32(frame, uint32(4+len(head)+len(body)))       //nolint:gosec // Bounded above.
	frame = binary.BigEndian.AppendUint32(frame, serializeJSON<<24|uint32(len(head))) //nolint:gosec // The same.
	frame = append(frame, head...)
	return append(frame, body...), nil
}

// ErrHTTP tells that the other side speaks HTTP, as the gRPC port of a proxy does.
var ErrHTTP = errors.New("the server speaks HTTP/2 (gRPC) and not RocketMQ's remoting protocol")

// TooLongError tells that a frame is longer than may be read. Its header was
// read, its body was skipped, and what follows can be read.
type TooLongError struct {
	Size, Limit int64 // in bytes
}

// Error says both.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("an answer of %d bytes, where at most %d are read", e.Size, e.Limit)
}

// ReadFrame reads one frame. Lengths are checked against limit before anything
// is allocated, and memory grows only as bytes arrive. An error that wraps
// io.EOF means that the input ended between two frames. A *TooLongError comes
// with the frame's header.
func ReadFrame(r io.Reader, limit int) (*Header, []byte, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(r, lengths[:4]); err != nil {
		return nil, nil, err
	}
	total := int64(binary.BigEndian.Uint32(lengths[:4]))
	if string(lengths[:4]) == "HTTP" {
		return nil, nil, ErrHTTP
	}
	if total < 4 || total > max(maxSkip, int64(limit)) {
		return nil, nil, fmt.Errorf("not RocketMQ's protocol, or damaged: a frame of %d bytes, where 4 to %d are possible", total, limit)
	}
	if _, err := io.ReadFull(r, lengths[4:]); err != nil {
		return nil, nil, unexpected(err)
	}
	word := binary.BigEndian.Uint32(lengths[4:])
	serialize, length := word>>24, int64(word&0xFFFFFF)
	switch {
	// HTTP/2 begins with a SETTINGS frame: its length in three bytes, the type
	// 4, the flags, and the stream 0. A header of no length is none of ours.
	case word == 0 && lengths[3] == 4:
		return nil, nil, ErrHTTP
	case serialize != serializeJSON && serialize != serializeBinary:
		return nil, nil, fmt.Errorf("not RocketMQ's protocol, or damaged: the header is serialized in form %d, where 0 (JSON) and 1 (binary) are known", serialize)
	case length > maxHeader || length > total-4:
		return nil, nil, fmt.Errorf("a header of %d bytes in a frame of %d", length, total)
	}
	head, err := readN(r, length)
	if err != nil {
		return nil, nil, err
	}
	decode := decodeHeader
	if serialize == serializeBinary {
		decode = decodeBinaryHeader
	}
	h, err := decode(head)
	if err != nil {
		return nil, nil, err
	}
	if total > int64(limit) {
		if _, err := io.CopyN(io.Discard, r, total-4-length); err != nil {
			return nil, nil, unexpected(err)
		}
		return h, nil, &TooLongError{total, int64(limit)}
	}
	body, err := readN(r, total-4-length)
	return h, body, err
}

// decodeHeader reads the header's JSON. Header fields whose value is not a
// string are kept as they are written: fastjson quotes them all, other
// implementations do not.
func decodeHeader(b []byte) (*Header, error) {
	var raw struct {
		Code     *int            `json:"code"`
		Language json.RawMessage `json:"language"`
		Version  int             `json:"version"`
		Opaque   int32           `json:"opaque"`
		Flag     int32           `json:"flag"`
		Remark   *string         `json:"remark"`

		Fields map[string]json.RawMessage `json:"extFields"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("the header is no JSON object that could be read: %w", err)
	}
	if raw.Code == nil {
		return nil, errors.New("the header has no code")
	}
	h := &Header{Code: *raw.Code, Version: raw.Version, Opaque: raw.Opaque, Flag: raw.Flag}
	_ = json.Unmarshal(raw.Language, &h.Language) // informative only
	if raw.Remark != nil {
		h.Remark = *raw.Remark
	}
	if len(raw.Fields) > 0 {
		h.Fields = make(map[string]string, len(raw.Fields))
		for k, v := range raw.Fields {
			var s string
			if json.Unmarshal(v, &s) != nil {
				s = string(v)
			}
			h.Fields[k] = s
		}
	}
	return h, nil
}

// readN reads n bytes without trusting n: the buffer grows with what arrives.
func readN(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, n); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

// unexpected makes the end of the input inside a frame different from one
// between two frames.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the frame is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}
