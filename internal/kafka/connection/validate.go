package connection

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Validate returns what is wrong with the configuration, in the order of its
// attributes. It dials nothing and reads only the files that hold
// certificates and keys.
func (c Config) Validate() []Problem {
	var ps problems
	if len(c.BootstrapServers) == 0 {
		ps.add("bootstrap_servers", "Name at least one broker as \"host:port\", here or in KAFKA_BOOTSTRAP_SERVERS.")
	}
	for i, s := range c.BootstrapServers {
		if m := serverProblem(s); m != "" {
			ps.add(fmt.Sprintf("bootstrap_servers[%d]", i), m)
		}
	}
	if c.TLS != nil {
		if _, err := c.TLS.config(); err != nil {
			ps.addError(err)
		}
	}
	if c.SASL != nil {
		ps = append(ps, c.SASL.validate(c.TLS != nil)...)
	}
	if _, err := parseVersion(c.Version); err != nil {
		ps.add("kafka_version", err.Error())
	}
	if c.RequestTimeout < 0 {
		ps.add("request_timeout", "Must not be negative.")
	}
	return ps
}

// Warnings returns what is legal but gives something away: credentials that
// travel unencrypted, and brokers that nobody checks.
func (c Config) Warnings() []Problem {
	var ps problems
	if c.TLS != nil && c.TLS.InsecureSkipVerify {
		ps.add("tls.insecure_skip_verify", "The broker's certificate is not checked: whoever answers gets the credentials, and may answer anything.")
	}
	if c.TLS != nil {
		// Brokers decide: one that asks for no certificate does not mind, and
		// most plans and applies ask none.
		if cert, err := c.TLS.clientCertificate(); err == nil && time.Now().After(cert.Leaf.NotAfter) {
			ps.add("tls.client_cert", fmt.Sprintf("The certificate %q expired at %s: brokers refuse it. Renew it.", cert.Leaf.Subject.String(), instant(cert.Leaf.NotAfter)))
		}
	}
	if c.SASL == nil {
		return ps
	}
	if at, ok := expiry(strings.TrimSpace(c.SASL.Token)); ok && at.Before(time.Now()) {
		ps.add("sasl.token", fmt.Sprintf("The token expired at %s: brokers refuse it. Give a fresh one, or token_url.", instant(at)))
	}
	if c.TLS == nil && (c.SASL.Mechanism == Plain || c.SASL.Mechanism == OAuthBearer) {
		ps.add("sasl.mechanism", c.SASL.Mechanism+" without tls sends the credentials in the clear.")
	}
	if u, err := url.Parse(c.SASL.TokenURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		ps.add("sasl.token_url", "The client secret travels unencrypted: use https.")
	}
	return ps
}

// problems collects the faults of a configuration.
type problems []Problem

func (ps *problems) add(attribute, message string) {
	*ps = append(*ps, Problem{Attribute: attribute, Message: message})
}

// addError adds the problems that err carries.
func (ps *problems) addError(err error) {
	var ce *ConfigError
	if errors.As(err, &ce) {
		*ps = append(*ps, ce.Problems...)
	}
}

func problem(attribute, format string, a ...any) error {
	return &ConfigError{Problems: []Problem{{Attribute: attribute, Message: fmt.Sprintf(format, a...)}}}
}

// serverProblem tells what is wrong with one broker's address, or "".
func serverProblem(s string) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "The address is empty."
	case strings.Contains(s, "@"): // whatever stands before it may be a secret
		return fmt.Sprintf("Write %q alone: a login does not go into an address, but into sasl.", s[strings.LastIndex(s, "@")+1:])
	case strings.Contains(s, ","):
		return "This holds several addresses: make each its own element, for instance with split(\",\", …)."
	case strings.Contains(s, "://"):
		_, rest, _ := strings.Cut(s, "://")
		return fmt.Sprintf("Write %q without the protocol; tls and sasl say how to talk to it.", rest)
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Sprintf("%q holds a space or a control character.", s)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if strings.Contains(err.Error(), "missing port") {
			return fmt.Sprintf("%q lacks the port: Kafka's usual ones are 9092, and 9093 or 9094 with TLS.", s)
		}
		return fmt.Sprintf("%q is not \"host:port\"; an IPv6 address goes into brackets, as \"[::1]:9092\".", s)
	}
	if host == "" {
		return fmt.Sprintf("%q lacks the host.", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q: the port is a number from 1 to 65535.", s)
	}
	return ""
}

