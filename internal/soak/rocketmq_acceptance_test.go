//go:build acceptance && unix

package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// rocketmqWorld is a cluster of two masters.
type rocketmqWorld struct {
	tally    *tally
	brokers  string // which, as an episode says it
	cluster  *brokers.Cluster
	producer *brokers.Producer
	down     map[string]string
	started  map[string]time.Time // brokers; no entry: when since was
	since    time.Time            // when they all were started
}

func startRocketMQ(ctx context.Context, tally *tally, kind string) (*rocketmqWorld, error) {
	// Brokers keep offsets in memory until they write them all at once: what was
	// committed should be there again after a broker was killed.
	conf := brokers.Config{Settings: []string{"flushConsumerOffsetInterval=300"}}
	switch kind {
	case newest:
	case switchedOff:
		conf.ClientReset = true
	case oldest:
		conf.Version = brokers.V4
	default:
		return nil, fmt.Errorf("there are no brokers %q", kind)
	}
	c, err := brokers.Start(ctx, conf)
	if err != nil {
		return nil, err
	}
	w := &rocketmqWorld{tally: tally, brokers: kind, cluster: c, down: map[string]string{}, started: map[string]time.Time{}, since: time.Now()}
	if w.producer, err = c.NewProducer(); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// pushes tells whether the brokers only tell consumers that are online to reset.
func (w *rocketmqWorld) pushes() bool { return w.brokers != newest }

// called names the brokers in the counts.
func (w *rocketmqWorld) called() string { return strings.TrimRight("RocketMQ "+w.brokers, " ") }

// written is how long offsets take until they are on disk, with some patience.
// A broker begins to write them firstWrite after it was started.
const (
	written    = 1500 * time.Millisecond
	firstWrite = 10 * time.Second
)

func (w *rocketmqWorld) close() error {
	var err error
	if w.producer != nil {
		err = w.producer.Stop()
	}
	return errors.Join(err, w.cluster.Stop())
}

func (w *rocketmqWorld) open() (*rocketmq.Client, error) {
	return rocketmq.New(rocketmq.Config{NameServers: []string{w.cluster.NameServer()}, RequestTimeout: 3 * time.Second}, clock.System{})
}

// strike has a fault happen to a broker.
func (w *rocketmqWorld) strike(kind, broker string) error {
	w.down[broker] = kind
	switch kind {
	case "kill":
		started, again := w.started[broker]
		if !again {
			started = w.since
		}
		time.Sleep(max(written, time.Until(started.Add(firstWrite+written))))
		w.cluster.Process(broker).Kill()
	case "stop":
		return w.cluster.Process(broker).Stop(2 * time.Minute)
	case "pause":
		return w.cluster.Pause(broker)
	}
	return nil
}

// heal brings back what a fault has taken away.
func (w *rocketmqWorld) heal(ctx context.Context) error {
	var errs []error
	for broker, kind := range w.down {
		if kind == "pause" {
			errs = append(errs, w.cluster.Continue(broker))
		} else {
			errs = append(errs, w.cluster.Restart(ctx, broker))
			w.started[broker] = time.Now()
		}
	}
	clear(w.down)
	return errors.Join(errs...)
}

// instant is a time and how many messages each queue held then.
type instant struct {
	at     time.Time
	counts map[offset.Partition]int64
}

// walkedRocketMQ is an episode under way.
type walkedRocketMQ struct {
	*rocketmqWorld

	name     string
	episode  *rocketmqEpisode
	topic    string
	queues   []offset.Partition
	groups   []string
	instants []instant
	members  map[int]*brokers.Consumer
	resets   map[int]*resource
	engine   *rocketmq.Client
}

func (w *rocketmqWorld) walk(ctx context.Context, name string, e *rocketmqEpisode) (err error) {
	k := &walkedRocketMQ{rocketmqWorld: w, name: name, episode: e, members: map[int]*brokers.Consumer{}, resets: map[int]*resource{}}
	setting, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	beginning := time.Now()
	if err := k.setUp(setting); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	w.tally.took("set-up of episode "+name, time.Since(beginning))
	before, faults := connections(), false
	if k.engine, err = w.open(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, k.end(ctx))
		if faults { // the harness has connected anew
			return
		}
		left, _ := until(ctx, func() ([]string, error) {
			if n := connections(); n > before {
				return []string{fmt.Sprint(n - before)}, nil
			}
			return nil, nil
		})
		if len(left) > 0 {
			err = errors.Join(err, claimed("%s connections are left of a client that was closed", left[0]))
		}
	}()
	for i := range e.Steps {
		s := &e.Steps[i]
		began := time.Now()
		stepping, cancel := context.WithTimeout(ctx, stepPatience)
		err := k.step(stepping, s)
		cancel()
		w.tally.add("%s: %s", w.called(), s.Do)
		faults = faults || s.Fault != ""
		what := fmt.Sprintf(w.called()+", %s in step %d of episode %s", s.Do, i, name)
		if s.Fault != "" {
			what += fmt.Sprintf(", with %s, late %t", s.Fault, s.Late)
			w.tally.add("%s fault: %s", w.called(), s.Fault)
		}
		w.tally.took(what, time.Since(began))
		if err != nil {
			return &stepError{i, s, err}
		}
	}
	if len(k.members) > 0 {
		return nil
	}
	confirming, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	return k.confirm(confirming)
}

