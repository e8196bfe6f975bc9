package fake

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stranger is a client that is not the cluster's own.
func stranger(t *testing.T, c *Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap()...), kgo.ClientID("stranger"),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := kafkatest.Within(t)
	t.Cleanup(cancel)
	return ctx
}

func TestRecordsKeepTheirTimesAndOffsets(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 2}})
	if first := c.Produce(t, "orders", 1, Record{At: start, Value: "a"}, Record{At: start.Add(time.Hour), Value: "b"}); first != 0 {
		t.Errorf("first offset %d", first)
	}
	if first := c.Produce(t, "orders", 1, Record{At: start, Key: "k", Value: "c"}); first != 2 {
		t.Errorf("first offset %d", first)
	}
	if err := c.DeleteRecords("orders", 1, 1); err != nil {
		t.Fatal(err)
	}
	starts, ends, err := c.Client().Log(within(t), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if want := map[int32]int64{0: 0, 1: 1}; !maps.Equal(starts, want) {
		t.Errorf("starts %v, want %v", starts, want)
	}
	if want := map[int32]int64{0: 0, 1: 3}; !maps.Equal(ends, want) {
		t.Errorf("ends %v, want %v", ends, want)
	}
	m := c.Join(t, kafkaclient.MemberOptions{Group: "g", Topics: []string{"orders"}})
	if err := m.WaitRecords(within(t), 2); err != nil {
		t.Fatal(err)
	}
	got := m.Records()
	if r := got[0]; r.Topic != "orders" || r.Partition != 1 || r.Offset != 1 || r.Value != "b" || !r.At.Equal(start.Add(time.Hour)) {
		t.Errorf("got %+v", r)
	}
	if r := got[1]; r.Offset != 2 || r.Key != "k" || !r.At.Equal(start) {
		t.Errorf("got %+v", r)
	}
}

func TestCommitted(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 5000, "bills": 1}})
	want := Offsets{"orders": {}, "bills": {0: -1}}
	for p := range int32(5000) { // more than one request carries
		want["orders"][p] = int64(p)
	}
	c.Commit(t, "g", want)
	for name, got := range map[string]Offsets{"broker": c.Committed("g"), "client": clientCommitted(t, c, "g")} {
		if !maps.EqualFunc(got, want, maps.Equal[map[int32]int64, map[int32]int64]) {
			t.Errorf("%s: %d topics, %d and %d partitions", name, len(got), len(got["orders"]), len(got["bills"]))
		}
	}
	if got := c.Committed("no such group"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := clientCommitted(t, c, "no such group"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if err := c.Client().DeleteGroup(within(t), "g"); err != nil {
		t.Fatal(err)
	}
	if got := c.Committed("g"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func clientCommitted(t *testing.T, c *Cluster, group string) Offsets {
	t.Helper()
	got, err := c.Client().Committed(within(t), group)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMembersOfEachProtocol(t *testing.T) {
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer, kafkaclient.Share} {
		t.Run(string(protocol), func(t *testing.T) {
			c := New(t, Options{Topics: map[string]int32{"orders": 4}})
			c.Fill(t, "orders", 4, 3, start, time.Minute)
			m := c.Join(t, kafkaclient.MemberOptions{
				Group: "g", Topics: []string{"orders"}, Protocol: protocol, ClientID: "worker-1",
			})
			if protocol != kafkaclient.Share { // where kfake starts a share group at the log's end
				if err := m.WaitRecords(within(t), 12); err != nil {
					t.Fatal(err)
				}
			}
			info := c.GroupInfo("g")
			if info == nil || info.State != "Stable" || len(info.Members) != 1 || info.Members[0].ClientID != "worker-1" {
				t.Fatalf("got %+v", info)
			}
			if protocol != kafkaclient.Share {
				if m.ID() != info.Members[0].MemberID {
					t.Errorf("id %q, broker's %q", m.ID(), info.Members[0].MemberID)
				}
				if got := m.Assigned()["orders"]; !slices.Equal(got, []int32{0, 1, 2, 3}) {
					t.Errorf("assigned %v", got)
				}
			}
			c.Leave(t, m)
			if _, err := c.WaitGroupInfo(within(t), "g", func(i *kfake.GroupInfo) bool { return i == nil || len(i.Members) == 0 }); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKilledMemberStaysUntilItsSessionEnds(t *testing.T) {
	for _, protocol := range []kafkaclient.Protocol{kafkaclient.Classic, kafkaclient.Consumer} {
		t.Run(string(protocol), func(t *testing.T) {
			c := New(t, Options{Topics: map[string]int32{"orders": 2}})
			m := c.Join(t, kafkaclient.MemberOptions{Group: "g", Topics: []string{"orders"}, Protocol: protocol, Commit: true})
			c.ResetRequests()
			m.Kill()
			if info := c.GroupInfo("g"); info == nil || len(info.Members) != 1 {
				t.Errorf("got %+v", info)
			}
		})
	}
}

func TestStaticMemberDoesNotLeave(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 2}})
	m := c.Join(t, kafkaclient.MemberOptions{Group: "g", Topics: []string{"orders"}, InstanceID: "pod-0"})
	c.Leave(t, m)
	info := c.GroupInfo("g")
	if info == nil || len(info.Members) != 1 || info.Members[0].InstanceID == nil || *info.Members[0].InstanceID != "pod-0" {
		t.Errorf("got %+v", info)
	}
}

func TestMemberThatCommits(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 1}})
	c.Fill(t, "orders", 1, 10, start, time.Second)
	c.Commit(t, "g", Offsets{"orders": {0: 4}})
	m := c.Join(t, kafkaclient.MemberOptions{Group: "g", Topics: []string{"orders"}, Commit: true})
	if err := m.WaitRecords(within(t), 6); err != nil {
		t.Fatal(err)
	}
	if first := m.Records()[0].Offset; first != 4 {
		t.Errorf("began at %d, want 4", first)
	}
	c.Leave(t, m)
	if got := c.Committed("g")["orders"][0]; got != 10 {
		t.Errorf("committed %d, want 10", got)
	}
}

func TestJoinRefusesAnUnknownProtocol(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 1}})
	if _, err := c.Client().Join(within(t), kafkaclient.MemberOptions{Group: "g", Topics: []string{"orders"}, Protocol: "streams"}); err == nil {
		t.Error("no error")
	}
}

