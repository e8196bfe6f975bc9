package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// TakenSnapshot is a snapshot and what a reader of it should know.
type TakenSnapshot struct {
	*offset.Snapshot
	Notes []string // one sentence each
}

// Snapshot tells where a consumer group is, and between which records, so that
// its place can be found on another cluster. Topics are those to look at; nil
// means all that the group has committed offsets for. It writes nothing. It
// needs the right DESCRIBE on the group and READ on the topics.
func (c *Client) Snapshot(ctx context.Context, group string, topics []string) (*TakenSnapshot, error) {
	if group == "" || slices.Contains(topics, "") {
		return nil, &offset.Error{Code: offset.InvalidArgument, What: "A consumer group and topics need names"}
	}
	const tries = 3
	for try := 1; ; try++ {
		s, err := c.snapshot(ctx, group, topics)
		if !trimmed(err) || try == tries {
			return s, told(err)
		}
	}
}

func (c *Client) snapshot(ctx context.Context, id string, topics []string) (*TakenSnapshot, error) {
	g, err := c.cluster.coordinator(ctx, id, consumerType{})
	if err != nil {
		return nil, err
	}
	return c.snapshotAs(ctx, g, topics)
}

// snapshotAs takes a snapshot of a group of the coordinator's type, or of the
// type that it turns out to be.
func (c *Client) snapshotAs(ctx context.Context, g *coordinator, topics []string) (*TakenSnapshot, error) {
	// The offsets come first, and the logs after them: then every committed
	// offset lies within the bounds, and what is told of it is no older.
	var (
		kind    *group
		blocks  blocks
		p       *place
		located error
	)
	locate := func(ctx context.Context) {
		p, located = c.cluster.locate(ctx, selection{topics: topics, right: opRead})
	}
	steps := []func(context.Context) error{
		func(ctx context.Context) (err error) {
			kind, err = g.describe(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			blocks, err = g.fetch(ctx, nil)
			return err
		},
	}
	all := len(topics) == 0
	if !all {
		topics = slices.Compact(slices.Sorted(slices.Values(topics)))
		steps = append(steps, func(ctx context.Context) error {
			locate(ctx)
			return located
		})
	}
	if err := wire.Parallel(ctx, steps...); err != nil {
		return nil, err
	}
	if is := kind.other(); is != nil && g.is == (consumerType{}) {
		return c.snapshotAs(ctx, g.as(is), topics)
	}
	if err := kind.refuseKind(); err != nil {
		return nil, err
	}
	s := &TakenSnapshot{Snapshot: &offset.Snapshot{Group: g.Name, TakenAt: c.clock.Now(), Salt: offset.NewSalt()}}
	if g.share() {
		s.Notes = append(s.Notes, shareSnapshotNote)
	}
	if all {
		s.Notes = append(s.Notes, "The topics are those with committed offsets that may be described: the broker leaves others out without saying so.")
		if topics = topicsOf(g.leaveInternal(rowsOf(blocks), nil)); len(topics) == 0 {
			return nil, groupMissing(g.Name, g.is.name())
		}
		locate(ctx)
		if gone := (*offset.Error)(nil); errors.As(located, &gone) && gone.Code == offset.TopicMissing {
			p, located = c.remaining(ctx, s, topics)
		}
		if located != nil {
			return nil, located
		}
	}
	topics = topicsOf(p.rows)
	s.ClusterID = p.ClusterID
	if err := g.spread(p.rows, blocks, ofGroup); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.rows, func(r row) bool { return r.committed.offset >= 0 }) {
		return nil, &offset.Error{
			Code: offset.NoOffset,
			What: fmt.Sprintf("%s has no committed offset in %s, so that there is nothing to keep", offset.Capital(g.called()), wire.Quoted(topics)),
			Next: "Check the group's name and the topics.",
		}
	}
	if err := c.cluster.bounds(ctx, p.Metadata, p.rows, startProbe(), endProbe(offset.ReadUncommitted)); err != nil {
		return nil, err
	}
	if err := unbounded(p.rows); err != nil {
		return nil, err
	}
	places, err := c.places(ctx, p, s.Snapshot)
	if err != nil {
		return nil, err
	}
	s.fill(p, places)
	return s, nil
}

