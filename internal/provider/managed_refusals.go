package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
)

// refusals returns what the managed service cannot do of the arguments that
// are known; none without an instance. Which of the two services it is stands
// in the provider's section: until that is read, only what neither can do is
// refused.
func (a *kafkaArguments) refusals(ctx context.Context, s *services, onDestroy types.String) []managed.Refusal {
	if a.InstanceID.IsNull() || a.InstanceID.IsUnknown() {
		return nil
	}
	req, diags := a.knownPart().request(ctx)
	if diags.HasError() {
		return nil // The attributes' own validators say it.
	}
	found := append(checkInstance(a.InstanceID), romaconnect.Check(s.romaService(), req, onDestroy.ValueString())...)
	for i, r := range found {
		if r.Argument == "offsets" && a.Offsets.IsNull() {
			found[i].Argument = "offsets_csv"
		}
		if r.Argument == "topic" && a.Topic.IsNull() && !a.Topics.IsNull() {
			found[i].Argument = "topics"
		}
	}
	return found
}

// knownPart returns the arguments with null for what is not known.
func (a *kafkaArguments) knownPart() *kafkaArguments {
	k := *a
	k.Topic = orNull(k.Topic, types.StringNull())
	k.Partition = orNull(k.Partition, types.NumberNull())
	k.MessageOffset = orNull(k.MessageOffset, types.NumberNull())
	k.Timestamp = orNull(k.Timestamp, types.NumberNull())
	k.Datetime = orNull(k.Datetime, types.StringNull())
	k.Lookback = orNull(k.Lookback, types.StringNull())
	k.Position = orNull(k.Position, types.StringNull())
	k.Shift = orNull(k.Shift, types.NumberNull())
	k.SourceGroupID = orNull(k.SourceGroupID, types.StringNull())
	k.Offsets = orNull(k.Offsets, types.MapNull(offsetsType))
	k.Snapshot = orNull(k.Snapshot, types.StringNull())
	k.TopicNames = orNull(k.TopicNames, types.MapNull(types.StringType))
	k.OffsetsCSV = orNull(k.OffsetsCSV, types.StringNull())
	k.MaxReplayedMessages = orNull(k.MaxReplayedMessages, types.NumberNull())
	k.MaxSkippedMessages = orNull(k.MaxSkippedMessages, types.NumberNull())
	if !whollyKnownSet(k.Topics) {
		k.Topics = types.SetNull(types.StringType)
	}
	if !whollyKnownSet(k.Partitions) {
		k.Partitions = types.SetNull(types.NumberType)
	}
	return &k
}

func orNull[V attr.Value](v, null V) V {
	if v.IsUnknown() {
		return null
	}
	return v
}

// refusals returns what ApsaraMQ cannot do of the arguments that are known;
// none without an instance.
func (a *rocketmqArguments) refusals(_ context.Context, _ *services, onDestroy types.String) []managed.Refusal {
	if a.InstanceID.IsNull() || a.InstanceID.IsUnknown() {
		return nil
	}
	req := offset.Request{
		Group:     a.ConsumerGroup.ValueString(),
		KeepAhead: !a.Force.IsNull() && !a.Force.IsUnknown() && !a.Force.ValueBool(),
		Limits: offset.Limits{
			MaxReplayed: int64Pointer(a.MaxReplayedMessages),
			MaxSkipped:  int64Pointer(a.MaxSkippedMessages),
		},
	}
	if !a.Topic.IsUnknown() && !a.Topic.IsNull() {
		req.Scope.Topics = []string{a.Topic.ValueString()}
	}
	_, timeKnown, wrong := a.instant()
	if kind := a.ResetType.ValueString(); kind != "" && (kind != specifiedTime || timeKnown && wrong == nil) {
		req.Target, _ = a.target() // Only a wrong time gives an error.
	}
	found := append(checkInstance(a.InstanceID), apsaramq.Check(req, onDestroy.ValueString())...)
	if a.Offsets.IsNull() || a.Offsets.IsUnknown() {
		found = slices.DeleteFunc(found, func(r managed.Refusal) bool { return r.Argument == "offsets" })
	}
	return found
}

// romaService tells which of the two services the provider's section
// roma_connect means.
func (s *services) romaService() romaconnect.Service {
	switch {
	case s == nil || s.romaConnectSection.missing != "":
		return romaconnect.Either
	case s.romaConnectSection.config.Service == "":
		return romaconnect.ROMA
	default:
		return s.romaConnectSection.config.Service
	}
}
