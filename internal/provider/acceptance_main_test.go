//go:build acceptance

package provider_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// ignoredClient are goroutines that RocketMQ's own client, of which the tests'
// consumers are, leaves when it is shut down.
var ignoredClient = goleak.IgnoreAnyFunction("github.com/apache/rocketmq-client-go/v2/primitive.WithRecover")

func TestMain(m *testing.M) {
	code := kafkacluster.Main(m)
	if err := goleak.Find(ignored, ignoredClient); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
