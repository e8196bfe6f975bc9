//go:build acceptance

package provider_test

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	rocketbrokers "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq"
)

// realRocketMQ is a real cluster of two masters with the topic orders, two
// queues on each, with eight messages in every queue.
type realRocketMQ struct {
	nobody string // the state of a group without consumers
	*rocketbrokers.Cluster
	wire *remoting.Client
	// third is an instant after the third message of every queue was stored
	// and before the fourth was.
	third time.Time
}

func startRocketMQ(t *testing.T, conf rocketbrokers.Config) *realRocketMQ {
	t.Helper()
	began := time.Now()
	c, err := rocketbrokers.Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	r := &realRocketMQ{Cluster: c, wire: remoting.New(remoting.Options{})}
	t.Cleanup(func() {
		if err := r.wire.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := c.CreateTopic(t.Context(), "orders", 2); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the topic's route", func() bool {
		out, err := c.Admin(t.Context(), "topicRoute", "-t", "orders")
		return err == nil && strings.Contains(out, masters[0]) && strings.Contains(out, masters[1])
	})
	for i := range 8 {
		if i == 3 {
			// Brokers before 5.1.1 answer the nearest message, and all store
			// times are in milliseconds: leave some of them around the instant.
			time.Sleep(5 * time.Millisecond)
			r.third = time.Now()
			time.Sleep(20 * time.Millisecond)
		}
		r.eachQueue(func(broker string, queue int) {
			if err := r.send(t.Context(), broker, queue, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		})
	}
	waitFor(t, "the brokers to count the messages", func() bool {
		indexed := true
		r.eachQueue(func(broker string, queue int) {
			resp, err := r.wire.Call(t.Context(), c.Address(broker), remoting.Request{
				Code: remoting.GetMaxOffset, Fields: map[string]string{"topic": "orders", "queueId": strconv.Itoa(queue)},
			})
			indexed = indexed && err == nil && resp.Fields["offset"] == "8"
		})
		return indexed
	})
	t.Logf("ready after %s", time.Since(began).Round(100*time.Millisecond))
	return r
}

func (r *realRocketMQ) eachQueue(do func(broker string, queue int)) {
	for _, b := range masters {
		for q := range 2 {
			do(b, q)
		}
	}
}

// send stores one message. RocketMQ's own client for Go would leave goroutines.
func (r *realRocketMQ) send(ctx context.Context, broker string, queue int, body string) error {
	const sendMessage = 10
	_, err := r.wire.Call(ctx, r.Address(broker), remoting.Request{Code: sendMessage, Body: []byte(body), Fields: map[string]string{
		"producerGroup": "producers", "topic": "orders", "defaultTopic": "TBW102", "defaultTopicQueueNums": "4", "queueId": strconv.Itoa(queue),
		"sysFlag": "0", "bornTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10), "flag": "0", "properties": "", "reconsumeTimes": "0",
	}})
	return err
}

// group makes a group with these offsets.
func (r *realRocketMQ) group(t *testing.T, group string, at queues) {
	t.Helper()
	if err := r.CreateGroup(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	for i, n := range at {
		if err := r.Commit(t.Context(), group, "orders", masters[i/2], i%2, n); err != nil {
			t.Fatal(err)
		}
	}
}

// toolSays compares what Apache's mqadmin consumerProgress says of the group.
func (r *realRocketMQ) toolSays(t *testing.T, group string, want queues) {
	t.Helper()
	got, err := r.Progress(t.Context(), group, "orders")
	if err != nil {
		t.Fatal(err)
	}
	expected := map[string]int64{}
	for i, n := range want {
		expected[fmt.Sprintf("%s/%d", masters[i/2], i%2)] = n
	}
	if !maps.Equal(got, expected) {
		t.Errorf("mqadmin consumerProgress says that group %q is at %v, want %v", group, got, expected)
	}
}

func (r *realRocketMQ) config(body string) string {
	return rocketmqProvider(fmt.Sprintf("name_servers = [%q]", r.NameServer()), body)
}

// realRocketMQAction, if set, runs the action on a cluster: it needs Terraform 1.14.
var realRocketMQAction func(t *testing.T, r *realRocketMQ)

// The main job, on real clusters of each behaviour: plan with figures, apply,
// Apache's own tool, a quiet plan, undo; then an import, which touches nothing.
func TestRealRocketMQ(t *testing.T) {
	for name, conf := range map[string]rocketbrokers.Config{
		"5.5.0":                    {},
		"5.5.0 with client resets": {ClientReset: true},
		"4.9.7":                    {Version: rocketbrokers.V4},
	} {
		t.Run(name, func(t *testing.T) {
			r := startRocketMQ(t, conf)
			if r.nobody = "not listed"; conf.Version == rocketbrokers.V4 { // which knows no proxies
				r.nobody = "not online"
			}
			t.Run("plan, apply and undo", r.testPlanApplyAndUndo)
			t.Run("every target", r.testTargets)
			t.Run("data sources", r.testDataSources)
			t.Run("import", r.testImport)
			if realRocketMQAction != nil {
				t.Run("action", func(t *testing.T) { realRocketMQAction(t, r) })
			}
		})
	}
}

func (r *realRocketMQ) testPlanApplyAndUndo(t *testing.T) {
	start := queues{6, 1, 3, 8}
	r.group(t, "main", start)
	w := newWorkspace(t, r.config(rocketmqGroup("before", "main")+rocketmqReset(fmt.Sprintf(`
		consumer_group = "main"
		reset_type     = "SPECIFIED_TIME"
		reset_time     = %q
		time_zone      = "Asia/Shanghai"
		on_destroy     = "restore"
		reset_on       = "triggers"
	`, r.third.In(time.FixedZone("", 8*60*60)).Format("2006-01-02 15:04:05.000")))+summaryOutput+`
		output "lag" { value = data.rocketmq_consumer_group_offsets.before.total_lag }
		output "offsets" { value = jsonencode(data.rocketmq_consumer_group_offsets.before.offsets) }
	`))
	const figures = "3 queues of 4 move, 8 messages replayed, 2 skipped"
	says(t, w.must(0, "plan"), figures, "Group: "+r.nobody+"; cluster DefaultCluster",
		fmt.Sprintf("+ reset_at = %q", r.third.Truncate(time.Millisecond).UTC().Format(time.RFC3339Nano)), "+ lag = 14")
	r.toolSays(t, "main", start)

	says(t, w.must(0, "apply", "-auto-approve"), figures, `\"moved\":3`, `\"replayed_messages\":8`, `\"skipped_messages\":2`, `{\"broker-a\":{\"0\":6,\"1\":1},\"broker-b\":{\"0\":3,\"1\":8}}`)
	r.toolSays(t, "main", queues{3, 3, 3, 3})
	// The data source tells what is new, the reset has nothing to do.
	says(t, w.must(0, "plan"), "lag = 14 -> 20", "You can apply this plan to save these new output values")

	w.must(0, "destroy", "-auto-approve")
	r.toolSays(t, "main", start)
}

func (r *realRocketMQ) testTargets(t *testing.T) {
	r.group(t, "targets", all(6))
	w := newWorkspace(t, "")
	for _, step := range []struct {
		arguments string
		figures   string
		want      queues
	}{
		{toLatest, "4 queues of 4 move, 0 messages replayed, 8 skipped", all(8)},
		{"reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-a\" = { \"1\" = 4 }, \"broker-b\" = { \"0\" = 99 } }", "1 queue of 2 move, 4 messages replayed, 0 skipped", queues{8, 4, 8, 8}},
		{"reset_type = \"SPECIFIED_TIME\"\nreset_time = \"2099-01-01T00:00:00Z\"", "1 queue of 4 move, 0 messages replayed, 4 skipped", all(8)},
		{toEarliest, "4 queues of 4 move, 32 messages replayed, 0 skipped", all(0)},
	} {
		w.configure(r.config(rocketmqReset("consumer_group = \"targets\"\n" + step.arguments)))
		says(t, w.must(0, "apply", "-auto-approve"), step.figures)
		r.toolSays(t, "targets", step.want)
	}
}

// testDataSources plans exact numbers, and resets to just these.
func (r *realRocketMQ) testDataSources(t *testing.T) {
	r.group(t, "exact", all(6))
	w := newWorkspace(t, r.config(rocketmqTopic("start", `position = "earliest"`)+rocketmqTopic("end", `position = "latest"`)+
		rocketmqTopic("third", fmt.Sprintf("datetime = %q", r.third.UTC().Format(time.RFC3339Nano)))+
		rocketmqReset(`
			consumer_group = "exact"
			reset_type     = "SPECIFIED_OFFSET"
			offsets        = data.rocketmq_topic_offsets.third.offsets
			reset_on       = "triggers"
		`)+`
		data "rocketmq_consumer_groups" "orders" {
			provider = offsets
			topic    = "orders"
		}
		output "start" { value = jsonencode(data.rocketmq_topic_offsets.start.offsets) }
		output "end" { value = jsonencode(data.rocketmq_topic_offsets.end.offsets) }
		output "third" { value = data.rocketmq_topic_offsets.third.record }
		output "groups" { value = join(" ", data.rocketmq_consumer_groups.orders.groups) }
		output "exact" { value = jsonencode(jsondecode(data.rocketmq_consumer_groups.orders.record)["exact"]) }
	`))
	queue := `{\"max\":8,\"min\":0,\"offset\":3}`
	broker := `{\"0\":` + queue + `,\"1\":` + queue + `}`
	says(t, w.must(0, "plan"), "4 queues of 4 move, 12 messages replayed, 0 skipped",
		`third = " {\"broker-a\":`+broker+`,\"broker-b\":`+broker+`}"`)
	says(t, w.must(0, "apply", "-auto-approve"),
		`start = "{\"broker-a\":{\"0\":0,\"1\":0},\"broker-b\":{\"0\":0,\"1\":0}}"`,
		`end = "{\"broker-a\":{\"0\":8,\"1\":8},\"broker-b\":{\"0\":8,\"1\":8}}"`,
		`exact = "{\"brokers\":[\"broker-a\",\"broker-b\"],\"members\":0,\"message_model\":null,\"state\":\"`+r.nobody+`\"}"`,
	)
	r.toolSays(t, "exact", all(3))
	groups, err := r.GroupsOf(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	says(t, w.must(0, "output", "-raw", "groups"), strings.Join(groups, " "))
}

func (r *realRocketMQ) testImport(t *testing.T) {
	start := queues{6, 1, 3, 8}
	r.group(t, "imported", start)
	w := newWorkspace(t, r.config(rocketmqImport("imported/orders")+rocketmqReset("consumer_group = \"imported\"\n"+toLatest)))
	says(t, w.must(0, "apply", "-auto-approve"), "taken over, nothing will be reset", "1 imported, 0 added, 1 changed")
	w.must(0, "plan", "-detailed-exitcode")
	r.toolSays(t, "imported", start)
}
