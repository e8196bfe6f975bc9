package wire

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A long pause is told when it begins; many requests that wait through the same
// one do not tell it each.
func TestALongPauseIsTold(t *testing.T) {
	var told []string
	ctx := Telling(t.Context(), func(message string) { told = append(told, message) })
	pauses(ctx, "b1:9092", 900*time.Millisecond)
	if len(told) > 0 {
		t.Errorf("told %q of a short pause", told)
	}
	for range 3 {
		pauses(ctx, "b2:9092", 10*time.Second)
	}
	if len(told) != 1 || told[0] != "Broker b2:9092 throttles this client (throttle_time_ms): waiting 9s" {
		t.Errorf("told %q", told)
	}
	if why := paused(ctx); why != "" {
		t.Errorf("%q, and no time has gone by yet", why)
	}
	pauses(t.Context(), "b1:9092", time.Hour)           // Nobody asks.
	pauses(Telling(t.Context(), nil), "b1:9092", 1<<40) // Nobody listens.
}

// throttledFor is a context of which so much time has gone by for a broker's
// pause, and whose own is up.
func throttledFor(t *testing.T, took time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	t.Cleanup(cancel)
	ctx = Telling(ctx, nil)
	it := ctx.Value(tellingKey{}).(*telling)
	it.broker, it.paused, it.until = "b1:9092", took, time.Now()
	return ctx
}

func TestOutOfTimeSaysThatABrokerThrottled(t *testing.T) {
	const words = "30s of that went by because the broker b1:9092 throttles this client"
	outOfTime := func() error {
		return &offset.Error{Code: offset.Interrupted, What: "Out of time", State: offset.NothingChanged, Err: context.DeadlineExceeded}
	}
	for name, tc := range map[string]struct {
		took time.Duration
		err  error
		told bool
	}{
		"it took most of the time": {30 * time.Second, outOfTime(), true},
		"it took little":           {900 * time.Millisecond, outOfTime(), false},
		"interrupted":              {30 * time.Second, &offset.Error{Code: offset.Interrupted, What: "Interrupted", Err: context.Canceled}, false},
		"something else":           {30 * time.Second, &offset.Error{Code: offset.GroupActive, What: "It is active"}, false},
		"said already":             {30 * time.Second, &offset.Error{Code: offset.Interrupted, What: "Out of time", Err: &explained{"The broker throttles this client", context.DeadlineExceeded}}, false},
		"done":                     {30 * time.Second, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := Why(throttledFor(t, tc.took), tc.err)
			if tc.told {
				wantError(t, got, offset.Interrupted, "Out of time; "+words, "quota", offset.NothingChanged)
				if !errors.Is(got, context.DeadlineExceeded) {
					t.Errorf("the cause is lost: %v", got)
				}
				return
			}
			if got != tc.err { //nolint:errorlint // The very one.
				t.Errorf("got %v", got)
			}
		})
	}
	if err := outOfTime(); Why(t.Context(), err) != err { //nolint:errorlint // The very one.
		t.Error("nobody has noted anything")
	}
	// So does what a step says of its end.
	wantError(t, stopped(throttledFor(t, 30*time.Second), nil), offset.Interrupted, "Out of time; "+words)
	wantError(t, stopped(throttledFor(t, 30*time.Second), errors.New("no answer")), offset.Interrupted, "Out of time; "+words, "no answer")
	if err := stopped(throttledFor(t, 0), nil); strings.Contains(err.Error(), "throttles") {
		t.Error(err)
	}
}
