package kafka

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

// state is metadata of the kind that Kafka Streams commits: its partition time.
const state = "BQAAAXk7"

// commitsOf are commits of the topic of orders.
func commitsOf(c ...kafkaclient.Commit) kafkaclient.Commits {
	of := map[int32]kafkaclient.Commit{}
	for i := range c {
		of[int32(i)] = c[i]
	}
	return kafkaclient.Commits{"orders": of}
}

func wantCommits(t testing.TB, got, want kafkaclient.Commits) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("committed %+v, want %+v", got, want)
	}
}

// What stays where it is keeps what its commit carries; a move carries none,
// a restore brings it back and a clone copies it.
func TestMetadataSurvives(t *testing.T) {
	at := func(n int64, epoch int32, metadata string) kafkaclient.Commit {
		return kafkaclient.Commit{Offset: n, Epoch: epoch, Metadata: metadata}
	}
	f := orders(t)
	begin := commitsOf(at(5, 0, state), at(3, 0, "other"), at(7, 0, ""))
	f.CommitWith(t, "billing", begin)
	c := connect(t, f.Bootstrap())

	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToCurrent}))
	if err != nil {
		t.Fatal(err)
	}
	wantCommits(t, f.Commits(t, "billing"), begin)
	if s := offset.SummarizeOutcomes(result.Outcomes); s.Unchanged != 3 || result.At.IsZero() || result.Outcomes[1].Seen != 3 {
		t.Errorf("summary %+v of %+v", s, result)
	}

	// One of three stays where it is.
	result, err = run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 5}))
	if err != nil {
		t.Fatal(err)
	}
	wantCommits(t, f.Commits(t, "billing"), commitsOf(at(5, 0, state), at(5, -1, ""), at(5, -1, "")))
	record, err := offset.DecodeRecord(offset.EncodeRecord(result.Outcomes, offset.KafkaRecord), offset.KafkaRecord, "")
	if err != nil {
		t.Fatal(err)
	}
	back := undo(result)
	back.Record = record
	if _, err := c.Undo(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	wantCommits(t, f.Commits(t, "billing"), commitsOf(at(5, 0, state), at(3, -1, "other"), at(7, -1, "")))

	clone := reset(offset.Target{Kind: offset.ToGroup, Group: "billing"})
	clone.Group, clone.AllowNewGroup = "copy", true
	if _, err := run(t.Context(), c, clone); err != nil {
		t.Fatal(err)
	}
	wantCommits(t, f.Commits(t, "copy"), commitsOf(at(5, -1, state), at(3, -1, "other"), at(7, -1, "")))
}

// Whatever consumers do between the plan and the apply: previous is what is
// there just before the commit, and limits and relative targets count from it.
func TestPreviousIsWhatIsThereJustBeforeTheCommit(t *testing.T) {
	for name, tc := range map[string]struct {
		target offset.Target
		want   int64
	}{
		"offset":  {offset.Target{Kind: offset.ToOffset, Offset: 2}, 2},
		"shift":   {offset.Target{Kind: offset.ByShift, Shift: -2}, 6},
		"current": {offset.Target{Kind: offset.ToCurrent}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			plan, err := c.Plan(t.Context(), reset(tc.target))
			if err != nil {
				t.Fatal(err)
			}
			f.Commit(t, "billing", fake.Offsets{"orders": {0: 8, 1: 8, 2: 8}})
			result, err := c.Apply(t.Context(), plan)
			if err != nil {
				t.Fatal(err)
			}
			want(t, f, "billing", fake.Offsets{"orders": {0: tc.want, 1: tc.want, 2: tc.want}})
			for _, o := range result.Outcomes {
				if o.Previous != 8 {
					t.Errorf("outcome %+v", o)
				}
			}
			if _, err := c.Undo(t.Context(), undo(result)); err != nil {
				t.Fatal(err)
			}
			want(t, f, "billing", fake.Offsets{"orders": {0: 8, 1: 8, 2: 8}})
		})
	}
	t.Run("limit", func(t *testing.T) {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		req := reset(offset.Target{Kind: offset.ToOffset, Offset: 4})
		most := int64(3)
		req.Limits.MaxReplayed = &most
		plan, err := c.Plan(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		f.Commit(t, "billing", fake.Offsets{"orders": {2: 6}})
		_, err = c.Apply(t.Context(), plan)
		wantError(t, err, offset.LimitExceeded, "4 messages would be replayed", "Nothing was changed")
		want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 6}})
	})
}

