// Package romaconnect is a stand-in for the APIs of ROMA Connect and DMS for
// Kafka: it checks requests and signatures as the services would, holds
// instances, topics, groups and offsets, and fails when told to. It shares no
// code with the client that it tests.
package romaconnect

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// What a new server knows.
const (
	AccessKey = "HWSTANDINACCESSKEY01"
	SecretKey = "standin/Secret+Key=0123456789"
	AuthToken = "MIIstandinTOKEN=="
	ProjectID = "0b2f4e9f7a8d4e1fb2c0d1e2f3a4b5c6"
)

// The operations, by the vendor's names.
const (
	Reset     = "reset-message-offset"
	Groups    = "ListInstanceGroups"      // ROMA Connect
	Topics    = "ListMqsInstanceTopics"   // ROMA Connect
	ShowGroup = "ShowGroup"               // ROMA Connect
	GroupInfo = "ShowGroups"              // DMS
	TopicInfo = "ShowInstanceTopicDetail" // DMS
)

// Server is the stand-in. Its fields URL and CA are what a client needs.
type Server struct {
	*standin.Server
	s *service
}

// Partition is the log of a partition: its first offset, and the time of each
// record from there on.
type Partition struct {
	Start int64
	Times []time.Time
}

// Log returns a partition with offsets from start to end, one record a second
// from the time on.
func Log(start, end int64, from time.Time) Partition {
	p := Partition{Start: start}
	for i := range end - start {
		p.Times = append(p.Times, from.Add(time.Duration(i)*time.Second))
	}
	return p
}

func (p Partition) end() int64 { return p.Start + int64(len(p.Times)) }

// Member is a member of a group.
type Member struct{ ClientID, Host string }

// service implements standin.Service. The server calls it under its lock.
type service struct {
	keys      map[string]standin.Key
	tokens    map[string]bool
	instances map[string]*instance
	requests  int
	inArray   bool
	noShow    bool
	now       func() time.Time
}

type instance struct {
	topics map[string][]Partition
	groups map[string]*group
}

type group struct {
	members []Member
	leaving int                        // looks until the members are gone; 0 means they stay
	offsets map[string]map[int32]int64 // by topic
}

func (g *group) state() string {
	if len(g.members) > 0 {
		return "Stable"
	}
	return "Empty"
}

// New starts a server that knows AccessKey and AuthToken and no instance.
func New(t testing.TB) *Server {
	t.Helper()
	s := &service{
		keys:      map[string]standin.Key{AccessKey: {Secret: SecretKey}},
		tokens:    map[string]bool{AuthToken: true},
		instances: map[string]*instance{}, now: time.Now,
	}
	return &Server{Server: standin.New(t, s), s: s}
}

// AddKey makes an access key known.
func (s *Server) AddKey(id string, key standin.Key) {
	s.Locked(func() { s.s.keys[id] = key })
}

// WithoutShowGroup says whether the gateway is one that does not know ROMA
// Connect's ShowGroup.
func (s *Server) WithoutShowGroup(without bool) {
	s.Locked(func() { s.s.noShow = without })
}

// InArray makes the server wrap ROMA Connect's lists, and the group in an
// answer to ShowGroup, into an array, as the vendor's pages show them.
func (s *Server) InArray() {
	s.Locked(func() { s.s.inArray = true })
}

// AddInstance creates an instance, which both services know.
func (s *Server) AddInstance(id string) {
	s.Locked(func() { s.s.instances[id] = &instance{topics: map[string][]Partition{}, groups: map[string]*group{}} })
}

// AddTopic creates a topic of an instance, or replaces its logs.
func (s *Server) AddTopic(id, topic string, logs ...Partition) {
	s.Locked(func() { s.s.instances[id].topics[topic] = logs })
}

// RemoveTopic deletes a topic.
func (s *Server) RemoveTopic(id, topic string) {
	s.Locked(func() { delete(s.s.instances[id].topics, topic) })
}

