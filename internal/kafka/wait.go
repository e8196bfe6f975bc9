package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// waiting waits for a group's members to leave, as often as needed within one
// budget of time.
type waiting struct {
	group    string
	poll     time.Duration
	deadline time.Time
	waits    bool // false: refuse at once
	tell     func(string)
	refusals int // writes that the broker refused though the group looked idle
}

func (c *Client) newWait(group string, budget time.Duration, tell func(string)) *waiting {
	return &waiting{group: group, poll: c.poll, deadline: time.Now().Add(budget), waits: budget > 0, tell: tell}
}

// until looks at the group until it is as wanted. The error is of code
// GroupActive if it is not in time, and ctx's as soon as that ends.
func (w *waiting) until(ctx context.Context, coordinator *coordinator, g *group, wanted func(*group) bool) error {
	if !w.waits {
		return active(g, false)
	}
	told := -1
	for {
		if wanted(g) {
			return nil
		}
		w.refusals = 0 // the members that stood in the way are told
		if len(g.members) != told {
			told = len(g.members)
			w.tell(fmt.Sprintf("Waiting up to %s for %s (%s) to be left by %s",
				time.Until(w.deadline).Round(time.Second), g.called(), g.state, describeMembers(g)))
		}
		pause := min(w.poll, time.Until(w.deadline))
		if pause <= 0 {
			return active(g, true)
		}
		if err := clock.Sleep(ctx, pause); err != nil {
			return err
		}
		var err error
		if g, err = coordinator.describe(ctx); err != nil {
			return err
		}
	}
}

// refused waits a moment after a broker refused a write as if the group had
// members. If that happens again and again though the group is told to have
// none, the broker's word counts.
func (w *waiting) refused(ctx context.Context) error {
	const most = 5
	w.refusals++
	if w.refusals >= most {
		return &offset.Error{
			Code: offset.GroupActive,
			What: fmt.Sprintf("The broker refuses to write offsets of group %q as if it had members that consume them, though it tells of none", w.group),
			Next: "Check what uses the group; a kafka_version below 3.7 hides the members of groups of the new protocol (KIP-848).",
		}
	}
	if !w.waits {
		return nil
	}
	return clock.Sleep(ctx, w.poll)
}
