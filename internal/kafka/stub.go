package kafka

import (
	"context"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

type cluster struct{ log connection.Logger }

func newCluster(connection.Config) *cluster { return &cluster{} }
func (c *cluster) configure() error         { return nil }
func (c *cluster) close()                   {}

var errStub = &offset.Error{Code: offset.Unsupported, What: "Not reachable"}

func (c *Client) describeGroup(context.Context, string, []string) (*GroupInfo, error) {
	return nil, errStub
}

func (c *Client) topicOffsets(context.Context, []string, offset.Target, offset.Isolation) (*TopicOffsets, error) {
	return nil, errStub
}

// Plan resolves the request against the live cluster and writes nothing.
func (c *Client) Plan(context.Context, offset.Request) (*offset.Plan, error) { return nil, errStub }

// Apply does what the plan says.
func (c *Client) Apply(context.Context, *offset.Plan) (*offset.Result, error) { return nil, errStub }

// Undo puts back what an earlier reset moved.
func (c *Client) Undo(context.Context, offset.UndoRequest) (*offset.Result, error) {
	return nil, errStub
}

// Forget deletes the recorded partitions' offsets.
func (c *Client) Forget(context.Context, offset.UndoRequest) (*offset.Result, error) {
	return nil, errStub
}
