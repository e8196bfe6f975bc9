package connection

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

func TestValidate(t *testing.T) {
	ca := newAuthority(t, "ca")
	one, two := ca.issue(time.Now().Add(time.Hour)), ca.issue(time.Now().Add(time.Hour))
	encrypted := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	legacy := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
	servers := []string{"b1:9092", "[::1]:9093", "10.0.0.1:65535"}
	sasl := func(s SASL) Config { return Config{BootstrapServers: servers, SASL: &s} }
	secure := func(s SASL) Config { return Config{BootstrapServers: servers, TLS: &TLS{}, SASL: &s} }
	withTLS := func(x TLS) Config { return Config{BootstrapServers: servers, TLS: &x} }

	tests := []struct {
		name string
		c    Config
		want []string // attribute, space, part of the message
	}{
		{"plain", Config{BootstrapServers: servers}, nil},
		{"no servers", Config{}, []string{"bootstrap_servers KAFKA_BOOTSTRAP_SERVERS"}},
		{"servers", Config{BootstrapServers: []string{"b1", "", "b1:x", "b1:0", "b1:65536", ":9092", "SASL_SSL://b1:9093", "b1:9092,b2:9092", "b1:9092 ", "::1:9092", "b:1"}}, []string{
			"bootstrap_servers[0] lacks the port", "bootstrap_servers[1] empty", "bootstrap_servers[2] number", "bootstrap_servers[3] number",
			"bootstrap_servers[4] number", "bootstrap_servers[5] lacks the host", `bootstrap_servers[6] Write "b1:9093"`, "bootstrap_servers[7] split",
			"bootstrap_servers[8] space", "bootstrap_servers[9] brackets",
		}},
		{"version", Config{BootstrapServers: servers, Version: "latest"}, []string{"kafka_version latest"}},
		{"old version", Config{BootstrapServers: servers, Version: "0.11.0.0"}, []string{`kafka_version "0.11.0.0" is not supported`}},
		{"old version in three parts", Config{BootstrapServers: servers, Version: "0.10.2"}, []string{`kafka_version "0.10.2" is not supported`}},
		{"old version in two parts", Config{BootstrapServers: servers, Version: "0.9"}, []string{`kafka_version "0.9" is not supported`}},
		{"time-out", Config{BootstrapServers: servers, RequestTimeout: -1}, []string{"request_timeout negative"}},

		{"tls", withTLS(TLS{CACert: ca.PEM, ClientCert: one.Cert, ClientKey: one.Key}), nil},
		{"missing file", withTLS(TLS{CACert: filepath.Join(t.TempDir(), "none")}), []string{"tls.ca_cert no such file"}},
		{"folder", withTLS(TLS{CACert: t.TempDir()}), []string{"tls.ca_cert not a file"}},
		{"device", withTLS(TLS{CACert: os.DevNull}), []string{"tls.ca_cert not a file"}},
		{"not PEM", withTLS(TLS{CACert: file(t, "\xfe\xed\xfe\xed")}), []string{"tls.ca_cert keystore"}},
		{"key as authority", withTLS(TLS{CACert: one.Key}), []string{"tls.ca_cert no certificate"}},
		{"no key", withTLS(TLS{ClientCert: one.Cert}), []string{"tls.client_key Needed"}},
		{"no certificate", withTLS(TLS{ClientKey: one.Key}), []string{"tls.client_cert Needed"}},
		{"another's key", withTLS(TLS{ClientCert: one.Cert, ClientKey: two.Key}), []string{"tls.client_key does not match"}},
		{"encrypted key", withTLS(TLS{ClientCert: one.Cert, ClientKey: encrypted}), []string{"tls.client_key encrypted"}},
		{"encrypted key of the old form", withTLS(TLS{ClientCert: one.Cert, ClientKey: legacy}), []string{"tls.client_key encrypted"}},
		{"both wrong", withTLS(TLS{CACert: "/nowhere", ClientCert: one.Cert}), []string{"tls.ca_cert no such file", "tls.client_key Needed"}},

		{"no mechanism", sasl(SASL{Username: "u"}), []string{"sasl.mechanism one of PLAIN"}},
		{"unknown mechanism", sasl(SASL{Mechanism: "plain"}), []string{"sasl.mechanism one of PLAIN"}},
		{"PLAIN", sasl(SASL{Mechanism: Plain, Username: "u", Password: "p"}), nil},
		{"PLAIN without password", sasl(SASL{Mechanism: Plain, Username: "u"}), []string{"sasl.password only if the servers come from KAFKA_BOOTSTRAP_SERVERS"}},
		{"PLAIN with NUL", sasl(SASL{Mechanism: Plain, Username: "u", Password: "p\x00q"}), []string{"sasl.password NUL"}},
		{"SCRAM without user", sasl(SASL{Mechanism: ScramSHA512, Password: "p"}), []string{"sasl.username needs it"}},
		{"what does not belong", sasl(SASL{Mechanism: Plain, Username: "u", Password: "p", Token: "t", AWSRegion: "r", KerberosRealm: "k"}),
			[]string{"sasl.token only to OAUTHBEARER", "sasl.aws_region only to AWS_MSK_IAM", "sasl.kerberos_realm only to GSSAPI"}},

		{"token", sasl(SASL{Mechanism: OAuthBearer, Token: "a.b_c~d+e/f-g==\n"}), nil},
		{"token with scheme", sasl(SASL{Mechanism: OAuthBearer, Token: "Bearer abc"}), []string{"sasl.token without \"Bearer\""}},
		{"token that ends the message", sasl(SASL{Mechanism: OAuthBearer, Token: "a\x01auth=x"}), []string{"sasl.token character"}},
		{"no token", sasl(SASL{Mechanism: OAuthBearer}), []string{"sasl.token needs a token"}},
		{"token URL", sasl(SASL{Mechanism: OAuthBearer, TokenURL: "https://h/t", ClientID: "c", ClientSecret: "s"}), nil},
		{"token URL alone", sasl(SASL{Mechanism: OAuthBearer, TokenURL: "https://h/t"}), []string{"sasl.client_id needs it", "sasl.client_secret needs it"}},
		{"token URL wrong", sasl(SASL{Mechanism: OAuthBearer, TokenURL: "h/t", ClientID: "c", ClientSecret: "s"}), []string{"sasl.token_url https"}},
		{"token URL with user", sasl(SASL{Mechanism: OAuthBearer, TokenURL: "https://u:p@h/t", ClientID: "c", ClientSecret: "s"}), []string{"sasl.token_url client_id"}},
		{"token and URL", sasl(SASL{Mechanism: OAuthBearer, Token: "t", TokenURL: "https://h"}), []string{"sasl.token not both"}},
		{"token and scopes", sasl(SASL{Mechanism: OAuthBearer, Token: "t", Scopes: []string{"s"}}), []string{"sasl.scopes Belongs to token_url"}},
		{"extension", sasl(SASL{Mechanism: OAuthBearer, Token: "t", Extensions: map[string]string{"auth": "x"}}), []string{`sasl.extensions "auth"`}},
		{"extension that ends the message", sasl(SASL{Mechanism: OAuthBearer, Token: "t", Extensions: map[string]string{"a": "x\x01y"}}), []string{`sasl.extensions "a"`}},

		{"MSK", secure(SASL{Mechanism: AWSMSKIAM}), nil},
		{"MSK without TLS", sasl(SASL{Mechanism: AWSMSKIAM}), []string{"sasl.mechanism needs tls"}},
		{"MSK half a key", secure(SASL{Mechanism: AWSMSKIAM, AWSAccessKeyID: "a"}), []string{"sasl.aws_access_key_id together"}},
		{"MSK oddments", secure(SASL{Mechanism: AWSMSKIAM, AWSSessionToken: "t", AWSRoleSessionName: "n", AWSRoleExternalID: "e"}),
			[]string{"sasl.aws_session_token Belongs", "sasl.aws_role_session_name Belongs", "sasl.aws_role_external_id Belongs"}},
		{"MSK key and profile", secure(SASL{Mechanism: AWSMSKIAM, AWSAccessKeyID: "a", AWSSecretAccessKey: "b", AWSProfile: "p"}), []string{"sasl.aws_profile not both"}},

		{"Kerberos", sasl(SASL{Mechanism: GSSAPI, Username: "u", Password: "p", KerberosRealm: "R"}), nil},
		{"Kerberos without anything", sasl(SASL{Mechanism: GSSAPI}), []string{"sasl.username needs it", "sasl.kerberos_realm needs it", "sasl.kerberos_keytab or sasl.password"}},
		{"Kerberos with two", sasl(SASL{Mechanism: GSSAPI, Username: "u", Password: "p", KerberosRealm: "R", KerberosKeytab: "k"}), []string{"sasl.kerberos_keytab not both"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.c.Validate()
			if len(got) != len(test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
			for i, w := range test.want {
				attribute, part, _ := strings.Cut(w, " ")
				if got[i].Attribute != attribute || !strings.Contains(got[i].Message, part) {
					t.Errorf("got %+v, want %q", got[i], w)
				}
			}
		})
	}
}

// A key that was given without its header looks like a path, and must not
// come back in a message.
// Whatever stands before an @ may be a password.
func TestLoginInAnAddressIsNotRepeated(t *testing.T) {
	for _, server := range []string{"bob:secret@host:9092", "SASL_SSL://bob:secret@host:9092", "bob:secret @host:9092", "b1:9092,bob:secret@host:9092", "bob:se@cret@host:9092"} {
		_, _, err := Open(Config{BootstrapServers: []string{server}}, nil)
		if err == nil || strings.Contains(err.Error(), "cret") || strings.Contains(err.Error(), "bob") ||
			!strings.Contains(err.Error(), `bootstrap_servers[0]: Write "host:9092" alone`) || !strings.Contains(err.Error(), "sasl") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestKeyIsNeverRepeated(t *testing.T) {
	const key = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
	ca := newAuthority(t, "ca")
	l := ca.issue(time.Now().Add(time.Hour))
	for _, s := range []string{key, key + "\n" + key, "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----", "-----BEGIN " + key, file(t, key)} {
		ps := Config{BootstrapServers: []string{"b:1"}, TLS: &TLS{ClientCert: l.Cert, ClientKey: s}}.Validate()
		if len(ps) != 1 || ps[0].Attribute != "tls.client_key" || strings.Contains(ps[0].Message, key) {
			t.Errorf("got %v", ps)
		}
	}
}

func TestVersion(t *testing.T) {
	for s, want := range map[string]sarama.KafkaVersion{
		"": sarama.MaxVersion, "3.9": sarama.V3_9_0_0, "3.9.0": sarama.V3_9_0_0, "2.8.1": sarama.V2_8_1_0, "99.0.0": sarama.MaxVersion,
	} {
		if v, err := parseVersion(s); err != nil || v != want {
			t.Errorf("%q: %v, %v", s, v, err)
		}
	}
	for _, s := range []string{"3", "v3.9", "3.9.0.1", "0.8.2.0", "x", "3..9", "-1.0"} {
		if v, err := parseVersion(s); err == nil {
			t.Errorf("%q is %v", s, v)
		}
	}
}

func TestWarnings(t *testing.T) {
	attributes := func(c Config) []string {
		var as []string
		for _, p := range c.Warnings() {
			as = append(as, p.Attribute)
		}
		return as
	}
	tests := []struct {
		c    Config
		want []string
	}{
		{Config{}, nil},
		{Config{TLS: &TLS{InsecureSkipVerify: true}}, []string{"tls.insecure_skip_verify"}},
		{Config{SASL: &SASL{Mechanism: Plain}}, []string{"sasl.mechanism"}},
		{Config{SASL: &SASL{Mechanism: ScramSHA256}}, nil},
		{Config{TLS: &TLS{}, SASL: &SASL{Mechanism: Plain}}, nil},
		{Config{TLS: &TLS{}, SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "http://idp/t"}}, []string{"sasl.token_url"}},
		{Config{TLS: &TLS{}, SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "http://localhost:8080/t"}}, nil},
	}
	for _, test := range tests {
		if got := attributes(test.c); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v", test.c, got)
		}
	}
}

