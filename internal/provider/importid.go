package provider

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// resetID names what a reset is about: the group and the scope. As a string
// it is the resource's id and what "terraform import" takes:
//
//	GROUP/TOPIC          GROUP/TOPIC/0,2          GROUP/TOPIC,TOPIC          GROUP/*
//
// with ?instance_id=… behind it for a managed instance. Characters that the
// form itself uses are percent-encoded inside of a part.
type resetID struct {
	group      string
	topics     []string // sorted; none means all topics
	partitions []int32  // sorted; none means all partitions
	instance   string
}

const allTopicsMark = "*"

var idEscaper = strings.NewReplacer("%", "%25", "/", "%2F", ",", "%2C", "?", "%3F", "*", "%2A")

func (id resetID) String() string {
	var b strings.Builder
	b.WriteString(idEscaper.Replace(id.group))
	b.WriteByte('/')
	if len(id.topics) == 0 {
		b.WriteString(allTopicsMark)
	}
	for i, t := range id.topics {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(idEscaper.Replace(t))
	}
	for i, p := range id.partitions {
		b.WriteByte("/,"[min(i, 1)])
		b.WriteString(strconv.FormatInt(int64(p), 10))
	}
	if id.instance != "" {
		b.WriteString("?instance_id=" + url.QueryEscape(id.instance))
	}
	return b.String()
}

func (id resetID) equal(other resetID) bool {
	return id.group == other.group && id.instance == other.instance &&
		slices.Equal(id.topics, other.topics) && slices.Equal(id.partitions, other.partitions)
}

// parseResetID reads what String has written, in any order of topics and partitions.
func parseResetID(s string) (resetID, error) {
	const form = "GROUP/TOPIC, GROUP/TOPIC/0,2, GROUP/TOPIC,TOPIC or GROUP/*, where /, comma, %, ? and * inside of a name are percent-encoded"
	var id resetID
	s, query, hasQuery := strings.Cut(s, "?")
	if hasQuery {
		values, err := url.ParseQuery(query)
		if err != nil || len(values) != 1 || len(values["instance_id"]) != 1 || values.Get("instance_id") == "" {
			return id, fmt.Errorf("%q is not understood: behind the question mark only instance_id=… may stand", query)
		}
		id.instance = values.Get("instance_id")
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return id, fmt.Errorf("%q has %d parts; the form is %s", s, len(parts), form)
	}
	var err error
	if id.group, err = unescapePart(parts[0]); err != nil {
		return id, err
	}
	if parts[1] != allTopicsMark {
		for part := range strings.SplitSeq(parts[1], ",") {
			topic, err := unescapePart(part)
			if err != nil {
				return id, err
			}
			id.topics = append(id.topics, topic)
		}
		slices.Sort(id.topics)
		if len(slices.Compact(slices.Clone(id.topics))) != len(id.topics) {
			return id, fmt.Errorf("%q names a topic twice", s)
		}
	}
	if len(parts) == 3 {
		if len(id.topics) != 1 {
			return id, fmt.Errorf("%q: partitions belong to exactly one topic", s)
		}
		for part := range strings.SplitSeq(parts[2], ",") {
			p, err := strconv.ParseInt(part, 10, 32)
			if err != nil || p < 0 {
				return id, fmt.Errorf("%q is not a partition number", part)
			}
			id.partitions = append(id.partitions, int32(p))
		}
		slices.Sort(id.partitions)
		if len(slices.Compact(slices.Clone(id.partitions))) != len(id.partitions) {
			return id, fmt.Errorf("%q names a partition twice", s)
		}
	}
	return id, nil
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
