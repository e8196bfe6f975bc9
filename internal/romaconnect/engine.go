package romaconnect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// instance is the engine of one instance.
type instance struct {
	client *Client
	id     string
	// The gateway lets this key ask for one group, or it does not: then only the
	// list is to be had.
	shown, listed atomic.Bool
}

// Instance resets the groups of one managed instance.
type Instance = instance

// view is what the service tells of a group and a topic at one time.
type view struct {
	group  status
	bounds map[int32]bounds // nil if not even the number of partitions is known
	notes  []string
}

// Plan looks up the group and the topic. Where the service tells the group's
// offsets, it has a move for each partition with message_offset. Otherwise it
// has none: the service finds the offsets of a time only while it resets.
func (e *instance) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	req = named(req)
	if err := e.validate(req); err != nil {
		return nil, err
	}
	seen, err := e.inspect(ctx, req)
	if err != nil {
		return nil, err
	}
	now := e.client.clock.Now()
	plan := &offset.Plan{
		Request: req, ClusterID: e.id, State: seen.group.state, Members: seen.group.members, At: now,
		Notes: append(e.describe(req, seen), seen.notes...),
	}
	if at, ok := instant(req.Target, now); ok {
		plan.Instant = at
		if at.After(now) {
			plan.Notes = append(plan.Notes, "The time lies in the future: it leads to the log's end as of the apply.")
		}
	}
	if plan.Moves, err = e.moves(req, seen); err != nil {
		return nil, err
	}
	return plan, nil
}

// named names the topic and the partitions of explicit offsets in the scope, as
// those of other targets are. What a resource may say is Check's: the engine
// itself also takes several partitions, each of which costs a call.
func named(req offset.Request) offset.Request {
	if req.Target.Kind == offset.ToOffsets && len(req.Target.Offsets) == 1 {
		for topic, of := range req.Target.Offsets {
			req.Scope = offset.Scope{Topics: []string{topic}, Partitions: slices.Sorted(maps.Keys(of))}
		}
	}
	return req
}

// Apply waits until the group is inactive, checks everything again, resets,
// and reads back what the service tells.
func (e *instance) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	req := plan.Request
	if err := e.validate(req); err != nil {
		return nil, err
	}
	if err := e.awaitInactive(ctx, req.Group, e.what(req), req.Wait(), req.Tell); err != nil {
		return nil, err
	}
	seen, err := e.inspect(ctx, req)
	if err != nil {
		return nil, err
	}
	if !seen.group.idle() { // it came back just now
		return nil, e.active(e.what(req), seen.group, 0)
	}
	now := e.client.clock.Now()
	moves, err := e.moves(req, seen)
	if err != nil {
		return nil, err
	}
	at, timed := instant(req.Target, now)
	if timed && at.Unix() < 0 {
		return nil, &offset.Error{
			Code: offset.InvalidArgument, What: e.what(req) + ": the time lies before 1970", State: offset.NothingChanged,
			Next: "Choose a shorter lookback.",
		}
	}

	if seen.group.exact {
		req.Leave(e.unresolved(req, seen))
	}
	req.Tell("Resetting")
	result := &offset.Result{ClusterID: e.id, State: seen.group.state, At: now, Notes: seen.notes}
	list := orders(req, at)
	for i := range list {
		list[i].once = !seen.repeatable(list[i], now)
	}
	sent, ids, err := e.send(ctx, req, list)
	result.Notes = append(result.Notes, managed.Requested(ids)...)
	if err != nil && sent == 0 && !managed.InDoubt(err) {
		return nil, e.fail(ctx, e.what(req), opReset, err)
	}
	req.Tell("Reading back")
	return e.conclude(ctx, req, seen, moves, result, sent, err)
}

