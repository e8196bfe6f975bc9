package managed

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Scalar is a JSON value that one version of an API sends as a string and the
// next as a number or a boolean. null, a missing field, an object and a list
// are all "not told".
type Scalar struct {
	text string
	told bool
}

// UnmarshalJSON never fails on valid JSON.
func (s *Scalar) UnmarshalJSON(data []byte) error {
	*s = Scalar{}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] == '{' || data[0] == '[' || bytes.Equal(data, []byte("null")) {
		return nil
	}
	s.told = true
	if data[0] == '"' {
		return json.Unmarshal(data, &s.text)
	}
	s.text = string(data)
	return nil
}

// String returns the value's text, "" if it was not told.
func (s Scalar) String() string { return s.text }

// Int returns the value as a whole number, and false if it is none.
func (s Scalar) Int() (int64, bool) {
	if !s.told {
		return 0, false
	}
	n, err := strconv.ParseInt(s.text, 10, 64)
	return n, err == nil
}

// Bool returns the value as a boolean, and false if it is none.
func (s Scalar) Bool() (value, told bool) {
	switch {
	case !s.told:
		return false, false
	case s.text == "true":
		return true, true
	case s.text == "false":
		return false, true
	default:
		return false, false
	}
}
