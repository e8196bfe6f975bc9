package romaconnect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// sessionTimeout is when the service counts a client as gone that was killed,
// unless the client's session.timeout.ms says otherwise.
const sessionTimeout = 10 * time.Second

// inactive tells whether a group in this state has no members. A state that
// is not told counts as active: the service resets no group online.
func inactive(state string) bool {
	switch strings.ToLower(strings.ReplaceAll(state, "_", "")) {
	case "empty", "dead":
		return true
	default:
		return false
	}
}

// awaitInactive looks at the group until it has no members, for as long as
// the wait allows.
func (e *instance) awaitInactive(ctx context.Context, group, what string, wait time.Duration, tell func(string)) error {
	deadline := time.Now().Add(wait)
	for first := true; ; first = false {
		seen, err := e.groupStatus(ctx, group, "")
		if err != nil {
			return e.fail(ctx, what, e.groupOperation(), err)
		}
		if seen.idle() {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return e.active(what, seen, wait)
		}
		if first {
			tell(fmt.Sprintf("Waiting up to %s for the group's members to leave", wait))
		}
		if err := clock.Sleep(ctx, min(e.client.poll, left)); err != nil {
			return &offset.Error{
				Code: offset.Interrupted, What: what + ": interrupted while waiting for the group's members to leave",
				State: offset.NothingChanged, Err: err,
			}
		}
	}
}

// active returns the error for a group that has members.
func (e *instance) active(what string, seen status, waited time.Duration) error {
	state := seen.state
	if state == "" {
		state = "unknown"
	}
	text := fmt.Sprintf("%s: the group is active (state %s)", what, state)
	if waited > 0 {
		text += fmt.Sprintf(", after waiting %s", waited)
	}
	var members []string
	for _, m := range seen.members {
		members = append(members, fmt.Sprintf("client %q at %s", m.ClientID, m.Host))
	}
	if len(members) > 0 {
		text += ": " + strings.Join(members, ", ")
	} else {
		text += "; the service does not name its members"
	}
	return &offset.Error{
		Code: offset.GroupActive, What: text, State: offset.NothingChanged,
		Next: fmt.Sprintf("Stop the consumers. One that was killed counts as gone after its session.timeout.ms, %s by default on this service; wait_for_inactive waits for that.", sessionTimeout),
	}
}
