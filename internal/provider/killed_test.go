package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// mortal is a workspace whose processes of the provider can be killed.
type mortal struct {
	*workspace
	pids string // a file with a line for each process that was started
	life *os.File
}

// newMortal has the provider started by a script that notes its process and
// holds the end of a pipe open for as long as it lives.
func newMortal(t *testing.T, config string) mortal {
	t.Helper()
	m := mortal{workspace: newWorkspace(t, config)}
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m.pids = filepath.Join(dir, "pids")
	life := filepath.Join(dir, "life")
	if err := syscall.Mkfifo(life, 0o600); err != nil {
		t.Fatal(err)
	}
	// Without O_NONBLOCK, it would wait here for the first process.
	if m.life, err = os.OpenFile(life, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.life.Close() })
	script := fmt.Sprintf("#!/bin/sh\necho $$ >> '%s'\nexec '%s' \"$@\" 9> '%s'\n", m.pids, binary, life)
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(binary)), []byte(script), 0o700); err != nil { //nolint:gosec // It is run.
		t.Fatal(err)
	}
	m.override(dir)
	return m
}

// provider is the process that was started last.
func (m mortal) provider() int {
	m.t.Helper()
	b, err := os.ReadFile(m.pids)
	if err != nil {
		m.t.Fatal(err)
	}
	lines := strings.Fields(string(b))
	pid, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil {
		m.t.Fatal(err)
	}
	return pid
}

// gone waits until no process of the provider is left.
func (m mortal) gone() {
	m.t.Helper()
	if err := m.life.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		m.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, m.life); err != nil {
		_ = syscall.Kill(m.provider(), syscall.SIGKILL)
		m.t.Fatalf("a process of the provider stays behind: %s", err)
	}
}

// victim is who is killed.
type victim string

const (
	theProvider  victim = "provider"
	theTerraform victim = "Terraform"
	ctrlCTwice   victim = "Ctrl-C twice"
	hungUp       victim = "hang-up of both"         // the terminal is gone
	terminated   victim = "SIGTERM to both of them" // a job or a machine is stopped
)

// killed runs Terraform until it has reached the gate, kills, and returns what
// was printed. No process of the provider is left then.
func (m mortal) killed(who victim, g *gate, args ...string) string {
	m.t.Helper()
	cmd, out := m.command(append(args, "-no-color")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = cmd.Wait()
	}()
	select {
	case <-g.reached:
	case <-ended:
		m.t.Fatalf("terraform ended before it was killed: %v\n%s", failed, out)
	}
	switch who {
	case theProvider:
		// What was sent to a broker and is not with it yet is lost.
		if err := syscall.Kill(m.provider(), syscall.SIGKILL); err != nil {
			m.t.Fatal(err)
		}
		m.gone()
		g.open(false)
	case theTerraform:
		if err := cmd.Process.Kill(); err != nil {
			m.t.Fatal(err)
		}
		<-ended
		g.open(true)
	case hungUp:
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP); err != nil {
			m.t.Fatal(err)
		}
		// Until the signal takes effect, Terraform could take the answer and write its state.
		<-ended
		g.open(true)
	case terminated:
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
			m.t.Fatal(err)
		}
		waitFor(m.t, "Terraform", func() bool { return strings.Contains(out.String(), "Gracefully shutting down") })
		g.open(true)
	case ctrlCTwice:
		for _, answer := range []string{"Gracefully shutting down", "Two interrupts received"} {
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
				m.t.Fatal(err)
			}
			waitFor(m.t, answer, func() bool { return strings.Contains(out.String(), answer) })
		}
		g.open(true)
	}
	<-ended
	if failed == nil {
		m.t.Error("the command succeeded")
	}
	m.gone()
	return flat(out.String())
}

// has tells whether the state has the resource, and whether it is tainted.
func (m mortal) has(address string) (there, tainted bool) {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "terraform.tfstate"))
	if len(b) == 0 && (err == nil || errors.Is(err, os.ErrNotExist)) {
		return false, false
	}
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct{ Status string }
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range state.Resources {
		if r.Type+"."+r.Name == address {
			for _, i := range r.Instances {
				there, tainted = true, tainted || i.Status == "tainted"
			}
		}
	}
	return there, tainted
}

// gate is where a request waits for the kill.
type gate struct {
	reached chan struct{}
	opened  chan struct{}
	once    sync.Once
	pass    bool // once it is opened
}

func newGate() *gate { return &gate{reached: make(chan struct{}), opened: make(chan struct{})} }

