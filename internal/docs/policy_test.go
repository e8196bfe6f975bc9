package docs

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

var writePlans = flag.Bool("write-plans", false, "write examples/policy/plans.json anew")

// policyPlan is a configuration whose plan the policy's own tests look at.
type policyPlan struct {
	before string // what has been applied before, "" for nothing
	config string
	vars   []string
}

const (
	guardedProvider = `provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
    cluster_id        = "MkU3OEVBNTcwNTJENDM2Qg"
  }
  rocketmq = { name_servers = ["rocketmq-1.example.com:9876"] }
}
`
	openProvider = `provider "offsets" {
  kafka = { bootstrap_servers = ["kafka-1.example.com:9092"] }
}
`
	variableProvider = `variable "cluster_id" { type = string }
provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
    cluster_id        = var.cluster_id
  }
}
`
	otherVariableProvider = `variable "servers" { type = list(string) }
provider "offsets" {
  kafka = { bootstrap_servers = var.servers }
}
`
	limited = "max_replayed_messages = 10000\n  max_skipped_messages = 0"
)

func policyReset(arguments string) string {
	return fmt.Sprintf("resource \"kafka_consumer_offset_reset\" \"replay\" {\n  provider = offsets\n  topic = \"orders\"\n  position = \"earliest\"\n  %s\n}\n", arguments)
}

var policyPlans = map[string]policyPlan{
	"good": {config: guardedProvider + policyReset("group_id = \"billing\"\n"+limited) + `
resource "rocketmq_consumer_offset_reset" "replay" {
  provider              = offsets
  consumer_group        = "billing"
  topic                 = "orders"
  reset_type            = "EARLIEST_OFFSET"
  max_replayed_messages = 10000
  max_skipped_messages  = 0
}
`},
	"variable":         {config: variableProvider + policyReset("group_id = \"billing\"\n"+limited), vars: []string{"TF_VAR_cluster_id=MkU3OEVBNTcwNTJENDM2Qg"}},
	"any_cluster":      {config: openProvider + policyReset("group_id = \"billing\"\n"+limited)},
	"variable_servers": {config: otherVariableProvider + policyReset("group_id = \"billing\"\n"+limited), vars: []string{`TF_VAR_servers=["kafka-1.example.com:9092"]`}},
	"no_limits":        {config: guardedProvider + policyReset("group_id = \"billing\"\n  max_skipped_messages = 0")},
	"high_limit":       {config: guardedProvider + policyReset("group_id = \"billing\"\n  max_replayed_messages = 5000000\n  max_skipped_messages = 0")},
	"limit_not_known": {config: guardedProvider + "resource \"terraform_data\" \"limit\" { input = 10 }\n" +
		policyReset("group_id = \"billing\"\n  max_replayed_messages = terraform_data.limit.output\n  max_skipped_messages = 0")},
	"many_groups": {config: guardedProvider + policyReset("for_each = toset([\"a\", \"b\", \"c\", \"d\"])\n  group_id = each.key\n"+limited)},
	"replaced": {
		before: guardedProvider + policyReset("group_id = \"billing\"\n"+limited),
		config: guardedProvider + policyReset("group_id = \"search-indexer\"\n"+limited),
	},
	"restored": {
		before: guardedProvider + policyReset("group_id = \"billing\"\n  on_destroy = \"restore\"\n"+limited),
		config: guardedProvider,
	},
	// Nothing is reset: nothing is asked.
	"other_words": {
		before: guardedProvider + policyReset("group_id = \"billing\""),
		config: guardedProvider + policyReset("group_id = \"billing\"\n  on_destroy = \"restore\""),
	},
}

