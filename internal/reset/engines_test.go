package reset_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
	apsaramqservice "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	rocketmqfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
	romaconnectservice "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// subject is an engine with the broker behind it: the group billing at 60 on
// the three partitions of the topic orders, whose logs hold 10 to 100.
type subject struct {
	// startUnknown tells that the service does not tell where the log starts.
	startUnknown bool

	engine  reset.Engine
	broker  reset.Broker
	tells   bool // offsets of partitions: there are moves, limits and undos
	request offset.Request
	target  map[int32]int64 // where the request leads

	// committed is the broker's own view, by partition.
	committed func() map[int32]int64
	// commit puts one partition elsewhere, as a consumer does.
	commit func(partition int32, at int64)
	// writes counts the requests that write, refused ones too.
	writes func() int
	// refuse makes the broker refuse the write to partition 1, once. What the
	// engine writes after it may fail with it.
	refuse func()
	// mute makes the next write a lost one: the broker does it, no answer
	// comes, and nothing can be read back until heal.
	mute func()
	// lose makes the answer of the next write get lost, and nothing else.
	lose func()
	heal func()
	// during runs f while the next write is with the broker.
	during func(f func())
	// carried is what a partition's commit carries beside its offset.
	carried func(partition int32) string
}

// opener opens an engine.
type opener struct {
	name    string
	open    func(t *testing.T) *subject
	tells   bool
	carries bool // its commits carry something beside the offset
}

// openers are of all engines there are.
func openers() []opener {
	return []opener{
		{"memory", openMemory, true, true},
		{"Kafka", openKafka(""), true, true},
		{"Kafka's share groups", openKafka(offset.ShareGroup), true, false},
		{"Kafka's streams groups", openKafka(offset.StreamsGroup), true, true},
		{"RocketMQ 5.5.0", openRocketMQ(rocketmqfake.Config{Version: rocketmqfake.V5_5_0}, false), true, false},
		{"RocketMQ 5.5.0 with consumers", openRocketMQ(rocketmqfake.Config{Version: rocketmqfake.V5_5_0}, true), true, false},
		{"RocketMQ 5.5.0 with client resets", openRocketMQ(rocketmqfake.Config{Version: rocketmqfake.V5_5_0, ClientReset: true}, false), true, false},
		{"RocketMQ 4.9.7", openRocketMQ(rocketmqfake.Config{Version: rocketmqfake.V4_9_7}, false), true, false},
		{"DMS", openROMAConnect(romaconnect.DMS, false), true, false},
		{"ROMA Connect", openROMAConnect(romaconnect.ROMA, true), true, false},
		{"ROMA Connect without ShowGroup", openROMAConnect(romaconnect.ROMA, false), false, false},
		{"ApsaraMQ", openApsaraMQ, false, false},
	}
}

// A record a second from then on.
var contractBase = time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)

var contractTarget = map[int32]int64{0: 20, 1: 30, 2: 40}

// explicit is a request for the offsets of contractTarget, below a topic or a
// broker.
func explicit(outer string) offset.Request {
	var none time.Duration
	return offset.Request{
		Group:           "billing",
		Target:          offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{outer: maps.Clone(contractTarget)}},
		WaitForInactive: &none,
	}
}

func openMemory(*testing.T) *subject {
	m := newMemory()
	locked := func(f func()) {
		m.mu.Lock()
		defer m.mu.Unlock()
		f()
	}
	return &subject{
		engine: m, broker: reset.Kafka, request: explicit("orders"), target: contractTarget,
		carried: func(p int32) (beside string) {
			locked(func() { beside = m.beside["billing"][m.partition[p]] })
			return beside
		},
		committed: func() map[int32]int64 {
			all := map[int32]int64{}
			for id, n := range m.committed("billing") {
				if n >= 0 {
					all[int32(id)] = n
				}
			}
			return all
		},
		commit: func(p int32, at int64) { locked(func() { m.at["billing"][m.partition[p]] = at }) },
		writes: func() (n int) {
			locked(func() { n = len(m.wrote) })
			return n
		},
		refuse: func() { locked(func() { m.refuses = []offset.Partition{m.partition[1]} }) },
		mute:   func() { locked(func() { m.mute = true }) },
		lose:   func() {}, // It reads back by itself.
		heal:   func() { locked(func() { m.mute = false }) },
		during: func(f func()) { locked(func() { m.writing = f }) },
	}
}

