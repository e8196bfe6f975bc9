package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// table gathers samples by row and size.
type table struct {
	title   string
	head    string // what the sizes are numbers of; empty means partitions
	sizes   []int
	names   []string
	samples map[string]map[int][]sample
}

type sample struct {
	took      time.Duration
	cpu       time.Duration // of another process, where that is measured
	allocated uint64
	phases    []phase
}

// measure runs the rows in turn, so that whatever the machine does besides
// meets them all. The first round of each is not counted.
func measure(ctx context.Context, t *table, size int, rows []row, rounds, slow int) error {
	for i := range rounds + 1 {
		fmt.Fprintf(os.Stderr, "\r%d partitions: round %d of %d ", size, i, rounds)
		for _, r := range rows {
			if r.slow && i > slow {
				continue
			}
			s, err := once(ctx, r)
			if err != nil {
				return fmt.Errorf("%s, %d partitions: %w", r.name, size, err)
			}
			if i == 0 {
				continue
			}
			t.add(r.name, size, s)
		}
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

func (t *table) add(name string, size int, s sample) {
	if t.samples == nil {
		t.samples = map[string]map[int][]sample{}
	}
	if t.samples[name] == nil {
		t.samples[name] = map[int][]sample{}
		t.names = append(t.names, name)
	}
	t.samples[name][size] = append(t.samples[name][size], s)
}

func once(ctx context.Context, r row) (sample, error) {
	var before, after runtime.MemStats
	if r.before != nil {
		if err := r.before(ctx); err != nil {
			return sample{}, err
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := time.Now()
	phases, err := r.run(ctx)
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	return sample{took: took, allocated: after.TotalAlloc - before.TotalAlloc, phases: phases}, err
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

func (t *table) median(name string, size int) time.Duration {
	var all []time.Duration
	for _, s := range t.samples[name][size] {
		all = append(all, s.took)
	}
	return median(all)
}

func (t *table) cpu(name string, size int) time.Duration {
	var all []time.Duration
	for _, s := range t.samples[name][size] {
		all = append(all, s.cpu)
	}
	return median(all)
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
}

// lines has tell write the table's lines: a name, and a cell for each size.
func (t *table) lines(out io.Writer, tell func(line func(name string, cell func(size int) string))) {
	_, _ = fmt.Fprintf(out, "\n%s\n", t.title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, cell func(size int) string) {
		cells := []string{name}
		for _, size := range t.sizes {
			cells = append(cells, cell(size))
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
	}
	line(cmp.Or(t.head, "partitions"), strconv.Itoa)
	for _, name := range t.names {
		line(name, func(size int) string { return ms(t.median(name, size)) })
	}
	tell(line)
	_ = w.Flush()
}

// ratio tells the medians of one row as a multiple of another's.
func (t *table) ratio(name, to string) func(size int) string {
	return func(size int) string {
		return fmt.Sprintf("%.2f", float64(t.median(name, size))/float64(t.median(to, size)))
	}
}

// print writes the medians, the ratio to the floor, the memory and the phases.
func (t *table) print(out io.Writer) {
	t.lines(out, func(line func(name string, cell func(size int) string)) {
		for _, name := range t.names {
			if name != floorName {
				line(name+" / floor", t.ratio(name, floorName))
			}
		}
		for _, name := range []string{floorName, engineName} {
			line(name+", MB allocated", func(size int) string {
				var all []uint64
				for _, s := range t.samples[name][size] {
					all = append(all, s.allocated)
				}
				return fmt.Sprintf("%.1f", float64(median(all))/1e6)
			})
			for i, p := range t.samples[name][t.sizes[0]][0].phases {
				line(name+": "+p.name, func(size int) string {
					var all []time.Duration
					for _, s := range t.samples[name][size] {
						all = append(all, s.phases[i].took)
					}
					return ms(median(all))
				})
			}
		}
	})
}
