package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// basis is what a plan was made from. Plan keeps it for the Apply that follows.
type basis struct {
	client *Client
	*survey
	carry []carried // beside the plan's moves
}

// fresh is how old a plan's basis may be for Apply to go on from it. What the
// group has committed is looked at once more in any case, and whatever else
// happens to the group in that time, the broker itself refuses a commit into a
// group with members.
const fresh = 10 * time.Second

// Plan resolves the request against the live cluster and writes nothing.
// Active members are told in the plan; everything else that would make an
// Apply fail is an error, except for the limits, which Apply checks on the
// final moves.
func (c *Client) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	ctx = wire.Telling(ctx, req.Tell)
	p, err := c.plan(ctx, req)
	return p, wire.Why(ctx, untouched(err))
}

func (c *Client) plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	if err := check(req); err != nil {
		return nil, err
	}
	s, err := c.survey(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.group.refuseKind(); err != nil {
		return nil, err
	}
	if !may(s.group.rights, opRead) {
		return nil, wire.NoRight("READ", wire.OnGroup, req.Group)
	}
	missing, err := s.missing(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case missing && !req.AllowNewGroup:
		return nil, groupMissing(req.Group, req.GroupType)
	case missing && req.GroupType == offset.StreamsGroup:
		return nil, newStreamsGroup(req.Group)
	}
	if len(s.rows) == 0 {
		return nil, nothingCommitted(req)
	}

	if anew := madeAnew(s.place.ids, req.TopicIDs); len(anew) > 0 && req.TopicIDsOf == s.clusterID {
		return nil, &offset.Error{
			Code: offset.Overwritten,
			What: fmt.Sprintf("Topics were deleted and made anew under their names since their offsets were resolved, which mean other records now: %s", wire.Quoted(anew)),
			Next: "Change triggers to begin anew, or leave these topics out of the scope.",
		}
	}

	plan := &offset.Plan{
		Request:   req,
		ClusterID: s.clusterID,
		State:     s.group.state,
		Protocol:  s.group.protocol,
		Members:   s.group.members,
		At:        s.at,
		Instant:   s.instant,
	}
	var places []found
	if req.Target.Kind == offset.ToSnapshot {
		if places, err = c.match(ctx, s, req); err != nil {
			return nil, err
		}
	}
	basis := &basis{client: c, survey: s}
	if plan.Moves, basis.carry, err = resolve(req.Target, req.OutOfRange, s.rows); err != nil {
		return nil, err
	}
	if !s.reused { // what another plan has looked at is too old for an apply
		plan.Engine = basis
	}
	plan.Notes = planNotes(plan, s, missing)
	if places != nil {
		plan.Notes = append(plan.Notes, matchNotes(plan, places)...)
	}
	return plan, nil
}

// instantOf returns the instant that a target means, or the zero time. None
// lies before 1970: brokers take negative times for positions in the log.
func instantOf(target offset.Target, now time.Time) (time.Time, error) {
	instant := target.Time
	switch target.Kind {
	case offset.ToTime:
	case offset.ToLookback:
		instant = now.Add(-target.Lookback)
	default:
		return time.Time{}, nil
	}
	if instant.UnixMilli() < 0 {
		return time.Time{}, &offset.Error{
			Code: offset.InvalidArgument,
			What: fmt.Sprintf("The time %s lies before 1970", instant.UTC().Format(time.RFC3339)),
		}
	}
	return instant, nil
}

