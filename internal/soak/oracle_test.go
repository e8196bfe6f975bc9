package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// The oracle says what should come of a reset, a restore or a deletion, from
// what the brokers told just before it. It is written from the documentation
// and shares no code with the engines; of package offset it uses the words.

// commit is what a group has committed in a partition.
type commit struct {
	Offset   int64  // offset.None if there is none
	Metadata string `json:",omitempty"`
}

// nowhere is no partition.
var nowhere offset.Partition

var none = commit{Offset: offset.None}

func (c commit) String() string {
	if c == none {
		return "none"
	}
	if c.Metadata == "" {
		return fmt.Sprint(c.Offset)
	}
	return fmt.Sprintf("%d %q", c.Offset, c.Metadata)
}

// commits are those of a group, by partition; no entry means none.
type commits map[offset.Partition]commit

func (c commits) at(p offset.Partition) commit {
	if at, ok := c[p]; ok {
		return at
	}
	return none
}

func (c commits) with(p offset.Partition, at commit) {
	if at == none {
		delete(c, p)
	} else {
		c[p] = at
	}
}

// log is where a partition's log starts and ends.
type log struct {
	Start, End int64
	Stable     int64 // where it ends for who reads only what is committed
}

// logs are by partition: no others exist.
type logs map[offset.Partition]log

