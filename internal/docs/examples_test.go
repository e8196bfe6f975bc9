package docs

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// example is how a file below examples/ is tried out. The zero value is right
// for most: apply it on the usual cluster, see that the plan after it is
// empty, and destroy it.
type example struct {
	// before is what groups have committed before the apply, where it is not the usual.
	before map[string]fake.Offsets
	// want is what the groups have committed after the apply, as far as it is told.
	want map[string]fake.Offsets
	// after is what they have after the destroy; nil means the same as want.
	after map[string]fake.Offsets
	// needs names the first Terraform and the first OpenTofu that can do it; "" means none.
	needs *[2]string
	// access is how the clusters let clients in.
	access access
	// vars are the values of the example's variables.
	vars map[string]string
	// planOnly is for what no broker inside of a process offers: it is planned,
	// not applied.
	planOnly bool
}

// The places of the usual groups before each example.
var (
	billing = fake.Offsets{"orders": {0: 900, 1: 900, 2: 900}, "payments": {0: 900, 1: 900, 2: 900}}
	indexer = fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}
)

// examples has what is special about a file, by its path below examples/.
var examples = map[string]example{
	"readme/main.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 90, 1: 90, 2: 90}}),
		after: groups("billing", billing),
	},
	"provider/clusters.tf": {},
	"guides/replay/main.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 65, 1: 65, 2: 65}}),
		after: groups("billing", billing),
	},
	"guides/skip/one-message.tf": {
		before: groups("billing", fake.Offsets{"orders": {2: 905}}),
		want:   groups("billing", fake.Offsets{"orders": {0: 900, 1: 900, 2: 906}}),
	},
	"guides/skip/backlog.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}),
		after: groups("billing", billing),
	},
	"guides/authentication/tls.tf":        {access: access{tls: true}},
	"guides/authentication/mutual-tls.tf": {access: access{tls: true, clients: true}},
	"guides/authentication/plain.tf":      {access: access{tls: true, mechanism: "PLAIN"}, vars: passwordVariable},
	"guides/authentication/scram.tf":      {access: access{tls: true, mechanism: "SCRAM-SHA-512"}, vars: passwordVariable},
	"guides/authentication/oauthbearer.tf": {
		planOnly: true, access: access{tls: true}, vars: map[string]string{"client_secret": password},
	},
	"guides/authentication/token.tf": {
		planOnly: true, access: access{tls: true}, vars: map[string]string{"kafka_token": "header.payload.signature"},
	},
	"guides/authentication/msk-iam.tf":  {planOnly: true},
	"guides/authentication/kerberos.tf": {planOnly: true},
	"resources/kafka_consumer_offset_reset/resource.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}, "payments": billing["payments"]}),
		after: groups("billing", billing),
	},
	"resources/kafka_consumer_offset_reset/message-offset.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 900, 1: 900, 2: 906}}),
	},
	"resources/kafka_consumer_offset_reset/timestamp.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}}),
	},
	"resources/kafka_consumer_offset_reset/earliest.tf": {
		want: groups("search-indexer", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}}),
	},
	"resources/kafka_consumer_offset_reset/latest.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 1000, 1: 900, 2: 1000}}),
	},
	"resources/kafka_consumer_offset_reset/all-topics.tf": {
		want: groups("billing", billing),
	},
	"resources/kafka_consumer_offset_reset/shift.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 800, 1: 800, 2: 800}, "payments": billing["payments"]}),
	},
	"resources/kafka_consumer_offset_reset/source-group.tf": {
		want: map[string]fake.Offsets{"billing": billing, "billing-green": billing},
	},
	"resources/kafka_consumer_offset_reset/offsets.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 120, 1: 118, 2: 131}, "payments": {0: 77, 1: 900, 2: 900}}),
	},
	"resources/kafka_consumer_offset_reset/import-by-string-id.tf": {
		want: groups("billing", billing), // an import means: done already
	},
	"resources/kafka_consumer_offset_reset/import-by-identity.tf": {
		want:  groups("billing", billing),
		needs: &[2]string{"1.12", "1.12"},
	},
}

const password = "correct horse battery staple"

var passwordVariable = map[string]string{"kafka_password": password}

func groups(group string, offsets fake.Offsets) map[string]fake.Offsets {
	return map[string]fake.Offsets{group: offsets}
}

// probe is put beside an example that only configures the provider: it needs
// every topic of the group, and moves nothing.
const probe = `resource "kafka_consumer_offset_reset" "probe" {
  provider = offsets

  group_id   = "billing"
  all_topics = true
  position   = "current"
}
`

// terraformBlock is put beside an example that has none of its own.
const terraformBlock = `terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}
`

// addresses are the brokers that examples speak of. They stand for clusters
// inside the test's process.
var (
	brokers   = regexp.MustCompile(`"(kafka-\d\.example\.com|localhost):909\d"`)
	drBrokers = regexp.MustCompile(`"kafka-\d\.dr\.example\.com:909\d"`)
)

