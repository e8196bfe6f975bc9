package reset

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Kept is what a state keeps of a reset beside what people see: its private
// part. Each member has a key and a form of its own, with a version.
type Kept struct {
	// HeldBack is what the last reset was for, while the arguments in the
	// state say something else that is held back.
	HeldBack *Meaning
	// Completed is the last completed reset, while a newer one is incomplete.
	Completed *Completed
	// TopicIDs are the ids of the topics of the last reset, by name: a topic
	// that is made anew under its name is another one. Nil if the cluster has none.
	TopicIDs map[string]string
	// Beside is what a resume has to know of partitions beside their record;
	// nil if the last reset is whole, or nothing is to be said.
	Beside map[offset.Partition]Beside
}

// Beside is what a record does not tell of a partition.
type Beside struct {
	Carries     string // what its commit was to carry beside the offset
	Overwritten bool   // it was written, and something that is no member of the group has written over it
}

// Completed is a completed reset. The newer one may be of another topic, or on
// another cluster.
type Completed struct {
	ClusterID string
	Topic     string // RocketMQ, whose record does not name it
	Record    string
	TopicIDs  map[string]string
}

// The keys of the private part.
const (
	keyHeldBack  = "aim"
	keyCompleted = "completed"
	keyTopics    = "topics"
	keyBeside    = "beside"
)

// formVersion is the version of the forms that are written. One that is not
// known is refused: a state may come from a newer release.
const formVersion = 1

// form is what the forms have in common. The first forms had no version.
type form struct {
	Version int `json:"version"`
}

type completedForm struct {
	form

	Cluster  string            `json:"cluster"`
	Topic    string            `json:"topic"`
	Record   string            `json:"record"`
	TopicIDs map[string]string `json:"topic_ids,omitempty"`
}

type topicsForm struct {
	form

	IDs map[string]string `json:"ids"`
}

type besideForm struct {
	form

	Partitions []besidePartition `json:"partitions"` // sorted
}

type besidePartition struct {
	Topic       string          `json:"topic"`
	Broker      string          `json:"broker,omitempty"`
	Partition   int32           `json:"partition"`
	Metadata    offset.Metadata `json:"metadata,omitempty"`
	Overwritten bool            `json:"overwritten,omitempty"`
}

type meaningForm struct {
	form

	Topics     []string       `json:"topics,omitempty"`
	Partitions []int32        `json:"partitions,omitempty"`
	AllTopics  bool           `json:"all_topics,omitempty"`
	Target     string         `json:"target"`
	Offset     int64          `json:"offset,omitempty"`
	Time       *time.Time     `json:"time,omitempty"`
	Lookback   time.Duration  `json:"lookback,omitempty"` // nanoseconds
	Shift      int64          `json:"shift,omitempty"`
	Group      string         `json:"group,omitempty"`
	Offsets    offset.Offsets `json:"offsets,omitempty"`

	Snapshot   string            `json:"snapshot,omitempty"` // as offset.EncodeSnapshot writes it
	TopicNames map[string]string `json:"topic_names,omitempty"`
}

// meaningForm0 is the form without a version.
type meaningForm0 struct {
	Scope struct {
		Topics     []string
		Partitions []int32
		AllTopics  bool
	}
	Target struct {
		Kind     string
		Offset   int64
		Time     time.Time
		Lookback time.Duration
		Shift    int64
		Group    string
		Offsets  offset.Offsets
	}
}

// nothing is what a key holds after its member has gone.
const nothing = "null"

// ReadKept reads the private part of a state. Get returns what is stored under
// a key, or nothing.
func ReadKept(get func(key string) []byte) (Kept, error) {
	var k Kept
	err := errors.Join(
		readForm(get(keyHeldBack), func(version int, text []byte) error {
			m, err := readMeaning(version, text)
			k.HeldBack = m
			return err
		}),
		readForm(get(keyCompleted), func(_ int, text []byte) error {
			var f completedForm
			if err := json.Unmarshal(text, &f); err != nil {
				return err
			}
			k.Completed = &Completed{f.Cluster, f.Topic, f.Record, f.TopicIDs}
			return nil
		}),
		readForm(get(keyTopics), func(_ int, text []byte) error {
			var f topicsForm
			err := json.Unmarshal(text, &f)
			k.TopicIDs = f.IDs
			return err
		}),
		readForm(get(keyBeside), func(_ int, text []byte) error {
			var f besideForm
			if err := json.Unmarshal(text, &f); err != nil {
				return err
			}
			for _, p := range f.Partitions {
				if k.Beside == nil {
					k.Beside = map[offset.Partition]Beside{}
				}
				k.Beside[offset.Partition{Topic: p.Topic, Broker: p.Broker, ID: p.Partition}] = Beside{string(p.Metadata), p.Overwritten}
			}
			return nil
		}),
	)
	return k, err
}

