package provider

import (
	"context"
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
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/resettime"
)

// What reset_type can be. The first two are the vendor's words.
const (
	latestOffset    = "LATEST_OFFSET"
	specifiedTime   = "SPECIFIED_TIME"
	earliestOffset  = "EARLIEST_OFFSET"
	specifiedOffset = "SPECIFIED_OFFSET"
)

// rocketmqArguments are the arguments that say what a RocketMQ reset does.
// The resource and the action have them in common.
type rocketmqArguments struct {
	ConsumerGroup       types.String `tfsdk:"consumer_group"`
	Topic               types.String `tfsdk:"topic"`
	InstanceID          types.String `tfsdk:"instance_id"`
	ResetType           types.String `tfsdk:"reset_type"`
	ResetTime           types.String `tfsdk:"reset_time"`
	TimeZone            types.String `tfsdk:"time_zone"`
	Offsets             types.Map    `tfsdk:"offsets"`
	Brokers             types.Set    `tfsdk:"brokers"`
	Force               types.Bool   `tfsdk:"force"`
	MaxReplayedMessages types.Number `tfsdk:"max_replayed_messages"`
	MaxSkippedMessages  types.Number `tfsdk:"max_skipped_messages"`
}

// rocketmqArgumentSchema describes rocketmqArguments.
func rocketmqArgumentSchema() map[string]argument {
	limit := []validator.Number{atLeast(0)}
	return map[string]argument{
		"consumer_group": {
			required: true, replaces: true, strings: []validator.String{notEmpty},
			description: "The consumer group whose offsets are reset.",
		},
		"topic": {
			required: true, strings: []validator.String{ownTopic},
			description: "The topic whose queues are reset. Topics of RocketMQ itself, such as `SCHEDULE_TOPIC_XXXX`, are refused.",
		},
		"instance_id": {
			replaces: true, strings: []validator.String{notEmpty},
			description: "The id of a managed instance of ApsaraMQ for RocketMQ. The reset then goes through the service's API, " +
				"which knows `LATEST_OFFSET` and `SPECIFIED_TIME`; everything else is refused at plan time.",
		},
		"reset_type": {
			required: true, strings: []validator.String{stringvalidator.OneOf(latestOffset, specifiedTime, earliestOffset, specifiedOffset)},
			description: "Where the group is put: `LATEST_OFFSET` (the end of every queue), `SPECIFIED_TIME` (the first message stored at or after `reset_time`, " +
				"and the end where there is none), `EARLIEST_OFFSET` (the start) or `SPECIFIED_OFFSET` (what `offsets` says).",
		},
		"reset_time": {
			strings: []validator.String{notEmpty},
			description: "With `SPECIFIED_TIME`: an RFC 3339 time such as `2026-03-01T14:05:00Z`, or `yyyy-MM-dd HH:mm:ss` together with `time_zone`. " +
				"Fractions of a second are kept.",
		},
		"time_zone": {
			strings: []validator.String{notEmpty},
			description: "The IANA name of the zone of a bare `reset_time`, such as `Asia/Shanghai`. There is no default, because the vendors' consoles mean UTC+8 " +
				"and mqadmin means its host's zone. A time that daylight saving skips or has twice is an error.",
		},
		"offsets": {
			kind: offsetsArgument, maps: validatorsOf(offsetsMap{outer: "broker", inner: "queue", name: notEmpty}),
			description: "With `SPECIFIED_OFFSET`: the offset for each queue, a map of broker name to a map of queue to offset. Queues that it does not name stay where they are. " +
				"An offset outside of the queue's log is moved to its start or end, and counted in `summary.clamped`.",
		},
		"brokers": {
			kind: stringSetArgument, sets: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), setvalidator.ValueStringsAre(notEmpty)},
			description: "The names of the brokers that must take part. Name servers forget a broker that has died at once, and the rest would be reset as if it were all: " +
				"with this argument, a broker that is not among the topic's is an error, and nothing is changed. A change of it alone resets nothing.",
		},
		"force": {
			kind:        boolArgument,
			description: "`false` leaves a queue alone whose target lies ahead of its offset, so that nothing is skipped (default `true`).",
		},
		"max_replayed_messages": {
			kind: numberArgument, numbers: limit,
			description: "Refuse the reset if it would have more messages than this consumed again. Checked on the final offsets just before the first write; over it, nothing is written.",
		},
		"max_skipped_messages": {
			kind: numberArgument, numbers: limit,
			description: "Refuse the reset if it would have more messages than this never consumed. Checked as `max_replayed_messages`.",
		},
	}
}

// ownTopic accepts what is not a topic of RocketMQ itself.
var ownTopic = stringCheck{
	description: "must not be empty or a topic of RocketMQ itself",
	check: func(s string) string {
		switch {
		case s == "":
			return "The value must not be empty."
		case rocketmq.IsSystemTopic(s):
			return fmt.Sprintf("%q belongs to RocketMQ itself: brokers consume it, and a reset of it loses or repeats the messages of others. Name a topic of your own.", s)
		default:
			return ""
		}
	},
}

func (a *rocketmqArguments) group() types.String    { return a.ConsumerGroup }
func (a *rocketmqArguments) instance() types.String { return a.InstanceID }
func (a *rocketmqArguments) typed() types.String    { return types.StringNull() }

