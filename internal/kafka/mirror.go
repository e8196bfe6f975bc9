package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// MirrorMaker 2's own topics on the target of a mirror. Their records are
// big-endian; a text has its length in front, in two bytes (Checkpoint,
// Heartbeat and their schemas in connect-mirror-client, Kafka 2.4 to 4.3).
const (
	checkpointsSuffix = ".checkpoints.internal"
	heartbeatsTopic   = "heartbeats"
)

// MirrorCheckpoints is what MirrorMaker 2 has translated for a group.
type MirrorCheckpoints struct {
	ClusterID   string
	Checkpoints []MirrorCheckpoint // of the group, sorted
	// Missing are the partitions of mirrored topics that have no checkpoint
	// of the group, by topic.
	Missing      map[string][]int32
	CheckpointAt time.Time // when the newest checkpoint of the group was written; zero if there is none
	HeartbeatAt  time.Time // the newest heartbeat of the source; zero if there is none
	Notes        []string  // what a reader should know, one sentence each
}

// MirrorCheckpoint is one partition's translated offset. Its topic is the one
// on this cluster.
type MirrorCheckpoint struct {
	offset.Partition
	Upstream   int64 // committed on the source when it was translated
	Downstream int64 // what that is here, or somewhat less
}

// MirrorCheckpoints tells the last checkpoint of each partition that
// MirrorMaker 2 has written for a group, on the target cluster of a mirror.
// The alias is the source's. A group without any is no error. It needs the
// rights READ on the two internal topics and DESCRIBE on the mirrored ones.
func (c *Client) MirrorCheckpoints(ctx context.Context, group, alias string) (*MirrorCheckpoints, error) {
	if group == "" || alias == "" {
		return nil, &offset.Error{Code: offset.InvalidArgument, What: "A consumer group and a source need names"}
	}
	found, err := c.mirrorCheckpoints(ctx, group, alias)
	return found, told(err)
}

func (c *Client) mirrorCheckpoints(ctx context.Context, group, alias string) (*MirrorCheckpoints, error) {
	all, err := c.cluster.Metadata(ctx, nil)
	if err != nil {
		return nil, err
	}
	topic := alias + checkpointsSuffix
	sizes := map[string]int{}
	for _, t := range all.Topics {
		if t.Err == sarama.ErrNoError {
			sizes[t.Name] = len(t.Partitions)
		}
	}
	if sizes[topic] == 0 {
		return nil, &offset.Error{
			Code: offset.TopicMissing,
			What: fmt.Sprintf("There is no topic %q, into which MirrorMaker 2 writes the checkpoints of the source %q, or the right DESCRIBE on it is missing", topic, alias),
			Next: "Check the source's alias and that this is the target cluster of the mirror; emit.checkpoints.enabled has to be on.",
		}
	}
	internal := map[string][]int32{topic: {0}}
	if sizes[heartbeatsTopic] > 0 {
		internal[heartbeatsTopic] = nil
		for id := range sizes[heartbeatsTopic] {
			internal[heartbeatsTopic] = append(internal[heartbeatsTopic], int32(id)) //nolint:gosec // A topic's size.
		}
	}
	own := &wire.Metadata{ClusterID: all.ClusterID, Brokers: all.Brokers}
	for _, t := range all.Topics {
		if internal[t.Name] != nil {
			own.Topics = append(own.Topics, t)
		}
	}
	p, err := selection{explicit: internal}.place(own)
	if err != nil {
		return nil, err
	}
	if err := c.cluster.bounds(ctx, p.Metadata, p.rows, startProbe(), endProbe(offset.ReadUncommitted)); err != nil {
		return nil, err
	}
	m := &mirrorLog{group: group, alias: alias, last: map[offset.Partition]MirrorCheckpoint{}, mirrored: map[string]bool{}}
	if err := m.read(ctx, c.cluster, p); err != nil {
		return nil, err
	}
	return m.told(all.ClusterID, sizes), nil
}

// mirrorLog collects what MirrorMaker's topics hold.
type mirrorLog struct {
	group, alias string
	last         map[offset.Partition]MirrorCheckpoint // of the group
	mirrored     map[string]bool                       // topics that any group has a checkpoint of
	checkpoint   int64                                 // Unix milliseconds
	heartbeats   []int64                               // by row, in Unix milliseconds
	unreadable   int
}

func (m *mirrorLog) read(ctx context.Context, c cluster, p *place) error {
	m.heartbeats = make([]int64, len(p.rows))
	var readers []*reader
	for i := range p.rows {
		row := &p.rows[i]
		if row.start == row.end {
			continue
		}
		take := func(f *fetched) { m.beat(i, f) }
		from := max(row.start, row.end-heartbeatsBack)
		if row.topic != heartbeatsTopic {
			take, from = m.check, row.start
		}
		readers = append(readers, &reader{row: i, from: from, take: func(r *reader, got []fetched) bool {
			for n := range got {
				take(&got[n])
			}
			return r.from < row.end
		}})
	}
	return c.read(ctx, p.Metadata, p.rows, readers)
}

// heartbeatsBack is how many of the newest heartbeats of a partition are
// looked at: one a second and source is the default.
const heartbeatsBack = 1000

func (m *mirrorLog) beat(row int, f *fetched) {
	if source, at, err := decodeHeartbeat(f.key, f.value); err == nil && source == m.alias {
		m.heartbeats[row] = max(m.heartbeats[row], at)
	}
}

