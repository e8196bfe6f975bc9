package managed

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

// quick are retries that no test waits for.
var quick = Retry{Tries: 4, First: time.Millisecond, Longest: 5 * time.Millisecond}

// byStatus judges by the status alone: 200 done, 429 later, 5xx doubt.
func byStatus(a Answer) (Verdict, error) {
	switch {
	case a.Status == 200:
		return Done, nil
	case a.Status == 429:
		return Later, &VendorError{Status: a.Status, Code: "Throttling"}
	case a.Status >= 500:
		return Doubt, &VendorError{Status: a.Status, Code: "InternalError"}
	default:
		return Refused, &VendorError{Status: a.Status, Code: "No"}
	}
}

// service answers with the statuses one after the other, the last one for
// good, and counts the requests.
func service(t *testing.T, statuses ...int) (*url.URL, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1)), len(statuses)) - 1
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(statuses[i])
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, &n
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Retry == (Retry{}) {
		o.Retry = quick
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func unsigned(context.Context, *http.Request, []byte) error { return nil }

func TestWhenACallIsRepeated(t *testing.T) {
	for _, c := range []struct {
		name        string
		statuses    []int
		write, once bool
		requests    int64
		ok, doubt   bool
	}{
		{name: "done at once", statuses: []int{200}, requests: 1, ok: true},
		{name: "throttled, then done", statuses: []int{429, 429, 200}, requests: 3, ok: true},
		{name: "throttled for good", statuses: []int{429}, requests: 4},
		{name: "broken, then done", statuses: []int{500, 503, 200}, requests: 3, ok: true},
		{name: "broken for good", statuses: []int{500}, requests: 4},
		{name: "refused", statuses: []int{403, 200}, requests: 1},
		{name: "write throttled, then done", statuses: []int{429, 200}, write: true, requests: 2, ok: true},
		{name: "write broken, then done", statuses: []int{500, 200}, write: true, requests: 2, ok: true},
		{name: "write broken for good", statuses: []int{500}, write: true, requests: 4, doubt: true},
		{name: "write broken, then refused", statuses: []int{500, 403}, write: true, requests: 2, doubt: true},
		{name: "write refused", statuses: []int{403}, write: true, requests: 1},
		{name: "once throttled, then done", statuses: []int{429, 200}, write: true, once: true, requests: 2, ok: true},
		{name: "once broken", statuses: []int{500, 200}, write: true, once: true, requests: 1, doubt: true},
		{name: "once throttled, then broken", statuses: []int{429, 503, 200}, write: true, once: true, requests: 2, doubt: true},
		{name: "once throttled for good", statuses: []int{429}, write: true, once: true, requests: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, n := service(t, c.statuses...)
			client := newClient(t, Options{})
			method := http.MethodGet
			if c.write {
				method = http.MethodPatch
			}
			_, err := client.Do(t.Context(), Call{Method: method, URL: u, Body: []byte("{}"), Sign: unsigned, Judge: byStatus, Write: c.write, Once: c.once})
			if (err == nil) != c.ok || InDoubt(err) != c.doubt || n.Load() != c.requests {
				t.Errorf("error %v, in doubt %v, %d requests; want ok %v, doubt %v, %d", err, InDoubt(err), n.Load(), c.ok, c.doubt, c.requests)
			}
			var v *VendorError
			if err != nil && !errors.As(err, &v) {
				t.Errorf("the vendor's error is lost: %v", err)
			}
		})
	}
}

