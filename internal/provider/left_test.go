package provider_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"
	"github.com/zclconf/go-cty/cty"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/provider"
	rocketfake "github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
)

// leaving returns the log's lines about moves, as the process writes them, and
// the messages in them.
func leaving(t *testing.T, group string, moves ...offset.Move) (lines, messages []string) {
	t.Helper()
	var log bytes.Buffer
	provider.Left(tflogtest.RootLogger(t.Context(), &log), offset.Request{Group: group})(moves)
	lines = strings.SplitAfter(strings.TrimSuffix(log.String(), "\n"), "\n")
	return lines, messagesOf(t, &log)
}

func messagesOf(t *testing.T, log *bytes.Buffer) []string {
	t.Helper()
	entries, err := tflogtest.MultilineJSONDecode(log)
	if err != nil {
		t.Fatal(err)
	}
	var messages []string
	for _, e := range entries {
		messages = append(messages, fmt.Sprint(e["@message"]))
	}
	return messages
}

func movedFrom(broker, topic string, id int32, previous int64) offset.Move {
	return offset.Move{Partition: offset.Partition{Broker: broker, Topic: topic, ID: id}, Previous: previous, Offset: 5}
}

func wantMessages(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheLogTellsWhereAGroupIs(t *testing.T) {
	t.Parallel()
	_, got := leaving(t, "billing", movedFrom("", "audit", 0, 7), movedFrom("", "orders", 0, 61), movedFrom("", "orders", 1, offset.None), movedFrom("", "orders", 2, 63))
	wantMessages(t, got,
		`Before its reset, consumer group "billing" is at audit,0,7 orders,0,61 orders,2,63`,
		`Before its reset, consumer group "billing" has no offset on orders-1`)
	_, got = leaving(t, "billing", movedFrom("", "orders", 0, offset.None))
	wantMessages(t, got, `Before its reset, consumer group "billing" has no offset on orders-0`)
	_, got = leaving(t, "billing", movedFrom("broker-a", "orders", 0, 61), movedFrom("broker-a", "orders", 1, offset.None), movedFrom("broker-b", "orders", 0, 0))
	wantMessages(t, got,
		`Before its reset, consumer group "billing" on topic "orders" is at broker-a,0,61 broker-b,0,0`,
		`Before its reset, consumer group "billing" on topic "orders" has no offset on broker-a/1`)
}

// Terraform makes messages of lines that fit into 64 KiB, with the fields that
// the plugin library adds to each. Names are as long as brokers take them.
func TestEachLineOfTheLogIsOneThatTerraformReads(t *testing.T) {
	t.Parallel()
	const most, added = 64 << 10, 2 << 10
	group := strings.Repeat("g", 249)
	for name, of := range map[string]offset.Partition{
		"Kafka":    {Topic: strings.Repeat("t", 249)},
		"RocketMQ": {Topic: strings.Repeat("t", 127), Broker: strings.Repeat("b", 255)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var moves []offset.Move
			want := map[int32]int64{}
			for i := range int32(1001) {
				m := movedFrom(of.Broker, of.Topic, 2_000_000_000+i, 9_000_000_000_000_000_000+int64(i))
				if i%7 == 0 {
					m.Previous = offset.None
				} else {
					want[m.ID] = m.Previous
				}
				moves = append(moves, m)
			}
			for what, moves := range map[string][]offset.Move{"with offsets": slices.DeleteFunc(slices.Clone(moves), func(m offset.Move) bool { return m.Previous < 0 }), "some without": moves} {
				lines, messages := leaving(t, group, moves...)
				got := map[int32]int64{}
				for i, line := range lines {
					if len(line) > most-added {
						t.Errorf("%s: line %d has %d bytes", what, i, len(line))
					}
					_, rows, has := strings.Cut(messages[i], " is at ")
					if !has {
						continue
					}
					csv, err := offset.DecodeCSV(strings.ReplaceAll(rows, " ", "\n"))
					if err != nil {
						t.Fatal(err)
					}
					for _, some := range csv.Offsets {
						maps.Copy(got, some)
					}
				}
				if !maps.Equal(got, want) {
					t.Errorf("%s: the log has %d offsets of %d", what, len(got), len(want))
				}
			}
		})
	}
}

