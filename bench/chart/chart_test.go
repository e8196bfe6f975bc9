package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const kafkaOutput = `2 processors

Resetting to latest, median ms
                      partitions   100   1000
                           floor   9.8   16.6
                          engine  11.0   18.5
                  engine / floor  1.13   1.11
100 partitions: a note below the table

A plan of 200 resets of 100 partitions each, median ms
plan of 200 resets, preview = false: 828.3
plan of 200 resets with previews: 1077.9

Resetting to latest, median ms
      partitions  30000
           floor    300
          engine  405.5

Resets, median ms
   resources  50  200
       apply   1    2
`

func TestTablesOfKafka(t *testing.T) {
	t.Parallel()
	found := parseKafka(kafkaOutput)
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{"Resets, median ms", "Resetting to latest, median ms"}) {
		t.Fatalf("tables %q", got)
	}
	latest := found["Resetting to latest, median ms"]
	if latest.of != "partitions" || !slices.Equal(latest.sizes, []int{100, 1000, 30000}) {
		t.Errorf("%q %v", latest.of, latest.sizes)
	}
	for row, want := range map[string]map[int]float64{
		"floor":          {100: 9.8, 1000: 16.6, 30000: 300},
		"engine":         {100: 11, 1000: 18.5, 30000: 405.5},
		"engine / floor": {100: 1.13, 1000: 1.11},
	} {
		if got := latest.rows[row]; !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", row, got, want)
		}
	}
	if len(latest.rows) != 3 {
		t.Errorf("rows %q", slices.Sorted(maps.Keys(latest.rows)))
	}
	// A ratio is the printed one where there is one: the medians are rounded.
	ratios := latest.ratio("engine", "floor")
	if want := map[int]float64{100: 1.13, 1000: 1.11, 30000: 405.5 / 300}; !maps.Equal(ratios, want) {
		t.Errorf("ratios %v, want %v", ratios, want)
	}
	if got := found["Resets, median ms"].of; got != "resources" {
		t.Errorf("columns count %q", got)
	}
}

func TestTablesOfRocketMQ(t *testing.T) {
	t.Parallel()
	found, err := parseRocketMQ(`
To latest, 2 × 16 queues, a commit for each queue (4.9.7, group offline)

  median ms   ratio
       1.5    1.00  engine: plan
     400.0  266.67  mqadmin from a shell

To latest, 2 × 256 queues, a commit for each queue (4.9.7, group offline)

  median ms  ratio
      18.8   1.00  engine: plan
`)
	if err != nil {
		t.Fatal(err)
	}
	table := found["To latest, a commit for each queue (4.9.7, group offline)"]
	if len(found) != 1 || table == nil || !slices.Equal(table.sizes, []int{32, 512}) {
		t.Fatalf("%+v", found)
	}
	if got, want := table.rows["engine: plan"], (map[int]float64{32: 1.5, 512: 18.8}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := table.rows["mqadmin from a shell"], (map[int]float64{32: 400}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := parseRocketMQ("To latest, many queues, in some way\n"); err == nil {
		t.Error("a title without the number of queues is read")
	}
}

// kept returns what the documentation's pictures are drawn from.
func kept(t *testing.T) (kafka, rocketmq string) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "results", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return read("kafka.txt"), read("rocketmq.txt")
}

// A benchmark that names a row otherwise has to be noticed when the pictures
// are drawn, and not by a reader who misses a line.
func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	kafka, rocketmq := kept(t)
	for _, c := range []struct{ name, kafka, rocketmq, want string }{
		{"a row", strings.ReplaceAll(kafka, "kafka-consumer-groups", "the tool"), rocketmq, `bench-kafka.svg: the table "Resetting to latest, median ms" has no row "kafka-consumer-groups`},
		{"a table", strings.ReplaceAll(kafka, "Terraform as a whole, to latest", "Terraform"), rocketmq, `bench-terraform.svg: there is no table "Terraform as a whole`},
		{"a cluster", kafka, strings.ReplaceAll(rocketmq, "4.9.7", "4.9.8"), `bench-rocketmq.svg: there is no table "To latest, a commit for each queue (4.9.7`},
	} {
		if _, err := pictures(c.kafka, c.rocketmq); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("without %s: %v", c.name, err)
		}
	}
}

func TestPictures(t *testing.T) {
	t.Parallel()
	kafka, rocketmq := kept(t)
	drawn, err := pictures(kafka, rocketmq)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pictures(kafka, rocketmq)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"bench-kafka.svg":     {"engine / floor", "tool / floor", "to latest", "to a time", "10,000"},
		"bench-terraform.svg": {"apply / idle", "plan / idle", "apply / as wide", "plan / as wide", "10,000"},
		"bench-rocketmq.svg":  {"tool / engine", "512"},
	} {
		picture := drawn[name]
		if !bytes.Equal(picture, again[name]) {
			t.Errorf("%s is another one each time", name)
		}
		texts := textsOf(t, picture)
		for _, text := range want {
			if !slices.Contains(texts, text) {
				t.Errorf("%s does not show %q: %q", name, text, texts)
			}
		}
		for _, broken := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(string(picture), broken) {
				t.Errorf("%s has %s in it", name, broken)
			}
		}
	}
	if len(drawn) != 3 {
		t.Errorf("%d pictures", len(drawn))
	}
}

