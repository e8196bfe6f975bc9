//go:build acceptance && actions

package provider_test

import "testing"

func init() { realRocketMQAction = testRealRocketMQAction }

func testRealRocketMQAction(t *testing.T, r *realRocketMQ) {
	r.group(t, "billing", queues{6, 1, 3, 8})
	w := newWorkspace(t, r.config(rocketmqAction(toLatest)))
	const figures = "0 messages replayed, 14 skipped"
	says(t, w.must(0, "apply", "-auto-approve", invokeRocketMQ), "3 queues of 4 move, "+figures, "3 queues of 4 moved, "+figures,
		"broker-a/0: 6 → 8", "broker-b/1: 8 → 8")
	r.toolSays(t, "billing", all(8))

	w = newWorkspace(t, r.config("import {\n  to       = "+rocketmqAddress+"\n  identity = { consumer_group = \"billing\", topic = \"orders\" }\n  provider = offsets\n}\n"+rocketmqReset(toEarliest)))
	says(t, w.must(0, "apply", "-auto-approve"), "taken over, nothing will be reset")
	w.must(0, "plan", "-detailed-exitcode")
	r.toolSays(t, "billing", all(8))
}
