package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/fake"
)

// A proxy, or a server of another make, may leave a request out that every
// broker has. Which one is said, and that nothing was changed.
func TestRequestThatIsNotOffered(t *testing.T) {
	type ask struct {
		key  int16
		name string
		req  offset.Request
	}
	asks := []ask{
		{2, "ListOffsets", reset(earliest)},
		{8, "OffsetCommit", reset(earliest)},
		{9, "OffsetFetch", reset(earliest)},
		{15, "DescribeGroups", reset(earliest)},
		{91, "AlterShareGroupOffsets", shared(earliest)},
		{92, "DeleteShareGroupOffsets", shared(earliest)},
	}
	for _, a := range asks {
		t.Run(a.name, func(t *testing.T) {
			versions := kversion.Stable()
			versions.SetMaxKeyVersion(a.key, -1)
			f := fake.New(t, fake.Options{Topics: map[string]int32{"orders": 3}, Kfake: []kfake.Opt{kfake.MaxVersions(versions)}})
			c := connect(t, f.Bootstrap())
			a.req.AllowNewGroup = true
			result, err := run(t.Context(), c, a.req)
			if result != nil && err == nil {
				_, err = c.Undo(t.Context(), undoOf(a.req, result))
			}
			wantError(t, err, offset.Unsupported, a.name, "Nothing was changed", "proxy", "kafka_version")
			if result == nil && wrote(f) > 0 {
				t.Errorf("%d requests that write", wrote(f))
			}
		})
	}
}
