//go:build acceptance && unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// resource is what Terraform would keep of a reset.
type resource struct {
	group   int
	name    reset.Name
	exists  bool // nil state otherwise
	id      string
	record  string
	kept    reset.Kept
	private map[string][]byte
}

func newResource(group int) *resource {
	return &resource{group: group, private: map[string][]byte{}}
}

// outcomes returns the record as a state gives it back.
func (r *resource) outcomes() ([]offset.Outcome, error) { return r.outcomesOf(reset.Kafka) }

func (r *resource) outcomesOf(b reset.Broker) ([]offset.Outcome, error) {
	return b.ReadRecord(r.record, r.name)
}

// step does one step and judges what came of it.
func (k *walkedKafka) step(ctx context.Context, s *kafkaStep) error {
	if k.quiet {
		// What the last step left is still so: nothing lands late.
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		for group, c := range k.last.Commits {
			if d := differ(v.of(group), c); len(d) > 0 {
				return claimed("after the step before, and without anybody's doing, group %s: %s", group, strings.Join(d, "; "))
			}
		}
	}
	k.quiet = false
	topic, group := k.topics[s.Topic], k.groups[s.Group]
	partition := offset.Partition{Topic: topic, ID: s.Partition}
	switch s.Do {
	case "produce":
		return k.produce(ctx, topic, s.Partition, s.N)
	case "trim", "commit":
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		at := v.Logs[partition]
		if s.Do == "trim" {
			return k.client.DeleteRecords(ctx, topic, s.Partition, s.Commit.in(at.Start, at.Stable))
		}
		for {
			err := k.commit(ctx, s.Group, kafkaclient.Commits{topic: {s.Partition: {Offset: s.Commit.in(at.Start, at.End), Epoch: -1, Metadata: s.Commit.Metadata}}})
			// A coordinator that has just taken over may tell of no member
			// while one has still to time out.
			remains := errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.NonEmptyGroup)
			if k.members[s.Group] != nil || !remains || ctx.Err() != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	case "grow":
		_, ends, err := k.client.Log(ctx, topic)
		if err != nil {
			return err
		}
		return k.client.AddPartitions(ctx, topic, int32(len(ends)+s.N))
	case "begin":
		_, ends, err := k.client.Log(ctx, topic)
		if err != nil {
			return err
		}
		if k.open, err = k.patient.Begin(ctx, "soak-"+k.name, topic, s.Partition, k.records(ends[s.Partition], s.N)...); err != nil {
			return err
		}
		if s.Pending && k.members[s.Group] == nil {
			if err := k.made(ctx, s.Group); err != nil {
				return err
			}
			k.known[s.Group] = true
			return k.open.CommitOffsets(ctx, group, kafkaclient.Offsets{topic: {s.Partition: ends[s.Partition]}})
		}
		return nil
	case "end":
		tx := k.open
		end := tx.Commit
		if k.open = nil; s.Aborts {
			end = tx.Abort
		}
		if err := end(ctx); err != nil {
			return err
		}
		return k.ended(ctx)
	case "join":
		m, err := k.join(ctx, s.Group, s.Commits)
		if err != nil {
			return err
		}
		k.members[s.Group] = m
		return nil
	case "leave":
		return k.leave(ctx, s.Group)
	case "reset":
		return k.reset(ctx, s)
	case "destroy":
		return k.destroy(ctx, s)
	case "terraform":
		return k.throughTerraform(ctx, s)
	}
	return fmt.Errorf("there is no step %q", s.Do)
}

