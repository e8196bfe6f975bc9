// Command kafka measures a reset of consumer group offsets on a real cluster of
// three Kafka brokers: the engine beside its floor, which is the same requests
// sent by hand, beside Apache's own tool, and whole runs of Terraform beside those of a
// provider that does nothing. It prints tables; only ratios
// within one run carry over to another machine. It is no test.
//
// Tables go to stdout and progress to stderr. `make bench-results` keeps the
// tables in bench/results, which bench/chart draws for the documentation.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the process ends, and its signals with it
	}
}

func run(ctx context.Context) (err error) {
	sizes := flag.String("partitions", "100,1000,10000", "the numbers of partitions to measure, separated by commas")
	resets := flag.String("resets", "50,200,1000", "the numbers of resets in one configuration to measure, separated by commas")
	large := flag.Int("large", 30000, "the number of partitions that real brokers are measured with in few rounds; 0 leaves that out")
	inProcess := flag.Int("in-process", 100000, "the number of partitions that brokers in this process are measured with; 0 leaves that out")
	rounds := flag.Int("rounds", 15, "how often each row is measured; the engine and many plans three times as often")
	slow := flag.Int("slow-rounds", 3, "how often each slow row is measured")
	floorOf := flag.Int("floor", 0, "only run the floor once, with so many partitions of the brokers that follow")
	engineOf := flag.Int("engine", 0, "only run the engine once, with so many partitions of the brokers that follow")
	toTime := flag.Bool("to-time", false, "with -floor and -engine: to a time, and not to latest")
	only := flag.Bool("failover", false, "measure only snapshots and failovers")
	csv := flag.Bool("csv", false, "measure only resets by offsets_csv, beside those by time")
	resources := flag.Bool("resources", false, "measure only many resets in one configuration, with brokers in this process")
	scale := flag.Bool("scale", false, "measure only -large and -in-process")
	flag.Parse()
	debug.SetGCPercent(400) // as in the provider's process
	if *floorOf > 0 || *engineOf > 0 {
		goal := targets[0]
		if *toTime {
			goal = targets[1]
		}
		return alone(ctx, flag.Args(), goal.target, *floorOf, *engineOf)
	}
	counts, err := parseSizes(*sizes)
	if err != nil {
		return err
	}
	many, err := parseSizes(*resets)
	if err != nil {
		return err
	}
	fmt.Printf("%d processors, %s/%s, Kafka %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, cmp.Or(os.Getenv("KAFKA_VERSION"), kafkacluster.Newest))
	if *resources {
		return measureInProcess(ctx, counts, many, *slow, os.Stdout)
	}
	if !*scale {
		err := onCluster(ctx, "1g", func(cluster *kafkacluster.Cluster) error { // full collections would be measured with less
			switch {
			case *only:
				return measureFailover(ctx, cluster, counts, *rounds, os.Stdout)
			case *csv:
				return measureCSV(ctx, cluster, counts, *rounds, os.Stdout)
			}
			return measureAll(ctx, cluster, counts, many, *rounds, *slow, os.Stdout)
		})
		if err != nil || *only || *csv {
			return err
		}
	}
	return measureScale(ctx, *large, *inProcess, *slow, os.Stdout)
}

// onCluster measures something on three brokers with so much heap each.
func onCluster(ctx context.Context, heap string, measure func(*kafkacluster.Cluster) error) (err error) {
	fmt.Fprintln(os.Stderr, "Starting three brokers")
	cluster, err := kafkacluster.New(ctx, kafkacluster.Options{Heap: heap})
	if err != nil {
		return err
	}
	defer func() {
		if e := cluster.Close(); err == nil {
			err = e
		}
	}()
	return measure(cluster)
}

// often is how many times as often as other rows those are measured that are
// quick beside them: medians of 15 rounds of the engine, which takes
// milliseconds, differ by 4 hundredths from run to run, and of three plans of
// 1,000 resets by a second.
const often = 3

// measureAll measures what any size of cluster has.
func measureAll(ctx context.Context, cluster *kafkacluster.Cluster, counts, many []int, rounds, slow int, out io.Writer) error {
	if err := measureFailover(ctx, cluster, counts, rounds, out); err != nil {
		return err
	}
	if err := measureEngine(ctx, cluster, counts, often*rounds, slow, out); err != nil {
		return err
	}
	if err := measureTerraform(ctx, cluster, counts, rounds, out); err != nil {
		return err
	}
	return measureResources(ctx, cluster.Bootstrap(), counts, many, slow, out)
}

// measureEngine measures the engine beside the floor and Apache's tool.
func measureEngine(ctx context.Context, cluster *kafkacluster.Cluster, counts []int, rounds, slow int, out io.Writer) error {
	if err := prepareAll(ctx, cluster, counts); err != nil {
		return err
	}
	for _, target := range targets {
		table := &table{title: "Resetting " + target.name + ", median ms", sizes: counts}
		for _, n := range counts {
			if err := measure(ctx, table, n, rowsOf(cluster, target, n), rounds, slow); err != nil {
				return err
			}
		}
		table.print(out)
	}
	return nil
}

// prepareAll makes a topic of each number of partitions.
func prepareAll(ctx context.Context, cluster *kafkacluster.Cluster, counts []int) error {
	for _, n := range counts {
		fmt.Fprintf(os.Stderr, "Making a topic of %d partitions\n", n)
		if err := prepare(ctx, cluster, n); err != nil {
			return err
		}
	}
	return nil
}

// measureResources measures many resets in one configuration.
func measureResources(ctx context.Context, servers []string, counts, many []int, rounds int, out io.Writer) error {
	for _, n := range slices.Compact([]int{counts[0], counts[len(counts)-1]}) {
		if err := measurePlans(ctx, servers, n, rounds, out); err != nil {
			return err
		}
	}
	return measureMany(ctx, servers, counts[0], many, rounds, out)
}

// measureInProcess measures many resets in one configuration with brokers in
// this process, which need no Java.
func measureInProcess(ctx context.Context, counts, many []int, rounds int, out io.Writer) error {
	cluster, err := startInProcess(ctx, counts)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return measureResources(ctx, cluster.Bootstrap(), counts, many, rounds, out)
}

// startInProcess starts brokers in this process that have what prepareAll makes.
func startInProcess(ctx context.Context, counts []int) (*fake.Cluster, error) {
	topics := map[string]int32{}
	for _, n := range counts {
		topics[topicOf(n)] = int32(n)
	}
	cluster, err := fake.Start(fake.Options{Topics: topics})
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		err := cluster.Client().Fill(ctx, topicOf(n), int32(n), records, when, time.Minute)
		if err == nil {
			err = cluster.Client().Commit(ctx, group, startOf(n))
		}
		if err != nil {
			cluster.Close()
			return nil, err
		}
	}
	return cluster, nil
}