func (m *mirrorLog) check(f *fetched) {
	group, at, err := decodeCheckpointKey(f.key)
	if err != nil {
		m.unreadable++
		return
	}
	if f.value == nil { // deleted
		if group == m.group {
			delete(m.last, at)
		}
		return
	}
	up, down, err := decodeCheckpointValue(f.value)
	if err != nil {
		m.unreadable++
		return
	}
	m.mirrored[at.Topic] = true
	if group == m.group {
		m.last[at] = MirrorCheckpoint{at, up, down}
		m.checkpoint = max(m.checkpoint, f.time)
	}
}

func (m *mirrorLog) told(clusterID string, sizes map[string]int) *MirrorCheckpoints {
	found := &MirrorCheckpoints{ClusterID: clusterID, Missing: map[string][]int32{}}
	for topic := range sizes {
		// The default policy puts the source's name in front. The internal
		// topics of the mirror are named so too.
		if strings.HasPrefix(topic, m.alias+".") && !strings.HasSuffix(topic, ".internal") && topic != m.alias+"."+heartbeatsTopic {
			m.mirrored[topic] = true
		}
	}
	for topic := range m.mirrored {
		for id := range sizes[topic] {
			at := offset.Partition{Topic: topic, ID: int32(id)} //nolint:gosec // A topic's size.
			if _, ok := m.last[at]; !ok {
				found.Missing[topic] = append(found.Missing[topic], at.ID)
			}
		}
	}
	for _, c := range m.last {
		found.Checkpoints = append(found.Checkpoints, c)
	}
	slices.SortFunc(found.Checkpoints, func(a, b MirrorCheckpoint) int { return a.Compare(b.Partition) })
	if m.checkpoint > 0 {
		found.CheckpointAt = time.UnixMilli(m.checkpoint)
	}
	if at := slices.Max(append(m.heartbeats, 0)); at > 0 {
		found.HeartbeatAt = time.UnixMilli(at)
	}
	if m.unreadable > 0 {
		found.Notes = append(found.Notes, fmt.Sprintf("%s of the topic %q could not be read and count as not there: another version of MirrorMaker may have written them.", count(m.unreadable, "record"), m.alias+checkpointsSuffix))
	}
	return found
}

// decodeCheckpointKey reads group, topic and partition.
func decodeCheckpointKey(key []byte) (group string, at offset.Partition, err error) {
	d := decoder{rest: key}
	group = d.text()
	at.Topic = d.text()
	at.ID = d.int32()
	if err := d.end(); err != nil || at.ID < 0 || group == "" || at.Topic == "" {
		return "", offset.Partition{}, errors.Join(errNotMirrors, err)
	}
	return group, at, nil
}

// decodeCheckpointValue reads the version (0), the offset on the source, the
// one here and the metadata of the source's commit.
func decodeCheckpointValue(value []byte) (upstream, downstream int64, err error) {
	d := decoder{rest: value}
	version := d.int16()
	upstream, downstream = d.int64(), d.int64()
	d.text()
	if err := d.end(); err != nil || version != 0 || upstream < 0 || downstream < 0 {
		return 0, 0, errors.Join(errNotMirrors, err)
	}
	return upstream, downstream, nil
}

// decodeHeartbeat reads the source's alias of a heartbeat, and its time.
func decodeHeartbeat(key, value []byte) (source string, ms int64, err error) {
	k, v := decoder{rest: key}, decoder{rest: value}
	source = k.text()
	k.text() // the target's alias
	version := v.int16()
	ms = v.int64()
	if err := errors.Join(k.end(), v.end()); err != nil || version != 0 || ms < 0 {
		return "", 0, errors.Join(errNotMirrors, err)
	}
	return source, ms, nil
}

var errNotMirrors = errors.New("this is not what MirrorMaker 2 writes")

// decoder reads numbers and texts of Kafka's protocol types.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.rest) {
		d.bad = true
		return make([]byte, max(0, min(n, 8)))
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) int16() int16 { return int16(binary.BigEndian.Uint16(d.take(2))) } //nolint:gosec // Signed on the wire.
func (d *decoder) int32() int32 { return int32(binary.BigEndian.Uint32(d.take(4))) } //nolint:gosec // Signed on the wire.
func (d *decoder) int64() int64 { return int64(binary.BigEndian.Uint64(d.take(8))) } //nolint:gosec // Signed on the wire.
func (d *decoder) text() string { return string(d.take(int(d.int16()))) }

func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return errors.New("it has another length")
	}
	return nil
}

// mirrorsOf returns the checkpoint topics that MirrorMaker would have, under
// its default policy, if it mirrored the topics.
func mirrorsOf(topics []string) []string {
	var names []string
	for _, topic := range topics {
		for i, r := range topic {
			if r == '.' && i > 0 && i < len(topic)-1 {
				names = append(names, topic[:i]+checkpointsSuffix)
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return slices.Contains(topics, name) })
}

// mirrorNote tells of MirrorMaker's habit to put an idle group back.
func mirrorNote(aliases []string) string {
	return fmt.Sprintf("MirrorMaker 2 mirrors topics here from %s. With sync.group.offsets.enabled it puts an idle group's offsets back within seconds: stop that first.", wire.Quoted(aliases))
}