func FuzzServers(f *testing.F) {
	for _, s := range []string{"b1:9092,b2:9092", " b : 1 ,", "[::1]:9092", "SSL://x:1", "a:99999", ",,", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, server := range parseList(s) {
			if strings.ContainsAny(server, ",") || server == "" || strings.TrimSpace(server) != server {
				t.Errorf("%q holds %q", s, server)
			}
			if serverProblem(server) == "" && strings.ContainsAny(server, " ,/\n\x00") && strings.Contains(server, "://") {
				t.Errorf("%q is accepted", server)
			}
		}
	})
}

func FuzzPEM(f *testing.F) {
	ca := newAuthority(f, "ca")
	l := ca.issue(time.Now().Add(time.Hour))
	f.Add(ca.PEM, l.Cert, l.Key)
	f.Add("/etc/hosts", strings.ReplaceAll(l.Cert, "\n", `\n`), l.Key[:40])
	f.Add("-----BEGIN ", "\x00", "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\n-----END X-----")
	f.Fuzz(func(t *testing.T, authority, cert, key string) {
		conf, err := (&TLS{CACert: authority, ClientCert: cert, ClientKey: key}).config()
		if (conf == nil) == (err == nil) {
			t.Errorf("got %v, %v", conf, err)
		}
		if err != nil && len(key) > 16 && strings.Contains(err.Error(), key) {
			t.Errorf("%v holds the key", err)
		}
	})
}

