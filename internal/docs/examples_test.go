package docs

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
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
	rocketmqfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/sample"
)

// example is how a file below examples/ is tried out. The zero value is right
// for most: apply it on the usual cluster, and see that the plan after it is
// empty.
type example struct {
	// before is what groups have committed before the apply, where it is not the usual.
	before map[string]fake.Offsets
	// shares is where share groups start before the apply, and wantShares after it.
	shares, wantShares map[string]fake.Offsets
	// want is what the groups have committed after the apply, as far as it is told.
	want map[string]fake.Offsets
	// after is what they have after a destroy; nil means not to destroy.
	after map[string]fake.Offsets
	// queues is what billing has on the topic orders of RocketMQ after the
	// apply, and queuesAfter after a destroy.
	queues, queuesAfter queues
	// managed is what billing has at the managed services after the apply, and
	// managedAfter after a destroy.
	managed, managedAfter *managedOffsets
	// beside is the example that it stands beside, in the same directory.
	beside string
	// replaces is the example that has been applied before, and that it takes
	// the place of. Consumers are at movedOn or queuesMovedOn then, so that
	// nothing can be restored.
	replaces      string
	produced      int // in each partition of orders, in between
	movedOn       map[string]fake.Offsets
	queuesMovedOn queues
	// invoke is the action that is run, instead of an apply.
	invoke string
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

// billing is the place of the group of that name before each example.
var billing = sample.Groups()["billing"]

// billingQueues is the place of billing on the topic orders of RocketMQ.
var billingQueues = queues{"broker-a": {900, 900}, "broker-b": {900, 900}}

// examples has what is special about a file, by its path below examples/.
var examples = map[string]example{
	"readme/main.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 90, 1: 90, 2: 90}}),
		after: groups("billing", billing),
	},
	"provider/clusters.tf": {},
	"resources/rocketmq_consumer_offset_reset/resource.tf": {
		queues: queues{"broker-a": {125, 125}, "broker-b": {125, 125}}, queuesAfter: billingQueues,
	},
	"resources/rocketmq_consumer_offset_reset/bare-time.tf": {
		queues: queues{"broker-a": {125, 125}, "broker-b": {125, 125}},
	},
	"resources/rocketmq_consumer_offset_reset/never-ahead.tf": {
		queues: queues{"broker-a": {125, 125}, "broker-b": {125, 125}},
	},
	"resources/rocketmq_consumer_offset_reset/latest.tf": {
		queues: queues{"broker-a": {1000, 1000}, "broker-b": {1000, 1000}},
	},
	"resources/rocketmq_consumer_offset_reset/triggers.tf": {
		queues: queues{"broker-a": {1000, 1000}, "broker-b": {1000, 1000}},
	},
	"resources/rocketmq_consumer_offset_reset/earliest.tf": {
		queues: queues{"broker-a": {0, 0}, "broker-b": {0, 0}},
	},
	"resources/rocketmq_consumer_offset_reset/offsets.tf": {
		queues: queues{"broker-a": {906, 900}, "broker-b": {900, 902}},
	},
	"resources/rocketmq_consumer_offset_reset/import-by-string-id.tf": {queues: billingQueues},
	"resources/rocketmq_consumer_offset_reset/import-by-identity.tf": {
		queues: billingQueues, needs: &[2]string{"1.12", "1.12"},
	},
	"data-sources/rocketmq_topic_offsets/reset.tf": {
		queues: queues{"broker-a": {125, 125}, "broker-b": {125, 125}},
	},
	"data-sources/rocketmq_consumer_groups/data-source.tf": {
		queues: queues{"broker-a": {125, 125}, "broker-b": {125, 125}},
	},
	"data-sources/kafka_consumer_groups/each.tf": {
		want: map[string]fake.Offsets{
			"billing":        {"orders": {0: 125, 1: 125, 2: 125}, "payments": billing["payments"]},
			"search-indexer": {"orders": {0: 125, 1: 125, 2: 125}},
		},
	},
	"functions/csv_decode/function.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 120, 1: 118, 2: 900}, "payments": billing["payments"]}),
	},
	"functions/record_offsets/function.tf": {
		want: map[string]fake.Offsets{"billing": {"orders": {0: 125, 1: 125, 2: 125}}, "billing-audit": {"orders": billing["orders"]}},
	},
	"functions/record_rows/function.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}}),
	},
	"data-sources/kafka_mirror_checkpoints/data-source.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 850, 1: 850, 2: 850}}),
	},
	"data-sources/kafka_topic_offsets/reset.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}}),
	},
	"data-sources/kafka_consumer_group_offsets/guard.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}),
	},
	"actions/kafka_consumer_offset_reset/action.tf": {
		invoke: "action.kafka_consumer_offset_reset.skip_the_backlog", needs: actions,
		want: groups("billing", fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}),
	},
	"actions/kafka_consumer_offset_reset/trigger.tf": {
		needs: actions, want: groups("search-indexer", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}}),
	},
	"actions/rocketmq_consumer_offset_reset/action.tf": {
		invoke: "action.rocketmq_consumer_offset_reset.skip_the_backlog", needs: actions,
		queues: queues{"broker-a": {1000, 1000}, "broker-b": {1000, 1000}},
	},
	"resources/rocketmq_consumer_offset_reset/apsaramq.tf": {
		managed: &managedOffsets{apsara: []int64{125, 125}},
	},
	"resources/kafka_consumer_offset_reset/roma-connect.tf": {
		managed: &managedOffsets{roma: map[int32]int64{0: 125, 1: 125, 2: 125}},
	},
	"resources/kafka_consumer_offset_reset/dms.tf": {
		managed:      &managedOffsets{roma: map[int32]int64{0: 125, 1: 125, 2: 125}},
		managedAfter: &managedOffsets{roma: billing["orders"]},
	},
	"guides/authentication/apsaramq.tf":     {vars: map[string]string{"secret_key": password}},
	"guides/authentication/roma-connect.tf": {vars: map[string]string{"secret_key": password}},
	"guides/authentication/roma-connect-token.tf": {
		vars: map[string]string{"auth_token": romaconnect.AuthToken},
	},
	"guides/authentication/rocketmq-acl.tf": {
		access: access{tls: true, keys: map[string]string{"operations": password}}, vars: map[string]string{"secret_key": password},
	},
	"guides/replay/main.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 65, 1: 65, 2: 65}}),
		after: groups("billing", billing),
	},
	"guides/skip/one-message.tf": {
		before: groups("billing", fake.Offsets{"orders": {2: 905}}),
		want:   groups("billing", fake.Offsets{"orders": {0: 900, 1: 900, 2: 906}}),
	},
	// Partition 0 is in the middle of the replay, 1 past its old place.
	"guides/replay/back.tf": {
		replaces: "guides/replay/main.tf",
		movedOn:  groups("billing", fake.Offsets{"orders": {0: 300, 1: 950, 2: 65}}),
		want:     groups("billing", billing),
	},
	"guides/skip/back.tf": {
		replaces: "guides/skip/backlog.tf",
		produced: 20, movedOn: groups("billing", fake.Offsets{"orders": {0: 1020, 1: 1005, 2: 1000}}),
		want: groups("billing", billing),
	},
	"guides/skip/skipped.tf": {
		beside: "guides/skip/backlog.tf", want: groups("billing", fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}),
	},
	"guides/before-and-after/verify.tf": {
		beside: "resources/kafka_consumer_offset_reset/resource.tf", want: groups("billing", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}}),
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
	"resources/kafka_consumer_offset_reset/back.tf": {
		replaces: "resources/kafka_consumer_offset_reset/resource.tf",
		movedOn:  groups("billing", fake.Offsets{"orders": {0: 300, 1: 950, 2: 125}}),
		want:     groups("billing", billing),
	},
	"resources/rocketmq_consumer_offset_reset/back.tf": {
		replaces:      "resources/rocketmq_consumer_offset_reset/resource.tf",
		queuesMovedOn: queues{"broker-a": {300, 950}, "broker-b": {125, 125}},
		queues:        billingQueues,
	},
	"resources/kafka_consumer_offset_reset/record.tf": {
		beside: "resources/kafka_consumer_offset_reset/resource.tf",
	},
	"resources/kafka_consumer_offset_reset/message-offset.tf": {
		before: groups("billing", fake.Offsets{"orders": {2: 905}}),
		want:   groups("billing", fake.Offsets{"orders": {0: 900, 1: 900, 2: 906}}),
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
	"resources/kafka_consumer_offset_reset/share.tf": {
		shares:     groups("label-printers", fake.Offsets{"orders": {0: 900, 1: 900, 2: 900}}),
		wantShares: groups("label-printers", fake.Offsets{"orders": {0: 125, 1: 125, 2: 125}}),
	},
	"resources/kafka_consumer_offset_reset/streams.tf": {planOnly: true},
	"resources/kafka_consumer_offset_reset/source-group.tf": {
		want: map[string]fake.Offsets{"billing": billing, "billing-green": billing},
	},
	"resources/kafka_consumer_offset_reset/offsets.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 120, 1: 118, 2: 131}, "payments": {0: 77, 1: 900, 2: 900}}),
	},
	"resources/kafka_consumer_offset_reset/snapshot.tf": {
		want: groups("billing", billing),
	},
	"resources/kafka_consumer_offset_reset/from-csv.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 120, 1: 118, 2: 900}, "payments": {0: 77, 1: 900, 2: 900}}),
	},
	"resources/kafka_consumer_offset_reset/several-groups.tf": {
		want: map[string]fake.Offsets{
			"billing":        {"orders": {0: 125, 1: 125, 2: 125}, "payments": billing["payments"]},
			"search-indexer": {"orders": {0: 125, 1: 125, 2: 125}},
		},
	},
	"resources/kafka_consumer_offset_reset/read-committed.tf": {
		want: groups("billing", fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}),
	},
	"resources/kafka_consumer_offset_reset/delete-offsets.tf": {
		want:  groups("billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}}),
		after: groups("billing", fake.Offsets{"payments": billing["payments"]}),
	},
	"resources/kafka_consumer_offset_reset/import-by-string-id.tf": {
		want: groups("billing", billing), // an import means: done already
	},
	"resources/kafka_consumer_offset_reset/import-by-identity.tf": {
		want:  groups("billing", billing),
		needs: &[2]string{"1.12", "1.12"},
	},
}

