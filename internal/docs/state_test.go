package docs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// Terraform keeps a state that it cannot write, and the guide says to push it
// before anything else: without it, the next apply would reset once more.
func TestAStateThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	var (
		full  atomic.Bool
		mu    sync.Mutex
		state []byte
	)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Method == http.MethodGet && state == nil:
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodGet:
			_, _ = w.Write(state)
		case full.Load():
			w.WriteHeader(http.StatusInsufficientStorage)
		default:
			state, _ = io.ReadAll(r.Body)
		}
	}))
	t.Cleanup(store.Close)
	cluster := startCluster(t, secrets{})
	w := newWorkspace(t, "KAFKA_BOOTSTRAP_SERVERS="+strings.Join(cluster.Bootstrap(), ","))
	w.write("terraform.tf", terraformBlock+"terraform {\n  backend \"http\" {\n    address   = \""+store.URL+"\"\n    retry_max = 0\n  }\n}\n")
	w.write("main.tf", `resource "kafka_consumer_offset_reset" "back" {
  provider   = offsets
  group_id   = "billing"
  topic      = "orders"
  shift      = -100
  on_destroy = "restore"
}
`)
	w.run("init", "-input=false")
	full.Store(true)
	out, code := w.try("apply", "-input=false", "-auto-approve", "-no-color")
	if code == 0 || !strings.Contains(out, "errored.tfstate") {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	shifted := groups("billing", fake.Offsets{"orders": {0: 800, 1: 800, 2: 800}})
	checkCommitted(t, cluster, shifted)
	if _, err := os.Stat(filepath.Join(w.dir, "errored.tfstate")); err != nil {
		t.Fatal(err)
	}

	full.Store(false)
	if out := w.run("plan", "-input=false"); !strings.Contains(out, "300 messages replayed") || !strings.Contains(out, "1 to add") {
		t.Errorf("without the state, the plan does not shift once more: the guide says that it does\n%s", out)
	}
	w.run("state", "push", "errored.tfstate")
	if out, code := w.try("plan", "-input=false", "-no-color", "-detailed-exitcode"); code != 0 {
		t.Errorf("the plan with the state is not empty\n%s", out)
	}
	w.run("destroy", "-input=false", "-auto-approve")
	checkCommitted(t, cluster, map[string]fake.Offsets{"billing": billing})
}
