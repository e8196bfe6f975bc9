package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// stateStore is an HTTP backend.
type stateStore struct {
	server *httptest.Server

	mu    sync.Mutex
	state []byte
	lock  []byte // who holds it; nil if nobody does
	full  bool
}

func startStore(t *testing.T) *stateStore {
	t.Helper()
	s := &stateStore{}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

// ServeHTTP keeps one state, unless the store is full, and one lock.
func (s *stateStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body) //nolint:errcheck // The test would fail by what is missing.
	switch {
	case r.Method == "LOCK" && s.lock != nil:
		w.WriteHeader(http.StatusLocked)
		_, _ = w.Write(s.lock)
	case r.Method == "LOCK":
		s.lock = body
	case r.Method == "UNLOCK":
		s.lock = nil
	case r.Method == http.MethodGet && s.state == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		_, _ = w.Write(s.state)
	case s.full:
		w.WriteHeader(http.StatusInsufficientStorage)
	default:
		s.state = body
	}
}

func (s *stateStore) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// holder returns the id of the lock.
func (s *stateStore) holder(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var lock struct{ ID string }
	if err := json.Unmarshal(s.lock, &lock); err != nil {
		t.Fatal(err)
	}
	return lock.ID
}

// workspace is one whose state is in the store.
func (s *stateStore) workspace(t *testing.T, cluster *fake.Cluster, reset string) workspace {
	t.Helper()
	w := newWorkspace(t, "KAFKA_BOOTSTRAP_SERVERS="+strings.Join(cluster.Bootstrap(), ","))
	w.write("terraform.tf", terraformBlock+`terraform {
  backend "http" {
    address        = "`+s.server.URL+`"
    lock_address   = "`+s.server.URL+`"
    unlock_address = "`+s.server.URL+`"
    retry_max      = 0
  }
}
`)
	w.write("main.tf", "resource \"kafka_consumer_offset_reset\" \"back\" {\n  provider = offsets\n  group_id = \"billing\"\n  topic = \"orders\"\n"+reset+"\n}\n")
	w.run("init", "-input=false")
	return w
}

// Terraform keeps a state that it cannot write, or prints it, and the guide
// says to push it before anything else: without it, the next apply would reset
// once more.
func TestAStateThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, printed := range []bool{false, true} {
		t.Run(map[bool]string{false: "kept", true: "printed"}[printed], func(t *testing.T) {
			t.Parallel()
			cluster, store := startCluster(t, secrets{}), startStore(t)
			w := store.workspace(t, cluster, "shift = -100\non_destroy = \"restore\"")
			errored := filepath.Join(w.dir, "errored.tfstate")
			if printed { // There is no room for it either.
				if err := os.Mkdir(errored, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			store.setFull(true)
			out, code := w.try("apply", "-input=false", "-auto-approve", "-no-color")
			if code == 0 || !strings.Contains(out, "errored.tfstate") || !strings.Contains(out, "Failed to save state") {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			shifted := groups("billing", fake.Offsets{"orders": {0: 800, 1: 800, 2: 800}})
			checkCommitted(t, cluster, shifted)

			store.setFull(false)
			if out := w.run("plan", "-input=false"); !strings.Contains(out, "300 messages replayed") || !strings.Contains(out, "1 to add") {
				t.Errorf("without the state, the plan does not shift once more: the guide says that it does\n%s", out)
			}
			if printed {
				// From a line that is "{" to one that is "}".
				_, text, begins := strings.Cut(out, "\n{\n")
				text, _, ends := strings.Cut(text, "\n}\n")
				if !begins || !ends || !strings.Contains(out, "Failed to persist state to backend") {
					t.Fatalf("the state is not printed\n%s", out)
				}
				if err := os.Remove(errored); err != nil {
					t.Fatal(err)
				}
				w.write("errored.tfstate", "{\n"+text+"\n}\n")
			}
			w.run("state", "push", "errored.tfstate")
			if out, code := w.try("plan", "-input=false", "-no-color", "-detailed-exitcode"); code != 0 {
				t.Errorf("the plan with the state is not empty\n%s", out)
			}
			w.run("destroy", "-input=false", "-auto-approve")
			checkCommitted(t, cluster, map[string]fake.Offsets{"billing": billing})
		})
	}
}

// A Terraform that is killed leaves the lock of a remote state, and nothing
// works until it is taken away.
func TestALockThatIsLeftBehind(t *testing.T) {
	t.Parallel()
	cluster, store := startCluster(t, secrets{}), startStore(t)
	w := store.workspace(t, cluster, "lookback = \"2h\"\nwait_for_inactive = \"4m\"")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	member, err := cluster.Client().Join(ctx, kafkaclient.MemberOptions{Group: "billing", Topics: []string{"orders"}})
	if err != nil {
		t.Fatal(err)
	}
	apply := exec.CommandContext(ctx, cli.path, "apply", "-input=false", "-auto-approve")
	apply.Dir, apply.Env = w.dir, w.env
	var out bytes.Buffer
	apply.Stdout, apply.Stderr = &out, &out
	if err := apply.Start(); err != nil {
		t.Fatal(err)
	}
	const describe = 15 // DescribeGroups
	for cluster.Requests()[describe] < 5 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	if err := apply.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := apply.Wait(); err == nil {
		t.Fatalf("it was over before it was killed\n%s", &out)
	}
	if err := member.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	checkCommitted(t, cluster, map[string]fake.Offsets{"billing": billing})
	said, code := w.try("plan", "-input=false", "-no-color")
	if code == 0 || !strings.Contains(said, "Error acquiring the state lock") || !strings.Contains(said, store.holder(t)) {
		t.Errorf("exit code %d\n%s", code, said)
	}
	w.run("force-unlock", "-force", store.holder(t))
	if out := w.run("apply", "-input=false", "-auto-approve"); !strings.Contains(out, "1 added") {
		t.Errorf("the next apply does not begin anew\n%s", out)
	}
}
