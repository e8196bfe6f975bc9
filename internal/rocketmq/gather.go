package rocketmq

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// lookAgain is how often brokers are asked for consumers that are to come.
const lookAgain = time.Second

// forsaken returns the brokers that list no consumer while others list some that
// subscribe to the topic. Consumers connect to all brokers of their topics, every
// half a minute, so that they were started just now, or the broker was. Such a
// broker would be written as if nobody consumed, and the consumers commit over
// that when they come; one that resets by itself has them take it up then.
func (s *survey) forsaken() []*brokerState {
	if !slices.ContainsFunc(s.brokers, func(b *brokerState) bool { return b.online && b.subscribed }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.brokers), func(b *brokerState) bool {
		return b.online || b.way == wayNone || b.resets == yes
	})
}

func namesOf(brokers []*brokerState) string {
	names := make([]string, len(brokers))
	for i, b := range brokers {
		names[i] = b.name
	}
	return strings.Join(names, ", ")
}

// gatherNote tells what an apply waits for.
func (s *survey) gatherNote() []string {
	brokers := s.forsaken()
	if len(brokers) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("The consumers that are online are not connected to %s yet, which takes them half a minute. The reset waits for them: they would commit over it.", namesOf(brokers))}
}

// gather waits until the consumers have come to all brokers, or have gone, and
// no longer than until then. If it had to, the survey is out of date. What names
// what waits.
func (c *Client) gather(ctx context.Context, s *survey, until time.Time, what string, tell func(string)) (waited bool, err error) {
	brokers := s.forsaken()
	if len(brokers) == 0 {
		return false, nil
	}
	tell(fmt.Sprintf("Waiting for the consumers of %s to connect to %s", on(s.group, s.topic), namesOf(brokers)))
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for clock.Sleep(waiting, min(lookAgain, c.pace.gather/10)) == nil {
		errs := make([]error, len(s.brokers))
		parallel(len(s.brokers), len(s.brokers), func(i int) { errs[i] = c.readClients(waiting, s, s.brokers[i]) })
		for i, err := range errs {
			if err != nil && waiting.Err() == nil {
				return true, c.explain(err, fmt.Sprintf("Cannot find out who consumes from broker %q", s.brokers[i].name))
			}
		}
		if waiting.Err() == nil && len(s.forsaken()) == 0 {
			return true, nil
		}
	}
	if ctx.Err() != nil {
		return true, interruptedBefore(ctx, what)
	}
	return true, &offset.Error{
		Code: offset.GroupActive, State: offset.NothingChanged,
		What: fmt.Sprintf("%s has consumers online that are not connected to %s: as soon as they are, they commit over the reset", offset.Capital(on(s.group, s.topic)), namesOf(brokers)),
		Next: "Look why they do not connect to that broker, or stop them, and apply again.",
	}
}
