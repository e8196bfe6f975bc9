package remoting

import "fmt"

// Request codes, as RocketMQ's RequestCode numbers them.
const (
	PullMessage         = 11
	QueryConsumerOffset = 14
	UpdateOffset        = 15
	GetBrokerConfig     = 26
	SearchOffsetByTime  = 29
	GetMaxOffset        = 30
	GetMinOffset        = 31
	GetRoute            = 105
	GetClusterInfo      = 106
	GetAllGroups        = 201
	GetTopicStats       = 202
	GetConnections      = 203
	GetConsumeStats     = 208
	ResetOffset         = 222
	GetGroupsOfTopic    = 300
)

var requestNames = map[int]string{
	PullMessage:         "PULL_MESSAGE",
	QueryConsumerOffset: "QUERY_CONSUMER_OFFSET",
	UpdateOffset:        "UPDATE_CONSUMER_OFFSET",
	GetBrokerConfig:     "GET_BROKER_CONFIG",
	SearchOffsetByTime:  "SEARCH_OFFSET_BY_TIMESTAMP",
	GetMaxOffset:        "GET_MAX_OFFSET",
	GetMinOffset:        "GET_MIN_OFFSET",
	GetRoute:            "GET_ROUTEINFO_BY_TOPIC",
	GetClusterInfo:      "GET_BROKER_CLUSTER_INFO",
	GetAllGroups:        "GET_ALL_SUBSCRIPTIONGROUP_CONFIG",
	GetTopicStats:       "GET_TOPIC_STATS_INFO",
	GetConnections:      "GET_CONSUMER_CONNECTION_LIST",
	GetConsumeStats:     "GET_CONSUME_STATS",
	ResetOffset:         "INVOKE_BROKER_TO_RESET_OFFSET",
	GetGroupsOfTopic:    "QUERY_TOPIC_CONSUME_BY_WHO",
}

// RequestName returns RocketMQ's name of a request code.
func RequestName(code int) string {
	if name, ok := requestNames[code]; ok {
		return name
	}
	return fmt.Sprintf("request %d", code)
}

// Response codes, as RocketMQ's ResponseCode numbers them.
const (
	Success              = 0
	SystemError          = 1
	SystemBusy           = 2
	NotSupported         = 3
	NoPermission         = 16
	TopicNotExist        = 17
	PullNotFound         = 19
	PullRetryImmediately = 20
	PullOffsetMoved      = 21
	QueryNotFound        = 22
	GroupNotExist        = 26
	ConsumerNotOnline    = 206
)

var responseNames = map[int]string{
	Success:              "SUCCESS",
	SystemError:          "SYSTEM_ERROR",
	SystemBusy:           "SYSTEM_BUSY",
	NotSupported:         "REQUEST_CODE_NOT_SUPPORTED",
	NoPermission:         "NO_PERMISSION",
	TopicNotExist:        "TOPIC_NOT_EXIST",
	PullNotFound:         "PULL_NOT_FOUND",
	PullRetryImmediately: "PULL_RETRY_IMMEDIATELY",
	PullOffsetMoved:      "PULL_OFFSET_MOVED",
	QueryNotFound:        "QUERY_NOT_FOUND",
	GroupNotExist:        "SUBSCRIPTION_GROUP_NOT_EXIST",
	ConsumerNotOnline:    "CONSUMER_NOT_ONLINE",
}

// ResponseName returns RocketMQ's name of a response code, or an empty string.
func ResponseName(code int) string { return responseNames[code] }
