package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkacluster"
)

// largeRounds is how often partitions by the ten thousands are measured.
const largeRounds = 5

// measureScale measures one topic with so many partitions on a cluster of its
// own, which a broker's open files suffice for, and one in this process.
func measureScale(ctx context.Context, large, inProcess, slow int, out io.Writer) error {
	if large > 0 {
		err := onCluster(ctx, "2g", func(cluster *kafkacluster.Cluster) error {
			return measureEngine(ctx, cluster, []int{large}, largeRounds, slow, out)
		})
		if err != nil {
			return err
		}
	}
	if inProcess == 0 {
		return nil
	}
	fmt.Fprintf(os.Stderr, "Making a topic of %d partitions in this process\n", inProcess)
	cluster, err := startInProcess(ctx, []int{inProcess})
	if err != nil {
		return err
	}
	defer cluster.Close()
	if err := measureAlone(ctx, cluster, inProcess, slow, out); err != nil {
		return err
	}
	return measureOneLarge(ctx, cluster.Bootstrap(), inProcess, out)
}

// report is what a process of its own says of itself.
type report struct {
	Took time.Duration // from the first connection to the end
	Peak int           // resident memory at its highest, in KiB
	cpu  time.Duration // of all its threads, as the system counts it
}

// alone runs the floor or the engine once and prints a report.
func alone(ctx context.Context, servers []string, target offset.Target, floorOf, engineOf int) error {
	began := time.Now()
	var err error
	if floorOf > 0 {
		_, err = floor(ctx, servers, target, floorOf)
	} else {
		_, err = engine(ctx, servers, target, engineOf)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report{Took: time.Since(began), Peak: peakOf("/proc/self/status")})
}

// inAProcess runs the floor or the engine as Terraform runs a provider: in a
// process that was started for it.
func inAProcess(ctx context.Context, servers []string, name string, goal goal, n int) (report, error) {
	self, err := os.Executable()
	if err != nil {
		return report{}, err
	}
	args := []string{"-" + name, strconv.Itoa(n)}
	if goal.target.Kind == offset.ToTime {
		args = append(args, "-to-time")
	}
	cmd := exec.CommandContext(ctx, self, append(args, servers...)...) //nolint:gosec // It is this program.
	var failure strings.Builder
	cmd.Stderr = &failure
	text, err := cmd.Output()
	if err != nil {
		return report{}, fmt.Errorf("%s: %w\n%s", name, err, failure.String())
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return report{}, fmt.Errorf("%s: %w", name, err)
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}

// measureAlone measures the engine beside the floor in processes of their own:
// time, processor, memory and requests. The brokers in this process take most
// of the time, so the processor's counts.
func measureAlone(ctx context.Context, cluster *fake.Cluster, n, rounds int, out io.Writer) error {
	_, _ = fmt.Fprintf(out, "\nResetting %d partitions in one process, with brokers in another, medians\n", n)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tms\tCPU-ms\tpeak-MiB\trequests\t")
	var sent []string
	for _, goal := range targets {
		reports, requests := map[string][]report{}, map[string]map[int16]int{}
		for round := range rounds {
			fmt.Fprintf(os.Stderr, "\r%d partitions %s: round %d of %d ", n, goal.name, round+1, rounds)
			for _, name := range []string{floorName, engineName} {
				if err := cluster.Client().Commit(ctx, group, startOf(n)); err != nil {
					return err
				}
				cluster.ResetRequests()
				r, err := inAProcess(ctx, cluster.Bootstrap(), name, goal, n)
				if err != nil {
					return err
				}
				requests[name] = cluster.Requests()
				reports[name] = append(reports[name], r)
				if err := arrived(cluster, goal, n); err != nil {
					return fmt.Errorf("%s %s: %w", name, goal.name, err)
				}
			}
		}
		fmt.Fprintln(os.Stderr)
		for _, name := range []string{floorName, engineName} {
			total := 0
			var each []string
			for _, key := range slices.Sorted(maps.Keys(requests[name])) {
				total += requests[name][key]
				each = append(each, fmt.Sprintf("%d %s", requests[name][key], kmsg.NameForKey(key)))
			}
			_, _ = fmt.Fprintf(w, "%s, %s\t%s\t%s\t%s\t%d\t\n", name, goal.name,
				ms(medianOf(reports[name], func(r report) time.Duration { return r.Took })),
				ms(medianOf(reports[name], func(r report) time.Duration { return r.cpu })),
				mib(medianOf(reports[name], func(r report) int { return r.Peak })), total)
			sent = append(sent, fmt.Sprintf("%s, %s, sends %s", name, goal.name, strings.Join(each, ", ")))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, strings.Join(sent, "\n"))
	return err
}

func medianOf[T int | time.Duration](reports []report, of func(report) T) T {
	var all []T
	for _, r := range reports {
		all = append(all, of(r))
	}
	return median(all)
}

// arrived tells whether the group is where the goal leads to.
func arrived(cluster *fake.Cluster, goal goal, n int) error {
	want := int64(records)
	if goal.target.Kind == offset.ToTime {
		want = 1
	}
	of := cluster.Committed(group)[topicOf(n)]
	for _, id := range partitions(n) {
		if of[id] != want {
			return fmt.Errorf("partition %d is at %d and not at %d", id, of[id], want)
		}
	}
	return nil
}

// measureOneLarge measures one reset of so many partitions through Terraform,
// once, beside a resource of the idle provider with such a record.
func measureOneLarge(ctx context.Context, servers []string, n int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "offsets-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	reset, err := newWorkspaceIn(ctx, dir, strings.Replace(resetConfig(servers, n, true), `position = "latest"`, `position = "earliest"`, 1))
	if err != nil {
		return err
	}
	idle, err := newWorkspaceIn(ctx, dir, idleConfig(n))
	if err != nil {
		return err
	}
	t := &table{title: "Terraform as a whole with one large reset, median ms", sizes: []int{n}}
	peak := map[string]int{}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{previewApply, reset.apply}, {recordApply, idle.apply}, {quietPlan, reset.plan}, {recordPlan, idle.plan}} {
		stop := watchMemory(func(kib int) { peak[step.name] = max(peak[step.name], kib) })
		began := time.Now()
		err := step.run(ctx)
		took := time.Since(began)
		stop()
		if err != nil {
			return errors.Join(fmt.Errorf("%d partitions through Terraform", n), err)
		}
		t.add(step.name, n, sample{took: took})
	}
	t.lines(out, func(line func(name string, cell func(size int) string)) {
		line(previewApply+" / "+recordApply, t.ratio(previewApply, recordApply))
		line(quietPlan+" / "+recordPlan, t.ratio(quietPlan, recordPlan))
		for _, name := range []string{previewApply, quietPlan} {
			line(name+", the provider's peak memory, MiB", func(int) string { return mib(peak[name]) })
		}
	})
	return nil
}
