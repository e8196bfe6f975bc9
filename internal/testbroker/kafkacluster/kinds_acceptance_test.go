//go:build acceptance

package kafkacluster

import (
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

func TestShareGroups(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "shared", 2, 3)
	options := ConsumerOptions{Group: "sharers", Topics: []string{"shared"}, Protocol: kafkaclient.Share}
	if c.before4() {
		if _, err := c.Consume(within(t), options); err == nil {
			t.Error("no error")
		}
		return
	}
	if out, err := c.RunTool(within(t), ConfigTool, "--alter", "--entity-type", "groups", "--entity-name", "sharers",
		"--add-config", "share.auto.offset.reset=earliest"); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	java := c.StartConsumer(t, options)
	c.Join(t, kafkaclient.MemberOptions{Group: "sharers-in-go", Topics: []string{"shared"}, Protocol: kafkaclient.Share})
	c.Fill(t, "shared", 2, 5, start, time.Second)
	out, err := c.RunTool(within(t), ShareTool, "--list")
	if err != nil || !strings.Contains(out, "sharers\n") || !strings.Contains(out, "sharers-in-go") {
		t.Errorf("%s: %v", out, err)
	}
	if err := java.WaitRecords(within(t), 10); err != nil {
		t.Error(err)
	}
	java.Stop(t)
}

func TestStreamsGroups(t *testing.T) {
	c := Start(t)
	c.CreateTopic(t, "streamed", 2, 3)
	if c.before4() {
		if _, err := c.Client().JoinStreams(within(t), "streamers", "streamed"); err == nil {
			t.Error("no error")
		}
		return
	}
	m := c.JoinStreams(t, "streamers", "streamed")
	out, err := c.RunTool(within(t), StreamsTool, "--describe", "--state", "--group", "streamers")
	if err != nil || !strings.Contains(out, "streamers") || strings.Contains(out, "Empty") {
		t.Errorf("%s: %v", out, err)
	}
	c.LeaveStreams(t, m)
	out, err = c.RunTool(within(t), StreamsTool, "--describe", "--state", "--group", "streamers")
	if err != nil || !strings.Contains(out, "Empty") {
		t.Errorf("%s: %v", out, err)
	}
}
