package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// probe is one question of ListOffsets, asked of all partitions.
type probe struct {
	timestamp int64 // sarama.OffsetOldest, sarama.OffsetNewest, or Unix ms
	isolation sarama.IsolationLevel
	into      func(r *row, at int64, epoch int32)
}

func startProbe() probe {
	return probe{sarama.OffsetOldest, sarama.ReadUncommitted, func(r *row, at int64, epoch int32) {
		r.start, r.startEpoch = at, epoch
	}}
}

func endProbe(isolation offset.Isolation) probe {
	return probe{sarama.OffsetNewest, level(isolation), func(r *row, at int64, epoch int32) {
		r.end, r.endEpoch = at, epoch
	}}
}

func timeProbe(ms int64, isolation offset.Isolation) probe {
	return probe{ms, level(isolation), func(r *row, at int64, epoch int32) {
		r.match, r.matchEpoch = at, epoch
	}}
}

func level(isolation offset.Isolation) sarama.IsolationLevel {
	if isolation == offset.ReadCommitted {
		return sarama.ReadCommitted
	}
	return sarama.ReadUncommitted
}

// bounds asks the leaders for the probes, all at the same time: one request
// for each leader and probe. Each probe writes its own fields of the rows.
func (c *cluster) bounds(ctx context.Context, v *view, rows []row, probes ...probe) error {
	if len(rows) == 0 {
		return nil
	}
	steps := make([]func(context.Context) error, len(probes))
	for i, p := range probes {
		steps[i] = func(ctx context.Context) error { return c.listOffsets(ctx, v, rows, p) }
	}
	return parallel(ctx, steps...)
}

// listOffsets asks one probe of all rows' leaders. Partitions whose leader has
// moved or died are asked again at the new one.
func (c *cluster) listOffsets(ctx context.Context, v *view, rows []row, p probe) error {
	pending := make([]leading, len(rows))
	for i := range rows {
		pending[i] = leading{i, rows[i].leader}
	}
	brokers := v.brokers
	first := true
	var without time.Time // since when some have no leader
	_, err := retry(ctx, c.failover, func() (_ struct{}, err error) {
		if !first {
			var lost []string
			if brokers, lost, err = c.relocate(ctx, rows, pending); err != nil {
				return struct{}{}, err
			}
			if len(lost) > 0 {
				// Its brokers are known to be gone: no more than an election
				// is waited for.
				if without.IsZero() {
					without = time.Now()
				}
				if time.Since(without) > c.propagation.total {
					return struct{}{}, noLeader(lost)
				}
				return struct{}{}, again(noLeader(lost))
			}
		}
		first = false
		pending, err = c.listRound(ctx, brokers, rows, pending, p)
		return struct{}{}, err
	})
	return err
}

// leading is a row's index and the broker that leads its partition.
type leading struct {
	row    int
	leader int32
}

// listRound asks all leaders once and returns what has to be asked again,
// beside a transient error that says why.
func (c *cluster) listRound(ctx context.Context, brokers map[int32]string, rows []row, pending []leading, p probe) ([]leading, error) {
	slices.SortStableFunc(pending, func(a, b leading) int { return int(a.leader) - int(b.leader) })
	type part struct {
		retry []leading
		why   error
	}
	var shares [][]leading
	for from := 0; from < len(pending); {
		to := from + 1
		for to < len(pending) && pending[to].leader == pending[from].leader {
			to++
		}
		shares = append(shares, pending[from:to])
		from = to
	}
	parts := make([]part, len(shares))
	steps := make([]func(context.Context) error, len(shares))
	for i, share := range shares {
		steps[i] = func(ctx context.Context) (err error) {
			parts[i].retry, parts[i].why, err = c.listFrom(ctx, brokers[share[0].leader], rows, share, p)
			return err
		}
	}
	if err := parallel(ctx, steps...); err != nil {
		return nil, err
	}
	var rest []leading
	var why error
	for _, part := range parts {
		rest = append(rest, part.retry...)
		if part.why != nil {
			why = part.why
		}
	}
	if why != nil {
		return rest, again(why)
	}
	return nil, nil
}

