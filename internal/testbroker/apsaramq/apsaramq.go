// Package apsaramq is a stand-in for ApsaraMQ for RocketMQ's API of version
// 2022-08-01: it checks requests and signatures as the service would, holds
// instances, topics, groups and queue offsets, and fails when told to. It
// shares no code with the client that it tests.
package apsaramq

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// The access key that a new server knows.
const (
	AccessKey = "LTAIstandinkey"
	SecretKey = "standin/secret+key=0123456789"
)

// The operations, by the vendor's names.
const (
	ResetConsumeOffset      = "ResetConsumeOffset"
	GetConsumerGroup        = "GetConsumerGroup"
	GetTopic                = "GetTopic"
	ListConsumerConnections = "ListConsumerConnections"
	GetConsumeTimespan      = "GetConsumeTimespan"
	GetConsumerGroupLag     = "GetConsumerGroupLag"
)

// Server is the stand-in. Its fields URL and CA are what a client needs.
type Server struct {
	*standin.Server
	s *service
}

// Group is a consumer group.
type Group struct {
	Model   string   // CLUSTERING if empty
	Clients []string // the ids of the clients that are online
}

// service implements standin.Service. The server calls it under its lock.
type service struct {
	keys      map[string]standin.Key
	nonces    map[string]bool
	instances map[string]*instance
	requests  int
	now       func() time.Time
}

type instance struct {
	topics map[string][][]int64 // the messages' times by queue, in ms
	groups map[string]*group
}

type group struct {
	Group
	offsets map[string][]int64 // by topic, then queue
}

// New starts a server that knows AccessKey and no instance.
func New(t testing.TB) *Server {
	t.Helper()
	s := &service{
		keys:   map[string]standin.Key{AccessKey: {Secret: SecretKey}},
		nonces: map[string]bool{}, instances: map[string]*instance{}, now: time.Now,
	}
	return &Server{Server: standin.New(t, s), s: s}
}

// locked runs f while no request is being executed.
func (s *Server) locked(f func()) { s.Locked(f) }

// AddKey makes an access key known.
func (s *Server) AddKey(id string, key standin.Key) {
	s.locked(func() { s.s.keys[id] = key })
}

// AddInstance creates an instance.
func (s *Server) AddInstance(id string) {
	s.locked(func() { s.s.instances[id] = &instance{topics: map[string][][]int64{}, groups: map[string]*group{}} })
}

// AddTopic creates a topic of an instance, with the times of its messages by
// queue.
func (s *Server) AddTopic(id, topic string, queues ...[]time.Time) {
	s.locked(func() {
		messages := make([][]int64, len(queues))
		for i, times := range queues {
			for _, at := range times {
				messages[i] = append(messages[i], at.UnixMilli())
			}
			slices.Sort(messages[i])
		}
		s.s.instances[id].topics[topic] = messages
	})
}

// AddGroup creates a group of an instance.
func (s *Server) AddGroup(id, name string, g Group) {
	s.locked(func() { s.s.instances[id].groups[name] = &group{Group: g, offsets: map[string][]int64{}} })
}

// Consume puts the group's offsets on a topic, one a queue.
func (s *Server) Consume(id, name, topic string, offsets ...int64) {
	s.locked(func() { s.s.instances[id].groups[name].offsets[topic] = slices.Clone(offsets) })
}

// Offsets returns the group's offsets on a topic, one a queue; nil if it has
// none.
func (s *Server) Offsets(id, name, topic string) []int64 {
	var found []int64
	s.locked(func() {
		if i := s.s.instances[id]; i != nil && i.groups[name] != nil {
			found = slices.Clone(i.groups[name].offsets[topic])
		}
	})
	return found
}

// Route implements standin.Service.
func (s *service) Route(method string, segments []string) string {
	at := func(i int) string {
		if i < len(segments) {
			return segments[i]
		}
		return ""
	}
	if at(0) != "instances" || slices.Contains(segments, "") {
		return ""
	}
	switch n := len(segments); {
	case method == http.MethodPatch && n == 6 && at(2) == "consumerGroups" && at(4) == "consumeOffsets":
		return ResetConsumeOffset
	case method != http.MethodGet:
		return ""
	case n == 4 && at(2) == "consumerGroups":
		return GetConsumerGroup
	case n == 4 && at(2) == "topics":
		return GetTopic
	case n == 5 && at(2) == "consumerGroups" && at(4) == "connections":
		return ListConsumerConnections
	case n == 6 && at(2) == "consumerGroups" && at(4) == "consumeTimespan":
		return GetConsumeTimespan
	case n == 5 && at(2) == "consumerGroups" && at(4) == "lag":
		return GetConsumerGroupLag
	}
	return ""
}

