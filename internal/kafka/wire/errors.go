package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// stopped is the error of a step that ctx has ended: what failed last, if
// there is anything to tell.
func stopped(ctx context.Context, last error) error {
	if last == nil {
		if why := paused(ctx); why != "" && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &offset.Error{Code: offset.Interrupted, What: "Out of time; " + why, Next: quota, Err: context.Cause(ctx)}
		}
		return context.Cause(ctx)
	}
	e := &offset.Error{Code: offset.Interrupted, What: "Interrupted", Err: &explained{inBrief(last), errors.Join(context.Cause(ctx), last)}}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.What = "Out of time"
	}
	var told *offset.Error
	if errors.As(last, &told) {
		e.Next = told.Next
	}
	return Why(ctx, e)
}

// inBrief is an error without its advice.
func inBrief(err error) string {
	var e *offset.Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Err == nil:
		return e.What
	}
	return e.What + ": " + strings.TrimPrefix(e.Err.Error(), "kafka server: ")
}

// notOffered tells that the brokers do not have a request, or no version of it
// that is asked for. It is sarama's ErrUnsupportedVersion too.
func notOffered(api API) error {
	return &offset.Error{
		Code: offset.Unsupported,
		What: fmt.Sprintf("The brokers do not offer the request %s, or no version of it that this provider knows", api),
		Next: "They may be too old for it, or a proxy in front of them may leave it out; if kafka_version is set, check it.",
		Err:  sarama.ErrUnsupportedVersion,
	}
}

// errController tells of a node that does not have what every broker has.
var errController = errors.New("it serves no clients, as only the controllers of a cluster do")

// useless tells whether no other broker can mend a failure: wrong credentials,
// or a client that is closed. Trying them on could lock the user out.
func useless(err error) bool {
	return errors.Is(err, ErrClosed) || connection.Unauthorized(err)
}

// hopeless tells whether no other try at the same broker can mend a failure:
// besides that, a certificate that is not trusted, or a node that is no broker.
func hopeless(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		conf      sarama.ConfigurationError
	)
	return useless(err) || errors.Is(err, errController) ||
		errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &conf)
}

// unreachable tells that none of the brokers answered. It is marked as
// transient unless each of them failed for good.
func unreachable(errs []error) error {
	if len(errs) == 0 {
		return &offset.Error{
			Code: offset.InvalidArgument,
			What: "There is no Kafka broker to ask",
			Next: "Set the bootstrap servers.",
		}
	}
	transient := true
	for _, err := range errs {
		transient = transient && !useless(err)
	}
	for _, err := range errs {
		if !hopeless(err) && transient {
			return Transient(unanswered(errs))
		}
	}
	return unanswered(errs)
}

// unanswered puts what the brokers failed with into words. The last one
// counts: asking ends with the first that is useless.
func unanswered(errs []error) error {
	last := errs[len(errs)-1]
	var b *broken
	if !errors.As(last, &b) {
		return last
	}
	sentence, advice := explain(b)
	if !strings.Contains(sentence, b.addr) {
		sentence = fmt.Sprintf("Kafka broker %s: %s", b.addr, sentence)
	}
	if len(errs) > 1 {
		others := make([]string, 0, len(errs)-1)
		for _, err := range errs[:len(errs)-1] {
			others = append(others, err.Error())
		}
		sentence = fmt.Sprintf("%s (before it: %s)", sentence, connection.Mask(Listed(others)))
	}
	e := &offset.Error{Code: offset.Unreachable, What: "The Kafka cluster could not be asked", Next: advice, Err: &explained{sentence, last}}
	if connection.Unauthorized(last) {
		e.Code, e.What = offset.Unauthorized, "The Kafka cluster let nobody in with these credentials"
	}
	return e
}

// explain puts a failure to ask a broker into words.
func explain(b *broken) (sentence, advice string) {
	var t *throttled
	switch {
	case errors.As(b.err, &t):
		return fmt.Sprintf("The broker %s throttles this client: it wants no request for %s", b.addr, t.pause),
			quota
	case errors.Is(b.err, errController):
		return fmt.Sprintf("The node %s serves no clients: it is probably a controller of the cluster, and no broker", b.addr),
			"Use the port of a broker's listener in bootstrap_servers; the controllers have one of their own (controller.listener.names)."
	}
	return connection.Explain(b.err)
}

// explained is an error in other words.
type explained struct {
	sentence string
	err      error
}

func (e *explained) Error() string { return e.sentence }
func (e *explained) Unwrap() error { return e.err }

// WrongCluster tells that the cluster's id is not the one that something names.
func WrongCluster(got, want, where string) error {
	return &offset.Error{
		Code: offset.WrongCluster,
		What: fmt.Sprintf("This is the Kafka cluster %q, not %q, which %s names", got, want, where),
		Next: "Check the bootstrap servers: they may belong to another environment.",
	}
}

// NoRight tells that a right is missing on some resources of a kind.
func NoRight(right, kind string, names ...string) error {
	return &offset.Error{
		Code: offset.Unauthorized,
		What: fmt.Sprintf("There is no right %s on the %s %s", right, kind, Quoted(names)),
		Next: "A reset needs READ on the group and READ and DESCRIBE on its topics; removing offsets needs DELETE on the group. Grant what is missing to the user that the provider logs in as.",
	}
}

// Refused tells that a broker answered with a code that has no treatment of
// its own.
func Refused(doing string, code sarama.KError) error {
	return &offset.Error{Code: offset.Failed, What: doing, Err: code}
}

// TopicsMissing tells that topics do not exist.
func TopicsMissing(topics ...string) error {
	noun := "Topic " + Quoted(topics) + " does not exist"
	if len(topics) > 1 {
		noun = "Topics " + Quoted(topics) + " do not exist"
	}
	return &offset.Error{
		Code: offset.TopicMissing,
		What: noun + ", or the right DESCRIBE on it is missing",
		Next: "Check the spelling and the cluster. If the same configuration creates the topic, let the reset depend on it.",
	}
}

// NoLeader tells that no broker leads the partitions.
func NoLeader(partitions ...string) error {
	return &offset.Error{
		Code: offset.NoLeader,
		What: "No broker leads " + Listed(partitions),
		Next: "Bring its brokers back, or leave the partition out of the scope.",
	}
}

// Listed names things in a sentence, the first ten of them.
func Listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Quoted is Listed with quotes.
func Quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return Listed(q)
}