// all returns the partitions of a topic, in order.
func (l logs) all(topic string) []offset.Partition {
	var all []offset.Partition
	for p := range l {
		if p.Topic == topic {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, offset.Partition.Compare)
	return all
}

// view is what the brokers tell.
type view struct {
	Logs    logs
	Commits map[string]commits // by group; of a share group its start offsets
	// Left is how many records from its start offset on a share group has not
	// acknowledged, by group: other groups are not in it.
	Left map[string]map[offset.Partition]int64
}

// of returns a group's commits.
func (v view) of(group string) commits {
	if c, ok := v.Commits[group]; ok {
		return c
	}
	return commits{}
}

// with returns the view with other commits of a group. Whatever a share group
// had acknowledged after a start offset is forgotten where that is set anew.
func (v view) with(group string, c commits) view {
	if v.share(group) {
		left := maps.Clone(v.Left[group])
		for p, at := range c {
			if at != v.of(group).at(p) {
				left[p] = v.Logs[p].End - at.Offset
			}
		}
		v.Left = maps.Clone(v.Left)
		v.Left[group] = left
	}
	v.Commits = maps.Clone(v.Commits)
	v.Commits[group] = c
	return v
}

// share tells whether it is a share group.
func (v view) share(group string) bool {
	_, ok := v.Left[group]
	return ok
}

// apart returns how many records after its start offset a share group has
// acknowledged, at most.
func (v view) apart(group string, p offset.Partition) int64 {
	at := v.of(group).at(p)
	if !v.share(group) || at == none {
		return 0
	}
	return max(v.Logs[p].End-at.Offset-max(v.Left[group][p], 0), 0)
}

// move is what should come of one partition.
type move struct {
	offset.Partition
	From    commit
	To      commit // what is committed afterwards
	Start   int64
	End     int64
	Clamped bool
	Apart   int64 // a share group's: what is acknowledged after From
}

// expected is what should come of a request.
type expected struct {
	// Told: the target tells what was consumed, so that a first offset neither
	// replays nor skips.
	Told     bool
	Moves    []move
	Refusals []offset.Code // any of these is right, and nothing else
	// Maybe has the refusals be as right as the moves: it is not known what the
	// broker remembers of a group without members and offsets.
	Maybe bool
}

func (e *expected) refuse(code offset.Code) {
	if !slices.Contains(e.Refusals, code) {
		e.Refusals = append(e.Refusals, code)
	}
}

// replayed and skipped are counted in offsets; a first offset counts whole.
func (e expected) replayed() (n int64) {
	for _, m := range e.Moves {
		if m.To.Offset < 0 {
			continue // left without one
		}
		if m.From.Offset < 0 {
			if !e.Told {
				n += max(m.End-m.To.Offset, 0)
			}
			continue
		}
		if m.To.Offset < m.From.Offset {
			n += min(max(m.From.Offset, m.Start), m.End) - m.To.Offset
		}
		n += min(m.Apart, max(m.End-m.To.Offset, 0))
	}
	return n
}

func (e expected) skipped() (n int64) {
	for _, m := range e.Moves {
		if m.To.Offset < 0 {
			continue
		}
		if m.From.Offset < 0 {
			if !e.Told {
				n += m.To.Offset - m.Start
			}
		} else if m.To.Offset > m.From.Offset {
			n += m.To.Offset - max(m.From.Offset, m.Start)
		}
	}
	return n
}

// question is a reset that is to be judged.
type question struct {
	offset.Request
	Known    bool                       // the group has existed before
	Mistaken bool                       // the group is of another type than the request says
	Times    map[offset.Partition]int64 // of a time target: the first offset at or after it; -1 if there is none
	Zero     bool                       // the brokers tell 0 where there is no offset (RocketMQ before 5.0)
}

// expect says what should come of a reset.
func expect(q question, v view) (e expected) {
	e.Told = q.Target.Kind == offset.ToSnapshot
	group := v.of(q.Group)
	source := v.of(q.Target.Group)
	if v.share(q.Target.Group) { // which has committed nothing
		v = v.with(q.Target.Group, commits{})
		source = commits{}
	}
	if q.Mistaken {
		e.refuse(offset.GroupKind)
		e.refuse(offset.GroupMissing) // if nothing is left of it
	}
	if q.GroupType == offset.ShareGroup && (q.Target.Kind == offset.ByShift || q.Target.Kind == offset.ToGroup) {
		e.refuse(offset.InvalidArgument)
	}
	if len(e.Refusals) > 0 {
		return e
	}
	if made := q.AllowNewGroup && q.GroupType != offset.StreamsGroup; len(group) == 0 && !made { // only members make a streams group
		e.refuse(offset.GroupMissing)
		e.Maybe = q.Known
	}
	for _, p := range scopeOf(q, v, &e) {
		at, exists := v.Logs[p]
		if !exists {
			e.refuse(offset.PartitionGone)
			continue
		}
		end := at.End
		if q.Isolation == offset.ReadCommitted {
			end = at.Stable
		}
		m := move{Partition: p, From: group.at(p), Start: at.Start, End: end, Apart: v.apart(q.Group, p)}
		want, metadata := int64(0), ""
		bounded := false // the target is part of the log by its meaning
		switch q.Target.Kind {
		case offset.ToEarliest:
			want = at.Start
		case offset.ToLatest:
			want = end
		case offset.ToCurrent:
			if want = m.From.Offset; want < 0 {
				want = end
			}
		case offset.ToOffset:
			want = q.Target.Offset
		case offset.ToTime, offset.ToLookback:
			bounded = true
			if want = q.Times[p]; want < 0 {
				want = end
			}
		case offset.ByShift:
			if m.From.Offset < 0 {
				e.refuse(offset.NoOffset)
				continue
			}
			want = m.From.Offset + q.Target.Shift
		case offset.ToGroup:
			if want = source.at(p).Offset; want < 0 {
				e.refuse(offset.NoOffset)
				continue
			}
			metadata = source.at(p).Metadata
		case offset.ToOffsets:
			want = q.Target.Offsets[p.Topic][p.ID]
		case offset.ToSnapshot: // here, where it was taken
			at := q.Target.Snapshot.Topic(p.Topic).Partitions[p.ID]
			want, metadata = at.Committed, at.Metadata
		}
		to := min(max(want, at.Start), end)
		m.Clamped = to != want && !bounded
		if m.Clamped && q.OutOfRange == offset.Refuse {
			e.refuse(offset.OutsideLog)
		}
		if to != want || q.GroupType == offset.ShareGroup { // whose start offsets carry none
			metadata = ""
		}
		m.To = commit{to, metadata}
		if to == m.From.Offset {
			m.To = m.From // it is not committed again
		}
		e.Moves = append(e.Moves, m)
	}
	if q.Limits.MaxReplayed != nil && e.replayed() > *q.Limits.MaxReplayed || q.Limits.MaxSkipped != nil && e.skipped() > *q.Limits.MaxSkipped {
		e.refuse(offset.LimitExceeded)
	}
	return e
}

// expectRocketMQ says what should come of a reset on RocketMQ, on those masters
// that the view knows.
func expectRocketMQ(q question, v view) (e expected) {
	group := v.of(q.Group)
	for _, p := range slices.SortedFunc(maps.Keys(v.Logs), offset.Partition.Compare) {
		at := v.Logs[p]
		m := move{Partition: p, From: group.at(p), Start: at.Start, End: at.End}
		if q.Zero && m.From.Offset == 0 {
			m.From = none // as far as anybody can tell
		}
		want, bounded := int64(0), true
		switch q.Target.Kind {
		case offset.ToEarliest:
			want = at.Start
		case offset.ToLatest:
			want = at.End
		case offset.ToTime:
			if want = q.Times[p]; want < 0 {
				want = at.End
			}
		case offset.ToOffsets:
			given, ok := q.Target.Offsets[p.Broker][p.ID]
			if !ok {
				continue
			}
			want, bounded = given, false
		}
		m.To = commit{Offset: min(max(want, at.Start), at.End)}
		m.Clamped = m.To.Offset != want && !bounded
		if q.KeepAhead && m.To.Offset > max(m.From.Offset, at.Start) {
			m.To, m.Clamped = m.From, false // left alone
		}
		e.Moves = append(e.Moves, m)
	}
	if q.Limits.MaxReplayed != nil && e.replayed() > *q.Limits.MaxReplayed || q.Limits.MaxSkipped != nil && e.skipped() > *q.Limits.MaxSkipped {
		e.refuse(offset.LimitExceeded)
	}
	return e
}

// scopeOf returns the partitions that a reset is about, in order.
func scopeOf(q question, v view, e *expected) []offset.Partition {
	var scope []offset.Partition
	switch {
	case q.Target.Kind == offset.ToOffsets:
		for topic, of := range q.Target.Offsets {
			for id := range of {
				scope = append(scope, offset.Partition{Topic: topic, ID: id})
			}
		}
	case q.Target.Kind == offset.ToSnapshot:
		for topic, of := range q.Target.Snapshot.Offsets() {
			for id := range of {
				scope = append(scope, offset.Partition{Topic: topic, ID: id})
			}
		}
	case q.Scope.AllTopics:
		of := q.Group
		if q.Target.Kind == offset.ToGroup {
			of = q.Target.Group
		}
		for p := range v.of(of) {
			scope = append(scope, p)
		}
		if len(scope) == 0 {
			e.refuse(offset.NoOffset)
		}
	case len(q.Scope.Partitions) > 0:
		for _, id := range q.Scope.Partitions {
			scope = append(scope, offset.Partition{Topic: q.Scope.Topics[0], ID: id})
		}
	default:
		for _, topic := range q.Scope.Topics {
			scope = append(scope, v.Logs.all(topic)...)
		}
	}
	slices.SortFunc(scope, offset.Partition.Compare)
	return scope
}

// undone says what a group should have committed after the resets of a record
// were undone: each partition where it was, with its metadata, if it is still
// where the reset had put it and the old place is still in the log. Unless it
// is lenient, one that is not has the whole refused.
//
// RocketMQ cannot take an offset away again, and Kafka those of a share group
// only by whole topics: elsewhere they stay.
func undone(v view, group string, record []offset.Outcome, lenient bool) (commits, []offset.Code) {
	now := maps.Clone(v.of(group))
	var refusals []offset.Code
	var remove []offset.Partition
	if len(now) == 0 {
		return now, nil // The group is gone.
	}
	for _, o := range record {
		p := o.Partition
		is, exists := now.at(p), v.Logs[p]
		_, there := v.Logs[p]
		switch {
		case !o.Touched() || o.Offset < 0 || o.Previous == o.Offset || !there || is.Offset == o.Previous:
		case p.Broker != "" && o.Previous < 0: // stays, wherever it is
		case is.Offset != o.Offset:
			refusals = append(refusals, offset.Overwritten)
		case v.Left[group][p] >= 0 && v.apart(group, p) > 0: // consumed from there
			refusals = append(refusals, offset.Overwritten)
		case o.Previous < 0:
			remove = append(remove, p)
		case o.Previous < exists.Start || o.Previous > exists.End:
			refusals = append(refusals, offset.OutsideLog)
		default:
			now.with(p, commit{o.Previous, o.Metadata})
		}
	}
	for _, p := range remove {
		if !v.share(group) || len(v.others(group, p.Topic, remove)) == 0 {
			now.with(p, none)
		}
	}
	if lenient {
		refusals = nil
	}
	if len(refusals) > 0 {
		return v.of(group), refusals
	}
	return now, nil
}

// others returns the partitions of a topic that a group has offsets in, without
// the given ones.
func (v view) others(group, topic string, without []offset.Partition) []offset.Partition {
	var others []offset.Partition
	for p := range v.of(group) {
		if p.Topic == topic && !slices.Contains(without, p) {
			others = append(others, p)
		}
	}
	return others
}

// resumed says where a group should be after the rest of a reset was done:
// what has landed stays, wherever its consumers have gone since. What was in
// doubt has landed unless it is at the offset from before. What another writer
// had written over is written again.
func resumed(now commits, record []offset.Outcome, beside reset.Kept, whole expected) commits {
	now = maps.Clone(now)
	for _, o := range record {
		is := now.at(o.Partition)
		doubtful := o.State == offset.Unsettled && !beside.Beside[o.Partition].Overwritten
		if !o.Failed() || is.Offset == o.Offset || doubtful && is.Offset != o.Previous {
			continue
		}
		to := commit{Offset: o.Offset}
		for _, m := range whole.Moves {
			if m.Partition == o.Partition && m.To.Offset == o.Offset {
				to = m.To // with what it carries
			}
		}
		now.with(o.Partition, to)
	}
	return now
}

// forgotten says what a group should have committed after the offsets that a
// record tells of were deleted. Those of a share group are deleted by whole
// topics, which is refused where others would go too.
func forgotten(v view, group string, record []offset.Outcome) (commits, []offset.Code) {
	now := maps.Clone(v.of(group))
	var set []offset.Partition
	for _, o := range record {
		if o.Touched() && o.Offset >= 0 {
			delete(now, o.Partition)
			set = append(set, o.Partition)
		}
	}
	if v.share(group) && slices.ContainsFunc(set, func(p offset.Partition) bool { return len(v.others(group, p.Topic, set)) > 0 }) {
		return v.of(group), []offset.Code{offset.Unsupported}
	}
	return now, nil
}

// differ tells where two sets of commits differ, in order.
func differ(is, should commits) []string {
	all := map[offset.Partition]bool{}
	for p := range is {
		all[p] = true
	}
	for p := range should {
		all[p] = true
	}
	var different []string
	for _, p := range slices.SortedFunc(maps.Keys(all), offset.Partition.Compare) {
		if is.at(p) != should.at(p) {
			different = append(different, fmt.Sprintf("%s is at %s and should be at %s", p.Name(), is.at(p), should.at(p)))
		}
	}
	return different
}

// disprove compares what a result claims of each partition with what the broker
// says. Consumers, if there were any, may have moved on; a stranger may have
// committed what the result says that it saw.
func disprove(before, after commits, outcomes []offset.Outcome, consumers bool, stranger offset.Partition) []string {
	var wrong []string
	claim := func(o offset.Outcome, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s: %s (it was at %s, is at %s; the result says %d → %d, seen %d, %q)",
			o.Name(), fmt.Sprintf(format, args...), before.at(o.Partition), after.at(o.Partition), o.Previous, o.Offset, o.Seen, o.Reason))
	}
	should := maps.Clone(before)
	for _, o := range outcomes {
		was, is := before.at(o.Partition), after.at(o.Partition)
		should.with(o.Partition, is) // judged here
		if o.Offset < 0 && o.How == "" && o.State == offset.Done && is != none {
			claim(o, "told to have no offset any more")
		}
		switch o.State {
		case offset.Done:
			// On RocketMQ a consumer that has just come may write over a reset that
			// it has not yet been told of: the result says that it is pending.
			movedOn := consumers && (is.Offset > o.Offset || o.Broker != "")
			at := o.Offset
			if o.How == "kept" {
				at = was.Offset
			}
			if is.Offset != at && !movedOn {
				claim(o, "told to be done")
			}
		case offset.MovedOn:
			if !consumers {
				claim(o, "told to have moved on, and nobody was there to do that")
			} else if is.Offset < o.Offset && o.Broker == "" {
				claim(o, "told to have moved on, and is before the target")
			}
		case offset.NotDone:
			if is != was && (!consumers || is.Offset < was.Offset) {
				claim(o, "told not to be done")
			}
		case offset.Unsettled:
			if is != was && is.Offset != o.Offset && !consumers && o.Partition != stranger {
				claim(o, "told to be in doubt, and is neither here nor there")
			}
		case offset.Elsewhere:
			if o.Partition != stranger || is.Offset != o.Seen {
				claim(o, "told to have been put elsewhere by somebody")
			}
		}
	}
	for _, d := range differ(after, should) {
		if !consumers && !strings.HasPrefix(d, stranger.Name()+" ") {
			wrong = append(wrong, "not told of: "+d)
		}
	}
	return wrong
}