// orders returns the calls that a request needs: one, or one for each of
// several partitions.
func orders(req offset.Request, at time.Time) []order {
	target := order{partition: offset.AllPartitions, offset: offset.None, millis: ceilMillis(at)}
	if req.Target.Kind == offset.ToOffset {
		target.offset = req.Target.Offset
	}
	if everyPartition(req.Scope) {
		return []order{target}
	}
	var list []order
	for _, id := range req.Scope.Partitions {
		o := target
		o.partition = id
		if req.Target.Kind == offset.ToOffsets {
			o.offset = req.Target.Offsets[req.Scope.Topics[0]][id]
		}
		list = append(list, o)
	}
	return list
}

// repeatable tells whether an order has the same effect if it is executed twice.
// What lies beyond a log's end means the end as of then, which skips the second
// time what has come in between: a time in the future, and an offset behind the
// last record. Where an end is not known, every offset but 0 may be one.
func (v view) repeatable(o order, now time.Time) bool {
	switch {
	case o.offset < 0:
		return o.millis <= now.UnixMilli()
	case o.offset == 0:
		return true
	case o.partition != offset.AllPartitions:
		return o.offset <= v.end(o.partition)
	}
	for id := range v.bounds {
		if o.offset > v.end(id) {
			return false
		}
	}
	return len(v.bounds) > 0
}

// end returns the offset after a partition's last record, as far as anything
// tells it; else None.
func (v view) end(id int32) int64 {
	end := offset.None
	if b, ok := v.bounds[id]; ok {
		end = b.end
	}
	if told, ok := v.group.ends[id]; ok {
		end = max(end, told)
	}
	return end
}

// send sends orders until one fails and returns how many were executed, and
// the ids of their requests. After the first, the user's interrupt no longer
// stops the others: half a reset helps nobody.
func (e *instance) send(ctx context.Context, req offset.Request, list []order) (sent int, ids []string, err error) {
	finish := context.WithoutCancel(ctx)
	for i, o := range list {
		if i > 0 {
			ctx = finish //nolint:fatcontext // It is one context for all that follow the first.
		}
		id, err := e.reset(ctx, req.Group, req.Scope.Topics[0], o)
		if err != nil {
			return i, ids, err
		}
		ids = append(ids, id)
	}
	return len(list), ids, nil
}

// conclude reads back and says how it stands. failed is the error of the
// order after those that were sent, nil if all were.
func (e *instance) conclude(ctx context.Context, req offset.Request, before view, moves []offset.Move, result *offset.Result, sent int, failed error) (*offset.Result, error) {
	// It has been sent: whatever the user does now, the state has to tell how
	// it stands.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*e.client.timeout)
	defer cancel()
	next := "Apply again: the reset has the same effect if it is executed twice."
	if managed.SentOnce(failed) {
		next = "Compare the lag with what you expect. A target that lies, or may lie, beyond the log's end means the end as of then: applying again also skips what has arrived in between; that is why it was not sent again."
	}
	if !before.group.exact {
		note := e.stateNow(ctx, req, before)
		if failed == nil {
			result.Notes = append(result.Notes, note)
			return result, nil
		}
		told := e.fail(ctx, e.what(req), opReset, failed)
		told.State = "It is not known whether the service executed the reset. " + note
		told.Next = next
		result.InDoubt = true
		return result, told
	}

	if moves == nil {
		moves = e.unresolved(req, before)
	}
	outcomes := offset.Outcomes(moves)
	result.Outcomes = outcomes
	after, err := e.readBack(ctx, req, moves)
	if err != nil {
		note := "The offsets could not be read back: " + err.Error() + "."
		if failed == nil {
			result.Notes = append(result.Notes, note)
			return result, nil
		}
		for i := range outcomes {
			if concerned(req, outcomes[i].ID, sent) {
				outcomes[i].Doubt("it is not known whether it was reset: " + failed.Error())
			}
		}
		result.InDoubt = true
		told := e.fail(ctx, e.what(req), opReset, failed)
		told.State = "It is not known whether the service executed the reset. " + note
		told.Next = next
		return result, told
	}

	var wrong []offset.Outcome
	var taken []string
	for i := range outcomes {
		m := &outcomes[i]
		if n, ok := after.offsets[m.ID]; ok {
			m.Seen = n
		}
		if !settle(m, failed != nil && concerned(req, m.ID, sent), failed) {
			wrong = append(wrong, *m)
		} else if m.Start < 0 && m.Clamped && !moves[i].Clamped {
			taken = append(taken, fmt.Sprintf("%d at %d", m.ID, m.Offset))
		}
	}
	if len(taken) > 0 {
		result.Notes = append(result.Notes, "The service does not tell where a log starts. Read back beyond the target, and taken for the start: partition "+shorten(taken)+".")
	}
	switch {
	case failed != nil && len(wrong) == 0:
		result.Notes = append(result.Notes, "The service's answer was lost ("+failed.Error()+"), but the offsets that were read back are those that were asked for.")
		return result, nil
	case failed != nil:
		told := e.fail(ctx, e.what(req), opReset, failed)
		told.Code = offset.Incomplete
		// Nobody knows beforehand where a time leads to, so an offset that was
		// read back proves neither that it was reset nor that it was not.
		result.InDoubt = slices.ContainsFunc(wrong, func(m offset.Outcome) bool { return m.Offset < 0 })
		told.State = "Read back: " + figures(wrong) + "."
		told.Next = next
		return result, told
	case len(wrong) == 0:
		return result, nil
	case !after.idle():
		result.Notes = append(result.Notes, "A consumer has become active since and has moved on: "+figures(wrong)+".")
		return result, nil
	default:
		return result, &offset.Error{
			Code:  offset.Overwritten,
			What:  e.what(req) + ": the offsets that were read back are not those that were set",
			State: "Read back: " + figures(wrong) + ".",
			Next:  "Something else writes this group's offsets, such as a consumer with assigned partitions or a mirror. Stop it and apply again.",
		}
	}
}

