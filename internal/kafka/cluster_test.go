package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// Everything that sarama does not try again, and what it does.
func TestTriedAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		key kmsg.Key
		err *kerr.Error
	}{
		"coordinator not available when it is looked up": {10, kerr.CoordinatorNotAvailable},
		"coordinator loading, KIP-848 description":       {69, kerr.CoordinatorLoadInProgress},
		"coordinator loading, classic description":       {15, kerr.CoordinatorLoadInProgress},
		"coordinator moved, classic description":         {15, kerr.NotCoordinator},
		"coordinator loading, offsets":                   {9, kerr.CoordinatorLoadInProgress},
		"coordinator moved, offsets":                     {9, kerr.NotCoordinator},
		"coordinator not available, offsets":             {9, kerr.CoordinatorNotAvailable},
		"coordinator loading, commit":                    {8, kerr.CoordinatorLoadInProgress},
		"coordinator not available, commit":              {8, kerr.CoordinatorNotAvailable},
		"coordinator moved, commit":                      {8, kerr.NotCoordinator},
		"time-out, commit":                               {8, kerr.RequestTimedOut},
		"rebalance in progress, commit":                  {8, kerr.RebalanceInProgress},
		"not the leader":                                 {2, kerr.NotLeaderForPartition},
		"leader not available":                           {2, kerr.LeaderNotAvailable},
		"leader fenced":                                  {2, kerr.FencedLeaderEpoch},
		"offset not available":                           {2, kerr.OffsetNotAvailable},
		"partition not there yet":                        {2, kerr.UnknownTopicOrPartition},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t)
			c := connect(t, f.Bootstrap())
			h := f.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Err: tc.err, Count: 3})
			req := meeting(tc.key)
			if _, err := run(t.Context(), c, req); err != nil {
				t.Fatal(err)
			}
			if h.Hits() == 0 {
				t.Error("the fault was never met")
			}
			want(t, f, req.Group, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
		})
	}
}

func TestTryingAgainIsBounded(t *testing.T) {
	for _, key := range []kmsg.Key{10, 15, 9, 2} {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		c.cluster.Times.Failover.Total = 50 * time.Millisecond
		e := kerr.CoordinatorLoadInProgress
		if key == 2 {
			e = kerr.NotLeaderForPartition
		}
		f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e, Count: -1})
		_, err := run(t.Context(), c, reset(earliest))
		wantError(t, err, offset.Failed, "Nothing was changed")
		wantNothing(t, f)
	}
}

func TestTryingAgainEndsWithTheContext(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Failover = wire.Patience{First: time.Hour, Most: time.Hour, Total: 24 * time.Hour}
	ctx, cancel := context.WithCancel(t.Context())
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp := described(r, "", "").(*kmsg.DescribeGroupsResponse)
		resp.Groups[0].ErrorCode = kerr.CoordinatorLoadInProgress.Code
		time.AfterFunc(10*time.Millisecond, cancel)
		return resp, nil, true
	})
	_, err := run(ctx, c, reset(earliest))
	wantError(t, err, offset.Interrupted, "Nothing was changed")
}

// meeting returns a reset that sends a request of the key.
func meeting(key kmsg.Key) offset.Request {
	req := reset(earliest)
	if key == 69 { // not about a classic group
		req.Group, req.AllowNewGroup = "shipping", true
	}
	return req
}

// Sarama knows no contexts: a request without an answer would be waited for
// until the time-out.
func TestContextEndsACallWithoutAnAnswer(t *testing.T) {
	for _, key := range []int16{3, 10, 2, 9, 69} {
		f := orders(t)
		c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.RequestTimeout = time.Hour })
		ctx, cancel := context.WithCancel(t.Context())
		f.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
			cancel()
			return nil, nil, true // no answer, ever
		})
		_, err := run(ctx, c, meeting(kmsg.Key(key)))
		wantError(t, err, offset.Interrupted)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// After a time-out the connection is of no use any more, and sarama's next
// answer over it would be nil.
func TestNextCallWorksAfterATimeOut(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.RequestTimeout = 100 * time.Millisecond })
	f.ControlKey(2, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
	f.ControlKey(9, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, true })
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
}

