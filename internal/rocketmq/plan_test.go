package rocketmq

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

func TestPlan(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.Trim("broker-b", topic, 1, 4)
			at := base.Add(2 * time.Second)
			plan, err := k.Plan(t.Context(), atTime(at))
			if err != nil {
				t.Fatal(err)
			}
			nothingWritten(t, cluster)
			var got []string
			for _, m := range plan.Moves {
				got = append(got, fmt.Sprintf("%s %s/%d %d>%d [%d,%d]", m.Topic, m.Broker, m.ID, m.Previous, m.Offset, m.Start, m.End))
			}
			want := "orders broker-a/0 6>2 [0,10], orders broker-a/1 6>2 [0,10], orders broker-b/0 6>2 [0,10], orders broker-b/1 6>4 [4,10]"
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("got  %s\nwant %s", s, want)
			}
			state, members := s.idle(), 0
			if s.online {
				state, members = Online, 1
			}
			if told := strings.Contains(strings.Join(plan.Notes, " "), "never list those of a proxy"); told != (state == Unlisted) {
				t.Errorf("notes %q", plan.Notes)
			}
			if plan.ClusterID != "DefaultCluster" || plan.State != state || len(plan.Members) != members || !plan.Instant.Equal(at) || plan.At.IsZero() {
				t.Errorf("got %+v", plan)
			}
			if s.online && (plan.Members[0].ClientID != "consumer-1" || plan.Members[0].Host != "10.0.0.1:40000") {
				t.Errorf("got %+v", plan.Members)
			}
			if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, `4 queues of topic "orders", on broker-a, broker-b; a broker that is missing`) {
				t.Errorf("notes %q", notes)
			}
			push := s.online && s.version == fake.V4_9_7
			if told := strings.Contains(strings.Join(plan.Notes, " "), "V4_9_7) does not reset offsets itself"); told != push {
				t.Errorf("notes %q", plan.Notes)
			}
		})
	}
}

// Apache's Go client drops the other queues from its table of offsets when a
// broker that resets by itself moves one (2.1, offset_store.go). An older broker
// has it go to a time, one broker after the other.
func TestPlanTellsThatConsumersInGoMayLoseAReset(t *testing.T) {
	one := map[string]map[int32]int64{"broker-a": {1: 2}}
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			told := func(req offset.Request, want bool) {
				t.Helper()
				plan, err := k.Plan(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if told := strings.Contains(strings.Join(plan.Notes, " "), "rocketmq-client-go"); told != want {
					t.Errorf("told %t, want %t: %q", told, want, plan.Notes)
				}
			}
			told(request(offset.ToEarliest), s.online && s.resetsItself())
			if !s.resetsItself() {
				return
			}
			told(toEach(one), false)
			cluster.Disconnect(group)
			cluster.Connect(group, fake.Consumer{Language: "JAVA", Topics: []string{topic}})
			told(request(offset.ToEarliest), false)
			cluster.Connect(group, fake.Consumer{ID: "another", Topics: []string{topic}})
			told(request(offset.ToEarliest), true)
		})
	}
}

