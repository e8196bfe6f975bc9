// Package connection turns a plain Config into what sarama needs to talk to
// one cluster: a ready sarama.Config, and a Dialer that owns every connection.
// It knows TLS, SASL and the environment variables that hold their defaults;
// it must not know what is asked of the cluster, nor Terraform.
package connection

import (
	"context"
	"net"
	"strings"
	"time"
)

// DefaultClientID is the client.id that brokers see in their logs and quotas
// if the configuration names none.
const DefaultClientID = "terraform-provider-offsets"

// DefaultRequestTimeout bounds one request, dialling included, if the
// configuration says nothing else. A broker that hangs is fenced after 9 s
// (broker.session.timeout.ms): the next try then finds who has taken over.
const DefaultRequestTimeout = 10 * time.Second

// Config says how to reach one Kafka cluster. Its zero value is a cluster
// without address; empty fields have the defaults that are named beside them.
type Config struct {
	BootstrapServers []string      // host:port each
	TLS              *TLS          // nil means plaintext
	SASL             *SASL         // nil means no authentication
	ClientID         string        // empty means DefaultClientID
	Version          string        // newest protocol to speak, as "3.9.0" or "3.9"; empty means the newest that sarama knows. Brokers negotiate it down
	RequestTimeout   time.Duration // of one request, dialling included; zero means DefaultRequestTimeout
	ClusterID        string        // the only cluster to work with; empty means any. Checked by the engine

	// Dial opens a connection; nil means TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// TLS says how to encrypt the connection and whom to trust.
type TLS struct {
	CACert             string // PEM text or a file's path; empty means the machine's roots. Nothing else is trusted if it is given
	ClientCert         string // PEM text or a file's path
	ClientKey          string // PEM text or a file's path; not encrypted
	ServerName         string // expected in the broker's certificate; empty means the host that is dialled
	InsecureSkipVerify bool   // trust whoever answers
}

// The SASL mechanisms, in Kafka's spelling. AWS_MSK_IAM is the name that
// Amazon's Java client gives to its mechanism, which sends a signed request as
// an OAUTHBEARER token.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
	AWSMSKIAM   = "AWS_MSK_IAM"
	GSSAPI      = "GSSAPI"
)

// Mechanisms returns the SASL mechanisms that Config knows.
func Mechanisms() []string {
	return []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer, AWSMSKIAM, GSSAPI}
}

// SASL says how to authenticate. Which fields count depends on the mechanism;
// one that does not belong to it is a Problem.
type SASL struct {
	Mechanism string // one of Mechanisms

	// Plain and SCRAM; for GSSAPI the principal without its realm.
	Username string
	Password string

	// OAUTHBEARER: either a token, or a URL that gives tokens for client
	// credentials (RFC 6749, section 4.4).
	Token        string
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string
	Extensions   map[string]string // SASL extensions (KIP-342), such as logicalCluster

	// AWS_MSK_IAM. What is not given comes from AWS's default chain:
	// environment, shared files, container or instance role.
	AWSRegion          string
	AWSProfile         string
	AWSRoleARN         string // assumed with the credentials that the rest gives
	AWSRoleSessionName string // empty means DefaultClientID
	AWSRoleExternalID  string
	AWSAccessKeyID     string
	AWSSecretAccessKey string
	AWSSessionToken    string

	// GSSAPI (Kerberos): Password or a keytab, and Username.
	KerberosServiceName     string // sasl.kerberos.service.name; empty means "kafka"
	KerberosRealm           string
	KerberosKeytab          string // a file's path
	KerberosConfig          string // krb5.conf's path; empty means /etc/krb5.conf
	KerberosDisablePAFXFAST bool   // some directories (Active Directory) refuse PA-FX-FAST
}

// Problem is one fault of a Config, or one risk that it takes.
type Problem struct {
	Attribute string // in the configuration's words below kafka, such as "sasl.password"
	Message   string // a sentence or two, without any secret
}

// ConfigError is the error of opening a Config that has Problems.
type ConfigError struct {
	Problems []Problem
}

// Error returns all problems in one line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Attribute + ": " + p.Message
	}
	return strings.Join(lines, "; ")
}

// Logger takes one line of the client's log, secrets masked. Calls do not
// overlap, none comes after Dialer.CloseAll has returned, and none may call
// this package.
type Logger func(message string)

// Timeout returns how long one request may take.
func (c Config) Timeout() time.Duration {
	if c.RequestTimeout <= 0 {
		return DefaultRequestTimeout
	}
	return c.RequestTimeout
}
