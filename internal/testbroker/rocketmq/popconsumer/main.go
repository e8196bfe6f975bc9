// Command popconsumer is a SimpleConsumer of Apache's gRPC client, which
// consumes by POP through a proxy and prints each message it gets, until its
// standard input ends. It is a module of its own, so that nothing of what that
// client needs reaches the provider. It must not know what is tested.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	client "github.com/apache/rocketmq-clients/golang/v5"
	"github.com/apache/rocketmq-clients/golang/v5/credentials"
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
	Body   string
}

func run() error {
	endpoint := flag.String("endpoint", "", "the proxy's address")
	group := flag.String("group", "", "the consumer group")
	topic := flag.String("topic", "", "the topic")
	hold := flag.Duration("hold", 0, "acknowledge nothing, and have each message come again after that long")
	logs := flag.String("logs", os.TempDir(), "the directory of the client's log")
	flag.Parse()
	for name, value := range map[string]string{
		client.CLIENT_LOG_LEVEL: "error", client.CLIENT_LOG_ROOT: *logs, client.CLIENT_LOG_FILENAME: filepath.Base(*group) + ".log",
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	client.ResetLogger()
	c, err := start(*endpoint, *group, *topic)
	for range 9 { // It gives a proxy on a busy machine a few seconds.
		if err == nil {
			break
		}
		c, err = start(*endpoint, *group, *topic)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	invisible := 20 * time.Second
	if *hold > 0 {
		invisible = *hold
	}
	var mu sync.Mutex
	var loops sync.WaitGroup
	out := json.NewEncoder(os.Stdout)
	for range 4 { // each request is for one broker
		loops.Go(func() {
			for ctx.Err() == nil {
				got, err := c.Receive(ctx, 16, invisible)
				if err != nil && !strings.Contains(err.Error(), "MESSAGE_NOT_FOUND") {
					fmt.Fprintln(os.Stderr, err)
					time.Sleep(100 * time.Millisecond)
				}
				for _, m := range got {
					line := read(string(m.GetBody()))
					mu.Lock()
					_ = out.Encode(line)
					mu.Unlock()
					if *hold > 0 {
						continue
					}
					// What is shown is acknowledged: it would come again later.
					if err := c.Ack(context.WithoutCancel(ctx), m); err != nil {
						fmt.Fprintln(os.Stderr, err)
					}
				}
			}
		})
	}
	loops.Wait()
	return c.GracefulStop()
}

func start(endpoint, group, topic string) (client.SimpleConsumer, error) {
	c, err := client.NewSimpleConsumer(
		&client.Config{Endpoint: endpoint, ConsumerGroup: group, Credentials: &credentials.SessionCredentials{}},
		client.WithAwaitDuration(2*time.Second),
		client.WithSubscriptionExpressions(map[string]*client.FilterExpression{topic: client.SUB_ALL}),
	)
	if err == nil {
		err = c.Start()
	}
	return c, err
}

// read takes the place of a message from its body, broker/queue@offset: the
// client does not tell it.
func read(body string) message {
	m := message{Body: body}
	place, offset, _ := strings.Cut(body, "@")
	broker, queue, _ := strings.Cut(place, "/")
	m.Broker = broker
	_, _ = fmt.Sscan(queue, &m.Queue)
	_, _ = fmt.Sscan(offset, &m.Offset)
	return m
}
