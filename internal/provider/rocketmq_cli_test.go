package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// named is a resource of another name.
func named(name, arguments string) string {
	return strings.Replace(rocketmqReset(arguments), `"test"`, fmt.Sprintf("%q", name), 1)
}

const summaryOutput = "output \"summary\" { value = jsonencode(rocketmq_consumer_offset_reset.test.summary) }\n"

// The figures of the preview are those of the apply, the plan after it is
// empty, also after consumers have moved on, and the destroy tells what it
// puts back.
func TestRocketMQPreviewFiguresAreThoseOfTheApply(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		conf   rocketfake.Config
		online bool
		state  string
		note   string
	}{
		"5.5.0":        {state: "not listed"},
		"5.5.0 online": {online: true, state: "online"},
		"4.9.7 online": {
			conf: rocketfake.Config{Version: rocketfake.V4_9_7}, online: true, state: "online",
			note: "Broker broker-a (V4_9_7) does not reset offsets itself, it tells its consumers to",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, test.conf)
			start := queues{60, 15, 50, 100}
			consume(c, "billing", start)
			if test.online {
				c.Connect("billing", rocketfake.Consumer{ID: "invoice-writer-1", Topics: []string{"orders"}})
			}
			w := attached(t, rocketmqConfig(c, rocketmqReset(lines(toFifty)+"\non_destroy = \"restore\"")+summaryOutput))
			const figures = `Reset consumer group "billing" on topic "orders": 3 queues of 4 move, 60 messages replayed, 35 skipped`
			says(t, w.must(0, "plan", "-compact-warnings"), figures)
			out := w.must(0, "plan")
			says(t, out, figures, "Instant: 2026-03-01T14:00:50Z", "Group: "+test.state+"; cluster DefaultCluster",
				"2 back, 1 forward, 0 first offset, 1 unchanged; 0 clamped", "broker-b/1: 100 → 50 (-50)", test.note,
				`+ reset_at = "2026-03-01T14:00:50Z"`)
			if test.online {
				says(t, out, "1 consumer is online and may stay so: invoice-writer-1 (10.0.0.1:40000)")
			}
			saysNot(t, out, "the apply waits")
			if n := writes(c); n > 0 {
				t.Errorf("the plan sent %d writes", n)
			}

			w.must(0, "apply", "-auto-approve")
			mustStand(t, c, all(50))
			says(t, w.must(0, "output"), `\"moved\":3`, `\"replayed_messages\":60`, `\"skipped_messages\":35`)
			c.Forget()
			w.must(0, "plan", "-detailed-exitcode")
			for i, b := range masters {
				c.Commit(b, "billing", "orders", int32(i), 90)
			}
			w.must(0, "plan", "-detailed-exitcode")
			if got := c.Calls(); len(got) > 0 {
				t.Errorf("a plan without a change asked the cluster: %v", got)
			}

			for i, b := range masters {
				c.Commit(b, "billing", "orders", int32(i), 50)
			}
			if test.conf.Version == rocketfake.V4_9_7 {
				// Only consumers can be told to go to a time, so that a restore needs them to be away.
				says(t, w.must(1, "destroy", "-auto-approve"), "Stop the group's consumers", "Nothing was changed")
				c.Disconnect("billing")
			}
			says(t, w.must(0, "plan", "-destroy"), `Restore consumer group "billing" on topic "orders": destroying puts back 3 queues, about 35 messages replayed and 60 skipped`)
			w.must(0, "destroy", "-auto-approve")
			mustStand(t, c, start)
		})
	}
}

