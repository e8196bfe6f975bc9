//go:build acceptance

package rocketmq

import (
	"flag"
	"log"
	"os"
	"testing"
)

// Most of what these tests do is to wait, for brokers and for their clients.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "48"); err != nil {
		log.Fatal(err)
	}
	os.Exit(m.Run())
}
