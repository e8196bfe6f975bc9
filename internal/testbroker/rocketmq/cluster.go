// Package rocketmq runs real RocketMQ clusters from Maven's artifacts beside
// tests: a name server and masters, with access control or TLS if asked for,
// and mqadmin as the reference tool. It must not know the code under test
// beyond the wire format.
package rocketmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
)

// The versions that are tested: the oldest and the newest line in use.
const (
	V5 = "5.5.0"
	V4 = "4.9.7"
)

// ClusterName is the name of every cluster.
const ClusterName = "DefaultCluster"

// The administrator's keys on clusters with access control, and those of a
// user without any right.
const (
	AdminKey     = "rocketmqadmin"
	AdminSecret  = "adminsecret12345"
	NobodyKey    = "nobodyatall"
	NobodySecret = "nobodysecret1234"
)

// Config says what to run. The zero value is version V5 with two masters.
type Config struct {
	Version     string
	Masters     int  // their names are broker-a, broker-b, …; zero means two
	ClientReset bool // useServerSideResetOffset=false, which exists from 5.1 on
	ACL         bool // access control: 1.0 for V4, 2.0 for V5
	TLS         bool // enforced by every server

	// Proxy starts a proxy in cluster mode in front of the brokers (5.x).
	Proxy bool
	// LocalProxy runs the only master inside of a proxy in local mode (5.x).
	LocalProxy bool
	// BinaryHeaders makes servers answer with the protocol's binary headers.
	BinaryHeaders bool
	// IPv6 makes brokers announce ::1, without brackets, as theirs. The Go
	// client cannot dial that.
	IPv6 bool
	// Settings are further lines of every broker's configuration.
	Settings []string
}

// Cluster is a running cluster.
type Cluster struct {
	Config
	Authority *certs.Authority // of the servers' certificates; nil without TLS

	java, home, logs string
	classpath        string
	nameServer       string
	endpoint         string               // the proxy's address for gRPC clients
	remotingEndpoint string               // and for clients of the remoting protocol
	processes        []*artifacts.Process // the name server, then the masters
	brokers          []string
	addresses        []string
	admin            *admin
	wire             *remoting.Client
	building         sync.Mutex // of the consumers' program
}

// bootTime is how long a server may take to boot on a busy machine.
const bootTime = 4 * time.Minute

// opens are what the servers need of Java 17's modules.
var opens = []string{
	"--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
	"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
	"--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
}

// from begins the coordinates of RocketMQ's artifacts.
const from = "org.apache.rocketmq:rocketmq-"

