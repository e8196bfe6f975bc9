package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// shareType are share groups (KIP-932). Their consumers share the partitions
// and acknowledge each record; what the broker keeps is the start offset, before
// which all is done, and what became of single records after it. A reset sets
// the start offset, and what was kept of single records is gone. The broker
// checks nothing of it: it takes negative offsets, and offsets beyond the log's
// end, and creates a group that does not exist (Kafka 4.4).
type shareType struct{}

// shareSince is the release with which start offsets can be read and set.
const shareSince = "4.1 or later"

// sharePartitions bounds the partitions of one request that writes. A broker
// takes 3.5 s for 1,000 that it has not kept before (Kafka 4.4).
const sharePartitions = 500

func (shareType) name() offset.GroupType { return offset.ShareGroup }

func (shareType) describe(ctx context.Context, g *coordinator) (*group, error) {
	d, err := describeAs(ctx, g, offset.ShareGroup, wire.Request[wire.ShareGroupDescribeResponse]{
		API: wire.ShareGroupDescribeAPI,
		Send: wire.Message[wire.ShareGroupDescribeResponse](&wire.ShareGroupDescribeRequest{
			GroupIDs: []string{g.Name}, IncludeAuthorizedOperations: true,
		}),
		Codes: func(r *wire.ShareGroupDescribeResponse) (codes []sarama.KError) {
			for i := range r.Groups {
				codes = append(codes, sarama.KError(r.Groups[i].ErrorCode))
			}
			return codes
		},
	}, func(r *wire.ShareGroupDescribeResponse) *group {
		told := &r.Groups[0]
		d := &group{
			state: told.GroupState, protocol: shareGroup, rights: told.AuthorizedOperations,
			opaque: true, // Whatever its members consume, nothing can be deleted while there are any.
		}
		for i := range told.Members {
			m := &told.Members[i]
			member := offset.Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Assignment: map[string][]int32{}}
			for _, t := range m.Assignment.TopicPartitions {
				if t.Topic != "" {
					member.Assignment[t.Topic] = t.Partitions
				}
			}
			d.members = append(d.members, member)
		}
		return d
	})
	return g.there(ctx, d, err, shareSince)
}

// fetch reads start offsets. A partition of which nothing was acknowledged yet
// has none. A group that does not exist, and one of another type, has no topics.
func (shareType) fetch(ctx context.Context, g *coordinator, partitions map[string][]int32) (blocks, error) {
	doing := fmt.Sprintf("Read the start offsets of share group %q", g.Name)
	of := wire.ShareGroupOffsetsOf{GroupID: g.Name}
	if partitions != nil {
		of.Topics = make([]wire.ShareGroupOffsetsOfTopic, 0, len(partitions))
		for topic, ids := range partitions {
			of.Topics = append(of.Topics, wire.ShareGroupOffsetsOfTopic{Topic: topic, Partitions: ids})
		}
	}
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[wire.DescribeShareGroupOffsetsResponse]{
		API:   wire.DescribeShareGroupOffsetsAPI,
		Doing: doing,
		Send: wire.Message[wire.DescribeShareGroupOffsetsResponse](&wire.DescribeShareGroupOffsetsRequest{
			Groups: []wire.ShareGroupOffsetsOf{of},
		}),
		Codes: func(r *wire.DescribeShareGroupOffsetsResponse) (codes []sarama.KError) {
			for i := range r.Groups {
				codes = append(codes, sarama.KError(r.Groups[i].ErrorCode))
				for _, t := range r.Groups[i].Topics {
					for _, p := range t.Partitions {
						if p.ErrorCode != 0 {
							codes = append(codes, sarama.KError(p.ErrorCode))
						}
					}
				}
			}
			return codes
		},
	})
	switch {
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return nil, g.tooOld(shareSince)
	case err != nil:
		return nil, err
	}
	all := blockMap{}
	for i := range answer.Body.Groups {
		told := &answer.Body.Groups[i]
		switch code := sarama.KError(told.ErrorCode); code {
		case sarama.ErrNoError:
		case sarama.ErrGroupIDNotFound:
			continue
		case sarama.ErrUnsupportedVersion:
			return nil, g.tooOld(shareSince)
		default:
			return nil, wire.MeaningOf(wire.DescribeShareGroupOffsetsAPI, code).Failure(doing, code, g.Name)
		}
		for _, t := range told.Topics {
			of := make(map[int32]block, len(t.Partitions))
			for _, p := range t.Partitions {
				b := block{committed: uncommitted, code: sarama.KError(p.ErrorCode)}
				if p.StartOffset >= 0 {
					b.committed = committed{offset: p.StartOffset, apart: true, left: offset.None}
					if answer.Body.Version >= shareOffsetsWithLag {
						b.left = p.Lag
					}
				}
				of[p.Partition] = b
			}
			all[t.Topic] = of
		}
	}
	return all, nil
}

