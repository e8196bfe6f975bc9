package provider

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// What ten thousand partitions were at is put into words only if somebody
// reads them.
func TestOldOffsetsAreRenderedOnlyForALog(t *testing.T) {
	moves := make([]offset.Move, 10_000)
	for i := range moves {
		moves[i] = offset.Move{Partition: offset.Partition{Topic: "orders", ID: int32(i)}, Previous: int64(i) - 1}
	}
	for _, unheard := range []bool{false, true} {
		var log bytes.Buffer
		ctx := tflogtest.RootLogger(context.Background(), &log)
		s := &services{unheard: unheard}
		request := offset.Request{Group: "billing"}
		request.Leaving = s.left(ctx, request)
		n := testing.AllocsPerRun(1, func() { request.Leave(moves) })
		t.Logf("nobody reads the log: %t; %.0f allocations", unheard, n)
		if got := strings.Contains(log.String(), "orders,9999,9998"); got == unheard || (n > 0) == unheard {
			t.Errorf("nobody reads the log: %t; it has the offsets: %t; %.0f allocations", unheard, got, n)
		}
	}
}

func TestLogWanted(t *testing.T) {
	for entry, want := range map[string]bool{
		"TF_LOG=INFO": true, "TF_LOG_PROVIDER=DEBUG": true, "TF_LOG_PROVIDER_OFFSETS=TRACE": true, "TF_LOG=": false, "TF_LOG": false, "TF_VAR_TF_LOG=x": false,
	} {
		if got := LogWanted([]string{"HOME=/root", entry}); got != want {
			t.Errorf("%s: %t", entry, got)
		}
	}
}
