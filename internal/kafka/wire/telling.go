package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// longPause is how long a broker's pause is before it is told.
const longPause = time.Second

// telling is what the requests of one call tell whoever waits for it, and
// leave for its error.
type telling struct {
	tell func(string)

	mu     sync.Mutex
	broker string // that has asked for the last pause
	paused time.Duration
	until  time.Time // the end of the last pause
}

type tellingKey struct{}

// Telling returns a context whose requests tell when a broker throttles this
// client for long (throttle_time_ms), which nil does not hear, and remember it
// for Why.
func Telling(ctx context.Context, tell func(message string)) context.Context {
	return context.WithValue(ctx, tellingKey{}, &telling{tell: tell})
}

// pauses notes that a request waits because the broker at addr has asked for it.
func pauses(ctx context.Context, addr string, wait time.Duration) {
	t, ok := ctx.Value(tellingKey{}).(*telling)
	if !ok {
		return
	}
	now := time.Now()
	t.mu.Lock()
	from, end := now, now.Add(wait)
	if from.Before(t.until) { // Requests wait beside each other.
		from = t.until
	}
	longer := end.Sub(from)
	if longer > 0 {
		t.broker, t.until = addr, end
		t.paused += longer
	}
	t.mu.Unlock()
	if longer >= longPause && t.tell != nil {
		t.tell(fmt.Sprintf("Broker %s throttles this client (throttle_time_ms): waiting %s", addr, longer.Round(time.Second)))
	}
}

// paused says for how long the context's requests have waited because a broker
// has asked for it; empty if that was not long.
func paused(ctx context.Context) string {
	t, ok := ctx.Value(tellingKey{}).(*telling)
	if !ok {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	took := t.paused
	if left := time.Until(t.until); left > 0 {
		took -= left
	}
	if took < longPause {
		return ""
	}
	return fmt.Sprintf("%s of that went by because the broker %s throttles this client (throttle_time_ms)", took.Round(time.Second), t.broker)
}

const quota = "The quota of the user or the client id is used up (kafka-configs.sh shows it): raise it, or try again later."

// Why completes the error of a call whose time has run out: that brokers have
// throttled it is said if it is not yet.
func Why(ctx context.Context, err error) error {
	var e *offset.Error
	if !errors.As(err, &e) || e.Code != offset.Interrupted || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "throttles") {
		return err
	}
	why := paused(ctx)
	if why == "" {
		return err
	}
	told := *e
	told.What += "; " + why
	if told.Next == "" {
		told.Next = quota
	}
	return &told
}
