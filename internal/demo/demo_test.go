package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keepGo fixes where the go command has its caches, which are below HOME otherwise.
func keepGo(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOENV"} {
		out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
}

// temporary makes a directory of its own the place for temporary files.
func temporary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return dir
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s was left behind", entry.Name())
	}
}

// TestDemo runs the whole demo on a machine whose own configuration would
// break it or lead it to other clusters, if it were heeded.
func TestDemo(t *testing.T) {
	keepGo(t)
	tmp, home := temporary(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".terraformrc"), []byte("this is no configuration"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "TF_CLI_CONFIG_FILE": filepath.Join(home, "missing"), "TF_CLI_ARGS_plan": "-no-such-flag",
		"TF_DATA_DIR": filepath.Join(home, "data"), "TF_WORKSPACE": "production",
		"KAFKA_SASL_USERNAME": "admin", "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.com:9092", "NAMESRV_ADDR": "rocketmq.example.com:9876",
	} {
		t.Setenv(name, value)
	}

	var out bytes.Buffer
	s := &screen{out: &out}
	if err := show(t.Context(), s); err != nil {
		t.Fatalf("%s\n%s", err, out.String())
	}
	checkEmpty(t, tmp)
	written := []string{".terraform.d", "data"}
	if path, err := find(); err == nil && strings.Contains(filepath.Base(path), "tofu") {
		written = written[1:] // OpenTofu makes this directory wherever it runs.
	}
	for _, dir := range written {
		if _, err := os.Stat(filepath.Join(home, dir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is in the user's home directory: %v", dir, err)
		}
	}

	shown := out.String()
	rest := shown
	for _, want := range []string{
		`resource "kafka_consumer_offset_reset" "replay" {`,
		"before 200 240 235 45",
		" plan",
		"Plan: 1 to add, 0 to change, 0 to destroy.",
		`Warning: Reset consumer group "billing" on topic "orders"`, "405 messages replayed, 0 skipped",
		"Instant: 2026-03-01T13:30:00Z (",
		" apply -auto-approve",
		"Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
		"after the apply 90 90 90 450",
		" plan",
		"No changes. Your infrastructure matches the configuration.",
		" destroy -auto-approve",
		"Destroy complete! Resources: 1 destroyed.",
		"after the destroy 200 240 235 45",
		`resource "rocketmq_consumer_offset_reset" "skip" {`,
		"before 150 150 120 120 420",
		"0 messages replayed, 420 skipped",
		"after the apply 240 240 240 240 0",
		"after the destroy 150 150 120 120 420",
		`resource "kafka_consumer_group_snapshot" "kept" {`,
		"before 200 240 235 45",
		" apply -auto-approve -target=kafka_consumer_group_snapshot.kept",
		"Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
		" apply -auto-approve",
		"Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
		"on the second 140 180 175 45",
	} {
		_, after, found := strings.Cut(strings.Join(strings.Fields(rest), " "), want)
		if !found {
			t.Fatalf("%q is missing, or not in its place:\n%s", want, shown)
		}
		rest = after
	}
	if strings.Contains(shown, "\x1b") {
		t.Error("there are colours where there is no terminal")
	}
	if len(s.lines) > 90 {
		t.Errorf("%d lines are too many to look at", len(s.lines))
	}
	for _, l := range s.lines {
		if n := utf8.RuneCountInString(l.text); n > width {
			t.Errorf("%d columns are too many: %s", n, l.text)
		}
	}
}

// interruptedAt is a terminal at which somebody interrupts the demo when a text appears.
type interruptedAt struct {
	text      string
	interrupt func()
}

func (w interruptedAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.interrupt()
	}
	return len(p), nil
}

func TestInterruptLeavesNothingBehind(t *testing.T) {
	tmp := temporary(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := show(ctx, &screen{out: interruptedAt{" apply", cancel}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	checkEmpty(t, tmp)
}

func TestAWrongOffsetFailsTheDemo(t *testing.T) {
	t.Parallel()
	ask := func(context.Context) (place, error) { return place{[]int64{7}, 3}, nil }
	for _, c := range []struct {
		want place
		ok   bool
	}{
		{place{[]int64{7}, 3}, true},
		{place{[]int64{8}, 3}, false},
		{place{[]int64{7}, 2}, false},
		{place{[]int64{7, 0}, 3}, false},
	} {
		s := scene{screen: &screen{}, columns: []string{"partition 0"}, ask: ask}
		s.stands(t.Context(), "now", c.want)
		if (s.err == nil) != c.ok {
			t.Errorf("%v: %v", c.want, s.err)
		}
	}
}

func TestWrongFiguresFailTheDemo(t *testing.T) {
	t.Parallel()
	for figures, ok := range map[string]bool{"3 move": true, "4 move": false} {
		s := scene{screen: &screen{}, out: planOutput}
		s.quotePreview(figures)
		if (s.err == nil) != ok {
			t.Errorf("%s: %v", figures, s.err)
		}
	}
}

// TestNothingIsDoneAfterAFailure guards that the first error is the one that is
// told, and that nothing is applied after it.
func TestNothingIsDoneAfterAFailure(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	s := scene{screen: &screen{}, err: failed} // each step would need more than that
	s.run(t.Context(), "apply")
	s.quote(plain, "Apply complete!")
	s.quotePreview("1")
	s.stands(t.Context(), "now", place{})
	if !errors.Is(s.err, failed) || len(s.lines) > 0 {
		t.Errorf("%v, %v", s.err, s.lines)
	}
}

func TestConfigurationsAreFormatted(t *testing.T) {
	t.Parallel()
	path, err := find()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), path, "fmt", "-check", "-diff", "-no-color")
	c.Env = environment(os.DevNull)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%s\n%s", err, out)
	}
}