func (g *gate) reach() { g.once.Do(func() { close(g.reached) }) }

// open lets the broker have the request, or loses it.
func (g *gate) open(pass bool) {
	g.pass = pass
	close(g.opened)
}

// hold has requests that are of the kind wait at the gate before the broker has them.
func (g *gate) hold(c *fake.Cluster, key kmsg.Key, is func(kmsg.Request) bool) {
	c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-g.opened:
			c.DropControl()
			return nil, nil, false
		default:
		}
		if !is(req) {
			return nil, nil, false
		}
		g.reach()
		c.SleepControl(func() { <-g.opened })
		if g.pass {
			return nil, nil, false
		}
		return nil, errors.New("lost"), true
	})
}

func anyRequest(kmsg.Request) bool { return true }

// The phases. Each returns a gate that is reached in it.

func whilePlanning(_ *testing.T, c *fake.Cluster) *gate {
	g := newGate()
	g.hold(c, kmsg.OffsetFetch, anyRequest)
	return g
}

func whileWaiting(t *testing.T, c *fake.Cluster) *gate {
	g := newGate()
	m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}})
	c.ResetRequests()
	go func() {
		defer g.reach()
		waitFor(t, "the apply to look at the group more than once", func() bool { return c.Requests()[describeGroup] > 4 })
	}()
	t.Cleanup(m.Kill)
	go func() {
		<-g.opened
		_ = m.Leave(t.Context())
	}()
	return g
}

func beforeTheCommit(_ *testing.T, c *fake.Cluster) *gate {
	g := newGate()
	g.hold(c, kmsg.OffsetCommit, anyRequest)
	return g
}

// The broker refuses the whole commit as too large, and the first half of it
// has been done when the second comes.
func betweenCommits(_ *testing.T, c *fake.Cluster) *gate {
	g := newGate()
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.InvalidCommitOffsetSize, Count: 1})
	g.hold(c, kmsg.OffsetCommit, func(req kmsg.Request) bool {
		r, ok := req.(*kmsg.OffsetCommitRequest)
		return ok && !slices.ContainsFunc(r.Topics[0].Partitions, func(p kmsg.OffsetCommitRequestTopicPartition) bool { return p.Partition == 0 })
	})
	return g
}

func beforeTheReadBack(_ *testing.T, c *fake.Cluster) *gate {
	g := newGate()
	committing := false // Control functions run one at a time.
	c.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		committing = true
		return nil, nil, false
	})
	g.hold(c, kmsg.OffsetFetch, func(kmsg.Request) bool { return committing })
	return g
}

// The broker refuses the first commit, as it does when a member has just joined,
// and the group goes on before the next one.
func afterARefusal(_ *testing.T, c *fake.Cluster, goOn func()) *gate {
	g := newGate()
	tries := 0 // Control functions run one at a time.
	c.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r, ok := req.(*kmsg.OffsetCommitRequest)
		c.KeepControl()
		if !ok || r.Topics[0].Partitions[0].Offset != 10 {
			return nil, nil, false // It is the group that goes on.
		}
		if tries++; tries > 1 {
			return nil, nil, false
		}
		c.SleepControl(goOn)
		resp := kmsg.NewPtrOffsetCommitResponse()
		resp.Version = r.Version
		for _, topic := range r.Topics {
			answered := kmsg.OffsetCommitResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				answered.Partitions = append(answered.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.UnknownMemberID.Code})
			}
			resp.Topics = append(resp.Topics, answered)
		}
		return resp, nil, true
	})
	g.hold(c, kmsg.OffsetFetch, func(kmsg.Request) bool { return tries > 1 })
	return g
}

// text is what a file holds.
func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// takeFromTheLog runs the guide's command on reset.log in the directory, with
// the replacements made in it.
func takeFromTheLog(t *testing.T, dir string, replacements ...string) {
	t.Helper()
	guide := text(t, "../../templates/guides/when-things-fail.md.tmpl")
	_, command, _ := strings.Cut(guide, "```shell\ngrep ")
	command, _, _ = strings.Cut(command, "\n```")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.NewReplacer(replacements...).Replace("grep "+command))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %s", err, out)
	}
}