func TestConnectionThatBreaksIsReplaced(t *testing.T) {
	for _, key := range []int16{10, 69, 15, 9, 2, 8} {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		f.LoseResponses(key, 1)
		req := meeting(kmsg.Key(key))
		if _, err := run(t.Context(), c, req); err != nil {
			t.Fatalf("key %d: %v", key, err)
		}
		want(t, f, req.Group, fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	}
}

// Whether a commit landed whose answer never came, the read-back tells.
func TestCommitWithoutAnAnswerIsSettledByTheReadBack(t *testing.T) {
	for _, lands := range []bool{true, false} {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		c.cluster.Times.Failover.Total = 50 * time.Millisecond
		if lands {
			f.LoseResponses(8, 1000)
		} else {
			commits(f, func(int, *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
				return nil, errors.New("gone"), true
			})
		}
		result, err := run(t.Context(), c, reset(earliest))
		if lands {
			if err != nil {
				t.Fatal(err)
			}
			want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
			continue
		}
		wantError(t, err, offset.Failed, "orders-0 to orders-2", "Nothing was changed", "apply again")
		if result != nil {
			t.Errorf("a result beside the error: %+v", result)
		}
	}
}

func TestReadBackThatFailsIsTold(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Failover.Total = 50 * time.Millisecond
	commits(f, func(int, *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
		f.Fault(kfake.Fault{Keys: []kmsg.Key{9}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
		return nil, nil, false
	})
	result, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Incomplete, "could not be read back", "acknowledged that 3 partitions of 3 were committed")
	if result == nil || result.Outcomes[0].Seen != offset.None {
		t.Errorf("result %+v", result)
	}
}

func TestCoordinatorThatDiesIsFoundAnew(t *testing.T) {
	for _, when := range []int16{15, 9, 8} {
		f := orders(t)
		c := connect(t, f.Bootstrap())
		var killed atomic.Bool
		f.ControlKey(when, func(kmsg.Request) (kmsg.Response, error, bool) {
			if killed.CompareAndSwap(false, true) {
				node := f.CurrentNode()
				go func() { _ = f.RemoveNode(node) }()
			}
			return nil, errors.New("killed"), true
		})
		if _, err := run(t.Context(), c, reset(earliest)); err != nil {
			t.Fatalf("at key %d: %v", when, err)
		}
		want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	}
}

func TestLeaderThatMovesIsFoundAnew(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	var once atomic.Bool
	f.ControlKey(3, func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if once.CompareAndSwap(false, true) {
			go f.ShufflePartitionLeaders()
		}
		return nil, nil, false
	})
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
}

// leaderless has the metadata say so of a partition.
func leaderless(f *fake.Cluster, topic string, partition int32, count int) {
	n := 0
	f.ControlKey(3, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if n++; count >= 0 && n > count {
			return nil, nil, false
		}
		req := r.(*kmsg.MetadataRequest)
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		id := "fake-cluster"
		resp.ClusterID = &id
		for node, addr := range f.ListenAddrs() {
			host, port, _ := net.SplitHostPort(addr)
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host = int32(node), host
			for _, d := range port {
				b.Port = b.Port*10 + d - '0'
			}
			resp.Brokers = append(resp.Brokers, b)
		}
		for _, t := range req.Topics {
			rt := kmsg.NewMetadataResponseTopic()
			rt.Topic = t.Topic
			for i, p := range f.PartitionInfos(*t.Topic) {
				rp := kmsg.NewMetadataResponseTopicPartition()
				rp.Partition, rp.Leader = int32(i), p.Leader
				if *t.Topic == topic && rp.Partition == partition {
					rp.Leader, rp.ErrorCode = -1, kerr.LeaderNotAvailable.Code
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

func TestPartitionWithoutLeaderInScopeIsAnError(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	leaderless(f, "orders", 1, -1)
	_, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.NoLeader, "orders-1", "Nothing was changed")
	wantNothing(t, f)

	// Outside of the scope it may be offline.
	req := reset(earliest)
	req.Scope.Partitions = []int32{0, 2}
	if _, err := run(t.Context(), c, req); err != nil {
		t.Fatal(err)
	}
	// The data source tells of it.
	info, err := c.DescribeGroup(t.Context(), "billing", nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := info.Partitions[1]; p.Error == "" || p.Committed != 5 || p.End != offset.None || p.Lag != offset.None {
		t.Errorf("partition %+v", p)
	}
}

// A topic whose leaders are being elected has no partitions to tell of, and is
// not gone. Undo, deletion and description wait for it, and say so.
func TestTopicThatElectsItsLeadersIsNotTakenForMissing(t *testing.T) {
	for _, missing := range []bool{false, true} {
		f, c, req := movedGroup(t)
		if missing { // beside it
			req.Record = append(slices.Clone(req.Record), offset.Outcome{Move: offset.Move{Partition: offset.Partition{Topic: "nowhere"}, Previous: 5, Offset: 8}})
		}
		f.Fault(kfake.Fault{Keys: []kmsg.Key{3}, Topic: "orders", Err: kerr.LeaderNotAvailable, Count: -1})
		for name, do := range map[string]func() error{
			"undo":     func() error { _, err := c.Undo(t.Context(), req); return err },
			"forget":   func() error { _, err := c.Forget(t.Context(), req); return err },
			"describe": func() error { _, err := c.DescribeGroup(t.Context(), "billing", []string{"orders"}); return err },
			"all":      func() error { _, err := c.DescribeGroup(t.Context(), "billing", nil); return err },
		} {
			t.Run(fmt.Sprintf("%s, another is missing: %t", name, missing), func(t *testing.T) {
				wantError(t, do(), offset.NoLeader, "orders")
			})
		}
		want(t, f, "billing", after8)
	}
}

func TestElectionThatIsUnderWayIsWaitedFor(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Settling.Total = time.Minute
	leaderless(f, "orders", 1, 2)
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
}

func TestBootstrapServersThatAreDown(t *testing.T) {
	f := orders(t) // before the port is free again
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, append([]string{dead}, f.Bootstrap()...))
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
	c = connect(t, []string{dead})
	_, err = run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Unreachable, dead, "Nothing was changed")
}

// The other brokers are asked when the bootstrap servers are gone.
func TestBootstrapServerThatGoesAway(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap()[:1])
	if _, err := c.Plan(t.Context(), reset(earliest)); err != nil {
		t.Fatal(err)
	}
	if err := f.RemoveNode(0); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
}

func TestWrongClusterIsRefused(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.ClusterID = "production" })
	for _, scope := range []offset.Scope{{Topics: []string{"orders"}}, {AllTopics: true}} {
		for _, group := range []string{"billing", "missing"} {
			req := reset(earliest)
			req.Group, req.Scope = group, scope
			_, err := run(t.Context(), c, req)
			wantError(t, err, offset.WrongCluster, `"fake-cluster"`, `"production"`, "Nothing was changed")
		}
	}
	_, err := c.DescribeGroup(t.Context(), "missing", nil)
	wantError(t, err, offset.WrongCluster)
	wantNothing(t, f)
}

// A guard that cannot be checked does not let anything pass.
func TestClusterThatCannotBeToldIsRefusedWhereOneIsConfigured(t *testing.T) {
	f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V2_4_0())}})
	for _, id := range []string{"", "production"} {
		c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.ClusterID = id })
		info, err := c.DescribeGroup(t.Context(), "missing", nil)
		if id == "" {
			if err != nil || info.ClusterID != "" {
				t.Errorf("%+v, %v", info, err)
			}
			continue
		}
		wantError(t, err, offset.WrongCluster, `"production"`, "before Kafka 2.8", "kafka_version")
		req := reset(earliest)
		req.Group, req.AllowNewGroup, req.Scope = "missing", true, offset.Scope{AllTopics: true}
		_, err = run(t.Context(), c, req)
		wantError(t, err, offset.WrongCluster, `"production"`, "Nothing was changed")
	}
}

