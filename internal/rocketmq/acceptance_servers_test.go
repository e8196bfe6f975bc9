//go:build acceptance

package rocketmq_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// Servers that answer in RocketMQ's binary form, on IPv6, with a name server
// beside theirs that has just started.
func TestRealServersOfOtherKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, brokers.Config{Masters: 1, BinaryHeaders: true, IPv6: true})
	ctx := within(t)
	f := filled{topic: w.name("orders"), queues: 1}
	if err := w.cluster.CreateTopic(ctx, f.topic, 1); err != nil {
		t.Fatal(err)
	}
	w.waitTopic(t, f.topic)
	if _, err := w.cluster.Admin(ctx, "sendMessage", "-t", f.topic, "-p", "hello", "-b", "broker-a", "-i", "0"); err != nil {
		t.Fatal(err)
	}
	w.waitIndexed(t, f, 1)
	group := w.group(t, f, 0)
	_, port, err := net.SplitHostPort(w.cluster.NameServer())
	if err != nil {
		t.Fatal(err)
	}
	reset := func(kind offset.TargetKind, servers ...string) error {
		k := newClient(t, rocketmq.Config{NameServers: servers})
		plan, err := k.Plan(ctx, request(group, f.topic, kind))
		if err == nil {
			_, err = k.Apply(ctx, plan)
		}
		return err
	}
	for server, want := range map[string]int64{"::1:" + port: 1, "[::1]:" + port: 0, "localhost:" + port: 1} {
		kind := offset.ToLatest
		if want == 0 {
			kind = offset.ToEarliest
		}
		if err := reset(kind, server); err != nil {
			t.Fatalf("%s: %v", server, err)
		}
		if got := w.progress(t, group, f.topic); got["broker-a/0"] != want {
			t.Errorf("%s: got %v, want %d", server, got, want)
		}
	}
	another, err := w.cluster.StartAnotherNameServer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, servers := range [][]string{{another, w.cluster.NameServer()}, {w.cluster.NameServer(), another}} {
		wantError(t, reset(offset.ToLatest, servers...), offset.Unreachable, "know different brokers", another+" knows none", "half a minute")
	}
	// A broker's port, where a name server's should be.
	err = reset(offset.ToLatest, w.cluster.Address("broker-a"))
	wantError(t, err, offset.Unsupported, "is no name server: a broker")
	var e *offset.Error
	if errors.As(err, &e) && strings.Contains(e.Next, "proxy") {
		t.Errorf("taken for a proxy: %v", err)
	}
}

// wrongPorts names a proxy's two ports for what they are.
func wrongPorts(t *testing.T, w *world, f filled) {
	for server, words := range map[string]string{
		w.cluster.Endpoint():         "proxy's gRPC port",
		w.cluster.RemotingEndpoint(): "a proxy's port for remoting clients",
	} {
		_, err := newClient(t, rocketmq.Config{NameServers: []string{server}}).Plan(within(t), request("anybody", f.topic, offset.ToLatest))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", server, err, words)
		}
	}
}
