package kafkacluster

import (
	"bufio"
	"context"
	_ "embed" // the Java program
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

//go:embed java/Harness.java
var harnessSource []byte

// harness is a Java process that runs Apache's tools and consumers. One
// virtual machine for all of them makes a call as cheap as its requests.
type harness struct {
	process *artifacts.Process
	stdin   *os.File
	stdout  *os.File
	ended   chan struct{} // closed when its output has ended

	mu        sync.Mutex
	next      int64
	answers   map[int64]chan answer
	consumers map[string]*Consumer
}

// request is what the Java program is asked, one line of JSON.
type request struct {
	ID         int64             `json:"id"`
	Op         string            `json:"op"` // tool, consume or stop
	Class      string            `json:"class,omitempty"`
	Args       []string          `json:"args,omitempty"`
	Consumer   string            `json:"consumer,omitempty"`
	Topics     []string          `json:"topics,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Assign     bool              `json:"assign,omitempty"`
	Share      bool              `json:"share,omitempty"`
}

// answer is one line from the Java program: an answer to a request, or an
// event of a consumer.
type answer struct {
	ID      int64  `json:"id"`
	Out     string `json:"out"`
	Err     string `json:"err"`
	Exit    int    `json:"exit"`
	Failure string `json:"failure"`

	Consumer string             `json:"consumer"`
	Assigned map[string][]int32 `json:"assigned"`
	Error    string             `json:"error"`
	Records  []struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
		Timestamp int64  `json:"timestamp"`
		Key       string `json:"key"`
		Value     string `json:"value"`
	} `json:"records"`
}

// shared returns the cluster's harness, started if it is not running.
func (c *Cluster) shared() (*harness, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.harness != nil {
		return c.harness, nil
	}
	var err error
	c.harness, err = c.startHarness("tools")
	return c.harness, err
}

// separate returns a harness of one's own.
func (c *Cluster) separate(name string) (*harness, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.startHarness(name)
}

// startHarness starts the Java program. The cluster's lock is held.
func (c *Cluster) startHarness(name string) (*harness, error) {
	if c.closed {
		return nil, errors.New("the cluster is closed")
	}
	source := filepath.Join(c.data, "Harness.java")
	if err := os.WriteFile(source, harnessSource, 0o600); err != nil {
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
	process, err := artifacts.Start(artifacts.Command{
		Name: "Kafka's tools", Path: c.java,
		Args: append(c.jvm("256m"), "-Dtestbroker.level=warn", source),
		Log:  filepath.Join(c.logs, name+".log"), Stdin: childIn, Stdout: childOut,
	})
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	h := &harness{
		process: process, stdin: stdin, stdout: stdout, ended: make(chan struct{}),
		answers: map[int64]chan answer{}, consumers: map[string]*Consumer{},
	}
	c.harnesses = append(c.harnesses, h)
	go h.read()
	return h, nil
}

// read hands out what the program says until it ends.
func (h *harness) read() {
	defer close(h.ended)
	lines := bufio.NewReader(h.stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			continue // a stray print of some library
		}
		h.mu.Lock()
		waiting, consumer := h.answers[a.ID], h.consumers[a.Consumer]
		delete(h.answers, a.ID)
		h.mu.Unlock()
		switch {
		case consumer != nil:
			consumer.told(a)
		case waiting != nil:
			waiting <- a
		}
	}
}

// ask sends a request and waits for the answer.
func (h *harness) ask(ctx context.Context, r request) (answer, error) {
	waiting := make(chan answer, 1)
	h.mu.Lock()
	h.next++
	r.ID = h.next
	h.answers[r.ID] = waiting
	line, err := json.Marshal(r)
	if err == nil {
		_, err = h.stdin.Write(append(line, '\n'))
	}
	h.mu.Unlock()
	if err != nil {
		return answer{}, fmt.Errorf("ask Kafka's tools: %w", err)
	}
	select {
	case a := <-waiting:
		if a.Failure != "" {
			return a, fmt.Errorf("run Kafka's tools: %s", a.Failure)
		}
		return a, nil
	case <-h.ended:
		return answer{}, fmt.Errorf("run Kafka's tools: they have ended: %s", h.process.Tail(2000))
	case <-ctx.Done():
		h.mu.Lock()
		delete(h.answers, r.ID)
		h.mu.Unlock()
		return answer{}, fmt.Errorf("ask Kafka's tools: %w", ctx.Err())
	}
}

// close ends the program; its consumers do not leave their groups.
func (h *harness) close() {
	_ = h.stdin.Close()
	const grace = 2 * time.Second
	select {
	case <-h.process.Done():
	case <-time.After(grace):
		h.process.Kill()
	}
	<-h.ended
	_ = h.stdout.Close()
}

// kill ends the program at once.
func (h *harness) kill() {
	h.process.Kill()
	_ = h.stdin.Close()
	<-h.ended
	_ = h.stdout.Close()
}
