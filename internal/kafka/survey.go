package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// selection says which partitions are looked at.
type selection struct {
	all      bool               // those that a group has committed offsets for
	topics   []string           // sorted
	only     []int32            // with one topic: these partitions; nil means all
	explicit map[string][]int32 // instead: exactly these partitions of the topics
	right    int32              // operation that is needed on the topics; 0 for none
	lenient  bool               // leave out what is gone, and leaders that are missing as -1
	mirrors  bool               // look whether MirrorMaker mirrors the topics
}

// place is where the selected partitions are.
type place struct {
	*wire.Metadata
	ids       map[string]string // of the topics, by name; nil if the brokers tell none (before Kafka 2.8)
	rows      []row
	missing   []string       // lenient: topics and partitions that do not exist
	narrowed  []string       // explicit: topics that have more partitions than were selected
	forbidden []string       // lenient: topics that may not be described
	sizes     map[string]int // partitions by topic
	mirrors   []string       // the aliases of the clusters that MirrorMaker mirrors here
}

// locate finds the selected partitions and their leaders with one metadata
// request. What is not there is asked for again for a moment, since it may
// still be on its way to the brokers; then it is an error, unless the selection
// is lenient.
func (c cluster) locate(ctx context.Context, s selection) (*place, error) {
	p, err := wire.Retry(ctx, c.Times.Settling, func() (*place, error) {
		asked := s.topics
		var beside []string
		if s.mirrors {
			beside = mirrorsOf(s.topics)
			asked = slices.Concat(asked, beside)
		}
		v, err := c.Metadata(ctx, asked)
		if err != nil {
			return nil, err
		}
		mirrors := mirrored(v, beside)
		p, err := s.place(v)
		if p != nil {
			p.mirrors = mirrors
		}
		return p, err
	})
	if p != nil && ctx.Err() == nil {
		return p, nil // it is as lenient as was asked for
	}
	return p, err
}

// mirrored takes the topics that were asked for beside the others out of the
// metadata, and returns the aliases of those that are there.
func mirrored(m *wire.Metadata, beside []string) (aliases []string) {
	m.Topics = slices.DeleteFunc(m.Topics, func(t *sarama.TopicMetadata) bool {
		if !slices.Contains(beside, t.Name) {
			return false
		}
		if t.Err == sarama.ErrNoError {
			aliases = append(aliases, strings.TrimSuffix(t.Name, checkpointsSuffix))
		}
		return true
	})
	return aliases
}

// sortPartitions sorts a topic's partitions, whose numbers usually are 0 to
// their count: then each has its place, which spares the comparisons.
func sortPartitions(partitions []*sarama.PartitionMetadata) {
	ordered := make([]*sarama.PartitionMetadata, len(partitions))
	for _, p := range partitions {
		if p.ID < 0 || int(p.ID) >= len(ordered) || ordered[p.ID] != nil {
			slices.SortFunc(partitions, func(a, b *sarama.PartitionMetadata) int { return int(a.ID) - int(b.ID) })
			return
		}
		ordered[p.ID] = p
	}
	copy(partitions, ordered)
}

