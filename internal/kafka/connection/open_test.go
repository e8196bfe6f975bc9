package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

func TestOpenDefaults(t *testing.T) {
	conf, d, err := Open(Config{BootstrapServers: []string{"b:9092"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	if conf.ClientID != "terraform-provider-offsets" {
		t.Errorf("client id %q", conf.ClientID)
	}
	if conf.Version != sarama.MaxVersion {
		t.Errorf("version %s", conf.Version)
	}
	for name, got := range map[string]time.Duration{"dial": conf.Net.DialTimeout, "read": conf.Net.ReadTimeout, "write": conf.Net.WriteTimeout} {
		if got != 10*time.Second {
			t.Errorf("%s time-out %s", name, got)
		}
	}
	if conf.Net.SASL.Enable || conf.Net.TLS.Enable {
		t.Error("sasl or tls is on")
	}
	// A look-up of a misspelt topic must never create it.
	if conf.Metadata.AllowAutoTopicCreation || conf.Metadata.Full || conf.Metadata.Retry.Max != 0 || conf.Admin.Retry.Max != 0 {
		t.Error("sarama is left to its own devices")
	}
	if !conf.ApiVersionsRequest {
		t.Error("versions are not negotiated")
	}
}

func TestOpenRefusesAProblem(t *testing.T) {
	_, _, err := Open(Config{BootstrapServers: []string{"b"}}, nil)
	var ce *ConfigError
	if !errors.As(err, &ce) || ce.Problems[0].Attribute != "bootstrap_servers[0]" {
		t.Fatalf("got %v", err)
	}
}

func TestPlaintext(t *testing.T) {
	addr := fake(t)
	if err := ask(t, Config{BootstrapServers: []string{addr}}); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	good, other := newAuthority(t, "good authority"), newAuthority(t, "other authority")
	server := good.issue(time.Now().Add(time.Hour), "127.0.0.1", "broker.example")
	start := func(l leaf) string { return fake(t, kfake.TLS(l.config(t))) }
	addr := start(server)

	mutual := server.config(t)
	mutual.ClientAuth = tls.RequireAndVerifyClientCert
	mutual.ClientCAs = x509.NewCertPool()
	mutual.ClientCAs.AddCert(good.cert)
	strict := fake(t, kfake.TLS(mutual))
	client, stranger := good.issue(time.Now().Add(time.Hour)), other.issue(time.Now().Add(time.Hour))

	tests := []struct {
		name     string
		addr     string
		tls      *TLS
		sentence string // part of; empty means success
		advice   string
		denied   bool
	}{
		{name: "authority as text", addr: addr, tls: &TLS{CACert: good.PEM}},
		{name: "authority as a file", addr: addr, tls: &TLS{CACert: file(t, good.PEM)}},
		{name: "authority with line ends from an environment variable", addr: addr, tls: &TLS{CACert: strings.ReplaceAll(good.PEM, "\n", `\n`)}},
		{name: "server name", addr: addr, tls: &TLS{CACert: good.PEM, ServerName: "broker.example"}},
		{name: "nobody checked", addr: addr, tls: &TLS{InsecureSkipVerify: true}},
		{name: "authority not trusted", addr: addr, tls: &TLS{CACert: other.PEM}, sentence: "authority that is not trusted (CN=good authority)", advice: "tls.ca_cert"},
		{name: "another name", addr: addr, tls: &TLS{CACert: good.PEM, ServerName: "wrong.example"}, sentence: "certificate for another name", advice: "tls.server_name"},
		{name: "expired", addr: start(good.issue(time.Now().Add(-time.Hour), "127.0.0.1")), tls: &TLS{CACert: good.PEM}, sentence: "expired", advice: "clock"},
		{name: "plaintext to a TLS listener", addr: addr, sentence: "before it said anything", advice: "add tls"},
		{name: "mutual", addr: strict, tls: &TLS{CACert: good.PEM, ClientCert: client.Cert, ClientKey: file(t, client.Key)}},
		{name: "client certificate missing", addr: strict, tls: &TLS{CACert: good.PEM}, sentence: "wants a client certificate", advice: "tls.client_cert", denied: true},
		{name: "client certificate of another authority", addr: strict, tls: &TLS{CACert: good.PEM, ClientCert: stranger.Cert, ClientKey: stranger.Key}, sentence: "client certificate", advice: "tls.client_cert", denied: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := ask(t, Config{BootstrapServers: []string{test.addr}, TLS: test.tls, RequestTimeout: 10 * time.Second})
			if test.sentence == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			explained(t, err, test.sentence, test.advice)
			if Unauthorized(err) != test.denied {
				t.Errorf("unauthorized is %t for %v", !test.denied, err)
			}
		})
	}
}

// explained fails unless err is put into words that hold both texts.
func explained(t *testing.T, err error, sentence, advice string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	s, a := Explain(err)
	if !strings.Contains(s, sentence) || !strings.Contains(a, advice) {
		t.Errorf("%v\nexplained as %q\nadvised %q", err, s, a)
	}
	if strings.HasSuffix(s, ".") || (a != "" && !strings.HasSuffix(a, ".")) {
		t.Errorf("full stops: %q %q", s, a)
	}
}

func TestTLS12Client(t *testing.T) {
	// With TLS 1.2 the client certificate is refused within the handshake,
	// with 1.3 at the first read.
	good := newAuthority(t, "good")
	strict := good.issue(time.Now().Add(time.Hour), "127.0.0.1").config(t)
	strict.ClientAuth = tls.RequireAnyClientCert
	strict.MaxVersion = tls.VersionTLS12
	err := ask(t, Config{BootstrapServers: []string{fake(t, kfake.TLS(strict))}, TLS: &TLS{CACert: good.PEM}})
	explained(t, err, "certificate", "client_cert")
}

func TestNotKafka(t *testing.T) {
	reply := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			buf := make([]byte, 4096)
			_, _ = c.Read(buf)
			_, _ = c.Write([]byte(text))
			_, _ = io.Copy(io.Discard, c)
		}
	}
	tests := []struct {
		name             string
		handle           func(net.Conn)
		tls              *TLS
		sasl             *SASL
		sentence, advice string
	}{
		{name: "HTTP", handle: reply("HTTP/1.1 400 Bad Request\r\n\r\n"), sentence: "answers with HTTP", advice: "REST proxy"},
		{name: "TLS alert", handle: reply("\x15\x03\x03\x00\x02\x02\x46"), sentence: "speaks TLS", advice: "Add tls"},
		{name: "a length of 4 GiB", handle: reply("\xff\xff\xff\xff\x00\x00\x00\x00"), sentence: "not Kafka's protocol", advice: "Check the address"},
		{name: "a length of zero", handle: reply("\x00\x00\x00\x00\x00\x00\x00\x00"), sentence: "not Kafka's protocol", advice: "Check the address"},
		{name: "SSH", handle: reply("SSH-2.0-OpenSSH_9.6\r\n"), sentence: "not Kafka's protocol", advice: "Check the address"},
		{name: "hangs up at once", handle: func(net.Conn) {}, sentence: "closed the connection before it said anything", advice: "add tls"},
		{name: "hangs up in the handshake", handle: func(net.Conn) {}, tls: &TLS{}, sentence: "during the TLS handshake", advice: "without TLS"},
		{name: "answers a handshake with text", handle: reply("hello, this is no TLS at all"), tls: &TLS{}, sentence: "does not speak TLS", advice: "remove tls"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr := peer(t, test.handle)
			err := ask(t, Config{BootstrapServers: []string{addr}, TLS: test.tls, SASL: test.sasl, RequestTimeout: 10 * time.Second})
			explained(t, err, test.sentence, test.advice)
			if !strings.Contains(err.Error(), addr) {
				t.Errorf("%v does not name the broker", err)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	explained(t, ask(t, Config{BootstrapServers: []string{addr}}), "nothing listens", "broker runs")
	explained(t, ask(t, Config{BootstrapServers: []string{"no-such-host.invalid:9092"}}), `"no-such-host.invalid" cannot be resolved`, "advertised.listeners")
}

// A broker that accepts and never answers costs one time-out, not three:
// sarama alone asks for the versions twice and then sends the request as well.
func TestSilenceCostsOneTimeout(t *testing.T) {
	var mu sync.Mutex
	requests := 0
	addr := peer(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			mu.Lock()
			requests++
			mu.Unlock()
		}
	})
	err := ask(t, Config{BootstrapServers: []string{addr}, RequestTimeout: 50 * time.Millisecond})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	explained(t, err, "does not answer", "TLS")
	mu.Lock()
	defer mu.Unlock()
	if requests != 1 {
		t.Errorf("%d requests were sent", requests)
	}
}

func TestSilentHandshakeTimesOut(t *testing.T) {
	addr := peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	err := ask(t, Config{BootstrapServers: []string{addr}, TLS: &TLS{}, RequestTimeout: 50 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	explained(t, err, "TLS handshake", "without TLS")
}

// A listener that wants a login hangs up at the first request of a client
// that offers none.
func TestLoginMissing(t *testing.T) {
	addr := fake(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "p"))
	explained(t, ask(t, Config{BootstrapServers: []string{addr}}), "closed the connection at the first request", "add sasl")
}

// An answer that comes after its time-out must not be taken for that to the
// next request (trap 8 of sarama): the connection is dead, and a new one works.
func TestTimeoutKillsTheConnection(t *testing.T) {
	addr := fake(t)
	conf, d, err := Open(Config{BootstrapServers: []string{addr}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	b := sarama.NewBroker(addr)
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.Connected(); !ok {
		t.Fatal(err)
	}
	// The deadline of the next read lies in the past.
	conf.Net.ReadTimeout = -time.Second
	req := sarama.NewMetadataRequest(conf.Version, []string{})
	if resp, err := b.GetMetadata(req); !errors.Is(err, os.ErrDeadlineExceeded) || resp != nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	if ok, _ := b.Connected(); ok {
		t.Error("sarama goes on with the connection")
	}
	if n := d.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	conf.Net.ReadTimeout = 30 * time.Second
	if err := b.Open(conf); err != nil {
		t.Fatalf("open anew: %v", err)
	}
	if _, err := b.GetMetadata(req); err != nil {
		t.Errorf("a new connection: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseAllEndsEverything(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	for _, secure := range []*TLS{nil, {InsecureSkipVerify: true}} {
		got := make(chan struct{}, 1)
		addr := peer(t, func(c net.Conn) {
			buf := make([]byte, 4096)
			if _, err := c.Read(buf); err == nil {
				got <- struct{}{}
			}
			_, _ = io.Copy(io.Discard, c)
		})
		conf, d, err := Open(Config{BootstrapServers: []string{addr}, TLS: secure, RequestTimeout: time.Hour}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := sarama.NewBroker(addr)
		if err := b.Open(conf); err != nil {
			t.Fatal(err)
		}
		failed := make(chan error)
		go func() {
			_, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, nil))
			failed <- err
		}()
		<-got // under way: the version request, or the TLS handshake
		d.CloseAll()
		d.CloseAll()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the request ended with %v", err)
		}
		_ = b.Close()
		if n := d.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if _, err := d.Dial("tcp", addr); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a later dial: %v", err)
		}
	}
	// The peers are told to go by the test's end, so only our own are counted.
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection.peer.func1"))
}

// Whoever dials learns that this side has ended it, whether the dial or
// CloseAll comes first to what they share.
func TestCloseAllEndsDialsByName(t *testing.T) {
	const dials = 200
	dialing := make(chan struct{})
	_, d, err := Open(Config{
		BootstrapServers: []string{"b:9092"},
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dialing <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, dials)
	for range dials {
		go func() {
			_, err := d.Dial("tcp", "b:9092")
			ended <- err
		}()
	}
	for range dials {
		<-dialing
	}
	d.CloseAll()
	for range dials {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a dial ended with %v", err)
		}
	}
}

func TestCloseAllOfIdleBroker(t *testing.T) {
	addr := fake(t)
	ignore := goleak.IgnoreCurrent()
	conf, d, err := Open(Config{BootstrapServers: []string{addr}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := sarama.NewBroker(addr)
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	if ok, err := b.Connected(); !ok {
		t.Fatal(err)
	}
	d.CloseAll()
	if _, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, nil)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a request after the end: %v", err)
	}
	_ = b.Close()
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"))
}

// Cutting a link ends what waits on it, with the cause and how far it had
// come, and nothing else.
func TestLinkThatIsCut(t *testing.T) {
	got := make(chan struct{}, 1)
	silent := peer(t, func(c net.Conn) {
		buf := make([]byte, 4096)
		if _, err := c.Read(buf); err == nil {
			got <- struct{}{}
		}
		_, _ = io.Copy(io.Discard, c)
	})
	alive := fake(t)
	conf, d, err := Open(Config{BootstrapServers: []string{silent, alive}, RequestTimeout: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	var links []*Link
	for _, addr := range []string{silent, alive, alive} {
		l, err := d.NewLink(conf, addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		links = append(links, l)
	}
	failed := make(chan error)
	go func() { failed <- links[0].Opened() }()
	<-got
	links[0].Cut(context.DeadlineExceeded)
	err = <-failed
	explained(t, err, silent+" accepts the connection but does not answer", "overloaded")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the one that was cut ended with %v", err)
	}
	for _, l := range links[1:] {
		if err := l.Opened(); err != nil {
			t.Fatal(err)
		}
	}
	links[1].Cut(context.Canceled)
	if _, err := links[1].GetMetadata(sarama.NewMetadataRequest(conf.Version, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("a request after the end: %v", err)
	}
	if _, err := links[2].GetMetadata(sarama.NewMetadataRequest(conf.Version, nil)); err != nil {
		t.Errorf("the other one: %v", err)
	}
	if n := d.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestDialContext(t *testing.T) {
	addr := peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	_, d, err := Open(Config{BootstrapServers: []string{addr}, TLS: &TLS{}, RequestTimeout: time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := d.DialContext(ctx, "tcp", addr); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Brokers before 3.9 answer the newest version request with error 35 and
// their own range; those before 2.4 know version 2 at most.
func TestVersionsAreNegotiatedDown(t *testing.T) {
	for _, newest := range []int16{4, 3, 2, 0} {
		r := newResponder(t, func(r *responder) { r.newest = newest })
		if err := ask(t, Config{BootstrapServers: []string{r.addr()}}); err != nil {
			t.Errorf("ApiVersions %d: %v", newest, err)
		}
	}
}

// A broker without API 69 must say so without losing the connection: the
// caller goes on with API 15.
func TestMissingAPILeavesTheConnection(t *testing.T) {
	r := newResponder(t, func(r *responder) { r.without = 69 })
	conf, d, err := Open(Config{BootstrapServers: []string{r.addr()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	b := sarama.NewBroker(r.addr())
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	_, err = b.ConsumerGroupDescribe(&sarama.ConsumerGroupDescribeRequest{GroupIDs: []string{"g"}})
	if !errors.Is(err, sarama.ErrUnsupportedVersion) {
		t.Errorf("got %v", err)
	}
	if _, requests := r.told(); len(requests) != 1 {
		t.Errorf("it was sent all the same: %v", requests)
	}
	if _, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, []string{})); err != nil {
		t.Errorf("the next request: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoMetrics(t *testing.T) {
	conf, d, err := Open(Config{BootstrapServers: []string{"b:1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.CloseAll()
	n := 0
	conf.MetricRegistry.Each(func(string, any) { n++ })
	if n != 0 {
		t.Errorf("%d metrics", n)
	}
}

func TestFrames(t *testing.T) {
	frame := func(n int) []byte {
		return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, make([]byte, n)...)
	}
	stream := append(frame(8), frame(70000)...)
	for _, size := range []int{1, 2, 3, 5, 4096, len(stream)} {
		var f frames
		for at := 0; at < len(stream); at += size {
			if err := f.feed(stream[at:min(at+size, len(stream))]); err != nil {
				t.Fatalf("pieces of %d: %v", size, err)
			}
		}
		if f.begun != 2 || f.left != 0 {
			t.Errorf("pieces of %d: %+v", size, f)
		}
		if err := f.feed([]byte("\x15\x03\x03\x00")); !errors.Is(err, errNoFrame) {
			t.Errorf("a later bad length: %v", err)
		}
	}
}
