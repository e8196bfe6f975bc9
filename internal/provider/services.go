package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/romaconnect"
)

// services is what one configured provider shares among its resources, data
// sources and actions: a client for each section in use, opened when it is
// first needed, so that a section that nothing uses is never dialled.
type services struct {
	ctx     context.Context //nolint:containedctx // It carries Terraform's logger to clients that outlive the call; it is never waited on.
	clock   clock.Clock
	managed managedSettings
	preview bool
	unheard bool // nobody reads the log
	resets  *reset.Run

	kafkaSection       section[connection.Config]
	rocketmqSection    section[rocketmq.Config]
	apsaramqSection    section[apsaramq.Config]
	romaConnectSection section[romaconnect.Config]

	mu                sync.Mutex
	closed            bool
	kafkaClient       lazily[*kafka.Client]
	rocketmqClient    lazily[*rocketmq.Client]
	apsaramqClient    lazily[*instances]
	romaConnectClient lazily[*instances]
}

// section is one section of the provider's configuration.
type section[C any] struct {
	config  C
	missing string // why the section cannot be used; empty if it can
}

// errUnconfigured says that there is no client, and why.
type errUnconfigured string

func (e errUnconfigured) Error() string { return string(e) }

// lazily is a client that is opened when it is first needed.
type lazily[C io.Closer] struct {
	client C
	open   bool
}

func (l *lazily[C]) close() error {
	if !l.open {
		return nil
	}
	l.open = false
	return l.client.Close()
}

// client returns the client in slot, opening it from its section if need be.
func client[C io.Closer, S any](s *services, slot *lazily[C], from section[S], open func(S) (C, error)) (C, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none C
	switch {
	case s.closed:
		return none, errUnconfigured("the provider has been closed")
	case from.missing != "":
		return none, errUnconfigured(from.missing)
	case slot.open:
		return slot.client, nil
	}
	c, err := open(from.config)
	if err != nil {
		return none, err
	}
	slot.client, slot.open = c, true
	return c, nil
}

const notConfigured = errUnconfigured("the provider is not configured yet")

// kafka returns the client of the Kafka cluster that the provider is configured for.
func (s *services) kafka() (*kafka.Client, error) {
	if s == nil {
		return nil, notConfigured
	}
	return client(s, &s.kafkaClient, s.kafkaSection, func(c connection.Config) (*kafka.Client, error) {
		return kafka.New(c, kafka.WithClock(s.clock), kafka.WithLogger(func(message string) { tflog.Debug(s.ctx, readable(message)) }))
	})
}

// rocketmq returns the client of the RocketMQ cluster that the provider is configured for.
func (s *services) rocketmq() (*rocketmq.Client, error) {
	if s == nil {
		return nil, notConfigured
	}
	return client(s, &s.rocketmqClient, s.rocketmqSection, func(c rocketmq.Config) (*rocketmq.Client, error) {
		c.Log = func(ctx context.Context, message string, keysAndValues ...any) {
			tflog.Debug(ctx, readable(message), fieldsOf(keysAndValues))
		}
		return rocketmq.New(c, s.clock)
	})
}

// fieldsOf turns key-value pairs into the fields of a log line.
func fieldsOf(keysAndValues []any) map[string]any {
	fields := make(map[string]any, len(keysAndValues)/2)
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		fields[fmt.Sprint(keysAndValues[i])] = keysAndValues[i+1]
	}
	return fields
}

// kafkaEngine returns the engine for a cluster, or for a managed instance.
func (s *services) kafkaEngine(instanceID string) (reset.Engine, error) {
	if instanceID != "" {
		return engineOfInstance(instanceID, s.romaConnect)
	}
	return engineOf(s.kafka())
}

// rocketmqEngine returns the engine for a cluster, or for a managed instance.
func (s *services) rocketmqEngine(instanceID string) (reset.Engine, error) {
	if instanceID != "" {
		return engineOfInstance(instanceID, s.apsaramq)
	}
	return engineOf(s.rocketmq())
}

// engineOf returns a client as an engine, and no engine at all beside an error.
func engineOf[C reset.Engine](c C, err error) (reset.Engine, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// previews shows what a reset would do to the live cluster, if that is wanted.
func (s *services) previews(ctx context.Context, diags *diag.Diagnostics, verb string, a reset.Attempt, open reset.Open) {
	switch {
	case s == nil:
		tell(diags, []reset.Notice{reset.NoPreview(reset.NameOf(a.Request).Headline(verb), notConfigured.Error())}, nil)
	case s.preview:
		tell(diags, s.resets.Preview(ctx, open, verb, a), nil)
	}
}

// Close ends all connections. Whatever is under way fails.
func (s *services) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return errors.Join(s.kafkaClient.close(), s.rocketmqClient.close(), s.apsaramqClient.close(), s.romaConnectClient.close())
}
