package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	rocketmqfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// runbook is the directory of the runbook.
const runbook = "../../examples/disaster-recovery"

// outage are brokers whose topics have one message a minute in each partition
// from 13:00 on, and groups that were at 66, past 14:00, when it happened;
// search had come to 40 on orders-2.
type outage struct {
	t        *testing.T
	kafka    *fake.Cluster
	rocketmq *rocketmqfake.Cluster
	dir      string // a copy of the runbook
	hooks    string // the file in which the hooks say that they were called
}

// The places of the groups before the recovery, and after it.
var (
	atOutage  = offsetsOfGroups(66, 66)
	atRestart = offsetsOfGroups(60, 60)
)

func offsetsOfGroups(all, behind int64) map[string]fake.Offsets {
	everywhere := map[int32]int64{0: all, 1: all, 2: all}
	return map[string]fake.Offsets{
		"billing":  {"orders": everywhere, "payments": {0: all}},
		"invoices": {"orders": everywhere},
		"search":   {"orders": {0: all, 1: all, 2: min(behind, 40)}},
	}
}

// rocketmqGroups are the groups of the runbook on RocketMQ.
var rocketmqGroups = []string{"loyalty", "shipping"}

func startOutage(t *testing.T) *outage {
	t.Helper()
	o := &outage{t: t, kafka: fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3, "payments": 1}}), dir: t.TempDir()}
	o.hooks = filepath.Join(o.dir, "hooks")
	first := base.Add(-time.Hour)
	const messages = 120
	o.kafka.Fill(t, "orders", 3, messages, first, time.Minute)
	o.kafka.Fill(t, "payments", 1, messages, first, time.Minute)
	o.commit(atOutage)

	var err error
	if o.rocketmq, err = rocketmqfake.Start(rocketmqfake.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.rocketmq.Close)
	o.rocketmq.CreateTopic("orders", 2)
	for queue := range 2 {
		for i := range messages {
			o.rocketmq.Append("broker-a", "orders", queue, first.Add(time.Duration(i)*time.Minute))
		}
	}
	for _, group := range rocketmqGroups {
		o.rocketmq.CreateGroup(group)
		o.commitQueues(group, 66)
	}
	if err := os.CopyFS(o.dir, os.DirFS(runbook)); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *outage) commit(groups map[string]fake.Offsets) {
	for group, offsets := range groups {
		o.kafka.Commit(o.t, group, offsets)
	}
}

func (o *outage) commitQueues(group string, offset int64) {
	for queue := range int32(2) {
		o.rocketmq.Commit("broker-a", group, "orders", queue, offset)
	}
}

// root is one of the runbook's two configurations, as people run it: with the
// addresses in the environment.
func (o *outage) root(name string) *workspace {
	w := runbookRoot(o.t, filepath.Join(o.dir, name),
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(o.kafka.Bootstrap(), ","), "NAMESRV_ADDR="+o.rocketmq.NameServer())
	w.attach()
	return w
}

// runbookRoot runs Terraform in a directory that has its configuration already.
func runbookRoot(t *testing.T, dir string, env ...string) *workspace {
	t.Helper()
	w := newWorkspace(t, "")
	w.dir = dir
	w.env = append(w.env, env...)
	return w
}

// snapshot takes the snapshot and hands it to the recovery.
func (o *outage) snapshot() {
	o.t.Helper()
	w := o.root("snapshot")
	w.must(0, "apply", "-auto-approve", "-var-file=example.tfvars", "-var=kafka_cluster_id=fake-cluster")
	handOver(w, runbookRoot(o.t, filepath.Join(o.dir, "recover")))
}

// handOver gives the recovery the file of variables that the snapshot puts out.
func handOver(snapshot, recovery *workspace) {
	recovery.t.Helper()
	cmd, out := snapshot.command("output", "-raw", "tfvars")
	cmd.Stderr = os.Stderr // Warnings of the CLI are no part of it.
	if err := cmd.Run(); err != nil {
		recovery.t.Fatalf("terraform output: %s\n%s", err, out)
	}
	recovery.write("snapshot.auto.tfvars.json", out.String())
	recovery.must(0, "get")
}

// arguments are those of an apply or a destroy of the recovery.
func (o *outage) arguments(command, stage string, more ...string) []string {
	return append([]string{
		command, "-var-file=example.tfvars", "-var=stage=" + stage,
		"-var=stop_command=" + o.hook("stop"), "-var=start_command=" + o.hook("start"),
	}, more...)
}

