package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// What one Fetch may bring. A batch that is larger than the partition's share
// comes back only if it is the first of the whole answer: with a small share,
// large batches would take a request each. So the first round asks for little,
// which is enough for nearly all, and what did not come is asked for with room
// for a batch of the default max.message.bytes, and then for larger ones.
const (
	firstShare  = 64 << 10
	batchShare  = 1<<20 + 64<<10
	mostShare   = 1 << 30
	answerBytes = 48 << 20 // below the brokers' fetch.max.bytes, 55 MiB, and sarama's limit
	fetchWait   = 500      // milliseconds; with data at hand the answer comes at once
	mostIdle    = 50       // answers in a row that bring a partition nothing
)

// fetched is one record that came from a log.
type fetched struct {
	offset, time int64 // the time is negative if the record has none
	key, value   []byte
	brokers      bool // the time is the broker's (LogAppendTime), not the producer's
}

// reader reads one partition's log forward, from an offset on.
type reader struct {
	row  int   // index of the partition's row
	from int64 // where to read next
	// take is given what came: the records of whole batches, also those before
	// the offset that was asked for, without markers; the reader stands behind
	// them already. It returns false when enough was read; it may move the
	// reader elsewhere.
	take func(r *reader, got []fetched) (more bool)

	share  int32
	idle   int // answers in a row that brought nothing
	rounds int
}

// trimmed tells whether an error is that a log no longer holds what it held a
// moment ago.
func trimmed(err error) bool { return errors.Is(err, sarama.ErrOffsetOutOfRange) }

// read runs the readers to their ends, in rounds: each asks every leader at the
// same time for all that is wanted of it.
func (c cluster) read(ctx context.Context, m *wire.Metadata, rows []row, readers []*reader) error {
	for _, r := range readers {
		r.share = firstShare
	}
	for pending := slices.Clone(readers); len(pending) > 0; {
		err := wire.AskLeaders(ctx, c.Cluster, m, led(rows, pending, func(r *reader) int { return r.row }), wire.LeaderRequest[sarama.FetchResponse]{
			API:   wire.FetchAPI,
			Doing: "Read the records",
			Make: func(share []int) func(*wire.Broker) (*sarama.FetchResponse, error) {
				req := &sarama.FetchRequest{
					Version: c.Newest(fetchVersions), MaxWaitTime: fetchWait, MinBytes: 1, MaxBytes: answerBytes,
					Isolation:    sarama.ReadUncommitted,
					SessionEpoch: -1, // a session would live on in the broker
				}
				for _, n := range share {
					r := pending[n]
					req.AddBlock(rows[r.row].topic, rows[r.row].id, r.from, r.share, -1)
				}
				return func(b *wire.Broker) (*sarama.FetchResponse, error) { return b.Fetch(req) }
			},
			Take: func(answer *sarama.FetchResponse, share []int) []sarama.KError {
				codes := make([]sarama.KError, len(share))
				brought := 0
				for i, n := range share {
					r := pending[n]
					block := answer.GetBlock(rows[r.row].topic, rows[r.row].id)
					switch {
					case answer.ErrorCode != 0:
						codes[i] = sarama.KError(answer.ErrorCode)
					case block == nil:
						codes[i] = sarama.ErrUnknown
					case block.Err != sarama.ErrNoError:
						codes[i] = block.Err
					default:
						brought += r.given(block)
					}
				}
				for _, n := range share {
					pending[n].widen(brought > answerBytes*3/4)
				}
				return codes
			},
		})
		if err != nil {
			return err
		}
		for _, r := range pending {
			if r.idle > mostIdle && r.share == mostShare {
				return &offset.Error{
					Code: offset.Failed,
					What: fmt.Sprintf("The broker sends no record of %s from offset %d on, though the log goes on to %d", name(rows[r.row].topic, rows[r.row].id), r.from, rows[r.row].end),
				}
			}
		}
		pending = slices.DeleteFunc(pending, func(r *reader) bool { return r.take == nil })
	}
	return nil
}

// led returns the partitions that are asked about, with their leaders.
func led[T any](rows []row, of []T, row func(T) int) []wire.Led {
	partitions := make([]wire.Led, len(of))
	for i, o := range of {
		r := &rows[row(o)]
		partitions[i] = wire.Led{Partition: r.partition(), Leader: r.leader}
	}
	return partitions
}

// given hands the reader what an answer holds for it, and returns how many
// bytes of keys and values that was.
func (r *reader) given(block *sarama.FetchResponseBlock) (brought int) {
	got, next := records(block, r.from)
	if next == r.from {
		r.idle++
		return 0
	}
	for i := range got {
		brought += len(got[i].key) + len(got[i].value)
	}
	r.from, r.idle = next, 0
	r.rounds++
	switch {
	case !r.take(r, got):
		r.take = nil
	case r.rounds > 1: // whoever reads on is looking for something far away
		r.share = min(max(r.share*2, batchShare), 8<<20)
	}
	return brought
}

