package kafkacluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Apache's command-line tools, by the class that each script runs.
const (
	GroupTool   = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"     // kafka-consumer-groups.sh
	ConfigTool  = "org.apache.kafka.tools.ConfigCommand,kafka.admin.ConfigCommand" // kafka-configs.sh, since 4.4 and before
	TopicTool   = "org.apache.kafka.tools.TopicCommand"                            // kafka-topics.sh
	ShareTool   = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"        // kafka-share-groups.sh, 4.1+
	StreamsTool = "org.apache.kafka.tools.streams.StreamsGroupCommand"             // kafka-streams-groups.sh, 4.2+
)

// RunTool runs one of Apache's tools, with --bootstrap-server added, and
// returns what it prints. Its error is what it prints to stderr when its exit
// status is not 0. The tools report most failures with status 0, on stdout.
func (c *Cluster) RunTool(ctx context.Context, class string, args ...string) (stdout string, err error) {
	h, err := c.shared()
	if err != nil {
		return "", err
	}
	args = append([]string{"--bootstrap-server", strings.Join(c.Bootstrap(), ",")}, args...)
	a, err := h.ask(ctx, request{Op: "tool", Class: class, Args: args})
	if err != nil {
		return "", err
	}
	if a.Exit != 0 {
		return a.Out, fmt.Errorf("exit status %d: %s", a.Exit, strings.TrimSpace(a.Err))
	}
	return a.Out, nil
}

// toolTimeout is what the group tool is given, in milliseconds, in place of
// its 5 s, which a busy machine exceeds.
const toolTimeout = "60000"

// ResetByTool runs kafka-consumer-groups.sh --reset-offsets --execute with
// further arguments, and returns the new offsets that it reports.
func (c *Cluster) ResetByTool(ctx context.Context, group string, args ...string) (Offsets, error) {
	return c.resetBy(ctx, GroupTool, group, args)
}

func (c *Cluster) resetBy(ctx context.Context, tool, group string, args []string) (Offsets, error) {
	args = append([]string{"--timeout", toolTimeout, "--reset-offsets", "--execute", "--group", group}, args...)
	out, err := c.RunTool(ctx, tool, args...)
	if err != nil {
		return nil, fmt.Errorf("reset group %q with Apache's tool: %w", group, err)
	}
	offsets, err := parseReset(out)
	if err != nil {
		return nil, fmt.Errorf("reset group %q with Apache's tool: %w", group, err)
	}
	return offsets, nil
}

// OffsetsByTool runs kafka-consumer-groups.sh --describe --offsets and returns
// the committed offsets that it reports: Kafka's own view of the group.
func (c *Cluster) OffsetsByTool(ctx context.Context, group string) (Offsets, error) {
	out, err := c.RunTool(ctx, GroupTool, "--timeout", toolTimeout, "--describe", "--offsets", "--group", group)
	if err != nil {
		return nil, fmt.Errorf("describe group %q with Apache's tool: %w", group, err)
	}
	offsets, err := parseDescribe(out, "CURRENT-OFFSET")
	if err != nil {
		return nil, fmt.Errorf("describe group %q with Apache's tool: %w", group, err)
	}
	return offsets, nil
}

// ShareStartsByTool runs kafka-share-groups.sh --describe --offsets and returns
// the start offsets that it reports.
func (c *Cluster) ShareStartsByTool(ctx context.Context, group string) (Offsets, error) {
	out, err := c.RunTool(ctx, ShareTool, "--timeout", toolTimeout, "--describe", "--offsets", "--group", group)
	if err != nil {
		return nil, fmt.Errorf("describe share group %q with Apache's tool: %w", group, err)
	}
	offsets, err := parseDescribe(out, "START-OFFSET")
	if err != nil {
		return nil, fmt.Errorf("describe share group %q with Apache's tool: %w", group, err)
	}
	return offsets, nil
}

// ResetSharesByTool runs kafka-share-groups.sh --reset-offsets --execute with
// further arguments, and returns the new start offsets that it reports.
func (c *Cluster) ResetSharesByTool(ctx context.Context, group string, args ...string) (Offsets, error) {
	return c.resetBy(ctx, ShareTool, group, args)
}

// ResetStreamsByTool runs kafka-streams-groups.sh --reset-offsets --execute with
// further arguments, and returns the new offsets that it reports.
func (c *Cluster) ResetStreamsByTool(ctx context.Context, group string, args ...string) (Offsets, error) {
	return c.resetBy(ctx, StreamsTool, group, args)
}

// parseReset reads the table of new offsets that a reset prints. Before 4.0
// the tool ends none of its lines, so the columns are counted.
func parseReset(out string) (Offsets, error) {
	if err := reported(out); err != nil {
		return nil, err
	}
	fields := strings.Fields(out)
	at := slices.Index(fields, "NEW-OFFSET")
	const columns = 4
	if at != -1 && at < columns-1 || at == -1 && len(fields) > 0 {
		return nil, errors.New(strings.TrimSpace(out))
	}
	offsets := Offsets{}
	for row := range slices.Chunk(fields[at+1:], columns) {
		if len(row) != columns {
			return nil, fmt.Errorf("cannot read the row %q", row)
		}
		if err := add(offsets, row[1], row[2], row[3]); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// parseDescribe reads the offsets, which stand in the given column, in the
// tables that a description prints. A dash means that there is none.
func parseDescribe(out, offset string) (Offsets, error) {
	if err := reported(out); err != nil {
		return nil, err
	}
	offsets := Offsets{}
	var header []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case slices.Contains(fields, offset):
			header = fields
			continue
		case len(fields) == 0 || header == nil:
			continue // an empty line, or "Consumer group 'billing' has no active members."
		case len(fields) != len(header):
			return nil, fmt.Errorf("cannot read the row %q", fields)
		}
		column := func(name string) string {
			if i := slices.Index(header, name); i >= 0 {
				return fields[i]
			}
			return ""
		}
		if column(offset) == "-" {
			continue
		}
		if err := add(offsets, column("TOPIC"), column("PARTITION"), column(offset)); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// reported returns the error that the tool tells of on stdout, with status 0.
func reported(out string) error {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Error: ") {
			return errors.New(strings.TrimSpace(out))
		}
	}
	return nil
}

// add adds one offset to the others.
func add(offsets Offsets, topic, partition, offset string) error {
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return fmt.Errorf("cannot read partition %q of topic %q: %w", partition, topic, err)
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return fmt.Errorf("cannot read offset %q of %s/%d: %w", offset, topic, p, err)
	}
	if offsets[topic] == nil {
		offsets[topic] = map[int32]int64{}
	}
	offsets[topic][int32(p)] = o
	return nil
}
