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

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// The listener through which the product comes, and what it is called.
const (
	proxied  = "PROXIED"
	clientID = "soak"
)

// offsetsPartitions is how many partitions __consumer_offsets has, and
// sharePartitions __share_group_state, where start offsets are kept.
const (
	offsetsPartitions = 6
	sharePartitions   = 3
)

// kafkaWorld is a cluster of three brokers. The product reaches it through a
// proxy, whoever judges it without.
type kafkaWorld struct {
	tally   *tally
	cluster *kafkacluster.Cluster
	client  *kafkaclient.Client
	patient *kafkaclient.Client // whose transactions stay open
	proxy   *proxy

	mu        sync.Mutex
	down      map[int]string // nodes that were killed, stopped or paused
	throttled bool
	restarts  sync.WaitGroup
}

func startKafka(ctx context.Context, tally *tally) (*kafkaWorld, error) {
	const nodes = 3
	w := &kafkaWorld{tally: tally, down: map[int]string{}}
	var err error
	if w.proxy, err = newProxy(nodes); err != nil {
		return nil, err
	}
	w.cluster, err = kafkacluster.New(ctx, kafkacluster.Options{
		Nodes: nodes, Heap: "384m",
		// Members keep Kafka's own session: one that is shorter than a coordinator
		// takes to come back ends while its member looks for the new one, and the
		// group is empty though nobody has left it.
		Properties: map[string]string{
			"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500",
			"group.share.min.heartbeat.interval.ms": "100", "group.share.heartbeat.interval.ms": "500",
			// The member of a streams group sends one heartbeat, and stays.
			"group.streams.max.session.timeout.ms": "1800000", "group.streams.session.timeout.ms": "1800000",
		},
		Listeners: []kafkacluster.Listener{{Name: proxied, Advertised: w.proxy.addresses()}},
	})
	if err != nil {
		w.proxy.close()
		return nil, err
	}
	w.client = w.cluster.Client()
	if w.patient, err = kafkaclient.New(w.cluster.Bootstrap(), kgo.TransactionTimeout(14*time.Minute)); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if err := w.narrow(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.proxy.leadTo(w.cluster.BootstrapOf(proxied))
	return w, nil
}

// narrow bounds what one commit may hold to some twenty partitions, so that the
// engine has to cut larger ones, and something can happen in between. It also
// has the topic made that keeps the start offsets of share groups.
func (w *kafkaWorld) narrow(ctx context.Context) error {
	if _, err := w.client.Coordinator(ctx, "soak"); err != nil { // which makes the topic
		return err
	}
	if err := w.client.CreateTopic(ctx, "soak", 1, 3, nil); err != nil {
		return err
	}
	if err := w.client.SetShareStarts(ctx, "soak", kafkaclient.Offsets{"soak": {0: 0}}); err != nil {
		return err
	}
	_, err := w.cluster.RunTool(ctx, kafkacluster.ConfigTool, "--alter", "--entity-type", "topics",
		"--entity-name", "__consumer_offsets", "--add-config", "max.message.bytes=3000")
	return err
}

func (w *kafkaWorld) close() error {
	w.restarts.Wait()
	if w.patient != nil {
		w.patient.Close()
	}
	err := w.cluster.Close()
	w.proxy.close()
	return err
}

// open returns an engine, as the provider has one.
func (w *kafkaWorld) open() (*kafka.Client, error) {
	return kafka.New(connection.Config{BootstrapServers: w.proxy.addresses(), ClientID: clientID})
}

// heal brings back what a fault has taken away.
func (w *kafkaWorld) heal(ctx context.Context) error {
	w.proxy.watch(nil)
	w.restarts.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for node := range w.cluster.Nodes() {
		w.proxy.refuse(node, false)
		switch w.down[node] {
		case "paused":
			errs = append(errs, w.cluster.ResumeNode(node))
		case "killed":
			errs = append(errs, w.cluster.StartNode(ctx, node))
		}
	}
	if w.throttled {
		errs = append(errs, w.client.Throttle(ctx, clientID, 0))
	}
	if len(w.down) > 0 {
		errs = append(errs, w.client.AwaitWhole(ctx, w.cluster.Nodes()))
	}
	clear(w.down)
	w.throttled = false
	return errors.Join(errs...)
}

// node finds the node that a fault is to happen to.
func (w *kafkaWorld) node(ctx context.Context, role, group, topic string) (int, error) {
	coordinator, err := w.client.Coordinator(ctx, group)
	if err != nil {
		return 0, err
	}
	leader, err := w.client.Leader(ctx, topic, 0)
	if err != nil {
		return 0, err
	}
	switch role {
	case "coordinator":
		return int(coordinator), nil
	case "leader":
		return int(leader), nil
	}
	for node := range w.cluster.Nodes() {
		if node != int(coordinator) && node != int(leader) {
			return node, nil
		}
	}
	return int(coordinator), nil
}

// refused is how long nobody can connect to a node.
const refused = 3 * time.Second

// strike does to a node what a fault says, in view of a group and a topic.
func (w *kafkaWorld) strike(ctx context.Context, kind string, node int, group, topic string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch kind {
	case "kill":
		w.down[node] = "killed"
		return w.cluster.KillNode(node)
	case "stop":
		w.down[node] = "killed"
		return w.cluster.StopNode(node)
	case "pause":
		w.down[node] = "paused"
		return w.cluster.PauseNode(node)
	case "restart":
		if err := w.cluster.KillNode(node); err != nil {
			return err
		}
		w.restarts.Go(func() {
			if err := w.cluster.StartNode(context.WithoutCancel(ctx), node); err != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.down[node] = "killed"
			}
		})
	case "move":
		if _, err := w.client.MoveLeader(ctx, "__consumer_offsets", kafkaclient.OffsetsPartition(group, offsetsPartitions)); err != nil {
			return err
		}
		for p := range int32(sharePartitions) {
			if _, err := w.client.MoveLeader(ctx, "__share_group_state", p); err != nil {
				return err
			}
		}
		_, err := w.client.MoveLeader(ctx, topic, 0)
		return err
	case "cut":
		w.proxy.cut(node)
	case "refuse":
		w.proxy.refuse(node, true)
		w.restarts.Go(func() {
			time.Sleep(refused)
			w.proxy.refuse(node, false)
		})
	case "throttle":
		w.throttled = true
		return w.client.Throttle(ctx, clientID, 0.2)
	}
	return nil
}

