package soak

import (
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// kafkaEpisode is an episode on Kafka.
type kafkaEpisode struct {
	Topics []kafkaTopic `json:"topics"`
	Groups []kafkaGroup `json:"groups"`
	Steps  []kafkaStep  `json:"steps"`
}

// kafkaTopic is a topic with its partitions: how many records each gets, an
// hour apart, and up to where they are deleted again.
type kafkaTopic struct {
	Records []int   `json:"records"`
	Trimmed []place `json:"trimmed"`
}

// kafkaGroup is a group and what it has committed, by topic and partition.
type kafkaGroup struct {
	Protocol string          `json:"protocol"` // of its members: classic, consumer, share or streams
	Commits  [][]kafkaCommit `json:"commits"`  // none for a group that does not exist yet
}

type kafkaCommit struct {
	place

	Metadata string `json:"metadata,omitempty"`
}

// kafkaStep is one step. Which fields count depends on Do.
type kafkaStep struct {
	Do        string        `json:"do"`
	Resource  int           `json:"resource,omitempty"` // reset, destroy, terraform: of the episode's resets
	Group     int           `json:"group,omitempty"`    // join, leave, commit, pend
	Topic     int           `json:"topic,omitempty"`    // produce, trim, grow, begin, commit
	Partition int32         `json:"partition,omitempty"`
	N         int           `json:"n,omitempty"` // how many records or partitions
	Commit    kafkaCommit   `json:"commit"`      // commit, trim
	Aborts    bool          `json:"aborts,omitempty"`
	Commits   bool          `json:"commits,omitempty"` // join: what it consumes
	Pending   bool          `json:"pending,omitempty"` // begin: with offsets of the group in the transaction
	OnDestroy string        `json:"on_destroy,omitempty"`
	Request   *kafkaRequest `json:"request,omitempty"`
	Previewed bool          `json:"previewed,omitempty"` // a preview goes before, as a plan's
	Fault     *kafkaFault   `json:"fault,omitempty"`
	// Then is what is done if a reset fails half-way: resume, disturb (the
	// landed partitions are consumed before the resume), replace (as Terraform
	// does with what is tainted), leave.
	Then string `json:"then,omitempty"`
}

// kafkaRequest is what a reset is to do.
type kafkaRequest struct {
	Group     int     `json:"group"`
	Mistaken  string  `json:"mistaken,omitempty"` // the type that it is taken for, which it is not of
	Scope     string  `json:"scope"`
	Topics    []int   `json:"topics,omitempty"`     // topic (the first), topics, offsets
	Some      []int   `json:"partitions,omitempty"` // partitions: those of the first topic
	Target    string  `json:"target"`
	Place     place   `json:"place"`            // offset: of the first partition in scope
	Places    []place `json:"places,omitempty"` // offsets: of partition after partition; nowhere leaves it out
	Hour      int     `json:"hour,omitempty"`   // time, lookback: so many hours after the time of the first record, and a half
	Shift     int64   `json:"shift,omitempty"`
	Source    int     `json:"source,omitempty"` // group: whose offsets are taken
	Refuses   bool    `json:"refuses,omitempty"`
	Committed bool    `json:"read_committed,omitempty"`
	Replayed  limit   `json:"max_replayed,omitempty"`
	Skipped   limit   `json:"max_skipped,omitempty"`
	New       bool    `json:"allow_new_group,omitempty"`
	Leave     bool    `json:"leave,omitempty"` // it waits, and the group's members leave meanwhile
}

// kafkaFault is what goes wrong during a step.
type kafkaFault struct {
	Kind string `json:"kind"`
	Node string `json:"node,omitempty"` // coordinator, leader, other
	At   string `json:"at"`             // before the step, or with a request of the engine
	Nth  int    `json:"nth,omitempty"`  // of such requests, counted from 0
}

var (
	protocols = []string{"classic", "consumer", "share", "streams"}
	scopes    = []string{"topic", "partitions", "topics", "all", "offsets"}
	targets   = []string{"earliest", "latest", "current", "offset", "time", "lookback", "shift", "group", "offsets", "snapshot"}
	// What can go wrong: a node is killed, stopped with a hand-over, paused, or
	// killed and started at once; its leaders and coordinators move; its
	// connections are cut; a request or its answer is lost; nobody can connect to
	// it; the client is throttled; a member joins; another writer commits.
	faultKinds = []string{"kill", "stop", "pause", "restart", "move", "cut", "lose request", "lose answer", "refuse", "throttle", "join", "write"}
	// When: before the step, or as the engine finds the coordinator, asks for the
	// logs' bounds, reads what is committed, commits, and after it was told that
	// it has.
	faultMoments = []string{"before", "find", "bounds", "fetch", "commit", "committed"}
)

// types are what groups are asked for as.
var types = []string{string(offset.ConsumerGroup), string(offset.ShareGroup), string(offset.StreamsGroup)}

// typeOf returns the type of groups whose members speak a protocol.
func typeOf(protocol string) offset.GroupType {
	switch protocol {
	case "share":
		return offset.ShareGroup
	case "streams":
		return offset.StreamsGroup
	}
	return offset.ConsumerGroup
}

// kafkaModel is what the maker of an episode knows of how it will go.
type kafkaModel struct {
	partitions []int
	protocols  []string
	existed    []bool // it had offsets from the beginning
	members    []bool
	resets     []int // the group of each resource that was reset; -1 before
	open       bool  // a transaction is
}

func newKafkaEpisode(r random) *kafkaEpisode {
	e := &kafkaEpisode{}
	m := &kafkaModel{resets: []int{-1, -1, -1}}
	for range r.between(1, 3) {
		n := choose(r, 1, 2, 3, 5, 8, 20, 40)
		var t kafkaTopic
		for range n {
			t.Records = append(t.Records, choose(r, 0, 1, r.between(2, 60), r.between(2, 60)))
			trimmed := place{Nowhere: true}
			if r.of(40) {
				trimmed = place{Permille: choose(r, r.IntN(1001), 1000)}
			}
			t.Trimmed = append(t.Trimmed, trimmed)
		}
		e.Topics = append(e.Topics, t)
		m.partitions = append(m.partitions, n)
	}
	for i := range r.between(1, 3) {
		g := kafkaGroup{Protocol: weighted(r, weight{"classic", 4}, weight{"consumer", 2}, weight{"share", 3}, weight{"streams", 2})}
		if i == 0 || r.of(90) {
			for _, n := range m.partitions {
				g.Commits = append(g.Commits, r.commits(n))
			}
		}
		e.Groups = append(e.Groups, g)
		m.protocols = append(m.protocols, g.Protocol)
		m.members = append(m.members, false)
		m.existed = append(m.existed, len(g.Commits) > 0)
	}
	for range r.between(8, 20) {
		e.Steps = append(e.Steps, m.step(r))
	}
	return e
}

func (r random) commits(n int) []kafkaCommit {
	full := r.of(60)
	var all []kafkaCommit
	for range n {
		c := kafkaCommit{place: place{Permille: r.IntN(1001)}}
		if r.of(8) {
			c.Beyond = choose[int64](r, -500, 500)
		}
		c.Nowhere = !full && r.of(40)
		if r.of(30) {
			c.Metadata = choose(r, "state", "AAEC,é\"{}")
		}
		all = append(all, c)
	}
	return all
}

// step makes the next step.
func (m *kafkaModel) step(r random) kafkaStep {
	for {
		do := weighted(r,
			weight{"reset", 40}, weight{"destroy", 26}, weight{"terraform", 8}, weight{"produce", 8}, weight{"trim", 6}, weight{"grow", 3},
			weight{"begin", 3}, weight{"end", 4}, weight{"join", 5}, weight{"leave", 8}, weight{"commit", 5})
		s := kafkaStep{Do: do, Resource: r.IntN(len(m.resets)), Group: r.IntN(len(m.members)), Topic: r.IntN(len(m.partitions))}
		s.Partition = int32(r.IntN(m.partitions[s.Topic]))
		switch do {
		case "reset", "terraform":
			s.Request = m.request(r, &s)
			s.Previewed = r.of(30)
			s.Then = choose(r, "resume", "resume", "disturb", "replace", "leave")
			s.Fault = m.fault(r, &s)
			if do == "terraform" {
				s.OnDestroy = choose(r, "keep", "restore", "restore", "delete_offsets")
			} else {
				m.resets[s.Resource] = s.Request.Group
			}
		case "destroy":
			if m.resets[s.Resource] < 0 {
				continue
			}
			s.Group = m.resets[s.Resource]
			s.OnDestroy = choose(r, "keep", "restore", "restore", "restore", "delete_offsets")
			s.Fault = m.fault(r, &s)
			m.resets[s.Resource] = -1
		case "produce":
			s.N = r.between(1, 20)
		case "trim":
			s.Commit.place = place{Permille: r.IntN(1001)}
		case "grow":
			s.N = r.between(1, 2)
			m.partitions[s.Topic] += s.N
		case "begin":
			if m.open {
				continue
			}
			s.N, s.Pending = r.between(1, 5), r.of(40) && !m.members[s.Group] && m.protocols[s.Group] != "share"
			m.open = true
		case "end":
			if !m.open {
				continue
			}
			s.Aborts = r.of(50)
			m.open = false
		case "join":
			if m.members[s.Group] {
				continue
			}
			s.Commits = r.of(50)
			m.members[s.Group] = true
		case "leave":
			if !m.members[s.Group] {
				continue
			}
			m.members[s.Group] = false
		case "commit":
			if m.members[s.Group] {
				continue
			}
			s.Commit = kafkaCommit{place: place{Permille: r.IntN(1001)}, Metadata: choose(r, "", "later")}
		}
		return s
	}
}

func (m *kafkaModel) request(r random, s *kafkaStep) *kafkaRequest {
	q := &kafkaRequest{Group: s.Group, Scope: choose(r, scopes...)}
	if s.Do == "reset" && m.resets[s.Resource] >= 0 {
		q.Group = m.resets[s.Resource] // another group would be another resource
	}
	s.Group = q.Group
	q.Topics = r.some(len(m.partitions))
	if q.Scope == "topic" || q.Scope == "partitions" {
		q.Topics = []int{r.IntN(len(m.partitions))}
	}
	first := m.partitions[q.Topics[0]]
	switch {
	case q.Scope == "partitions":
		q.Some = r.some(first)
	case q.Scope == "offsets" && r.of(30):
		q.Target = "snapshot"
	case q.Scope == "offsets":
		q.Target = "offsets"
		for _, t := range q.Topics {
			for range m.partitions[t] {
				p := r.place()
				p.Nowhere = r.of(30)
				q.Places = append(q.Places, p)
			}
		}
	}
	if q.Target == "" {
		q.Target = choose(r, "earliest", "latest", "current", "offset", "time", "lookback", "shift", "shift", "group")
		if q.Target == "group" && len(m.members) == 1 {
			q.Target = "shift"
		}
	}
	if apart := m.protocols[q.Group] == "share"; apart && (q.Target == "shift" || q.Target == "group") && !r.of(15) {
		q.Target = choose(r, "earliest", "latest", "current", "offset", "time") // the others have to be refused
	}
	q.Place, q.Hour = r.place(), r.between(-2, 70)
	q.Shift = choose[int64](r, -1000, -7, -1, 1, 7, 1000)
	q.Source = (q.Group + 1) % len(m.members)
	q.Refuses, q.Committed = r.of(20), r.of(30)
	q.Replayed, q.Skipped = r.limit(), r.limit()
	q.New = r.of(60)
	if r.of(5) && m.existed[q.Group] {
		q.New = false // lest it is made, should it be forgotten by then
		for q.Mistaken = choose(r, types...); typeOf(m.protocols[q.Group]) == offset.GroupType(q.Mistaken); {
			q.Mistaken = choose(r, types...)
		}
	}
	if m.members[q.Group] && r.of(60) {
		q.Leave = true
		m.members[q.Group] = false
	}
	return q
}

func (m *kafkaModel) fault(r random, s *kafkaStep) *kafkaFault {
	if !r.of(35) {
		return nil
	}
	f := &kafkaFault{Kind: weighted(r,
		weight{"kill", 3}, weight{"stop", 2}, weight{"pause", 3}, weight{"restart", 2}, weight{"move", 6}, weight{"cut", 8},
		weight{"lose request", 8}, weight{"lose answer", 10}, weight{"refuse", 5}, weight{"throttle", 4}, weight{"join", 8}, weight{"write", 5})}
	f.Node = choose(r, "coordinator", "coordinator", "leader", "other")
	f.At = choose(r, "before", "find", "bounds", "fetch", "commit", "commit", "committed", "committed")
	if strings.HasPrefix(f.At, "commit") {
		f.Nth = choose(r, 0, 0, 1, 2)
	}
	switch f.Kind {
	case "throttle":
		f.At = "before"
	case "join":
		f.At = choose(r, "commit", "committed")
		if m.members[s.Group] || s.Do != "reset" {
			return nil
		}
	case "write":
		f.At = choose(r, "commit", "committed")
		if m.members[s.Group] || s.Do != "reset" {
			return nil
		}
	case "lose request", "lose answer":
		f.At = choose(r, "find", "bounds", "fetch", "commit", "commit", "commit")
		f.Nth = choose(r, 0, 0, 1)
	}
	return f
}
