package provider

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// kafkaArguments are the arguments that say what a Kafka reset does. The
// resource and the action have them in common.
type kafkaArguments struct {
	place
	GroupID             types.String `tfsdk:"group_id"`
	GroupType           types.String `tfsdk:"group_type"`
	InstanceID          types.String `tfsdk:"instance_id"`
	Topic               types.String `tfsdk:"topic"`
	Topics              types.Set    `tfsdk:"topics"`
	AllTopics           types.Bool   `tfsdk:"all_topics"`
	Partition           types.Number `tfsdk:"partition"`
	Partitions          types.Set    `tfsdk:"partitions"`
	MessageOffset       types.Number `tfsdk:"message_offset"`
	Shift               types.Number `tfsdk:"shift"`
	SourceGroupID       types.String `tfsdk:"source_group_id"`
	Offsets             types.Map    `tfsdk:"offsets"`
	Snapshot            types.String `tfsdk:"snapshot"`
	TopicNames          types.Map    `tfsdk:"topic_names"`
	Unmatched           types.String `tfsdk:"unmatched"`
	OffsetsCSV          types.String `tfsdk:"offsets_csv"`
	OutOfRange          types.String `tfsdk:"out_of_range"`
	IsolationLevel      types.String `tfsdk:"isolation_level"`
	MaxReplayedMessages types.Number `tfsdk:"max_replayed_messages"`
	MaxSkippedMessages  types.Number `tfsdk:"max_skipped_messages"`
	AllowNewGroup       types.Bool   `tfsdk:"allow_new_group"`
	WaitForInactive     types.String `tfsdk:"wait_for_inactive"`
}

