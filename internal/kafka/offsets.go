package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// row is what is known of one partition. Rows are kept in a slice, sorted by
// topic and number: there may be tens of thousands. Several requests fill the
// fields of one row at the same time, each its own, so that a row is not
// copied before they all are done.
type row struct {
	topic  string
	id     int32
	leader int32

	committed committed // by the group
	source    committed // by the group that is cloned, or where a snapshot is found
	by        offset.By // how that was found

	start, end, match                int64 // offset.None if unknown, or nothing matches
	after                            int64 // a share group's: the end once its start offset was read
	startEpoch, endEpoch, matchEpoch int32 // -1 if unknown
}

// committed is what a group has committed: an offset, offset.None if there is
// none, and what the commit carries beside it. Kafka Streams and the parallel
// consumer keep state there. It is the start offset of a share group, whose
// records are acknowledged apart from each other.
type committed struct {
	offset   int64
	metadata string
	apart    bool  // records after it may be acknowledged already
	left     int64 // apart: how many are not; offset.None if that is not told
}

// again returns how many records after the offset may have been acknowledged
// already.
func (c committed) again(end int64) int64 {
	if !c.apart || c.offset < 0 {
		return 0
	}
	return max(0, end-c.offset-max(c.left, 0))
}

// blocks are what was read of partitions.
type blocks interface {
	// in returns what was read of a topic.
	in(topic string) topicBlocks
	// each calls the function for every partition.
	each(func(topic string, id int32, b block))
}

// topicBlocks are what was read of a topic's partitions.
type topicBlocks interface {
	// of returns what was read of a partition, if anything was.
	of(id int32) (block, bool)
}

// inOrder finds the blocks of partitions that come sorted by topic, each of
// which is looked up once.
type inOrder struct {
	blocks
	topic string
	known topicBlocks // of the topic; nil before the first
}

func (b *inOrder) of(p offset.Partition) (block, bool) {
	if b.known == nil || b.topic != p.Topic {
		b.topic, b.known = p.Topic, b.in(p.Topic)
	}
	return b.known.of(p.ID)
}

// blockMap are blocks by topic and number.
type blockMap map[string]topicMap

type topicMap map[int32]block

func (r blockMap) in(topic string) topicBlocks { return r[topic] }

func (r topicMap) of(id int32) (block, bool) {
	b, ok := r[id]
	return b, ok
}

func (r blockMap) each(f func(string, int32, block)) {
	for topic, partitions := range r {
		for id, b := range partitions {
			f(topic, id, b)
		}
	}
}

// fetchAnswer are the blocks of an OffsetFetch, as they came: three answers of a
// reset hold each partition, and copies cost as much as reading them.
type fetchAnswer map[string]map[int32]*sarama.OffsetFetchResponseBlock

type fetchTopic map[int32]*sarama.OffsetFetchResponseBlock

func (f fetchAnswer) in(topic string) topicBlocks { return fetchTopic(f[topic]) }

func (f fetchTopic) of(id int32) (block, bool) {
	b := f[id]
	if b == nil {
		return block{}, false
	}
	return block{committedIn(b), b.Err}, true
}

// unstable tells whether an open transaction has offsets of a partition pending.
func (f fetchAnswer) unstable() bool {
	for _, partitions := range f {
		for _, b := range partitions {
			if b.Err == sarama.ErrUnstableOffsetCommit {
				return true
			}
		}
	}
	return false
}

func (f fetchAnswer) each(do func(string, int32, block)) {
	for topic, partitions := range f {
		for id, b := range partitions {
			if b != nil {
				do(topic, id, block{committedIn(b), b.Err})
			}
		}
	}
}

// block is what was read of one partition.
type block struct {
	committed
	code sarama.KError
}

var uncommitted = committed{offset: offset.None}

func newRow(topic string, id, leader int32) row {
	return row{
		topic: topic, id: id, leader: leader,
		committed: uncommitted, source: uncommitted,
		start: offset.None, end: offset.None, match: offset.None,
		startEpoch: -1, endEpoch: -1, matchEpoch: -1,
	}
}

func (r *row) partition() offset.Partition { return offset.Partition{Topic: r.topic, ID: r.id} }

// topicsOf returns the rows' topics, sorted.
func topicsOf(rows []row) []string {
	var topics []string
	for i := range rows {
		if i == 0 || rows[i].topic != rows[i-1].topic {
			topics = append(topics, rows[i].topic)
		}
	}
	return topics
}

// fetchCommitted reads a group's committed offsets: of the partitions, or of all if
// they are nil.
//
// It asks for stable offsets (KIP-447). To whoever does not, a coordinator of
// Kafka 4 tells what lies below the high watermark of its log, and one that has
// just taken over does not know how far that is: for a moment it tells offsets
// that are older than what was acknowledged. An offset that an open transaction
// has pending makes a partition unstable. That is not waited for, since
// whatever is committed after it outlives the transaction: of such partitions
// what is committed already is asked for.
func (g *coordinator) fetchCommitted(ctx context.Context, partitions map[string][]int32) (blocks, error) {
	told, unstable, err := g.fetchOnce(ctx, partitions, true)
	if err != nil || !unstable {
		return told, err
	}
	plain, _, err := g.fetchOnce(ctx, partitions, false)
	if err != nil {
		return nil, err
	}
	for topic, of := range told {
		for id, b := range of {
			if b.Err == sarama.ErrUnstableOffsetCommit {
				of[id] = plain[topic][id] // nil: none is committed
			}
		}
	}
	return told, nil
}

