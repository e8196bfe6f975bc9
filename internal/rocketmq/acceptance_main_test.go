//go:build acceptance

package rocketmq

import (
	"flag"
	"log"
	"os"
	"testing"
	"time"
)

// Most of what these tests do is to wait, for brokers and for their clients. A
// name server that has just started on a busy machine takes its time.
func TestMain(m *testing.M) {
	flag.Parse()
	defaultPace.others = time.Minute
	if err := flag.Set("test.parallel", "48"); err != nil {
		log.Fatal(err)
	}
	os.Exit(m.Run())
}
