package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Codes of the protocol that sarama has no names for.
const (
	errFencedMemberEpoch  sarama.KError = 110
	errUnreleasedInstance sarama.KError = 111
	errStaleMemberEpoch   sarama.KError = 113
)

// untouched completes an error that came before the first write: whatever it
// is, the reader is told that nothing was changed.
func untouched(err error) error {
	if err == nil {
		return nil
	}
	var e *offset.Error
	if errors.As(err, &e) {
		told := *e
		told.State = cmp.Or(told.State, offset.NothingChanged)
		return &told
	}
	return &offset.Error{Code: codeOf(err), What: whatOf(err), State: offset.NothingChanged, Err: err}
}

// told completes an error of a call that never writes.
func told(err error) error {
	var e *offset.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &offset.Error{Code: codeOf(err), What: whatOf(err), Err: err}
}

func codeOf(err error) offset.Code {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return offset.Interrupted
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return offset.Unsupported
	}
	return offset.Failed
}

func whatOf(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "Interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "Out of time"
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return "The brokers are too old for this"
	}
	return "The Kafka cluster could not do it"
}

// hopeless tells whether no other try and no other broker can mend a failure
// to connect: wrong credentials, a certificate that is not trusted, a client
// that is closed.
func hopeless(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		conf      sarama.ConfigurationError
	)
	return errors.Is(err, errClosed) || connection.Unauthorized(err) ||
		errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &conf)
}

// unreachable tells that none of the brokers answered.
func unreachable(errs []error) error {
	if len(errs) == 0 {
		return &offset.Error{
			Code: offset.InvalidArgument,
			What: "There is no Kafka broker to ask",
			Next: "Set the bootstrap servers.",
		}
	}
	// The last error decides: asking ends with the first hopeless one.
	last := errs[len(errs)-1]
	var b *broken
	if !errors.As(last, &b) {
		return last
	}
	sentence, advice := connection.Explain(b.err)
	if !strings.Contains(sentence, b.addr) {
		sentence = fmt.Sprintf("Kafka broker %s: %s", b.addr, sentence)
	}
	if len(errs) > 1 {
		others := make([]string, 0, len(errs)-1)
		for _, err := range errs[:len(errs)-1] {
			others = append(others, err.Error())
		}
		sentence = fmt.Sprintf("%s (before it: %s)", sentence, connection.Mask(listed(others)))
	}
	e := &offset.Error{Code: offset.Unreachable, What: "The Kafka cluster could not be asked", Next: advice, Err: &explained{sentence, last}}
	if connection.Unauthorized(last) {
		e.Code, e.What = offset.Unauthorized, "The Kafka cluster let nobody in with these credentials"
	}
	return e
}

// explained is an error in other words.
type explained struct {
	sentence string
	err      error
}

func (e *explained) Error() string { return e.sentence }
func (e *explained) Unwrap() error { return e.err }

func wrongCluster(got, want, where string) error {
	return &offset.Error{
		Code: offset.WrongCluster,
		What: fmt.Sprintf("This is the Kafka cluster %q, not %q, which %s names", got, want, where),
		Next: "Check the bootstrap servers: they may belong to another environment.",
	}
}

// noRight tells that a right is missing on some resources of a kind.
func noRight(right, kind string, names ...string) error {
	return &offset.Error{
		Code: offset.Unauthorized,
		What: fmt.Sprintf("There is no right %s on the %s %s", right, kind, quoted(names)),
		Next: "A reset needs READ on the group and READ and DESCRIBE on its topics; removing offsets needs DELETE on the group. Grant what is missing to the user that the provider logs in as.",
	}
}

// refused tells that a broker answered with a code that has no treatment of
// its own.
func refused(doing string, code sarama.KError) error {
	return &offset.Error{Code: offset.Failed, What: doing, Err: code}
}

// listed names things in a sentence, the first ten of them.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return listed(q)
}

// name names a partition as Kafka's tools do.
func name(topic string, id int32) string { return fmt.Sprintf("%s-%d", topic, id) }

// count says "1 partition", "2 partitions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// active tells that a group's members stand in the way.
func active(g *group, waited bool) error {
	members := make([]string, 0, len(g.members))
	static := false
	for _, m := range g.members {
		members = append(members, describeMember(m))
		static = static || m.InstanceID != ""
	}
	slices.Sort(members)
	e := &offset.Error{
		Code: offset.GroupActive,
		What: fmt.Sprintf("Consumer group %q is %s", g.id, g.state),
		Next: "Stop its consumers and try again; wait_for_inactive says how long to wait for them.",
	}
	if len(members) > 0 {
		e.What += fmt.Sprintf(" with %s: %s", count(len(members), "member"), listed(members))
	}
	if waited {
		e.What += "; they did not leave in time"
	}
	if static {
		e.Next += " Static members (group.instance.id) never say that they leave: they are gone when their session times out, up to 30 minutes after they stop."
	} else {
		e.Next += " A consumer that was killed counts as a member until its session times out, 45 s by default."
	}
	return e
}

func describeMember(m offset.Member) string {
	s := fmt.Sprintf("client id %q on %s", m.ClientID, strings.TrimPrefix(m.Host, "/"))
	if m.InstanceID != "" {
		s += fmt.Sprintf(", static instance id %q", m.InstanceID)
	}
	return s
}

// reason puts what a broker says of one partition into words.
func reason(code sarama.KError) string {
	switch code {
	case sarama.ErrUnknownTopicOrPartition:
		return "the topic or partition does not exist any more"
	case sarama.ErrTopicAuthorizationFailed:
		return "no right READ on the topic"
	case sarama.ErrGroupAuthorizationFailed:
		return "no right READ on the group"
	case sarama.ErrGroupSubscribedToTopic:
		return "an active member of the group is subscribed to the topic"
	case sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidCommitOffsetSize:
		return "the commit is larger than the broker's limit"
	case sarama.ErrOffsetMetadataTooLarge:
		return "the commit's metadata is larger than the broker's limit"
	}
	if busy(code) {
		return "the group became active"
	}
	return strings.TrimPrefix(code.Error(), "kafka server: ")
}

// brief puts an error into few words, for it may stand beside each partition.
func brief(err error) string {
	var e *offset.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err == nil {
		return e.What
	}
	return e.What + ": " + strings.TrimPrefix(e.Err.Error(), "kafka server: ")
}
