package rocketmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// Received is one message that a consumer has got.
type Received struct {
	Broker string
	Queue  int
	Offset int64
	Stored time.Time
	Body   string
	Client int // which of the process's consumers got it
}

// Consumer is a consumer of one of Apache's Go clients, in a process of its own,
// or several of the same group in one.
type Consumer struct {
	process *artifacts.Process
	stdin   *os.File
	ended   chan struct{} // closed when its output has ended

	mu       sync.Mutex
	received []Received
	grown    chan struct{}
}

// NewConsumer starts a push consumer that begins at the log's start where its
// group has no offset. It runs until Stop.
func (c *Cluster) NewConsumer(group, topic string, broadcast bool) (*Consumer, error) {
	return c.startConsumer("pushconsumer", group, topic, "-name-server", c.nameServer, fmt.Sprintf("-broadcast=%t", broadcast))
}

// NewSlowConsumer starts a push consumer that takes its time for each message,
// one after the other, so that it lags.
func (c *Cluster) NewSlowConsumer(group, topic string, pace time.Duration) (*Consumer, error) {
	return c.startConsumer("pushconsumer", group, topic, "-name-server", c.nameServer, "-pace="+pace.String())
}

// NewConsumers starts push consumers of one group.
func (c *Cluster) NewConsumers(group, topic string, clients int) (*Consumer, error) {
	return c.startConsumer("pushconsumer", group, topic, "-name-server", c.nameServer, fmt.Sprintf("-clients=%d", clients))
}

// NewProxiedConsumers starts push consumers that are connected to the proxy.
func (c *Cluster) NewProxiedConsumers(group, topic string, clients int) (*Consumer, error) {
	return c.startConsumer("pushconsumer", group, topic, "-name-server", c.remotingEndpoint, fmt.Sprintf("-clients=%d", clients))
}

// NewPopConsumer starts a consumer of the gRPC client, which consumes by POP
// through the proxy and acknowledges each message. The messages' bodies must
// say their place, as Place writes it.
func (c *Cluster) NewPopConsumer(group, topic string) (*Consumer, error) {
	return c.startConsumer("popconsumer", group, topic, "-endpoint", c.endpoint, "-logs", c.home)
}

// NewHoldingPopConsumer starts a consumer by POP that acknowledges nothing, so
// that each message comes again after a while.
func (c *Cluster) NewHoldingPopConsumer(group, topic string, hold time.Duration) (*Consumer, error) {
	return c.startConsumer("popconsumer", group, topic, "-endpoint", c.endpoint, "-logs", c.home, "-hold="+hold.String())
}

// Place is the body of a message that says where it is.
func Place(broker string, queue int, offset int64) string {
	return fmt.Sprintf("%s/%d@%d", broker, queue, offset)
}

// program builds a consumer's program, once for each cluster. The gRPC client's
// is a module of its own.
func (c *Cluster) program(name string) (string, error) {
	c.building.Lock()
	defer c.building.Unlock()
	path := filepath.Join(c.home, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	dir, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", harness).Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", harness, err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	build.Dir = filepath.Join(strings.TrimSpace(string(dir)), name)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// harness is this package.
const harness = "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"

func (c *Cluster) startConsumer(program, group, topic string, options ...string) (*Consumer, error) {
	path, err := c.program(program)
	if err != nil {
		return nil, err
	}
	childIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stdout, childOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, childIn.Close(), stdin.Close())
	}
	keys := c.credentials()
	process, err := artifacts.Start(artifacts.Command{
		Name: "consumer of " + group, Path: path, Args: append([]string{"-group", group, "-topic", topic}, options...),
		Dir: c.home, Env: append(c.env(), "ACCESS_KEY="+keys.AccessKey, "SECRET_KEY="+keys.SecretKey),
		Log: filepath.Join(c.logs, "consumers.log"), Stdin: childIn, Stdout: childOut,
	})
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	k := &Consumer{process: process, stdin: stdin, ended: make(chan struct{}), grown: make(chan struct{})}
	go k.read(stdout)
	return k, nil
}

// Stop ends the consumer; it commits where it is. It may be called again.
func (k *Consumer) Stop() error {
	err := k.stdin.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	select {
	case <-k.process.Done():
	case <-time.After(bootTime):
		k.process.Kill()
		<-k.process.Done()
		err = errors.Join(err, errors.New("the consumer did not end"))
	}
	<-k.ended
	return err
}

// read takes down messages until the consumer ends.
func (k *Consumer) read(stdout io.ReadCloser) {
	defer close(k.ended)
	defer func() { _ = stdout.Close() }()
	in := json.NewDecoder(stdout)
	for {
		var m struct {
			Broker string
			Queue  int
			Offset int64
			Stored int64
			Body   string
			Client int
		}
		if err := in.Decode(&m); err != nil {
			return
		}
		k.mu.Lock()
		k.received = append(k.received, Received{m.Broker, m.Queue, m.Offset, time.UnixMilli(m.Stored), m.Body, m.Client})
		close(k.grown)
		k.grown = make(chan struct{})
		k.mu.Unlock()
	}
}

// Received returns what the consumer has got so far.
func (k *Consumer) Received() []Received {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Received(nil), k.received...)
}

// Wait waits until the messages that the consumer has got, after the first
// skip of them, satisfy the condition.
func (k *Consumer) Wait(ctx context.Context, skip int, enough func([]Received) bool) ([]Received, error) {
	for {
		k.mu.Lock()
		got, grown := append([]Received(nil), k.received[min(skip, len(k.received)):]...), k.grown
		k.mu.Unlock()
		if enough(got) {
			return got, nil
		}
		select {
		case <-grown:
		case <-k.ended:
			return got, fmt.Errorf("the consumer has ended after %d messages:\n%s", skip+len(got), k.process.Tail(20))
		case <-ctx.Done():
			return got, fmt.Errorf("%d messages after the first %d: %w", len(got), skip, ctx.Err())
		}
	}
}
