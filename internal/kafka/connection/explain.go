package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/IBM/sarama"
	"github.com/jcmturner/gokrb5/v8/krberror"
)

// Explain puts an error of dialling, logging in or talking to a broker into
// words: what happened, without a full stop at its end, and what to do about
// it, with one. The advice is empty where there is none. Neither holds a
// secret.
func Explain(err error) (sentence, advice string) {
	if err == nil {
		return "", ""
	}
	for _, explain := range []func(error) (string, string){
		explainExpired, explainKerberos, explainSASL, explainToken, explainCertificate, explainAlert, explainAnswer, explainNetwork, explainRights,
	} {
		if sentence, advice := explain(err); sentence != "" {
			return sentence, advice
		}
	}
	return capital(strings.TrimSuffix(Mask(err.Error()), ".")), ""
}

// Unauthorized tells whether err means that the broker, or whoever gives the
// tokens, refused the credentials, or that they lack a right; rather than that
// nobody was reached.
func Unauthorized(err error) bool {
	for _, code := range []sarama.KError{
		sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	var ae *AuthError
	if errors.As(err, &ae) {
		return true
	}
	var te *TokenError
	if errors.As(err, &te) {
		return te.Refused
	}
	var ke krberror.Krberror
	if errors.As(err, &ke) {
		return ke.RootCause != krberror.NetworkingError && ke.RootCause != krberror.ConfigError
	}
	if alert, ok := alertOf(err); ok {
		return clientCertificateAlert(alert)
	}
	return closedInLogin(err)
}

// closedInLogin tells whether the broker hung up while it was given the
// credentials: brokers before 1.0 and some proxies say "wrong password" so.
func closedInLogin(err error) bool {
	var ce *ConnError
	return errors.As(err, &ce) && ce.stage == stageLogin && HungUp(err)
}

// HungUp tells whether err means that the other side has ended the connection.
func HungUp(err error) bool {
	// Windows has numbers of its own: WSAECONNABORTED and WSAECONNRESET.
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.Errno(10053)) || errors.Is(err, syscall.Errno(10054))
}

// Stale tells whether err means that a connection that has served cannot any
// more, though a new one may: the other side has ended it, or its session ends
// within a second of its login, which is when brokers take the next login for
// a mistake (KIP-368).
func Stale(err error) bool { return HungUp(err) || errors.Is(err, sarama.ErrIllegalSASLState) }

// at names the broker that err tells of.
func at(err error) string {
	var ce *ConnError
	if errors.As(err, &ce) && ce.Address != "" {
		return "The broker " + ce.Address
	}
	return "The broker"
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func explainSASL(err error) (string, string) {
	var ae *AuthError
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		return at(err) + " refused the credentials" + brokerReason(err, sarama.ErrSASLAuthenticationFailed),
			"Check sasl.mechanism, the user name and the password or token, and that the user exists on this cluster."
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		return at(err) + " does not offer this SASL mechanism on this listener",
			"Set sasl.mechanism to one that it offers, or use the port of another listener."
	case errors.Is(err, sarama.ErrIllegalSASLState):
		return at(err) + " did not expect a login, or not yet",
			"The listener may want no SASL at all: remove sasl, or use the port of a SASL listener."
	case closedInLogin(err):
		return at(err) + " closed the connection during the login",
			"Some brokers and proxies refuse a wrong user name, password or mechanism in this way: check sasl."
	case errors.As(err, &ae):
		return fmt.Sprintf("The login with %s failed: %s", ae.Mechanism, Mask(ae.Err.Error())),
			"The broker did not prove that it knows the password. Check the password, and that this is the right cluster."
	}
	return "", ""
}

// brokerReason is what the broker said beside its code, as ": reason".
func brokerReason(err error, code sarama.KError) string {
	text := err.Error()
	_, reason, ok := strings.Cut(text, code.Error()+": ")
	if !ok || reason == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(Mask(reason), ".")
}

