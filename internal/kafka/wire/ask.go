package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Request is a request to one broker.
type Request[A any] struct {
	API   API
	Doing string // what is being done, and on what, for the error: `Describe consumer group "billing"`
	// Send sends it. It may be called again, for another broker.
	Send func(*Broker) (*A, error)
	// Codes returns the codes of an answer. The answer counts unless one of
	// them means to ask again; nil is an answer that always counts.
	Codes func(*A) []sarama.KError
}

// Answer is what came of a request. All but the Body is there beside an error
// too.
type Answer[A any] struct {
	Body  *A
	Codes []sarama.KError // of the body
	// Unanswered tells that a try of the request may have been carried out
	// without an answer.
	Unanswered bool
	// Superseded are the codes of the answers that said to ask again: of a
	// request with many parts, some may have been carried out.
	Superseded [][]sarama.KError
}

// take takes the body over if it counts, and returns why not if it does not.
// The place is lost then if whoever answered is not the one to ask.
func (a *Answer[A]) take(r Request[A], body *A) (lost bool, err error) {
	var codes []sarama.KError
	if r.Codes != nil {
		codes = r.Codes(body)
	}
	for _, code := range codes {
		switch m := MeaningOf(r.API, code); m.Do {
		case Again, Relocate:
			a.Superseded = append(a.Superseded, codes)
			return m.Do == Relocate, Transient(Refused(r.Doing, code))
		}
	}
	a.Body, a.Codes = body, codes
	return false, nil
}

// AskAny sends a request that every broker can answer. The error is of type
// *offset.Error, and is sarama's ErrUnsupportedVersion if it is not offered.
func AskAny[A any](ctx context.Context, c *Cluster, r Request[A]) (answer Answer[A], err error) {
	_, err = retry(ctx, c.patience, func() (struct{}, error) {
		body, err := round(ctx, c, r.API, r.Send)
		if errors.Is(err, sarama.ErrUnsupportedVersion) {
			err = notOffered(r.API)
		}
		if err != nil {
			return struct{}{}, err
		}
		_, err = answer.take(r, body)
		return struct{}{}, err
	})
	return answer, err
}

// round asks one broker after the other, the one that answered last first, and
// the next one beside it if it takes its time. The first answer wins.
func round[A any](ctx context.Context, c *Cluster, api API, send func(*Broker) (*A, error)) (*A, error) {
	c.mu.Lock()
	known := slices.Clone(c.known)
	c.mu.Unlock()
	asking, cancel := context.WithCancel(ctx)
	defer cancel() // those that are still being asked
	type result struct {
		addr string
		body *A
		err  error
	}
	results := make(chan result, len(known))
	var asked []string
	next := func() {
		if len(asked) == len(known) {
			return
		}
		addr := known[len(asked)]
		asked = append(asked, addr)
		go func() {
			body, _, err := call(asking, c, addr, send)
			results <- result{addr, body, err}
		}()
	}
	stagger := time.NewTicker(c.Times.Stagger)
	defer stagger.Stop()
	var errs []error
	for next(); len(errs) < len(asked); {
		select {
		case <-stagger.C:
			next()
		case r := <-results:
			switch {
			case r.err == nil:
				c.answered(r.addr, asked)
				return r.body, nil
			case errors.Is(r.err, sarama.ErrUnsupportedVersion) && !api.everywhere():
				return nil, r.err
			case errors.Is(r.err, sarama.ErrUnsupportedVersion):
				r.err = &broken{r.addr, errController}
			}
			errs = append(errs, r.err)
			if ctx.Err() != nil || useless(r.err) {
				return nil, unreachable(errs)
			}
			c.failed(r.addr)
			next()
			stagger.Reset(c.Times.Stagger)
		}
	}
	return nil, unreachable(errs)
}

// answered moves addr to the front of the addresses to ask, and the others
// that were asked, and are slower, to the end.
func (c *Cluster) answered(addr string, asked []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[0] == addr && len(asked) == 1 {
		return
	}
	var rest, slow []string
	for _, a := range c.known {
		switch {
		case a == addr:
		case slices.Contains(asked, a):
			slow = append(slow, a)
		default:
			rest = append(rest, a)
		}
	}
	c.known = slices.Concat([]string{addr}, rest, slow)
}

