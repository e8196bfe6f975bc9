package wire

import (
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// API is a request's key in the protocol.
type API int16

// The requests that are made.
const (
	FetchAPI                     API = 1
	ListOffsetsAPI               API = 2
	MetadataAPI                  API = 3
	OffsetCommitAPI              API = 8
	OffsetFetchAPI               API = 9
	FindCoordinatorAPI           API = 10
	DescribeGroupsAPI            API = 15
	ListGroupsAPI                API = 16
	OffsetDeleteAPI              API = 47
	DescribeClusterAPI           API = 60
	ConsumerGroupDescribeAPI     API = 69
	ShareGroupDescribeAPI        API = 77 // Kafka 4.1
	StreamsGroupDescribeAPI      API = 89 // Kafka 4.2
	DescribeShareGroupOffsetsAPI API = 90 // Kafka 4.1
	AlterShareGroupOffsetsAPI    API = 91 // Kafka 4.1
	DeleteShareGroupOffsetsAPI   API = 92 // Kafka 4.1
)

// everywhere tells whether every broker has the API, of any version.
func (a API) everywhere() bool { return a == MetadataAPI || a == FindCoordinatorAPI }

// Codes of the protocol that sarama has no names for (KIP-848).
const (
	errFencedMemberEpoch  sarama.KError = 110
	errUnreleasedInstance sarama.KError = 111
	errStaleMemberEpoch   sarama.KError = 113
)

// Do is what a code asks for.
type Do int

// What codes ask for.
const (
	Fail     Do = iota // nothing helps: the answer would be the same again
	Nothing            // it is no error
	Again              // ask the same broker again
	Relocate           // look for the coordinator or the leader again, and ask there
	Split              // the request may be too large: ask in parts
	Busy               // the group has members, so that its offsets are theirs
)

// Meaning is what a code means in the answer to a request.
type Meaning struct {
	Do     Do
	Landed bool // a request that writes may have been carried out all the same
	// Right is the operation that is missing, and On the kind of thing that it
	// is missing on.
	Right, On string
	Words     string // the reason, as a part of a sentence
	// Code and Next are those of an Error, if they are not the usual ones.
	Code offset.Code
	Next string
}

// MeaningOf returns what the code means in the answer to a request.
func MeaningOf(api API, code sarama.KError) Meaning {
	if code == sarama.ErrNoError { // ten thousand times
		return Meaning{Do: Nothing}
	}
	for _, table := range meanings[api] {
		if m, ok := table[code]; ok {
			return m.said(code)
		}
	}
	return common[code].said(code)
}

// said adds the words that are missing.
func (m Meaning) said(code sarama.KError) Meaning {
	switch {
	case m.Words != "":
	case m.Right != "":
		m.Words = fmt.Sprintf("no right %s on the %s", m.Right, m.On)
	default:
		m.Words = strings.TrimPrefix(code.Error(), "kafka server: ")
	}
	return m
}

// Failure is the error of a code that ends a request: what was being done, and
// on what, is for a right that is missing there.
func (m Meaning) Failure(doing string, code sarama.KError, on string) error {
	switch {
	case m.Right != "":
		return NoRight(m.Right, m.On, on)
	case m.Code != "":
		return &offset.Error{Code: m.Code, What: doing, Next: m.Next, Err: &explained{m.Words, code}}
	}
	return Refused(doing, code)
}

// What a right can be missing on.
const (
	OnGroup = "group"
	OnTopic = "topic"
)

// meanings are the tables of each request; the first that has a code counts,
// and common after them.
var meanings = map[API][]map[sarama.KError]Meaning{
	ListOffsetsAPI:  {listing, leadership},
	FetchAPI:        {reading, leadership},
	OffsetCommitAPI: {committing, writing},
	OffsetDeleteAPI: {deleting, writing},

	DescribeShareGroupOffsetsAPI: {elsewhere},
	AlterShareGroupOffsetsAPI:    {altering, elsewhere, committing, writing},
	DeleteShareGroupOffsetsAPI:   {altering, elsewhere, deleting, writing},
}

// common is what codes mean unless a request's own tables say otherwise. A
// write that was appended and then not replicated in time, or whose
// coordinator was replaced before that, is told as 7, 15 or 16.
var common = map[sarama.KError]Meaning{
	sarama.ErrRequestTimedOut:                 {Do: Relocate, Landed: true},
	sarama.ErrNetworkException:                {Do: Relocate, Landed: true},
	sarama.ErrOffsetsLoadInProgress:           {Do: Again},
	sarama.ErrConsumerCoordinatorNotAvailable: {Do: Relocate, Landed: true},
	sarama.ErrNotCoordinatorForConsumer:       {Do: Relocate, Landed: true},
	sarama.ErrGroupAuthorizationFailed:        {Right: "DESCRIBE", On: OnGroup},
	sarama.ErrTopicAuthorizationFailed:        {Right: "DESCRIBE", On: OnTopic},
}

// leadership are the codes of a broker that does not lead the partition any
// more, or does not know yet that it does.
var leadership = map[sarama.KError]Meaning{
	sarama.ErrNotLeaderForPartition:   {Do: Relocate},
	sarama.ErrLeaderNotAvailable:      {Do: Relocate},
	sarama.ErrReplicaNotAvailable:     {Do: Relocate},
	sarama.ErrUnknownTopicOrPartition: {Do: Relocate},
	sarama.ErrFencedLeaderEpoch:       {Do: Relocate},
	sarama.ErrUnknownLeaderEpoch:      {Do: Relocate},
	sarama.ErrOffsetNotAvailable:      {Do: Relocate},
	sarama.ErrKafkaStorageError:       {Do: Relocate},
}

var listing = map[sarama.KError]Meaning{
	sarama.ErrUnsupportedForMessageFormat: {
		Words: "it holds records of a format without times (before Kafka 0.10)",
		Code:  offset.Unsupported,
		Next:  "Give an offset or a position instead of a time.",
	},
}

var reading = map[sarama.KError]Meaning{
	sarama.ErrTopicAuthorizationFailed: {Right: "READ", On: OnTopic},
	sarama.ErrOffsetOutOfRange:         {Words: "the log does not hold the offset any more"},
}

// busy is told by the broker when a group has members: without a generation a
// write is accepted only while there are none.
var busy = Meaning{Do: Busy, Words: "the group became active"}

// writing: UNKNOWN_MEMBER_ID tells of members of classic and KIP-848 groups
// (Kafka 4.1); the others are what servers that speak the protocol answer in
// the same case. What is larger than the broker's limit is answered with
// UNKNOWN_SERVER_ERROR (Kafka 4.1).
var writing = map[sarama.KError]Meaning{
	sarama.ErrUnknownMemberId:          busy,
	sarama.ErrIllegalGeneration:        busy,
	sarama.ErrRebalanceInProgress:      busy,
	sarama.ErrNonEmptyGroup:            busy,
	sarama.ErrFencedInstancedId:        busy,
	sarama.ErrUnsupportedVersion:       busy,
	errFencedMemberEpoch:               busy,
	errUnreleasedInstance:              busy,
	errStaleMemberEpoch:                busy,
	sarama.ErrUnknown:                  {Do: Split},
	sarama.ErrMessageSizeTooLarge:      {Do: Split, Words: "the commit is larger than the broker's limit"},
	sarama.ErrInvalidCommitOffsetSize:  {Do: Split, Words: "the commit is larger than the broker's limit"},
	sarama.ErrMessageSetSizeTooLarge:   {Do: Split, Words: "the commit is larger than the broker's limit"},
	sarama.ErrTopicAuthorizationFailed: {Right: "READ", On: OnTopic},
	sarama.ErrUnknownTopicOrPartition:  {Words: "the topic or partition does not exist any more"},
}

var committing = map[sarama.KError]Meaning{
	sarama.ErrGroupAuthorizationFailed: {Right: "READ", On: OnGroup},
	sarama.ErrOffsetMetadataTooLarge:   {Words: "the commit's metadata is larger than the broker's limit"},
}

var deleting = map[sarama.KError]Meaning{
	sarama.ErrGroupAuthorizationFailed: {Right: "DELETE", On: OnGroup},
	sarama.ErrGroupSubscribedToTopic:   {Do: Busy, Words: "an active member of the group is subscribed to the topic"},
}

// elsewhere are the codes that the coordinator of a share group hands on: it asks
// the leaders of the topic for the log's ends (Kafka 4.3), and the broker that
// keeps the group's state, which may just have moved. It finds them by itself
// (seen on Kafka 4.4, NOT_LEADER_OR_FOLLOWER beside a partition).
var elsewhere = map[sarama.KError]Meaning{
	sarama.ErrNotLeaderForPartition: {Do: Again, Landed: true},
	sarama.ErrLeaderNotAvailable:    {Do: Again, Landed: true},
	sarama.ErrReplicaNotAvailable:   {Do: Again, Landed: true},
	sarama.ErrFencedLeaderEpoch:     {Do: Again, Landed: true},
	sarama.ErrUnknownLeaderEpoch:    {Do: Again, Landed: true},
	sarama.ErrOffsetNotAvailable:    {Do: Again, Landed: true},
	sarama.ErrKafkaStorageError:     {Do: Again, Landed: true},
}

// altering: a share group's start offsets are written one by one, not as one
// batch, so that nothing is too large; and the group is looked at just before,
// so that a name which the broker then does not know is of another type (Kafka
// 4.4 answers GROUP_ID_NOT_FOUND).
var altering = map[sarama.KError]Meaning{
	sarama.ErrUnknown:            {Words: "the broker had an unexpected error"},
	sarama.ErrGroupIDNotFound:    {Words: "the group is no share group, or it was deleted meanwhile"},
	sarama.ErrUnsupportedVersion: {Words: "share groups are switched off on this cluster (the feature share.version)"},
}
