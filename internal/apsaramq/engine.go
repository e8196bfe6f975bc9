package apsaramq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// broadcasting is the message model whose groups keep their offsets on the
// clients, where no server can reset them.
const broadcasting = "BROADCASTING"

// instance is the engine of one instance.
type instance struct {
	client *Client
	id     string
}

// Instance resets the groups of one managed instance.
type Instance = instance

// view is what the service tells before a reset. Scalars that it did not tell
// stay unknown.
type view struct {
	group    group
	members  []offset.Member
	timespan timespan
	lag      topicLag
	notes    []string
}

// Plan looks up the group, the topic, the clients, the stored messages and the
// lag. It has no moves: the service tells no offsets of queues.
func (e *instance) Plan(ctx context.Context, req offset.Request) (*offset.Plan, error) {
	seen, err := e.inspect(ctx, req)
	if err != nil {
		return nil, err
	}
	now := e.client.clock.Now()
	plan := &offset.Plan{
		Request: req, ClusterID: e.id, State: seen.group.Status.String(), Members: seen.members, At: now,
		Notes: append(e.describe(seen), seen.notes...),
	}
	if req.Target.Kind == offset.ToTime {
		plan.Instant = req.Target.Time
	}
	return plan, nil
}

// Apply checks everything again, resets, and asks the service what the group
// looks like afterwards.
func (e *instance) Apply(ctx context.Context, plan *offset.Plan) (*offset.Result, error) {
	req := plan.Request
	req.Tell("Checking the group, the topic and the stored messages")
	seen, err := e.inspect(ctx, req)
	if err != nil {
		return nil, err
	}
	name := req.Scope.Topics[0]
	req.Tell("Resetting")
	result := &offset.Result{ClusterID: e.id, State: seen.group.Status.String(), At: e.client.clock.Now(), Notes: seen.notes}
	id, err := e.reset(ctx, req.Group, name, req.Target)
	if err != nil && !managed.InDoubt(err) {
		return nil, e.fail(ctx, req, opReset, err)
	}
	result.Notes = append(result.Notes, managed.Requested([]string{id})...)
	req.Tell("Reading back")
	// It has been sent: whatever the user does now, the state has to tell how
	// it stands.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*e.client.timeout)
	defer cancel()
	found := e.readBack(after, req.Group, name, seen.lag)
	if err == nil {
		result.Notes = append(result.Notes, found)
		return result, nil
	}
	result.InDoubt = true
	failed := e.fail(ctx, req, opReset, err)
	failed.State = "It is not known whether the service executed the reset. " + found
	if req.Target.Kind == offset.ToLatest {
		failed.Next = "Compare the lag with what you expect. Applying again resets to the latest message as of then, so it also skips what has arrived in between; that is why it was not sent again."
	} else {
		failed.Next = "Apply again: a reset to a time has the same effect if it is executed twice."
	}
	return result, failed
}

// Undo is not possible: the service tells no offsets that could be put back.
func (e *instance) Undo(_ context.Context, req offset.UndoRequest) (*offset.Result, error) {
	return nil, &offset.Error{
		Code:  offset.Unsupported,
		What:  fmt.Sprintf("Restore the offsets of consumer group %q on ApsaraMQ instance %q: the service tells no offsets, so none are known that could be put back", req.Group, e.id),
		State: offset.NothingChanged,
		Next:  "Set on_destroy = \"keep\", or reset to a time.",
	}
}

// Forget is not possible: the service cannot delete offsets.
func (e *instance) Forget(_ context.Context, req offset.UndoRequest) (*offset.Result, error) {
	return nil, &offset.Error{
		Code:  offset.Unsupported,
		What:  fmt.Sprintf("Delete the offsets of consumer group %q on ApsaraMQ instance %q: the service has no such call", req.Group, e.id),
		State: offset.NothingChanged,
		Next:  "Set on_destroy = \"keep\".",
	}
}

