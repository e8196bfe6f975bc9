package fake_test

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/rocketmq/recording"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Everything that the fake answers, a real broker of that kind has answered
// too. Real ones say more.
func TestTheFakeAnswersAsRealBrokers(t *testing.T) {
	for name, conf := range map[string]fake.Config{
		"5.5.0":               {Version: fake.V5_5_0},
		"5.5.0-client-resets": {Version: fake.V5_5_0, ClientReset: true},
		"4.9.7":               {Version: fake.V4_9_7},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := recording.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			conf.Brokers = []string{"broker-a", "broker-b"}
			c, err := fake.Start(conf)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.CreateTopic(recording.Topic, 2)
			c.CreateGroup(recording.Known)
			c.CreateGroup(recording.Fresh)
			stage := recording.Stage{NameServer: c.NameServer(), Broker: c.Address("broker-a")}
			begin := time.Now().Add(-time.Minute)
			for i := range 3 {
				c.Append("broker-a", recording.Topic, 0, begin.Add(time.Duration(i)*time.Second))
				stage.Before[i] = begin.Add(time.Duration(i)*time.Second - 10*time.Millisecond).UnixMilli()
			}
			stage.Before[3] = begin.Add(time.Hour).UnixMilli()
			c.Commit("broker-a", recording.Known, recording.Topic, 0, 2)
			c.Commit("broker-a", recording.Known, recording.Topic, 1, 0)
			stage.Wire = remoting.New(remoting.Options{})
			defer func() { _ = stage.Wire.Close() }()
			got, err := recording.Converse(t.Context(), stage)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d exchanges, and %d were recorded", len(got), len(want))
			}
			for i, x := range got {
				w := want[i]
				if x.Request != w.Request || x.Code != w.Code || x.Remark != w.Remark {
					t.Errorf("%s: %d %s\n  recorded: %s: %d %s", x.Request, x.Code, x.Remark, w.Request, w.Code, w.Remark)
				}
				for _, l := range x.Answer {
					if !slices.Contains(w.Answer, l) {
						t.Errorf("%s: %q was not recorded", x.Request, l)
					}
				}
				if len(w.Answer) > 0 && len(x.Answer) == 0 {
					t.Errorf("%s: nothing but a code", x.Request)
				}
			}
		})
	}
}
