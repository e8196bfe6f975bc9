package offset_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func TestDecodeCSV(t *testing.T) {
	t.Parallel()
	orders := offset.Offsets{"orders": {0: 120, 1: 118}, "payments": {0: 77}}
	for name, test := range map[string]struct {
		text, group string
		want        offset.Offsets
	}{
		"as the tool exports one group":      {"orders,0,120\norders,1,118\npayments,0,77\n", "", orders},
		"as the tool exports several groups": {"billing,orders,0,120\nbilling,orders,1,118\nbilling,payments,0,77\n", "billing", orders},
		"a heading":                          {"topic,partition,offset\norders,0,120\norders,1,118\npayments,0,77", "", orders},
		"a heading in capitals, with group":  {"GROUP,TOPIC,PARTITION,CURRENT-OFFSET\nbilling,orders,0,120\nbilling,orders,1,118\nbilling,payments,0,77", "billing", orders},
		"CR and LF, blank lines":             {"\r\norders,0,120\r\n\r\n  \r\norders,1,118\r\npayments,0,77\r\n\r\n", "", orders},
		"quotes":                             {"\"orders\",\"0\",\"120\"\n\"orders\",1,118\npayments,0,\"77\"\n", "", orders},
		"spaces around the fields":           {"orders , 0, 120\n orders,1 ,118\npayments,0,77 \n", "", orders},
		"a byte-order mark":                  {"\ufefforders,0,120\norders,1,118\npayments,0,77\n", "", orders},
		"any order":                          {"payments,0,77\norders,1,118\norders,0,120\n", "", orders},
		"the largest":                        {"orders,2147483647,9223372036854775807\n", "", offset.Offsets{"orders": {2147483647: 9223372036854775807}}},
		"a topic named partition":            {"partition,0,120\n", "", offset.Offsets{"partition": {0: 120}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := offset.DecodeCSV(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got.Group != test.group || !maps.EqualFunc(got.Offsets, test.want, maps.Equal) {
				t.Errorf("read %q: %v, want %q: %v", got.Group, got.Offsets, test.group, test.want)
			}
		})
	}
}

// What is wrong is named by its line, counted as an editor does.
func TestDecodeCSVNamesTheLine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"nothing":        {"", "there is no line of topic,partition,offset"},
		"only a heading": {"topic,partition,offset\n", "there is no line of topic,partition,offset"},
		"two fields":     {"orders,0,1\n\norders,1\n", "line 3 has 2 fields: a line is topic,partition,offset"},
		"one field":      {"orders;0;1\n", "line 1 has 1 field: "},
		"a fraction":     {"orders,0,47.5\n", `line 1: the offset "47.5" is not a whole number`},
		"a word":         {"orders,0,1\norders,one,2\n", `line 2: the partition "one" is not a whole number`},
		"a heading further on": {
			"orders,0,1\ntopic,partition,offset\n", `line 2: the partition "partition" is not a whole number`,
		},
		"no offset":           {"orders,0,\n", `line 1: the offset "" is not a whole number`},
		"the tool's dash":     {"orders,0,-\n", `line 1: the offset "-" is not a whole number`},
		"negative":            {"orders,0,-1\n", "line 1: the offset -1 is negative"},
		"very negative":       {"orders,0,-99999999999999999999\n", "line 1: the offset -99999999999999999999 is negative"},
		"too large an offset": {"orders,0,9223372036854775808\n", "line 1: the offset 9223372036854775808 is too large: the largest is 9223372036854775807"},
		"too large a partition": {
			"orders,2147483648,5\n", "line 1: the partition 2147483648 is too large: the largest is 2147483647",
		},
		"no topic":             {"\n,0,5\n", "line 2: the topic is empty"},
		"no group":             {",orders,0,5\n", "line 1: the group is empty"},
		"twice":                {"orders,0,5\r\n\r\norders,1,5\r\norders,0,5\r\n", "line 1 and line 4 both have an offset for orders-0"},
		"several groups":       {"billing,orders,0,5\naudit,orders,0,6\n", `line 1 is of group "billing", line 2 of "audit". Give it the lines of one group: join(`},
		"group here only":      {"orders,0,5\nbilling,orders,1,6\n", "line 1 and line 2 do not have the same number of fields"},
		"an open quote":        {"orders,0,5\n\"orders,1,5\norders,2,5\n", "line 2: a quotation mark that is opened is not closed"},
		"a topic in two lines": {"orders,0,5\n\"pay\nments\",1,5\n", "line 2: the topic's name goes on in the next line: a quotation mark may be out of place"},
		"a group in two lines": {"\"bill\ring\",orders,0,5\n", "line 1: the group's name goes on in the next line"},
		"a stray quote":        {"orders,0,5\nor\"ders,1,5\n", "line 2: a quotation mark is out of place"},
		"a stray end":          {"orders,0,5\n\"or\"ders,1,5\n", "line 2: a quotation mark is out of place"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := offset.DecodeCSV(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v and the error %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestEncodeCSV(t *testing.T) {
	t.Parallel()
	got := offset.EncodeCSV(offset.Offsets{"payments": {0: 77}, "orders": {10: 3, 2: 0}, `a "name", with all`: {0: 1}, "empty": {}})
	want := "\"a \"\"name\"\", with all\",0,1\norders,2,0\norders,10,3\npayments,0,77\n"
	if got != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
	if got := offset.EncodeCSV(nil); got != "" {
		t.Errorf("no offsets are written as %q", got)
	}
}

func TestCSVKnowsTheLineOfATopic(t *testing.T) {
	t.Parallel()
	got, err := offset.DecodeCSV("topic,partition,offset\norders,1,5\n\npayments,7,5\norders,0,5\n")
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int{"orders": 2, "payments": 4, "nowhere": 0} {
		if line := got.Line(topic); line != want {
			t.Errorf("%s stands first in line %d, want %d", topic, line, want)
		}
	}
}

// Whatever is read can be written and read again.
func FuzzCSV(f *testing.F) {
	f.Add("orders,0,120\norders,1,118\n")
	f.Add("\ufeffgroup,topic,partition,offset\r\nbilling,\"or,\"\"ders\",0,120\r\n\r\n")
	f.Add("\"a\nb\",1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := offset.DecodeCSV(text)
		if err != nil {
			return
		}
		for topic, partitions := range first.Offsets {
			if topic == "" || len(partitions) == 0 {
				t.Errorf("%q has %v", topic, partitions)
			}
			for id, at := range partitions {
				if id < 0 || at < 0 {
					t.Errorf("%q has %d: %d", topic, id, at)
				}
			}
		}
		second, err := offset.DecodeCSV(offset.EncodeCSV(first.Offsets))
		if err != nil || !maps.EqualFunc(first.Offsets, second.Offsets, maps.Equal) {
			t.Errorf("%v became %v (%v)", first.Offsets, second.Offsets, err)
		}
	})
}
