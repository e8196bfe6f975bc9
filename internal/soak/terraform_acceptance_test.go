//go:build acceptance && unix

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// builtIn is the directory of the provider's binary; empty before it is built.
var builtIn string

// provider is the provider's binary, built when it is first needed.
var provider = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "soak-provider-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	binary := filepath.Join(dir, "terraform-provider-offsets")
	if out, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	return binary, nil
})

// terraform is a directory in which the real Terraform works, with one reset.
type terraform struct {
	dir, exec, kind string
}

// newTerraform writes a configuration with one resource of a kind.
func newTerraform(section, kind string, connection, arguments map[string]any) (*terraform, error) {
	binary, err := provider()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "soak-terraform-")
	if err != nil {
		return nil, err
	}
	t := &terraform{dir: dir, exec: os.Getenv("TF_ACC_TERRAFORM_PATH"), kind: kind}
	if t.exec == "" {
		t.exec = "terraform"
	}
	settings := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"terraform-offsets/offsets\" = %q\n  }\n  direct {}\n}\n", filepath.Dir(binary))
	if err := os.WriteFile(filepath.Join(dir, "cli.tfrc"), []byte(settings), 0o600); err != nil {
		return nil, err
	}
	arguments["provider"] = "offsets"
	configuration, err := json.Marshal(map[string]any{
		"terraform": map[string]any{"required_providers": map[string]any{"offsets": map[string]any{"source": "terraform-offsets/offsets"}}},
		"provider":  map[string]any{"offsets": map[string]any{section: connection}},
		"resource":  map[string]any{kind: map[string]any{"test": arguments}},
	})
	if err != nil {
		return nil, err
	}
	return t, os.WriteFile(filepath.Join(dir, "main.tf.json"), configuration, 0o600)
}

func (t *terraform) remove() { _ = os.RemoveAll(t.dir) }

// run runs a command and returns its exit code and what it has printed.
func (t *terraform) run(ctx context.Context, args ...string) (int, string, error) {
	cmd := exec.CommandContext(ctx, t.exec, append(args, "-no-color")...)
	cmd.Dir = t.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TF_") && !strings.HasPrefix(v, "KAFKA_") && !strings.HasPrefix(v, "NAMESRV_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "TF_CLI_CONFIG_FILE="+filepath.Join(t.dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, out.String(), err
	}
	return cmd.ProcessState.ExitCode(), out.String(), ctx.Err()
}

// record returns the record in the state, and false if there is no reset in it.
func (t *terraform) record(ctx context.Context) (string, bool, error) {
	_, out, err := t.run(ctx, "show", "-json")
	if err != nil {
		return "", false, err
	}
	var state struct {
		Values struct {
			Root struct {
				Resources []struct {
					Values struct{ Record string }
				}
			} `json:"root_module"`
		}
	}
	if i := strings.IndexByte(out, '{'); i > 0 { // behind a warning
		out = out[i:]
	}
	if err := json.Unmarshal([]byte(out), &state); err != nil {
		return "", false, fmt.Errorf("read the state: %w\n%s", err, out)
	}
	if len(state.Values.Root.Resources) == 0 {
		return "", false, nil
	}
	return state.Values.Root.Resources[0].Values.Record, true, nil
}

// arguments writes a request as the resource's arguments.
func kafkaArguments(req offset.Request, onDestroy string) (map[string]any, error) {
	a := map[string]any{"group_id": req.Group, "allow_new_group": req.AllowNewGroup, "on_destroy": onDestroy, "wait_for_inactive": req.Wait().String()}
	if req.GroupType != offset.ConsumerGroup {
		a["group_type"] = string(req.GroupType)
	}
	switch {
	case req.Scope.AllTopics:
		a["all_topics"] = true
	case len(req.Scope.Partitions) > 0:
		a["topic"], a["partitions"] = req.Scope.Topics[0], req.Scope.Partitions
	case len(req.Scope.Topics) == 1:
		a["topic"] = req.Scope.Topics[0]
	case len(req.Scope.Topics) > 1:
		a["topics"] = req.Scope.Topics
	}
	switch t := req.Target; t.Kind {
	case offset.ToEarliest, offset.ToLatest, offset.ToCurrent:
		a["position"] = string(t.Kind)
	case offset.ToOffset:
		a["message_offset"] = t.Offset
	case offset.ToTime:
		a["datetime"] = t.Time.Format(time.RFC3339)
	case offset.ToLookback:
		a["lookback"] = t.Lookback.String()
	case offset.ByShift:
		a["shift"] = t.Shift
	case offset.ToGroup:
		a["source_group_id"] = t.Group
	case offset.ToOffsets:
		a["offsets"] = t.Offsets
	case offset.ToSnapshot:
		text, err := offset.EncodeSnapshot(t.Snapshot)
		if err != nil {
			return nil, err
		}
		a["snapshot"] = text
	}
	if req.OutOfRange == offset.Refuse {
		a["out_of_range"] = "error"
	}
	if req.Isolation == offset.ReadCommitted {
		a["isolation_level"] = "read_committed"
	}
	limits(a, req.Limits)
	return a, nil
}

func limits(a map[string]any, l offset.Limits) {
	if l.MaxReplayed != nil {
		a["max_replayed_messages"] = *l.MaxReplayed
	}
	if l.MaxSkipped != nil {
		a["max_skipped_messages"] = *l.MaxSkipped
	}
}

