package kafka

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// advertise has the metadata name another address for all brokers.
func advertise(f *fake.Cluster, addr string) {
	f.ControlKey(3, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		req := r.(*kmsg.MetadataRequest)
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		id := "fake-cluster"
		resp.ClusterID = &id
		for node := range f.ListenAddrs() {
			host, text, _ := net.SplitHostPort(addr)
			port, _ := strconv.ParseInt(text, 10, 32)
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = int32(node), host, int32(port)
			resp.Brokers = append(resp.Brokers, b)
		}
		for _, t := range req.Topics {
			rt := kmsg.NewMetadataResponseTopic()
			rt.Topic = t.Topic
			for i, p := range f.PartitionInfos(*t.Topic) {
				rp := kmsg.NewMetadataResponseTopicPartition()
				rp.Partition, rp.Leader = int32(i), p.Leader
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

// A preview ends long before patience does. It tells what was tried in vain.
func TestOutOfTimeTellsWhatFailedBefore(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	advertise(f, l.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = c.Plan(ctx, reset(earliest))
	wantError(t, err, offset.Interrupted, "Out of time", l.Addr().String()+" refused the connection", "that the broker runs", "Nothing was changed")
}

// A preview is to come although the first bootstrap server is silent: it has
// five seconds.
func TestPlanComesThoughTheFirstServerIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	f := orders(t)
	c := connect(t, append([]string{l.Addr().String()}, f.Bootstrap()...))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := c.Plan(ctx, reset(earliest)); err != nil {
		t.Error(err)
	}
}

// The coordinator hangs between plan and apply, and another one takes over: one
// commit may have landed, which the read-back settles.
func TestCoordinatorThatHangsBetweenPlanAndApply(t *testing.T) {
	f := orders(t)
	c := connect(t, f.Bootstrap())
	c.cluster.Times.Watch = 50 * time.Millisecond
	plan, err := c.Plan(t.Context(), reset(oneBack))
	if err != nil {
		t.Fatal(err)
	}
	hangs := f.CoordinatorFor("billing")
	thaw := f.Freeze(f.Bootstrap()[hangs])
	defer thaw()
	time.AfterFunc(100*time.Millisecond, func() {
		for f.CoordinatorFor("billing") == hangs {
			f.RehashCoordinators()
		}
	})
	began := time.Now()
	result, err := c.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if result.InDoubt {
		t.Errorf("result %+v", result)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 4, 1: 4, 2: 4}})
}

// A broker that throttles is told when it holds an apply up, and where its time
// runs out, whatever it waits for by then.
func TestThrottlingIsToldAndNamedWhereTimeRunsOut(t *testing.T) {
	f := fake.New(t, fake.Options{Brokers: 1, Topics: map[string]int32{"orders": 3}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	c := connect(t, f.Bootstrap())
	looks := 0
	f.ControlKey(15, func(r kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := described(r, "Stable", "consumer", "c").(*kmsg.DescribeGroupsResponse)
		if looks++; looks == 2 { // the first that waits for the member
			resp.ThrottleMillis = 1500
		}
		return resp, nil, true
	})
	var mu sync.Mutex
	var told []string
	req := patient(time.Hour) // for the member to leave
	req.Progress = func(message string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, message)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	plan, err := c.Plan(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Apply(ctx, plan)
	wantError(t, err, offset.Interrupted, "Out of time", "because the broker "+f.Bootstrap()[0]+" throttles this client (throttle_time_ms)", "Nothing was changed")
	mu.Lock()
	defer mu.Unlock()
	if all := strings.Join(told, "\n"); !strings.Contains(all, "throttles this client (throttle_time_ms): waiting") || !strings.Contains(all, "Waiting up to") {
		t.Errorf("told %q", told)
	}
}
