package main

import (
	"fmt"
	"strings"
)

// The rows of the benchmarks that the charts show.
const (
	engine  = "engine"
	floor   = "floor"
	tool    = "kafka-consumer-groups (in a running virtual machine)"
	mqReset = "engine: plan, reset and read-back"
	mqWarm  = "mqadmin in a virtual machine that is warm"
	mqShell = "mqadmin from a shell"

	resetApply = "apply of a reset, with its previews"
	idleApply  = "apply of an idle provider with such a record"
	resetPlan  = "plan after the reset"
	idlePlan   = "plan of an idle provider with such a record"

	manyApply     = "apply of resets"
	manyIdleApply = "apply of an idle provider with such records"
	manyWideApply = "apply of an idle provider with such records and attributes"
	manyPlan      = "plan after the resets"
	manyIdlePlan  = "plan of an idle provider with such records"
	manyWidePlan  = "plan of an idle provider with such records and attributes"
)

// What a line stands for decides how it looks, on all charts.
const (
	ours       = "a"
	base       = "b"
	theirs     = "c"
	theirShell = "d"
	oursLess   = "a2"
	baseLess   = "b2"
)

// series is one line of a chart, in milliseconds by size.
type series struct {
	name   string
	class  string
	values map[int]float64
	label  float64 // how far below its point each value is written; 0 means not at all
}

// Where values are written, in pixels.
const (
	above = -9
	below = 19
	apart = 0
)

// ratio is a line of numbers below a chart: one series as a multiple of another.
type ratio struct {
	name   string
	values map[int]float64
}

// panel is one chart of a picture, both of its axes logarithmic.
type panel struct {
	title  string
	of     string // what the sizes count
	sizes  []int
	series []series
	ratios []ratio
}

// picture is a row, or several, of charts with one legend.
type picture struct {
	title   string
	columns int
	alike   bool // all charts have the same vertical axis
	panels  []panel
}

// kafkaPicture shows the engine beside its floor and Apache's tool.
func kafkaPicture(ts tables) (picture, error) {
	p := picture{title: "Resetting a Kafka group: how long it takes, by partitions", columns: 2, alike: true}
	for _, target := range []string{"to latest", "to a time"} {
		t, err := ts.find("Resetting "+target+", median ms", engine, floor, tool)
		if err != nil {
			return p, err
		}
		p.panels = append(p.panels, panel{
			title: target, of: t.of, sizes: t.sizes,
			series: []series{
				{"kafka-consumer-groups, Java already running", theirs, t.rows[tool], above},
				{"the provider's engine", ours, t.rows[engine], above},
				{"floor: the same requests by hand, unchecked", base, t.rows[floor], apart},
			},
			ratios: []ratio{
				{"engine / floor", t.ratio(engine, floor)},
				{"tool / floor", t.ratio(tool, floor)},
			},
		})
	}
	return p, nil
}

// terraformPicture shows whole runs of Terraform beside those of a provider
// that does nothing.
func terraformPicture(ts tables) (picture, error) {
	p := picture{title: "Whole runs of Terraform beside those of a provider that does nothing", columns: 2}
	one, err := ts.find("Terraform as a whole, to latest, median ms", resetApply, idleApply, resetPlan, idlePlan)
	if err != nil {
		return p, err
	}
	many, err := ts.find("Resets of 100 partitions, each of another group, median ms", manyApply, manyIdleApply, manyWideApply, manyPlan, manyIdlePlan, manyWidePlan)
	if err != nil {
		return p, err
	}
	show := func(t *table, title string, planLabel float64, apply, idle, plan, planIdle string) {
		p.panels = append(p.panels, panel{
			title: title, of: t.of, sizes: t.sizes,
			series: []series{
				{"apply of resets, with previews", ours, t.rows[apply], above},
				{"apply of an idle provider with such a state", base, t.rows[idle], apart},
				{"plan that changes nothing", oursLess, t.rows[plan], planLabel},
				{"plan of an idle provider with such a state", baseLess, t.rows[planIdle], apart},
			},
			ratios: []ratio{
				{"apply / idle", t.ratio(apply, idle)},
				{"plan / idle", t.ratio(plan, planIdle)},
			},
		})
	}
	show(one, "one reset, by partitions", apart, resetApply, idleApply, resetPlan, idlePlan)
	show(many, "many resets of 100 partitions, by groups", below, manyApply, manyIdleApply, manyPlan, manyIdlePlan)
	last := &p.panels[len(p.panels)-1]
	last.ratios = append(last.ratios,
		ratio{"apply / as wide", many.ratio(manyApply, manyWideApply)},
		ratio{"plan / as wide", many.ratio(manyPlan, manyWidePlan)})
	return p, nil
}

// rocketmqPicture shows the engine beside mqadmin on each kind of cluster.
func rocketmqPicture(ts tables) (picture, error) {
	p := picture{title: "Resetting a RocketMQ group: how long it takes, by queues", columns: 2, alike: true}
	for _, way := range []struct{ name, title string }{
		{"brokers that reset by themselves (5.5.0)", "by the brokers, 5.5.0"},
		{"a commit for each queue (5.5.0 with useServerSideResetOffset=false, group offline)", "queue by queue, 5.5.0"},
		{"a commit for each queue (4.9.7, group offline)", "queue by queue, 4.9.7"},
	} {
		for _, target := range []string{"To latest", "To a time"} {
			t, err := ts.find(target+", "+way.name, mqReset, mqWarm, mqShell)
			if err != nil {
				return p, err
			}
			p.panels = append(p.panels, panel{
				title: strings.ToLower(target) + ", " + way.title, of: t.of, sizes: t.sizes,
				series: []series{
					{"mqadmin from a shell", theirShell, t.rows[mqShell], above},
					{"mqadmin, Java already running", theirs, t.rows[mqWarm], above},
					{"the provider's engine, with plan and read-back", ours, t.rows[mqReset], below},
				},
				ratios: []ratio{
					{"tool / engine", t.ratio(mqWarm, mqReset)},
				},
			})
		}
	}
	return p, nil
}

// pictures draws all of them, by the names of their files.
func pictures(kafka, rocketmq string) (map[string][]byte, error) {
	fromKafka := parseKafka(kafka)
	fromRocketMQ, err := parseRocketMQ(rocketmq)
	if err != nil {
		return nil, err
	}
	drawn := map[string][]byte{}
	for _, of := range []struct {
		name string
		make func(tables) (picture, error)
		from tables
	}{
		{"bench-kafka.svg", kafkaPicture, fromKafka},
		{"bench-terraform.svg", terraformPicture, fromKafka},
		{"bench-rocketmq.svg", rocketmqPicture, fromRocketMQ},
	} {
		p, err := of.make(of.from)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", of.name, err)
		}
		drawn[of.name] = p.draw()
	}
	return drawn, nil
}
