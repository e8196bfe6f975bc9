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
	GroupTool  = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand" // kafka-consumer-groups.sh
	ConfigTool = "kafka.admin.ConfigCommand"                                  // kafka-configs.sh
	TopicTool  = "org.apache.kafka.tools.TopicCommand"                        // kafka-topics.sh
	ACLTool    = "kafka.admin.AclCommand"                                     // kafka-acls.sh
	ShareTool  = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"    // kafka-share-groups.sh, 4.1+
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
	args = append([]string{"--timeout", toolTimeout, "--reset-offsets", "--execute", "--group", group}, args...)
	out, err := c.RunTool(ctx, GroupTool, args...)
	if err != nil {
		return nil, fmt.Errorf("reset group %q with Apache's tool: %w", group, err)
	}
	offsets, err := parseTable(out, "NEW-OFFSET")
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
	offsets, err := parseTable(out, "CURRENT-OFFSET")
	if err != nil {
		return nil, fmt.Errorf("describe group %q with Apache's tool: %w", group, err)
	}
	return offsets, nil
}

// parseTable reads the offsets in the named column of the tables that the
// group tool prints, and fails with the tool's own words where it reports an
// error, which it does with exit status 0. A dash means no offset. Names of
// groups with spaces cannot be told from columns and are refused by count.
func parseTable(out, column string) (Offsets, error) {
	offsets := Offsets{}
	topicAt, partitionAt, offsetAt, columns := -1, -1, -1, 0
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Error: ") {
			return nil, errors.New(strings.TrimSpace(out))
		}
		fields := strings.Fields(line)
		if slices.Contains(fields, "TOPIC") && slices.Contains(fields, column) {
			columns = len(fields)
			topicAt, partitionAt, offsetAt = slices.Index(fields, "TOPIC"), slices.Index(fields, "PARTITION"), slices.Index(fields, column)
			continue
		}
		if topicAt < 0 || len(fields) == 0 {
			continue
		}
		if partitionAt < 0 || len(fields) != columns {
			return nil, fmt.Errorf("cannot read the line %q", strings.TrimSpace(line))
		}
		if fields[offsetAt] == "-" {
			continue
		}
		partition, err := strconv.ParseInt(fields[partitionAt], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("cannot read the line %q: %w", strings.TrimSpace(line), err)
		}
		offset, err := strconv.ParseInt(fields[offsetAt], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the line %q: %w", strings.TrimSpace(line), err)
		}
		topic := fields[topicAt]
		if offsets[topic] == nil {
			offsets[topic] = map[int32]int64{}
		}
		offsets[topic][int32(partition)] = offset
	}
	if topicAt < 0 && !strings.Contains(out, "has no offsets") && strings.TrimSpace(out) != "" {
		return nil, errors.New(strings.TrimSpace(out))
	}
	return offsets, nil
}
