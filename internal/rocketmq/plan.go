package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// How a queue's offset was written, as Move.How says it.
const (
	HowServer   = "server"    // the broker reset it (from 5.2 on); consumers take it up with their next pull
	HowPush     = "push"      // the broker told its consumers to reset (before 5.2)
	HowPerQueue = "per-queue" // the offset was committed for this queue alone
	HowKept     = "kept"      // left alone: force is false and the target lies ahead
	HowGone     = "gone"      // nothing to do: the topic has lost it since the reset began
)

// readiness is what Plan keeps for Apply.
type readiness struct {
	survey *survey
}

// readinessOf returns what Plan has kept, or nil if the plan is not of this engine.
func readinessOf(plan *offset.Plan) *readiness {
	ready, _ := plan.Engine.(*readiness) //nolint:errcheck // nil otherwise
	return ready
}

// Plan resolves the request against the live cluster and writes nothing.
// Members that are online are no error. It reads, besides the route and the
// list of brokers, three times from each master, and once more from brokers
// from 5.1 on if each queue is to get a certain offset; a time target also asks
// once for each queue, and once or twice more on brokers before 5.1.1.
func (c *Client) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	plan, err := c.resolve(ctx, req)
	if err != nil {
		return nil, err
	}
	ready := readinessOf(plan)
	plan.Notes = append(plan.Notes, ready.survey.whereabouts())
	plan.Notes = append(plan.Notes, ready.survey.absentNote(req.RecordedBrokers)...)
	plan.Notes = append(plan.Notes, ready.survey.goneNote(plan.Moves)...)
	plan.Notes = append(plan.Notes, ready.survey.notes(plan.Moves)...)
	plan.Notes = append(plan.Notes, ready.survey.gatherNote()...)
	plan.Notes = append(plan.Notes, c.backlogNotes(ctx, ready.survey)...)
	return plan, nil
}

// resolve is Plan without what only its reader wants to know, so that little
// time passes between it and the first write.
func (c *Client) resolve(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	topic, err := readRequest(req)
	if err != nil {
		return nil, err
	}
	s, err := c.survey(ctx, req.Group, topic)
	if err != nil {
		return nil, err
	}
	if err := s.takePart(req.Brokers); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	plan := &offset.Plan{Request: req, ClusterID: s.clusterID, State: s.stateName(), At: c.clock.Now().UTC()}
	for _, m := range s.clients() {
		plan.Members = append(plan.Members, offset.Member{ID: m.ID, ClientID: m.ID, Host: m.Address})
	}
	if req.Target.Kind == offset.ToTime {
		plan.Instant = req.Target.Time.UTC()
		if plan.Instant.After(plan.At) {
			plan.Notes = append(plan.Notes, fmt.Sprintf("The instant %s lies in the future, so the target is the end of every queue.", plan.Instant.Format(time.RFC3339)))
		}
	}
	if req.Rest {
		if err := c.confirmGone(ctx, resuming(req, s)); err != nil {
			return nil, err
		}
	}
	if plan.Moves, err = c.moves(ctx, s, req); err != nil {
		return nil, err
	}
	offset.SortMoves(plan.Moves)
	for _, err := range c.chooseWays(ctx, s, intentOf(req), plan.Moves) {
		if err != nil {
			return nil, err
		}
	}
	plan.Engine = &readiness{s}
	return plan, nil
}

