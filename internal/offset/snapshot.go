package offset

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Snapshot is where a consumer group was on a Kafka cluster, and which records
// it was between, so that the place can be found again on a cluster that holds
// the same records at other offsets. It holds no record's content.
type Snapshot struct {
	ClusterID string
	Group     string
	TakenAt   time.Time
	// Salt goes into every fingerprint, so that those of two snapshots cannot
	// be compared, and a guess at a record's content has to be made anew for each.
	Salt   []byte
	Topics []SnapshotTopic // sorted by name
}

// SnapshotTopic is one topic of a snapshot, with all of its partitions.
type SnapshotTopic struct {
	Name       string
	ID         string  // Kafka's topic id (KIP-516); empty where brokers before 2.8 tell none
	Partitions []Place // the index is the partition's number
}

// Place is where a group was in one partition.
type Place struct {
	Committed int64  // None if the group had no offset there
	Metadata  string // what the commit carried beside the offset
	Start     int64  // the log's first offset
	End       int64  // the high watermark
	// Next is the first record at or after the committed offset, nil if the
	// log held none; Last is the last one before it, nil if the log held none
	// any more. Where there was no next, Before is the one before the last: by
	// it the last is known from others of the same content.
	Next, Last, Before *Mark
}

// Mark is by what a record is known again.
type Mark struct {
	Offset      int64
	Time        int64 // the record's own, in Unix milliseconds
	Fingerprint Fingerprint
}

// Fingerprint is the beginning of a salted hash of a record's key and value.
// Headers do not count: mirrors add some.
type Fingerprint [8]byte

// Fingerprint returns the fingerprint of a record in this snapshot. A key or
// value that is null differs from an empty one.
func (s *Snapshot) Fingerprint(key, value []byte) Fingerprint {
	h := sha256.New()
	_, _ = h.Write(s.Salt)
	for _, part := range [][]byte{key, value} {
		size := int64(len(part))
		if part == nil {
			size = -1
		}
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(size)) //nolint:gosec // The bits count.
		_, _ = h.Write(length[:])
		_, _ = h.Write(part)
	}
	return Fingerprint(h.Sum(nil))
}

// NewSalt returns a random salt for a snapshot.
func NewSalt() []byte {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return salt
}

const saltBytes = 16

// Lost tells that the group's next record had left the log already, or that
// its offset was beyond the log: the place cannot be found on another cluster.
func (p Place) Lost() bool {
	return p.Committed >= 0 && (p.Committed < p.Start || p.Committed > p.End)
}

// Unmarked tells that the log was not empty where the group was, and that the
// snapshot knows neither of the records beside its place.
func (p Place) Unmarked() bool {
	return p.Committed >= 0 && p.End > p.Start && p.Next == nil && p.Last == nil
}

// Offsets returns the committed offsets, in the form of the argument offsets.
func (s *Snapshot) Offsets() Offsets {
	offsets := Offsets{}
	for _, t := range s.Topics {
		of := map[int32]int64{}
		for id, p := range t.Partitions {
			if p.Committed >= 0 {
				of[int32(id)] = p.Committed //nolint:gosec // A topic's size.
			}
		}
		if len(of) > 0 {
			offsets[t.Name] = of
		}
	}
	return offsets
}

// Topic returns the topic of that name, nil if there is none.
func (s *Snapshot) Topic(name string) *SnapshotTopic {
	i, ok := slices.BinarySearchFunc(s.Topics, name, func(t SnapshotTopic, name string) int {
		return strings.Compare(t.Name, name)
	})
	if !ok {
		return nil
	}
	return &s.Topics[i]
}

// snapshotVersion is the version of the document that EncodeSnapshot writes.
const snapshotVersion = 1

// MaxSnapshotBytes bounds the document. 10,000 partitions take about 1.5 MB.
const MaxSnapshotBytes = 16 << 20

