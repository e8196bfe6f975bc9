package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func (c *Client) describeGroup(ctx context.Context, id string, topics []string) (*GroupInfo, error) {
	if id == "" || slices.Contains(topics, "") {
		return nil, &offset.Error{Code: offset.InvalidArgument, What: "A consumer group and topics need names"}
	}
	g, err := c.cluster.coordinator(ctx, id, consumerType{})
	if err != nil {
		return nil, told(err)
	}
	info, found, err := c.describeAs(ctx, g, topics)
	if err != nil {
		return nil, err
	}
	if is := found.other(); is != nil {
		if info, found, err = c.describeAs(ctx, g.as(is), topics); err != nil {
			return nil, err
		}
	}
	return info, found.refuseKind()
}

// other returns the type that the group is of instead of the one that it was
// asked for as; nil if it is of that, or of none that consumes.
func (g *group) other() groupType {
	switch g.kind {
	case string(offset.ConsumerGroup):
		return consumerType{}
	case shareGroup:
		return shareType{}
	case streamsGroup:
		return streamsType{}
	}
	return nil
}

// describeAs tells of a group of the coordinator's type, or what it is instead.
func (c *Client) describeAs(ctx context.Context, g *coordinator, topics []string) (*GroupInfo, *group, error) {
	var (
		info  = &GroupInfo{Group: g.Name, Type: g.is.name()}
		found *group
		place *place
		rows  []row
	)
	err := wire.Parallel(ctx,
		func(ctx context.Context) (err error) {
			found, err = g.describe(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			place, rows, err = c.inspect(ctx, g, topics)
			if err != nil {
				return err
			}
			if place == nil {
				info.ClusterID, err = c.cluster.ID(ctx)
				return err
			}
			info.ClusterID = place.ClusterID
			return nil
		})
	if err != nil {
		return nil, nil, told(err)
	}
	missing, err := (&survey{coordinator: g, group: found, rows: rows}).missing(ctx)
	if err != nil {
		return nil, nil, told(err)
	}
	info.Exists, info.State, info.Protocol, info.Members = !missing, found.state, found.protocol, found.members
	info.Partitions = make([]GroupPartition, len(rows))
	for i := range rows {
		info.Partitions[i] = rows[i].info()
	}
	if topics == nil {
		info.Notes = append(info.Notes, "The topics are those with committed offsets that may be described: the broker leaves others out without saying so.")
	}
	if place != nil && len(place.missing) > 0 {
		info.Notes = append(info.Notes, fmt.Sprintf("The group has offsets in %s, which do not exist any more.", listed(place.missing)))
	}
	return info, found, nil
}

// inspect finds the partitions to tell of with their bounds and the group's
// offsets. Named topics must exist; a partition without leader is told so.
func (c *Client) inspect(ctx context.Context, g *coordinator, topics []string) (*place, []row, error) {
	sel := selection{topics: slices.Compact(slices.Sorted(slices.Values(topics))), lenient: true}
	var found []row
	if topics == nil {
		blocks, err := g.fetch(ctx, nil)
		if err != nil {
			return nil, nil, err
		}
		found = rowsOf(blocks)
		sel.topics, sel.explicit = topicsOf(found), partitionsOf(found)
	}
	if len(sel.topics) == 0 {
		return nil, nil, nil
	}
	p, err := c.cluster.locate(ctx, sel)
	switch {
	case err != nil:
		return nil, nil, err
	case len(p.forbidden) > 0:
		return nil, nil, wire.NoRight("DESCRIBE", "topic", p.forbidden...)
	case topics != nil && len(p.missing) > 0:
		return nil, nil, wire.TopicsMissing(p.missing...)
	}
	led, without := split(p.rows)
	steps := []func(context.Context) error{func(ctx context.Context) error {
		return c.cluster.bounds(ctx, p.Metadata, led, startProbe(), endProbe(offset.ReadUncommitted))
	}}
	if topics != nil {
		steps = append(steps, func(ctx context.Context) error { return g.committed(ctx, led, ofGroup) })
	}
	if err := wire.Parallel(ctx, steps...); err != nil {
		return nil, nil, err
	}
	if len(without) > 0 && topics != nil {
		if err := g.committed(ctx, without, ofGroup); err != nil {
			return nil, nil, err
		}
	}
	rows := slices.Concat(led, without)
	slices.SortFunc(rows, compareRows)
	for i, n := 0, 0; topics == nil && i < len(rows); i++ {
		for compareRows(found[n], rows[i]) < 0 {
			n++
		}
		rows[i].committed = found[n].committed
	}
	return p, rows, nil
}

// split parts the rows into those with a leader and those without.
func split(rows []row) (led, without []row) {
	for _, r := range rows {
		if r.leader < 0 {
			without = append(without, r)
		} else {
			led = append(led, r)
		}
	}
	return led, without
}

func (r *row) info() GroupPartition {
	p := GroupPartition{Partition: r.partition(), Committed: r.committed.offset, Start: r.start, End: r.end, Lag: offset.None}
	switch {
	case r.leader < 0:
		p.Error = "no broker leads the partition"
	case r.start < 0 || r.end < 0:
		p.Error = "its leader tells no start or no end of the log"
	}
	switch c := r.committed; {
	case c.offset < 0:
	case c.apart:
		p.Lag = c.left
	case r.end >= 0:
		p.Lag = max(r.end-c.offset, 0)
	}
	return p
}

func (c *Client) topicOffsets(ctx context.Context, topics []string, target offset.Target, isolation offset.Isolation) (*TopicOffsets, error) {
	switch target.Kind {
	case offset.ToEarliest, offset.ToLatest, offset.ToTime, offset.ToLookback:
	default:
		return nil, &offset.Error{Code: offset.InvalidArgument, What: fmt.Sprintf("The target %q needs a consumer group", target.Kind)}
	}
	if err := check(offset.Request{Group: "-", Scope: offset.Scope{Topics: topics}, Target: target}); err != nil {
		return nil, err
	}
	now := c.clock.Now()
	instant, err := instantOf(target, now)
	if err != nil {
		return nil, err
	}
	p, err := c.cluster.locate(ctx, selection{topics: slices.Compact(slices.Sorted(slices.Values(topics)))})
	if err != nil {
		return nil, told(err)
	}
	probes := []probe{startProbe(), endProbe(isolation)}
	if !instant.IsZero() {
		probes = append(probes, timeProbe(milliseconds(instant), isolation))
	}
	if err := c.cluster.bounds(ctx, p.Metadata, p.rows, probes...); err != nil {
		return nil, told(err)
	}
	if err := unbounded(p.rows); err != nil {
		return nil, err
	}
	moves, _, err := resolve(target, offset.Clamp, p.rows)
	if err != nil {
		return nil, told(err)
	}
	offsets := &TopicOffsets{ClusterID: p.ClusterID, Instant: instant, Partitions: make([]TopicPartition, len(moves))}
	for i, m := range moves {
		offsets.Partitions[i] = TopicPartition{Partition: m.Partition, Offset: m.Offset, Start: m.Start, End: m.End}
	}
	offsets.Notes = instantNotes(p.rows, instant, now)
	return offsets, nil
}
