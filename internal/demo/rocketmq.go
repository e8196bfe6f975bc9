package main

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

//go:embed rocketmq.tf
var rocketmqCode string

// showRocketMQ has a group skip its backlog, while one of its consumers is online.
func showRocketMQ(ctx context.Context, s *screen, tf *terraform) error {
	masters := []string{"broker-a", "broker-b"}
	const queues = 2
	cluster, err := fake.Start(fake.Config{Name: "demo", Brokers: masters})
	if err != nil {
		return err
	}
	defer cluster.Close()
	cluster.CreateTopic(topic, queues)
	cluster.CreateGroup(group)
	var stored []time.Time
	for i := range messages {
		stored = append(stored, firstMessage.Add(time.Duration(i)*time.Minute))
	}
	var columns []string
	before := place{[]int64{150, 150, 120, 120}, 420}
	after := place{[]int64{messages, messages, messages, messages}, 0}
	for i, master := range masters {
		for queue := range int32(queues) {
			columns = append(columns, fmt.Sprintf("%s/%d", master, queue))
			cluster.Append(master, topic, int(queue), stored...)
			cluster.Commit(master, group, topic, queue, before.committed[i*queues+int(queue)])
		}
	}
	cluster.Connect(group, fake.Consumer{ID: "billing-1", Topics: []string{topic}})

	s.print(title, "RocketMQ: a name server and two masters inside this process, in place of real ones")
	s.print(plain, "A consumer is online, but far behind: billing skips what is too old to matter.")
	scene := &scene{
		screen: s, tf: tf, env: "NAMESRV_ADDR=" + cluster.NameServer(), columns: columns,
		ask: func(context.Context) (place, error) {
			var p place
			for _, master := range masters {
				for queue := range int32(queues) {
					offset, _ := cluster.Committed(master, group, topic, queue)
					p.committed = append(p.committed, offset)
					p.lag += messages - offset
				}
			}
			return p, nil
		},
	}
	scene.start(ctx, rocketmqCode, before)

	scene.run(ctx, "apply", "-auto-approve")
	scene.quotePreview("0 messages replayed, 420 skipped")
	scene.quote(good, "Apply complete! Resources: 1 added")
	scene.stands(ctx, "after the apply", after)

	scene.run(ctx, "destroy", "-auto-approve")
	scene.quote(good, "Destroy complete! Resources: 1 destroyed.")
	scene.stands(ctx, "after the destroy", before)
	return scene.err
}
