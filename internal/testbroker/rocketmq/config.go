package rocketmq

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

// writeHome fills ROCKETMQ_HOME. A 4.9.7 server does not start without
// configurations for its log, which may be empty.
func (c *Cluster) writeHome() error {
	files := map[string]string{}
	for _, of := range []string{"namesrv", "broker", "tools", "proxy"} {
		files["conf/logback_"+of+".xml"] = "<configuration/>\n"
		files["conf/rmq."+of+".logback.xml"] = "<configuration/>\n"
	}
	if c.ACL {
		files["conf/tools.yml"] = fmt.Sprintf("accessKey: %s\nsecretKey: %s\n", AdminKey, AdminSecret)
	}
	if c.ACL && c.Version == V4 {
		files["conf/plain_acl.yml"] = fmt.Sprintf(`accounts:
  - accessKey: %s
    secretKey: %s
    admin: true
  - accessKey: %s
    secretKey: %s
    admin: false
    defaultTopicPerm: DENY
    defaultGroupPerm: DENY
  - accessKey: %s
    secretKey: %s
    admin: false
    defaultTopicPerm: SUB
    defaultGroupPerm: SUB
`, AdminKey, AdminSecret, NobodyKey, NobodySecret, UserKey, UserSecret)
	}
	if c.TLS {
		ca, err := certs.NewAuthority("test authority")
		if err != nil {
			return err
		}
		cert, err := ca.Issue("rocketmq", "127.0.0.1", "localhost", "rocketmq.example")
		if err != nil {
			return err
		}
		c.Authority = ca
		files["ca.pem"], files["server.pem"], files["server.key"] = ca.PEM, cert.PEM, cert.KeyPEM
		files["tls.properties"] = c.tlsProperties()
	}
	for name, content := range files {
		if _, err := c.write(name, content); err != nil {
			return err
		}
	}
	return nil
}

// UserKey and UserSecret are of a user who may use every topic and group, but
// is no administrator.
const (
	UserKey    = "terraform"
	UserSecret = "terraformsecret1"
)

func (c *Cluster) tlsProperties() string {
	in := func(name string) string { return filepath.Join(c.home, name) }
	return strings.Join([]string{
		"tls.test.mode.enable=false",
		"tls.server.need.client.auth=none",
		"tls.server.authClient=false",
		"tls.server.keyPath=" + in("server.key"),
		"tls.server.certPath=" + in("server.pem"),
		"tls.server.trustCertPath=" + in("ca.pem"),
		"tls.client.authServer=true",
		"tls.client.trustCertPath=" + in("ca.pem"),
	}, "\n") + "\n"
}

// brokerConf is a small broker: files as small as they may be, and patience
// with a machine that is busy.
func (c *Cluster) brokerConf(name string, port int) string {
	ip := "127.0.0.1"
	if c.IPv6 {
		ip = "::1"
	}
	conf := []string{
		"brokerClusterName=" + ClusterName,
		"brokerName=" + name,
		"brokerId=0",
		"brokerIP1=" + ip,
		"namesrvAddr=" + c.nameServer,
		fmt.Sprintf("listenPort=%d", port),
		fmt.Sprintf("haListenPort=%d", port+1),
		"storePathRootDir=" + filepath.Join(c.home, "store-"+name),
		"storePathCommitLog=" + filepath.Join(c.home, "store-"+name, "commitlog"),
		"mappedFileSizeCommitLog=67108864",
		"mappedFileSizeConsumeQueue=20000",
		"maxHashSlotNum=10000",
		"maxIndexNum=40000",
		"diskMaxUsedSpaceRatio=99",
		"autoCreateTopicEnable=false",
		"traceTopicEnable=false",
		"enableScheduleMessageStats=false",
		"waitTimeMillsInSendQueue=10000",
		"osPageCacheBusyTimeOutMills=60000",
		"sendMessageThreadPoolNums=2",
		"flushConsumerOffsetInterval=60000",
	}
	conf = append(conf, c.Settings...)
	if c.ClientReset {
		conf = append(conf, "useServerSideResetOffset=false")
	}
	switch {
	case c.ACL && c.Version == V4:
		conf = append(conf, "aclEnable=true")
	case c.ACL:
		const pkg = "org.apache.rocketmq.auth."
		conf = append(conf,
			"authenticationEnabled=true",
			"authenticationProvider="+pkg+"authentication.provider.DefaultAuthenticationProvider",
			"authenticationMetadataProvider="+pkg+"authentication.provider.LocalAuthenticationMetadataProvider",
			fmt.Sprintf(`initAuthenticationUser={"username":%q,"password":%q}`, AdminKey, AdminSecret),
			fmt.Sprintf(`innerClientAuthenticationCredentials={"accessKey":%q,"secretKey":%q}`, AdminKey, AdminSecret),
			"authorizationEnabled=true",
			"authorizationProvider="+pkg+"authorization.provider.DefaultAuthorizationProvider",
			"authorizationMetadataProvider="+pkg+"authorization.provider.LocalAuthorizationMetadataProvider",
			"authConfigPath="+filepath.Join(c.home, "auth-"+name),
		)
	}
	return strings.Join(conf, "\n") + "\n"
}
