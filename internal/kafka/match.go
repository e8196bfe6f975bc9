package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// found is where a snapshot puts one partition, and how that was found.
type found struct {
	offset   int64
	by       offset.By
	metadata string // to commit beside the offset; only where it is the same log
}

// matchBytes is how much of one partition is read to find a record, keys and
// values counted. The look-up by time leads to the record itself, or to the
// first of those with its time; where times are in disorder it may lie further on.
const matchBytes = 16 << 20

// here returns the topics of a snapshot that a target takes, by the name that
// they have on this cluster.
func here(target offset.Target, only []string) map[string]*offset.SnapshotTopic {
	topics := map[string]*offset.SnapshotTopic{}
	for i := range target.Snapshot.Topics {
		t := &target.Snapshot.Topics[i]
		name := target.TopicHere(t.Name)
		if len(only) == 0 || slices.Contains(only, name) {
			topics[name] = t
		}
	}
	return topics
}

// checkSnapshot refuses what could not be matched on any cluster.
func checkSnapshot(req offset.Request, invalid func(string, ...any) error) error {
	t := req.Target
	switch {
	case t.Snapshot == nil:
		return invalid("There is no snapshot")
	case t.Unmatched != "" && t.Unmatched != offset.UnmatchedTime && t.Unmatched != offset.UnmatchedError:
		return invalid("There is no treatment %q of what is not found", t.Unmatched)
	}
	for _, name := range slices.Sorted(maps.Keys(t.TopicNames)) {
		switch {
		case t.Snapshot.Topic(name) == nil:
			return invalid("The snapshot holds no topic %q, for which topic_names gives another name", name)
		case t.TopicNames[name] == "":
			return invalid("A topic's name is empty")
		}
	}
	all := here(t, nil)
	if len(all) < len(t.Snapshot.Topics) {
		return invalid("Two topics of the snapshot would have the same name here")
	}
	for _, name := range req.Scope.Topics {
		if all[name] == nil {
			return invalid("The snapshot holds no topic that is called %q here", name)
		}
	}
	if len(snapshotSelection(req).topics) == 0 {
		return invalid("The snapshot holds no offset in these topics")
	}
	return nil
}

// snapshotSelection returns the partitions that the snapshot has offsets for, by
// their topics' names here. The offsets are not those of this cluster: they
// are found when the logs are known.
func snapshotSelection(req offset.Request) selection {
	partitions := map[string][]int32{}
	for name, t := range here(req.Target, req.Scope.Topics) {
		for id, p := range t.Partitions {
			if p.Committed >= 0 {
				partitions[name] = append(partitions[name], int32(id)) //nolint:gosec // A topic's size.
			}
		}
	}
	return selection{topics: slices.Sorted(maps.Keys(partitions)), explicit: partitions, right: opRead}
}

// match finds the place of the snapshot in each row, whose bounds are known,
// and makes it the row's explicit offset. On the cluster and topic that it was
// taken on these are the offsets themselves; elsewhere the place before the
// same record.
func (c *Client) match(ctx context.Context, s *survey, req offset.Request) ([]found, error) {
	p, rows, times := s.place, s.rows, s.times
	const tries = 3
	for try := 1; ; try++ {
		m := &matching{client: c, place: p, rows: rows, target: req.Target, found: make([]found, len(rows))}
		err := m.run(ctx, here(req.Target, req.Scope.Topics), times)
		if err == nil {
			for i := range rows {
				f := &m.found[i]
				rows[i].source, rows[i].by = committed{offset: f.offset, metadata: f.metadata}, f.by
			}
			return m.found, nil
		}
		if !trimmed(err) || try == tries {
			return nil, err
		}
		times = nil
		if err := c.cluster.bounds(ctx, p.Metadata, rows, startProbe(), endProbe(req.Isolation)); err != nil {
			return nil, err
		}
	}
}

// instants are the times by which the rows' places in the snapshot are looked
// up first.
func instants(p *place, target offset.Target, only []string) map[int]int64 {
	topics := here(target, only)
	all := make(map[int]int64, len(p.rows))
	for i := range p.rows {
		r := &p.rows[i]
		of := topics[r.topic]
		if of == nil || sameLog(target.Snapshot, of, p, r.topic) {
			continue
		}
		if mark := sought(&of.Partitions[r.id]); mark != nil {
			all[i] = mark.Time
		}
	}
	return all
}

