package attach

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// stuck is a provider that never ends by itself and tells its process.
const stuck = `#!/bin/sh
echo "TF_REATTACH_PROVIDERS='{}'"
trap '' INT
echo $$ > "$0.pid"
while :; do sleep 0.1; done
`

const child = "ATTACH_TEST_CHILD"

// Tests that are killed, by whoever has no patience with them, leave no provider
// behind.
func TestKilledTestsLeaveNoProvider(t *testing.T) {
	if os.Getenv(child) != "" {
		Start(t, "./provider", "", os.Environ())
		fmt.Println("started")
		select {} // until it is killed
	}
	binary := filepath.Join(t.TempDir(), "provider")
	if err := os.WriteFile(binary, []byte(stuck), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	self, err := os.Executable() // which is absolute
	if err != nil {
		t.Fatal(err)
	}
	tests := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	tests.Env = append(os.Environ(), child+"=1")
	tests.Dir = filepath.Dir(binary)
	out, err := tests.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tests.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "started"; {
	}
	provider := 0
	eventually(t, "the provider to tell its process", func() bool {
		text, _ := os.ReadFile(binary + ".pid") //nolint:errcheck // it is not there at first
		provider, _ = strconv.Atoi(string(text[:max(0, len(text)-1)]))
		return provider > 0
	})
	if err := tests.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = tests.Wait() //nolint:errcheck // it was killed
	eventually(t, "the provider to end", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", provider))
		return err != nil || bytes.Contains(status, []byte(") Z ")) // which nobody may have asked after
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
