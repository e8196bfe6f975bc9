package rocketmq

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/artifacts"
)

// startProxy runs a proxy in cluster mode, which serves gRPC clients and those
// of the remoting protocol on two ports.
func (c *Cluster) startProxy(ctx context.Context) error {
	dir, err := artifacts.Classpath(ctx, "rocketmq-proxy", c.Version, from+"proxy:"+c.Version)
	if err != nil {
		return err
	}
	ports, err := artifacts.FreePorts(2)
	if err != nil {
		return err
	}
	c.endpoint = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	c.remotingEndpoint = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1]))
	settings, err := json.Marshal(map[string]any{
		"rocketMQClusterName": ClusterName, "proxyClusterName": ClusterName, "namesrvAddr": c.nameServer,
		"proxyMode": "CLUSTER", "localServeAddr": "127.0.0.1", "proxyName": "proxy",
		"grpcServerPort": ports[0], "remotingListenPort": ports[1],
		// Consumers ask again after a second or two, so that they can be stopped.
		"grpcClientConsumerMinLongPollingTimeoutMillis": 100,
	})
	if err != nil {
		return err
	}
	conf, err := c.write("rmq-proxy.json", string(settings))
	if err != nil {
		return err
	}
	args := c.jvm("384m")
	args[len(args)-1] = filepath.Join(dir, "*")
	proxy, err := artifacts.Start(artifacts.Command{
		Name: "proxy", Path: c.java,
		Args: append(args, "org.apache.rocketmq.proxy.ProxyStartup", "-pc", conf, "-pm", "cluster", "-n", c.nameServer),
		Dir:  c.home, Env: c.env(), Log: filepath.Join(c.logs, "proxy.log"),
	})
	if err != nil {
		return err
	}
	c.processes = append(c.processes, proxy)
	if err := proxy.WaitLine(ctx, "rocketmq-proxy startup successfully"); err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	return nil
}
