package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// patience bounds the retries of one step.
type patience struct {
	first time.Duration // the first pause; each next one is twice as long
	most  time.Duration // the longest pause
	total time.Duration // no new try after that time
}

// The steps' default patience. A broker that was killed is fenced by the
// controller after broker.session.timeout.ms, 9 s, so that a coordinator or a
// leader that moves is waited for somewhat longer than that. A topic that was
// created a moment ago, and a partition that elects its leader, are known
// everywhere after some milliseconds: asking again for longer would only make
// the error for a misspelt topic come late.
var (
	failover    = patience{first: 50 * time.Millisecond, most: 2 * time.Second, total: 30 * time.Second}
	propagation = patience{first: 100 * time.Millisecond, most: 400 * time.Millisecond, total: time.Second}
)

// transient marks an error that another try may mend.
type transient struct{ err error }

func (t *transient) Error() string { return t.err.Error() }
func (t *transient) Unwrap() error { return t.err }

// again marks err as transient.
func again(err error) error { return &transient{err} }

// retry runs try until it succeeds, fails for good, patience ends or ctx does.
// The error is the last one, without its mark.
func retry[T any](ctx context.Context, p patience, try func() (T, error)) (T, error) {
	pause := &backoff.ExponentialBackOff{
		InitialInterval:     p.first,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         p.most,
	}
	v, err := backoff.Retry(ctx, func() (T, error) {
		v, err := try()
		if t := (*transient)(nil); err != nil && !errors.As(err, &t) {
			return v, backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(p.total))
	if t := (*transient)(nil); errors.As(err, &t) {
		err = t.err
	}
	return v, err
}

// parallel runs the steps at the same time and waits for all of them. The
// first error cancels the others' context and is returned.
func parallel(ctx context.Context, steps ...func(context.Context) error) error {
	if len(steps) == 1 {
		return steps[0](ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		running sync.WaitGroup
		once    sync.Once
		first   error
	)
	for _, step := range steps {
		running.Go(func() {
			if err := step(ctx); err != nil {
				once.Do(func() {
					first = err
					cancel(err)
				})
			}
		})
	}
	running.Wait()
	return first
}
