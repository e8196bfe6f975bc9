package rocketmq

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// Trap 4: whatever a broker's look-up answers, the first message at or after
// the instant is found.
func TestTimesAreExactOnEveryVersion(t *testing.T) {
	at := func(ms ...int64) []time.Time {
		var times []time.Time
		for _, n := range ms {
			times = append(times, time.UnixMilli(n))
		}
		return times
	}
	for name, c := range map[string]struct {
		stored []time.Time
		trim   int64
		ms     int64
		want   int64
	}{
		"empty":                            {nil, 0, 500, 0},
		"expired":                          {at(1, 2, 3), 3, 2, 3},
		"expired, the first left":          {at(1, 2, 3), 2, 1, 2},
		"one message, before":              {at(100), 0, 50, 0},
		"one message, at":                  {at(100), 0, 100, 0},
		"one message, after":               {at(100), 0, 101, 1},
		"nearer to the one before":         {at(100, 200, 300), 0, 201, 2},
		"nearer to the one after":          {at(100, 200, 300), 0, 299, 2},
		"half-way":                         {at(100, 200), 0, 150, 1},
		"after the last":                   {at(100, 200), 0, 201, 2},
		"many in the same millisecond":     {at(100, 200, 200, 200, 200, 200, 200, 300), 0, 200, 1},
		"all in the same millisecond":      {at(200, 200, 200, 200, 200), 0, 200, 0},
		"just after many":                  {at(100, 200, 200, 200, 200, 200, 300, 400), 0, 201, 6},
		"many at the instant, partly gone": {at(200, 200, 200, 200, 300), 2, 200, 2},
	} {
		for _, version := range []int{fake.V4_9_7, fake.V5_1_0, fake.V5_5_0} {
			t.Run(fmt.Sprintf("%s/%d", name, version), func(t *testing.T) {
				cluster, k := setup{version: version}.startWith(t, fake.Config{Brokers: []string{"broker-a"}})
				cluster.DeleteTopic(topic)
				cluster.CreateTopic(topic, 1)
				cluster.Append("broker-a", topic, 0, c.stored...)
				cluster.Trim("broker-a", topic, 0, c.trim)
				r := mustReset(t, k, atTime(time.UnixMilli(c.ms)))
				if got := r.Outcomes[0].Offset; got != c.want {
					t.Errorf("got %d, want %d", got, c.want)
				}
			})
		}
	}
}

// An old broker chooses the file to search by its modification time, and can
// be far off.
func TestALookUpThatIsFarOff(t *testing.T) {
	for _, guess := range []int64{-5, 0, 3, 4, 5, 9, 99} {
		cluster, k := setup{version: fake.V4_9_7}.start(t)
		cluster.SetFault(func(c fake.Call) *fake.Fault {
			if c.Code == remoting.SearchOffsetByTime {
				return &fake.Fault{Fields: map[string]string{"offset": fmt.Sprint(guess)}}
			}
			return nil
		})
		mustReset(t, k, atTime(base.Add(4*time.Second)))
		if got := where(cluster); got != everywhere(4) {
			t.Errorf("guess %d: got %s", guess, got)
		}
	}
}

// If such a broker sends its consumers past the instant, that is not hidden.
func TestConsumersThatWereSentPastTheInstant(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7, online: true}.start(t)
	body := `{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"orders"}:9,{"brokerName":"broker-a","queueId":1,"topic":"orders"}:4}}`
	cluster.SetFault(func(c fake.Call) *fake.Fault {
		if c.Code == remoting.ResetOffset && c.Server == "broker-a" {
			return &fake.Fault{Body: &body, Before: func() {
				cluster.Commit("broker-a", group, topic, 0, 9)
				cluster.Commit("broker-a", group, topic, 1, 4)
			}}
		}
		return nil
	})
	r, err := reset(t, k, atTime(base.Add(4*time.Second)))
	wantError(t, err, offset.Incomplete, "broker has looked up 9 for the instant", "first message at or after it is 4")
	// It was written: an undo must not take where it is now for where it was.
	if r == nil || r.Outcomes[0].State != offset.Elsewhere || r.Outcomes[0].Previous != 6 || r.Outcomes[1].Failed() {
		t.Errorf("got %+v", r)
	}
}

// Consumers that are online can only be sent to a time, the same for all queues
// of a broker: never past a message at or after the instant, and no more than
// one before it.
func TestConsumersOfAnOldBrokerSkipNothing(t *testing.T) {
	cluster, k := setup{version: fake.V4_9_7}.startWith(t, fake.Config{Brokers: []string{"broker-a"}})
	cluster.DeleteTopic(topic)
	cluster.CreateTopic(topic, 2)
	at := func(ms ...int64) []time.Time {
		var times []time.Time
		for _, n := range ms {
			times = append(times, time.UnixMilli(n))
		}
		return times
	}
	cluster.Append("broker-a", topic, 0, at(1000, 1100, 1200, 1200, 1200, 1200, 1300)...)
	cluster.Append("broker-a", topic, 1, at(1000, 1140, 2000, 2100)...)
	cluster.Connect(group, fake.Consumer{Topics: []string{topic}})
	r := mustReset(t, k, atTime(time.UnixMilli(1150)))
	if got, want := where(cluster, "broker-a"), "a/0=2 a/1=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "begin early on 1 queue: broker-a/1 at 1 instead of 2") {
		t.Errorf("notes %q", notes)
	}
}

func TestSearch(t *testing.T) {
	for range 2000 {
		from := rand.Int64N(50)               //nolint:gosec // A test.
		to := from + 1 + rand.Int64N(100)     //nolint:gosec // A test.
		want := from + rand.Int64N(to-from+1) //nolint:gosec // A test.
		guess := from + rand.Int64N(120) - 10 //nolint:gosec // A test.
		var asked []int64
		got, err := search(from, to, guess, func(at int64) (bool, error) {
			if at < from || at >= to {
				t.Fatalf("asked for %d outside of [%d, %d)", at, from, to)
			}
			if slices.Contains(asked, at) {
				t.Fatalf("asked twice for %d", at)
			}
			asked = append(asked, at)
			return at >= want, nil
		})
		if err != nil || got != want {
			t.Fatalf("[%d, %d) from %d: got %d, want %d", from, to, guess, got, want)
		}
		if near := guess == want || guess == want-1; near && len(asked) > 2 || len(asked) > 20 {
			t.Fatalf("%d questions from %d to %d", len(asked), guess, want)
		}
	}
}

func TestWireTime(t *testing.T) {
	for in, want := range map[time.Time]int64{
		time.Unix(0, 0):                0,
		time.Unix(0, 1):                1,
		time.UnixMilli(5):              5,
		time.UnixMilli(5).Add(1):       6,
		time.UnixMilli(5).Add(999_999): 6,
		time.UnixMilli(-1):             0,
		time.UnixMilli(-1).Add(1):      0,
		{}:                             0,
		time.Unix(253402300799, 0):     253402300799000,
	} {
		if got := wireTime(in); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}
