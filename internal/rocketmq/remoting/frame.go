package remoting

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
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
	Code     int
	Language string
	Version  int
	Opaque   int32
	Flag     int32
	Remark   string
	Fields   map[string]string // "extFields"
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
	const lengths = 8
	frame := appendHeader(make([]byte, lengths, 512), h)
	head := len(frame) - lengths
	if head > maxHeader || 4+head+len(body) > DefaultMaxFrame {
		return nil, errors.New("the request is too long for a frame")
	}
	binary.BigEndian.PutUint32(frame, uint32(4+head+len(body)))           //nolint:gosec // Bounded above.
	binary.BigEndian.PutUint32(frame[4:], serializeJSON<<24|uint32(head)) //nolint:gosec // The same.
	return append(frame, body...), nil
}

// appendHeader writes the header as JSON. It is on the way of every request,
// of which a reset sends two for each queue.
func appendHeader(b []byte, h *Header) []byte {
	b = strconv.AppendInt(append(b, `{"code":`...), int64(h.Code), 10)
	b = appendText(append(b, `,"language":`...), h.Language)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(h.Version), 10)
	b = strconv.AppendInt(append(b, `,"opaque":`...), int64(h.Opaque), 10)
	b = strconv.AppendInt(append(b, `,"flag":`...), int64(h.Flag), 10)
	if h.Remark != "" {
		b = appendText(append(b, `,"remark":`...), h.Remark)
	}
	if len(h.Fields) > 0 {
		b = append(b, `,"extFields":`...)
		begin := byte('{')
		for k, v := range h.Fields {
			b = append(appendText(append(b, begin), k), ':')
			b = appendText(b, v)
			begin = ','
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendText writes a string of JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) //nolint:errchkjson // A string is never refused.
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
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

// decodeHeader reads the header's JSON, which servers write with fastjson as
// they do bodies. Header fields whose value is a number are kept as they are
// written: fastjson quotes them all, other implementations do not.
func decodeHeader(b []byte) (*Header, error) {
	v, err := ParseBody(b)
	if err == nil && v.Kind() != Object {
		err = errors.New("it is something else")
	}
	if err != nil {
		return nil, fmt.Errorf("the header is no JSON object that could be read: %w", err)
	}
	h := &Header{}
	var found bool
	for key, x := range v.Fields() {
		switch key.Text() {
		case "code":
			h.Code, found = x.int()
		case "language":
			h.Language = x.utf8()
		case "version":
			h.Version, _ = x.int()
		case "opaque":
			n, _ := x.int()
			h.Opaque = int32(n) //nolint:gosec // Signed in Java.
		case "flag":
			n, _ := x.int()
			h.Flag = int32(n) //nolint:gosec // The same.
		case "remark":
			h.Remark = x.utf8()
		case "extFields":
			if x.Len() > 0 {
				h.Fields = make(map[string]string, x.Len())
			}
			for k, field := range x.Fields() {
				h.Fields[k.utf8()] = field.utf8()
			}
		}
	}
	if !found {
		return nil, errors.New("the header has no code")
	}
	return h, nil
}

// int returns a number.
func (v Value) int() (int, bool) {
	n, ok := v.Int()
	return int(n), ok
}

// utf8 returns a text without bytes that are none.
func (v Value) utf8() string { return strings.ToValidUTF8(v.text, "\uFFFD") }

// trusted is how many bytes are allocated because a peer says that they come.
const trusted = 4 << 10

// readN reads n bytes without trusting n: a buffer for many grows with what
// arrives.
func readN(r io.Reader, n int64) ([]byte, error) {
	if n <= trusted {
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		return b, unexpected(err)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, n); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

// unexpected makes the end of the input inside a frame different from one
// between two frames.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the frame is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}
