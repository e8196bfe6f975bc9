package rocketmq

import (
	"sync"
	"sync/atomic"
)

// parallel calls do for 0 to n-1, at most limit at a time, and returns when
// all calls have ended. It has as many workers as that, and not a goroutine for
// each call, whose stack would have to grow anew.
func parallel(n, limit int, do func(i int)) {
	var group sync.WaitGroup
	var next atomic.Int64
	for range min(n, max(limit, 1)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	group.Wait()
}

// parallelErr is parallel for calls that can fail; it returns the error of the
// lowest index, so that the same failure is told every time.
func parallelErr(n, limit int, do func(i int) error) error {
	errs := make([]error, n)
	parallel(n, limit, func(i int) { errs[i] = do(i) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