// readRequest checks what can be checked without the cluster.
func readRequest(req offset.Request) (topic string, err error) {
	if req.Group == "" {
		return "", invalid("The consumer group has no name", "")
	}
	if len(req.Scope.Topics) != 1 || req.Scope.Topics[0] == "" || req.Scope.AllTopics || len(req.Scope.Partitions) > 0 {
		return "", invalid("A RocketMQ reset is for exactly one topic, with all its queues", "Name one topic.")
	}
	topic = req.Scope.Topics[0]
	if IsSystemTopic(topic) {
		return "", invalid(fmt.Sprintf("Topic %q belongs to RocketMQ itself", topic), "Name a topic of your own: what brokers consume for themselves is not reset.")
	}
	switch req.Target.Kind {
	case offset.ToLatest, offset.ToEarliest:
	case offset.ToTime:
		if req.Target.Time.IsZero() {
			return "", invalid("A reset to a time needs the time", "Give reset_time.")
		}
	case offset.ToOffsets:
		if len(req.Target.Offsets) == 0 {
			return "", invalid("A reset to given offsets needs offsets", "Give them by broker and queue.")
		}
		for _, broker := range slices.Sorted(maps.Keys(req.Target.Offsets)) {
			for _, q := range slices.Sorted(maps.Keys(req.Target.Offsets[broker])) {
				if n := req.Target.Offsets[broker][q]; n < 0 || q < 0 {
					return "", invalid(fmt.Sprintf("The offset %d of queue %d on broker %q is no offset: queues and offsets begin at 0", n, q, broker),
						"To go to the log's end or start, use LATEST_OFFSET or EARLIEST_OFFSET.")
				}
			}
		}
	default:
		return "", &offset.Error{
			Code: offset.Unsupported, State: offset.NothingChanged,
			What: fmt.Sprintf("RocketMQ groups cannot be reset to the target %q", req.Target.Kind),
			Next: "Use latest, earliest, a time or offsets.",
		}
	}
	return topic, nil
}

// moves resolves the target on every queue in scope.
func (c *Client) moves(ctx context.Context, s *survey, req offset.Request) ([]offset.Move, error) {
	if req.Target.Kind == offset.ToOffsets {
		return s.movesTo(req)
	}
	at, err := c.targets(ctx, s, req.Target.Kind, req.Target.Time)
	if err != nil {
		return nil, err
	}
	var moves []offset.Move
	for i, b := range s.brokers {
		for q := range b.queues {
			m := s.move(b, q)
			m.Offset = at[i][q]
			moves = append(moves, keepAhead(req, m))
		}
	}
	return moves, nil
}

// move is a queue as it is now, without a target.
func (s *survey) move(b *brokerState, queue int) offset.Move {
	q := b.state[queue]
	return offset.Move{
		Partition: offset.Partition{Topic: s.topic, Broker: b.name, ID: int32(queue)}, //nolint:gosec // A queue id.
		Previous:  q.offset, Start: q.min, End: q.max,
		MaybeZero: q.offset < 0 && q.asked == 0,
	}
}

// keepAhead leaves a queue alone whose target lies ahead of its offset. A queue
// without an offset counts as being at the log's start: to move it farther
// would skip messages as well, and some brokers cannot tell none from 0.
func keepAhead(req offset.Request, m offset.Move) offset.Move {
	if !req.KeepAhead {
		return m
	}
	from := m.Previous
	if from < 0 {
		from = m.Start
	}
	if m.Offset > from {
		m.Offset, m.Clamped, m.How = m.Previous, false, HowKept
	}
	return m
}

// movesTo resolves offsets that were given queue by queue.
func (s *survey) movesTo(req offset.Request) ([]offset.Move, error) {
	var moves []offset.Move
	var outside []string
	for _, name := range slices.Sorted(maps.Keys(req.Target.Offsets)) {
		b := s.broker(name)
		if b == nil && !req.Rest {
			return nil, s.noQueue(name, -1)
		}
		for _, q := range slices.Sorted(maps.Keys(req.Target.Offsets[name])) {
			gone := b == nil || int(q) >= b.queues
			if gone && req.Rest {
				moves = append(moves, s.goneMove(name, q))
				continue
			}
			if gone {
				return nil, s.noQueue(name, q)
			}
			m := s.move(b, int(q))
			m = clampTo(m, req.Target.Offsets[name][q])
			if m.Clamped && req.OutOfRange == offset.Refuse {
				outside = append(outside, fmt.Sprintf("%s/%d: %d is not in %d to %d", name, q, req.Target.Offsets[name][q], m.Start, m.End))
			}
			moves = append(moves, keepAhead(req, m))
		}
	}
	if len(moves) == 0 {
		return nil, invalid("A reset to given offsets needs offsets", "Give them by broker and queue.")
	}
	return moves, s.outside(outside)
}

// goneMove is a queue of a reset that failed half-way which the topic has no more.
func (s *survey) goneMove(broker string, queue int32) offset.Move {
	return offset.Move{
		Partition: offset.Partition{Topic: s.topic, Broker: broker, ID: queue},
		Previous:  offset.None, Offset: offset.None, Start: offset.None, End: offset.None, How: HowGone,
	}
}