func TestEachTryIsSignedAnew(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		nonce := r.Header.Get("Nonce")
		if seen[nonce] {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		seen[nonce] = true
		if len(seen) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	n := byte('a')
	_, err := newClient(t, Options{}).Do(t.Context(), Call{
		Method: http.MethodGet, URL: u, Judge: byStatus,
		Sign: func(_ context.Context, r *http.Request, _ []byte) error {
			r.Header.Set("Nonce", string(n))
			n++
			return nil
		},
	})
	if err != nil || len(seen) != 3 {
		t.Errorf("error %v, %d nonces", err, len(seen))
	}
}

func TestRetryAfterIsHonouredUpToTheLongestPause(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	// It would take an hour otherwise.
	if _, err := newClient(t, Options{}).Do(t.Context(), Call{Method: http.MethodGet, URL: u, Sign: unsigned, Judge: byStatus}); err != nil || n.Load() != 2 {
		t.Errorf("error %v, %d requests", err, n.Load())
	}
}

func TestWhatWasNeverSentIsRepeatedAndNotInDoubt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "http", Host: address}
	_, err = newClient(t, Options{}).Do(t.Context(), Call{Method: http.MethodPatch, URL: u, Body: []byte("{}"), Sign: unsigned, Judge: byStatus, Write: true, Once: true})
	var f *Failure
	if !errors.As(err, &f) || f.Doubt || f.Tries != 4 {
		t.Errorf("got %v (%+v)", err, f)
	}
}

func TestATimeOutOfAWriteLeavesDoubt(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	client := newClient(t, Options{Timeout: 50 * time.Millisecond})
	_, err := client.Do(t.Context(), Call{Method: http.MethodPatch, URL: u, Body: []byte("{}"), Sign: unsigned, Judge: byStatus, Write: true, Once: true})
	var f *Failure
	if !errors.As(err, &f) || !f.Doubt || f.Tries != 1 || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v (%+v)", err, f)
	}
}

func TestTheContextEndsReadsAndWaitsButNoWriteThatWasSent(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		u, n := service(t, 200)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newClient(t, Options{}).Do(ctx, Call{Method: http.MethodPatch, URL: u, Sign: unsigned, Judge: byStatus, Write: true})
		if !errors.Is(err, context.Canceled) || n.Load() != 0 {
			t.Errorf("error %v, %d requests", err, n.Load())
		}
	})
	for _, c := range []struct {
		name  string
		write bool
	}{{"read", false}, {"write", true}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			release := make(chan struct{})
			s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				cancel()
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}))
			defer s.Close()
			u, _ := url.Parse(s.URL)
			if c.write {
				context.AfterFunc(ctx, func() { close(release) })
			}
			_, err := newClient(t, Options{}).Do(ctx, Call{Method: http.MethodPost, URL: u, Body: []byte("{}"), Sign: unsigned, Judge: byStatus, Write: c.write})
			if c.write != (err == nil) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("between tries", func(t *testing.T) {
		u, n := service(t, 429)
		ctx, cancel := context.WithCancel(t.Context())
		client := newClient(t, Options{Retry: Retry{Tries: 5, First: time.Hour, Longest: time.Hour}})
		judge := func(a Answer) (Verdict, error) {
			cancel()
			return byStatus(a)
		}
		_, err := client.Do(ctx, Call{Method: http.MethodPatch, URL: u, Body: []byte("{}"), Sign: unsigned, Judge: judge, Write: true})
		if err == nil || InDoubt(err) || n.Load() != 1 {
			t.Errorf("error %v, %d requests", err, n.Load())
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, maxAnswer+2))
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	_, err := newClient(t, Options{Retry: Retry{Tries: 1}}).Do(t.Context(), Call{Method: http.MethodGet, URL: u, Sign: unsigned, Judge: byStatus})
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other, n := service(t, 200)
	s := httptest.NewServer(http.RedirectHandler(other.String(), http.StatusFound))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	_, err := newClient(t, Options{}).Do(t.Context(), Call{Method: http.MethodGet, URL: u, Sign: unsigned, Judge: byStatus})
	if err == nil || n.Load() != 0 {
		t.Errorf("error %v, %d requests went elsewhere", err, n.Load())
	}
}

