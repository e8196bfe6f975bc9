package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// A commit is one batch of __consumer_offsets, whose size the broker bounds
// (max.message.bytes, 1,048,588 unless it was changed); above it every
// partition answers UNKNOWN_SERVER_ERROR and nothing is committed. A partition
// takes 43 bytes beside the names and the metadata on Kafka 4.1, and 62 on 4.4
// (measured).
const (
	batchBytes     = 1048588 * 9 / 10
	partitionBytes = 64
)

// writer writes, or deletes, a group's offsets in chunks and reads them back.
// What it knows of a partition is the state of its outcome: NotDone until it
// is sent, and when the broker refused it; Unsettled as long as a request may
// have been carried out without a word; Done when the broker has acknowledged
// it. The read-back has the last word.
type writer struct {
	coordinator *coordinator
	outcomes    []offset.Outcome
	todo        []int     // indices of what is to be written: the outcomes that lead somewhere else
	carry       []carried // beside the outcomes
	words       words
	tell        func(string)
	free        func(*group) bool // whether the group leaves these offsets alone
	now         func() time.Time
	poll        time.Duration // between two looks of a read-back
	settling    time.Duration

	first   atomic.Pointer[made] // of the commits; nil unless it is ready
	started time.Time            // when the first request was sent
	busy    bool                 // the group got members when some were written
	refusal wire.Meaning         // of the last code that a partition failed with
}

// words say what a writer does.
type words struct {
	done string // to the offsets: "committed"
	next string // what to do if some failed
}

// newWriter returns a writer for the outcomes of moves. Those that lead to
// where the partition is are done: they are not written, so that the commit
// that is there keeps what it carries, unless they are to be written again.
func (c *Client) newWriter(g *coordinator, outcomes []offset.Outcome, carry []carried, words words, tell func(string), again bool) *writer {
	w := &writer{
		coordinator: g, outcomes: outcomes, todo: make([]int, 0, len(outcomes)), carry: carry, words: words, tell: tell,
		free: (*group).idle, now: c.clock.Now, poll: min(c.poll, 250*time.Millisecond), settling: c.settling,
	}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Offset == o.Previous && !again {
			o.Seen = o.Previous
			continue
		}
		o.Fail("not written")
		w.todo = append(w.todo, i)
	}
	return w
}

