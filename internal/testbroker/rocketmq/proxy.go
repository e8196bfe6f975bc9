package rocketmq

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"strconv"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// startProxy runs a proxy, which serves gRPC clients and those of the remoting
// protocol on two ports. In cluster mode it stands in front of the brokers; in
// local mode, for which more names a broker's configuration, it is that broker.
func (c *Cluster) startProxy(ctx context.Context, name, mode string, more ...string) (*artifacts.Process, error) {
	dir, err := artifacts.Classpath(ctx, "rocketmq-proxy", c.Version, from+"proxy:"+c.Version)
	if err != nil {
		return nil, err
	}
	ports, err := artifacts.FreePorts(2)
	if err != nil {
		return nil, err
	}
	c.endpoint = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	c.remotingEndpoint = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1]))
	settings, err := json.Marshal(map[string]any{
		"rocketMQClusterName": ClusterName, "proxyClusterName": ClusterName, "namesrvAddr": c.nameServer,
		"proxyMode": mode, "localServeAddr": "127.0.0.1", "proxyName": "proxy",
		"grpcServerPort": ports[0], "remotingListenPort": ports[1],
		// Consumers ask again after a second or two, so that they can be stopped.
		"grpcClientConsumerMinLongPollingTimeoutMillis": 100,
	})
	if err != nil {
		return nil, err
	}
	conf, err := c.write("rmq-proxy.json", string(settings))
	if err != nil {
		return nil, err
	}
	args := c.jvm("384m")
	args[len(args)-1] = filepath.Join(dir, "*")
	args = append(args, "org.apache.rocketmq.proxy.ProxyStartup", "-pc", conf, "-pm", mode, "-n", c.nameServer)
	proxy, err := artifacts.Start(artifacts.Command{
		Name: name, Path: c.java, Args: append(args, more...),
		Dir: c.home, Env: c.env(), Log: filepath.Join(c.logs, name+".log"),
	})
	if err == nil {
		c.processes = append(c.processes, proxy)
	}
	return proxy, err
}

// proxyUp is what a proxy says once it serves, after its broker in local mode.
const proxyUp = "rocketmq-proxy startup successfully"