// concerned tells whether a partition belongs to an order that was not
// certainly executed.
func concerned(req offset.Request, id int32, sent int) bool {
	return everyPartition(req.Scope) || slices.Index(req.Scope.Partitions, id) >= sent
}

// settle compares a move with what was read back and returns false if they
// differ. Where the service chose the offset, the read-back is the result.
func settle(m *offset.Outcome, doubtful bool, failed error) bool {
	switch {
	case m.Offset >= 0 && m.Seen == m.Offset:
		return true
	case m.Offset >= 0 && m.Clamped && (m.Offset == m.End && m.Seen > m.Offset || m.Offset == m.Start && m.Seen > m.Offset):
		// The log's end has grown, or its start moved on, before the service
		// looked.
		m.Offset = m.Seen
		return true
	case m.Offset >= 0 && m.Start < 0 && !doubtful && m.Seen > m.Offset && m.Seen <= m.End:
		// ROMA Connect does not tell where a log starts, and moves a target
		// before that there.
		m.Offset, m.Clamped = m.Seen, true
		return true
	case doubtful && m.Offset < 0:
		m.Doubt("it is not known whether it was reset: " + failed.Error())
		return false
	case m.Offset < 0: // a time, or bounds that are not known
		m.Offset = m.Seen
		return true
	case doubtful:
		m.Fail(failed.Error())
		return false
	default:
		return false
	}
}

// figures lists moves whose read-back differs, ten at most.
func figures(moves []offset.Outcome) string {
	var parts []string
	for i, m := range moves {
		if i == 10 {
			parts = append(parts, fmt.Sprintf("and %d more", len(moves)-i))
			break
		}
		seen, want := "no offset", "the time's offset"
		if m.Seen >= 0 {
			seen = fmt.Sprintf("offset %d", m.Seen)
		}
		if m.Offset >= 0 {
			want = fmt.Sprint(m.Offset)
		}
		parts = append(parts, fmt.Sprintf("partition %d has %s instead of %s", m.ID, seen, want))
	}
	return strings.Join(parts, "; ")
}

