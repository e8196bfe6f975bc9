package reset

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Name names what a reset is about: the group and the scope. As a string it is
// the id under which states keep a reset, and what an import takes:
//
//	GROUP/TOPIC          GROUP/TOPIC/0,2          GROUP/TOPIC,TOPIC          GROUP/*
//
// with ?instance_id=… behind it for a managed instance, or ?group_type=… for a
// share or a streams group. Characters that the
// form itself uses are percent-encoded inside of a part.
type Name struct {
	Group      string
	Topics     []string // sorted; none means all topics
	Partitions []int32  // sorted; none means all partitions
	Instance   string
	Type       offset.GroupType // of the group; empty for a consumer group
}

const allTopicsMark = "*"

var idEscaper = strings.NewReplacer("%", "%25", "/", "%2F", ",", "%2C", "?", "%3F", "*", "%2A")

// String writes the id.
func (id Name) String() string {
	var b strings.Builder
	b.WriteString(idEscaper.Replace(id.Group))
	b.WriteByte('/')
	if len(id.Topics) == 0 {
		b.WriteString(allTopicsMark)
	}
	for i, t := range id.Topics {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(idEscaper.Replace(t))
	}
	for i, p := range id.Partitions {
		b.WriteByte("/,"[min(i, 1)])
		b.WriteString(strconv.FormatInt(int64(p), 10))
	}
	mark := "?"
	if id.Instance != "" {
		b.WriteString(mark + queryInstance + "=" + url.QueryEscape(id.Instance))
		mark = "&"
	}
	if id.Type.Or() != offset.ConsumerGroup {
		b.WriteString(mark + queryType + "=" + url.QueryEscape(string(id.Type)))
	}
	return b.String()
}

// Equal tells whether both name the same group and scope.
func (id Name) Equal(other Name) bool {
	return id.Group == other.Group && id.Instance == other.Instance && id.Type.Or() == other.Type.Or() &&
		slices.Equal(id.Topics, other.Topics) && slices.Equal(id.Partitions, other.Partitions)
}

// Topic returns the one topic, or the first of several; empty if it names none.
func (id Name) Topic() string {
	if len(id.Topics) == 0 {
		return ""
	}
	return id.Topics[0]
}

// ParseName reads what String has written, in any order of topics and partitions.
func ParseName(s string) (Name, error) {
	const form = "GROUP/TOPIC, GROUP/TOPIC/0,2, GROUP/TOPIC,TOPIC or GROUP/*, where /, comma, %, ? and * inside of a name are percent-encoded"
	var id Name
	s, query, hasQuery := strings.Cut(s, "?")
	if hasQuery {
		if err := id.parseQuery(query); err != nil {
			return id, err
		}
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return id, fmt.Errorf("%q has %d parts; the form is %s", s, len(parts), form)
	}
	var err error
	if id.Group, err = unescapePart(parts[0]); err != nil {
		return id, err
	}
	if parts[1] != allTopicsMark {
		for part := range strings.SplitSeq(parts[1], ",") {
			topic, err := unescapePart(part)
			if err != nil {
				return id, err
			}
			id.Topics = append(id.Topics, topic)
		}
		slices.Sort(id.Topics)
		if len(slices.Compact(slices.Clone(id.Topics))) != len(id.Topics) {
			return id, fmt.Errorf("%q names a topic twice", s)
		}
	}
	if len(parts) == 3 {
		if len(id.Topics) != 1 {
			return id, fmt.Errorf("%q: partitions belong to exactly one topic", s)
		}
		for part := range strings.SplitSeq(parts[2], ",") {
			p, err := strconv.ParseInt(part, 10, 32)
			if err != nil || p < 0 {
				return id, fmt.Errorf("%q is not a partition number", part)
			}
			id.Partitions = append(id.Partitions, int32(p))
		}
		slices.Sort(id.Partitions)
		if len(slices.Compact(slices.Clone(id.Partitions))) != len(id.Partitions) {
			return id, fmt.Errorf("%q names a partition twice", s)
		}
	}
	return id, nil
}

