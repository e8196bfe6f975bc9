//go:build acceptance

package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kdc"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/tokens"
)

// Ways in that end while a reset waits, or that ask somebody else, on a real
// broker: tokens and sessions that live for seconds, client certificates, and
// Kerberos with a KDC.
func TestLoginsOnARealBroker(t *testing.T) {
	const password = "alice's password"
	provider := tokens.Start(t)
	realm := kdc.Start(t, map[string]string{"alice": password, "bob": "bob's password", "kafka/127.0.0.1": "the broker's password"})
	relay := newRelay(t)
	k := kafkacluster.StartWith(t, kafkacluster.Options{
		Nodes:    1,
		Kerberos: &kafkacluster.Kerberos{Config: realm.Config, Keytab: realm.Keytab("kafka/127.0.0.1"), Principal: "kafka/127.0.0.1@" + kdc.Realm},
		Listeners: []kafkacluster.Listener{
			{Name: "OAUTH", Mechanisms: []string{connection.OAuthBearer}, Session: kafkacluster.Session{
				Most: 2 * time.Second, Keys: provider.Keys, Issuer: tokens.Issuer, Audience: tokens.Audience,
			}},
			{Name: "MUTUAL", TLS: true, ClientAuth: true, Advertised: []string{relay.address()}},
			{Name: "KERBEROS", Mechanisms: []string{connection.GSSAPI}, Session: kafkacluster.Session{Most: 2 * time.Second}},
		},
	})
	relay.leadTo(k.BootstrapOf("MUTUAL")[0])
	k.CreateTopic(t, "orders", 3, 1)
	k.Fill(t, "orders", 3, 10, noon, time.Second)

	t.Run("ways", func(t *testing.T) { // returns when all of them have
		oauthLogins(t, k, provider)
		clientCertificates(t, k, relay)
		kerberosLogins(t, k, realm, password)
	})
}

// Sessions end every two seconds, and each token with them. Sarama logs in
// again before its next request, with a fresh token, and so do the requests of
// share groups, which it does not have.
func oauthLogins(t *testing.T, k *kafkacluster.Cluster, provider *tokens.Provider) {
	const lifetime = 3 * time.Second
	with := func(e *tokens.Endpoint) connection.Config {
		return connection.Config{BootstrapServers: k.BootstrapOf("OAUTH"), SASL: &connection.SASL{
			Mechanism: connection.OAuthBearer, TokenURL: e.URL, ClientID: tokens.ClientID, ClientSecret: tokens.ClientSecret,
		}}
	}
	kinds := []offset.GroupType{offset.ConsumerGroup}
	if k.HasOtherGroupTypes() {
		kinds = append(kinds, offset.ShareGroup)
	}
	for _, kind := range kinds {
		t.Run("tokens for a "+string(kind)+" group", func(t *testing.T) {
			t.Parallel()
			e := provider.Endpoint(lifetime)
			w := newWaiter(t, k, with(e), kind)
			before, _ := e.Given()
			for { // two sessions later
				given, next := e.Given()
				if given >= before+2 {
					break
				}
				w.until(t, next)
			}
			w.leaves(t)
			w.succeeds(t)
		})
	}
	t.Run("an endpoint that fails for a while", func(t *testing.T) {
		t.Parallel()
		e := provider.Endpoint(lifetime)
		w := newWaiter(t, k, with(e), offset.ConsumerGroup)
		failed := make(chan struct{}, 100)
		e.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			failed <- struct{}{}
		})
		for range 2 {
			w.until(t, failed)
		}
		e.Answer(nil)
		w.leaves(t)
		w.succeeds(t)
	})
	for name, ends := range map[string]struct {
		instead http.HandlerFunc
		code    offset.Code
		words   []string
	}{
		"hangs":   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, offset.Unreachable, []string{"No token from http://", "no answer within 2s", "sasl.token_url"}},
		"fails":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, offset.Unreachable, []string{"No token from http://", "HTTP status 500"}},
		"refuses": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, offset.Unauthorized, []string{"HTTP status 401", "client_secret"}},
		"limits": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}, offset.Unreachable, []string{"HTTP status 429; it wants no request for 1m0s", "try again later"}},
		"gives expired tokens": {nil, offset.Unauthorized, []string{"refused the token, which expired at 20", "not expired"}},
	} {
		t.Run("an endpoint that "+name, func(t *testing.T) {
			t.Parallel()
			e := provider.Endpoint(lifetime)
			cfg := with(e)
			cfg.RequestTimeout = 2 * time.Second
			w := newWaiter(t, k, cfg, offset.ConsumerGroup)
			e.Answer(ends.instead)
			if ends.instead == nil {
				e.Live(-time.Minute) // more than the broker lets clocks differ
			}
			w.fails(t, ends.code, append(ends.words, "Nothing was changed")...)
		})
	}
}

