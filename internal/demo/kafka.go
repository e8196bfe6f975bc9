package main

import (
	"context"
	_ "embed"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

//go:embed kafka.tf
var kafkaCode string

// showKafka has a group consume again what it has consumed wrongly.
func showKafka(ctx context.Context, s *screen, tf *terraform) error {
	cluster, err := fake.Start(fake.Options{
		Brokers: 3, Topics: map[string]int32{topic: 3}, Kfake: []kfake.Opt{kfake.ClusterID("demo")},
	})
	if err != nil {
		return err
	}
	defer cluster.Close()
	client := cluster.Client()
	if err := client.Fill(ctx, topic, 3, messages, firstMessage, time.Minute); err != nil {
		return err
	}
	if err := client.Commit(ctx, group, fake.Offsets{topic: {0: 200, 1: 240, 2: 235}}); err != nil {
		return err
	}
	before := place{[]int64{200, 240, 235}, 45}
	after := place{[]int64{90, 90, 90}, 450} // 90 minutes, 90 records

	s.print(title, "Kafka: three brokers inside this process, in place of real ones")
	s.print(plain, "Each partition gets an order a minute. All since 13:30 were billed wrongly, so billing goes back.")
	scene := &scene{
		screen: s, tf: tf, env: serversOf(cluster),
		columns: []string{"partition 0", "partition 1", "partition 2"},
		ask:     func(ctx context.Context) (place, error) { return standing(ctx, cluster) },
	}
	scene.start(ctx, kafkaCode, before)

	scene.run(ctx, "plan")
	scene.quote(plain, "Plan: 1 to add, 0 to change, 0 to destroy.")
	for _, line := range scene.quotePreview("405 messages replayed, 0 skipped") {
		s.print(plain, indent+s.withoutAge(line))
	}

	scene.run(ctx, "apply", "-auto-approve")
	scene.quote(good, "Apply complete! Resources: 1 added")
	scene.stands(ctx, "after the apply", after)

	scene.run(ctx, "plan")
	scene.quote(good, "No changes.")

	scene.run(ctx, "destroy", "-auto-approve")
	scene.quote(good, "Destroy complete! Resources: 1 destroyed.")
	scene.stands(ctx, "after the destroy", before)
	return scene.err
}