// fetchOnce sends one OffsetFetch, and tells whether it has left out offsets
// because of an open transaction.
func (g *coordinator) fetchOnce(ctx context.Context, partitions map[string][]int32, stable bool) (told fetchAnswer, unstable bool, err error) {
	doing := "Read the committed offsets of " + g.called()
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[sarama.OffsetFetchResponse]{
		API:   wire.OffsetFetchAPI,
		Doing: doing,
		Send: func(b *wire.Broker) (*sarama.OffsetFetchResponse, error) {
			return fetchOffsets(b, sarama.NewOffsetFetchRequest(g.Cluster.Config().Version, g.Name, partitions), stable)
		},
		Codes: func(r *sarama.OffsetFetchResponse) (codes []sarama.KError) {
			codes, unstable = fetchCodes(r)
			return codes
		},
	})
	if err != nil {
		return nil, false, err
	}
	switch code := answer.Body.Err; code {
	case sarama.ErrNoError:
		return answer.Body.Blocks, unstable, nil
	case sarama.ErrGroupIDNotFound:
		return nil, false, nil // Kafka answers that there are no offsets; other servers so
	default:
		return nil, false, wire.MeaningOf(wire.OffsetFetchAPI, code).Failure(doing, code, g.Name)
	}
}

// fetchOffsets sends an OffsetFetch that asks for stable offsets if it is to,
// and if that can be said: from Kafka 2.5 on. Brokers before tell no offset that
// is older, and sarama finds out only when it encodes for them. A kafka_version
// below that, however, keeps it from newer brokers, too, of which those of Kafka
// 4 do tell older ones: nothing can be done about it here, and the argument's
// description says so.
func fetchOffsets(b *wire.Broker, req *sarama.OffsetFetchRequest, stable bool) (*sarama.OffsetFetchResponse, error) {
	const withStable = 7
	req.RequireStable = stable && req.Version >= withStable
	answer, err := b.FetchOffset(req)
	if encoding := (sarama.PacketEncodingError{}); req.RequireStable && errors.As(err, &encoding) {
		req.RequireStable = false
		answer, err = b.FetchOffset(req)
	}
	return answer, err
}

// fetchCodes returns the codes of an OffsetFetch, and whether one of them is
// that of an open transaction. Before version 2 the coordinator's errors stand
// beside each partition.
func fetchCodes(r *sarama.OffsetFetchResponse) (codes []sarama.KError, unstable bool) {
	codes = []sarama.KError{r.Err}
	for _, blocks := range r.Blocks {
		for _, block := range blocks {
			switch block.Err {
			case sarama.ErrNoError:
			case sarama.ErrUnstableOffsetCommit:
				unstable = true
			default:
				codes = append(codes, block.Err)
			}
		}
	}
	return codes, unstable
}

// committed fills the rows with the group's committed offsets.
func (g *coordinator) committed(ctx context.Context, rows []row, into func(*row, committed)) error {
	if len(rows) == 0 {
		return nil
	}
	blocks, err := g.fetch(ctx, partitionsOf(rows))
	if err != nil {
		return err
	}
	return g.spread(rows, blocks, into)
}

// spread hands each row what is committed. A negative offset, which brokers
// accept and some tools commit, is none.
func (g *coordinator) spread(rows []row, blocks blocks, into func(*row, committed)) error {
	told := inOrder{blocks: blocks}
	for i := range rows {
		at := uncommitted
		if block, ok := told.of(rows[i].partition()); ok {
			switch block.code {
			case sarama.ErrNoError:
				at = block.committed
			case sarama.ErrUnknownTopicOrPartition:
			default:
				doing := fmt.Sprintf("Read the committed offset of %s in %s", g.called(), name(rows[i].topic, rows[i].id))
				m, on := wire.MeaningOf(wire.OffsetFetchAPI, block.code), rows[i].topic
				if m.On == wire.OnGroup { // Before version 2 that stands beside each partition.
					on = g.Name
				}
				return m.Failure(doing, block.code, on)
			}
		}
		into(&rows[i], at)
	}
	return nil
}

func committedIn(block *sarama.OffsetFetchResponseBlock) committed {
	if block.Offset < 0 {
		return uncommitted
	}
	return committed{offset: block.Offset, metadata: block.Metadata}
}

// ofGroup and ofSource say whose committed offsets they are.
func ofGroup(r *row, c committed)  { r.committed = c }
func ofSource(r *row, c committed) { r.source = c }

func partitionsOf(rows []row) map[string][]int32 {
	return byTopic(len(rows), func(i int) offset.Partition { return rows[i].partition() })
}

// byTopic returns n partitions' numbers by topic. Those of one topic mostly
// follow each other.
func byTopic(n int, at func(int) offset.Partition) map[string][]int32 {
	partitions := map[string][]int32{}
	var topic string
	var ids []int32
	for i := range n {
		p := at(i)
		if i == 0 || p.Topic != topic {
			if i > 0 {
				partitions[topic] = ids
			}
			topic, ids = p.Topic, partitions[p.Topic]
		}
		ids = append(ids, p.ID)
	}
	if n > 0 {
		partitions[topic] = ids
	}
	return partitions
}

// rowsOf makes rows of a fetch of all committed offsets, sorted. Topics whose
// committed offsets are all negative are left out.
func rowsOf(blocks blocks) []row {
	var rows []row
	blocks.each(func(topic string, id int32, block block) {
		if block.code == sarama.ErrNoError && block.offset >= 0 {
			r := newRow(topic, id, -1)
			r.committed = block.committed
			rows = append(rows, r)
		}
	})
	slices.SortFunc(rows, compareRows)
	return rows
}

func compareRows(a, b row) int {
	if c := strings.Compare(a.topic, b.topic); c != 0 {
		return c
	}
	return int(a.id) - int(b.id)
}