func FuzzExtensions(f *testing.F) {
	for _, s := range []string{"a=b", "logicalCluster=lkc-1,identityPoolId=pool", "=x", "a", "auth=x", "a=b=c", "a=\x01", ",,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		extensions := parseExtensions(s)
		ps := Config{BootstrapServers: []string{"b:1"}, SASL: &SASL{Mechanism: OAuthBearer, Token: "t", Extensions: extensions}}.Validate()
		for key, value := range extensions {
			if len(ps) == 0 && (strings.Contains(key+value, "\x01") || key == "" || key == "auth") {
				t.Errorf("%q gave %q=%q", s, key, value)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05abcde\x00\x00\x00\x06abcdef"), 3)
	f.Add([]byte("HTTP/1.1 400"), 1)
	f.Add([]byte("\x15\x03\x01\x00\x02"), 2)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 {
			size = 1
		}
		var whole, pieces frames
		want := whole.feed(stream)
		var got error
		for at := 0; at < len(stream) && got == nil; at += min(size, len(stream)) {
			got = pieces.feed(stream[at:min(at+min(size, len(stream)), len(stream))])
		}
		if (want == nil) != (got == nil) || whole.begun != pieces.begun || whole.left != pieces.left {
			t.Errorf("whole %v %+v, in pieces %v %+v", want, whole, got, pieces)
		}
	})
}
