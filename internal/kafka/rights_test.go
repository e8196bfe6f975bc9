package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/kafka/connection"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

func allow(resource kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
}

// withRights is a cluster with a user that has the rights, and the user's client.
func withRights(t *testing.T, rights ...kfake.ACL) (*fake.Cluster, *Client) {
	t.Helper()
	f := fake.New(t, fake.Options{
		Topics: map[string]int32{"orders": 3, "bills": 1},
		Kfake: []kfake.Opt{
			kfake.EnableSASL(), kfake.EnableACLs(),
			kfake.Superuser("PLAIN", "admin", "admin-secret"),
			kfake.User("PLAIN", "alice", "alice-secret", rights...),
		},
		Client: []kgo.Opt{kgo.SASL(plain.Auth{User: "admin", Pass: "admin-secret"}.AsMechanism())},
	})
	f.Fill(t, "orders", 3, 10, noon, time.Second)
	f.Commit(t, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	return f, connect(t, f.Bootstrap(), func(c *connection.Config) {
		c.SASL = &connection.SASL{Mechanism: connection.Plain, Username: "alice", Password: "alice-secret"}
	})
}

const (
	onGroup, onTopic      = kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeTopic
	read, describe, erase = kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationDelete
)

func TestRightsThatAreMissingAreNamedBeforeAnythingIsWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		rights []kfake.ACL
		words  string
	}{
		"none":                     {nil, `DESCRIBE on the group "billing"`},
		"only the topic's":         {[]kfake.ACL{allow(onTopic, "orders", read)}, `DESCRIBE on the group "billing"`},
		"only the group's":         {[]kfake.ACL{allow(onGroup, "billing", read)}, `DESCRIBE on the topic "orders"`},
		"a preview's, topic":       {[]kfake.ACL{allow(onGroup, "billing", read), allow(onTopic, "orders", describe)}, `READ on the topic "orders"`},
		"a preview's, group":       {[]kfake.ACL{allow(onGroup, "billing", describe), allow(onTopic, "orders", read)}, `READ on the group "billing"`},
		"another topic's in scope": {[]kfake.ACL{allow(onGroup, "billing", read), allow(onTopic, "bills", read)}, `DESCRIBE on the topic "orders"`},
	} {
		t.Run(name, func(t *testing.T) {
			f, c := withRights(t, tc.rights...)
			_, err := run(t.Context(), c, reset(earliest))
			wantError(t, err, offset.Unauthorized, tc.words, "Nothing was changed")
			wantNothing(t, f)
		})
	}
}

func TestRightsThatSuffice(t *testing.T) {
	f, c := withRights(t, allow(onGroup, "billing", read), allow(onTopic, "orders", read))
	result, err := run(t.Context(), c, reset(earliest))
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 0, 1: 0, 2: 0}})
	if _, err := c.Undo(t.Context(), undo(result)); err != nil {
		t.Fatal(err)
	}
	want(t, f, "billing", fake.Offsets{"orders": {0: 5, 1: 5, 2: 5}})
	_, err = c.Forget(t.Context(), undo(result))
	wantError(t, err, offset.Unauthorized, `DELETE on the group "billing"`, "Nothing was changed")

	f, c = withRights(t, allow(onGroup, "billing", erase), allow(onTopic, "orders", read))
	if _, err := c.Forget(t.Context(), undo(result)); err != nil {
		t.Fatal(err)
	}
	if got := f.Committed("billing")["orders"]; len(got) > 0 {
		t.Errorf("offsets left: %v", got)
	}
}

func TestReadingNeedsDescribeOnly(t *testing.T) {
	_, c := withRights(t, allow(onGroup, "billing", describe), allow(onTopic, "orders", describe))
	if info, err := c.DescribeGroup(t.Context(), "billing", nil); err != nil || len(info.Partitions) != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := c.TopicOffsets(t.Context(), []string{"orders"}, earliest, ""); err != nil {
		t.Error(err)
	}
	_, err := c.DescribeGroup(t.Context(), "other", nil)
	wantError(t, err, offset.Unauthorized, `DESCRIBE on the group "other"`)
	_, err = c.TopicOffsets(t.Context(), []string{"bills"}, earliest, "")
	wantError(t, err, offset.Unauthorized, `DESCRIBE on the topic "bills"`)
}

func TestWrongPasswordIsNotTakenForAnUnreachableCluster(t *testing.T) {
	f, _ := withRights(t)
	c := connect(t, f.Bootstrap(), func(c *connection.Config) {
		c.SASL = &connection.SASL{Mechanism: connection.Plain, Username: "alice", Password: "wrong-secret"}
	})
	f.ResetRequests()
	_, err := run(t.Context(), c, reset(earliest))
	wantError(t, err, offset.Unauthorized, "let nobody in", "Nothing was changed")
	if n := f.Requests()[36]; n > 1 {
		t.Errorf("the wrong password was tried %d times", n)
	}
}

func TestASnapshotNeedsToReadItsTopics(t *testing.T) {
	for name, tc := range map[string]struct {
		rights []kfake.ACL
		words  string
	}{
		"none":              {nil, `DESCRIBE on the group "billing"`},
		"only to describe":  {[]kfake.ACL{allow(onGroup, "billing", describe), allow(onTopic, "orders", describe)}, `READ on the topic "orders"`},
		"to read the topic": {[]kfake.ACL{allow(onGroup, "billing", describe), allow(onTopic, "orders", read)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := withRights(t, tc.rights...)
			s, err := c.Snapshot(t.Context(), "billing", []string{"orders"})
			if tc.words != "" {
				wantError(t, err, offset.Unauthorized, tc.words)
			} else if err != nil || s.Topic("orders").Partitions[0].Next == nil {
				t.Errorf("%v, %+v", err, s)
			}
		})
	}
}
