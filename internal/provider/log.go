package provider

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// LogWanted tells whether Terraform, which hands its environment on, was asked
// to log. The entries are those of os.Environ.
func LogWanted(environment []string) bool {
	return slices.ContainsFunc(environment, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "TF_LOG") && value != ""
	})
}

// logged puts what is about to be done into the log: Terraform shows nothing of
// a resource at work but the time that it takes.
func logged(ctx context.Context) func(string) {
	return func(message string) { tflog.Info(ctx, readable(message)) }
}

// leftRows is how many partitions one line of the log tells of. Terraform reads
// the log through a buffer of 64 KiB: of a line that is longer it can make no
// message, and prints its pieces as what the process said while debugging. A
// partition takes 281 bytes at most, with a name of 249.
const leftRows = 200

// left puts into the log where a group is just before it is moved. A process
// that is killed then leaves no state, and with it no way back. Queues are told
// by their broker, so that the line names the topic. It is nil if nobody would
// see it: ten thousand partitions take some work to put into words.
func (s *services) left(ctx context.Context, request offset.Request) func([]offset.Move) {
	if s.unheard {
		return nil
	}
	group, say := request.GroupType.Called(request.Group), logged(ctx)
	return func(moves []offset.Move) {
		for some := range slices.Chunk(moves, leftRows) {
			called := group
			if some[0].Broker != "" {
				called += fmt.Sprintf(" on topic %q", some[0].Topic)
			}
			rows, without := offset.Offsets{}, []string(nil)
			for _, m := range some {
				outer := cmp.Or(m.Broker, m.Topic)
				if rows[outer] == nil {
					rows[outer] = map[int32]int64{}
				}
				if m.Previous < 0 {
					without = append(without, m.Name())
					continue
				}
				rows[outer][m.ID] = m.Previous
			}
			if lines := strings.Fields(offset.EncodeCSV(rows)); len(lines) > 0 {
				say(fmt.Sprintf("Before its reset, %s is at %s", called, strings.Join(lines, " ")))
			}
			if len(without) > 0 {
				say(fmt.Sprintf("Before its reset, %s has no offset on %s", called, strings.Join(without, " ")))
			}
		}
	}
}