// parseList splits a comma-separated list and drops its empty elements.
func parseList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// parseVersion returns the newest protocol to speak. Sarama sends no request
// that is newer than it, and brokers negotiate every one down through
// ApiVersions: a version newer than the broker's costs nothing, an older one
// hides what the broker can do (API 69, which tells the state of KIP-848
// groups, needs 3.7). A version beyond sarama's newest means the newest.
func parseVersion(s string) (sarama.KafkaVersion, error) {
	if s == "" {
		return sarama.MaxVersion, nil
	}
	full, parts := s, 3
	if strings.HasPrefix(s, "0.") {
		parts = 4 // as 0.10.2.0
	}
	for strings.Count(full, ".") >= 1 && strings.Count(full, ".") < parts-1 {
		full += ".0"
	}
	v, err := sarama.ParseKafkaVersion(full)
	if err != nil {
		return v, fmt.Errorf("%q is not a version such as \"3.9.0\"", s)
	}
	// The SASL handshake that wraps tokens in requests, and with it an answer
	// to a wrong password, came with 1.0.
	if !v.IsAtLeast(sarama.V1_0_0_0) {
		return v, fmt.Errorf("%q is not supported: 1.0.0 is the oldest version that can be asked for", s)
	}
	if v.IsAtLeast(sarama.MaxVersion) {
		return sarama.MaxVersion, nil
	}
	return v, nil
}

// parseExtensions splits "key=value,key=value". What is not of that form
// comes out as a key that Validate refuses.
func parseExtensions(s string) map[string]string {
	var m map[string]string
	for part := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if m == nil {
			m = make(map[string]string)
		}
		m[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return m
}

// saslField is one attribute of SASL and the mechanisms that it belongs to.
type saslField struct {
	name       string
	set        bool
	mechanisms []string
}

func (s *SASL) fields() []saslField {
	passwords := []string{Plain, ScramSHA256, ScramSHA512, GSSAPI}
	oauth, msk, krb := []string{OAuthBearer}, []string{AWSMSKIAM}, []string{GSSAPI}
	return []saslField{
		{"username", s.Username != "", passwords},
		{"password", s.Password != "", passwords},
		{"token", s.Token != "", oauth},
		{"token_url", s.TokenURL != "", oauth},
		{"client_id", s.ClientID != "", oauth},
		{"client_secret", s.ClientSecret != "", oauth},
		{"scopes", len(s.Scopes) > 0, oauth},
		{"extensions", len(s.Extensions) > 0, oauth},
		{"aws_region", s.AWSRegion != "", msk},
		{"aws_profile", s.AWSProfile != "", msk},
		{"aws_role_arn", s.AWSRoleARN != "", msk},
		{"aws_role_session_name", s.AWSRoleSessionName != "", msk},
		{"aws_role_external_id", s.AWSRoleExternalID != "", msk},
		{"aws_access_key_id", s.AWSAccessKeyID != "", msk},
		{"aws_secret_access_key", s.AWSSecretAccessKey != "", msk},
		{"aws_session_token", s.AWSSessionToken != "", msk},
		{"kerberos_service_name", s.KerberosServiceName != "", krb},
		{"kerberos_realm", s.KerberosRealm != "", krb},
		{"kerberos_keytab", s.KerberosKeytab != "", krb},
		{"kerberos_config", s.KerberosConfig != "", krb},
		{"kerberos_disable_pa_fx_fast", s.KerberosDisablePAFXFAST, krb},
	}
}

func (s *SASL) validate(encrypted bool) []Problem {
	var ps problems
	if !slices.Contains(Mechanisms(), s.Mechanism) {
		ps.add("sasl.mechanism", "Must be one of "+strings.Join(Mechanisms(), ", ")+".")
		return ps
	}
	for _, f := range s.fields() {
		if f.set && !slices.Contains(f.mechanisms, s.Mechanism) {
			ps.add("sasl."+f.name, fmt.Sprintf("Does not belong to %s, only to %s.", s.Mechanism, strings.Join(f.mechanisms, ", ")))
		}
	}
	require := func(name, value string) {
		if value == "" {
			ps.add("sasl."+name, s.Mechanism+" needs it. (KAFKA_* variables are read for it only if the servers come from KAFKA_BOOTSTRAP_SERVERS.)")
		}
	}
	switch s.Mechanism {
	case Plain, ScramSHA256, ScramSHA512:
		require("username", s.Username)
		require("password", s.Password)
		if s.Mechanism == Plain && strings.ContainsRune(s.Username+s.Password, 0) {
			ps.add("sasl.password", "PLAIN cannot send a NUL character.")
		}
	case OAuthBearer:
		s.validateOAuth(&ps, require)
	case AWSMSKIAM:
		s.validateAWS(&ps, encrypted)
	case GSSAPI:
		require("username", s.Username)
		require("kerberos_realm", s.KerberosRealm)
		switch {
		case s.Password == "" && s.KerberosKeytab == "":
			ps.add("sasl.kerberos_keytab", "GSSAPI needs a keytab's path or sasl.password.")
		case s.Password != "" && s.KerberosKeytab != "":
			ps.add("sasl.kerberos_keytab", "Give a keytab or sasl.password, not both.")
		}
	}
	return ps
}

func (s *SASL) validateOAuth(ps *problems, require func(name, value string)) {
	switch {
	case s.Token != "" && s.TokenURL != "":
		ps.add("sasl.token", "Give a token or a token_url, not both.")
	case s.Token != "":
		for _, f := range []saslField{{name: "client_id", set: s.ClientID != ""}, {name: "client_secret", set: s.ClientSecret != ""}, {name: "scopes", set: len(s.Scopes) > 0}} {
			if f.set {
				ps.add("sasl."+f.name, "Belongs to token_url.")
			}
		}
		if !validToken(strings.TrimSpace(s.Token)) {
			ps.add("sasl.token", "Holds a character that no bearer token has (RFC 6750, section 2.1). Give the token alone, without \"Bearer\".")
		}
	case s.TokenURL != "":
		u, err := url.Parse(s.TokenURL)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
			ps.add("sasl.token_url", "Must be an https URL.")
		case u.User != nil:
			ps.add("sasl.token_url", "Give the credentials as client_id and client_secret, not in the URL.")
		}
		require("client_id", s.ClientID)
		require("client_secret", s.ClientSecret)
	default:
		ps.add("sasl.token", "OAUTHBEARER needs a token, or a token_url with client_id and client_secret.")
	}
	for key, value := range s.Extensions {
		if !validExtension(key, value) {
			ps.add("sasl.extensions", fmt.Sprintf("The extension %q is not legal: a key has letters only and is not \"auth\", a value has printable ASCII characters (RFC 7628, section 3.1).", key))
		}
	}
}