func TestOpenTransactionHoldsTheStableOffsetBack(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 1}})
	c.Fill(t, "orders", 1, 3, start, time.Second)
	c.Commit(t, "g", Offsets{"orders": {0: 1}})
	tx := c.Begin(t, "tx", "orders", 0, Record{At: start, Value: "pending"})
	if err := tx.CommitOffsets(within(t), "g", Offsets{"orders": {0: 2}}); err != nil {
		t.Fatal(err)
	}
	if got := c.Committed("g")["orders"][0]; got != 1 {
		t.Errorf("committed %d while the transaction is open, want 1", got)
	}
	if got := stableEnd(t, c, "orders"); got != 3 {
		t.Errorf("last stable offset %d, want 3", got)
	}
	if err := tx.Commit(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WaitGroupInfo(within(t), "g", func(i *kfake.GroupInfo) bool { return i.Commits["orders"][0].Offset == 2 }); err != nil {
		t.Error(err)
	}
}

func stableEnd(t *testing.T, c *Cluster, topic string) int64 {
	t.Helper()
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = -1
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, p)
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel, req.Topics = -1, 1, append(req.Topics, rt)
	resp, err := req.RequestWith(within(t), stranger(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return resp.Topics[0].Partitions[0].Offset
}

func TestRequestsCountsStrangersOnly(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 3}})
	c.Fill(t, "orders", 3, 1, start, 0)
	if got := c.Requests(); len(got) != 0 {
		t.Errorf("the cluster's own client counts: %v", got)
	}
	client := stranger(t, c)
	for range 3 {
		if _, err := kmsg.NewPtrListGroupsRequest().RequestWith(within(t), client.Broker(0)); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Requests()[int16(kmsg.ListGroups)]; got != 3 {
		t.Errorf("got %d of %v, want 3", got, c.Requests())
	}
	log := c.RequestLog()
	if last := log[len(log)-1]; last.ClientID != "stranger" || last.Broker != c.Bootstrap()[0] || last.Version == 0 {
		t.Errorf("got %+v", last)
	}
	c.ResetRequests()
	if got := c.Requests(); len(got) != 0 {
		t.Errorf("got %v after the reset", got)
	}
}

func TestLostResponseLeavesTheWorkDone(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 1}})
	c.LoseResponses(int16(kmsg.OffsetCommit), 1)
	client := stranger(t, c, kgo.RequestRetries(0), kgo.MaxVersions(kversion.V3_9_0()))
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = 7
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.Partitions = "orders", append(rt.Partitions, p)
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.Topics = "g", -1, append(req.Topics, rt)
	if _, err := client.Broker(int(c.CoordinatorFor("g"))).Request(within(t), req); err == nil {
		t.Error("the answer arrived")
	}
	if got := c.Committed("g")["orders"][0]; got != 7 {
		t.Errorf("committed %d, want 7", got)
	}
}