// Whoever is killed in whatever phase: the broker has what the guide says, the
// state has no half of it, nothing stays behind, and the next apply ends where
// a whole one would have ended. What a restore then leads to is in the guide, too.
func TestKilledInEachPhase(t *testing.T) {
	t.Parallel()
	// Where hang-ups are ignored, as under nohup, commands would ignore them too.
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangUps) })
	const (
		create  = "create"
		update  = "update"  // of a group that the first reset has put at 60
		destroy = "destroy" // which restores 60
	)
	const nothing = "0 messages replayed, 0 skipped"
	all, half := orders(20, 20, 20), orders(20, 20, 60)
	for _, test := range []struct {
		who   victim
		op    string
		phase string
		gate  func(*testing.T, *fake.Cluster) *gate
		after fake.Offsets // the kill
		or    fake.Offsets // as well, if it is not nil
		says  []string     // the next apply, or destroy
		back  fake.Offsets // after a destroy with restore in the end
	}{
		{theProvider, create, "while it plans", whilePlanning, at(60), nil, []string{"3 partitions of 3 move, 120 messages replayed"}, at(60)},
		{theProvider, create, "while it waits", whileWaiting, at(60), nil, []string{"3 partitions of 3 move, 120 messages replayed"}, at(60)},
		{theProvider, create, "before the commit", beforeTheCommit, at(60), nil, []string{"3 partitions of 3 move, 120 messages replayed"}, at(60)},
		{theProvider, create, "between two commits", betweenCommits, half, nil, []string{"1 partition of 3 move, 40 messages replayed"}, half},
		{theProvider, create, "before the read-back", beforeTheReadBack, all, nil, []string{nothing}, all},
		{theProvider, update, "between two commits", betweenCommits, half, nil, []string{"1 partition of 3 move, 40 messages replayed"}, half},
		{theProvider, destroy, "before the commit", beforeTheCommit, all, nil, []string{"puts back 3 partitions"}, at(60)},
		{theProvider, destroy, "before the read-back", beforeTheReadBack, at(60), nil, []string{"puts back 3 partitions"}, at(60)},
		{theTerraform, create, "while it waits", whileWaiting, at(60), nil, []string{"3 partitions of 3 move, 120 messages replayed"}, at(60)},
		{theTerraform, create, "between two commits", betweenCommits, all, nil, []string{nothing}, all},
		{theTerraform, destroy, "between two commits", betweenCommits, at(60), nil, []string{"puts back 3 partitions"}, at(60)},
		{ctrlCTwice, create, "between two commits", betweenCommits, all, half, nil, nil},
		{hungUp, create, "between two commits", betweenCommits, all, nil, []string{nothing}, all},
		{terminated, create, "between two commits", betweenCommits, all, nil, []string{"Resources: 0 added, 0 changed"}, at(60)},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s", test.who, test.op, test.phase), func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			config := func(target string) string {
				return kafkaConfig(c.Bootstrap(), kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\non_destroy = \"restore\"\n"+target))
			}
			const target = "message_offset = 20"
			m := newMortal(t, config(target))
			next := []string{"apply", "-auto-approve"}
			stateful := test.op != create || test.who == terminated // for that, Terraform waits
			switch test.op {
			case update:
				m.configure(config("message_offset = 60"))
				m.must(0, next...)
				m.configure(config(target))
			case destroy:
				m.must(0, next...)
				next[0] = "destroy"
			}

			out := m.killed(test.who, test.gate(t, c), next...)
			// Which one it is depends on what Terraform notices first.
			if test.who == theProvider && !strings.Contains(out, "Error: Request cancelled") {
				says(t, out, "Error: Plugin did not respond")
			}
			if test.or == nil || committed(c, "billing", test.or)(nil) != nil {
				has(t, c, "billing", test.after)
			}
			if there, tainted := m.has(kafkaResetAddress); there != stateful || tainted {
				t.Errorf("the state has the reset: %t, tainted: %t; want %t, not tainted", there, tainted, stateful)
			}

			says(t, m.must(0, next...), test.says...)
			if test.op == destroy {
				has(t, c, "billing", test.back)
				return
			}
			has(t, c, "billing", all)
			if there, tainted := m.has(kafkaResetAddress); !there || tainted {
				t.Errorf("after the next apply the state has the reset: %t, tainted: %t", there, tainted)
			}
			if test.back != nil {
				m.must(0, "destroy", "-auto-approve")
				has(t, c, "billing", test.back)
			}
		})
	}
}

// A process that ends while an engine still writes leaves half a reset.
func TestTheProcessOutlivesWhatAnEngineFinishes(t *testing.T) {
	t.Parallel()
	if rocketmq.FinishWithin+30*time.Second > provider.FinishWithin {
		t.Errorf("RocketMQ finishes within %s, and the process waits for %s", rocketmq.FinishWithin, provider.FinishWithin)
	}
}