// sought is the record that a place is found by: the next one or, at the log's
// end, the last. It is nil if there is none.
func sought(p *offset.Place) *offset.Mark {
	if p.Lost() || p.Unmarked() {
		return nil
	}
	return cmp.Or(p.Next, p.Last)
}

// sameLog tells whether a topic is the one that the snapshot was taken of.
func sameLog(s *offset.Snapshot, of *offset.SnapshotTopic, p *place, here string) bool {
	return s.ClusterID != "" && s.ClusterID == p.ClusterID && of.ID != "" && of.ID == p.ids[here]
}

func (m *matching) run(ctx context.Context, topics map[string]*offset.SnapshotTopic, times []int64) error {
	if err := m.prepare(topics); err != nil {
		return err
	}
	if err := m.search(ctx, m.seeks, times); err != nil {
		return err
	}
	// What is not there may have been left out by the mirror, or not have
	// arrived: the place after the record before it is the same place.
	if err := m.search(ctx, m.second(), nil); err != nil {
		return err
	}
	return m.settle()
}

// matching is one search for the place of a snapshot.
type matching struct {
	client *Client
	place  *place
	rows   []row
	target offset.Target
	found  []found
	seeks  []*seek  // the rows that are matched by their records
	lost   []string // partitions that cannot be matched, and why
}

// seek looks for one record in one partition.
type seek struct {
	row   int
	of    *offset.Place
	want  *offset.Mark // the record
	prior *offset.Mark // the one before it on the source; nil if none is known
	plus  int64        // 1 if the place is behind the record
	by    offset.By
	final bool // what comes of it counts, whatever it is: there is no record to look for

	snapshot   *offset.Snapshot
	start, end int64
	byTime     int64 // what the look-up by time told; the log's end if nothing
	from       int64 // where the scan began
	brokers    bool  // the log holds times of the broker
	at         int64 // where the group goes; None if the record is not found

	seen   int64    // bytes read
	before *fetched // the record before the one that is looked at, if it is known
	first  bool     // the next record is the first of the log
	widen  int64    // how far before byTime the scan begins, to know the record before
}

// prepare decides how each row is matched.
func (m *matching) prepare(topics map[string]*offset.SnapshotTopic) error {
	s := m.target.Snapshot
	var topic string
	var same bool
	var of *offset.SnapshotTopic
	for i := range m.rows {
		r := &m.rows[i]
		if r.topic != topic || of == nil {
			topic, of = r.topic, topics[r.topic]
			if of == nil {
				return &offset.Error{Code: offset.Failed, What: "The brokers told other topics than were asked for"}
			}
			same = sameLog(s, of, m.place, topic)
			if n := m.place.sizes[topic]; !same && n != len(of.Partitions) {
				return &offset.Error{
					Code: offset.SnapshotUnfit,
					What: fmt.Sprintf("Topic %q has %s, and topic %q of the snapshot had %d: the same record may be in another one", topic, count(n, "partition"), of.Name, len(of.Partitions)),
					Next: "Leave the topic out with topics, and reset it by time (datetime, or lookback).",
				}
			}
		}
		p := &of.Partitions[r.id]
		if same {
			m.found[i] = found{p.Committed, offset.ByOffset, p.Metadata}
			continue
		}
		m.byRecord(i, p)
	}
	return nil
}

func (m *matching) byRecord(i int, p *offset.Place) {
	r := &m.rows[i]
	refuse := func(why string) { m.lost = append(m.lost, name(r.topic, r.id)+": "+why) }
	s := &seek{row: i, of: p, snapshot: m.target.Snapshot, start: r.start, end: r.end, at: offset.None}
	switch {
	case p.Lost():
		refuse(fmt.Sprintf("the source's log (%d to %d) did not hold the committed offset %d any more", p.Start, p.End, p.Committed))
		return
	case p.Unmarked():
		refuse("the snapshot holds no record of it, though the log was not empty")
		return
	case p.Next != nil:
		s.want, s.prior, s.by = p.Next, p.Last, offset.ByRecord
	case p.Last != nil:
		s.want, s.prior, s.by, s.plus = p.Last, p.Before, offset.ByEnd, 1
	case p.End == 0 || r.start == r.end:
		// Nothing had ever been written there, or there is nothing here.
		m.found[i] = found{offset: r.start, by: offset.ByEnd}
		return
	default:
		// All that was consumed had left the source's log.
		s.byTime, s.final = r.start, true
	}
	m.seeks = append(m.seeks, s)
}