// inspect reads the group and the topic and refuses what does not exist.
func (e *instance) inspect(ctx context.Context, req offset.Request) (view, error) {
	var seen view
	var err error
	topic := req.Scope.Topics[0]
	if seen.bounds, err = e.topicBounds(ctx, topic); managed.Barred(err) {
		seen.notes = append(seen.notes, e.barred(e.topicOperation(), "whether the topic and the partitions exist is not known before the reset"))
	} else if err != nil {
		return seen, e.fail(ctx, e.what(req), e.topicOperation(), err)
	}
	if seen.group, err = e.groupStatus(ctx, req.Group, topic); err != nil {
		return seen, e.fail(ctx, e.what(req), e.groupOperation(), err)
	}
	if seen.group.barred != "" {
		seen.notes = append(seen.notes, e.barred(seen.group.barred, "whether the group exists and has members, and where it is, is not known; the service itself resets no group with members"))
	} else if !seen.group.exact {
		seen.notes = append(seen.notes, fmt.Sprintf("This key may not call %s, or the gateway does not know it, so that no offsets of partitions are told: nothing is recorded, and a restore has nothing to put back.", opShow))
	}
	if seen.bounds == nil || everyPartition(req.Scope) {
		return seen, nil
	}
	for _, id := range req.Scope.Partitions {
		if _, ok := seen.bounds[id]; !ok {
			return seen, &offset.Error{
				Code:  offset.PartitionGone,
				What:  fmt.Sprintf("%s: the topic has no partition %d, it has %d", e.what(req), id, len(seen.bounds)),
				State: offset.NothingChanged,
			}
		}
	}
	return seen, nil
}

// validate refuses what needs no network to be refused.
func (e *instance) validate(req offset.Request) error {
	invalid := func(code offset.Code, reason string) error {
		return &offset.Error{Code: code, What: e.what(req) + ": " + reason, State: offset.NothingChanged}
	}
	allowed := req
	if len(req.Scope.Partitions) > 1 {
		allowed.Scope.Partitions = nil
	}
	if req.Target.Kind == offset.ToOffsets {
		allowed.Target.Kind = offset.ToOffset
	}
	if refusals := Check(e.client.service, allowed, ""); len(refusals) > 0 {
		return invalid(offset.Unsupported, managed.Sentences(refusals))
	}
	switch {
	case managed.CheckSegment(e.id) != "":
		return invalid(offset.InvalidArgument, "the instance id "+managed.CheckSegment(e.id))
	case req.Group == "":
		return invalid(offset.InvalidArgument, "no group is given")
	case len(req.Scope.Topics) != 1:
		return invalid(offset.InvalidArgument, "no topic is given")
	case req.Target.Kind == "":
		return invalid(offset.InvalidArgument, "no target is given")
	case req.Target.Kind == offset.ToLookback && req.Target.Lookback < 0:
		return invalid(offset.InvalidArgument, "a lookback is not negative")
	}
	return nil
}

// moves returns what a reset to an offset does to each partition, as far as
// DMS tells. It returns nil where nobody can know.
func (e *instance) moves(req offset.Request, seen view) ([]offset.Move, error) {
	limited := req.Limits.MaxReplayed != nil || req.Limits.MaxSkipped != nil
	if !seen.group.exact && (limited || req.OutOfRange == offset.Refuse) {
		return nil, &offset.Error{
			Code:  offset.Unsupported,
			What:  e.what(req) + ": the service tells no offsets of partitions, so limits and out_of_range cannot be checked",
			State: offset.NothingChanged,
			Next:  fmt.Sprintf("Give the key the right to call %s, or apply without limits and with out_of_range = \"clamp\".", e.offsetsOperation()),
		}
	}
	if !seen.group.exact || req.Target.Kind != offset.ToOffset && req.Target.Kind != offset.ToOffsets {
		return nil, nil
	}
	moves := e.unresolved(req, seen)
	known, bounded := true, true
	var outside []string
	for i := range moves {
		m := &moves[i]
		target := req.Target.Offset
		if req.Target.Kind == offset.ToOffsets {
			target = req.Target.Offsets[m.Topic][m.ID]
		}
		// Without an end, nobody can say how much a first offset replays.
		known = known && (m.End >= 0 || m.Previous >= 0)
		if m.End < 0 || m.Start < 0 && e.client.service == DMS {
			bounded = false
			continue
		}
		bounded = bounded && m.Start >= 0
		m.Offset = min(max(target, m.Start), m.End)
		if m.Clamped = m.Offset != target; m.Clamped {
			outside = append(outside, fmt.Sprintf("%d in partition %d, which has %d to %d", target, m.ID, m.Start, m.End))
		}
	}
	switch {
	case (!known || !bounded && e.client.service == DMS) && limited, !bounded && req.OutOfRange == offset.Refuse:
		return nil, &offset.Error{
			Code:  offset.Unsupported,
			What:  e.what(req) + ": the service does not tell the bounds of every partition, so limits and out_of_range cannot be checked",
			State: offset.NothingChanged,
			Next:  "Apply again later, or without limits and with out_of_range = \"clamp\".",
		}
	case req.OutOfRange == offset.Refuse && len(outside) > 0:
		return nil, &offset.Error{
			Code:  offset.OutsideLog,
			What:  fmt.Sprintf("%s: the target lies outside of the log: %s", e.what(req), strings.Join(outside[:min(10, len(outside))], "; ")),
			State: offset.NothingChanged,
			Next:  "Choose an offset within the log, or out_of_range = \"clamp\".",
		}
	}
	if limited {
		if err := req.Limits.Check(offset.Summarize(moves)); err != nil {
			return nil, err
		}
	}
	return moves, nil
}