// Start runs a cluster until Stop. The first call needs Maven and downloads.
func Start(ctx context.Context, conf Config) (_ *Cluster, err error) {
	if conf.Version == "" {
		conf.Version = V5
	}
	if conf.Masters == 0 {
		conf.Masters = 2
	}
	c := &Cluster{Config: conf}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if c.java, err = artifacts.Java(); err != nil {
		return nil, err
	}
	dir, err := artifacts.Classpath(ctx, "rocketmq", conf.Version,
		from+"namesrv:"+conf.Version, from+"broker:"+conf.Version, from+"tools:"+conf.Version)
	if err != nil {
		return nil, err
	}
	c.classpath = filepath.Join(dir, "*")
	if c.logs, err = artifacts.LogDir("rocketmq-" + conf.Version); err != nil {
		return nil, err
	}
	if c.home, err = os.MkdirTemp("", "rocketmq-"); err != nil {
		return nil, err
	}
	if err := c.writeHome(); err != nil {
		return nil, err
	}
	c.wire = c.newWire()
	if err := c.boot(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// boot starts the name server, then all masters at a time.
func (c *Cluster) boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	// A broker listens on its port, two below (for the VIP channel), and one
	// above (for slaves).
	const each = 4
	ports, err := artifacts.FreePorts(1 + each*c.Masters)
	if err != nil {
		return err
	}
	if c.nameServer, err = c.startNameServer(ctx, "namesrv", ports[0]); err != nil {
		return err
	}
	for i := range c.Masters {
		name := "broker-" + string(rune('a'+i))
		port := ports[1+each*i+2]
		conf, err := c.write(name+".conf", c.brokerConf(name, port))
		if err != nil {
			return err
		}
		if c.LocalProxy {
			_, err = c.startProxy(ctx, name, "LOCAL", "-bc", conf)
		} else {
			_, err = c.start(name, "384m", "org.apache.rocketmq.broker.BrokerStartup", "-c", conf)
		}
		if err != nil {
			return err
		}
		c.brokers = append(c.brokers, name)
		c.addresses = append(c.addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	if c.admin, err = c.startAdmin(); err != nil { // it boots meanwhile
		return err
	}
	up := "boot success"
	if c.LocalProxy {
		up = proxyUp
	}
	for _, p := range c.processes[1:] {
		if err := p.WaitLine(ctx, up); err != nil {
			return err
		}
	}
	if err := c.waitRegistered(ctx); err != nil || !c.Proxy {
		return err
	}
	proxy, err := c.startProxy(ctx, "proxy", "CLUSTER")
	if err != nil {
		return err
	}
	return proxy.WaitLine(ctx, proxyUp)
}

// startNameServer runs a name server and returns its address.
func (c *Cluster) startNameServer(ctx context.Context, name string, port int) (string, error) {
	conf, err := c.write(name+".conf", fmt.Sprintf("listenPort=%d\nkvConfigPath=%s\n", port, filepath.Join(c.home, name+".json")))
	if err != nil {
		return "", err
	}
	p, err := c.start(name, "64m", "org.apache.rocketmq.namesrv.NamesrvStartup", "-c", conf)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), p.WaitLine(ctx, "boot success")
}

// StartAnotherNameServer runs a name server that no broker has registered with,
// as one is that has just started, and returns its address.
func (c *Cluster) StartAnotherNameServer(ctx context.Context) (string, error) {
	ports, err := artifacts.FreePorts(1)
	if err != nil {
		return "", err
	}
	return c.startNameServer(ctx, "another-namesrv", ports[0])
}

// waitRegistered waits until the name server knows every master, which
// announces itself by no event.
func (c *Cluster) waitRegistered(ctx context.Context) error {
	for {
		// A broker that has only just booted answers with an exception.
		out, err := c.Admin(ctx, "clusterList")
		known := err == nil
		for _, b := range c.brokers {
			known = known && strings.Contains(out, b)
		}
		if known {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the masters have not registered: %w\n%s", ctx.Err(), out)
		}
	}
}

// start runs one server.
func (c *Cluster) start(name, heap, class string, args ...string) (*artifacts.Process, error) {
	p, err := artifacts.Start(artifacts.Command{
		Name: name, Path: c.java, Args: append(append(c.jvm(heap), class), args...),
		Dir: c.home, Env: c.env(), Log: filepath.Join(c.logs, name+".log"),
	})
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return p, err
}

func (c *Cluster) env() []string {
	env := []string{"ROCKETMQ_HOME=" + c.home, "NAMESRV_ADDR="}
	if c.BinaryHeaders {
		env = append(env, "ROCKETMQ_SERIALIZE_TYPE=ROCKETMQ")
	}
	return env
}

// jvm are the arguments of every Java process before the class.
func (c *Cluster) jvm(heap string) []string {
	args := []string{
		"-Xms32m", "-Xmx" + heap, "-XX:MaxDirectMemorySize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Duser.home=" + c.home, "-Drocketmq.log.root.level=ERROR",
	}
	if c.TLS {
		args = append(args, "-Dtls.enable=true", "-Dtls.server.mode=enforcing", "-Dtls.config.file="+filepath.Join(c.home, "tls.properties"))
	}
	return append(append(args, opens...), "-cp", c.classpath)
}

// Stop ends every process and removes the data; the logs stay.
func (c *Cluster) Stop() error {
	var errs []error
	if c.wire != nil {
		errs = append(errs, c.wire.Close())
	}
	if c.admin != nil {
		errs = append(errs, c.admin.stop())
	}
	for _, p := range c.processes {
		p.Kill() // the data goes anyway
	}
	for _, p := range c.processes {
		<-p.Done()
	}
	if c.home != "" {
		errs = append(errs, os.RemoveAll(c.home))
	}
	return errors.Join(errs...)
}

// NameServer returns the name server's address.
func (c *Cluster) NameServer() string { return c.nameServer }

// Endpoint returns the proxy's address for gRPC clients.
func (c *Cluster) Endpoint() string { return c.endpoint }

// RemotingEndpoint returns the proxy's address for clients of the remoting
// protocol, which take it for a name server.
func (c *Cluster) RemotingEndpoint() string { return c.remotingEndpoint }

// Brokers returns the masters' names.
func (c *Cluster) Brokers() []string { return c.brokers }

// Address returns a master's address.
func (c *Cluster) Address(broker string) string {
	for i, b := range c.brokers {
		if b == broker {
			return c.addresses[i]
		}
	}
	return ""
}

// Restart starts a master again that has ended, with its data, and waits until
// the name server knows all masters.
func (c *Cluster) Restart(ctx context.Context, broker string) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	at := 1 + slices.Index(c.brokers, broker)
	if at == 0 {
		return fmt.Errorf("restart broker %q: there is none", broker)
	}
	p, err := c.start(broker, "384m", "org.apache.rocketmq.broker.BrokerStartup", "-c", filepath.Join(c.home, broker+".conf"))
	if err != nil {
		return err
	}
	c.processes[at], c.processes = p, c.processes[:len(c.processes)-1]
	if err := p.WaitLine(ctx, "boot success"); err != nil {
		return err
	}
	return c.waitRegistered(ctx)
}

// Process returns a master's process.
func (c *Cluster) Process(broker string) *artifacts.Process {
	for i, b := range c.brokers {
		if b == broker {
			return c.processes[1+i]
		}
	}
	return nil
}

func (c *Cluster) write(name, content string) (string, error) {
	path := filepath.Join(c.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(content), 0o600)
}
