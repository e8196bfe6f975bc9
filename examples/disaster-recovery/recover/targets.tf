# Where the topics were at that time. The numbers stand in the plan, and
# exactly these are committed.
data "kafka_topic_offsets" "then" {
  provider = offsets
  for_each = local.to_snapshot ? [] : toset(flatten([for kept in var.snapshot.kafka.groups : kept.topics]))

  topic    = each.key
  datetime = var.back_to
}

locals {
  # A partition that was behind that time already stays where it was, so that
  # nothing is skipped. One that had no offset gets its first.
  kafka = {
    for group, kept in var.snapshot.kafka.groups : group => local.to_snapshot ? kept.offsets : {
      for topic in kept.topics : topic => {
        for partition, offset in data.kafka_topic_offsets.then[topic].offsets[topic] :
        partition => min(offset, try(kept.offsets[topic][partition], offset))
      }
    }
  }

  rocketmq = var.snapshot.rocketmq.topics # by "GROUP/TOPIC"

  replayed = {
    for group, topics in local.kafka : group => sum(concat([0], flatten([
      for topic, partitions in topics : [
        for partition, offset in partitions : max(0, try(var.snapshot.kafka.groups[group].offsets[topic][partition], offset) - offset)
      ]
    ])))
  }
  lag = merge(
    { for group, kept in var.snapshot.kafka.groups : group => kept.total_lag + local.replayed[group] },
    { for key, kept in local.rocketmq : key => kept.total_lag },
  )

  # The canary, as a list of one or of none.
  kafka_canary    = var.canary.kafka == null ? [] : [var.canary.kafka]
  rocketmq_canary = var.canary.rocketmq == null ? [] : ["${var.canary.rocketmq.group}/${var.canary.rocketmq.topic}"]

  # The rest: everything but the canary.
  kafka_rest = {
    for group, topics in {
      for group, topics in local.kafka : group => {
        for topic, partitions in topics : topic => {
          for partition, offset in partitions : partition => offset
          if !contains(local.kafka_canary, { group = group, topic = topic, partition = tonumber(partition) })
        }
      }
    } : group => { for topic, partitions in topics : topic => partitions if length(partitions) > 0 }
  }
}
