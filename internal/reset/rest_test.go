package reset

import (
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// The rest of a reset is for the topics that it was begun on.
func TestTheRestCarriesTheTopicsItIsFor(t *testing.T) {
	last := Last{Kept: Kept{TopicIDs: map[string]string{"orders": "id-1"}}, Record: offset.Outcomes([]offset.Move{{Partition: offset.Partition{Topic: "orders"}, Previous: 60, Offset: 20}})}
	last.Record[0].Fail("no")
	rest, err := Attempt{Request: offset.Request{Group: "billing"}, Last: &last}.rest(last.Record)
	if err != nil || rest.TopicIDs["orders"] != "id-1" || rest.Target.Offsets["orders"][0] != 20 {
		t.Errorf("got %+v, %v", rest, err)
	}
}