// boundless has leaders answer -1 for the position without an error.
func boundless(f *fake.Cluster, position int64) {
	f.ControlKey(2, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		if req.Topics[0].Partitions[0].Timestamp != position {
			return nil, nil, false
		}
		return nothingThere(req), nil, true
	})
}

// nothingThere is the answer that there is no such offset.
func nothingThere(req *kmsg.ListOffsetsRequest) *kmsg.ListOffsetsResponse {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch = p.Partition, -1, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func TestLogWithoutStartOrEndIsAnError(t *testing.T) {
	for name, position := range map[string]int64{"start": -2, "end": -1} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			boundless(f, position)
			_, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToLatest}))
			wantError(t, err, offset.Failed, "no start or no end of the log of orders-0, orders-1, orders-2", "Nothing was changed")
			wantNothing(t, f)
			_, err = c.TopicOffsets(t.Context(), []string{"orders"}, offset.Target{Kind: offset.ToLatest}, "")
			wantError(t, err, offset.Failed, "orders-0")
			info, err := c.DescribeGroup(t.Context(), "billing", []string{"orders"})
			if err != nil || info.Partitions[0].Error == "" || info.Partitions[0].Committed != 5 {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}

// Brokers before Kafka 2.4 cannot delete offsets. Whatever would need it is
// refused as long as nothing was changed.
func TestBrokersThatCannotDeleteOffsets(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V2_3_0())}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5}})
	c := connect(t, f.Bootstrap())
	plan, err := c.Plan(t.Context(), reset(earliest))
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "cannot delete committed offsets") {
		t.Errorf("notes %q", notes)
	}
	result, err := c.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	f.ResetRequests()
	_, err = c.Undo(t.Context(), undo(result))
	wantError(t, err, offset.Unsupported, "older than Kafka 2.4", "Nothing was changed", `on_destroy = "keep"`)
	_, err = c.Forget(t.Context(), undo(result))
	wantError(t, err, offset.Unsupported, "older than Kafka 2.4", "Nothing was changed")
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	if n := wrote(f); n > 0 {
		t.Errorf("%d requests that write", n)
	}
}

// A server may have the newer description and yet not delete offsets.
func TestServerThatCannotDeleteOffsetsChangesNothing(t *testing.T) {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(47, -1)
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(versions)}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5}})
	c := connect(t, f.Bootstrap())
	result, err := run(t.Context(), c, reset(earliest))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Undo(t.Context(), undo(result))
	wantError(t, err, offset.Unsupported, "cannot delete committed offsets", "Nothing was changed")
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
}

// One reason for many partitions is said once.
func TestOneReasonIsSaidOnce(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"wide": 500}})
	f.Commit(t, "billing", fake.Offsets{"wide": {0: 0}})
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Failover.Total = 20 * time.Millisecond
	req := reset(earliest)
	req.Scope.Topics = []string{"wide"}
	f.LoseResponses(8, 1000)
	readable := unreadable(f)
	f.ResetRequests()
	result, err := run(t.Context(), c, req)
	readable()
	f.LoseResponses(8, 0)
	wantError(t, err, offset.Incomplete)
	const sentence = "could not be asked"
	record := offset.EncodeRecord(result.Outcomes, offset.KafkaRecord)
	if n := strings.Count(record, sentence); n != 1 {
		t.Errorf("the record says it %d times", n)
	}
	again, err := offset.DecodeRecord(record, offset.KafkaRecord, "")
	if err != nil {
		t.Fatal(err)
	}
	if failed, of := offset.FailedIn(record); failed != 499 || of != 500 || !strings.Contains(again[499].Reason, sentence) {
		t.Errorf("%d of %d failed, the last because %q", failed, of, again[499].Reason)
	}

	commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		return answer(req, kerr.TopicAuthorizationFailed.Code), nil, true
	})
	req.Target = offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"wide": {}}}
	req.Scope, req.Group, req.AllowNewGroup = offset.Scope{}, "other", true
	for i := range int32(500) {
		if i != 7 {
			req.Target.Offsets["wide"][i] = 0
		}
	}
	_, err = run(t.Context(), c, req)
	wantError(t, err, offset.Unauthorized, "wide-0 to wide-6, wide-8 to wide-499: no right READ on the topic")
	if n := strings.Count(err.Error(), "no right"); n != 1 {
		t.Errorf("it is said %d times: %v", n, err)
	}
}

