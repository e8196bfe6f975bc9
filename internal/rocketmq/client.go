// Package rocketmq resets consumer group offsets on Apache RocketMQ 4.9 and
// 5.x. It knows name servers, brokers, queues and groups; it must not know
// Terraform, who calls it, nor bytes on the wire (package remoting).
package rocketmq

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// DefaultRequestTimeout bounds one request to one server.
const DefaultRequestTimeout = 10 * time.Second

// Config says which cluster to talk to, and how.
type Config struct {
	// NameServers are host:port addresses. All are asked, and those that answer
	// must agree. An IPv6 address may stand in brackets or not. One element may
	// hold several, separated by semicolons, as NAMESRV_ADDR does.
	NameServers []string

	AccessKey     string // empty: requests are not signed
	SecretKey     string
	SecurityToken string // of temporary credentials; empty if there is none

	TLS *TLS // nil means plain text

	// RequestTimeout bounds one request to one server, the connection
	// included. Zero means DefaultRequestTimeout.
	RequestTimeout time.Duration

	// Log is told of each request and of each decision, in key-value pairs
	// after the message. No secret is ever among them. Nil means nobody listens.
	Log func(ctx context.Context, message string, keysAndValues ...any)

	// Trace is told of each request once it has ended. Nil means nobody listens.
	Trace func(ctx context.Context, x remoting.Exchange)
}

// Client talks to one RocketMQ cluster. It may be used from many goroutines,
// which share one connection to each server.
type Client struct {
	cfg     Config
	clock   clock.Clock
	servers []string // the name servers' addresses
	wire    *remoting.Client
	pace    pace
}

// New returns a client for the cluster that cfg describes. It dials nothing;
// the error tells what is wrong with the configuration.
func New(cfg Config, c clock.Clock) (*Client, error) {
	servers, err := addresses(cfg.NameServers)
	if err != nil {
		return nil, err
	}
	if (cfg.AccessKey == "") != (cfg.SecretKey == "") {
		return nil, invalid("The access key and the secret key belong together: one of them is missing",
			"Give both, or none for a cluster without access control.")
	}
	if cfg.SecurityToken != "" && cfg.AccessKey == "" {
		return nil, invalid("A security token was given without an access key and a secret key",
			"Give all three.")
	}
	if cfg.RequestTimeout < 0 {
		return nil, invalid(fmt.Sprintf("The request time-out %s is negative", cfg.RequestTimeout), "")
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = DefaultRequestTimeout
	}
	k := &Client{cfg: cfg, clock: c, servers: servers, pace: defaultPace}
	o := remoting.Options{Timeout: cfg.RequestTimeout, Trace: k.trace}
	if cfg.TLS != nil {
		if o.TLS, err = cfg.TLS.load(); err != nil {
			return nil, err
		}
	}
	if cfg.AccessKey != "" {
		o.Credentials = &remoting.Credentials{
			AccessKey: cfg.AccessKey, SecretKey: cfg.SecretKey, SecurityToken: cfg.SecurityToken,
		}
	}
	k.wire = remoting.New(o)
	return k, nil
}

// Close ends all connections at once and waits until nothing of the client is
// running any more. Calls that are under way fail.
func (c *Client) Close() error { return c.wire.Close() }

// trace hands each exchange to whoever listens.
func (c *Client) trace(ctx context.Context, x remoting.Exchange) {
	if c.cfg.Trace != nil {
		c.cfg.Trace(ctx, x)
	}
	if c.cfg.Log == nil {
		return
	}
	kv := []any{
		"address", x.Address, "request", x.Name, "code", x.Code, "duration_ms", x.Duration.Milliseconds(),
	}
	if x.Err != nil {
		kv = append(kv, "error", x.Err.Error())
	}
	c.cfg.Log(ctx, "RocketMQ request", kv...)
}

// log tells of a decision.
func (c *Client) log(ctx context.Context, message string, keysAndValues ...any) {
	if c.cfg.Log != nil {
		c.cfg.Log(ctx, message, keysAndValues...)
	}
}

// pace holds the waits of the engine. Only tests change it.
type pace struct {
	fresh    time.Duration // how old a plan may be for Apply to take it as it is
	interval time.Duration // between the first two looks at the offsets; it doubles
	longest  time.Duration // between two looks at most
	settle   time.Duration // for what a broker has written itself
	push     time.Duration // for what a broker before 5.2 has told its clients to do
	commits  time.Duration // for consumers to commit where they are
	finish   time.Duration // for writing on once the caller is gone
	readBack time.Duration // and for reading one broker back
	gather   time.Duration // for consumers to come to all brokers
	others   time.Duration // for the other name servers, once one has answered
	inFlight int           // requests to one broker that are under way at a time
}

// defaultPace waits 30 s for a push because the clients of a 4.9.7 broker
// show their old offsets for about 10 s after it. It looks often, because
// consumers that have little to consume again show the target only until they
// commit next, which they do every 5 s, Java's for the first time after 10 s.
var defaultPace = pace{
	fresh:    5 * time.Second,
	interval: 25 * time.Millisecond,
	longest:  100 * time.Millisecond,
	settle:   5 * time.Second,
	push:     30 * time.Second,
	commits:  15 * time.Second,
	finish:   finishWithin,
	readBack: readBackWithin,
	gather:   time.Minute,
	others:   2 * time.Second,
	inFlight: 64,
}

// addresses splits and checks the name servers.
func addresses(list []string) ([]string, error) {
	var out []string
	for _, entry := range list {
		if i := strings.LastIndexByte(entry, '@'); i >= 0 {
			// What stands before it may be a password, and is never repeated.
			return nil, invalid(fmt.Sprintf("The name server \"…%s\" holds a login, which does not belong in an address", entry[i:]),
				"Give host:port, and the login as access_key and secret_key.")
		}
		for a := range strings.SplitSeq(entry, ";") {
			a = strings.TrimSpace(a)
			if a == "" {
				continue
			}
			if _, _, ok := remoting.SplitAddress(a); !ok {
				return nil, invalid(fmt.Sprintf("The name server %q is not of the form host:port", a),
					"Name servers usually listen on port 9876; no scheme and no path belong to the address.")
			}
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, invalid("No name server was given", "Give at least one address of the form host:port.")
	}
	return out, nil
}

// invalid is an error in what the caller asked for.
func invalid(what, next string) *offset.Error {
	return &offset.Error{Code: offset.InvalidArgument, What: what, State: offset.NothingChanged, Next: next}
}
