//go:build acceptance

package kafka

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	life "github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// The failures test moves this many partitions from one offset to another.
const (
	failing     = "failing"
	width       = 96
	failingFrom = 5
	failingTo   = 3
)

// attempt is a reset, or an undo, of one group, during which a node dies.
type attempt struct {
	phase string
	told  string // the progress that it has told when the node dies; empty: the node dies first
	nth   int    // which of those
	undo  bool

	group   string
	client  *Client
	member  *kafkaclient.Member // that the reset waits for
	done    *offset.Result      // what is undone
	starts  int64               // where the group is before
	ends    int64               // and where it is to be
	held    chan struct{}
	result  *offset.Result
	err     error
	elapsed time.Duration
}

// attempts are one for each phase. A commit takes several requests here.
func attempts() []*attempt {
	return []*attempt{
		{phase: "before the plan"},
		{phase: "waiting", told: "Waiting"},
		{phase: "between plan and commit", told: "Committing"},
		{phase: "between chunks", told: "Writing", nth: 4},
		{phase: "before the read-back", told: "Reading back"},
		{phase: "while destroying", told: "Writing", nth: 4, undo: true},
	}
}

func everywhere(offset int64) map[int32]int64 {
	at := map[int32]int64{}
	for p := range int32(width) {
		at[p] = offset
	}
	return at
}

func (a *attempt) request() offset.Request {
	req := of(a.group, failing, offset.Target{Kind: offset.ToOffset, Offset: failingTo})
	wait := time.Minute
	req.WaitForInactive = &wait
	return req
}

func (a *attempt) undoing() offset.UndoRequest {
	return offset.UndoRequest{Group: a.group, ClusterID: a.done.ClusterID, TopicIDs: a.done.TopicIDs, Record: a.done.Outcomes}
}

// prepare brings the group to where the attempt begins.
func (a *attempt) prepare(t *testing.T, k *kafkacluster.Cluster) {
	t.Helper()
	a.client, a.held, a.starts, a.ends = live(t, k), make(chan struct{}), failingFrom, failingTo
	for p := int32(0); p < width; p += 12 { // all together are too large
		part := map[int32]int64{}
		for id := p; id < p+12; id++ {
			part[id] = failingFrom
		}
		k.Commit(t, a.group, kafkacluster.Offsets{failing: part})
	}
	switch {
	case a.undo:
		var err error
		if a.done, err = run(t.Context(), a.client, a.request()); err != nil {
			t.Fatal(err)
		}
		a.starts, a.ends = failingTo, failingFrom
	case a.phase == "waiting":
		a.member = k.Join(t, kafkaclient.MemberOptions{Group: a.group, Topics: []string{failing}, Session: 8 * time.Second})
	}
}

// run holds where the node is to die, until it has.
func (a *attempt) run(t *testing.T, died <-chan struct{}) {
	seen := 0
	hold := sync.OnceFunc(func() {
		close(a.held)
		<-died
	})
	progress := func(message string) {
		if a.told != "" && strings.HasPrefix(message, a.told) {
			if seen++; seen >= a.nth {
				hold()
			}
		}
	}
	if a.told == "" {
		hold()
	}
	began := time.Now()
	if a.undo {
		req := a.undoing()
		req.Progress = progress
		a.result, a.err = a.client.Undo(t.Context(), req)
	} else {
		req := a.request()
		req.Progress = progress
		a.result, a.err = run(t.Context(), a.client, req)
	}
	a.elapsed = time.Since(began)
	hold() // whatever happened, nobody waits for it
}