// What would fail if applied now is said in the preview and never fails the plan.
func TestRocketMQPreviewSaysWhatWouldFail(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.Connect("shouting", rocketfake.Consumer{Topics: []string{"orders"}, Broadcast: true})
	w := attached(t, rocketmqConfig(c,
		named("a", "topic = \"nowhere\"\n"+toEarliest)+named("b", "consumer_group = \"nobody\"\n"+toEarliest)+
			named("c", "reset_type = \"SPECIFIED_OFFSET\"\noffsets = { \"broker-z\" = { \"0\" = 1 } }")+
			named("d", toEarliest+"\nmax_replayed_messages = 1")+named("e", "consumer_group = \"shouting\"\n"+toLatest)))
	out := w.must(0, "plan")
	says(t, out,
		`Reset consumer group "billing" on topic "nowhere": this would fail if applied now`,
		`Reset consumer group "nobody" on topic "orders": this would fail if applied now`,
		`Reset consumer group "billing" on topic "orders": this would fail if applied now`, "its brokers are broker-a, broker-b",
		"This would fail if applied now: 200 messages would be replayed and max_replayed_messages is 1",
		`Reset consumer group "shouting" on topic "orders": this would fail if applied now`,
		"Plan: 5 to add")
}

// A preview tells of the future, of first offsets, and of what waits in the
// retry and dead-letter topics, which stay as they are.
func TestRocketMQPreviewSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	c.CreateGroup("fresh")
	for name, messages := range map[string]int{"%RETRY%billing": 3, "%DLQ%billing": 1} {
		c.CreateTopic(name, 1)
		for range messages {
			c.Append("broker-a", name, 0, base)
		}
	}
	w := attached(t, rocketmqConfig(c, rocketmqReset("reset_type = \"SPECIFIED_TIME\"\nreset_time = \"2099-01-01T00:00:00Z\"")+named("fresh", "consumer_group = \"fresh\"\n"+toEarliest)))
	says(t, w.must(0, "plan"),
		"Instant: 2099-01-01T00:00:00Z (in the future)", "lies in the future, so the target is the end of every queue", "4 at its end",
		"3 messages wait for retry, and still delivered after the reset", "1 message waits in the dead-letter topic %DLQ%billing",
		`Reset consumer group "fresh" on topic "orders": 4 queues of 4 move, 360 messages replayed, 0 skipped`, "4 first offset", "4 at the log's start")
}

func TestRocketMQPlansWithoutAPreview(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	reset := rocketmqReset(toEarliest)
	w := attached(t, fmt.Sprintf("provider \"offsets\" {\n  rocketmq = { name_servers = [%q] }\n  preview = false\n}\n", c.NameServer())+reset)
	saysNot(t, w.must(0, "plan"), "Reset consumer group")
	if got := c.Calls(); len(got) > 0 {
		t.Errorf("a plan without preview asked the cluster: %v", got)
	}
	w = attached(t, rocketmqProvider(fmt.Sprintf("name_servers = [%q]", nowhere), reset))
	says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": no preview`, nowhere)
	w = attached(t, "provider \"offsets\" {}\n"+reset)
	says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": no preview`, "set rocketmq.name_servers")
	w = attached(t, rocketmqConfig(c, `resource "terraform_data" "t" { input = "orders" }`+"\n"+
		rocketmqReset("topic = terraform_data.t.output\n"+toEarliest)))
	says(t, w.must(0, "plan"), "no preview", "known only after the apply")

	// A server that keeps silent holds a plan up for seconds only.
	c.SetFault(func(rocketfake.Call) *rocketfake.Fault { return &rocketfake.Fault{Silent: true} })
	w = attached(t, rocketmqProvider(fmt.Sprintf("name_servers = [%q]\nrequest_timeout = \"10m\"", c.NameServer()), reset))
	says(t, w.must(0, "plan"), `Reset consumer group "billing" on topic "orders": no preview`, "Plan: 1 to add")
}

// A managed instance is another cluster: only that and the group replace.
func TestRocketMQPlanToMoveToAnInstance(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	w := attached(t, rocketmqConfig(c, rocketmqReset(toLatest)))
	w.must(0, "apply", "-auto-approve")
	w.write("main.tf", strings.Replace(w.read("main.tf"), toLatest, toLatest+"\ninstance_id = \"rmq-cn-1\"", 1))
	says(t, w.must(0, "plan"), `+ instance_id = "rmq-cn-1" # forces replacement`, "1 to add, 0 to change, 1 to destroy")
}

