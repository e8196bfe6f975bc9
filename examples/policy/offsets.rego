# What a plan must say before a pipeline applies it. The input is the plan's
# JSON, from `terraform show -json` or `tofu show -json`.
package offsets

# Change these.
most_replayed := 100000

most_skipped := 100000

most_groups := 3

kafka := "kafka_consumer_offset_reset"

rocketmq := "rocketmq_consumer_offset_reset"

changes contains change if {
	some change in input.resource_changes
	change.mode == "managed"
	change.type in {kafka, rocketmq}
}

# An apply resets exactly where the plan does not know the record yet.
resets contains change if {
	some change in changes
	change.change.after_unknown.record == true
}

# A destroy moves offsets, too, as on_destroy in the state says.
undoes contains change if {
	some change in changes
	change.change.actions == ["delete"]
	change.change.before.on_destroy in {"restore", "delete_offsets"}
}

# A managed service may know no limits.
on_brokers contains reset if {
	some reset in resets
	object.get(reset.change.after, "instance_id", null) == null
	not reset.change.after_unknown.instance_id
}

limits := {"max_replayed_messages": most_replayed, "max_skipped_messages": most_skipped}

deny contains message if {
	some reset in on_brokers
	some limit, most in limits
	not is_number(object.get(reset.change.after, limit, null))
	message := sprintf("%s has no %s, or one that the plan does not know: set it, to at most %d", [reset.address, limit, most])
}

deny contains message if {
	some reset in on_brokers
	some limit, most in limits
	reset.change.after[limit] > most
	message := sprintf("%s has a %s of %d, more than %d", [reset.address, limit, reset.change.after[limit], most])
}

# A replacement is another group: its reset is a new resource, and what happens
# to the old one is decided by on_destroy. -replace and replace_triggered_by do
# the same without a preview; triggers do it with one.
deny contains message if {
	some change in changes
	{"create", "delete"} & {action | some action in change.change.actions} == {"create", "delete"}
	message := sprintf("%s is replaced: add a resource for another group, and use triggers to reset the same group again", [change.address])
}

# There is no limit on what a restore replays or skips.
deny contains message if {
	some undo in undoes
	message := sprintf("%s is destroyed with on_destroy = %q, which moves offsets: apply on_destroy = \"keep\" first, or let a person destroy it", [undo.address, undo.change.before.on_destroy])
}

# Terraform 1.14 and later: an action resets each time, and keeps no record.
deny contains message if {
	some invocation in input.action_invocations
	invocation.type in {kafka, rocketmq}
	message := sprintf("%s resets each time that it is invoked: use the resource", [invocation.address])
}

# A group that the plan does not know counts as one of its own.
groups contains group if {
	some reset in resets
	some name in ["group_id", "consumer_group"]
	group := {"of": object.get(reset.change.after, "instance_id", null), "group": reset.change.after[name]}
}

groups contains {"of": reset.address} if {
	some reset in resets
	not reset.change.after.group_id
	not reset.change.after.consumer_group
}

deny contains message if {
	count(groups) > most_groups
	message := sprintf("%d consumer groups are reset, more than %d: reset the others in another run", [count(groups), most_groups])
}

# The providers of all Kafka resets of the configuration, of modules too.
providers contains key if {
	walk(input.configuration.root_module, [_, resource])
	resource.type == kafka
	not resource.expressions.instance_id
	key := resource.provider_config_key
}

deny contains message if {
	count(resets) > 0
	some key in providers
	not guarded(key)
	message := sprintf("the provider %s names no cluster_id in its section kafka, so that its resets would be made on any cluster", [key])
}

# Terraform shows the values of a section that has no variables in it, and only
# the names of what is in it otherwise. Then the variable's name must tell.
guarded(key) if is_cluster(input.configuration.provider_config[key].expressions.kafka.constant_value.cluster_id)

guarded(key) if {
	some reference in input.configuration.provider_config[key].expressions.kafka.references
	startswith(reference, "var.")
	endswith(reference, "cluster_id")
	is_cluster(input.variables[trim_prefix(reference, "var.")].value)
}

is_cluster(id) if {
	is_string(id)
	id != ""
}
