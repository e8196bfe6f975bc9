package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func metadata(t testing.TB, c *Cluster) *Metadata {
	t.Helper()
	m, err := c.Metadata(t.Context(), []string{"orders"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func group(t testing.TB, c *Cluster) *Group {
	t.Helper()
	g, err := c.Group(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Brokers and load balancers close idle connections without a word that
// anybody reads. That costs no patience, and does not count as a failure.
func TestConnectionThatDiedWhileItWasIdleIsReplacedAtOnce(t *testing.T) {
	f := orders(t, 3)
	c := connect(t, f.Bootstrap())
	c.Times.Failover = Patience{} // nothing is tried twice
	m, g := metadata(t, c), group(t, c)
	died := false
	use := map[string]func() error{
		"any broker": func() error { _, err := c.Metadata(t.Context(), []string{"orders"}); return err },
		"leaders":    func() error { _, err := ends(t.Context(), c, m); return err },
		"group":      func() error { _, err := fetch(t.Context(), g); return err },
		"a write": func() error {
			answer, err := commit(t.Context(), g, 3)
			if err == nil && died && !answer.Unanswered {
				t.Error("nobody knows whether the first try of the write was carried out")
			}
			return err
		},
	}
	for name, ask := range use {
		for _, died = range []bool{false, true} {
			if died {
				f.HangUp()
			}
			if err := ask(); err != nil {
				t.Errorf("%s, after the connections died: %t: %v", name, died, err)
			}
		}
	}
}

// Whoever drops idle connections without a word, as some load balancers do, has
// dropped all of them: they do not cost a time-out each.
func TestConnectionsThatFellSilentAreGivenUpTogether(t *testing.T) {
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	c.Times.Request = time.Minute
	m := metadata(t, c)
	f.Delay(2, 50*time.Millisecond)
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			if _, err := ends(t.Context(), c, m); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	p := c.pools[f.Bootstrap()[0]]
	if n := len(p.idle); n < 2 {
		t.Fatalf("%d connections are idle", n)
	}
	thaw := f.Freeze(f.Bootstrap()[0])
	c.Times.Request, c.Times.Failover.Total = 100*time.Millisecond, 0
	_, err := c.Metadata(t.Context(), []string{"orders"})
	wantError(t, err, offset.Unreachable, "does not answer in time")
	if n := len(p.idle); n > 0 {
		t.Errorf("%d connections are kept", n)
	}
	thaw()
	metadata(t, c)
}

// It is no licence to go on forever.
func TestConnectionsThatAlwaysDieAreAnError(t *testing.T) {
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	c.Times.Failover.Total = 50 * time.Millisecond
	g := group(t, c)
	f.LoseResponses(9, 1000)
	_, err := fetch(t.Context(), g)
	wantError(t, err, offset.Unreachable, f.Bootstrap()[0], "closed the connection")
}

func TestConnectionThatWasIdleForLongIsNotUsed(t *testing.T) {
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	c.Times.Idle = 0
	for range 3 {
		metadata(t, c)
	}
	if n := f.Requests()[18]; n != 3 {
		t.Errorf("%d connections were opened, want 3", n)
	}
}

func TestLostAnswersOfTheOnlyBroker(t *testing.T) {
	for _, key := range []int16{3, 9, 10} {
		f := orders(t, 1)
		c := connect(t, f.Bootstrap())
		f.LoseResponses(key, 1)
		metadata(t, c)
		if at, err := fetch(t.Context(), group(t, c)); err != nil || at != 5 {
			t.Errorf("key %d: %d, %v", key, at, err)
		}
	}
	// Not even its first answers: only then it may be that a login is wanted.
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	f.LoseResponses(10, 1000)
	_, err := c.Group(t.Context(), "billing")
	wantError(t, err, offset.Unreachable, "may want a login")
}

// While an apply waits for members to leave, the connections to the other
// brokers die of idleness; then the coordinator dies.
func TestCoordinatorThatDiesAfterTheOthersHaveHungUp(t *testing.T) {
	f := orders(t, 3)
	c := connect(t, f.Bootstrap())
	metadata(t, c)
	g := group(t, c)
	for range 3 { // each broker has been asked
		if _, err := ends(t.Context(), c, metadata(t, c)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := fetch(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	f.HangUp()
	if err := f.RemoveNode(f.CoordinatorFor("billing")); err != nil {
		t.Fatal(err)
	}
	if at, err := fetch(t.Context(), g); err != nil || at != 5 {
		t.Errorf("%d, %v", at, err)
	}
}

// A broker that hangs is left as soon as another one has taken over, which is
// looked for now and then, and costs one time-out at most: the next try is made
// at the place that is right then.
func TestBrokerThatHangs(t *testing.T) {
	const takesOver = 150 * time.Millisecond
	for name, times := range map[string]struct{ request, watch, within time.Duration }{
		"by looking":  {time.Minute, 50 * time.Millisecond, takesOver + 5*time.Second},
		"by time-out": {300 * time.Millisecond, time.Hour, 2 * time.Second},
	} {
		start := func(t *testing.T) (*fake.Cluster, *Cluster) {
			f := orders(t, 3)
			c := connect(t, f.Bootstrap())
			c.Times.Request, c.Times.Watch = times.request, times.watch
			metadata(t, c)
			return f, c
		}
		t.Run("leader, found "+name, func(t *testing.T) {
			f, c := start(t)
			m := metadata(t, c)
			f.Freeze(f.Bootstrap()[0])
			time.AfterFunc(takesOver, func() { _ = f.MoveTopicPartition("orders", 0, 1) })
			began := time.Now()
			at, err := ends(t.Context(), c, m)
			if err != nil || !slices.Equal(at, []int64{10, 10, 10}) {
				t.Errorf("%v, %v", at, err)
			}
			within(t, began, times.within)
		})
		for what, write := range map[string]bool{"coordinator": false, "coordinator that is written to": true} {
			t.Run(what+", found "+name, func(t *testing.T) {
				f, c := start(t)
				g := group(t, c)
				if _, err := fetch(t.Context(), g); err != nil {
					t.Fatal(err)
				}
				hangs := f.CoordinatorFor("billing")
				f.Freeze(f.Bootstrap()[hangs])
				time.AfterFunc(takesOver, func() {
					for f.CoordinatorFor("billing") == hangs {
						f.RehashCoordinators()
					}
				})
				began := time.Now()
				if write {
					answer, err := commit(t.Context(), g, 7)
					if err != nil || f.Committed("billing")["orders"][0] != 7 {
						t.Errorf("%v, %v", f.Committed("billing"), err)
					}
					if !answer.Unanswered {
						t.Error("the first commit may have landed")
					}
				} else if at, err := fetch(t.Context(), g); err != nil || at != 5 {
					t.Errorf("%d, %v", at, err)
				}
				within(t, began, times.within)
			})
		}
	}
	// One that is only slow is waited for.
	t.Run("slow", func(t *testing.T) {
		f := orders(t, 3)
		c := connect(t, f.Bootstrap())
		c.Times.Request, c.Times.Watch = time.Minute, 10*time.Millisecond
		m, g := metadata(t, c), group(t, c)
		f.Delay(2, 100*time.Millisecond)
		f.Delay(9, 100*time.Millisecond)
		f.ResetRequests()
		if _, err := ends(t.Context(), c, m); err != nil {
			t.Error(err)
		}
		if _, err := fetch(t.Context(), g); err != nil {
			t.Error(err)
		}
		if n := f.Requests(); n[2] != 3 || n[9] != 1 {
			t.Errorf("requests %v", n)
		}
	})
	// Another broker tells who has taken over, even if the one that hangs is
	// the one that was asked last.
	t.Run("everybody's first", func(t *testing.T) {
		f := orders(t, 3)
		c := connect(t, f.Bootstrap())
		c.Times.Request = time.Minute
		metadata(t, c)
		hangs := c.known[0]
		f.Freeze(hangs)
		began := time.Now()
		metadata(t, c)
		within(t, began, 10*time.Second)
		if c.known[0] == hangs {
			t.Error("it is asked first again")
		}
	})
}

// The next server is asked beside one that does not answer, and each that
// failed goes to the end.
func TestBootstrapServers(t *testing.T) {
	f := orders(t, 1)
	alive := f.Bootstrap()[0]
	quiet, dead := silent(t), nobody(t)
	for _, servers := range [][]string{{quiet, dead, alive}, {dead, quiet, alive}, {alive, quiet, dead}, {quiet, alive, dead}} {
		c := connect(t, servers)
		c.Times.Request = time.Minute
		for range 2 {
			began := time.Now()
			metadata(t, c)
			within(t, began, 10*time.Second)
			if c.known[0] != alive {
				t.Errorf("of %v, %v are asked next", servers, c.known)
			}
		}
		c.Close()
	}
	c := connect(t, []string{dead, quiet})
	began := time.Now()
	_, err := c.Metadata(t.Context(), []string{"orders"})
	wantError(t, err, offset.Unreachable, quiet, dead, "does not answer")
	within(t, began, 20*c.Times.Request)
}

// A plan that waits for a cluster tells whom it has waited for.
func TestOutOfTimeNamesTheBroker(t *testing.T) {
	for name, addr := range map[string]string{"silent": silent(t), "not there": nobody(t), "without a name": "broker.invalid:9092"} {
		c := connect(t, []string{addr})
		c.Times.Request, c.Times.Contact.Total = time.Minute, time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := c.Metadata(ctx, []string{"orders"})
		cancel()
		host, _, _ := net.SplitHostPort(addr)
		wantError(t, err, offset.Interrupted, "Out of time", host)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A call that was given up leaves its dial to nobody: the next one tells what
// its own has failed with.
func TestDialOfACallThatWasGivenUp(t *testing.T) {
	addr := silent(t)
	for range 2 {
		c := connect(t, []string{addr}, func(c *connection.Config) { c.TLS = &connection.TLS{} })
		c.Times.Request = 600 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := c.Metadata(ctx, []string{"orders"})
		cancel()
		wantError(t, err, offset.Interrupted, "does not answer the TLS handshake")
		_, err = c.Metadata(t.Context(), []string{"orders"})
		wantError(t, err, offset.Unreachable, "does not answer the TLS handshake", "without TLS")
		c.Close()
	}
}

// Requests of different resources do not wait for each other's answers.
func TestSlowAnswersAreWaitedForAtTheSameTime(t *testing.T) {
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	c.Times.Request = time.Minute
	m := metadata(t, c)
	f.Delay(2, 300*time.Millisecond)
	began := time.Now()
	var running sync.WaitGroup
	for range 10 {
		running.Go(func() {
			if _, err := ends(t.Context(), c, m); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	within(t, began, 2*time.Second)
	if n := f.Connections(); n > most {
		t.Errorf("%d connections to one broker", n)
	}
}

func TestConnectionsToABrokerAreBounded(t *testing.T) {
	f := orders(t, 1)
	c := connect(t, f.Bootstrap())
	c.Times.Request = time.Minute
	m := metadata(t, c)
	f.Delay(2, 50*time.Millisecond)
	var running sync.WaitGroup
	for range 5 * most {
		running.Go(func() {
			if _, err := ends(t.Context(), c, m); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if n := f.Requests()[18]; n > most {
		t.Errorf("%d connections were opened", n)
	}
	// One after the other, they need one connection.
	f.Delay(2, 0)
	f.HangUp()
	f.ResetRequests()
	for range 5 {
		if _, err := ends(t.Context(), c, m); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.Requests()[18]; n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
}

// A broker may ask for a pause of any length.
func TestThrottling(t *testing.T) {
	throttles := func(f *fake.Cluster, pause time.Duration) {
		f.ControlKey(3, func(r kmsg.Request) (kmsg.Response, error, bool) {
			resp := r.ResponseKind().(*kmsg.MetadataResponse)
			resp.ThrottleMillis = int32(pause.Milliseconds())
			return resp, nil, true
		})
	}
	ask := func(ctx context.Context, c *Cluster) error {
		_, err := c.Metadata(ctx, []string{"orders"})
		return err
	}
	t.Run("obeyed", func(t *testing.T) {
		f := orders(t, 1)
		c := connect(t, f.Bootstrap())
		throttles(f, 100*time.Millisecond)
		began := time.Now()
		for range 2 {
			if err := ask(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 100*time.Millisecond {
			t.Errorf("the second request came after %s", took)
		}
	})
	t.Run("within bounds", func(t *testing.T) {
		f := orders(t, 1)
		c := connect(t, f.Bootstrap())
		throttles(f, time.Hour)
		began := time.Now()
		for range 3 {
			if err := ask(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		within(t, began, c.Times.Request+time.Second)
	})
	t.Run("told, and closed at once", func(t *testing.T) {
		f := orders(t, 1)
		c := connect(t, f.Bootstrap())
		c.Times.Request = time.Minute
		throttles(f, time.Hour)
		if err := ask(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		wantError(t, ask(ctx, c), offset.Interrupted, "Out of time", "throttles this client", "1h0m0s", "quota")
		began := time.Now()
		c.Close()
		within(t, began, time.Second)
	})
}

// Each kind of answer tells its pause.
func TestThrottleOfEachAnswer(t *testing.T) {
	second := int32(time.Second.Milliseconds())
	for _, answer := range []any{
		&sarama.MetadataResponse{ThrottleTimeMs: second}, &sarama.OffsetResponse{ThrottleTimeMs: second},
		&sarama.FetchResponse{ThrottleTime: time.Second}, &sarama.FindCoordinatorResponse{ThrottleTime: time.Second},
		&sarama.OffsetCommitResponse{ThrottleTimeMs: second}, &sarama.OffsetFetchResponse{ThrottleTimeMs: second},
		&sarama.DeleteOffsetsResponse{ThrottleTime: time.Second}, &sarama.DescribeGroupsResponse{ThrottleTimeMs: second},
		&sarama.ConsumerGroupDescribeResponse{ThrottleTime: time.Second}, &sarama.DescribeClusterResponse{ThrottleTimeMs: second},
		&sarama.ListGroupsResponse{ThrottleTime: second},
	} {
		if got := throttle(answer); got != time.Second {
			t.Errorf("%T: %s", answer, got)
		}
	}
}

// sarama greets and logs in in a goroutine of its own, whose panic would end
// the process.
func TestPanicWhileAConnectionIsOpened(t *testing.T) {
	f := fake.New(t, fake.Options{Kfake: []kfake.Opt{kfake.EnableSASL(), kfake.User("PLAIN", "alice", "secret"), kfake.User("SCRAM-SHA-256", "alice", "secret")}, Client: plainClient()})
	for name, tc := range map[string]struct {
		change func(*sarama.Config)
		words  string
	}{
		"in the greeting": {func(c *sarama.Config) { c.MetricRegistry = panicking{c.MetricRegistry} }, "could not be decoded"},
		"in the login": {func(c *sarama.Config) {
			c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { panic("no client") } //nolint:forbidigo // What a decoder may do.
		}, "closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, f.Bootstrap()[:1], func(c *connection.Config) {
				c.SASL = &connection.SASL{Mechanism: connection.ScramSHA256, Username: "alice", Password: "secret"}
			})
			c.Times.Request = time.Minute
			tc.change(c.conf)
			began := time.Now()
			_, err := c.Metadata(t.Context(), []string{"orders"})
			wantError(t, err, offset.Unreachable, f.Bootstrap()[0], tc.words)
			within(t, began, 10*time.Second)
		})
	}
}

// panicking are metrics that nobody can count.
type panicking struct{ metrics.Registry }

func (panicking) GetOrRegister(string, any) any { return panickingMeter{} }

type panickingMeter struct{ metrics.NilMeter }

func (panickingMeter) Mark(int64) { panic("no meter") } //nolint:forbidigo // What a decoder may do.

func TestNodeThatIsNoBroker(t *testing.T) {
	versions := kversion.V4_0_0()
	for _, key := range []int16{3, 8, 9, 10, 15, 69} {
		versions.SetMaxKeyVersion(key, -1)
	}
	controller := fake.New(t, fake.Options{Brokers: 1, Kfake: []kfake.Opt{kfake.MaxVersions(versions)}})
	for name, ask := range map[string]func(*Cluster) error{
		"metadata":    func(c *Cluster) error { _, err := c.Metadata(t.Context(), []string{"orders"}); return err },
		"coordinator": func(c *Cluster) error { _, err := c.Group(t.Context(), "billing"); return err },
	} {
		c := connect(t, controller.Bootstrap())
		c.Times.Contact.Total = time.Minute // it is not tried again
		wantError(t, ask(c), offset.Unreachable, controller.Bootstrap()[0], "probably a controller", "bootstrap_servers")

		// Another one may be a broker.
		f := orders(t, 1)
		if err := ask(connect(t, append(controller.Bootstrap(), f.Bootstrap()...))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An API that only newer brokers have is for the caller to do without.
func TestMissingAPI(t *testing.T) {
	f := fake.New(t, fake.Options{Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V2_4_0())}})
	c := connect(t, f.Bootstrap())
	if id, err := c.ID(t.Context()); id != "" || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	_, err := AskGroup(t.Context(), group(t, c), Request[sarama.ConsumerGroupDescribeResponse]{
		API: ConsumerGroupDescribeAPI,
		Send: func(b *Broker) (*sarama.ConsumerGroupDescribeResponse, error) {
			return b.ConsumerGroupDescribe(sarama.NewConsumerGroupDescribeRequest(c.Config().Version))
		},
	})
	if !errors.Is(err, sarama.ErrUnsupportedVersion) {
		t.Errorf("error %v", err)
	}
}

// Wrong credentials are wrong everywhere, and are not tried on: that could
// lock the user out.
func TestWrongCredentialsAreTriedOnce(t *testing.T) {
	f := fake.New(t, fake.Options{Kfake: []kfake.Opt{kfake.EnableSASL(), kfake.User("PLAIN", "alice", "secret")}, Client: plainClient()})
	f.ResetRequests()
	c := connect(t, f.Bootstrap(), func(c *connection.Config) {
		c.SASL = &connection.SASL{Mechanism: connection.Plain, Username: "alice", Password: "wrong"}
	})
	c.Times.Stagger = time.Minute
	_, err := c.Metadata(t.Context(), []string{"orders"})
	wantError(t, err, offset.Unauthorized, "let nobody in")
	if n := f.Requests()[36]; n != 1 {
		t.Errorf("%d logins", n)
	}
}

// One broker's certificate is no reason not to ask the others.
func TestBrokerThatIsNotTrusted(t *testing.T) {
	f := orders(t, 1)
	secure := peer(t, func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{}).HandshakeContext(context.Background())
		_ = c.Close()
	})
	c := connect(t, []string{secure, f.Bootstrap()[0]})
	metadata(t, c)
}

// What cannot even be sent leaves nothing in doubt; what was refused as loading
// neither; what timed out does.
func TestWhatAWriteMayHaveDone(t *testing.T) {
	for name, tc := range map[string]struct {
		fault      *kerr.Error
		dead       bool
		lost       bool
		unanswered bool
		superseded int
	}{
		"coordinator is gone": {dead: true},
		"answer is lost":      {lost: true, unanswered: true},
		"loading":             {fault: kerr.CoordinatorLoadInProgress, superseded: 2},
		"timed out":           {fault: kerr.RequestTimedOut, superseded: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := orders(t, 3)
			c := connect(t, f.Bootstrap())
			g := group(t, c)
			switch {
			case tc.dead:
				if err := f.RemoveNode(f.CoordinatorFor("billing")); err != nil {
					t.Fatal(err)
				}
			case tc.lost:
				f.LoseResponses(8, 1)
			default:
				f.Fault(kfake.Fault{Keys: []kmsg.Key{8}, Err: tc.fault, Count: 2})
			}
			answer, err := commit(t.Context(), g, 3)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Unanswered != tc.unanswered || len(answer.Superseded) != tc.superseded {
				t.Errorf("answer %+v", answer)
			}
			if at := f.Committed("billing")["orders"][0]; at != 3 {
				t.Errorf("the group is at %d", at)
			}
		})
	}
}

// A client that is closed leaves no connection behind, however many it had.
func TestCloseLeavesNoConnection(t *testing.T) {
	f := orders(t, 3)
	for range 3 {
		c := connect(t, f.Bootstrap())
		m, g := metadata(t, c), group(t, c)
		f.Delay(2, 20*time.Millisecond)
		var running sync.WaitGroup
		for range 5 {
			running.Go(func() {
				if _, err := ends(t.Context(), c, m); err != nil {
					t.Error(err)
				}
				if _, err := fetch(t.Context(), g); err != nil {
					t.Error(err)
				}
			})
		}
		running.Wait()
		if n := f.Connections(); n < 4 {
			t.Errorf("%d connections", n)
		}
		c.Close()
		for began := time.Now(); f.Connections() > 0; time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Second {
				t.Fatalf("%d connections are left", f.Connections())
			}
		}
	}
}

// A cluster that does not want to tell its id is not taken for the right one.
func TestClusterThatDoesNotTellItsID(t *testing.T) {
	f := orders(t, 1)
	for _, id := range []string{"", "fake-cluster"} {
		c := connect(t, f.Bootstrap(), func(c *connection.Config) { c.ClusterID = id })
		if told, err := c.ID(t.Context()); told != "fake-cluster" || err != nil {
			t.Errorf("%q, %v", told, err)
		}
		f.ControlKey(60, func(r kmsg.Request) (kmsg.Response, error, bool) {
			resp := r.ResponseKind().(*kmsg.DescribeClusterResponse)
			resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
			return resp, nil, true
		})
		told, err := c.ID(t.Context())
		if id == "" {
			if told != "" || err != nil {
				t.Errorf("%q, %v", told, err)
			}
			continue
		}
		wantError(t, err, offset.Failed, "Tell the cluster's id")
	}
}

func TestCloseEndsEverything(t *testing.T) {
	f := orders(t, 3)
	quiet := silent(t)
	c := connect(t, append([]string{quiet}, f.Bootstrap()...))
	c.Times.Request = time.Hour
	g := group(t, c)
	f.Freeze(f.Bootstrap()[f.CoordinatorFor("billing")])
	failed := make(chan error, 2)
	go func() { _, err := fetch(context.Background(), g); failed <- err }()
	go func() {
		c := &Cluster{Times: c.Times, cfg: c.cfg, conf: c.conf, dialer: c.dialer, log: c.log, pools: map[string]*pool{}, known: []string{quiet}}
		_, err := c.Metadata(context.Background(), []string{"orders"})
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond) // both wait for an answer, or are about to
	began := time.Now()
	c.Close()
	for range 2 {
		if err := <-failed; err == nil {
			t.Error("a request under way did not fail")
		}
	}
	within(t, began, 2*time.Second)
	_, err := c.Metadata(context.Background(), []string{"orders"})
	wantError(t, err, offset.Unreachable, "closed")
	c.Close()
}
