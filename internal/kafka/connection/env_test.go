package connection

import (
	"reflect"
	"strings"
	"testing"
)

func environment(pairs ...string) func(string) string {
	m := make(map[string]string)
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		m[k] = v
	}
	return func(name string) string { return m[name] }
}

func TestFromEnv(t *testing.T) {
	const servers = "KAFKA_BOOTSTRAP_SERVERS=e1:9092, e2:9092,"
	from := []string{"e1:9092", "e2:9092"}
	tests := []struct {
		name string
		c    Config
		env  []string
		want Config
	}{
		{"nothing", Config{}, nil, Config{}},
		{"servers", Config{}, []string{servers, "KAFKA_VERSION=3.9.0", "KAFKA_CLUSTER_ID=id", "KAFKA_CLIENT_ID=me"},
			Config{BootstrapServers: from, Version: "3.9.0", ClusterID: "id", ClientID: "me"}},
		{"configuration wins", Config{Version: "4.0.0", ClientID: "you"}, []string{servers, "KAFKA_VERSION=3.9.0", "KAFKA_CLIENT_ID=me"},
			Config{BootstrapServers: from, Version: "4.0.0", ClientID: "you"}},
		{"TLS", Config{}, []string{servers, "KAFKA_CA_CERT=ca", "KAFKA_CLIENT_CERT=cert", "KAFKA_CLIENT_KEY=key", "KAFKA_TLS_SERVER_NAME=name"},
			Config{BootstrapServers: from, TLS: &TLS{CACert: "ca", ClientCert: "cert", ClientKey: "key", ServerName: "name"}}},
		{"TLS alone", Config{}, []string{servers, "KAFKA_ENABLE_TLS=true"}, Config{BootstrapServers: from, TLS: &TLS{}}},
		{"TLS switched off", Config{}, []string{servers, "KAFKA_ENABLE_TLS=false", "KAFKA_CA_CERT=ca"}, Config{BootstrapServers: from}},
		{"TLS misspelt errs on the safe side", Config{}, []string{servers, "KAFKA_ENABLE_TLS=yes"}, Config{BootstrapServers: from, TLS: &TLS{}}},
		{"TLS unchecked", Config{}, []string{servers, "KAFKA_SKIP_VERIFY=true"}, Config{BootstrapServers: from, TLS: &TLS{InsecureSkipVerify: true}}},
		{"TLS checked", Config{}, []string{servers, "KAFKA_SKIP_VERIFY=false"}, Config{BootstrapServers: from}},
		{"a configured TLS stays checked", Config{TLS: &TLS{ServerName: "n"}}, []string{servers, "KAFKA_SKIP_VERIFY=true", "KAFKA_CA_CERT=ca"},
			Config{BootstrapServers: from, TLS: &TLS{ServerName: "n", CACert: "ca"}}},
		{"PLAIN", Config{}, []string{servers, "KAFKA_SASL_MECHANISM=plain", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p", "KAFKA_SASL_TOKEN=t"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: Plain, Username: "u", Password: "p"}}},
		{"password for a configured user", Config{SASL: &SASL{Mechanism: ScramSHA512, Username: "me"}},
			[]string{servers, "KAFKA_SASL_MECHANISM=plain", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: ScramSHA512, Username: "me", Password: "p"}}},
		{"names of the Kafka provider", Config{}, []string{servers, "KAFKA_SASL_MECHANISM=aws-iam", "KAFKA_SASL_IAM_AWS_REGION=r", "KAFKA_SASL_USERNAME=u"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: AWSMSKIAM, AWSRegion: "r"}}},
		{"token", Config{}, []string{servers, "KAFKA_SASL_MECHANISM=OAUTHBEARER", "KAFKA_SASL_TOKEN=t", "KAFKA_SASL_TOKEN_URL=u", "KAFKA_SASL_CLIENT_SECRET=s", "KAFKA_SASL_EXTENSIONS=a=b,c=d"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: OAuthBearer, Token: "t", Extensions: map[string]string{"a": "b", "c": "d"}}}},
		{"token URL", Config{SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "mine"}},
			[]string{servers, "KAFKA_SASL_TOKEN=t", "KAFKA_SASL_CLIENT_ID=c", "KAFKA_SASL_CLIENT_SECRET=s", "KAFKA_SASL_OAUTH_SCOPES=x, y"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "mine", ClientID: "c", ClientSecret: "s", Scopes: []string{"x", "y"}}}},
		{"Kerberos", Config{}, []string{servers, "KAFKA_SASL_MECHANISM=GSSAPI", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_KERBEROS_REALM=R",
			"KAFKA_SASL_KERBEROS_KEYTAB=k", "KAFKA_SASL_KERBEROS_SERVICE_NAME=s", "KRB5_CONFIG=c"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: GSSAPI, Username: "u", KerberosRealm: "R", KerberosKeytab: "k", KerberosServiceName: "s", KerberosConfig: "c"}}},
		{"Kerberos's file alone makes no login", Config{}, []string{servers, "KRB5_CONFIG=c"}, Config{BootstrapServers: from}},
		{"unknown mechanism is for Validate", Config{}, []string{servers, "KAFKA_SASL_MECHANISM=x", "KAFKA_SASL_PASSWORD=p"},
			Config{BootstrapServers: from, SASL: &SASL{Mechanism: "X"}}},
		{"no servers anywhere", Config{TLS: &TLS{}}, []string{"KAFKA_SASL_PASSWORD=p", "KAFKA_CA_CERT=ca", "KAFKA_CLIENT_ID=me"}, Config{TLS: &TLS{}, ClientID: "me"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := FromEnv(test.c, environment(test.env...)); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v %+v %+v", got, got.TLS, got.SASL)
			}
		})
	}
}

