package wire

import (
	"errors"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func describeShares(t *testing.T, c *Cluster) (Answer[ShareGroupDescribeResponse], error) {
	t.Helper()
	g, err := c.Group(t.Context(), "sharing")
	if err != nil {
		t.Fatal(err)
	}
	return AskGroup(t.Context(), g, Request[ShareGroupDescribeResponse]{
		API:   ShareGroupDescribeAPI,
		Doing: "Describe",
		Send:  Message[ShareGroupDescribeResponse](&ShareGroupDescribeRequest{GroupIDs: []string{"sharing"}}),
		Codes: func(r *ShareGroupDescribeResponse) []sarama.KError {
			return []sarama.KError{sarama.KError(r.Groups[0].ErrorCode)}
		},
	})
}

// A message goes over the same connections as sarama's requests, before and
// after them, and its codes mean what they mean there.
func TestMessage(t *testing.T) {
	f := orders(t, 1)
	f.SetShareStarts(t, "sharing", fake.Offsets{"orders": {0: 5}})
	f.ResetRequests()
	c := connect(t, f.Bootstrap())
	g, err := c.Group(t.Context(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		told, err := describeShares(t, c)
		if err != nil || told.Body.Version != 1 || told.Body.Groups[0].GroupState != "Empty" {
			t.Fatalf("%+v: %v", told, err)
		}
		if at, err := fetch(t.Context(), g); err != nil || at != 5 {
			t.Fatalf("%d: %v", at, err)
		}
	}
	if n := f.Requests()[18]; n > 2 { // sarama's greeting, and one to know the versions
		t.Errorf("the versions were asked for %d times", n)
	}
	f.Fault(kfake.Fault{Keys: []kmsg.Key{77}, Err: kerr.CoordinatorLoadInProgress, Count: 2})
	if told, err := describeShares(t, c); err != nil || told.Body.Groups[0].GroupState != "Empty" {
		t.Errorf("%+v: %v", told, err)
	}
}

func TestMessageThatTheBrokerDoesNotHave(t *testing.T) {
	f := fake.New(t, fake.Options{Brokers: 1, Kfake: []kfake.Opt{kfake.MaxVersions(kversion.V3_9_0())}})
	if _, err := describeShares(t, connect(t, f.Bootstrap())); !errors.Is(err, sarama.ErrUnsupportedVersion) {
		t.Error(err)
	}
}

// A message whose answer is lost is sent again, and that it may have been carried
// out is told.
func TestMessageWithoutAnAnswer(t *testing.T) {
	f := orders(t, 1)
	f.SetShareStarts(t, "sharing", fake.Offsets{"orders": {0: 5}})
	f.LoseResponses(77, 1)
	answer, err := describeShares(t, connect(t, f.Bootstrap()))
	if err != nil || !answer.Unanswered || answer.Body.Groups[0].GroupState != "Empty" {
		t.Errorf("%+v: %v", answer, err)
	}
}

func TestAnswersWithoutTheirHeader(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   []byte
		flexible bool
		want     string
		wrong    bool
	}{
		"plain":                {[]byte("\x00\x00\x00\x01body"), false, "body", false},
		"no tags":              {[]byte("\x00\x00\x00\x01\x00body"), true, "body", false},
		"two tags":             {[]byte("\x00\x00\x00\x01\x02\x00\x01x\x05\x02yzbody"), true, "body", false},
		"a large tag":          {[]byte("\x00\x00\x00\x01\x01\x00\xff\xff\x03x"), true, "", true},
		"tags without end":     {[]byte("\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), true, "", true},
		"of another request":   {[]byte("\x00\x00\x00\x02body"), false, "", true},
		"too short":            {[]byte("\x00\x00"), false, "", true},
		"nothing but a number": {[]byte("\x00\x00\x00\x01"), false, "", false},
	} {
		got, err := answered(tc.answer, 1, tc.flexible)
		if (err != nil) != tc.wrong || string(got) != tc.want || err != nil && !errors.Is(err, connection.ErrUndecodable) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestMessagesTellOfThrottling(t *testing.T) {
	for _, answer := range []any{
		&ShareGroupDescribeResponse{ThrottleMillis: 1500}, &StreamsGroupDescribeResponse{ThrottleMillis: 1500}, &DescribeShareGroupOffsetsResponse{ThrottleMillis: 1500},
		&AlterShareGroupOffsetsResponse{ThrottleMillis: 1500}, &DeleteShareGroupOffsetsResponse{ThrottleMillis: 1500},
	} {
		if got := throttle(answer); got != 1500*time.Millisecond {
			t.Errorf("%T: %s", answer, got)
		}
	}
}