// unresolved returns the partitions in scope with what DMS tells of them
// before the reset, and no target.
func (e *instance) unresolved(req offset.Request, seen view) []offset.Move {
	topic := req.Scope.Topics[0]
	ids := slices.Sorted(maps.Keys(seen.bounds))
	if !everyPartition(req.Scope) {
		ids = req.Scope.Partitions
	}
	moves := make([]offset.Move, 0, len(ids))
	for _, id := range ids {
		m := offset.Move{
			Partition: offset.Partition{Topic: topic, ID: id},
			Previous:  offset.None, Offset: offset.None, Start: offset.None, End: offset.None,
		}
		if n, ok := seen.group.offsets[id]; ok {
			m.Previous = n
		}
		if b, ok := seen.bounds[id]; ok {
			m.Start, m.End = b.start, b.end
		}
		if m.End < 0 {
			m.End = seen.end(id)
		}
		moves = append(moves, m)
	}
	return moves
}

// readBack asks for the offsets, a few times if they do not yet show the
// reset.
func (e *instance) readBack(ctx context.Context, req offset.Request, moves []offset.Move) (status, error) {
	var after status
	for try := range 3 {
		if try > 0 {
			if err := clock.Sleep(ctx, e.client.poll/2); err != nil {
				return after, nil //nolint:nilerr // An interrupt ends the waiting; what was read counts.
			}
		}
		var err error
		if after, err = e.groupStatus(ctx, req.Group, req.Scope.Topics[0]); err != nil {
			return after, err
		}
		if !after.exact { // it was, before the reset
			return after, errors.New("the service tells no offsets of partitions any more")
		}
		settled := true
		for _, m := range moves {
			if n, ok := after.offsets[m.ID]; !ok || m.Offset >= 0 && n != m.Offset {
				settled = false
			}
		}
		if settled || !after.idle() {
			break
		}
	}
	return after, nil
}

// stateNow says in a sentence what is told after a reset where no offsets are.
func (e *instance) stateNow(ctx context.Context, req offset.Request, before view) string {
	after, err := e.groupStatus(ctx, req.Group, req.Scope.Topics[0])
	if err != nil {
		return "The group could not be read back: " + err.Error() + "."
	}
	if after.barred != "" {
		return e.barred(after.barred, "the group could not be read back")
	}
	text := "After the reset the group is in state " + after.state
	if n, ok := after.lag.Int(); ok {
		text += fmt.Sprintf(" with a lag of %d over all its topics", n)
		if b, ok := before.group.lag.Int(); ok {
			text += fmt.Sprintf("; before it was %d", b)
		}
	}
	return text + ". The service tells no offsets of partitions."
}