func explainToken(err error) (string, string) {
	var te *TokenError
	if !errors.As(err, &te) {
		return "", ""
	}
	sentence := capital(strings.TrimSuffix(te.Error(), "."))
	var ua x509.UnknownAuthorityError
	switch {
	case te.Source == "AWS" && te.Refused:
		return sentence, "Check the credentials that AWS's chain finds here (environment, profile, role), sasl.aws_region, and the right to assume the role."
	case te.Source == "AWS":
		return sentence, "Give aws_access_key_id or aws_profile, or make AWS's own endpoints reachable from here."
	case te.Refused:
		return sentence, "Check sasl.token_url, client_id, client_secret and scopes."
	case te.Limited:
		return sentence, "It limits how often tokens are asked for: try again later, or have it allow more."
	case errors.As(err, &ua):
		return sentence, "Give the authority that signed the token endpoint's certificate in tls.ca_cert."
	}
	return sentence, "Check that sasl.token_url can be reached from here."
}

func explainCertificate(err error) (string, string) {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		system   x509.SystemRootsError
	)
	switch {
	case errors.As(err, &hostname):
		return at(err) + " has a certificate for another name: " + strings.TrimPrefix(hostname.Error(), "x509: "),
			"Dial a name that the certificate has, or set tls.server_name to it."
	case errors.As(err, &unknown):
		return at(err) + " has a certificate of an authority that is not trusted" + issuer(unknown.Cert),
			"Give that authority's certificate in tls.ca_cert."
	case errors.As(err, &invalid):
		if invalid.Reason == x509.Expired {
			return at(err) + " has a certificate that is expired or not valid yet: " + strings.TrimPrefix(invalid.Error(), "x509: "),
				"Renew the broker's certificate, or correct this machine's clock."
		}
		return at(err) + " has a certificate that cannot be used: " + strings.TrimPrefix(invalid.Error(), "x509: "),
			"Have the broker's certificate issued anew."
	case errors.As(err, &system):
		return "This machine's trusted certificates cannot be read: " + system.Error(), "Give the authority's certificate in tls.ca_cert."
	}
	return "", ""
}

func issuer(cert *x509.Certificate) string {
	if cert == nil {
		return ""
	}
	if name := cert.Issuer.String(); name != "" {
		return fmt.Sprintf(" (%s)", name)
	}
	return ""
}

// TLS alerts (RFC 8446, section 6).
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertUnsupportedCert     = 43
	alertCertificateRevoked  = 44
	alertCertificateExpired  = 45
	alertCertificateUnknown  = 46
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertProtocolVersion     = 70
	alertUnrecognizedName    = 112
	alertCertificateRequired = 116
)

func clientCertificateAlert(a int) bool {
	switch a {
	case alertBadCertificate, alertUnsupportedCert, alertCertificateRevoked, alertCertificateExpired,
		alertCertificateUnknown, alertUnknownCA, alertAccessDenied, alertCertificateRequired:
		return true
	}
	return false
}

// alertOf returns the alert that the peer sent, if err tells of one.
// crypto/tls hides its type, which has the same words as the public one.
func alertOf(err error) (code int, ok bool) {
	var oe *net.OpError
	if !errors.As(err, &oe) || oe.Op != "remote error" || oe.Err == nil {
		return 0, false
	}
	said := oe.Err.Error()
	for code := range 256 {
		if tls.AlertError(code).Error() == said {
			return code, true
		}
	}
	return 0, false
}

func explainAlert(err error) (string, string) {
	alert, ok := alertOf(err)
	if !ok {
		return "", ""
	}
	said := strings.TrimPrefix(tls.AlertError(alert).Error(), "tls: ") //nolint:gosec // alertOf found it among 256 codes.
	switch {
	case alert == alertCertificateRequired:
		return at(err) + " wants a client certificate", "Give tls.client_cert and tls.client_key, signed by an authority that the broker trusts."
	case clientCertificateAlert(alert):
		return at(err) + " refused the client certificate: " + said,
			"Give a tls.client_cert that is not expired, is meant for clients, and is signed by an authority that the broker trusts."
	case alert == alertUnrecognizedName:
		return at(err) + " does not know the name that it was dialled by: " + said, "Dial its own name, or set tls.server_name to it."
	case alert == alertProtocolVersion, alert == alertHandshakeFailure:
		return at(err) + " and this client have no TLS version or cipher in common, or it wants a client certificate: " + said,
			"The broker must offer TLS 1.2 or 1.3. If it asks for a client certificate, give tls.client_cert and tls.client_key."
	}
	return at(err) + " ended TLS: " + said, ""
}

