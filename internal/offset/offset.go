// Package offset is the vocabulary that all engines share: what a reset is
// asked to do (Request), what it would do (Plan, made of Moves), what it did
// (Result, made of Outcomes; Summary, record), and why it could not (Error).
//
// It holds plain values. It must not know Terraform, a broker's protocol or
// the network.
package offset

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// None stands for an offset that does not exist or cannot be known. It is
// never sent to a broker, which would accept and store it.
const None int64 = -1

// AllPartitions is the partition number with which Kafka's vendors say "all
// partitions of the topic".
const AllPartitions int32 = -1

// Partition names one partition of a Kafka topic, or one queue of a RocketMQ
// topic on one of its brokers.
type Partition struct {
	Topic  string
	Broker string // RocketMQ: the broker's name; empty for Kafka.
	ID     int32
}

// Compare orders partitions by topic, broker and number.
func (p Partition) Compare(q Partition) int {
	return cmp.Or(cmp.Compare(p.Topic, q.Topic), cmp.Compare(p.Broker, q.Broker), cmp.Compare(p.ID, q.ID))
}

// Name names the partition as Kafka's tools do, topic-partition, or a queue as
// broker/queue.
func (p Partition) Name() string {
	if p.Broker != "" {
		return fmt.Sprintf("%s/%d", p.Broker, p.ID)
	}
	return fmt.Sprintf("%s-%d", p.Topic, p.ID)
}

// Offsets are offsets by topic (Kafka) or broker (RocketMQ) and by partition
// or queue number: the form of the resources' argument offsets.
type Offsets map[string]map[int32]int64

// Request is what a reset is asked to do. Its zero values are the defaults;
// resource and action leave null what the user did not say.
type Request struct {
	Group string
	// GroupType is what kind of group it must be (Kafka); empty means ConsumerGroup.
	GroupType GroupType
	Scope     Scope
	Target    Target

	// OutOfRange says what happens to a target outside of the log.
	OutOfRange OutOfRange
	// Isolation says what counts as the log's end (Kafka).
	Isolation Isolation
	// Limits are checked on the final moves just before the first commit.
	Limits Limits
	// AllowNewGroup permits a group that neither exists nor has offsets (Kafka).
	AllowNewGroup bool
	// WaitForInactive is how long to wait for the group's members to leave
	// (Kafka). Nil means DefaultWaitForInactive; zero refuses at once.
	WaitForInactive *time.Duration
	// KeepAhead leaves a queue alone whose target lies ahead of its offset:
	// RocketMQ's force = false.
	KeepAhead bool

	// Brokers must take part: one that does not hold the topic is an error
	// (RocketMQ). Nil means whichever hold it.
	Brokers []string
	// TopicIDs are the recorded ids, by name, of the topics that explicit
	// offsets were resolved on (Kafka): offsets of one log mean nothing in
	// another. Nil means not known. TopicIDsOf is the cluster that they are of:
	// on another they say nothing.
	TopicIDs   map[string]string
	TopicIDsOf string
	// Rest tells that this is what a reset that failed half-way left undone: a
	// queue that is gone since is done, and told in the notes (RocketMQ).
	Rest bool
	// RecordedBrokers are those that the reset before was made on (RocketMQ):
	// one that does not hold the topic any more is told in the notes.
	RecordedBrokers []string

	// Recent permits a Plan that tells what was seen up to two seconds ago: a
	// preview. What it is made from is looked at anew by an Apply.
	Recent bool
	// Progress, if set, is told in one line what the engine is about to do.
	Progress func(message string)
	// Leaving, if set, is told the moves just before the first of them is
	// written: where the group was is known to nobody else if this process does
	// not live to return a result. It may be told more than once: a try that the
	// broker refuses whole writes nothing, and consumers may have gone on before
	// the next. What was told last counts. An engine that is told no offsets of
	// partitions leaves it out.
	Leaving func(moves []Move)
}

// DefaultWaitForInactive is how long a reset waits for a group's last member
// to leave. Clients since Kafka 3.0 count as gone 45 s after they were killed.
const DefaultWaitForInactive = 60 * time.Second