// kafkaArgumentSchema describes kafkaArguments.
func kafkaArgumentSchema() map[string]argument {
	limit := []validator.Number{atLeast(0)}
	return merge(placeArguments("the apply", "`earliest` is the log's start, `latest` its end when the reset is applied. `current` commits the offsets that are committed "+
		"already, and the log's end for partitions without one. It does not prolong the life of a classic group's offsets, which expire counting from when its last member left.",
		offset.ToEarliest, offset.ToLatest, offset.ToCurrent), map[string]argument{
		"group_id": {
			required: true, replaces: true, strings: []validator.String{notEmpty},
			description: "The group whose offsets are reset.",
		},
		"group_type": {
			replaces: true, absent: string(offset.ConsumerGroup),
			strings: []validator.String{stringvalidator.OneOf(string(offset.ConsumerGroup), string(offset.ShareGroup), string(offset.StreamsGroup))},
			description: "What kind of group it is: `consumer` (default), of the classic or the new protocol (KIP-848); `share` (KIP-932, Kafka 4.1 or later), whose start offset is set; " +
				"or `streams` (KIP-1071, Kafka 4.2 or later), of whose input topics the offsets are set. A group of another type is refused, and the type that it is of is named. " +
				"Kafka Streams applications that use the classic protocol have consumer groups.",
		},
		"instance_id": {
			replaces: true, strings: []validator.String{notEmpty},
			description: "The id of a managed Kafka instance of ROMA Connect or DMS for Kafka. The reset then goes through the service's API, " +
				"with what that can do; everything else is refused at plan time.",
		},
		"topic": {
			strings:     []validator.String{topicName},
			description: "The topic to reset, whole or, with `partition` or `partitions`, in part.",
		},
		"topics": topicsArgument("The topics to reset, with all of their partitions. Beside `snapshot`, those of its topics that are taken, by their names here."),
		"all_topics": {
			kind: boolArgument,
			description: "`true` resets every topic that the group has committed offsets for or, with `source_group_id`, every topic that the source group has. " +
				"Partitions without a committed offset are left alone. `false` is the same as leaving it out.",
		},
		"partition": {
			kind: numberArgument, numbers: []validator.Number{between(int64(offset.AllPartitions), math.MaxInt32)},
			description: "The partition of `topic` to reset. `-1` means all of them, the same as leaving it out.",
		},
		"partitions": {
			kind: numberSetArgument, sets: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.NoNullValues(), numbersIn{between(0, math.MaxInt32)}},
			description: "The partitions of `topic` to reset.",
		},
		"message_offset": {
			kind: numberArgument, numbers: limit,
			description: "Reset every partition in scope to this offset. The log's end is legal: there the next record is waited for.",
		},
		"shift": {
			kind: numberArgument, numbers: []validator.Number{notZero},
			description: "Move every committed offset by this many: back if negative, forward if positive. Every partition in scope must have a committed offset.",
		},
		"source_group_id": {
			strings:     []validator.String{notEmpty},
			description: "Copy the committed offsets of this other group, as they are when the reset is applied. Partitions that it has no offset for are an error; `all_topics` takes those that it has.",
		},
		"offsets": {
			kind: offsetsArgument, maps: validatorsOf(offsetsMap{outer: "topic", inner: "partition", name: topicName}),
			description: "The offset for each partition: a map of topic to a map of partition to offset. It is a target and its own scope. " +
				"With a data source's `offsets` the exact numbers stand in the plan; set `reset_on = \"triggers\"` then, because a data source's numbers move with traffic and retention.",
		},
		"snapshot": {
			strings: []validator.String{snapshotDocument},
			description: "Put the group where it, or another one, was when this snapshot was taken: the `snapshot` of a `kafka_consumer_group_snapshot`, here or on another cluster. It is a target and its own scope. " +
				"On the cluster and topics that it was taken on these are the offsets themselves; on another cluster, or on a topic that was made anew, each partition goes to the same record. " +
				"Partitions without an offset in the snapshot are left alone. It needs the right READ on the topics.",
		},
		"topic_names": {
			kind: stringMapArgument, maps: validatorsOf(mapvalidator.ValueStringsAre(topicName)),
			description: "Only with `snapshot`: the name here of each topic of the snapshot that has another one, such as `{ orders = \"primary.orders\" }` where MirrorMaker puts the source's name in front.",
		},
		"unmatched": {
			strings: []validator.String{stringvalidator.OneOf(string(offset.UnmatchedTime), string(offset.UnmatchedError))},
			description: "Only with `snapshot`: what happens where the record is not found. `time` (default) goes by the record's time, which replays and does not skip; " +
				"where that cannot be trusted, because the topic here keeps the broker's times or its log was trimmed past it, the reset is refused. `error` refuses the reset.",
		},
		"offsets_csv": {
			strings: []validator.String{offsetsCSV},
			description: "The same as `offsets`, as lines of `topic,partition,offset`: what `kafka-consumer-groups --export` writes, for example `file(\"offsets.csv\")`. " +
				"A group in front of each line must be `group_id`. Quotes, blank lines and a heading are read. With thousands of partitions it is many times faster than `offsets`.",
		},
		"out_of_range": {
			strings: []validator.String{stringvalidator.OneOf(string(offset.Clamp), string(offset.Refuse))},
			description: "What happens to a target outside of the log: `clamp` (default) takes the earliest offset for one that is earlier and the latest for one that is later, " +
				"`error` refuses the whole reset.",
		},
		"isolation_level": isolationArgument(),
		"max_replayed_messages": {
			kind: numberArgument, numbers: limit,
			description: "Refuse the reset if it would have more messages than this consumed again. Checked on the final offsets just before the first commit; over it, nothing is written. " +
				"Counted in offsets, an upper bound of messages. A partition that gets its first offset counts as if all up to the log's end were consumed again and all before the target were skipped, since nobody knows what was consumed before.",
		},
		"max_skipped_messages": {
			kind: numberArgument, numbers: limit,
			description: "Refuse the reset if it would have more messages than this never consumed. Checked and counted as `max_replayed_messages`.",
		},
		"allow_new_group": {
			kind: boolArgument,
			description: "Allow a group that neither exists nor has committed offsets (default `false`). Without it such a group is an error, " +
				"because it is more likely misspelt, expired or on another cluster. A streams group is made by its application only, and is an error all the same.",
		},
		"wait_for_inactive": {
			strings: []validator.String{duration(0)},
			description: "How long to wait for the group's members to leave (default `60s`). `0s` refuses a group with members at once. " +
				"A consumer that was killed counts as a member until its session times out, 45 s by default. Must be less than the time-out of the operation.",
		},
	})
}

