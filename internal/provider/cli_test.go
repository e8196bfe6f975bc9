package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/attach"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// built is the provider's binary, built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "offsets-provider-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "terraform-provider-offsets")
	out, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	return binary, nil
})

// workspace is a directory in which the real Terraform runs with the real
// binary of the provider.
type workspace struct {
	t    *testing.T
	dir  string
	env  []string
	exec string
}

func newWorkspace(t *testing.T, config string) *workspace {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{t: t, dir: t.TempDir(), exec: os.Getenv("TF_ACC_TERRAFORM_PATH")}
	if w.exec == "" {
		w.exec = "terraform"
	}
	w.configure(config)
	w.override(filepath.Dir(binary))
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "TF_") && !strings.HasPrefix(name, "KAFKA_") && name != "NAMESRV_ADDR" &&
			!strings.HasPrefix(name, "ALIBABA_CLOUD_") && !strings.HasPrefix(name, "HW_") && !strings.HasPrefix(name, "HUAWEICLOUD_") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "TF_CLI_CONFIG_FILE="+filepath.Join(w.dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1")
	return w
}

// attached is a workspace whose commands talk to one process of the provider.
func attached(t *testing.T, config string) *workspace {
	t.Helper()
	w := newWorkspace(t, config)
	w.attach()
	return w
}

func (w *workspace) attach() {
	w.t.Helper()
	binary, err := built()
	if err != nil {
		w.t.Fatal(err)
	}
	w.env = append(w.env, attach.Start(w.t, binary, w.dir, w.env))
}

// configure puts the configuration in the place of what was there.
func (w *workspace) configure(config string) {
	w.t.Helper()
	w.write("main.tf", "terraform {\n  required_providers {\n    offsets = { source = \"terraform-offsets/offsets\" }\n  }\n}\n"+config)
}

// override has Terraform take the provider from a directory.
func (w *workspace) override(dir string) {
	w.t.Helper()
	w.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"terraform-offsets/offsets\" = %q\n  }\n  direct {}\n}\n", dir))
}

func (w *workspace) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// printed is what a command has printed so far.
type printed struct {
	mu   sync.Mutex
	text []byte
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b...)
	return len(b), nil
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// command is Terraform, ended with the test and at the latest after three
// minutes, so that a busy machine does not end it.
func (w *workspace) command(args ...string) (*exec.Cmd, *printed) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	w.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, w.exec, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out := new(printed)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// run returns Terraform's output, unframed and in one line, and its exit code.
func (w *workspace) run(args ...string) (string, int) {
	w.t.Helper()
	cmd, out := w.command(append(args, "-no-color")...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return flat(out.String()), cmd.ProcessState.ExitCode()
}

// must runs Terraform and expects an exit code.
func (w *workspace) must(code int, args ...string) string {
	w.t.Helper()
	out, got := w.run(args...)
	if got != code {
		w.t.Fatalf("terraform %s ended with %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// interrupted runs Terraform, presses Ctrl-C once ready returns, and returns
// the output. It fails if the command then succeeds or goes on for longer.
func (w *workspace) interrupted(ready func(out *printed), args ...string) string {
	w.t.Helper()
	cmd, out := w.command(append(args, "-no-color")...)
	// A process group of its own, as a shell makes for each command.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ready(out)
	start := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		w.t.Fatal(err)
	}
	if err := <-ended; err == nil {
		w.t.Error("an interrupted command succeeded")
	}
	if took := time.Since(start); took > 10*time.Second {
		w.t.Errorf("the command ended %v after Ctrl-C", took)
	}
	return flat(out.String())
}

// flat undoes Terraform's wrapping and frames.
func flat(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t│╷╵", r) }), " ")
}

func says(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("the output does not say %q:\n%s", text, out)
		}
	}
}

func saysNot(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(out, text) {
			t.Errorf("the output says %q:\n%s", text, out)
		}
	}
}

func has(t *testing.T, c *fake.Cluster, group string, want fake.Offsets) {
	t.Helper()
	if err := committed(c, group, want)(nil); err != nil {
		t.Error(err)
	}
}

