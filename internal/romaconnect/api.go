package romaconnect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// The operations, by the vendor's names.
const (
	opReset  = "reset-message-offset"
	opGroups = "ListInstanceGroups"    // ROMA Connect
	opTopics = "ListMqsInstanceTopics" // ROMA Connect
	opShow   = "ShowGroup"             // ROMA Connect
	opGroup  = "ShowGroups"            // DMS
	opTopic  = "ShowInstanceTopicDetail"
)

// pageSize is the most that the list calls give at once.
const pageSize = 50

// maxPages ends a list that never ends.
const maxPages = 400

// resetBody is the body of reset-message-offset, the same for both services.
// Exactly one of MessageOffset and Timestamp is set; 0 is a legal value of
// both. Partition is always sent, -1 meaning all.
type resetBody struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	MessageOffset *int64 `json:"message_offset,omitempty"`
	Timestamp     *int64 `json:"timestamp,omitempty"` // milliseconds since 1970
}

// failureBody is how the services, and the gateway before them, tell a
// failure.
type failureBody struct {
	Code      managed.Scalar `json:"error_code"`
	Message   managed.Scalar `json:"error_msg"`
	RequestID managed.Scalar `json:"request_id"`
	Error     struct {
		Code    managed.Scalar `json:"code"`
		Message managed.Scalar `json:"message"`
	} `json:"error"` // IAM
}

// get reads something: the answer must be HTTP 200 with JSON. The error is a
// *managed.Failure.
func (c *Client) get(ctx context.Context, operation string, path []string, query [][2]string, data any) error {
	_, err := c.call(ctx, operation, http.MethodGet, path, query, nil, data, false)
	return err
}

// call sends one call. If data is not nil, the answer must be HTTP 200 with
// JSON, else HTTP 204. Once tells that doing it twice is not the same. It
// returns the request's id; the error is a *managed.Failure.
func (c *Client) call(ctx context.Context, operation, method string, path []string, query [][2]string, body, data any, once bool) (string, error) {
	u, err := managed.Address(c.base, path, query)
	if err != nil {
		return "", &managed.Failure{Err: err}
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}
	var raw []byte
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return "", &managed.Failure{Err: err}
		}
	}
	answer, err := c.http.Do(ctx, managed.Call{
		Name: operation, Method: method, URL: u, Header: header, Body: raw, Write: method != http.MethodGet, Once: once,
		Sign: c.authenticate,
		Judge: func(a managed.Answer) (managed.Verdict, error) {
			verdict, err := judge(a, data == nil)
			if err == nil && data != nil {
				if err = decode(a.Body, data); err != nil {
					return managed.Refused, &managed.VendorError{Status: a.Status, Message: err.Error(), RequestID: requestID(a.Header, "")}
				}
			}
			return verdict, err
		},
	})
	return managed.RequestID(answer.Header), err
}

// authenticate adds the token, or the signature.
func (c *Client) authenticate(ctx context.Context, r *http.Request, body []byte) error {
	if c.token != "" {
		r.Header.Set("X-Auth-Token", c.token)
		return nil
	}
	who, err := c.credentials(ctx)
	if err != nil {
		return &managed.CredentialsError{Err: err}
	}
	c.http.Redactor.Add(who.SecretKey, who.SecurityToken)
	r.Header.Set("X-Project-Id", c.project)
	sign(r, body, who, c.clock.Now())
	return nil
}

// judge says what an answer means. A reset is done by HTTP 204 and by nothing
// else: a page of a proxy comes with 200.
func judge(a managed.Answer, empty bool) (managed.Verdict, error) {
	switch {
	case empty && a.Status == http.StatusNoContent, !empty && a.Status == http.StatusOK:
		return managed.Done, nil
	case a.Status/100 == 2:
		want := http.StatusOK
		if empty {
			want = http.StatusNoContent
		}
		err := vendorError(a)
		if err.Code == "" {
			err.Message = fmt.Sprintf("the service answered HTTP %d where HTTP %d means success", a.Status, want)
		}
		return managed.Doubt, err
	}
	err := vendorError(a)
	switch {
	case a.Status == http.StatusTooManyRequests, throttled(err.Code):
		return managed.Later, err
	case a.Status >= 500:
		return managed.Doubt, err
	default:
		return managed.Refused, err
	}
}

// throttled tells whether the gateway refused a call because there were too
// many.
func throttled(code string) bool {
	return strings.HasPrefix(code, "APIG") && strings.HasSuffix(code, ".0308")
}

