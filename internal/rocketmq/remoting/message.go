package remoting

import (
	"encoding/binary"
	"errors"
)

// FlagBornHostV6 in a message's system flag says that the producer's address
// takes 20 bytes instead of 8.
const FlagBornHostV6 = 1 << 4

// FirstMessage returns the queue offset and the store time (Unix milliseconds)
// of the first message in the body of a pull. Messages are stored as: size,
// magic, checksum, queue id, flag (4 bytes each), queue offset, physical offset
// (8), system flag (4), born time (8), born host (8 or 20), store time (8), …
func FirstMessage(body []byte) (offset, storeTime int64, err error) {
	const hostAt = 20 + 8 + 8 + 4 + 8
	if len(body) < hostAt {
		return 0, 0, errors.New("the message is cut short")
	}
	timeAt := hostAt + 8
	if binary.BigEndian.Uint32(body[36:])&FlagBornHostV6 != 0 {
		timeAt = hostAt + 20
	}
	if len(body) < timeAt+8 {
		return 0, 0, errors.New("the message is cut short")
	}
	//nolint:gosec // Both are signed in Java.
	return int64(binary.BigEndian.Uint64(body[20:])), int64(binary.BigEndian.Uint64(body[timeAt:])), nil
}
