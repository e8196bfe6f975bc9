package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A commit is one batch of __consumer_offsets, whose size the broker bounds
// (max.message.bytes, 1,048,588 unless it was changed); above it every
// partition answers UNKNOWN_SERVER_ERROR and nothing is committed. A partition
// takes about 43 bytes beside the names (measured on Kafka 4.1).
const (
	batchBytes     = 1048588 * 9 / 10
	partitionBytes = 50
)

// chunks cuts the moves at the given indices into the largest safe commits.
// Nothing is left out, nothing is in two chunks, and no chunk is empty.
func chunks(group string, moves []offset.Outcome, todo []int, most int) [][]int {
	var cut [][]int
	from, size := 0, 0
	for i, n := range todo {
		bytes := partitionBytes + len(group) + len(moves[n].Topic)
		if i > from && (size+bytes > batchBytes || i-from >= most) {
			cut = append(cut, todo[from:i:i])
			from, size = i, 0
		}
		size += bytes
	}
	if from < len(todo) {
		cut = append(cut, todo[from:])
	}
	return cut
}

// writer writes, or deletes, a group's offsets in chunks and reads them back.
type writer struct {
	coordinator *coordinator
	moves       []offset.Outcome
	epochs      []int32 // to commit beside the offsets; nil means unknown
	words       words
	tell        func(string)

	started time.Time    // when the first request was sent
	landed  int          // partitions that were acknowledged
	unsure  map[int]bool // moves of which a request may have been carried out without a word
	refusal wire.Meaning // of the last code that a partition failed with
}

// doubt notes that a request for the moves may have been carried out though
// nobody said so. Whatever a later request is told, only the read-back knows.
func (w *writer) doubt(moves ...int) {
	if w.unsure == nil {
		w.unsure = map[int]bool{}
	}
	for _, n := range moves {
		w.unsure[n] = true
	}
}

// errBusy tells that the group got members before anything was written.
var errBusy = errors.New("the group became active")

// request sends one chunk and returns what came of each of its moves. An error
// means that no answer came, whatever the broker did.
type request func(ctx context.Context, chunk []int) ([]wire.Meaning, error)

// write sends the moves at the given indices, chunk by chunk. Chunks of one
// commit are not atomic together, so that the group is looked at again before
// each but the first: if it has become active, the rest fails. errBusy is
// returned if nothing was written for that reason; all else is told in the
// moves.
func (w *writer) write(ctx context.Context, todo []int, now func() time.Time, send request) error {
	most := len(todo)
	queue := chunks(w.coordinator.Name, w.moves, todo, most)
	for first := true; len(queue) > 0; first = false {
		if first && w.started.IsZero() {
			w.started = now()
		}
		if !first {
			if err := w.stillIdle(ctx); err != nil {
				if w.landed == 0 && len(w.unsure) == 0 && errors.Is(err, errBusy) {
					return err
				}
				w.fail(slices.Concat(queue...), "not written, because "+brief(err))
				return nil
			}
		}
		chunk := queue[0]
		queue = queue[1:]
		if len(queue) > 0 || !first {
			w.tell(fmt.Sprintf("Writing %d offsets of consumer group %q, %d have been written", len(chunk), w.coordinator.Name, w.landed))
		}
		answers, err := send(ctx, chunk)
		if err != nil {
			w.fail(chunk, brief(err))
			w.fail(slices.Concat(queue...), "not written, because the request before it failed")
			return nil
		}
		large, active := w.take(chunk, answers)
		if len(chunk) == 1 && answers[0].Do == wire.Split && len(queue) > 0 {
			// Nothing smaller can be sent: the broker takes no commit at all.
			w.fail(slices.Concat(queue...), "not written, because a commit of one partition failed: "+answers[0].Words)
			return nil
		}
		if len(active) > 0 {
			if w.landed == 0 && len(w.unsure) == 0 && len(active) == len(chunk) {
				return errBusy
			}
			w.fail(active, errBusy.Error())
			w.fail(slices.Concat(queue...), "not written, because "+errBusy.Error())
			return nil
		}
		if len(large) > 0 {
			// The limit was lowered on this cluster: no later chunk is larger
			// than the half of one that did not fit.
			most = (len(large) + 1) / 2
			rest := slices.Concat(append([][]int{large}, queue...)...)
			queue = chunks(w.coordinator.Name, w.moves, rest, most)
		}
	}
	return nil
}