// secure starts an HTTPS server for a name, with a CA of its own.
func secure(t *testing.T, name string) (s *httptest.Server, ca string) {
	t.Helper()
	authority, err := certs.NewAuthority("CA")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue(name, name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := issued.TLS()
	if err != nil {
		t.Fatal(err)
	}
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, authority.PEM
}

func TestAnUntrustedServerIsRefusedAtOnce(t *testing.T) {
	s, ca := secure(t, "127.0.0.1")
	u, _ := url.Parse(s.URL)
	call := Call{Method: http.MethodGet, URL: u, Sign: unsigned, Judge: byStatus}
	if _, err := newClient(t, Options{CA: ca}).Do(t.Context(), call); err != nil {
		t.Errorf("with the CA: %v", err)
	}
	_, err := newClient(t, Options{}).Do(t.Context(), call)
	var f *Failure
	if !errors.As(err, &f) || f.Tries != 1 || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the CA: %v", err)
	}
}

func TestABadCAIsToldOnItsSetting(t *testing.T) {
	for _, ca := range []string{"-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----", "no/such/file.pem"} {
		_, err := NewClient(Options{CA: ca})
		var c *ConfigError
		if !errors.As(err, &c) || c.Field != "ca_cert" {
			t.Errorf("%q: %v", ca, err)
		}
	}
}

// TestProxyVariablesAreHonoured goes through a proxy that knows where the
// service is, since the name is in no DNS.
func TestProxyVariablesAreHonoured(t *testing.T) {
	s, ca := secure(t, "rocketmq.test")
	target := s.Listener.Addr().String()
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
		up, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			_ = up.Close()
			return
		}
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(up, bufio.NewReader(buffered)); _ = up.Close() })
		both.Go(func() { _, _ = io.Copy(down, up); _ = down.Close() })
		both.Wait()
	}))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", strings.Replace(proxy.URL, "http://", "http://user:pass-word@", 1))
	t.Setenv("NO_PROXY", "")
	client := newClient(t, Options{CA: ca})
	_, err := client.Do(t.Context(), Call{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "rocketmq.test"}, Sign: unsigned, Judge: byStatus})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := asked.Load().(string); !strings.HasPrefix(got, "CONNECT rocketmq.test:443 Basic ") {
		t.Errorf("the proxy was asked for %q", got)
	}
	client.Close()

	t.Setenv("HTTPS_PROXY", "http://user:pass-word@%zz")
	_, err = newClient(t, Options{CA: ca, Retry: Retry{Tries: 1}}).Do(t.Context(), Call{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "rocketmq.test"}, Sign: unsigned, Judge: byStatus})
	if err == nil || strings.Contains(err.Error(), "pass-word") {
		t.Errorf("got %v", err)
	}
}

func TestLogsTellTheCallAndNoSecret(t *testing.T) {
	u, _ := service(t, 503, 200)
	var lines []map[string]any
	client := newClient(t, Options{Log: func(_ context.Context, _ string, fields map[string]any) { lines = append(lines, fields) }})
	client.Redactor.Add("s3cret")
	_, err := client.Do(t.Context(), Call{
		Name: "GetTopic", Method: http.MethodGet, URL: u,
		Sign: func(_ context.Context, r *http.Request, _ []byte) error {
			r.Header.Set("Authorization", "s3cret")
			return nil
		},
		Judge: func(a Answer) (Verdict, error) {
			v, err := byStatus(a)
			if err != nil {
				err = &VendorError{Status: a.Status, Message: "you sent s3cret"}
			}
			return v, err
		},
	})
	if err != nil || len(lines) != 2 {
		t.Fatalf("error %v, %d lines", err, len(lines))
	}
	if lines[0]["operation"] != "GetTopic" || lines[0]["status"] != 503 || lines[1]["try"] != 2 {
		t.Errorf("got %v", lines)
	}
	for _, line := range lines {
		for name, value := range line {
			if s, ok := value.(string); ok && strings.Contains(s, "s3cret") {
				t.Errorf("%s tells the secret: %s", name, s)
			}
		}
	}
}