// failed moves addr to the end of the addresses to ask.
func (c *Cluster) failed(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.known, addr); i >= 0 {
		c.known = append(slices.Delete(c.known, i, i+1), addr)
	}
}

// Led is a partition and the broker that led it when it was looked up.
type Led struct {
	offset.Partition
	Leader int32 // -1: none
}

// LeaderRequest is a request about many partitions that their leaders answer.
// All functions may be called at the same time, for different partitions.
type LeaderRequest[A any] struct {
	API   API
	Doing string // what is being done to a partition, for the error: "List the offsets"
	// Make returns what asks one leader for the partitions with the given
	// indices: thousands of them are put into the request while its connection
	// is opened, or busy. It may be sent again over another one.
	Make func(share []int) func(*Broker) (*A, error)
	// Take takes over what the answer says of them, and returns their codes.
	Take func(answer *A, share []int) []sarama.KError
}

// AskLeaders asks the leaders of the partitions, all at the same time, with
// one request for each. Partitions whose leader has moved, died or hangs are
// asked again at the new one. The metadata is what the leaders were found in.
// The first partition that fails for good ends it all; one that has no leader
// is waited for no longer than an election takes. The error is of type
// *offset.Error, and is sarama's ErrUnsupportedVersion if the request is not
// offered.
func AskLeaders[A any](ctx context.Context, c *Cluster, m *Metadata, partitions []Led, r LeaderRequest[A]) error {
	if len(partitions) == 0 {
		return nil
	}
	pending := make([]leading, len(partitions))
	for i, p := range partitions {
		pending[i] = leading{i, p.Leader}
	}
	brokers := m.Brokers
	first := true
	var without time.Time // since when some have no leader
	_, err := Retry(ctx, c.Times.Failover, func() (_ struct{}, err error) {
		if !first {
			var lost []string
			if brokers, lost, err = c.relocate(ctx, partitions, pending); err != nil {
				return struct{}{}, err
			}
			if len(lost) > 0 {
				// Its brokers are known to be gone: no more than an election
				// is waited for.
				if without.IsZero() {
					without = time.Now()
				}
				if time.Since(without) > c.Times.Settling.Total {
					return struct{}{}, NoLeader(lost...)
				}
				return struct{}{}, Transient(NoLeader(lost...))
			}
		}
		first = false
		pending, err = leaderRound(ctx, c, brokers, partitions, pending, r)
		return struct{}{}, err
	})
	return err
}

// leading is a partition's index and the broker that leads it.
type leading struct {
	index  int
	leader int32
}

// leaderRound asks all leaders once and returns what has to be asked again,
// beside a transient error that says why.
func leaderRound[A any](ctx context.Context, c *Cluster, brokers map[int32]string, partitions []Led, pending []leading, r LeaderRequest[A]) ([]leading, error) {
	type part struct {
		leader int32
		share  []int
		retry  []int
		why    error
	}
	var parts []part
	of := map[int32]int{} // the part of each leader
	for _, p := range pending {
		n, ok := of[p.leader]
		if !ok {
			n = len(parts)
			of[p.leader] = n
			parts = append(parts, part{leader: p.leader})
		}
		parts[n].share = append(parts[n].share, p.index)
	}
	steps := make([]func(context.Context) error, len(parts))
	for i := range parts {
		p := &parts[i]
		steps[i] = func(ctx context.Context) (err error) {
			p.retry, p.why, err = askLeader(ctx, c, brokers[p.leader], partitions, p.share, r)
			return err
		}
	}
	if err := Parallel(ctx, steps...); err != nil {
		return nil, err
	}
	var rest []leading
	var why error
	for _, p := range parts {
		for _, i := range p.retry {
			rest = append(rest, leading{i, p.leader})
		}
		if p.why != nil {
			why = p.why
		}
	}
	if why != nil {
		return rest, Transient(why)
	}
	return nil, nil
}