func validatorsOf(v validator.Map) []validator.Map { return []validator.Map{v} }

func (a *kafkaArguments) group() types.String    { return a.GroupID }
func (a *kafkaArguments) typed() types.String    { return a.GroupType }
func (a *kafkaArguments) instance() types.String { return a.InstanceID }

// targets are all arguments that say where the group is put: the one list.
// Offsets mean the same from a map and from CSV.
func (a *kafkaArguments) targets() []targetArgument {
	all := []targetArgument{
		{name: "message_offset", field: of(&a.MessageOffset), read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.ToOffset, Offset: int64Of(a.MessageOffset)}, nil
		}},
	}
	return append(append(all, a.place.targets()...), []targetArgument{
		{name: "shift", field: of(&a.Shift), read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.ByShift, Shift: int64Of(a.Shift)}, nil
		}},
		{name: "source_group_id", field: of(&a.SourceGroupID), read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.ToGroup, Group: a.SourceGroupID.ValueString()}, nil
		}},
		{name: "offsets", field: of(&a.Offsets), scopes: true, read: func() (offset.Target, error) {
			return offset.Target{Kind: offset.ToOffsets, Offsets: offsetsOf(a.Offsets)}, nil
		}},
		{name: "offsets_csv", field: of(&a.OffsetsCSV), scopes: true, read: func() (offset.Target, error) {
			found, err := offset.DecodeCSV(a.OffsetsCSV.ValueString())
			return offset.Target{Kind: offset.ToOffsets, Offsets: found.Offsets}, err
		}},
		{name: "snapshot", field: of(&a.Snapshot), scopes: true, read: a.snapshotTarget},
	}...)
}

// target returns what the target means. All attributes must be known.
func (a *kafkaArguments) target() (offset.Target, diag.Diagnostics) { return targetOf(a.targets()) }

// validate checks what no single attribute's validator can see. Whatever is
// unknown counts as neither set nor missing.
func (a *kafkaArguments) validate(diags *diag.Diagnostics) {
	scopes := []given{
		givenBy("topic", a.Topic),
		{"topics", !a.Topics.IsNull() && a.Snapshot.IsNull(), a.Topics.IsUnknown()}, // beside a snapshot they say which of its topics are taken
		{"all_topics", a.AllTopics.ValueBool(), a.AllTopics.IsUnknown()},            // false is the same as leaving it out
	}
	for _, t := range a.targets() {
		if t.scopes {
			scopes = append(scopes, givenBy(t.name, t.field.value()))
		}
	}
	exactlyOne(diags, "scope", scopes)
	exactlyOne(diags, "target", givenTargets(a.targets()))
	a.validateGroupOfCSV(diags)
	a.validateGroupType(diags)
	for _, beside := range []given{
		{"topic_names", !a.TopicNames.IsNull(), a.TopicNames.IsUnknown()},
		{"unmatched", !a.Unmatched.IsNull(), a.Unmatched.IsUnknown()},
	} {
		if beside.set && !beside.unknown && a.Snapshot.IsNull() {
			diags.AddAttributeError(path.Root(beside.name), "There is no snapshot",
				fmt.Sprintf("%s can only be set together with snapshot, which it belongs to.", beside.name))
		}
	}
	a.validateSnapshot(diags)
	for _, p := range []given{
		{"partition", !a.Partition.IsNull() && int64Of(a.Partition) != int64(offset.AllPartitions), a.Partition.IsUnknown()},
		{"partitions", !a.Partitions.IsNull(), a.Partitions.IsUnknown()},
	} {
		if p.set && !p.unknown && a.Topic.IsNull() {
			diags.AddAttributeError(path.Root(p.name), "Partitions belong to one topic",
				fmt.Sprintf("%s can only be set together with topic. For partitions of several topics, give each its offset with offsets, or write one resource for each topic.", p.name))
		}
	}
	if !a.Partition.IsNull() && !a.Partitions.IsNull() && !a.Partition.IsUnknown() && !a.Partitions.IsUnknown() && int64Of(a.Partition) != int64(offset.AllPartitions) {
		diags.AddAttributeError(path.Root("partition"), "Partitions are given twice", "Set partition or partitions, not both.")
	}
	if !a.SourceGroupID.IsNull() && !a.SourceGroupID.IsUnknown() && a.SourceGroupID.Equal(a.GroupID) {
		diags.AddAttributeError(path.Root("source_group_id"), "The source is the group itself",
			"A group's offsets cannot be copied from itself. To commit them as they are, use position = \"current\".")
	}
}