// AddGroup creates a group of an instance, with its members.
func (s *Server) AddGroup(id, name string, members ...Member) {
	s.Locked(func() {
		s.s.instances[id].groups[name] = &group{members: members, offsets: map[string]map[int32]int64{}}
	})
}

// LeaveAfter makes a group's members leave after it has been looked at so
// many times more.
func (s *Server) LeaveAfter(id, name string, looks int) {
	s.Locked(func() { s.s.instances[id].groups[name].leaving = looks })
}

// Join adds a member to a group.
func (s *Server) Join(id, name string, m Member) {
	s.Locked(func() { s.s.instances[id].groups[name].members = append(s.s.instances[id].groups[name].members, m) })
}

// Commit puts the group's offsets on a topic.
func (s *Server) Commit(id, name, topic string, offsets map[int32]int64) {
	s.Locked(func() { s.s.instances[id].groups[name].commit(topic, offsets) })
}

func (g *group) commit(topic string, offsets map[int32]int64) {
	if g.offsets[topic] == nil {
		g.offsets[topic] = map[int32]int64{}
	}
	maps.Copy(g.offsets[topic], offsets)
}

// Offsets returns the group's offsets on a topic.
func (s *Server) Offsets(id, name, topic string) map[int32]int64 {
	var found map[int32]int64
	s.Locked(func() {
		if i := s.s.instances[id]; i != nil && i.groups[name] != nil {
			found = maps.Clone(i.groups[name].offsets[topic])
		}
	})
	return found
}

// path is what a request's path says.
type path struct {
	operation, engine, project, instance, group, topic string
}

// read takes a path apart.
func read(method string, segments []string) path {
	s := slices.Clone(segments)
	if len(s) < 3 || s[0] != "v2" || slices.Contains(s, "") {
		return path{}
	}
	s = s[1:]
	var p path
	if method == http.MethodPut {
		p.engine, s = s[0], s[1:]
	}
	p.project, s = s[0], s[1:]
	mqs := len(s) > 0 && s[0] == "mqs"
	if mqs {
		s = s[1:]
	}
	if len(s) < 3 || s[0] != "instances" {
		return path{}
	}
	p.instance, s = s[1], s[2:]
	switch {
	case method == http.MethodPut && len(s) == 3 && s[0] == "groups" && s[2] == Reset && (mqs || p.engine == "kafka"):
		p.operation, p.group = Reset, s[1]
	case method != http.MethodGet:
	case mqs && len(s) == 1 && s[0] == "groups":
		p.operation = Groups
	case mqs && len(s) == 1 && s[0] == "topics":
		p.operation = Topics
	case mqs && len(s) == 3 && s[0] == "management" && s[1] == "groups":
		p.operation, p.group = ShowGroup, s[2]
	case len(s) == 3 && s[0] == "management" && s[1] == "groups":
		p.operation, p.group = GroupInfo, s[2]
	case !mqs && len(s) == 3 && s[0] == "management" && s[1] == "topics":
		p.operation, p.topic = TopicInfo, s[2]
	}
	return p
}

// Route implements standin.Service.
func (s *service) Route(method string, segments []string) string {
	return read(method, segments).operation
}

// Check implements standin.Service.
func (s *service) Check(_ string, r *http.Request, body []byte) *standin.Answer {
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		if r.Header.Get("Authorization") == "" && s.tokens[token] {
			return nil
		}
		a := s.Fail(http.StatusUnauthorized, "APIGW.0301", "Incorrect IAM authentication information: decrypt token fail, "+token)
		return &a
	}
	if fault := Verify(r, body, s.keys, s.now()); fault != "" {
		a := s.Fail(http.StatusUnauthorized, "APIGW.0301", "Incorrect IAM authentication information: "+fault)
		return &a
	}
	return nil
}

// Fail implements standin.Service.
func (s *service) Fail(status int, code, message string) standin.Answer {
	return s.answer(status, standin.JSON(map[string]any{"error_code": code, "error_msg": message}))
}