// The offsets that were resolved on a topic mean other records in one that was
// made anew under its name: the rest of a reset must not put them there.
func TestARestOnATopicThatWasMadeAnewIsRefused(t *testing.T) {
	f, c, req := movedGroup(t)
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 7}))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateTopic("orders", 3, nil); err != nil {
		t.Fatal(err)
	}
	f.ResetRequests()
	rest := offset.Request{Group: req.Group, TopicIDs: result.TopicIDs, TopicIDsOf: result.ClusterID, Target: offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {1: 7}}}}
	_, err = run(t.Context(), c, rest)
	wantError(t, err, offset.Overwritten, "made anew under their names", `"orders"`, "Nothing was changed", "Change triggers")
	if n := wrote(f); n > 0 {
		t.Errorf("%d requests that write", n)
	}
}

// A topic that was deleted and made anew under its name is another topic.
func TestRestoreKnowsATopicThatWasMadeAnew(t *testing.T) {
	f, c, req := movedGroup(t)
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 7}))
	if err != nil {
		t.Fatal(err)
	}
	req = undo(result)
	if req.TopicIDs = result.TopicIDs; len(req.TopicIDs) != 1 || req.TopicIDs["orders"] == "" {
		t.Fatalf("topic ids %v", req.TopicIDs)
	}
	if err := f.DeleteTopic("orders"); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateTopic("orders", 3, nil); err != nil {
		t.Fatal(err)
	}
	now := fake.Offsets{"orders": {0: 7, 1: 7, 2: 7}}
	f.Commit(t, "billing", now)
	now["bills"] = before["bills"]
	f.ResetRequests()
	_, err = c.Undo(t.Context(), req)
	wantError(t, err, offset.Overwritten, `made anew under their names since the reset`, `"orders"`, `on_destroy = "keep"`, "Nothing was changed")
	for name, do := range map[string]func() (*offset.Result, error){
		"lenient": func() (*offset.Result, error) {
			req := req
			req.Lenient = true
			return c.Undo(t.Context(), req)
		},
		"forget": func() (*offset.Result, error) { return c.Forget(t.Context(), req) },
	} {
		result, err := do()
		if err != nil || !strings.Contains(strings.Join(result.Notes, " "), `made anew since the reset: "orders"`) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	want(t, f, "billing", now)
	if n := wrote(f); n > 0 {
		t.Errorf("%d requests that write", n)
	}
	req.TopicIDs = nil // not known
	_, err = c.Undo(t.Context(), req)
	wantError(t, err, offset.OutsideLog, "orders-0")
}

// backTo has reads tell the offsets from before for so many reads after the
// first commit, as a coordinator does that has just taken over.
func backTo(f *fake.Cluster, before int64, reads int) { backToAfter(f, 0, before, reads) }

// backToAfter has each of these answers take so long.
func backToAfter(f *fake.Cluster, answer time.Duration, before int64, reads int) {
	f.ResetRequests()
	f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if f.Requests()[8] == 0 || reads == 0 {
			return nil, nil, false
		}
		reads--
		time.Sleep(answer)
		return tell(r, func(int32) int64 { return before }), nil, true
	})
}

// tell answers a fetch of named partitions: each is where at says.
func tell(r kmsg.Request, at func(partition int32) int64) kmsg.Response {
	req := r.(*kmsg.OffsetFetchRequest)
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	g := kmsg.NewOffsetFetchResponseGroup()
	g.Group = req.Groups[0].Group
	for _, t := range req.Groups[0].Topics {
		rt := kmsg.NewOffsetFetchResponseGroupTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			rp.Partition, rp.Offset = p, at(p)
			rt.Partitions = append(rt.Partitions, rp)
		}
		g.Topics = append(g.Topics, rt)
	}
	resp.Groups = append(resp.Groups, g)
	return resp
}