// groupType returns the type of group; empty for a consumer group.
func (a *kafkaArguments) groupType() offset.GroupType {
	if is := offset.GroupType(a.GroupType.ValueString()); is.Or() != offset.ConsumerGroup {
		return is
	}
	return ""
}

// validateGroupType refuses what groups of the type cannot be asked for.
func (a *kafkaArguments) validateGroupType(diags *diag.Diagnostics) {
	is := a.groupType()
	if is == "" {
		return
	}
	if !a.InstanceID.IsNull() && !a.InstanceID.IsUnknown() {
		diags.AddAttributeError(path.Root("group_type"), "A managed instance has consumer groups only",
			fmt.Sprintf("The service's API knows no %ss. Leave group_type out, or instance_id to reset through the brokers.", is.Noun()))
	}
	if is == offset.ShareGroup {
		for _, t := range a.targets() {
			if why, refused := notOfShareGroups[t.name]; refused && !t.field.value().IsNull() && !t.field.value().IsUnknown() {
				diags.AddAttributeError(path.Root(t.name), "Not possible with a share group", why)
			}
		}
		return
	}
	if a.GroupID.IsNull() || a.GroupID.IsUnknown() {
		return
	}
	internal := func(at path.Path, topic string) {
		if offset.StreamsInternal(a.GroupID.ValueString(), topic) {
			diags.AddAttributeError(at, "An internal topic of the application",
				fmt.Sprintf("The Kafka Streams application %q keeps topic %q for itself. Its changelog and repartition topics are never reset: name its input topics only.", a.GroupID.ValueString(), topic))
		}
	}
	internal(path.Root("topic"), a.Topic.ValueString())
	for _, v := range a.Topics.Elements() {
		if topic, ok := v.(types.String); ok {
			internal(path.Root("topics"), topic.ValueString())
		}
	}
	for _, topic := range sortedKeys(a.Offsets.Elements()) {
		internal(path.Root("offsets"), topic)
	}
	if a.OffsetsCSV.IsUnknown() || a.OffsetsCSV.IsNull() {
		return
	}
	if found, err := offset.DecodeCSV(a.OffsetsCSV.ValueString()); err == nil { // Its validator tells the error.
		for _, topic := range sortedKeys(found.Offsets) {
			internal(path.Root("offsets_csv"), topic)
		}
	}
}

// notOfShareGroups are the targets that a share group does not have, and why.
var notOfShareGroups = map[string]string{
	"shift": "Records of a share group are acknowledged one by one, so that its start offset does not tell how far it has come, and nothing can be counted from there. " +
		"Give a position, a time (datetime, timestamp, lookback) or offsets.",
	"source_group_id": "The start offset of a share group is not where another group is: records after it may be acknowledged already. " +
		"To have it start where a consumer group is, give offsets = data.….offsets of a kafka_consumer_group_offsets, or a snapshot.",
}

// validateGroupOfCSV refuses lines that were written for another group.
func (a *kafkaArguments) validateGroupOfCSV(diags *diag.Diagnostics) {
	if a.OffsetsCSV.IsNull() || a.OffsetsCSV.IsUnknown() || a.GroupID.IsUnknown() {
		return
	}
	found, err := offset.DecodeCSV(a.OffsetsCSV.ValueString())
	if err != nil || found.Group == "" || found.Group == a.GroupID.ValueString() {
		return // Its validator tells the error.
	}
	diags.AddAttributeError(path.Root("offsets_csv"), "The lines are of another group",
		fmt.Sprintf("The lines name the consumer group %q, and group_id is %q. If %q shall go where %q was, take them without their group: offsets = provider::offsets::csv_decode(…).",
			found.Group, a.GroupID.ValueString(), a.GroupID.ValueString(), found.Group))
}

