package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed terraform.tf
var terraformCode string

const (
	module  = "github.com/terraform-offsets/terraform-provider-offsets"
	version = "0.1.0" // any that Terraform picks
)

// patience is how long a command has to stop after it was interrupted.
const patience = 15 * time.Second

// terraform is Terraform or OpenTofu with the provider installed, all below
// one directory: nothing of the user's own is read or written.
type terraform struct {
	path string
	dir  string // of the configuration
	env  []string
}

// install builds the provider into a mirror below dir and initialises a
// configuration that finds it there, as a user's would: no network is needed.
func install(ctx context.Context, dir string) (*terraform, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	if err := build(ctx, filepath.Join(dir, "mirror")); err != nil {
		return nil, fmt.Errorf("build the provider: %w", err)
	}
	settings := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n",
		filepath.ToSlash(filepath.Join(dir, "mirror")))
	settingsFile := filepath.Join(dir, "terraform.rc")
	if err := os.WriteFile(settingsFile, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	tf := &terraform{path: path, dir: filepath.Join(dir, "configuration"), env: environment(settingsFile)}
	if err := os.Mkdir(tf.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(tf.dir, "terraform.tf"), []byte(terraformCode), 0o600); err != nil {
		return nil, err
	}
	_, err = tf.run(ctx, "", "init")
	return tf, err
}

// find returns the path of Terraform, or of OpenTofu where there is none.
func find() (string, error) {
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return filepath.Abs(path)
	}
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", errors.New("there is neither a terraform nor a tofu in PATH; install one of them: " +
		"https://developer.hashicorp.com/terraform/install, https://opentofu.org/docs/intro/install")
}

// build builds the provider to where both Terraform and OpenTofu look in a mirror.
func build(ctx context.Context, mirror string) error {
	if isTerminal(os.Stderr) {
		fmt.Fprint(os.Stderr, "Building the provider; the first time, that takes a while …")
		defer fmt.Fprint(os.Stderr, "\r\x1b[2K")
	}
	binary := func(host string) string {
		name := "terraform-provider-offsets_v" + version
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		return filepath.Join(mirror, host, "terraform-offsets", "offsets", version, runtime.GOOS+"_"+runtime.GOARCH, name)
	}
	terraforms, tofus := binary("registry.terraform.io"), binary("registry.opentofu.org")
	if err := os.MkdirAll(filepath.Dir(tofus), 0o700); err != nil {
		return err
	}
	c := interruptible(ctx, interruptGroup, "go", "build", "-o", terraforms, module)
	c.Env = append(os.Environ(), "GOTMPDIR="+mirror)
	if _, err := capture(ctx, c); err != nil {
		return err
	}
	return os.Link(terraforms, tofus)
}

// environment is the user's without what concerns Terraform and brokers: that
// may name another cluster, its credentials, or files that do not exist.
func environment(settings string) []string {
	var env []string
	for _, variable := range os.Environ() {
		concerns := false
		for _, prefix := range []string{"TF_", "KAFKA_", "ROCKETMQ_", "NAMESRV_"} {
			concerns = concerns || strings.HasPrefix(variable, prefix)
		}
		if !concerns {
			env = append(env, variable)
		}
	}
	return append(env, "TF_CLI_CONFIG_FILE="+settings, "TF_CLI_ARGS=-no-color", "TF_INPUT=0", "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
}

// name is what users type.
func (t *terraform) name() string {
	if strings.Contains(filepath.Base(t.path), "tofu") {
		return "tofu"
	}
	return "terraform"
}

// configure makes this the configuration.
func (t *terraform) configure(code string) error {
	return os.WriteFile(filepath.Join(t.dir, "main.tf"), []byte(code), 0o600)
}

// run runs a command with one more variable in its environment and returns
// what it has printed.
func (t *terraform) run(ctx context.Context, variable string, args ...string) (output, error) {
	c := interruptible(ctx, interrupt, t.path, args...)
	c.Dir, c.Env = t.dir, t.env
	if variable != "" {
		c.Env = append(c.Env[:len(c.Env):len(c.Env)], variable)
	}
	return capture(ctx, c)
}

// interruptible returns a command that is interrupted when ctx is done, and
// killed if that does not help.
func interruptible(ctx context.Context, interrupt func(*os.Process) error, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.SysProcAttr = ownGroup()
	c.Cancel = func() error { return interrupt(c.Process) }
	c.WaitDelay = patience
	return c
}

// capture runs a command; it is an error with the whole output if it fails.
func capture(ctx context.Context, c *exec.Cmd) (output, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out.String())
	}
	return output(out.String()), nil
}
