package kafkaclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Protocol is the way in which a group's members come together.
type Protocol string

// The protocols of groups.
const (
	Classic  Protocol = "classic"  // the default: members assign partitions among themselves
	Consumer Protocol = "consumer" // KIP-848: the broker does; before Kafka 4.0 a member is classic all the same
	Share    Protocol = "share"    // KIP-932: a share group, which has no committed offsets
)

// MemberOptions says how to join a group.
type MemberOptions struct {
	Group      string
	Topics     []string
	Protocol   Protocol // empty means Classic
	ClientID   string   // empty means ClientID
	InstanceID string   // group.instance.id: a static member
	Commit     bool     // commits what it consumes, before Records shows it
	Session    time.Duration
}

// Member is a running consumer in a group. It reads from the log's start where
// the group has no offset.
type Member struct {
	kgo    *kgo.Client
	kill   context.CancelFunc // ends everything that the client does, at once
	stop   context.CancelFunc // ends polling
	polled chan struct{}

	mu       sync.Mutex
	records  []Record
	grown    chan struct{}
	assigned map[string][]int32
	settled  bool
	err      error
}

// Join starts a consumer and waits until it is a member with an assignment,
// which may be empty.
func (c *Client) Join(ctx context.Context, o MemberOptions) (*Member, error) {
	life, kill := context.WithCancel(context.Background())
	m := &Member{
		kill: kill, polled: make(chan struct{}), grown: make(chan struct{}), assigned: map[string][]int32{},
	}
	opts := append([]kgo.Opt{
		kgo.SeedBrokers(c.bootstrap...),
		kgo.ClientID(ClientID),
		kgo.WithContext(life),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ConsumeTopics(o.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100 * time.Millisecond),
	}, c.opts...)
	if o.ClientID != "" {
		opts = append(opts, kgo.ClientID(o.ClientID))
	}
	if o.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(o.InstanceID))
	}
	if o.Session > 0 {
		opts = append(opts, kgo.SessionTimeout(o.Session), kgo.HeartbeatInterval(o.Session/10))
	}
	switch o.Protocol {
	case Share:
		opts = append(opts, kgo.ShareGroup(o.Group))
	case Classic, Consumer, "":
		opts = append(opts, kgo.ConsumerGroup(o.Group), kgo.Balancers(kgo.RangeBalancer()),
			kgo.DisableAutoCommit(), kgo.OnPartitionsAssigned(m.gained), kgo.OnPartitionsRevoked(m.lost), kgo.OnPartitionsLost(m.lost))
		if o.Protocol == Consumer {
			opts = append(opts, kgo.ServerSideBalancer())
		}
	default:
		kill()
		return nil, fmt.Errorf("join group %q: no protocol %q", o.Group, o.Protocol)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		kill()
		return nil, fmt.Errorf("join group %q: %w", o.Group, err)
	}
	m.kgo = client
	polling, stop := context.WithCancel(life)
	m.stop = stop
	go m.poll(polling, life, o.Commit)

	if err := c.awaitAssignment(ctx, m, o); err != nil {
		m.Kill()
		return nil, fmt.Errorf("join group %q: %w", o.Group, err)
	}
	return m, nil
}

func (c *Client) awaitAssignment(ctx context.Context, m *Member, o MemberOptions) error {
	if o.Protocol == Share { // its assignment shows at the broker only
		return c.AwaitShareMember(ctx, o.Group, cmp.Or(o.ClientID, ClientID))
	}
	return m.wait(ctx, "an assignment", func() bool { return m.settled })
}

// poll consumes until its first context is done. Commits are bound by the
// second one only: what was consumed is committed before the member leaves.
func (m *Member) poll(ctx, life context.Context, commit bool) {
	defer close(m.polled)
	for {
		fetches := m.kgo.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		var err error
		if commit && !fetches.Empty() {
			err = m.kgo.CommitUncommittedOffsets(life)
		}
		m.change(func() {
			if err != nil {
				m.err = err
			}
			fetches.EachError(func(_ string, _ int32, err error) { m.err = err })
			fetches.EachRecord(func(r *kgo.Record) {
				m.records = append(m.records, Record{
					Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
					At: r.Timestamp, Key: string(r.Key), Value: string(r.Value),
				})
			})
		})
	}
}

func (m *Member) gained(_ context.Context, _ *kgo.Client, gained map[string][]int32) {
	m.change(func() {
		m.settled = true
		for topic, partitions := range gained {
			m.assigned[topic] = append(m.assigned[topic], partitions...)
			slices.Sort(m.assigned[topic])
		}
	})
}

func (m *Member) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	m.change(func() {
		for topic, partitions := range lost {
			m.assigned[topic] = slices.DeleteFunc(m.assigned[topic], func(p int32) bool {
				return slices.Contains(partitions, p)
			})
			if len(m.assigned[topic]) == 0 {
				delete(m.assigned, topic)
			}
		}
	})
}

// change changes the member under its lock and wakes who waits for that.
func (m *Member) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.grown)
	m.grown = make(chan struct{})
}

// wait waits until the condition, asked under the lock, holds.
func (m *Member) wait(ctx context.Context, what string, holds func() bool) error {
	for {
		m.mu.Lock()
		done, grown, err := holds(), m.grown, m.err
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(ctx.Err(), err))
		}
	}
}

// ID returns the member id that the broker knows; empty for a share group's.
func (m *Member) ID() string {
	id, _ := m.kgo.GroupMetadata()
	return id
}

// Assigned returns the partitions that it consumes now.
func (m *Member) Assigned() map[string][]int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string][]int32, len(m.assigned))
	for topic, partitions := range m.assigned {
		out[topic] = slices.Clone(partitions)
	}
	return out
}

// WaitAssigned waits until the member has a partition: with the new protocol
// its first assignment may be empty until the coordinator has made another.
func (m *Member) WaitAssigned(ctx context.Context) error {
	return m.wait(ctx, "a partition", func() bool { return len(m.assigned) > 0 })
}

// Records returns what it has consumed so far.
func (m *Member) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

// WaitRecords waits until it has consumed at least n records.
func (m *Member) WaitRecords(ctx context.Context, n int) error {
	return m.wait(ctx, fmt.Sprintf("%d records", n), func() bool { return len(m.records) >= n })
}

// Err returns the last error that it met while it consumed.
func (m *Member) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Leave leaves the group and closes the consumer. A static member only goes
// away: the broker keeps it until the session time-out.
func (m *Member) Leave(ctx context.Context) error {
	m.stop()
	<-m.polled
	err := m.kgo.LeaveGroupContext(ctx)
	m.kill() // lest closing takes longer than ctx allows
	m.kgo.CloseAllowingRebalance()
	if err != nil {
		return fmt.Errorf("leave the group: %w", err)
	}
	return nil
}

// Kill ends the consumer without a word to the broker, as kill -9 does: the
// group counts it as a member until the session time-out.
func (m *Member) Kill() {
	m.kill()
	m.stop()
	<-m.polled
	m.kgo.CloseAllowingRebalance()
}
