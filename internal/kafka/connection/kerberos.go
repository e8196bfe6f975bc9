package connection

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jcmturner/gokrb5/v8/krberror"
)

// AwaitedError is a login that was given up while it waited for somebody else
// than the broker: the KDC.
type AwaitedError struct {
	Whom string
	Err  error
}

// Error names whom, and why it was given up.
func (e *AwaitedError) Error() string { return e.Whom + ": " + e.Err.Error() }

// Unwrap returns why it was given up.
func (e *AwaitedError) Unwrap() error { return e.Err }

// Awaited returns the cause for which a request was given up, with whom it has
// waited for, if time has run out and that was not the broker: after the
// broker has agreed to a mechanism, the next word is this side's.
func (l *Link) Awaited(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conn
	if c == nil || l.dialer.asks == nil || !errors.Is(cause, context.DeadlineExceeded) || c.key.Load() != keySASLHandshake || !c.replied.Load() {
		return cause
	}
	return l.dialer.asks(cause)
}

func explainKerberos(err error) (string, string) {
	const network = "Check the addresses of the realm's KDCs in krb5.conf, and that they can be reached from here."
	var ae *AwaitedError
	if errors.As(err, &ae) {
		return fmt.Sprintf("Kerberos: %s does not answer: %s", ae.Whom, Mask(ae.Err.Error())), network
	}
	var ke krberror.Krberror
	if !errors.As(err, &ke) {
		return "", ""
	}
	said := strings.Join(ke.EText, " < ")
	sentence := "Kerberos: " + strings.TrimSuffix(Mask(said), ".")
	switch ke.RootCause {
	case krberror.NetworkingError:
		return sentence, network
	case krberror.ConfigError:
		return sentence, "Check krb5.conf and the realm."
	}
	for _, known := range []struct{ word, advice string }{
		{"KDC_ERR_PREAUTH_FAILED", wrongKey},
		{"matching key not found in keytab", "The keytab holds no key of this principal and realm (klist -k shows what it holds): check sasl.username, sasl.kerberos_realm and sasl.kerberos_keytab."},
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", "The KDC does not know the principal: check sasl.username and sasl.kerberos_realm."},
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", "The KDC does not know the broker as a service: check sasl.kerberos_service_name, and that the host that the cluster announces (advertised.listeners) is the one in its principal."},
		{"KRB_AP_ERR_SKEW", clocks},
		{"clock skew", clocks},
		{"client password/keytab incorrect", wrongKey}, // a KDC that wants no pre-authentication; the two above say so as well
	} {
		if strings.Contains(said, known.word) {
			return sentence, known.advice
		}
	}
	return sentence, "Check sasl.username, sasl.kerberos_realm, sasl.kerberos_service_name, the keytab or password, and that the clocks agree."
}

const (
	wrongKey = "This is not the principal's password or key: check sasl.username, the password, or that the keytab holds the principal's present key."
	clocks   = "The clocks of this machine and of the KDC differ by more than is allowed (clockskew in krb5.conf, 5 minutes unless set): correct them."
)
