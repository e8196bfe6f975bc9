package managed

import (
	"encoding/json"
	"errors"
	"testing"
)

// FuzzScalar reads a value that is told as a text or as a number.
func FuzzScalar(f *testing.F) {
	for _, s := range []string{`1`, `"1"`, `-1`, `1.0`, `1e3`, `9223372036854775808`, `true`, `"false"`, `null`, `{}`, `[1]`, `"\u0000"`, `"`, ` 7 `, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Scalar
		err := json.Unmarshal(text, &s)
		if json.Valid(text) != (err == nil) {
			t.Errorf("%q: %v", text, err)
		}
		_, isInt := s.Int()
		_, isBool := s.Bool()
		if isInt && isBool || err != nil && (isInt || isBool) {
			t.Errorf("%q is a number (%t) and a boolean (%t): %v", text, isInt, isBool, err)
		}
	})
}

// FuzzEndpoint reads an address. What is accepted is a host to speak HTTPS to,
// and nothing else: neither a login nor a path goes with it.
func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"host", "host:443", "https://host/", "http://host", "HTTPS://h", "host/path", "bob:pw@host", "[::1]:443", "host?x", "//host", "host#", "", "ho st", "host:port", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Endpoint(s)
		var told *ConfigError
		switch {
		case err != nil && (!errors.As(err, &told) || u != nil):
			t.Errorf("%q: %v, %v", s, u, err)
		case err == nil && (u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != ""):
			t.Errorf("%q is %+v", s, u)
		}
	})
}
