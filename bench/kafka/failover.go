package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// The group that fails over, from one topic to the other, which holds the same
// records one offset later. For the search another topic is the same as
// another cluster.
const (
	movingGroup = "bench-failover"
	movedGroup  = "bench-failover-target"
)

func sourceOf(n int) string { return fmt.Sprintf("bench-source-%d", n) }
func mirrorOf(n int) string { return fmt.Sprintf("bench-mirror-%d", n) }

// measureFailover measures a snapshot and a failover to it, beside the same
// requests by hand and beside a plain reset by time of the same topic.
func measureFailover(ctx context.Context, cluster *kafkacluster.Cluster, counts []int, rounds int, out io.Writer) error {
	t := &table{title: "Snapshot of a group and failover to it, median ms", sizes: counts}
	for _, n := range counts {
		if err := prepareMirror(ctx, cluster, n); err != nil {
			return err
		}
		byTime := offset.Request{
			Group: movedGroup, Scope: offset.Scope{Topics: []string{mirrorOf(n)}},
			Target: offset.Target{Kind: offset.ToTime, Time: when},
		}
		// The rows lead to different places by turns: what is there already
		// would not be committed.
		err := measure(ctx, t, n, []row{
			{name: floorName, run: func(ctx context.Context) ([]phase, error) { return failoverByHand(ctx, cluster.Bootstrap(), n) }},
			{name: engineName, run: func(ctx context.Context) ([]phase, error) { return failover(ctx, cluster.Bootstrap(), n) }},
			{name: "plain reset by time", run: func(ctx context.Context) ([]phase, error) { return reset(ctx, cluster.Bootstrap(), byTime) }},
		}, rounds, rounds)
		if err != nil {
			return err
		}
	}
	t.print(out)
	for _, n := range counts {
		fmt.Fprintf(out, "%d partitions: snapshot and failover take %.2f times a plain reset by time\n", n,
			float64(t.median(engineName, n))/float64(t.median("plain reset by time", n)))
	}
	return nil
}

// prepareMirror makes the two topics. The group is at the second of three
// records in each partition.
func prepareMirror(ctx context.Context, cluster *kafkacluster.Cluster, n int) error {
	client := cluster.Client()
	source, mirror := map[int32]int64{}, map[int32]int64{}
	for _, topic := range []string{sourceOf(n), mirrorOf(n)} {
		if err := makeTopic(ctx, cluster, topic, n); err != nil {
			return err
		}
	}
	const workers = 64
	var (
		running sync.WaitGroup
		errs    = make([]error, workers)
	)
	for worker := range workers {
		running.Go(func() {
			for p := worker; p < n && errs[worker] == nil; p += workers {
				var records []kafkacluster.Record
				for i := range 3 {
					records = append(records, kafkacluster.Record{At: when.Add(time.Duration(i) * time.Minute), Value: fmt.Sprintf("%d/%d", p, i)})
				}
				more := append([]kafkacluster.Record{{At: when.Add(-time.Minute), Value: "only here"}}, records...)
				_, err := client.Produce(ctx, sourceOf(n), int32(p), records...)
				_, err2 := client.Produce(ctx, mirrorOf(n), int32(p), more...)
				errs[worker] = errors.Join(err, err2)
			}
		})
	}
	running.Wait()
	for p := range int32(n) {
		source[p], mirror[p] = 1, 0
	}
	return errors.Join(errors.Join(errs...),
		client.Commit(ctx, movingGroup, kafkacluster.Offsets{sourceOf(n): source}),
		client.Commit(ctx, movedGroup, kafkacluster.Offsets{mirrorOf(n): mirror}))
}

// failover takes a snapshot and goes to it, with a client of its own for each,
// as the provider does for two clusters.
func failover(ctx context.Context, servers []string, n int) ([]phase, error) {
	started := time.Now()
	client, err := kafka.New(connection.Config{BootstrapServers: servers})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	taken, err := client.Snapshot(ctx, movingGroup, []string{sourceOf(n)})
	if err != nil {
		return nil, err
	}
	text, err := offset.EncodeSnapshot(taken.Snapshot)
	if err != nil {
		return nil, err
	}
	snapshot := time.Now()
	decoded, err := offset.DecodeSnapshot(text)
	if err != nil {
		return nil, err
	}
	phases, err := reset(ctx, servers, offset.Request{
		Group:  movedGroup,
		Target: offset.Target{Kind: offset.ToSnapshot, Snapshot: decoded, TopicNames: map[string]string{sourceOf(n): mirrorOf(n)}},
	})
	return append([]phase{{"snapshot", snapshot.Sub(started)}}, phases...), err
}

