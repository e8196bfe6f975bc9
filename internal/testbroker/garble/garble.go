// Package garble spoils answers of servers, as a small program says that a
// fuzzer writes, and tells what the process holds once whoever got them has
// ended. It must not know any protocol: whoever wants the lengths of what comes
// out to be right sets them.
package garble

import (
	"encoding/binary"
	"math"
	"slices"
)

// step is the length of one step of a program: what to do, where (two bytes),
// and with what.
const step = 4

// most is how many steps are taken, and grown how much longer an answer may
// become: a larger one finds nothing more, and takes longer.
const (
	most  = 12
	grown = 1 << 16
)

// numbers are those at which programs err.
var numbers = []int64{
	0, 1, 2, 5, 16, 127, 128, 255, 256, math.MaxInt16, math.MaxInt16 + 1, 1 << 20, 64 << 20,
	math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxInt64, -1, -2, -5, math.MinInt16, math.MinInt32, math.MinInt64,
}

// words stand where a text had a number or a word.
var words = []string{
	"0", "1", "-1", "7", "32767", "32768", "4294967296", "9223372036854775807", "-9223372036854775808", "1e9", "1.5",
	"null", "true", `"x"`, `"7"`, "{}", "[]", "", "{", "]", `\u0000`, "\xff",
}

// Bytes returns the answer as the program leaves it; the answer itself stays as
// it is. A program of fewer than four bytes changes nothing.
func Bytes(answer, program []byte) []byte {
	b := slices.Clone(answer)
	for range most {
		if len(program) < step || len(b) > len(answer)+grown {
			break
		}
		op, where, with := program[0], int(binary.BigEndian.Uint16(program[1:])), program[3]
		program = program[step:]
		if len(b) == 0 {
			b = append(b, 0)
		}
		at := where % len(b)
		switch op % 13 {
		case 0:
			b[at] ^= with
		case 1:
			b[at] = with
		case 2: // take some out
			b = slices.Delete(b, at, min(len(b), at+1+int(with)))
		case 3: // put some in
			b = slices.Insert(b, at, slices.Repeat([]byte{with}, 1+where%16)...)
		case 4: // cut it
			b = b[:at]
		case 5: // say some of it twice
			b = slices.Insert(b, at, slices.Clone(b[at:min(len(b), at+1+int(with))])...)
		case 6: // swap two fields
			n := 1 << (with % 4)
			other := (at + n*(1+int(with)/4)) % len(b)
			for i := range n {
				if at+i < len(b) && other+i < len(b) {
					b[at+i], b[other+i] = b[other+i], b[at+i]
				}
			}
		case 7: // an error's code, or the length of a text
			put(b[at:], 2, int64(int8(with))) //nolint:gosec // Negative ones too.
		case 8:
			put(b[at:], 4, numbers[int(with)%len(numbers)])
		case 9:
			put(b[at:], 8, numbers[int(with)%len(numbers)])
		case 10:
			put(b[at:], 2, numbers[int(with)%len(numbers)])
		case 11: // the next word or number
			from := at
			for from < len(b) && !wordy(b[from]) {
				from++
			}
			to := from
			for to < len(b) && wordy(b[to]) {
				to++
			}
			b = slices.Replace(b, from, to, []byte(words[int(with)%len(words)])...)
		case 12: // the rest of the program
			b = append(b[:at], program...)
			return b
		}
	}
	return b
}

// put writes a number of so many bytes, as many of them as there is room for.
func put(b []byte, bytes int, n int64) {
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], uint64(n)) //nolint:gosec // Its bits.
	copy(b, all[8-bytes:])
}

func wordy(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-'
}
