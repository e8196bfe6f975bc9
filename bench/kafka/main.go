// Command kafka measures a reset of consumer group offsets on a real cluster of
// three Kafka brokers: the engine beside its floor, which is the same requests
// sent by hand, beside Apache's own tool, and whole runs of Terraform beside those of a
// provider that does nothing. It prints tables; only ratios
// within one run carry over to another machine. It is no test.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	rounds := flag.Int("rounds", 15, "how often each row is measured")
	slow := flag.Int("slow-rounds", 3, "how often each slow row is measured")
	floorOf := flag.Int("floor", 0, "only run the floor once, to latest, with so many partitions of the brokers that follow")
	only := flag.Bool("failover", false, "measure only snapshots and failovers")
	csv := flag.Bool("csv", false, "measure only resets by offsets_csv, beside those by time")
	resources := flag.Bool("resources", false, "measure only many resets in one configuration, with brokers in this process")
	flag.Parse()
	if *floorOf > 0 {
		_, err := floor(ctx, flag.Args(), offset.Target{Kind: offset.ToLatest}, *floorOf)
		return err
	}
	counts, err := parseSizes(*sizes)
	if err != nil {
		return err
	}
	if *resources {
		return measureInProcess(ctx, counts, *slow, os.Stdout)
	}
	debug.SetGCPercent(400) // as in the provider's process
	fmt.Fprintln(os.Stderr, "Starting three brokers")
	cluster, err := kafkacluster.New(ctx, kafkacluster.Options{Heap: "1g"}) // full collections would be measured with less
	if err != nil {
		return err
	}
	defer func() {
		if e := cluster.Close(); err == nil {
			err = e
		}
	}()
	if !*csv {
		if err := measureFailover(ctx, cluster, counts, *rounds, os.Stdout); err != nil || *only {
			return err
		}
	}
	for _, n := range counts {
		fmt.Fprintf(os.Stderr, "Making a topic of %d partitions\n", n)
		if err := prepare(ctx, cluster, n); err != nil {
			return err
		}
	}
	if *csv {
		return measureCSV(ctx, cluster, counts, *rounds, os.Stdout)
	}
	for _, target := range targets {
		table := &table{title: "Resetting " + target.name + ", median ms", sizes: counts}
		for _, n := range counts {
			if err := measure(ctx, table, n, rowsOf(cluster, target, n), *rounds, *slow); err != nil {
				return err
			}
		}
		table.print(os.Stdout)
	}
	if err := measureTerraform(ctx, cluster, counts, *rounds, os.Stdout); err != nil {
		return err
	}
	return measureResources(ctx, cluster.Bootstrap(), counts, *slow, os.Stdout)
}

// measureResources measures many resets in one configuration.
func measureResources(ctx context.Context, servers []string, counts []int, rounds int, out io.Writer) error {
	for _, n := range slices.Compact([]int{counts[0], counts[len(counts)-1]}) {
		if err := measurePlans(ctx, servers, n, rounds, out); err != nil {
			return err
		}
	}
	return measureMany(ctx, servers, counts[0], out)
}

// measureInProcess measures many resets in one configuration with brokers in
// this process, which need no Java.
func measureInProcess(ctx context.Context, counts []int, rounds int, out io.Writer) error {
	topics := map[string]int32{}
	for _, n := range counts {
		topics[topicOf(n)] = int32(n)
	}
	cluster, err := fake.Start(fake.Options{Topics: topics})
	if err != nil {
		return err
	}
	defer cluster.Close()
	for _, n := range counts {
		if err := cluster.Client().Fill(ctx, topicOf(n), int32(n), 1, when, time.Minute); err != nil {
			return err
		}
		if err := cluster.Client().Commit(ctx, group, startOf(n)); err != nil {
			return err
		}
	}
	return measureResources(ctx, cluster.Bootstrap(), counts, rounds, out)
}

func parseSizes(s string) ([]int, error) {
	var counts []int
	for field := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of partitions", field)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

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
	if err := client.Fill(ctx, topicOf(n), int32(n), 3, when, time.Minute); err != nil {
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
		{name: "kafka-consumer-groups (in a running virtual machine)", slow: true, before: away, run: func(ctx context.Context) ([]phase, error) {
			_, err := cluster.ResetByTool(ctx, group, append(slices.Clone(goal.tool), "--topic", topicOf(n))...)
			return nil, err
		}},
	}
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