// A broker looks at a client's certificate when it connects, and a connection
// that breaks after the certificate has expired cannot be replaced.
func clientCertificates(t *testing.T, k *kafkacluster.Cluster, relay *relay) {
	files := func(t *testing.T, expires time.Time) connection.Config {
		t.Helper()
		dir := t.TempDir()
		cfg := connection.Config{BootstrapServers: []string{relay.address()}, TLS: &connection.TLS{
			CACert: k.Authority().PEM, ClientCert: filepath.Join(dir, "cert.pem"), ClientKey: filepath.Join(dir, "key.pem"),
		}}
		renew(t, k, cfg.TLS, expires)
		return cfg
	}
	t.Run("a certificate that expires", func(t *testing.T) {
		t.Parallel()
		lost, renewed := join(t, k, offset.ConsumerGroup), join(t, k, offset.ConsumerGroup)
		expires := time.Now().Add(6 * time.Second).Truncate(time.Second)
		kept := files(t, expires)
		lost.waits(t, files(t, expires))
		renewed.waits(t, kept)
		renew(t, k, kept.TLS, time.Now().Add(time.Hour))
		time.Sleep(time.Until(expires.Add(time.Second)))
		relay.cut()
		lost.fails(t, offset.Unauthorized, `refused the client certificate "CN=alice", which expired at `+expires.UTC().Format(time.RFC3339), "Renew the certificate", "Nothing was changed")
		renewed.leaves(t)
		renewed.succeeds(t)
	})
}

func renew(t *testing.T, k *kafkacluster.Cluster, files *connection.TLS, expires time.Time) {
	t.Helper()
	cert, err := k.Authority().IssueUntil(expires, "alice")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{files.ClientCert: cert.PEM, files.ClientKey: cert.KeyPEM} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func kerberosLogins(t *testing.T, k *kafkacluster.Cluster, realm *kdc.KDC, password string) {
	as := func(change func(*connection.SASL)) connection.Config {
		s := &connection.SASL{Mechanism: connection.GSSAPI, Username: "alice", KerberosRealm: kdc.Realm, KerberosConfig: realm.Config}
		change(s)
		return connection.Config{BootstrapServers: k.BootstrapOf("KERBEROS"), SASL: s}
	}
	keytab := func(s *connection.SASL) { s.KerberosKeytab = realm.Keytab("alice") }
	t.Run("Kerberos with a keytab", func(t *testing.T) {
		t.Parallel()
		w := newWaiter(t, k, as(keytab), offset.ConsumerGroup)
		time.Sleep(3 * time.Second) // another session
		w.leaves(t)
		w.succeeds(t)
	})
	t.Run("Kerberos with a password", func(t *testing.T) {
		t.Parallel()
		w := newWaiter(t, k, as(func(s *connection.SASL) { s.Password = password }), offset.ConsumerGroup)
		w.leaves(t)
		w.succeeds(t)
	})
	config := func(t *testing.T, address string, lines ...string) func(*connection.SASL) {
		t.Helper()
		path, err := kdc.WriteConfig(t.TempDir(), address, lines...)
		if err != nil {
			t.Fatal(err)
		}
		return func(s *connection.SASL) { keytab(s); s.KerberosConfig = path }
	}
	for name, login := range map[string]struct {
		change func(*connection.SASL)
		code   offset.Code
		words  []string
	}{
		"wrong password":              {func(s *connection.SASL) { s.Password = "a wrong password" }, offset.Unauthorized, []string{"password"}},
		"keytab of another principal": {func(s *connection.SASL) { s.KerberosKeytab = realm.Keytab("bob") }, offset.Unauthorized, []string{"keytab"}},
		"unknown principal":           {func(s *connection.SASL) { s.Username, s.Password = "carol", password }, offset.Unauthorized, []string{"sasl.username"}},
		"unknown service":             {func(s *connection.SASL) { keytab(s); s.KerberosServiceName = "kafkas" }, offset.Unauthorized, []string{"sasl.kerberos_service_name"}},
		"no KDC":                      {config(t, "127.0.0.1:1"), offset.Unreachable, []string{"KDC", "krb5.conf"}},
		"clocks that differ":          {config(t, realm.Address, " clockskew = 0s"), offset.Unauthorized, []string{"clock"}},
	} {
		t.Run("Kerberos, "+name, func(t *testing.T) {
			t.Parallel()
			c := impatient(t, as(login.change))
			_, err := c.Plan(t.Context(), of("nobody", "orders", earliest))
			wantError(t, err, login.code, append(login.words, "Nothing was changed")...)
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, secret := range []string{password, "a wrong password"} {
					if strings.Contains(e.Error(), secret) {
						t.Errorf("%v holds a password", e)
					}
				}
			}
		})
	}
	t.Run("Kerberos, a KDC that is silent", func(t *testing.T) {
		t.Parallel()
		silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // never accepts
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }() // what has asked it ends, too
		cfg := as(config(t, silent.Addr().String()))
		cfg.RequestTimeout = time.Second
		c := impatient(t, cfg)
		told := []string{"the KDC of the realm " + kdc.Realm + " does not answer", "krb5.conf", "Nothing was changed"}
		_, err = c.Plan(t.Context(), of("nobody", "orders", earliest))
		wantError(t, err, offset.Unreachable, told...)

		ctx, cancel := context.WithCancel(t.Context())
		stopped := time.AfterFunc(300*time.Millisecond, cancel)
		defer stopped.Stop()
		began := time.Now()
		_, err = c.Plan(ctx, of("nobody", "orders", earliest))
		wantError(t, err, offset.Interrupted, "Nothing was changed")
		// The library itself would wait for five seconds.
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("stopped after %s", took)
		}
	})
}

