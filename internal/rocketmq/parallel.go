package rocketmq

import "sync"

// parallel calls do for 0 to n-1, at most limit at a time, and returns when
// all calls have ended.
func parallel(n, limit int, do func(i int)) {
	var group sync.WaitGroup
	tokens := make(chan struct{}, max(limit, 1))
	for i := range n {
		tokens <- struct{}{}
		group.Go(func() {
			defer func() { <-tokens }()
			do(i)
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
