package docs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// argument is what the schema says of one.
type argument struct {
	Description string `json:"description"`
	Required    bool   `json:"required"`
	Optional    bool   `json:"optional"`
}

// The pages of the resets show their arguments in groups, near the top: each
// of the schema's once, in the schema's words, and with whether it is required.
func TestEachArgumentOfAResetStandsInOneGroup(t *testing.T) {
	t.Parallel()
	resources := schemasOf(t, ourSchemas(t)).Resources
	for _, name := range []string{"kafka_consumer_offset_reset", "rocketmq_consumer_offset_reset"} {
		var schema struct {
			Block struct {
				Attributes map[string]argument `json:"attributes"`
			} `json:"block"`
		}
		text, err := json.Marshal(resources["offsets_"+name])
		if err == nil {
			err = json.Unmarshal(text, &schema)
		}
		if err != nil {
			t.Fatal(err)
		}
		page := read(t, "docs/resources/"+name+".md").text
		before, rest, _ := strings.Cut(page, "\n## Arguments\n")
		arguments, rest, found := strings.Cut(rest, "\n## Attributes\n")
		attributes, _, _ := strings.Cut(rest, "\n## ")
		if !found || strings.Count(before, "\n## ") != 1 {
			t.Errorf("%s: the arguments do not follow the first example", name)
		}
		for _, heading := range []string{"Exactly one target", "Time-outs"} {
			if !strings.Contains(arguments, "\n### "+heading+"\n") {
				t.Errorf("%s: there is no heading %q", name, heading)
			}
		}
		groups := strings.Split(arguments, "\n### ")
		if groups[0] = strings.TrimSpace(groups[0]); strings.Contains(groups[0], "\n- ") {
			t.Errorf("%s: there are arguments before the first group:\n%s", name, groups[0])
		}
		for attribute, is := range schema.Block.Attributes {
			use := "Optional"
			switch {
			case is.Required:
				use = "Required"
			case !is.Optional:
				if !strings.Contains(attributes, fmt.Sprintf("\n- %#q (", attribute)) {
					t.Errorf("%s: %s is not among the attributes", name, attribute)
				}
				continue
			}
			var lines []string
			for line := range strings.SplitSeq(arguments, "\n") {
				if strings.HasPrefix(line, fmt.Sprintf("- %#q (", attribute)) {
					lines = append(lines, line)
				}
			}
			switch {
			case len(lines) != 1:
				t.Errorf("%s: %s stands %d times among the arguments", name, attribute, len(lines))
			case !strings.HasPrefix(lines[0], fmt.Sprintf("- %#q (%s, ", attribute, use)) || !strings.HasSuffix(lines[0], ") "+is.Description):
				t.Errorf("%s: %s is %s and its description\n%s\nbut the page says\n%s", name, attribute, use, is.Description, lines[0])
			}
		}
		if len(schema.Block.Attributes) == 0 {
			t.Errorf("%s has no schema", name)
		}
	}
}
