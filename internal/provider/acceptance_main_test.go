//go:build acceptance

package provider_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// ignoredClient are goroutines of RocketMQ's own client, which the tests'
// consumers are made of: it starts some when it is loaded, and leaves others
// when it is shut down.
var ignoredClient = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/apache/rocketmq-client-go/v2/primitive.WithRecover"),
	goleak.IgnoreAnyFunction("github.com/apache/rocketmq-client-go/v2/consumer.(*pushConsumer).pullMessage"),
	goleak.IgnoreAnyFunction("github.com/patrickmn/go-cache.(*janitor).Run"),
}

func TestMain(m *testing.M) {
	code := kafkacluster.Main(m)
	if err := goleak.Find(append(ignoredClient, ignored)...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