// The plans that the policy's own tests read, with OPA, are those that this
// provider makes today.
func TestThePolicysPlansAreTheProviders(t *testing.T) {
	t.Parallel()
	file := filepath.Join(root, "examples", "policy", "plans.json")
	var mu sync.Mutex
	plans := map[string]any{}
	t.Run("made", func(t *testing.T) {
		for name, p := range policyPlans {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				plan := p.plan(t)
				mu.Lock()
				defer mu.Unlock()
				plans[name] = plan
			})
		}
	})
	var made bytes.Buffer
	encoder := json.NewEncoder(&made)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(map[string]any{"plans": plans}); err != nil {
		t.Fatal(err)
	}
	if *writePlans {
		if err := os.WriteFile(file, made.Bytes(), 0o644); err != nil { //nolint:gosec // A file of the repository.
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, made.Bytes()) {
		t.Errorf("examples/policy/plans.json is not what the provider's plans say; write it with\n\tgo test ./internal/docs -run PolicysPlans -write-plans\n%s", &made)
	}
}

// plan makes a plan and returns what any Terraform and OpenTofu say alike.
func (p policyPlan) plan(t *testing.T) map[string]any {
	t.Helper()
	cluster, rocketmq := startCluster(t, secrets{}), startRocketMQ(t, secrets{})
	w := newWorkspace(t, p.vars...)
	w.write("terraform.tf", terraformBlock)
	place := func(text string) string {
		text = brokers.ReplaceAllLiteralString(text, `"`+cluster.Bootstrap()[0]+`"`)
		return nameServers.ReplaceAllLiteralString(text, `"`+rocketmq.NameServer()+`"`)
	}
	w.write("main.tf", place(p.config))
	if p.before != "" {
		w.write("main.tf", place(p.before))
		w.init(p.config)
		w.run("apply", "-input=false", "-auto-approve")
		w.write("main.tf", place(p.config))
	} else {
		w.init(p.config)
	}
	for i, v := range w.env {
		w.env[i] = place(v)
	}
	w.run("plan", "-input=false", "-out=plan")
	out, code := w.try("show", "-json", "plan")
	if code != 0 {
		t.Fatal(out)
	}
	var plan map[string]any
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	return essence(plan, map[string]string{cluster.Bootstrap()[0]: "kafka-1.example.com:9092", rocketmq.NameServer(): "rocketmq-1.example.com:9876"})
}

// essence leaves out what differs from run to run, and what no policy needs.
func essence(plan map[string]any, names map[string]string) map[string]any {
	var changes []any
	for _, c := range list(plan["resource_changes"]) {
		change := object(c)
		if change["type"] == "terraform_data" {
			continue
		}
		inner := object(change["change"])
		kept := map[string]any{
			"actions": inner["actions"], "after_unknown": inner["after_unknown"],
			"after": without(object(inner["after"]), "applied_at", "cluster_id", "record", "summary", "previous_group_state", "timeouts"),
		}
		if onDestroy := object(inner["before"])["on_destroy"]; onDestroy != nil {
			kept["before"] = map[string]any{"on_destroy": onDestroy}
		}
		changes = append(changes, map[string]any{
			"address": change["address"], "mode": change["mode"], "type": change["type"], "change": kept,
		})
	}
	configuration := object(plan["configuration"])
	var resources []any
	for _, r := range list(object(configuration["root_module"])["resources"]) {
		resource := object(r)
		resources = append(resources, map[string]any{
			"type": resource["type"], "provider_config_key": resource["provider_config_key"], "expressions": map[string]any{},
		})
	}
	providers := map[string]any{}
	for key, p := range object(configuration["provider_config"]) {
		if key == "offsets" {
			providers[key] = map[string]any{"expressions": object(p)["expressions"]}
		}
	}
	return renamed(map[string]any{
		"resource_changes": changes, "variables": plan["variables"],
		"configuration": map[string]any{"provider_config": providers, "root_module": map[string]any{"resources": resources}},
	}, names).(map[string]any)
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }

func without(m map[string]any, names ...string) map[string]any {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(name string, v any) bool { return slices.Contains(names, name) || v == nil })
	return m
}

// renamed puts the names of examples in the place of addresses.
func renamed(v any, names map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = renamed(inner, names)
		}
	case []any:
		for i, inner := range v {
			v[i] = renamed(inner, names)
		}
	case string:
		if name, ok := names[v]; ok {
			return name
		}
	}
	return v
}
