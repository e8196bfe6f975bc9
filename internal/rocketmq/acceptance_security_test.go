//go:build acceptance

package rocketmq_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/certs"
	brokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

func TestRealAccessControl(t *testing.T) {
	for name, conf := range map[string]brokers.Config{
		"ACL 2.0 on 5.5.0": {ACL: true, Masters: 1},
		"ACL 1.0 on 4.9.7": {ACL: true, Masters: 1, Version: brokers.V4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, conf)
			f := w.fill(t, 2, 4)
			group := w.group(t, f, 2)
			ctx := within(t)
			if conf.Version != brokers.V4 {
				rights := "Topic:" + f.topic + ",Group:" + group
				if err := w.cluster.CreateUser(ctx, brokers.UserKey, brokers.UserSecret, rights, "Get,Update"); err != nil {
					t.Fatal(err)
				}
				if err := w.cluster.CreateUser(ctx, brokers.NobodyKey, brokers.NobodySecret, "", ""); err != nil {
					t.Fatal(err)
				}
			}
			ns := []string{w.cluster.NameServer()}
			reset := func(cfg rocketmq.Config, req offset.Request) error {
				cfg.NameServers = ns
				k := newClient(t, cfg)
				plan, err := k.Plan(ctx, req)
				if err == nil {
					_, err = k.Apply(ctx, plan)
				}
				return err
			}
			latest := request(group, f.topic, offset.ToLatest)
			for name, cfg := range map[string]rocketmq.Config{
				"unsigned":     {},
				"wrong secret": {AccessKey: brokers.UserKey, SecretKey: "wrong-secret-123"},
				"unknown key":  {AccessKey: "unknown-key", SecretKey: brokers.UserSecret},
				"no right":     {AccessKey: brokers.NobodyKey, SecretKey: brokers.NobodySecret},
			} {
				err := reset(cfg, latest)
				t.Logf("%s: %v", name, err)
				wantError(t, err, offset.Unauthorized, "access_key")
				if strings.Contains(err.Error(), cfg.SecretKey) && cfg.SecretKey != "" {
					t.Errorf("%s: the secret is in %v", name, err)
				}
			}
			if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, 2)) {
				t.Errorf("the offsets became %v", got)
			}
			// No administrator: rights on the group and the topic are enough.
			user := rocketmq.Config{AccessKey: brokers.UserKey, SecretKey: brokers.UserSecret}
			offsets := request(group, f.topic, offset.ToOffsets)
			offsets.Target.Offsets = offset.Offsets{"broker-a": {0: 3, 1: 3}}
			for want, req := range map[int64]offset.Request{4: latest, 3: offsets, 1: atTime(group, f.topic, f.before[1])} {
				if err := reset(user, req); err != nil {
					t.Fatal(err)
				}
				if got := w.progress(t, group, f.topic); !maps.Equal(got, w.everywhere(f, want)) {
					t.Errorf("got %v, want %d", got, want)
				}
			}
			user.SecurityToken = "a-token" // it is signed like every field
			if err := reset(user, latest); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRealTLS(t *testing.T) {
	w := newWorldWith(t, brokers.Config{TLS: true, Masters: 1}, func(c *brokers.Cluster, cfg *rocketmq.Config) {
		cfg.TLS = &rocketmq.TLS{CACert: c.Authority.PEM}
	})
	ctx := within(t)
	f := filled{topic: w.name("orders"), queues: 1}
	if err := w.cluster.CreateTopic(ctx, f.topic, 1); err != nil {
		t.Fatal(err)
	}
	w.waitTopic(t, f.topic)
	// The tool's producer can be started once in a process.
	if _, err := w.cluster.Admin(ctx, "sendMessage", "-t", f.topic, "-p", "hello", "-b", "broker-a", "-i", "0"); err != nil {
		t.Fatal(err)
	}
	w.waitIndexed(t, f, 1)
	group := w.group(t, f, 0)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(w.cluster.Authority.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	stranger, err := certs.NewAuthority("stranger")
	if err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, server string, conf *rocketmq.TLS, kind offset.TargetKind) error {
		k := newClient(t, rocketmq.Config{NameServers: []string{server}, TLS: conf})
		plan, err := k.Plan(ctx, request(group, f.topic, kind))
		if err == nil {
			_, err = k.Apply(ctx, plan)
		}
		return err
	}
	ns := w.cluster.NameServer()
	wantError(t, run(ctx, ns, nil, offset.ToLatest), offset.Unreachable, "enforces TLS")
	wantError(t, run(ctx, ns, &rocketmq.TLS{CACert: stranger.PEM}, offset.ToLatest), offset.Unreachable, "certificate", "tls.ca_cert")
	wantError(t, run(ctx, ns, &rocketmq.TLS{}, offset.ToLatest), offset.Unreachable, "certificate", "tls.ca_cert")
	wantError(t, run(ctx, ns, &rocketmq.TLS{CACert: ca, ServerName: "other.example"}, offset.ToLatest), offset.Unreachable, "other.example", "tls.server_name")
	if got := w.progress(t, group, f.topic); got["broker-a/0"] != 0 {
		t.Errorf("the offsets became %v", got)
	}
	for want, conf := range map[int64]*rocketmq.TLS{
		1: {CACert: ca, ServerName: "rocketmq.example"},
		0: {CACert: w.cluster.Authority.PEM},
	} {
		kind := offset.ToLatest
		if want == 0 {
			kind = offset.ToEarliest
		}
		if err := run(ctx, strings.Replace(ns, "127.0.0.1", "localhost", 1), conf, kind); err != nil {
			t.Error(err)
		}
		if got := w.progress(t, group, f.topic); got["broker-a/0"] != want {
			t.Errorf("got %v, want %d", got, want)
		}
	}
}
