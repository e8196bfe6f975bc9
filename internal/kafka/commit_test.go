package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func movesOf(topic string, n int) ([]offset.Outcome, []int) {
	moves, todo := make([]offset.Outcome, n), make([]int, n)
	for i := range moves {
		moves[i].Partition = offset.Partition{Topic: topic, ID: int32(i)}
		todo[i] = i
	}
	return moves, todo
}

// The largest commits that Kafka 4.1 took, by the length of the group's name,
// with a topic of four characters.
func TestChunksStayBelowTheBrokersLimit(t *testing.T) {
	for group, limit := range map[int]int{1: 22015, 11: 18219, 53: 10360, 249: 3530} {
		moves, todo := movesOf("topi", 100000)
		for i, c := range chunks(strings.Repeat("g", group), moves, todo, len(todo)) {
			if len(c) > limit {
				t.Errorf("group of %d characters: chunk %d has %d partitions, the broker takes %d", group, i, len(c), limit)
			}
		}
	}
}

func TestTenThousandPartitionsAreOneCommit(t *testing.T) {
	moves, todo := movesOf("orders", 10000)
	if n := len(chunks("billing", moves, todo, len(todo))); n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	if n := len(chunks(strings.Repeat("g", 200), moves, todo, len(todo))); n != 3 {
		t.Errorf("%d commits with a long group, want 3", n)
	}
}

func FuzzChunks(f *testing.F) {
	f.Add(uint16(10), uint8(3), uint8(7), uint16(4), uint16(2))
	f.Add(uint16(40000), uint8(200), uint8(200), uint16(1), uint16(60000))
	f.Fuzz(func(t *testing.T, n uint16, group, topic uint8, topics, most uint16) {
		moves, todo := movesOf("", int(n))
		for i := range moves {
			moves[i].Topic = fmt.Sprintf("%0*d", int(topic)+1, i%(int(topics)+1))
		}
		name := strings.Repeat("g", int(group)+1)
		limit := int(most) + 1
		cut := chunks(name, moves, todo, limit)
		if !slices.Equal(slices.Concat(cut...), todo) {
			t.Fatal("chunks lose, repeat or reorder partitions")
		}
		for _, c := range cut {
			size := 0
			for _, i := range c {
				size += partitionBytes + len(name) + len(moves[i].Topic)
			}
			if len(c) == 0 || len(c) > limit || size > batchBytes && len(c) > 1 {
				t.Fatalf("chunk of %d partitions and %d bytes", len(c), size)
			}
		}
	})
}