// askLeader asks one leader for its share. What is to be asked again comes
// with the reason.
func askLeader[A any](ctx context.Context, c *Cluster, addr string, partitions []Led, share []int, r LeaderRequest[A]) (rest []int, why, err error) {
	doing := func(i int) string { return fmt.Sprintf("%s of %s", r.Doing, partitions[i].Name()) }
	if addr == "" {
		return share, Refused(doing(share[0]), sarama.ErrLeaderNotAvailable), nil
	}
	watched, stop := c.watch(ctx, func(ctx context.Context) (bool, error) {
		m, err := c.metadata(ctx, topicsOf(partitions, share))
		return err == nil && leftBy(m, addr, partitions, share), err
	})
	answer, _, err := call(watched, c, addr, r.Make(share))
	stop()
	if err != nil {
		if errors.Is(err, sarama.ErrUnsupportedVersion) {
			return nil, nil, notOffered(r.API)
		}
		err = unreachable([]error{err})
		if t := (*transient)(nil); errors.As(err, &t) {
			return share, t.err, nil
		}
		return nil, nil, err
	}
	for n, code := range r.Take(answer, share) {
		if code == sarama.ErrNoError {
			continue
		}
		i := share[n]
		switch m := MeaningOf(r.API, code); m.Do {
		case Again, Relocate:
			rest, why = append(rest, i), Refused(doing(i), code)
		default:
			return nil, nil, m.Failure(doing(i), code, partitions[i].Topic)
		}
	}
	return rest, why, nil
}

// topicsOf returns the topics of the partitions with the indices, sorted.
func topicsOf(partitions []Led, indices []int) []string {
	var topics []string
	for _, i := range indices {
		if t := partitions[i].Topic; len(topics) == 0 || topics[len(topics)-1] != t {
			topics = append(topics, t)
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// leadersOf returns the leaders by topic and partition.
func leadersOf(m *Metadata) map[string]map[int32]int32 {
	leaders := make(map[string]map[int32]int32, len(m.Topics))
	for _, t := range m.Topics {
		of := make(map[int32]int32, len(t.Partitions))
		for _, p := range t.Partitions {
			of[p.ID] = p.Leader
		}
		leaders[t.Name] = of
	}
	return leaders
}

// leftBy tells whether one of the partitions is led by another broker by now.
func leftBy(m *Metadata, addr string, partitions []Led, share []int) bool {
	leaders := leadersOf(m)
	return slices.ContainsFunc(share, func(i int) bool {
		leader, ok := leaders[partitions[i].Topic][partitions[i].ID]
		return ok && m.Brokers[leader] != "" && m.Brokers[leader] != addr
	})
}

// errMoved ends a request to a broker that is not the one to ask any more.
var errMoved = errors.New("another broker has taken over")

// watch returns a context for a request that takes its time: it ends when
// another broker has taken over from the one that is asked, which may hang.
// The caller stops it.
func (c *Cluster) watch(ctx context.Context, moved func(context.Context) (bool, error)) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.Times.Watch, func() {
		for {
			if gone, err := moved(ctx); ctx.Err() != nil {
				return
			} else if err == nil && gone {
				cancel(errMoved)
				return
			}
			if clock.Sleep(ctx, c.Times.Watch) != nil {
				return
			}
		}
	})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// relocate looks up the leaders of the pending partitions anew, and names the
// partitions that have none.
func (c *Cluster) relocate(ctx context.Context, partitions []Led, pending []leading) (brokers map[int32]string, lost []string, err error) {
	indices := make([]int, len(pending))
	for i, l := range pending {
		indices[i] = l.index
	}
	m, err := c.metadata(ctx, topicsOf(partitions, indices))
	if err != nil {
		return nil, nil, err
	}
	for _, t := range m.Topics {
		if t.Err == sarama.ErrUnknownTopicOrPartition {
			return nil, nil, TopicsMissing(t.Name)
		}
	}
	leaders := leadersOf(m)
	for i := range pending {
		p := partitions[pending[i].index]
		leader, ok := leaders[p.Topic][p.ID]
		if !ok || leader < 0 {
			leader = -1
			lost = append(lost, p.Name())
		}
		pending[i].leader = leader
	}
	return m.Brokers, lost, nil
}

// Group is a group that its coordinator is asked about. The coordinator's
// address is found when it is first needed, and again when it has moved, died
// or does not answer.
type Group struct {
	Name    string
	Cluster *Cluster

	turn chan struct{} // held by whoever looks the address up

	mu   sync.Mutex
	addr string // empty: unknown
}

// Group returns a group, and looks its coordinator up at once: its description
// then comes while the first broker is busy with the metadata. A coordinator
// that is not there yet is looked up again when it is needed.
func (c *Cluster) Group(ctx context.Context, name string) (*Group, error) {
	g := &Group{Name: name, Cluster: c, turn: make(chan struct{}, 1)}
	_, err := retry(ctx, c.patience, func() (struct{}, error) {
		_, err := g.find(ctx)
		if err != nil && offset.CodeOf(err) == offset.Failed && isTransient(err) {
			err = nil
		}
		return struct{}{}, err
	})
	return g, err
}

var findCoordinatorVersions = []Since{{3, sarama.V2_4_0_0}, {2, sarama.V2_0_0_0}, {1, sarama.V0_11_0_0}}

// find returns the coordinator's address.
func (g *Group) find(ctx context.Context) (string, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if addr := g.Coordinator(); addr != "" {
		return addr, nil
	}
	addr, err := g.lookUp(ctx)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.addr = addr
	}
	return addr, err
}

// lookUp asks for the coordinator's address.
func (g *Group) lookUp(ctx context.Context) (string, error) {
	resp, err := round(ctx, g.Cluster, FindCoordinatorAPI, func(b *Broker) (*sarama.FindCoordinatorResponse, error) {
		return b.FindCoordinator(&sarama.FindCoordinatorRequest{
			Version:         g.Cluster.Newest(findCoordinatorVersions),
			CoordinatorKey:  g.Name,
			CoordinatorType: sarama.CoordinatorGroup,
		})
	})
	if err != nil {
		return "", err
	}
	code := resp.Err
	if code == sarama.ErrNoError && (resp.Coordinator == nil || resp.Coordinator.ID() < 0) {
		code = sarama.ErrConsumerCoordinatorNotAvailable
	}
	doing := fmt.Sprintf("Find the coordinator of group %q", g.Name)
	switch m := MeaningOf(FindCoordinatorAPI, code); m.Do {
	case Nothing:
		return resp.Coordinator.Addr(), nil
	case Again, Relocate:
		return "", Transient(Refused(doing, code))
	default:
		return "", m.Failure(doing, code, g.Name)
	}
}

// Coordinator returns the coordinator's address as far as it is known.
func (g *Group) Coordinator() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addr
}

