package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

//go:embed failover.tf
var failoverCode string

// lostBefore is how many of the first records the second cluster does not have:
// there each record has an offset that is so much smaller.
const lostBefore = 60

// showFailover has a group go on on a second cluster when the first one is gone.
func showFailover(ctx context.Context, s *screen, tf *terraform) error {
	start := func(id string) (*fake.Cluster, error) {
		return fake.Start(fake.Options{Brokers: 3, Topics: map[string]int32{topic: 3}, Kfake: []kfake.Opt{kfake.ClusterID(id)}})
	}
	first, err := start("first")
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := start("second")
	if err != nil {
		return err
	}
	defer second.Close()
	for p := range int32(3) {
		records := make([]fake.Record, messages)
		for i := range records {
			records[i] = fake.Record{At: firstMessage.Add(time.Duration(i) * time.Minute), Value: fmt.Sprintf("order %d of %d", i, p)}
		}
		for cluster, of := range map[*fake.Cluster][]fake.Record{first: records, second: records[lostBefore:]} {
			if _, err := cluster.Client().Produce(ctx, topic, p, of...); err != nil {
				return err
			}
		}
	}
	if err := first.Client().Commit(ctx, group, fake.Offsets{topic: {0: 200, 1: 240, 2: 235}}); err != nil {
		return err
	}

	s.print(title, "Failover: two clusters with the same records, at other offsets")
	s.print(plain, "A snapshot is kept of where billing is. The first cluster dies, and billing goes on on the second.")
	on := first
	scene := &scene{
		screen: s, tf: tf, env: serversOf(first),
		columns: []string{"partition 0", "partition 1", "partition 2"},
		ask:     func(ctx context.Context) (place, error) { return standing(ctx, on) },
	}
	scene.start(ctx, failoverCode, place{[]int64{200, 240, 235}, 45})
	scene.run(ctx, "apply", "-auto-approve", "-target=kafka_consumer_group_snapshot.kept")
	scene.quote(good, "Apply complete! Resources: 1 added")

	first.Close()
	on, scene.env = second, serversOf(second)
	scene.run(ctx, "apply", "-auto-approve")
	scene.quote(good, "Apply complete! Resources: 1 added")
	scene.stands(ctx, "on the second", place{[]int64{140, 180, 175}, 45})
	return scene.err
}

func serversOf(cluster *fake.Cluster) string {
	return "KAFKA_BOOTSTRAP_SERVERS=" + strings.Join(cluster.Bootstrap(), ",")
}

// standing tells where the group is on a Kafka cluster.
func standing(ctx context.Context, cluster *fake.Cluster) (place, error) {
	committed, err := cluster.Client().Committed(ctx, group)
	if err != nil {
		return place{}, err
	}
	_, ends, err := cluster.Client().Log(ctx, topic)
	if err != nil {
		return place{}, err
	}
	var p place
	for partition := range int32(3) {
		offset := committed[topic][partition]
		p.committed = append(p.committed, offset)
		p.lag += ends[partition] - offset
	}
	return p, nil
}