// An alias with servers of its own must get nothing that belongs to the
// environment's cluster: neither its credentials, nor whom it trusts.
func TestAliasGetsNoCredentials(t *testing.T) {
	all := func(name string) string {
		switch name {
		case envServers:
			return "e1:9092"
		case envMechanism:
			return "PLAIN"
		}
		return "from-environment"
	}
	for _, s := range []*SASL{nil, {}, {Mechanism: Plain, Username: "u"}, {Mechanism: OAuthBearer}, {Mechanism: AWSMSKIAM}, {Mechanism: GSSAPI}} {
		c := Config{BootstrapServers: []string{"b:1"}, TLS: &TLS{}, SASL: s}
		got := FromEnv(c, all)
		want := c
		want.ClientID = "from-environment"
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v %+v %+v", got, got.TLS, got.SASL)
		}
	}
}

func TestMechanismNames(t *testing.T) {
	for s, want := range map[string]string{
		"plain": Plain, "SCRAM-SHA-256": ScramSHA256, "scram-sha256": ScramSHA256, "scram-sha512": ScramSHA512,
		"oauthbearer": OAuthBearer, "aws-iam": AWSMSKIAM, "aws_msk_iam": AWSMSKIAM, "gssapi": GSSAPI, "md5": "MD5",
	} {
		if got := mechanismNamed(s); got != want {
			t.Errorf("%q is %q", s, got)
		}
	}
}

func TestFromEnvLeavesTheOriginal(t *testing.T) {
	c := Config{TLS: &TLS{}, SASL: &SASL{Mechanism: Plain}}
	got := FromEnv(c, environment("KAFKA_BOOTSTRAP_SERVERS=b:1", "KAFKA_CA_CERT=ca", "KAFKA_SASL_PASSWORD=p"))
	if got.TLS.CACert != "ca" || got.SASL.Password != "p" {
		t.Errorf("got %+v %+v", got.TLS, got.SASL)
	}
	if c.TLS.CACert != "" || c.SASL.Password != "" {
		t.Errorf("the original has become %+v %+v", c.TLS, c.SASL)
	}
}

func TestEnvironmentTable(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range Environment() {
		if v.Name == "" || v.Attribute == "" || seen[v.Name] {
			t.Errorf("%+v", v)
		}
		seen[v.Name] = true
		for _, word := range []string{"PASSWORD", "SECRET", "TOKEN", "KEY"} {
			if strings.HasSuffix(v.Name, "_"+word) && !v.Secret {
				t.Errorf("%s is not told to be secret", v.Name)
			}
		}
		if v.Always && v.Secret {
			t.Errorf("%s goes to every cluster", v.Name)
		}
	}
}