func TestExamples(t *testing.T) {
	t.Parallel()
	for _, name := range exampleFiles(t) {
		e := examples[name]
		if e.needs != nil && !atLeast(e.needs[0], e.needs[1]) {
			continue // This CLI cannot; another one of the test matrix does it.
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tryOut(t, name, e)
		})
	}
}

// exampleFiles returns the paths of all configurations below examples/.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	dir := os.DirFS(filepath.Join(root, "examples"))
	err := fs.WalkDir(dir, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "modules":
			return fs.SkipDir // The examples beside it call them.
		case !entry.IsDir() && filepath.Ext(path) == ".tf":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no examples")
	}
	return files
}

func TestNoExampleIsExpectedThatIsNotThere(t *testing.T) {
	t.Parallel()
	files := exampleFiles(t)
	for name := range examples {
		if !slices.Contains(files, name) {
			t.Errorf("examples/%s does not exist", name)
		}
	}
}

// tryOut applies one example, checks that the offsets are where its page says,
// that the plan after it is empty, and destroys it.
func tryOut(t *testing.T, name string, e example) {
	source := filepath.Join(root, "examples", filepath.FromSlash(name))
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	secrets := newSecrets(t, e.access)
	main, dr := startCluster(t, secrets), startCluster(t, secrets)
	commit(t, main, e.before)
	w := workspace{t: t, dir: t.TempDir(), env: environment("KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(main.Bootstrap(), ","))}
	for name, value := range e.vars {
		w.env = append(w.env, "TF_VAR_"+name+"="+value)
	}
	code := string(content)
	code = brokers.ReplaceAllLiteralString(code, `"`+main.Bootstrap()[0]+`"`)
	code = drBrokers.ReplaceAllLiteralString(code, `"`+dr.Bootstrap()[0]+`"`)
	w.write("main.tf", code)
	if !strings.Contains(code, "required_providers") {
		w.write("terraform.tf", terraformBlock)
	}
	if !strings.Contains(code, "resource \"") && !strings.Contains(code, "module \"") {
		w.write("probe.tf", probe)
	}
	for file, content := range secrets.files {
		w.write(file, content)
	}
	if modules := filepath.Join(filepath.Dir(source), "modules"); strings.Contains(code, "./modules/") {
		if err := os.CopyFS(filepath.Join(w.dir, "modules"), os.DirFS(modules)); err != nil {
			t.Fatal(err)
		}
	}

	w.run("init", "-input=false")
	w.run("validate")
	if e.planOnly {
		w.run("plan", "-input=false")
		return
	}
	w.run("apply", "-input=false", "-auto-approve")
	checkCommitted(t, main, e.want)
	if out, code := w.try("plan", "-input=false", "-no-color", "-detailed-exitcode"); code != 0 {
		t.Errorf("the plan after the apply is not empty (exit code %d)\n%s", code, out)
	}
	w.run("destroy", "-input=false", "-auto-approve")
	if e.after == nil {
		e.after = e.want
	}
	checkCommitted(t, main, e.after)
}

func checkCommitted(t *testing.T, cluster *fake.Cluster, want map[string]fake.Offsets) {
	t.Helper()
	for group, topics := range want {
		got := cluster.Committed(group)
		for topic, partitions := range topics {
			if !maps.Equal(got[topic], partitions) {
				t.Errorf("%s has committed %v on %s, not %v", group, got[topic], topic, partitions)
			}
		}
	}
}

// startCluster starts the cluster that the examples speak of: in each
// partition 600 records of March 2026, one a minute from 12:00 UTC on, and 400
// that came in a minute apart until just now.
func startCluster(t *testing.T, s secrets) *fake.Cluster {
	t.Helper()
	cluster, err := fake.Start(fake.Options{
		Brokers: 1, Topics: map[string]int32{"orders": 3, "payments": 3},
		TLS: s.listener, Client: s.client,
		Kfake: append([]kfake.Opt{kfake.ClusterID("MkU3OEVBNTcwNTJENDM2Qg")}, s.broker...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := cluster.Client()
	for _, topic := range []string{"orders", "payments"} {
		for _, batch := range []struct {
			records int
			first   time.Time
		}{
			{600, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
			{400, time.Now().Add(-400 * time.Minute)},
		} {
			if err := client.Fill(ctx, topic, 3, batch.records, batch.first, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit(t, cluster, map[string]fake.Offsets{"billing": billing, "search-indexer": indexer})
	return cluster
}

func commit(t *testing.T, cluster *fake.Cluster, groups map[string]fake.Offsets) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for group, offsets := range groups {
		if err := cluster.Client().Commit(ctx, group, offsets); err != nil {
			t.Fatal(err)
		}
	}
}
