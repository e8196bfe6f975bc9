package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/garble"
)

// answers are the keys of the requests whose answers are changed.
var answers = []int16{3, 2, 9, 8, 10, 69, 15, 16, 18, 36, 17, 47, 60, 89, 77, 90, 91, 92}

// kinds are what a session does.
var kinds = []struct {
	name   string
	is     offset.GroupType
	target offset.Target
	all    bool // topics
	forget bool // at the end, instead of putting back
}{
	{name: "earliest", target: offset.Target{Kind: offset.ToEarliest}},
	{name: "time", target: offset.Target{Kind: offset.ToTime, Time: noon.Add(3500 * time.Millisecond)}},
	{name: "clone", target: offset.Target{Kind: offset.ToGroup, Group: "source"}},
	{name: "offsets", target: offset.Target{Kind: offset.ToOffsets, Offsets: offset.Offsets{"orders": {0: 7, 1: 99}}}},
	{name: "all topics", target: offset.Target{Kind: offset.ByShift, Shift: -2}, all: true},
	{name: "forget", target: offset.Target{Kind: offset.ToLatest}, forget: true},
	{name: "share", is: offset.ShareGroup, target: offset.Target{Kind: offset.ToOffset, Offset: 7}},
	{name: "share forget", is: offset.ShareGroup, target: offset.Target{Kind: offset.ToEarliest}, forget: true},
	{name: "streams", is: offset.StreamsGroup, target: offset.Target{Kind: offset.ToEarliest}},
}

const secret = "s3cret-of-the-session"

// logins are how a session begins.
var logins = []*connection.SASL{
	nil,
	{Mechanism: connection.Plain, Username: "admin", Password: secret},
	{Mechanism: connection.ScramSHA256, Username: "admin", Password: secret},
	{Mechanism: connection.ScramSHA512, Username: "admin", Password: secret},
}

// stage is a cluster on which many sessions are held, one after the other.
type stage struct {
	*fake.Cluster
}

// groupOf is the name of the stage's group of a type.
func groupOf(is offset.GroupType) string { return string(is.Or()) + "-billing" }

func newStage(t testing.TB, login *connection.SASL) *stage {
	t.Helper()
	o := fake.Options{Brokers: 2, Topics: map[string]int32{"orders": 2, "bills": 1}}
	if login != nil {
		o.Kfake = []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(login.Mechanism, login.Username, login.Password)}
		switch login.Mechanism {
		case connection.Plain:
			o.Client = []kgo.Opt{kgo.SASL(plain.Auth{User: login.Username, Pass: login.Password}.AsMechanism())}
		case connection.ScramSHA256:
			o.Client = []kgo.Opt{kgo.SASL(scram.Auth{User: login.Username, Pass: login.Password}.AsSha256Mechanism())}
		default:
			o.Client = []kgo.Opt{kgo.SASL(scram.Auth{User: login.Username, Pass: login.Password}.AsSha512Mechanism())}
		}
	}
	s := &stage{fake.New(t, o)}
	s.StreamsGroups(t, groupOf(offset.StreamsGroup))
	s.Fill(t, "orders", 2, 10, noon, time.Second)
	s.Fill(t, "bills", 1, 10, noon, time.Second)
	s.Commit(t, "source", fake.Offsets{"orders": {0: 1, 1: 2}})
	return s
}

// begin puts the group where each session begins, and returns that.
func (s *stage) begin(t testing.TB, is offset.GroupType) fake.Offsets {
	t.Helper()
	five := fake.Offsets{"orders": {0: 5, 1: 5}, "bills": {0: 5}}
	if is == offset.ShareGroup {
		s.SetShareStarts(t, groupOf(is), five)
	} else {
		s.Commit(t, groupOf(is), five)
	}
	return five
}

// view is where the brokers themselves have the group.
func (s *stage) view(t testing.TB, is offset.GroupType) fake.Offsets {
	t.Helper()
	if is == offset.ShareGroup {
		return s.ShareStarts(t, groupOf(is))
	}
	view := s.Committed(groupOf(is))
	maps.DeleteFunc(view, func(_ string, of map[int32]int64) bool { return len(of) == 0 })
	return view
}

// spoiled says which answer is changed, and how.
type spoiled struct {
	key    int16
	nth    int  // of that key; 0 is the first
	exact  bool // the length at the front stays, or is what the program makes of it
	hangUp bool // the connection ends after it
	how    []byte

	mu    sync.Mutex
	seen  int
	met   bool // the answer has come, and was changed
	lied  bool // it says of what was carried out that it was refused
	where bool // it is one of those that tell offsets
}

func (s *spoiled) alter(r fake.Request, answer []byte) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Key != s.key {
		return answer, false
	}
	s.seen++
	if s.seen-1 != s.nth {
		return answer, false
	}
	const size = 4
	changed := garble.Bytes(answer[size:], s.how)
	changed = append(binary.BigEndian.AppendUint32(nil, uint32(len(changed))), changed...)
	if s.exact {
		changed = garble.Bytes(answer, s.how)
	}
	if bytes.Equal(changed, answer) && !s.hangUp {
		return answer, false
	}
	s.met = true
	s.where = slices.Contains([]int16{9, 90}, r.Key)
	s.lied = refuses(r, changed)
	return changed, s.hangUp
}

