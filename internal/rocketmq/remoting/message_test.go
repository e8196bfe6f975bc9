package remoting

import (
	"encoding/binary"
	"testing"
)

// stored is a message as brokers store it, up to the store time.
func stored(offset, at int64, v6 bool) []byte {
	m := make([]byte, 88)
	host := 8
	if v6 {
		host = 20
		binary.BigEndian.PutUint32(m[36:], FlagBornHostV6)
	}
	binary.BigEndian.PutUint64(m[20:], uint64(offset))  //nolint:gosec // A test.
	binary.BigEndian.PutUint64(m[48+host:], uint64(at)) //nolint:gosec // A test.
	return m
}

func TestFirstMessage(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		offset, at, err := FirstMessage(stored(7, 1782894600123, v6))
		if err != nil || offset != 7 || at != 1782894600123 {
			t.Errorf("IPv6 %t: got %d, %d, %v", v6, offset, at, err)
		}
	}
	for _, length := range []int{0, 47, 55, 63} {
		if _, _, err := FirstMessage(stored(7, 1, false)[:length]); err == nil {
			t.Errorf("%d bytes were read", length)
		}
	}
	if _, _, err := FirstMessage(stored(7, 1, true)[:64]); err == nil {
		t.Error("a short message with an IPv6 address was read")
	}
}

func FuzzFirstMessage(f *testing.F) {
	f.Add(stored(7, 1782894600123, false))
	f.Add(stored(7, 1782894600123, true))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, _, err := FirstMessage(in); err == nil && len(in) < 64 {
			t.Errorf("%d bytes were read", len(in))
		}
	})
}