// throughTerraform does a reset with Terraform: apply, again if a fault had it
// fail, a plan that must be empty, and destroy.
func (k *walkedKafka) throughTerraform(ctx context.Context, s *kafkaStep) error {
	q := s.Request
	if q.Leave {
		if err := k.leave(ctx, q.Group); err != nil {
			return err
		}
	}
	if err := k.still(ctx, q); err != nil {
		return err
	}
	before, err := k.view(ctx)
	if err != nil {
		return err
	}
	req := k.request(q, before)
	question, err := k.question(ctx, q.Group, req)
	if err != nil {
		return err
	}
	limitBy(&req, q, expect(question, before))
	question.Limits = req.Limits
	should := expect(question, before)
	whole := len(req.Scope.Partitions) == 0 && req.Target.Kind != offset.ToOffsets && req.Target.Kind != offset.ToSnapshot
	if reset.OnDestroy(s.OnDestroy) == reset.DestroyDeletes && req.GroupType == offset.ShareGroup && !whole {
		should.refuse(offset.InvalidArgument) // start offsets are deleted by whole topics
	}
	if k.members[q.Group] != nil {
		should.refuse(offset.GroupActive)
	}
	arguments, err := kafkaArguments(req, s.OnDestroy)
	if err != nil {
		return err
	}
	t, err := newTerraform("kafka", "kafka_consumer_offset_reset",
		map[string]any{"bootstrap_servers": k.proxy.addresses(), "client_id": clientID}, arguments)
	if err != nil {
		return err
	}
	defer t.remove()

	// apply applies and judges what came of it.
	apply := func(hit bool, code int, out string) (view, error) {
		record, exists, err := t.record(ctx)
		if err != nil {
			return view{}, err
		}
		var outcomes []offset.Outcome
		if exists {
			if outcomes, err = offset.DecodeRecord(record, offset.KafkaRecord, ""); err != nil {
				return view{}, claimed("the state's record cannot be read: %v: %s", err, record)
			}
		}
		j := judgement{
			question: question, before: before, base: before.of(req.Group), should: should, first: should,
			hit: hit || len(should.Refusals) > 0, consumers: k.consuming(q.Group) || req.GroupType == offset.ShareGroup && k.members[q.Group] != nil,
		}
		if exists {
			j.report.Result = &offset.Result{Outcomes: outcomes}
		}
		if code != 0 {
			j.report.Notices = []reset.Notice{{Severity: reset.Failure, Headline: out}}
		}
		if code == 0 && !exists {
			return view{}, claimed("terraform apply succeeded and left no reset in the state:\n%s", out)
		}
		after, err := k.judge(ctx, req.Group, func(v view, after commits) []string {
			wrong := j.wrong(v, after)
			if code != 0 && !hit && len(should.Refusals) == 0 {
				wrong = append(wrong, "terraform apply failed, and nothing speaks against it")
			}
			return wrong
		})
		if err != nil {
			return after, fmt.Errorf("%w\nterraform said:\n%s", explain(err, before, after, should, j.report), out)
		}
		return after, nil
	}
	struck := k.arm(ctx, s)
	code, out, err := t.run(ctx, "apply", "-auto-approve")
	hit, problem := k.clear(ctx, s, struck)
	if err := errors.Join(err, problem); err != nil {
		return err
	}
	after, err := apply(hit, code, out)
	if err != nil {
		return err
	}
	k.tally.add("Kafka, terraform apply: %d", code)
	if code != 0 && len(should.Refusals) == 0 {
		// What failed is replaced: put back, and done anew.
		if code, out, err = t.run(ctx, "apply", "-auto-approve"); err != nil {
			return err
		}
		if after, err = apply(false, code, out); err != nil {
			return err
		}
		k.tally.add("Kafka, terraform apply once more: %d", code)
	}
	k.last, k.quiet = after, len(k.members) == 0 && k.open == nil
	if code != 0 {
		return nil
	}
	k.known[q.Group] = true
	if code, out, err = t.run(ctx, "plan", "-detailed-exitcode"); err != nil || code != 0 {
		return errors.Join(err, claimed("the plan after an apply ends with %d:\n%s", code, out))
	}
	record, _, err := t.record(ctx)
	if err != nil {
		return err
	}
	outcomes, err := offset.DecodeRecord(record, offset.KafkaRecord, "")
	if err != nil {
		return err
	}
	start := after
	want, refusals := start.of(req.Group), []offset.Code(nil)
	switch reset.OnDestroy(s.OnDestroy) {
	case reset.DestroyRestores:
		want, refusals = undone(start, req.Group, outcomes, false)
	case reset.DestroyDeletes:
		want, refusals = forgotten(start, req.Group, outcomes)
	case reset.DestroyKeeps:
	}
	if code, out, err = t.run(ctx, "destroy", "-auto-approve"); err != nil {
		return err
	}
	after, err = k.judge(ctx, req.Group, func(_ view, after commits) []string {
		wrong := differ(after, want)
		if (code == 0) != (len(refusals) == 0) && len(start.of(req.Group)) > 0 {
			wrong = append(wrong, fmt.Sprintf("terraform destroy ended with %d, and what speaks against it is %v", code, refusals))
		}
		return wrong
	})
	if err != nil {
		return fmt.Errorf("%w\nterraform destroy, %s, the record %s, said:\n%s", explain(err, start, after, expected{}, reset.Report{}), s.OnDestroy, record, out)
	}
	k.tally.add("Kafka, terraform destroy, %s: %d", s.OnDestroy, code)
	k.last = after
	return nil
}
