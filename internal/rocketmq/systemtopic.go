package rocketmq

import (
	"slices"
	"strings"
)

// systemTopics are the names that brokers reserve beside the prefix of their
// own topics (TopicValidator in RocketMQ's sources).
var systemTopics = []string{
	"TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC",
	"TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC",
}

// IsSystemTopic tells whether a topic belongs to RocketMQ itself: delayed and
// half transactional messages, timers, what consumers by POP have not
// acknowledged. Brokers consume these, and a reset of one loses messages of
// others.
func IsSystemTopic(name string) bool {
	return slices.Contains(systemTopics, name) || strings.HasPrefix(strings.ToLower(name), "rmq_sys_")
}