// hook is a command that says that it was called, and for whom.
func (o *outage) hook(name string) string {
	return fmt.Sprintf(`echo "%s $INCIDENT: $KAFKA_GROUPS $ROCKETMQ_GROUPS" >> %s`, name, o.hooks)
}

// called checks which hooks were called so far.
func (o *outage) called(want ...string) {
	o.t.Helper()
	b, err := os.ReadFile(o.hooks)
	if err != nil && !os.IsNotExist(err) {
		o.t.Fatal(err)
	}
	for i, w := range want {
		want[i] = w + " INC-4711: billing invoices search loyalty shipping"
	}
	if got := slices.Collect(strings.Lines(string(b))); strings.Join(got, "") != strings.Join(append(want, ""), "\n") {
		o.t.Errorf("the hooks say %q, want %q", got, want)
	}
}

// at checks the brokers' own view of every group.
func (o *outage) at(groups map[string]fake.Offsets, queues int64) {
	o.t.Helper()
	for group, want := range groups {
		has(o.t, o.kafka, group, want)
	}
	for _, group := range rocketmqGroups {
		for queue := range int32(2) {
			if got, ok := o.rocketmq.Committed("broker-a", group, "orders", queue); !ok || got != queues {
				o.t.Errorf("%s is at %d (%t) in queue %d, want %d", group, got, ok, queue, queues)
			}
		}
	}
}

// The runbook's own test file passes, and its destroy in the end puts the offsets back.
func TestRunbookTestFile(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	w := o.root("recover")
	w.must(0, "get")
	out := w.must(0, "test")
	says(t, out, `run "start"... pass`, "0 failed")
	o.at(atOutage, 66)
}

// From the snapshot to the start of the consumers, one stage at a time; then
// the way back by destroying.
func TestRunbookStagesAndRestore(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	o.snapshot()
	w := o.root("recover")

	out := w.must(0, o.arguments("apply", "canary", "-auto-approve")...)
	says(t, out, `Reset consumer group "search" on topic "orders"`, "1 partition of 1 move, 6 messages replayed, 0 skipped")
	canary := offsetsOfGroups(66, 66)
	canary["search"]["orders"][0] = 60
	for group, want := range canary {
		has(t, o.kafka, group, want)
	}
	o.called("stop")

	says(t, w.must(0, o.arguments("plan", "all")...), `Reset consumer group "billing" on topics "orders", "payments": 4 partitions of 4 move, 24 messages replayed, 0 skipped`)
	w.must(0, o.arguments("apply", "all", "-auto-approve")...)
	o.at(atRestart, 60)
	o.called("stop")
	w.must(0, o.arguments("plan", "all", "-detailed-exitcode")...)

	saysNot(t, w.must(0, o.arguments("apply", "start", "-auto-approve")...), "Reset consumer group", "Check block")
	o.at(atRestart, 60)
	o.called("stop", "start")

	w.must(0, o.arguments("destroy", "start", "-auto-approve")...)
	o.at(atOutage, 66)
	o.called("stop", "start", "stop")
}

// Once consumers have moved on, a destroy refuses to guess and may be left
// half-way; the snapshot is the way back then, also from there, and destroying
// after it does not lead to the replay again.
func TestRunbookWayBackByTheSnapshot(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	o.snapshot()
	w := o.root("recover")
	w.must(0, o.arguments("apply", "start", "-auto-approve")...)
	o.at(atRestart, 60)
	moved := offsetsOfGroups(63, 40)["billing"]
	o.kafka.Commit(t, "billing", moved)
	o.commitQueues("loyalty", 63)
	says(t, w.must(0, o.arguments("plan", "start", "-detailed-exitcode")...), "No changes")

	says(t, w.must(1, o.arguments("destroy", "start", "-auto-approve")...), `Restore consumer group "billing"`, "63")
	has(t, o.kafka, "billing", moved)
	has(t, o.kafka, "invoices", atOutage["invoices"])

	back := []string{"-var=back_to=snapshot"}
	w.must(0, o.arguments("apply", "all", append(back, "-auto-approve")...)...)
	o.at(atOutage, 66)
	w.must(0, o.arguments("plan", "all", append(back, "-detailed-exitcode")...)...)
	w.must(0, o.arguments("destroy", "all", append(back, "-auto-approve")...)...)
	o.at(atOutage, 66)
}

// Closing the incident takes nothing back, stops nobody, and leaves a destroy
// that only forgets.
func TestRunbookClosed(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	o.snapshot()
	w := o.root("recover")
	w.must(0, o.arguments("apply", "start", "-auto-approve")...)
	saysNot(t, w.must(0, o.arguments("apply", "closed", "-auto-approve")...), "Reset consumer group")
	w.must(0, o.arguments("destroy", "closed", "-auto-approve")...)
	o.at(atRestart, 60)
	o.called("stop", "start")
}