func openKafka(is offset.GroupType) func(t *testing.T) *subject {
	return func(t *testing.T) *subject {
		t.Helper()
		f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}})
		if is == offset.StreamsGroup {
			f.StreamsGroups(t, "billing")
		}
		if is == offset.ShareGroup {
			return openKafkaOf(t, f, is, kafkaRequests{commit: 91, fetch: 90, remove: 92}, f.SetShareStarts,
				func(group string) fake.Offsets { return f.ShareStarts(t, group) })
		}
		return openKafkaOf(t, f, is, kafkaRequests{commit: 8, fetch: 9, remove: 47}, f.Commit, f.Committed)
	}
}

// kafkaRequests are the keys of the requests for a group's offsets.
type kafkaRequests struct{ commit, fetch, remove int16 }

func openKafkaOf(t *testing.T, f *fake.Cluster, is offset.GroupType, keys kafkaRequests,
	put func(testing.TB, string, fake.Offsets), committed func(group string) fake.Offsets,
) *subject {
	t.Helper()
	f.Fill(t, "orders", 3, 100, contractBase, time.Second)
	for p := range int32(3) {
		if err := f.DeleteRecords("orders", p, 10); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "billing", fake.Offsets{"orders": {0: 60, 1: 60, 2: 60}})
	client, err := kafka.New(connection.Config{BootstrapServers: f.Bootstrap(), RequestTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, client.Close)
	commit, fetch, remove := keys.commit, keys.fetch, keys.remove
	request := explicit("orders")
	request.GroupType = is
	var muted, written atomic.Bool
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Key(fetch)}, Err: kerr.GroupAuthorizationFailed, Count: -1, When: func(kmsg.Request) bool { return muted.Load() && written.Load() }})
	return &subject{
		engine: client, broker: reset.Kafka, request: request, target: contractTarget,
		carried:   func(p int32) string { return f.Commits(t, "billing")["orders"][p].Metadata },
		committed: func() map[int32]int64 { return committed("billing")["orders"] },
		commit:    func(p int32, at int64) { put(t, "billing", fake.Offsets{"orders": {p: at}}) },
		writes:    func() int { return f.Requests()[commit] + f.Requests()[remove] },
		refuse: func() {
			f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Key(commit)}, Topic: "orders", Partitions: []int32{1}, Err: kerr.InvalidTopicException, Count: 1})
		},
		mute: func() {
			muted.Store(true)
			f.LoseResponses(commit, 1)
			f.ControlKey(commit, func(kmsg.Request) (kmsg.Response, error, bool) {
				written.Store(true)
				return nil, nil, false
			})
		},
		lose: func() { f.LoseResponses(commit, 1) },
		heal: func() { muted.Store(false) },
		during: func(do func()) {
			f.ControlKey(commit, func(kmsg.Request) (kmsg.Response, error, bool) {
				do()
				return nil, nil, false
			})
		},
	}
}