func explainAnswer(err error) (string, string) {
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, errTLSAnswer):
		return at(err) + " speaks TLS on this port", "Add tls = {}, or use the port of a listener without TLS."
	case errors.As(err, &record):
		return at(err) + " does not speak TLS on this port", "Use the port of a TLS listener, or remove tls."
	case errors.Is(err, errHTTPAnswer):
		return strings.TrimPrefix(at(err), "The broker ") + " answers with HTTP: it is no Kafka broker",
			"Check bootstrap_servers: this may be the port of a REST proxy, a console or a load balancer."
	case errors.Is(err, errNoFrame):
		return at(err) + " answers with something that is not Kafka's protocol", "Check the address and the port, and whether the listener wants TLS."
	}
	var ce *ConnError
	if !errors.As(err, &ce) || !HungUp(err) {
		return "", ""
	}
	switch {
	case ce.stage == stageTLS:
		return at(err) + " closed the connection during the TLS handshake", "The port may be one without TLS: use that of a TLS listener, or remove tls."
	case ce.stage == stageGreeting && ce.tls:
		return at(err) + " closed the connection before it said anything",
			"It may want a client certificate (tls.client_cert), or the port is not Kafka's."
	case ce.stage == stageGreeting:
		return at(err) + " closed the connection before it said anything",
			"The listener may want TLS (add tls = {}), or the port is not Kafka's."
	case ce.stage == stageFirst && !ce.sasl:
		return at(err) + " closed the connection at the first request", "The listener may want a login: add sasl."
	}
	return at(err) + " closed the connection", "It may be restarting: try again."
}

func explainNetwork(err error) (string, string) {
	var dns *net.DNSError
	var path *fs.PathError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The broker's name %q cannot be resolved", dns.Name),
			"Check the name. If it is not in bootstrap_servers, the cluster itself gave it (advertised.listeners), and it must be known here too."
	case errors.Is(err, syscall.ECONNREFUSED):
		return at(err) + " refused the connection: nothing listens on this port", "Check the address and the port, and that the broker runs."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return at(err) + " cannot be reached: there is no way to its network", "Check routes, VPN and firewalls."
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return timedOut(err)
	case errors.Is(err, net.ErrClosed), errors.Is(err, sarama.ErrNotConnected), errors.Is(err, context.Canceled):
		return "The connection to " + strings.ToLower(at(err)[:1]) + at(err)[1:] + " was closed", ""
	case errors.As(err, &path):
		return fmt.Sprintf("The file %s cannot be read: %v", Mask(path.Path), path.Err), "Check the path and its rights."
	}
	return "", ""
}

func timedOut(err error) (string, string) {
	var ce *ConnError
	if errors.As(err, &ce) && ce.stage == stageConnect {
		return at(err) + " does not answer", "Check the address, routes and firewalls; if it is not in bootstrap_servers, the cluster itself gave it (advertised.listeners)."
	}
	if ce != nil && ce.stage == stageTLS {
		return at(err) + " does not answer the TLS handshake", "The port may be one without TLS."
	}
	if ce != nil && ce.stage == stageGreeting {
		return at(err) + " accepts the connection but does not answer", "The listener may want TLS, or the broker is overloaded."
	}
	return at(err) + " does not answer in time", "Try again, or give it more time with request_timeout."
}

func explainRights(err error) (string, string) {
	for _, r := range []struct {
		code sarama.KError
		what string
	}{
		{sarama.ErrGroupAuthorizationFailed, "the group"},
		{sarama.ErrTopicAuthorizationFailed, "the topic"},
		{sarama.ErrClusterAuthorizationFailed, "the cluster"},
	} {
		if errors.Is(err, r.code) {
			return "The user lacks a right on " + r.what,
				"A reset and its preview need READ on the group and READ on the topics; a data source needs DESCRIBE on both; deleting offsets needs DELETE on the group and READ on the topics."
		}
	}
	if errors.Is(err, sarama.ErrUnsupportedVersion) {
		return at(err) + " does not know this request", "Its version is too old for this, or kafka_version is set too low."
	}
	return "", ""
}