// The figures of the preview are those of the apply, the plan after it is
// empty, also after consumers have moved on, and the destroy tells what it
// puts back.
func TestPreviewFiguresAreThoseOfTheApply(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing", orders(60, 15, 10))
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaReset(`
		group_id   = "billing"
		topic      = "orders"
		datetime   = "2026-03-01T14:00:20Z"
		on_destroy = "restore"
	`)+`
		output "summary" { value = kafka_consumer_offset_reset.test.summary }
	`))
	out := w.must(0, "plan", "-compact-warnings")
	says(t, out, `Reset consumer group "billing" on topic "orders": 3 partitions of 3 move, 40 messages replayed, 15 skipped`)
	out = w.must(0, "plan")
	says(t, out, "Instant: 2026-03-01T14:00:20Z", "Group: Empty, protocol classic; cluster fake-cluster", "1 back, 2 forward, 0 first offset, 0 unchanged; 0 clamped", "orders-0: 60 → 20 (-40)")
	has(t, c, "billing", orders(60, 15, 10))

	w.must(0, "apply", "-auto-approve")
	has(t, c, "billing", orders(20, 20, 20))
	out = w.must(0, "output")
	says(t, out, `"moved" = 3`, `"replayed_messages" = 40`, `"skipped_messages" = 15`)
	w.must(0, "plan", "-detailed-exitcode")
	c.Commit(t, "billing", orders(90, 90, 90))
	w.must(0, "plan", "-detailed-exitcode")

	c.Commit(t, "billing", orders(20, 20, 20))
	out = w.must(0, "plan", "-destroy")
	says(t, out, `Restore consumer group "billing" on topic "orders": destroying puts back 3 partitions, about 15 messages replayed and 40 skipped`)
	w.must(0, "destroy", "-auto-approve")
	has(t, c, "billing", orders(60, 15, 10))
}

// A group may stand beyond its log, which was deleted and made anew. What lies
// there was never there to be consumed: neither the reset nor going back counts it.
func TestPreviewsCountWithinTheLog(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	c.Commit(t, "billing", orders(1000, 60, 60))
	w := attached(t, kafkaConfig(c.Bootstrap(), kafkaReset(`
		group_id       = "billing"
		topic          = "orders"
		message_offset = 50
		on_destroy     = "restore"
	`)))
	says(t, w.must(0, "plan"), "3 partitions of 3 move, 70 messages replayed, 0 skipped", "orders-0: 1000 → 50 (-950)")
	w.must(0, "apply", "-auto-approve")
	has(t, c, "billing", orders(50, 50, 50))
	says(t, w.must(0, "plan", "-destroy"), "destroying puts back 3 partitions, about 0 messages replayed and 70 skipped")
	// It cannot be put back there: the log does not reach so far.
	says(t, w.must(1, "destroy", "-auto-approve"), "orders-0 was at 1000 and its log holds 10 to 100", "Nothing was changed")
	has(t, c, "billing", orders(50, 50, 50))
}

// What would fail if applied now is said in the preview and never fails the plan.
func TestPreviewSaysWhatWouldFail(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, ClientID: "invoice-writer-1"})
	resource := func(name, arguments string) string {
		return strings.Replace(kafkaReset(arguments), `"test"`, fmt.Sprintf("%q", name), 1)
	}
	w := attached(t, kafkaConfig(c.Bootstrap(),
		resource("a", "group_id = \"billing\"\ntopic = \"nowhere\"\nposition = \"earliest\"")+
			resource("b", "group_id = \"nobody\"\ntopic = \"orders\"\nposition = \"earliest\"")+
			resource("c", "group_id = \"billing\"\ntopic = \"audit\"\nmessage_offset = 5\nout_of_range = \"error\"")+
			resource("d", "group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"\nmax_replayed_messages = 1")+
			resource("e", "group_id = \"billing\"\ntopic = \"orders\"\npartition = 9\nposition = \"earliest\"")))
	out := w.must(0, "plan")
	says(t, out,
		`Reset consumer group "billing" on topic "nowhere": this would fail if applied now`,
		`Reset consumer group "nobody" on topic "orders": this would fail if applied now`,
		`Reset consumer group "billing" on topic "audit": this would fail if applied now`,
		`This would fail if applied now: 150 messages would be replayed and max_replayed_messages is 1`,
		"1 member is still active, the apply waits up to 1m0s for them to leave: invoice-writer-1",
		"Plan: 5 to add")
	c.Leave(t, m)
}

