package reset

import (
	"fmt"
	"reflect"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// isNew is the reason of a first reset, which needs no words.
const isNew = "it is new"

// What an apply can do to the cluster.
const (
	Keep   Do = iota // nothing: what is recorded stays as it is
	Adopt            // nothing: an imported reset is taken over
	Resume           // the rest of a reset that failed half-way
	Reset            // a new reset
)

// Do is what an apply does to the cluster.
type Do int

// Decision is what an apply does, and why.
type Decision struct {
	Do     Do
	Reason string // half a sentence: "triggers changed"
	// HeldBack tells that target or scope differ from those of the last reset,
	// and are not taken up because only triggers reset.
	HeldBack bool
}

// Writes tells whether the apply writes to the cluster.
func (d Decision) Writes() bool { return d.Do == Resume || d.Do == Reset }

// Change is what distinguishes a configuration from the state before, in meaning.
type Change struct {
	Create     bool     // there is no state
	Imported   bool     // the state comes from an import that no apply has taken over yet
	Record     string   // of the last reset
	Triggers   bool     // triggers differ, or are unknown
	OnTriggers bool     // reset_on = "triggers"
	Done       *Meaning // of the last reset
	Wanted     *Meaning // of the configuration; nil if not all of it is known
	Broker     Broker
}

// Meaning is what the arguments of a reset mean: the same meaning in other
// words is equal. The group is not part of it: a reset of another group is
// another reset.
type Meaning struct {
	Scope  offset.Scope
	Target offset.Target
}

// Decide is the one place that says when a reset happens. A plan keeps what is
// recorded exactly when the answer is Keep or Adopt, and an apply resets
// exactly when the plan left it open.
func Decide(c Change) Decision {
	aim := c.aim()
	failed, of := offset.FailedIn(c.Record)
	switch {
	case c.Create:
		return Decision{Do: Reset, Reason: isNew}
	case c.Imported:
		return Decision{Do: Adopt, Reason: "it was imported as done already"}
	case c.Triggers:
		return Decision{Do: Reset, Reason: "triggers changed"}
	case aim != "" && !c.OnTriggers:
		return Decision{Do: Reset, Reason: aim}
	case failed > 0:
		return Decision{Do: Resume, Reason: fmt.Sprintf("it goes on: %d of %s failed", failed, count(int64(of), c.Broker.Noun)), HeldBack: aim != ""}
	case aim != "":
		return Decision{Do: Keep, Reason: aim + `, which reset_on = "triggers" holds back`, HeldBack: true}
	default:
		return Decision{Do: Keep, Reason: "neither target, scope nor triggers changed"}
	}
}

// aim says what of target and scope differs; empty if nothing does.
func (c Change) aim() string {
	switch {
	case c.Wanted == nil:
		return "target or scope are not known yet"
	case c.Done == nil:
		return "it is not known what the last reset was"
	case !reflect.DeepEqual(c.Wanted.Target, c.Done.Target):
		return "the target changed"
	case !reflect.DeepEqual(c.Wanted.Scope, c.Done.Scope):
		return "the scope changed"
	}
	return ""
}
