package romaconnect

import (
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Check returns what the service cannot do of a request, argument by
// argument, without asking it. It judges only what is set, so a request may
// lack what a plan does not know yet. onDestroy is the resource's on_destroy,
// "" for an action.
//
// With the service Either it returns what neither service can do.
//
// Both tell offsets by partition, so with message_offset limits can be checked
// beforehand, and a reset can be restored; DMS tells the log's range too. A key
// or a gateway that does not allow these calls is found when they are made.
func Check(service Service, req offset.Request, onDestroy string) []managed.Refusal {
	var refusals []managed.Refusal
	refuse := func(argument, detail string) {
		refusals = append(refusals, managed.Refusal{Argument: argument, Detail: detail})
	}
	name := "ROMA Connect"
	switch service {
	case DMS:
		name = "DMS for Kafka"
	case Either:
		name = "A managed Kafka instance"
	}

	target := req.Target
	switch target.Kind {
	case "", offset.ToLookback:
	case offset.ToOffset:
		if target.Offset < 0 {
			refuse("message_offset", "An offset is 0 or more.")
		}
	case offset.ToTime:
		if target.Time.Unix() < 0 {
			refuse("datetime", name+" takes times from 1970 on.")
		}
	case offset.ToEarliest:
		refuse("position", name+" has no reset by position. message_offset = 0 leads to the log's start, since the service moves an offset before it there.")
	case offset.ToLatest:
		refuse("position", name+" has no reset by position. A datetime later than the newest record leads to the log's end, since the service moves it there.")
	case offset.ToCurrent:
		refuse("position", name+" has no reset by position.")
	case offset.ByShift:
		refuse("shift", name+" cannot shift offsets. Use message_offset, timestamp, datetime or lookback.")
	case offset.ToGroup:
		refuse("source_group_id", name+" cannot copy another group's offsets. Use message_offset, timestamp, datetime or lookback.")
	case offset.ToOffsets:
		refuse("offsets", name+" resets to one offset or time a call. Use message_offset with partition, one resource each.")
	case offset.ToSnapshot:
		refuse("snapshot", name+" shows no records, so that their place cannot be found. Use datetime, or reset the instance through its brokers.")
	default:
		refuse("position", name+" resets only to an offset or a time.")
	}

	if req.Scope.AllTopics {
		refuse("all_topics", name+" resets exactly one topic a call. Use topic, one resource each.")
	}
	if len(req.Scope.Topics) > 1 {
		refuse("topics", name+" resets exactly one topic a call. Use topic, one resource each.")
	}
	if len(req.Scope.Partitions) > 1 {
		refuse("partitions", name+" resets one partition or all of them a call. Use partition, one resource each, or none of both.")
	}
	if len(req.Scope.Partitions) == 1 && req.Scope.Partitions[0] < offset.AllPartitions {
		refuse("partition", "A partition is 0 or more, or -1 for all.")
	}

	if req.Isolation == offset.ReadCommitted {
		refuse("isolation_level", name+" has no isolation level for resets. Leave it out.")
	}
	exact := target.Kind == offset.ToOffset || target.Kind == ""
	switch {
	case req.OutOfRange != offset.Refuse:
	case service != DMS && service != Either:
		refuse("out_of_range", "The service itself moves a target outside of the log to its start or end, and ROMA Connect does not tell where the log starts. Use \"clamp\".")
	case !exact:
		refuse("out_of_range", "The service itself moves a target outside of the log to its start or end, and this can be checked beforehand only with message_offset.")
	}
	if !exact {
		reason := name + " finds the offsets of a time only while it resets, so they can be counted beforehand only with message_offset."
		if req.Limits.MaxReplayed != nil {
			refuse("max_replayed_messages", reason)
		}
		if req.Limits.MaxSkipped != nil {
			refuse("max_skipped_messages", reason)
		}
	}
	if req.AllowNewGroup {
		refuse("allow_new_group", name+" resets only groups that exist. Create the group first.")
	}
	switch onDestroy {
	case "", "keep", "restore":
	case "delete_offsets":
		refuse("on_destroy", name+" has no call that deletes the offsets of partitions. Use \"keep\".")
	default:
		refuse("on_destroy", "Use \"keep\".")
	}

	if req.Group != "" {
		if fault := managed.CheckSegment(req.Group); fault != "" {
			refuse("group_id", "The name "+fault)
		}
	}
	for _, topic := range req.Scope.Topics {
		// It is part of a path with DMS only, but no Kafka topic is named so.
		if fault := managed.CheckSegment(topic); fault != "" {
			refuse("topic", "The name "+fault)
		}
	}
	return refusals
}

// everyPartition tells whether a scope means all partitions of its topic.
func everyPartition(s offset.Scope) bool {
	return len(s.Partitions) == 0 || slices.Contains(s.Partitions, offset.AllPartitions)
}
