//go:build unix

package kafkacluster

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// PauseNode stops a node in its tracks (SIGSTOP): it keeps its connections,
// the kernel accepts new ones, and nothing is answered. The cluster notices
// after broker.session.timeout.ms, here 6 s.
func (c *Cluster) PauseNode(i int) error { return c.signal(i, syscall.SIGSTOP) }

// ResumeNode lets a node go on that was paused.
func (c *Cluster) ResumeNode(i int) error { return c.signal(i, syscall.SIGCONT) }

func (c *Cluster) signal(i int, signal syscall.Signal) error {
	if i < 0 || i >= len(c.nodes) || !c.nodes[i].running() {
		return fmt.Errorf("signal node %d: it is not running", i)
	}
	return syscall.Kill(c.nodes[i].process.Pid(), signal)
}

// Pause pauses a node until it is resumed, or until the test ends.
func (c *Cluster) Pause(t testing.TB, i int) {
	t.Helper()
	if err := c.PauseNode(i); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.ResumeNode(i) })
}

// Resume lets a node go on, and waits until every replica is in sync.
func (c *Cluster) Resume(t testing.TB, i int) {
	t.Helper()
	if err := c.ResumeNode(i); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := kafkatest.Within(t)
	defer cancel()
	if err := c.Client().AwaitWhole(ctx, len(c.nodes)); err != nil {
		t.Fatal(err)
	}
}
