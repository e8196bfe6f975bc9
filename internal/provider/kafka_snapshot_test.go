package provider_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

const (
	kafkaSnapshotKind = "kafka_consumer_group_snapshot"
	snapshotAddress   = kafkaSnapshotKind + ".test"
)

// mirrored are two clusters, of which east holds what west does at other
// offsets: 25 less on orders. The group billing is at 60 of west's 100.
func mirrored(t *testing.T) (west, east *fake.Cluster) {
	t.Helper()
	west = fake.New(t, fake.Options{Topics: map[string]int32{"orders": 2}, Kfake: clusterID("west")})
	east = fake.New(t, fake.Options{Topics: map[string]int32{"west.orders": 2}, Kfake: clusterID("east")})
	for p := range int32(2) {
		for i := range 100 {
			r := fake.Record{At: base.Add(time.Duration(i) * time.Second), Value: fmt.Sprint(p, " ", i)}
			west.Produce(t, "orders", p, r)
			if i >= 25 {
				east.Produce(t, "west.orders", p, r)
			}
		}
	}
	west.Commit(t, "billing", fake.Offsets{"orders": {0: 60, 1: 100}})
	return west, east
}

func snapshotOf(arguments string) string {
	return fmt.Sprintf("resource \"kafka_consumer_group_snapshot\" \"test\" {\n  provider = offsets\n  group_id = \"billing\"\n%s\n}\n", arguments)
}

func failoverTo(arguments string) string {
	return fmt.Sprintf("resource \"kafka_consumer_offset_reset\" \"test\" {\n  provider = offsets\n  group_id = \"billing\"\n  allow_new_group = true\n  snapshot = kafka_consumer_group_snapshot.test.snapshot\n  topic_names = { orders = \"west.orders\" }\n%s\n}\n", arguments)
}

// The first cluster is gone when the provider is turned to the second, and
// when all is destroyed.
func TestKafkaFailover(t *testing.T) {
	t.Parallel()
	west, east := mirrored(t)
	config := func(arguments string) string {
		return kafkaConfig(east.Bootstrap(), snapshotOf("")+failoverTo(arguments))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: kafkaConfig(west.Bootstrap(), snapshotOf("")),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(snapshotAddress, tfjsonpath.New("cluster_id"), knownvalue.StringExact("west")),
					statecheck.ExpectKnownValue(snapshotAddress, tfjsonpath.New("offsets_csv"), knownvalue.StringExact("orders,0,60\norders,1,100\n")),
				},
			},
			{
				PreConfig: west.Close,
				Config:    config(""),
				Check:     committed(east, "billing", fake.Offsets{"west.orders": {0: 35, 1: 75}}),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New("id"), knownvalue.StringExact("billing/west.orders")),
					statecheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New("summary"), knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"matched": knownvalue.Int64Exact(2), "unmatched": knownvalue.Int64Exact(0), "created": knownvalue.Int64Exact(2),
						"replayed_messages": knownvalue.Int64Exact(0), "skipped_messages": knownvalue.Int64Exact(0),
					})),
					statecheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New("record"), knownvalue.StringExact(
						` {"west.orders":{"0":{"previous":null,"offset":35,"start":0,"end":75,"by":"record"},"1":{"previous":null,"offset":75,"start":0,"end":75,"by":"end"}}}`)),
				},
			},
			{ // How an unmatched record is treated is no target.
				PreConfig:        func() { east.Commit(t, "billing", fake.Offsets{"west.orders": {0: 40}}) },
				Config:           config(`unmatched = "error"`),
				Check:            committed(east, "billing", fake.Offsets{"west.orders": {0: 40, 1: 75}}),
				ConfigPlanChecks: plans(plancheck.ResourceActionUpdate),
			},
			{ // A name that is the same means no other one, and limits fail closed.
				Config:      config("triggers = { again = 1 }\nmax_replayed_messages = 4"),
				ExpectError: saying("5 messages would be replayed and max_replayed_messages is 4"),
			},
			{
				Config: config("triggers = { again = 2 }\nmax_replayed_messages = 5"),
				Check:  committed(east, "billing", fake.Offsets{"west.orders": {0: 35, 1: 75}}),
			},
		},
	})
}