// Two resets of a RocketMQ group are told apart by their topic, on whose queues
// the brokers have the same names. The guide's command takes one of them.
func TestTheLogOfTwoTopicsOnTheSameBrokers(t *testing.T) {
	t.Parallel()
	_, orders := leaving(t, "billing", movedFrom("broker-a", "orders", 0, 61), movedFrom("broker-b", "orders", 0, 62))
	_, audit := leaving(t, "billing", movedFrom("broker-a", "audit", 0, 7), movedFrom("broker-b", "audit", 0, offset.None))
	_, again := leaving(t, "billing", movedFrom("broker-a", "orders", 0, 64), movedFrom("broker-b", "orders", 0, 62))
	dir := t.TempDir()
	var log strings.Builder
	for _, message := range slices.Concat(orders, audit, again) {
		fmt.Fprintf(&log, "2026-03-01T14:00:00.000Z [INFO]  provider.terraform-provider-offsets: %s: tf_resource_type=rocketmq_consumer_offset_reset tf_rpc=ApplyResourceChange\n", message)
	}
	if err := os.WriteFile(filepath.Join(dir, "reset.log"), []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"orders": "broker-a,0,64\nbroker-b,0,62\n", "audit": "broker-a,0,7\n"} {
		takeFromTheLog(t, dir, `consumer group "billing" is at`, fmt.Sprintf(`consumer group "billing" on topic %q is at`, topic))
		if got := text(t, filepath.Join(dir, "before.csv")); got != want {
			t.Errorf("%s: the command took\n%swant\n%s", topic, got, want)
		}
	}
}

// An action leaves nothing in a state, so that its log is the only way back.
func TestAnActionLogsWhereTheGroupIs(t *testing.T) {
	t.Parallel()
	t.Run("Kafka", func(t *testing.T) {
		t.Parallel()
		c := seeded(t)
		got := invoked(t, kafkaConfig(c.Bootstrap(), ""), "kafka_consumer_offset_reset", map[string]string{"group_id": "billing", "topic": "orders", "position": "earliest"})
		has(t, c, "billing", orders(10, 10, 10))
		wantMessages(t, got, `Before its reset, consumer group "billing" is at orders,0,60 orders,1,60 orders,2,60`)
	})
	t.Run("RocketMQ", func(t *testing.T) {
		t.Parallel()
		c := rocketmqSeeded(t, rocketfake.Config{})
		got := invoked(t, rocketmqConfig(c, ""), "rocketmq_consumer_offset_reset", map[string]string{"consumer_group": "billing", "topic": "orders", "reset_type": "EARLIEST_OFFSET"})
		mustStand(t, c, all(10))
		wantMessages(t, got, `Before its reset, consumer group "billing" on topic "orders" is at broker-a,0,60 broker-a,1,60 broker-b,0,60 broker-b,1,60`)
	})
}

// invoked invokes an action with the arguments, and returns what its log says of
// the group before.
func invoked(t *testing.T, config, name string, arguments map[string]string) []string {
	t.Helper()
	r := newCore(t, inProcess(t))
	r.configure(config)
	s, err := r.open(true)
	if err != nil {
		t.Fatal(err)
	}
	server, ok := s.ProviderServer.(interface {
		tfprotov6.ProviderServer
		InvokeAction(context.Context, *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error)
	})
	if !ok {
		t.Fatal("the provider has no actions")
	}
	var log bytes.Buffer
	ctx := tflogtest.RootLogger(t.Context(), &log)
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]cty.Value{}
	for attribute, kind := range typeOf(schemas.ActionSchemas[name].Schema.ValueType()).AttributeTypes() {
		values[attribute] = cty.NullVal(kind)
		if v, given := arguments[attribute]; given {
			values[attribute] = cty.StringVal(v)
		}
	}
	stream, err := server.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: name, Config: packed(cty.ObjectVal(values))})
	if err != nil {
		t.Fatal(err)
	}
	for e := range stream.Events {
		if done, ok := e.Type.(tfprotov6.CompletedInvokeActionEventType); ok && len(done.Diagnostics) > 0 {
			for _, d := range done.Diagnostics {
				t.Logf("%s: %s", d.Summary, d.Detail)
				if d.Severity == tfprotov6.DiagnosticSeverityError {
					t.Fail()
				}
			}
		}
	}
	return slices.DeleteFunc(messagesOf(t, &log), func(m string) bool { return !strings.HasPrefix(m, "Before its reset") })
}