// refuses tells whether an answer to a write says that it was not carried out,
// for a reason that no broker tells of one that was. Whoever is told so has no
// cause to doubt it.
func refuses(r fake.Request, answer []byte) bool {
	if !slices.Contains([]int16{8, 47, 91, 92}, r.Key) {
		return false
	}
	var codes []int16
	head := 8
	req := kmsg.RequestForKey(r.Key)
	req.SetVersion(r.Version)
	if req.IsFlexible() {
		head++
	}
	if len(answer) < head {
		return false
	}
	resp := req.ResponseKind()
	_ = resp.ReadFrom(answer[head:]) // as far as it goes
	switch resp := resp.(type) {
	case *kmsg.OffsetCommitResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, p.ErrorCode)
			}
		}
	case *kmsg.OffsetDeleteResponse:
		codes = append(codes, resp.ErrorCode)
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, p.ErrorCode)
			}
		}
	case *kmsg.AlterShareGroupOffsetsResponse:
		codes = append(codes, resp.ErrorCode)
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, p.ErrorCode)
			}
		}
	case *kmsg.DeleteShareGroupOffsetsResponse:
		codes = append(codes, resp.ErrorCode)
		for _, t := range resp.Topics {
			codes = append(codes, t.ErrorCode)
		}
	}
	return slices.ContainsFunc(codes, func(code int16) bool {
		return wire.MeaningOf(wire.API(r.Key), sarama.KError(code)).Do == wire.Busy
	})
}

// session is one client's.
type session struct {
	*stage
	t       testing.TB
	spoiled *spoiled
	is      offset.GroupType
	log     []string
}

// FuzzSession changes one answer of a broker while a client plans and applies a
// reset, and takes it back. Whatever the answer: nothing panics, hangs, stays
// behind or takes memory for what never came, and no claim is false. The claims
// are compared with what the brokers themselves have.
func FuzzSession(f *testing.F) {
	for i, key := range answers {
		kind := uint8(i)
		if key >= 77 { // of share and streams groups, which come last
			kind = uint8(len(kinds) - 1 - i%3)
		}
		f.Add(uint8(i%2), kind, uint8(i), uint8(0), uint8(i), []byte{4, 0, 7, 0})
		f.Add(uint8(0), kind+1, uint8(i), uint8(0), uint8(2), []byte{7, 0, byte(key), 27})
	}
	for i := range kinds { // as they are
		f.Add(uint8(i%3), uint8(i), uint8(0), uint8(0), uint8(0), []byte{})
	}
	f.Add(uint8(2), uint8(1), uint8(9), uint8(1), uint8(0), []byte{11, 0, 9, 7}) // SCRAM's answers
	f.Add(uint8(3), uint8(2), uint8(9), uint8(1), uint8(0), []byte{0, 0, 40, 255})
	stages := make([]*stage, len(logins))
	for i, login := range logins {
		stages[i] = newStage(f, login)
	}
	f.Fuzz(func(t *testing.T, login, kind, key, nth, then uint8, how []byte) {
		by := int(login) % len(logins)
		s := &session{stage: stages[by], t: t, spoiled: &spoiled{
			key: answers[int(key)%len(answers)], nth: int(nth % 6), exact: then&1 != 0, hangUp: then&2 != 0, how: how,
		}}
		s.run(logins[by], int(kind)%len(kinds))
	})
}

func (s *session) run(login *connection.SASL, kind int) {
	k := kinds[kind]
	s.is = k.is
	before := s.begin(s.t, s.is)
	client := s.client(login)
	s.Alter(s.spoiled.alter)
	began, taken := runtime.NumGoroutine(), garble.Allocated()
	hangs := time.AfterFunc(hanging, func() {
		panic(fmt.Sprintf("%s hangs: %+v\n%s", k.name, s.spoiled, garble.Stacks())) //nolint:forbidigo // Nothing else ends it.
	})
	defer hangs.Stop()

	var none time.Duration
	group := groupOf(s.is)
	plan, err := client.Plan(s.t.Context(), offset.Request{
		Group: group, GroupType: s.is, Target: k.target, WaitForInactive: &none,
		Scope: func() offset.Scope {
			switch {
			case k.all:
				return offset.Scope{AllTopics: true}
			case k.target.Kind == offset.ToOffsets:
				return offset.Scope{}
			}
			return offset.Scope{Topics: []string{"orders"}}
		}(),
	})
	var result *offset.Result
	if err == nil {
		result, err = client.Apply(s.t.Context(), plan)
		s.told("apply", err)
		s.claims("apply", before, result, err)
	} else {
		s.told("plan", err)
		s.same("plan", before)
	}
	if result != nil && s.t.Context().Err() == nil {
		before = s.settled()
		undo := client.Undo
		if k.forget {
			undo = client.Forget
		}
		result, err = undo(s.t.Context(), offset.UndoRequest{
			Group: group, GroupType: s.is, ClusterID: result.ClusterID, TopicIDs: result.TopicIDs, Record: result.Outcomes, WaitForInactive: &none,
		})
		s.told("undo", err)
		s.claims("undo", before, result, err)
	}
	if met, _, _ := s.spoiled.what(); err != nil && !met && s.patient() {
		s.t.Errorf("%s: nothing was changed, and yet %v", k.name, err)
	}
	if err := client.Close(); err != nil {
		s.t.Error(err)
	}
	s.Alter(nil)
	if got := garble.Allocated() - taken; got > mostAllocated {
		s.t.Errorf("%d bytes were taken", got)
	}
	// What was sent last is read once the connections are gone.
	for until := time.Now().Add(leaving); s.Connections() > 0; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(until) {
			s.t.Fatalf("a connection stays:\n%s", garble.Stacks())
		}
	}
	garble.AwaitEnd(s.t, began, leaving, "IBM/sarama", "internal/kafka/wire", "internal/kafka/connection")
}

