package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
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

// afterProbe asks for the end once more.
func afterProbe() probe {
	return probe{sarama.OffsetNewest, sarama.ReadUncommitted, func(r *row, at int64, _ int32) { r.after = at }}
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
func (c cluster) bounds(ctx context.Context, m *wire.Metadata, rows []row, probes ...probe) error {
	partitions := make([]wire.Led, len(rows))
	for i := range rows {
		partitions[i] = wire.Led{Partition: rows[i].partition(), Leader: rows[i].leader}
	}
	steps := make([]func(context.Context) error, len(probes))
	for i, p := range probes {
		steps[i] = func(ctx context.Context) error {
			return wire.AskLeaders(ctx, c.Cluster, m, partitions, wire.LeaderRequest[sarama.OffsetResponse]{
				API:   wire.ListOffsetsAPI,
				Doing: "List the offsets",
				Make: func(share []int) func(*wire.Broker) (*sarama.OffsetResponse, error) {
					req := sarama.NewOffsetRequest(c.Config().Version)
					req.IsolationLevel = p.isolation
					for _, n := range share {
						req.AddBlock(partitions[n].Topic, partitions[n].ID, p.timestamp, 1)
					}
					return func(b *wire.Broker) (*sarama.OffsetResponse, error) { return b.GetAvailableOffsets(req) }
				},
				Take: func(r *sarama.OffsetResponse, share []int) []sarama.KError { return p.take(r, rows, share) },
			})
		}
	}
	return wire.Parallel(ctx, steps...)
}

// unbounded is an error that names the partitions of which a leader told no
// start or no end of the log though it told no error either. Some servers do,
// and -1 clamped to such a log would be 0.
func unbounded(rows []row) error {
	var without []string
	for i := range rows {
		if rows[i].start < 0 || rows[i].end < 0 {
			without = append(without, name(rows[i].topic, rows[i].id))
		}
	}
	if len(without) == 0 {
		return nil
	}
	return &offset.Error{
		Code: offset.Failed,
		What: fmt.Sprintf("The brokers tell no start or no end of the log of %s", listed(without)),
		Next: "Try again; if that does not help, leave these partitions out of the scope.",
	}
}

// take writes what a leader told into its rows and returns their codes.
func (p probe) take(r *sarama.OffsetResponse, rows []row, share []int) []sarama.KError {
	codes := make([]sarama.KError, len(share))
	var topic string
	var blocks map[int32]*sarama.OffsetResponseBlock
	for i, n := range share {
		row := &rows[n]
		if row.topic != topic || blocks == nil {
			topic, blocks = row.topic, r.Blocks[row.topic]
		}
		block := blocks[row.id]
		if block == nil {
			codes[i] = sarama.ErrUnknown
			continue
		}
		if codes[i] = block.Err; block.Err != sarama.ErrNoError {
			continue
		}
		epoch := block.LeaderEpoch
		if r.Version < 4 {
			epoch = -1
		}
		p.into(row, block.Offset, epoch)
	}
	return codes
}
