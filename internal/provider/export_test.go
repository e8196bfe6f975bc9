package provider

// KafkaTargets are the names of the arguments that say where a group is put.
func KafkaTargets() []string {
	var names []string
	for _, t := range new(kafkaArguments).targets() {
		names = append(names, t.name)
	}
	return names
}
