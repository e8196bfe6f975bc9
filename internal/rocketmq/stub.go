package rocketmq

import (
	"context"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

var errNotYet = &offset.Error{Code: offset.Unsupported, What: "Not available"}

func (c *Client) describe(context.Context, string, string) (*GroupInfo, error) { return nil, errNotYet }

// Plan resolves the request against the live cluster and writes nothing.
func (c *Client) Plan(context.Context, offset.Request) (*offset.Plan, error) { return nil, errNotYet }

// Apply does what the plan says.
func (c *Client) Apply(context.Context, *offset.Plan) (*offset.Result, error) { return nil, errNotYet }

// Undo puts back what an earlier reset moved.
func (c *Client) Undo(context.Context, offset.UndoRequest) (*offset.Result, error) {
	return nil, errNotYet
}

// Forget is not possible: brokers cannot delete the offsets of single queues.
func (c *Client) Forget(context.Context, offset.UndoRequest) (*offset.Result, error) {
	return nil, errNotYet
}
