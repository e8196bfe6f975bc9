package offset

import (
	"regexp"
	"strings"
)

// foreignKeyJoins are the topics of foreign-key joins.
var foreignKeyJoins = regexp.MustCompile(`-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic$`)

// StreamsInternal tells whether a topic is one that the Kafka Streams
// application with this id keeps for itself: its changelogs, and those between
// its own steps. The names are those by which Kafka's tools know them
// (StreamsResetter.matchesInternalTopicFormat, Kafka 4.4).
func StreamsInternal(application, topic string) bool {
	rest, own := strings.CutPrefix(topic, application+"-")
	if !own {
		return false
	}
	rest = "-" + rest
	for _, suffix := range []string{"-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"} {
		if strings.HasSuffix(rest, suffix) {
			return true
		}
	}
	return foreignKeyJoins.MatchString(rest)
}