// The snapshot stays through everything but a change of its own arguments.
func TestKafkaSnapshotIsKept(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	taken := func(orders int64) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(snapshotAddress, tfjsonpath.New("offsets").AtMapKey("orders").AtMapKey("0"), knownvalue.Int64Exact(orders))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{Config: kafkaConfig(c.Bootstrap(), snapshotOf("")), ConfigStateChecks: []statecheck.StateCheck{taken(60)}},
			{ // The group moves on.
				PreConfig:         func() { c.Commit(t, "billing", orders(70, 60, 60)) },
				Config:            kafkaConfig(c.Bootstrap(), snapshotOf("")),
				ConfigStateChecks: []statecheck.StateCheck{taken(60)},
				ConfigPlanChecks:  resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			{Config: kafkaConfig(c.Bootstrap(), snapshotOf("triggers = {}")), ConfigStateChecks: []statecheck.StateCheck{taken(60)}},
			{
				Config:            kafkaConfig(c.Bootstrap(), snapshotOf("triggers = { incident = \"7\" }")),
				ConfigStateChecks: []statecheck.StateCheck{taken(70)},
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectUnknownValue(snapshotAddress, tfjsonpath.New("snapshot")),
					plancheck.ExpectResourceAction(snapshotAddress, plancheck.ResourceActionUpdate),
				}},
			},
			{
				Config: kafkaConfig(c.Bootstrap(), snapshotOf("triggers = { incident = \"7\" }\ntopics = [\"audit\"]")),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(snapshotAddress, tfjsonpath.New("offsets"),
					knownvalue.MapExact(map[string]knownvalue.Check{"audit": knownvalue.MapExact(map[string]knownvalue.Check{"0": knownvalue.Int64Exact(60)})}))},
			},
			{ // A cluster that is gone neither hinders a plan nor the end.
				PreConfig:        c.Close,
				Config:           kafkaConfig(c.Bootstrap(), snapshotOf("triggers = { incident = \"7\" }\ntopics = [\"audit\"]")),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		},
	})
}

// An argument of a snapshot that is not known in a plan, because of a change
// elsewhere, takes it anew only if it turns out another: what is kept for an
// incident must not be overwritten with what came after.
func TestKafkaSnapshotArgumentsThatAreUnknownAtPlanTime(t *testing.T) {
	t.Parallel()
	const group, null = "group_id = \"billing\"\n", "null"
	arguments := []struct {
		varied
		other int64 // orders-0 in a snapshot of the other value
	}{
		{varied{argument: "group_id", is: `"billing"`, another: `"audit"`, null: refused("group_id")}, 50},
		{varied{argument: "topics", with: group, is: `["orders"]`, another: `["orders", "audit"]`, null: once}, 80},
		{varied{argument: "triggers", with: group, is: `{ incident = "7" }`, another: `{ incident = "8" }`, null: once}, 80},
	}
	var all []varied
	for _, a := range arguments {
		all = append(all, a.varied)
		for name, turn := range map[string]struct {
			to   string
			want int64
			err  string
		}{
			"the same": {a.is, 60, ""}, "another": {a.another, a.other, ""}, "nothing": {null, 80, a.null.err},
		} {
			t.Run(a.argument+" turns out "+name, func(t *testing.T) {
				t.Parallel()
				c := seeded(t)
				c.Commit(t, "audit", at(50))
				step := func(value string, run int) resource.TestStep {
					return resource.TestStep{Config: kafkaConfig(c.Bootstrap(), fmt.Sprintf(`
						resource "terraform_data" "later" {
							input            = { value = %s }
							triggers_replace = %d
						}
						resource "kafka_consumer_group_snapshot" "test" {
							provider = offsets
							%s
							%s = terraform_data.later.output.value
						}
					`, value, run, a.with, a.argument))}
				}
				second := step(turn.to, 2)
				second.PreConfig = func() { c.Commit(t, "billing", at(80)) }
				second.ConfigStateChecks = []statecheck.StateCheck{
					of(snapshotAddress, "offsets", knownvalue.MapPartial(map[string]knownvalue.Check{
						"orders": knownvalue.MapPartial(map[string]knownvalue.Check{"0": knownvalue.Int64Exact(turn.want)}),
					})),
				}
				if turn.err != "" {
					second.ExpectError = saying(turn.err)
				}
				unitTest(t, resource.TestCase{ProtoV6ProviderFactories: inProcess(t), Steps: []resource.TestStep{step(a.is, 1), second}})
			})
		}
	}
	everyArgument(t, kafkaSnapshotKind, all)
}

