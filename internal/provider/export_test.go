package provider

import "context"

// Left puts into the log where a group is just before it is moved.
var Left = (&services{}).left

// FinishWithin bounds Finish.
const FinishWithin = finishWithin

// KafkaTargets are the names of the arguments that say where a group is put.
func KafkaTargets() []string {
	var names []string
	for _, t := range new(kafkaArguments).targets() {
		names = append(names, t.name)
	}
	return names
}

// Lend is lend.
func Lend[Q, R any](ctx context.Context, req Q, serve func(context.Context, Q) (R, error)) (R, error) {
	return lend(ctx, req, serve)
}
