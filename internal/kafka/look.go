package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// reusedFor is how long a look at topics serves others that would look at the
// same.
const reusedFor = 2 * time.Second

// looks are looks at topics and their logs that previews share: hundreds of
// resets of one topic are planned within a moment, and would ask for tens of
// thousands of bounds each. What was looked at is reused for reusedFor, and
// never across a write of this client. Errors are not kept.
type looks struct {
	mu      sync.Mutex
	kept    map[string]*look // by what is looked at
	running sync.WaitGroup
}

// look is what one look showed, once it is done.
type look struct {
	at      time.Time
	instant time.Time // that a time target means; zero for others
	place   *place    // with its rows' bounds
	err     error

	done    chan struct{}
	waiting int                // callers; whoever is the last to give up ends it
	end     context.CancelFunc // of its own context
}

// keyOf names what is looked at for a request: topics, partitions, isolation
// level and time. A time before now is the same for all who look back as far.
// It is empty if nobody else can be expected to look at the same.
func keyOf(req offset.Request, sel selection) string {
	if sel.all || sel.explicit != nil {
		return ""
	}
	key := fmt.Sprintf("%q %v %d ", sel.topics, sel.only, level(req.Isolation))
	switch t := req.Target; t.Kind { //nolint:exhaustive // The others mean no time.
	case offset.ToTime:
		key += t.Time.UTC().Format(time.RFC3339Nano)
	case offset.ToLookback:
		key += t.Lookback.String()
	}
	return key
}

// share returns what was looked at under the key a moment ago, or is being
// looked at; or looks. Reused tells that the look began before the call. A
// caller that gives up ends the look only if nobody else waits for it.
func (l *looks) share(ctx context.Context, key string, now time.Time, ask func(context.Context, *look) error) (_ *look, reused bool, err error) {
	l.mu.Lock()
	maps.DeleteFunc(l.kept, func(_ string, k *look) bool { return now.Sub(k.at) > reusedFor })
	found, reused := l.kept[key]
	if !reused {
		own, end := context.WithCancel(context.WithoutCancel(ctx))
		found = &look{at: now, done: make(chan struct{}), end: end}
		if l.kept == nil {
			l.kept = map[string]*look{}
		}
		l.kept[key] = found
		l.running.Go(func() {
			defer end()
			err := ask(own, found)
			l.mu.Lock()
			defer l.mu.Unlock()
			if found.err = err; err != nil {
				l.forget(key, found)
			}
			close(found.done)
		})
	}
	found.waiting++
	l.mu.Unlock()
	select {
	case <-found.done:
		return found, reused, found.err
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found.waiting--; found.waiting == 0 {
		l.forget(key, found)
		found.end()
	}
	return nil, reused, context.Cause(ctx)
}

// forget takes a look away that is not to be used by whoever comes now.
func (l *looks) forget(key string, k *look) {
	if l.kept[key] == k {
		delete(l.kept, key)
	}
}

// drop forgets all looks, because something is written.
func (l *looks) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = nil
}

// own returns the looked-at place with rows of its own.
func (k *look) own() *place {
	p := *k.place
	p.rows = slices.Clone(p.rows)
	return &p
}
