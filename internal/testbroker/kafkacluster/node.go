package kafkacluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// node is one node, broker and controller in one.
type node struct {
	cluster   *Cluster
	id        int
	dir       string
	listeners map[string]string // addresses by name
	process   *artifacts.Process
}

// properties returns the path of the node's server.properties.
func (n *node) properties() string { return filepath.Join(n.dir, "server.properties") }

func (n *node) running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.process.Done():
		return false
	default:
		return true
	}
}

func (n *node) start() error {
	if n.running() {
		return fmt.Errorf("node %d is running", n.id)
	}
	c := n.cluster
	p, err := artifacts.Start(artifacts.Command{
		Name: fmt.Sprintf("Kafka node %d", n.id),
		Path: c.java,
		Args: slices.Concat(c.jvm(c.options.Heap), c.logins(),
			[]string{"-Djava.awt.headless=true", "kafka.Kafka", n.properties()}),
		Dir: n.dir,
		Log: filepath.Join(c.logs, fmt.Sprintf("node-%d.log", n.id)),
	})
	if err != nil {
		return err
	}
	n.process = p
	return nil
}

// awaitReady waits until the node says that it has started.
func (n *node) awaitReady(ctx context.Context) error {
	return n.process.WaitLine(ctx, "Kafka Server started")
}

func (n *node) stop(grace time.Duration) error {
	if !n.running() {
		return fmt.Errorf("node %d is not running", n.id)
	}
	return n.process.Stop(grace)
}

func (n *node) kill() {
	if n.running() {
		n.process.Kill()
	}
}

// jvm returns the arguments of a virtual machine that starts fast and takes
// little, up to the class to run.
func (c *Cluster) jvm(heap string) []string {
	return []string{
		"-Xmx" + heap, "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		c.loggingArg(), "-cp", filepath.Join(c.classpath, "*"),
	}
}

// writeLogging configures logging to stderr, which goes to the log files.
func (c *Cluster) writeLogging() error {
	lines := []string{
		"status = error",
		"appender.err.type = Console", "appender.err.name = err", "appender.err.target = SYSTEM_ERR",
		"appender.err.layout.type = PatternLayout", "appender.err.layout.pattern = [%d] %p %m (%c)%n",
		"rootLogger.level = ${sys:testbroker.level:-info}", "rootLogger.appenderRef.err.ref = err",
	}
	if c.before4() {
		lines = []string{
			"testbroker.level=info",
			"log4j.rootLogger=${testbroker.level}, err", "log4j.appender.err=org.apache.log4j.ConsoleAppender",
			"log4j.appender.err.target=System.err", "log4j.appender.err.layout=org.apache.log4j.PatternLayout",
			"log4j.appender.err.layout.ConversionPattern=[%d] %p %m (%c)%n",
		}
	}
	return os.WriteFile(c.loggingFile(), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func (c *Cluster) loggingFile() string { return filepath.Join(c.data, "logging.properties") }

func (c *Cluster) loggingArg() string {
	if c.before4() {
		return "-Dlog4j.configuration=file:" + c.loggingFile()
	}
	return "-Dlog4j2.configurationFile=" + c.loggingFile()
}

// format writes the nodes' data directories. The nodes' differ in two lines of
// one file only, so one is formatted, and the others are copies.
func (c *Cluster) format(ctx context.Context) error {
	first := c.nodes[0]
	id, err := uuid()
	if err != nil {
		return err
	}
	args := append(c.jvm("128m"), "-Dtestbroker.level=warn",
		"kafka.tools.StorageTool", "format", "-t", id, "-c", first.properties())
	p, err := artifacts.Start(artifacts.Command{
		Name: "kafka-storage", Path: c.java, Args: args, Dir: first.dir,
		Log: filepath.Join(c.logs, "format.log"),
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		return ctx.Err()
	}
	meta, err := os.ReadFile(first.meta())
	if err != nil {
		return errors.Join(fmt.Errorf("format the nodes: %s", p.Tail(1000)), err)
	}
	for _, n := range c.nodes[1:] {
		if err := os.CopyFS(n.logDir(), os.DirFS(first.logDir())); err != nil {
			return err
		}
		directory, err := uuid()
		if err != nil {
			return err
		}
		lines := strings.Split(string(meta), "\n")
		for i, line := range lines {
			switch key, _, _ := strings.Cut(line, "="); key {
			case "node.id":
				lines[i] = fmt.Sprintf("node.id=%d", n.id)
			case "directory.id":
				lines[i] = "directory.id=" + directory
			}
		}
		if err := os.WriteFile(n.meta(), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) logDir() string { return filepath.Join(n.dir, "log") }

func (n *node) meta() string { return filepath.Join(n.logDir(), "meta.properties") }
