package wire

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Patience bounds the tries of one step.
type Patience struct {
	First time.Duration // the first pause; each next one is twice as long
	Most  time.Duration // the longest pause
	Total time.Duration // no new try after that time
}

// Times are all time limits.
type Times struct {
	Request  time.Duration // one request, dialling included, and one throttling
	Stagger  time.Duration // after so long without an answer, the next broker is asked too
	Watch    time.Duration // so often it is seen whether another broker has taken over from one that does not answer
	Queue    time.Duration // after so long a busy connection is not waited for
	Idle     time.Duration // a connection that was not used for longer is not used any more
	Failover Patience      // a coordinator or a leader that dies, moves or hangs
	Contact  Patience      // brokers of which none has ever answered
	Settling Patience      // what was created, or elected, a moment ago
}

// tries is how often a broker that hangs can be asked within the patience.
const tries = 3

// Defaults are the times for the default time-out of a request. A broker that
// was killed, or hangs, is fenced by the controller after
// broker.session.timeout.ms, 9 s, so that a coordinator or a leader that moves
// is waited for somewhat longer than that. A topic that was created a moment
// ago, and a partition that elects its leader, are known everywhere after some
// milliseconds: asking again for longer would only make the error for a
// misspelt topic come late; so it is with a wrong address. Load balancers drop
// idle connections after some minutes, and not all of them say so.
var Defaults = Times{
	Request:  10 * time.Second,
	Stagger:  time.Second,
	Watch:    2 * time.Second,
	Queue:    25 * time.Millisecond,
	Idle:     time.Minute,
	Failover: Patience{First: 50 * time.Millisecond, Most: 2 * time.Second, Total: 30 * time.Second},
	Contact:  Patience{First: 50 * time.Millisecond, Most: 500 * time.Millisecond, Total: 2 * time.Second},
	Settling: Patience{First: 100 * time.Millisecond, Most: 400 * time.Millisecond, Total: time.Second},
}

// transient marks an error that another try may mend.
type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// Transient marks err as one that another try may mend.
func Transient(err error) error { return &transient{err} }

// Retry runs try until it succeeds, fails for good, patience ends or ctx does.
// The error is the last one, without its mark. If ctx ends, it tells what
// failed last; the last value of try comes with it.
func Retry[T any](ctx context.Context, p Patience, try func() (T, error)) (T, error) {
	return retry(ctx, func() Patience { return p }, try)
}

// retry is Retry with a patience that may change while it runs.
func retry[T any](ctx context.Context, patience func() Patience, try func() (T, error)) (T, error) {
	began := time.Now()
	var last error
	for pause := patience().First; ; {
		v, err := try()
		var t *transient
		switch {
		case err == nil:
			return v, nil
		case !errors.As(err, &t):
			if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
				err = stopped(ctx, last)
			}
			return v, err
		case ctx.Err() == nil, last == nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			// What fails because ctx has ended tells at best who was waited
			// for, and nothing after what failed before.
			last = t.err
		}
		p := patience()
		if ctx.Err() == nil && time.Since(began) >= p.Total {
			return v, last
		}
		// ±20 %: what failed together is not tried again together.
		if clock.Sleep(ctx, time.Duration(float64(pause)*(0.8+0.4*rand.Float64()))) != nil { //nolint:gosec // Not a secret.
			return v, stopped(ctx, last)
		}
		pause = min(2*pause, p.Most)
	}
}

// Parallel runs the steps at the same time and waits for all of them. The
// first error cancels the others' context and is returned; if ctx has ended,
// the first that tells more than that.
func Parallel(ctx context.Context, steps ...func(context.Context) error) error {
	if len(steps) == 1 {
		return steps[0](ctx)
	}
	together, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	for _, step := range steps {
		running.Go(func() {
			if err := step(together); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				if ctx.Err() == nil {
					cancel(err)
				}
			}
		})
	}
	running.Wait()
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		if e := (*offset.Error)(nil); ctx.Err() != nil && errors.As(err, &e) {
			return err
		}
	}
	return errs[0]
}

func isTransient(err error) bool {
	t := (*transient)(nil)
	return errors.As(err, &t)
}
