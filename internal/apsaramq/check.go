package apsaramq

import (
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Check returns what the service cannot do of a request, argument by
// argument, without asking it. It judges only what is set, so a request may
// lack what a plan does not know yet. onDestroy is the resource's on_destroy,
// "" for an action.
func Check(req offset.Request, onDestroy string) []managed.Refusal {
	var refusals []managed.Refusal
	refuse := func(argument, detail string) {
		refusals = append(refusals, managed.Refusal{Argument: argument, Detail: detail})
	}

	switch req.Target.Kind {
	case "", offset.ToLatest:
	case offset.ToTime:
		t := req.Target.Time.In(zone)
		switch {
		case t.Nanosecond() != 0:
			refuse("reset_time", "ApsaraMQ resets to whole seconds only. Give a time without a fraction; the second before replays up to one second more.")
		case t.Year() < 1970 || t.Year() > 9999:
			refuse("reset_time", "ApsaraMQ takes times from 1970 to 9999.")
		}
	case offset.ToEarliest:
		refuse("reset_type", "ApsaraMQ cannot reset to the earliest message. Use SPECIFIED_TIME with a time at or after the oldest stored message.")
	case offset.ToOffset, offset.ToOffsets:
		refuse("reset_type", "ApsaraMQ cannot reset queues to given offsets. Use SPECIFIED_TIME or LATEST_OFFSET.")
	default:
		refuse("reset_type", "ApsaraMQ resets only with LATEST_OFFSET and SPECIFIED_TIME.")
	}
	if len(req.Target.Offsets) > 0 {
		refuse("offsets", "ApsaraMQ neither takes nor tells offsets of single queues.")
	}
	if req.Scope.AllTopics || len(req.Scope.Topics) > 1 || len(req.Scope.Partitions) > 0 {
		refuse("topic", "ApsaraMQ resets exactly one topic, with all its queues.")
	}
	if req.KeepAhead {
		refuse("force", "ApsaraMQ moves every queue, also those whose offset goes forward, so that what lies between is skipped there; it has no reset with force = false.")
	}
	if req.Limits.MaxReplayed != nil {
		refuse("max_replayed_messages", "ApsaraMQ tells no offsets, so nobody can know before the reset how many messages it replays.")
	}
	if req.Limits.MaxSkipped != nil {
		refuse("max_skipped_messages", "ApsaraMQ tells no offsets, so nobody can know before the reset how many messages it skips.")
	}
	switch onDestroy {
	case "", "keep":
	case "restore":
		refuse("on_destroy", "ApsaraMQ tells no offsets, so there is nothing that could be restored. Use \"keep\".")
	default:
		refuse("on_destroy", "ApsaraMQ cannot delete offsets. Use \"keep\".")
	}
	if req.Group != "" {
		if fault := managed.CheckSegment(req.Group); fault != "" {
			refuse("consumer_group", "The name "+fault)
		}
	}
	for _, name := range req.Scope.Topics {
		if fault := managed.CheckSegment(name); fault != "" {
			refuse("topic", "The name "+fault)
		}
	}
	return refusals
}

// stored says whether a time lies between the oldest and the newest stored
// message, both inclusive.
func stored(t, oldest, newest time.Time) bool { return !t.Before(oldest) && !t.After(newest) }
