//go:build acceptance

package rocketmq_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/recording"
)

var update = flag.Bool("update", false, "record the brokers' answers anew")

// recorded checks that real brokers still answer what was recorded, which the
// in-process cluster is held against.
func recorded(t *testing.T, w *world, name string) {
	ctx := within(t)
	if err := w.cluster.CreateTopic(ctx, recording.Topic, 2); err != nil {
		t.Fatal(err)
	}
	w.waitTopic(t, recording.Topic)
	for _, g := range []string{recording.Known, recording.Fresh} {
		if err := w.cluster.CreateGroup(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	stage := recording.Stage{NameServer: w.cluster.NameServer(), Broker: w.cluster.Address("broker-a")}
	for i := range stage.Before {
		// Old brokers answer the nearest message: that must be the next one each time.
		time.Sleep(time.Second)
		stage.Before[i] = time.Now().UnixMilli()
		if i == 3 {
			break
		}
		if err := w.producer(t).Send(ctx, recording.Topic, "broker-a", 0, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for {
		g, err := w.client.Describe(ctx, recording.Known, recording.Topic)
		if err != nil {
			t.Fatal(err)
		}
		if g.Queues[0].Max == 3 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for q, at := range []int64{2, 0} {
		if err := w.cluster.Commit(ctx, recording.Known, recording.Topic, "broker-a", q, at); err != nil {
			t.Fatal(err)
		}
	}
	stage.Wire = remoting.New(remoting.Options{})
	defer func() { _ = stage.Wire.Close() }()
	got, err := recording.Converse(ctx, stage)
	if err != nil {
		t.Fatal(err)
	}
	text := recording.Format(got)
	path := filepath.Join("..", "testbroker", "rocketmq", "recording", "testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := recording.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if recording.Format(want) != text {
		t.Errorf("the brokers answer\n%s\nand not what was recorded in %s", text, path)
	}
}
