package garble

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
)

// AwaitEnd waits until there are no more goroutines than before, or none of
// those that run has one of the names in its stack, and fails the test
// otherwise. What else there is, is the brokers'.
func AwaitEnd(t testing.TB, before int, within time.Duration, names ...string) {
	t.Helper()
	for until := time.Now().Add(within); runtime.NumGoroutine() > before; time.Sleep(200 * time.Microsecond) {
		all := Stacks()
		if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(all, name) }) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("something stays behind:\n%s", all)
		}
	}
}

// Stacks returns what all goroutines are at.
func Stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// Allocated returns how many bytes the process has taken so far.
func Allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