// vendorError takes from an answer whatever it says about its failure.
func vendorError(a managed.Answer) *managed.VendorError {
	e := &managed.VendorError{Status: a.Status}
	var body failureBody
	text := bytes.TrimSpace(a.Body)
	if err := json.Unmarshal(text, &body); err == nil && len(text) > 0 && text[0] == '{' {
		e.Code, e.Message = body.Code.String(), body.Message.String()
		if e.Code == "" && e.Message == "" {
			e.Code, e.Message = body.Error.Code.String(), body.Error.Message.String()
		}
	} else if len(text) > 0 {
		e.Message = fmt.Sprintf("the answer is not the API's JSON but %d bytes: %q", len(a.Body), managed.Clean(string(text[:min(len(text), 400)]), 100))
	}
	e.Code, e.Message = managed.Clean(e.Code, 100), managed.Clean(e.Message, 500)
	e.RequestID = requestID(a.Header, body.RequestID.String())
	return e
}

// requestID returns what the vendor's support asks for.
func requestID(h http.Header, fromBody string) string {
	if id := managed.RequestID(h); id != "" {
		return id
	}
	return managed.Clean(fromBody, 100)
}

// decode reads an answer. The vendor's page shows the lists of ROMA Connect
// inside of an array, its SDKs take them without; both are read.
func decode(raw []byte, data any) error {
	text := bytes.TrimSpace(raw)
	if len(text) > 0 && text[0] == '[' {
		var items []json.RawMessage
		if err := json.Unmarshal(text, &items); err != nil {
			return errors.New("the answer is not the API's JSON")
		}
		if len(items) == 0 {
			return nil
		}
		text = items[0]
	}
	if len(text) == 0 || text[0] != '{' {
		return fmt.Errorf("the answer is not the API's JSON but %d bytes: %q", len(raw), managed.Clean(string(text[:min(len(text), 400)]), 100))
	}
	if err := json.Unmarshal(text, data); err != nil {
		return errors.New("the answer has another form than the API's")
	}
	return nil
}

// groupList is what ROMA Connect tells of groups.
type groupList struct {
	Groups []struct {
		ID    managed.Scalar `json:"group_id"`
		State managed.Scalar `json:"state"`
		Lag   managed.Scalar `json:"lag"`
	} `json:"groups"`
	Total managed.Scalar `json:"total"`
}

// topicList is what ROMA Connect tells of topics.
type topicList struct {
	Topics []struct {
		Name       managed.Scalar `json:"name"`
		Partitions managed.Scalar `json:"partition"`
	} `json:"topics"`
	Total managed.Scalar `json:"total"`
}

// groupDetail is what ShowGroup (ROMA Connect) and ShowGroups (DMS) tell of a
// group. One table of ROMA Connect's page shows the group inside of an array.
type groupDetail struct {
	Group *oneOf[struct {
		ID      managed.Scalar `json:"group_id"`
		State   managed.Scalar `json:"state"`
		Members []struct {
			Host       managed.Scalar `json:"host"`
			MemberID   managed.Scalar `json:"member_id"`
			ClientID   managed.Scalar `json:"client_id"`
			Assignment []struct {
				Topic      managed.Scalar   `json:"topic"`
				Partitions []managed.Scalar `json:"partitions"`
			} `json:"assignment"`
		} `json:"members"`
		Offsets []struct {
			Partition managed.Scalar `json:"partition"`
			Topic     managed.Scalar `json:"topic"`
			Lag       managed.Scalar `json:"lag"`
			Current   managed.Scalar `json:"message_current_offset"`
			LogEnd    managed.Scalar `json:"message_log_end_offset"`
		} `json:"group_message_offsets"`
	}] `json:"group"`
}

// oneOf is an object, or the first of an array of them.
type oneOf[T any] struct{ it *T }

func (o *oneOf[T]) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '[' {
		return json.Unmarshal(text, &o.it)
	}
	var items []T
	if err := json.Unmarshal(text, &items); err != nil || len(items) == 0 {
		return err
	}
	o.it = &items[0]
	return nil
}

// topicDetail is what DMS tells of a topic. Its "lso" is the log's start, not
// Kafka's last stable offset.
type topicDetail struct {
	Partitions []struct {
		Partition     managed.Scalar `json:"partition"`
		LogEnd        managed.Scalar `json:"leo"`
		HighWatermark managed.Scalar `json:"hw"`
		LogStart      managed.Scalar `json:"lso"`
	} `json:"partitions"`
}

// status is what is known of a group.
type status struct {
	state   string
	members []offset.Member
	exact   bool           // offsets and ends are told; else only the list of groups was to be had
	lag     managed.Scalar // over all its topics, from the list
	offsets map[int32]int64
	ends    map[int32]int64
	barred  string // the call that this key may not make, so that nothing is known
}