// goneNote tells of the queues that are gone.
func (s *survey) goneNote(moves []offset.Move) []string {
	var gone []string
	for _, m := range moves {
		if m.How == HowGone {
			gone = append(gone, m.Name())
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("The topic has %s no more, so there was nothing left to reset there: %s.", queueCount(len(gone)), someOf(gone))}
}

// clampTo sets the target, moved into the log if it lies outside.
func clampTo(m offset.Move, target int64) offset.Move {
	m.Offset = min(max(target, m.Start), m.End)
	m.Clamped = m.Offset != target
	return m
}

func (s *survey) outside(queues []string) error {
	if len(queues) == 0 {
		return nil
	}
	return &offset.Error{
		Code: offset.OutsideLog, State: offset.NothingChanged,
		What: fmt.Sprintf("The offsets given for %s lie outside of the log in %s (%s)", on(s.group, s.topic), queueCount(len(queues)), someOf(queues)),
		Next: "Give offsets from the log's first offset to the one after its last.",
	}
}

// noQueue says that a broker, or one of its queues (if it is not negative), is
// not part of the topic.
func (s *survey) noQueue(broker string, queue int32) error {
	if b := s.broker(broker); b != nil {
		return &offset.Error{
			Code: offset.PartitionGone, State: offset.NothingChanged,
			What: fmt.Sprintf("Topic %q has no queue %d on broker %q: it has queues 0 to %d there", s.topic, queue, broker, b.queues-1),
			Next: "Name queues that exist.",
		}
	}
	return &offset.Error{
		Code: offset.PartitionGone, State: offset.NothingChanged,
		What: fmt.Sprintf("Topic %q has no queue on a broker %q: its brokers are %s", s.topic, broker, someOf(s.names())),
		Next: "Name brokers of the topic; if one of them is down, bring it back first.",
	}
}

// whereabouts names the brokers. A name server forgets a broker that is down,
// and nothing else in the cluster knows that it was there: only a reader can
// miss it.
func (s *survey) whereabouts() string {
	queues := 0
	for _, b := range s.brokers {
		queues += b.queues
	}
	return fmt.Sprintf("The name servers know %s of topic %q, on %s; a broker that is missing here is down, and is not reset.",
		queueCount(queues), s.topic, someOf(s.names()))
}

const (
	unlisted = "Brokers list no consumer of the group, and they never list those of a proxy (the 5.x clients over gRPC): it may be consuming all the same"
	inFlight = "has received and not acknowledged are delivered again, whatever is skipped here."
)

// notes tells what a reader of the plan should know.
func (s *survey) notes(moves []offset.Move) []string {
	var notes []string
	skips := slices.ContainsFunc(moves, func(m offset.Move) bool { return m.How == "" && m.Previous >= 0 && m.Offset >= m.Previous })
	switch state := s.stateName(); {
	case state == Unlisted && skips:
		// A line of a preview is worth a lot: both in one.
		notes = append(notes, unlisted+", and messages that such a consumer by POP "+inFlight)
	case state == Unlisted:
		notes = append(notes, unlisted+".")
	case state == Online && skips && slices.ContainsFunc(s.brokers, func(b *brokerState) bool { return b.version >= remoting.V5_0_0 }):
		// A broker that is a proxy itself, in local mode, lists them as any others.
		notes = append(notes, "Messages that a consumer by POP (the 5.x clients over gRPC) "+inFlight)
	}
	for _, b := range s.brokers {
		if b.online && len(b.topics) == 0 {
			notes = append(notes, fmt.Sprintf("The group is online on broker %s, but subscribes to nothing, as consumers do that choose their queues themselves: they may commit over the reset. It is safer while they are stopped.", b.name))
		} else if b.online && !b.subscribed {
			notes = append(notes, fmt.Sprintf("The group is online on broker %s, but subscribes to %s and not to topic %q.", b.name, someOf(b.topics), s.topic))
		}
		if note := b.wayNote(); note != "" {
			notes = append(notes, note)
		}
	}
	if s.mayBeLost(moves) {
		notes = append(notes, "Consumers in Go are online. Those of rocketmq-client-go take a reset up ten seconds later and now and then lose that of one of several queues (2.1). It is safer while they are stopped.")
	}
	var unsure int
	for _, m := range moves {
		if m.MaybeZero && m.Previous < 0 {
			unsure++
		}
	}
	if unsure > 0 {
		notes = append(notes, fmt.Sprintf("For %s the broker cannot tell offset 0 from no offset, so the previous offset is not known.", queueCount(unsure)))
	}
	return notes
}

// mayBeLost tells whether brokers that reset by themselves move more than one
// queue under push consumers of Apache's Go client. It commits each of them ten
// seconds later, and drops the others from its table of offsets with that (2.1,
// offset_store.go). Consumers by POP of a broker that is a proxy itself are
// listed with the same language.
func (s *survey) mayBeLost(moves []offset.Move) bool {
	queues := 0
	for _, m := range moves {
		if b := s.broker(m.Broker); m.How == "" && b != nil && b.resets == yes && b.subscribed && slices.ContainsFunc(b.clients, inGo) {
			queues++
		}
	}
	return queues > 1
}

func inGo(c ClientInfo) bool { return c.Language == "GO" }

// backlogNotes tells what waits in the group's retry and dead-letter topics,
// which a reset does not touch. What cannot be read is left out: a preview is
// worth more than a right on these topics.
func (c *Client) backlogNotes(ctx context.Context, s *survey) []string {
	retry := "%RETRY%" + s.group
	topics := []struct {
		name string
		dead bool
	}{
		{retry, false},
		{retry + "_" + s.topic, false}, // consumers by POP, 5.0 to 5.2
		{retry + "+" + s.topic, false}, // consumers by POP, later
		{"%DLQ%" + s.group, true},
	}
	waiting := make([]int64, len(topics))
	parallel(len(topics), len(topics), func(i int) {
		if t := topics[i]; t.name != s.topic {
			waiting[i] = c.backlog(ctx, s.group, t.name, t.dead)
		}
	})
	var notes []string
	if n := waiting[0] + waiting[1] + waiting[2]; n > 0 {
		notes = append(notes, fmt.Sprintf("%s for retry, and still delivered after the reset: retry topics stay as they are.", messagesWait(n)))
	}
	if n := waiting[3]; n > 0 {
		notes = append(notes, fmt.Sprintf("%s in the dead-letter topic %s, which stays as it is.", messagesWait(n), topics[3].name))
	}
	if len(notes) > 1 {
		notes = []string{strings.Join(notes, " ")}
	}
	return notes
}

func messagesWait(n int64) string {
	if n == 1 {
		return "1 message waits"
	}
	return fmt.Sprintf("%d messages wait", n)
}

// backlog counts what a group has not consumed of a topic, or all that the
// topic holds. A topic that does not exist, or cannot be read, counts 0.
func (c *Client) backlog(ctx context.Context, group, topic string, all bool) int64 {
	route, err := c.askNameServers(ctx, remoting.GetRoute, fields{"topic": topic})
	if err != nil {
		return 0
	}
	var masters []master
	for _, b := range route.Get("brokerDatas").Elements() {
		if address := b.Get("brokerAddrs").Get("0").Text(); address != "" {
			masters = append(masters, master{name: b.Get("brokerName").Text(), address: address})
		}
	}
	counts := make([]int64, len(masters))
	parallel(len(masters), len(masters), func(i int) {
		code, f, from, to := remoting.GetConsumeStats, fields{"consumerGroup": group, "topic": topic}, "consumerOffset", "brokerOffset"
		if all {
			code, f, from, to = remoting.GetTopicStats, fields{"topic": topic}, "minOffset", "maxOffset"
		}
		body, _, err := c.askTable(ctx, masters[i], code, f)
		if err != nil {
			return
		}
		for _, v := range byQueue(body.Get("offsetTable"), topic) {
			a, ok1 := v.Get(from).Int()
			b, ok2 := v.Get(to).Int()
			if ok1 && ok2 && b > a {
				counts[i] += b - a
			}
		}
	})
	var sum int64
	for _, n := range counts {
		sum += n
	}
	return sum
}

// Forget is not possible: brokers cannot delete the offsets of single queues.
func (c *Client) Forget(context.Context, offset.UndoRequest) (*offset.Result, error) {
	return nil, &offset.Error{
		Code: offset.Unsupported, State: offset.NothingChanged,
		What: "RocketMQ brokers cannot delete a group's offsets on one topic",
		Next: `Use on_destroy "keep" or "restore".`,
		Err:  errors.ErrUnsupported,
	}
}