// queues are offsets by broker and queue.
type queues map[string][2]int64

// actions are there since Terraform 1.14; OpenTofu has none.
var actions = &[2]string{"1.14", ""}

const password = "correct horse battery staple"

var passwordVariable = map[string]string{"kafka_password": password}

func groups(group string, offsets fake.Offsets) map[string]fake.Offsets {
	return map[string]fake.Offsets{group: offsets}
}

// kafkaProbe and rocketmqProbe are put beside an example that only configures
// the provider. They need whatever a reset needs.
const (
	kafkaProbe = `resource "kafka_consumer_offset_reset" "probe" {
  provider = offsets

  group_id   = "billing"
  all_topics = true
  position   = "current"
}
`
	rocketmqProbe = `resource "rocketmq_consumer_offset_reset" "probe" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "LATEST_OFFSET"
}
`
)

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
	brokers     = regexp.MustCompile(`"(kafka-\d\.example\.com|localhost):909\d"`)
	drBrokers   = regexp.MustCompile(`"kafka-\d\.dr\.example\.com:909\d"`)
	nameServers = regexp.MustCompile(`"rocketmq-\d\.example\.com:9876"`)
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

// runbook is the directory of the runbook, which is several configurations.
const runbook = "disaster-recovery"

// exampleFiles returns the paths of all configurations below examples/.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	dir := os.DirFS(filepath.Join(root, "examples"))
	err := fs.WalkDir(dir, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "modules" || path == runbook || path == failover):
			return fs.SkipDir // Examples call modules, and what is several configurations has tests of its own.
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