// idle tells whether the group has no members, as far as is known. Where the
// service does not tell, it is the one that refuses a group online.
func (s status) idle() bool { return s.barred != "" || inactive(s.state) }

// groupStatus asks for the group and its offsets on the topic, or finds it in
// the list where there is no such call: ROMA Connect's pages know it, and not
// every gateway does.
func (e *instance) groupStatus(ctx context.Context, group, topic string) (status, error) {
	if e.client.service == DMS {
		s, err := e.showGroup(ctx, opGroup, []string{"v2", e.client.project, "instances", e.id, "management", "groups", group}, topic)
		if managed.Barred(err) {
			return status{barred: opGroup}, nil
		}
		return s, err
	}
	if !e.listed.Load() {
		s, err := e.showGroup(ctx, opShow, []string{"v2", e.client.project, "mqs", "instances", e.id, "management", "groups", group}, topic)
		var v *managed.VendorError
		if err == nil {
			e.shown.Store(true)
		}
		if err == nil || !errors.As(err, &v) || v.Status != http.StatusForbidden && v.Status != http.StatusNotFound {
			return s, err
		}
		// A group that is missing may be told so, too: the list knows.
		if managed.Barred(err) && !e.shown.Load() {
			e.listed.Store(true)
		}
	}
	s, err := e.romaGroup(ctx, group)
	if managed.Barred(err) {
		return status{barred: opShow + " or " + opGroups}, nil
	}
	return s, err
}

// romaGroup looks for the group in the list, whose filter takes every name
// that contains the group's.
func (e *instance) romaGroup(ctx context.Context, group string) (status, error) {
	c := e.client
	path := []string{"v2", c.project, "mqs", "instances", e.id, "groups"}
	for page := range maxPages {
		var list groupList
		query := [][2]string{{"group", group}, {"limit", strconv.Itoa(pageSize)}, {"offset", strconv.Itoa(page * pageSize)}}
		if err := c.get(ctx, opGroups, path, query, &list); err != nil {
			return status{}, err
		}
		for _, g := range list.Groups {
			if g.ID.String() == group {
				return status{state: g.State.String(), lag: g.Lag}, nil
			}
		}
		if len(list.Groups) < pageSize {
			break
		}
	}
	return status{}, &managed.Failure{Err: &missingError{group: true}}
}

// showGroup asks for one group.
func (e *instance) showGroup(ctx context.Context, operation string, path []string, topic string) (status, error) {
	var d groupDetail
	if err := e.client.get(ctx, operation, path, nil, &d); err != nil {
		return status{}, err
	}
	if d.Group == nil || d.Group.it == nil {
		return status{}, &managed.Failure{Err: &missingError{group: true}}
	}
	group := d.Group.it
	s := status{state: group.State.String(), exact: true, offsets: map[int32]int64{}, ends: map[int32]int64{}}
	for _, m := range group.Members {
		member := offset.Member{ID: m.MemberID.String(), ClientID: m.ClientID.String(), Host: m.Host.String()}
		for _, a := range m.Assignment {
			for _, p := range a.Partitions {
				if n, ok := partition(p); ok {
					if member.Assignment == nil {
						member.Assignment = map[string][]int32{}
					}
					member.Assignment[a.Topic.String()] = append(member.Assignment[a.Topic.String()], n)
				}
			}
		}
		s.members = append(s.members, member)
	}
	for _, o := range group.Offsets {
		p, ok := partition(o.Partition)
		if !ok || o.Topic.String() != topic {
			continue
		}
		if n, ok := o.Current.Int(); ok && n >= 0 {
			s.offsets[p] = n
		}
		if n, ok := o.LogEnd.Int(); ok && n >= 0 {
			s.ends[p] = n
		}
	}
	return s, nil
}

// bounds are a partition's first offset and the one after its last; None
// where unknown.
type bounds struct{ start, end int64 }

// topicBounds returns the topic's partitions. ROMA Connect tells only their
// number.
func (e *instance) topicBounds(ctx context.Context, topic string) (map[int32]bounds, error) {
	if e.client.service == DMS {
		return e.dmsTopic(ctx, topic)
	}
	return e.romaTopic(ctx, topic)
}