func TestPlansWithoutAPreview(t *testing.T) {
	t.Parallel()
	reset := kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\"")
	c := seeded(t)

	c.ResetRequests()
	w := attached(t, fmt.Sprintf("provider \"offsets\" {\n  kafka = { bootstrap_servers = %s }\n  preview = false\n}\n", hclList(c.Bootstrap()))+reset)
	saysNot(t, w.must(0, "plan"), "Reset consumer group")
	if got := c.Requests(); len(got) != 0 {
		t.Errorf("a plan without preview asked the broker: %v", got)
	}
	w = attached(t, kafkaConfig([]string{"127.0.0.1:1"}, reset))
	says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": no preview`)
	w = attached(t, "provider \"offsets\" {}\n"+reset)
	says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": no preview`, "set kafka.bootstrap_servers")
	w = attached(t, kafkaConfig(c.Bootstrap(), `resource "terraform_data" "t" { input = "orders" }`+"\n"+
		kafkaReset("group_id = \"billing\"\ntopic = terraform_data.t.output\nposition = \"earliest\"")))
	says(t, w.must(0, "plan"), "no preview", "known only after the apply")
}

// A server that takes the connection and never answers holds up a plan for a
// few seconds at most, and the same number of resources in the same time.
func TestPlanWithAClusterThatNeverAnswers(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // Nothing depends on it.
	var resets strings.Builder
	for i := range 5 {
		fmt.Fprintf(&resets, "resource \"kafka_consumer_offset_reset\" \"r%d\" {\n  provider = offsets\n  group_id = \"group-%d\"\n  topic = \"orders\"\n  position = \"earliest\"\n}\n", i, i)
	}
	w := attached(t, kafkaConfig([]string{silent.Addr().String()}, resets.String()))
	says(t, w.must(0, "plan"), `Reset consumer group "group-0" on topic "orders": no preview`, `Reset consumer group "group-4" on topic "orders": no preview`, "Plan: 5 to add")
}

// Ctrl-C while the apply waits for members ends it at once and changes nothing.
func TestInterruptWhileWaitingForMembers(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	m := c.Join(t, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}, ClientID: "invoice-writer-1"})
	w := newWorkspace(t, kafkaConfig(c.Bootstrap(), kafkaReset(`
		group_id          = "billing"
		topic             = "orders"
		position          = "earliest"
		wait_for_inactive = "5m"
	`)))
	out := w.interrupted(func(*printed) {
		waitFor(t, "the apply to look at the group more than once", func() bool { return c.Requests()[describeGroup] > 4 })
	}, "apply", "-auto-approve")
	says(t, out, `Reset consumer group "billing" on topic "orders"`, "Nothing was changed")
	has(t, c, "billing", at(60))
	if list := w.must(0, "state", "list"); strings.Contains(list, kafkaResetAddress) {
		t.Errorf("the state has a reset that was not done: %s", list)
	}
	c.Leave(t, m)
}

const describeGroup = 15 // DescribeGroups

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// No secret reaches the output, the log at TRACE or the state.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const right, wrong = "correct-horse-battery", "wrong-horse-battery"
	for name, password := range map[string]string{"right": right, "wrong": wrong} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fake.New(t, fake.Options{
				Topics: map[string]int32{"orders": 3},
				Kfake:  []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", right)},
				Client: plain("admin", right),
			})
			c.Fill(t, "orders", 3, 10, base, time.Second)
			c.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
			w := newWorkspace(t, fmt.Sprintf(`
				variable "password" {
					type      = string
					sensitive = true
				}
				provider "offsets" {
					kafka = {
						bootstrap_servers = %s
						sasl = {
							mechanism = "PLAIN"
							username  = "admin"
							password  = var.password
						}
					}
				}
			`, hclList(c.Bootstrap()))+kafkaReset("group_id = \"billing\"\ntopic = \"orders\"\nposition = \"earliest\""))
			w.env = append(w.env, "TF_VAR_password="+password, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(w.dir, "trace.log"))
			out, code := w.run("apply", "-auto-approve")
			switch {
			case password == right && code != 0:
				t.Fatalf("the right password is refused: %s", out)
			case password == wrong && code == 0:
				t.Fatal("the wrong password is accepted")
			case password == wrong:
				says(t, out, "Reset consumer group")
			}
			texts := map[string]string{"output": out}
			for _, file := range []string{"trace.log", "terraform.tfstate"} {
				b, err := os.ReadFile(filepath.Join(w.dir, file))
				if err != nil && (password == right || !errors.Is(err, os.ErrNotExist)) {
					t.Fatal(err)
				}
				texts[file] = string(b)
			}
			if password == right && !strings.Contains(texts["trace.log"], "Connected to broker") {
				t.Error("the log says nothing of the connection")
			}
			for where, text := range texts {
				if i := strings.Index(text, password); i >= 0 {
					t.Errorf("the %s has the password: …%s…", where, text[max(0, i-100):min(len(text), i+100)])
				}
			}
		})
	}
}
