// Package standin is the ground under the stand-ins of managed services: an
// HTTPS server with a private CA that keeps what it was sent and fails when
// told to. It must not know any service's paths or signatures, and shares no
// code with the clients that it tests.
package standin

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

// Kind is a way to fail.
type Kind string

// The ways to fail. Where nothing else is said, the request is not executed.
const (
	Pass          Kind = ""                // it does not fail: for Fault.Met alone
	Throttle      Kind = "throttle"        // the vendor's answer to too many requests
	Unavailable   Kind = "unavailable"     // HTTP 503 in the vendor's form
	Broken        Kind = "broken"          // HTTP 500 in the vendor's form
	BrokenAfter   Kind = "broken after"    // executed, then HTTP 500
	Hang          Kind = "hang"            // no answer, ever
	HangAfter     Kind = "hang after"      // executed, then no answer, ever
	DropAfter     Kind = "drop after"      // executed, then the connection is closed
	Page          Kind = "page"            // HTTP 200 with a page in HTML, as of a captive portal
	GatewayPage   Kind = "gateway page"    // HTTP 502 with a page in HTML
	Empty         Kind = "empty"           // HTTP 200 with nothing
	Truncated     Kind = "truncated"       // HTTP 200 with half of an answer
	Redirect      Kind = "redirect"        // HTTP 302 to another host
	Huge          Kind = "huge"            // HTTP 200 with more than anybody should read
	Told          Kind = "told"            // HTTP Status with Code and Message in the vendor's form
	ToldAsSuccess Kind = "told as success" // the same with HTTP 200; only where the vendor does so
)

// Fault makes requests fail.
type Fault struct {
	Operation string // the vendor's name; any operation if empty
	Kind      Kind
	Times     int // how many requests; 1 if zero, all that come if negative
	Status    int // with Told
	Code      string
	Message   string
	Met       func() // run for each request that meets it, before anything else; nil means nothing
}

// Request is what a client has sent.
type Request struct {
	Operation string // "" if no operation has this method and path
	Method    string
	URI       string // as sent, still encoded
	Host      string
	Header    http.Header
	Body      string
	Accepted  bool // it was well-formed and well-signed
}

// Key is what a service knows of an access key.
type Key struct {
	Secret  string
	Token   string // of temporary keys
	Expired bool   // the token has ended
}

// Answer is what a service says to a request.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

// Service is what differs from vendor to vendor.
type Service interface {
	// Route returns the operation of a method and a path, whose segments are
	// decoded, or "".
	Route(method string, segments []string) string
	// Check refuses a request that is not well-formed or not well-signed. The
	// answer is nil if it is.
	Check(operation string, r *http.Request, body []byte) *Answer
	// Execute does what a request asks for.
	Execute(operation string, segments []string, query map[string]string, body []byte) Answer
	// Fail puts a failure into the vendor's form.
	Fail(status int, code, message string) Answer
	// Throttled is the vendor's answer to too many requests.
	Throttled() Answer
}

// Server answers requests as a service would.
type Server struct {
	URL  string // https://127.0.0.1:…
	Host string // 127.0.0.1:…
	CA   string // the PEM text of the authority that vouches for it

	service  Service
	mu       sync.Mutex
	faults   []*Fault
	requests []Request
}

// New starts a server that stops with the test.
func New(t testing.TB, service Service) *Server {
	t.Helper()
	authority, err := certs.NewAuthority("Stand-in CA")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue("stand-in", "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := issued.TLS()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{CA: authority.PEM, service: service}
	h := httptest.NewUnstartedServer(s)
	h.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	h.Config.ReadHeaderTimeout = 10 * time.Second
	h.StartTLS()
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	s.URL = h.URL
	s.Host = strings.TrimPrefix(h.URL, "https://")
	return s
}

// Fail makes requests fail from now on. Faults are used up in the order in
// which they were told.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns what has been sent of an operation, or everything if the
// operation is empty.
func (s *Server) Requests(operation string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.requests), func(r Request) bool {
		return operation != "" && r.Operation != operation
	})
}

// Forget forgets what has been sent so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Locked runs f while no request is being executed.
func (s *Server) Locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// take returns the fault that this request meets, nil if none.
func (s *Server) take(operation string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	path, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	segments, query, ok := parse(path, rawQuery)
	operation := ""
	if ok {
		operation = s.service.Route(r.Method, segments)
	}
	refusal := s.refuse(operation, r, body)
	s.mu.Lock()
	s.requests = append(s.requests, Request{
		Operation: operation, Method: r.Method, URI: r.RequestURI, Host: r.Host,
		Header: r.Header.Clone(), Body: string(body), Accepted: refusal == nil,
	})
	s.mu.Unlock()
	if refusal != nil {
		write(w, *refusal)
		return
	}
	execute := func() Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.service.Execute(operation, segments, query, body)
	}
	if f := s.take(operation); f != nil {
		s.fail(w, r, *f, execute)
		return
	}
	write(w, execute())
}

