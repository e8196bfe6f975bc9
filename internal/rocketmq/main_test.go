//go:build !acceptance

package rocketmq

import (
	"testing"

	"go.uber.org/goleak"
)

// The acceptance tests use RocketMQ's own client, which leaves goroutines.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