// Throttled implements standin.Service.
func (s *service) Throttled() standin.Answer {
	return s.Fail(http.StatusTooManyRequests, "APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit,limit:60,time:1 minute")
}

// answer adds what every answer holds.
func (s *service) answer(status int, body string) standin.Answer {
	s.requests++
	return standin.Answer{
		Status: status, Body: body,
		Header: map[string]string{"Content-Type": "application/json", "X-Request-Id": fmt.Sprintf("5a1b7c%026d", s.requests)},
	}
}

// Execute implements standin.Service.
func (s *service) Execute(operation string, segments []string, query map[string]string, body []byte) standin.Answer {
	method := http.MethodGet
	if operation == Reset {
		method = http.MethodPut
	}
	p := read(method, segments)
	i := s.instances[p.instance]
	switch {
	case p.project != ProjectID:
		return s.Fail(http.StatusForbidden, "APIGW.0302", "The project in the path is not the user's.")
	case i == nil:
		return s.Fail(http.StatusNotFound, "DMS.00404022", "This instance does not exist.")
	}
	switch operation {
	case ShowGroup:
		if s.noShow {
			return s.Fail(http.StatusNotFound, "APIGW.0101", "The API does not exist or has not been published in the environment")
		}
	case Groups:
		return s.groups(i, query)
	case Topics:
		return s.topics(i, query)
	case TopicInfo:
		return s.topicInfo(i, p.topic)
	}
	g := i.groups[p.group]
	if g == nil {
		return s.Fail(http.StatusBadRequest, "DMS.111400864", "The consumer group does not exist.")
	}
	switch operation {
	case GroupInfo:
		return s.groupInfo(i, p.group, g, false)
	case ShowGroup:
		return s.groupInfo(i, p.group, g, s.inArray)
	}
	return s.reset(i, g, body)
}

// look counts a look at a group whose members are leaving.
func (g *group) look() {
	if g.leaving > 0 {
		if g.leaving--; g.leaving == 0 {
			g.members = nil
		}
	}
}

// page cuts a list as the services do.
func page[T any](list []T, query map[string]string) ([]T, bool) {
	limit, err := strconv.Atoi(cmp.Or(query["limit"], "10"))
	from, errFrom := strconv.Atoi(cmp.Or(query["offset"], "0"))
	if err != nil || errFrom != nil || limit < 1 || limit > 50 || from < 0 {
		return nil, false
	}
	from = min(from, len(list))
	return list[from:min(from+limit, len(list))], true
}

func (s *service) list(name string, items []map[string]any, query map[string]string) standin.Answer {
	some, ok := page(items, query)
	if !ok {
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "limit or offset is invalid.")
	}
	if some == nil {
		some = []map[string]any{}
	}
	var body any = map[string]any{name: some, "total": len(items), "size": len(some)}
	if s.inArray {
		body = []any{body}
	}
	return s.answer(http.StatusOK, standin.JSON(body))
}

func (s *service) groups(i *instance, query map[string]string) standin.Answer {
	var items []map[string]any
	for _, name := range slices.Sorted(maps.Keys(i.groups)) {
		if !strings.Contains(name, query["group"]) {
			continue
		}
		g := i.groups[name]
		g.look()
		var lag int64
		for topic, offsets := range g.offsets {
			for p, n := range offsets {
				lag += i.topics[topic][p].end() - n
			}
		}
		items = append(items, map[string]any{"group_id": name, "state": g.state(), "lag": lag, "coordinator_id": 1, "createdAt": 1571812144000})
	}
	return s.list("groups", items, query)
}

func (s *service) topics(i *instance, query map[string]string) standin.Answer {
	var items []map[string]any
	for _, name := range slices.Sorted(maps.Keys(i.topics)) {
		if strings.Contains(name, query["name"]) {
			items = append(items, map[string]any{"name": name, "partition": len(i.topics[name]), "replication": 3})
		}
	}
	return s.list("topics", items, query)
}

