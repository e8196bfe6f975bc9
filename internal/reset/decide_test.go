package reset

import (
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func TestDecide(t *testing.T) {
	const whole = ` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100},"1":{"previous":60,"offset":20,"start":20,"end":100}}}`
	const half = ` {"orders":{"0":{"previous":60,"offset":20,"start":20,"end":100},"1":{"previous":60,"offset":20,"start":20,"end":100,"error":"no"}}}`
	same := &Meaning{offset.Scope{Topics: []string{"orders"}}, offset.Target{Kind: offset.ToEarliest}}
	target := &Meaning{offset.Scope{Topics: []string{"orders"}}, offset.Target{Kind: offset.ToLatest}}
	scope := &Meaning{offset.Scope{Topics: []string{"orders"}, Partitions: []int32{1}}, offset.Target{Kind: offset.ToEarliest}}
	for name, c := range map[string]struct {
		change Change
		want   Decision
	}{
		"new":                {Change{Create: true}, Decision{Do: Reset, Reason: "it is new"}},
		"imported":           {Change{Imported: true, Triggers: true, Wanted: target}, Decision{Do: Adopt, Reason: "it was imported as done already"}},
		"nothing":            {Change{Record: whole, Done: same, Wanted: same}, Decision{Do: Keep, Reason: "neither target, scope nor triggers changed"}},
		"triggers":           {Change{Record: whole, Done: same, Wanted: same, Triggers: true}, Decision{Do: Reset, Reason: "triggers changed"}},
		"target":             {Change{Record: whole, Done: same, Wanted: target}, Decision{Do: Reset, Reason: "the target changed"}},
		"scope":              {Change{Record: whole, Done: same, Wanted: scope}, Decision{Do: Reset, Reason: "the scope changed"}},
		"unknown":            {Change{Record: whole, Done: same}, Decision{Do: Reset, Reason: "target or scope are not known yet"}},
		"held back":          {Change{Record: whole, Done: same, Wanted: target, OnTriggers: true}, Decision{Do: Keep, Reason: `the target changed, which reset_on = "triggers" holds back`, HeldBack: true}},
		"unknown, held back": {Change{Record: whole, Done: same, OnTriggers: true}, Decision{Do: Keep, Reason: `target or scope are not known yet, which reset_on = "triggers" holds back`, HeldBack: true}},
		"half-way":           {Change{Record: half, Done: same, Wanted: same}, Decision{Do: Resume, Reason: "it goes on: 1 of 2 partitions failed"}},
		"half-way, held":     {Change{Record: half, Done: same, Wanted: target, OnTriggers: true}, Decision{Do: Resume, Reason: "it goes on: 1 of 2 partitions failed", HeldBack: true}},
		"half-way, target":   {Change{Record: half, Done: same, Wanted: target}, Decision{Do: Reset, Reason: "the target changed"}},
		"half-way, triggers": {Change{Record: half, Done: same, Wanted: same, Triggers: true, OnTriggers: true}, Decision{Do: Reset, Reason: "triggers changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.change.Broker = Kafka
			if got := Decide(c.change); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
