// Package attach has several commands of Terraform or OpenTofu talk to one
// process of the provider. Only tests do so: a command alone starts a process
// for each of its walks, an apply four of them, and that takes more time than
// all the rest. What processes have to do with, such as their ends, their logs
// or their environment, needs those that Terraform starts.
package attach

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// patience is how long the provider may take to end on a busy machine.
const patience = time.Minute

// printed is what the provider prints for a shell.
var printed = regexp.MustCompile(`(?m)^\s*TF_REATTACH_PROVIDERS='(.*)'$`)

// Start starts the provider's binary as for debugging, in the directory and
// with the environment that commands would start it with, and returns the
// variable, NAME=VALUE, by which they find it. It serves one configuration of
// the provider and one command at a time, and ends with the test.
func Start(t testing.TB, binary, dir string, env []string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, "-debug")
	command.Dir, command.Env = dir, env
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = patience
	var log bytes.Buffer
	command.Stderr = &log
	command.SysProcAttr = dieWithUs()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started, read, ended := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread() // which lives as long as the provider
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := command.Start()
		started <- err
		if err == nil {
			<-read
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // The test's context is done by now.
		_, _ = io.Copy(io.Discard, out)
		close(read)
		<-ended
		if code := command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the provider has ended with %s\n%s", command.ProcessState, &log)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := printed.FindSubmatch(lines.Bytes()); m != nil {
			value, err := forBoth(m[1])
			if err != nil {
				t.Fatal(err)
			}
			return "TF_REATTACH_PROVIDERS=" + value
		}
	}
	t.Fatal("the provider does not print how to attach to it")
	return ""
}

// forBoth has OpenTofu find what Terraform finds, below its own registry.
func forBoth(value []byte) (string, error) {
	providers := map[string]json.RawMessage{}
	if err := json.Unmarshal(value, &providers); err != nil {
		return "", fmt.Errorf("read how to attach to the provider: %w", err)
	}
	const name = "/terraform-offsets/offsets"
	providers["registry.opentofu.org"+name] = providers["registry.terraform.io"+name]
	both, err := json.Marshal(providers)
	return string(both), err
}