// check refuses requests that no cluster could serve. Among them are those
// that a broker would accept: an empty group and negative offsets.
func check(req offset.Request) error {
	invalid := func(format string, args ...any) error {
		return &offset.Error{Code: offset.InvalidArgument, What: fmt.Sprintf(format, args...)}
	}
	t, s := req.Target, req.Scope
	explicit := t.Kind == offset.ToOffsets
	snapshot := t.Kind == offset.ToSnapshot
	scopes := 0
	for _, given := range []bool{len(s.Topics) > 0 && !snapshot, s.AllTopics, explicit, snapshot} {
		if given {
			scopes++
		}
	}
	switch {
	case req.Group == "":
		return invalid("The consumer group's name is empty")
	case scopes != 1:
		return invalid("A reset needs exactly one scope: topics, all topics, offsets by topic and partition, or a snapshot")
	case slices.Contains(s.Topics, ""):
		return invalid("A topic's name is empty")
	case len(s.Partitions) > 0 && (len(s.Topics) != 1 || snapshot):
		return invalid("Partitions can be chosen only of one topic")
	case slices.ContainsFunc(s.Partitions, func(p int32) bool { return p < 0 }) && !slices.Equal(s.Partitions, []int32{offset.AllPartitions}):
		return invalid("A partition's number is negative")
	}
	if req.GroupType == offset.ShareGroup && (t.Kind == offset.ByShift || t.Kind == offset.ToGroup) {
		return invalid("The start offsets of a share group can be neither shifted nor copied from another group")
	}
	switch t.Kind {
	case offset.ToEarliest, offset.ToLatest, offset.ToCurrent, offset.ToTime:
	case offset.ToOffset:
		if t.Offset < 0 {
			return invalid("The offset %d is negative", t.Offset)
		}
	case offset.ToLookback:
		if t.Lookback < 0 {
			return invalid("The duration %s is negative", t.Lookback)
		}
	case offset.ByShift:
		if t.Shift == 0 {
			return invalid("A shift by 0 moves nothing")
		}
	case offset.ToGroup:
		if t.Group == "" {
			return invalid("The source group's name is empty")
		}
		if t.Group == req.Group {
			return invalid("The source group is the group itself")
		}
	case offset.ToSnapshot:
		return checkSnapshot(req, invalid)
	case offset.ToOffsets:
		return checkOffsets(t.Offsets, invalid)
	default:
		return invalid("There is no target %q", t.Kind)
	}
	return nil
}

func checkOffsets(offsets offset.Offsets, invalid func(string, ...any) error) error {
	if len(offsets) == 0 {
		return invalid("There are no offsets")
	}
	for topic, of := range offsets {
		if topic == "" {
			return invalid("A topic's name is empty")
		}
		if len(of) == 0 {
			return invalid("Topic %q has no offsets", topic)
		}
		for id, at := range of {
			if id < 0 || at < 0 {
				return invalid("The offset %d of partition %s is not possible: neither may be negative", at, name(topic, id))
			}
		}
	}
	return nil
}

// selectionOf returns the partitions of a reset's scope.
func selectionOf(req offset.Request) selection {
	switch {
	case req.Target.Kind == offset.ToOffsets:
		return selectionAt(req.Target.Offsets)
	case req.Target.Kind == offset.ToSnapshot:
		return snapshotSelection(req)
	case req.Scope.AllTopics:
		return selection{all: true, right: opRead}
	}
	s := selection{topics: slices.Sorted(slices.Values(req.Scope.Topics)), right: opRead}
	s.topics = slices.Compact(s.topics)
	if len(req.Scope.Partitions) > 0 && req.Scope.Partitions[0] != offset.AllPartitions {
		s.only = slices.Compact(slices.Sorted(slices.Values(req.Scope.Partitions)))
	}
	return s
}

// selectionAt returns the partitions that the offsets are of.
func selectionAt(targets offset.Offsets) selection {
	s := selection{explicit: map[string][]int32{}, right: opRead}
	for topic, of := range targets {
		s.topics = append(s.topics, topic)
		for id := range of {
			s.explicit[topic] = append(s.explicit[topic], id)
		}
		slices.Sort(s.explicit[topic])
	}
	slices.Sort(s.topics)
	return s
}

