package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/attach"
	_ "github.com/terraform-offsets/terraform-provider-offsets/internal/provider" // What is installed: these tests are as old as it is.
)

// root is the repository's.
const root = "../.."

// patience is how long one command of the CLI may take on a busy machine.
const patience = 5 * time.Minute

// cli is the Terraform or OpenTofu that the examples are run with.
var cli struct {
	path         string
	home         string // where the provider is installed, as in a user's home directory
	tofu         bool
	major, minor int
}

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runAll installs the provider as its users do, with `make install`, into a
// home directory of its own, and then runs the tests.
func runAll(m *testing.M) (int, error) {
	home, err := os.MkdirTemp("", "offsets-docs-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(home) }()
	cli.home = home
	if err := findCLI(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	install := exec.CommandContext(ctx, "make", "--no-print-directory", "-C", root, "install",
		"MIRROR="+filepath.Join(home, ".terraform.d", "plugins"), "BUILD="+filepath.Join(home, "build"))
	if out, err := install.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("make install: %w\n%s", err, out)
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		return 0, err
	}
	return code, nil
}

var versionLine = regexp.MustCompile(`^(Terraform|OpenTofu) v(\d+)\.(\d+)\.`)

func findCLI() error {
	cli.path = os.Getenv("TF_ACC_TERRAFORM_PATH")
	for _, name := range []string{"terraform", "tofu"} {
		if cli.path != "" {
			break
		}
		if path, err := exec.LookPath(name); err == nil {
			cli.path = path
		}
	}
	if cli.path == "" {
		return errors.New("there is neither a terraform nor a tofu in PATH")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, cli.path, "version")
	command.Env = environment()
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s version: %w", cli.path, err)
	}
	found := versionLine.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("%s version says %q", cli.path, out)
	}
	cli.tofu = string(found[1]) == "OpenTofu"
	for i, n := range []*int{&cli.major, &cli.minor} {
		if *n, err = strconv.Atoi(string(found[i+2])); err != nil {
			return err
		}
	}
	return nil
}

// atLeast tells whether the CLI has what came with these versions; "" means never.
func atLeast(terraform, tofu string) bool {
	want := terraform
	if cli.tofu {
		want = tofu
	}
	if want == "" {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(want, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return cli.major > major || cli.major == major && cli.minor >= minor
}

// environment is what the CLI sees: nothing of the machine's configuration of
// Terraform or of brokers.
func environment(extra ...string) []string {
	env := append([]string{"HOME=" + cli.home, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1"}, extra...)
	for _, name := range []string{"PATH", "TMPDIR", "XDG_CACHE_HOME"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if _, ok := os.LookupEnv("XDG_CACHE_HOME"); !ok {
		if cache, err := os.UserCacheDir(); err == nil {
			env = append(env, "XDG_CACHE_HOME="+cache) // HOME is not the user's
		}
	}
	return env
}

// workspace is a directory with a configuration in it.
type workspace struct {
	t   *testing.T
	dir string
	env []string
}

// newWorkspace returns an empty directory to work in, with more variables of
// the environment.
func newWorkspace(t *testing.T, more ...string) workspace {
	t.Helper()
	// What TestMain looks up is not noted, and a cached result of the test
	// would count for any CLI.
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" && path != cli.path {
		t.Fatalf("the CLI is %s, not %s", cli.path, path)
	}
	return workspace{t: t, dir: t.TempDir(), env: environment(more...)}
}

// try runs a command and returns its output and exit code.
func (w workspace) try(args ...string) (string, int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, cli.path, args...)
	command.Dir = w.dir
	command.Env = w.env
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("%s: %s", strings.Join(args, " "), err)
	}
	return out.String(), command.ProcessState.ExitCode()
}

// run runs a command that has to succeed.
func (w workspace) run(args ...string) string {
	w.t.Helper()
	out, code := w.try(append(args, "-no-color")...)
	if code != 0 {
		w.t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

func (w workspace) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// initialised is a directory in which init has found the provider.
var initialised = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(cli.home, "initialised")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "terraform.tf"), []byte(terraformBlock), 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, cli.path, "init", "-input=false", "-no-color")
	command.Dir, command.Env = dir, environment()
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("init: %w\n%s", err, out)
	}
	return dir, os.Remove(filepath.Join(dir, "terraform.tf"))
})

// init makes the directory one to work in. What calls no module needs nothing
// but the provider, which init finds in the same way in each of them: then it is
// taken from where that was done once.
func (w *workspace) init(code string) {
	w.t.Helper()
	if strings.Contains(code, "module \"") {
		w.run("init", "-input=false")
		return
	}
	dir, err := initialised()
	if err == nil {
		err = os.CopyFS(w.dir, os.DirFS(dir))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(code, "alias") { // That is two configurations of the provider.
		w.attach()
	}
}

// attach has all commands from now on talk to one process of the provider,
// which knows the environment as it is now.
func (w *workspace) attach() {
	w.t.Helper()
	binary := filepath.Join(cli.home, "build", "terraform-provider-offsets")
	w.env = append(w.env, attach.Start(w.t, binary, w.dir, w.env))
}