// validate checks what no single attribute's validator can see.
func (a *rocketmqArguments) validate(diags *diag.Diagnostics) {
	if !a.Brokers.IsNull() && !a.InstanceID.IsNull() {
		diags.AddAttributeError(path.Root("brokers"), "Unexpected brokers", "brokers names brokers that the name servers know. A managed instance, which instance_id names, tells no brokers.")
	}
	if a.ResetType.IsUnknown() {
		return
	}
	kind := a.ResetType.ValueString()
	for _, p := range []struct {
		name  string
		value attr.Value
		kind  string
	}{{"reset_time", a.ResetTime, specifiedTime}, {"offsets", a.Offsets, specifiedOffset}} {
		switch {
		case p.value.IsNull() && kind == p.kind:
			diags.AddAttributeError(path.Root(p.name), "Missing "+p.name, fmt.Sprintf("reset_type is %q, which needs %s.", kind, p.name))
		case !p.value.IsNull() && kind != p.kind:
			diags.AddAttributeError(path.Root(p.name), "Unexpected "+p.name, fmt.Sprintf("%s belongs to reset_type %q, and reset_type is %q.", p.name, p.kind, kind))
		}
	}
	switch {
	case !a.TimeZone.IsNull() && kind != specifiedTime:
		diags.AddAttributeError(path.Root("time_zone"), "Unexpected time_zone", fmt.Sprintf("time_zone belongs to reset_type %q, and reset_type is %q.", specifiedTime, kind))
	case kind == specifiedTime:
		if _, known, err := a.instant(); known && err != nil {
			at := "reset_time"
			if !a.TimeZone.IsNull() && strings.Contains(err.Error(), fmt.Sprintf("time zone %q", a.TimeZone.ValueString())) {
				at = "time_zone"
			}
			diags.AddAttributeError(path.Root(at), "Invalid value for "+at, sentence(err.Error()))
		}
	}
}

// instant returns the instant that reset_time means; not known while a part
// of it is unknown or missing.
func (a *rocketmqArguments) instant() (t time.Time, known bool, err error) {
	if a.ResetTime.IsNull() || a.ResetTime.IsUnknown() || a.TimeZone.IsUnknown() {
		return time.Time{}, false, nil
	}
	t, err = resettime.Parse(a.ResetTime.ValueString(), a.TimeZone.ValueString())
	return t, true, err
}

// aim returns the attributes that say target and scope.
func (a *rocketmqArguments) aim() []field {
	return []field{of(&a.Topic), of(&a.ResetType), of(&a.ResetTime), of(&a.TimeZone), of(&a.Offsets)}
}

func (a *rocketmqArguments) aimKnown() bool {
	return !anyUnknown(a.aim()) && whollyKnownOffsets(a.Offsets)
}

// known tells whether a request can be made.
func (a *rocketmqArguments) known() bool {
	for _, v := range []attr.Value{a.ConsumerGroup, a.InstanceID, a.Force, a.MaxReplayedMessages, a.MaxSkippedMessages} {
		if v.IsUnknown() {
			return false
		}
	}
	return a.aimKnown() && whollyKnownSet(a.Brokers)
}

// meaning returns what the arguments mean; nil if not all of it is known.
func (a *rocketmqArguments) meaning(context.Context) *reset.Meaning {
	if !a.aimKnown() {
		return nil
	}
	target, diags := a.target()
	if diags.HasError() {
		return nil
	}
	return &reset.Meaning{Scope: offset.Scope{Topics: []string{a.Topic.ValueString()}}, Target: target}
}

// target returns the canonical target: the same meaning gives equal values.
func (a *rocketmqArguments) target() (offset.Target, diag.Diagnostics) {
	var diags diag.Diagnostics
	switch a.ResetType.ValueString() {
	case latestOffset:
		return offset.Target{Kind: offset.ToLatest}, diags
	case earliestOffset:
		return offset.Target{Kind: offset.ToEarliest}, diags
	case specifiedOffset:
		return offset.Target{Kind: offset.ToOffsets, Offsets: offsetsOf(a.Offsets)}, diags
	default:
		t, _, err := a.instant()
		if err != nil {
			diags.AddAttributeError(path.Root("reset_time"), "Invalid value for reset_time", sentence(err.Error()))
		}
		return offset.Target{Kind: offset.ToTime, Time: t.UTC()}, diags
	}
}

// request returns what the engine is asked to do. All attributes must be known.
func (a *rocketmqArguments) request(ctx context.Context) (offset.Request, diag.Diagnostics) {
	target, diags := a.target()
	return offset.Request{
		Brokers:   stringsOf(ctx, a.Brokers, &diags),
		Group:     a.ConsumerGroup.ValueString(),
		Scope:     offset.Scope{Topics: []string{a.Topic.ValueString()}},
		Target:    target,
		KeepAhead: !a.Force.IsNull() && !a.Force.ValueBool(),
		Limits:    offset.Limits{MaxReplayed: int64Pointer(a.MaxReplayedMessages), MaxSkipped: int64Pointer(a.MaxSkippedMessages)},
	}, diags
}

// faults names the attributes that the engine's errors concern.
func (a *rocketmqArguments) faults() attributes {
	at := attributes{
		offset.GroupMissing: "consumer_group", offset.GroupKind: "consumer_group",
		offset.InstanceMissing: "instance_id",
		offset.TopicMissing:    "topic", offset.NoLeader: "topic",
		offset.BrokerMissing: "brokers",
	}
	if !a.ResetTime.IsNull() {
		at[offset.OutsideLog] = "reset_time"
	}
	if !a.Offsets.IsNull() {
		at[offset.PartitionGone], at[offset.OutsideLog] = "offsets", "offsets"
	}
	return at
}
