package offset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Dialect says in whose words a record is written.
type Dialect int

// The dialects of a record.
const (
	// KafkaRecord is topic → partition → previous, offset, start, end, clamped.
	KafkaRecord Dialect = iota
	// RocketMQRecord is broker → queue → previous, offset, min, max, clamped, how, pending.
	RocketMQRecord
)

// EncodeRecord writes outcomes as the JSON document that the state keeps: one
// string, because Terraform needs seconds to minutes for as many nested
// values, with topics (or brokers) and partitions (or queues) in order. It
// begins with a space, since Terraform unfolds a string that begins with a
// brace into a line for each value in every plan. None is written as null,
// and "clamped", "metadata" and
// "error" stand only where there is something to say, "error" beside "unsettled" if the write
// may have landed all the same. A long reason that many partitions share is
// said at the first of them, and the others refer to it ("as orders-0").
func EncodeRecord(outcomes []Outcome, d Dialect) string {
	moves := slices.Clone(outcomes)
	SortOutcomes(moves)
	referToReasons(moves)
	b := make([]byte, 0, 2+len(moves)*96)
	b = append(b, ' ', '{')
	for i, m := range moves {
		switch {
		case i == 0:
			b = append(appendString(b, outer(m, d)), ':', '{')
		case outer(m, d) != outer(moves[i-1], d):
			b = append(b, '}', ',')
			b = append(appendString(b, outer(m, d)), ':', '{')
		default:
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strconv.AppendInt(b, int64(m.ID), 10)
		b = append(b, '"', ':')
		b = appendOutcome(b, m, d)
	}
	if len(moves) > 0 {
		b = append(b, '}')
	}
	return string(append(b, '}'))
}

// long is how many bytes a reason may have to be said at each partition.
const long = 64

// reference stands before the name of the partition whose reason is meant.
const reference = "as "

// referToReasons has long reasons that are said already refer to where.
func referToReasons(outcomes []Outcome) {
	at := map[string]string{}
	for i := range outcomes {
		o := &outcomes[i]
		if !o.Failed() || len(o.Reason) <= long {
			continue
		}
		if first, said := at[o.Reason]; said {
			o.Reason = reference + first
		} else {
			at[o.Reason] = o.Name()
		}
	}
}

// resolveReasons undoes referToReasons.
func resolveReasons(outcomes []Outcome) {
	of := map[string]string{}
	for i := range outcomes {
		o := &outcomes[i]
		if name, ok := strings.CutPrefix(o.Reason, reference); ok {
			if reason, ok := of[name]; ok {
				o.Reason = reason
			}
		} else if len(o.Reason) > long {
			of[o.Name()] = o.Reason
		}
	}
}

func outer(m Outcome, d Dialect) string {
	if d == RocketMQRecord {
		return m.Broker
	}
	return m.Topic
}

func appendOutcome(b []byte, m Outcome, d Dialect) []byte {
	start, end := "start", "end"
	if d == RocketMQRecord {
		start, end = "min", "max"
	}
	b = appendOffset(append(b, '{'), "previous", m.Previous)
	b = appendOffset(append(b, ','), "offset", m.Offset)
	b = appendOffset(append(b, ','), start, m.Start)
	b = appendOffset(append(b, ','), end, m.End)
	if m.Clamped {
		b = append(b, `,"clamped":true`...)
	}
	if m.Metadata != "" {
		b = appendJSON(append(b, `,"metadata":`...), Metadata(m.Metadata))
	}
	if m.By != "" {
		b = appendString(append(b, `,"by":`...), string(m.By))
	}
	if d == RocketMQRecord {
		b = appendString(append(b, `,"how":`...), m.How)
		b = append(b, `,"pending":`...)
		b = strconv.AppendBool(b, m.Pending)
	}
	if m.Failed() {
		b = appendString(append(b, `,"error":`...), m.Reason)
	}
	if m.Failed() && m.Touched() {
		b = append(b, `,"unsettled":true`...)
	}
	return append(b, '}')
}

func appendOffset(b []byte, key string, v int64) []byte {
	b = append(append(append(b, '"'), key...), '"', ':')
	if v < 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, v, 10)
}