// connections counts the connections by the product's protocol, each of which
// has a goroutine that reads.
func connections() int {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "internal/rocketmq/remoting.") {
			n++
		}
	}
	return n
}

func (k *walkedRocketMQ) setUp(ctx context.Context) error {
	k.topic = "soak-" + k.name
	if err := k.cluster.CreateTopic(ctx, k.topic, k.episode.Queues); err != nil {
		return err
	}
	for _, b := range k.cluster.Brokers() {
		for q := range k.episode.Queues {
			k.queues = append(k.queues, offset.Partition{Topic: k.topic, Broker: b, ID: int32(q)})
		}
	}
	if _, err := until(ctx, func() ([]string, error) {
		// A name server that knows no way yet answers with an exception.
		out, _ := k.cluster.Admin(ctx, "topicRoute", "-t", k.topic) //nolint:errcheck // It is in the output too.
		for _, b := range k.cluster.Brokers() {
			if !strings.Contains(out, b) {
				return []string{out}, nil
			}
		}
		return nil, nil
	}); err != nil {
		return err
	}
	k.mark(map[offset.Partition]int64{})
	counts := map[offset.Partition]int64{}
	for i, n := range k.episode.Messages {
		for range n {
			if err := k.send(ctx, k.queues[i]); err != nil {
				return err
			}
		}
		counts[k.queues[i]] = int64(n)
	}
	if err := k.counted(ctx, counts); err != nil {
		return err
	}
	k.mark(counts)
	for i, places := range k.episode.Commits {
		group := fmt.Sprintf("soak-%s-%d", k.name, i)
		k.groups = append(k.groups, group)
		if err := k.cluster.CreateGroup(ctx, group); err != nil {
			return err
		}
		for n, at := range places {
			if p := k.queues[n]; !at.Nowhere {
				if err := k.cluster.Commit(ctx, group, k.topic, p.Broker, int(p.ID), at.in(0, counts[p])); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mark notes an instant with milliseconds without a message around it.
func (k *walkedRocketMQ) mark(counts map[offset.Partition]int64) {
	time.Sleep(10 * time.Millisecond)
	k.instants = append(k.instants, instant{time.Now(), maps.Clone(counts)})
	time.Sleep(10 * time.Millisecond)
}

// send stores one message.
func (k *walkedRocketMQ) send(ctx context.Context, p offset.Partition) error {
	for {
		err := k.producer.Send(ctx, p.Topic, p.Broker, int(p.ID), "a message")
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond) // it learns of a broker that is back in its own time
	}
}

// counted waits until the brokers count all messages, which they do a little
// after they have stored them.
func (k *walkedRocketMQ) counted(ctx context.Context, counts map[offset.Partition]int64) error {
	left, err := until(ctx, func() ([]string, error) {
		for p, n := range counts {
			_, high, err := k.cluster.Bounds(ctx, p.Topic, p.Broker, int(p.ID))
			if err != nil || high < n {
				return []string{fmt.Sprintf("%s: %d, %v", p.Name(), high, err)}, nil
			}
		}
		return nil, nil
	})
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("not all messages are counted: %v", left))
	}
	return err
}

func (k *walkedRocketMQ) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepPatience)
	defer cancel()
	errs := []error{k.heal(ctx), k.engine.Close()}
	for _, m := range k.members {
		errs = append(errs, m.Stop())
	}
	return errors.Join(errs...)
}