// older is tell for a fetch of one group, as it was before version 8.
func older(r kmsg.Request, at int64) kmsg.Response {
	req := r.(*kmsg.OffsetFetchRequest)
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseTopicPartition()
			rp.Partition, rp.Offset = p, at
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// A coordinator that has just taken over tells older offsets for a moment.
func TestOffsetsFromBeforeAreReadAgain(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.settling = 5 * time.Second
	backTo(f, 5, 3)
	result, err := run(t.Context(), c, reset(oneBack))
	if err != nil {
		t.Fatal(err)
	}
	if o := result.Outcomes[0]; o.State != offset.Done || o.Seen != 4 {
		t.Errorf("outcome %+v", o)
	}
}

// A coordinator of Kafka 4 that has just taken over tells older offsets to
// whoever does not ask for stable ones. Whatever is resolved from them, or kept
// for an undo, would be wrong without anybody noticing.
func TestOffsetsAreAskedForAsOfNow(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	f.ResetRequests()
	f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if r.(*kmsg.OffsetFetchRequest).RequireStable || f.Requests()[8] > 0 {
			return nil, nil, false
		}
		return tell(r, func(int32) int64 { return 3 }), nil, true
	})
	result, err := run(t.Context(), c, reset(oneBack))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Outcomes {
		if o.Previous != 5 || o.Offset != 4 {
			t.Errorf("%s: %d → %d, want 5 → 4", o.Name(), o.Previous, o.Offset)
		}
	}
}

// Below kafka_version 2.5 there is no way to ask for stable offsets, and what
// such a coordinator tells is taken for true: the argument's description says so.
func TestFromWhichVersionOnOffsetsAreAskedForAsOfNow(t *testing.T) {
	for version, previous := range map[string]int64{"2.4.1": 3, "2.5.0": 5} {
		t.Run(version, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap(), func(cfg *connection.Config) { cfg.Version = version })
			f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				if r.(*kmsg.OffsetFetchRequest).RequireStable {
					return nil, nil, false
				}
				return older(r, 3), nil, true
			})
			plan, err := c.Plan(t.Context(), reset(oneBack))
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Moves[0].Previous; got != previous {
				t.Errorf("previous is %d, want %d", got, previous)
			}
		})
	}
}

// The time for reading again does not pass while a broker that hangs is waited
// for: its successor's first answer would be taken for the last word.
func TestOffsetsFromBeforeAreReadAgainAlsoAfterAnAnswerThatWasLongInComing(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	backToAfter(f, 2*c.settling, 5, 2)
	result, err := run(t.Context(), c, reset(oneBack))
	if err != nil {
		t.Fatal(err)
	}
	if o := result.Outcomes[0]; o.State != offset.Done || o.Seen != 4 {
		t.Errorf("outcome %+v", o)
	}
}

