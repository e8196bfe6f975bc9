package docs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/sample"
)

// failover is the directory of the example that takes groups to another
// cluster, which is a pair of configurations.
const failover = "failover"

// mirrorPair starts two clusters: the topic orders of the primary is
// primary.orders on the secondary, where each record has a smaller offset.
func mirrorPair(t *testing.T) (primary, secondary *fake.Cluster) {
	t.Helper()
	start := func(id, topic string) *fake.Cluster {
		return fake.New(t, fake.Options{Brokers: 1, Topics: map[string]int32{topic: 3}, Kfake: []kfake.Opt{kfake.ClusterID(id)}})
	}
	primary, secondary = start("primary", "orders"), start("secondary", "primary.orders")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for p := range int32(3) {
		var records []fake.Record
		for i := range 100 {
			records = append(records, fake.Record{At: sample.March.Add(time.Duration(i) * time.Minute), Value: fmt.Sprintf("%d/%d", p, i)})
		}
		if _, err := primary.Client().Produce(ctx, "orders", p, records...); err != nil {
			t.Fatal(err)
		}
		if _, err := secondary.Client().Produce(ctx, "primary.orders", p, records[30:]...); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, primary, map[string]fake.Offsets{
		"billing": {"orders": {0: 40, 1: 50, 2: 100}},
		"search":  {"orders": {0: 99, 1: 30, 2: 31}},
	})
	return primary, secondary
}

// moved is where the groups have to be on the secondary.
var moved = map[string]fake.Offsets{
	"billing": {"primary.orders": {0: 10, 1: 20, 2: 70}},
	"search":  {"primary.orders": {0: 69, 1: 0, 2: 1}},
}

// failoverWorkspace has both configurations and the variables of the clusters.
func failoverWorkspace(t *testing.T, primary, secondary *fake.Cluster) (w workspace, variables func(configuration string) []string) {
	t.Helper()
	w = newWorkspace(t)
	if err := os.CopyFS(w.dir, os.DirFS(filepath.Join(root, "examples", failover))); err != nil {
		t.Fatal(err)
	}
	list := func(servers []string) string { return `["` + strings.Join(servers, `", "`) + `"]` }
	given := map[string][]string{
		"snapshot": {"-var=primary=" + list(primary.Bootstrap()), `-var=groups=["billing", "search"]`},
		"failover": {"-var=secondary=" + list(secondary.Bootstrap())},
	}
	return w, func(configuration string) []string { return given[configuration] }
}

// The primary is gone when its groups come to the secondary.
func TestFailoverExample(t *testing.T) {
	t.Parallel()
	primary, secondary := mirrorPair(t)
	w, variables := failoverWorkspace(t, primary, secondary)
	w.run("-chdir=snapshot", "init", "-input=false")
	w.run(slices.Concat([]string{"-chdir=snapshot", "apply", "-input=false", "-auto-approve", "-var=run=1"}, variables("snapshot"))...)
	w.write("failover/snapshots.auto.tfvars.json", w.run("-chdir=snapshot", "output", "-raw", "tfvars"))
	primary.Close()

	w.run("-chdir=failover", "init", "-input=false")
	apply := slices.Concat([]string{"-chdir=failover", "apply", "-input=false", "-auto-approve", "-var-file=example.tfvars"}, variables("failover"))
	if out := w.run(apply...); strings.Contains(out, "every_record_was_found") {
		t.Error(out)
	}
	checkCommitted(t, secondary, moved)
	// Another apply, after the groups have gone on, leaves them alone.
	commit(t, secondary, map[string]fake.Offsets{"billing": {"primary.orders": {0: 15, 1: 20, 2: 70}}})
	w.run(apply...)
	checkCommitted(t, secondary, map[string]fake.Offsets{"billing": {"primary.orders": {0: 15, 1: 20, 2: 70}}})
	// Nor can the snapshots be taken any more, but they are still there.
	if out := w.run("-chdir=snapshot", "output", "-raw", "tfvars"); !strings.Contains(out, "billing") {
		t.Error(out)
	}
}

func TestFailoverExampleTestsItself(t *testing.T) {
	t.Parallel()
	primary, secondary := mirrorPair(t)
	w, variables := failoverWorkspace(t, primary, secondary)
	w.run("-chdir=failover", "init", "-input=false")
	out := w.run(slices.Concat([]string{"-chdir=failover", "test"}, variables("snapshot"), variables("failover"))...)
	if !strings.Contains(out, "3 passed, 0 failed") {
		t.Error(out)
	}
}
