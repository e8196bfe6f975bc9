package kafka

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// noon is when the first records of the tests were written.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// connect returns a client of the cluster that does not wait long for
// anything, and ends with the test.
func connect(t testing.TB, servers []string, change ...func(*connection.Config)) *Client {
	t.Helper()
	cfg := connection.Config{BootstrapServers: servers, RequestTimeout: 10 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.poll, c.settling = 20*time.Millisecond, 100*time.Millisecond
	c.cluster.Times.Failover = wire.Patience{First: time.Millisecond, Most: 50 * time.Millisecond, Total: 5 * time.Second}
	c.cluster.Times.Settling = wire.Patience{First: time.Millisecond, Most: 5 * time.Millisecond, Total: 20 * time.Millisecond}
	c.cluster.Times.Contact = wire.Patience{First: time.Millisecond, Most: 20 * time.Millisecond, Total: time.Second}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// orders is a cluster with a topic of three partitions, of ten records each
// from noon on, a second apart, and a group at 5.
func orders(t testing.TB) *fake.Cluster {
	t.Helper()
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "bills": 2}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	return f
}

// reset is a request for the group and topic of orders that waits for nobody.
func reset(target offset.Target) offset.Request {
	var none time.Duration
	return offset.Request{
		Group:           "billing",
		Scope:           offset.Scope{Topics: []string{"orders"}},
		Target:          target,
		WaitForInactive: &none,
	}
}

// run plans and applies.
func run(ctx context.Context, c *Client, req offset.Request) (*offset.Result, error) {
	plan, err := c.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	return c.Apply(ctx, plan)
}

// want checks what the broker itself has.
func want(t testing.TB, f *fake.Cluster, group string, offsets fake.Offsets) {
	t.Helper()
	if got := f.Committed(group); !reflect.DeepEqual(got, offsets) {
		t.Errorf("committed offsets of %s: %v, want %v", group, got, offsets)
	}
}

// wantError checks an error's code and that its text holds the words.
func wantError(t testing.TB, err error, code offset.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	var e *offset.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error of code %s, want %s: %v", offset.CodeOf(err), code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error does not say %q: %v", w, err)
		}
	}
}

func wantNothing(t testing.TB, f *fake.Cluster) {
	t.Helper()
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	if n := f.Requests()[8] + f.Requests()[47]; n > 0 {
		t.Errorf("%d requests that write were sent", n)
	}
}

func same(t testing.TB, what string, got, want map[int16]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Whoever asks for partitions names each topic once, however they come.
func TestPartitionsByTopicInAnyOrder(t *testing.T) {
	all := []offset.Partition{{Topic: "orders", ID: 1}, {Topic: "orders", ID: 0}, {Topic: "audit", ID: 7}, {Topic: "orders", ID: 2}}
	for n, want := range []map[string][]int32{{}, {"orders": {1}}, {"orders": {1, 0}}, {"orders": {1, 0}, "audit": {7}}, {"orders": {1, 0, 2}, "audit": {7}}} {
		if got := byTopic(n, func(i int) offset.Partition { return all[i] }); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("the first %d are %v, want %v", n, got, want)
		}
	}
}
