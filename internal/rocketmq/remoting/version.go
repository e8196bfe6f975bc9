package remoting

import "fmt"

// Versions, as the ordinals of RocketMQ's MQVersion.Version: what a server
// sends in the header of every response.
const (
	V5_0_0 = 413 //nolint:revive // RocketMQ's name.
	V5_1_0 = 433 //nolint:revive // RocketMQ's name.
	V5_1_1 = 435 //nolint:revive // RocketMQ's name.
	V5_2_0 = 453 //nolint:revive // RocketMQ's name.
)

// Before 4.0.0 the enumeration is irregular; 5.9.9 is its last release.
const (
	v400Snapshot = 212
	v599         = 611
)

// VersionName returns the name of a version from 4.0.0 on, such as V4_9_7. The
// enumeration has ten minor versions of ten releases each, every release after
// its snapshot.
func VersionName(ordinal int) string {
	if ordinal < v400Snapshot || ordinal > v599 {
		return fmt.Sprintf("version %d", ordinal)
	}
	n := ordinal - v400Snapshot
	name := fmt.Sprintf("V%d_%d_%d", 4+n/200, n/20%10, n/2%10)
	if n%2 == 0 {
		name += "_SNAPSHOT"
	}
	return name
}
