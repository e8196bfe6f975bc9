package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limit is how long the whole demo may take, the build on a slow machine included.
const limit = 10 * time.Minute

// The group and the topic of all parts.
const (
	group = "billing"
	topic = "orders"
)

// Each partition and each queue holds the messages of four hours, one a minute.
const messages = 240

var firstMessage = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// show runs the whole demo in a temporary directory, which it removes.
func show(ctx context.Context, s *screen) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "offsets-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tf, err := install(ctx, dir)
	if err != nil {
		return err
	}
	if err := showKafka(ctx, s, tf); err != nil {
		return fmt.Errorf("the part on Kafka: %w", err)
	}
	s.blank()
	if err := showRocketMQ(ctx, s, tf); err != nil {
		return fmt.Errorf("the part on RocketMQ: %w", err)
	}
	s.blank()
	if err := showFailover(ctx, s, tf); err != nil {
		return fmt.Errorf("the part on two clusters: %w", err)
	}
	s.blank()
	s.print(good, "Terraform's output is shortened. The offsets are the brokers' own, and each was checked.")
	return nil
}

// scene is one configuration on one cluster. Once a step has failed, those
// after it do nothing.
type scene struct {
	*screen
	tf      *terraform
	env     string   // how the provider finds the cluster
	columns []string // the partitions or queues
	ask     func(context.Context) (place, error)

	out output // of the last command
	err error
}

// place is where the group stands, in the order of the columns.
type place struct {
	committed []int64
	lag       int64
}

// start shows the resource and where the group stands before anything is done.
func (s *scene) start(ctx context.Context, code string, want place) {
	if s.err = s.tf.configure(code); s.err != nil {
		return
	}
	for line := range strings.Lines(code) {
		s.print(source, strings.TrimRight(indent+line, " \n"))
	}
	s.print(faint, s.row(group+" on "+topic, s.columns, "lag"))
	s.stands(ctx, "before", want)
}

// stands asks the broker where the group stands, shows it, and fails if it
// does not stand where it has to.
func (s *scene) stands(ctx context.Context, when string, want place) {
	if s.err != nil {
		return
	}
	got, err := s.ask(ctx)
	if err != nil {
		s.err = err
		return
	}
	var cells []string
	for _, offset := range got.committed {
		cells = append(cells, strconv.FormatInt(offset, 10))
	}
	s.print(figures, s.row(when, cells, strconv.FormatInt(got.lag, 10)))
	if !slices.Equal(got.committed, want.committed) || got.lag != want.lag {
		s.err = fmt.Errorf("%s: %s stands at %v with a lag of %d, and has to stand at %v with a lag of %d",
			when, group, got.committed, got.lag, want.committed, want.lag)
	}
}

// row is a line of the table of offsets.
func (s *scene) row(head string, cells []string, lag string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%-20s", indent, head)
	for i, cell := range cells {
		fmt.Fprintf(&b, "%*s", len(s.columns[i])+3, cell)
	}
	fmt.Fprintf(&b, "%9s", lag)
	return b.String()
}

// run shows a command and runs it.
func (s *scene) run(ctx context.Context, args ...string) {
	if s.err != nil {
		return
	}
	name := s.tf.name()
	if s.timeless {
		name = "terraform" // what is shown of OpenTofu's output is the same
	}
	s.blank()
	s.print(command, "$ "+name+" "+strings.Join(args, " "))
	s.out, s.err = s.tf.run(ctx, s.env, args...)
}

// quote shows the line of the output that begins so; there has to be one.
func (s *scene) quote(look style, beginning string) {
	if s.err != nil {
		return
	}
	line, err := s.out.line(beginning)
	if err != nil {
		s.err = err
		return
	}
	s.print(look, indent+line)
}

// quotePreview shows the summary of the warning that is the preview, which has
// to have the figures, and returns its detail.
func (s *scene) quotePreview(figures string) (detail []string) {
	if s.err != nil {
		return nil
	}
	w, err := s.out.warning("Reset ")
	if err != nil {
		s.err = err
		return nil
	}
	for _, line := range wrap("Warning: "+w.summary, width-len(indent)) {
		s.print(warning, indent+line)
	}
	if !strings.Contains(w.summary, figures) {
		s.err = fmt.Errorf("the warning has to say %q", figures)
	}
	return w.detail
}
