package reset_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for brokers more than they compute.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err) //nolint:forbidigo // The flag is always there.
	}
	goleak.VerifyTestMain(m)
}
