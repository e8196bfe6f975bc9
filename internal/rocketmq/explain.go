package rocketmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// explain turns an error from before the first write into one for the person
// who has to act on it. What says what failed, on what.
func (c *Client) explain(err error, what string) error {
	if err == nil {
		return nil
	}
	var done *offset.Error
	if errors.As(err, &done) {
		return err
	}
	code, next := c.advice(err)
	return &offset.Error{Code: code, What: what, State: offset.NothingChanged, Next: next, Err: err}
}

// advice says what kind of trouble an error is, and what to do about it.
func (c *Client) advice(err error) (offset.Code, string) {
	var refused *remoting.Error
	if errors.As(err, &refused) {
		return adviceOn(refused)
	}
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, remoting.ErrHTTP):
		return offset.Unreachable, "The address is that of a proxy's gRPC port (usually 8080 or 8081), or of a web server: give the name servers' (usually port 9876)."
	case errors.Is(err, context.Canceled):
		return offset.Interrupted, "Apply again."
	case errors.Is(err, remoting.ErrClosed):
		return offset.Interrupted, "Apply again."
	case errors.As(err, &untrusted):
		return offset.Unreachable, "Give the authority that has signed the servers' certificates as tls.ca_cert, or the name in them as tls.server_name."
	case strings.Contains(err.Error(), "TLS handshake"):
		return offset.Unreachable, "Check the TLS settings: whether the server speaks TLS at all, and whether it asks for a client certificate."
	case errors.Is(err, context.DeadlineExceeded):
		return offset.Unreachable, "Check that the server is up and can be reached from here; if it is only slow, raise request_timeout, or the operation's timeouts."
	case c.cfg.TLS == nil && strings.Contains(err.Error(), "closed the connection"):
		return offset.Unreachable, "A server that enforces TLS closes plain connections: if this one does, give the tls settings."
	default:
		return offset.Unreachable, "Check that the name servers and every broker they name can be reached from here."
	}
}

// denials are how ACL 1.0 says no, with code 1 (SYSTEM_ERROR).
var denials = []string{"AclException", "AuthenticationException", "AuthorizationException"}

// denied tells whether a server refused for want of a right, or of a signature.
func denied(e *remoting.Error) bool {
	if e.Code == remoting.NoPermission {
		return true
	}
	for _, d := range denials {
		if strings.Contains(e.Remark, d) {
			return true
		}
	}
	return false
}

// isDenied is denied for any error.
func isDenied(err error) bool {
	var e *remoting.Error
	return errors.As(err, &e) && denied(e)
}

func adviceOn(e *remoting.Error) (offset.Code, string) {
	switch {
	case e.Code == remoting.NoPermission && strings.Contains(e.Remark, "subscription group no permission"):
		return offset.Failed, "The group's consumption is switched off (consumeEnable = false), without which brokers before 5.1.1 let nobody look up a time exactly. Switch it on for the reset, or give offsets."
	case e.Code == remoting.NoPermission && strings.Contains(e.Remark, "pulling message is forbidden"):
		return offset.Failed, "The topic or the broker may not be read (its perm), without which brokers before 5.1.1 let nobody look up a time exactly. Allow reading for the reset, or give offsets."
	case denied(e):
		return offset.Unauthorized, "Check access_key and secret_key, and the key's rights: GET and UPDATE on the group and the topic (ACL 2.0), SUB on both (ACL 1.0)."
	case e.Code == remoting.TopicNotExist:
		return offset.TopicMissing, "Check the topic's name and the cluster; a topic is created by its first message at the earliest."
	case e.Code == remoting.GroupNotExist:
		return offset.GroupMissing, "Check the group's name and the cluster; a group exists once it was created or a consumer has connected."
	case e.Code == remoting.NotSupported && e.Request == remoting.GetRoute:
		return offset.Unsupported, fmt.Sprintf("%s is no name server: a broker (usually port 10911) answers like this. Give the name servers' addresses (usually port 9876).", e.Address)
	case e.Code == remoting.NotSupported && e.Request == remoting.GetClusterInfo:
		return offset.Unsupported, fmt.Sprintf("%s is no name server, but a proxy's port for remoting clients: resets need the name servers (usually port 9876) and the brokers themselves.", e.Address)
	case e.Code == remoting.NotSupported:
		return offset.Unsupported, "The address may be a proxy's: resets need the name servers and the brokers themselves."
	case e.Code == remoting.SystemBusy:
		return offset.Failed, "The server is busy: try again later."
	default:
		return offset.Failed, "Look into the server's log."
	}
}

// garbled is an answer that makes no sense.
func garbled(what string) *offset.Error {
	return &offset.Error{
		Code: offset.Failed, What: what, State: offset.NothingChanged,
		Next: "Check that the addresses are those of RocketMQ name servers and brokers.",
	}
}

// on names a group and a topic in a sentence.
func on(group, topic string) string { return fmt.Sprintf("group %q on topic %q", group, topic) }

// queueCount says a number of queues.
func queueCount(n int) string {
	if n == 1 {
		return "1 queue"
	}
	return fmt.Sprintf("%d queues", n)
}

// someOf joins the first few of many.
func someOf(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
