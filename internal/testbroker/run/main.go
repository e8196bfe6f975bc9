// Command run starts brokers, prints how to reach them, and leaves them
// running until it is interrupted: to try an example on, or a change, with a
// debugger or without. They are inside its own process, or real ones. It must
// not know the provider.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
	rocketmqfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/sample"
)

func main() {
	realBrokers := flag.Bool("real", false, "start real brokers, which takes Java 17, Maven and half a minute")
	port := flag.Int("port", 9092, "the `port` of the Kafka broker inside this process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	start := func(ctx context.Context) (*brokers, error) { return inProcess(ctx, *port) }
	if *realBrokers {
		start = realOnes
	}
	err := run(ctx, start, os.Stdin, os.Stdout)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !interrupted {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// brokers are those that run.
type brokers struct {
	kafka                          *kafkaclient.Client
	bootstrap, cluster, nameServer string
	filled                         []string // what there is beside Kafka's topics and groups
	closers                        []func() error
}

func (b *brokers) close() error {
	var errs []error
	for _, c := range slices.Backward(b.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// run starts the brokers, and does what the lines that it reads say until
// ctx is done.
func run(ctx context.Context, start func(context.Context) (*brokers, error), in io.Reader, out io.Writer) (err error) {
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	fmt.Fprintf(out, "export KAFKA_BOOTSTRAP_SERVERS=%s\nexport NAMESRV_ADDR=%s\n\n", b.bootstrap, b.nameServer)
	fmt.Fprintf(out, "Kafka: cluster %s, topics %s, groups %s\n", b.cluster, list(sample.Topics()), list(sample.Groups()))
	for _, line := range b.filled {
		fmt.Fprintln(out, line)
	}
	fmt.Fprint(out, "\nCtrl-C ends it. Until then it takes lines, for Kafka's topic orders:\n"+
		"  show GROUP          where the group is\n"+
		"  consume GROUP N     let the group move on by N messages in each partition\n"+
		"  join GROUP          let a consumer join, so that a reset has to wait\n"+
		"  leave GROUP         let it leave\n")

	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	c := &consumers{client: b.kafka, joined: map[string]*kafkaclient.Member{}}
	defer c.leaveAll()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, open := <-lines:
			switch {
			case !open:
				lines = nil // Without a terminal there is nothing to read.
			case strings.TrimSpace(line) != "":
				told, err := c.do(ctx, strings.Fields(line))
				if err != nil {
					told = err.Error()
				}
				fmt.Fprintln(out, told)
			}
		}
	}
}

func list[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// inProcess starts brokers inside this process, filled with what the examples
// speak of.
func inProcess(ctx context.Context, port int) (_ *brokers, err error) {
	b := &brokers{cluster: sample.ClusterID}
	defer closeAfter(b, &err)
	kafka, err := fake.Start(fake.Options{
		Brokers: 1, Ports: []int{port}, Topics: sample.Topics(), Kfake: []kfake.Opt{kfake.ClusterID(sample.ClusterID)},
	})
	if err != nil {
		return nil, fmt.Errorf("%w; is another broker on port %d? make broker PORT=0 takes any that is free", err, port)
	}
	b.closers = append(b.closers, func() error { kafka.Close(); return nil })
	b.kafka, b.bootstrap = kafka.Client(), strings.Join(kafka.Bootstrap(), ",")
	if err := sample.Kafka(ctx, b.kafka); err != nil {
		return nil, err
	}
	queues, err := rocketmqfake.Start(rocketmqfake.Config{Brokers: sample.Masters})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() error { queues.Close(); return nil })
	b.nameServer = queues.NameServer()
	sample.RocketMQ(queues)
	b.filled = []string{"RocketMQ: topic orders, groups billing, loyalty, shipping", "Both have messages of 2026-03-01, one a minute from 12:00 UTC on, and of the last hours."}
	return b, nil
}

// realOnes starts real brokers. Only Kafka's are filled: RocketMQ's give
// messages the time at which they come.
func realOnes(ctx context.Context) (_ *brokers, err error) {
	b := &brokers{}
	defer closeAfter(b, &err)
	kafka, err := kafkacluster.New(ctx, kafkacluster.Options{Nodes: 1})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, kafka.Close)
	b.kafka, b.bootstrap, b.cluster = kafka.Client(), strings.Join(kafka.Bootstrap(), ","), kafka.ID()
	for topic, partitions := range sample.Topics() {
		if err := b.kafka.CreateTopic(ctx, topic, partitions, 1, map[string]string{"retention.ms": "-1"}); err != nil {
			return nil, err
		}
	}
	if err := sample.Kafka(ctx, b.kafka); err != nil {
		return nil, err
	}
	queues, err := rocketmq.Start(ctx, rocketmq.Config{Masters: 1})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, queues.Stop)
	b.nameServer = queues.NameServer()
	if err := queues.CreateTopic(ctx, "orders", sample.Queues); err != nil {
		return nil, err
	}
	if err := queues.CreateGroup(ctx, "billing"); err != nil {
		return nil, err
	}
	b.filled = []string{"Kafka has messages of 2026-03-01, one a minute from 12:00 UTC on, and of the last hours.", "RocketMQ: topic orders, which is empty, group billing"}
	return b, nil
}

func closeAfter(b *brokers, err *error) {
	if *err != nil {
		*err = errors.Join(*err, b.close())
	}
}

// consumers are what the groups have.
type consumers struct {
	client *kafkaclient.Client
	joined map[string]*kafkaclient.Member
}

const topic = "orders"

// do does what a line says, and returns what to say.
func (c *consumers) do(ctx context.Context, words []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if len(words) < 2 {
		return "", fmt.Errorf("%q is no line that is known", strings.Join(words, " "))
	}
	group := words[1]
	switch {
	case words[0] == "show" && len(words) == 2:
	case words[0] == "consume" && len(words) == 3:
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return "", err
		}
		at, err := c.client.Committed(ctx, group)
		if err != nil {
			return "", err
		}
		for id := range at[topic] {
			at[topic][id] += n
		}
		if err := c.client.Commit(ctx, group, kafkaclient.Offsets{topic: at[topic]}); err != nil {
			return "", err
		}
	case words[0] == "join" && len(words) == 2 && c.joined[group] == nil:
		member, err := c.client.Join(ctx, kafkaclient.MemberOptions{Group: group, Topics: []string{topic}, ClientID: group + "-1"})
		if err != nil {
			return "", err
		}
		c.joined[group] = member
	case words[0] == "leave" && len(words) == 2 && c.joined[group] != nil:
		if err := c.joined[group].Leave(ctx); err != nil {
			return "", err
		}
		delete(c.joined, group)
	default:
		return "", fmt.Errorf("%q is no line that is known, or not now", strings.Join(words, " "))
	}
	at, err := c.client.Committed(ctx, group)
	if err != nil {
		return "", err
	}
	var places []string
	for _, id := range slices.Sorted(maps.Keys(at[topic])) {
		places = append(places, fmt.Sprintf("%s-%d at %d", topic, id, at[topic][id]))
	}
	active := ""
	if c.joined[group] != nil {
		active = ", with a member"
	}
	return fmt.Sprintf("%s: %s%s", group, strings.Join(places, ", "), active), nil
}

func (c *consumers) leaveAll() {
	for _, member := range c.joined {
		member.Kill()
	}
}
