package provider

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// defaultTimeout bounds create, update and delete where timeouts says nothing.
const defaultTimeout = 10 * time.Minute

// What on_destroy can be.
const (
	onDestroyKeep          = "keep"
	onDestroyRestore       = "restore"
	onDestroyDeleteOffsets = "delete_offsets"
)

// What reset_on can be.
const (
	resetOnChange   = "change"
	resetOnTriggers = "triggers"
)

// decision is what an apply will do to the cluster.
type decision int

const (
	keep   decision = iota // nothing: the computed values stay as they are
	adopt                  // nothing: an imported reset is taken over
	resume                 // the rest of a reset that failed half-way
	reset                  // a new reset
)

// change is what distinguishes a plan from the prior state, in meaning.
type change struct {
	create     bool // there is no prior state
	imported   bool // the prior state comes from an import that no apply has taken over yet
	incomplete bool // the last reset failed half-way
	triggers   bool // triggers differ, or are unknown
	onTriggers bool // reset_on = "triggers"
	aim        bool // target or scope differ, or are unknown
}

// decide is the one place that says when a reset happens. ModifyPlan keeps
// the computed values exactly when the answer is keep or adopt, and Update
// resets exactly when they are unknown.
func decide(c change) decision {
	switch {
	case c.create:
		return reset
	case c.imported:
		return adopt
	case c.triggers:
		return reset
	case c.aim && !c.onTriggers:
		return reset
	case c.incomplete:
		return resume
	default:
		return keep
	}
}

// outcome is what a reset leaves in the state.
type outcome struct {
	appliedAt types.String
	clusterID types.String
	state     types.String
	summary   types.Object
	record    types.String
}

// broker is what differs between the two resources in the course of a reset.
type broker struct {
	dialect   offset.Dialect
	partition string // the field's word: "partition" or "queue"
	waits     bool   // offsets are reset only once no member is left
	fields    []summaryField
}

// outcome returns what a result leaves in the state. Of a reset that is in
// doubt it says neither that it was done nor how far it went.
func (b broker) outcome(res *offset.Result) outcome {
	if res.InDoubt {
		o := outcome{clusterID: stringOrNull(res.ClusterID), state: stringOrNull(res.State), summary: types.ObjectNull(summaryTypes(b.fields))}
		if len(res.Outcomes) > 0 {
			o.record = types.StringValue(offset.EncodeRecord(res.Outcomes, b.dialect))
		}
		return o
	}
	return outcome{
		appliedAt: types.StringValue(res.At.UTC().Format(time.RFC3339)),
		clusterID: stringOrNull(res.ClusterID),
		state:     stringOrNull(res.State),
		summary:   summaryObject(b.fields, offset.SummarizeOutcomes(res.Outcomes)),
		record:    types.StringValue(offset.EncodeRecord(res.Outcomes, b.dialect)),
	}
}

// unknown returns the outcome of a reset that the apply will do.
func (b broker) unknown() outcome {
	return outcome{
		appliedAt: types.StringUnknown(), clusterID: types.StringUnknown(), state: types.StringUnknown(),
		summary: types.ObjectUnknown(summaryTypes(b.fields)), record: types.StringUnknown(),
	}
}

// checkID refuses an imported id that no reset on this kind of broker can have.
func (b broker) checkID(id resetID) error {
	if b.dialect == offset.RocketMQRecord && (len(id.topics) != 1 || len(id.partitions) > 0) {
		return fmt.Errorf("%q is not a reset of one topic; the form is GROUP/TOPIC", id)
	}
	return nil
}

func stringOrNull(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// headline is the summary of every diagnostic about a reset: what, and on
// what. Terraform collapses warnings with equal summaries into one, so that
// what distinguishes two resets must stand in it.
func headline(verb string, id resetID) string {
	on := "all of its topics"
	if len(id.topics) > 0 {
		on = quoted("topic", id.topics)
	}
	if len(id.partitions) > 0 {
		on += ", " + numbered("partition", id.partitions)
	}
	return fmt.Sprintf("%s consumer group %q on %s", verb, id.group, on)
}

// numbered lists numbers behind a noun, not more than a line takes.
func numbered(noun string, numbers []int32) string {
	const most = 10
	var list []string
	for _, n := range numbers[:min(len(numbers), most)] {
		list = append(list, strconv.FormatInt(int64(n), 10))
	}
	switch {
	case len(numbers) == 1:
		return noun + " " + list[0]
	case len(numbers) > most:
		return fmt.Sprintf("%d %ss (%s, …)", len(numbers), noun, strings.Join(list[:3], ", "))
	default:
		return noun + "s " + strings.Join(list, ", ")
	}
}

// quoted lists names behind a noun, not more than a line takes.
func quoted(noun string, names []string) string {
	const most = 5
	list := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		list = append(list, fmt.Sprintf("%q", n))
	}
	switch {
	case len(names) == 1:
		return noun + " " + list[0]
	case len(names) > most:
		return fmt.Sprintf("%d %ss (%s, …)", len(names), noun, strings.Join(list[:2], ", "))
	default:
		return noun + "s " + strings.Join(list, ", ")
	}
}

// scopeOf names what a request is about. Explicit offsets are their own scope,
// unless a topic is named beside them.
func scopeOf(req offset.Request) resetID {
	id := resetID{group: req.Group, topics: req.Scope.Topics, partitions: req.Scope.Partitions}
	if req.Target.Kind == offset.ToOffsets && len(id.topics) == 0 {
		id.topics = sortedKeys(req.Target.Offsets)
		if len(id.topics) == 1 {
			id.partitions = sortedKeys(req.Target.Offsets[id.topics[0]])
		}
	}
	return id
}

// notes adds what the engine wants its reader to know.
func notes(diags *diag.Diagnostics, headline string, lines []string) {
	if len(lines) > 0 {
		diags.AddWarning(headline+": please note", strings.Join(lines, "\n"))
	}
}
