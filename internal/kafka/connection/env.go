package connection

import (
	"slices"
	"strconv"
	"strings"
)

// Variable is an environment variable that FromEnv reads.
type Variable struct {
	Name      string
	Attribute string // what it fills, below kafka
	Secret    bool
	Note      string // its form, where that is not the attribute's own
	Always    bool   // also read if the servers are configured

	mechanisms []string // of SASL; nil means any
	set        func(c *Config, value string)
}

// Environment returns the variables that FromEnv reads, servers first. Names
// are those that the Kafka provider for Terraform by Mongey has made known,
// and made in the same way where it has none.
//
// Amazon's own (AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID, …) are not among
// them: with AWS_MSK_IAM, AWS's default chain reads those at the first login.
func Environment() []Variable {
	passwords := []string{Plain, ScramSHA256, ScramSHA512, GSSAPI}
	oauth, msk, krb := []string{OAuthBearer}, []string{AWSMSKIAM}, []string{GSSAPI}
	text := func(field func(*Config) *string) func(*Config, string) {
		return func(c *Config, value string) {
			if f := field(c); *f == "" {
				*f = value
			}
		}
	}
	return []Variable{
		{Name: envServers, Attribute: "bootstrap_servers", Note: "comma-separated",
			set: func(c *Config, v string) { c.BootstrapServers = parseList(v) }},
		{Name: "KAFKA_CLIENT_ID", Attribute: "client_id", Always: true,
			set: text(func(c *Config) *string { return &c.ClientID })},
		{Name: "KAFKA_VERSION", Attribute: "kafka_version",
			set: text(func(c *Config) *string { return &c.Version })},
		{Name: "KAFKA_CLUSTER_ID", Attribute: "cluster_id",
			set: text(func(c *Config) *string { return &c.ClusterID })},

		{Name: envEnableTLS, Attribute: "tls", Note: "true or false: TLS without further settings, or none from the environment"},
		{Name: "KAFKA_CA_CERT", Attribute: "tls.ca_cert",
			set: text(func(c *Config) *string { return &c.TLS.CACert })},
		{Name: "KAFKA_CLIENT_CERT", Attribute: "tls.client_cert",
			set: text(func(c *Config) *string { return &c.TLS.ClientCert })},
		{Name: "KAFKA_CLIENT_KEY", Attribute: "tls.client_key", Secret: true,
			set: text(func(c *Config) *string { return &c.TLS.ClientKey })},
		{Name: "KAFKA_TLS_SERVER_NAME", Attribute: "tls.server_name",
			set: text(func(c *Config) *string { return &c.TLS.ServerName })},
		{Name: envSkipVerify, Attribute: "tls.insecure_skip_verify", Note: "true or false; read only if tls is not configured"},

		{Name: envMechanism, Attribute: "sasl.mechanism", Note: "upper or lower case; also plain, scram-sha256, scram-sha512, aws-iam",
			set: func(c *Config, v string) {
				if c.SASL.Mechanism == "" {
					c.SASL.Mechanism = mechanismNamed(v)
				}
			}},
		{Name: "KAFKA_SASL_USERNAME", Attribute: "sasl.username", mechanisms: passwords,
			set: text(func(c *Config) *string { return &c.SASL.Username })},
		{Name: "KAFKA_SASL_PASSWORD", Attribute: "sasl.password", Secret: true, mechanisms: passwords,
			set: func(c *Config, v string) {
				if c.SASL.Password == "" && c.SASL.KerberosKeytab == "" {
					c.SASL.Password = v
				}
			}},
		{Name: "KAFKA_SASL_TOKEN", Attribute: "sasl.token", Secret: true, mechanisms: oauth,
			set: func(c *Config, v string) {
				if c.SASL.Token == "" && c.SASL.TokenURL == "" {
					c.SASL.Token = v
				}
			}},
		{Name: "KAFKA_SASL_TOKEN_URL", Attribute: "sasl.token_url", mechanisms: oauth,
			set: func(c *Config, v string) {
				if c.SASL.TokenURL == "" && c.SASL.Token == "" {
					c.SASL.TokenURL = v
				}
			}},
		{Name: "KAFKA_SASL_CLIENT_ID", Attribute: "sasl.client_id", mechanisms: oauth,
			set: ifTokenURL(text(func(c *Config) *string { return &c.SASL.ClientID }))},
		{Name: "KAFKA_SASL_CLIENT_SECRET", Attribute: "sasl.client_secret", Secret: true, mechanisms: oauth,
			set: ifTokenURL(text(func(c *Config) *string { return &c.SASL.ClientSecret }))},
		{Name: "KAFKA_SASL_OAUTH_SCOPES", Attribute: "sasl.scopes", Note: "comma-separated", mechanisms: oauth,
			set: ifTokenURL(func(c *Config, v string) {
				if len(c.SASL.Scopes) == 0 {
					c.SASL.Scopes = parseList(v)
				}
			})},
		{Name: "KAFKA_SASL_EXTENSIONS", Attribute: "sasl.extensions", Note: "key=value, comma-separated", mechanisms: oauth,
			set: func(c *Config, v string) {
				if len(c.SASL.Extensions) == 0 {
					c.SASL.Extensions = parseExtensions(v)
				}
			}},
		{Name: "KAFKA_SASL_IAM_AWS_REGION", Attribute: "sasl.aws_region", mechanisms: msk,
			set: text(func(c *Config) *string { return &c.SASL.AWSRegion })},
		{Name: "KAFKA_SASL_KERBEROS_SERVICE_NAME", Attribute: "sasl.kerberos_service_name", mechanisms: krb,
			set: text(func(c *Config) *string { return &c.SASL.KerberosServiceName })},
		{Name: "KAFKA_SASL_KERBEROS_REALM", Attribute: "sasl.kerberos_realm", mechanisms: krb,
			set: text(func(c *Config) *string { return &c.SASL.KerberosRealm })},
		{Name: "KAFKA_SASL_KERBEROS_KEYTAB", Attribute: "sasl.kerberos_keytab", mechanisms: krb,
			set: func(c *Config, v string) {
				if c.SASL.KerberosKeytab == "" && c.SASL.Password == "" {
					c.SASL.KerberosKeytab = v
				}
			}},
		{Name: "KRB5_CONFIG", Attribute: "sasl.kerberos_config", mechanisms: krb,
			set: text(func(c *Config) *string { return &c.SASL.KerberosConfig })},
	}
}