func reset(ctx context.Context, servers []string, req offset.Request) ([]phase, error) {
	started := time.Now()
	client, err := kafka.New(connection.Config{BootstrapServers: servers})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	plan, err := client.Plan(ctx, req)
	if err != nil {
		return nil, err
	}
	planned := time.Now()
	result, err := client.Apply(ctx, plan)
	if err == nil && req.Target.Kind == offset.ToSnapshot {
		if s := offset.SummarizeOutcomes(result.Outcomes); s.Unmatched > 0 || s.Matched == 0 {
			err = fmt.Errorf("%d partitions were found and %d not", s.Matched, s.Unmatched)
		}
	}
	return []phase{{"plan", planned.Sub(started)}, {"apply", time.Since(planned)}}, err
}

// failoverByHand sends the requests that a snapshot and a failover cannot do
// without, and does nothing with their answers but what the next ones need.
func failoverByHand(_ context.Context, servers []string, n int) (phases []phase, err error) {
	conf, dialer, err := connection.Open(connection.Config{BootstrapServers: servers}, nil)
	if err != nil {
		return nil, err
	}
	f := &byHand{conf: conf, topic: sourceOf(n), group: movingGroup, brokers: map[string]*sarama.Broker{}}
	defer func() {
		dialer.CloseAll()
		for _, b := range f.brokers {
			_ = b.Close()
		}
	}()
	last := time.Now()
	done := func(name string) {
		phases = append(phases, phase{name, time.Since(last)})
		last = time.Now()
	}
	bounds := []int64{sarama.OffsetOldest, sarama.OffsetNewest}
	seed, coordinator, leaders, err := f.connect(servers[0])
	if err != nil {
		return nil, err
	}
	if _, err := f.list(leaders, bounds, func() error {
		_, err := f.fetch(coordinator, n)
		return err
	}); err != nil {
		return nil, err
	}
	if err := f.read(leaders, 0); err != nil {
		return nil, err
	}
	done("snapshot")

	f.topic, f.group = mirrorOf(n), movedGroup
	if _, coordinator, leaders, err = f.connect(seed.Addr()); err != nil {
		return nil, err
	}
	lists, err := f.list(leaders, append(bounds, when.UnixMilli()), func() error {
		_, err := f.fetch(coordinator, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := f.read(leaders, 1); err != nil {
		return nil, err
	}
	done("look up")
	req := sarama.NewOffsetCommitRequest(conf, movedGroup)
	for _, resp := range lists[2] {
		for id, block := range resp.Blocks[f.topic] {
			req.AddBlockWithLeaderEpoch(f.topic, id, block.Offset, -1, 0, "")
		}
	}
	if _, err := coordinator.CommitOffset(req); err != nil {
		return nil, err
	}
	_, err = f.fetch(coordinator, n)
	done("commit, read back")
	return phases, err
}

// connect finds the group's coordinator and the leaders of the topic.
func (f *byHand) connect(addr string) (seed, coordinator *sarama.Broker, leaders map[*sarama.Broker][]int32, err error) {
	if seed, err = f.open(addr); err != nil {
		return nil, nil, nil, err
	}
	found, err := seed.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 3, CoordinatorKey: f.group})
	if err != nil {
		return nil, nil, nil, err
	}
	if coordinator, err = f.open(found.Coordinator.Addr()); err != nil {
		return nil, nil, nil, err
	}
	described := make(chan error, 1)
	go func() { described <- f.describe(coordinator) }()
	leaders, err = f.leaders(seed)
	return seed, coordinator, leaders, errors.Join(err, <-described)
}

// read fetches 64 kB of each partition from an offset on.
func (f *byHand) read(leaders map[*sarama.Broker][]int32, from int64) error {
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		errs    []error
	)
	for leader, ids := range leaders {
		running.Go(func() {
			req := &sarama.FetchRequest{Version: 11, MaxWaitTime: 500, MinBytes: 1, MaxBytes: 48 << 20, SessionEpoch: -1}
			for _, id := range ids {
				req.AddBlock(f.topic, id, from, 64<<10, -1)
			}
			_, err := leader.Fetch(req)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
