package remoting

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a body, so that a hostile one costs neither stack nor memory out
// of proportion: the values of 10,000 queues' statistics are 100,000.
const (
	maxDepth  = 32
	maxValues = 1 << 20
)

// Kind says what a Value is.
type Kind uint8

// The kinds of values. Absent is what a look-up without a result returns.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	List
	Object
)

// Value is one value of a body. Its methods never fail: what is not there, or
// is of another kind, is Absent, empty or false.
type Value struct {
	kind Kind
	text string  // of a string, number or boolean
	kids []Value // of a list: the elements; of an object: key, value, key, value, …
}

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// Text returns a string's content, or a number or boolean as it was written.
func (v Value) Text() string { return v.text }

// Int returns the value as a whole number, also if it was written as a string.
func (v Value) Int() (int64, bool) {
	if v.kind != Number && v.kind != String {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	return n, err == nil
}

// Get returns the value of the key in an object. Keys that are numbers count
// as their digits. A key that occurs twice has its last value.
func (v Value) Get(key string) Value {
	var found Value
	for k, x := range v.Fields() {
		if k.kind != Object && k.text == key {
			found = x
		}
	}
	return found
}

// Len returns the number of elements or fields.
func (v Value) Len() int {
	if v.kind == Object {
		return len(v.kids) / 2
	}
	return len(v.kids)
}

// Fields ranges over the keys and values of an object, in order.
func (v Value) Fields() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.kind != Object {
			return
		}
		for i := 0; i+1 < len(v.kids); i += 2 {
			if !yield(v.kids[i], v.kids[i+1]) {
				return
			}
		}
	}
}

// Elements returns the elements of a list.
func (v Value) Elements() []Value {
	if v.kind != List {
		return nil
	}
	return v.kids
}

// ParseBody reads a body that a broker has written with fastjson: JSON whose
// objects may also have bare words, bare numbers and whole objects as keys,
// such as {0:"a"} and {{"queueId":0}:5}.
func ParseBody(b []byte) (Value, error) {
	p := parser{in: string(b)}
	v, err := p.value(0)
	if err != nil {
		return Value{}, fmt.Errorf("body, byte %d: %w", p.at, err)
	}
	if p.space(); p.at < len(p.in) {
		return Value{}, fmt.Errorf("body, byte %d: more than one value", p.at)
	}
	return v, nil
}

type parser struct {
	in    string
	at    int
	count int
}

var errCut = errors.New("it ends too early")

// space skips white space and returns the next byte, or 0 at the end.
func (p *parser) space() byte {
	for p.at < len(p.in) {
		switch c := p.in[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *parser) value(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, fmt.Errorf("more than %d levels", maxDepth)
	}
	if p.count++; p.count > maxValues {
		return Value{}, fmt.Errorf("more than %d values", maxValues)
	}
	switch c := p.space(); {
	case c == 0 && p.at >= len(p.in):
		return Value{}, errCut
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.list(depth)
	case c == '"' || c == '\'':
		s, err := p.quoted(c)
		return Value{kind: String, text: s}, err
	default:
		return p.bare()
	}
}

// usual is how many keys and values most objects have: those of a message queue.
const usual = 6

func (p *parser) object(depth int) (Value, error) {
	p.at++ // the brace
	v := Value{kind: Object}
	for first := true; ; first = false {
		c := p.space()
		if c == '}' {
			p.at++
			return v, nil
		}
		if !first {
			if err := p.expect(','); err != nil {
				return Value{}, err
			}
			if p.space() == '}' { // a comma at the end does no harm
				continue
			}
		}
		key, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if key.kind == List {
			return Value{}, errors.New("a list as a key")
		}
		if err := p.expect(':'); err != nil {
			return Value{}, err
		}
		x, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		if v.kids == nil {
			v.kids = make([]Value, 0, usual)
		}
		v.kids = append(v.kids, key, x)
	}
}

func (p *parser) list(depth int) (Value, error) {
	p.at++ // the bracket
	v := Value{kind: List}
	for first := true; ; first = false {
		c := p.space()
		if c == ']' {
			p.at++
			return v, nil
		}
		if !first {
			if err := p.expect(','); err != nil {
				return Value{}, err
			}
			if p.space() == ']' {
				continue
			}
		}
		x, err := p.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.kids = append(v.kids, x)
	}
}

func (p *parser) expect(c byte) error {
	switch got := p.space(); {
	case p.at >= len(p.in):
		return errCut
	case got != c:
		return fmt.Errorf("%q where %q is expected", got, c)
	}
	p.at++
	return nil
}

// bare reads a number, a literal or a word without quotes.
func (p *parser) bare() (Value, error) {
	begin := p.at
	for p.at < len(p.in) && isBare(p.in[p.at]) {
		p.at++
	}
	switch word := p.in[begin:p.at]; word {
	case "":
		return Value{}, fmt.Errorf("%q where a value is expected", p.in[p.at])
	case "null":
		return Value{kind: Null}, nil
	case "true", "false":
		return Value{kind: Bool, text: word}, nil
	default:
		if c := word[0]; c == '-' || '0' <= c && c <= '9' {
			return Value{kind: Number, text: word}, nil
		}
		return Value{kind: String, text: word}, nil
	}
}

func isBare(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		c == '-' || c == '+' || c == '.' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

// quoted reads a string in the given quotes, with JSON's escapes and those
// that only fastjson writes.
func (p *parser) quoted(quote byte) (string, error) {
	p.at++
	begin := p.at
	for p.at < len(p.in) && p.in[p.at] != quote && p.in[p.at] != '\\' {
		p.at++
	}
	if p.at < len(p.in) && p.in[p.at] == quote { // no escape: no copy
		p.at++
		return p.in[begin : p.at-1], nil
	}
	var b strings.Builder
	b.WriteString(p.in[begin:p.at])
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch c {
		case quote:
			return b.String(), nil
		case '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", errCut
}

var escapes = map[byte]byte{
	'"': '"', '\'': '\'', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'0': 0, '1': 1, '2': 2, '3': 3, '4': 4, '5': 5, '6': 6, '7': 7,
}

func (p *parser) escape(b *strings.Builder) error {
	if p.at >= len(p.in) {
		return errCut
	}
	c := p.in[p.at]
	p.at++
	switch c {
	case 'u':
		r, err := p.hex(4)
		if err != nil {
			return err
		}
		if utf16.IsSurrogate(r) && strings.HasPrefix(p.in[p.at:], `\u`) {
			p.at += 2
			low, err := p.hex(4)
			if err != nil {
				return err
			}
			r = utf16.DecodeRune(r, low)
		}
		b.WriteRune(r)
	case 'x':
		r, err := p.hex(2)
		if err != nil {
			return err
		}
		b.WriteRune(r)
	default:
		x, ok := escapes[c]
		if !ok {
			return fmt.Errorf("the escape \\%c", c)
		}
		b.WriteByte(x)
	}
	return nil
}

func (p *parser) hex(digits int) (rune, error) {
	if len(p.in)-p.at < digits {
		return 0, errCut
	}
	n, err := strconv.ParseUint(p.in[p.at:p.at+digits], 16, 32)
	if err != nil {
		return 0, errors.New("an escape without hexadecimal digits")
	}
	p.at += digits
	return rune(n), nil //nolint:gosec // At most four digits.
}
