// Package mirrormaker runs a real MirrorMaker 2 between Kafka clusters, from
// the artifacts that Maven's repositories hold, as a dedicated process. It
// needs Java 17 and, the first time, Maven. It must not know the engine.
package mirrormaker

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// Version is the newest one that Maven's repositories hold.
const Version = "4.3.1"

// Flow is one mirror: of some topics of a source, under an alias of its own.
type Flow struct {
	Alias     string   // the source's
	Bootstrap []string // the source's
	Topics    string   // a regular expression
	Identity  bool     // topics keep their names; else the alias comes in front
}

// Options say what is mirrored to where.
type Options struct {
	Target    string // the target's alias
	Bootstrap []string
	Flows     []Flow
}

// MirrorMaker is a running MirrorMaker.
type MirrorMaker struct {
	process *artifacts.Process
	dir     string
}

// Start starts MirrorMaker. Its log goes to the given file. The caller closes it.
func Start(ctx context.Context, o Options, log string) (*MirrorMaker, error) {
	java, err := artifacts.Java()
	if err != nil {
		return nil, err
	}
	classpath, err := artifacts.Classpath(ctx, "mirrormaker", Version,
		"org.apache.kafka:connect-mirror:"+Version, "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mirrormaker-")
	if err != nil {
		return nil, err
	}
	properties, logging := filepath.Join(dir, "mm2.properties"), filepath.Join(dir, "logging.properties")
	err = errors.Join(
		os.WriteFile(properties, []byte(o.properties()), 0o600),
		os.WriteFile(logging, []byte(strings.Join([]string{
			"status = error",
			"appender.err.type = Console", "appender.err.name = err", "appender.err.target = SYSTEM_ERR",
			"appender.err.layout.type = PatternLayout", "appender.err.layout.pattern = [%d] %p %m (%c)%n",
			"rootLogger.level = warn", "rootLogger.appenderRef.err.ref = err",
		}, "\n")), 0o600))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	process, err := artifacts.Start(artifacts.Command{
		Name: "MirrorMaker", Path: java, Dir: dir, Log: log,
		Args: []string{
			"-Xmx320m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
			"-Dlog4j2.configurationFile=" + logging, "-cp", filepath.Join(classpath, "*"),
			"org.apache.kafka.connect.mirror.MirrorMaker", properties,
		},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &MirrorMaker{process, dir}, nil
}

// Close ends the process.
func (m *MirrorMaker) Close() error {
	m.process.Kill()
	return os.RemoveAll(m.dir)
}

// Done is closed when the process has ended.
func (m *MirrorMaker) Done() <-chan struct{} { return m.process.Done() }

// Tail returns the end of the log.
func (m *MirrorMaker) Tail() string { return m.process.Tail(3000) }

// properties returns the configuration: everything as fast as it goes, the
// rest as it is by default.
func (o Options) properties() string {
	p := map[string]string{
		o.Target + ".bootstrap.servers":           strings.Join(o.Bootstrap, ","),
		"replication.factor":                      "1",
		"checkpoints.topic.replication.factor":    "1",
		"heartbeats.topic.replication.factor":     "1",
		"offset-syncs.topic.replication.factor":   "1",
		"offset.storage.replication.factor":       "1",
		"status.storage.replication.factor":       "1",
		"config.storage.replication.factor":       "1",
		"config.storage.partitions":               "1",
		"offset.storage.partitions":               "1",
		"status.storage.partitions":               "1",
		"dedicated.mode.enable.internal.rest":     "false",
		"refresh.topics.interval.seconds":         "1",
		"refresh.groups.interval.seconds":         "1",
		"emit.checkpoints.interval.seconds":       "1",
		"emit.heartbeats.interval.seconds":        "1",
		"sync.topic.configs.enabled":              "false",
		"offset.flush.interval.ms":                "1000",
		"scheduled.rebalance.max.delay.ms":        "0",
		"tasks.max":                               "1",
		"connector.client.config.override.policy": "All",
		"consumer.auto.offset.reset":              "earliest",
		"groups":                                  ".*",
		"consumer.fetch.max.wait.ms":              "100",
		"emit.offset-syncs.enabled":               "true",
		"offset-syncs.topic.location":             "source",
		"producer.compression.type":               "lz4", // in other batches and another codec than the source's
	}
	clusters := []string{o.Target}
	for _, f := range o.Flows {
		clusters = append(clusters, f.Alias)
		flow := f.Alias + "->" + o.Target
		p[f.Alias+".bootstrap.servers"] = strings.Join(f.Bootstrap, ",")
		p[flow+".enabled"], p[flow+".topics"] = "true", f.Topics
		p[o.Target+"->"+f.Alias+".enabled"] = "false"
		if f.Identity {
			p[flow+".replication.policy.class"] = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
		}
	}
	p["clusters"] = strings.Join(clusters, ",")
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(p)) {
		lines = append(lines, key+" = "+p[key])
	}
	return strings.Join(lines, "\n") + "\n"
}