// The document is by columns: an array for each property, in which the
// partitions have their number's place. That takes a third of what an object
// for each partition would, and a state quotes the document once more.
type (
	snapshotDocument struct {
		Version   int                      `json:"version"`
		Checksum  string                   `json:"checksum"`
		ClusterID string                   `json:"cluster_id"`
		Group     string                   `json:"group"`
		TakenAt   string                   `json:"taken_at"`
		Salt      string                   `json:"salt"`
		Topics    map[string]topicDocument `json:"topics"`
	}
	topicDocument struct {
		ID        string              `json:"id,omitempty"`
		Committed []*int64            `json:"committed"`
		Metadata  map[string]Metadata `json:"metadata,omitempty"` // only where it is not empty
		Start     []int64             `json:"start"`
		End       []int64             `json:"end"`
		Next      marksDocument       `json:"next"`
		Last      marksDocument       `json:"last"`
		Before    *marksDocument      `json:"before,omitempty"` // only where there is one
	}
	marksDocument struct {
		Offset      []*int64  `json:"offset"`
		Time        []*int64  `json:"time"`
		Fingerprint []*string `json:"fingerprint"`
	}
)

var fingerprintText = base64.RawURLEncoding

// EncodeSnapshot writes the snapshot as one JSON document with sorted keys. It
// begins with a space, as records do.
func EncodeSnapshot(s *Snapshot) (string, error) {
	doc := snapshotDocument{
		Version:   snapshotVersion,
		ClusterID: s.ClusterID,
		Group:     s.Group,
		TakenAt:   s.TakenAt.UTC().Format(time.RFC3339Nano),
		Salt:      hex.EncodeToString(s.Salt),
		Topics:    make(map[string]topicDocument, len(s.Topics)),
	}
	for i := range s.Topics {
		doc.Topics[s.Topics[i].Name] = s.Topics[i].document()
	}
	var err error
	if doc.Checksum, err = doc.sum(); err != nil {
		return "", err
	}
	text, err := doc.encode()
	if err != nil {
		return "", err
	}
	if len(text)+1 > MaxSnapshotBytes {
		return "", fmt.Errorf("the snapshot takes %d bytes, and at most %d can be kept; take one for each topic", len(text)+1, MaxSnapshotBytes)
	}
	return " " + string(text), nil
}