// check compares what was told with what is there, has the next apply do the
// rest, and goes back to the very beginning.
func (a *attempt) check(t *testing.T, k *kafkacluster.Cluster) {
	t.Helper()
	if a.err != nil {
		t.Logf("%s, after %s: %v", a.phase, a.elapsed.Round(time.Millisecond), a.err)
	}
	got := k.Committed(t, a.group)[failing]
	if a.err == nil && offset.AnyFailed(a.result.Outcomes) {
		t.Errorf("%s: success, and yet %+v", a.phase, a.result.Outcomes)
	}
	told := offset.Outcomes(nil)
	if a.result != nil {
		told = a.result.Outcomes
	}
	if len(told) == 0 && !reflect.DeepEqual(got, everywhere(a.starts)) {
		t.Errorf("%s: nothing was changed, and yet %v is committed", a.phase, got)
	}
	for _, o := range told {
		at := got[o.ID]
		switch o.State {
		case offset.Done:
			if at != a.ends {
				t.Errorf("%s: %s is done, and at %d", a.phase, o.Name(), at)
			}
		case offset.NotDone:
			if at != a.starts {
				t.Errorf("%s: %s is not done (%s), and at %d", a.phase, o.Name(), o.Reason, at)
			}
		case offset.Unsettled:
			if at != a.starts && at != a.ends {
				t.Errorf("%s: %s may be done, and is at %d", a.phase, o.Name(), at)
			}
		default:
			t.Errorf("%s: nobody else has moved %+v", a.phase, o)
		}
	}

	switch {
	case a.err == nil:
	case a.undo:
		if _, err := a.client.Undo(t.Context(), a.undoing()); err != nil {
			t.Errorf("%s: %v", a.phase, err)
		}
	case a.result == nil:
		a.result, a.err = run(t.Context(), a.client, a.request())
		if a.err != nil {
			t.Fatalf("%s: %v", a.phase, a.err)
		}
	default:
		rest, err := life.Rest(a.request(), a.result.Outcomes)
		if err != nil {
			t.Fatal(err)
		}
		next, err := run(t.Context(), a.client, rest)
		if err != nil {
			t.Fatalf("%s: %v", a.phase, err)
		}
		next.Outcomes = life.Merge(a.result.Outcomes, next.Outcomes)
		a.result = next
	}
	if got := k.Committed(t, a.group)[failing]; !reflect.DeepEqual(got, everywhere(a.ends)) {
		t.Errorf("%s: after the next apply %v is committed", a.phase, got)
	}
	if a.undo {
		return
	}
	a.done = a.result
	if _, err := a.client.Undo(t.Context(), a.undoing()); err != nil {
		t.Errorf("%s: %v", a.phase, err)
	}
	if got := k.Committed(t, a.group)[failing]; !reflect.DeepEqual(got, everywhere(failingFrom)) {
		t.Errorf("%s: after the undo %v is committed", a.phase, got)
	}
}

// Whatever dies when, what is told is what is there, the next apply ends where
// one whole apply would have ended, and an undo leads to the beginning.
func TestNodesThatDieInEachPhase(t *testing.T) {
	k := kafkacluster.StartWith(t, kafkacluster.Options{Properties: map[string]string{
		"message.max.bytes": "1400", // a commit of all partitions is too large
	}})
	k.CreateTopic(t, failing, width, 3)
	k.Fill(t, failing, width, 10, noon, time.Second)
	for _, victim := range []string{"coordinator", "leader", "controller"} {
		t.Run(victim, func(t *testing.T) {
			node := k.Controller(t)
			switch victim {
			case "coordinator":
				node = (node + 1) % 3
			case "leader":
				for p, controller := int32(0), node; node == controller; p++ {
					node = k.Leader(t, failing, p)
				}
			}
			all, n := attempts(), 0
			for _, a := range all {
				for a.group == "" || (k.Coordinator(t, a.group) == node) != (victim == "coordinator") {
					a.group = fmt.Sprintf("%s-%d", victim, n)
					n++
				}
				a.prepare(t, k)
			}
			died := make(chan struct{})
			var running sync.WaitGroup
			for _, a := range all {
				running.Go(func() { a.run(t, died) })
			}
			for _, a := range all {
				<-a.held
			}
			if err := k.KillNode(int(node)); err != nil {
				t.Error(err)
			}
			close(died)
			for _, a := range all {
				if a.member != nil { // its coordinator may be the one that died: it cannot say that it leaves
					a.member.Kill()
				}
			}
			running.Wait()
			k.Restart(t, int(node))
			for _, a := range all {
				a.check(t, k)
			}
		})
	}
}