// The numbers of Kafka's APIs.
var apis = map[string][]int16{
	"bounds": {2}, "find": {10}, "fetch": {9, 90}, "commit": {8, 47, 91, 92}, "committed": {8, 47, 91, 92},
}

// walkedKafka is an episode under way.
type walkedKafka struct {
	*kafkaWorld

	name      string
	episode   *kafkaEpisode
	base      time.Time // of the first record of each partition
	topics    []string
	groups    []string
	known     []bool // the group has existed
	members   map[int]*member
	open      *kafkaclient.Transaction
	snapshots map[int]*offset.Snapshot
	resets    map[int]*resource
	engine    *kafka.Client
	victim    offset.Partition // what a stranger commits, if one does
	last      view             // after the last step
	quiet     bool             // nothing but the product has written since last
}

// member is a consumer in a group.
type member struct {
	commits bool
	leave   func(context.Context) error
	kill    func() // ends it without a word to the broker
}

// walk sets an episode up and goes through its steps.
func (w *kafkaWorld) walk(ctx context.Context, name string, e *kafkaEpisode) (err error) {
	k := &walkedKafka{
		kafkaWorld: w, name: name, episode: e, base: time.Now().Add(-400 * time.Hour).Truncate(time.Minute),
		members: map[int]*member{}, snapshots: map[int]*offset.Snapshot{}, resets: map[int]*resource{},
	}
	setting, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	if k.engine, err = w.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.end(ctx)) }()
	beginning := time.Now()
	if err := k.setUp(setting); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	w.tally.took("set-up of episode "+name, time.Since(beginning))
	for i := range e.Steps {
		s := &e.Steps[i]
		began := time.Now()
		stepping, cancel := context.WithTimeout(ctx, stepPatience)
		err := k.step(stepping, s)
		cancel()
		w.tally.add("Kafka: %s", s.Do)
		what := fmt.Sprintf("%s in step %d of episode %s", s.Do, i, name)
		if s.Fault != nil {
			what += fmt.Sprintf(", with %s of the %s at %s", s.Fault.Kind, s.Fault.Node, s.Fault.At)
		}
		w.tally.took(what, time.Since(began))
		if err != nil {
			return &stepError{i, s, err}
		}
	}
	return nil
}

