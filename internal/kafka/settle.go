package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// settleWithin is how long a read-back that shows other offsets than those
// that were written is repeated while the group is idle, not counting what the
// answers take. A coordinator that has just taken over answers only up to the
// high watermark of its log at first, and so with older offsets; that its first
// answer was long in coming is no reason to take it for the last word.
const settleWithin = 8 * time.Second

// settle reads back what was written and tells what came of it: notes if a
// consumer has moved on, an error if anything failed or another writer came
// between. What is read back decides; what the broker said of the writes only
// gives the reason. It takes its own time, whatever happens to ctx.
func (w *writer) settle(ctx context.Context) (notes []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackWithin)
	defer cancel()
	acknowledged := 0
	for _, n := range w.todo {
		if w.outcomes[n].State == offset.Done {
			acknowledged++
		}
	}
	differ, idle, err := w.readBack(ctx)
	if err != nil {
		w.unproved(differ, brief(err))
		return nil, &offset.Error{
			Code:  offset.Incomplete,
			What:  fmt.Sprintf("The offsets of %s could not be read back: %s", w.coordinator.called(), brief(err)),
			State: fmt.Sprintf("The broker has acknowledged that %s of %d were %s.", count(acknowledged, "partition"), len(w.todo), w.words.done),
			Next:  w.words.next,
		}
	}
	var moved []string
	for _, n := range differ {
		o := &w.outcomes[n]
		acknowledged := o.State == offset.Done
		var why string
		if o.State, why = cameTo(o, idle); acknowledged && o.State == offset.Unsettled {
			why = w.words.done + why
		}
		if acknowledged {
			o.Reason = why
		}
		if o.State == offset.MovedOn {
			moved = append(moved, insteadOf(o))
		}
	}
	if len(moved) > 0 {
		notes = []string{fmt.Sprintf("The group has become active and has moved on to %s.", listed(moved))}
	}
	return notes, w.verdict()
}

// cameTo says what came of a partition that was sent, and is read back
// somewhere else than where it was put, and why what was acknowledged is not
// done. Until then its state is Done if the broker has acknowledged it, and
// Unsettled if no answer came.
//
// The broker takes such a write only while the group has no member, so that
// whoever is active now has come after it, and has started from what was put:
// the group has moved on. That cannot be where it stands at the offset from
// before, or, after a move forward, anywhere before what was put. There it may
// have started from the old offset, because the write was lost: brokers have
// acknowledged commits that they then dropped (KAFKA-20634), and one that has
// just taken over tells older offsets to consumers too. A group that was put
// back and has consumed everything again looks the same as one that was never
// moved: it is in doubt, and not told as a success.
func cameTo(o *offset.Outcome, idle bool) (state offset.State, why string) {
	atPrevious := o.Seen == o.Previous
	switch acknowledged := o.State == offset.Done; {
	case !acknowledged && idle && atPrevious:
		return offset.NotDone, ""
	case !acknowledged:
		// It may have landed before somebody moved it on.
		return offset.Unsettled, ""
	case o.Seen < 0:
		return offset.Unsettled, gone
	case atPrevious && idle:
		return offset.Unsettled, backAgain
	case atPrevious:
		return offset.Unsettled, activeAgain
	case idle:
		return offset.Elsewhere, fmt.Sprintf("another writer has put it to %d since", o.Seen)
	case o.Previous < o.Offset && o.Seen < o.Offset:
		return offset.Unsettled, fmt.Sprintf(activeBefore, o.Seen)
	}
	return offset.MovedOn, ""
}

// readBack reads the partitions back and notes where each is. It returns those
// that were, or may have been, written and are not where they were put, and
// whether the group leaves them alone. While it does, it reads again for some
// time. The error comes with those that are not proved.
func (w *writer) readBack(ctx context.Context) (differ []int, idle bool, err error) {
	w.tell(fmt.Sprintf("Reading back %s of %s", count(len(w.todo), "offset"), w.coordinator.called()))
	differ = w.todo
	for left := w.settling; ; {
		others, err := w.look(ctx, differ)
		if err != nil {
			return differ, false, err
		}
		if differ = others; len(differ) == 0 {
			return nil, true, nil
		}
		g, err := w.coordinator.describe(ctx)
		if err != nil {
			return differ, false, fmt.Errorf("other offsets are read back, and the group cannot be looked at: %w", err)
		}
		if idle = w.free(g); !idle || left <= 0 {
			return differ, idle, nil
		}
		pause := min(w.poll, left)
		if err := clock.Sleep(ctx, pause); err != nil {
			return differ, false, err
		}
		left -= pause
	}
}

// look reads partitions back once. What is where it was put is done, and what
// certainly was not written stays as it is; the others are returned.
func (w *writer) look(ctx context.Context, todo []int) (differ []int, err error) {
	blocks, err := w.coordinator.fetch(ctx, byTopic(len(todo), func(i int) offset.Partition { return w.outcomes[todo[i]].Partition }))
	if err != nil {
		return nil, err
	}
	told := inOrder{blocks: blocks}
	for _, n := range todo {
		o := &w.outcomes[n]
		at, code := seen(&told, o)
		switch o.Seen = at; {
		case code != sarama.ErrNoError:
			w.unproved([]int{n}, wire.MeaningOf(wire.OffsetFetchAPI, code).Words)
		case at == o.Offset:
			if at != o.Previous { // Where it was before, only the broker's word tells.
				o.State, o.Reason = offset.Done, ""
			}
		case o.Touched():
			differ = append(differ, n)
		}
	}
	return differ, nil
}