const (
	envServers    = "KAFKA_BOOTSTRAP_SERVERS"
	envEnableTLS  = "KAFKA_ENABLE_TLS"
	envSkipVerify = "KAFKA_SKIP_VERIFY"
	envMechanism  = "KAFKA_SASL_MECHANISM"
)

// ifTokenURL keeps what belongs to a token endpoint from a configuration that
// has a static token.
func ifTokenURL(set func(*Config, string)) func(*Config, string) {
	return func(c *Config, v string) {
		if c.SASL.Token == "" {
			set(c, v)
		}
	}
}

// FromEnv fills what is empty from the environment and changes nothing that c
// points to.
//
// The servers decide: if c names them, the environment speaks of another
// cluster, and gives nothing but what goes with any (Variables with Always).
// Else everything of it belongs to its own KAFKA_BOOTSTRAP_SERVERS and is
// filled in, attribute by attribute; tls and sasl come into being if one of
// their variables is set. Variables that do not belong to the mechanism are
// left alone, as is one that would stand beside its alternative (a token
// beside a token URL, a keytab beside a password). An empty variable counts
// as not set.
func FromEnv(c Config, getenv func(string) string) Config {
	vars := Environment()
	if len(c.BootstrapServers) > 0 || len(parseList(getenv(envServers))) == 0 {
		for _, v := range vars {
			if value := getenv(v.Name); v.Always && value != "" {
				v.set(&c, value)
			}
		}
		return c
	}
	c.tlsFromEnv(vars, getenv)
	c.saslFromEnv(vars, getenv)
	for _, v := range vars {
		value := getenv(v.Name)
		switch {
		case value == "" || v.set == nil:
		case strings.HasPrefix(v.Attribute, "tls.") && c.TLS == nil:
		case strings.HasPrefix(v.Attribute, "sasl.") && c.SASL == nil:
		case v.mechanisms != nil && !slices.Contains(v.mechanisms, c.SASL.Mechanism):
		default:
			v.set(&c, value)
		}
	}
	return c
}

// tlsFromEnv makes c.TLS its own, and lets it come into being.
func (c *Config) tlsFromEnv(vars []Variable, getenv func(string) string) {
	if c.TLS != nil {
		t := *c.TLS
		c.TLS = &t
		return
	}
	if on := getenv(envEnableTLS); on != "" {
		// What is neither true nor false errs on the safe side.
		if wanted, err := strconv.ParseBool(on); err == nil && !wanted {
			return
		}
	} else if !anySet(vars, "tls.", getenv) {
		return
	}
	skip, err := strconv.ParseBool(getenv(envSkipVerify))
	c.TLS = &TLS{InsecureSkipVerify: err == nil && skip}
}

// saslFromEnv makes c.SASL its own, and lets it come into being.
func (c *Config) saslFromEnv(vars []Variable, getenv func(string) string) {
	if c.SASL != nil {
		s := *c.SASL
		c.SASL = &s
		return
	}
	if anySet(vars, "sasl.", getenv) {
		c.SASL = &SASL{}
	}
}

func anySet(vars []Variable, prefix string, getenv func(string) string) bool {
	return slices.ContainsFunc(vars, func(v Variable) bool {
		value := getenv(v.Name)
		if v.Name == envSkipVerify {
			skip, err := strconv.ParseBool(value)
			return prefix == "tls." && err == nil && skip
		}
		return value != "" && strings.HasPrefix(v.Attribute, prefix) && strings.HasPrefix(v.Name, "KAFKA_")
	})
}

// mechanismNamed takes a mechanism in upper or lower case, or with the names
// of Mongey's provider. What it does not know it returns as it is, for
// Validate to refuse.
func mechanismNamed(s string) string {
	switch name := strings.ToUpper(strings.TrimSpace(s)); name {
	case "SCRAM-SHA256":
		return ScramSHA256
	case "SCRAM-SHA512":
		return ScramSHA512
	case "AWS-IAM":
		return AWSMSKIAM
	default:
		return name
	}
}
