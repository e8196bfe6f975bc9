package kafkacluster

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// startPatience is how long a cluster may take to start, its download included.
const startPatience = 10 * time.Minute

// running is the cluster that the tests of one binary share.
var running struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Start returns the cluster that all tests of the binary share, and starts it
// the first time. The binary's TestMain has to call Main. Tests keep apart by
// the names of their topics and groups.
func Start(t testing.TB) *Cluster {
	t.Helper()
	running.Lock()
	defer running.Unlock()
	if running.cluster == nil && running.err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), startPatience)
		defer cancel()
		running.cluster, running.err = New(ctx, Options{})
	}
	if running.err != nil {
		t.Fatal(running.err)
	}
	return running.cluster
}

// Main runs the tests and stops the shared cluster. If tests failed, the logs
// stay and their place is printed. Use: os.Exit(kafkacluster.Main(m)).
func Main(m *testing.M) int {
	code := m.Run()
	if err := Shutdown(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Shutdown stops the shared cluster, if it was started, and deletes what it
// has written, except for the logs if they are to be kept.
func Shutdown(keepLogs bool) error {
	running.Lock()
	defer running.Unlock()
	c := running.cluster
	running.cluster, running.err = nil, nil
	if c == nil {
		return nil
	}
	if keepLogs {
		c.Keep()
		fmt.Fprintf(os.Stderr, "Kafka's logs are in %s\n", c.Logs())
	}
	return c.Close()
}

// StartWith starts a cluster of the test's own, which ends with the test. One
// node is enough for listeners and rights.
func StartWith(t testing.TB, o Options) *Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	c, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.Keep()
			t.Logf("Kafka's logs are in %s", c.Logs())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Stop has a node hand over its partitions and end. It comes back when the
// test ends, or with Restart.
func (c *Cluster) Stop(t testing.TB, i int) {
	t.Helper()
	if err := c.StopNode(i); err != nil {
		t.Fatal(err)
	}
	c.bringBack(t, i)
}

// Kill ends a node at once. It comes back when the test ends, or with Restart.
func (c *Cluster) Kill(t testing.TB, i int) {
	t.Helper()
	if err := c.KillNode(i); err != nil {
		t.Fatal(err)
	}
	c.bringBack(t, i)
}

func (c *Cluster) bringBack(t testing.TB, i int) {
	t.Cleanup(func() {
		if !c.nodes[i].running() {
			c.Restart(t, i)
		}
	})
}

// Restart starts a node that was stopped or killed, and waits until every
// replica is in sync.
func (c *Cluster) Restart(t testing.TB, i int) {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	if err := c.StartNode(ctx, i); err != nil {
		t.Fatal(err)
	}
}

// Tool runs kafka-consumer-groups.sh, with --bootstrap-server added, and
// returns what it prints; see RunTool about its errors.
func (c *Cluster) Tool(t testing.TB, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	return c.RunTool(ctx, GroupTool, args...)
}

// ToolReset resets a group with kafka-consumer-groups.sh --reset-offsets
// --execute and returns the offsets that it reports.
func (c *Cluster) ToolReset(t testing.TB, group string, args ...string) Offsets {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	offsets, err := c.ResetByTool(ctx, group, args...)
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// ToolOffsets returns the group's committed offsets as
// kafka-consumer-groups.sh --describe shows them.
func (c *Cluster) ToolOffsets(t testing.TB, group string) Offsets {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	offsets, err := c.OffsetsByTool(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// ToolShareStarts returns a share group's start offsets as
// kafka-share-groups.sh --describe shows them.
func (c *Cluster) ToolShareStarts(t testing.TB, group string) Offsets {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	offsets, err := c.ShareStartsByTool(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// ShareFromEarliest has share groups begin at the log's start where they have
// no start offset: they begin at its end otherwise.
func (c *Cluster) ShareFromEarliest(t testing.TB, group string) {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	if out, err := c.RunTool(ctx, ConfigTool, "--alter", "--entity-type", "groups", "--entity-name", group,
		"--add-config", "share.auto.offset.reset=earliest"); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
}

// StartConsumer starts a Java consumer and waits until it has its assignment.
// It ends with the test, if it has not ended before.
func (c *Cluster) StartConsumer(t testing.TB, o ConsumerOptions) *Consumer {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	consumer, err := c.Consume(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		consumer.Kill()
		consumer.Stop(t)
	})
	return consumer
}

// Stop closes the consumer; a dynamic member leaves its group.
func (c *Consumer) Stop(t testing.TB) {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