// The same reset_time is the same instant under any TZ of the process.
func TestRocketMQResetTimeUnderAnyTZ(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	w := newWorkspace(t, rocketmqConfig(c, rocketmqReset(`
		reset_type = "SPECIFIED_TIME"
		reset_time = "2026-03-01 22:00:50"
		time_zone  = "Asia/Shanghai"
	`)+named("utc", `
		reset_type = "SPECIFIED_TIME"
		reset_time = "2026-03-01T16:00:50+02:00"
	`)))
	environment := w.env
	for i, tz := range []string{"America/New_York", "Asia/Tokyo", "UTC", "Pacific/Kiritimati", "", ":nonsense"} {
		// A machine without a zone database knows the zones too.
		w.env = slices.Concat(environment, []string{"TZ=" + tz, "ZONEINFO=" + filepath.Join(w.dir, "none")})
		if i == 0 {
			out := w.must(0, "plan")
			if n := strings.Count(out, `+ reset_at = "2026-03-01T14:00:50Z"`); n != 2 {
				t.Errorf("%d of 2 resets know the instant:\n%s", n, out)
			}
			w.must(0, "apply", "-auto-approve")
			mustStand(t, c, all(50))
			continue
		}
		if out, code := w.run("plan", "-detailed-exitcode"); code != 0 {
			t.Errorf("with TZ=%q the plan ends with %d:\n%s", tz, code, out)
		}
	}
}

// An interrupt before the first write ends the apply and changes nothing.
func TestRocketMQInterruptBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	c := rocketmqSeeded(t, rocketfake.Config{})
	asked := make(chan struct{}, 100)
	w := newWorkspace(t, rocketmqProvider(fmt.Sprintf("name_servers = [%q]\nrequest_timeout = \"5m\"", c.NameServer()), rocketmqReset(toLatest)))
	w.must(0, "plan", "-out", "plan")
	c.SetFault(func(call rocketfake.Call) *rocketfake.Fault {
		if call.Code != remoting.GetConsumeStats {
			return nil
		}
		asked <- struct{}{}
		return &rocketfake.Fault{Silent: true}
	})
	cmd, out := w.command("apply", "-no-color", "plan")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-asked:
	case err := <-ended:
		t.Fatalf("the apply ended early: %v\n%s", err, out)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("an interrupted apply succeeded")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the apply did not end")
	}
	says(t, flat(out.String()), `Reset consumer group "billing" on topic "orders"`, "Nothing was changed")
	mustStand(t, c, all(60))
}

// No secret reaches the output, the log at TRACE or the state.
func TestRocketMQSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const right, wrong, token = "correct-horse-battery", "wrong-horse-battery", "temporary-staple"
	for name, secret := range map[string]string{"right": right, "wrong": wrong} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rocketmqSeeded(t, rocketfake.Config{Keys: map[string]string{"writer": right}})
			w := newWorkspace(t, `
				variable "secret" {
					type      = string
					sensitive = true
				}
				`+rocketmqProvider(fmt.Sprintf("name_servers = [%q]\naccess_key = \"writer\"\nsecret_key = var.secret\nsecurity_token = %q", c.NameServer(), token),
				rocketmqReset(toEarliest)))
			w.env = append(w.env, "TF_VAR_secret="+secret, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(w.dir, "trace.log"))
			out, code := w.run("apply", "-auto-approve")
			texts := map[string]string{"output": out, "trace.log": w.read("trace.log")}
			if secret == right {
				if code != 0 {
					t.Fatalf("the right secret is refused: %s", out)
				}
				texts["terraform.tfstate"] = w.read("terraform.tfstate")
			} else {
				if code == 0 {
					t.Fatal("the wrong secret is accepted")
				}
				says(t, out, "Check access_key and secret_key")
			}
			if !strings.Contains(texts["trace.log"], "RocketMQ request") {
				t.Error("the log says nothing of the requests")
			}
			for where, text := range texts {
				for _, s := range []string{secret, token} {
					if i := strings.Index(text, s); i >= 0 {
						t.Errorf("the %s has a secret: …%s…", where, text[max(0, i-100):min(len(text), i+100)])
					}
				}
			}
		})
	}
}

func (w *workspace) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}
