package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// The RocketMQ client that real clusters have starts a goroutine when it is loaded.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// What is typed is done, what cannot be done is told, and nothing is left
// behind at the end.
func TestBrokersRunUntilTheyAreInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, func(ctx context.Context) (*brokers, error) { return inProcess(ctx, 0) }, in, out)
		_ = out.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(printed)
	until := func(words string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), words) {
				return
			}
		}
		t.Fatalf("it never says %q", words)
	}
	until("export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:")
	until("export NAMESRV_ADDR=127.0.0.1:")
	until("cluster MkU3OEVBNTcwNTJENDM2Qg, topics orders, payments, groups billing, invoices, search, search-indexer")
	until("Ctrl-C")
	for _, c := range [][2]string{
		{"show billing", "billing: orders-0 at 900, orders-1 at 900, orders-2 at 900"},
		{"consume billing 50", "billing: orders-0 at 950, orders-1 at 950, orders-2 at 950"},
		{"join billing", "orders-2 at 950, with a member"},
		{"consume billing 50", "UNKNOWN_MEMBER_ID"},
		{"leave billing", "orders-2 at 950"},
		{"leave billing", `"leave billing" is no line that is known, or not now`},
		{"what?", `"what?" is no line that is known`},
		{"join billing", "with a member"},
	} {
		if _, err := io.WriteString(typed, c[0]+"\n"); err != nil {
			t.Fatal(err)
		}
		until(c[1])
	}
	stop()
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = typed.Close()
}