// search looks the records' times up, unless they have been already, and reads
// on from there.
func (m *matching) search(ctx context.Context, seeks []*seek, times []int64) error {
	instants := map[int]int64{}
	of := map[int]*seek{}
	for _, s := range seeks {
		if s.final {
			continue
		}
		of[s.row] = s
		s.byTime = s.start // of a record without a time nothing can be looked up
		// That there was no record may have been told before the log's end was:
		// what a mirror has written between must not be passed over.
		if s.row < len(times) && times[s.row] >= 0 {
			s.found(times[s.row])
		} else {
			instants[s.row] = s.want.Time
		}
	}
	cluster := m.client.cluster
	err := cluster.lookUp(ctx, m.place.Metadata, m.rows, instants, func(row int, at int64) { of[row].found(at) })
	if err != nil {
		return err
	}
	var readers []*reader
	for _, s := range seeks {
		if s.final || s.start == s.end {
			continue
		}
		// Beyond the last record there is nothing to find, but the log's end
		// tells whose times it keeps.
		s.begin(min(s.byTime, s.end-1))
		readers = append(readers, &reader{row: s.row, from: s.from, take: s.take})
	}
	if err := cluster.read(ctx, m.place.Metadata, m.rows, readers); err != nil {
		return err
	}
	for _, s := range seeks {
		if s.at >= 0 {
			m.found[s.row] = found{offset: min(s.at, s.end), by: s.by}
		}
	}
	return nil
}

// found takes up what the look-up by time told.
func (s *seek) found(at int64) {
	s.byTime = s.end
	if at >= 0 {
		s.byTime = min(max(at, s.start), s.end)
	}
}

func (s *seek) begin(at int64) {
	s.from = max(s.start, at)
	s.before, s.first = nil, s.from == s.start
}

// take looks for the record among what came.
func (s *seek) take(r *reader, got []fetched) (more bool) {
	for i := range got {
		f := &got[i]
		if f.offset < s.start {
			continue
		}
		s.brokers = s.brokers || f.brokers
		s.seen += int64(len(f.key) + len(f.value) + 16)
		if f.offset >= s.byTime && s.snapshot.Fingerprint(f.key, f.value) == s.want.Fingerprint {
			switch s.is(f) {
			case yes:
				s.at = f.offset + s.plus
				return false
			case unsure:
				// What comes before it has to be known.
				s.widen = max(1, s.widen*16)
				s.begin(s.byTime - s.widen)
				r.from = s.from
				return true
			}
		}
		s.before, s.first = &fetched{offset: f.offset, key: f.key, value: f.value}, false
	}
	return r.from < s.end && s.seen < matchBytes
}

// verdict of a comparison.
type verdict int

const (
	no verdict = iota
	yes
	unsure // the record before it is not known, and could be
)

// is tells whether a record of the right content is the one that is meant.
// Where the log keeps the producers' times and holds everything since that
// time, the time settles it: of several with the same time and content it is
// the first, which can only replay. Elsewhere records of the same content may
// stand for one that is not there: then the record before must be the right
// one too. The first record of a trimmed log skips nothing, so that the time
// is enough there.
func (s *seek) is(f *fetched) verdict {
	if f.time == s.want.Time && !s.brokers {
		if !s.trimmed() || s.first && s.plus == 0 {
			return yes
		}
	}
	switch {
	case s.first:
		if s.prior == nil && s.start == 0 && s.of.Start == 0 {
			return yes
		}
	case s.prior == nil:
	case s.before == nil:
		if s.from > s.start && s.widen < 1<<16 {
			return unsure
		}
	case s.snapshot.Fingerprint(s.before.key, s.before.value) == s.prior.Fingerprint:
		return yes
	}
	return no
}

// trimmed tells that the log begins at or after the record's time, and did not
// always: the record may have been in what is gone.
func (s *seek) trimmed() bool { return s.start > 0 && s.byTime <= s.start }