// chunks cuts the outcomes at the given indices into the largest safe commits
// of at most that many. Nothing is left out, nothing is in two chunks, and no
// chunk is empty.
func (w *writer) chunks(todo []int, most int) [][]int {
	var cut [][]int
	from, size := 0, 0
	for i, n := range todo {
		bytes := partitionBytes + len(w.coordinator.Name) + len(w.outcomes[n].Topic) + len(w.carry[n].metadata)
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

// errBusy tells that the group got members that do not leave the offsets alone.
var errBusy = errors.New("the group became active")

// request sends one chunk and returns what came of each of its partitions. An
// error means that no answer came, whatever the broker did.
type request func(ctx context.Context, chunk []int) (verdicts, error)

// verdicts are what a broker has said of the partitions of a chunk.
type verdicts struct {
	api   wire.API
	codes []sarama.KError
}

// of returns what it means for one of them.
func (v verdicts) of(i int) wire.Meaning { return wire.MeaningOf(v.api, v.codes[i]) }

// most is how many offsets one commit may hold.
func (w *writer) most() int {
	if w.coordinator.share() {
		return sharePartitions
	}
	return max(1, len(w.todo))
}

func (w *writer) commits(ctx context.Context, chunk []int) (verdicts, error) {
	return w.coordinator.is.commit(ctx, w, chunk)
}

func (w *writer) removes(ctx context.Context, chunk []int) (verdicts, error) {
	return w.coordinator.is.remove(ctx, w, chunk)
}

// write sends the outcomes at the given indices, chunk by chunk, and no more
// than most of them at once. Chunks of one
// commit are not atomic together, so that the group is looked at again before
// each but the first: if it has become active, the rest fails. An error means
// that nothing was written: errBusy for that reason, or one of code Unsupported;
// all else is told in the outcomes.
func (w *writer) write(ctx context.Context, todo []int, most int, send request) error {
	queue := w.chunks(todo, most)
	for len(queue) > 0 {
		if w.started.IsZero() {
			w.started = w.now()
		} else if err := w.stillIdle(ctx); err != nil {
			if !w.wrote() && errors.Is(err, errBusy) {
				return err
			}
			w.busy = errors.Is(err, errBusy)
			w.because(slices.Concat(queue...), "not written, because "+brief(err))
			return nil
		}
		chunk := queue[0]
		if queue = queue[1:]; len(chunk) < len(w.todo) {
			w.tell(fmt.Sprintf("Writing %d of %d offsets of %s", len(chunk), len(w.todo), w.coordinator.called()))
		}
		answers, err := send(ctx, chunk)
		if err != nil {
			if offset.CodeOf(err) == offset.Unsupported && !w.wrote() {
				return err
			}
			w.because(chunk, brief(err))
			w.because(slices.Concat(queue...), "not written, because the request before it failed")
			return nil
		}
		large, active := w.take(chunk, answers)
		if len(chunk) == 1 && answers.of(0).Do == wire.Split && len(queue) > 0 {
			// Nothing smaller can be sent: the broker takes no commit at all.
			w.because(slices.Concat(queue...), "not written, because a commit of one partition failed: "+answers.of(0).Words)
			return nil
		}
		if len(active) > 0 {
			if !w.wrote() && len(active) == len(chunk) {
				return errBusy
			}
			w.busy = true
			for i, n := range chunk {
				if m := answers.of(i); m.Do == wire.Busy {
					w.because([]int{n}, m.Words)
				}
			}
			w.because(slices.Concat(queue...), "not written, because "+errBusy.Error())
			return nil
		}
		if len(large) > 0 {
			// The limit was lowered on this cluster: no later chunk is larger
			// than the half of one that did not fit.
			most = (len(large) + 1) / 2
			rest := slices.Concat(append([][]int{large}, queue...)...)
			queue = w.chunks(rest, most)
		}
	}
	return nil
}

// take notes what the broker said of a chunk, and returns the partitions that
// may fit into a smaller one and those that were refused because of members. A
// chunk is written as one batch: if a part of it was taken, it was not too
// large.
func (w *writer) take(chunk []int, answers verdicts) (large, active []int) {
	divisible := len(chunk) > 1
	for i := range chunk {
		divisible = divisible && answers.of(i).Do != wire.Nothing
	}
	for i, n := range chunk {
		switch m := answers.of(i); {
		case m.Do == wire.Nothing:
			w.outcomes[n].State, w.outcomes[n].Reason = offset.Done, ""
		case divisible && m.Do == wire.Split:
			large = append(large, n)
		case m.Do == wire.Busy:
			active = append(active, n)
		default:
			w.outcomes[n].Reason = m.Words
			w.refusal = m
		}
	}
	return large, active
}

// wrote tells whether anything was written, or may have been.
func (w *writer) wrote() bool {
	return slices.ContainsFunc(w.todo, func(n int) bool { return w.outcomes[n].Touched() })
}

// because notes why partitions are not known to be written.
func (w *writer) because(todo []int, why string) {
	for _, n := range todo {
		w.outcomes[n].Reason = why
	}
}

// doubt notes that a request for a partition may have been carried out though
// nobody said so. Whatever a later request is told, only the read-back knows.
func (w *writer) doubt(n int) {
	w.outcomes[n].Doubt("the broker did not say whether it was " + w.words.done)
}

// doubtful notes what the answers that did not count leave in doubt:
// everything if one never came, else what was taken or may have been.
func (w *writer) doubtful(chunk []int, api wire.API, unanswered bool, superseded ...[]sarama.KError) {
	for i, n := range chunk {
		maybe := unanswered
		for _, codes := range superseded {
			m := wire.MeaningOf(api, codes[i])
			maybe = maybe || m.Do == wire.Nothing || m.Landed
		}
		if maybe {
			w.doubt(n)
		}
	}
}

// stillIdle returns errBusy if the group has members now that do not leave the
// offsets alone.
func (w *writer) stillIdle(ctx context.Context) error {
	g, err := w.coordinator.describe(ctx)
	if err != nil {
		return err
	}
	if !w.free(g) {
		return errBusy
	}
	return nil
}

// commit sends the offsets of a chunk in one OffsetCommit without generation
// and member, which the broker takes only while the group is empty.
func (w *writer) commit(ctx context.Context, chunk []int) (verdicts, error) {
	g := w.coordinator
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.OffsetCommitResponse]{
		API:   wire.OffsetCommitAPI,
		Doing: fmt.Sprintf("Commit %s of %s", count(len(chunk), "offset"), g.called()),
		Send: func(b *wire.Broker) (*sarama.OffsetCommitResponse, error) {
			// sarama lowers the version of what it sends, so that each is sent once.
			if m := w.first.Swap(nil); m != nil && slices.Equal(m.chunk, chunk) {
				return b.CommitOffset(m.request)
			}
			return b.CommitOffset(w.commitOf(chunk))
		},
		Codes: func(r *sarama.OffsetCommitResponse) []sarama.KError {
			return w.codes(chunk, sarama.ErrNoError, r.Errors)
		},
	})
	return said(w, chunk, wire.OffsetCommitAPI, answer, err)
}