func appendString(b []byte, s string) []byte { return appendJSON(b, s) }

func appendJSON(b []byte, v any) []byte {
	q, err := json.Marshal(v) // cannot fail for a text; in one that is no metadata, it replaces invalid UTF-8
	if err != nil {
		return append(b, `""`...)
	}
	return append(b, q...)
}

// DialectOf tells in whose words a record is written. The error says why it
// cannot be what a reset has left.
func DialectOf(record string) (Dialect, error) {
	var doc map[string]map[string]struct {
		Previous json.RawMessage `json:"previous"`
		Offset   json.RawMessage `json:"offset"`
		Min      json.RawMessage `json:"min"`
	}
	if err := json.Unmarshal([]byte(record), &doc); err != nil {
		return KafkaRecord, fmt.Errorf("it is not the record of a reset, a JSON document of offsets: %w", err)
	}
	d := KafkaRecord
	for name, partitions := range doc {
		for id, p := range partitions {
			if n, err := strconv.ParseInt(id, 10, 32); err != nil || n < 0 {
				return KafkaRecord, fmt.Errorf("it is not the record of a reset: %q of %q is not a number", id, name)
			}
			if p.Previous == nil || p.Offset == nil {
				return KafkaRecord, fmt.Errorf("it is not the record of a reset: %q of %q has no previous and offset", id, name)
			}
			if p.Min != nil {
				d = RocketMQRecord
			}
		}
	}
	return d, nil
}

// DecodeRecord reads a record back into outcomes, sorted. What was overwritten
// comes back as unsettled: either way only a comparison tells where it is. For RocketMQRecord,
// topic is the topic that the record does not name.
func DecodeRecord(record string, d Dialect, topic string) ([]Outcome, error) {
	type entry struct {
		Previous  *int64   `json:"previous"`
		Offset    *int64   `json:"offset"`
		Start     *int64   `json:"start"`
		End       *int64   `json:"end"`
		Min       *int64   `json:"min"`
		Max       *int64   `json:"max"`
		Clamped   bool     `json:"clamped"`
		How       string   `json:"how"`
		Pending   bool     `json:"pending"`
		Metadata  Metadata `json:"metadata"`
		By        By       `json:"by"`
		Error     string   `json:"error"`
		Unsettled bool     `json:"unsettled"`
	}
	var doc map[string]map[int32]entry
	if err := json.Unmarshal([]byte(strings.TrimSpace(record)), &doc); err != nil {
		return nil, fmt.Errorf("read the record of the last reset: %w", err)
	}
	outcomes := []Outcome{}
	for key, partitions := range doc {
		for id, e := range partitions {
			o := Outcome{
				Move: Move{
					Partition: Partition{Topic: key, ID: id},
					Previous:  orNone(e.Previous), Offset: orNone(e.Offset),
					Start: orNone(e.Start), End: orNone(e.End),
					Clamped: e.Clamped, Metadata: string(e.Metadata), By: e.By, How: e.How,
				},
				Pending: e.Pending, Seen: None,
			}
			switch {
			case e.Unsettled:
				o.Doubt(e.Error)
			case e.Error != "":
				o.Fail(e.Error)
			}
			if d == RocketMQRecord {
				o.Topic, o.Broker = topic, key
				o.Start, o.End = orNone(e.Min), orNone(e.Max)
			}
			outcomes = append(outcomes, o)
		}
	}
	SortOutcomes(outcomes)
	resolveReasons(outcomes)
	return outcomes, nil
}

func orNone(v *int64) int64 {
	if v == nil || *v < 0 {
		return None
	}
	return *v
}

// FailedIn counts the partitions of a record that failed, and all of them,
// without taking it apart: only the member "error" of a partition is followed
// by a string, and each has one member "previous".
func FailedIn(record string) (failed, of int) {
	return strings.Count(record, `,"error":"`), strings.Count(record, `{"previous":`)
}

// BrokersIn returns the brokers that a RocketMQ record names, sorted, without
// taking its queues apart. What is no record names none.
func BrokersIn(record string) []string {
	var brokers map[string]json.RawMessage
	if json.Unmarshal([]byte(record), &brokers) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(brokers))
}
