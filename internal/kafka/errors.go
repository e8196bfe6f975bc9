package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// untouched completes an error that came before the first write: whatever it
// is, the reader is told that nothing was changed.
func untouched(err error) error {
	if err == nil {
		return nil
	}
	var e *offset.Error
	if errors.As(err, &e) {
		told := *e
		told.State = cmp.Or(told.State, offset.NothingChanged)
		return &told
	}
	return &offset.Error{Code: codeOf(err), What: whatOf(err), State: offset.NothingChanged, Err: err}
}

// told completes an error of a call that never writes.
func told(err error) error {
	var e *offset.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &offset.Error{Code: codeOf(err), What: whatOf(err), Err: err}
}

func codeOf(err error) offset.Code {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return offset.Interrupted
	}
	return offset.Failed
}

func whatOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "Interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "Out of time"
	}
	return "The Kafka cluster could not do it"
}

func listed(names []string) string { return wire.Listed(names) }

// name names a partition as Kafka's tools do.
func name(topic string, id int32) string { return fmt.Sprintf("%s-%d", topic, id) }

// count says "1 partition", "2 partitions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// active tells that a group's members stand in the way.
func active(g *group, waited bool) error {
	static := slices.ContainsFunc(g.members, func(m offset.Member) bool { return m.InstanceID != "" })
	e := &offset.Error{
		Code: offset.GroupActive,
		What: offset.Capital(fmt.Sprintf("%s is %s", g.called(), g.state)),
		Next: "Stop its consumers and try again; wait_for_inactive says how long to wait for them.",
	}
	if len(g.members) > 0 {
		e.What += " with " + describeMembers(g)
	}
	if waited {
		e.What += "; they did not leave in time"
	}
	if static {
		e.Next += " Static members (group.instance.id) never say that they leave: they are gone when their session times out, up to 30 minutes after they stop."
	} else {
		e.Next += " A consumer that was killed counts as a member until its session times out, 45 s by default."
	}
	return e
}

// describeMembers counts a group's members and says who they are.
func describeMembers(g *group) string {
	members := make([]string, 0, len(g.members))
	for _, m := range g.members {
		members = append(members, describeMember(m))
	}
	slices.Sort(members)
	return fmt.Sprintf("%s: %s", count(len(members), "member"), listed(members))
}

func describeMember(m offset.Member) string {
	s := fmt.Sprintf("client id %q on %s", m.ClientID, strings.TrimPrefix(m.Host, "/"))
	if m.InstanceID != "" {
		s += fmt.Sprintf(", static instance id %q", m.InstanceID)
	}
	return s
}

// brief puts an error into few words, for it may stand beside each partition.
func brief(err error) string {
	var e *offset.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + strings.TrimPrefix(e.Err.Error(), "kafka server: ")
}
