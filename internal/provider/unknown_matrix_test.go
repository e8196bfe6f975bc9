package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/apsaramq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/romaconnect"
)

// What Terraform learns only while it applies may turn out to be what it was,
// to be something else, or to be nothing. This goes through all arguments, and
// fails if one is forgotten: whatever turns out the same resets nothing, and
// Terraform finds no plan that is not kept but those that the documentation
// names. The brokers say how often each group was reset.

// effect is what an apply comes to: how often the group is reset, or the error.
type effect struct {
	resets int
	err    string
}

var (
	nothing = effect{}
	once    = effect{resets: 1}
)

func refused(text string) effect { return effect{err: text} }

// brokenPlan is Terraform's error where the apply would do other than was
// planned. Nothing is touched then, and the next plan is one that can be kept.
const brokenPlan = "Provider produced inconsistent final plan"

// broken is what the documentation names: a name of a group or an instance that
// turns out another, which Terraform cannot replace unless that was planned.
var broken = refused(brokenPlan)

// varied is an argument with values to go through. "{group}" in them is the
// group of the case.
type varied struct {
	argument string
	with     string // the other arguments
	is       string
	another  string // "" if there is none
	does     effect // what another value comes to
	null     effect // what null comes to, with nothing in its place
	// instead is an argument that takes the place of a null, with its value,
	// where exactly one of several must be set; both is the error if both are.
	instead, of string
	both        string
	// always tells that it comes to the same with reset_on = "triggers", which
	// keeps back only targets and scopes.
	always bool
}

// unknownCase is one resource that is applied twice.
type unknownCase struct {
	name          string
	fixed         string            // what both applies say
	edit          [2]string         // what they say differently, known at plan time
	before, after map[string]string // what is unknown at plan time
	want          effect
}