// Wait returns how long to wait for members to leave.
func (r Request) Wait() time.Duration {
	if r.WaitForInactive == nil {
		return DefaultWaitForInactive
	}
	return *r.WaitForInactive
}

// Tell reports progress if anyone listens.
func (r Request) Tell(message string) {
	if r.Progress != nil {
		r.Progress(message)
	}
}

// Leave tells the moves that are about to be written if anyone listens.
func (r Request) Leave(moves []Move) {
	if r.Leaving != nil {
		r.Leaving(moves)
	}
}

// Scope says which partitions are reset. Exactly one of Topics, AllTopics and
// the target's Offsets or Snapshot is set; beside a snapshot, Topics may name
// those of its topics that are taken, by their names here.
type Scope struct {
	Topics     []string // sorted, without duplicates
	Partitions []int32  // sorted; nil means all; only with one topic
	AllTopics  bool     // every topic with a committed offset, of the source group if one is given
}

// GroupType is a kind of Kafka groups, in the words of its tools.
type GroupType string

// The types of groups.
const (
	ConsumerGroup GroupType = "consumer" // of the classic and of the new protocol (KIP-848)
	ShareGroup    GroupType = "share"    // KIP-932, Kafka 4.1 and later
	StreamsGroup  GroupType = "streams"  // KIP-1071, Kafka 4.2 and later
)

// Or returns the type, and ConsumerGroup for an empty one.
func (t GroupType) Or() GroupType { return cmp.Or(t, ConsumerGroup) }

// Noun is what such a group is called: "consumer group".
func (t GroupType) Noun() string { return string(t.Or()) + " group" }

// Called names a group of the type: `consumer group "billing"`.
func (t GroupType) Called(group string) string { return fmt.Sprintf("%s %q", t.Noun(), group) }

// TargetKind says how a target is given.
type TargetKind string

// The ways to say where a group is put.
const (
	ToEarliest TargetKind = "earliest" // the log's start
	ToLatest   TargetKind = "latest"   // the log's end
	ToCurrent  TargetKind = "current"  // the committed offset, or the log's end where there is none
	ToOffset   TargetKind = "offset"   // the same offset on every partition
	ToTime     TargetKind = "time"     // the first record at or after an instant
	ToLookback TargetKind = "lookback" // the same, the instant being that long before the apply
	ByShift    TargetKind = "shift"    // the committed offset plus a number
	ToGroup    TargetKind = "group"    // where another group is
	ToOffsets  TargetKind = "offsets"  // an offset for each partition; its own scope
	ToSnapshot TargetKind = "snapshot" // where a group was when a snapshot was taken, here or on another cluster; its own scope
)

// Target says where a group is put. Only the field that belongs to Kind counts.
type Target struct {
	Kind     TargetKind
	Offset   int64
	Time     time.Time
	Lookback time.Duration
	Shift    int64
	Group    string
	Offsets  Offsets
	// Found is what is known of explicit offsets that were found before, by a
	// reset that failed half-way; nil if nothing is.
	Found map[Partition]Found

	Snapshot   *Snapshot
	TopicNames map[string]string // topics here by the snapshot's; the same name where none is given
	Unmatched  Unmatched
}

// Found is what is known of an offset beside its number.
type Found struct {
	By      By     // how the place of a snapshot was found
	Carries string // what the commit carries beside the offset
}

// SnapshotTopics returns the topics that the snapshot has offsets for, by
// their names here, sorted.
func (t Target) SnapshotTopics() []string {
	var topics []string
	for name := range t.Snapshot.Offsets() {
		topics = append(topics, t.TopicHere(name))
	}
	slices.Sort(topics)
	return topics
}

// TopicHere returns the name here of one of the snapshot's topics.
func (t Target) TopicHere(name string) string {
	if other, ok := t.TopicNames[name]; ok {
		return other
	}
	return name
}

// Unmatched says what happens to a partition in which the record of a snapshot
// is not found.
type Unmatched string

// The treatments of a record that is not found.
const (
	UnmatchedTime  Unmatched = "time" // the default: by the record's time, which replays and does not skip
	UnmatchedError Unmatched = "error"
)