func parseSizes(s string) ([]int, error) {
	var counts []int
	for field := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no positive number", field)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// records is how many each partition has, a minute apart.
const records = 3

// when is the time of the first record of each partition.
var when = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// goal is a target to measure.
type goal struct {
	name   string
	target offset.Target
	tool   []string
}

var targets = []goal{
	{"to latest", offset.Target{Kind: offset.ToLatest}, []string{"--to-latest"}},
	{"to a time", offset.Target{Kind: offset.ToTime, Time: when.Add(time.Minute)}, []string{"--to-datetime", "2026-03-01T12:01:00.000"}},
}

func topicOf(n int) string { return fmt.Sprintf("bench-%d", n) }

const group = "bench-group"

// prepare makes a topic of n partitions with records, and a group in it.
func prepare(ctx context.Context, cluster *kafkacluster.Cluster, n int) error {
	client := cluster.Client()
	if err := makeTopic(ctx, cluster, topicOf(n), n); err != nil {
		return err
	}
	if err := client.Fill(ctx, topicOf(n), int32(n), records, when, time.Minute); err != nil {
		return err
	}
	return putAway(cluster, n)(ctx)
}

// makeTopic makes a topic of n partitions.
func makeTopic(ctx context.Context, cluster *kafkacluster.Cluster, name string, n int) error {
	const most = 5000 // partitions that the controller makes at a time
	client := cluster.Client()
	if err := client.CreateTopic(ctx, name, int32(min(n, most)), 1, nil); err != nil {
		return err
	}
	for have := most; have < n; have += most {
		if err := client.AddPartitions(ctx, name, int32(min(have+most, n))); err != nil {
			return err
		}
	}
	return nil
}

// row is one thing to measure. Whoever adds one appends it to rowsOf.
type row struct {
	name string
	slow bool
	// before makes ready what is not measured. It may be nil.
	before func(ctx context.Context) error
	// run does it once, from nothing to the end, and returns how long its
	// phases took, in order, if it has any.
	run func(ctx context.Context) ([]phase, error)
}

type phase struct {
	name string
	took time.Duration
}

func rowsOf(cluster *kafkacluster.Cluster, goal goal, n int) []row {
	away := putAway(cluster, n)
	return []row{
		{name: floorName, before: away, run: func(ctx context.Context) ([]phase, error) { return floor(ctx, cluster.Bootstrap(), goal.target, n) }},
		{name: engineName, before: away, run: func(ctx context.Context) ([]phase, error) { return engine(ctx, cluster.Bootstrap(), goal.target, n) }},
		{name: toolName, slow: true, before: away, run: func(ctx context.Context) ([]phase, error) { return nil, byTool(ctx, cluster, goal, n) }},
	}
}

const toolName = "kafka-consumer-groups (in a running virtual machine)"

// atOnce is how many partitions one OffsetCommit carries at most: what does not
// fit one batch of the brokers' own topic fails on every partition. Kafka 4.4.0
// takes 12,580 of this group and a topic like these.
const atOnce = 12500

// byTool resets with Apache's tool. It sends one commit, whatever its size, so
// that more partitions need more than one call.
func byTool(ctx context.Context, cluster *kafkacluster.Cluster, goal goal, n int) error {
	if n <= atOnce {
		_, err := cluster.ResetByTool(ctx, group, append(slices.Clone(goal.tool), "--topic", topicOf(n))...)
		return err
	}
	for ids := range slices.Chunk(partitions(n), atOnce) {
		words := make([]string, len(ids))
		for i, id := range ids {
			words[i] = strconv.Itoa(int(id))
		}
		topic := topicOf(n) + ":" + strings.Join(words, ",")
		if _, err := cluster.ResetByTool(ctx, group, append(slices.Clone(goal.tool), "--topic", topic)...); err != nil {
			return err
		}
	}
	return nil
}

// partitions returns the ids of n partitions.
func partitions(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i)
	}
	return ids
}

// putAway puts the group to the start of the topic of n partitions, where no
// goal leads to: the engine does not commit what does not change.
func putAway(cluster *kafkacluster.Cluster, n int) func(ctx context.Context) error {
	offsets := startOf(n)
	return func(ctx context.Context) error { return cluster.Client().Commit(ctx, group, offsets) }
}

// startOf are offsets at the start of the topic of n partitions.
func startOf(n int) kafkacluster.Offsets {
	offsets := kafkacluster.Offsets{topicOf(n): {}}
	for p := range int32(n) {
		offsets[topicOf(n)][p] = 0
	}
	return offsets
}
