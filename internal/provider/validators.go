package provider

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// stringCheck is a validator of a string that is known and not null. The
// check returns a sentence that says what is wrong, or an empty string.
type stringCheck struct {
	description string
	check       func(string) string
}

func (v stringCheck) Description(context.Context) string         { return v.description }
func (v stringCheck) MarkdownDescription(context.Context) string { return v.description }

func (v stringCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if problem := v.check(req.ConfigValue.ValueString()); problem != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid value for "+req.Path.String(), problem)
	}
}

// notEmpty refuses an empty string, which a broker would take for a name.
var notEmpty = stringCheck{
	description: "must not be empty",
	check: func(s string) string {
		if s == "" {
			return "The value must not be empty."
		}
		return ""
	},
}

// topicPart is a topic with partitions as Kafka's tools take it: orders:0,2.
var topicPart = regexp.MustCompile(`^([^:]*):([0-9]+)(,[0-9]+)*$`)

var topicCharacters = regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)

// topicName accepts what can be the name of a Kafka topic (org.apache.kafka's
// Topic.validate): any other would fail only when the broker is asked.
var topicName = stringCheck{
	description: "must be the name of a Kafka topic",
	check: func(s string) string {
		const longest = 249
		part := topicPart.FindStringSubmatch(s)
		switch {
		case s == "":
			return "The name of a topic must not be empty."
		case s == "." || s == "..":
			return fmt.Sprintf("%q cannot be the name of a topic.", s)
		case len(part) > 3 && part[3] == "":
			return fmt.Sprintf("%q is not the name of a topic. For one partition, set topic = %q and partition = %s.", s, part[1], part[2])
		case len(part) > 3:
			return fmt.Sprintf("%q is not the name of a topic. For some partitions, set topic = %q and partitions.", s, part[1])
		case !topicCharacters.MatchString(s):
			return fmt.Sprintf("%q is not the name of a topic: it may have letters (a-z, A-Z), digits, full stops, underscores and hyphens. There are no patterns here.", s)
		case len(s) > longest:
			return fmt.Sprintf("The name of a topic has at most %d characters, and this one has %d.", longest, len(s))
		}
		return ""
	},
}

// rfc3339 accepts an instant with its zone.
var rfc3339 = stringCheck{
	description: "must be an RFC 3339 time with its zone, such as 2026-03-01T14:05:00Z",
	check: func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		switch {
		case err != nil:
			return fmt.Sprintf("%q is not an RFC 3339 time with its zone, such as \"2026-03-01T14:05:00Z\" or \"2026-03-01T15:05:00+01:00\".", s)
		case t.UnixMilli() < 0:
			return fmt.Sprintf("%q lies before 1970, and no record does.", s)
		case t.UTC().Year() > 9999: // which RFC 3339 cannot write, nor a state keep
			return fmt.Sprintf("%q lies after the year 9999 of UTC.", s)
		}
		return ""
	},
}

// duration accepts a Go duration of at least min.
func duration(atLeast time.Duration) stringCheck {
	return stringCheck{
		description: "must be a duration such as 90s, 15m or 36h",
		check: func(s string) string {
			d, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Sprintf("%q is not a duration. Write a number with a unit, such as \"90s\", \"15m\" or \"36h\"; a week is \"168h\".", s)
			}
			if d < atLeast {
				if atLeast > 0 {
					return fmt.Sprintf("%q is not a positive duration.", s)
				}
				return fmt.Sprintf("%q is negative.", s)
			}
			return ""
		},
	}
}

// lookback accepts a duration that leads to a time after 1970.
var lookback = stringCheck{
	description: "must be a duration such as 90s, 15m or 36h",
	check: func(s string) string {
		const longest = 50 * 365 * 24 * time.Hour
		if problem := duration(1).check(s); problem != "" {
			return problem
		}
		if d, err := time.ParseDuration(s); err == nil && d > longest {
			return fmt.Sprintf("%q leads to a time before any log. For the log's start, use position = \"earliest\".", s)
		}
		return ""
	},
}

// offsetsCSV accepts lines of topic, partition and offset.
var offsetsCSV = stringCheck{
	description: "must be lines of topic,partition,offset",
	check: func(s string) string {
		found, err := offset.DecodeCSV(s)
		if err != nil {
			return sentence(err.Error())
		}
		for _, topic := range sortedKeys(found.Offsets) {
			if problem := topicName.check(topic); problem != "" {
				return fmt.Sprintf("Line %d: %s", found.Line(topic), problem)
			}
		}
		return ""
	},
}

// offsetsMap checks a map topic (or broker) → partition (or queue) → offset.
type offsetsMap struct {
	outer, inner string
	name         stringCheck // of what stands outside
}

func (v offsetsMap) Description(context.Context) string {
	return fmt.Sprintf("must map each %s to a map of %s number to offset", v.outer, v.inner)
}
func (v offsetsMap) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v offsetsMap) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	v.check(req.ConfigValue, req.Path, func(p path.Path, problem string) {
		resp.Diagnostics.AddAttributeError(p, "Invalid value for "+p.String(), problem)
	})
}

// check tells what is wrong with a map that is known and not null, in order,
// and where. What is unknown in it is passed over.
func (v offsetsMap) check(offsets types.Map, at path.Path, wrong func(path.Path, string)) {
	bad := func(p path.Path, format string, args ...any) { wrong(p, fmt.Sprintf(format, args...)) }
	if len(offsets.Elements()) == 0 {
		bad(at, "The map is empty: it names no %s.", v.outer)
	}
	outer := offsets.Elements()
	for _, name := range sortedKeys(outer) {
		p := at.AtMapKey(name)
		inner, ok := outer[name].(types.Map)
		if !ok || inner.IsUnknown() {
			continue
		}
		if problem := v.name.check(name); problem != "" {
			bad(p, "%s", problem)
		}
		if len(inner.Elements()) == 0 {
			bad(p, "The map is empty: it names no %s of %s %q.", v.inner, v.outer, name)
		}
		numbers := inner.Elements()
		for _, key := range sortedKeys(numbers) {
			if n, err := strconv.ParseInt(key, 10, 32); err != nil || n < 0 || strconv.FormatInt(n, 10) != key {
				bad(p.AtMapKey(key), "%q is not a %s number: the keys are whole numbers from 0 to %d.", key, v.inner, math.MaxInt32)
			}
			number, ok := numbers[key].(types.Number)
			switch {
			case !ok || number.IsUnknown():
			case number.IsNull():
				bad(p.AtMapKey(key), "The offset must not be null. Leave the %s out instead.", v.inner)
			default:
				if problem := anOffset.problem(number); problem != "" {
					bad(p.AtMapKey(key), "%s", problem)
				}
			}
		}
	}
}

// anOffset accepts what can be committed.
var anOffset = numberCheck{description: "must be an offset", check: func(n int64) string {
	if n < 0 {
		return fmt.Sprintf("An offset is not negative; got %d. A broker would store it all the same.", n)
	}
	return ""
}}
