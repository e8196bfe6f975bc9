# Puts groups back, and tells where they are now. The canary is one call of
# this, the rest another.

terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

# By group: the offsets to commit.
variable "kafka" { type = map(map(map(number))) }

# By any key: a group, its topic, and its offsets in the snapshot.
variable "rocketmq" { type = map(object({ group = string, topic = string, offsets = map(map(number)) })) }

# A time; null means the snapshot.
variable "back_to" { type = string }

# What holds for all resets.
variable "rules" {
  type = object({ max_replayed_messages = number, max_skipped_messages = number, triggers = map(string), on_destroy = string })
}

resource "kafka_consumer_offset_reset" "group" {
  provider = offsets
  for_each = var.kafka

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
  for_each = var.rocketmq

  consumer_group = each.value.group
  topic          = each.value.topic
  reset_type     = var.back_to == null ? "SPECIFIED_OFFSET" : "SPECIFIED_TIME"
  reset_time     = var.back_to
  offsets        = var.back_to == null ? each.value.offsets : null
  force          = var.back_to == null # to a time, a queue that was behind it stays where it was

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

locals {
  # For each partition and queue: what its reset did, and where it is now (-1: nowhere).
  rows = concat(flatten([
    for group, reset in kafka_consumer_offset_reset.group : [
      for row in provider::offsets::record_rows(reset.record) : merge(row, {
        group = group
        what  = "${group} on ${row.topic}-${row.partition}"
        now   = try(data.kafka_consumer_group_offsets.now[group].offsets[row.topic][row.partition], -1)
      })
    ]
    ]), flatten([
    for key, reset in rocketmq_consumer_offset_reset.topic : [
      for row in provider::offsets::record_rows(reset.record) : merge(row, {
        group = reset.consumer_group
        topic = reset.topic
        what  = "${reset.consumer_group} on ${reset.topic}, ${row.broker}/${row.partition}"
        now   = try(data.rocketmq_consumer_group_offsets.now[key].offsets[row.broker][row.partition], -1)
      })
    ]
  ]))
}

output "rows" { value = local.rows }

# What is not where it was put, in words.
output "strays" {
  value = [for row in local.rows : "${row.what} was put at ${row.offset} and is at ${row.now}" if row.now != row.offset]
}