// encode writes the document without changing what names hold: the default
// would write <, > and & in a longer form.
func (d *snapshotDocument) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// sum returns the checksum of everything else in the document.
func (d *snapshotDocument) sum() (string, error) {
	bare := *d
	bare.Checksum = ""
	text, err := bare.encode()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

func (t *SnapshotTopic) document() topicDocument {
	n := len(t.Partitions)
	d := topicDocument{ID: t.ID, Committed: make([]*int64, n), Start: make([]int64, n), End: make([]int64, n), Next: newMarks(n), Last: newMarks(n)}
	for id := range t.Partitions {
		p := &t.Partitions[id]
		if p.Committed >= 0 {
			d.Committed[id] = &p.Committed
		}
		if p.Metadata != "" {
			if d.Metadata == nil {
				d.Metadata = map[string]Metadata{}
			}
			d.Metadata[fmt.Sprint(id)] = Metadata(p.Metadata)
		}
		d.Start[id], d.End[id] = p.Start, p.End
		d.Next.set(id, p.Next)
		d.Last.set(id, p.Last)
		if p.Before != nil {
			if d.Before == nil {
				marks := newMarks(n)
				d.Before = &marks
			}
			d.Before.set(id, p.Before)
		}
	}
	return d
}

func newMarks(n int) marksDocument {
	return marksDocument{make([]*int64, n), make([]*int64, n), make([]*string, n)}
}

func (d *marksDocument) set(id int, m *Mark) {
	if m == nil {
		return
	}
	text := fingerprintText.EncodeToString(m.Fingerprint[:])
	d.Offset[id], d.Time[id], d.Fingerprint[id] = &m.Offset, &m.Time, &text
}

// get returns the mark of a partition; false if it is damaged.
func (d *marksDocument) get(id int) (*Mark, bool) {
	at, when, text := d.Offset[id], d.Time[id], d.Fingerprint[id]
	if at == nil && when == nil && text == nil {
		return nil, true
	}
	if at == nil || when == nil || text == nil || *at < 0 {
		return nil, false
	}
	m := &Mark{Offset: *at, Time: *when}
	raw, err := fingerprintText.DecodeString(*text)
	if err != nil || len(raw) != len(m.Fingerprint) {
		return nil, false
	}
	copy(m.Fingerprint[:], raw)
	return m, true
}

func (d *marksDocument) size(n int) bool {
	return len(d.Offset) == n && len(d.Time) == n && len(d.Fingerprint) == n
}

// DecodeSnapshot reads a document that EncodeSnapshot has written. Whatever
// else it is given is an error that says what is wrong with it.
func DecodeSnapshot(text string) (*Snapshot, error) {
	if len(text) > MaxSnapshotBytes {
		return nil, fmt.Errorf("it is no snapshot: it has %d bytes, and a snapshot has at most %d", len(text), MaxSnapshotBytes)
	}
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return nil, fmt.Errorf("it is no snapshot, or only a part of one: %w", err)
	}
	switch {
	case head.Version == nil:
		return nil, errors.New("it is no snapshot: it has no version")
	case *head.Version != snapshotVersion:
		return nil, fmt.Errorf("it is a snapshot of version %d, and this release of the provider reads version %d; use the release that took it, or a newer one", *head.Version, snapshotVersion)
	}
	var doc snapshotDocument
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, damaged("%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, damaged("there is something after its end")
	}
	if sum, err := doc.sum(); err != nil || sum != doc.Checksum {
		return nil, damaged("its checksum is not that of its content")
	}
	s := &Snapshot{ClusterID: doc.ClusterID, Group: doc.Group}
	var err error
	if s.TakenAt, err = time.Parse(time.RFC3339Nano, doc.TakenAt); err != nil {
		return nil, damaged("%v", err)
	}
	s.TakenAt = s.TakenAt.UTC()
	if s.Salt, err = hex.DecodeString(doc.Salt); err != nil {
		return nil, damaged("%v", err)
	}
	for name, t := range doc.Topics {
		topic, err := t.topic(name)
		if err != nil {
			return nil, err
		}
		s.Topics = append(s.Topics, topic)
	}
	slices.SortFunc(s.Topics, func(a, b SnapshotTopic) int { return strings.Compare(a.Name, b.Name) })
	switch {
	case s.Group == "" || len(s.Salt) != saltBytes:
		return nil, damaged("its group or its salt is missing")
	case len(s.Offsets()) == 0:
		return nil, damaged("it holds no offset")
	}
	return s, nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("the snapshot is damaged: "+format, args...)
}

func (d *topicDocument) topic(name string) (SnapshotTopic, error) {
	n := len(d.Committed)
	t := SnapshotTopic{Name: name, ID: d.ID, Partitions: make([]Place, n)}
	if name == "" || n == 0 || len(d.Start) != n || len(d.End) != n || !d.Next.size(n) || !d.Last.size(n) || d.Before != nil && !d.Before.size(n) {
		return t, damaged("topic %q does not have the same number of partitions everywhere", name)
	}
	for id := range t.Partitions {
		p := &t.Partitions[id]
		*p = Place{Committed: None, Start: d.Start[id], End: d.End[id], Metadata: string(d.Metadata[fmt.Sprint(id)])}
		if at := d.Committed[id]; at != nil {
			p.Committed = *at
		}
		right := [3]bool{2: true}
		p.Next, right[0] = d.Next.get(id)
		p.Last, right[1] = d.Last.get(id)
		if d.Before != nil {
			p.Before, right[2] = d.Before.get(id)
		}
		if right != [3]bool{true, true, true} || !p.sound() {
			return t, damaged("what it says of partition %s-%d cannot be", name, id)
		}
	}
	return t, nil
}

// sound tells whether what is said of a partition fits together.
func (p *Place) sound() bool {
	switch {
	case p.Start < 0 || p.End < p.Start || p.Committed < None:
		return false
	case p.Next != nil && (p.Lost() || p.Next.Offset < p.Committed):
		return false
	case p.Last != nil && (p.Lost() || p.Last.Offset >= p.Committed):
		return false
	case p.Before != nil && (p.Next != nil || p.Last == nil || p.Before.Offset >= p.Last.Offset):
		return false
	case p.Committed < 0:
		return p.Next == nil && p.Last == nil && p.Metadata == ""
	}
	return true
}
