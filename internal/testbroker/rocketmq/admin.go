package rocketmq

import (
	"bufio"
	"context"
	_ "embed" // the Java program
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

//go:embed java/Mqadmin.java
var adminSource string

// admin is mqadmin in a virtual machine that stays, so that a command costs
// its requests and not the start of Java.
type admin struct {
	process *artifacts.Process
	stdin   *os.File
	lines   chan string
	turn    chan struct{} // holds one token: commands run one after the other
}

func (c *Cluster) startAdmin() (*admin, error) {
	source, err := c.write("Mqadmin.java", adminSource)
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
	process, err := artifacts.Start(artifacts.Command{
		Name: "mqadmin", Path: c.java, Args: append(c.jvm("128m"), "-Drocketmq.namesrv.addr="+c.nameServer, source),
		Dir: c.home, Env: c.env(), Log: filepath.Join(c.logs, "mqadmin.log"), Stdin: childIn, Stdout: childOut,
	})
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), stdout.Close())
	}
	a := &admin{process: process, stdin: stdin, lines: make(chan string), turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	go a.read(stdout)
	return a, nil
}

// read hands out answers until the program ends.
func (a *admin) read(stdout io.ReadCloser) {
	defer close(a.lines)
	defer func() { _ = stdout.Close() }()
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if answer, ok := strings.CutPrefix(line, "answer "); ok {
			select {
			case a.lines <- strings.TrimSpace(answer):
			case <-time.After(time.Minute): // its command was given up
			}
		}
	}
}

func (a *admin) stop() error {
	err := a.stdin.Close()
	a.process.Kill()
	<-a.process.Done()
	for range a.lines { // until the reader has ended
	}
	return err
}

// Admin runs an mqadmin command against the cluster and returns what it has
// printed. An exception that it prints is an error.
func (c *Cluster) Admin(ctx context.Context, args ...string) (string, error) {
	a := c.admin
	select {
	case <-a.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { a.turn <- struct{}{} }()
	args = append(args, "-n", c.nameServer)
	line := base64.StdEncoding.EncodeToString([]byte(strings.Join(args, "\x00"))) + "\n"
	if _, err := a.stdin.WriteString(line); err != nil {
		return "", fmt.Errorf("mqadmin %s: %w", args[0], err)
	}
	select {
	case answer, ok := <-a.lines:
		if !ok {
			return "", fmt.Errorf("mqadmin has ended:\n%s", a.process.Tail(20))
		}
		out, err := base64.StdEncoding.DecodeString(answer)
		if err != nil {
			return "", err
		}
		for _, bad := range []string{"Exception", "command error", "not exist."} {
			if strings.Contains(string(out), bad) {
				return string(out), fmt.Errorf("mqadmin %s: %s", strings.Join(args, " "), out)
			}
		}
		return string(out), nil
	case <-ctx.Done():
		return "", fmt.Errorf("mqadmin %s: %w", args[0], ctx.Err())
	}
}

// CreateUser makes a user on every master of a cluster with ACL 2.0. Its rights
// are resources such as "Topic:orders" and actions such as "Get,Update"; empty
// ones mean none.
func (c *Cluster) CreateUser(ctx context.Context, key, secret, resources, actions string) error {
	if _, err := c.Admin(ctx, "createUser", "-c", ClusterName, "-u", key, "-p", secret, "-t", "Normal"); err != nil {
		return err
	}
	if resources == "" {
		return nil
	}
	_, err := c.Admin(ctx, "createAcl", "-c", ClusterName, "-s", "User:"+key, "-r", resources, "-a", actions, "-d", "Allow", "-i", "127.0.0.1")
	return err
}

// ResetByTime resets a group with mqadmin resetOffsetByTime. The time is Unix
// milliseconds; -1 means latest.
func (c *Cluster) ResetByTime(ctx context.Context, group, topic string, ms int64) (string, error) {
	return c.Admin(ctx, "resetOffsetByTime", "-g", group, "-t", topic, "-s", strconv.FormatInt(ms, 10))
}

// Progress returns what mqadmin consumerProgress tells: the group's offsets by
// "broker/queue".
func (c *Cluster) Progress(ctx context.Context, group, topic string) (map[string]int64, error) {
	args := []string{"consumerProgress", "-g", group}
	if c.Version != V4 {
		args = append(args, "-t", topic) // 4.9.7 ends the process for an option that it does not know
	}
	out, err := c.Admin(ctx, args...)
	if err != nil {
		return nil, err
	}
	offsets := map[string]int64{}
	for line := range strings.Lines(out) {
		// Topic, Broker Name, QID, Broker Offset, Consumer Offset, …
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != topic {
			continue
		}
		n, err := strconv.ParseInt(f[4], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("consumerProgress: %q: %w", line, err)
		}
		offsets[f[1]+"/"+f[2]] = n
	}
	return offsets, nil
}

// TopicStatus returns what mqadmin topicStatus tells: the first offset and the
// one after the last message, by "broker/queue".
func (c *Cluster) TopicStatus(ctx context.Context, topic string) (first, end map[string]int64, err error) {
	out, err := c.Admin(ctx, "topicStatus", "-t", topic)
	if err != nil {
		return nil, nil, err
	}
	first, end = map[string]int64{}, map[string]int64{}
	for line := range strings.Lines(out) {
		// Broker Name, QID, Min Offset, Max Offset, Last Updated
		f := strings.Fields(line)
		if len(f) < 4 || !slices.Contains(c.brokers, f[0]) {
			continue
		}
		low, err1 := strconv.ParseInt(f[2], 10, 64)
		high, err2 := strconv.ParseInt(f[3], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, fmt.Errorf("topicStatus: %q: %w", line, err)
		}
		first[f[0]+"/"+f[1]], end[f[0]+"/"+f[1]] = low, high
	}
	return first, end, nil
}

// GroupsOf returns the consumer groups of a topic as mqadmin statsAll tells
// them, sorted.
func (c *Cluster) GroupsOf(ctx context.Context, topic string) ([]string, error) {
	out, err := c.Admin(ctx, "statsAll", "-t", topic)
	if err != nil {
		return nil, err
	}
	var groups []string
	for line := range strings.Lines(out) {
		// Topic, Consumer Group, Accumulation, …
		if f := strings.Fields(line); len(f) > 2 && f[0] == topic {
			groups = append(groups, f[1])
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// AdminOnce runs an mqadmin command as a shell would: in a process of its own.
func (c *Cluster) AdminOnce(ctx context.Context, args ...string) error {
	p, err := artifacts.Start(artifacts.Command{
		Name: "mqadmin " + args[0], Path: c.java,
		Args: append(append(append(c.jvm("128m"), "org.apache.rocketmq.tools.command.MQAdminStartup"), args...), "-n", c.nameServer),
		Dir:  c.home, Env: c.env(), Log: filepath.Join(c.logs, "mqadmin-once.log"),
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		<-p.Done()
		return ctx.Err()
	}
	if out := p.Tail(5); strings.Contains(out, "Exception") {
		return fmt.Errorf("mqadmin %s: %s", args[0], out)
	}
	return nil
}