// textsOf returns the texts of a picture, which has to be whole XML.
func textsOf(t *testing.T, picture []byte) []string {
	t.Helper()
	var texts []string
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			texts = append(texts, string(data))
		}
	}
}

func TestPointsStandWhereTheirValuesAre(t *testing.T) {
	t.Parallel()
	s := scale{10, 1000, 0, 200}
	for value, want := range map[float64]float64{10: 0, 100: 100, 1000: 200} {
		if got := s.at(value); got < want-0.001 || got > want+0.001 {
			t.Errorf("%v is drawn at %v, want %v", value, got, want)
		}
	}
	if got := (scale{50, 50, 0, 200}).at(50); got != 100 {
		t.Errorf("the only size is drawn at %v", got)
	}
	if got, want := ticks(9, 110), []float64{10, 20, 50, 100}; !slices.Equal(got, want) {
		t.Errorf("ticks %v, want %v", got, want)
	}
	if got, want := ticks(9, 1100), []float64{10, 100, 1000}; !slices.Equal(got, want) {
		t.Errorf("ticks %v, want %v", got, want)
	}
}

// Two tools that are about as fast must not cover each other's numbers.
func TestLabelsOfPointsThatAreClose(t *testing.T) {
	t.Parallel()
	up := scale{10, 1000, 200, 0} // 100 pixels for each power of ten
	for name, c := range map[string]struct {
		engine, tool     float64
		atEngine, atTool float64 // from the point
	}{
		"far":           {10, 1000, below, above},
		"close":         {50, 60, below, above},
		"the other way": {60, 50, above, below},
	} {
		p := panel{series: []series{
			{"tool", theirs, map[int]float64{1: c.tool}, above},
			{"engine", ours, map[int]float64{1: c.engine}, below},
			{"floor", base, map[int]float64{1: 10}, apart},
		}}
		got := map[string]float64{}
		for _, l := range p.labels(1, up) {
			got[l.class] = l.y - up.at(l.value)
		}
		if want := map[string]float64{ours: c.atEngine, theirs: c.atTool}; !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestNumbersAreWrittenShort(t *testing.T) {
	t.Parallel()
	for ms, want := range map[float64]string{
		0.95: "0.95 ms", 9.82: "9.8 ms", 11: "11 ms", 18.84: "18.8 ms", 118.9: "119 ms", 1000: "1 s", 5957.1: "6 s", 123044: "123 s",
	} {
		if got := duration(ms); got != want {
			t.Errorf("%v is written as %q, want %q", ms, got, want)
		}
	}
	for n, want := range map[int]string{50: "50", 1000: "1,000", 100000: "100,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written as %q, want %q", n, got, want)
		}
	}
}

// What the page says in words has to hold for the tables that it shows.
func TestWhatThePageSaysHolds(t *testing.T) {
	t.Parallel()
	kafka, _ := kept(t)
	found := parseKafka(kafka)
	for _, c := range []struct {
		title, row, to string
		below          float64
	}{
		{"Resetting to latest, median ms", engine, floor, 1.5},
		{"Resetting to a time, median ms", engine, floor, 1.5},
		{"Terraform as a whole, to latest, median ms", resetPlan, idlePlan, 1.3},
	} {
		table, err := found.find(c.title, c.row, c.to)
		if err != nil {
			t.Error(err)
			continue
		}
		for size, ratio := range table.ratio(c.row, c.to) {
			if ratio >= c.below {
				t.Errorf("%s, %d %s: %s takes %.2f times as long as %s, and the page says less than %.1f", c.title, size, table.of, c.row, ratio, c.to, c.below)
			}
		}
	}
	for row, to := range map[string]string{manyApply: manyWideApply, manyPlan: manyWidePlan} {
		table, err := found.find("Resets of 100 partitions, each of another group, median ms", row, to)
		if err != nil {
			t.Error(err)
			continue
		}
		added := map[int]float64{}
		for size, ms := range table.rows[row] {
			added[size] = (ms - table.rows[to][size]) / float64(size)
		}
		sizes := slices.Sorted(maps.Keys(added))
		few, many := added[sizes[0]], added[sizes[len(sizes)-1]]
		t.Logf("%s: each adds %.1f ms with %d and %.1f ms with %d", row, few, sizes[0], many, sizes[len(sizes)-1])
		if many > 1.2*few {
			t.Errorf("%s: each adds more with many of them, and the page says that it does not", row)
		}
	}
	if found["Resetting to latest, median ms"].rows[engine][30000] == 0 {
		t.Error("the page speaks of 30,000 partitions, and no table has them")
	}
	for _, line := range plans.FindAllStringSubmatch(kafka, -1) {
		took, _ := strconv.ParseFloat(line[1], 64)
		bound, _ := strconv.ParseFloat(line[2], 64)
		if took == 0 || took > bound {
			t.Errorf("a plan with previews takes %s ms, and %s are what it should take at most", line[1], line[2])
		}
	}
}

// plans finds what a plan of many previews took, and what it should take at most.
var plans = regexp.MustCompile(`with previews: ([0-9.]+)\n.*: ([0-9.]+)\n`)