// Check implements standin.Service.
func (s *service) Check(operation string, r *http.Request, body []byte) *standin.Answer {
	refuse := func(status int, code, message string) *standin.Answer {
		a := s.Fail(status, code, message)
		return &a
	}
	if fault := Verify(r, body, s.keys, s.now()); fault != nil {
		return refuse(fault.Status, fault.Code, fault.Message)
	}
	nonce := r.Header.Get("x-acs-signature-nonce")
	if s.nonces[nonce] {
		return refuse(http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	s.nonces[nonce] = true
	_, query, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case r.Header.Get("x-acs-action") != operation:
		return refuse(http.StatusNotFound, "InvalidAction.NotFound", "The header x-acs-action does not name "+operation+".")
	case r.Header.Get("x-acs-version") != "2022-08-01":
		return refuse(http.StatusBadRequest, "InvalidVersion", "The header x-acs-version names an unknown version.")
	case r.Method == http.MethodGet && len(body) > 0:
		return refuse(http.StatusBadRequest, "InvalidParameter", "A GET has no body.")
	case operation != GetConsumerGroupLag && query != "":
		return refuse(http.StatusBadRequest, "InvalidParameter", operation+" has no query.")
	case operation == ResetConsumeOffset && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return refuse(http.StatusUnsupportedMediaType, "UnsupportedContentType", "The body is JSON.")
	}
	return nil
}

// Fail implements standin.Service.
func (s *service) Fail(status int, code, message string) standin.Answer {
	s.requests++
	return s.answer(status, map[string]any{
		"success": false, "code": code, "message": message, "httpStatusCode": status,
		"dynamicCode": dynamicCode(code), "dynamicMessage": strings.ToLower(dynamicCode(code)),
	})
}

// dynamicCode is the parameter that a code speaks of.
func dynamicCode(code string) string {
	if name, _, found := strings.Cut(code, ".NotFound"); found {
		return name + "Id"
	}
	return ""
}

// Throttled implements standin.Service.
func (s *service) Throttled() standin.Answer {
	return s.Fail(http.StatusTooManyRequests, "Throttling.User", "Request was denied due to user flow control.")
}

// answer adds what every answer holds.
func (s *service) answer(status int, fields map[string]any) standin.Answer {
	s.requests++
	id := fmt.Sprintf("F9A95891-EAD4-5A2B-8A30-%012d", s.requests)
	fields["requestId"] = id
	return standin.Answer{
		Status: status, Body: standin.JSON(fields),
		Header: map[string]string{"Content-Type": "application/json;charset=utf-8", "x-acs-request-id": id},
	}
}

func (s *service) ok(data any) standin.Answer {
	fields := map[string]any{"success": true, "code": "200", "message": "", "httpStatusCode": 200, "dynamicCode": "", "dynamicMessage": ""}
	if data != nil {
		fields["data"] = data
	}
	return s.answer(http.StatusOK, fields)
}

// Execute implements standin.Service.
func (s *service) Execute(operation string, segments []string, query map[string]string, body []byte) standin.Answer {
	i := s.instances[segments[1]]
	if i == nil {
		return s.Fail(http.StatusNotFound, "Instance.NotFound", "The instance cannot be found.")
	}
	topicName := ""
	switch operation {
	case GetTopic:
		topicName = segments[3]
	case ResetConsumeOffset, GetConsumeTimespan:
		topicName = segments[5]
	case GetConsumerGroupLag:
		topicName = query["topicName"]
	}
	var g *group
	if operation != GetTopic {
		if g = i.groups[segments[3]]; g == nil {
			return s.Fail(http.StatusNotFound, "ConsumerGroup.NotFound", "The consumer group cannot be found.")
		}
	}
	queues, exists := i.topics[topicName]
	if topicName != "" && !exists {
		return s.Fail(http.StatusNotFound, "Topic.NotFound", "The topic cannot be found.")
	}
	switch operation {
	case GetConsumerGroup:
		return s.ok(map[string]any{"instanceId": segments[1], "consumerGroupId": segments[3], "status": "RUNNING", "deliveryOrderType": "Concurrently"})
	case GetTopic:
		return s.ok(map[string]any{"instanceId": segments[1], "topicName": topicName, "status": "RUNNING", "messageType": "NORMAL"})
	case ListConsumerConnections:
		return s.ok(map[string]any{"connections": g.connections()})
	case GetConsumeTimespan:
		return s.ok(g.timespan(topicName, queues))
	case GetConsumerGroupLag:
		return s.ok(g.lag(topicName, queues))
	default:
		return s.reset(g, topicName, queues, body)
	}
}

func (g *group) connections() []map[string]any {
	model := g.Model
	if model == "" {
		model = "CLUSTERING"
	}
	list := []map[string]any{}
	for _, id := range g.Clients {
		list = append(list, map[string]any{"clientId": id, "egressIp": "192.0.2.7", "hostname": "app-1", "language": "JAVA", "version": "V5_0_0", "messageModel": model})
	}
	return list
}

func (g *group) timespan(topic string, queues [][]int64) map[string]any {
	var oldest, newest, consumed int64
	for q, messages := range queues {
		if len(messages) == 0 {
			continue
		}
		if oldest == 0 || messages[0] < oldest {
			oldest = messages[0]
		}
		newest = max(newest, messages[len(messages)-1])
		if offsets := g.offsets[topic]; q < len(offsets) && offsets[q] > 0 {
			consumed = max(consumed, messages[min(int(offsets[q]), len(messages))-1])
		}
	}
	return map[string]any{"topicName": topic, "minTimestamp": oldest, "maxTimestamp": newest, "consumeTimestamp": consumed}
}

func (g *group) lag(topic string, queues [][]int64) map[string]any {
	var ready int64
	for q, messages := range queues {
		ready += int64(len(messages))
		if offsets := g.offsets[topic]; q < len(offsets) {
			ready -= offsets[q]
		}
	}
	l := map[string]any{"readyCount": ready, "inflightCount": 0, "deliveryDuration": 0, "lastConsumeTimestamp": 0}
	return map[string]any{"totalLag": l, "topicLagMap": map[string]any{topic: l}}
}

// reset does what ResetConsumeOffset asks for. A time outside of the stored
// messages is refused: what the service does then is not documented, and no
// client should find out.
func (s *service) reset(g *group, topic string, queues [][]int64, body []byte) standin.Answer {
	var b struct {
		ResetType *string `json:"resetType"`
		ResetTime *string `json:"resetTime"`
	}
	if err := standin.Strictly(body, &b); err != nil {
		return s.Fail(http.StatusBadRequest, "InvalidParameter", "The body is not what the API describes: "+err.Error())
	}
	if g.Model == "BROADCASTING" {
		return s.Fail(http.StatusBadRequest, "ConsumerGroup.Broadcasting", "Broadcasting groups cannot be reset.")
	}
	offsets := make([]int64, len(queues))
	switch {
	case b.ResetType == nil:
		return s.Fail(http.StatusBadRequest, "MissingResetType", "resetType is mandatory for this action.")
	case *b.ResetType == "LATEST_OFFSET" && b.ResetTime == nil:
		for q, messages := range queues {
			offsets[q] = int64(len(messages))
		}
	case *b.ResetType == "SPECIFIED_TIME" && b.ResetTime != nil:
		at, err := time.ParseInLocation("2006-01-02 15:04:05", *b.ResetTime, time.FixedZone("", 8*3600))
		if err != nil || len(*b.ResetTime) != 19 {
			return s.Fail(http.StatusBadRequest, "InvalidResetTime", "resetTime is yyyy-MM-dd HH:mm:ss.")
		}
		span := g.timespan(topic, queues)
		if ms := at.UnixMilli(); ms < span["minTimestamp"].(int64) || ms > span["maxTimestamp"].(int64) {
			return s.Fail(http.StatusBadRequest, "InvalidResetTime", "resetTime is outside of the stored messages.")
		}
		for q, messages := range queues {
			n, _ := slices.BinarySearch(messages, at.UnixMilli())
			offsets[q] = int64(n)
		}
	default:
		return s.Fail(http.StatusBadRequest, "InvalidResetType", "resetType and resetTime do not belong together.")
	}
	g.offsets[topic] = offsets
	return s.ok(nil)
}
