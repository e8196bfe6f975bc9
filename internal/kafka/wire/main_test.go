package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// orders is a cluster with a topic of three partitions of ten records, each
// led by another broker, and a group at 5.
func orders(t testing.TB, brokers int) *fake.Cluster {
	t.Helper()
	f := fake.New(t, fake.Options{Brokers: brokers, Topics: map[string]int32{"orders": 3}})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	for p := range int32(3) {
		if err := f.MoveTopicPartition("orders", p, p%int32(brokers)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// quick are times for tests in which nothing but what is tested is slow.
var quick = Times{
	Request:  300 * time.Millisecond,
	Stagger:  20 * time.Millisecond,
	Watch:    time.Hour,
	Queue:    time.Millisecond,
	Idle:     time.Minute,
	Failover: Patience{First: time.Millisecond, Most: 20 * time.Millisecond, Total: 5 * time.Second},
	Contact:  Patience{First: time.Millisecond, Most: 20 * time.Millisecond, Total: time.Second},
	Settling: Patience{First: time.Millisecond, Most: 5 * time.Millisecond, Total: 20 * time.Millisecond},
}

// connect returns a cluster that ends with the test.
func connect(t testing.TB, servers []string, change ...func(*connection.Config)) *Cluster {
	t.Helper()
	cfg := connection.Config{BootstrapServers: servers, RequestTimeout: time.Minute}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Times = quick
	t.Cleanup(c.Close)
	return c
}

// fetch reads the group's offset in orders-0, from its coordinator.
func fetch(ctx context.Context, g *Group) (int64, error) {
	answer, err := AskGroup(ctx, g, Request[sarama.OffsetFetchResponse]{
		API:   OffsetFetchAPI,
		Doing: "Read",
		Send: func(b *Broker) (*sarama.OffsetFetchResponse, error) {
			return b.FetchOffset(sarama.NewOffsetFetchRequest(g.Cluster.Config().Version, g.Name, map[string][]int32{"orders": {0}}))
		},
		Codes: func(r *sarama.OffsetFetchResponse) []sarama.KError { return []sarama.KError{r.Err} },
	})
	if err != nil {
		return 0, err
	}
	return answer.Body.GetBlock("orders", 0).Offset, nil
}

// commit puts the group to an offset in orders-0, at its coordinator.
func commit(ctx context.Context, g *Group, at int64) (Answer[sarama.OffsetCommitResponse], error) {
	return AskGroup(ctx, g, Request[sarama.OffsetCommitResponse]{
		API:   OffsetCommitAPI,
		Doing: "Commit",
		Send: func(b *Broker) (*sarama.OffsetCommitResponse, error) {
			req := sarama.NewOffsetCommitRequest(g.Cluster.Config(), g.Name)
			req.AddBlockWithLeaderEpoch("orders", 0, at, -1, 0, "")
			return b.CommitOffset(req)
		},
		Codes: func(r *sarama.OffsetCommitResponse) []sarama.KError {
			return []sarama.KError{r.Errors["orders"][0]}
		},
	})
}

// ends asks the leaders of orders for the ends of its partitions' logs.
func ends(ctx context.Context, c *Cluster, m *Metadata) ([]int64, error) {
	var partitions []Led
	for _, p := range m.Topics[0].Partitions {
		partitions = append(partitions, Led{offset.Partition{Topic: "orders", ID: p.ID}, p.Leader})
	}
	at := make([]int64, len(partitions))
	return at, AskLeaders(ctx, c, m, partitions, LeaderRequest[sarama.OffsetResponse]{
		API:   ListOffsetsAPI,
		Doing: "List the end",
		Make: func(share []int) func(*Broker) (*sarama.OffsetResponse, error) {
			req := sarama.NewOffsetRequest(c.Config().Version)
			for _, i := range share {
				req.AddBlock("orders", partitions[i].ID, sarama.OffsetNewest, 1)
			}
			return func(b *Broker) (*sarama.OffsetResponse, error) { return b.GetAvailableOffsets(req) }
		},
		Take: func(r *sarama.OffsetResponse, share []int) (codes []sarama.KError) {
			for _, i := range share {
				block := r.GetBlock("orders", partitions[i].ID)
				at[i] = block.Offset
				codes = append(codes, block.Err)
			}
			return codes
		},
	})
}

// wantError checks an error's code and that its text holds the words.
func wantError(t testing.TB, err error, code offset.Code, words ...string) {
	t.Helper()
	var e *offset.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error of code %s, want %s: %v", offset.CodeOf(err), code, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error does not say %q: %v", w, err)
		}
	}
}

// within fails the test if it took longer.
func within(t testing.TB, began time.Time, most time.Duration) {
	t.Helper()
	if took := time.Since(began); took > most {
		t.Errorf("it took %s, longer than %s", took, most)
	}
}

// peer is a server that does with each connection what it is told.
func peer(t testing.TB, handle func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go handle(c)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// silent is a server that accepts connections and says nothing.
func silent(t testing.TB) string {
	return peer(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
}

// nobody is an address at which nothing listens.
func nobody(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return fmt.Sprint(l.Addr())
}

// plainClient are what the cluster's own client logs in with.
func plainClient() []kgo.Opt {
	return []kgo.Opt{kgo.SASL(plain.Auth{User: "alice", Pass: "secret"}.AsMechanism())}
}