func TestAFutureInstantIsPointedOut(t *testing.T) {
	_, k := setups[0].start(t)
	k.clock = clock.Fixed(base)
	plan, err := k.Plan(t.Context(), atTime(base.Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(plan.Notes, " "); !strings.Contains(s, "2026-07-01T08:01:00Z lies in the future") {
		t.Errorf("notes %q", s)
	}
}

// Trap 7: a reset does not touch what waits for retry or has been given up.
func TestTheBacklogOfRetryAndDeadLetterTopicsIsTold(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.CreateTopic("%RETRY%"+group, 1)
	cluster.Append("broker-a", "%RETRY%"+group, 0, base, base, base)
	cluster.Commit("broker-a", group, "%RETRY%"+group, 0, 1)
	cluster.CreateTopic("%RETRY%"+group+"_"+topic, 1)
	cluster.Append("broker-b", "%RETRY%"+group+"_"+topic, 0, base)
	cluster.CreateTopic("%DLQ%"+group, 1)
	cluster.Append("broker-a", "%DLQ%"+group, 0, base)
	plan, err := k.Plan(t.Context(), request(offset.ToLatest))
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(plan.Notes, " ")
	for _, want := range []string{"3 messages wait for retry", "1 message waits in the dead-letter topic %DLQ%billing"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	cluster.SetFault(func(c fake.Call) *fake.Fault { // no right to look is no reason to fail
		if strings.HasPrefix(c.Fields["topic"], "%") {
			return &fake.Fault{Code: 16, Remark: "no permission"}
		}
		return nil
	})
	if plan, err = k.Plan(t.Context(), request(offset.ToLatest)); err != nil || strings.Contains(strings.Join(plan.Notes, " "), "wait") {
		t.Errorf("got %v, notes %q", err, plan.Notes)
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	cluster, k := setups[0].start(t)
	change := func(f func(*offset.Request)) offset.Request {
		r := request(offset.ToLatest)
		f(&r)
		return r
	}
	for name, c := range map[string]struct {
		req  offset.Request
		code offset.Code
		want string
	}{
		"no group":            {change(func(r *offset.Request) { r.Group = "" }), offset.InvalidArgument, "no name"},
		"no topic":            {change(func(r *offset.Request) { r.Scope.Topics = nil }), offset.InvalidArgument, "exactly one topic"},
		"two topics":          {change(func(r *offset.Request) { r.Scope.Topics = []string{"a", "b"} }), offset.InvalidArgument, "exactly one topic"},
		"all topics":          {change(func(r *offset.Request) { r.Scope.AllTopics = true }), offset.InvalidArgument, "exactly one topic"},
		"partitions":          {change(func(r *offset.Request) { r.Scope.Partitions = []int32{0} }), offset.InvalidArgument, "exactly one topic"},
		"a time without time": {request(offset.ToTime), offset.InvalidArgument, "needs the time"},
		"no offsets":          {request(offset.ToOffsets), offset.InvalidArgument, "needs offsets"},
		"offsets of no queue": {toEach(offset.Offsets{"broker-a": {}}), offset.InvalidArgument, "needs offsets"},
		"a negative offset":   {toEach(offset.Offsets{"broker-a": {0: -1}}), offset.InvalidArgument, "-1 of queue 0"},
		"a negative queue":    {toEach(offset.Offsets{"broker-a": {-1: 0}}), offset.InvalidArgument, "queue -1"},
		"Kafka's targets":     {request(offset.ByShift), offset.Unsupported, `target "shift"`},
		"an unknown broker":   {toEach(offset.Offsets{"broker-z": {0: 1}}), offset.PartitionGone, `broker-a, broker-b`},
		"an unknown queue":    {toEach(offset.Offsets{"broker-a": {2: 1}}), offset.PartitionGone, "has queues 0 to 1"},
		"a light queue":       {change(func(r *offset.Request) { r.Scope.Topics = []string{"%LMQ%x"} }), offset.Unsupported, "LMQ"},
		"outside, and refused": {change(func(r *offset.Request) {
			*r = toEach(offset.Offsets{"broker-a": {0: 11, 1: 10}})
			r.OutOfRange = offset.Refuse
		}), offset.OutsideLog, "broker-a/0: 11 is not in 0 to 10"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reset(t, k, c.req)
			wantError(t, err, c.code, c.want, "Nothing was changed")
			nothingWritten(t, cluster)
		})
	}
}

func TestClustersThatCannotBeReset(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*fake.Cluster)
		code    offset.Code
		want    []string
	}{
		"missing topic": {func(c *fake.Cluster) { c.DeleteTopic(topic) }, offset.TopicMissing, []string{`topic "orders"`, "TOPIC_NOT_EXIST", "Check the topic's name"}},
		"broadcasting group": {func(c *fake.Cluster) {
			c.Connect(group, fake.Consumer{Topics: []string{topic}, Broadcast: true})
		}, offset.GroupKind, []string{"consumes by broadcasting"}},
		"only slaves": {func(c *fake.Cluster) {
			c.SetAddresses("broker-b", map[int64]string{1: c.Address("broker-b")})
		}, offset.NoLeader, []string{`Broker "broker-b"`, "has no master"}},
		"an acting master": {func(c *fake.Cluster) {
			c.SetRoute("broker-b", map[int64]string{0: c.Address("broker-b")})
			c.SetAddresses("broker-b", map[int64]string{1: c.Address("broker-b")})
		}, offset.NoLeader, []string{`Broker "broker-b"`, "has no master"}},
		"one of two masters down": {func(c *fake.Cluster) { c.Kill("broker-b") }, offset.Unreachable, []string{`broker "broker-b"`, "connect"}},
		"a static topic": {func(c *fake.Cluster) {
			c.SetFault(answerOnce(remoting.GetRoute, `{"brokerDatas":[],"queueDatas":[],"topicQueueMappingByBroker":{"broker-a":{}}}`))
		}, offset.Unsupported, []string{"static topic"}},
		"a topic without queues": {func(c *fake.Cluster) {
			c.SetFault(answerOnce(remoting.GetRoute, `{"brokerDatas":[],"queueDatas":[]}`))
		}, offset.TopicMissing, []string{"no queue that can be read"}},
		"a broker without numbers": {func(c *fake.Cluster) {
			c.SetFault(answerOnce(remoting.GetRoute, `{"brokerDatas":[],"queueDatas":[{"brokerName":"x"}]}`))
		}, offset.Failed, []string{"no number of queues"}},
		"a body that is none": {func(c *fake.Cluster) {
			c.SetFault(answerOnce(remoting.GetTopicStats, `{"offsetTable":`))
		}, offset.Unreachable, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, k := setups[0].start(t)
			c.prepare(cluster)
			_, err := reset(t, k, request(offset.ToLatest))
			wantError(t, err, c.code, append(c.want, "Nothing was changed")...)
			if n := writes(cluster); n > 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// answerOnce answers a request with a body of the test's.
func answerOnce(code int, body string) func(fake.Call) *fake.Fault {
	return func(c fake.Call) *fake.Fault {
		if c.Code != code {
			return nil
		}
		return &fake.Fault{Body: &body}
	}
}

// Trap 3: a commit for a group that does not exist makes a ghost on 4.9.7.
func TestAMissingGroupIsAnErrorAndStaysMissing(t *testing.T) {
	for _, s := range setups {
		if s.online {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			cluster, k := s.start(t)
			cluster.DeleteGroup(group)
			_, err := reset(t, k, request(offset.ToLatest))
			wantError(t, err, offset.GroupMissing, `Group "billing" does not exist`, "Nothing was changed")
			cluster.CreateGroup(group, "broker-a")
			_, err = reset(t, k, request(offset.ToLatest))
			wantError(t, err, offset.GroupMissing, `does not exist on broker "broker-b"`, "updateSubGroup")
			if cluster.Exists("broker-b", group) || writes(cluster) > 0 {
				t.Error("the group was created")
			}
			cluster.CreateGroup(group)
			mustReset(t, k, request(offset.ToLatest))
		})
	}
}

func TestAKeyThatMayNotListGroupsIsLetThrough(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.DeleteGroup(group)
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetAllGroups {
			return &fake.Fault{Code: 16, Remark: "no permission"}
		}
		return nil
	})
	_, err := reset(t, k, request(offset.ToLatest))
	wantError(t, err, offset.GroupMissing, "SUBSCRIPTION_GROUP_NOT_EXIST", "Nothing was changed")
	cluster.CreateGroup(group)
	mustReset(t, k, request(offset.ToLatest))
}

func TestAccessControl(t *testing.T) {
	for _, s := range []setup{setups[0], setups[4]} {
		cluster, _ := s.startWith(t, fake.Config{Keys: map[string]string{"ak": "sk"}})
		ns := []string{cluster.NameServer()}
		for name, cfg := range map[string]Config{
			"unsigned":     {NameServers: ns},
			"wrong secret": {NameServers: ns, AccessKey: "ak", SecretKey: "wrong-secret"},
			"unknown key":  {NameServers: ns, AccessKey: "other", SecretKey: "sk"},
		} {
			_, err := reset(t, newClient(t, cfg), request(offset.ToLatest))
			wantError(t, err, offset.Unauthorized, "access_key", "Nothing was changed")
			if strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("%s: the secret is in %v", name, err)
			}
		}
		nothingWritten(t, cluster)
		mustReset(t, newClient(t, Config{NameServers: ns, AccessKey: "ak", SecretKey: "sk", SecurityToken: "st"}), request(offset.ToLatest))
	}
}

