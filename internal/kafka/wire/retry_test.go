package wire

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func TestPatience(t *testing.T) {
	failed := errors.New("failed")
	p := Patience{First: 100 * time.Millisecond, Most: time.Second, Total: 5 * time.Second}
	for name, tc := range map[string]struct {
		takes time.Duration // each try
		fails int           // tries that fail
		final bool          // the last failure is for good
		tries int
		least time.Duration
		most  time.Duration
		err   error
	}{
		"at once":               {tries: 1},
		"after two failures":    {fails: 2, tries: 3, least: 240 * time.Millisecond, most: 360 * time.Millisecond},
		"for good":              {fails: 1, final: true, tries: 1, err: failed},
		"never":                 {fails: 100, tries: 9, least: 5 * time.Second, most: 6200 * time.Millisecond, err: failed},
		"a broker that hangs":   {takes: 5 * time.Second / tries, fails: tries - 1, tries: tries, least: 5 * time.Second, most: 6 * time.Second},
		"one that goes on so":   {takes: 5 * time.Second / tries, fails: 100, tries: tries, least: 5 * time.Second, most: 6 * time.Second, err: failed},
		"a try beyond patience": {takes: 6 * time.Second, fails: 100, tries: 1, least: 6 * time.Second, most: 6 * time.Second, err: failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, n := time.Now(), 0
				v, err := Retry(t.Context(), p, func() (int, error) {
					n++
					time.Sleep(tc.takes)
					switch {
					case n > tc.fails:
						return n, nil
					case tc.final:
						return n, failed
					}
					return n, Transient(failed)
				})
				if took := time.Since(began); took < tc.least || tc.most > 0 && took > tc.most {
					t.Errorf("it took %s", took)
				}
				// The pauses vary by 20 %.
				if n < tc.tries-1 || n > tc.tries+1 || tc.takes > 0 && n != tc.tries || v != n {
					t.Errorf("%d tries, the last gave %d", n, v)
				}
				if !errors.Is(err, tc.err) || isTransient(err) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestEndOfTheContextTellsWhatFailedBefore(t *testing.T) {
	reason := &offset.Error{Code: offset.Unreachable, What: "The Kafka cluster could not be asked", Next: "Check the name.", Err: errors.New("no such host")}
	for name, tc := range map[string]struct {
		cause error
		tries func(ctx context.Context, n int) error
		words []string
	}{
		"out of time between two tries": {context.DeadlineExceeded, func(context.Context, int) error { return Transient(reason) },
			[]string{"Out of time: The Kafka cluster could not be asked: no such host. Check the name"}},
		"cancelled": {context.Canceled, func(context.Context, int) error { return Transient(reason) },
			[]string{"Interrupted", "no such host"}},
		"out of time in the second try": {context.DeadlineExceeded, func(ctx context.Context, n int) error {
			if n == 1 {
				return Transient(reason)
			}
			<-ctx.Done()
			return Transient(errors.New("the connection was closed"))
		}, []string{"no such host"}},
		"out of time in the first try": {context.DeadlineExceeded, func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return Transient(reason)
		}, []string{"Out of time", "no such host"}},
		"out of time in what is not tried again": {context.DeadlineExceeded, func(ctx context.Context, n int) error {
			if n == 1 {
				return Transient(reason)
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}, []string{"Out of time", "no such host"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if errors.Is(tc.cause, context.Canceled) {
					ctx, cancel = context.WithCancel(t.Context())
					time.AfterFunc(time.Minute, cancel)
				}
				n := 0
				_, err := Retry(ctx, Patience{First: time.Second, Most: 7 * time.Second, Total: time.Hour}, func() (int, error) {
					n++
					return n, tc.tries(ctx, n)
				})
				wantError(t, err, offset.Interrupted, tc.words...)
				if !errors.Is(err, tc.cause) {
					t.Errorf("%v is not %v", err, tc.cause)
				}
			})
		})
	}
	// Where nothing failed there is nothing to tell.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Retry(ctx, quick.Failover, func() (int, error) { return 0, Transient(errors.New("closed")) })
	if err != context.Canceled { //nolint:errorlint // It is nothing else.
		t.Errorf("error %v", err)
	}
}

// Three tries fit, however long a request may take.
func TestRequestIsAThirdOfThePatience(t *testing.T) {
	for _, request := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		times := timesFor(request)
		if times.Request != request || times.Failover.Total < tries*request || times.Failover.Total < 30*time.Second {
			t.Errorf("%s: %+v", request, times)
		}
	}
}

func TestParallelEndsWithTheFirstError(t *testing.T) {
	failed := errors.New("failed")
	ended := false
	err := Parallel(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); ended = true; return context.Cause(ctx) },
		func(context.Context) error { return failed })
	if !errors.Is(err, failed) || !ended {
		t.Errorf("error %v, ended %t", err, ended)
	}
}

// Of steps that ended together with their context, the one that can tell what
// was waited for is heard.
func TestParallelTellsWhatIsKnownOfTheEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	telling := &offset.Error{Code: offset.Interrupted, What: "Out of time"}
	bare := make(chan struct{})
	err := Parallel(ctx,
		func(ctx context.Context) error { defer close(bare); <-ctx.Done(); return context.Cause(ctx) },
		func(context.Context) error { <-bare; time.Sleep(time.Millisecond); return telling })
	if !errors.Is(err, telling) {
		t.Errorf("error %v", err)
	}
}
