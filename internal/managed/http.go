package managed

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/net/http/httpproxy"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/pemtext"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/retryafter"
)

// maxAnswer is the most that is read of an answer. The longest legal one, a
// group of 10,000 partitions, has less than 2 MiB.
const maxAnswer = 8 << 20

// DefaultTimeout is how long one request may take, answer included.
const DefaultTimeout = 30 * time.Second

// Retry says how often and how patiently a call is repeated. Zero values are
// the defaults.
type Retry struct {
	Tries   uint          // in all; 5 if zero
	First   time.Duration // the first pause; 500 ms if zero. Later ones double, each ±50 %
	Longest time.Duration // the longest pause, also of those that a server asks for; 15 s if zero
}

// Options configure a Client.
type Options struct {
	CA      string        // PEM text or a file's name; trusted beside the system's roots
	Timeout time.Duration // of one request; DefaultTimeout if zero
	Retry   Retry
	Log     Logger
	// Proxy chooses a request's proxy. Nil means HTTPS_PROXY, HTTP_PROXY and
	// NO_PROXY.
	Proxy     func(*http.Request) (*url.URL, error)
	UserAgent string
}

// Client sends signed calls to one service. It is safe for concurrent use.
type Client struct {
	http     *http.Client
	options  Options
	Redactor Redactor
}

// NewClient returns a client that has not dialled yet. The error is a
// *ConfigError.
func NewClient(o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Retry.Tries == 0 {
		o.Retry.Tries = 5
	}
	if o.Retry.First <= 0 {
		o.Retry.First = 500 * time.Millisecond
	}
	if o.Retry.Longest <= 0 {
		o.Retry.Longest = 15 * time.Second
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := pemtext.Load(o.CA)
		if err != nil {
			return nil, &ConfigError{Field: "ca_cert", Detail: "It cannot be read: " + err.Error() + "."}
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, &ConfigError{Field: "ca_cert", Detail: "The value holds no certificate in PEM form."}
		}
		config.RootCAs = roots
	}
	proxy := o.Proxy
	if proxy == nil {
		choose := httpproxy.FromEnvironment().ProxyFunc()
		proxy = func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
	}
	c := &Client{options: o}
	c.http = &http.Client{
		// A redirect would take the signature, and the security token, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				u, err := proxy(r)
				if err != nil {
					// Its text would quote the address with its password.
					return nil, errors.New("the proxy's address, from HTTPS_PROXY or HTTP_PROXY, cannot be parsed")
				}
				if u != nil && u.User != nil {
					password, _ := u.User.Password()
					c.Redactor.Add(password)
				}
				return u, nil
			},
			TLSClientConfig:     config,
			TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout:     30 * time.Second,
			MaxIdleConnsPerHost: 4,
		},
	}
	return c, nil
}

// Close closes the connections that are open and idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Verdict says what an answer means for the question whether to ask again.
type Verdict int

// The verdicts.
const (
	Done    Verdict = iota // what was asked has been done
	Refused                // it was not done, and asking again would not help
	Later                  // it was not done now, and may be if asked again
	Doubt                  // it failed, and may or may not have been done
)

// Answer is what a service sent back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// RequestID returns the id under which a vendor's support finds a request, as
// its answer's header tells it; empty if it does not.
func RequestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Acs-Request-Id"} {
		if id := h.Get(name); id != "" {
			return Clean(id, 100)
		}
	}
	return ""
}

// Requested is the note about the calls that a reset has sent.
func Requested(ids []string) []string {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return nil
	}
	const most = 5
	text := strings.Join(ids[:min(len(ids), most)], ", ")
	if len(ids) > most {
		text += fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return []string{"The vendor's support finds the reset under the request id " + text + "."}
}

// Barred tells whether a call failed because this key may not make it (HTTP
// 403), or because the gateway knows no such API (HTTP 404 of the gateway
// itself). What only looks before a reset can then be left out.
func Barred(err error) bool {
	var v *VendorError
	return errors.As(err, &v) && (v.Status == http.StatusForbidden || v.Status == http.StatusNotFound && strings.HasPrefix(v.Code, "APIG"))
}

// Call is one call, sent as often as it takes.
type Call struct {
	Name   string // the operation's name in the vendor's words
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
	// Sign adds what proves who calls. It is asked before each try, since a
	// nonce and a date are good for one only.
	Sign func(ctx context.Context, r *http.Request, body []byte) error
	// Judge says what an answer means. Its error, nil with Done only, is what
	// the call fails with.
	Judge func(Answer) (Verdict, error)
	// Write tells that the call changes something: once it has been sent, the
	// end of the context does not cut it off.
	Write bool
	// Once tells that doing it twice is not the same as doing it once. It is
	// then repeated only if the try before was certainly not executed.
	Once bool
}

// Failure is the error of a call that failed.
type Failure struct {
	Doubt bool // it may have been executed
	Once  bool // it was not repeated, see Call
	Tries int  // how often it was sent, or tried to be
	Err   error
}

