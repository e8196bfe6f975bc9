package provider

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// place are the arguments that name a place in a log without regard to a
// group. A reset and the data sources that tell offsets of topics have them.
type place struct {
	Timestamp types.Number `tfsdk:"timestamp"`
	Datetime  types.String `tfsdk:"datetime"`
	Lookback  types.String `tfsdk:"lookback"`
	Position  types.String `tfsdk:"position"`
}

// placeArguments describe place. The moment is when an instant and the log's
// end are looked at; positions are those that there are.
func placeArguments(moment, position string, positions ...offset.TargetKind) map[string]argument {
	var words []string
	for _, p := range positions {
		words = append(words, string(p))
	}
	return map[string]argument{
		"timestamp": {
			kind: numberArgument, numbers: []validator.Number{unixMillis},
			description: "The first record at or after this Unix time in **milliseconds**, and the log's end where there is none. " +
				"A value from 1 to 100000000000 is refused, since it is a time in seconds, and one above 100000000000000, since it is one in micro- or nanoseconds.",
		},
		"datetime": {
			strings:     []validator.String{rfc3339},
			description: "The first record at or after this RFC 3339 time with its zone, such as `2026-03-01T14:05:00Z`, and the log's end where there is none.",
		},
		"lookback": {
			strings:     []validator.String{lookback},
			description: fmt.Sprintf("The first record at or after the time that lies this long before %s, such as `90s`, `15m` or `36h`.", moment),
		},
		"position": {
			strings:     []validator.String{stringvalidator.OneOf(words...)},
			description: position,
		},
	}
}

func topicsArgument(description string) argument {
	return argument{
		kind: stringSetArgument, sets: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(topicName)},
		description: description,
	}
}

func isolationArgument() argument {
	return argument{
		strings: []validator.String{stringvalidator.OneOf(string(offset.ReadUncommitted), string(offset.ReadCommitted))},
		description: "What counts as the end of the log, also for times and for what is clamped: `read_uncommitted` (default) is the high watermark, " +
			"`read_committed` the last stable offset, which an open transaction holds back.",
	}
}

// targetArgument is an argument that says where a group is put.
type targetArgument struct {
	name   string
	field  field
	scopes bool // it is its own scope
	read   func() (offset.Target, error)
}

// targets are the arguments of a place. What a target means is canonical, so
// that the same meaning gives equal values: an instant is in UTC, in whole
// milliseconds.
func (p *place) targets() []targetArgument {
	return []targetArgument{
		{name: "timestamp", field: of(&p.Timestamp), read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.ToTime, Time: time.UnixMilli(int64Of(p.Timestamp)).UTC()}, nil
		}},
		{name: "datetime", field: of(&p.Datetime), read: func() (offset.Target, error) {
			t, err := time.Parse(time.RFC3339, p.Datetime.ValueString())
			return offset.Target{Kind: offset.ToTime, Time: ceilMilli(t)}, err
		}},
		{name: "lookback", field: of(&p.Lookback), read: func() (offset.Target, error) {
			d, err := time.ParseDuration(p.Lookback.ValueString())
			return offset.Target{Kind: offset.ToLookback, Lookback: d}, err
		}},
		{name: "position", field: of(&p.Position), read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.TargetKind(p.Position.ValueString())}, nil
		}},
	}
}

// ceilMilli returns the first millisecond at or after t, in UTC: records
// carry milliseconds, and the first one at or after t is wanted.
func ceilMilli(t time.Time) time.Time {
	ms := t.UTC().Truncate(time.Millisecond)
	if ms.Before(t) {
		ms = ms.Add(time.Millisecond)
	}
	return ms
}

// theSet returns the one of the targets that is set, if one is. All must be known.
func theSet(targets []targetArgument) (t targetArgument, ok bool) {
	for _, t := range targets {
		if !t.field.value().IsNull() {
			return t, true
		}
	}
	return targetArgument{}, false
}

// targetOf returns what the one that is set means.
func targetOf(targets []targetArgument) (offset.Target, diag.Diagnostics) {
	var diags diag.Diagnostics
	t, ok := theSet(targets)
	if !ok {
		return offset.Target{}, diags
	}
	target, err := t.read()
	if err != nil {
		diags.AddAttributeError(path.Root(t.name), "Invalid value for "+t.name, sentence(err.Error()))
	}
	return target, diags
}

// given is an argument of which exactly one must be set.
type given struct {
	name    string
	set     bool
	unknown bool
}

func givenBy(name string, v attr.Value) given { return given{name, !v.IsNull(), v.IsUnknown()} }

func givenTargets(targets []targetArgument) []given {
	var all []given
	for _, t := range targets {
		all = append(all, givenBy(t.name, t.field.value()))
	}
	return all
}

// exactlyOne reports an error unless exactly one of the arguments is set. It
// is silent while an unknown one leaves that open.
func exactlyOne(diags *diag.Diagnostics, what string, arguments []given) {
	var names, set []string
	unknown := false
	for _, g := range arguments {
		names = append(names, g.name)
		switch {
		case g.unknown:
			unknown = true
		case g.set:
			set = append(set, g.name)
		}
	}
	switch {
	case len(set) > 1:
		diags.AddAttributeError(path.Root(set[1]), fmt.Sprintf("More than one %s", what),
			fmt.Sprintf("Exactly one %s must be set, and there are %d: %s.", what, len(set), strings.Join(set, ", ")))
	case len(set) == 0 && !unknown:
		diags.AddAttributeError(path.Root(names[0]), fmt.Sprintf("No %s", what),
			fmt.Sprintf("Exactly one %s must be set: one of %s.", what, strings.Join(names, ", ")))
	}
}