// listFrom asks one leader for its share.
func (c *cluster) listFrom(ctx context.Context, addr string, rows []row, share []leading, p probe) (rest []leading, why, err error) {
	const doing = "List the offsets of %s"
	if addr == "" {
		r := &rows[share[0].row]
		return share, refused(fmt.Sprintf(doing, name(r.topic, r.id)), sarama.ErrLeaderNotAvailable), nil
	}
	resp, err := call(ctx, c, addr, func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
		req := sarama.NewOffsetRequest(c.conf.Version)
		req.IsolationLevel = p.isolation
		for _, l := range share {
			req.AddBlock(rows[l.row].topic, rows[l.row].id, p.timestamp, 1)
		}
		return b.GetAvailableOffsets(req)
	})
	var gone *broken
	if errors.As(err, &gone) && !hopeless(gone) {
		return share, unreachable([]error{err}), nil
	}
	if err != nil {
		return nil, nil, err
	}
	var topic string
	var blocks map[int32]*sarama.OffsetResponseBlock
	for _, l := range share {
		r := &rows[l.row]
		if r.topic != topic || blocks == nil {
			topic, blocks = r.topic, resp.Blocks[r.topic]
		}
		block := blocks[r.id]
		code := sarama.ErrUnknown
		if block != nil {
			code = block.Err
		}
		switch {
		case code == sarama.ErrNoError:
			epoch := block.LeaderEpoch
			if resp.Version < 4 {
				epoch = -1
			}
			p.into(r, block.Offset, epoch)
		case moved(code):
			rest, why = append(rest, l), refused(fmt.Sprintf(doing, name(r.topic, r.id)), code)
		case code == sarama.ErrTopicAuthorizationFailed:
			return nil, nil, noRight("DESCRIBE", "topic", r.topic)
		case code == sarama.ErrUnsupportedForMessageFormat:
			return nil, nil, &offset.Error{
				Code: offset.Unsupported,
				What: fmt.Sprintf("Partition %s holds records of a format without times (before Kafka 0.10)", name(r.topic, r.id)),
				Next: "Give an offset or a position instead of a time.",
			}
		default:
			return nil, nil, refused(fmt.Sprintf(doing, name(r.topic, r.id)), code)
		}
	}
	return rest, why, nil
}

// moved tells whether a code means that another broker leads the partition, or
// will soon: the metadata has to be asked for again.
func moved(code sarama.KError) bool {
	switch code {
	case sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrReplicaNotAvailable,
		sarama.ErrUnknownTopicOrPartition, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrOffsetNotAvailable, sarama.ErrKafkaStorageError, sarama.ErrRequestTimedOut, sarama.ErrNetworkException:
		return true
	}
	return false
}

// relocate looks up the leaders of the pending rows anew, and names the
// partitions that have none.
func (c *cluster) relocate(ctx context.Context, rows []row, pending []leading) (brokers map[int32]string, lost []string, err error) {
	var topics []string
	for _, l := range pending {
		topics = append(topics, rows[l.row].topic)
	}
	slices.Sort(topics)
	v, err := c.metadata(ctx, slices.Compact(topics))
	if err != nil {
		var e *offset.Error
		if errors.As(err, &e) && e.Code == offset.Unreachable && !hopeless(err) {
			return nil, nil, again(err)
		}
		return nil, nil, err
	}
	leaders := map[string]map[int32]int32{}
	for _, t := range v.topics {
		if t.Err == sarama.ErrUnknownTopicOrPartition {
			return nil, nil, topicsMissing(t.Name)
		}
		of := make(map[int32]int32, len(t.Partitions))
		for _, p := range t.Partitions {
			of[p.ID] = p.Leader
		}
		leaders[t.Name] = of
	}
	for i := range pending {
		r := &rows[pending[i].row]
		leader, ok := leaders[r.topic][r.id]
		if !ok || leader < 0 {
			leader = -1
			lost = append(lost, name(r.topic, r.id))
		}
		pending[i].leader = leader
	}
	return v.brokers, lost, nil
}

func topicsMissing(topics ...string) error {
	noun := "Topic " + quoted(topics) + " does not exist"
	if len(topics) > 1 {
		noun = "Topics " + quoted(topics) + " do not exist"
	}
	return &offset.Error{
		Code: offset.TopicMissing,
		What: noun + ", or the right DESCRIBE on it is missing",
		Next: "Check the spelling and the cluster. If the same configuration creates the topic, let the reset depend on it.",
	}
}

func noLeader(partitions []string) error {
	return &offset.Error{
		Code: offset.NoLeader,
		What: "No broker leads " + listed(partitions),
		Next: "Bring its brokers back, or leave the partition out of the scope.",
	}
}
