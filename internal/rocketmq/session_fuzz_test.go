package rocketmq

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/garble"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// answers are the requests whose answers are changed.
var answers = []int{
	remoting.ResetOffset, remoting.UpdateOffset, remoting.GetConsumeStats, remoting.QueryConsumerOffset, remoting.GetTopicStats,
	remoting.GetConnections, remoting.GetBrokerConfig, remoting.SearchOffsetByTime, remoting.PullMessage, remoting.GetAllGroups,
	remoting.GetGroupsOfTopic, remoting.GetRoute, remoting.GetClusterInfo, remoting.GetMinOffset, remoting.GetMaxOffset,
}

// kinds are what a session resets to, before it puts that back.
var kinds = []offset.Request{
	request(offset.ToEarliest),
	request(offset.ToLatest),
	atTime(base.Add(3500 * time.Millisecond)),
	toEach(offset.Offsets{"broker-a": {0: 3, 1: 99}, "broker-b": {1: 0}}),
	func() offset.Request {
		r := atTime(base.Add(8 * time.Second))
		r.KeepAhead = true
		return r
	}(),
}

// spoiled says which answer is changed, and how.
type spoiled struct {
	code   int
	server string // whose answer; the name server's answers have but one
	nth    int    // of that code from there; 0 is the first
	part   int    // what the program works on: the header, the body, or the whole frame with its lengths
	hangUp bool   // the connection ends after it
	how    []byte

	mu   sync.Mutex
	seen int
	met  bool // the answer has come, and was changed
	lied bool // it says something else, and credible, of what was carried out
}

func (s *spoiled) fault(c fake.Call) *fake.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Code != s.code || c.Server != "name server" && c.Server != s.server {
		return nil
	}
	s.seen++
	if s.seen-1 != s.nth {
		return nil
	}
	return &fake.Fault{Close: s.hangUp, Alter: func(answer []byte) []byte {
		changed := s.change(answer)
		if bytes.Equal(changed, answer) && !s.hangUp {
			return answer
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.met, s.lied = true, s.lies(c, changed)
		return changed
	}}
}

func (s *spoiled) change(answer []byte) []byte {
	const lengths = 8
	n := int(binary.BigEndian.Uint32(answer[4:]) & 0xFFFFFF)
	head, body := answer[lengths:lengths+n], answer[lengths+n:]
	switch s.part {
	case 0:
		head = garble.Bytes(head, s.how)
	case 1:
		body = garble.Bytes(body, s.how)
	default:
		return garble.Bytes(answer, s.how)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(4+len(head)+len(body)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(head)))
	return append(append(b, head...), body...)
}

// lies tells whether an answer to a write that was carried out reads as if it
// was refused, or led elsewhere. Whoever is told so has no cause to doubt it.
func (s *spoiled) lies(c fake.Call, answer []byte) bool {
	if c.Code != remoting.ResetOffset && c.Code != remoting.UpdateOffset {
		return false
	}
	h, body, err := remoting.ReadFrame(bytes.NewReader(answer), remoting.DefaultMaxFrame)
	if err != nil || !h.IsResponse() {
		return false
	}
	_, err = remoting.ParseBody(body)
	return h.Code != remoting.Success || c.Code == remoting.ResetOffset && err == nil || strings.Contains(h.Remark, pendingRemark)
}

func (s *spoiled) what() (met, lied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met, s.lied
}

// session is one client's on one cluster.
type session struct {
	*fake.Cluster
	t       *testing.T
	spoiled *spoiled
	log     []string
}

// FuzzSession changes one answer of a server while a client plans and applies a
// reset, and takes it back. Whatever the answer: nothing panics, hangs, stays
// behind or takes memory for what never came, and no claim is false. The claims
// are compared with what the brokers themselves have.
func FuzzSession(f *testing.F) {
	for i := range answers {
		for n := range setups {
			f.Add(uint8(n), uint8(i), uint8(i), uint8(0), uint8(i), []byte{4, 0, 9, 0})
		}
		f.Add(uint8(0), uint8(1), uint8(i), uint8(1), uint8(1), []byte{11, 0, 20, 2})
		f.Add(uint8(2), uint8(2), uint8(i), uint8(2), uint8(3), []byte{11, 0, 40, 7})
		f.Add(uint8(5), uint8(3), uint8(i), uint8(3), uint8(2), []byte{8, 0, 0, 12})
	}
	waits := busyWaits
	busyWaits = []time.Duration{time.Millisecond, time.Millisecond}
	f.Cleanup(func() { busyWaits = waits })
	f.Fuzz(func(t *testing.T, world, kind, code, nth, then uint8, how []byte) {
		s := &session{t: t, spoiled: &spoiled{
			code: answers[int(code)%len(answers)], server: []string{"broker-a", "broker-b"}[nth%2], nth: int(nth / 2 % 6),
			part: int(then>>1) % 3, hangUp: then&1 != 0, how: how,
		}}
		s.run(setups[int(world)%len(setups)], kinds[int(kind)%len(kinds)])
	})
}

// patient tells whether the session is not to be hurried: one without a change.
func (s *session) patient() bool { return len(s.spoiled.how) < 4 && !s.spoiled.hangUp }