// take notes what the broker said of a chunk, and returns the moves that may
// fit into a smaller one and those that were refused because of members. A
// chunk is written as one batch: if a part of it was taken, it was not too
// large.
func (w *writer) take(chunk []int, answers []wire.Meaning) (large, active []int) {
	divisible := len(chunk) > 1 && !slices.ContainsFunc(answers, func(m wire.Meaning) bool { return m.Do == wire.Nothing })
	for i, n := range chunk {
		switch m := answers[i]; {
		case m.Do == wire.Nothing:
			w.landed++
		case divisible && m.Do == wire.Split:
			large = append(large, n)
		case m.Do == wire.Busy:
			active = append(active, n)
		default:
			w.moves[n].Fail(m.Words)
			w.refusal = m
		}
	}
	return large, active
}

func (w *writer) fail(moves []int, why string) {
	for _, n := range moves {
		w.moves[n].Fail(why)
	}
}

// stillIdle returns errBusy if the group has members now.
func (w *writer) stillIdle(ctx context.Context) error {
	g, err := w.coordinator.describe(ctx)
	if err != nil {
		return err
	}
	if !g.idle() {
		return errBusy
	}
	return nil
}

// commit sends the offsets of a chunk in one OffsetCommit without generation
// and member, which the broker takes only while the group is empty.
func (w *writer) commit(ctx context.Context, chunk []int) ([]wire.Meaning, error) {
	g := w.coordinator
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.OffsetCommitResponse]{
		API:   wire.OffsetCommitAPI,
		Doing: fmt.Sprintf("Commit %s of consumer group %q", count(len(chunk), "offset"), g.Name),
		Send: func(b *sarama.Broker) (*sarama.OffsetCommitResponse, error) {
			req := sarama.NewOffsetCommitRequest(g.Cluster.Config(), g.Name)
			// Brokers before Kafka 2.1 read how long to keep the offsets, and 0
			// would mean not at all. sarama chooses the version later than this.
			req.RetentionTime = -1
			for _, n := range chunk {
				m := &w.moves[n]
				epoch := int32(-1)
				if w.epochs != nil {
					epoch = w.epochs[n]
				}
				req.AddBlockWithLeaderEpoch(m.Topic, m.ID, m.Offset, epoch, 0, "")
			}
			return b.CommitOffset(req)
		},
		Codes: func(r *sarama.OffsetCommitResponse) []sarama.KError {
			return w.codes(chunk, sarama.ErrNoError, r.Errors)
		},
	})
	if answer.Unanswered {
		w.doubt(chunk...)
	}
	for _, r := range answer.Superseded {
		w.doubtful(chunk, meanings(wire.OffsetCommitAPI, w.codes(chunk, sarama.ErrNoError, r.Errors)))
	}
	if err != nil {
		return nil, err
	}
	return meanings(wire.OffsetCommitAPI, w.codes(chunk, sarama.ErrNoError, answer.Body.Errors)), nil
}

