// Command rocketmq measures a reset of consumer group offsets on real RocketMQ
// clusters of two masters: the engine beside mqadmin resetOffsetByTime, where
// the brokers reset by themselves and where each queue is committed. It prints
// tables; only ratios within one run carry over to another machine. It is no
// test.
//
// `make bench-results` keeps the tables in bench/results, which bench/chart
// draws for the documentation.
package main

import (
	"context"
	"errors"
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
	"text/tabwriter"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

const (
	group = "billing"
	// messages is how many each queue holds; the time target lies in the middle.
	messages = 4
)

func main() {
	debug.SetGCPercent(400) // as the provider
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // The process ends, and its signals with it.
	}
}

func run(ctx context.Context) error {
	sizes := flag.String("queues", "16,64,256", "the numbers of queues on each of the two masters to measure, separated by commas")
	rounds := flag.Int("rounds", 15, "how often each row is measured")
	slow := flag.Int("slow-rounds", 3, "how often each slow row is measured")
	flag.Parse()
	var queues []int
	for field := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number of queues", field)
		}
		queues = append(queues, n)
	}
	if *rounds < 1 || *slow < 1 {
		return errors.New("there must be rounds")
	}
	fmt.Printf("%d processors, %s/%s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, c := range []struct {
		title string
		conf  brokers.Config
	}{
		{"brokers that reset by themselves (5.5.0)", brokers.Config{}},
		{"a commit for each queue (5.5.0 with useServerSideResetOffset=false, group offline)", brokers.Config{ClientReset: true}},
		{"a commit for each queue (4.9.7, group offline)", brokers.Config{Version: brokers.V4}},
	} {
		if err := compare(ctx, c.title, c.conf, queues, *rounds, *slow); err != nil {
			return err
		}
	}
	return nil
}

// compare measures one kind of cluster.
func compare(ctx context.Context, title string, conf brokers.Config, queues []int, rounds, slow int) (err error) {
	fmt.Fprintf(os.Stderr, "Starting two masters: %s\n", title)
	cluster, err := brokers.Start(ctx, conf)
	if err != nil {
		return err
	}
	defer func() {
		if e := cluster.Stop(); err == nil {
			err = e
		}
	}()
	client, err := rocketmq.New(rocketmq.Config{NameServers: []string{cluster.NameServer()}}, clock.System{})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	for _, n := range queues {
		if err := compareQueues(ctx, cluster, client, title, n, rounds, slow); err != nil {
			return err
		}
	}
	return nil
}

// compareQueues measures a topic with so many queues on each master.
func compareQueues(ctx context.Context, cluster *brokers.Cluster, client *rocketmq.Client, title string, queues, rounds, slow int) error {
	topic := fmt.Sprintf("orders-%d", queues)
	fmt.Fprintf(os.Stderr, "Making a topic of 2 × %d queues\n", queues)
	middle, err := prepare(ctx, cluster, topic, queues)
	if err != nil {
		return err
	}
	for _, target := range []struct {
		name string
		ms   int64
		req  offset.Request
	}{
		{"latest", -1, request(topic, offset.Target{Kind: offset.ToLatest})},
		{"a time", middle.UnixMilli(), request(topic, offset.Target{Kind: offset.ToTime, Time: middle})},
	} {
		arg := strconv.FormatInt(target.ms, 10)
		tool := []string{"resetOffsetByTime", "-g", group, "-t", topic, "-s", arg}
		rows := []*row{
			{name: "engine: plan, reset and read-back", rounds: rounds, do: func() (time.Duration, error) { return reset(ctx, client, target.req, false) }},
			{name: "engine: reset and read-back of a plan", rounds: rounds, do: func() (time.Duration, error) { return reset(ctx, client, target.req, true) }},
			{name: "mqadmin in a virtual machine that is warm", rounds: rounds, do: func() (time.Duration, error) {
				begin := time.Now()
				_, err := cluster.Admin(ctx, tool...)
				return time.Since(begin), err
			}},
			{name: "mqadmin from a shell", rounds: slow, cold: true, do: func() (time.Duration, error) {
				begin := time.Now()
				err := cluster.AdminOnce(ctx, tool...)
				return time.Since(begin), err
			}},
		}
		if err := measure(rows); err != nil {
			return err
		}
		fmt.Printf("\nTo %s, 2 × %d queues, %s\n\n", target.name, queues, title)
		if err := write(os.Stdout, rows); err != nil {
			return err
		}
	}
	return nil
}

// prepare fills the topic and returns an instant in its middle.
func prepare(ctx context.Context, cluster *brokers.Cluster, topic string, queues int) (middle time.Time, err error) {
	if err := cluster.CreateTopic(ctx, topic, queues); err != nil {
		return middle, err
	}
	if err := cluster.CreateGroup(ctx, group); err != nil {
		return middle, err
	}
	producer, err := cluster.NewProducer()
	if err != nil {
		return middle, err
	}
	defer func() { _ = producer.Stop() }()
	time.Sleep(time.Second) // the name server learns of the topic in its own time
	for half := range 2 {
		if half == 1 {
			middle = time.Now()
			time.Sleep(10 * time.Millisecond)
		}
		for _, b := range cluster.Brokers() {
			for q := range queues {
				if err := producer.Send(ctx, topic, b, q, slices.Repeat([]string{"message"}, messages/2)...); err != nil {
					return middle, err
				}
			}
		}
	}
	for _, b := range cluster.Brokers() {
		for q := range queues {
			if err := cluster.Commit(ctx, group, topic, b, q, 1); err != nil {
				return middle, err
			}
		}
	}
	return middle, nil
}

func request(topic string, target offset.Target) offset.Request {
	return offset.Request{Group: group, Scope: offset.Scope{Topics: []string{topic}}, Target: target}
}

// reset times a reset, with or without its plan.
func reset(ctx context.Context, client *rocketmq.Client, req offset.Request, planned bool) (time.Duration, error) {
	begin := time.Now()
	plan, err := client.Plan(ctx, req)
	if err != nil {
		return 0, err
	}
	if planned {
		begin = time.Now()
	}
	_, err = client.Apply(ctx, plan)
	return time.Since(begin), err
}

// row is one line of a table.
type row struct {
	name   string
	rounds int
	cold   bool // each time anew, so that nothing has to warm up
	do     func() (time.Duration, error)
	took   []time.Duration
}

// measure runs all rows in turn, so that whatever slows the machine down for a
// while slows all of them.
func measure(rows []*row) error {
	for round := 0; ; round++ {
		more := false
		for _, r := range rows {
			if round > r.rounds || round == 0 && r.cold { // the first round warms up
				continue
			}
			more = true
			took, err := r.do()
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if round > 0 {
				r.took = append(r.took, took)
			}
		}
		if !more {
			return nil
		}
	}
}

func (r *row) median() time.Duration {
	slices.Sort(r.took)
	return r.took[len(r.took)/2]
}

// write writes medians and their ratio to the first row.
func write(to io.Writer, rows []*row) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "median ms\tratio\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%.1f\t%.2f\t  %s\n", float64(r.median().Microseconds())/1000, float64(r.median())/float64(rows[0].median()), r.name)
	}
	return w.Flush()
}
