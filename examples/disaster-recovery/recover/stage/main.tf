# Puts offsets, and tells where they are now. The canary is one call of this,
# the rest another.

terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

# What to put: kafka by group, topic and partition; rocketmq by GROUP/TOPIC,
# broker and queue. What is empty is left out.
variable "offsets" { type = map(map(map(map(number)))) }

# What holds for all resets.
variable "rules" {
  type = object({ max_replayed_messages = number, max_skipped_messages = number, triggers = map(string), on_destroy = string })
}

locals {
  offsets = {
    for kind, groups in var.offsets : kind => {
      for key, target in groups : key => { for outer, offsets in target : outer => offsets if length(offsets) > 0 }
      if length(flatten([for offsets in values(target) : keys(offsets)])) > 0
    }
  }
}

resource "kafka_consumer_offset_reset" "group" {
  provider = offsets
  for_each = lookup(local.offsets, "kafka", {})

  group_id = each.key
  offsets  = each.value

  max_replayed_messages = var.rules.max_replayed_messages
  max_skipped_messages  = var.rules.max_skipped_messages
  reset_on              = "triggers"
  triggers              = var.rules.triggers
  on_destroy            = var.rules.on_destroy
}

resource "rocketmq_consumer_offset_reset" "topic" {
  provider = offsets
  for_each = lookup(local.offsets, "rocketmq", {})

  consumer_group = split("/", each.key)[0]
  topic          = split("/", each.key)[1]
  reset_type     = "SPECIFIED_OFFSET"
  offsets        = each.value

  max_replayed_messages = var.rules.max_replayed_messages
  max_skipped_messages  = var.rules.max_skipped_messages
  reset_on              = "triggers"
  triggers              = var.rules.triggers
  on_destroy            = var.rules.on_destroy
}

data "kafka_consumer_group_offsets" "now" {
  provider   = offsets
  for_each   = kafka_consumer_offset_reset.group
  depends_on = [kafka_consumer_offset_reset.group]

  group_id = each.key
  topics   = keys(each.value.offsets)
}

data "rocketmq_consumer_group_offsets" "now" {
  provider   = offsets
  for_each   = rocketmq_consumer_offset_reset.topic
  depends_on = [rocketmq_consumer_offset_reset.topic]

  consumer_group = each.value.consumer_group
  topic          = each.value.topic
}

# For each partition and queue: what its reset did, and where it is now (-1: nowhere).
locals {
  rows = flatten([
    for group in concat(
      [for key, reset in kafka_consumer_offset_reset.group : { key = key, record = reset.record, now = data.kafka_consumer_group_offsets.now[key].offsets }],
      [for key, reset in rocketmq_consumer_offset_reset.topic : { key = key, record = reset.record, now = data.rocketmq_consumer_group_offsets.now[key].offsets }],
      ) : [
      for row in provider::offsets::record_rows(group.record) : merge(row, {
        key   = group.key
        place = "${coalesce(row.topic, row.broker)},${row.partition}"
        now   = try(group.now[coalesce(row.topic, row.broker)][row.partition], -1)
      })
    ]
  ])
}

output "rows" { value = local.rows }

# What is not where it was put, in words.
output "strays" {
  value = [for row in local.rows : "${row.key} on ${row.place} was put at ${row.offset} and is at ${row.now}" if row.now != row.offset]
}