// refuse returns why a request is not executed, nil if it is.
func (s *Server) refuse(operation string, r *http.Request, body []byte) *Answer {
	if operation == "" {
		a := s.service.Fail(http.StatusNotFound, "InvalidAction.NotFound", "Nothing has this method and path: "+r.Method+" "+r.RequestURI)
		return &a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.service.Check(operation, r, body)
}

// fail answers as a fault says.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, f Fault, execute func() Answer) {
	if f.Met != nil {
		f.Met()
	}
	switch f.Kind {
	case Pass:
		write(w, execute())
	case Throttle:
		write(w, s.service.Throttled())
	case Unavailable:
		write(w, s.service.Fail(http.StatusServiceUnavailable, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."))
	case Broken:
		write(w, s.service.Fail(http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."))
	case BrokenAfter:
		execute()
		write(w, s.service.Fail(http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."))
	case Hang:
		<-r.Context().Done()
		drop()
	case HangAfter:
		execute()
		<-r.Context().Done()
		drop()
	case DropAfter:
		execute()
		drop()
	case Page:
		write(w, Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html><body>Please log in to the network</body></html>"})
	case GatewayPage:
		write(w, Answer{Status: http.StatusBadGateway, Header: map[string]string{"Content-Type": "text/html"}, Body: "<html><h1>502 Bad Gateway</h1></html>"})
	case Empty:
		write(w, Answer{Status: http.StatusOK})
	case Truncated:
		write(w, Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json", "Content-Length": "1000"}, Body: `{"requestId":"F9A9`})
	case Redirect:
		write(w, Answer{Status: http.StatusFound, Header: map[string]string{"Location": "https://elsewhere.invalid/"}})
	case Huge:
		write(w, Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: `{"requestId":"` + strings.Repeat("x", 9<<20) + `"}`})
	case Told:
		write(w, s.service.Fail(f.Status, f.Code, f.Message))
	case ToldAsSuccess:
		a := s.service.Fail(f.Status, f.Code, f.Message)
		a.Status = http.StatusOK
		write(w, a)
	}
}

// drop closes the connection: a handler that merely returned would still
// answer HTTP 200, and a client that is about to close could read it.
func drop() { panic(http.ErrAbortHandler) } //nolint:forbidigo // net/http's way to close a connection.

// parse decodes a path's segments and a query as a server does that takes
// neither a+b for "a b" in a path nor a%2Fb for two segments.
func parse(path, rawQuery string) (segments []string, query map[string]string, ok bool) {
	if !strings.HasPrefix(path, "/") {
		return nil, nil, false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		plain, valid := Decode(segment, false)
		if !valid {
			return nil, nil, false
		}
		segments = append(segments, plain)
	}
	query = map[string]string{}
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		plainName, valid := Decode(name, true)
		plainValue, validToo := Decode(value, true)
		if !valid || !validToo {
			return nil, nil, false
		}
		query[plainName] = plainValue
	}
	return segments, query, true
}

// Decode takes the percent-encoding off; plus says that "+" is a space.
func Decode(s string, plus bool) (string, bool) {
	var b bytes.Buffer
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			if i+2 >= len(s) {
				return "", false
			}
			c, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", false
			}
			b.Write(c)
			i += 2
		case s[i] == '+' && plus:
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), true
}

// unreserved are the bytes that RFC 3986 leaves as they are.
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// Encode puts the percent-encoding of RFC 3986 on.
func Encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// CanonicalQuery decodes, sorts and encodes a query anew, as both vendors'
// signatures want it.
func CanonicalQuery(rawQuery string) string {
	if rawQuery == "" {
		return ""
	}
	pairs := strings.Split(rawQuery, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = Decode(name, true)
		value, _ = Decode(value, true)
		pairs[i] = Encode(name) + "=" + Encode(value)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// JSON returns a value as JSON.
func JSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return `{"error":"` + err.Error() + `"}`
	}
	return string(text)
}

// Strictly decodes a body that may hold the value's fields and no others.
func Strictly(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("something stands behind the body")
	}
	return nil
}

func write(w http.ResponseWriter, a Answer) {
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}