// made is a commit that was made before it is sent.
type made struct {
	chunk   []int
	request *sarama.OffsetCommitRequest
}

// prepare makes the first commit, so that its sending does not wait for that.
func (w *writer) prepare() {
	if chunks := w.chunks(w.todo, w.most()); len(chunks) > 0 {
		w.first.Store(&made{chunks[0], w.commitOf(chunks[0])})
	}
}

// commitOf returns the request that commits the offsets of a chunk.
func (w *writer) commitOf(chunk []int) *sarama.OffsetCommitRequest {
	g := w.coordinator
	req := sarama.NewOffsetCommitRequest(g.Cluster.Config(), g.Name)
	// Brokers before Kafka 2.1 read how long to keep the offsets, and 0
	// would mean not at all. sarama chooses the version later than this.
	req.RetentionTime = -1
	for _, n := range chunk {
		o := &w.outcomes[n]
		req.AddBlockWithLeaderEpoch(o.Topic, o.ID, o.Offset, w.carry[n].epoch, 0, w.carry[n].metadata)
	}
	return req
}

// said returns what came of each partition of a chunk, and notes what the
// answers that did not count leave in doubt.
func said[A any](w *writer, chunk []int, api wire.API, answer wire.Answer[A], err error) (verdicts, error) {
	w.doubtful(chunk, api, answer.Unanswered, answer.Superseded...)
	return verdicts{api, answer.Codes}, err
}

// remove deletes the offsets of a chunk in one OffsetDelete.
func (w *writer) remove(ctx context.Context, chunk []int) (verdicts, error) {
	g := w.coordinator
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.DeleteOffsetsResponse]{
		API:   wire.OffsetDeleteAPI,
		Doing: fmt.Sprintf("Delete %s of %s", count(len(chunk), "offset"), g.called()),
		Send: func(b *wire.Broker) (*sarama.DeleteOffsetsResponse, error) {
			req := &sarama.DeleteOffsetsRequest{Group: g.Name}
			for _, n := range chunk {
				req.AddPartition(w.outcomes[n].Topic, w.outcomes[n].ID)
			}
			return b.DeleteOffsets(req)
		},
		Codes: func(r *sarama.DeleteOffsetsResponse) []sarama.KError {
			codes := w.codes(chunk, r.ErrorCode, r.Errors)
			for i := range codes {
				switch codes[i] {
				case sarama.ErrGroupIDNotFound, sarama.ErrUnknownTopicOrPartition:
					codes[i] = sarama.ErrNoError // a group that is gone has no offsets, nor has a topic
				}
			}
			return codes
		},
	})
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		err = cannotDelete(g.Name)
	}
	return said(w, chunk, wire.OffsetDeleteAPI, answer, err)
}

// codes orders a response's codes as the chunk is, unless one stands for all.
// A partition that the response leaves out did not get an answer.
func (w *writer) codes(chunk []int, all sarama.KError, errs map[string]map[int32]sarama.KError) []sarama.KError {
	codes := make([]sarama.KError, len(chunk))
	var topic string
	var of map[int32]sarama.KError
	for i, n := range chunk {
		if o := &w.outcomes[n]; o.Topic != topic || of == nil {
			topic, of = o.Topic, errs[o.Topic]
		}
		code, ok := of[w.outcomes[n].ID]
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
