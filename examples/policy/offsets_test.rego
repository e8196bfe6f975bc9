# The plans of plans.json are made by the provider.
package offsets_test

import data.offsets
import data.plans

test_nothing_is_wrong_with_a_good_plan if {
	count(offsets.deny) == 0 with input as plans.good
}

test_a_variable_may_name_the_cluster if {
	count(offsets.deny) == 0 with input as plans.variable
}

test_an_empty_variable_names_no_cluster if {
	plan := json.patch(plans.variable, [{"op": "replace", "path": "/variables/cluster_id/value", "value": ""}])
	says("the provider offsets names no cluster_id") with input as plan
}

test_any_cluster_is_denied if {
	says("the provider offsets names no cluster_id") with input as plans.any_cluster
	says("the provider offsets names no cluster_id") with input as plans.variable_servers
}

test_a_reset_of_a_module_needs_a_cluster_too if {
	root := plans.any_cluster.configuration.root_module
	plan := json.patch(plans.any_cluster, [{
		"op": "replace", "path": "/configuration/root_module",
		"value": {"module_calls": {"replay": {"module": root}}},
	}])
	says("the provider offsets names no cluster_id") with input as plan
}

test_a_limit_is_needed if {
	offsets.deny == {"kafka_consumer_offset_reset.replay has no max_replayed_messages, or one that the plan does not know: set it, to at most 100000"} with input as plans.no_limits
	says("kafka_consumer_offset_reset.replay has no max_replayed_messages") with input as plans.limit_not_known
}

test_a_limit_has_a_limit if {
	offsets.deny == {"kafka_consumer_offset_reset.replay has a max_replayed_messages of 5000000, more than 100000"} with input as plans.high_limit
}

test_rocketmq_needs_limits_too if {
	plan := json.patch(plans.good, [{"op": "remove", "path": "/resource_changes/1/change/after/max_skipped_messages"}])
	says("rocketmq_consumer_offset_reset.replay has no max_skipped_messages") with input as plan
}

test_a_managed_instance_needs_no_limit_and_no_cluster if {
	plan := json.patch(plans.any_cluster, [
		{"op": "remove", "path": "/resource_changes/0/change/after/max_skipped_messages"},
		{"op": "add", "path": "/resource_changes/0/change/after/instance_id", "value": "2c4d5e6f-0001"},
		{"op": "add", "path": "/configuration/root_module/resources/0/expressions/instance_id", "value": {"constant_value": "2c4d5e6f-0001"}},
	])
	count(offsets.deny) == 0 with input as plan
}

test_a_replacement_is_denied if {
	says("kafka_consumer_offset_reset.replay is replaced") with input as plans.replaced
	plan := json.patch(plans.replaced, [{"op": "replace", "path": "/resource_changes/0/change/actions", "value": ["create", "delete"]}])
	says("kafka_consumer_offset_reset.replay is replaced") with input as plan
}

test_a_run_resets_few_groups if {
	offsets.deny == {"4 consumer groups are reset, more than 3: reset the others in another run"} with input as plans.many_groups
}

test_groups_that_are_not_known_count_each if {
	plan := json.patch(plans.many_groups, [{"op": "remove", "path": sprintf("/resource_changes/%d/change/after/group_id", [i])} | some i in numbers.range(0, 3)])
	says("4 consumer groups are reset") with input as plan
}

test_a_destroy_that_moves_offsets_is_denied if {
	offsets.deny == {"kafka_consumer_offset_reset.replay is destroyed with on_destroy = \"restore\", which moves offsets: apply on_destroy = \"keep\" first, or let a person destroy it"} with input as plans.restored
	says("kafka_consumer_offset_reset.replay is destroyed with on_destroy = \"delete_offsets\"") with input as json.patch(plans.restored, [{
		"op": "replace", "path": "/resource_changes/0/change/before/on_destroy", "value": "delete_offsets",
	}])
}

test_a_destroy_that_keeps_may_go_on if {
	count(offsets.deny) == 0 with input as json.patch(plans.restored, [{
		"op": "replace", "path": "/resource_changes/0/change/before/on_destroy", "value": "keep",
	}])
}

# As Terraform 1.15 writes it, whose plans have more than those of plans.json.
test_an_action_is_denied if {
	plan := object.union(plans.good, {"action_invocations": [{
		"address": "action.kafka_consumer_offset_reset.skip", "type": "kafka_consumer_offset_reset", "name": "skip",
	}]})
	offsets.deny == {"action.kafka_consumer_offset_reset.skip resets each time that it is invoked: use the resource"} with input as plan
}

test_what_resets_nothing_may_do_without if {
	count(offsets.deny) == 0 with input as plans.other_words
}

says(text) if {
	some message in offsets.deny
	startswith(message, text)
}