// lost forgets an address that turned out to be no coordinator any more.
func (g *Group) lost(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.addr == addr {
		g.addr = ""
	}
}

// AskGroup sends a request to the group's coordinator, wherever it is by then.
// The answer is the first that does not say to ask again. The error is of type
// *offset.Error, and is sarama's ErrUnsupportedVersion if the request is not
// offered.
func AskGroup[A any](ctx context.Context, g *Group, r Request[A]) (answer Answer[A], err error) {
	_, err = Retry(ctx, g.Cluster.Times.Failover, func() (struct{}, error) {
		addr, err := g.find(ctx)
		if err != nil {
			return struct{}{}, err
		}
		watched, stop := g.Cluster.watch(ctx, func(ctx context.Context) (bool, error) {
			now, err := g.lookUp(ctx)
			return now != addr, err
		})
		body, unanswered, err := call(watched, g.Cluster, addr, r.Send)
		stop()
		answer.Unanswered = answer.Unanswered || unanswered
		switch {
		case errors.Is(err, sarama.ErrUnsupportedVersion):
			return struct{}{}, notOffered(r.API)
		case err != nil:
			// A coordinator that died refuses connections until another
			// broker has taken over: it is looked for anew.
			g.lost(addr)
			return struct{}{}, unreachable([]error{err})
		}
		lost, err := answer.take(r, body)
		if lost {
			g.lost(addr)
		}
		return struct{}{}, err
	})
	return answer, err
}
