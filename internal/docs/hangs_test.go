package docs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// An apply that hangs waits for the group's members: the plan names them, and
// so does the log while it waits, as the guide to troubleshooting says.
func TestAnApplyThatHangsTellsWhomItWaitsFor(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, secrets{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	member, err := cluster.Client().Join(ctx, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, ClientID: "billing-7"})
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	w := newWorkspace(t, "KAFKA_BOOTSTRAP_SERVERS="+cluster.Bootstrap()[0], "TF_LOG_PROVIDER=INFO", "TF_LOG_PATH="+log)
	w.write("main.tf", terraformBlock+`resource "kafka_consumer_offset_reset" "back" {
  provider          = offsets
  group_id          = "billing"
  topic             = "orders"
  lookback          = "2h"
  wait_for_inactive = "4m"
}
`)
	w.run("init", "-input=false")
	left := make(chan error, 1)
	go func() {
		const line = `Waiting up to 4m0s for consumer group "billing" (Stable) to be left by 1 member: client id "billing-7" on `
		for text := ""; !strings.Contains(text, line); {
			select {
			case <-ctx.Done():
				left <- ctx.Err()
				return
			case <-time.After(50 * time.Millisecond):
				content, _ := os.ReadFile(log) //nolint:errcheck // It is not there at once.
				text = string(content)
			}
		}
		left <- member.Leave(ctx)
	}()
	out := w.run("apply", "-input=false", "-auto-approve")
	if err := <-left; err != nil {
		t.Fatalf("the log does not say who is waited for: %s", err)
	}
	for _, words := range []string{`1 member is still active, the apply waits up to 4m0s for them to leave: billing-7 (`, "Apply complete!"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), words) {
			t.Errorf("the apply does not say %q\n%s", words, out)
		}
	}
}
