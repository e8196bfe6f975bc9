package kafkacluster

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// The listeners that every cluster has.
const (
	plainListener      = "PLAINTEXT"
	controllerListener = "CONTROLLER"
)

// layOut chooses ports and writes each node's server.properties.
func (c *Cluster) layOut() error {
	names := []string{plainListener, controllerListener}
	for _, l := range c.options.Listeners {
		names = append(names, l.Name)
	}
	ports, err := artifacts.FreePorts(c.options.Nodes * len(names))
	if err != nil {
		return err
	}
	var voters []string
	for id := range c.options.Nodes {
		n := &node{
			cluster: c, id: id, dir: filepath.Join(c.data, fmt.Sprintf("node-%d", id)),
			listeners: map[string]string{},
		}
		for _, name := range names {
			n.listeners[name] = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
			ports = ports[1:]
		}
		voters = append(voters, fmt.Sprintf("%d@%s", id, n.listeners[controllerListener]))
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := os.MkdirAll(n.dir, 0o750); err != nil {
			return err
		}
		properties := c.properties(n, names)
		properties["controller.quorum.voters"] = strings.Join(voters, ",")
		for _, l := range c.options.Listeners {
			if err := c.secure(properties, l); err != nil {
				return err
			}
		}
		maps.Copy(properties, c.options.Properties)
		if err := os.WriteFile(n.properties(), encodeProperties(properties), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// properties returns what all clusters are configured with.
func (c *Cluster) properties(n *node, names []string) map[string]string {
	var listeners, advertised []string
	for _, name := range names {
		listener := name + "://" + n.listeners[name]
		listeners = append(listeners, listener)
		if name != controllerListener {
			advertised = append(advertised, name+"://"+c.advertised(name, n))
		}
	}
	protocols := []string{plainListener + ":PLAINTEXT", controllerListener + ":PLAINTEXT"}
	for _, l := range c.options.Listeners {
		protocols = append(protocols, l.Name+":"+l.protocol())
	}
	replication := strconv.Itoa(min(3, c.options.Nodes))
	p := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(n.id),
		"listeners":                      strings.Join(listeners, ","),
		"advertised.listeners":           strings.Join(advertised, ","),
		"listener.security.protocol.map": strings.Join(protocols, ","),
		"controller.listener.names":      controllerListener,
		"inter.broker.listener.name":     plainListener,
		"log.dirs":                       n.logDir(),

		"auto.create.topics.enable":  "false",
		"default.replication.factor": replication,
		"min.insync.replicas":        "1",
		// Records of any age stay until a test deletes them.
		"log.retention.ms": "-1",

		// Internal topics: few partitions, so that the first group comes up
		// fast, but replicated, so that coordinators can move.
		"offsets.topic.num.partitions":                     "6",
		"offsets.topic.replication.factor":                 replication,
		"transaction.state.log.num.partitions":             "3",
		"transaction.state.log.replication.factor":         replication,
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.num.partitions":     "3",
		"share.coordinator.state.topic.replication.factor": replication,
		"share.coordinator.state.topic.min.isr":            "1",

		// Groups settle at once, and a test may choose short time-outs.
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "1000",
		"group.consumer.min.session.timeout.ms":    "1000",
		"group.consumer.min.heartbeat.interval.ms": "100",
		"group.consumer.heartbeat.interval.ms":     "500",

		"broker.session.timeout.ms":    "6000",
		"broker.heartbeat.interval.ms": "1000",

		"num.network.threads":            "2",
		"num.io.threads":                 "4",
		"background.threads":             "2",
		"log.cleaner.dedupe.buffer.size": "16777216",
		// Ten thousand partitions' indexes should not fill a small disk.
		"log.index.size.max.bytes": "65536",
	}
	if c.before4() {
		// KIP-848 was a preview that had to be asked for.
		p["group.coordinator.rebalance.protocols"] = "classic,consumer"
		p["unstable.api.versions.enable"] = "true"
		p["unstable.feature.versions.enable"] = "true"
	}
	if c.options.ACLs {
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		p["super.users"] = "User:ANONYMOUS" // the nodes themselves are too
	}
	return p
}

// advertised returns the address of a node's listener that clients are told.
func (c *Cluster) advertised(name string, n *node) string {
	for _, l := range c.options.Listeners {
		if l.Name == name && n.id < len(l.Advertised) {
			return l.Advertised[n.id]
		}
	}
	return n.listeners[name]
}

func (l Listener) protocol() string {
	switch {
	case l.TLS && len(l.Mechanisms) > 0:
		return "SASL_SSL"
	case l.TLS:
		return "SSL"
	case len(l.Mechanisms) > 0:
		return "SASL_PLAINTEXT"
	default:
		return "PLAINTEXT"
	}
}

// secure configures a listener's certificates and logins.
func (c *Cluster) secure(p map[string]string, l Listener) error {
	prefix := "listener.name." + strings.ToLower(l.Name) + "."
	if l.TLS {
		certificate, err := c.authority.Issue("broker", "127.0.0.1", "localhost")
		if err != nil {
			return err
		}
		p[prefix+"ssl.keystore.type"] = "PEM"
		p[prefix+"ssl.keystore.certificate.chain"] = certificate.PEM
		p[prefix+"ssl.keystore.key"] = certificate.KeyPEM
		p[prefix+"ssl.truststore.type"] = "PEM"
		p[prefix+"ssl.truststore.certificates"] = c.authority.PEM
		p[prefix+"ssl.client.auth"] = "none"
		if l.ClientAuth {
			p[prefix+"ssl.client.auth"] = "required"
		}
		// User:alice rather than User:CN=alice.
		p["ssl.principal.mapping.rules"] = "RULE:^CN=([^,]+).*$/$1/"
	}
	if len(l.Mechanisms) == 0 {
		return nil
	}
	p[prefix+"sasl.enabled.mechanisms"] = strings.Join(l.Mechanisms, ",")
	for _, mechanism := range l.Mechanisms {
		jaas, err := c.login(mechanism)
		if err != nil {
			return fmt.Errorf("listener %s: %w", l.Name, err)
		}
		p[prefix+strings.ToLower(mechanism)+".sasl.jaas.config"] = jaas
		if mechanism == "GSSAPI" {
			p[prefix+"sasl.kerberos.service.name"] = "kafka"
		}
	}
	l.sessions(p, prefix)
	return nil
}

func isScram(mechanism string) bool { return strings.HasPrefix(mechanism, "SCRAM-") }

// scramMechanisms returns the SCRAM mechanisms that some listener offers.
func (c *Cluster) scramMechanisms() []string {
	var out []string
	for _, l := range c.options.Listeners {
		for _, m := range l.Mechanisms {
			if isScram(m) && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// UnsecuredToken returns an OAuth bearer token without a signature, as brokers
// take it that are configured with no validator of their own.
func UnsecuredToken(subject string, lifetime time.Duration) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"sub": subject, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(claims) + ".", nil
}

// encodeProperties writes a Java properties file, which is Latin-1 by
// definition: what is not ASCII is escaped, in UTF-16.
func encodeProperties(p map[string]string) []byte {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		b.WriteString(key + "=")
		for _, unit := range utf16.Encode([]rune(p[key])) {
			switch {
			case unit == '\\':
				b.WriteString(`\\`)
			case unit < ' ' || unit > '~':
				fmt.Fprintf(&b, `\u%04x`, unit)
			default:
				b.WriteByte(byte(unit))
			}
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

// uuid returns a random UUID in Kafka's form, which never begins with a dash.
func uuid() (string, error) {
	b := make([]byte, 16)
	for {
		if _, err := rand.Read(b); err != nil {
			return "", err
		}
		if s := base64.RawURLEncoding.EncodeToString(b); s[0] != '-' {
			return s, nil
		}
	}
}