func TestNameServers(t *testing.T) {
	cluster, _ := setups[0].start(t)
	_, port, err := net.SplitHostPort(cluster.NameServer())
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]string{
		"a host name":          {"localhost:" + port},
		"first one dead":       {"127.0.0.1:1", cluster.NameServer()},
		"a list in one string": {" 127.0.0.1:1 ; localhost:" + port + ";"},
	} {
		if _, err := newClient(t, Config{NameServers: list}).Plan(t.Context(), request(offset.ToLatest)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = newClient(t, Config{NameServers: []string{"127.0.0.1:1;127.0.0.1:2"}}).Plan(t.Context(), request(offset.ToLatest))
	wantError(t, err, offset.Unreachable, "127.0.0.1:1", "127.0.0.1:2", "Nothing was changed")
}

func TestServersThatNeverAnswerOrAnswerGarbage(t *testing.T) {
	for name, c := range map[string]struct {
		fault fake.Fault
		want  string
	}{
		"never":             {fake.Fault{Silent: true}, "no answer within"},
		"garbage":           {fake.Fault{Raw: []byte("\x10\x20\x30\x40 and so on")}, "not RocketMQ's protocol"},
		"HTTP":              {fake.Fault{Raw: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, "proxy's gRPC port"},
		"a huge frame":      {fake.Fault{Raw: []byte("\x7f\xff\xff\xff\x00\x00\x00\x10")}, "not RocketMQ's protocol"},
		"closed":            {fake.Fault{Close: true}, "enforces TLS"},
		"busy for ever":     {fake.Fault{Code: remoting.SystemBusy, Remark: "busy"}, "try again later"},
		"something unknown": {fake.Fault{Code: 4711, Remark: "what?"}, "code 4711 (what?)"},
	} {
		for _, server := range []string{"name server", "broker-b"} {
			t.Run(name+"/"+server, func(t *testing.T) {
				t.Parallel()
				cluster, _ := setups[0].start(t)
				cluster.SetFault(func(call fake.Call) *fake.Fault {
					if call.Server == server {
						f := c.fault
						return &f
					}
					return nil
				})
				cfg := Config{NameServers: []string{cluster.NameServer()}}
				if c.fault.Silent { // The others answer, whenever the machine lets them.
					cfg.RequestTimeout = 3 * time.Second
				}
				k := newClient(t, cfg)
				_, err := k.Plan(t.Context(), request(offset.ToLatest))
				wantError(t, err, offset.CodeOf(err), c.want, "Nothing was changed")
				nothingWritten(t, cluster)
			})
		}
	}
}

func TestTheCallersContextEndsAPlan(t *testing.T) {
	cluster, k := setups[0].start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetTopicStats {
			return &fake.Fault{Silent: true, Before: cancel}
		}
		return nil
	})
	_, err := k.Plan(ctx, request(offset.ToLatest))
	wantError(t, err, offset.Interrupted, "Nothing was changed")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	ca, server := authority(t)
	stranger, _ := authority(t)
	client, err := ca.Issue("terraform", "terraform")
	if err != nil {
		t.Fatal(err)
	}
	cluster, plain := setups[0].startWith(t, fake.Config{TLS: server})
	pem := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(pem, []byte(ca.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(c TLS) *Client {
		return newClient(t, Config{NameServers: []string{cluster.NameServer()}, TLS: &c})
	}
	for name, k := range map[string]*Client{
		"trusted":            with(TLS{CACert: ca.PEM}),
		"trusted by file":    with(TLS{CACert: pem}),
		"by name":            with(TLS{CACert: ca.PEM, ServerName: "broker.example"}),
		"unverified":         with(TLS{InsecureSkipVerify: true}),
		"client certificate": with(TLS{CACert: ca.PEM, ClientCert: client.PEM, ClientKey: client.KeyPEM}),
	} {
		if _, err := k.Plan(t.Context(), request(offset.ToLatest)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = reset(t, with(TLS{CACert: stranger.PEM}), request(offset.ToLatest))
	wantError(t, err, offset.Unreachable, "certificate", "tls.ca_cert", "Nothing was changed")
	_, err = reset(t, with(TLS{CACert: ca.PEM, ServerName: "other.example"}), request(offset.ToLatest))
	wantError(t, err, offset.Unreachable, "other.example", "tls.server_name", "Nothing was changed")
	_, err = reset(t, plain, request(offset.ToLatest))
	wantError(t, err, offset.Unreachable, "enforces TLS", "Nothing was changed")
	nothingWritten(t, cluster)
}

// authority returns a certificate authority and a server with a certificate of it.
func authority(t *testing.T) (*certs.Authority, *tls.Config) {
	t.Helper()
	ca, err := certs.NewAuthority("test authority")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Issue("broker", "broker.example", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := cert.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return ca, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	ns := []string{"ns1:9876"}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "not.pem"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no name server":      {Config{}, "No name server"},
		"empty name servers":  {Config{NameServers: []string{" ; ", ""}}, "No name server"},
		"no port":             {Config{NameServers: []string{"ns1"}}, `"ns1" is not of the form`},
		"a URL":               {Config{NameServers: []string{"http://ns1:9876"}}, "is not of the form"},
		"no host":             {Config{NameServers: []string{":9876"}}, "is not of the form"},
		"a login":             {Config{NameServers: []string{"bob:hunter2@ns1:9876"}}, `"…@ns1:9876" holds a login`},
		"a login in a list":   {Config{NameServers: []string{"ns0:9876;bob:hun;hunter2@ns1:9876"}}, "holds a login"},
		"no closing bracket":  {Config{NameServers: []string{"[::1:9876"}}, "is not of the form"},
		"half the keys":       {Config{NameServers: ns, AccessKey: "a"}, "belong together"},
		"a token alone":       {Config{NameServers: ns, SecurityToken: "t"}, "without an access key"},
		"negative time-out":   {Config{NameServers: ns, RequestTimeout: -1}, "negative"},
		"no such CA file":     {Config{NameServers: ns, TLS: &TLS{CACert: filepath.Join(dir, "none.pem")}}, "ca_cert"},
		"CA without PEM":      {Config{NameServers: ns, TLS: &TLS{CACert: filepath.Join(dir, "not.pem")}}, "holds no PEM text"},
		"half a pair":         {Config{NameServers: ns, TLS: &TLS{ClientCert: "-----BEGIN CERTIFICATE-----"}}, "belong together"},
		"a broken pair":       {Config{NameServers: ns, TLS: &TLS{ClientCert: "-----BEGIN CERTIFICATE-----", ClientKey: "-----BEGIN KEY-----\nhunter2"}}, "do not fit"},
		"a key, not its path": {Config{NameServers: ns, TLS: &TLS{ClientCert: "-----BEGIN CERTIFICATE-----", ClientKey: "hunter2hunter2"}}, "client_key"},
		"a broken key":        {Config{NameServers: ns, TLS: &TLS{ClientCert: "-----BEGIN CERTIFICATE-----", ClientKey: "hunter2\nhunter2"}}, "client_key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.cfg, clock.System{})
			wantError(t, err, offset.InvalidArgument, c.want)
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("a key is in %v", err)
			}
		})
	}
}

func TestNewDialsNothingAndCloseEndsCalls(t *testing.T) {
	cluster, _ := setups[0].start(t)
	cluster.SetFault(func(fake.Call) *fake.Fault { return &fake.Fault{Silent: true} })
	cluster.Forget()
	k, err := New(Config{NameServers: []string{cluster.NameServer()}}, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(cluster.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
	failed := make(chan error)
	go func() {
		_, err := k.Plan(background(), request(offset.ToLatest))
		failed <- err
	}()
	for len(cluster.Calls()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	wantError(t, <-failed, offset.Interrupted, "closed")
}

func TestLogKnowsNoSecret(t *testing.T) {
	cluster, _ := setups[0].startWith(t, fake.Config{Keys: map[string]string{"key-id": "the-secret"}})
	lines := make(chan string, 1000)
	traced := make(chan remoting.Exchange, 1000)
	k := newClient(t, Config{
		NameServers: []string{cluster.NameServer()}, AccessKey: "key-id", SecretKey: "the-secret", SecurityToken: "the-token",
		Log:   func(_ context.Context, m string, kv ...any) { lines <- fmt.Sprintln(m, kv) },
		Trace: func(_ context.Context, x remoting.Exchange) { traced <- x },
	})
	mustReset(t, k, request(offset.ToLatest))
	if _, err := reset(t, k, atTime(base)); err != nil {
		t.Fatal(err)
	}
	close(lines)
	if len(lines) == 0 || len(traced) != len(cluster.Calls()) {
		t.Errorf("%d lines, %d exchanges, %d calls", len(lines), len(traced), len(cluster.Calls()))
	}
	for line := range lines {
		for _, secret := range []string{"the-secret", "the-token", "Signature"} {
			if strings.Contains(line, secret) {
				t.Errorf("%q is in %q", secret, line)
			}
		}
	}
}

func TestForgetIsNotPossible(t *testing.T) {
	k := newClient(t, Config{NameServers: []string{"127.0.0.1:1"}})
	_, err := k.Forget(t.Context(), offset.UndoRequest{Group: group})
	wantError(t, err, offset.Unsupported, "cannot delete", "keep")
}

// A name server that has just started, or that a broker cannot reach, knows a
// part, which must not be reset as if it were all.
func TestAllNameServersAreAsked(t *testing.T) {
	cluster, _ := setups[0].start(t)
	other, err := fake.Start(fake.Config{Brokers: []string{"broker-a", "broker-b"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	for _, order := range [][]string{{cluster.NameServer(), other.NameServer()}, {other.NameServer(), cluster.NameServer()}} {
		k := newClient(t, Config{NameServers: order})
		check := func(words ...string) {
			t.Helper()
			_, err := k.Plan(t.Context(), request(offset.ToLatest))
			wantError(t, err, offset.Unreachable, append(words, "know different brokers", cluster.NameServer(), other.NameServer(), "Nothing was changed", "half a minute")...)
			nothingWritten(t, cluster)
		}
		other.DeleteTopic(topic)
		check("knows none") // it has just started
		other.CreateTopic(topic, 2)
		other.SetAddresses("broker-a", map[int64]string{0: cluster.Address("broker-a")})
		other.SetAddresses("broker-b", nil)
		check("knows broker-a (2 queues at " + cluster.Address("broker-a") + ")")
		other.SetAddresses("broker-b", map[int64]string{0: "10.0.0.9:10911"}) // a master that was replaced
		check("broker-b (2 queues at 10.0.0.9:10911)")
		other.SetAddresses("broker-b", map[int64]string{0: cluster.Address("broker-b")})
		if _, err := k.Plan(t.Context(), request(offset.ToLatest)); err != nil {
			t.Error(err)
		}
	}
	// One that does not answer is left out, and costs little.
	other.SetFault(func(fake.Call) *fake.Fault { return &fake.Fault{Silent: true} })
	k := newClient(t, Config{NameServers: []string{other.NameServer(), "127.0.0.1:1", cluster.NameServer()}})
	begin := time.Now()
	if _, err := k.Plan(t.Context(), request(offset.ToLatest)); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(begin), err)
	}
}

// A name server forgets a broker that has died at once.
func TestBrokersThatMustTakePart(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.SetAddresses("broker-b", nil)
	req := request(offset.ToLatest)
	req.Brokers = []string{"broker-a", "broker-b"}
	_, err := k.Plan(t.Context(), req)
	wantError(t, err, offset.BrokerMissing, "Broker broker-b must take part", "only on broker-a", "Nothing was changed")
	nothingWritten(t, cluster)

	req.Brokers, req.RecordedBrokers = []string{"broker-a"}, []string{"broker-b", "broker-a", "broker-b"}
	plan, err := k.Plan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.Apply(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, notes := range [][]string{plan.Notes, r.Notes} {
		if s := strings.Join(notes, " "); !strings.Contains(s, "was made on broker broker-b too") {
			t.Errorf("notes %q", s)
		}
	}
	req.RecordedBrokers = []string{"broker-a"}
	if plan, err = k.Plan(t.Context(), req); err != nil || strings.Contains(strings.Join(plan.Notes, " "), "reset before") {
		t.Errorf("got %v, %v", plan, err)
	}
}

func TestSystemTopicsAreRefused(t *testing.T) {
	_, k := setups[0].start(t)
	for _, name := range []string{"SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "rmq_sys_REVIVE_LOG_DefaultCluster", "rmq_sys_wheel_timer", "TBW102"} {
		req := request(offset.ToLatest)
		req.Scope.Topics = []string{name}
		_, err := k.Plan(t.Context(), req)
		wantError(t, err, offset.InvalidArgument, name, "belongs to RocketMQ itself")
	}
	for _, name := range []string{topic, "%RETRY%billing", "my_rmq_sys_orders", "SCHEDULE"} {
		if IsSystemTopic(name) {
			t.Errorf("%s was taken for a system topic", name)
		}
	}
}

// A group list of more than 16 MiB cannot be read, which is no reason to fail.
func TestAGroupListThatIsTooLong(t *testing.T) {
	cluster, k := setups[0].start(t)
	cluster.DeleteGroup(group)
	cluster.CreateGroup(group)
	body := `{"subscriptionGroupTable":{"` + strings.Repeat("g", remoting.DefaultMaxFrame) + `":{}}}`
	long := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.GetAllGroups {
			head := fmt.Sprintf(`{"code":0,"version":513,"opaque":%d,"flag":1}`, c.Opaque)
			frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(head)+len(long)+len(body)))
			frame = binary.BigEndian.AppendUint32(frame, uint32(len(head)))
			return &fake.Fault{Raw: append(append(append(frame, head...), long...), body...)}
		}
		return nil
	})
	mustReset(t, k, request(offset.ToLatest))
	if got := where(cluster); got != everywhere(10) {
		t.Errorf("got %s", got)
	}
}

// What is in flight by POP comes back, whatever is skipped.
func TestMessagesInFlightAreTold(t *testing.T) {
	for _, s := range setups {
		_, k := s.start(t)
		for _, c := range []struct {
			req  offset.Request
			skip bool
		}{{request(offset.ToLatest), true}, {request(offset.ToEarliest), false}, {atTime(base.Add(6 * time.Second)), true}} {
			plan, err := k.Plan(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			want := c.skip && s.version >= remoting.V5_0_0
			if told := strings.Contains(strings.Join(plan.Notes, " "), "received and not acknowledged"); told != want {
				t.Errorf("%s, %s: notes %q", s.name, c.req.Target.Kind, plan.Notes)
			}
		}
	}
}
