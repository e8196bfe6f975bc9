package kafkacluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Session is what a listener's logins are worth.
type Session struct {
	// Most is how long a login lasts at most: the broker then closes the
	// connection at the next request, unless the client has logged in again
	// (KIP-368, connections.max.reauth.ms). 0 means for ever.
	Most time.Duration
	// Keys is the URL of the keys that OAUTHBEARER's tokens are signed with
	// (JWKS), asked for when the nodes start; empty takes UnsecuredTokens.
	Keys             string
	Issuer, Audience string // with Keys: who gives the tokens ("iss"), and whom they have to be for ("aud")
}

// Kerberos is what brokers need to know of a realm to let its clients in.
type Kerberos struct {
	Config    string // krb5.conf's path
	Keytab    string // the path of the brokers' own keys
	Principal string // kafka/127.0.0.1@REALM: clients ask for the host that they dial
}

// sessions configures how long a listener's logins last, and whose tokens it takes.
func (l Listener) sessions(p map[string]string, prefix string) {
	for _, mechanism := range l.Mechanisms {
		prefix := prefix + strings.ToLower(mechanism) + "."
		if l.Session.Most > 0 {
			p[prefix+"connections.max.reauth.ms"] = strconv.FormatInt(l.Session.Most.Milliseconds(), 10)
		}
		if mechanism == "OAUTHBEARER" && l.Session.Keys != "" {
			p[prefix+"sasl.server.callback.handler.class"] = "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"
			p[prefix+"sasl.oauthbearer.jwks.endpoint.url"] = l.Session.Keys
			p[prefix+"sasl.oauthbearer.expected.issuer"] = l.Session.Issuer
			p[prefix+"sasl.oauthbearer.expected.audience"] = l.Session.Audience
		}
	}
}

// logins returns the arguments of the nodes' virtual machines that have to do
// with logins.
func (c *Cluster) logins() []string {
	var args, urls []string
	for _, l := range c.options.Listeners {
		if l.Session.Keys != "" {
			urls = append(urls, l.Session.Keys)
		}
	}
	if len(urls) > 0 { // 4.0 and later ask nobody else
		args = append(args, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+strings.Join(urls, ","))
	}
	if k := c.options.Kerberos; k != nil {
		args = append(args, "-Djava.security.krb5.conf="+k.Config)
	}
	return args
}

// login returns the brokers' JAAS configuration of a mechanism.
func (c *Cluster) login(mechanism string) (string, error) {
	const modules = "org.apache.kafka.common.security."
	switch k := c.options.Kerberos; {
	case mechanism == "PLAIN":
		words := []string{modules + "plain.PlainLoginModule required"}
		for _, user := range slices.Sorted(maps.Keys(c.options.Users)) {
			words = append(words, fmt.Sprintf("user_%s=%q", user, c.options.Users[user]))
		}
		return strings.Join(words, " ") + ";", nil
	case isScram(mechanism):
		return modules + "scram.ScramLoginModule required;", nil
	case mechanism == "OAUTHBEARER":
		return modules + "oauthbearer.OAuthBearerLoginModule required;", nil
	case mechanism == "GSSAPI" && k != nil:
		// The nodes talk to each other without a login, so their keys are
		// enough, and they ask no KDC.
		return fmt.Sprintf("com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true isInitiator=false keyTab=%q principal=%q;",
			k.Keytab, k.Principal), nil
	default:
		return "", fmt.Errorf("no SASL mechanism %s", mechanism)
	}
}