func (s *service) topicInfo(i *instance, topic string) standin.Answer {
	logs, ok := i.topics[topic]
	if !ok {
		return s.Fail(http.StatusNotFound, "DMS.00404045", "The topic does not exist.")
	}
	list := []map[string]any{}
	for p, log := range logs {
		list = append(list, map[string]any{"partition": p, "leader": 0, "leo": log.end(), "hw": log.end(), "lso": log.Start})
	}
	return s.answer(http.StatusOK, standin.JSON(map[string]any{"topic": topic, "partitions": list}))
}

func (s *service) groupInfo(i *instance, name string, g *group, inArray bool) standin.Answer {
	g.look()
	members := []map[string]any{}
	for n, m := range g.members {
		members = append(members, map[string]any{"member_id": fmt.Sprintf("%s-%d", m.ClientID, n), "client_id": m.ClientID, "host": m.Host,
			"assignment": []map[string]any{{"topic": "t", "partitions": []int{n}}}})
	}
	offsets := []map[string]any{}
	for _, topic := range slices.Sorted(maps.Keys(g.offsets)) {
		for _, p := range slices.Sorted(maps.Keys(g.offsets[topic])) {
			end := int64(0)
			if logs := i.topics[topic]; int(p) < len(logs) {
				end = logs[p].end()
			}
			n := g.offsets[topic][p]
			offsets = append(offsets, map[string]any{"partition": p, "topic": topic, "lag": end - n, "message_current_offset": n, "message_log_end_offset": end})
		}
	}
	var told any = map[string]any{
		"group_id": name, "state": g.state(), "coordinator_id": 1, "members": members, "group_message_offsets": offsets, "assignment_strategy": "range",
	}
	if inArray {
		told = []any{told}
	}
	return s.answer(http.StatusOK, standin.JSON(map[string]any{"group": told}))
}

// reset does what reset-message-offset asks for, and moves a target outside
// of the log to its start or end, as the vendor's page says.
func (s *service) reset(i *instance, g *group, body []byte) standin.Answer {
	var b struct {
		Topic     *string `json:"topic"`
		Partition *int32  `json:"partition"`
		Offset    *int64  `json:"message_offset"`
		Timestamp *int64  `json:"timestamp"`
	}
	if err := standin.Strictly(body, &b); err != nil {
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "The body is not what the API describes: "+err.Error())
	}
	switch {
	case b.Topic == nil:
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "topic is mandatory.")
	case b.Partition == nil: // optional for the service; a client that always sends it depends on no default
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "partition is not sent.")
	case (b.Offset == nil) == (b.Timestamp == nil):
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "Either message_offset or timestamp must be specified.")
	}
	logs, ok := i.topics[*b.Topic]
	switch {
	case !ok:
		return s.Fail(http.StatusBadRequest, "DMS.00404045", "The topic does not exist.")
	case *b.Partition < -1 || int(*b.Partition) >= len(logs):
		return s.Fail(http.StatusBadRequest, "DMS.00400002", "The topic has no such partition.")
	case len(g.members) > 0:
		return s.Fail(http.StatusBadRequest, "DMS.00400975", "The consumer group is online.")
	}
	for p, log := range logs {
		if *b.Partition != -1 && int(*b.Partition) != p {
			continue
		}
		var n int64
		if b.Offset != nil {
			n = min(max(*b.Offset, log.Start), log.end())
		} else {
			first, _ := slices.BinarySearchFunc(log.Times, *b.Timestamp, func(t time.Time, ms int64) int { return cmp.Compare(t.UnixMilli(), ms) })
			n = log.Start + int64(first)
		}
		g.commit(*b.Topic, map[int32]int64{int32(p): n}) //nolint:gosec // the index of a short list
	}
	return standin.Answer{Status: http.StatusNoContent, Header: map[string]string{"X-Request-Id": fmt.Sprintf("5a1b7c%026d", s.requests)}}
}