// place sorts what the metadata tells into rows.
func (s selection) place(v *wire.Metadata) (*place, error) {
	p := &place{Metadata: v, sizes: make(map[string]int, len(v.Topics))}
	var absent, unknown, leaderless, unreadable, electing []string
	slices.SortFunc(v.Topics, func(a, b *sarama.TopicMetadata) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range v.Topics {
		switch t.Err {
		case sarama.ErrNoError:
		case sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic:
			absent = append(absent, t.Name)
			continue
		case sarama.ErrTopicAuthorizationFailed:
			p.forbidden = append(p.forbidden, t.Name)
			continue
		case sarama.ErrLeaderNotAvailable:
			electing = append(electing, t.Name)
			continue
		default:
			return nil, wire.Refused(fmt.Sprintf("Look up topic %q", t.Name), t.Err)
		}
		if s.right != 0 && !may(t.TopicAuthorizedOperations, s.right) {
			unreadable = append(unreadable, t.Name)
		}
		if t.Uuid != (sarama.Uuid{}) {
			if p.ids == nil {
				p.ids = map[string]string{}
			}
			p.ids[t.Name] = t.Uuid.String()
		}
		p.sizes[t.Name] = len(t.Partitions)
		sortPartitions(t.Partitions)
		wanted := s.wanted(t)
		if s.explicit != nil && len(wanted) < len(t.Partitions) {
			p.narrowed = append(p.narrowed, t.Name)
		}
		chosen, next := wanted != nil, 0
		if !chosen {
			p.rows = slices.Grow(p.rows, len(t.Partitions))
		}
		for _, m := range t.Partitions {
			for next < len(wanted) && wanted[next] < m.ID {
				unknown = append(unknown, name(t.Name, wanted[next]))
				next++
			}
			if chosen && (next == len(wanted) || wanted[next] != m.ID) {
				continue
			}
			next++
			leader := m.Leader
			if m.Err == sarama.ErrLeaderNotAvailable || m.Err == sarama.ErrListenerNotFound || leader < 0 {
				leader = -1
				leaderless = append(leaderless, name(t.Name, m.ID))
			}
			p.rows = append(p.rows, newRow(t.Name, m.ID, leader))
		}
		if chosen {
			for ; next < len(wanted); next++ {
				unknown = append(unknown, name(t.Name, wanted[next]))
			}
		}
	}
	switch {
	case s.lenient && len(electing) > 0:
		// They have no partitions to tell of yet, and are not gone.
		return nil, wire.Transient(wire.NoLeader(electing...))
	case s.lenient:
		p.missing = slices.Concat(absent, unknown)
		if len(p.missing) > 0 {
			return p, wire.Transient(wire.TopicsMissing(p.missing...))
		}
	case len(p.forbidden) > 0:
		return nil, wire.NoRight("DESCRIBE", "topic", p.forbidden...)
	case len(absent) > 0:
		return nil, wire.Transient(wire.TopicsMissing(absent...))
	case len(unknown) > 0:
		return nil, wire.Transient(partitionsMissing(unknown))
	case len(electing) > 0:
		return nil, wire.Transient(wire.NoLeader(electing...))
	case len(leaderless) > 0:
		return nil, wire.Transient(wire.NoLeader(leaderless...))
	}
	if len(unreadable) > 0 {
		return nil, wire.NoRight("READ", "topic", unreadable...)
	}
	return p, nil
}

// wanted returns the numbers of the topic's partitions in scope, sorted, or
// nil for all of them.
func (s selection) wanted(t *sarama.TopicMetadata) []int32 {
	if s.explicit != nil {
		return append([]int32{}, s.explicit[t.Name]...)
	}
	return s.only
}

func partitionsMissing(partitions []string) error {
	what := "Partition %s does not exist"
	if len(partitions) > 1 {
		what = "Partitions %s do not exist"
	}
	return &offset.Error{
		Code: offset.PartitionGone,
		What: fmt.Sprintf(what, listed(partitions)),
		Next: "Check the partition numbers; they begin with 0.",
	}
}

// survey is what one look at the cluster showed of a group and the partitions
// in scope.
type survey struct {
	clusterID   string
	coordinator *coordinator
	group       *group
	rows        []row
	place       *place // nil if there is no partition in scope
	all         bool
	narrowed    []string  // topics that all_topics covers in part
	times       []int64   // by row: where the record of a snapshot is to be looked for, by its time; None if that is not known
	at          time.Time // when it was looked at
	instant     time.Time // that a time target means; zero for others
	reused      bool      // the logs were looked at for another plan, before this one
}

// survey looks at everything that a request needs. Named topics cost one
// metadata request; beside it the coordinator is found and describes the
// group; then the group's offsets are read while the leaders tell the bounds.
// With all topics, those are read from the committed offsets first.
func (c *Client) survey(ctx context.Context, req offset.Request) (*survey, error) {
	s := &survey{at: c.clock.Now()}
	is, err := typeOf(req.GroupType)
	if err != nil {
		return nil, err
	}
	if s.instant, err = instantOf(req.Target, s.at); err != nil {
		return nil, err
	}
	if s.coordinator, err = c.cluster.coordinator(ctx, req.Group, is); err != nil {
		return nil, err
	}
	sel := selectionOf(req)
	if err := s.coordinator.refuseInternal(sel.topics); err != nil {
		return nil, err
	}
	s.all = sel.all
	key := ""
	if req.Recent {
		key = keyOf(req, sel)
	}
	var source *coordinator
	if req.Target.Kind == offset.ToGroup {
		if source, err = c.cluster.coordinator(ctx, req.Target.Group, consumerType{}); err != nil {
			return nil, err
		}
	}
	err = wire.Parallel(ctx,
		func(ctx context.Context) (err error) {
			s.group, err = s.coordinator.describe(ctx)
			return err
		},
		func(ctx context.Context) error {
			var p *place
			var err error
			if key != "" {
				p, err = c.shared(ctx, s, key, sel, req)
			} else {
				p, err = c.partitions(ctx, s, sel, source)
			}
			if err != nil || p == nil {
				return err
			}
			s.place, s.rows, s.clusterID, s.narrowed = p, p.rows, p.ClusterID, p.narrowed
			var steps []func(context.Context) error
			if key == "" {
				probes := probesOf(req, s.instant)
				steps = append(steps, func(ctx context.Context) error { return c.cluster.bounds(ctx, p.Metadata, s.rows, probes...) })
			}
			if !sel.all || source != nil {
				steps = append(steps, func(ctx context.Context) error {
					return s.coordinator.committed(ctx, s.rows, ofGroup)
				})
			}
			if req.Target.Kind == offset.ToSnapshot {
				steps = append(steps, func(ctx context.Context) error {
					s.times = slices.Repeat([]int64{offset.None}, len(s.rows))
					return c.cluster.lookUp(ctx, p.Metadata, s.rows, instants(p, req.Target, req.Scope.Topics), func(row int, at int64) { s.times[row] = at })
				})
			}
			if !sel.all && source != nil {
				steps = append(steps, func(ctx context.Context) error {
					return source.committed(ctx, s.rows, ofSource)
				})
			}
			return wire.Parallel(ctx, steps...)
		},
	)
	if err != nil {
		return nil, err
	}
	if s.place != nil {
		if err := c.cluster.afterwards(ctx, s.coordinator, s.place.Metadata, s.rows); err != nil {
			return nil, err
		}
	}
	return s, unbounded(s.rows)
}

// probesOf returns what leaders are asked for a request.
func probesOf(req offset.Request, instant time.Time) []probe {
	probes := []probe{startProbe(), endProbe(req.Isolation)}
	if !instant.IsZero() {
		probes = append(probes, timeProbe(milliseconds(instant), req.Isolation))
	}
	return probes
}

// shared finds the partitions in scope and their bounds, or takes those that
// another preview has found a moment ago.
func (c *Client) shared(ctx context.Context, s *survey, key string, sel selection, req offset.Request) (*place, error) {
	sel.mirrors = true
	found, reused, err := c.looks.share(ctx, key, s.at, func(ctx context.Context, l *look) (err error) {
		l.instant = s.instant
		if l.place, err = c.cluster.locate(ctx, sel); err != nil {
			return err
		}
		if err := c.cluster.bounds(ctx, l.place.Metadata, l.place.rows, probesOf(req, l.instant)...); err != nil {
			return err
		}
		return unbounded(l.place.rows)
	})
	if err != nil {
		return nil, err
	}
	s.at, s.instant, s.reused = found.at, found.instant, reused
	return found.own(), nil
}

// partitions finds the partitions in scope. It returns nil if there are none,
// which only all topics can mean.
func (c *Client) partitions(ctx context.Context, s *survey, sel selection, source *coordinator) (_ *place, err error) {
	sel.mirrors = true
	var found []row
	if sel.all {
		owner := s.coordinator
		if source != nil {
			owner = source
		}
		blocks, err := owner.fetch(ctx, nil)
		if err != nil {
			return nil, err
		}
		found = s.coordinator.leaveInternal(rowsOf(blocks), source)
		sel.topics, sel.explicit = topicsOf(found), partitionsOf(found)
	}
	if len(sel.topics) == 0 {
		s.clusterID, err = c.cluster.ID(ctx)
		return nil, err
	}
	p, err := c.cluster.locate(ctx, sel)
	if gone := (*offset.Error)(nil); sel.all && errors.As(err, &gone) && gone.Code == offset.TopicMissing {
		return nil, c.deletedTopics(ctx, cmp.Or(source, s.coordinator), sel, gone)
	}
	if err != nil {
		return nil, err
	}
	if sel.all && len(found) != len(p.rows) {
		return nil, &offset.Error{Code: offset.Failed, What: "The brokers told other partitions than were asked for"}
	}
	for i := range found {
		if source != nil {
			p.rows[i].source = found[i].committed
		} else {
			p.rows[i].committed = found[i].committed
		}
	}
	return p, nil
}

// deletedTopics tells that a group still has offsets of topics that do not
// exist, which all topics therefore cannot mean. It names the topics that do.
func (c *Client) deletedTopics(ctx context.Context, group *coordinator, sel selection, missing *offset.Error) error {
	sel.lenient = true
	p, err := c.cluster.locate(ctx, sel)
	if err != nil {
		return missing
	}
	gone := slices.DeleteFunc(slices.Clone(sel.topics), func(t string) bool {
		_, there := p.sizes[t]
		return there || slices.Contains(p.forbidden, t)
	})
	next := "No other topic is left to reset."
	if left := topicsOf(p.rows); len(left) > 0 {
		next = "Name the others with topics instead of all_topics: " + wire.Quoted(left) + "."
	}
	return &offset.Error{
		Code: offset.TopicMissing,
		What: fmt.Sprintf("%s still has committed offsets of topics that do not exist any more: %s", offset.Capital(group.called()), wire.Quoted(gone)),
		Next: next + " The broker drops such offsets some time after it has deleted the topic; kafka-consumer-groups --delete-offsets removes them at once.",
	}
}

// missing tells whether the group neither exists nor has any offset. What is
// in scope is known already; the rest is asked for only in doubt.
func (s *survey) missing(ctx context.Context) (bool, error) {
	if s.group.exists {
		return false, nil
	}
	for i := range s.rows {
		if s.rows[i].committed.offset >= 0 {
			return false, nil
		}
	}
	blocks, err := s.coordinator.fetch(ctx, nil)
	if err != nil {
		return false, err
	}
	return len(rowsOf(blocks)) == 0, nil
}
