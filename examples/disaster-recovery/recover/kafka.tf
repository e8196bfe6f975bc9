# Where the topics were at that time. The numbers stand in the plan, and
# exactly these are committed.
data "kafka_topic_offsets" "then" {
  provider = offsets
  for_each = local.to_snapshot ? [] : toset(flatten([for kept in var.snapshot.kafka.groups : tolist(kept.topics)]))

  topic    = each.key
  datetime = var.back_to
}

locals {
  # A partition that was behind that time already stays where it was, so that
  # nothing is skipped. One that had no offset gets its first.
  kafka_targets = {
    for group, kept in var.snapshot.kafka.groups : group => local.to_snapshot ? kept.offsets : {
      for topic in kept.topics : topic => {
        for partition, offset in data.kafka_topic_offsets.then[topic].offsets[topic] :
        partition => min(offset, try(kept.offsets[topic][partition], offset))
      }
    }
  }

  kafka_replayed = {
    for group, topics in local.kafka_targets : group => sum(concat([0], flatten([
      for topic, partitions in topics : [
        for partition, offset in partitions :
        max(0, try(var.snapshot.kafka.groups[group].offsets[topic][partition], offset) - offset)
      ]
    ])))
  }

  lag = merge(
    { for group, kept in var.snapshot.kafka.groups : group => kept.total_lag + local.kafka_replayed[group] },
    merge([
      for group, topics in var.snapshot.rocketmq.groups : { for topic, kept in topics : "${group}/${topic}" => kept.total_lag }
    ]...),
  )

  # The canary, as a list of one or, without Kafka, of none.
  kafka_default_canary = [
    for group in slice(keys(local.kafka_targets), 0, min(1, length(local.kafka_targets))) : {
      group     = group
      topic     = keys(local.kafka_targets[group])[0]
      partition = min([for partition in keys(values(local.kafka_targets[group])[0]) : tonumber(partition)]...)
    }
  ]
  kafka_canary = var.canary.kafka == null ? local.kafka_default_canary : [var.canary.kafka]

  # The rest: everything but the canary.
  kafka_rest = {
    for group, topics in local.kafka_targets : group => {
      for topic, partitions in {
        for topic, partitions in topics : topic => {
          for partition, offset in partitions : partition => offset
          if !contains(local.kafka_canary, { group = group, topic = topic, partition = tonumber(partition) })
        }
      } : topic => partitions if length(partitions) > 0
    }
  }
}

resource "kafka_consumer_offset_reset" "canary" {
  provider   = offsets
  count      = length(local.kafka_canary)
  depends_on = [terraform_data.stopped]

  group_id = local.kafka_canary[0].group
  offsets = {
    (local.kafka_canary[0].topic) = {
      (local.kafka_canary[0].partition) = local.kafka_targets[local.kafka_canary[0].group][local.kafka_canary[0].topic][local.kafka_canary[0].partition]
    }
  }

  max_replayed_messages = var.max_replayed_messages
  max_skipped_messages  = local.max_skipped_messages
  reset_on              = "triggers"
  triggers              = local.triggers
  on_destroy            = local.on_destroy
}

resource "kafka_consumer_offset_reset" "rest" {
  provider   = offsets
  for_each   = { for group, topics in local.kafka_rest : group => topics if local.everything && length(topics) > 0 }
  depends_on = [terraform_data.canary_held]

  group_id = each.key
  offsets  = each.value

  max_replayed_messages = var.max_replayed_messages
  max_skipped_messages  = local.max_skipped_messages
  reset_on              = "triggers"
  triggers              = local.triggers
  on_destroy            = local.on_destroy
}