// view looks at the topic and all groups.
func (k *walkedRocketMQ) view(ctx context.Context) (view, error) {
	v := view{Logs: logs{}, Commits: map[string]commits{}}
	for _, p := range k.queues {
		low, high, err := k.cluster.Bounds(ctx, p.Topic, p.Broker, int(p.ID))
		if err != nil {
			return v, err
		}
		v.Logs[p] = log{Start: max(low, 0), End: max(high, 0)}
	}
	for _, group := range k.groups {
		c := commits{}
		for _, p := range k.queues {
			at, ok, err := k.cluster.Committed(ctx, group, p.Topic, p.Broker, int(p.ID))
			switch {
			case err != nil:
				return v, err
			case ok && at < 0:
				return v, claimed("group %s has committed %d in %s", group, at, p.Name())
			case ok:
				c[p] = commit{Offset: at}
			}
		}
		v.Commits[group] = c
	}
	return v, nil
}

// certain leaves out what brokers tell as 0 though there may be no offset.
func (k *walkedRocketMQ) certain(c commits) commits {
	if k.brokers != oldest {
		return c
	}
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(_ offset.Partition, at commit) bool { return at.Offset == 0 })
	return c
}

// confirm has mqadmin say where the groups are.
func (k *walkedRocketMQ) confirm(ctx context.Context) error {
	for _, group := range k.groups {
		_, err := k.judge(ctx, group, func(_ view, after commits) []string {
			told, err := k.cluster.Progress(ctx, group, k.topic)
			if err != nil {
				return []string{err.Error()}
			}
			var wrong []string
			for p, at := range after {
				if told[p.Name()] != at.Offset {
					wrong = append(wrong, fmt.Sprintf("mqadmin says that %s is at %d, and the broker at %s", p.Name(), told[p.Name()], at))
				}
			}
			return wrong
		})
		if err != nil {
			return fmt.Errorf("group %s: %w", group, err)
		}
	}
	return nil
}

func (k *walkedRocketMQ) step(ctx context.Context, s *rocketmqStep) error {
	group, queue := k.groups[s.Group], k.queues[s.Queue]
	switch s.Do {
	case "produce":
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		counts := map[offset.Partition]int64{}
		for p, at := range v.Logs {
			counts[p] = at.End
		}
		for range s.N {
			if err := k.send(ctx, queue); err != nil {
				return err
			}
		}
		counts[queue] += int64(s.N)
		if err := k.counted(ctx, counts); err != nil {
			return err
		}
		k.mark(counts)
		return nil
	case "commit":
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		at := v.Logs[queue]
		return k.cluster.Commit(ctx, group, k.topic, queue.Broker, int(queue.ID), min(s.Place.in(at.Start, at.End), at.End))
	case "join":
		m, err := k.cluster.NewConsumer(group, k.topic, false)
		if err != nil {
			return err
		}
		k.members[s.Group] = m
		return k.listed(ctx, group)
	case "leave":
		m := k.members[s.Group]
		delete(k.members, s.Group)
		err := m.Stop()
		time.Sleep(written) // it commits without waiting for an answer
		return err
	case "reset":
		return k.reset(ctx, s)
	case "destroy":
		r := k.resets[s.Resource]
		delete(k.resets, s.Resource)
		if r == nil || !r.exists {
			return nil
		}
		return k.destroyed(ctx, s.Group, r, reset.OnDestroy(s.OnDestroy))
	case "terraform":
		return k.throughTerraform(ctx, s)
	}
	return fmt.Errorf("there is no step %q", s.Do)
}