func groupMissing(group string, is offset.GroupType) error {
	if is == offset.ShareGroup { // Its offsets do not expire.
		return &offset.Error{
			Code: offset.GroupMissing,
			What: fmt.Sprintf("Share group %q does not exist", group),
			Next: "Its name may be misspelt, this may be another cluster, or the right DESCRIBE on it may be missing. Set allow_new_group = true if it is new.",
		}
	}
	return &offset.Error{
		Code: offset.GroupMissing,
		What: offset.Capital(is.Called(group)) + " neither exists nor has committed offsets",
		Next: "Its name may be misspelt, its offsets may have expired (offsets.retention.minutes after its last member left), this may be another cluster, or the right DESCRIBE on it may be missing. Set allow_new_group = true if it is new.",
	}
}

func nothingCommitted(req offset.Request) error {
	group := req.GroupType.Called(req.Group)
	if req.Target.Kind == offset.ToGroup {
		group = offset.ConsumerGroup.Called(req.Target.Group)
	}
	return &offset.Error{
		Code: offset.NoOffset,
		What: fmt.Sprintf("%s has no committed offset in any topic that may be described, so that all_topics means nothing", offset.Capital(group)),
		Next: "It may not exist, or its offsets may have expired: check the group's name and the right DESCRIBE on its topics, or name the topics.",
	}
}

// planNotes tells what a reader of the plan should know.
func planNotes(plan *offset.Plan, s *survey, missing bool) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if missing {
		note("%s does not exist yet and is created by the reset.", offset.Capital(plan.Request.GroupType.Called(plan.Request.Group)))
	}
	switch plan.Request.GroupType {
	case offset.ShareGroup:
		notes = append(notes, shareNote)
		if n := countCreated(plan.Moves); n > 0 {
			note("%s no start offset yet. A restore takes it away again only where the whole topic had none: brokers delete start offsets by whole topics.", hasHave(n, "partition"))
		}
	case offset.StreamsGroup:
		notes = append(notes, streamsNote)
	}
	notes = append(notes, instantNotes(s.rows, plan.Instant, plan.At)...)
	if s.group.keeps {
		note("The brokers cannot delete committed offsets (they are older than Kafka 2.4): on_destroy = \"delete_offsets\" is refused then, and so is a restore of partitions that had no offset before.")
	}
	atStart := 0
	for _, m := range plan.Moves {
		if m.Offset == m.Start && m.End > m.Start {
			atStart++
		}
	}
	if atStart > 0 && plan.Request.GroupType != offset.ShareGroup {
		note("%s put at the log's start. If retention deletes records there before they are consumed, a consumer with auto.offset.reset=latest skips to the end of the log.", isAre(atStart, "partition"))
	}
	if s.place != nil && len(s.place.mirrors) > 0 {
		notes = append(notes, mirrorNote(s.place.mirrors))
	}
	if s.all {
		note("All topics are those with committed offsets that may be described: the broker leaves others out without saying so.")
		if len(s.narrowed) > 0 {
			note("Partitions without a committed offset are left alone in %s.", listed(s.narrowed))
		}
	}
	for _, m := range plan.Members {
		if m.InstanceID != "" {
			note("The group has static members (group.instance.id), which count as active until their session times out, even after they were stopped.")
			break
		}
	}
	return notes
}

// instantNotes tells where an instant means the log's end: of the partitions
// that hold records, but none at or after it.
func instantNotes(rows []row, instant, now time.Time) []string {
	if instant.IsZero() {
		return nil
	}
	at := instant.UTC().Format(time.RFC3339)
	if instant.After(now) {
		return []string{fmt.Sprintf("The instant %s lies in the future: where no record has such a time, it means the log's end.", at)}
	}
	var late []string
	for i := range rows {
		if r := &rows[i]; r.match < 0 && r.end > r.start {
			late = append(late, name(r.topic, r.id))
		}
	}
	if len(late) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("No record is at or after the instant %s in %s: there it means the log's end.", at, listed(late))}
}

func countCreated(moves []offset.Move) (n int) {
	for _, m := range moves {
		if m.Created() {
			n++
		}
	}
	return n
}

func hasHave(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " has"
	}
	return count(n, noun) + " have"
}

func isAre(n int, noun string) string {
	if n == 1 {
		return count(n, noun) + " is"
	}
	return count(n, noun) + " are"
}
