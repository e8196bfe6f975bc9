// Package reset is the life of a reset, between whoever declares it and the
// engines: when it happens, an attempt and its resume, going back, what a
// destroy does, the order among the resets of one run, the plans kept from a
// preview to the apply, and the words of the preview.
//
// It must not know Terraform, a broker's protocol or the network: it asks an
// engine, and returns plain values and notices. What a state keeps of a reset
// has its forms here (Name, Kept) and in package offset (the record); each is
// held by golden files in testdata, since states outlive the code.
package reset

import (
	"context"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Engine resets the offsets of consumer groups on one cluster or service. The
// broker clients and the managed services' clients implement it; this package
// is its only caller.
//
// All methods honour the context while nothing has been written; once a write
// has been sent it is finished and read back. Errors are of type *offset.Error
// wherever the cluster could be asked at all.
type Engine interface {
	// Plan resolves the request against the live cluster and writes nothing.
	// Members that are still active are told in the plan and are no error;
	// whatever else would make an Apply fail is an error.
	Plan(ctx context.Context, req offset.Request) (*offset.Plan, error)
	// Apply waits until the group may be reset, resolves anew if it had to
	// wait, checks everything, writes, reads back and compares. The result is
	// not nil if anything may have been written, also beside an error: its
	// outcomes then tell which partitions failed.
	Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error)
	// Undo puts back what an earlier reset moved, by compare-and-set.
	Undo(ctx context.Context, req offset.UndoRequest) (*offset.Result, error)
	// Forget deletes the group's committed offsets of the recorded
	// partitions, never the group.
	Forget(ctx context.Context, req offset.UndoRequest) (*offset.Result, error)
}

// Open returns the engine, which may have to be opened first.
type Open func() (Engine, error)

// Broker is what differs between kinds of brokers in the life of a reset.
type Broker struct {
	Dialect offset.Dialect
	Noun    string // the field's word: "partition" or "queue"
	Waits   bool   // offsets are reset only once no member is left
	Removes bool   // an undo can take a first offset away again
}

// Kafka and RocketMQ are the two kinds.
var (
	Kafka    = Broker{Dialect: offset.KafkaRecord, Noun: "partition", Waits: true, Removes: true}
	RocketMQ = Broker{Dialect: offset.RocketMQRecord, Noun: "queue"}
)

// Run holds what the resets of one run share. Its zero value is not ready; see
// NewRun. It may be used from many goroutines.
type Run struct {
	clock   clock.Clock
	turns   turns
	plans   plans
	planned claims // by previews
	set     claims // by resets
	work    sync.WaitGroup
}

// NewRun returns what the resets of one run share.
func NewRun(c clock.Clock) *Run { return &Run{clock: c} }

// Finish waits until no reset and no destroy is at work, or ctx is done.
// Nothing may be begun meanwhile.
func (r *Run) Finish(ctx context.Context) {
	finished := make(chan struct{})
	go func() {
		r.work.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-ctx.Done():
	}
}

// DefaultTimeout bounds a reset, or its undo, where nobody says otherwise.
const DefaultTimeout = 10 * time.Minute
