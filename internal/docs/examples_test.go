package docs

import (
	"context"
	"encoding/binary"
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
)

// example is how a file below examples/ is tried out. The zero value is right
// for most: apply it on the usual cluster, and see that the plan after it is
// empty.
type example struct {
	// before is what groups have committed before the apply, where it is not the usual.
	before map[string]fake.Offsets
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

// The places of the usual groups before each example.
var (
	billing = fake.Offsets{"orders": {0: 900, 1: 900, 2: 900}, "payments": {0: 900, 1: 900, 2: 900}}
	indexer = fake.Offsets{"orders": {0: 1000, 1: 1000, 2: 1000}}
)

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
	w := newWorkspace(t,
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(main.Bootstrap(), ","), "NAMESRV_ADDR="+rocketmq.NameServer())
	for name, value := range e.vars {
		w.env = append(w.env, "TF_VAR_"+name+"="+value)
	}
	services := startServices(t)
	code := services.inPlace(string(content))
	w.env = append(w.env, services.environment(t, w, code)...)
	code = brokers.ReplaceAllLiteralString(code, `"`+main.Bootstrap()[0]+`"`)
	code = drBrokers.ReplaceAllLiteralString(code, `"`+dr.Bootstrap()[0]+`"`)
	code = nameServers.ReplaceAllLiteralString(code, `"`+rocketmq.NameServer()+`"`)
	w.write("main.tf", code)
	if !strings.Contains(code, "required_providers") {
		w.write("terraform.tf", terraformBlock)
	}
	if !block.MatchString(code) {
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

	w.run("init", "-input=false")
	switch {
	case e.planOnly:
		w.run("plan", "-input=false")
		return
	case e.invoke != "":
		w.run("apply", "-input=false", "-auto-approve", "-invoke="+e.invoke)
	default:
		checkPreview(t, source, w.run("apply", "-input=false", "-auto-approve"))
	}
	checkCommitted(t, main, e.want)
	checkQueues(t, rocketmq, e.queues)
	services.check(t, e.managed)
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

// startCluster starts the cluster that the examples speak of: in each
// partition 600 records of March 2026, one a minute from 12:00 UTC on, and 400
// that came in a minute apart until just now.
func startCluster(t *testing.T, s secrets) *fake.Cluster {
	t.Helper()
	cluster, err := fake.Start(fake.Options{
		Brokers: 1, Topics: map[string]int32{"orders": 3, "payments": 3, checkpoints: 1},
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
			{600, march},
			{400, time.Now().Add(-400 * time.Minute)},
		} {
			if err := client.Fill(ctx, topic, 3, batch.records, batch.first, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	for p := range int32(3) {
		if _, err := client.Produce(ctx, checkpoints, 0, checkpoint("billing", "orders", p, 900, 850)); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, cluster, map[string]fake.Offsets{"billing": billing, "search-indexer": indexer})
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
		At:    march,
		Key:   text(group) + text(topic) + number(int64(partition))[4:],
		Value: "\x00\x00" + number(upstream) + number(downstream) + text(""),
	}
}

// startRocketMQ starts a RocketMQ cluster with the same messages in each queue
// of the topic orders.
func startRocketMQ(t *testing.T, s secrets) *rocketmqfake.Cluster {
	t.Helper()
	cluster, err := rocketmqfake.Start(rocketmqfake.Config{
		Brokers: []string{"broker-a", "broker-b"}, Keys: s.keys, TLS: s.listener,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cluster.CreateTopic("orders", 2)
	cluster.CreateGroup("billing")
	stored := stored()
	for broker, offsets := range billingQueues {
		for queue, offset := range offsets {
			cluster.Append(broker, "orders", queue, stored...)
			cluster.Commit(broker, "billing", "orders", int32(queue), offset)
		}
	}
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
