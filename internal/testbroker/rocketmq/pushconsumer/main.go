// Command pushconsumer is one push consumer of Apache's Go client, or several
// in one group, and prints each message that comes, until its standard input
// ends. It is a program of its own because that client has data races, which
// the race detector would blame on the tests. It must not know what is tested.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	client "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// message is one line of the output.
type message struct {
	Broker string
	Queue  int
	Offset int64
	Stored int64 // Unix milliseconds
	Body   string
	Client int // which of the consumers got it
}

func run() error {
	server := flag.String("name-server", "", "the name server's address")
	group := flag.String("group", "", "the consumer group")
	topic := flag.String("topic", "", "the topic")
	broadcast := flag.Bool("broadcast", false, "consume by broadcasting")
	pace := flag.Duration("pace", 0, "how long each message takes, one after the other; only a few are fetched ahead")
	clients := flag.Int("clients", 1, "how many consumers")
	flag.Parse()
	rlog.SetLogLevel("fatal")
	model := consumer.Clustering
	if *broadcast {
		model = consumer.BroadCasting
	}
	options := []consumer.Option{
		consumer.WithNsResolver(primitive.NewPassthroughResolver([]string{*server})), consumer.WithGroupName(*group),
		consumer.WithConsumerModel(model), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithCredentials(primitive.Credentials{AccessKey: os.Getenv("ACCESS_KEY"), SecretKey: os.Getenv("SECRET_KEY")}),
	}
	if *pace > 0 {
		options = append(options, consumer.WithPullBatchSize(1), consumer.WithPullThresholdForQueue(1))
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	var started []client.PushConsumer
	for i := range *clients {
		name := consumer.WithInstance(fmt.Sprintf("test-%d-%d", os.Getpid(), i))
		c, err := client.NewPushConsumer(append(slices.Clone(options), name)...)
		if err != nil {
			return err
		}
		err = c.Subscribe(*topic, consumer.MessageSelector{}, func(_ context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range messages {
				if err := out.Encode(message{m.Queue.BrokerName, m.Queue.QueueId, m.QueueOffset, m.StoreTimestamp, string(m.Body), i}); err != nil {
					return consumer.ConsumeRetryLater, err
				}
				time.Sleep(*pace)
			}
			return consumer.ConsumeSuccess, nil
		})
		if err != nil {
			return err
		}
		if err := c.Start(); err != nil {
			return err
		}
		started = append(started, c)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	var errs []error
	for _, c := range started {
		errs = append(errs, c.Shutdown()) // commits where it is
	}
	return errors.Join(errs...)
}
