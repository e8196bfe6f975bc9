package connection

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// ExpiredError is the refusal of a login with a token that had expired.
type ExpiredError struct {
	At  time.Time // when it expired
	Err error     // what the broker said
}

// Error names the time and the refusal.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the token expired at %s: %v", instant(e.At), e.Err)
}

// Unwrap returns the refusal.
func (e *ExpiredError) Unwrap() error { return e.Err }

// instant is a time as people compare it.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// expiry returns when a token expires, if it is a JWT that tells (RFC 7519,
// section 4.1.4). Nothing of it is checked: brokers do that.
func expiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp *float64 `json:"exp"`
	}
	// Beyond the year 9999 nobody has to be told.
	const most = 253402300799
	if err := json.Unmarshal(text, &claims); err != nil || claims.Exp == nil || *claims.Exp < 0 || *claims.Exp > most {
		return time.Time{}, false
	}
	return time.Unix(int64(*claims.Exp), 0), true
}

// tokenExpired returns err with the time at which the last token expired, if
// err is a refusal and the token has.
func (d *Dialer) tokenExpired(err error) error {
	if d.token == nil || !errors.Is(err, sarama.ErrSASLAuthenticationFailed) && !closedInLogin(err) {
		return err
	}
	if at, ok := expiry(d.token()); ok && at.Before(time.Now()) {
		return &ExpiredError{At: at, Err: err}
	}
	return err
}

// certificateExpired returns the client certificate that err tells of, if it
// has expired and err is what brokers say to one: an alert, or nothing at all.
func certificateExpired(err error) *x509.Certificate {
	var ce *ConnError
	if !errors.As(err, &ce) || ce.shown == nil || !time.Now().After(ce.shown.NotAfter) {
		return nil
	}
	if alert, ok := alertOf(err); ok && clientCertificateAlert(alert) {
		return ce.shown
	}
	// TLS 1.3 lets the client finish its handshake first.
	if HungUp(err) && (ce.stage == stageTLS || ce.stage == stageGreeting) {
		return ce.shown
	}
	return nil
}

func explainExpired(err error) (string, string) {
	var xe *ExpiredError
	if errors.As(err, &xe) {
		return fmt.Sprintf("%s refused the token, which expired at %s%s", at(err), instant(xe.At), brokerReason(xe.Err, sarama.ErrSASLAuthenticationFailed)),
			"Give a fresh one: sasl.token has to live as long as a plan or an apply takes, waiting for consumers included, and sasl.token_url must give tokens that are not expired. Check this machine's clock, too."
	}
	if cert := certificateExpired(err); cert != nil {
		did := "refused"
		if HungUp(err) {
			did = "closed the connection at"
		}
		return fmt.Sprintf("%s %s the client certificate %q, which expired at %s", at(err), did, cert.Subject.String(), instant(cert.NotAfter)),
			"Renew the certificate and apply again. Where tls.client_cert and tls.client_key are files, every new connection uses what is in them by then."
	}
	return "", ""
}