// Error returns the cause.
func (f *Failure) Error() string {
	if f.Tries > 1 {
		return fmt.Sprintf("%s (after %d tries)", f.Err.Error(), f.Tries)
	}
	return f.Err.Error()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// SentOnce tells whether err is of a call that was not repeated because doing
// it twice is not the same as doing it once.
func SentOnce(err error) bool {
	var f *Failure
	return errors.As(err, &f) && f.Once
}

// InDoubt tells whether err is of a call that may have been executed.
func InDoubt(err error) bool {
	var f *Failure
	return errors.As(err, &f) && f.Doubt
}

// Do sends a call until it is done, refused, or has been tried often enough.
// The error is a *Failure.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	failure := &Failure{Once: call.Once}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = c.options.Retry.First
	pauses.MaxInterval = c.options.Retry.Longest
	pauses.Multiplier = 2
	pauses.RandomizationFactor = 0.5

	answer, err := backoff.Retry(ctx, func() (Answer, error) {
		if err := ctx.Err(); err != nil {
			return Answer{}, backoff.Permanent(err)
		}
		failure.Tries++
		answer, verdict, err := c.try(ctx, call, failure.Tries)
		switch {
		case verdict == Done:
			return answer, nil
		case verdict == Doubt && call.Write:
			failure.Doubt = true
		}
		failure.Err = err
		if verdict == Refused || verdict == Doubt && call.Once {
			return Answer{}, backoff.Permanent(err)
		}
		if wait := retryafter.In(answer.Header, time.Now()); wait > 0 {
			return Answer{}, &backoff.RetryAfterError{Duration: min(wait, c.options.Retry.Longest)}
		}
		return Answer{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(c.options.Retry.Tries), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return answer, nil
	}
	if failure.Err == nil || ctx.Err() != nil && failure.Tries == 0 {
		failure.Err = context.Cause(ctx)
		if failure.Err == nil {
			failure.Err = err
		}
	}
	failure.Err = c.Redactor.Error(failure.Err)
	return Answer{}, failure
}

// try sends a call once.
func (c *Client) try(ctx context.Context, call Call, n int) (Answer, Verdict, error) {
	if call.Write {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected = true },
	})
	r, err := http.NewRequestWithContext(ctx, call.Method, call.URL.String(), bytes.NewReader(call.Body))
	if err != nil {
		return Answer{}, Refused, err
	}
	for name, values := range call.Header {
		r.Header[name] = values
	}
	if c.options.UserAgent != "" {
		r.Header.Set("User-Agent", c.options.UserAgent)
	}
	if len(call.Body) == 0 {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if call.Once {
		// A kept connection that the server closes just now would leave it open
		// whether the call was executed.
		c.http.CloseIdleConnections()
	}
	if err := call.Sign(ctx, r, call.Body); err != nil {
		return Answer{}, Refused, err
	}

	start := time.Now()
	answer, err := c.send(r)
	fields := map[string]any{
		"operation": call.Name, "method": call.Method, "url": call.URL.Redacted(), "try": n,
		"duration_ms": time.Since(start).Milliseconds(),
	}
	if err != nil {
		verdict := Later
		var untrusted *tls.CertificateVerificationError
		var unknown *net.DNSError
		switch {
		case connected:
			verdict = Doubt
		case errors.As(err, &untrusted), errors.As(err, &unknown) && unknown.IsNotFound:
			verdict = Refused
		}
		err = c.explain(err)
		fields["error"] = err.Error()
		c.log(ctx, "Call to a managed service failed", fields)
		return Answer{}, verdict, err
	}
	verdict, err := call.Judge(answer)
	fields["status"] = answer.Status
	if id := RequestID(answer.Header); id != "" {
		fields["request_id"] = id
	}
	if err != nil {
		fields["error"] = c.Redactor.Error(err).Error()
	}
	c.log(ctx, "Called a managed service", fields)
	return answer, verdict, err
}

// send sends a request and reads the whole answer.
func (c *Client) send(r *http.Request) (Answer, error) {
	response, err := c.http.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("the answer (HTTP %d) broke off: %w", response.StatusCode, err)
	}
	if len(body) > maxAnswer {
		return Answer{}, fmt.Errorf("the answer (HTTP %d) is longer than %d bytes", response.StatusCode, maxAnswer)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// explain says in plain words what net/http's errors mean.
func (c *Client) explain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() || errors.Is(err, context.DeadlineExceeded) {
			return c.Redactor.Error(fmt.Errorf("no answer within %s: %w", c.options.Timeout, u.Err))
		}
		err = u.Err
	}
	return c.Redactor.Error(err)
}

func (c *Client) log(ctx context.Context, message string, fields map[string]any) {
	if c.options.Log != nil {
		c.options.Log(ctx, message, fields)
	}
}