func whollyKnownSet(s types.Set) bool {
	if s.IsUnknown() {
		return false
	}
	return !slices.ContainsFunc(s.Elements(), isUnknown)
}

func isUnknown[V interface{ IsUnknown() bool }](v V) bool { return v.IsUnknown() }

func whollyKnownOffsets(m types.Map) bool {
	if m.IsUnknown() {
		return false
	}
	for _, v := range m.Elements() {
		inner, ok := v.(types.Map)
		if !ok || inner.IsUnknown() {
			return false
		}
		for _, o := range inner.Elements() {
			if o.IsUnknown() {
				return false
			}
		}
	}
	return true
}

// scope returns the canonical scope: the same meaning gives equal values. All
// attributes must be known.
func (a *kafkaArguments) scope(ctx context.Context) (offset.Scope, diag.Diagnostics) {
	var s offset.Scope
	var diags diag.Diagnostics
	switch {
	case !a.Topic.IsNull():
		s.Topics = []string{a.Topic.ValueString()}
		switch {
		case !a.Partitions.IsNull():
			s.Partitions = partitionsOf(a.Partitions)
			slices.Sort(s.Partitions)
		case !a.Partition.IsNull() && int64Of(a.Partition) != int64(offset.AllPartitions):
			s.Partitions = []int32{int32(int64Of(a.Partition))} //nolint:gosec // The validator bounds it.
		}
	case !a.Topics.IsNull():
		diags.Append(a.Topics.ElementsAs(ctx, &s.Topics, false)...)
		slices.Sort(s.Topics)
	case a.AllTopics.ValueBool():
		s.AllTopics = true
	}
	return s, diags
}

// offsetsOf converts a wholly known map that offsetsMap has accepted.
func offsetsOf(m types.Map) offset.Offsets {
	offsets := make(offset.Offsets, len(m.Elements()))
	for name, v := range m.Elements() {
		inner, ok := v.(types.Map)
		if !ok {
			continue
		}
		partitions := make(map[int32]int64, len(inner.Elements()))
		for key, value := range inner.Elements() {
			id, err := strconv.ParseInt(key, 10, 32)
			number, ok := value.(types.Number)
			if err != nil || !ok {
				continue
			}
			partitions[int32(id)] = int64Of(number)
		}
		offsets[name] = partitions
	}
	return offsets
}

// partitionsOf converts a set of numbers that has been checked.
func partitionsOf(s types.Set) []int32 {
	var partitions []int32
	for _, v := range s.Elements() {
		if number, ok := v.(types.Number); ok {
			partitions = append(partitions, int32(int64Of(number))) //nolint:gosec // The validator bounds it.
		}
	}
	return partitions
}

// request returns what the engine is asked to do. All attributes must be known.
func (a *kafkaArguments) request(ctx context.Context) (offset.Request, diag.Diagnostics) {
	scope, diags := a.scope(ctx)
	target, more := a.target()
	diags.Append(more...)
	req := offset.Request{
		Group:         a.GroupID.ValueString(),
		GroupType:     a.groupType(),
		Scope:         scope,
		Target:        target,
		OutOfRange:    offset.OutOfRange(a.OutOfRange.ValueString()),
		Isolation:     offset.Isolation(a.IsolationLevel.ValueString()),
		Limits:        offset.Limits{MaxReplayed: int64Pointer(a.MaxReplayedMessages), MaxSkipped: int64Pointer(a.MaxSkippedMessages)},
		AllowNewGroup: a.AllowNewGroup.ValueBool(),
	}
	req.WaitForInactive, more = waitOf(a.WaitForInactive)
	diags.Append(more...)
	return req, diags
}

// waitOf reads wait_for_inactive; nil leaves the engine's default.
func waitOf(v types.String) (*time.Duration, diag.Diagnostics) {
	var diags diag.Diagnostics
	if v.IsNull() || v.IsUnknown() {
		return nil, diags
	}
	d, err := time.ParseDuration(v.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("wait_for_inactive"), "Not a duration", err.Error())
		return nil, diags
	}
	return &d, diags
}
