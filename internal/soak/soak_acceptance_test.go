//go:build acceptance && unix

package soak

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	minutes = flag.Float64("minutes", 2, "how long to walk")
	seed    = flag.Uint64("seed", 0, "what decides the walk; 0 takes the time")
	only    = flag.Int("episode", -1, "the only episode to walk; -1 walks from the first one on")
	on      = flag.String("on", "", "the only broker to walk on: kafka or rocketmq; both if it is empty")
	steps   = flag.Bool("steps", false, "print each step")
)

// stepPatience bounds one step, its faults and what is looked at after it.
const stepPatience = 5 * time.Minute

// falseClaim is what the soak is for: the product has said what is not so.
type falseClaim struct{ text string }

func (f *falseClaim) Error() string { return "FALSE CLAIM: " + f.text }

func claimed(format string, args ...any) error { return &falseClaim{fmt.Sprintf(format, args...)} }

// tally counts what a walk came to.
type tally struct {
	counts      map[string]int
	steps       int
	longest     time.Duration
	longestStep string
}

func (t *tally) add(format string, args ...any) { t.counts[fmt.Sprintf(format, args...)]++ }

func (t *tally) took(what string, d time.Duration) {
	t.steps++
	if *steps {
		fmt.Printf("%8.3fs  %s\n", d.Seconds(), what)
	}
	if d > t.longest {
		t.longest, t.longestStep = d, what
	}
}

func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps; the longest took %s: %s\n", t.steps, t.longest.Round(time.Millisecond), t.longestStep)
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		fmt.Fprintf(&b, "%8d  %s\n", t.counts[name], name)
	}
	return b.String()
}

// shared is the world of all walks of this binary.
var shared = &world{tally: &tally{counts: map[string]int{}}}

// world is the clusters that a walk is on; they are started when an episode
// needs them. Of RocketMQ there is one at a time.
type world struct {
	tally    *tally
	kafka    *kafkaWorld
	rocketmq *rocketmqWorld
}

func (w *world) close() error {
	var errs []error
	if w.kafka != nil {
		errs = append(errs, w.kafka.close())
	}
	if w.rocketmq != nil {
		errs = append(errs, w.rocketmq.close())
	}
	return errors.Join(errs...)
}

// walk runs one episode. Its name makes topics and groups its own.
func (w *world) walk(ctx context.Context, name string, e episode) (err error) {
	switch {
	case e.Kafka != nil:
		if w.kafka == nil {
			if w.kafka, err = startKafka(ctx, w.tally); err != nil {
				return err
			}
		}
		err = w.kafka.walk(ctx, name, e.Kafka)
	case e.RocketMQ != nil:
		if w.rocketmq != nil && w.rocketmq.brokers != e.RocketMQ.Brokers {
			err, w.rocketmq = w.rocketmq.close(), nil
			if err != nil {
				return err
			}
		}
		if w.rocketmq == nil {
			if w.rocketmq, err = startRocketMQ(ctx, w.tally, e.RocketMQ.Brokers); err != nil {
				return err
			}
		}
		err = w.rocketmq.walk(ctx, name, e.RocketMQ)
	}
	if err == nil {
		err = leftovers()
	}
	return err
}

// leftovers is an error if something of the product still runs though all of
// its clients were closed.
func leftovers() error {
	var left []string
	for range 50 {
		left = nil
		stacks := make([]byte, 8<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			for _, of := range []string{"offsets/internal/kafka", "offsets/internal/rocketmq.", "offsets/internal/reset.", "IBM/sarama"} {
				if strings.Contains(stack, of) && !strings.Contains(stack, "soak.leftovers") {
					left = append(left, stack)
					break
				}
			}
		}
		if len(left) == 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return claimed("%d goroutines of clients that were closed still run:\n%s", len(left), strings.Join(left, "\n\n"))
}

// stepError says in which step something was found.
type stepError struct {
	number int
	step   any
	err    error
}

func (e *stepError) Error() string {
	step, err := json.Marshal(e.step)
	if err != nil {
		step = []byte(err.Error())
	}
	return fmt.Sprintf("step %d: %v\nthe step: %s", e.number, e.err, step)
}

func (e *stepError) Unwrap() error { return e.err }

// kept is the form in which an episode is kept.
type kept struct {
	Found   string  `json:"found"` // what it found, in a sentence
	Episode episode `json:"episode"`
}

// keep writes an episode that found something to a file.
func keep(name string, e episode, found error) (string, error) {
	dir := os.Getenv("TESTBROKER_LOGS")
	if dir == "" {
		dir = os.TempDir()
	}
	text, err := json.MarshalIndent(kept{found.Error(), e}, "", " ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "soak-"+name+".json")
	return path, os.WriteFile(path, text, 0o600)
}

// TestSoak walks for as long as -minutes says. It prints the seed, which
// repeats the walk, and its counts.
func TestSoak(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	fmt.Printf("soak: seed %d, %g minutes\n", *seed, *minutes)
	w := shared
	end := time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	found, episodes := 0, 0
	for number := max(*only, 0); *only >= 0 || time.Now().Before(end); number++ {
		name := fmt.Sprintf("%d-%d", *seed, number)
		e := newEpisode(*seed, number)
		if *on == "kafka" && e.Kafka == nil || *on == "rocketmq" && e.RocketMQ == nil {
			continue
		}
		episodes++
		began := time.Now()
		err := w.walk(t.Context(), name, e)
		fmt.Printf("soak: %s episode %d: %s\n", time.Now().Format(time.TimeOnly), number, time.Since(began).Round(time.Millisecond))
		if err != nil {
			found++
			path, problem := keep(name, e, err)
			// At once, and not when the hour is over.
			fmt.Printf("soak: seed %d, episode %d (make soak SEED=%d EPISODE=%d): %v\nkept in %s %v\n", *seed, number, *seed, number, err, path, problem)
			t.Fail()
			const most = 20
			if found == most {
				break
			}
		}
		if *only >= 0 {
			break
		}
	}
	if found > 0 && w.kafka != nil {
		w.kafka.cluster.Keep()
		fmt.Printf("soak: Kafka's logs are in %s\n", w.kafka.cluster.Logs())
	}
	fmt.Printf("soak: seed %d, %d episodes, %d of them found something; %s", *seed, episodes, found, w.tally)
}

// TestKeptWalks walks again where something was found once.
func TestKeptWalks(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no walks are kept: %v", err)
	}
	for i, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var k kept
			if err := json.Unmarshal(text, &k); err != nil {
				t.Fatal(err)
			}
			if err := shared.walk(t.Context(), fmt.Sprintf("kept-%d", i), k.Episode); err != nil {
				t.Errorf("%v\nit found once: %s", err, k.Found)
			}
		})
	}
}

// ignoredClient are goroutines of RocketMQ's own client, which the producer is
// made of: it starts some when it is loaded, and leaves others behind.
var ignoredClient = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/apache/rocketmq-client-go/v2/primitive.WithRecover"),
	goleak.IgnoreAnyFunction("github.com/patrickmn/go-cache.(*janitor).Run"),
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if err := shared.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	_ = os.RemoveAll(builtIn)
	if err := goleak.Find(ignoredClient...); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// until asks again and again until it is told nothing that is wrong, and
// returns what still is after a while.
func until(ctx context.Context, wrong func() ([]string, error)) ([]string, error) {
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; {
		found, err := wrong()
		if err != nil || len(found) == 0 || time.Now().After(end) {
			return found, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
}
