package remoting

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseBody(t *testing.T) {
	route, err := ParseBody([]byte(`{"brokerDatas":[{"brokerAddrs":{0:"127.0.0.1:10911",1:"127.0.0.1:10921"},"brokerName":"broker-a","cluster":"C"}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4}]}`))
	if err != nil {
		t.Fatal(err)
	}
	broker := route.Get("brokerDatas").Elements()[0]
	if got := broker.Get("brokerAddrs").Get("0").Text(); got != "127.0.0.1:10911" {
		t.Errorf("got %q", got)
	}
	if n, ok := route.Get("queueDatas").Elements()[0].Get("readQueueNums").Int(); !ok || n != 4 {
		t.Errorf("got %d", n)
	}

	stats, err := ParseBody([]byte(`{"consumeTps":0.0,"offsetTable":{{"brokerName":"b","queueId":3,"topic":"t"}:{"brokerOffset":9,"consumerOffset":-1},{"brokerName":"b","queueId":4,"topic":"t"}:{"brokerOffset":9}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var ids, offsets []int64
	for key, x := range stats.Get("offsetTable").Fields() {
		id, _ := key.Get("queueId").Int()
		n, ok := x.Get("consumerOffset").Int()
		if !ok {
			n = -99
		}
		ids, offsets = append(ids, id), append(offsets, n)
	}
	if len(ids) != 2 || ids[0] != 3 || ids[1] != 4 || offsets[0] != -1 || offsets[1] != -99 {
		t.Errorf("got %v %v", ids, offsets)
	}
}

func TestParseBodyForms(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"bare word":         {`{offsetTable:1}`, "1"},
		"single quotes":     {`{'offsetTable':'a"b'}`, `a"b`},
		"escapes":           {`{"offsetTable":"\"\\\/\b\f\n\r\t\v\'\u00e9\x41\0"}`, "\"\\/\b\f\n\r\t\v'éA\x00"},
		"a surrogate pair":  {`{"offsetTable":"\uD83D\uDE00"}`, "😀"},
		"half a surrogate":  {`{"offsetTable":"\uD83Dx"}`, "\uFFFDx"},
		"white space":       {" \n{ \"offsetTable\" :\t7 }\r\n", "7"},
		"a comma too many":  {`{"offsetTable":[1,],}`, ""},
		"twice":             {`{"offsetTable":1,"offsetTable":2}`, "2"},
		"bool":              {`{"offsetTable":true}`, "true"},
		"key is an object":  {`{{"offsetTable":5}:6,"offsetTable":8}`, "8"},
		"number with point": {`{"offsetTable":-1.5E+3}`, "-1.5E+3"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ParseBody([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Get("offsetTable").Text(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParseBodyRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":              "",
		"white space":          "  ",
		"two values":           "{} {}",
		"no end":               `{"a":1`,
		"no value":             `{"a":}`,
		"no colon":             `{"a" 1}`,
		"no comma":             `[1 2]`,
		"a string without end": `"abc`,
		"an escape at the end": `"abc\`,
		"an unknown escape":    `"\q"`,
		"a short escape":       `"\u12`,
		"not hexadecimal":      `"\uzzzz"`,
		"a list as a key":      `{[1]:2}`,
		"control characters":   "\x00",
		"too deep":             strings.Repeat("[", 1<<20),
		"too many values":      "[" + strings.Repeat("1,", 1<<20) + "1]",
	} {
		t.Run(name, func(t *testing.T) {
			if v, err := ParseBody([]byte(in)); err == nil {
				t.Errorf("got %+v", v)
			}
		})
	}
}

func TestAbsentValues(t *testing.T) {
	var v Value
	if _, ok := v.Get("a").Get("b").Int(); ok || v.Len() != 0 || v.Elements() != nil || v.Kind() != Absent || v.Text() != "" {
		t.Error("an absent value is something")
	}
	for range v.Fields() {
		t.Error("an absent value has fields")
	}
}

// FuzzParseBody checks that nothing panics and that whatever is standard JSON
// is read as the standard library reads it.
func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`{"offsetTable":{{"brokerName":"b","queueId":3,"topic":"t"}:5}}`))
	f.Add([]byte(`{0:"a",1:[null,true,-1.5e3],"s":"\u00e9\ud83d\ude00"}`))
	f.Add([]byte(`[[[[]]]]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := ParseBody(in)
		if err == nil {
			count(v)
		}
		var std map[string]string
		if json.Unmarshal(in, &std) != nil {
			return
		}
		if err != nil {
			t.Fatalf("%q is JSON: %v", in, err)
		}
		for k, s := range std {
			if got := v.Get(k); strings.ToValidUTF8(got.Text(), "\uFFFD") != s && got.Kind() == String && s != "" {
				// The standard library folds case and repairs text; only
				// plain names and texts are compared.
				if plain(k) && plain(s) && plain(string(in)) {
					t.Errorf("%q: %q is %q, want %q", in, k, got.Text(), s)
				}
			}
		}
	})
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

func count(v Value) int {
	n := 1
	for _, x := range v.Elements() {
		n += count(x)
	}
	for k, x := range v.Fields() {
		n += count(k) + count(x)
	}
	return n
}