func openRocketMQ(conf rocketmqfake.Config, online bool) func(t *testing.T) *subject {
	return func(t *testing.T) *subject {
		t.Helper()
		const broker = "broker-a"
		c, err := rocketmqfake.Start(conf)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		c.CreateTopic("orders", 3)
		for q := range 3 {
			for i := range 100 {
				c.Append(broker, "orders", q, contractBase.Add(time.Duration(i)*time.Second))
			}
			c.Trim(broker, "orders", q, 10)
			c.Commit(broker, "billing", "orders", int32(q), 60)
		}
		if online {
			c.Connect("billing", rocketmqfake.Consumer{ID: "consumer-1", Topics: []string{"orders", "%RETRY%billing"}})
		}
		client, err := rocketmq.New(rocketmq.Config{NameServers: []string{c.NameServer()}}, clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		closing(t, client.Close)
		writes := func(call rocketmqfake.Call) bool {
			return call.Code == remoting.UpdateOffset || call.Code == remoting.ResetOffset
		}
		request := explicit(broker)
		request.Scope.Topics = []string{"orders"}
		return &subject{
			engine: client, broker: reset.RocketMQ, request: request, target: contractTarget,
			committed: func() map[int32]int64 {
				all := map[int32]int64{}
				for q := range int32(3) {
					if n, ok := c.Committed(broker, "billing", "orders", q); ok {
						all[q] = n
					}
				}
				return all
			},
			commit: func(p int32, at int64) { c.Commit(broker, "billing", "orders", p, at) },
			writes: func() (n int) {
				for _, call := range c.Calls() {
					if writes(call) {
						n++
					}
				}
				return n
			},
			refuse: func() {
				var once atomic.Bool
				c.SetFault(func(call rocketmqfake.Call) *rocketmqfake.Fault {
					if writes(call) && call.Fields["queueId"] == "1" && once.CompareAndSwap(false, true) {
						return &rocketmqfake.Fault{Code: remoting.SystemError, Remark: "refused"}
					}
					return nil
				})
			},
			mute: func() {
				var written atomic.Bool
				c.SetFault(func(call rocketmqfake.Call) *rocketmqfake.Fault {
					switch {
					case writes(call):
						written.Store(true)
						return &rocketmqfake.Fault{Lost: true, Close: true}
					case written.Load():
						return &rocketmqfake.Fault{Code: remoting.SystemError, Remark: "not now"}
					}
					return nil
				})
			},
			lose: func() {
				var once atomic.Bool
				// The other queues' requests would be lost with the connection
				// if they had not come yet.
				others := make(chan struct{}, 2)
				c.SetFault(func(call rocketmqfake.Call) *rocketmqfake.Fault {
					switch {
					case !writes(call) || once.Load() && call.Fields["queueId"] == "1":
					case call.Fields["queueId"] != "1":
						others <- struct{}{}
					default:
						once.Store(true)
						return &rocketmqfake.Fault{Lost: true, Close: true, Before: func() {
							for range cap(others) {
								<-others
							}
						}}
					}
					return nil
				})
			},
			heal: func() { c.SetFault(nil) },
			during: func(f func()) {
				c.SetFault(func(call rocketmqfake.Call) *rocketmqfake.Fault {
					if writes(call) {
						return &rocketmqfake.Fault{Before: f}
					}
					return nil
				})
			},
		}
	}
}

func (s *subject) start() int64 {
	if s.startUnknown {
		return offset.None
	}
	return 10
}

func openROMAConnect(which romaconnect.Service, show bool) func(t *testing.T) *subject {
	return func(t *testing.T) *subject {
		t.Helper()
		const id = "2ad36ba6-fee8-4a9a-9b1d-5b8b9a8b2f3c"
		s := romaconnectservice.New(t)
		s.AddInstance(id)
		s.WithoutShowGroup(!show)
		log := romaconnectservice.Log(10, 100, contractBase)
		s.AddTopic(id, "orders", log, log, log)
		s.AddGroup(id, "billing")
		s.Commit(id, "billing", "orders", map[int32]int64{0: 60, 1: 60, 2: 60})
		client, err := romaconnect.New(romaconnect.Config{
			Service: which, Endpoint: s.URL, CACert: s.CA, ProjectID: romaconnectservice.ProjectID,
			AccessKey: romaconnectservice.AccessKey, SecretKey: romaconnectservice.SecretKey,
			RequestTimeout: 10 * time.Second, PollInterval: 2 * time.Millisecond, Retry: impatient,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		refused := standin.Fault{Operation: romaconnectservice.Reset, Kind: standin.Told, Status: http.StatusBadRequest, Code: "DMS.00400002", Message: "refused"}
		lost := standin.Fault{Operation: romaconnectservice.Reset, Kind: standin.DropAfter}
		sub := &subject{
			engine: client.Instance(id), broker: reset.Kafka, request: explicit("orders"), target: contractTarget, startUnknown: show,
			committed: func() map[int32]int64 { return s.Offsets(id, "billing", "orders") },
			commit:    func(p int32, at int64) { s.Commit(id, "billing", "orders", map[int32]int64{p: at}) },
			writes:    func() int { return len(s.Requests(romaconnectservice.Reset)) },
			refuse: func() {
				s.Fail(standin.Fault{Operation: romaconnectservice.Reset, Met: func() { s.Fail(refused) }})
			},
			mute: func() {
				look := romaconnectservice.GroupInfo
				if which == romaconnect.ROMA {
					look = romaconnectservice.ShowGroup
				}
				unreadable := standin.Fault{Operation: look, Kind: standin.Told, Times: -1, Status: http.StatusForbidden, Code: "DMS.10240004", Message: "not now"}
				lost := lost
				lost.Times, lost.Met = -1, func() { s.Fail(unreadable) }
				s.Fail(lost)
			},
			lose:   func() { s.Fail(lost) },
			heal:   s.Heal,
			during: func(f func()) { s.Fail(standin.Fault{Operation: romaconnectservice.Reset, Met: f}) },
		}
		return sub
	}
}

func openApsaraMQ(t *testing.T) *subject {
	t.Helper()
	const id = "rmq-cn-tl32ue44x0g"
	s := apsaramqservice.New(t)
	s.AddInstance(id)
	var times []time.Time
	for i := range 100 {
		times = append(times, contractBase.Add(time.Duration(i)*time.Second))
	}
	s.AddTopic(id, "orders", times, times, times)
	s.AddGroup(id, "billing", apsaramqservice.Group{})
	s.Consume(id, "billing", "orders", 60, 60, 60)
	client, err := apsaramq.New(apsaramq.Config{
		Endpoint: s.URL, CACert: s.CA, AccessKey: apsaramqservice.AccessKey, SecretKey: apsaramqservice.SecretKey,
		RequestTimeout: 10 * time.Second, Retry: impatient,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	const write = apsaramqservice.ResetConsumeOffset
	current := func() map[int32]int64 {
		all := map[int32]int64{}
		for q, n := range s.Offsets(id, "billing", "orders") {
			all[int32(q)] = n
		}
		return all
	}
	return &subject{
		engine: client.Instance(id), broker: reset.RocketMQ,
		request: offset.Request{
			Group: "billing", Scope: offset.Scope{Topics: []string{"orders"}},
			Target: offset.Target{Kind: offset.ToTime, Time: contractBase.Add(20 * time.Second)},
		},
		target:    map[int32]int64{0: 20, 1: 20, 2: 20},
		committed: current,
		commit: func(p int32, at int64) {
			all := slices.Clone(s.Offsets(id, "billing", "orders"))
			all[p] = at
			s.Consume(id, "billing", "orders", all...)
		},
		writes: func() int { return len(s.Requests(write)) },
		refuse: func() {
			s.Fail(standin.Fault{Operation: write, Kind: standin.Told, Status: http.StatusBadRequest, Code: "InvalidParameter", Message: "refused"})
		},
		mute: func() {
			unreadable := standin.Fault{Operation: apsaramqservice.GetConsumerGroupLag, Kind: standin.Told, Times: -1, Status: http.StatusForbidden, Code: "Forbidden", Message: "not now"}
			s.Fail(standin.Fault{Operation: write, Kind: standin.DropAfter, Times: -1, Met: func() { s.Fail(unreadable) }})
		},
		lose:   func() { s.Fail(standin.Fault{Operation: write, Kind: standin.DropAfter}) },
		heal:   s.Heal,
		during: func(f func()) { s.Fail(standin.Fault{Operation: write, Met: f}) },
	}
}

// impatient are retries that no test waits for.
var impatient = managed.Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond}

func closing(t *testing.T, closeIt func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := closeIt(); err != nil {
			t.Error(err)
		}
	})
}

// named is how an error names a partition.
func named(p offset.Partition) []string {
	return []string{p.Name(), fmt.Sprintf("partition %d", p.ID)}
}