func (k *walkedKafka) setUp(ctx context.Context) error {
	for i, t := range k.episode.Topics {
		topic := fmt.Sprintf("soak-%s-%d", k.name, i)
		k.topics = append(k.topics, topic)
		if err := k.client.CreateTopic(ctx, topic, int32(len(t.Records)), 3, nil); err != nil {
			return err
		}
		var filling errgroup.Group
		for p, n := range t.Records {
			filling.Go(func() error {
				if err := k.produce(ctx, topic, int32(p), n); err != nil || t.Trimmed[p].Nowhere || n == 0 {
					return err
				}
				return k.client.DeleteRecords(ctx, topic, int32(p), t.Trimmed[p].in(0, int64(n)))
			})
		}
		if err := filling.Wait(); err != nil {
			return err
		}
	}
	for i, g := range k.episode.Groups {
		group := fmt.Sprintf("soak-%s-%d", k.name, i)
		k.groups = append(k.groups, group)
		k.known = append(k.known, false)
		if len(g.Commits) == 0 {
			continue
		}
		if err := k.made(ctx, i); err != nil {
			return err
		}
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		committed := false
		for t, of := range g.Commits {
			topic := k.topics[t]
			for first := 0; first < len(of); first += atOnce {
				chunk := of[first:min(first+atOnce, len(of))]
				some := map[int32]kafkaclient.Commit{}
				for i, c := range chunk {
					p := int32(first + i)
					if at := v.Logs[offset.Partition{Topic: topic, ID: p}]; !c.Nowhere {
						some[p] = kafkaclient.Commit{Offset: c.in(at.Start, at.End), Epoch: -1, Metadata: c.Metadata}
					}
				}
				if len(some) == 0 {
					continue
				}
				committed = true
				if err := k.commit(ctx, i, kafkaclient.Commits{topic: some}); err != nil {
					return err
				}
			}
		}
		if committed {
			taken, err := k.engine.Snapshot(ctx, group, nil)
			if err != nil {
				return fmt.Errorf("take a snapshot: %w", err)
			}
			k.snapshots[i] = taken.Snapshot
		}
	}
	return nil
}

// atOnce is how many offsets the harness commits at a time.
const atOnce = 10

// produce appends records whose times are an hour apart, the first of each
// partition at the base.
func (k *walkedKafka) produce(ctx context.Context, topic string, partition int32, n int) error {
	if n == 0 {
		return nil
	}
	_, ends, err := k.client.Log(ctx, topic)
	if err != nil {
		return err
	}
	for {
		_, err = k.client.Produce(ctx, topic, partition, k.records(ends[partition], n)...)
		// A producer learns of partitions that were added in its own time.
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "invalid record partitioning") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (k *walkedKafka) records(from int64, n int) []kafkaclient.Record {
	var records []kafkaclient.Record
	for i := range n {
		at := from + int64(i)
		records = append(records, kafkaclient.Record{At: k.base.Add(time.Duration(at) * time.Hour), Value: fmt.Sprint(at)})
	}
	return records
}

// end takes down what an episode has made, and looks whether the product has
// left anything behind.
func (k *walkedKafka) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepPatience)
	defer cancel()
	errs := []error{k.heal(ctx)}
	for _, m := range k.members {
		m.kill()
	}
	if k.open != nil {
		errs = append(errs, k.open.Abort(ctx))
	}
	errs = append(errs, k.engine.Close())
	left, err := until(ctx, func() ([]string, error) {
		if n := k.proxy.connections(); n > 0 {
			return []string{fmt.Sprint(n)}, nil
		}
		return nil, nil
	})
	if len(left) > 0 {
		errs = append(errs, claimed("%s connections are left of clients that were closed", left[0]))
	}
	errs = append(errs, err)
	for _, topic := range k.topics {
		errs = append(errs, k.client.DeleteTopic(ctx, topic))
	}
	return errors.Join(errs...)
}