// What stays at the offset from before although it was acknowledged is no
// sign of another writer: undo and resume cover it.
func TestAcknowledgedAndYetAtTheOldPlaceIsUnsettled(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	backTo(f, 5, 1000)
	result, err := run(t.Context(), c, reset(oneBack))
	wantError(t, err, offset.Incomplete, "orders-0 to orders-2: committed, and yet the offset from before is read back", "Apply again")
	wantUnsettled(t, result, 0, 1, 2)
	backTo(f, 5, 0)
	back := goOn(t, c, reset(oneBack), result)
	want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
	if _, err := c.Undo(t.Context(), undo(back)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
}

// No writer takes offsets away: who deletes the topic or the group does.
func TestOffsetsThatAreGoneAreNotBlamedOnAWriter(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	backTo(f, -1, 1000)
	result, err := run(t.Context(), c, reset(oneBack))
	wantError(t, err, offset.Incomplete, "no offset is left: the topic or the group may have been deleted since")
	wantUnsettled(t, result, 0, 1, 2)
}

// A consumer that has come after the write started from what was put; where it
// cannot have, nobody knows what came of the write.
func TestWhatCameOfAWrite(t *testing.T) {
	const none = offset.None
	for name, tc := range map[string]struct {
		previous, put, seen int64
		idle                bool
		acknowledged, lost  offset.State // what came of it, acknowledged or without an answer
		why                 string
	}{
		"idle, at the old place":                  {60, 20, 60, true, offset.Unsettled, offset.NotDone, backAgain},
		"idle, elsewhere":                         {60, 20, 33, true, offset.Elsewhere, offset.Unsettled, "another writer has put it to 33 since"},
		"idle, forward, elsewhere":                {20, 60, 33, true, offset.Elsewhere, offset.Unsettled, "another writer has put it to 33 since"},
		"idle, gone":                              {60, 20, none, true, offset.Unsettled, offset.Unsettled, gone},
		"idle, the first one is gone":             {none, 20, none, true, offset.Unsettled, offset.NotDone, gone},
		"idle, not removed":                       {60, none, 60, true, offset.Unsettled, offset.NotDone, backAgain},
		"active, back, moved on":                  {60, 20, 33, false, offset.MovedOn, offset.Unsettled, ""},
		"active, back, at the old place":          {60, 20, 60, false, offset.Unsettled, offset.Unsettled, activeAgain},
		"active, back, behind the old place":      {60, 20, 61, false, offset.MovedOn, offset.Unsettled, ""},
		"active, back, told by a seek":            {60, 20, 10, false, offset.MovedOn, offset.Unsettled, ""},
		"active, forward, moved on":               {20, 60, 61, false, offset.MovedOn, offset.Unsettled, ""},
		"active, forward, at the old place":       {20, 60, 20, false, offset.Unsettled, offset.Unsettled, activeAgain},
		"active, forward, on from the old place":  {20, 60, 59, false, offset.Unsettled, offset.Unsettled, "is at 59, before where it was put"},
		"active, the first one, moved on":         {none, 60, 61, false, offset.MovedOn, offset.Unsettled, ""},
		"active, the first one, before it":        {none, 60, 0, false, offset.Unsettled, offset.Unsettled, "is at 0, before where it was put"},
		"active, gone":                            {60, 20, none, false, offset.Unsettled, offset.Unsettled, gone},
		"active, removed, and committed anew":     {60, none, 61, false, offset.MovedOn, offset.Unsettled, ""},
		"active, removed, and yet the old one is": {60, none, 60, false, offset.Unsettled, offset.Unsettled, activeAgain},
	} {
		t.Run(name, func(t *testing.T) {
			o := offset.Outcome{Move: offset.Move{Previous: tc.previous, Offset: tc.put}, Seen: tc.seen}
			if got, why := cameTo(&o, tc.idle); got != tc.acknowledged || !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") {
				t.Errorf("acknowledged: %d, %q, want %d, %q", got, why, tc.acknowledged, tc.why)
			}
			o.State = offset.Unsettled
			if got, why := cameTo(&o, tc.idle); got != tc.lost || why != "" {
				t.Errorf("without an answer: %d, %q, want %d", got, why, tc.lost)
			}
		})
	}
}

// activeAfterCommit has the group described with a member from the first
// commit on, and all partitions read back at the offset.
func activeAfterCommit(f *fake.Cluster, at int64) {
	backTo(f, at, 1000)
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if f.Requests()[8] == 0 {
			return nil, nil, false
		}
		return described(r, "Stable", "consumer", "c"), nil, true
	})
}

// A consumer that came back before a commit that the broker has lost is no
// success: it goes on from the old place.
func TestConsumersThatGoOnFromTheOldPlaceAreNoSuccess(t *testing.T) {
	for name, tc := range map[string]struct {
		to, at int64
		words  string
	}{
		"at the old place":      {8, 5, "committed, and yet the group, which has become active, is at the offset from before"},
		"on from the old place": {8, 6, "committed, and yet the group, which has become active, is at 6, before where it was put"},
		"back":                  {2, 5, "committed, and yet the group, which has become active, is at the offset from before"},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			f.ResetRequests()
			activeAfterCommit(f, tc.at)
			result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: tc.to}))
			wantError(t, err, offset.Incomplete, tc.words, "Of the rest, 3 partitions may have been committed")
			wantUnsettled(t, result, 0, 1, 2)
		})
	}
}

// A restore is about what the reset has moved.
func TestRestoreLeavesAloneWhatTheResetDidNotMove(t *testing.T) {
	f := orders(t)
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 3}})
	c := connect(t, f.Bootstrap())
	result, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToOffset, Offset: 3}))
	if err != nil {
		t.Fatal(err)
	}
	f.Commit(t, "billing", fake.Offsets{"orders": {1: 9}})
	if _, err := c.Undo(t.Context(), undo(result)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 9, 2: 5}})
}

