package provider

import (
	"context"
	"errors"
	"sync"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// services is what one configured provider shares among its resources, data
// sources and actions: a client for each section in use, opened when it is
// first needed, so that a section that nothing uses is never dialled.
type services struct {
	ctx      context.Context //nolint:containedctx // It carries Terraform's logger to clients that outlive the call; it is never waited on.
	clock    clock.Clock
	preview  bool
	set      tracker
	prepared prepared

	kafkaSection section[connection.Config]

	mu          sync.Mutex
	closed      bool
	kafkaClient *kafka.Client
}

// section is one section of the provider's configuration.
type section[C any] struct {
	config  C
	missing string // why the section cannot be used; empty if it can
}

// errUnconfigured says that there is no client, and why.
type errUnconfigured string

func (e errUnconfigured) Error() string { return string(e) }

// kafka returns the client of the cluster that the provider is configured for.
func (s *services) kafka() (*kafka.Client, error) {
	if s == nil {
		return nil, errUnconfigured("the provider is not configured yet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errUnconfigured("the provider has been closed")
	case s.kafkaSection.missing != "":
		return nil, errUnconfigured(s.kafkaSection.missing)
	case s.kafkaClient != nil:
		return s.kafkaClient, nil
	}
	client, err := kafka.New(s.kafkaSection.config, kafka.WithClock(s.clock), kafka.WithLogger(func(message string) {
		tflog.Debug(s.ctx, message)
	}))
	if err != nil {
		return nil, err
	}
	s.kafkaClient = client
	return client, nil
}

// kafkaEngine returns the engine for a cluster, or for a managed instance.
func (s *services) kafkaEngine(instanceID string) (offset.Engine, error) {
	if instanceID != "" {
		return nil, errUnconfigured("managed Kafka instances are not supported by this version of the provider")
	}
	return s.kafka()
}

// setByAnother tells which partitions a reset of this run has set.
func (s *services) setByAnother(group string) func(offset.Partition) bool {
	if s == nil {
		return nil
	}
	return s.set.has(group)
}

// Close ends all connections. Whatever is under way fails.
func (s *services) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	if s.kafkaClient != nil {
		errs = append(errs, s.kafkaClient.Close())
		s.kafkaClient = nil
	}
	return errors.Join(errs...)
}

// tracker remembers which partitions resets of this run have set, so that the
// destroy of an older reset leaves them alone (create_before_destroy destroys
// the old instance after the new one's create, in the same process).
type tracker struct {
	mu  sync.Mutex
	set map[string]map[offset.Partition]struct{} // by group
}

// add remembers the partitions that a reset has set.
func (t *tracker) add(group string, moves []offset.Move) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		t.set = map[string]map[offset.Partition]struct{}{}
	}
	if t.set[group] == nil {
		t.set[group] = make(map[offset.Partition]struct{}, len(moves))
	}
	for _, m := range moves {
		if !m.Failed() {
			t.set[group][m.Partition] = struct{}{}
		}
	}
}

// has tells whether a reset of this run has set the partition.
func (t *tracker) has(group string) func(offset.Partition) bool {
	return func(p offset.Partition) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		_, ok := t.set[group][p]
		return ok
	}
}
