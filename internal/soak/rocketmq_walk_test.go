package soak

// rocketmqEpisode is an episode on RocketMQ: one topic with as many queues on
// each of two masters, and the group's offsets in it.
type rocketmqEpisode struct {
	Brokers  string         `json:"brokers,omitempty"`
	Queues   int            `json:"queues"`   // on each master
	Messages []int          `json:"messages"` // queue after queue
	Commits  [][]place      `json:"commits"`  // of each group, queue after queue
	Steps    []rocketmqStep `json:"steps"`
}

// rocketmqStep is one step. Which fields count depends on Do.
type rocketmqStep struct {
	Do        string  `json:"do"`
	Resource  int     `json:"resource,omitempty"`
	Group     int     `json:"group,omitempty"`
	Queue     int     `json:"queue,omitempty"` // produce, commit: counted through both masters
	N         int     `json:"n,omitempty"`
	Place     place   `json:"place"`
	Target    string  `json:"target,omitempty"`
	Instant   int     `json:"instant,omitempty"` // time: before so many of what was produced; the last one is in the future
	Places    []place `json:"places,omitempty"`  // offsets: queue after queue; nowhere leaves it out
	Force     bool    `json:"force,omitempty"`
	All       bool    `json:"all,omitempty"` // brokers: both must take part
	Replayed  limit   `json:"max_replayed,omitempty"`
	Skipped   limit   `json:"max_skipped,omitempty"`
	OnDestroy string  `json:"on_destroy,omitempty"`
	Fault     string  `json:"fault,omitempty"` // kill, stop, pause
	Broker    int     `json:"broker,omitempty"`
	Late      bool    `json:"late,omitempty"` // as the reset begins to write, and not before
	Then      string  `json:"then,omitempty"` // resume, replace, leave
}

var (
	// The brokers of an episode: the newest, which reset by themselves; the same
	// with that switched off; and old ones, which cannot. The last two only tell
	// consumers that are online to reset.
	rocketmqBrokers = []string{newest, switchedOff, oldest}
	rocketmqTargets = []string{"earliest", "latest", "time", "offsets"}
	rocketmqFaults  = []string{"kill", "stop", "pause"}
)

// The brokers of an episode.
const (
	newest      = ""
	switchedOff = "5.5.0, useServerSideResetOffset=false"
	oldest      = "4.9.7"
)

func newRocketMQEpisode(r random, on string) *rocketmqEpisode {
	e := &rocketmqEpisode{Brokers: on, Queues: r.between(1, 3)}
	all := 2 * e.Queues
	for range all {
		e.Messages = append(e.Messages, choose(r, 0, r.between(1, 12), r.between(1, 12)))
	}
	groups := r.between(1, 2)
	for range groups {
		var commits []place
		full := r.of(60)
		for range all {
			commits = append(commits, place{Permille: r.IntN(1001), Nowhere: !full && r.of(40)})
		}
		e.Commits = append(e.Commits, commits)
	}
	online := make([]bool, groups)
	resets := []int{-1, -1}
	produced := 0
	for range r.between(5, 10) {
		s := rocketmqStep{
			Do: weighted(r, weight{"reset", 40}, weight{"destroy", 24}, weight{"terraform", 7}, weight{"produce", 10},
				weight{"commit", 5}, weight{"join", 4}, weight{"leave", 5}),
			Resource: r.IntN(len(resets)), Group: r.IntN(groups), Queue: r.IntN(all),
		}
		switch s.Do {
		case "reset", "terraform":
			if s.Do == "reset" && resets[s.Resource] >= 0 {
				s.Group = resets[s.Resource]
			}
			s.Target, s.Instant = choose(r, rocketmqTargets...), r.between(0, produced+2)
			for range all {
				p := r.place()
				p.Nowhere = r.of(30)
				s.Places = append(s.Places, p)
			}
			s.Force, s.All = r.of(70), r.of(50)
			s.Replayed, s.Skipped = r.limit(), r.limit()
			s.Then = choose(r, "resume", "resume", "replace", "leave")
			s.Broker, s.Late = r.IntN(2), r.of(70)
			if s.Do == "terraform" {
				s.OnDestroy = choose(r, "keep", "restore")
				break
			}
			if r.of(15) {
				s.Fault = choose(r, rocketmqFaults...)
			}
			resets[s.Resource] = s.Group
		case "destroy":
			if resets[s.Resource] < 0 {
				continue
			}
			s.Group, s.OnDestroy = resets[s.Resource], choose(r, "keep", "restore", "restore", "restore")
			resets[s.Resource] = -1
		case "produce":
			s.N = r.between(1, 5)
			produced++
		case "commit":
			s.Place = r.place()
			if online[s.Group] {
				continue
			}
		case "join", "leave":
			if online[s.Group] == (s.Do == "join") {
				continue
			}
			online[s.Group] = s.Do == "join"
		}
		e.Steps = append(e.Steps, s)
	}
	return e
}