// By says how the place of a snapshot was found.
type By string

// The ways to find the place of a snapshot.
const (
	ByRecord By = "record" // before the very record
	ByEnd    By = "end"    // behind the last record: the group was at the log's end
	ByTime   By = "time"   // the record was not found: by its time
	ByOffset By = "offset" // the offset itself: it is the same log
)

// OutOfRange says what happens to a target before the log's start or after its end.
type OutOfRange string

// The treatments of a target outside of the log.
const (
	Clamp  OutOfRange = "clamp" // the default: to the start or to the end
	Refuse OutOfRange = "error"
)

// Isolation says what counts as the end of a log, with Kafka's words.
type Isolation string

// The isolation levels.
const (
	ReadUncommitted Isolation = "read_uncommitted" // the default: the high watermark
	ReadCommitted   Isolation = "read_committed"   // the last stable offset
)

// Move is what a reset is to do to one partition. What came of it is an Outcome.
type Move struct {
	Partition
	Previous int64 // committed before the reset; None if there was none or nobody can tell
	Offset   int64 // where the reset puts the partition
	Start    int64 // the log's first offset at the time; None if unknown
	End      int64 // the offset after the log's last record; None if unknown
	Clamped  bool  // the target was out of range and was moved to Start or End
	// MaybeZero tells that Previous is None only because the broker cannot tell
	// none from 0 (RocketMQ before 5.0). It is not part of a record.
	MaybeZero bool
	// Metadata is what the commit before the reset carried beside its offset
	// (Kafka Streams and the parallel consumer keep state there).
	Metadata string
	// Carries is what this commit is to carry: the metadata of the group that
	// is cloned, or of a snapshot. It is not part of a record.
	Carries string
	// Apart is how many records after Previous may have been acknowledged one by
	// one, and are consumed again wherever a share group is put before them. It
	// is not part of a record.
	Apart int64
	By    By     // how the place of a snapshot was found; empty for other targets
	How   string // RocketMQ: how it is written ("server", "push", "per-queue"), or why it is not ("kept", "gone"); empty before
}

// Unknown tells whether nobody can say where this partition goes: the service
// neither says where it puts it nor shows it afterwards. A queue that is kept
// where it is is not unknown, even if it has no offset, nor is one that is gone.
func (m Move) Unknown() bool { return m.Offset < 0 && m.How == "" }

// Delta returns how far the partition moves, and false if that is unknown
// because it had no offset before or none is known.
func (m Move) Delta() (int64, bool) {
	if m.Previous < 0 || m.Offset < 0 {
		return 0, false
	}
	return m.Offset - m.Previous, true
}

// Created tells whether the partition gets its first offset.
func (m Move) Created() bool { return m.Previous < 0 && m.Offset >= 0 }

// State says what came of a move.
type State int

// What can come of a move.
const (
	// Done: it was written, and the read-back or the broker's answer proves it.
	Done State = iota
	// NotDone: it was not written, for certain.
	NotDone
	// Unsettled: it may have been written. It was sent, and neither an answer
	// nor a read-back tells. An undo compares: at Offset it has landed, at
	// Previous it has not.
	Unsettled
	// MovedOn: it was written, and the group's consumers have gone on from there.
	MovedOn
	// Elsewhere: it was written, and something that is no member of the group
	// has committed another offset since.
	Elsewhere
)

// Outcome is what came of a move.
type Outcome struct {
	Move

	State   State
	Reason  string // why it is not done; empty if it is
	Seen    int64  // what the read-back showed; None if nothing was read
	Pending bool   // RocketMQ: a consumer still has to take it up
}

// Failed tells whether the partition is not where it should be, or nobody knows.
func (o Outcome) Failed() bool { return o.State != Done && o.State != MovedOn }

// Touched tells whether the partition was written, or may have been.
func (o Outcome) Touched() bool { return o.State != NotDone }

// Fail notes that the partition was not written, and why.
func (o *Outcome) Fail(reason string) { o.State, o.Reason = NotDone, reason }