// Taken and put back in one apply: the snapshot is not known at plan time.
func TestKafkaSnapshotIsPutBack(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	config := snapshotOf("") + kafkaReset("group_id = \"billing\"\nsnapshot = kafka_consumer_group_snapshot.test.snapshot\ntopics = [\"orders\"]\nreset_on = \"triggers\"")
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: kafkaConfig(c.Bootstrap(), config),
				Check:  committed(c, "billing", at(60)),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(kafkaResetAddress, tfjsonpath.New("summary").AtMapKey("matched"), knownvalue.Int64Exact(3)),
				},
			},
			{ // A new snapshot is another target, which reset_on holds back, also over a plan that is not empty.
				PreConfig: func() { c.Commit(t, "billing", orders(70, 71, 72)) },
				Config:    kafkaConfig(c.Bootstrap(), strings.Replace(config, "group_id = \"billing\"\n\n", "group_id = \"billing\"\ntriggers = { a = 1 }\n", 1)),
				Check:     committed(c, "billing", orders(70, 71, 72)),
			},
		},
	})
}

func TestKafkaSnapshotDataSource(t *testing.T) {
	t.Parallel()
	c := seeded(t)
	const address = "data.kafka_consumer_group_snapshot.test"
	data := func(arguments string) string {
		return kafkaConfig(c.Bootstrap(), fmt.Sprintf("data \"kafka_consumer_group_snapshot\" \"test\" {\n  provider = offsets\n%s\n}\n", arguments))
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: data("group_id = \"billing\"\ntopics = [\"audit\"]"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("offsets_csv"), knownvalue.StringExact("audit,0,60\n")),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("cluster_id"), knownvalue.StringExact("fake-cluster")),
				},
				Check: resource.TestCheckResourceAttrWith(address, "snapshot", func(text string) error {
					s, err := offset.DecodeSnapshot(text)
					if err == nil && (s.Group != "billing" || s.Topics[0].Partitions[0].Committed != 60) {
						err = fmt.Errorf("it is %+v", s)
					}
					return err
				}),
			},
			{Config: data(`group_id = "nobody"`), ExpectError: atFault("group_id", "neither exists nor has committed offsets")},
			{Config: data("group_id = \"billing\"\ntopics = [\"oders\"]"), ExpectError: atFault("topics", `Topic "oders" does not exist`)},
		},
	})
}

// A state with a snapshot of a thousand partitions stays small, and holds
// nothing of the records.
func TestKafkaSnapshotOfAThousandPartitions(t *testing.T) {
	t.Parallel()
	c := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 1000}})
	c.Fill(t, "orders", 1000, 2, base, time.Second)
	offsets := map[int32]int64{}
	for p := range int32(1000) {
		offsets[p] = 1
	}
	c.Commit(t, "billing", fake.Offsets{"orders": offsets})
	w := attached(t, kafkaConfig(c.Bootstrap(), snapshotOf("")))
	w.must(0, "apply", "-auto-approve")
	state, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("the state has %d bytes", len(state)); len(state) > 250_000 {
		t.Errorf("the state has %d bytes, more than 250,000", len(state))
	}
	if bytes.Contains(state, []byte("orders/")) {
		t.Error("a record's content is in the state")
	}
}

func TestSnapshotArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	s := &offset.Snapshot{Group: "billing", Salt: offset.NewSalt(), Topics: []offset.SnapshotTopic{
		{Name: "audit", Partitions: []offset.Place{{Committed: 3, Start: 3, End: 3}}},
		{Name: "orders", Partitions: []offset.Place{{Committed: 0}}},
	}}
	text, err := offset.EncodeSnapshot(s)
	if err != nil {
		t.Fatal(err)
	}
	given := func(text, more string) string { return kafkaOf(fmt.Sprintf("snapshot = %q\n%s", text, more)) }
	refusals{
		"no snapshot":           {given("orders,0,1", ""), "snapshot", "It is no snapshot"},
		"a part of one":         {given(text[:90], ""), "snapshot", "only a part of one"},
		"a damaged one":         {given(strings.Replace(text, "[3]", "[4]", 1), ""), "snapshot", "The snapshot is damaged"},
		"of a later release":    {given(strings.Replace(text, `"version":1`, `"version":9`, 1), ""), "snapshot", "version 9"},
		"two scopes":            {given(text, `topic = "orders"`), "snapshot", "Exactly one scope"},
		"two targets":           {given(text, `position = "latest"`), "snapshot", "Exactly one target"},
		"names without one":     {kafkaOf("topic = \"orders\"\nposition = \"latest\"\ntopic_names = { a = \"b\" }"), "topic_names", "together with snapshot"},
		"a treatment alone":     {kafkaOf("topic = \"orders\"\nposition = \"latest\"\nunmatched = \"time\""), "unmatched", "together with snapshot"},
		"no such treatment":     {given(text, `unmatched = "skip"`), "unmatched", `"skip"`},
		"a name for no topic":   {given(text, `topic_names = { oders = "x" }`), "topic_names", `holds no topic "oders"`},
		"one name for two":      {given(text, `topic_names = { orders = "audit" }`), "topic_names", `Both "audit" and "orders"`},
		"a topic that's not in": {given(text, `topics = ["bills"]`), "topics", `called "bills" here`},
		"partitions beside it":  {given(text, `partition = 1`), "partition", "can only be set together with topic"},
		"a managed instance":    {given(text, `instance_id = "i"`), "snapshot", "shows no records"},
	}.try(t)
}

func TestKafkaMirrorCheckpoints(t *testing.T) {
	t.Parallel()
	c := fake.New(t, fake.Options{Topics: map[string]int32{"west.checkpoints.internal": 1, "west.orders": 3}})
	text := func(s string) string { return string([]byte{0, byte(len(s))}) + s }
	for p := range byte(2) {
		c.Produce(t, "west.checkpoints.internal", 0, fake.Record{
			At:    base,
			Key:   text("billing") + text("west.orders") + string([]byte{0, 0, 0, p}),
			Value: "\x00\x00" + strings.Repeat("\x00", 7) + "\x40" + strings.Repeat("\x00", 7) + "\x30" + text(""),
		})
	}
	const address = "data.kafka_mirror_checkpoints.test"
	data := func(group, alias string) string {
		return kafkaConfig(c.Bootstrap(), fmt.Sprintf("data \"kafka_mirror_checkpoints\" \"test\" {\n  provider = offsets\n  group_id = %q\n  source_alias = %q\n}\n", group, alias))
	}
	value := func(name string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), want)
	}
	numbers := func(n ...int64) knownvalue.Check {
		var list []knownvalue.Check
		for _, one := range n {
			list = append(list, knownvalue.Int64Exact(one))
		}
		return knownvalue.MapExact(map[string]knownvalue.Check{"west.orders": knownvalue.ListExact(list)})
	}
	unitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: inProcess(t),
		Steps: []resource.TestStep{
			{
				Config: data("billing", "west"),
				ConfigStateChecks: []statecheck.StateCheck{
					value("offsets_csv", knownvalue.StringExact("west.orders,0,48\nwest.orders,1,48\n")),
					value("record", knownvalue.StringExact(` {"west.orders":{"0":{"downstream":48,"upstream":64},"1":{"downstream":48,"upstream":64}}}`)),
					value("missing", numbers(2)),
					value("checkpointed_at", knownvalue.StringExact("2026-03-01T14:00:00Z")),
					value("heartbeat_at", knownvalue.Null()),
				},
			},
			{
				Config: data("nobody", "west"),
				ConfigStateChecks: []statecheck.StateCheck{
					value("offsets", knownvalue.MapSizeExact(0)), value("missing", numbers(0, 1, 2)), value("checkpointed_at", knownvalue.Null()),
				},
			},
			{Config: data("billing", "south"), ExpectError: atFault("source_alias", `There is no topic "south.checkpoints.internal"`)},
		},
	})
}