// cases are what an argument can turn out to be, alone and beside an edit of
// on_destroy, with both values of reset_on.
func (v varied) cases(onDestroy string) []unknownCase {
	type turn struct {
		name          string
		before, after map[string]string
		want          effect
	}
	is := map[string]string{v.argument: v.is}
	turns := []turn{{"the same", is, is, nothing}}
	if v.another != "" {
		turns = append(turns, turn{"another", is, map[string]string{v.argument: v.another}, v.does})
	}
	turns = append(turns, turn{"nothing", is, map[string]string{}, v.null})
	if v.instead != "" {
		turns = append(turns,
			turn{v.instead + " instead", is, map[string]string{v.instead: v.of}, v.does},
			turn{v.instead + " as well", is, map[string]string{v.argument: v.is, v.instead: v.of}, refused(v.both)})
	}
	var cases []unknownCase
	for _, t := range turns {
		for _, on := range []string{"change", "triggers"} {
			for _, edited := range []bool{false, true} {
				c := unknownCase{name: fmt.Sprintf("%s turns out %s with reset_on %s", v.argument, t.name, on), fixed: v.with, before: t.before, after: t.after, want: t.want}
				if v.argument != "reset_on" {
					c.fixed += fmt.Sprintf("\nreset_on = %q", on)
				}
				if on == "triggers" && v.does == nothing {
					continue // It resets nothing anyway.
				}
				if v.argument != "triggers" {
					c.fixed += "\ntriggers = { run = \"1\" }"
				}
				if on == "triggers" && !v.always && c.want == once {
					c.want = nothing
				}
				if edited {
					if v.argument == "on_destroy" {
						continue
					}
					c.name += " beside another on_destroy"
					c.edit[1] = fmt.Sprintf("on_destroy = %q", onDestroy)
				}
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// resource is a case's resource in one of its two applies.
func (c unknownCase) resource(kind string, i, run int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource %q %q {\n  provider = offsets\n", kind, c.label(i))
	for _, name := range slices.Sorted(maps.Keys(c.values())) {
		outer, inner, nested := strings.Cut(name, ".")
		source := fmt.Sprintf("terraform_data.%s.output.%s", c.label(i), strings.ReplaceAll(name, ".", "_"))
		if nested {
			fmt.Fprintf(&b, "  %s = { %s = %s }\n", outer, inner, source)
			continue
		}
		fmt.Fprintf(&b, "  %s = %s\n", name, source)
	}
	b.WriteString(strings.ReplaceAll(c.fixed+"\n"+c.edit[run-1], "{group}", c.group(i)))
	b.WriteString("\n}\n")
	return b.String()
}

func (c unknownCase) label(i int) string { return fmt.Sprintf("case%d", i) }
func (c unknownCase) group(i int) string { return fmt.Sprintf("group%d", i) }

func (c unknownCase) values() map[string]string {
	all := maps.Clone(c.before)
	maps.Copy(all, c.after)
	return all
}

// later is what the case's values are in an apply.
func (c unknownCase) later(i, run int) string {
	now := []map[string]string{c.before, c.after}[run-1]
	var b strings.Builder
	// Another trigger replaces it, so that its output is unknown until then.
	fmt.Fprintf(&b, "resource \"terraform_data\" %q {\n  triggers_replace = %d\n  input = {\n", c.label(i), run)
	for name := range c.values() {
		value, ok := now[name]
		if !ok {
			value = "null"
		}
		fmt.Fprintf(&b, "    %s = %s\n", strings.ReplaceAll(name, ".", "_"), strings.ReplaceAll(value, "{group}", c.group(i)))
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

// matrix is the cases of one resource type, on the brokers of a test.
type matrix struct {
	kind     string
	provider string
	cases    []unknownCase
	first    int                    // the number of the first case
	seed     func(group string)     // makes a group and its other self, GROUP-b, at 60
	consume  func(group string)     // the consumers of both move on to 80, and the count begins
	resets   func(group string) int // how often either was reset since
}

// config has the cases that keep, in the apply.
func (m matrix) config(run int, keep func(unknownCase) bool) string {
	b := new(strings.Builder)
	b.WriteString(m.provider)
	for i, c := range m.cases {
		if keep(c) {
			b.WriteString(c.later(m.first+i, run))
			b.WriteString(c.resource(m.kind, m.first+i, run))
		}
	}
	return b.String()
}

// run goes through all cases without a Terraform process, and through some of
// each kind with one: what Terraform itself makes of them must not drift apart.
func (m matrix) run(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		m.runHere(t, newCore(t, inProcess(t)))
	})
	some := m
	some.first, some.cases = len(m.cases), nil
	seen := map[string]int{}
	for i, c := range m.cases {
		if kind := c.want.err + fmt.Sprint(c.want.resets); i%10 == 0 || seen[kind] < 2 {
			seen[kind]++
			some.cases = append(some.cases, c)
		}
	}
	t.Run("with Terraform", func(t *testing.T) {
		t.Parallel()
		some.runHere(t, attached(t, ""))
	})
}

// runner is what plans and applies a configuration, and tells of it in events.
type runner interface {
	configure(config string)
	events(args ...string) []event
}

func (m matrix) runHere(t *testing.T, w runner) {
	every := func(unknownCase) bool { return true }
	for i, c := range m.cases {
		m.seed(c.group(m.first + i))
	}
	w.configure(m.config(1, every))
	for _, e := range w.events("apply", "-auto-approve") {
		if e.isError() {
			t.Fatalf("the first apply: %s", e)
		}
	}
	for i, c := range m.cases {
		m.consume(c.group(m.first + i))
	}
	w.configure(m.config(2, every))
	problems := m.problems(t, w.events("apply", "-auto-approve"))
	counts := make([]int, len(m.cases))
	for i, c := range m.cases {
		counts[i] = m.resets(c.group(m.first + i))
	}
	// The values are known by now: what was refused is refused by a plan too,
	// at the latest by this one if there was nothing to apply.
	w.configure(m.config(2, func(c unknownCase) bool { return c.want.err == "" || c.want.err == brokenPlan }))
	pending := map[string]string{}
	for _, e := range w.events("plan") {
		switch {
		case e.isError():
			t.Errorf("the plan afterwards: %s", e)
		case e.Type == "planned_change" && e.Change.Action != "noop":
			pending[e.Change.Resource.Addr] = e.Change.Action
		}
	}
	w.configure(m.config(2, func(c unknownCase) bool { return c.want.err != "" && c.want.err != brokenPlan }))
	late := m.problems(t, w.events("plan"))
	for i, c := range m.cases {
		t.Run(c.name, func(t *testing.T) {
			i := m.first + i
			address := m.kind + "." + c.label(i)
			told := problems[address]
			switch {
			case c.want.err == "" && told != "":
				t.Errorf("failed: %s", told)
			case c.want.err == brokenPlan:
				if !strings.Contains(told, brokenPlan) {
					t.Errorf("does not say %q, which the documentation names: %s", brokenPlan, told)
				}
				if strings.Contains(told, "DeleteThenCreate") && pending[address] != "replace" {
					t.Errorf("the next plan does not replace it: %s", pending[address])
				}
			case c.want.err != "":
				if told != "" && !strings.Contains(told, c.want.err) {
					t.Errorf("does not say %q: %s", c.want.err, told)
				}
				if !strings.Contains(late[address], c.want.err) {
					t.Errorf("the next plan does not say %q: %s", c.want.err, late[address])
				}
			}
			if got := counts[i-m.first]; got != c.want.resets {
				t.Errorf("was reset %d times, want %d", got, c.want.resets)
			}
			if action := pending[address]; c.want.err == "" && action != "" {
				t.Errorf("the next plan is not empty: %s", action)
			}
			if t.Failed() {
				t.Logf("%s%s", c.resource(m.kind, i, 2), c.later(i, 2))
			}
		})
	}
}

// problems are the errors of each resource.
func (m matrix) problems(t *testing.T, events []event) map[string]string {
	t.Helper()
	// Terraform's own errors have the address in their text only.
	address := regexp.MustCompile(m.kind + `\.\w+`)
	problems := map[string]string{}
	for _, e := range events {
		if !e.isError() {
			continue
		}
		at := address.FindString(e.Diagnostic.Address + " " + e.Diagnostic.Detail)
		if at == "" {
			t.Fatalf("at no resource: %s", e)
		}
		problems[at] += flat(e.String()) + "\n"
	}
	return problems
}

// event is a line that Terraform prints with -json.
type event struct {
	Type       string `json:"type"`
	Diagnostic struct {
		Severity, Summary, Detail, Address string
	} `json:"diagnostic"`
	Change struct {
		Action   string
		Resource struct{ Addr string }
	} `json:"change"`
}

func (e event) isError() bool { return e.Type == "diagnostic" && e.Diagnostic.Severity == "error" }
func (e event) String() string {
	return fmt.Sprintf("%s: %s", e.Diagnostic.Summary, e.Diagnostic.Detail)
}

// events runs Terraform with -json. Its exit code says no more than the events.
func (w *workspace) events(args ...string) []event {
	w.t.Helper()
	cmd, out := w.command(append(args, "-json")...)
	err := cmd.Run()
	var events []event
	for line := range bytes.Lines([]byte(out.String())) {
		var e event
		if json.Unmarshal(line, &e) == nil {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		w.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return events
}

// everyArgument fails the test for an argument of the type that no case goes
// through, and for a case without an argument.
func everyArgument(t *testing.T, kind string, arguments []varied) {
	t.Helper()
	server, err := providerserver.NewProtocol6WithError(provider.New("test"))()
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := argumentsOf("", schemas.ResourceSchemas[kind].Block.Attributes)
	var have []string
	for _, a := range arguments {
		have = append(have, a.argument)
	}
	slices.Sort(have)
	have = slices.Compact(have)
	slices.Sort(want)
	for _, name := range want {
		if !slices.Contains(have, name) {
			t.Errorf("no case goes through the argument %s", name)
		}
	}
	for _, name := range have {
		if !slices.Contains(want, name) {
			t.Errorf("%s is no argument", name)
		}
	}
}

func argumentsOf(prefix string, attributes []*tfprotov6.SchemaAttribute) []string {
	var names []string
	for _, a := range attributes {
		if a.Optional || a.Required {
			names = append(names, prefix+a.Name)
		}
		if a.NestedType != nil {
			names = append(names, argumentsOf(prefix+a.Name+".", a.NestedType.Attributes)...)
		}
	}
	return names
}

// settings are arguments that reset nothing, whatever they turn out to be.
func settings(with string, values ...[3]string) []varied {
	var list []varied
	for _, v := range values {
		list = append(list, varied{argument: v[0], with: with, is: v[1], another: v[2]})
	}
	return list
}

// aims are arguments whose other value is another reset.
func aims(list ...varied) []varied {
	for i := range list {
		list[i].does = once
	}
	return list
}

func TestKafkaArgumentsThatAreUnknownAtPlanTime(t *testing.T) {
	t.Parallel()
	const (
		noScope, twoScopes   = "No scope", "More than one scope"
		noTarget, twoTargets = "No target", "More than one target"
		group, topic         = "group_id = \"{group}\"\n", "topic = \"orders\"\n"
		target               = "message_offset = 20\n"
		usual                = group + topic + target
	)
	scope := func(argument, is, another, instead, of string) varied {
		return varied{argument: argument, with: group + target, is: is, another: another, null: refused(noScope), instead: instead, of: of, both: twoScopes}
	}
	towards := func(argument, is, another, instead, of string) varied {
		return varied{argument: argument, with: group + topic, is: is, another: another, null: refused(noTarget), instead: instead, of: of, both: twoTargets}
	}
	c, h := seeded(t), romaconnect.New(t)
	c.Commit(t, "source-a", at(30))
	c.Commit(t, "source-b", at(40))
	here, elsewhere := snapshotsOf(t, c, "source-a", "source-b")
	arguments := slices.Concat(
		aims(
			scope("topic", `"orders"`, `"audit"`, "topics", `["audit"]`),
			scope("topics", `["orders"]`, `["orders", "audit"]`, "topic", `"audit"`),
			scope("all_topics", "true", "", "topic", `"audit"`),
			towards("message_offset", "20", "30", "shift", "-5"),
			towards("timestamp", "1772373620000", "1772373630000", "position", `"earliest"`),
			towards("datetime", `"2026-03-01T14:00:20Z"`, `"2026-03-01T14:00:30Z"`, "position", `"earliest"`),
			towards("lookback", `"87600h"`, `"87601h"`, "message_offset", "30"),
			towards("position", `"earliest"`, `"latest"`, "message_offset", "30"),
			towards("shift", "-10", "-5", "datetime", `"2026-03-01T14:00:30Z"`),
			towards("source_group_id", `"source-a"`, `"source-b"`, "timestamp", "1772373630000"),
			varied{argument: "offsets", with: group, is: `{ orders = { "0" = 20 } }`, another: `{ orders = { "0" = 30, "1" = 30 } }`, null: refused(noScope)},
			varied{argument: "offsets_csv", with: group, is: `"orders,0,20"`, another: `"orders,0,30\norders,1,30"`, null: refused(noScope)},
			varied{argument: "snapshot", with: group, is: here, another: elsewhere, null: refused(noScope), instead: "offsets", of: `{ orders = { "0" = 20 } }`, both: twoScopes},
			varied{argument: "topic_names", with: group + "snapshot = " + here, is: `{ orders = "copies" }`, another: `{ orders = "orders" }`, null: once},
			// Null means all of them.
			varied{argument: "partition", with: usual, is: "0", another: "1", null: once, instead: "partitions", of: "[1, 2]", both: "partition"},
			varied{argument: "partitions", with: usual, is: "[0]", another: "[0, 1]", null: once},
			varied{argument: "triggers", with: usual, is: `{ run = "1" }`, another: `{ run = "2" }`, null: once, always: true},
		),
		[]varied{
			{argument: "group_id", with: topic + target, is: `"{group}"`, another: `"{group}-b"`, does: broken, null: refused("group_id")},
			{argument: "group_type", with: usual, is: `"consumer"`, another: `"share"`, does: broken, null: nothing},
			{argument: "instance_id", with: usual, is: fmt.Sprintf("%q", kafkaInstance), another: fmt.Sprintf("%q", otherInstance), does: broken, null: broken},
		},
		// What the same is said with.
		[]varied{
			{argument: "partition", with: usual, is: "-1"},
			{argument: "all_topics", with: usual, is: "false"},
			{argument: "topic_names", with: group + "snapshot = " + here, is: `{ orders = "orders" }`},
			{argument: "unmatched", with: group + "snapshot = " + here, is: `"time"`, another: `"error"`},
		},
		settings(usual,
			[3]string{"out_of_range", `"clamp"`, `"error"`},
			[3]string{"isolation_level", `"read_committed"`, `"read_uncommitted"`},
			[3]string{"max_replayed_messages", "1000", "2000"},
			[3]string{"max_skipped_messages", "1000", "2000"},
			[3]string{"allow_new_group", "true", "false"},
			[3]string{"wait_for_inactive", `"5s"`, `"6s"`},
			[3]string{"reset_on", `"change"`, `"triggers"`},
			[3]string{"on_destroy", `"keep"`, `"restore"`},
			[3]string{"timeouts", `{ create = "10m", update = "10m" }`, `{ create = "11m" }`},
			[3]string{"timeouts.create", `"10m"`, `"11m"`},
			[3]string{"timeouts.update", `"10m"`, `"11m"`},
			[3]string{"timeouts.delete", `"10m"`, `"11m"`},
		),
	)
	everyArgument(t, "kafka_consumer_offset_reset", arguments)
	m := matrix{kind: "kafka_consumer_offset_reset"}
	for _, a := range arguments {
		m.cases = append(m.cases, a.cases("restore")...)
	}
	m.cases = append(m.cases, promised("message_offset = 20", "message_offset = 30", "topic = \"orders\"\n"+group)...)

	for _, id := range []string{kafkaInstance, otherInstance} {
		h.AddInstance(id)
		log := romaconnect.Log(10, 100, base)
		h.AddTopic(id, "orders", log, log, log)
	}
	m.provider = providerOf(fmt.Sprintf("kafka = { bootstrap_servers = %s }", hclList(c.Bootstrap())), dmsSection(h))
	instances := []string{kafkaInstance, otherInstance}
	stand := func(group string, offset int64) {
		for _, name := range bothOf(group) {
			c.Commit(t, name, at(offset))
			for _, id := range instances {
				h.Commit(id, name, "orders", map[int32]int64{0: offset, 1: offset, 2: offset})
			}
		}
	}
	var (
		mu      sync.Mutex
		commits = map[string]int{}
	)
	c.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r, ok := req.(*kmsg.OffsetCommitRequest); ok {
			mu.Lock()
			defer mu.Unlock()
			commits[r.Group]++
		}
		return nil, nil, false
	})
	m.seed = func(group string) {
		for _, id := range instances {
			for _, name := range bothOf(group) {
				h.AddGroup(id, name)
			}
		}
		stand(group, 60)
	}
	m.consume = func(group string) {
		stand(group, 80)
		mu.Lock()
		defer mu.Unlock()
		for _, name := range bothOf(group) {
			commits[name] = 0
		}
	}
	m.resets = func(group string) int {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, name := range bothOf(group) {
			n += commits[name]
			// Whatever the count says, the offsets are the truth.
			now := c.Committed(name)
			delete(now, "copies") // Nobody has consumed it since the first apply.
			if commits[name] == 0 && !maps.EqualFunc(now, at(80), maps.Equal) {
				t.Errorf("group %q is at %v without a commit", name, now)
			}
			for _, id := range instances {
				if !maps.Equal(h.Offsets(id, name, "orders"), map[int32]int64{0: 80, 1: 80, 2: 80}) {
					n++
				}
			}
		}
		return n
	}
	m.run(t)
}

// bothOf are the group of a case and its other self.
func bothOf(group string) []string { return []string{group, group + "-b"} }

// snapshotsOf are the snapshots of two groups' offsets on the topic orders, as
// values in a configuration. The topic copies has the same records.
func snapshotsOf(t *testing.T, c *fake.Cluster, groups ...string) (string, string) {
	t.Helper()
	if err := c.Client().CreateTopic(t.Context(), "copies", 3, 1, nil); err != nil {
		t.Fatal(err)
	}
	c.Fill(t, "copies", 3, 100, base, time.Second)
	body := ""
	for _, group := range groups {
		body += fmt.Sprintf(`
			data "kafka_consumer_group_snapshot" %[1]q {
				provider = offsets
				group_id = %[1]q
				topics   = ["orders"]
			}
			output %[1]q { value = data.kafka_consumer_group_snapshot.%[1]s.snapshot }
		`, group)
	}
	w := attached(t, kafkaConfig(c.Bootstrap(), body))
	w.must(0, "apply", "-auto-approve")
	var snapshots []string
	for _, group := range groups {
		cmd, out := w.command("output", "-json", group)
		cmd.Stderr = os.Stderr // Warnings of the CLI are no part of it.
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %s", err, out)
		}
		snapshots = append(snapshots, strings.TrimSpace(out.String()))
	}
	return snapshots[0], snapshots[1]
}

// promised are the plans that the documentation names: a reset that the plan
// has promised, because triggers were not known, and that is not due.
func promised(before, after, rest string) []unknownCase {
	same := map[string]string{"triggers": `{ run = "1" }`}
	return []unknownCase{{
		name: "triggers turn out the same beside another target that they hold back", fixed: rest + "\nreset_on = \"triggers\"",
		edit: [2]string{before, after}, before: same, after: same, want: refused(brokenPlan),
	}}
}

func TestRocketMQArgumentsThatAreUnknownAtPlanTime(t *testing.T) {
	t.Parallel()
	const (
		group, topic = "consumer_group = \"{group}\"\n", "topic = \"orders\"\n"
		target       = "reset_type = \"EARLIEST_OFFSET\"\n"
		usual        = group + topic + target
		byTime       = group + topic + "reset_type = \"SPECIFIED_TIME\"\n"
		exact        = group + topic + "reset_type = \"SPECIFIED_OFFSET\"\n"
		bare         = "reset_time = \"2026-03-01 22:00:50\"\n"
	)
	arguments := slices.Concat(
		aims(
			varied{argument: "topic", with: group + target, is: `"orders"`, another: `"audit"`, null: refused("topic")},
			varied{argument: "reset_type", with: group + topic, is: `"EARLIEST_OFFSET"`, another: `"LATEST_OFFSET"`, null: refused("reset_type")},
			varied{argument: "reset_time", with: byTime, is: `"2026-03-01T14:00:50Z"`, another: `"2026-03-01T14:00:40Z"`, null: refused("Missing reset_time")},
			varied{argument: "time_zone", with: byTime + bare, is: `"Asia/Shanghai"`, another: `"Asia/Tokyo"`, null: refused("says no time zone")},
			varied{argument: "offsets", with: exact, is: `{ broker-a = { "0" = 30 } }`, another: `{ broker-a = { "0" = 40, "1" = 40 } }`, null: refused("Missing offsets")},
			varied{argument: "triggers", with: usual, is: `{ run = "1" }`, another: `{ run = "2" }`, null: once, always: true},
		),
		[]varied{
			{argument: "consumer_group", with: topic + target, is: `"{group}"`, another: `"{group}-b"`, does: broken, null: refused("consumer_group")},
			{argument: "instance_id", with: group + topic + "reset_type = \"LATEST_OFFSET\"\n", is: fmt.Sprintf("%q", rmqInstance), another: `"rmq-cn-other"`, does: broken, null: broken},
		},
		settings(usual,
			[3]string{"force", "true", "false"},
			[3]string{"brokers", `["broker-a"]`, `["broker-a", "broker-b"]`},
			[3]string{"max_replayed_messages", "1000", "2000"},
			[3]string{"max_skipped_messages", "1000", "2000"},
			[3]string{"reset_on", `"change"`, `"triggers"`},
			[3]string{"on_destroy", `"keep"`, `"restore"`},
			[3]string{"timeouts", `{ create = "10m", update = "10m" }`, `{ create = "11m" }`},
			[3]string{"timeouts.create", `"10m"`, `"11m"`},
			[3]string{"timeouts.update", `"10m"`, `"11m"`},
			[3]string{"timeouts.delete", `"10m"`, `"11m"`},
		),
	)
	everyArgument(t, "rocketmq_consumer_offset_reset", arguments)
	m := matrix{kind: "rocketmq_consumer_offset_reset"}
	for _, a := range arguments {
		onDestroy := "restore"
		if a.argument == "instance_id" {
			onDestroy = "keep" // ApsaraMQ cannot restore.
		}
		m.cases = append(m.cases, a.cases(onDestroy)...)
	}
	m.cases = append(m.cases, promised("reset_type = \"EARLIEST_OFFSET\"", "reset_type = \"LATEST_OFFSET\"", group+topic)...)
	// The same instant, said otherwise. What a time in other words means is not
	// known before its zone is: the documentation says so.
	reworded := map[string]effect{"change": broken, "triggers": nothing}
	for _, on := range []string{"change", "triggers"} {
		for _, edit := range []string{"", "on_destroy = \"restore\""} {
			with := byTime + "triggers = { run = \"1\" }\nreset_on = \"" + on + "\"\n"
			m.cases = append(m.cases,
				unknownCase{
					name: "the same time without a time_zone, reset_on " + on + " " + edit, fixed: with, edit: [2]string{"", edit},
					before: map[string]string{"reset_time": `"2026-03-01 22:00:50"`, "time_zone": `"Asia/Shanghai"`},
					after:  map[string]string{"reset_time": `"2026-03-01T14:00:50Z"`},
				},
				unknownCase{
					name: "the same time in the words of another time_zone, reset_on " + on + " " + edit, fixed: with,
					edit:   [2]string{"reset_time = \"2026-03-01 22:00:50\"", "reset_time = \"2026-03-01 23:00:50\"\n" + edit},
					before: map[string]string{"time_zone": `"Asia/Shanghai"`},
					after:  map[string]string{"time_zone": `"Asia/Tokyo"`},
					want:   reworded[on],
				})
		}
	}

	c, s := rocketmqSeeded(t, rocketfake.Config{}), apsaramq.New(t)
	c.CreateTopic("audit", 2)
	for _, b := range masters {
		for q := range 2 {
			for range 100 {
				c.Append(b, "audit", q, base)
			}
		}
	}
	instances := []string{rmqInstance, "rmq-cn-other"}
	for _, id := range instances {
		s.AddInstance(id)
		s.AddTopic(id, "orders", timesOf(100), timesOf(100))
	}
	stand := func(group string, offset int64) {
		for _, name := range bothOf(group) {
			for _, b := range masters {
				for q := range int32(2) {
					c.Commit(b, name, "orders", q, offset)
					c.Commit(b, name, "audit", q, offset)
				}
			}
			for _, id := range instances {
				s.Consume(id, name, "orders", offset, offset)
			}
		}
	}
	m.provider = providerOf(fmt.Sprintf("rocketmq = { name_servers = [%q] }", c.NameServer()), apsaramqSection(s))
	m.seed = func(group string) {
		for _, name := range bothOf(group) {
			for _, id := range instances {
				s.AddGroup(id, name, apsaramq.Group{})
			}
		}
		stand(group, 60)
	}
	m.consume = func(group string) { stand(group, 80) }
	m.resets = func(group string) int {
		n := 0
		for _, name := range bothOf(group) {
			for _, id := range instances {
				if !slices.Equal(s.Offsets(id, name, "orders"), []int64{80, 80}) {
					n++
				}
			}
			if !standsAt(c, name, 80) {
				n++
			}
		}
		return n
	}
	m.run(t)
}

// standsAt tells whether a group is at the offset in all queues of both topics.
func standsAt(c *rocketfake.Cluster, group string, offset int64) bool {
	for _, b := range masters {
		for _, topic := range []string{"orders", "audit"} {
			for q := range int32(2) {
				if got, _ := c.Committed(b, group, topic, q); got != offset {
					return false
				}
			}
		}
	}
	return true
}

// An import means that the reset is done. Names that only the apply learns are
// no reason to do it again, and no plan promises what is still open.
func TestImportsOfNamesThatAreUnknownAtPlanTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"group", "other"} {
		t.Run("kafka/"+name, func(t *testing.T) {
			t.Parallel()
			c := seeded(t)
			c.Commit(t, "other", at(60))
			importsUnknown(t, "billing", name, kafkaConfig(c.Bootstrap(), ""), "kafka_consumer_offset_reset", "group_id", "position = \"earliest\"")
			has(t, c, "billing", at(60))
			has(t, c, "other", at(60))
		})
		t.Run("rocketmq/"+name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{})
			for _, b := range masters {
				for q := range int32(2) {
					c.Commit(b, "other", "orders", q, 60)
				}
			}
			importsUnknown(t, "billing", name, rocketmqConfig(c, ""), "rocketmq_consumer_offset_reset", "consumer_group", toEarliest)
			holds(t, stands(c, all(60)), standsGroup(c, "other", all(60)))
		})
	}
	for _, instance := range []string{kafkaInstance, otherInstance} {
		t.Run("instance/"+instance, func(t *testing.T) {
			t.Parallel()
			h := huawei(t)
			group := "group"
			if instance == otherInstance {
				group = "other"
			}
			w := attached(t, fmt.Sprintf(`%s
				resource "terraform_data" "name" { input = %q }
				import {
					provider = offsets
					to       = kafka_consumer_offset_reset.test
					id       = "billing/orders?instance_id=%s"
				}
			`, providerOf(dmsSection(h)), instance, kafkaInstance)+kafkaReset(`
				instance_id    = terraform_data.name.output
				group_id       = "billing"
				topic          = "orders"
				message_offset = 20
			`))
			adoptsUnknown(t, w, group == "group")
			holds(t, kafkaStandsOn(h, kafkaInstance, 60, 60, 60), kafkaStandsOn(h, otherInstance, 60, 60, 60))
		})
	}
}

// importsUnknown imports a group's reset whose name turns out to be the same
// ("group") or another.
func importsUnknown(t *testing.T, group, name, provider, kind, argument, target string) {
	t.Helper()
	same := name == "group"
	if same {
		name = group
	}
	w := attached(t, fmt.Sprintf(`%s
		resource "terraform_data" "name" { input = %q }
		import {
			provider = offsets
			to       = %s.test
			id       = "%s/orders"
		}
		resource %[3]q "test" {
			provider = offsets
			%[5]s    = terraform_data.name.output
			topic    = "orders"
			%[6]s
		}
	`, provider, name, kind, group, argument, target))
	adoptsUnknown(t, w, same)
}

func adoptsUnknown(t *testing.T, w *workspace, same bool) {
	t.Helper()
	saysNot(t, w.must(0, "plan"), "nothing will be reset", "must be replaced")
	if same {
		says(t, w.must(0, "apply", "-auto-approve"), "0 destroyed")
		w.must(0, "plan", "-detailed-exitcode")
		return
	}
	says(t, w.must(1, "apply", "-auto-approve"), "the configuration is not what was imported")
}