func (e *instance) romaTopic(ctx context.Context, topic string) (map[int32]bounds, error) {
	c := e.client
	path := []string{"v2", c.project, "mqs", "instances", e.id, "topics"}
	for page := range maxPages {
		var list topicList
		query := [][2]string{{"limit", strconv.Itoa(pageSize)}, {"name", topic}, {"offset", strconv.Itoa(page * pageSize)}}
		if err := c.get(ctx, opTopics, path, query, &list); err != nil {
			return nil, err
		}
		for _, t := range list.Topics {
			if t.Name.String() != topic {
				continue
			}
			n, ok := t.Partitions.Int()
			if !ok || n < 1 || n > 1<<20 {
				return nil, nil // the number is not known; the service checks it
			}
			found := make(map[int32]bounds, n)
			for p := range int32(n) { //nolint:gosec // checked above
				found[p] = bounds{offset.None, offset.None}
			}
			return found, nil
		}
		if len(list.Topics) < pageSize {
			break
		}
	}
	return nil, &managed.Failure{Err: &missingError{}}
}

func (e *instance) dmsTopic(ctx context.Context, topic string) (map[int32]bounds, error) {
	c := e.client
	var d topicDetail
	path := []string{"v2", c.project, "instances", e.id, "management", "topics", topic}
	if err := c.get(ctx, opTopic, path, nil, &d); err != nil {
		return nil, err
	}
	found := make(map[int32]bounds, len(d.Partitions))
	for _, p := range d.Partitions {
		n, ok := partition(p.Partition)
		if !ok {
			continue
		}
		b := bounds{offset.None, offset.None}
		if v, ok := p.LogStart.Int(); ok && v >= 0 {
			b.start = v
		}
		if v, ok := p.HighWatermark.Int(); ok && v >= 0 {
			b.end = v
		} else if v, ok := p.LogEnd.Int(); ok && v >= 0 {
			b.end = v
		}
		found[n] = b
	}
	return found, nil
}

// order is one call of reset-message-offset.
type order struct {
	partition int32 // offset.AllPartitions for all
	offset    int64 // None if it is a time
	millis    int64
	// once tells that it leads, or may lead, to the log's end as of then:
	// executed twice, it would skip what has come in between. All else has the
	// same effect.
	once bool
}

// reset sends one order and returns its request's id.
func (e *instance) reset(ctx context.Context, group, topic string, o order) (string, error) {
	c := e.client
	body := resetBody{Topic: topic, Partition: o.partition}
	if o.offset >= 0 {
		body.MessageOffset = &o.offset
	} else {
		body.Timestamp = &o.millis
	}
	path := []string{"v2", c.engine, c.project, "mqs", "instances", e.id, "groups", group, opReset}
	if c.service == DMS {
		path = []string{"v2", DefaultEngine, c.project, "instances", e.id, "groups", group, opReset}
	}
	return c.call(ctx, opReset, http.MethodPut, path, nil, body, nil, o.once)
}

// missingError tells that a list does not hold what was looked for.
type missingError struct{ group bool }

func (e *missingError) Error() string {
	if e.group {
		return "the instance has no such group"
	}
	return "the instance has no such topic"
}

// partition returns a partition's number.
func partition(s managed.Scalar) (int32, bool) {
	n, ok := s.Int()
	if !ok || n < 0 || n > 1<<31-1 {
		return 0, false
	}
	return int32(n), true
}

// codeOf sorts the vendor's codes into the kinds of trouble that all engines
// share.
func codeOf(operation string, err error) offset.Code {
	var who *managed.CredentialsError
	var missing *missingError
	var v *managed.VendorError
	switch {
	case errors.As(err, &who):
		return offset.Unauthorized
	case errors.As(err, &missing) && missing.group:
		return offset.GroupMissing
	case missing != nil:
		return offset.TopicMissing
	case !errors.As(err, &v):
		return offset.Unreachable
	}
	switch {
	case v.Code == "DMS.111400864":
		return offset.GroupMissing
	case v.Code == "DMS.00404022":
		return offset.InstanceMissing
	case v.Status == http.StatusUnauthorized, v.Status == http.StatusForbidden, v.Code == "DMS.10240101",
		strings.HasPrefix(v.Code, "APIG") && (strings.HasSuffix(v.Code, ".0301") || strings.HasSuffix(v.Code, ".0302")):
		return offset.Unauthorized
	case v.Status == http.StatusNotFound && operation == opTopic:
		return offset.TopicMissing
	case v.Status == http.StatusNotFound && (operation == opGroup || operation == opShow):
		return offset.GroupMissing
	case v.Status == http.StatusNotFound && (operation == opGroups || operation == opTopics):
		return offset.InstanceMissing
	case v.Status >= 500:
		return offset.Unreachable
	default:
		return offset.Failed
	}
}