// view looks at all topics and groups. Brokers that have just taken over may
// refuse to tell for a moment.
func (k *walkedKafka) view(ctx context.Context) (view, error) {
	const patience = 30 * time.Second
	for end := time.Now().Add(patience); ; {
		v, err := k.look(ctx)
		var found *falseClaim
		if err == nil || errors.As(err, &found) || ctx.Err() != nil || time.Now().After(end) {
			return v, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (k *walkedKafka) look(ctx context.Context) (view, error) {
	v := view{Logs: logs{}, Commits: map[string]commits{}, Left: map[string]map[offset.Partition]int64{}}
	for _, topic := range k.topics {
		starts, ends, err := k.client.Log(ctx, topic)
		if err != nil {
			return v, err
		}
		stable, err := k.client.Stable(ctx, topic)
		if err != nil {
			return v, err
		}
		for p := range ends {
			v.Logs[offset.Partition{Topic: topic, ID: p}] = log{starts[p], ends[p], stable[p]}
		}
	}
	for i, group := range k.groups {
		var err error
		if k.typeOf(i) == offset.ShareGroup {
			v.Commits[group], v.Left[group], err = k.starts(ctx, group)
		} else {
			v.Commits[group], err = k.commits(ctx, group)
		}
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

// starts returns the start offsets of a share group, and how much is left of
// each partition.
func (k *walkedKafka) starts(ctx context.Context, group string) (commits, map[offset.Partition]int64, error) {
	told, err := k.client.ShareStarts(ctx, group)
	if err != nil {
		return nil, nil, err
	}
	c, left := commits{}, map[offset.Partition]int64{}
	for topic, of := range told {
		for id, at := range of {
			if at.Offset >= 0 { // The others were never read.
				p := offset.Partition{Topic: topic, ID: id}
				c[p], left[p] = commit{Offset: at.Offset}, at.Left
			}
		}
	}
	return c, left, nil
}

// commits returns what a group has committed, which must never be less than 0.
func (k *walkedKafka) commits(ctx context.Context, group string) (commits, error) {
	told, err := k.client.Commits(ctx, group)
	if err != nil {
		return nil, err
	}
	c := commits{}
	for topic, of := range told {
		for p, at := range of {
			if at.Offset < 0 {
				return nil, claimed("group %s has committed %d in %s-%d", group, at.Offset, topic, p)
			}
			c[offset.Partition{Topic: topic, ID: p}] = commit{at.Offset, at.Metadata}
		}
	}
	return c, nil
}

// typeOf returns what a group is.
func (k *walkedKafka) typeOf(group int) offset.GroupType {
	return typeOf(k.episode.Groups[group].Protocol)
}

// made makes sure that a group is of its type before offsets are committed: of
// the new protocols only a member makes a group, a commit makes a classic one.
func (k *walkedKafka) made(ctx context.Context, group int) error {
	protocol := k.episode.Groups[group].Protocol
	if k.known[group] || protocol != string(kafkaclient.Consumer) && protocol != "streams" {
		return nil
	}
	m, err := k.join(ctx, group, false)
	if err != nil {
		return err
	}
	k.members[group] = m
	return k.leave(ctx, group)
}

// commit commits offsets of a group without members, or sets the start offsets
// of a share group.
func (k *walkedKafka) commit(ctx context.Context, group int, c kafkaclient.Commits) error {
	if err := k.made(ctx, group); err != nil {
		return err
	}
	k.known[group] = true
	if k.typeOf(group) != offset.ShareGroup {
		return k.client.CommitWith(ctx, k.groups[group], c)
	}
	starts := kafkaclient.Offsets{}
	for topic, of := range c {
		starts[topic] = map[int32]int64{}
		for p, at := range of {
			starts[topic][p] = at.Offset
		}
	}
	return k.client.SetShareStarts(ctx, k.groups[group], starts)
}

// join starts a consumer of all topics in a group. One of a share group always
// acknowledges what it consumes; one of a streams group does no work.
func (k *walkedKafka) join(ctx context.Context, group int, commits bool) (*member, error) {
	k.known[group] = true
	if k.typeOf(group) == offset.StreamsGroup {
		m, err := k.client.JoinStreams(ctx, k.groups[group], k.topics...)
		if err != nil {
			return nil, err
		}
		return &member{false, func(ctx context.Context) error { return k.client.LeaveStreams(ctx, m) }, m.Close}, nil
	}
	share := k.typeOf(group) == offset.ShareGroup
	o := kafkaclient.MemberOptions{
		Group: k.groups[group], Topics: k.topics, Protocol: kafkaclient.Protocol(k.episode.Groups[group].Protocol),
		Commit: commits && !share,
	}
	m, err := k.client.Join(ctx, o)
	if err != nil {
		return nil, err
	}
	return &member{commits || share, m.Leave, m.Kill}, nil
}

// leave ends the consumer of a group, and waits until the group is empty: one
// that cannot say good-bye is a member until its session ends.
func (k *walkedKafka) leave(ctx context.Context, group int) error {
	m := k.members[group]
	if m == nil {
		return nil
	}
	delete(k.members, group)
	if k.typeOf(group) == offset.StreamsGroup { // whose session does not end soon
		return m.leave(ctx)
	}
	if k.typeOf(group) == offset.ShareGroup {
		if err := k.given(ctx, group); err != nil {
			return err
		}
	}
	saying, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = m.leave(saying) //nolint:errcheck // its session ends all the same
	if k.typeOf(group) == offset.ShareGroup {
		return k.released(ctx, group)
	}
	return k.client.AwaitEmpty(ctx, k.groups[group])
}

// given waits until the brokers have given a start offset to every partition of
// a share group that has a member. After a coordinator or the keeper of start
// offsets was killed, they try again for a while, and may come to it when the
// member has left. Where they have given none within the time, none is due.
func (k *walkedKafka) given(ctx context.Context, group int) error {
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
		v, err := k.view(ctx)
		if err != nil {
			return err
		}
		due := slices.ContainsFunc(k.topics, func(topic string) bool {
			return slices.ContainsFunc(v.Logs.all(topic), func(p offset.Partition) bool { return v.of(k.groups[group]).at(p) == none })
		})
		if !due {
			return nil
		}
		if err := clock.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	k.tally.add("Kafka: a share group whose member left partitions without a start offset")
	return nil
}

// released waits until a share group has no member, and until what these had
// taken and not acknowledged is free again: until then start offsets move.
func (k *walkedKafka) released(ctx context.Context, group int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.cluster.Bootstrap()...))
	if err != nil {
		return err
	}
	defer client.Close()
	name := k.groups[group]
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs = []string{name}
	empty := func() bool {
		told, err := req.RequestWith(ctx, client)
		return err == nil && len(told.Groups) == 1 && told.Groups[0].ErrorCode == 0 && len(told.Groups[0].Members) == 0
	}
	const enough = 4 // looks in a row that show the same
	var last view
	for same := 0; same < enough; same++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		now, err := k.view(ctx)
		if err != nil {
			return err
		}
		if !empty() || !maps.Equal(now.of(name), last.of(name)) || !maps.Equal(now.Left[name], last.Left[name]) {
			same = 0
		}
		last = now
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// consuming tells whether a member of the group commits what it consumes.
func (k *walkedKafka) consuming(group int) bool {
	return k.members[group] != nil && k.members[group].commits
}
