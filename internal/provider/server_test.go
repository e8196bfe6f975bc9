package provider_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
)

// What hangs on a request's context for the log takes some kilobytes: the
// framework keeps it until the process ends, for each request.
func TestServedRequestsLeaveNoContextBehind(t *testing.T) {
	t.Parallel()
	server := provider.NewServer(provider.New("test", provider.WithEnvironment(func(string) string { return "" })))
	type key struct{}
	freed := make(chan struct{})
	func() {
		held := new([1 << 10]byte)
		runtime.AddCleanup(held, func(freed chan struct{}) { close(freed) }, freed)
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, held))
		defer cancel() // as gRPC does when a request is served
		if _, err := server.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{
			TypeName: "kafka_consumer_offset_reset", RawState: &tfprotov6.RawState{JSON: []byte(`{"id": "billing/orders"}`)},
		}); err != nil {
			t.Fatal(err)
		}
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(server)
			return
		default:
		}
		if time.Now().After(end) {
			t.Fatal("the context of a request that was served is still held")
		}
	}
}

// Whoever still works when a request has been served finds its context ended,
// and one that ends while the request is served ends what was made of it.
func TestContextsOfRequestsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan context.Context, 1)
	_, err := provider.Lend(ctx, 1, func(lent context.Context, _ int) (int, error) {
		child, end := context.WithCancel(lent)
		defer end()
		if lent.Err() != nil || child.Err() != nil {
			t.Error("it has ended at once")
		}
		cancel()
		<-child.Done()
		kept <- lent
		return 0, lent.Err()
	})
	if left := (<-kept).Err(); err == nil || left == nil {
		t.Errorf("the request ends with %v, and its context with %v", err, left)
	}
	_, err = provider.Lend(t.Context(), 1, func(lent context.Context, _ int) (int, error) {
		kept <- lent
		return 0, nil
	})
	if err != nil {
		t.Error(err)
	}
	select {
	case <-(<-kept).Done():
	default:
		t.Error("a context outlives its request")
	}
}
