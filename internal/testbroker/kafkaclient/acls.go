package kafkaclient

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Allow lets a principal, such as "User:alice", do the operations ("READ",
// "DESCRIBE", "DELETE", …) on one resource: "TOPIC", "GROUP" or
// "TRANSACTIONAL_ID" of a name, or "CLUSTER" named "kafka-cluster". The name
// "*" stands for all.
func (c *Client) Allow(ctx context.Context, principal, resource, name string, operations ...string) error {
	kind, err := kmsg.ParseACLResourceType(resource)
	if err != nil {
		return fmt.Errorf("allow %s: %w", principal, err)
	}
	req := kmsg.NewPtrCreateACLsRequest()
	for _, operation := range operations {
		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType, creation.ResourceName = kind, name
		creation.ResourcePatternType = kmsg.ACLResourcePatternTypeLiteral
		creation.Principal, creation.Host = principal, "*"
		creation.PermissionType = kmsg.ACLPermissionTypeAllow
		if creation.Operation, err = kmsg.ParseACLOperation(operation); err != nil {
			return fmt.Errorf("allow %s: %w", principal, err)
		}
		req.Creations = append(req.Creations, creation)
	}
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("allow %s: %w", principal, err)
	}
	for _, result := range resp.Results {
		if err := broken(result.ErrorCode, result.ErrorMessage); err != nil {
			return fmt.Errorf("allow %s: %w", principal, err)
		}
	}
	return nil
}
