package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/wire"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// writerOf returns a writer of that many offsets.
func writerOf(group, topic string, n int) *writer {
	w := &writer{
		coordinator: &coordinator{&wire.Group{Name: group}, consumerType{}},
		outcomes:    make([]offset.Outcome, n), todo: make([]int, n), carry: make([]carried, n),
	}
	for i := range w.outcomes {
		w.outcomes[i].Partition = offset.Partition{Topic: topic, ID: int32(i)}
		w.todo[i] = i
	}
	return w
}

// The largest commits that Kafka 4.1 took, by the length of the group's name,
// with a topic of four characters.
func TestChunksStayBelowTheBrokersLimit(t *testing.T) {
	for group, limit := range map[int]int{1: 22015, 11: 18219, 53: 10360, 249: 3530} {
		w := writerOf(strings.Repeat("g", group), "topi", 100000)
		for i, c := range w.chunks(w.todo, len(w.todo)) {
			if len(c) > limit {
				t.Errorf("group of %d characters: chunk %d has %d partitions, the broker takes %d", group, i, len(c), limit)
			}
		}
	}
}

// Kafka 4.4 takes 62 bytes for an offset beside the names. With names of 22
// characters together, 12,500 partitions are too many for it.
func TestChunksStayBelowTheLimitOfKafka44(t *testing.T) {
	const limit, each = 1048588, 62
	for _, names := range []struct{ group, topic, partitions int }{{1, 1, 100000}, {11, 11, 12500}, {53, 4, 100000}, {249, 249, 100000}} {
		w := writerOf(strings.Repeat("g", names.group), strings.Repeat("t", names.topic), names.partitions)
		for i, c := range w.chunks(w.todo, len(w.todo)) {
			if size := len(c) * (each + names.group + names.topic); size > limit {
				t.Errorf("names of %d and %d characters: chunk %d of %d partitions has %d bytes, the broker takes %d", names.group, names.topic, i, len(c), size, limit)
			}
		}
	}
}

func TestTenThousandPartitionsAreOneCommit(t *testing.T) {
	w := writerOf("billing", "orders", 10000)
	if n := len(w.chunks(w.todo, len(w.todo))); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	w = writerOf(strings.Repeat("g", 200), "orders", 10000)
	if n := len(w.chunks(w.todo, len(w.todo))); n != 3 {
		t.Errorf("%d commits with a long group, want 3", n)
	}
}

// What a commit carries counts too: 4096 bytes are the broker's limit.
func TestChunksCountTheMetadata(t *testing.T) {
	w := writerOf("billing", "orders", 1000)
	for i := range w.carry {
		w.carry[i].metadata = strings.Repeat("m", 4096)
	}
	for i, c := range w.chunks(w.todo, len(w.todo)) {
		if size := len(c) * 4096; size > batchBytes {
			t.Errorf("chunk %d carries %d bytes of metadata", i, size)
		}
	}
}

func FuzzChunks(f *testing.F) {
	f.Add(uint16(10), uint8(3), uint8(7), uint16(4), uint16(2))
	f.Add(uint16(40000), uint8(200), uint8(200), uint16(1), uint16(60000))
	f.Fuzz(func(t *testing.T, n uint16, group, topic uint8, topics, most uint16) {
		w := writerOf(strings.Repeat("g", int(group)+1), "", int(n))
		for i := range w.outcomes {
			w.outcomes[i].Topic = fmt.Sprintf("%0*d", int(topic)+1, i%(int(topics)+1))
			w.carry[i].metadata = strings.Repeat("m", i%(int(most)+1)%4096)
		}
		limit := int(most) + 1
		cut := w.chunks(w.todo, limit)
		if !slices.Equal(slices.Concat(cut...), w.todo) {
			t.Fatal("chunks lose, repeat or reorder partitions")
		}
		for _, c := range cut {
			size := 0
			for _, i := range c {
				size += partitionBytes + len(w.coordinator.Name) + len(w.outcomes[i].Topic) + len(w.carry[i].metadata)
			}
			if len(c) == 0 || len(c) > limit || size > batchBytes && len(c) > 1 {
				t.Fatalf("chunk of %d partitions and %d bytes", len(c), size)
			}
		}
	})
}