func (s *session) run(on setup, req offset.Request) {
	began := runtime.NumGoroutine()
	var client *Client
	s.Cluster, client = on.start(s.t)
	s.hurry(client)
	taken := garble.Allocated()
	s.SetFault(s.spoiled.fault)
	hangs := time.AfterFunc(hanging, func() {
		panic(fmt.Sprintf("%s hangs: %+v\n%s", on.name, s.spoiled, garble.Stacks())) //nolint:forbidigo // Nothing else ends it.
	})
	defer hangs.Stop()

	before := s.view()
	plan, err := client.Plan(s.t.Context(), req)
	var result *offset.Result
	if err == nil {
		result, err = client.Apply(s.t.Context(), plan)
		s.told("apply", err)
		s.claims("apply", before, result, err)
	} else {
		s.told("plan", err)
		s.same("plan", before)
	}
	if result != nil {
		before = s.view()
		result, err = client.Undo(s.t.Context(), offset.UndoRequest{Group: group, Topic: topic, ClusterID: result.ClusterID, Record: result.Outcomes})
		s.told("undo", err)
		s.claims("undo", before, result, err)
	}
	if met, _ := s.spoiled.what(); err != nil && !met && s.patient() && !on.online {
		s.t.Errorf("nothing was changed, and yet %v", err)
	}
	if err := client.Close(); err != nil {
		s.t.Error(err)
	}
	if got := garble.Allocated() - taken; got > mostAllocated {
		s.t.Errorf("%d bytes were taken", got)
	}
	s.Close()
	garble.AwaitEnd(s.t, began, leaving, "remoting.(*", "rocketmq.parallel")
}

// So long may a session take, and what it leaves to end, on the busiest machine.
const hanging, leaving = time.Minute, 30 * time.Second

// mostAllocated is what a session may take: what a frame says of its length is
// not believed before it has come.
const mostAllocated = 16 << 20

// hurry makes a client wait for nothing, and find nobody but the stage, whatever
// addresses it is told.
func (s *session) hurry(k *Client) {
	if err := k.Close(); err != nil {
		s.t.Fatal(err)
	}
	if !s.patient() {
		k.cfg.RequestTimeout = 100 * time.Millisecond
		k.pace.settle, k.pace.push, k.pace.commits = 15*time.Millisecond, 30*time.Millisecond, 8*time.Millisecond
	}
	k.pace.longest, k.pace.others, k.pace.gather = 2*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
	mine := []string{s.NameServer(), s.Address("broker-a"), s.Address("broker-b")}
	k.wire = remoting.New(remoting.Options{Timeout: k.cfg.RequestTimeout, Trace: k.trace, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if !slices.Contains(mine, address) {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
}

// view is where the brokers themselves have the group.
func (s *session) view() map[offset.Partition]int64 {
	view := map[offset.Partition]int64{}
	for _, b := range []string{"broker-a", "broker-b"} {
		for q := range int32(2) {
			if n, ok := s.Committed(b, group, topic, q); ok {
				view[offset.Partition{Topic: topic, Broker: b, ID: q}] = n
			}
		}
	}
	return view
}

// told checks what is said beside the claims.
func (s *session) told(what string, err error) {
	if err == nil {
		return
	}
	s.log = append(s.log, what+": "+err.Error())
	var told *offset.Error
	if !errors.As(err, &told) || told.What == "" || told.State == "" {
		s.t.Errorf("%s does not tell what state things are in: %#v", what, err)
	}
}

// same checks that nothing has changed.
func (s *session) same(what string, before map[offset.Partition]int64) {
	for p, is := range s.view() {
		if was := before[p]; is != was {
			s.t.Errorf("%s: nothing was to change, and %s is at %d, was at %d\n%s", what, p.Name(), is, was, strings.Join(s.log, "\n"))
		}
	}
}

// claims compares what an apply or an undo says with what the brokers have.
func (s *session) claims(what string, before map[offset.Partition]int64, result *offset.Result, err error) {
	if _, lied := s.spoiled.what(); lied {
		return
	}
	var told *offset.Error
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
	// What an answer says of where the group is, nobody can see through.
	where := s.spoiled.code == remoting.GetConsumeStats || s.spoiled.code == remoting.QueryConsumerOffset
	now := s.view()
	touched := map[offset.Partition]bool{}
	for _, o := range result.Outcomes {
		is, was := now[o.Partition], before[o.Partition]
		touched[o.Partition] = true
		switch {
		case o.How == HowKept || o.How == HowGone:
			if is != was {
				s.t.Errorf("%s: %s was to be left alone, and is at %d, was at %d", what, o.Name(), is, was)
			}
		case where && (o.Previous != was || o.Previous == o.Offset):
		case o.State == offset.Done && is != o.Offset,
			o.State == offset.NotDone && is != was,
			o.State == offset.MovedOn && !where,
			o.State == offset.Elsewhere && !where && is == o.Offset,
			o.Previous != was && !where:
			s.t.Errorf("%s: %s is at %d, was at %d, and %+v: %v", what, o.Name(), is, was, o, err)
		}
	}
	for p, was := range before {
		if now[p] != was && !touched[p] {
			s.t.Errorf("%s: %s is at %d, was at %d, and nobody says so", what, p.Name(), now[p], was)
		}
	}
}
