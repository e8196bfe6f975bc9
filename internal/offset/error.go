package offset

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code says what kind of trouble an Error tells of. The provider chooses the
// attribute at fault by it.
type Code string

// The kinds of trouble.
const (
	Unreachable     Code = "unreachable"       // the cluster or service does not answer
	Unauthorized    Code = "unauthorized"      // wrong credentials, or a right is missing
	WrongCluster    Code = "wrong_cluster"     // connected to another cluster than the expected one
	InstanceMissing Code = "instance_missing"  // the managed instance does not exist
	GroupMissing    Code = "group_missing"     // the group neither exists nor has offsets
	GroupActive     Code = "group_active"      // members are still active
	GroupKind       Code = "group_kind"        // a share, streams or broadcasting group
	TopicMissing    Code = "topic_missing"     // a topic does not exist
	PartitionGone   Code = "partition_missing" // a partition or queue does not exist
	NoLeader        Code = "no_leader"         // a partition has no leader, or a broker no master
	BrokerMissing   Code = "broker_missing"    // a broker that must take part does not (RocketMQ)
	NoOffset        Code = "no_offset"         // a shift or clone where nothing is committed
	OutsideLog      Code = "outside_log"       // a target out of range and out_of_range = "error"
	SnapshotUnfit   Code = "snapshot_unfit"    // a snapshot does not tell where a partition was, or its record is not found
	LimitExceeded   Code = "limit_exceeded"    // more would be replayed or skipped than allowed
	Incomplete      Code = "incomplete"        // some partitions failed
	Overwritten     Code = "overwritten"       // the read-back, or an undo's comparison, found another offset
	Interrupted     Code = "interrupted"       // cancelled or out of time before anything was written
	Unsupported     Code = "unsupported"       // the service or broker version cannot do it
	InvalidArgument Code = "invalid_argument"  // the request itself is wrong
	Failed          Code = "failed"            // anything else that the broker refused
)

// NothingChanged is the State of an error that came before the first write.
const NothingChanged = "Nothing was changed."

// Error tells why a reset was refused or failed, in sentences for the person
// who has to act on them.
type Error struct {
	Code  Code
	What  string // what failed, and on what
	State string // what is committed now
	Next  string // what to do next
	Err   error  // the cause, if there is one
}

// Error returns everything in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.What)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	for _, s := range []string{e.State, e.Next} {
		if s != "" {
			b.WriteString(". ")
			b.WriteString(strings.TrimSuffix(s, "."))
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, or Failed.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Failed
}

// Capital starts a sentence with a capital.
func Capital(sentence string) string {
	first, n := utf8.DecodeRuneInString(sentence)
	if first == utf8.RuneError {
		return sentence
	}
	return string(unicode.ToUpper(first)) + sentence[n:]
}