// impatient is a client that tries for a few seconds only.
func impatient(t *testing.T, cfg connection.Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.poll = 100 * time.Millisecond
	c.cluster.Times.Failover.Total = 3 * time.Second
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// waiter is a reset that waits for a member to leave.
type waiter struct {
	k      *kafkacluster.Cluster
	group  string
	kind   offset.GroupType
	member *kafkaclient.Member
	done   chan error
}

var waiters atomic.Int32

// join has a member join a group of its own.
func join(t *testing.T, k *kafkacluster.Cluster, kind offset.GroupType) *waiter {
	t.Helper()
	w := &waiter{k: k, group: fmt.Sprintf("waiter-%d", waiters.Add(1)), kind: kind, done: make(chan error, 1)}
	protocol := kafkaclient.Consumer
	if kind == offset.ShareGroup {
		protocol = kafkaclient.Share
	}
	w.member = k.Join(t, kafkaclient.MemberOptions{Group: w.group, Topics: []string{"orders"}, Protocol: protocol})
	return w
}

// waits begins to reset the group, and returns once that waits for the member.
func (w *waiter) waits(t *testing.T, cfg connection.Config) {
	t.Helper()
	req := typed(w.kind, w.group, "orders", offset.Target{Kind: offset.ToOffset, Offset: 7})
	wait := time.Minute
	req.WaitForInactive = &wait
	waits := make(chan struct{})
	var once sync.Once
	req.Progress = func(s string) {
		if strings.HasPrefix(s, "Waiting") {
			once.Do(func() { close(waits) })
		}
	}
	c := impatient(t, cfg)
	go func() {
		_, err := run(t.Context(), c, req)
		w.done <- err
	}()
	w.until(t, waits)
}

func newWaiter(t *testing.T, k *kafkacluster.Cluster, cfg connection.Config, kind offset.GroupType) *waiter {
	t.Helper()
	w := join(t, k, kind)
	w.waits(t, cfg)
	return w
}

// until waits for an event while the reset waits.
func (w *waiter) until(t *testing.T, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case err := <-w.done:
		t.Fatalf("the reset has ended: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("nothing happens")
	}
}

func (w *waiter) leaves(t *testing.T) { w.k.Leave(t, w.member) }

// succeeds waits for the reset's end, and asks Apache's own tool.
func (w *waiter) succeeds(t *testing.T) {
	t.Helper()
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	said := w.k.ToolOffsets
	if w.kind == offset.ShareGroup {
		said = w.k.ToolShareStarts
	}
	if got, want := said(t, w.group), (kafkacluster.Offsets{"orders": {0: 7, 1: 7, 2: 7}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the tool says %v, want %v", got, want)
	}
}

// fails waits for the reset's end, which is an error without secrets.
func (w *waiter) fails(t *testing.T, code offset.Code, words ...string) {
	t.Helper()
	began := time.Now()
	err := <-w.done
	t.Logf("after %s: %v", time.Since(began), err)
	wantError(t, err, code, words...)
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), tokens.ClientSecret) {
			t.Errorf("%v holds a secret", e)
		}
	}
	if got := w.k.Committed(t, w.group); len(got) > 0 {
		t.Errorf("committed %v", got)
	}
}

// relay stands before a listener and cuts its connections.
type relay struct {
	listener net.Listener

	mu   sync.Mutex
	to   string
	open map[net.Conn]struct{}
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, open: map[net.Conn]struct{}{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			address := r.to
			r.mu.Unlock()
			to, err := net.Dial("tcp", address)
			if err != nil {
				_ = from.Close()
				continue
			}
			r.mu.Lock()
			r.open[from], r.open[to] = struct{}{}, struct{}{}
			r.mu.Unlock()
			for a, b := range map[net.Conn]net.Conn{from: to, to: from} {
				running.Go(func() {
					_, _ = io.Copy(a, b)
					_, _ = a.Close(), b.Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.cut()
		running.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) leadTo(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = address
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.Close()
		delete(r.open, c)
	}
}