// barred says that a call that only looks was left out, and what follows.
func (e *instance) barred(operation, so string) string {
	return fmt.Sprintf("This key may not call %s, or the gateway does not know it: %s.", operation, so)
}

// describe tells a plan's reader what is known beside moves.
func (e *instance) describe(req offset.Request, seen view) []string {
	var notes []string
	if !seen.group.idle() {
		notes = append(notes, fmt.Sprintf("The group is active (state %s): the apply waits for its members to leave, up to %s.", seen.group.state, req.Wait()))
	}
	switch {
	case !seen.group.exact:
		notes = append(notes, "The service tells no offsets of partitions: how many messages will be replayed or skipped cannot be known.")
		if n, ok := seen.group.lag.Int(); ok {
			notes = append(notes, fmt.Sprintf("The group's lag over all its topics is %d.", n))
		}
	case req.Target.Kind != offset.ToOffset:
		notes = append(notes, fmt.Sprintf("The service finds the offsets of a time while it resets; the group has offsets on %d of the topic's %d partitions.", len(seen.group.offsets), len(seen.bounds)))
	}
	return notes
}

// instant returns the instant that a target means.
func instant(t offset.Target, now time.Time) (time.Time, bool) {
	switch t.Kind {
	case offset.ToTime:
		return t.Time, true
	case offset.ToLookback:
		return now.Add(-t.Lookback), true
	default:
		return time.Time{}, false
	}
}

// ceilMillis returns the first whole millisecond at or after an instant.
// Records have whole milliseconds, so the first record at or after both is
// the same.
func ceilMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// what names what is being done.
func (e *instance) what(req offset.Request) string {
	names := "no topic"
	if len(req.Scope.Topics) > 0 {
		names = fmt.Sprintf("topic %q", req.Scope.Topics[0])
	}
	return fmt.Sprintf("Reset consumer group %q on %s of %s", req.Group, names, e.name())
}

// name names the instance.
func (e *instance) name() string {
	if e.client.service == DMS {
		return fmt.Sprintf("DMS instance %q", e.id)
	}
	return fmt.Sprintf("ROMA Connect instance %q", e.id)
}

func (e *instance) groupOperation() string {
	switch {
	case e.client.service == DMS:
		return opGroup
	case e.listed.Load():
		return opGroups
	default:
		return opShow
	}
}

// offsetsOperation is the call that tells offsets of partitions.
func (e *instance) offsetsOperation() string {
	if e.client.service == DMS {
		return opGroup
	}
	return opShow
}

func (e *instance) topicOperation() string {
	if e.client.service == DMS {
		return opTopic
	}
	return opTopics
}

// fail turns a call's failure into an error for the person who has to act.
func (e *instance) fail(ctx context.Context, what, operation string, err error) *offset.Error {
	failed := &offset.Error{Code: codeOf(operation, err), What: what + " (" + operation + ")", State: offset.NothingChanged, Err: err}
	if ctx.Err() != nil && !managed.InDoubt(err) {
		failed.Code = offset.Interrupted
		return failed
	}
	var who *managed.CredentialsError
	switch failed.Code {
	case offset.Unauthorized:
		failed.Next = "Check access_key, secret_key and security_token, or auth_token, in the provider's section roma_connect: tokens end, and the user needs the right to call " + operation + " in this project. A wrong clock of this machine, by 15 minutes or more, is refused in the same way."
		if errors.As(err, &who) {
			failed.Next = "Give access_key and secret_key, or auth_token, in the provider's section roma_connect, or set up one of the sources named."
		}
	case offset.InstanceMissing:
		failed.Next = "Check instance_id, and region or endpoint, project_id and service in the provider's section roma_connect."
	case offset.GroupMissing:
		failed.Next = "Check group_id; the service resets only groups that exist. A group whose offsets have expired is gone."
	case offset.TopicMissing:
		failed.Next = "Check topic."
	case offset.Unreachable:
		failed.Next = "Check region or endpoint in the provider's section roma_connect, the proxy variables, ca_cert and the service's status; then apply again."
	}
	return failed
}