// widen makes room for a reader that got nothing: its batch is larger than its
// share, unless the answer was full before it was its turn. (Batches that
// compaction has emptied look the same, since sarama leaves them out.)
func (r *reader) widen(full bool) {
	switch {
	case r.idle == 0:
	case r.share < batchShare:
		r.share = batchShare
	case !full:
		r.share = min(r.share*4, mostShare)
	}
}

// records returns what a fetched block holds in whole batches, and the offset
// after the last of them. Markers of transactions are no records; the records
// of aborted transactions are (a mirror that reads uncommitted copies them).
func records(block *sarama.FetchResponseBlock, from int64) (got []fetched, next int64) {
	next = from
	for _, set := range block.RecordsSet {
		switch {
		case set.RecordBatch != nil:
			b := set.RecordBatch
			if b.PartialTrailingRecord {
				continue
			}
			next = max(next, b.LastOffset()+1)
			if b.Control {
				continue
			}
			for _, r := range b.Records {
				at := b.FirstTimestamp.Add(r.TimestampDelta)
				if b.LogAppendTime {
					at = b.MaxTimestamp
				}
				ms := at.UnixMilli()
				if b.FirstTimestamp.IsZero() && !b.LogAppendTime || at.IsZero() {
					ms = offset.None
				}
				got = append(got, fetched{b.FirstOffset + r.OffsetDelta, ms, r.Key, r.Value, b.LogAppendTime})
			}
		case set.MsgSet != nil: // the formats before Kafka 0.11
			for _, outer := range set.MsgSet.Messages {
				inner := outer.Messages()
				if len(inner) == 0 {
					continue
				}
				base := int64(0)
				if outer.Msg.Version >= 1 && outer.Msg.Set != nil {
					// Within a compressed message offsets are relative, and the
					// last of them has the outer one's.
					base = outer.Offset - inner[len(inner)-1].Offset
				}
				for _, m := range inner {
					at := m.Msg.Timestamp
					if outer.Msg.LogAppendTime {
						at = outer.Msg.Timestamp
					}
					ms := at.UnixMilli()
					if at.IsZero() {
						ms = offset.None
					}
					got = append(got, fetched{base + m.Offset, ms, m.Msg.Key, m.Msg.Value, outer.Msg.LogAppendTime})
				}
				next = max(next, outer.Offset+1)
			}
		}
	}
	slices.SortStableFunc(got, func(a, b fetched) int { return cmp.Compare(a.offset, b.offset) })
	return got, next
}

var fetchVersions = []wire.Since{
	{Version: 11, Kafka: sarama.V2_3_0_0},
	{Version: 10, Kafka: sarama.V2_1_0_0},
	{Version: 8, Kafka: sarama.V2_0_0_0},
	{Version: 7, Kafka: sarama.V1_1_0_0},
	{Version: 5, Kafka: sarama.V0_11_0_0},
	{Version: 3, Kafka: sarama.V0_10_1_0},
}

// lookUp asks the leaders for the first offset of each row whose time is at or
// after the row's own instant: one request for each leader. Rows without an
// instant (a negative one would mean something else to a broker) are not asked.
func (c cluster) lookUp(ctx context.Context, m *wire.Metadata, rows []row, instants map[int]int64, into func(row int, at int64)) error {
	var asked []int
	for i, ms := range instants {
		if ms >= 0 {
			asked = append(asked, i)
		}
	}
	slices.Sort(asked)
	return wire.AskLeaders(ctx, c.Cluster, m, led(rows, asked, func(i int) int { return i }), wire.LeaderRequest[sarama.OffsetResponse]{
		API:   wire.ListOffsetsAPI,
		Doing: "Look up a time",
		Make: func(share []int) func(*wire.Broker) (*sarama.OffsetResponse, error) {
			req := sarama.NewOffsetRequest(c.Config().Version)
			for _, n := range share {
				i := asked[n]
				req.AddBlock(rows[i].topic, rows[i].id, instants[i], 1)
			}
			return func(b *wire.Broker) (*sarama.OffsetResponse, error) { return b.GetAvailableOffsets(req) }
		},
		Take: func(answer *sarama.OffsetResponse, share []int) []sarama.KError {
			codes := make([]sarama.KError, len(share))
			for i, n := range share {
				block := answer.GetBlock(rows[asked[n]].topic, rows[asked[n]].id)
				switch {
				case block == nil:
					codes[i] = sarama.ErrUnknown
				case block.Err != sarama.ErrNoError:
					codes[i] = block.Err
				default:
					into(asked[n], block.Offset)
				}
			}
			return codes
		},
	})
}