func TestMetadataNamesOnlyTheTopicsInScope(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	var asked [][]string
	f.ControlKey(3, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		var topics []string
		for _, t := range r.(*kmsg.MetadataRequest).Topics {
			topics = append(topics, *t.Topic)
		}
		asked = append(asked, topics)
		return nil, nil, false
	})
	if _, err := run(t.Context(), c, reset(earliest)); err != nil {
		t.Fatal(err)
	}
	// A broker that does not answer in time has the next one asked the same.
	if asked = slices.CompactFunc(asked, slices.Equal); !reflect.DeepEqual(asked, [][]string{{"orders"}}) {
		t.Errorf("metadata was asked for %v", asked)
	}
}

// Brokers before Kafka 2.1 are told how long to keep the offsets, and would
// forget them at once if that were 0.
func TestOldBrokersAreToldToKeepTheOffsets(t *testing.T) {
	for _, v := range []*kversion.Versions{kversion.V1_0_0(), kversion.V2_0_0(), kversion.V2_4_0()} {
		f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(v)}})
		f.Fill(t, "orders", 3, 10, noon, time.Second)
		f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
		c := connect(t, f.Bootstrap())
		commits(f, func(_ int, req *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
			if req.Version < 5 && req.RetentionTimeMillis != -1 {
				t.Errorf("version %d: offsets are to be kept for %d ms", req.Version, req.RetentionTimeMillis)
			}
			return nil, nil, false
		})
		if _, err := run(t.Context(), c, reset(offset.Target{Kind: offset.ToTime, Time: noon.Add(3 * time.Second)})); err != nil {
			t.Fatal(err)
		}
		want(t, f, "billing", fake.Offsets{"orders": {0: 3, 1: 3, 2: 3}})
	}
}

// The configured version is a limit for every request.
func TestOldVersionIsSpokenWhereItIsConfigured(t *testing.T) {
	for _, version := range []string{"1.0.0", "2.0.0", "2.8.0", "3.9.0", "4.1.0"} {
		f := orders(t)
		c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.Version = version })
		if _, err := run(t.Context(), c, reset(earliest)); err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
		req := reset(earliest)
		req.Scope = offset.Scope{AllTopics: true}
		if _, err := run(t.Context(), c, req); err != nil {
			t.Fatalf("%s: %v", version, err)
		}
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f, err := fake.Start(fake.Options{Topics: map[string]int32{"orders": 3}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := New(connection.Config{BootstrapServers: f.Bootstrap(), RequestTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	f.ControlKey(10, func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		return nil, nil, true
	})
	failed := make(chan error, 1)
	go func() {
		_, err := c.Plan(context.Background(), reset(earliest))
		failed <- err
	}()
	<-asked
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the call under way did not fail")
	}
	_, err = c.Plan(context.Background(), reset(earliest))
	wantError(t, err, offset.Unreachable, "closed")
	if err := c.Close(); err != nil {
		t.Error("closed twice:", err)
	}
}

func TestNewDialsNothing(t *testing.T) {
	c, err := New(connection.Config{BootstrapServers: []string{"192.0.2.1:9092"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := New(connection.Config{BootstrapServers: []string{"host without port"}}); err == nil {
		t.Error("no error for a bad configuration")
	}
}