// So long may a session take, and what it leaves to end, on the busiest machine.
const hanging, leaving = time.Minute, 30 * time.Second

// mostAllocated is what a session may take: one answer as long as an answer may
// say that it is, and what else is needed.
const mostAllocated = 64<<20 + 32<<20

// patient tells whether the session is not to be hurried: one without a change.
func (s *session) patient() bool { return len(s.spoiled.how) < 4 }

func (s *spoiled) what() (met, lied, where bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met, s.lied, s.where
}

// client returns one that waits for nothing, and that finds nobody but the
// stage, whatever addresses it is told.
func (s *session) client(login *connection.SASL) *Client {
	cfg := connection.Config{BootstrapServers: s.Bootstrap(), RequestTimeout: 100 * time.Millisecond, SASL: login}
	if s.patient() {
		cfg.RequestTimeout = 10 * time.Second
	}
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !slices.Contains(s.Bootstrap(), address) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	c, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	c.poll, c.settling, c.finish = time.Millisecond, 3*time.Millisecond, 2*time.Second
	times := &c.cluster.Times
	times.Stagger, times.Watch, times.Queue = 20*time.Millisecond, 30*time.Millisecond, 5*time.Millisecond
	few := wire.Patience{First: time.Millisecond, Most: 2 * time.Millisecond, Total: 8 * time.Millisecond}
	times.Failover, times.Contact, times.Settling = few, few, few
	return c
}

// settled is the brokers' view once nothing is under way any more.
func (s *session) settled() fake.Offsets { return s.view(s.t, s.is) }

// told checks what is said beside the claims.
func (s *session) told(what string, err error) {
	if err == nil {
		return
	}
	s.log = append(s.log, what+": "+err.Error())
	if strings.Contains(err.Error(), secret) {
		s.t.Errorf("%s tells a secret: %v", what, err)
	}
	var told *offset.Error
	if !errors.As(err, &told) || told.What == "" || told.State == "" {
		s.t.Errorf("%s does not tell what state things are in: %#v", what, err)
	}
}

// same checks that nothing has changed.
func (s *session) same(what string, before fake.Offsets) {
	if got := s.settled(); !maps.EqualFunc(got, before, maps.Equal) {
		s.t.Errorf("%s: nothing was to change, and the group is at %v\nbefore at %v\n%s", what, got, before, strings.Join(s.log, "\n"))
	}
}

// claims compares what an apply or an undo says with what the brokers have.
func (s *session) claims(what string, before fake.Offsets, result *offset.Result, err error) {
	var told *offset.Error
	_, lied, where := s.spoiled.what()
	if lied {
		return
	}
	if errors.As(err, &told) && told.State == offset.NothingChanged {
		s.same(what, before)
		return
	}
	if result == nil {
		s.t.Errorf("%s: neither a result nor an error that nothing was changed: %v", what, err)
		return
	}
	if err == nil && (result.InDoubt || offset.AnyFailed(result.Outcomes)) {
		s.t.Errorf("%s: no error, and %+v", what, result)
	}
	now := s.settled()
	at := func(view fake.Offsets, p offset.Partition) int64 {
		if n, ok := view[p.Topic][p.ID]; ok {
			return n
		}
		return offset.None
	}
	for _, o := range result.Outcomes {
		is, was := at(now, o.Partition), at(before, o.Partition)
		// What an answer says of where the group was, nobody can see through.
		unseen := where && (o.Previous != was || o.Previous == o.Offset)
		switch {
		case unseen:
		case o.State == offset.Done && is != o.Offset,
			o.State == offset.NotDone && is != was,
			o.State == offset.MovedOn || o.State == offset.Elsewhere && !where,
			o.Previous != was && !where:
			s.t.Errorf("%s: %s is at %d, was at %d, and %+v: %v", what, o.Name(), is, was, o, err)
		}
	}
	for topic, of := range before {
		for id := range of {
			p := offset.Partition{Topic: topic, ID: id}
			if !slices.ContainsFunc(result.Outcomes, func(o offset.Outcome) bool { return o.Partition == p }) && at(now, p) != of[id] {
				s.t.Errorf("%s: %s is at %d, was at %d, and nobody says so", what, p.Name(), at(now, p), of[id])
			}
		}
	}
}
