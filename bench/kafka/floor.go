package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

const floorName = "floor"

// floor sends the requests that a checked reset cannot do without, by hand and
// as parallel as they can be, and does nothing else with the answers: no
// retries, no bounds, no comparison.
func floor(_ context.Context, servers []string, target offset.Target, n int) (phases []phase, err error) {
	conf, dialer, err := connection.Open(connection.Config{BootstrapServers: servers}, nil)
	if err != nil {
		return nil, err
	}
	f := &byHand{conf: conf, topic: topicOf(n), group: group, brokers: map[string]*sarama.Broker{}}
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
	seed, err := f.open(servers[0])
	if err != nil {
		return nil, err
	}
	found, err := seed.FindCoordinator(&sarama.FindCoordinatorRequest{Version: 3, CoordinatorKey: group})
	if err != nil {
		return nil, err
	}
	coordinator, err := f.open(found.Coordinator.Addr())
	if err != nil {
		return nil, err
	}
	described := make(chan error, 1)
	go func() { described <- f.describe(coordinator) }()
	leaders, err := f.leaders(seed)
	if err != nil {
		return nil, err
	}
	done("metadata with connect, coordinator")

	timestamps := []int64{sarama.OffsetOldest, sarama.OffsetNewest}
	if target.Kind == offset.ToTime {
		timestamps = append(timestamps, target.Time.UnixMilli())
	}
	lists, err := f.list(leaders, timestamps, func() error {
		_, err := f.fetch(coordinator, n)
		return errors.Join(err, <-described)
	})
	if err != nil {
		return nil, err
	}
	done("offsets, group description, committed offsets")

	if err := f.commit(coordinator, lists[len(timestamps)-1]); err != nil {
		return nil, err
	}
	done("commit")
	if _, err := f.fetch(coordinator, n); err != nil {
		return nil, err
	}
	done("read back")
	return phases, nil
}

// byHand is what the floor keeps.
type byHand struct {
	conf    *sarama.Config
	topic   string
	group   string
	brokers map[string]*sarama.Broker
}

func (f *byHand) open(addr string) (*sarama.Broker, error) {
	if b := f.brokers[addr]; b != nil {
		return b, nil
	}
	b := sarama.NewBroker(addr)
	f.brokers[addr] = b
	if err := b.Open(f.conf); err != nil {
		return nil, err
	}
	return b, nil
}

// leaders returns the partitions by the broker that leads them.
func (f *byHand) leaders(seed *sarama.Broker) (map[*sarama.Broker][]int32, error) {
	req := sarama.NewMetadataRequest(f.conf.Version, []string{f.topic})
	req.IncludeTopicAuthorizedOperations = true
	resp, err := seed.GetMetadata(req)
	if err != nil {
		return nil, err
	}
	byID := map[int32]*sarama.Broker{}
	for _, b := range resp.Brokers {
		if byID[b.ID()], err = f.open(b.Addr()); err != nil {
			return nil, err
		}
	}
	leaders := map[*sarama.Broker][]int32{}
	for _, p := range resp.Topics[0].Partitions {
		leaders[byID[p.Leader]] = append(leaders[byID[p.Leader]], p.ID)
	}
	return leaders, nil
}

func (f *byHand) describe(coordinator *sarama.Broker) error {
	_, err := coordinator.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 5, Groups: []string{f.group}, IncludeAuthorizedOperations: true})
	return err
}

// list asks each leader for each timestamp, and does more beside it. It
// returns the answers by timestamp.
func (f *byHand) list(leaders map[*sarama.Broker][]int32, timestamps []int64, beside func() error) ([][]*sarama.OffsetResponse, error) {
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		lists   = make([][]*sarama.OffsetResponse, len(timestamps))
		errs    []error
	)
	for i, timestamp := range timestamps {
		for leader, ids := range leaders {
			running.Go(func() {
				req := sarama.NewOffsetRequest(f.conf.Version)
				for _, id := range ids {
					req.AddBlock(f.topic, id, timestamp, 1)
				}
				resp, err := leader.GetAvailableOffsets(req)
				mu.Lock()
				defer mu.Unlock()
				lists[i] = append(lists[i], resp)
				errs = append(errs, err)
			})
		}
	}
	err := beside()
	running.Wait()
	return lists, errors.Join(append(errs, err)...)
}

// commit commits what was listed, in the fewest requests that a broker takes.
func (f *byHand) commit(coordinator *sarama.Broker, listed []*sarama.OffsetResponse) error {
	var req *sarama.OffsetCommitRequest
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		resp, err := coordinator.CommitOffset(req)
		if err != nil {
			return err
		}
		for id, code := range resp.Errors[f.topic] {
			if !errors.Is(code, sarama.ErrNoError) {
				return fmt.Errorf("partition %d: %w", id, code)
			}
		}
		n = 0
		return nil
	}
	for _, resp := range listed {
		for id, block := range resp.Blocks[f.topic] {
			if n == 0 {
				req = sarama.NewOffsetCommitRequest(f.conf, f.group)
			}
			req.AddBlockWithLeaderEpoch(f.topic, id, block.Offset, block.LeaderEpoch, 0, "")
			if n++; n == atOnce {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

func (f *byHand) fetch(coordinator *sarama.Broker, n int) (*sarama.OffsetFetchResponse, error) {
	req := sarama.NewOffsetFetchRequest(f.conf.Version, f.group, map[string][]int32{f.topic: partitions(n)})
	req.RequireStable = true
	return coordinator.FetchOffset(req)
}
