package soak

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// A walk is a row of episodes, each on topics and groups of its own. An episode
// is plain data that is made from the walk's seed and its own number before
// anything runs: nothing that is decided depends on what the brokers do, and an
// episode that found something can be kept and run again, whatever becomes of
// the code that has made it.
type episode struct {
	Kafka    *kafkaEpisode    `json:"kafka,omitempty"`
	RocketMQ *rocketmqEpisode `json:"rocketmq,omitempty"`
}

// newEpisode makes one episode of a walk. Every third is on RocketMQ: one on
// each kind of brokers first, and then some in a row, as others have to be
// started for each change.
func newEpisode(seed uint64, number int) episode {
	r := random{rand.New(rand.NewPCG(seed, uint64(number)))}
	if number%3 == 2 {
		const row = 5
		n := number / 3
		if n >= len(rocketmqBrokers) {
			n /= row
		}
		return episode{RocketMQ: newRocketMQEpisode(r, rocketmqBrokers[n%len(rocketmqBrokers)])}
	}
	return episode{Kafka: newKafkaEpisode(r)}
}

// random is where all decisions come from.
type random struct{ *rand.Rand }

// of tells yes so many times in a hundred.
func (r random) of(percent int) bool { return r.IntN(100) < percent }

// between returns a number from low to high, both included.
func (r random) between(low, high int) int { return low + r.IntN(high-low+1) }

// choose returns one of the values.
func choose[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

// weighted returns one of the names, each as often as its weight says.
func weighted(r random, weights ...weight) string {
	sum := 0
	for _, w := range weights {
		sum += w.n
	}
	n := r.IntN(sum)
	for _, w := range weights {
		if n -= w.n; n < 0 {
			return w.name
		}
	}
	return ""
}

type weight struct {
	name string
	n    int
}

// some returns a part of the numbers below n, at least one, in order.
func (r random) some(n int) []int {
	var chosen []int
	for i := range n {
		if r.of(50) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) == 0 {
		chosen = append(chosen, r.IntN(n))
	}
	return chosen
}

// place is a place in a log: so many thousandths of it behind its start, and so
// many offsets more or less. Nowhere means no offset at all.
type place struct {
	Permille int   `json:"permille"`
	Beyond   int64 `json:"beyond,omitempty"`
	Nowhere  bool  `json:"nowhere,omitempty"`
}

func (p place) in(start, end int64) int64 {
	return max(start+(end-start)*int64(p.Permille)/1000+p.Beyond, 0)
}

func (r random) place() place {
	p := place{Permille: choose(r, 0, 1000, r.IntN(1001), r.IntN(1001))}
	if r.of(15) {
		p.Beyond = choose[int64](r, -1000, -1, 1, 1000)
	}
	return p
}

// limit says what stands in max_replayed_messages or max_skipped_messages,
// against what the reset really does.
type limit string

const (
	unlimited limit = ""
	justRight limit = "just right"
	tooTight  limit = "too tight"
)

func (r random) limit() limit {
	return limit(weighted(r, weight{"", 9}, weight{string(justRight), 3}, weight{string(tooTight), 1}))
}

// The same seed is the same walk.
func TestSeedDecidesAll(t *testing.T) {
	for number := range 60 {
		a, b := newEpisode(7, number), newEpisode(7, number)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("episode %d differs from itself: %+v, %+v", number, a, b)
		}
		if other := newEpisode(8, number); reflect.DeepEqual(a, other) {
			t.Errorf("episode %d is the same with another seed", number)
		}
	}
}

// A walk comes to everything that it can do: what never happens is not tested.
func TestWalkComesToEverything(t *testing.T) {
	seen := map[string]int{}
	note := func(kind string, value any) { seen[fmt.Sprintf("%s %v", kind, value)]++ }
	for number := range 600 {
		e := newEpisode(1, number)
		if k := e.Kafka; k != nil {
			for i := range k.Steps {
				s := &k.Steps[i]
				note("kafka", s.Do)
				switch s.Do {
				case "reset", "destroy", "terraform", "join":
					note(s.Do, k.Groups[s.Group].Protocol)
				}
				if s.Fault != nil {
					note("fault", s.Fault.Kind)
					note("at", s.Fault.At)
				}
				if q := s.Request; q != nil {
					note("scope", q.Scope)
					note("target", q.Target)
					note("wait", q.Leave)
					note("limit", q.Replayed)
					note("mistaken for", q.Mistaken)
					note(k.Groups[s.Group].Protocol, q.Target)
				}
				if s.Do == "destroy" {
					note("destroy", s.OnDestroy)
				}
			}
		}
		if q := e.RocketMQ; q != nil {
			for _, s := range q.Steps {
				note("brokers "+q.Brokers, s.Do)
				if s.Do == "reset" {
					note("type", s.Target)
					note("force", s.Force)
				}
				if s.Fault != "" {
					note("rocketmq fault", s.Fault)
				}
			}
		}
	}
	rocketmqSteps := []string{"reset", "destroy", "terraform", "produce", "join", "leave", "commit"}
	want := []string{}
	for _, of := range []struct {
		kind  string
		names []string
	}{
		{"kafka", []string{"reset", "destroy", "terraform", "produce", "trim", "grow", "begin", "end", "join", "leave", "commit"}},
		{"fault", faultKinds}, {"at", faultMoments},
		{"scope", scopes}, {"target", targets},
		{"reset", protocols}, {"destroy", protocols}, {"terraform", protocols}, {"join", protocols},
		{"classic", targets}, {"consumer", targets}, {"share", targets}, {"streams", targets}, {"mistaken for", types},
		{"destroy", []string{"keep", "restore", "delete_offsets"}},
		{"limit", []string{string(justRight), string(tooTight)}},
		{"brokers " + newest, rocketmqSteps}, {"brokers " + switchedOff, rocketmqSteps}, {"brokers " + oldest, rocketmqSteps},
		{"type", rocketmqTargets}, {"force", []string{"true", "false"}}, {"rocketmq fault", rocketmqFaults},
	} {
		for _, name := range of.names {
			want = append(want, of.kind+" "+name)
		}
	}
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("it never comes to %q", w)
		}
	}
}