// second returns the searches for the record before, where the next one was
// not found.
func (m *matching) second() []*seek {
	var again []*seek
	for _, s := range m.seeks {
		if s.final || s.at >= 0 || s.brokers || s.of.Next == nil || s.of.Last == nil {
			continue
		}
		again = append(again, &seek{
			row: s.row, of: s.of, want: s.of.Last, plus: 1, by: offset.ByRecord, at: offset.None,
			snapshot: s.snapshot, start: s.start, end: s.end,
		})
	}
	return again
}

// settle decides about the rows whose record was not found.
func (m *matching) settle() error {
	var missing, untrusted []string
	for _, s := range m.seeks {
		if m.found[s.row].by != "" {
			continue
		}
		r := &m.rows[s.row]
		switch {
		case m.target.Unmatched == offset.UnmatchedError:
			missing = append(missing, name(r.topic, r.id))
		case s.final, s.start == s.end && s.plus == 1:
			m.found[s.row] = found{offset: s.byTime, by: offset.ByTime}
		case s.brokers:
			untrusted = append(untrusted, name(r.topic, r.id)+": the topic keeps the broker's times (message.timestamp.type=LogAppendTime)")
		case s.trimmed():
			untrusted = append(untrusted, fmt.Sprintf("%s: the log begins at %d, after the record's time, so that it may have been deleted", name(r.topic, r.id), r.start))
		default:
			m.found[s.row] = found{offset: s.byTime, by: offset.ByTime}
		}
	}
	switch {
	case len(m.lost) > 0:
		return &offset.Error{
			Code: offset.SnapshotUnfit,
			What: fmt.Sprintf("The snapshot does not tell where %s: %s", isAre(len(m.lost), "partition"), wire.Listed(m.lost)),
			Next: "Leave its topic out with topics, and choose another target for it (datetime, position = \"earliest\").",
		}
	case len(missing) > 0:
		return &offset.Error{
			Code: offset.SnapshotUnfit,
			What: fmt.Sprintf("The record before which the group was is not found in %s: %s", count(len(missing), "partition"), wire.Listed(missing)),
			Next: `Wait until the mirror has caught up, or set unmatched = "time", which goes by the record's time there: it replays and does not skip.`,
		}
	case len(untrusted) > 0:
		return &offset.Error{
			Code: offset.SnapshotUnfit,
			What: fmt.Sprintf("The record before which the group was is not found in %s, and its time does not lead to its place: %s", count(len(untrusted), "partition"), wire.Listed(untrusted)),
			Next: "Leave the topic out with topics, and choose another target for it: the offsets of data.kafka_mirror_checkpoints where MirrorMaker translates them, or position = \"earliest\".",
		}
	}
	return nil
}

// matchNotes tells how the partitions of a snapshot were found.
func matchNotes(plan *offset.Plan, found []found) []string {
	t := plan.Request.Target
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	age := plan.At.Sub(t.Snapshot.TakenAt).Round(time.Second)
	note("The snapshot of consumer group %q was taken at %s, %s ago: what was consumed after it is consumed again.",
		t.Snapshot.Group, t.Snapshot.TakenAt.UTC().Format(time.RFC3339), max(age, 0))
	var byTime []string
	records := 0
	for i, f := range found {
		switch f.by {
		case offset.ByTime:
			byTime = append(byTime, name(plan.Moves[i].Topic, plan.Moves[i].ID))
		case offset.ByRecord, offset.ByEnd:
			records++
		case offset.ByOffset:
		}
	}
	if records > 0 {
		note("%s at the very record.", isAre(records, "partition"))
	}
	if len(byTime) > 0 {
		note("The record was not found in %s: by its time, which replays and does not skip: %s.", count(len(byTime), "partition"), wire.Listed(byTime))
	}
	var without []string
	for topic, of := range here(t, plan.Request.Scope.Topics) {
		for id, p := range of.Partitions {
			if p.Committed < 0 {
				without = append(without, name(topic, int32(id))) //nolint:gosec // A topic's size.
			}
		}
	}
	if len(without) > 0 {
		slices.Sort(without)
		note("Left alone, because the snapshot has no offset there: %s.", wire.Listed(without))
	}
	return notes
}
