package managed

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEscape(t *testing.T) {
	for plain, want := range map[string]string{
		"AZaz09-._~":   "AZaz09-._~",
		"a/b":          "a%2Fb",
		"100%":         "100%25",
		"a b+c*":       "a%20b%2Bc%2A",
		"grü":          "gr%C3%BC",
		"消息":           "%E6%B6%88%E6%81%AF",
		"?#[]@!$&'()=": "%3F%23%5B%5D%40%21%24%26%27%28%29%3D",
	} {
		if got := Escape(plain); got != want {
			t.Errorf("Escape(%q) = %q, want %q", plain, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a/b%2F c")
	f.Add("消息 ~+*")
	f.Fuzz(func(t *testing.T, s string) {
		back, err := url.PathUnescape(Escape(s))
		if err != nil || back != s {
			t.Fatalf("%q came back as %q, %v", s, back, err)
		}
		if strings.ContainsAny(Escape(s), "/ +*?#") {
			t.Fatalf("%q left as %q", s, Escape(s))
		}
	})
}

func TestCheckSegment(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "\xff"} {
		if CheckSegment(bad) == "" {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, good := range []string{"a", "...", "a/b", "%2e%2e", "..a", "消息"} {
		if fault := CheckSegment(good); fault != "" {
			t.Errorf("%q was refused: %s", good, fault)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for address, want := range map[string]string{
		"rocketmq.cn-hangzhou.aliyuncs.com": "https://rocketmq.cn-hangzhou.aliyuncs.com",
		"127.0.0.1:8443":                    "https://127.0.0.1:8443",
		"https://localhost:8443":            "https://localhost:8443",
		"HTTPS://localhost/":                "https://localhost",
		"[::1]:8443":                        "https://[::1]:8443",
	} {
		u, err := Endpoint(address)
		if err != nil || u.String() != want {
			t.Errorf("Endpoint(%q) = %v, %v, want %s", address, u, err, want)
		}
	}
	for _, bad := range []string{"http://host", "ftp://host", "host/path", "https://", "user:password@host", "host?x", "ho st", "host#x"} {
		u, err := Endpoint(bad)
		var c *ConfigError
		if !errors.As(err, &c) || c.Field != "endpoint" {
			t.Errorf("Endpoint(%q) = %v, %v, want an error on endpoint", bad, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestLookup(t *testing.T) {
	table := []Variable{{Field: "region", Names: []string{"A", "B"}}, {Field: "other", Names: []string{"C"}}}
	env := map[string]string{"B": "b", "C": "c"}
	getenv := func(name string) string { return env[name] }
	if got := Lookup(table, "region", getenv); got != "b" {
		t.Errorf("got %q", got)
	}
	env["A"] = "a"
	if got := Lookup(table, "region", getenv); got != "a" {
		t.Errorf("got %q", got)
	}
	if got := Lookup(table, "none", getenv); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in, want string
		limit    int
	}{
		{"  a\r\n\tb\x00c  ", "a b c", 100},
		{"abcdef", "abc …", 3},
		{"\x1b[31mred\x1b[0m", "[31mred [0m", 100},
		{"grün", "grün", 4},
		{"", "", 5},
	} {
		if got := Clean(c.in, c.limit); got != c.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb", 3)
	f.Add("\xff\u202e消息", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		got := Clean(s, limit%1000)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
			t.Fatalf("Clean(%q) = %q", s, got)
		}
	})
}

func TestScalar(t *testing.T) {
	var v struct{ A, B, C, D, E, F, G Scalar }
	if err := json.Unmarshal([]byte(`{"a":"12","b":12,"c":true,"d":"false","e":null,"f":{"x":1},"g":[1]}`), &v); err != nil {
		t.Fatal(err)
	}
	if n, ok := v.A.Int(); !ok || n != 12 {
		t.Error("a string with a number is no number")
	}
	if n, ok := v.B.Int(); !ok || n != 12 || v.B.String() != "12" {
		t.Error("a number is no number")
	}
	if b, ok := v.C.Bool(); !ok || !b {
		t.Error("true is not true")
	}
	if b, ok := v.D.Bool(); !ok || b {
		t.Error(`"false" is not false`)
	}
	for name, s := range map[string]Scalar{"null": v.E, "object": v.F, "list": v.G} {
		if _, ok := s.Int(); ok || s.String() != "" {
			t.Errorf("%s is told as %q", name, s.String())
		}
		if _, ok := s.Bool(); ok {
			t.Errorf("%s is told as a boolean", name)
		}
	}
	if _, ok := v.C.Int(); ok {
		t.Error("true is a number")
	}
}

func TestVendorErrorTellsEverything(t *testing.T) {
	e := &VendorError{Status: 404, Code: "Topic.NotFound", Message: "The topic cannot be found.", Detail: "dynamicCode Topic", RequestID: "F9A95891"}
	want := "Topic.NotFound: The topic cannot be found. [dynamicCode Topic] (HTTP 404, request id F9A95891)"
	if e.Error() != want {
		t.Errorf("got %q, want %q", e.Error(), want)
	}
	if got := (&VendorError{Status: 500}).Error(); got != "the service gave no reason (HTTP 500)" {
		t.Errorf("got %q", got)
	}
	if got := (&VendorError{Status: 500, Code: "X"}).Error(); got != "X (HTTP 500)" {
		t.Errorf("got %q", got)
	}
}

func TestRedactor(t *testing.T) {
	var r Redactor
	r.Add("", "tok/en+==", `quo"ted`)
	for _, text := range []string{"x tok/en+== y", "tok%2Fen%2B%3D%3D", `{"t":"quo\"ted"}`} {
		got := r.Text(text)
		if strings.Contains(got, "tok") || strings.Contains(got, "quo") || !strings.Contains(got, masked) {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := r.Text("nothing"); got != "nothing" {
		t.Errorf("got %q", got)
	}
	r.Add("long secret", "secret")
	if got := r.Text("a long secret here"); got != "a "+masked+" here" {
		t.Errorf("a secret within a secret: %q", got)
	}
	if r.Error(nil) != nil {
		t.Error("nil became an error")
	}
	plain := errors.New("plain")
	if got := r.Error(plain); !errors.Is(got, plain) || got.Error() != plain.Error() {
		t.Errorf("got %v", got)
	}
	var v *VendorError
	if err := r.Error(&VendorError{Status: 400, Code: "C", Message: "you sent tok/en+=="}); !errors.As(err, &v) || v.Code != "C" || strings.Contains(err.Error(), "tok/") {
		t.Errorf("got %v", err)
	}
	if err := r.Error(errors.New("dial tok/en+==")); err.Error() != "dial "+masked {
		t.Errorf("got %v", err)
	}
}