// A topic is deleted between plan and commit; the consumers of the others
// catch up and move on before the rest is done. Whatever landed is not moved
// again, limits count from where each partition is, and the restore compares.
func TestConsumersMoveOnBetweenAHalfWayResetAndItsRest(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	const kept, gone, group = "between.kept", "between.gone", "between"
	refill := func(topic string, partitions int32) {
		k.CreateTopic(t, topic, partitions, 3)
		k.Fill(t, topic, partitions, 10, noon, time.Second)
	}
	wants := func(offsets kafkacluster.Offsets) {
		t.Helper()
		if got := k.Committed(t, group); !reflect.DeepEqual(got, offsets) {
			t.Fatalf("committed %v, want %v", got, offsets)
		}
	}
	refill(kept, 2)
	refill(gone, 1)
	k.Commit(t, group, kafkacluster.Offsets{kept: {0: 8, 1: 8}, gone: {0: 8}})
	// Not by a shift: with the topic, its offset may be gone before the commit.
	req := of(group, kept, offset.Target{Kind: offset.ToOffset, Offset: 3})
	req.Scope.Topics = []string{kept, gone}
	plan, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Client().DeleteTopic(within(t, kafkatest.Patience), gone); err != nil {
		t.Fatal(err)
	}
	first, err := c.Apply(t.Context(), plan)
	wantError(t, err, offset.Incomplete, "between.gone-0", "2 partitions were committed and read back")

	refill(gone, 1)
	now := kafkacluster.Offsets{kept: {0: 8, 1: 9}, gone: {0: 9}} // one has caught up, the others have gone on
	k.Commit(t, group, now)
	rest, err := life.Rest(req, first.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	most := int64(5)
	rest.Limits.MaxReplayed = &most
	_, err = run(t.Context(), c, rest)
	wantError(t, err, offset.LimitExceeded, "6 messages would be replayed", "Nothing was changed")
	wants(now)

	most = 6
	second, err := run(t.Context(), c, rest)
	if err != nil {
		t.Fatal(err)
	}
	if s := offset.SummarizeOutcomes(second.Outcomes); s.Replayed != 6 || s.Partitions != 1 {
		t.Errorf("summary %+v", s)
	}
	now[gone][0] = 3
	wants(now)
	undo := offset.UndoRequest{Group: group, ClusterID: k.ID(), TopicIDs: second.TopicIDs, Record: life.Merge(first.Outcomes, second.Outcomes)}
	_, err = c.Undo(t.Context(), undo)
	wantError(t, err, offset.Overwritten, "between.kept-1 is at 9 and not at 3 any more", "Nothing was changed")
	wants(now)
	k.Commit(t, group, kafkacluster.Offsets{kept: {1: 3}})
	if _, err := c.Undo(t.Context(), undo); err != nil {
		t.Fatal(err)
	}
	wants(kafkacluster.Offsets{kept: {0: 8, 1: 8}, gone: {0: 9}})
}

// A first offset counts at its upper bound.
func TestLimitsOfFirstOffsetsOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "first", 2, 3)
	k.Fill(t, "first", 2, 50, noon, time.Second)
	var none int64
	for target, words := range map[offset.TargetKind]string{
		offset.ToEarliest: "100 messages would be replayed",
		offset.ToLatest:   "100 messages would be skipped",
	} {
		req := of("first-"+string(target), "first", offset.Target{Kind: target})
		req.AllowNewGroup = true
		req.Limits = offset.Limits{MaxReplayed: &none, MaxSkipped: &none}
		_, err := run(t.Context(), c, req)
		wantError(t, err, offset.LimitExceeded, words, "Nothing was changed")
		if got := k.Committed(t, req.Group); len(got) > 0 {
			t.Errorf("committed %v", got)
		}
	}
}

