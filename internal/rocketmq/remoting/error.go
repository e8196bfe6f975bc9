package remoting

import (
	"fmt"
	"strings"
	"unicode"
)

// Error is a server's answer with a code other than 0.
type Error struct {
	Code    int
	Remark  string // the server's words, cleaned and shortened
	Address string // who answered
	Request int    // the request's code
	Version int    // the server's version, as an ordinal
}

// Error says code, remark, address and request.
func (e *Error) Error() string {
	name := ResponseName(e.Code)
	if name != "" {
		name = " " + name
	}
	remark := e.Remark
	if remark != "" {
		remark = " (" + remark + ")"
	}
	return fmt.Sprintf("%s answered %s with code %d%s%s", e.Address, RequestName(e.Request), e.Code, name, remark)
}

// TransportError is a call without an answer: the server could not be reached,
// was silent, or did not speak the protocol.
type TransportError struct {
	Address string
	Request int  // the request's code
	Sent    bool // some of the request has left, so that it may have been carried out
	Err     error
}

// Error says address, request and cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s to %s: %v", RequestName(e.Request), e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// longestRemark is where a remark is cut: brokers send stack traces.
const longestRemark = 300

// cleanRemark makes one short line of what a server says.
func cleanRemark(s string) string {
	if len(s) > 16*longestRemark {
		s = s[:16*longestRemark]
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > longestRemark {
		s = string(r[:longestRemark]) + "…"
	}
	return s
}
