package kafka

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/kafkaclient"
)

const (
	offsetFetch    = 9
	describeGroups = 15
	listGroups     = 16
)

// manyGroups is a cluster of three brokers with a group that is stopped for
// each number, every third of them on the topic audit and the others on
// orders, and with one active group of each protocol.
func manyGroups(t *testing.T, n int, opts ...kfake.Opt) *fake.Cluster {
	t.Helper()
	f := fake.New(t, fake.Options{Brokers: 3, Topics: map[string]int32{"orders": 3, "audit": 1}, Kfake: opts})
	for i := range n {
		at := fake.Offsets{"orders": {0: 0}}
		if i%3 == 0 {
			at = fake.Offsets{"audit": {0: 0}}
		}
		f.Commit(t, fmt.Sprintf("idle-%02d", i), at)
	}
	return f
}

func names(l *GroupList) []string {
	var all []string
	for _, g := range l.Groups {
		all = append(all, g.Group)
	}
	return all
}

func list(t *testing.T, c *Client, f GroupFilter) *GroupList {
	t.Helper()
	l, err := c.ListGroups(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(names(l)) {
		t.Errorf("the groups are not in order: %v", names(l))
	}
	return l
}

func TestListGroups(t *testing.T) {
	f := manyGroups(t, 30)
	c := connect(t, f.Bootstrap())
	f.Join(t, kafkaclient.MemberOptions{Group: "live-classic", Topics: []string{"orders"}, Protocol: kafkaclient.Classic})
	f.Join(t, kafkaclient.MemberOptions{Group: "live-consumer", Topics: []string{"orders"}, Protocol: kafkaclient.Consumer})

	f.ResetRequests()
	all := list(t, c, GroupFilter{})
	if all.ClusterID == "" || len(all.Groups) != 32 {
		t.Fatalf("%d groups of cluster %q: %v", len(all.Groups), all.ClusterID, names(all))
	}
	if n := f.Requests(); n[listGroups] != 3 || n[describeGroups] > 3 || n[offsetFetch] != 0 {
		t.Errorf("%d ListGroups, %d DescribeGroups, %d OffsetFetch", n[listGroups], n[describeGroups], n[offsetFetch])
	}
	for _, g := range all.Groups {
		want := ListedGroup{Group: g.Group, Type: "classic", State: "Empty", Protocol: g.Protocol}
		switch g.Group {
		case "live-classic":
			want.State, want.Members = "Stable", 1
		case "live-consumer":
			want.Type, want.State, want.Members = "consumer", g.State, 1
			if g.State == "Empty" {
				t.Errorf("%s has a member and is Empty", g.Group)
			}
		}
		if g != want {
			t.Errorf("got %+v, want %+v", g, want)
		}
	}

	f.ResetRequests()
	if got := names(list(t, c, GroupFilter{Topic: "audit", Name: regexp.MustCompile("^idle-0")})); !slices.Equal(got, []string{"idle-00", "idle-03", "idle-06", "idle-09"}) {
		t.Errorf("on audit: %v", got)
	}
	if n := f.Requests(); n[listGroups] != 3 || n[describeGroups] > 3 || n[offsetFetch] > 3 {
		t.Errorf("by topic: %d ListGroups, %d DescribeGroups, %d OffsetFetch", n[listGroups], n[describeGroups], n[offsetFetch])
	}
	for what, test := range map[string]struct {
		filter GroupFilter
		want   []string
	}{
		"by state":  {GroupFilter{States: []string{"stable"}}, []string{"live-classic", "live-consumer"}},
		"by type":   {GroupFilter{Types: []string{"consumer"}}, []string{"live-consumer"}},
		"by both":   {GroupFilter{States: []string{"Empty"}, Types: []string{"consumer"}}, nil},
		"no such":   {GroupFilter{Name: regexp.MustCompile("^nobody$")}, nil},
		"by shares": {GroupFilter{Types: []string{"share"}}, nil},
	} {
		if got := names(list(t, c, test.filter)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", what, got, test.want)
		}
	}
	_, err := c.ListGroups(t.Context(), GroupFilter{Topic: "nowhere"})
	wantError(t, err, offset.TopicMissing, "nowhere")
}

// Before Kafka 3.0 an OffsetFetch asks for one group, and before 2.6 a list
// tells no states.
func TestListGroupsOfOldBrokers(t *testing.T) {
	f := manyGroups(t, 7, kfake.MaxVersions(kversion.V2_4_0()))
	c := connect(t, f.Bootstrap())
	l := list(t, c, GroupFilter{Topic: "audit", States: []string{"Empty"}})
	if got := names(l); !slices.Equal(got, []string{"idle-00", "idle-03", "idle-06"}) {
		t.Errorf("on audit: %v", got)
	}
	for _, g := range l.Groups {
		if g.Type != "classic" || g.State != "Empty" || g.Members != 0 {
			t.Errorf("%+v", g)
		}
	}
}

// A group that has an offset in an open transaction has committed on the topic
// before it all the same: to who asks for stable offsets, brokers tell none.
func TestListGroupsWithAnOpenTransaction(t *testing.T) {
	f := manyGroups(t, 7)
	c := connect(t, f.Bootstrap())
	tx := f.Begin(t, "tx", "orders", 0, fake.Record{Value: "x"})
	for group, at := range map[string]fake.Offsets{"idle-03": {"audit": {0: 9}}, "idle-01": {"audit": {0: 9}}} {
		if err := tx.CommitOffsets(t.Context(), group, at); err != nil {
			t.Fatal(err)
		}
	}
	// What is only pending on the topic is not committed there.
	if got := names(list(t, c, GroupFilter{Topic: "audit"})); !slices.Equal(got, []string{"idle-00", "idle-03", "idle-06"}) {
		t.Errorf("on audit: %v", got)
	}
	if err := tx.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A list is whole or an error; a broker that is still loading is asked again.
func TestListGroupsIsWholeOrAnError(t *testing.T) {
	f := manyGroups(t, 7)
	c := connect(t, f.Bootstrap())
	loading := 2
	f.ControlKey(listGroups, func(req kmsg.Request) (kmsg.Response, error, bool) {
		if loading == 0 {
			return nil, nil, false
		}
		loading--
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListGroupsResponse) //nolint:errcheck,forcetypeassert // It is one.
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return resp, nil, true
	})
	if got := len(list(t, c, GroupFilter{}).Groups); got != 7 {
		t.Errorf("%d groups", got)
	}

	f.ControlKey(listGroups, func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListGroupsResponse) //nolint:errcheck,forcetypeassert // It is one.
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return resp, nil, true
	})
	if l, err := c.ListGroups(t.Context(), GroupFilter{}); err == nil {
		t.Errorf("a list without rights is %v", names(l))
	}
}
