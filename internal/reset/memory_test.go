package reset_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// memory is an engine without a broker: offsets in a map, with the manners
// that the contract asks of every engine, and faults on demand. Its partitions
// all have the same log.
type memory struct {
	cluster    string
	start, end int64

	mu        sync.Mutex
	partition []offset.Partition                     // that exist, sorted
	at        map[string]map[offset.Partition]int64  // by group; no entry means no offset
	beside    map[string]map[offset.Partition]string // what the engine's commits carry
	members   []offset.Member
	refuses   []offset.Partition // a write to these is refused, once
	mute      bool               // writes are done, and neither answered nor read back
	blurred   bool               // it cannot tell offset 0 from none
	down      error              // what every call answers
	writing   func()             // run before the first write of a call
	calls     []string           // "plan", "apply", "undo" and "forget"
	wrote     []offset.Partition
}

// newMemory returns an engine with the topic orders, of three partitions from
// 10 to 100, and the group billing at 60.
func newMemory() *memory {
	m := &memory{cluster: "c1", start: 10, end: 100, at: map[string]map[offset.Partition]int64{}, beside: map[string]map[offset.Partition]string{}}
	for id := range int32(3) {
		m.partition = append(m.partition, offset.Partition{Topic: "orders", ID: id})
	}
	m.commit("billing", 60, 60, 60)
	return m
}

// commit puts a group's offsets, in the order of the partitions.
func (m *memory) commit(group string, at ...int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[group] = map[offset.Partition]int64{}
	for i, n := range at {
		if n >= 0 {
			m.at[group][m.partition[i]] = n
		}
	}
}

// committed returns a group's offsets in the order of the partitions.
func (m *memory) committed(group string) []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []int64
	for _, p := range m.partition {
		all = append(all, m.get(group, p))
	}
	return all
}

func (m *memory) get(group string, p offset.Partition) int64 {
	if n, ok := m.at[group][p]; ok {
		return n
	}
	return offset.None
}

// called returns the calls since the last time, and forgets them.
func (m *memory) called() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := strings.Join(m.calls, " ")
	m.calls = nil
	return all
}

// enter notes a call, and fails it if the engine is down or the caller gone.
func (m *memory) enter(ctx context.Context, call string) error {
	m.calls = append(m.calls, call)
	if err := ctx.Err(); err != nil {
		return &offset.Error{Code: offset.Interrupted, What: "Interrupted", State: offset.NothingChanged, Err: err}
	}
	return m.down
}

func (m *memory) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, "plan"); err != nil {
		return nil, err
	}
	plan := &offset.Plan{Request: req, ClusterID: m.cluster, State: "Empty", Members: m.members}
	for _, p := range m.partition {
		outer := p.Topic
		if p.Broker != "" {
			outer = p.Broker
		}
		explicit, named := req.Target.Offsets[outer][p.ID]
		switch {
		case req.Target.Kind == offset.ToOffsets && !named,
			req.Target.Kind != offset.ToOffsets && !req.Scope.AllTopics && !slices.Contains(req.Scope.Topics, p.Topic),
			req.Scope.Partitions != nil && !slices.Contains(req.Scope.Partitions, p.ID):
			continue
		}
		move := offset.Move{Partition: p, Previous: m.get(req.Group, p), Start: m.start, End: m.end}
		if move.MaybeZero = m.blurred && move.Previous <= 0; move.MaybeZero {
			move.Previous = offset.None
		}
		switch req.Target.Kind {
		case offset.ToOffsets:
			known := req.Target.Found[p]
			move.Offset, move.By, move.Carries = explicit, known.By, known.Carries
		case offset.ToOffset:
			move.Offset = req.Target.Offset
		case offset.ByShift:
			move.Offset = move.Previous + req.Target.Shift
		case offset.ToEarliest:
			move.Offset = m.start
		default:
			move.Offset = m.end
		}
		asked := move.Offset
		move.Offset = min(max(asked, m.start), m.end)
		move.Clamped = asked != move.Offset
		plan.Moves = append(plan.Moves, move)
	}
	if len(plan.Moves) == 0 {
		return nil, &offset.Error{Code: offset.TopicMissing, What: "The topic does not exist", State: offset.NothingChanged}
	}
	return plan, nil
}