// inspect refuses what cannot be done and reads what can be known. What a
// reset does not depend on is left unknown if it cannot be read.
func (e *instance) inspect(ctx context.Context, req offset.Request) (view, error) {
	var seen view
	if err := e.validate(req); err != nil {
		return seen, err
	}
	name := req.Scope.Topics[0]
	var err error
	if seen.group, err = e.getGroup(ctx, req.Group); barred(err) {
		seen.notes = append(seen.notes, leftOut(opGroup, "whether the group exists, and is no broadcasting group, is not known before the reset"))
	} else if err != nil {
		return seen, e.fail(ctx, req, opGroup, err)
	}
	if _, err = e.getTopic(ctx, name); barred(err) {
		seen.notes = append(seen.notes, leftOut(opTopic, "whether the topic exists is not known before the reset"))
	} else if err != nil {
		return seen, e.fail(ctx, req, opTopic, err)
	}
	model := seen.group.MessageModel.String()
	online, err := e.getConnections(ctx, req.Group)
	if err != nil {
		if ctx.Err() != nil {
			return seen, e.fail(ctx, req, opConnections, err)
		}
		seen.notes = append(seen.notes, "The online clients could not be listed: "+err.Error()+".")
	}
	for _, c := range online.Connections {
		host := c.EgressIP.String()
		if host == "" {
			host = c.Hostname.String()
		}
		seen.members = append(seen.members, offset.Member{ClientID: c.ClientID.String(), Host: host})
		if c.MessageModel.String() != "" {
			model = c.MessageModel.String()
		}
	}
	if strings.EqualFold(model, broadcasting) {
		return seen, &offset.Error{
			Code:  offset.GroupKind,
			What:  e.what(req) + ": it is a broadcasting group, whose offsets are kept by its clients",
			State: offset.NothingChanged,
			Next:  "Reset the clients themselves; the service resets clustering groups only.",
		}
	}
	spanned := true
	if seen.timespan, err = e.getTimespan(ctx, req.Group, name); barred(err) {
		spanned = false
		seen.notes = append(seen.notes, leftOut(opTimespan, "whether the time lies within the stored messages is not known before the reset"))
	} else if err != nil {
		if ctx.Err() != nil || req.Target.Kind == offset.ToTime {
			return seen, e.fail(ctx, req, opTimespan, err)
		}
		seen.notes = append(seen.notes, "The time span of the stored messages could not be read: "+err.Error()+".")
	}
	if req.Target.Kind == offset.ToTime && spanned {
		if err := e.checkStored(req, seen.timespan); err != nil {
			return seen, err
		}
	}
	if seen.lag, err = e.getLag(ctx, req.Group, name); err != nil {
		if ctx.Err() != nil {
			return seen, e.fail(ctx, req, opLag, err)
		}
		seen.notes = append(seen.notes, "The group's lag could not be read: "+err.Error()+".")
	}
	return seen, nil
}

// barred tells whether a call that only looks failed because the key may not
// make it, or because the gateway does not know it. Wrong keys are no such case:
// they may not reset either.
func barred(err error) bool {
	var v *managed.VendorError
	if !errors.As(err, &v) {
		return false
	}
	code := strings.ToLower(v.Code)
	if strings.HasPrefix(code, "forbidden") || strings.HasPrefix(code, "nopermission") {
		return true
	}
	return managed.Barred(err) && !denied(code)
}

// leftOut says that a call that only looks was left out, and what follows.
func leftOut(operation, so string) string {
	return fmt.Sprintf("This key may not call %s, or the gateway does not know it: %s.", operation, so)
}

// validate refuses what needs no network to be refused.
func (e *instance) validate(req offset.Request) error {
	invalid := func(code offset.Code, reason string) error {
		return &offset.Error{Code: code, What: e.what(req) + ": " + reason, State: offset.NothingChanged}
	}
	if refusals := Check(req, ""); len(refusals) > 0 {
		return invalid(offset.Unsupported, managed.Sentences(refusals))
	}
	switch {
	case managed.CheckSegment(e.id) != "":
		return invalid(offset.InvalidArgument, "the instance id "+managed.CheckSegment(e.id))
	case req.Group == "":
		return invalid(offset.InvalidArgument, "no consumer group is given")
	case len(req.Scope.Topics) != 1:
		return invalid(offset.InvalidArgument, "no topic is given")
	case req.Target.Kind == "":
		return invalid(offset.InvalidArgument, "no target is given")
	}
	return nil
}

