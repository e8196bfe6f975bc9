package kafka

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

func TestMain(m *testing.M) {
	code := kafkacluster.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