// seen returns where an outcome's partition is now, or the partition's error.
// An offset of a topic that is gone is removed.
func seen(told *inOrder, o *offset.Outcome) (int64, sarama.KError) {
	b, ok := told.of(o.Partition)
	switch {
	case !ok, b.code == sarama.ErrUnknownTopicOrPartition && o.Offset < 0:
		return offset.None, sarama.ErrNoError
	case b.code != sarama.ErrNoError:
		return offset.None, b.code
	}
	return b.offset, sarama.ErrNoError
}

// unproved notes that partitions that were, or may have been, written could
// not be read back.
func (w *writer) unproved(todo []int, why string) {
	for _, n := range todo {
		if o := &w.outcomes[n]; o.State == offset.Done {
			o.Doubt(w.words.done + ", but it could not be read back: " + why)
		}
	}
}

// nothing tells whether nothing was written, and all is where it was.
func (w *writer) nothing() bool {
	return !slices.ContainsFunc(w.todo, func(n int) bool {
		o := &w.outcomes[n]
		return o.Touched() || o.Seen != o.Previous
	})
}

// rejected is the error of a write that changed nothing.
func (w *writer) rejected(err error) error {
	code := offset.Failed
	if w.refusal.Right != "" {
		code = offset.Unauthorized
	}
	e := &offset.Error{Code: code, What: err.Error(), State: offset.NothingChanged, Next: "Once that is mended, apply again."}
	var told *offset.Error
	if errors.As(err, &told) {
		e.What = told.What
	}
	return e
}

func offsetText(at int64) string {
	if at < 0 {
		return "no offset"
	}
	return strconv.FormatInt(at, 10)
}

func insteadOf(o *offset.Outcome) string {
	return fmt.Sprintf("%s: %s instead of %s", o.Name(), offsetText(o.Seen), offsetText(o.Offset))
}

// verdict is the error of a write that did not succeed on all partitions.
func (w *writer) verdict() error {
	var failed []offset.Outcome
	var overwritten []string
	next := w.words.next
	back := w.words.done + backAgain
	for _, n := range w.todo {
		o := &w.outcomes[n]
		if o.Failed() {
			failed = append(failed, *o)
		}
		if o.State == offset.Elsewhere {
			overwritten = append(overwritten, insteadOf(o))
		}
		if o.Reason == back {
			next = w.words.next + " If it happens again, look for a consumer that uses assign() with this group id: it commits where it is."
		}
	}
	group := w.coordinator.called()
	switch {
	case len(failed) == 0:
		return nil
	case len(failed) == len(overwritten):
		return &offset.Error{
			Code:  offset.Overwritten,
			What:  fmt.Sprintf("Another writer has overwritten %s of %s, which has no member: %s", count(len(overwritten), "offset"), group, listed(overwritten)),
			State: w.state(failed),
			Next:  "Look for a consumer that uses assign() with this group id, for MirrorMaker's sync.group.offsets, and for jobs that restore their own checkpoints (Flink, Spark); stop it. " + w.words.next,
		}
	}
	return &offset.Error{
		Code:  offset.Incomplete,
		What:  fmt.Sprintf("%s of %s failed: %s", count(len(failed), "partition"), group, reasons(failed)),
		State: w.state(failed),
		Next:  next,
	}
}

// These are why a partition is unsettled that was acknowledged.
const (
	gone         = ", and yet no offset is left: the topic or the group may have been deleted since"
	backAgain    = ", and yet the offset from before is read back"
	activeAgain  = ", and yet the group, which has become active, is at the offset from before: it has consumed everything again, or the commit was lost"
	activeBefore = ", and yet the group, which has become active, is at %d, before where it was put: its consumers may have started from the offset from before"
)

// state says what was written of what was to be, and of what nobody knows that.
func (w *writer) state(failed []offset.Outcome) string {
	var text string
	switch landed := len(w.todo) - len(failed); landed {
	case 0:
		text = "No partition was " + w.words.done + " and read back."
	case 1:
		text = "1 partition was " + w.words.done + " and read back."
	default:
		text = fmt.Sprintf("%d partitions were %s and read back.", landed, w.words.done)
	}
	switch n := len(offset.Touched(failed)); {
	case n == 0 && len(failed) == len(w.todo):
		return "No partition was " + w.words.done + "."
	case n > 0:
		text += fmt.Sprintf(" Of the rest, %s may have been %s.", count(n, "partition"), w.words.done)
	}
	return text
}

// reasons says why partitions failed, each reason once.
func reasons(failed []offset.Outcome) string {
	var order []string
	of := map[string][]offset.Partition{}
	for _, o := range failed {
		if of[o.Reason] == nil {
			order = append(order, o.Reason)
		}
		of[o.Reason] = append(of[o.Reason], o.Partition)
	}
	parts := make([]string, len(order))
	for i, reason := range order {
		parts[i] = listed(ranges(of[reason])) + ": " + reason
	}
	const most = 10
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more reasons", len(parts)-most))
	}
	return strings.Join(parts, "; ")
}

// ranges names partitions, three and more in a row as "orders-0 to orders-9".
func ranges(partitions []offset.Partition) []string {
	var names []string
	for from := 0; from < len(partitions); {
		to := from + 1
		for to < len(partitions) && partitions[to].Topic == partitions[from].Topic && partitions[to].ID == partitions[to-1].ID+1 {
			to++
		}
		if to-from > 2 {
			names = append(names, partitions[from].Name()+" to "+partitions[to-1].Name())
		} else {
			for _, p := range partitions[from:to] {
				names = append(names, p.Name())
			}
		}
		from = to
	}
	return names
}
