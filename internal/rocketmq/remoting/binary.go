package remoting

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// decodeBinaryHeader reads a header in RocketMQ's own form, which servers
// write that run with ROCKETMQ_SERIALIZE_TYPE=ROCKETMQ, whatever they are asked
// in: code (2 bytes), language (1), version (2), opaque (4), flag (4), the
// remark's length (4) and the remark, the fields' length (4) and the fields,
// each as the name's length (2), the name, the value's length (4), the value.
func decodeBinaryHeader(b []byte) (*Header, error) {
	r := binaryReader{in: b}
	h := &Header{Code: int(int16(r.uint(2)))} //nolint:gosec // Signed in Java.
	r.uint(1)                                 // the language, of which nothing here depends
	h.Version = int(r.uint(2))                //nolint:gosec // Two bytes.
	h.Opaque = int32(r.uint(4))               //nolint:gosec // Signed in Java.
	h.Flag = int32(r.uint(4))                 //nolint:gosec // The same.
	h.Remark = string(r.bytes(r.uint(4)))
	fields := binaryReader{in: r.bytes(r.uint(4))}
	if r.err != nil {
		return nil, fmt.Errorf("the binary header cannot be read: %w", r.err)
	}
	for len(fields.in) > 0 {
		name := string(fields.bytes(fields.uint(2)))
		value := string(fields.bytes(fields.uint(4)))
		if fields.err != nil {
			return nil, fmt.Errorf("the fields of the binary header cannot be read: %w", fields.err)
		}
		if h.Fields == nil {
			h.Fields = map[string]string{}
		}
		h.Fields[name] = value
	}
	return h, nil
}

// binaryReader takes values off a buffer until it ends too early.
type binaryReader struct {
	in  []byte
	err error
}

func (r *binaryReader) bytes(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.in)) {
		r.err = errors.New("it is cut short")
	}
	if r.err != nil {
		return nil
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b
}

// uint takes a big-endian number of so many bytes, at most 8.
func (r *binaryReader) uint(size int) uint64 {
	var word [8]byte
	copy(word[8-size:], r.bytes(uint64(size))) //nolint:gosec // A small constant.
	return binary.BigEndian.Uint64(word[:])
}
