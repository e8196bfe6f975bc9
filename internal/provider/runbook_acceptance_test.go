//go:build acceptance

package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// The topics of the runbook's Kafka groups, and how many partitions they have.
// RocketMQ's topic orders has two queues.
var (
	runbookTopics     = map[string][]string{"billing": {"orders", "payments"}, "invoices": {"orders"}, "search": {"orders"}}
	runbookPartitions = map[string]int32{"orders": 3, "payments": 1}
)

const (
	runbookQueues = 2

	// patience is how long real brokers and consumers get for one thing.
	patience = 4 * time.Minute
)

// incident are the runbook's five groups on real brokers, with real consumers,
// which the runbook's hooks stop and start.
type incident struct {
	t        *testing.T
	kafka    *kafkacluster.Cluster
	rocketmq *brokers.Cluster
	at       time.Time // the time to go back to: the offset 60 everywhere
	hooks    *httptest.Server
	dir      string // a copy of the runbook

	mu                sync.Mutex
	kafkaConsumers    map[string]*kafkacluster.Consumer // by group
	rocketmqConsumers map[string]*brokers.Consumer
}

func startIncident(t *testing.T) *incident {
	t.Helper()
	i := &incident{
		t: t, kafka: kafkacluster.Start(t), dir: t.TempDir(),
		kafkaConsumers: map[string]*kafkacluster.Consumer{}, rocketmqConsumers: map[string]*brokers.Consumer{},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	if i.rocketmq, err = brokers.Start(ctx, brokers.Config{Masters: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.rocketmq.Stop(); err != nil {
			t.Error(err)
		}
	})
	for topic, partitions := range runbookPartitions {
		i.kafka.CreateTopic(t, topic, partitions, int16(i.kafka.Nodes()))
	}
	if err := i.rocketmq.CreateTopic(ctx, "orders", runbookQueues); err != nil {
		t.Fatal(err)
	}
	for _, group := range rocketmqGroups {
		if err := i.rocketmq.CreateGroup(ctx, group); err != nil {
			t.Fatal(err)
		}
	}
	i.hooks = httptest.NewServer(http.HandlerFunc(i.hook))
	t.Cleanup(func() {
		i.hooks.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := i.stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := os.CopyFS(i.dir, os.DirFS(runbook)); err != nil {
		t.Fatal(err)
	}
	return i
}

// root is one of the runbook's two configurations, with the addresses in the environment.
func (i *incident) root(name string) *workspace {
	return runbookRoot(i.t, filepath.Join(i.dir, name),
		"KAFKA_BOOTSTRAP_SERVERS="+strings.Join(i.kafka.Bootstrap(), ","),
		"NAMESRV_ADDR="+i.rocketmq.NameServer())
}

// arguments are those of an apply or a destroy of the recovery.
func (i *incident) arguments(command, stage string, more ...string) []string {
	return append([]string{
		command, "-var-file=example.tfvars", "-var=stage=" + stage, "-var=back_to=" + i.at.UTC().Format(time.RFC3339Nano),
		"-var=stop_command=curl -fsS " + i.hooks.URL + "/stop", "-var=start_command=curl -fsS " + i.hooks.URL + "/start",
	}, more...)
}

// produce stores so many messages in each partition and queue. Both brokers
// stamp them with the time at which they come in.
func (i *incident) produce(messages int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	for topic, partitions := range runbookPartitions {
		i.kafka.Fill(i.t, topic, partitions, messages, time.Now(), 0)
	}
	producer, err := i.rocketmq.NewProducer()
	if err != nil {
		i.t.Fatal(err)
	}
	for queue := range runbookQueues {
		for n := range messages {
			if err := producer.Send(ctx, "orders", "broker-a", queue, fmt.Sprint(n)); err != nil {
				i.t.Fatal(err)
			}
		}
	}
	if err := producer.Stop(); err != nil {
		i.t.Fatal(err)
	}
}

// hook is what the runbook's commands call.
func (i *incident) hook(w http.ResponseWriter, r *http.Request) {
	do := i.start
	if r.URL.Path == "/stop" {
		do = i.stop
	}
	if err := do(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// start starts a consumer in each group.
func (i *incident) start(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for group, topics := range runbookTopics {
		consumer, err := i.kafka.Consume(ctx, kafkacluster.ConsumerOptions{Group: group, Topics: topics, Commit: true})
		if err != nil {
			return err
		}
		i.kafkaConsumers[group] = consumer
	}
	for _, group := range rocketmqGroups {
		consumer, err := i.rocketmq.NewConsumer(group, "orders", false)
		if err != nil {
			return err
		}
		i.rocketmqConsumers[group] = consumer
	}
	return nil
}

// stop stops the consumers that run.
func (i *incident) stop(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var errs []error
	for _, consumer := range i.kafkaConsumers {
		errs = append(errs, consumer.Close(ctx))
	}
	for _, consumer := range i.rocketmqConsumers {
		errs = append(errs, consumer.Stop())
	}
	clear(i.kafkaConsumers)
	clear(i.rocketmqConsumers)
	return errors.Join(errs...)
}

// stopped fails the test if a consumer runs.
func (i *incident) stopped() {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := len(i.kafkaConsumers) + len(i.rocketmqConsumers); n > 0 {
		i.t.Fatalf("%d consumers have not been stopped", n)
	}
}

// consumed waits until the consumers that run have got the messages from one
// offset up to another in each partition and queue, and committed it. It
// fails if they got any from before.
func (i *incident) consumed(from, to int64) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	i.mu.Lock()
	defer i.mu.Unlock()
	for group, consumer := range i.kafkaConsumers {
		partitions := 0
		for _, topic := range runbookTopics[group] {
			partitions += int(runbookPartitions[topic])
		}
		if err := consumer.WaitRecords(ctx, partitions*int(to-from)); err != nil {
			i.t.Fatalf("%s: %s", group, err)
		}
		for _, r := range consumer.Records() {
			if r.Offset < from || r.Offset >= to {
				i.t.Errorf("%s got the offset %d of %s-%d, want those from %d to %d", group, r.Offset, r.Topic, r.Partition, from, to)
			}
		}
	}
	for group, consumer := range i.rocketmqConsumers {
		got, err := consumer.Wait(ctx, 0, func(all []brokers.Received) bool {
			different := map[string]bool{}
			for _, r := range all {
				different[fmt.Sprintf("%d/%d", r.Queue, r.Offset)] = true
			}
			return len(different) >= runbookQueues*int(to-from)
		})
		if err != nil {
			i.t.Fatalf("%s: %s", group, err)
		}
		for _, r := range got {
			if r.Offset < from || r.Offset >= to {
				i.t.Errorf("%s got the offset %d of queue %d, want those from %d to %d", group, r.Offset, r.Queue, from, to)
			}
		}
	}
	waitFor(i.t, "the consumers' commits", func() bool { return len(i.elsewhere(to, to, to)) == 0 })
}

// elsewhere tells, with the brokers' own tools, what is not where it should
// be: the Kafka canary, the RocketMQ canary (a queue), and the rest.
func (i *incident) elsewhere(kafkaCanary, rocketmqCanary, rest int64) []string {
	i.t.Helper()
	var wrong []string
	for group, topics := range runbookTopics {
		want := kafkacluster.Offsets{}
		for _, topic := range topics {
			want[topic] = map[int32]int64{}
			for p := range runbookPartitions[topic] {
				want[topic][p] = rest
			}
		}
		if group == "search" {
			want["orders"][0] = kafkaCanary
		}
		if got := i.kafka.ToolOffsets(i.t, group); !maps.EqualFunc(got, want, maps.Equal) {
			wrong = append(wrong, fmt.Sprintf("%s is at %v, want %v", group, got, want))
		}
	}
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	for _, group := range rocketmqGroups {
		want := map[string]int64{"broker-a/0": rest, "broker-a/1": rest}
		if group == "loyalty" {
			want["broker-a/0"] = rocketmqCanary
		}
		got, err := i.rocketmq.Progress(ctx, group, "orders")
		if err != nil || !maps.Equal(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s is at %v (%v), want %v", group, got, err, want))
		}
	}
	return wrong
}

// is fails the test unless every group is where it should be.
func (i *incident) is(kafkaCanary, rocketmqCanary, rest int64) {
	i.t.Helper()
	for _, wrong := range i.elsewhere(kafkaCanary, rocketmqCanary, rest) {
		i.t.Error(wrong)
	}
}

// The whole runbook on real brokers with real consumers: the snapshot while
// they run, the canary, the rest, undone by destroying; then again to the
// start, which replays exactly what came after the time; then back to the
// snapshot; and last the way without Terraform.
func TestRealRunbook(t *testing.T) {
	i := startIncident(t)
	i.produce(60)
	time.Sleep(2 * time.Millisecond) // Times are in milliseconds: the next one is later than all messages so far.
	i.at = time.Now().Truncate(time.Millisecond)
	i.produce(6)
	if err := i.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.consumed(0, 66)

	snapshot, w := i.root("snapshot"), i.root("recover")
	snapshot.must(0, "apply", "-auto-approve", "-var-file=example.tfvars", "-var=kafka_cluster_id="+i.kafka.ID())
	handOver(snapshot, w)

	w.must(0, i.arguments("apply", "canary", "-auto-approve")...)
	i.stopped()
	i.is(60, 60, 66)
	says(t, w.must(0, i.arguments("plan", "all", "-compact-warnings")...),
		`Reset consumer group "billing" on topics "orders", "payments": 4 partitions of 4 move, 24 messages replayed, 0 skipped`,
		`Reset consumer group "shipping" on topic "orders": 2 queues of 2 move, 12 messages replayed, 0 skipped`)
	w.must(0, i.arguments("apply", "all", "-auto-approve")...)
	i.is(60, 60, 60)
	w.must(0, i.arguments("plan", "all", "-detailed-exitcode")...)
	w.must(0, i.arguments("destroy", "all", "-auto-approve")...)
	i.is(66, 66, 66)

	w.must(0, i.arguments("apply", "start", "-auto-approve")...)
	i.consumed(60, 66)
	i.produce(4)
	i.consumed(60, 70)
	says(t, w.must(0, i.arguments("plan", "start", "-detailed-exitcode")...), "No changes")

	toSnapshot := "-var=back_to=snapshot"
	w.must(0, i.arguments("apply", "all", "-auto-approve", toSnapshot)...)
	i.stopped()
	i.is(66, 66, 66)
	w.must(0, i.arguments("destroy", "all", "-auto-approve", toSnapshot)...)
	i.is(66, 66, 66)

	i.byHand(snapshot)
}

// byHand goes back to the snapshot with the brokers' own tools, as the README
// describes it.
func (i *incident) byHand(snapshot *workspace) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), patience)
	defer cancel()
	cmd, out := snapshot.command("output", "-json", "csv")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		i.t.Fatal(err)
	}
	var csv map[string]string // by group, or GROUP/TOPIC
	if err := json.Unmarshal([]byte(out.String()), &csv); err != nil {
		i.t.Fatal(err)
	}
	for group := range runbookTopics {
		i.kafka.ToolReset(i.t, group, "--all-topics", "--to-latest")
	}
	for _, group := range rocketmqGroups {
		if _, err := i.rocketmq.ResetByTime(ctx, group, "orders", -1); err != nil {
			i.t.Fatal(err)
		}
	}
	i.is(70, 70, 70)

	for group := range runbookTopics {
		file := filepath.Join(i.dir, group+".csv")
		if err := os.WriteFile(file, []byte(csv[group]), 0o600); err != nil {
			i.t.Fatal(err)
		}
		i.kafka.ToolReset(i.t, group, "--from-file", file)
	}
	list, err := i.rocketmq.Admin(ctx, "clusterList")
	if err != nil {
		i.t.Fatal(err)
	}
	address := regexp.MustCompile(`broker-a\s+0\s+(\S+)`).FindStringSubmatch(list)
	if address == nil {
		i.t.Fatalf("clusterList has no address of broker-a: %s", list)
	}
	for _, group := range rocketmqGroups {
		for line := range strings.FieldsSeq(csv[group+"/orders"]) {
			f := strings.Split(line, ",") // broker,queue,offset
			if _, err := i.rocketmq.Admin(ctx, slices.Concat([]string{"resetOffsetByTime"},
				[]string{"-g", group, "-t", "orders", "-s", "-1", "-b", address[1], "-q", f[1], "-o", f[2]})...); err != nil {
				i.t.Fatal(err)
			}
		}
	}
	i.is(66, 66, 66)
}