// remove deletes the offsets of a chunk in one OffsetDelete.
func (w *writer) remove(ctx context.Context, chunk []int) ([]wire.Meaning, error) {
	g := w.coordinator
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.DeleteOffsetsResponse]{
		API:   wire.OffsetDeleteAPI,
		Doing: fmt.Sprintf("Delete %s of consumer group %q", count(len(chunk), "offset"), g.Name),
		Send: func(b *sarama.Broker) (*sarama.DeleteOffsetsResponse, error) {
			req := &sarama.DeleteOffsetsRequest{Group: g.Name}
			for _, n := range chunk {
				req.AddPartition(w.moves[n].Topic, w.moves[n].ID)
			}
			return b.DeleteOffsets(req)
		},
		Codes: func(r *sarama.DeleteOffsetsResponse) []sarama.KError { return w.codes(chunk, r.ErrorCode, r.Errors) },
	})
	if answer.Unanswered {
		w.doubt(chunk...)
	}
	for _, r := range answer.Superseded {
		w.doubtful(chunk, meanings(wire.OffsetDeleteAPI, w.codes(chunk, r.ErrorCode, r.Errors)))
	}
	if err != nil {
		return nil, err
	}
	codes := w.codes(chunk, answer.Body.ErrorCode, answer.Body.Errors)
	for i := range codes {
		switch codes[i] {
		case sarama.ErrGroupIDNotFound, sarama.ErrUnknownTopicOrPartition:
			codes[i] = sarama.ErrNoError // a group that is gone has no offsets, nor has a topic
		}
	}
	return meanings(wire.OffsetDeleteAPI, codes), nil
}

func meanings(api wire.API, codes []sarama.KError) []wire.Meaning {
	m := make([]wire.Meaning, len(codes))
	for i, code := range codes {
		m[i] = wire.MeaningOf(api, code)
	}
	return m
}

// codes orders a response's codes as the chunk is, unless one stands for all.
// A partition that the response leaves out did not get an answer.
func (w *writer) codes(chunk []int, all sarama.KError, errs map[string]map[int32]sarama.KError) []sarama.KError {
	codes := make([]sarama.KError, len(chunk))
	var topic string
	var of map[int32]sarama.KError
	for i, n := range chunk {
		if m := &w.moves[n]; m.Topic != topic || of == nil {
			topic, of = m.Topic, errs[m.Topic]
		}
		code, ok := of[w.moves[n].ID]
		switch {
		case all != sarama.ErrNoError:
			code = all
		case !ok:
			code = sarama.ErrOperationNotAttempted
		}
		codes[i] = code
	}
	return codes
}

// doubtful notes what an answer that said to ask again leaves in doubt:
// partitions that were taken, and those that may have been.
func (w *writer) doubtful(chunk []int, answers []wire.Meaning) {
	for i, m := range answers {
		if m.Do == wire.Nothing || m.Landed {
			w.doubt(chunk[i])
		}
	}
}

// readBack compares what is committed now with what was written. It settles
// the moves that are in doubt and returns the indices of those that differ.
func (w *writer) readBack(ctx context.Context, todo []int) (differ []int, err error) {
	partitions := map[string][]int32{}
	for _, n := range todo {
		m := &w.moves[n]
		partitions[m.Topic] = append(partitions[m.Topic], m.ID)
	}
	blocks, err := w.coordinator.fetch(ctx, partitions)
	if err != nil {
		w.unsettle(todo, brief(err))
		return nil, err
	}
	for _, n := range todo {
		m := &w.moves[n]
		at, code := seen(blocks, m)
		if code != sarama.ErrNoError {
			w.unsettle([]int{n}, wire.MeaningOf(wire.OffsetFetchAPI, code).Words)
			continue
		}
		m.Seen = at
		switch {
		case w.unsure[n] && at == m.Offset:
			m.State, m.Reason = offset.Done, ""
		case w.unsure[n] && m.Failed():
			// Elsewhere: it may have landed before a consumer moved on.
			if at != m.Previous {
				m.State = offset.Unsettled
			}
		case at != m.Offset && !m.Failed():
			differ = append(differ, n)
		}
	}
	return differ, nil
}

// seen returns where a move's partition is now, or the partition's error. An
// offset of a topic that is gone is removed.
func seen(blocks map[string]map[int32]*sarama.OffsetFetchResponseBlock, m *offset.Outcome) (int64, sarama.KError) {
	b := blocks[m.Topic][m.ID]
	switch {
	case b == nil, b.Err == sarama.ErrUnknownTopicOrPartition && m.Offset < 0:
		return offset.None, sarama.ErrNoError
	case b.Err != sarama.ErrNoError:
		return offset.None, b.Err
	}
	return max(b.Offset, offset.None), sarama.ErrNoError
}