func TestFaultsPassThrough(t *testing.T) {
	c := New(t, Options{Topics: map[string]int32{"orders": 1}})
	fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	if err := c.Client().Commit(within(t), "g", Offsets{"orders": {0: 1}}); err == nil {
		t.Error("no error")
	}
	fault.Remove()
	c.Commit(t, "g", Offsets{"orders": {0: 1}})
}

func TestTLSIsCountedToo(t *testing.T) {
	ca, err := certs.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Issue("broker", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := server.TLS()
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}
	c := New(t, Options{
		Brokers: 1, Topics: map[string]int32{"orders": 1},
		TLS:    &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Client: []kgo.Opt{kgo.DialTLSConfig(config)},
	})
	c.Commit(t, "g", Offsets{"orders": {0: 1}})
	client := stranger(t, c, kgo.DialTLSConfig(config))
	if _, err := kmsg.NewPtrListGroupsRequest().RequestWith(within(t), client.Broker(0)); err != nil {
		t.Fatal(err)
	}
	if got := c.Requests()[int16(kmsg.ListGroups)]; got != 1 {
		t.Errorf("got %d", got)
	}
	m := c.Join(t, kafkaclient.MemberOptions{Group: "h", Topics: []string{"orders"}})
	c.Leave(t, m)
}

func TestTopicsComeAndGo(t *testing.T) {
	c := New(t, Options{})
	ctx := within(t)
	if err := c.Client().CreateTopic(ctx, "late", 2, -1, map[string]string{"retention.ms": "-1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Client().AddPartitions(ctx, "late", 5); err != nil {
		t.Fatal(err)
	}
	starts, _, err := c.Client().Log(ctx, "late")
	if err != nil || len(starts) != 5 {
		t.Errorf("got %v, %v", starts, err)
	}
	if err := c.Client().DeleteTopic(ctx, "late"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Client().Log(ctx, "late"); err == nil {
		t.Error("the topic is still there")
	}
}

// request returns the bytes of a request as a client sends it.
func request(key, version int16, clientID string, body int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(10+len(clientID)+body))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
	b = append(b, clientID...)
	return append(b, make([]byte, body)...)
}

func TestScanFindsRequestsHoweverTheyAreCut(t *testing.T) {
	stream := slices.Concat(request(2, 6, "a", 100), request(8, 8, "", 0), request(9, 8, "client", 3))
	want := []Request{{2, 6, "a", ""}, {8, 8, "", ""}, {9, 8, "client", ""}}
	for size := 1; size <= len(stream); size++ {
		c := &conn{account: newAccount(nil)}
		for chunk := range slices.Chunk(stream, size) {
			c.scan(chunk)
		}
		if !slices.Equal(c.account.log, want) {
			t.Fatalf("in pieces of %d: got %v", size, c.account.log)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(request(2, 6, "client", 10), 3)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 2, 1, 1}, 1)
	f.Add([]byte{0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 4)
	f.Fuzz(func(_ *testing.T, stream []byte, size int) {
		c := &conn{account: newAccount(nil)}
		for chunk := range slices.Chunk(stream, min(max(size, 1), 1<<16)) {
			c.scan(chunk)
		}
	})
}

func TestACLs(t *testing.T) {
	login := func(user, password string) kgo.Opt {
		return kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())
	}
	c := New(t, Options{
		Topics: map[string]int32{"orders": 1},
		Kfake: []kfake.Opt{
			kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("PLAIN", "alice", "pw"),
		},
		Client: []kgo.Opt{login("admin", "admin")},
	})
	alice, err := kafkaclient.New(c.Bootstrap(), login("alice", "pw"))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	if err := alice.Commit(within(t), "g", Offsets{"orders": {0: 1}}); !errors.Is(err, kerr.GroupAuthorizationFailed) {
		t.Errorf("got %v", err)
	}
	c.Allow(t, "User:alice", "GROUP", "g", "READ")
	c.Allow(t, "User:alice", "TOPIC", "orders", "READ", "DESCRIBE")
	if err := alice.Commit(within(t), "g", Offsets{"orders": {0: 1}}); err != nil {
		t.Error(err)
	}
	for _, words := range [][]string{{"NONSENSE", "READ"}, {"GROUP", "NONSENSE"}} {
		if err := c.Client().Allow(within(t), "User:alice", words[0], "g", words[1]); err == nil {
			t.Errorf("%v: no error", words)
		}
	}
}