func (m *memory) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, "apply"); err != nil {
		return nil, err
	}
	if err := plan.Request.Limits.Check(offset.Summarize(plan.Moves)); err != nil {
		return nil, err
	}
	m.mu.Unlock()
	plan.Request.Leave(plan.Moves)
	m.mu.Lock()
	return m.write(plan.Request.Group, offset.Outcomes(plan.Moves))
}

// write does the moves, and tells what came of them.
func (m *memory) write(group string, outcomes []offset.Outcome) (*offset.Result, error) {
	if m.writing != nil && len(outcomes) > 0 {
		m.mu.Unlock()
		m.writing()
		m.mu.Lock()
	}
	if m.at[group] == nil {
		m.at[group] = map[offset.Partition]int64{}
	}
	if m.beside[group] == nil {
		m.beside[group] = map[offset.Partition]string{}
	}
	result := &offset.Result{ClusterID: m.cluster, State: "Empty", Outcomes: outcomes}
	var failed []string
	for i := range outcomes {
		o := &outcomes[i]
		if n := slices.Index(m.refuses, o.Partition); n >= 0 {
			m.refuses = slices.Delete(m.refuses, n, n+1)
			o.Seen = m.get(group, o.Partition)
			o.Fail("refused")
			failed = append(failed, o.Name())
			continue
		}
		m.wrote = append(m.wrote, o.Partition)
		m.beside[group][o.Partition] = o.Carries
		if m.at[group][o.Partition] = o.Offset; o.Offset < 0 {
			delete(m.at[group], o.Partition)
		}
		if m.mute {
			o.Doubt("no answer")
			failed = append(failed, o.Name())
			result.InDoubt = true
			continue
		}
		o.Seen = o.Offset
	}
	if len(failed) > 0 {
		return result, &offset.Error{
			Code: offset.Incomplete, What: fmt.Sprintf("%d of %d failed: %s", len(failed), len(outcomes), strings.Join(failed, ", ")),
			State: "The others are done.", Next: "Apply again.",
		}
	}
	return result, nil
}

func (m *memory) Undo(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, "undo"); err != nil {
		return nil, err
	}
	if err := m.same(req); err != nil {
		return nil, err
	}
	var back []offset.Move
	var moved []string
	for _, o := range recorded(req) {
		switch now := m.get(req.Group, o.Partition); {
		case now == o.Previous:
		case now != o.Offset:
			moved = append(moved, o.Name())
		default:
			back = append(back, offset.Move{Partition: o.Partition, Previous: o.Offset, Offset: o.Previous, Start: m.start, End: m.end})
		}
	}
	var notes []string
	if len(moved) > 0 {
		if !req.Lenient {
			return nil, &offset.Error{Code: offset.Overwritten, What: "Something else has moved " + strings.Join(moved, ", "), State: offset.NothingChanged, Next: "Keep them."}
		}
		notes = []string{"Left alone: " + strings.Join(moved, ", ") + "."}
	}
	result, err := m.write(req.Group, offset.Outcomes(back))
	result.Notes = notes
	return result, err
}

func (m *memory) Forget(ctx context.Context, req offset.UndoRequest) (*offset.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx, "forget"); err != nil {
		return nil, err
	}
	if err := m.same(req); err != nil {
		return nil, err
	}
	var gone []offset.Move
	for _, o := range recorded(req) {
		gone = append(gone, offset.Move{Partition: o.Partition, Previous: m.get(req.Group, o.Partition), Offset: offset.None})
	}
	return m.write(req.Group, offset.Outcomes(gone))
}

// same refuses another cluster than the recorded one.
func (m *memory) same(req offset.UndoRequest) error {
	if req.ClusterID == "" || req.ClusterID == m.cluster {
		return nil
	}
	return &offset.Error{Code: offset.WrongCluster, What: fmt.Sprintf("This is cluster %q, and the reset was done on %q", m.cluster, req.ClusterID), State: offset.NothingChanged}
}

// recorded returns what an undo is about.
func recorded(req offset.UndoRequest) []offset.Outcome {
	return slices.DeleteFunc(slices.Clone(req.Record), func(o offset.Outcome) bool {
		return !o.Touched() || req.Skip != nil && req.Skip(o.Partition)
	})
}