func (s *SASL) validateAWS(ps *problems, encrypted bool) {
	if !encrypted {
		ps.add("sasl.mechanism", "AWS_MSK_IAM needs tls: Amazon offers it on TLS listeners only (port 9098, or 9198 from outside).")
	}
	if (s.AWSAccessKeyID == "") != (s.AWSSecretAccessKey == "") {
		ps.add("sasl.aws_access_key_id", "Give aws_access_key_id and aws_secret_access_key together.")
	}
	if s.AWSSessionToken != "" && s.AWSAccessKeyID == "" {
		ps.add("sasl.aws_session_token", "Belongs to aws_access_key_id and aws_secret_access_key.")
	}
	if s.AWSAccessKeyID != "" && s.AWSProfile != "" {
		ps.add("sasl.aws_profile", "Give a profile or an access key, not both.")
	}
	if s.AWSRoleARN == "" && s.AWSRoleSessionName != "" {
		ps.add("sasl.aws_role_session_name", "Belongs to aws_role_arn.")
	}
	if s.AWSRoleARN == "" && s.AWSRoleExternalID != "" {
		ps.add("sasl.aws_role_external_id", "Belongs to aws_role_arn.")
	}
}

// validToken tells whether s is a b64token, RFC 6750's form of a bearer token.
func validToken(s string) bool {
	body := strings.TrimRight(s, "=")
	return body != "" && !strings.ContainsFunc(body, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/", r)
	})
}

// validExtension applies the grammar that Kafka's own client enforces; a
// control character would end the message early.
func validExtension(key, value string) bool {
	if key == "" || key == sarama.SASLExtKeyAuth || value == "" {
		return false
	}
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		return (r < 0x20 || r > 0x7e) && r != '\t' && r != '\r' && r != '\n'
	})
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
