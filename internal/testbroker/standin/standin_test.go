package standin

import "testing"

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in, want string
		plus, ok bool
	}{
		{"a%2Fb", "a/b", false, true},
		{"a+b", "a+b", false, true},
		{"a+b", "a b", true, true},
		{"%E6%b6%88", "消", false, true},
		{"%2", "", false, false},
		{"%zz", "", false, false},
		{"%+1", "", false, false},
	} {
		got, ok := Decode(c.in, c.plus)
		if got != c.want || ok != c.ok {
			t.Errorf("Decode(%q, %v) = %q, %v", c.in, c.plus, got, ok)
		}
	}
}

func TestCanonicalQuery(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"b=2&a=1":       "a=1&b=2",
		"a=x+y%20z*~/":  "a=x%20y%20z%2A~%2F",
		"name":          "name=",
		"k%2F=v&j=%3D&": "=&j=%3D&k%2F=v",
	} {
		if got := CanonicalQuery(in); got != want {
			t.Errorf("CanonicalQuery(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestStrictly(t *testing.T) {
	for body, ok := range map[string]bool{`{"a":1}`: true, `{"b":1}`: false, `{"a":1}{}`: false, `{`: false, ``: false} {
		var v struct{ A int }
		if err := Strictly([]byte(body), &v); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}
