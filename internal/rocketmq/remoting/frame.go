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

const (
	serializeJSON = 0 // the header's serialization; 1 would be RocketMQ's own

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

// ReadFrame reads one frame. Lengths are checked against limit before anything
// is allocated, and memory grows only as bytes arrive. An error that wraps
// io.EOF means that the input ended between two frames.
func ReadFrame(r io.Reader, limit int) (*Header, []byte, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(r, lengths[:4]); err != nil {
		return nil, nil, err
	}
	total := int64(binary.BigEndian.Uint32(lengths[:4]))
	if total < 4 || total > int64(limit) {
		return nil, nil, fmt.Errorf("not RocketMQ's protocol, or damaged: a frame of %d bytes, where 4 to %d are possible", total, limit)
	}
	if _, err := io.ReadFull(r, lengths[4:]); err != nil {
		return nil, nil, unexpected(err)
	}
	word := binary.BigEndian.Uint32(lengths[4:])
	serialize, length := word>>24, int64(word&0xFFFFFF)
	if serialize != serializeJSON {
		return nil, nil, fmt.Errorf("the header is serialized in form %d, where JSON (0) was asked for", serialize)
	}
	if length > maxHeader || length > total-4 {
		return nil, nil, fmt.Errorf("a header of %d bytes in a frame of %d", length, total)
	}
	head, err := readN(r, length)
	if err != nil {
		return nil, nil, err
	}
	h, err := decodeHeader(head)
	if err != nil {
		return nil, nil, err
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
