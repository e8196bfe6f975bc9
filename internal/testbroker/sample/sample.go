// Package sample has what the documentation's examples speak of: topics with
// messages of March 2026 and of the last hours, and groups that have consumed
// most of them. It must not know what is done to them.
package sample

import (
	"context"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// ClusterID is the id of the examples' Kafka cluster.
const ClusterID = "MkU3OEVBNTcwNTJENDM2Qg"

// Partitions is how many each Kafka topic has.
const Partitions = 3

// Masters are the brokers of the examples' RocketMQ cluster.
var Masters = []string{"broker-a", "broker-b"}

// Queues is how many each topic has at each of the masters.
const Queues = 2

// March is when the older messages begin.
var March = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The messages of each partition and queue: older ones from March on, and
// recent ones until just now, each a minute after the one before.
const (
	older  = 600
	recent = 400
)

// Times returns the times of the messages in each partition and queue.
func Times() []time.Time {
	times := make([]time.Time, 0, older+recent)
	for i := range older {
		times = append(times, March.Add(time.Duration(i)*time.Minute))
	}
	now := time.Now()
	for i := range recent {
		times = append(times, now.Add(time.Duration(i-recent)*time.Minute))
	}
	return times
}

// Topics are Kafka's, and how many partitions they have.
func Topics() map[string]int32 {
	return map[string]int32{"orders": Partitions, "payments": Partitions}
}

// Groups are Kafka's, and where they are.
func Groups() map[string]kafkaclient.Offsets {
	at := func(offset int64) map[int32]int64 { return map[int32]int64{0: offset, 1: offset, 2: offset} }
	return map[string]kafkaclient.Offsets{
		"billing":        {"orders": at(900), "payments": at(900)},
		"invoices":       {"orders": at(900)},
		"search":         {"orders": at(900)},
		"search-indexer": {"orders": at(older + recent)},
	}
}

// Kafka fills a Kafka cluster, whose topics have to exist and to be empty.
func Kafka(ctx context.Context, client *kafkaclient.Client) error {
	for topic := range Topics() {
		if err := client.Fill(ctx, topic, Partitions, older, March, time.Minute); err != nil {
			return err
		}
		if err := client.Fill(ctx, topic, Partitions, recent, time.Now().Add(-recent*time.Minute), time.Minute); err != nil {
			return err
		}
	}
	for group, offsets := range Groups() {
		if err := client.Commit(ctx, group, offsets); err != nil {
			return err
		}
	}
	return nil
}

// RocketMQ fills a cluster of Masters.
func RocketMQ(cluster *fake.Cluster) {
	const topic, at = "orders", 900
	cluster.CreateTopic(topic, Queues)
	times := Times()
	for _, broker := range Masters {
		for queue := range Queues {
			cluster.Append(broker, topic, queue, times...)
		}
	}
	for _, group := range []string{"billing", "loyalty", "shipping"} {
		cluster.CreateGroup(group)
		for _, broker := range Masters {
			for queue := range int32(Queues) {
				cluster.Commit(broker, group, topic, queue, at)
			}
		}
	}
}
