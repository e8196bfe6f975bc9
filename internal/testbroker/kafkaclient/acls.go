package kafkaclient

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Allow lets a principal, such as "User:alice", do the operations ("READ",
// "DESCRIBE", "DELETE", …) on one resource: "TOPIC", "GROUP" or
// "TRANSACTIONAL_ID" of a name, or "CLUSTER" named "kafka-cluster". The name
// "*" stands for all. It waits until every broker knows.
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
	what := fmt.Sprintf("every broker to allow %s %v on %s %q", principal, operations, resource, name)
	return c.everyBroker(ctx, what, func(broker kmsg.Requestor) (bool, error) {
		for _, creation := range req.Creations {
			if known, err := knowsACL(ctx, broker, creation); !known || err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

func knowsACL(ctx context.Context, broker kmsg.Requestor, acl kmsg.CreateACLsRequestCreation) (bool, error) {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourceName = acl.ResourceType, &acl.ResourceName
	req.ResourcePatternType = acl.ResourcePatternType
	req.Principal, req.Host = &acl.Principal, &acl.Host
	req.Operation, req.PermissionType = acl.Operation, acl.PermissionType
	resp, err := req.RequestWith(ctx, broker)
	if err != nil {
		return false, err
	}
	return len(resp.Resources) > 0, broken(resp.ErrorCode, resp.ErrorMessage)
}