// ended waits until no transaction is open in any log, and no offset of one is
// pending: brokers write that down after they have said that it has ended.
func (k *walkedKafka) ended(ctx context.Context) error {
	for {
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		open := false
		for _, at := range v.Logs {
			open = open || at.Stable != at.End
		}
		for _, group := range k.groups {
			_, err := k.client.StableCommits(ctx, group)
			open = open || err != nil
		}
		if !open || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// request writes what a step asks for as an engine takes it.
func (k *walkedKafka) request(q *kafkaRequest, v view) offset.Request {
	none := time.Duration(0)
	req := offset.Request{Group: k.groups[q.Group], GroupType: k.typeOf(q.Group), WaitForInactive: &none, AllowNewGroup: q.New}
	if q.Mistaken != "" {
		req.GroupType = offset.GroupType(q.Mistaken)
	}
	if q.Leave {
		wait := time.Minute
		req.WaitForInactive = &wait
	}
	if q.Refuses {
		req.OutOfRange = offset.Refuse
	}
	if q.Committed {
		req.Isolation = offset.ReadCommitted
	}
	var topics []string
	for _, t := range q.Topics {
		topics = append(topics, k.topics[t])
	}
	first := v.Logs[offset.Partition{Topic: topics[0]}]
	middle := k.base.Add(time.Duration(q.Hour)*time.Hour + 30*time.Minute)
	req.Target.Kind = offset.TargetKind(q.Target)
	switch req.Target.Kind {
	case offset.ToOffset:
		req.Target.Offset = q.Place.in(first.Start, first.End)
	case offset.ToTime:
		req.Target.Time = middle.UTC()
	case offset.ToLookback:
		req.Target.Lookback = time.Since(middle).Round(time.Second)
	case offset.ByShift:
		req.Target.Shift = q.Shift
	case offset.ToGroup:
		req.Target.Group = k.groups[q.Source]
	case offset.ToSnapshot:
		if req.Target.Snapshot = k.snapshots[q.Source]; req.Target.Snapshot == nil {
			req.Target.Snapshot = k.snapshots[0]
		}
		if req.Target.Snapshot == nil { // The first group may have had no offset.
			req.Target.Kind, req.Scope.Topics = offset.ToEarliest, topics
		}
	case offset.ToOffsets:
		req.Target.Offsets = offset.Offsets{}
		n := 0
		for _, topic := range topics {
			for _, p := range v.Logs.all(topic) {
				if n < len(q.Places) && !q.Places[n].Nowhere {
					if req.Target.Offsets[topic] == nil {
						req.Target.Offsets[topic] = map[int32]int64{}
					}
					req.Target.Offsets[topic][p.ID] = q.Places[n].in(v.Logs[p].Start, v.Logs[p].End)
				}
				n++
			}
		}
		if len(req.Target.Offsets) == 0 {
			req.Target.Offsets[topics[0]] = map[int32]int64{0: first.End}
		}
	}
	switch q.Scope {
	case "topic", "topics":
		req.Scope.Topics = topics
	case "partitions":
		req.Scope.Topics = topics
		for _, p := range q.Some {
			req.Scope.Partitions = append(req.Scope.Partitions, int32(p))
		}
	case "all":
		req.Scope.AllTopics = true
	}
	slices.Sort(req.Scope.Topics)
	return req
}

// question adds what the brokers say of a time.
func (k *walkedKafka) question(ctx context.Context, group int, req offset.Request) (question, error) {
	q := question{Request: req, Known: k.known[group], Mistaken: req.GroupType != k.typeOf(group)}
	instant := req.Target.Time
	switch req.Target.Kind {
	case offset.ToLookback:
		instant = time.Now().Add(-req.Target.Lookback)
	case offset.ToTime:
	default:
		return q, nil
	}
	q.Times = map[offset.Partition]int64{}
	for _, topic := range k.topics {
		at, err := k.client.At(ctx, topic, instant)
		if err != nil {
			return q, err
		}
		for p, n := range at {
			q.Times[offset.Partition{Topic: topic, ID: p}] = n
		}
	}
	return q, nil
}

// limit fills in a request's limits, from what it should come to.
func limitBy(req *offset.Request, q *kafkaRequest, e expected) {
	limitTo(req, q.Replayed, q.Skipped, e)
}

func limitTo(req *offset.Request, replayed, skipped limit, e expected) {
	set := func(l limit, n int64) *int64 {
		switch {
		case l == justRight:
			return &n
		case l == tooTight && n > 0:
			n--
			return &n
		}
		return nil
	}
	req.Limits = offset.Limits{MaxReplayed: set(replayed, e.replayed()), MaxSkipped: set(skipped, e.skipped())}
}

// arm has a step's fault happen when it says. What it returns tells whether it
// has happened, and what went wrong with that.
func (k *walkedKafka) arm(ctx context.Context, s *kafkaStep) func() (bool, error) {
	f := s.Fault
	if f == nil {
		return func() (bool, error) { return false, nil }
	}
	group, topic := k.groups[s.Group], k.topics[s.Topic]
	if s.Request != nil {
		topic = k.topics[s.Request.Topics[0]]
	}
	var asked int
	var struck bool
	var failed error
	strike := func(node int) {
		struck = true
		switch f.Kind {
		case "join":
			m, err := k.join(ctx, s.Group, f.At == "committed")
			if failed = err; err == nil {
				k.members[s.Group] = m
			}
		case "write":
			v, err := k.view(ctx)
			if err == nil {
				at := v.Logs[k.victim]
				err = k.commit(ctx, s.Group, kafkaclient.Commits{k.victim.Topic: {k.victim.ID: {Offset: at.Start + (at.End-at.Start)/3, Epoch: -1}}})
			}
			failed = err
		default:
			failed = k.strike(ctx, f.Kind, node, group, topic)
		}
	}
	node, err := k.node(ctx, f.Node, group, topic)
	if err != nil {
		return func() (bool, error) { return false, err }
	}
	var mu sync.Mutex
	if f.At == "before" {
		strike(node)
	} else {
		k.proxy.watch(func(_ int, api int16, answer bool) (lose bool) {
			late := f.At == "committed" || f.Kind == "lose answer"
			if !slices.Contains(apis[f.At], api) || answer != late {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked != f.Nth+1 {
				return false
			}
			strike(node)
			return strings.HasPrefix(f.Kind, "lose")
		})
	}
	return func() (bool, error) {
		k.proxy.watch(nil)
		mu.Lock()
		defer mu.Unlock()
		return struck, failed
	}
}

// clear ends a step's fault.
func (k *walkedKafka) clear(ctx context.Context, s *kafkaStep, struck func() (bool, error)) (bool, error) {
	was, err := struck()
	if was {
		k.tally.add("Kafka fault: %s, %s", s.Fault.Kind, s.Fault.At)
	}
	if err != nil {
		err = fmt.Errorf("the fault itself failed: %w", err)
	}
	err = errors.Join(err, k.heal(ctx))
	if s.Fault != nil && s.Fault.Kind == "join" {
		err = errors.Join(err, k.leave(ctx, s.Group))
	}
	return was, err
}

// still waits until the group that another is to follow has consumed what there
// is: while it consumes, nobody can say where it was followed to.
func (k *walkedKafka) still(ctx context.Context, q *kafkaRequest) error {
	if offset.TargetKind(q.Target) != offset.ToGroup || !k.consuming(q.Source) {
		return nil
	}
	const long = 2 * time.Second // commits come much more often
	for last := (commits)(nil); ; {
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		now := v.of(k.groups[q.Source])
		if last != nil && maps.Equal(last, now) {
			return nil
		}
		last = now
		if err := clock.Sleep(ctx, long); err != nil {
			return err
		}
	}
}

// reset does a reset as an apply does, and what follows if it fails half-way.
func (k *walkedKafka) reset(ctx context.Context, s *kafkaStep) error {
	q := s.Request
	if err := k.still(ctx, q); err != nil {
		return err
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	req := k.request(q, before)
	r := k.resets[s.Resource]
	if r == nil || r.group != q.Group {
		r = newResource(q.Group)
	}
	attempt := reset.Attempt{Broker: reset.Kafka, Decision: reset.Decision{Do: reset.Reset, Reason: "triggers changed"}}
	record, err := r.outcomes()
	if err != nil {
		return err
	}
	var half []offset.Outcome
	if r.exists && offset.AnyFailed(record) {
		attempt.Last = &reset.Last{Name: r.name, ClusterID: k.cluster.ID(), Record: record, Kept: r.kept}
		half = offset.Touched(record)
	}
	base := func(v view) view { // from where it starts
		if len(half) == 0 {
			return v
		}
		back, _ := undone(v, req.Group, half, true)
		return v.with(req.Group, back)
	}
	question, err := k.question(ctx, q.Group, req)
	if err != nil {
		return err
	}
	limitBy(&req, q, expect(question, base(before)))
	question.Limits = req.Limits
	if q.Leave {
		req.Progress = func(message string) {
			if strings.HasPrefix(message, "Waiting") && k.members[q.Group] != nil {
				err = errors.Join(err, k.leave(ctx, q.Group))
				v, problem := k.view(ctx)
				before, err = v, errors.Join(err, problem)
			}
		}
	}
	attempt.Request = req
	// A member of a share group gives a start offset to partitions that have none,
	// and to those that a topic gets while it is there.
	gives := k.typeOf(q.Group) == offset.ShareGroup
	consumers := k.consuming(q.Group) || gives && k.members[q.Group] != nil
	active := k.members[q.Group] != nil && !q.Leave

	k.victim = offset.Partition{Topic: k.topics[q.Topics[0]]}
	for _, m := range expect(question, base(before)).Moves {
		if m.To != m.From {
			k.victim = m.Partition
		}
	}
	struck := k.arm(ctx, s)
	run := reset.NewRun(clock.System{})
	open := func() (reset.Engine, error) { return k.engine, nil }
	if s.Previewed {
		run.Preview(ctx, open, "Reset", attempt)
	}
	report := run.Reset(ctx, open, attempt)
	hit, problem := k.clear(ctx, s, struck)
	if err := errors.Join(err, problem); err != nil {
		return err
	}
	joined := hit && s.Fault.Kind == "join"
	consumers = (consumers && !q.Leave) || k.consuming(q.Group) || joined && (gives || s.Fault.At == "committed")
	if q.Leave && k.members[q.Group] != nil { // it was refused before it waited
		if err := k.leave(ctx, q.Group); err != nil {
			return err
		}
	}
	stranger := nowhere
	if hit && s.Fault.Kind == "write" {
		stranger = k.victim
	}
	if report.Result != nil {
		k.known[q.Group] = true
	}

	// The same question once more, about what it was really asked on.
	should := expect(question, base(before))
	first := expect(question, before) // what is planned before anything is put back
	if active || joined && s.Fault.At == "commit" {
		should.refuse(offset.GroupActive)
		should.Maybe = should.Maybe || joined
	}
	j := judgement{
		question: question, before: before, base: base(before).of(req.Group), should: should, first: first, report: report,
		hit: hit, consumers: consumers, stranger: stranger,
	}
	if hit {
		// A broker that takes over may start a log where its own copy starts.
		j.again = func(v view) expected {
			moved := base(before)
			moved.Logs = v.Logs
			return expect(question, moved)
		}
	}
	after, err := k.judge(ctx, req.Group, j.wrong)
	if err != nil {
		return explain(err, before, after, should, report)
	}
	k.tally.add("Kafka reset: %s", j.outcome())
	failed := reset.Failed(report.Notices)
	r.take(req, report)
	k.resets[s.Resource] = r
	k.last, k.quiet = after, len(k.members) == 0 && k.open == nil
	if !failed || report.Result == nil || s.Then == "leave" || k.members[q.Group] != nil {
		return nil
	}
	return k.goOn(ctx, s, r, req, question)
}

// take keeps what the provider keeps after an apply.
func (r *resource) take(req offset.Request, report reset.Report) {
	r.takeOf(reset.Kafka, req, report)
}

func (r *resource) takeOf(b reset.Broker, req offset.Request, report reset.Report) {
	switch {
	case report.Result != nil && (len(report.Result.Outcomes) > 0 || !report.Result.InDoubt):
		set := func(key string, value []byte) { r.private[key] = value }
		before := reset.Last{Name: r.name, ClusterID: r.id, Kept: r.kept}
		if base, forget := b.Completed(before, r.record, report.Result.Outcomes); base != nil || forget {
			reset.WriteCompleted(set, base)
		}
		ids := maps.Clone(r.kept.TopicIDs)
		if ids == nil {
			ids = map[string]string{}
		}
		maps.Copy(ids, report.Result.TopicIDs)
		reset.WriteTopicIDs(set, ids)
		reset.WriteBeside(set, report.Result.Outcomes)
		r.exists, r.name, r.id = true, reset.NameOf(req), report.Result.ClusterID
		r.record = offset.EncodeRecord(report.Result.Outcomes, b.Dialect)
	case report.PutBack != nil:
		r.record = offset.EncodeRecord(report.PutBack, b.Dialect)
	}
	// What cannot be read shows as a walk that goes wrong.
	r.kept, _ = reset.ReadKept(func(key string) []byte { return r.private[key] }) //nolint:errcheck // it was written just now
}

// goOn finishes a reset that failed half-way, as the next apply does.
func (k *walkedKafka) goOn(ctx context.Context, s *kafkaStep, r *resource, req offset.Request, question question) error {
	record, err := r.outcomes()
	if err != nil {
		return err
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	req.Progress = nil
	open := func() (reset.Engine, error) { return k.engine, nil }
	if s.Then == "replace" {
		k.tally.add("Kafka: replaced after a failure")
		if err := k.destroyed(ctx, s.Group, r, reset.DestroyKeeps, nil); err != nil {
			return err
		}
		if before, err = k.view(ctx); err != nil {
			return err
		}
		*r = *newResource(r.group)
		question.Known = true
		should := expect(question, before)
		report := reset.NewRun(clock.System{}).Reset(ctx, open, reset.Attempt{Broker: reset.Kafka, Request: req})
		j := judgement{question: question, before: before, base: before.of(req.Group), should: should, first: should, report: report}
		after, err := k.judge(ctx, req.Group, j.wrong)
		if err != nil {
			return explain(err, before, after, should, report)
		}
		r.take(req, report)
		k.last, k.quiet = after, len(k.members) == 0 && k.open == nil
		return nil
	}
	k.tally.add("Kafka: resumed")
	if s.Then == "disturb" {
		// What has landed is consumed, at least where there is something.
		further := kafkaclient.Commits{}
		for _, o := range record {
			if !o.Failed() && o.Offset != o.Previous && o.Offset < o.End {
				further[o.Topic] = map[int32]kafkaclient.Commit{o.ID: {Offset: o.Offset + 1, Epoch: -1}}
			}
		}
		if len(further) > 0 {
			if err := k.commit(ctx, s.Group, further); err != nil {
				return err
			}
			if before, err = k.view(ctx); err != nil {
				return err
			}
		}
	}
	// It ends where the whole would have ended, and what has landed stays.
	should := resumed(before.of(req.Group), record, r.kept, expect(question, before))
	// Limits count from where the rest is now, which may be further on.
	rest := expected{}
	for _, o := range record {
		if at := before.of(req.Group).at(o.Partition); o.Failed() && should.at(o.Partition) != at {
			rest.Moves = append(rest.Moves, move{
				Partition: o.Partition, From: at, To: should.at(o.Partition),
				Start: before.Logs[o.Partition].Start, End: before.Logs[o.Partition].End, Apart: before.apart(req.Group, o.Partition),
			})
		}
	}
	limits := req.Limits
	beyond := limits.MaxReplayed != nil && rest.replayed() > *limits.MaxReplayed || limits.MaxSkipped != nil && rest.skipped() > *limits.MaxSkipped
	if beyond {
		should = before.of(req.Group)
	}
	last := reset.Last{Name: r.name, ClusterID: r.id, Record: record, Kept: r.kept}
	report := reset.NewRun(clock.System{}).Reset(ctx, open, reset.Attempt{
		Broker: reset.Kafka, Request: req, Decision: reset.Decision{Do: reset.Resume, Reason: "it goes on"}, Last: &last,
	})
	after, err := k.judge(ctx, req.Group, func(_ view, after commits) []string {
		wrong := differ(after, should)
		if failed := reset.Failed(report.Notices); failed != beyond {
			wrong = append(wrong, fmt.Sprintf("a resume without a fault failed: %t, and its limits forbid it: %t", failed, beyond))
		} else if failed {
			return wrong
		} else if offset.AnyFailed(report.Result.Outcomes) || len(report.Result.Outcomes) != len(record) {
			wrong = append(wrong, "the record of a whole reset is not whole")
		}
		return wrong
	})
	if err != nil {
		return explain(err, before, after, expected{}, report)
	}
	r.take(req, report)
	k.last, k.quiet = after, len(k.members) == 0 && k.open == nil
	return nil
}

// judge looks at the brokers until nothing is wrong, for a while: just after a
// fault a coordinator may tell what is old.
func (k *walkedKafka) judge(ctx context.Context, group string, wrong func(v view, after commits) []string) (view, error) {
	var after view
	found, err := until(ctx, func() ([]string, error) {
		var err error
		if after, err = k.view(ctx); err != nil {
			return nil, err
		}
		return wrong(after, after.of(group)), nil
	})
	if err == nil && len(found) > 0 {
		err = claimed("%s", strings.Join(found, "\n  "))
	}
	return after, err
}

// explain adds to a false claim what was seen.
func explain(err error, before, after view, should expected, report reset.Report) error {
	var b strings.Builder
	for _, n := range report.Notices {
		fmt.Fprintf(&b, "\nthe product: [%s] %s: %s", n.Code, n.Headline, n.Text)
	}
	if report.Result != nil {
		for _, o := range report.Result.Outcomes {
			fmt.Fprintf(&b, "\nthe record: %s %d → %d, state %d, seen %d, %q", o.Name(), o.Previous, o.Offset, o.State, o.Seen, o.Reason)
		}
	}
	for _, m := range should.Moves {
		fmt.Fprintf(&b, "\nit should: %s %s → %s in %d to %d, clamped %t", m.Name(), m.From, m.To, m.Start, m.End, m.Clamped)
	}
	fmt.Fprintf(&b, "\nrefused with one of %v, which may be: %t", should.Refusals, should.Maybe)
	fmt.Fprintf(&b, "\nfrom before to after, what differs:")
	for group, c := range after.Commits {
		for _, d := range differ(c, before.of(group)) {
			fmt.Fprintf(&b, "\n group %s: %s", group, d)
		}
	}
	for p, is := range after.Logs {
		if was := before.Logs[p]; was != is {
			fmt.Fprintf(&b, "\n the log of %s: %v and was %v", p.Name(), is, was)
		}
	}
	return fmt.Errorf("%w%s", err, b.String())
}

// destroy destroys a reset.
func (k *walkedKafka) destroy(ctx context.Context, s *kafkaStep) error {
	r := k.resets[s.Resource]
	delete(k.resets, s.Resource)
	if r == nil || !r.exists {
		return nil
	}
	return k.destroyed(ctx, s.Group, r, reset.OnDestroy(s.OnDestroy), s)
}

// destroyed destroys a reset and judges what came of it.
func (k *walkedKafka) destroyed(ctx context.Context, group int, r *resource, on reset.OnDestroy, s *kafkaStep) error {
	record, err := r.outcomes()
	if err != nil {
		return err
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	name := k.groups[group]
	none := time.Duration(0)
	d := reset.Destruction{
		Broker: reset.Kafka, OnDestroy: on, WaitForInactive: &none,
		Last: reset.Last{Name: r.name, ClusterID: r.id, Record: record, Kept: r.kept},
	}
	// The incomplete reset goes back first, and then the completed one is what
	// on_destroy is about.
	start, completed := before, record
	if offset.AnyFailed(record) {
		back, _ := undone(before, name, offset.Touched(record), true)
		start, completed = before.with(name, back), nil
		if base := r.kept.Completed; base != nil {
			if completed, err = offset.DecodeRecord(base.Record, offset.KafkaRecord, ""); err != nil {
				return err
			}
		}
	}
	should, refusals := start.of(name), []offset.Code(nil)
	switch on {
	case reset.DestroyRestores:
		should, refusals = undone(start, name, completed, false)
	case reset.DestroyDeletes:
		should, refusals = forgotten(start, name, completed)
	case reset.DestroyKeeps:
	}
	active := k.members[group] != nil
	consumers := k.consuming(group)
	hit := false
	var struck func() (bool, error)
	if s != nil {
		struck = k.arm(ctx, s)
	}
	left, notices := reset.NewRun(clock.System{}).Destroy(ctx, func() (reset.Engine, error) { return k.engine, nil }, d)
	if s != nil {
		if hit, err = k.clear(ctx, s, struck); err != nil {
			return err
		}
	}
	failed := reset.Failed(notices)
	var code offset.Code
	for _, n := range notices {
		if n.Severity == reset.Failure {
			code = n.Code
		}
	}
	after, err := k.judge(ctx, name, func(_ view, after commits) []string {
		switch {
		case !failed:
			var wrong []string
			if len(refusals) > 0 && len(before.of(name)) > 0 {
				wrong = append(wrong, fmt.Sprintf("it should have been refused with %v", refusals))
			}
			if !consumers {
				wrong = append(wrong, differ(after, should)...)
			}
			return wrong
		case active && code == offset.GroupActive, slices.Contains(refusals, code):
			if consumers {
				return nil
			}
			if len(differ(after, before.of(name))) == 0 {
				return nil
			}
			return differ(after, start.of(name))
		case hit:
			// Somewhere on the way back: each partition where it was, or where it
			// should be.
			wrong := differ(after, should)
			for p, at := range before.of(name) {
				is := after.at(p)
				if is == at || is == should.at(p) || is == start.of(name).at(p) || consumers {
					wrong = slices.DeleteFunc(wrong, func(w string) bool { return strings.HasPrefix(w, p.Name()+" ") })
				}
			}
			return wrong
		case len(before.of(name)) == 0: // Nobody can tell whether the group is there.
			return differ(after, before.of(name))
		}
		return []string{fmt.Sprintf("it was refused with %q", code)}
	})
	report := reset.Report{Notices: notices, PutBack: left}
	if err != nil {
		err = explain(err, before, after, expected{}, report)
		return fmt.Errorf("%w\ndestroying with %s the record %s, completed %+v; it should be %v or refused with %v", err, on, r.record, r.kept.Completed, should, refusals)
	}
	k.last, k.quiet = after, len(k.members) == 0 && k.open == nil
	what := "done"
	if failed {
		what = "refused with " + string(code)
	}
	k.tally.add("Kafka destroy, %s: %s", on, what)
	if !failed || !hit || active {
		return nil
	}
	// The state stays, and the next destroy ends what this one began.
	if left != nil {
		r.record = offset.EncodeRecord(left, offset.KafkaRecord)
	}
	return k.destroyed(ctx, group, r, on, nil)
}
