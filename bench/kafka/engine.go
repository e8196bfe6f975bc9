package main

import (
	"context"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

const engineName = "engine"

// engine resets with the provider's engine: group check, bounds, resolve,
// commit, read-back.
func engine(ctx context.Context, servers []string, target offset.Target, n int) ([]phase, error) {
	started := time.Now()
	client, err := kafka.New(connection.Config{BootstrapServers: servers})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	plan, err := client.Plan(ctx, offset.Request{
		Group:  group,
		Scope:  offset.Scope{Topics: []string{topicOf(n)}},
		Target: target,
	})
	if err != nil {
		return nil, err
	}
	planned := time.Now()
	_, err = client.Apply(ctx, plan)
	return []phase{{"plan", planned.Sub(started)}, {"apply", time.Since(planned)}}, err
}
