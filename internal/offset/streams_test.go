package offset

import "testing"

func TestStreamsInternal(t *testing.T) {
	for topic, internal := range map[string]bool{
		"app-counts-changelog": true,
		"app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog":        true,
		"app-by-key-repartition":                                        true,
		"app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic": true,
		"app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000014-topic":     true,
		"app-join-subscription-registration-topic":                      true,
		"app-join-subscription-response-topic":                          true,
		"app-changelog":                                                 true,
		"orders":                                                        false,
		"app":                                                           false,
		"app-orders":                                                    false,
		"other-counts-changelog":                                        false, // of another application
		"orders-changelog":                                              false,
		"app-changelog-orders":                                          false,
		"app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-x-topic":          false,
	} {
		if got := StreamsInternal("app", topic); got != internal {
			t.Errorf("%s: %t", topic, got)
		}
	}
}
