package soak

import (
	"fmt"
	"slices"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// judgement compares what a reset has told with what the brokers tell.
type judgement struct {
	question  question
	before    view
	base      commits  // where it started from: an incomplete reset before it has been put back
	should    expected // what should come of it
	first     expected // the same, before anything was put back
	report    reset.Report
	hit       bool                  // a fault has happened: it may fail, and must say the truth
	consumers bool                  // a member of the group may have moved on
	stranger  offset.Partition      // where somebody else has committed
	again     func(v view) expected // what should come of it on other logs; nil if they stay as they are
	// pushed tells that its brokers only tell consumers, which are online, to go
	// somewhere: they may not do it, so that it may fail, and must say the truth.
	pushed bool
	// absent is a broker that was down, and that a reset may leave out which
	// does not say that it must take part (RocketMQ).
	absent string
}

func (j judgement) failed() bool { return reset.Failed(j.report.Notices) }

func (j judgement) code() offset.Code {
	for _, n := range j.report.Notices {
		if n.Severity == reset.Failure {
			return n.Code
		}
	}
	return ""
}

// outcome names what came of it, for the counts.
func (j judgement) outcome() string {
	switch {
	case !j.failed() && slices.ContainsFunc(j.report.Result.Outcomes, func(o offset.Outcome) bool { return o.State == offset.MovedOn }):
		return "done, moved on"
	case !j.failed():
		return "done"
	case j.report.Result == nil:
		return "refused with " + string(j.code())
	case j.report.Result.InDoubt:
		return "failed half-way, in doubt"
	default:
		return "failed half-way"
	}
}

// wrong returns what is not as it should be, or as it was told.
func (j judgement) wrong(v view, after commits) []string {
	wrong := j.wrongBy(after)
	if len(wrong) == 0 {
		return j.remembered(v)
	}
	if j.again == nil {
		return wrong
	}
	// Part of it may have been done on the logs as they are now.
	now := j.again(v)
	mixed := j
	mixed.should.Moves = slices.Clone(j.should.Moves)
	for i, m := range mixed.should.Moves {
		if o := find(j.outcomes(), m.Partition); o != nil && (o.Start != m.Start || o.End != m.End) {
			for _, n := range now.Moves {
				if n.Partition == m.Partition {
					mixed.should.Moves[i] = n
				}
			}
		}
	}
	mixed.should.Refusals = append(slices.Clone(j.should.Refusals), now.Refusals...)
	mixed.should.Maybe = j.should.Maybe || now.Maybe || (len(j.should.Refusals) > 0) != (len(now.Refusals) > 0)
	if len(mixed.wrongBy(after)) == 0 {
		return nil
	}
	return wrong
}

// remembered returns the partitions of which a share group's brokers remember
// acknowledgements though the group was put somewhere.
func (j judgement) remembered(v view) []string {
	group := j.question.Group
	if j.failed() || j.consumers || !v.share(group) || j.stranger != nowhere {
		return nil
	}
	var wrong []string
	for _, m := range j.should.Moves {
		if n := v.apart(group, m.Partition); n > 0 && v.Left[group][m.Partition] >= 0 {
			wrong = append(wrong, fmt.Sprintf("%s: of what comes after the start offset, %d are acknowledged all the same", m.Name(), n))
		}
	}
	return wrong
}

func (j judgement) outcomes() []offset.Outcome {
	if j.report.Result == nil {
		return nil
	}
	return j.report.Result.Outcomes
}

func (j judgement) wrongBy(after commits) []string {
	group := j.question.Group
	if !j.failed() {
		return j.wrongSuccess(after)
	}
	code := j.code()
	if j.report.Result == nil {
		var wrong []string
		if !j.hit && !j.pushed && !slices.Contains(j.should.Refusals, code) && !slices.Contains(j.first.Refusals, code) {
			wrong = append(wrong, fmt.Sprintf("it was refused with %q, and nothing speaks against it", code))
		}
		if j.consumers {
			return wrong
		}
		// Nothing was changed, unless it says that something was put back.
		if j.report.PutBack != nil {
			return append(wrong, differ(after, j.base)...)
		}
		if j.stranger != nowhere {
			return wrong
		}
		return append(wrong, differ(after, j.before.of(group))...)
	}
	wrong := disprove(j.base, after, j.report.Result.Outcomes, j.consumers, j.stranger)
	if !j.hit && !j.consumers {
		wrong = append(wrong, "it failed half-way, and nothing went wrong")
	}
	for _, m := range j.should.Moves {
		if o := find(j.report.Result.Outcomes, m.Partition); o == nil && j.absent != "" && m.Broker == j.absent {
			continue
		} else if o == nil {
			wrong = append(wrong, m.Name()+" is not in the record")
		} else if o.Offset != m.To.Offset && !j.consumers && j.stranger == nowhere {
			wrong = append(wrong, fmt.Sprintf("%s: the record says that it is to go to %d, and that should be %d", m.Name(), o.Offset, m.To.Offset))
		}
	}
	return wrong
}

func (j judgement) wrongSuccess(after commits) []string {
	var wrong []string
	if len(j.should.Refusals) > 0 && !j.should.Maybe {
		wrong = append(wrong, fmt.Sprintf("it is told to be done, and should have been refused with %v", j.should.Refusals))
	}
	outcomes := j.report.Result.Outcomes
	wrong = append(wrong, disprove(j.base, after, outcomes, j.consumers, j.stranger)...)
	if offset.AnyFailed(outcomes) {
		wrong = append(wrong, "it is told to be done, and its record has partitions that failed")
	}
	if len(outcomes) != len(j.should.Moves) && j.absent == "" {
		wrong = append(wrong, fmt.Sprintf("the record has %d partitions, and should have %d", len(outcomes), len(j.should.Moves)))
	}
	for _, m := range j.should.Moves {
		o := find(outcomes, m.Partition)
		switch {
		case o == nil && j.absent != "" && m.Broker == j.absent:
			continue // disprove has seen that it was left alone
		case o == nil:
			wrong = append(wrong, m.Name()+" is not in the record")
			continue
		case j.consumers || j.stranger != nowhere: // Where it was may have changed meanwhile.
		case o.Previous != m.From.Offset || o.Metadata != m.From.Metadata || o.Clamped != m.Clamped:
			wrong = append(wrong, fmt.Sprintf("%s: the record says that it was at %d %q, clamped %t; it was at %s, clamped %t",
				m.Name(), o.Previous, o.Metadata, o.Clamped, m.From, m.Clamped))
		}
		if o.Offset != m.To.Offset && !j.consumers && j.stranger == nowhere || o.Start != m.Start || o.End != m.End {
			wrong = append(wrong, fmt.Sprintf("%s: the record says %d in %d to %d, and it should be %d in %d to %d",
				m.Name(), o.Offset, o.Start, o.End, m.To.Offset, m.Start, m.End))
		}
		is := after.at(m.Partition)
		if j.question.Zero && is.Offset <= 0 && m.To.Offset <= 0 {
			continue
		}
		if is != m.To && !j.consumers && j.stranger == nowhere {
			wrong = append(wrong, fmt.Sprintf("%s is at %s and should be at %s", m.Name(), is, m.To))
		}
	}
	return wrong
}

func find(outcomes []offset.Outcome, p offset.Partition) *offset.Outcome {
	for i := range outcomes {
		if outcomes[i].Partition == p {
			return &outcomes[i]
		}
	}
	return nil
}