// tryOut applies one example, checks that the offsets are where its page says
// and that the plan after it is empty, and destroys it where that matters.
func tryOut(t *testing.T, name string, e example) {
	source := filepath.Join(root, "examples", filepath.FromSlash(name))
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	secrets := newSecrets(t, e.access)
	main, dr, rocketmq := startCluster(t, secrets), startCluster(t, secrets), startRocketMQ(t, secrets)
	commit(t, main, e.before)
	for group, offsets := range e.shares {
		main.SetShareStarts(t, group, offsets)
	}
	w := newWorkspace(t,
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(main.Bootstrap(), ","), "NAMESRV_ADDR="+rocketmq.NameServer())
	for name, value := range e.vars {
		w.env = append(w.env, "TF_VAR_"+name+"="+value)
	}
	services := startServices(t)
	inPlace := func(code string) string {
		code = services.inPlace(code)
		code = brokers.ReplaceAllLiteralString(code, `"`+main.Bootstrap()[0]+`"`)
		code = drBrokers.ReplaceAllLiteralString(code, `"`+dr.Bootstrap()[0]+`"`)
		return nameServers.ReplaceAllLiteralString(code, `"`+rocketmq.NameServer()+`"`)
	}
	code := inPlace(string(content))
	w.env = append(w.env, services.environment(t, w, code)...)
	if e.replaces != "" {
		moveOn(t, &w, e, inPlace(read(t, "examples/"+e.replaces).text), main, rocketmq)
	}
	w.write("main.tf", code)
	if e.beside != "" {
		w.write("beside.tf", inPlace(read(t, "examples/"+e.beside).text))
	}
	if !strings.Contains(code, "required_providers") {
		w.write("terraform.tf", terraformBlock)
	}
	if !block.MatchString(code) && e.beside == "" {
		probe := kafkaProbe
		switch {
		case strings.Contains(code, "apsaramq = {"), strings.Contains(code, "roma_connect = {"):
			probe = managedProbe(code)
		case strings.Contains(code, "rocketmq = {"):
			probe = rocketmqProbe
		}
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

	switch {
	case e.replaces != "": // The directory is in use already.
	case strings.HasPrefix(name, "provider/"):
		w.run("init", "-input=false") // what people begin with
	default:
		w.init(code)
	}
	switch {
	case e.planOnly:
		w.run("plan", "-input=false")
		return
	case e.invoke != "":
		w.run("apply", "-input=false", "-auto-approve", "-invoke="+e.invoke)
	default:
		checkPreview(t, source, w.run("apply", "-input=false", "-auto-approve"))
	}
	for group, offsets := range e.wantShares {
		if got := main.ShareStarts(t, group); !maps.EqualFunc(got, offsets, maps.Equal) {
			t.Errorf("share group %s starts at %v, want %v", group, got, offsets)
		}
	}
	checkCommitted(t, main, e.want)
	checkQueues(t, rocketmq, e.queues)
	services.check(t, e.managed)
	checkLimits(t, w)
	if out, code := w.try("plan", "-input=false", "-no-color", "-detailed-exitcode"); code != 0 {
		t.Errorf("the plan after the apply is not empty (exit code %d)\n%s", code, out)
	}
	if e.after == nil && e.queuesAfter == nil && e.managedAfter == nil {
		return // A destroy leaves the offsets alone, and asks no broker.
	}
	w.run("destroy", "-input=false", "-auto-approve")
	checkCommitted(t, main, e.after)
	checkQueues(t, rocketmq, e.queuesAfter)
	services.check(t, e.managedAfter)
}

// moveOn applies the example that another one replaces, has its consumers move
// on, and sees that nothing is restored then.
func moveOn(t *testing.T, w *workspace, e example, code string, main *fake.Cluster, rocketmq *rocketmqfake.Cluster) {
	t.Helper()
	w.write("main.tf", code)
	if !strings.Contains(code, "required_providers") {
		w.write("terraform.tf", terraformBlock)
	}
	w.init(code)
	w.run("apply", "-input=false", "-auto-approve")
	if e.produced > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := main.Client().Fill(ctx, "orders", 3, e.produced, time.Now(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, main, e.movedOn)
	for broker, offsets := range e.queuesMovedOn {
		for queue, offset := range offsets {
			rocketmq.Commit(broker, "billing", "orders", int32(queue), offset)
		}
	}
	if out, exit := w.try("destroy", "-input=false", "-auto-approve", "-no-color"); exit == 0 || !strings.Contains(out, "Nothing was changed.") {
		t.Errorf("the restore is not refused (exit code %d)\n%s", exit, out)
	}
}

// checkLimits looks into the state: what has skipped messages has a limit on
// them, for readers copy what they see.
func checkLimits(t *testing.T, w workspace) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if errors.Is(err, fs.ErrNotExist) {
		return // An action leaves no state.
	}
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct {
				Attributes struct {
					Summary *struct {
						Skipped *int64 `json:"skipped_messages"`
					}
					Limit *int64 `json:"max_skipped_messages"`
					New   bool   `json:"allow_new_group"` // whose first offsets count at their upper bound
				}
			}
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Resources {
		for _, i := range r.Instances {
			a := i.Attributes
			if s := a.Summary; r.Name != "probe" && !a.New && s != nil && s.Skipped != nil && *s.Skipped > 0 && a.Limit == nil {
				t.Errorf("%s.%s skips %d messages and has no max_skipped_messages", r.Type, r.Name, *s.Skipped)
			}
		}
	}
}

// age is how long ago something was when the preview was written.
var age = regexp.MustCompile(`\([0-9a-z]+ ago\)`)

// checkPreview compares what a page shows of the plan with the plan, apart
// from ages and from where lines are broken.
func checkPreview(t *testing.T, source, output string) {
	t.Helper()
	shown, err := os.ReadFile(filepath.Join(filepath.Dir(source), "preview.txt"))
	if filepath.Base(source) != "resource.tf" || err != nil {
		return
	}
	normal := func(s string) string { return age.ReplaceAllString(strings.Join(strings.Fields(s), " "), "(… ago)") }
	for paragraph := range strings.SplitSeq(string(shown), "\n\n") {
		if !strings.Contains(normal(output), normal(paragraph)) {
			t.Errorf("the plan does not say\n%s\nbut\n%s", paragraph, output)
		}
	}
}

// block begins what needs a broker.
var block = regexp.MustCompile(`(?m)^(resource|data|module|action) "`)

func checkQueues(t *testing.T, cluster *rocketmqfake.Cluster, want queues) {
	t.Helper()
	for broker, offsets := range want {
		for queue, offset := range offsets {
			got, ok := cluster.Committed(broker, "billing", "orders", int32(queue))
			if !ok || got != offset {
				t.Errorf("billing has %d (%t) in queue %d on %s, not %d", got, ok, queue, broker, offset)
			}
		}
	}
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

// startCluster starts the cluster that the examples speak of.
func startCluster(t *testing.T, s secrets) *fake.Cluster {
	t.Helper()
	topics := sample.Topics()
	topics[checkpoints] = 1
	cluster, err := fake.Start(fake.Options{
		Brokers: 1, Topics: topics, TLS: s.listener, Client: s.client,
		Kfake: append([]kfake.Opt{kfake.ClusterID(sample.ClusterID)}, s.broker...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := sample.Kafka(ctx, cluster.Client()); err != nil {
		t.Fatal(err)
	}
	for p := range int32(sample.Partitions) {
		if _, err := cluster.Client().Produce(ctx, checkpoints, 0, checkpoint("billing", "orders", p, 900, 850)); err != nil {
			t.Fatal(err)
		}
	}
	return cluster
}

// checkpoints is where MirrorMaker 2 writes what it has translated from the
// cluster that it calls primary.
const checkpoints = "primary.checkpoints.internal"

// checkpoint is a record of MirrorMaker's (connect-mirror-client's Checkpoint).
func checkpoint(group, topic string, partition int32, upstream, downstream int64) fake.Record {
	text := func(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }
	number := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	return fake.Record{
		At:    sample.March,
		Key:   text(group) + text(topic) + number(int64(partition))[4:],
		Value: "\x00\x00" + number(upstream) + number(downstream) + text(""),
	}
}

// startRocketMQ starts the RocketMQ cluster that the examples speak of.
func startRocketMQ(t *testing.T, s secrets) *rocketmqfake.Cluster {
	t.Helper()
	cluster, err := rocketmqfake.Start(rocketmqfake.Config{Brokers: sample.Masters, Keys: s.keys, TLS: s.listener})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	sample.RocketMQ(cluster)
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