// A Terraform that is killed while the provider has nothing to do leaves no
// process behind. Its local state has what was done until then; OpenTofu writes
// one every 20 seconds.
func TestTerraformKilledBetweenResources(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	reset := func(name, topic, more string) string {
		return strings.Replace(kafkaReset("group_id = \"billing\"\nmessage_offset = 20\ntopic = \""+topic+"\"\n"+more), `"test"`, fmt.Sprintf("%q", name), 1)
	}
	m := newMortal(t, kafkaConfig(c.Bootstrap(), reset("first", "orders", "")+reset("last", "audit", "depends_on = [terraform_data.between]")+`
		resource "terraform_data" "between" {
			depends_on = [kafka_consumer_offset_reset.first]
			provisioner "local-exec" { command = "while test -e busy; do touch reached; sleep 0.1; done" }
		}
	`))
	busy := filepath.Join(m.dir, "busy")
	m.write("busy", "")
	g := newGate()
	go func() {
		defer g.reach()
		waitFor(t, "the command between the two", func() bool { _, err := os.Stat(filepath.Join(m.dir, "reached")); return err == nil })
	}()
	go func() {
		<-g.opened
		_ = os.Remove(busy)
	}()
	m.killed(theTerraform, g, "apply", "-auto-approve")
	has(t, c, "billing", orders(20, 20, 20))
	tofu := strings.HasPrefix(m.must(0, "version"), "OpenTofu")
	if there, _ := m.has("kafka_consumer_offset_reset.first"); there == tofu {
		t.Errorf("the state has the reset that was done: %t", there)
	}
	out := m.must(0, "apply", "-auto-approve")
	says(t, out, `on topic "audit"`)
	if tofu {
		says(t, out, `on topic "orders": 0 partitions of 3 move`)
	} else {
		saysNot(t, out, `on topic "orders"`)
	}
	has(t, c, "billing", fake.Offsets{"orders": {0: 20, 1: 20, 2: 20}, "audit": {0: 20}})
}

// A process that is killed after its commit leaves no state, and an apply that
// follows starts from the new place. Where the group was before is in the log,
// in the form that offsets_csv takes, and in a snapshot that was taken before.
// A try that the broker has refused is in the log, too, and the group may have
// gone on since.
func TestOffsetsFromBeforeAKill(t *testing.T) {
	t.Parallel()
	before := orders(61, 62, 63)
	reset := func(arguments string) string { return kafkaReset("group_id = \"billing\"\n" + arguments) }
	earliest := reset("topic = \"orders\"\nposition = \"earliest\"")
	back := func(t *testing.T, c *fake.Cluster, m mortal, config string) {
		has(t, c, "billing", orders(10, 10, 10))
		m.configure(kafkaConfig(c.Bootstrap(), config))
		m.must(0, "apply", "-auto-approve")
		has(t, c, "billing", before)
	}
	t.Run("log", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		m := newMortal(t, kafkaConfig(c.Bootstrap(), earliest))
		log := filepath.Join(m.dir, "reset.log")
		m.env = append(m.env, "TF_LOG_PROVIDER=INFO", "TF_LOG_PATH="+log)
		// Terraform reads the provider's log beside everything else.
		committed, written := afterARefusal(t, c, func() { c.Commit(t, "billing", before) }), newGate()
		go func() {
			defer written.reach()
			<-committed.reached
			waitFor(t, "the log", func() bool {
				b, err := os.ReadFile(log)
				return err == nil && strings.Count(string(b), "Before its reset") == 2
			})
		}()
		go func() {
			<-written.opened
			committed.open(written.pass)
		}()
		m.killed(theTerraform, written, "apply", "-auto-approve")

		says(t, text(t, log), "nothing was written")
		takeFromTheLog(t, m.dir)
		back(t, c, m, reset(`offsets_csv = file("before.csv")`))
	})
	t.Run("snapshot", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		c.Commit(t, "billing", before)
		const snapshot = "resource \"kafka_consumer_group_snapshot\" \"before\" {\n  provider = offsets\n  group_id = \"billing\"\n}\n"
		m := newMortal(t, kafkaConfig(c.Bootstrap(), snapshot))
		m.must(0, "apply", "-auto-approve")
		m.configure(kafkaConfig(c.Bootstrap(), snapshot+earliest))
		m.killed(theTerraform, beforeTheReadBack(t, c), "apply", "-auto-approve")
		back(t, c, m, snapshot+reset("snapshot = kafka_consumer_group_snapshot.before.snapshot\ntopics = [\"orders\"]"))
	})
}