func TestAllTopicsNamesTopicsThatWereDeleted(t *testing.T) {
	f := orders(t)
	f.Commit(t, "billing", fake.Offsets{"bills": {0: 0}})
	f.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) { // the offset of a deleted topic
		f.KeepControl()
		req := r.(*kmsg.OffsetFetchRequest)
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		g := kmsg.NewOffsetFetchResponseGroup()
		g.Group = req.Groups[0].Group
		for _, topic := range []string{"bills", "orders", "retired"} {
			rt := kmsg.NewOffsetFetchResponseGroupTopic()
			rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
			g.Topics = append(g.Topics, rt)
		}
		resp.Groups = append(resp.Groups, g)
		return resp, nil, true
	})
	c := connect(t, f.Bootstrap())
	req := reset(earliest)
	req.Scope = offset.Scope{AllTopics: true}
	_, err := run(t.Context(), c, req)
	wantError(t, err, offset.TopicMissing, `"billing" still has committed offsets of topics that do not exist any more: "retired"`, `topics instead of all_topics: "bills", "orders"`, "Nothing was changed")
}

func TestInstantAfterTheLastRecordIsTold(t *testing.T) {
	f := orders(t)
	f.Fill(t, "orders", 1, 1, noon.Add(30*time.Minute), time.Second) // partition 0 only
	c := connect(t, f.Bootstrap())
	c.clock = clock.Fixed(noon.Add(time.Hour))
	req := reset(offset.Target{Kind: offset.ToLookback, Lookback: time.Hour - time.Minute})
	plan, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	offsets, err := c.TopicOffsets(t.Context(), []string{"orders"}, req.Target, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, notes := range [][]string{plan.Notes, offsets.Notes} {
		if !slices.ContainsFunc(notes, func(n string) bool {
			return strings.Contains(n, "No record is at or after the instant 2026-03-01T12:01:00Z in orders-1, orders-2: there it means the log's end")
		}) {
			t.Errorf("notes %q", notes)
		}
	}
}

func TestSourceGroupThatMayNotExistIsToldSo(t *testing.T) {
	f := orders(t)
	f.Commit(t, "partly", fake.Offsets{"orders": {0: 1}})
	c := connect(t, f.Bootstrap())
	req := reset(offset.Target{Kind: offset.ToGroup, Group: "biling"})
	_, err := c.Plan(t.Context(), req)
	wantError(t, err, offset.NoOffset, `"biling"`, "It may not exist", "source_group_id")
	req.Scope = offset.Scope{AllTopics: true}
	_, err = c.Plan(t.Context(), req)
	wantError(t, err, offset.NoOffset, `"biling"`, "may not exist")
	req.Target.Group, req.Scope = "partly", offset.Scope{Topics: []string{"orders"}}
	_, err = c.Plan(t.Context(), req)
	wantError(t, err, offset.NoOffset, "orders-1, orders-2")
	if strings.Contains(err.Error(), "may not exist") {
		t.Errorf("the group has offsets, and yet: %v", err)
	}
}

// On the log that it was taken of, a snapshot brings back what was committed
// beside the offsets, too.
func TestSnapshotOfTheSameLogBringsMetadataBack(t *testing.T) {
	f := orders(t)
	begin := commitsOf(kafkaclient.Commit{Offset: 5, Epoch: -1, Metadata: state}, kafkaclient.Commit{Offset: 3, Epoch: -1}, kafkaclient.Commit{Offset: 7, Epoch: -1, Metadata: "other"})
	f.CommitWith(t, "billing", begin)
	c := connect(t, f.Bootstrap())
	taken, err := c.Snapshot(t.Context(), "billing", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
	req := reset(offset.Target{Kind: offset.ToSnapshot, Snapshot: taken.Snapshot})
	req.Scope = offset.Scope{}
	plan, err := c.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 1}}) // a consumer, in between
	result, err := c.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	wantCommits(t, f.Commits(t, "billing"), begin)
	if o := result.Outcomes[0]; o.Previous != 1 || o.By != offset.ByOffset {
		t.Errorf("outcome %+v", o)
	}
}