// What Kafka Streams and the parallel consumer keep beside their offsets is
// there after a reset to where they are, beside a partition that does not move,
// in a clone and after a restore.
func TestMetadataSurvivesOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	k.CreateTopic(t, "kept-state", 3, 3)
	k.Fill(t, "kept-state", 3, 10, noon, time.Second)
	at := func(n int64, metadata string) kafkaclient.Commit {
		return kafkaclient.Commit{Offset: n, Epoch: -1, Metadata: metadata}
	}
	commits := func(c ...kafkaclient.Commit) kafkaclient.Commits {
		of := map[int32]kafkaclient.Commit{}
		for i := range c {
			of[int32(i)] = c[i]
		}
		return kafkaclient.Commits{"kept-state": of}
	}
	parallel := strings.Repeat("bAQAAAAE", 512) // as long as the broker takes it
	begin := commits(at(5, "BQAAAXk7"), at(3, parallel), at(7, ""))
	k.CommitWith(t, "streams", begin)
	if _, err := run(t.Context(), c, of("streams", "kept-state", offset.Target{Kind: offset.ToCurrent})); err != nil {
		t.Fatal(err)
	}
	wantCommits(t, k.Commits(t, "streams"), begin)

	clone := of("streams-copy", "kept-state", offset.Target{Kind: offset.ToGroup, Group: "streams"})
	clone.AllowNewGroup = true
	if _, err := run(t.Context(), c, clone); err != nil {
		t.Fatal(err)
	}
	wantCommits(t, k.Commits(t, "streams-copy"), begin)

	result, err := run(t.Context(), c, of("streams", "kept-state", offset.Target{Kind: offset.ToOffset, Offset: 5}))
	if err != nil {
		t.Fatal(err)
	}
	wantCommits(t, k.Commits(t, "streams"), commits(at(5, "BQAAAXk7"), at(5, ""), at(5, "")))
	record, err := offset.DecodeRecord(offset.EncodeRecord(result.Outcomes, offset.KafkaRecord), offset.KafkaRecord, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Undo(t.Context(), offset.UndoRequest{Group: "streams", ClusterID: k.ID(), TopicIDs: result.TopicIDs, Record: record}); err != nil {
		t.Fatal(err)
	}
	wantCommits(t, k.Commits(t, "streams"), begin)
}

// A topic that was made anew under its name is not the one that was reset.
func TestRestoreKnowsATopicThatWasMadeAnewOnARealCluster(t *testing.T) {
	k := kafkacluster.Start(t)
	c := live(t, k)
	fill := func() {
		k.CreateTopic(t, "anew", 2, 3)
		k.Fill(t, "anew", 2, 10, noon, time.Second)
	}
	fill()
	k.Commit(t, "anew-group", kafkacluster.Offsets{"anew": {0: 5, 1: 5}})
	result, err := run(t.Context(), c, of("anew-group", "anew", earliest))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Client().DeleteTopic(within(t, kafkatest.Patience), "anew"); err != nil {
		t.Fatal(err)
	}
	fill()
	k.Commit(t, "anew-group", kafkacluster.Offsets{"anew": {0: 0, 1: 0}})
	_, err = c.Undo(t.Context(), offset.UndoRequest{Group: "anew-group", ClusterID: k.ID(), TopicIDs: result.TopicIDs, Record: result.Outcomes})
	wantError(t, err, offset.Overwritten, `made anew under their names since the reset`, `"anew"`, "Nothing was changed")
	if got := k.Committed(t, "anew-group"); !reflect.DeepEqual(got, kafkacluster.Offsets{"anew": {0: 0, 1: 0}}) {
		t.Errorf("committed %v", got)
	}
}