// shareOffsetsWithLag is the version of DescribeShareGroupOffsets that tells
// how many records are left (Kafka 4.3).
const shareOffsetsWithLag = 1

func (shareType) commit(ctx context.Context, w *writer, chunk []int) (verdicts, error) {
	g := w.coordinator
	req := &wire.AlterShareGroupOffsetsRequest{GroupID: g.Name}
	for _, n := range chunk {
		o := &w.outcomes[n]
		if last := len(req.Topics) - 1; last < 0 || req.Topics[last].Topic != o.Topic {
			req.Topics = append(req.Topics, wire.AlterShareGroupOffsetsTopic{Topic: o.Topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, wire.AlterShareGroupOffsetsPartition{Partition: o.ID, StartOffset: o.Offset})
	}
	codes := func(r *wire.AlterShareGroupOffsetsResponse) []sarama.KError {
		errs := map[string]map[int32]sarama.KError{}
		for _, t := range r.Topics {
			errs[t.Topic] = make(map[int32]sarama.KError, len(t.Partitions))
			for _, p := range t.Partitions {
				errs[t.Topic][p.Partition] = sarama.KError(p.ErrorCode)
			}
		}
		return w.codes(chunk, sarama.KError(r.ErrorCode), errs)
	}
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[wire.AlterShareGroupOffsetsResponse]{
		API:   wire.AlterShareGroupOffsetsAPI,
		Doing: fmt.Sprintf("Set %s of share group %q", count(len(chunk), "start offset"), g.Name),
		Send:  wire.Message[wire.AlterShareGroupOffsetsResponse](req),
		Codes: codes,
	})
	return said(w, chunk, wire.AlterShareGroupOffsetsAPI, answer, err)
}

// remove deletes the start offsets of whole topics, which is all that there is
// a request for: whoever calls it has made sure that nothing else goes with them.
func (shareType) remove(ctx context.Context, w *writer, chunk []int) (verdicts, error) {
	g := w.coordinator
	req := &wire.DeleteShareGroupOffsetsRequest{GroupID: g.Name}
	for _, n := range chunk {
		topic := w.outcomes[n].Topic
		if last := len(req.Topics) - 1; last < 0 || req.Topics[last].Topic != topic {
			req.Topics = append(req.Topics, wire.DeleteShareGroupOffsetsTopic{Topic: topic})
		}
	}
	codes := func(r *wire.DeleteShareGroupOffsetsResponse) []sarama.KError {
		of := map[string]sarama.KError{}
		for _, t := range r.Topics {
			of[t.Topic] = sarama.KError(t.ErrorCode)
		}
		codes := make([]sarama.KError, len(chunk))
		for i, n := range chunk {
			code, ok := of[w.outcomes[n].Topic]
			switch {
			case r.ErrorCode != 0:
				code = sarama.KError(r.ErrorCode)
			case !ok:
				code = sarama.ErrOperationNotAttempted
			}
			if code == sarama.ErrGroupIDNotFound || code == sarama.ErrUnknownTopicOrPartition {
				code = sarama.ErrNoError // a group that is gone has no offsets, nor has a topic
			}
			codes[i] = code
		}
		return codes
	}
	answer, err := wire.AskGroup(ctx, g.Group, wire.Request[wire.DeleteShareGroupOffsetsResponse]{
		API:   wire.DeleteShareGroupOffsetsAPI,
		Doing: fmt.Sprintf("Delete the start offsets of %s of share group %q", count(len(req.Topics), "topic"), g.Name),
		Send:  wire.Message[wire.DeleteShareGroupOffsetsResponse](req),
		Codes: codes,
	})
	return said(w, chunk, wire.DeleteShareGroupOffsetsAPI, answer, err)
}

// afterwards asks for the log's ends once a share group's start offsets were
// read. Of what lies between, the broker tells only how much is left: counted to
// an end from before, what was acknowledged would be counted too low.
func (c cluster) afterwards(ctx context.Context, g *coordinator, m *wire.Metadata, rows []row) error {
	if !g.share() || len(rows) == 0 {
		return nil
	}
	return c.bounds(ctx, m, rows, afterProbe())
}

// consumedSince returns how many records after its start offset a share group has
// acknowledged since it was put there: the broker moves the start offset over
// them only later. The log's end was read before.
func (r *recall) consumedSince(i int) int64 {
	if r.rows[i].committed.left < 0 {
		return 0 // That is not told before Kafka 4.3.
	}
	return r.rows[i].committed.again(r.rows[i].end)
}

// shared returns which of the rows, of which all offsets are to be removed,
// cannot be without removing others: there is no request but for whole topics,
// and these have offsets in other partitions, which are returned too.
func (r *recall) shared(ctx context.Context, remove []int) (stuck []int, others []string, err error) {
	if !r.coordinator.share() || len(remove) == 0 {
		return nil, nil, nil
	}
	goes := map[offset.Partition]bool{}
	for _, i := range remove {
		goes[r.rows[i].partition()] = true
	}
	all, err := r.coordinator.fetch(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rowsOf(all) {
		if goes[row.partition()] || !slices.ContainsFunc(remove, func(i int) bool { return r.rows[i].topic == row.topic }) {
			continue
		}
		others = append(others, name(row.topic, row.id))
		for _, i := range remove {
			if r.rows[i].topic == row.topic && !slices.Contains(stuck, i) {
				stuck = append(stuck, i)
			}
		}
	}
	return stuck, others, nil
}

// wholeTopics is an error if what is recorded cannot be deleted without the
// offsets of other partitions.
func (r *recall) wholeTopics(ctx context.Context) error {
	every := make([]int, len(r.rows))
	for i := range every {
		every[i] = i
	}
	stuck, others, err := r.shared(ctx, every)
	if err != nil || len(stuck) == 0 {
		return err
	}
	return &offset.Error{
		Code: offset.Unsupported,
		What: fmt.Sprintf("Brokers delete the start offsets of a share group by whole topics only, and those of %s would go too, which this reset has not set", listed(others)),
		Next: `Set on_destroy = "keep", apply, and destroy then.`,
	}
}

// shareNote tells what a start offset does not hold.
const shareNote = "Records of a share group are acknowledged one by one: a reset sets the start offset, and what was acknowledged after it is delivered again. " +
	"What is replayed and skipped is counted from the start offset on, with what may be acknowledged after it: an upper bound."

// shareSnapshotNote tells what a snapshot does not keep.
const shareSnapshotNote = "It keeps the start offsets of the share group. What was acknowledged one by one after them is not kept: it is delivered again."

// shareUndoNote tells what an undo cannot bring back.
const shareUndoNote = "The start offsets from before are set again. What was acknowledged one by one after them is not known any more: it is delivered again."