// Doubt notes that the partition may have been written, and why it is not known.
func (o *Outcome) Doubt(reason string) { o.State, o.Reason = Unsettled, reason }

// Outcomes returns the moves as if all were done and nothing were read back yet.
func Outcomes(moves []Move) []Outcome {
	all := make([]Outcome, len(moves))
	for i := range moves {
		all[i].Move, all[i].Seen = moves[i], None
	}
	return all
}

// Moves returns what the outcomes are of.
func Moves(outcomes []Outcome) []Move {
	moves := make([]Move, len(outcomes))
	for i, o := range outcomes {
		moves[i] = o.Move
	}
	return moves
}

// AnyFailed tells whether a partition failed.
func AnyFailed(outcomes []Outcome) bool { return slices.ContainsFunc(outcomes, Outcome.Failed) }

// Touched returns the outcomes of what was written, or may have been.
func Touched(outcomes []Outcome) []Outcome {
	var touched []Outcome
	for _, o := range outcomes {
		if o.Touched() {
			touched = append(touched, o)
		}
	}
	return touched
}

// SortMoves orders moves by topic, broker and number.
func SortMoves(moves []Move) {
	slices.SortFunc(moves, func(a, b Move) int { return a.Compare(b.Partition) })
}

// SortOutcomes orders outcomes by topic, broker and number.
func SortOutcomes(outcomes []Outcome) {
	slices.SortFunc(outcomes, func(a, b Outcome) int { return a.Compare(b.Partition) })
}

// Topics returns the topics that the moves touch, sorted.
func Topics(moves []Move) []string {
	var topics []string
	for _, m := range moves {
		topics = append(topics, m.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// Member is one active member of a consumer group.
type Member struct {
	ID         string
	ClientID   string
	Host       string
	InstanceID string             // group.instance.id of a static member; only the session time-out removes those
	Assignment map[string][]int32 // by topic; nil if unknown
}

// Plan is what a reset would do to the cluster as it is now.
type Plan struct {
	Request   Request
	ClusterID string    // empty if the cluster has none
	State     string    // the group's state in the broker's words
	Protocol  string    // "classic", "consumer", "share" or "streams"; empty if unknown
	Members   []Member  // the members that are active now
	Moves     []Move    // sorted; none where a managed service tells no offsets of partitions
	At        time.Time // when it was resolved
	Instant   time.Time // the instant that a time target means; zero for others
	Notes     []string  // what a reader should know, one sentence each
	Engine    any       // what the engine that made the plan keeps for its Apply
}

// Result is what a reset did.
type Result struct {
	ClusterID string
	State     string            // the group's state just before the first commit
	At        time.Time         // when the first commit was sent; if nothing had to be changed, when that was seen
	TopicIDs  map[string]string // of the topics, by name; nil if the cluster has none
	Outcomes  []Outcome         // sorted. None where a managed service tells no offsets
	Notes     []string          // what a reader should know, one sentence each
	// InDoubt tells, beside an error, that what was sent may have been executed
	// and that the read-back could not settle it.
	InDoubt bool
}

// UndoRequest asks to put back, or to delete, the offsets that earlier resets set.
type UndoRequest struct {
	Group           string
	GroupType       GroupType         // Kafka
	Topic           string            // RocketMQ
	ClusterID       string            // the recorded one; any other is refused
	TopicIDs        map[string]string // the recorded ones by name; a topic of another id is another topic. Nil means not known
	Record          []Outcome         // those that are not Touched are left alone
	WaitForInactive *time.Duration
	// Lenient leaves partitions alone that somebody else has moved since, or
	// whose old offset has left the log, and tells them in the notes. Without
	// it they are an error that changes nothing. It is for putting back a reset
	// that failed half-way, which must not end in a dead end.
	Lenient bool
	// Skip tells that another reset of the same run has set this partition
	// since: it is left alone. Nil means none.
	Skip     func(Partition) bool
	Progress func(message string)
}

// Wait returns how long to wait for members to leave.
func (r UndoRequest) Wait() time.Duration { return Request{WaitForInactive: r.WaitForInactive}.Wait() }