// remaining finds the topics that are still there of those that the group has
// offsets for, and tells which are not.
func (c *Client) remaining(ctx context.Context, s *TakenSnapshot, topics []string) (*place, error) {
	found, err := c.cluster.locate(ctx, selection{topics: topics, lenient: true})
	switch {
	case err != nil:
		return nil, err
	case len(found.forbidden) > 0:
		return nil, wire.NoRight("READ", "topic", found.forbidden...)
	}
	left := topicsOf(found.rows)
	if len(left) == 0 {
		return nil, wire.TopicsMissing(topics...)
	}
	s.Notes = append(s.Notes, fmt.Sprintf("The group has offsets in %s, which do not exist any more: left out.", wire.Listed(found.missing)))
	return c.cluster.locate(ctx, selection{topics: left, right: opRead})
}

// fill puts what was found into the snapshot, and tells what will be missed.
func (s *TakenSnapshot) fill(p *place, places []offset.Place) {
	var lost []string
	for i := range p.rows {
		r := &p.rows[i]
		if len(s.Topics) == 0 || s.Topics[len(s.Topics)-1].Name != r.topic {
			s.Topics = append(s.Topics, offset.SnapshotTopic{Name: r.topic, ID: p.ids[r.topic]})
		}
		t := &s.Topics[len(s.Topics)-1]
		if places[i].Lost() {
			lost = append(lost, name(r.topic, r.id))
		}
		t.Partitions = append(t.Partitions, places[i])
	}
	if len(lost) > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("The committed offset is outside of the log in %s: there is no record to find on another cluster.", wire.Listed(lost)))
	}
}

// places finds the records beside each committed offset.
func (c *Client) places(ctx context.Context, p *place, s *offset.Snapshot) ([]offset.Place, error) {
	places := make([]offset.Place, len(p.rows))
	var readers []*reader
	for i := range p.rows {
		r := &p.rows[i]
		places[i] = offset.Place{Committed: r.committed.offset, Metadata: r.committed.metadata, Start: r.start, End: r.end}
		if r.committed.offset < 0 || places[i].Lost() || r.start == r.end {
			continue
		}
		n := &neighbours{snapshot: s, place: &places[i]}
		readers = append(readers, n.reader(i))
	}
	return places, c.cluster.read(ctx, p.Metadata, p.rows, readers)
}

// neighbours looks for the records beside a committed offset: forward for the
// next one, past markers and what compaction has removed; then back, in steps
// of 1, 2, 4, …, for the last one before it. What is committed − 1 may be a
// marker, or compacted away. Where there is no next one, the one before the
// last is looked for too.
type neighbours struct {
	snapshot *offset.Snapshot
	place    *offset.Place
	before   []fetched // the last ones before the committed offset, sorted, two at most
	found    []fetched // the same, of the window that is being read
	low      int64     // from here to the committed offset all is known
	back     bool      // reading back, from below low up to it
	step     int64
}

func (n *neighbours) reader(row int) *reader {
	n.low = max(n.place.Start, n.place.Committed-2)
	n.step = 2
	return &reader{row: row, from: n.low, take: n.take}
}

func (n *neighbours) take(r *reader, got []fetched) bool {
	p := n.place
	for i := range got {
		f := &got[i]
		switch {
		case f.offset < p.Start:
			// It was deleted: the log begins within its batch.
		case f.offset < p.Committed && (!n.back || f.offset < n.low):
			n.found = append(n.found[max(0, len(n.found)-1):], *f)
		case f.offset >= p.Committed && p.Next == nil:
			p.Next = n.mark(f)
		}
	}
	switch {
	case !n.back && p.Next == nil && r.from < p.End:
		return true
	case n.back && r.from < n.low:
		return true
	}
	n.before = append(n.found, n.before...)
	n.before = n.before[max(0, len(n.before)-2):]
	n.found = nil
	if n.back {
		n.low = max(p.Start, p.Committed-n.step)
	}
	wanted := 1
	if p.Next == nil {
		wanted = 2
	}
	if len(n.before) < wanted && n.low > p.Start {
		n.back, n.step = true, n.step*2
		r.from = max(p.Start, p.Committed-n.step)
		return true
	}
	if have := len(n.before); have > 0 {
		p.Last = n.mark(&n.before[have-1])
		if have > 1 && p.Next == nil {
			p.Before = n.mark(&n.before[have-2])
		}
	}
	return false
}

func (n *neighbours) mark(f *fetched) *offset.Mark {
	return &offset.Mark{Offset: f.offset, Time: f.time, Fingerprint: n.snapshot.Fingerprint(f.key, f.value)}
}