// checkStored refuses a time outside of the stored messages: what the service
// does with it is not documented.
func (e *instance) checkStored(req offset.Request, span timespan) error {
	oldest, known := millis(span.Min)
	newest, knownToo := millis(span.Max)
	t := req.Target.Time
	var reason string
	next := "Choose a time within that span, or LATEST_OFFSET."
	switch {
	case !known || !knownToo:
		reason = "the service tells of no stored messages on this topic, so there is no message that a time could lead to"
		next = "Use LATEST_OFFSET, or wait for a message."
	case !stored(t, oldest, newest):
		reason = fmt.Sprintf("%s lies outside of the stored messages, which reach from %s to %s",
			t.UTC().Format(time.RFC3339), oldest.Format(time.RFC3339Nano), newest.Format(time.RFC3339Nano))
	default:
		return nil
	}
	return &offset.Error{Code: offset.OutsideLog, What: e.what(req) + ": " + reason, State: offset.NothingChanged, Next: next}
}

// describe tells a plan's reader what is known beside moves.
func (e *instance) describe(seen view) []string {
	notes := []string{"ApsaraMQ tells no offsets of queues: how many messages will be replayed or skipped cannot be known."}
	oldest, known := millis(seen.timespan.Min)
	newest, knownToo := millis(seen.timespan.Max)
	if known && knownToo {
		notes = append(notes, fmt.Sprintf("The stored messages reach from %s to %s.", oldest.Format(time.RFC3339), newest.Format(time.RFC3339)))
	}
	if consumed, ok := millis(seen.timespan.Consume); ok {
		notes = append(notes, fmt.Sprintf("The group has consumed up to %s.", consumed.Format(time.RFC3339)))
	}
	if _, ok := seen.lag.Ready.Int(); ok {
		notes = append(notes, "The lag is "+lagText(seen.lag)+".")
	}
	return notes
}

// readBack asks for the lag after a reset and says it in a sentence.
func (e *instance) readBack(ctx context.Context, groupID, topicName string, before topicLag) string {
	now, err := e.getLag(ctx, groupID, topicName)
	if err != nil {
		return "The lag could not be read back: " + err.Error() + "."
	}
	if _, ok := now.Ready.Int(); !ok {
		return "The service does not tell the lag after the reset."
	}
	text := "After the reset the lag is " + lagText(now)
	if _, ok := before.Ready.Int(); ok {
		text += "; before it was " + lagText(before)
	}
	return text + "."
}

func lagText(l topicLag) string {
	return count(l.Ready) + " ready messages and " + count(l.Inflight) + " in flight"
}

// what names what is being done.
func (e *instance) what(req offset.Request) string {
	names := "no topic"
	if len(req.Scope.Topics) > 0 {
		names = fmt.Sprintf("topic %q", req.Scope.Topics[0])
	}
	return fmt.Sprintf("Reset consumer group %q on %s of ApsaraMQ instance %q", req.Group, names, e.id)
}

// fail turns a call's failure into an error for the person who has to act.
func (e *instance) fail(ctx context.Context, req offset.Request, operation string, err error) *offset.Error {
	failed := &offset.Error{Code: codeOf(err), What: e.what(req) + " (" + operation + ")", State: offset.NothingChanged, Err: err}
	if ctx.Err() != nil && !managed.InDoubt(err) {
		failed.Code = offset.Interrupted
		return failed
	}
	var who *managed.CredentialsError
	var v *managed.VendorError
	errors.As(err, &v)
	switch failed.Code {
	case offset.Unauthorized:
		switch {
		case errors.As(err, &who):
			failed.Next = "Give access_key and secret_key in the provider's section apsaramq, or set up one of the sources named."
		case v != nil && strings.HasPrefix(v.Code, "InvalidTimeStamp"):
			failed.Next = "Set this machine's clock: the service takes requests up to 15 minutes old."
		case v != nil && strings.Contains(v.Code, "SecurityToken"):
			failed.Next = "Get new credentials from STS: a security token is valid for a limited time, and only with the keys that it came with."
		default:
			failed.Next = "Check access_key, secret_key and security_token, and that the RAM policy allows rocketmq:" + operation + "."
		}
	case offset.InstanceMissing:
		failed.Next = "Check instance_id, and that region or endpoint in the provider's section apsaramq are the instance's."
	case offset.GroupMissing:
		failed.Next = "Check consumer_group; the service resets only groups that have been created."
	case offset.TopicMissing:
		failed.Next = "Check topic."
	case offset.Unreachable:
		failed.Next = "Check region or endpoint in the provider's section apsaramq, the proxy variables, ca_cert and the service's status; then apply again."
	}
	return failed
}