// listed waits until brokers that only tell consumers to reset know the one that
// has come: under one that they do not know, offsets are committed, and it
// writes over them.
func (k *walkedRocketMQ) listed(ctx context.Context, group string) error {
	if !k.pushes() {
		return nil
	}
	const times = 4 // mqadmin asks one of the brokers, by chance
	for told := 0; told < times; told++ {
		if _, err := k.cluster.Admin(ctx, "consumerConnection", "-g", group); err != nil {
			told = 0
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// again makes sure that a consumer gets the messages again that a reset under
// it is told to have gone back over; behind the first so many that it has got.
// Now and then client-go does not take a queue up again after a reset
// (apache/rocketmq-client-go#956): one that is started anew must get them.
func (k *walkedRocketMQ) again(ctx context.Context, group, first int, outcomes []offset.Outcome) error {
	type message struct {
		broker string
		queue  int
		offset int64
	}
	left := map[message]bool{}
	for _, o := range outcomes {
		if o.Failed() || o.How == "kept" {
			continue
		}
		for at := o.Offset; at < min(o.Previous, o.End); at++ {
			left[message{o.Broker, int(o.ID), at}] = true
		}
	}
	if len(left) == 0 {
		return nil
	}
	enough := func(got []brokers.Received) bool {
		for _, m := range got {
			delete(left, message{m.Broker, m.Queue, m.Offset})
		}
		return len(left) == 0
	}
	const patience = 45 * time.Second
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := k.members[group].Wait(soon, first, enough); err == nil {
		k.tally.add("%s: consumed again", k.called())
		return nil
	}
	k.tally.add("%s: consumed again once client-go was started anew", k.called())
	if err := k.members[group].Stop(); err != nil {
		return err
	}
	m, err := k.cluster.NewConsumer(k.groups[group], k.topic, false)
	if err != nil {
		return err
	}
	k.members[group] = m
	anew, end := context.WithTimeout(ctx, patience)
	defer end()
	if _, err := m.Wait(anew, 0, enough); err != nil {
		return claimed("the group's consumers do not get %d messages again though it is told to have gone back over them: %v (%v)", len(left), left, err)
	}
	return nil
}

// request writes what a step asks for as an engine takes it.
func (k *walkedRocketMQ) request(s *rocketmqStep, v view) (offset.Request, question) {
	req := offset.Request{
		Group: k.groups[s.Group], Scope: offset.Scope{Topics: []string{k.topic}},
		Target: offset.Target{Kind: offset.TargetKind(s.Target)}, KeepAhead: !s.Force,
	}
	if s.All {
		req.Brokers = k.cluster.Brokers()
	}
	q := question{Known: true, Zero: k.brokers == oldest}
	switch req.Target.Kind {
	case offset.ToTime:
		q.Times = map[offset.Partition]int64{}
		for _, p := range k.queues {
			q.Times[p] = -1
		}
		if s.Instant >= len(k.instants) {
			req.Target.Time = time.Now().Add(time.Hour).UTC()
			break
		}
		at := k.instants[s.Instant]
		req.Target.Time = at.at.UTC()
		for _, p := range k.queues {
			if n := at.counts[p]; n < v.Logs[p].End {
				q.Times[p] = n
			}
		}
	case offset.ToOffsets:
		req.Target.Offsets = offset.Offsets{}
		for i, p := range k.queues {
			if s.Places[i].Nowhere {
				continue
			}
			if req.Target.Offsets[p.Broker] == nil {
				req.Target.Offsets[p.Broker] = map[int32]int64{}
			}
			req.Target.Offsets[p.Broker][p.ID] = s.Places[i].in(v.Logs[p].Start, v.Logs[p].End)
		}
		if len(req.Target.Offsets) == 0 {
			p := k.queues[0]
			req.Target.Offsets[p.Broker] = map[int32]int64{p.ID: 0}
		}
	}
	q.Request = req
	return req, q
}

// judge looks until nothing is wrong, for a while.
func (k *walkedRocketMQ) judge(ctx context.Context, group string, wrong func(v view, after commits) []string) (view, error) {
	var after view
	found, err := until(ctx, func() ([]string, error) {
		v, err := k.view(ctx)
		if f := (*falseClaim)(nil); errors.As(err, &f) {
			return nil, err
		} else if err != nil {
			return []string{err.Error()}, nil //nolint:nilerr // A broker that has just come back.
		}
		after = v
		return wrong(after, after.of(group)), nil
	})
	if err == nil && len(found) > 0 {
		err = claimed("%s", strings.Join(found, "\n  "))
	}
	return after, err
}

func (k *walkedRocketMQ) reset(ctx context.Context, s *rocketmqStep) error {
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	req, question := k.request(s, before)
	r := k.resets[s.Resource]
	if r == nil || r.group != s.Group {
		r = newResource(s.Group)
	}
	attempt := reset.Attempt{Broker: reset.RocketMQ, Decision: reset.Decision{Do: reset.Reset, Reason: "triggers changed"}}
	base := before
	if record, err := r.outcomesOf(reset.RocketMQ); err != nil {
		return err
	} else if r.exists && offset.AnyFailed(record) {
		attempt.Last = &reset.Last{Name: r.name, ClusterID: r.id, Record: record, Kept: r.kept}
		back, _ := undone(before, req.Group, offset.Touched(record), true)
		base = before.with(req.Group, back)
	}
	limitTo(&req, s.Replayed, s.Skipped, expectRocketMQ(question, base))
	question.Limits = req.Limits
	broker := k.cluster.Brokers()[s.Broker]
	var problem error
	hit, absent := false, ""
	strike := func() {
		if hit = true; !s.Late && !s.All {
			absent = broker
		}
		problem = k.strike(s.Fault, broker)
	}
	if s.Fault != "" && !s.Late {
		strike()
	} else if s.Fault != "" {
		req.Progress = func(message string) {
			if strings.HasPrefix(message, "Going to") && !hit {
				strike()
			}
		}
	}
	attempt.Request = req
	consumers, got := k.members[s.Group] != nil, 0
	if consumers {
		got = len(k.members[s.Group].Received())
	}
	report := reset.NewRun(clock.System{}).Reset(ctx, func() (reset.Engine, error) { return k.engine, nil }, attempt)
	if err := errors.Join(problem, k.heal(ctx)); err != nil {
		return err
	}
	should, first := expectRocketMQ(question, base), expectRocketMQ(question, before)
	should.Maybe = absent != "" // its queues count for no limit
	j := judgement{
		question: question, before: before, base: base.of(req.Group), should: should, first: first, report: report,
		hit: hit, consumers: consumers, pushed: k.pushes() && consumers, absent: absent,
	}
	// Consumers that were told to go somewhere go on from there for a while.
	j.should.Maybe = j.should.Maybe || j.pushed
	after, err := k.judge(ctx, req.Group, j.wrong)
	if err != nil {
		return explain(err, before, after, should, report)
	}
	k.tally.add("%s reset: %s", k.called(), j.outcome())
	failed := reset.Failed(report.Notices)
	r.takeOf(reset.RocketMQ, req, report)
	k.resets[s.Resource] = r
	if consumers && !failed {
		return k.again(ctx, s.Group, got, report.Result.Outcomes)
	}
	if !failed || report.Result == nil || s.Then == "leave" || consumers {
		return nil
	}
	return k.goOn(ctx, s, r, req, question)
}

// goOn finishes a reset that failed half-way, as the next apply does.
func (k *walkedRocketMQ) goOn(ctx context.Context, s *rocketmqStep, r *resource, req offset.Request, question question) error {
	record, err := r.outcomesOf(reset.RocketMQ)
	if err != nil {
		return err
	}
	req.Progress = nil
	open := func() (reset.Engine, error) { return k.engine, nil }
	attempt := reset.Attempt{Broker: reset.RocketMQ, Request: req}
	keptThen := r.kept
	if s.Then == "replace" {
		k.tally.add("%s: replaced after a failure", k.called())
		if err := k.destroyed(ctx, s.Group, r, reset.DestroyKeeps); err != nil {
			return err
		}
		*r = *newResource(r.group)
	} else {
		k.tally.add("%s: resumed", k.called())
		attempt.Decision = reset.Decision{Do: reset.Resume, Reason: "it goes on"}
		attempt.Last = &reset.Last{Name: r.name, ClusterID: r.id, Record: record, Kept: r.kept}
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	whole := expectRocketMQ(question, before)
	should := resumed(k.certain(before.of(req.Group)), record, keptThen, whole)
	if s.Then == "replace" {
		should = maps.Clone(before.of(req.Group))
		for _, m := range whole.Moves {
			should.with(m.Partition, m.To)
		}
	}
	report := reset.NewRun(clock.System{}).Reset(ctx, open, attempt)
	after, err := k.judge(ctx, req.Group, func(_ view, after commits) []string {
		if s.Then == "replace" && len(whole.Refusals) > 0 {
			return differ(after, before.of(req.Group))
		}
		wrong := differ(k.certain(after), k.certain(should))
		if reset.Failed(report.Notices) {
			wrong = append(wrong, "an apply without a fault failed")
		} else if offset.AnyFailed(report.Result.Outcomes) {
			wrong = append(wrong, "the record of a whole reset is not whole")
		}
		return wrong
	})
	if err != nil {
		return explain(err, before, after, expected{}, report)
	}
	r.takeOf(reset.RocketMQ, req, report)
	return nil
}

func (k *walkedRocketMQ) destroyed(ctx context.Context, group int, r *resource, on reset.OnDestroy) error {
	record, err := r.outcomesOf(reset.RocketMQ)
	if err != nil {
		return err
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	name := k.groups[group]
	start, completed := before, record
	if offset.AnyFailed(record) {
		back, _ := undone(before, name, offset.Touched(record), true)
		start, completed = before.with(name, back), nil
		if base := r.kept.Completed; base != nil {
			if completed, err = offset.DecodeRecord(base.Record, offset.RocketMQRecord, base.Topic); err != nil {
				return err
			}
		}
	}
	should, refusals := start.of(name), []offset.Code(nil)
	if on == reset.DestroyRestores {
		should, refusals = undone(start, name, completed, false)
	}
	consumers := k.members[group] != nil
	_, notices := reset.NewRun(clock.System{}).Destroy(ctx, func() (reset.Engine, error) { return k.engine, nil }, reset.Destruction{
		Broker: reset.RocketMQ, OnDestroy: on, Last: reset.Last{Name: r.name, ClusterID: r.id, Record: record, Kept: r.kept},
	})
	code, failed := offset.Code(""), reset.Failed(notices)
	for _, n := range notices {
		if n.Severity == reset.Failure {
			code = n.Code
		}
	}
	after, err := k.judge(ctx, name, func(_ view, after commits) []string {
		if consumers {
			return nil
		}
		wrong := differ(after, should)
		if failed != (len(refusals) > 0) || failed && !slices.Contains(refusals, code) {
			wrong = append(wrong, fmt.Sprintf("it ended with %q, and what speaks against it is %v", code, refusals))
		}
		return wrong
	})
	if err != nil {
		err = explain(err, before, after, expected{}, reset.Report{Notices: notices})
		return fmt.Errorf("%w\ndestroying with %s the record %s, completed %+v", err, on, r.record, r.kept.Completed)
	}
	what := "done"
	if failed {
		what = "refused with " + string(code)
	}
	k.tally.add("%s destroy, %s: %s", k.called(), on, what)
	return nil
}

// throughTerraform does a reset with Terraform: apply, a plan that must be
// empty, and destroy.
func (k *walkedRocketMQ) throughTerraform(ctx context.Context, s *rocketmqStep) error {
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	req, question := k.request(s, before)
	limitTo(&req, s.Replayed, s.Skipped, expectRocketMQ(question, before))
	question.Limits = req.Limits
	should := expectRocketMQ(question, before)
	a := map[string]any{"consumer_group": req.Group, "topic": k.topic, "force": s.Force, "on_destroy": s.OnDestroy}
	switch req.Target.Kind {
	case offset.ToEarliest:
		a["reset_type"] = "EARLIEST_OFFSET"
	case offset.ToLatest:
		a["reset_type"] = "LATEST_OFFSET"
	case offset.ToTime:
		a["reset_type"], a["reset_time"] = "SPECIFIED_TIME", req.Target.Time.Format(time.RFC3339Nano)
	case offset.ToOffsets:
		a["reset_type"], a["offsets"] = "SPECIFIED_OFFSET", req.Target.Offsets
	}
	if s.All {
		a["brokers"] = req.Brokers
	}
	limits(a, req.Limits)
	t, err := newTerraform("rocketmq", "rocketmq_consumer_offset_reset", map[string]any{"name_servers": []string{k.cluster.NameServer()}}, a)
	if err != nil {
		return err
	}
	defer t.remove()
	consumers := k.members[s.Group] != nil
	code, out, err := t.run(ctx, "apply", "-auto-approve")
	if err != nil {
		return err
	}
	record, exists, err := t.record(ctx)
	if err != nil {
		return err
	}
	j := judgement{
		question: question, before: before, base: before.of(req.Group), should: should, first: should,
		hit: len(should.Refusals) > 0, consumers: consumers, pushed: k.pushes() && consumers,
	}
	j.should.Maybe = j.pushed
	if exists {
		outcomes, err := offset.DecodeRecord(record, offset.RocketMQRecord, k.topic)
		if err != nil {
			return claimed("the state's record cannot be read: %v: %s", err, record)
		}
		j.report.Result = &offset.Result{Outcomes: outcomes}
	}
	if code != 0 {
		j.report.Notices = []reset.Notice{{Severity: reset.Failure, Headline: out}}
	} else if !exists {
		return claimed("terraform apply succeeded and left no reset in the state:\n%s", out)
	}
	after, err := k.judge(ctx, req.Group, func(v view, after commits) []string {
		wrong := j.wrong(v, after)
		if code != 0 && len(should.Refusals) == 0 && !j.pushed {
			wrong = append(wrong, "terraform apply failed, and nothing speaks against it")
		}
		return wrong
	})
	if err != nil {
		return fmt.Errorf("%w\nterraform said:\n%s", explain(err, before, after, should, j.report), out)
	}
	k.tally.add("%s, terraform apply: %d", k.called(), code)
	if code != 0 {
		return nil
	}
	if code, out, err = t.run(ctx, "plan", "-detailed-exitcode"); err != nil || code != 0 {
		return errors.Join(err, claimed("the plan after an apply ends with %d:\n%s", code, out))
	}
	want, refusals := after.of(req.Group), []offset.Code(nil)
	if s.OnDestroy == "restore" {
		want, refusals = undone(after, req.Group, j.report.Result.Outcomes, false)
	}
	if code, out, err = t.run(ctx, "destroy", "-auto-approve"); err != nil {
		return err
	}
	last, err := k.judge(ctx, req.Group, func(_ view, after commits) []string {
		if consumers {
			return nil
		}
		wrong := differ(after, want)
		if (code == 0) != (len(refusals) == 0) {
			wrong = append(wrong, fmt.Sprintf("terraform destroy ended with %d, and what speaks against it is %v", code, refusals))
		}
		return wrong
	})
	if err != nil {
		return fmt.Errorf("%w\nterraform destroy, %s, the record %s, said:\n%s", explain(err, after, last, expected{}, reset.Report{}), s.OnDestroy, record, out)
	}
	k.tally.add("%s, terraform destroy, %s: %d", k.called(), s.OnDestroy, code)
	return nil
}
