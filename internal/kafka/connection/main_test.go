package connection

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority signs certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	var der []byte
	a.key, der = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}, nil, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, signer = template, key
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

// leaf is a certificate and its key, both as PEM text.
type leaf struct {
	Cert, Key string
}

func (a *authority) issue(expires time.Time, hosts ...string) leaf {
	a.t.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "leaf"},
		NotBefore:   time.Now().Add(-48 * time.Hour),
		NotAfter:    expires,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	key, der := a.sign(template, a.cert, a.key)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return leaf{
		Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
	}
}

func (l leaf) config(t testing.TB) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(l.Cert), []byte(l.Key))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fake starts an in-process cluster of one broker and returns its address.
func fake(t testing.TB, opts ...kfake.Opt) string {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()[0]
}

// opened is what Open returns for a configuration that is right. It ends with
// the test.
func opened(t testing.TB, c Config) (*sarama.Config, *Dialer) {
	t.Helper()
	conf, d, err := Open(c, nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(d.CloseAll)
	return conf, d
}

// linked begins to open a connection, which ends with the test.
func linked(t testing.TB, d *Dialer, conf *sarama.Config, address string) *Link {
	t.Helper()
	l, err := d.NewLink(conf, address)
	if err != nil {
		t.Fatalf("open a link: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// ask opens one broker with the Config, sends it one metadata request, and
// returns what came of it. Nothing of it is left when it returns.
func ask(t testing.TB, c Config) error {
	t.Helper()
	conf, dialer, err := Open(c, nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer dialer.CloseAll()
	b := sarama.NewBroker(c.BootstrapServers[0])
	if err := b.Open(conf); err != nil {
		t.Fatalf("open broker: %v", err)
	}
	defer func() { _ = b.Close() }()
	_, err = b.GetMetadata(sarama.NewMetadataRequest(conf.Version, []string{}))
	return err
}

// responder speaks as much of Kafka's protocol as a login needs, and records
// what it was told.
type responder struct {
	t        testing.TB
	listener net.Listener
	done     sync.WaitGroup

	newest     int16 // of ApiVersions
	without    int16 // an API that it does not have
	mechanisms []string
	login      func(step int, token []byte) (answer []byte, code int16, message string)
	lifetime   time.Duration

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	tokens   [][]byte
	requests []int16
}

func newResponder(t testing.TB, change func(*responder)) *responder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{t: t, listener: l, newest: 4, without: -1, conns: make(map[net.Conn]struct{})}
	if change != nil {
		change(r)
	}
	r.done.Go(func() {
		for {
			conn, err := r.listener.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns[conn] = struct{}{}
			r.mu.Unlock()
			r.done.Go(func() {
				defer func() { _ = conn.Close() }()
				if err := r.serve(conn); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					t.Logf("responder: %v", err)
				}
			})
		}
	})
	t.Cleanup(r.close)
	return r
}

func (r *responder) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}

func (r *responder) addr() string { return r.listener.Addr().String() }

func (r *responder) told() (tokens [][]byte, requests []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte(nil), r.tokens...), append([]int16(nil), r.requests...)
}

func (r *responder) serve(conn net.Conn) error {
	in := bufio.NewReader(conn)
	step := 0
	for {
		var size int32
		if err := binary.Read(in, binary.BigEndian, &size); err != nil {
			return err
		}
		if size < 8 || size > 1<<20 {
			return errors.New("not a request")
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		reader := kbin.Reader{Src: frame}
		key, version, id := reader.Int16(), reader.Int16(), reader.Int32()
		reader.NullableString()
		r.mu.Lock()
		r.requests = append(r.requests, key)
		r.mu.Unlock()
		req := kmsg.RequestForKey(key)
		if req == nil {
			return errors.New("unknown request")
		}
		if key == keyAPIVersions && version > r.newest {
			// KIP-511: an answer of version 0 that says what is known.
			resp := r.versions(0)
			resp.ErrorCode = 35
			if err := answer(conn, id, false, resp); err != nil {
				return err
			}
			continue
		}
		req.SetVersion(version)
		if req.IsFlexible() {
			kmsg.SkipTags(&reader)
		}
		if err := req.ReadFrom(reader.Src); err != nil {
			return err
		}
		resp := req.ResponseKind()
		resp.SetVersion(version)
		switch req := req.(type) {
		case *kmsg.ApiVersionsRequest:
			resp = r.versions(version)
		case *kmsg.SASLHandshakeRequest:
			resp := resp.(*kmsg.SASLHandshakeResponse)
			resp.SupportedMechanisms = r.mechanisms
			resp.ErrorCode = 33
			for _, m := range r.mechanisms {
				if m == req.Mechanism {
					resp.ErrorCode = 0
				}
			}
		case *kmsg.SASLAuthenticateRequest:
			resp := resp.(*kmsg.SASLAuthenticateResponse)
			r.mu.Lock()
			r.tokens = append(r.tokens, req.SASLAuthBytes)
			r.mu.Unlock()
			var message string
			resp.SASLAuthBytes, resp.ErrorCode, message = r.login(step, req.SASLAuthBytes)
			if message != "" {
				resp.ErrorMessage = &message
			}
			resp.SessionLifetimeMillis = r.lifetime.Milliseconds()
			step++
		case *kmsg.MetadataRequest:
		default:
			return errors.New("unexpected request")
		}
		if err := answer(conn, id, resp.IsFlexible() && key != keyAPIVersions, resp); err != nil {
			return err
		}
	}
}

func (r *responder) versions(version int16) *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = version
	for _, api := range []struct{ key, newest int16 }{{3, 9}, {keySASLHandshake, 1}, {keyAPIVersions, r.newest}, {keySASLAuthenticate, 2}, {69, 0}} {
		if api.key == r.without {
			continue
		}
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MaxVersion = api.key, api.newest
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	return resp
}

func answer(w io.Writer, id int32, tags bool, resp kmsg.Response) error {
	body := binary.BigEndian.AppendUint32(nil, uint32(id))
	if tags {
		body = append(body, 0)
	}
	body = resp.AppendTo(body)
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

// peer is a server that does with each connection what it is told.
func peer(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		done.Wait()
	})
	return l.Addr().String()
}
