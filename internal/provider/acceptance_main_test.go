//go:build acceptance

package provider_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

func TestMain(m *testing.M) {
	code := kafkacluster.Main(m)
	if err := goleak.Find(ignored); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
