//go:build acceptance && unix

package kafka

import (
	"context"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkatest"
)

// defaults is a client that is patient as everybody's is.
func defaults(t testing.TB, servers []string) *Client {
	t.Helper()
	c, err := New(connection.Config{BootstrapServers: servers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// moved waits until another broker than the node leads the partition, or
// coordinates the group, and tells when. It asks the other nodes.
func moved(t testing.TB, k *kafkacluster.Cluster, node int32, find func(ctx context.Context, c *Client) (addr string, err error)) <-chan time.Time {
	t.Helper()
	servers := slices.Clone(k.Bootstrap())
	hangs := servers[node]
	c := defaults(t, slices.Delete(servers, int(node), int(node)+1))
	at := make(chan time.Time, 1)
	ctx := within(t, kafkatest.Patience)
	go func() {
		defer close(at)
		for ctx.Err() == nil {
			if addr, err := find(ctx, c); err == nil && addr != hangs && addr != "" {
				at <- time.Now()
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return at
}

// What a cluster goes through between two steps of a reset, with all defaults
// on this side.
func TestFaultsOfARealCluster(t *testing.T) {
	k := kafkacluster.StartWith(t, kafkacluster.Options{Properties: map[string]string{"connections.max.idle.ms": "3000"}})
	k.CreateTopic(t, "orders", 6, 3)
	k.Fill(t, "orders", 6, 10, noon, time.Second)
	all := func(offset int64) kafkacluster.Offsets {
		at := map[int32]int64{}
		for p := range int32(6) {
			at[p] = offset
		}
		return kafkacluster.Offsets{"orders": at}
	}
	group := func(t *testing.T, name string) string {
		k.Commit(t, name, all(5))
		return name
	}
	check := func(t *testing.T, name string) {
		t.Helper()
		if got := k.Committed(t, name); !reflect.DeepEqual(got, all(0)) {
			t.Errorf("committed %v", got)
		}
	}
	// The connections of this one are closed by the brokers before it is used
	// again.
	idle := defaults(t, k.Bootstrap())
	idle.cluster.Times.Failover = wire.Patience{} // nothing is tried twice
	idle.cluster.Times.Contact = wire.Patience{}
	before, err := run(t.Context(), idle, of(group(t, "idle"), "orders", earliest))
	if err != nil {
		t.Fatal(err)
	}
	opened := time.Now()

	t.Run("the first bootstrap server is silent", func(t *testing.T) {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // never accepts
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		c := defaults(t, append([]string{l.Addr().String()}, k.Bootstrap()[1:]...))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := c.Plan(ctx, of(group(t, "silent"), "orders", earliest)); err != nil {
			t.Error(err)
		}
	})

	t.Run("the leader hangs before the apply", func(t *testing.T) {
		name := group(t, "led")
		leader, n := k.Coordinator(t, name), int32(0)
		for ; leader == k.Coordinator(t, name); n++ { // another one than the coordinator
			leader = k.Leader(t, "orders", n)
		}
		c := defaults(t, k.Bootstrap())
		if _, err := c.Plan(t.Context(), of(name, "orders", earliest)); err != nil {
			t.Fatal(err)
		}
		k.Pause(t, int(leader))
		elected := moved(t, k, leader, func(ctx context.Context, c *Client) (string, error) {
			m, err := c.cluster.Metadata(ctx, []string{"orders"})
			if err != nil {
				return "", err
			}
			for _, p := range m.Topics[0].Partitions {
				if p.ID == n-1 {
					return m.Brokers[p.Leader], nil
				}
			}
			return "", nil
		})
		_, err := run(t.Context(), c, of(name, "orders", earliest))
		inTime(t, elected, err)
		k.Resume(t, int(leader))
		check(t, name)
	})

	t.Run("the coordinator hangs between plan and commit", func(t *testing.T) {
		name := group(t, "coordinated")
		c := defaults(t, k.Bootstrap())
		plan, err := c.Plan(t.Context(), of(name, "orders", earliest))
		if err != nil {
			t.Fatal(err)
		}
		coordinator := k.Coordinator(t, name)
		k.Pause(t, int(coordinator))
		elected := moved(t, k, coordinator, func(ctx context.Context, c *Client) (string, error) {
			g, err := c.cluster.Group(ctx, name)
			if err != nil {
				return "", err
			}
			return g.Coordinator(), nil
		})
		_, err = c.Apply(t.Context(), plan)
		inTime(t, elected, err)
		k.Resume(t, int(coordinator))
		check(t, name)
	})

	t.Run("idle connections were closed", func(t *testing.T) {
		if time.Since(opened) < 5*time.Second {
			t.Fatal("the connections are not old enough to be closed")
		}
		idle.cluster.Times.Idle = time.Hour // they would be replaced without having been tried
		if _, err := idle.Undo(t.Context(), undo(before)); err != nil {
			t.Error(err)
		}
	})

	t.Run("the coordinator is killed while an apply waits, and the others have hung up", func(t *testing.T) {
		name := group(t, "waited-for")
		member := k.Join(t, kafkaclient.MemberOptions{Group: name, Topics: []string{"orders"}, Protocol: kafkaclient.Classic, Session: 8 * time.Second})
		c := defaults(t, k.Bootstrap())
		req := of(name, "orders", earliest)
		wait := time.Minute
		req.WaitForInactive = &wait
		waits := make(chan struct{}, 100)
		req.Progress = func(message string) {
			if strings.HasPrefix(message, "Waiting") {
				waits <- struct{}{}
			}
		}
		done := make(chan error, 1)
		go func() { _, err := run(t.Context(), c, req); done <- err }()
		<-waits
		time.Sleep(4 * time.Second) // no event tells that a connection was closed; a consumer needs time too
		if err := k.KillNode(int(k.Coordinator(t, name))); err != nil {
			t.Fatal(err)
		}
		member.Kill() // its coordinator is dead: it cannot say that it leaves
		if err := <-done; err != nil {
			t.Error(err)
		}
		check(t, name)
	})
}

// A reset whose commits are many, because the cluster takes small ones only,
// meets brokers that hang.
func TestCoordinatorThatHangsAmongManyCommits(t *testing.T) {
	const partitions, ninth = 400, 9
	k := kafkacluster.Start(t)
	k.CreateTopic(t, "many", partitions, 1)
	k.Fill(t, "many", partitions, 1, noon, time.Second)
	start, end := map[int32]int64{}, map[int32]int64{}
	for p := range int32(partitions) {
		start[p], end[p] = 0, 1
	}
	k.Commit(t, "many-commits", kafkacluster.Offsets{"many": start}) // makes __consumer_offsets too
	alter := func(action, config string) {
		t.Helper()
		if out, err := k.RunTool(within(t, kafkatest.Patience), kafkacluster.ConfigTool, "--alter", "--entity-type", "topics", "--entity-name", "__consumer_offsets", action, config); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	alter("--add-config", "max.message.bytes=2000")
	defer alter("--delete-config", "max.message.bytes")

	coordinator := func(ctx context.Context, c *Client) (string, error) {
		g, err := c.cluster.Group(ctx, "many-commits")
		if err != nil {
			return "", err
		}
		return g.Coordinator(), nil
	}
	for _, tc := range []struct {
		name   string
		target offset.Target
		want   map[int32]int64
		at     string // the progress at which they stop
		count  int
		two    bool
	}{
		// The first commits are those that turn out to be too large.
		{"the coordinator, at the ninth commit", offset.Target{Kind: offset.ToLatest}, end, "Writing 25 of", ninth, false},
		// Without a majority of controllers nobody takes over before one is back.
		{"two brokers, before the read-back", earliest, start, "Reading back", 1, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := defaults(t, k.Bootstrap())
			hangs := k.Coordinator(t, "many-commits")
			other := (hangs + 1) % 3
			var elected <-chan time.Time
			seen := 0
			req := of("many-commits", "many", tc.target)
			req.Progress = func(message string) {
				if !strings.HasPrefix(message, tc.at) {
					return
				}
				if seen++; seen != tc.count {
					return
				}
				k.Pause(t, int(hangs))
				elected = moved(t, k, hangs, coordinator)
				if tc.two {
					k.Pause(t, int(other))
					time.AfterFunc(5*time.Second, func() { _ = k.ResumeNode(int(other)) })
				}
			}
			result, err := run(t.Context(), c, req)
			if elected == nil {
				t.Fatalf("nothing hung: %v", err)
			}
			inTime(t, elected, err)
			k.Resume(t, int(hangs))
			if got := k.Committed(t, "many-commits")["many"]; !reflect.DeepEqual(got, tc.want) {
				t.Errorf("committed %v", got)
			}
			if result == nil || result.InDoubt || offset.AnyFailed(result.Outcomes) || len(result.Outcomes) != partitions {
				t.Errorf("result %+v", result)
			}
		})
	}
}

// inTime fails the test unless the step succeeded within 15 s of another
// broker having taken over.
func inTime(t testing.TB, elected <-chan time.Time, err error) {
	t.Helper()
	ended := time.Now()
	if err != nil {
		t.Error(err)
	}
	at, ok := <-elected
	if !ok {
		t.Fatal("nobody has taken over")
	}
	t.Logf("%s after another broker has taken over", ended.Sub(at))
	if ended.Sub(at) > 15*time.Second {
		t.Error("too late")
	}
}