// readForm hands the text to read if there is one, with its version.
func readForm(text []byte, read func(version int, text []byte) error) error {
	if len(text) == 0 || string(text) == nothing {
		return nil
	}
	var f form
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("the private part of the state is damaged: %w", err)
	}
	if f.Version < 0 || f.Version > formVersion {
		return fmt.Errorf("the private part of the state has the form %d, and this release of the provider knows forms up to %d; use the release that has written it, or a newer one", f.Version, formVersion)
	}
	if err := read(f.Version, text); err != nil {
		return fmt.Errorf("the private part of the state is damaged: %w", err)
	}
	return nil
}

func readMeaning(version int, text []byte) (*Meaning, error) {
	if version == 0 {
		var f meaningForm0
		if err := json.Unmarshal(text, &f); err != nil {
			return nil, err
		}
		return &Meaning{
			Scope: offset.Scope{Topics: f.Scope.Topics, Partitions: f.Scope.Partitions, AllTopics: f.Scope.AllTopics},
			Target: offset.Target{
				Kind: offset.TargetKind(f.Target.Kind), Offset: f.Target.Offset, Time: f.Target.Time, Lookback: f.Target.Lookback,
				Shift: f.Target.Shift, Group: f.Target.Group, Offsets: f.Target.Offsets,
			},
		}, nil
	}
	var f meaningForm
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	m := &Meaning{
		Scope: offset.Scope{Topics: f.Topics, Partitions: f.Partitions, AllTopics: f.AllTopics},
		Target: offset.Target{
			Kind: offset.TargetKind(f.Target), Offset: f.Offset, Lookback: f.Lookback, Shift: f.Shift, Group: f.Group, Offsets: f.Offsets,
		},
	}
	if f.Time != nil {
		m.Target.Time = f.Time.UTC()
	}
	if f.Snapshot != "" {
		var err error
		if m.Target.Snapshot, err = offset.DecodeSnapshot(f.Snapshot); err != nil {
			return nil, err
		}
		m.Target.TopicNames = f.TopicNames
	}
	return m, nil
}

// WriteHeldBack stores what the last reset was for; nil if nothing is held back.
func WriteHeldBack(set func(key string, value []byte), m *Meaning) {
	if m == nil {
		set(keyHeldBack, []byte(nothing))
		return
	}
	f := meaningForm{
		form: form{formVersion}, Topics: m.Scope.Topics, Partitions: m.Scope.Partitions, AllTopics: m.Scope.AllTopics,
		Target: string(m.Target.Kind), Offset: m.Target.Offset, Lookback: m.Target.Lookback, Shift: m.Target.Shift, Group: m.Target.Group, Offsets: m.Target.Offsets,
	}
	if !m.Target.Time.IsZero() {
		f.Time = &m.Target.Time
	}
	if s := m.Target.Snapshot; s != nil {
		text, err := offset.EncodeSnapshot(s)
		if err != nil { // One that was decoded can be encoded.
			text = ""
		}
		f.Snapshot, f.TopicNames = text, m.Target.TopicNames
	}
	set(keyHeldBack, encode(f))
}

// WriteCompleted stores the last completed reset; nil if the newest one is.
func WriteCompleted(set func(key string, value []byte), c *Completed) {
	if c == nil {
		set(keyCompleted, []byte(nothing))
		return
	}
	set(keyCompleted, encode(completedForm{form{formVersion}, c.ClusterID, c.Topic, c.Record, c.TopicIDs}))
}

// WriteTopicIDs stores the ids of the topics of the last reset.
func WriteTopicIDs(set func(key string, value []byte), ids map[string]string) {
	if len(ids) == 0 {
		set(keyTopics, []byte(nothing))
		return
	}
	set(keyTopics, encode(topicsForm{form{formVersion}, ids}))
}

// WriteBeside stores what a resume has to know of the outcomes beside their
// record; nothing if the reset is whole.
func WriteBeside(set func(key string, value []byte), outcomes []offset.Outcome) {
	f := besideForm{form: form{formVersion}}
	if offset.AnyFailed(outcomes) {
		for _, o := range outcomes {
			if overwritten := o.State == offset.Elsewhere; overwritten || o.Carries != "" {
				f.Partitions = append(f.Partitions, besidePartition{o.Topic, o.Broker, o.ID, offset.Metadata(o.Carries), overwritten})
			}
		}
	}
	if len(f.Partitions) == 0 {
		set(keyBeside, []byte(nothing))
		return
	}
	set(keyBeside, encode(f))
}

// encode writes a form, which holds nothing that JSON cannot.
func encode(f any) []byte {
	text, err := json.Marshal(f)
	if err != nil {
		return []byte(nothing)
	}
	return text
}