// Whoever starts the consumers or closes the incident does not mean to move
// offsets once more: a back_to that differs from that of the recovery in place
// is refused in the plan. The stages before may begin another recovery.
func TestRunbookStartsAndClosesOnlyWhatIsInPlace(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	o.snapshot()
	w := o.root("recover")
	w.must(0, o.arguments("apply", "start", "-auto-approve")...)
	const earlier = "-var=back_to=2026-03-01T13:58:00Z"
	for _, stage := range []string{"start", "closed"} {
		for _, other := range []string{earlier, "-var=back_to=snapshot"} {
			says(t, w.must(1, o.arguments("apply", stage, other, "-auto-approve")...),
				"The recovery in place is of INC-4711, back to 2026-03-01T14:00:00Z, and this says INC-4711, back to", "begin with the stage canary or all")
		}
	}
	o.at(atRestart, 60)
	o.called("stop", "start")

	w.must(0, o.arguments("apply", "all", earlier, "-auto-approve")...)
	o.at(offsetsOfGroups(58, 58), 58)
	says(t, w.must(1, o.arguments("plan", "closed")...), "back to 2026-03-01T13:58:00Z, and this says INC-4711, back to 2026-03-01T14:00:00Z")
	saysNot(t, w.must(0, o.arguments("apply", "start", earlier, "-auto-approve")...), "Reset consumer group")
	w.must(0, o.arguments("apply", "closed", earlier, "-auto-approve")...)
	w.must(0, o.arguments("destroy", "closed", earlier, "-auto-approve")...)
	o.at(offsetsOfGroups(58, 58), 58)
	if _, err := os.Stat(filepath.Join(w.dir, "recovery.auto.tfvars.json")); !os.IsNotExist(err) {
		t.Errorf("what is in place is still told: %v", err)
	}
	w.must(0, o.arguments("plan", "start")...) // In the first place, all stages may run in one apply.
}

// A second apply of the snapshot, when the groups have moved, keeps the first;
// another incident takes another.
func TestRunbookSnapshotStays(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	w := o.root("snapshot")
	apply := func(incident string) string {
		w.must(0, "apply", "-auto-approve", "-var-file=example.tfvars", "-var=kafka_cluster_id=fake-cluster", "-var=incident="+incident)
		return w.must(0, "output", "-raw", "tfvars")
	}
	first := apply("INC-4711")
	o.commit(atRestart)
	if again := apply("INC-4711"); again != first {
		t.Errorf("the snapshot was %s and is %s", first, again)
	}
	other := apply("INC-4712")
	says(t, other, "INC-4712", `"orders":{"0":60,"1":60,"2":60}`)

	says(t, w.must(1, "plan", "-var=incident=INC-4711", `-var=kafka_groups={biling=["orders"]}`), "The group biling has no offsets and does not exist on the cluster fake-cluster")
	says(t, w.must(1, "plan", "-var-file=example.tfvars", "-var=kafka_cluster_id=another"), "another", "fake-cluster")
}

// When another writer moves offsets that were put back, backward or, as
// MirrorMaker does, forward, the next stage stops before it does anything,
// and the check names the partition.
func TestRunbookStopsWhenOffsetsStray(t *testing.T) {
	t.Parallel()
	o := startOutage(t)
	o.snapshot()
	w := o.root("recover")
	w.must(0, o.arguments("apply", "canary", "-auto-approve")...)
	stray := offsetsOfGroups(66, 66)["search"]
	o.kafka.Commit(t, "search", stray)
	const pushed = "search on orders,0 was put at 60 and is at 66"
	says(t, w.must(0, o.arguments("plan", "all")...), "Check block assertion failed", pushed)
	says(t, w.must(1, o.arguments("apply", "all", "-auto-approve")...), pushed)
	for group, want := range atOutage {
		has(t, o.kafka, group, want)
	}

	stray["orders"][0] = 60
	o.kafka.Commit(t, "search", stray)
	w.must(0, o.arguments("apply", "all", "-auto-approve")...)
	o.at(atRestart, 60)
	o.commitQueues("shipping", 61)
	const moved = "shipping/orders on broker-a,0 was put at 60 and is at 61"
	says(t, w.must(0, o.arguments("plan", "all")...), "Check block assertion failed", moved)
	says(t, w.must(1, o.arguments("apply", "start", "-auto-approve")...), moved)
	o.called("stop")
}