// The names behind the question mark.
const (
	queryInstance = "instance_id"
	queryType     = "group_type"
)

func (id *Name) parseQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%q is not understood: %w", query, err)
	}
	for name, of := range values {
		switch {
		case len(of) != 1 || of[0] == "" || name != queryInstance && name != queryType:
			return fmt.Errorf("%q is not understood: behind the question mark only instance_id=… or group_type=… may stand", query)
		case name == queryInstance:
			id.Instance = of[0]
		default:
			id.Type = offset.GroupType(of[0])
		}
	}
	switch id.Type {
	case "", offset.ShareGroup, offset.StreamsGroup:
	case offset.ConsumerGroup:
		id.Type = ""
	default:
		return fmt.Errorf("%q is no group type: consumer, share or streams", id.Type)
	}
	if id.Type != "" && id.Instance != "" {
		return fmt.Errorf("%q: a managed instance has consumer groups only", query)
	}
	return nil
}

func unescapePart(part string) (string, error) {
	name, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q: a %% inside of a name is written %%25", part)
	case !utf8.ValidString(name):
		return "", fmt.Errorf("%q: what is percent-encoded is not UTF-8; a %% inside of a name is written %%25", part)
	case name == "":
		return "", errors.New("a name is empty")
	case strings.Contains(part, allTopicsMark):
		return "", fmt.Errorf("%q: a * inside of a name is written %%2A", part)
	}
	return name, nil
}

// NameOf names what a request is about. Explicit offsets are their own scope,
// unless a topic is named beside them.
func NameOf(req offset.Request) Name {
	id := Name{Group: req.Group, Topics: req.Scope.Topics, Partitions: req.Scope.Partitions, Type: req.GroupType}
	if req.Target.Kind == offset.ToOffsets && len(id.Topics) == 0 {
		id.Topics = slices.Sorted(maps.Keys(req.Target.Offsets))
		if len(id.Topics) == 1 {
			id.Partitions = slices.Sorted(maps.Keys(req.Target.Offsets[id.Topics[0]]))
		}
	}
	if req.Target.Kind == offset.ToSnapshot && len(id.Topics) == 0 {
		id.Topics = req.Target.SnapshotTopics()
	}
	return id
}

// Headline says what is done, and on what. It is short enough to be a line.
func (id Name) Headline(verb string) string {
	on := "all of its topics"
	if len(id.Topics) > 0 {
		on = Quoted("topic", id.Topics)
	}
	if len(id.Partitions) > 0 {
		on += ", " + numbered("partition", id.Partitions)
	}
	return fmt.Sprintf("%s %s on %s", verb, id.Type.Called(id.Group), on)
}

// numbered lists numbers behind a noun, not more than a line takes.
func numbered(noun string, numbers []int32) string {
	const most = 10
	var list []string
	for _, n := range numbers[:min(len(numbers), most)] {
		list = append(list, strconv.FormatInt(int64(n), 10))
	}
	switch {
	case len(numbers) == 1:
		return noun + " " + list[0]
	case len(numbers) > most:
		return fmt.Sprintf("%d %ss (%s, …)", len(numbers), noun, strings.Join(list[:3], ", "))
	default:
		return noun + "s " + strings.Join(list, ", ")
	}
}

// Quoted lists names behind a noun, not more than a line takes.
func Quoted(noun string, names []string) string {
	const most = 5
	list := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		list = append(list, fmt.Sprintf("%q", n))
	}
	switch {
	case len(names) == 1:
		return noun + " " + list[0]
	case len(names) > most:
		return fmt.Sprintf("%d %ss (%s, …)", len(names), noun, strings.Join(list[:2], ", "))
	default:
		return noun + "s " + strings.Join(list, ", ")
	}
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
