# Where everything was at that time. The numbers stand in the plan, and exactly
# these are committed. Back to the snapshot only the clusters' ids are of use.
data "kafka_topic_offsets" "then" {
  provider = offsets
  for_each = local.kept.kafka

  topics   = each.value.topics
  datetime = local.time
  position = local.time == null ? "latest" : null
}

data "rocketmq_topic_offsets" "then" {
  provider = offsets
  for_each = local.kept.rocketmq

  topic    = split("/", each.key)[1]
  datetime = local.time
  position = local.time == null ? "latest" : null
}

locals {
  time = var.back_to == "snapshot" ? null : var.back_to

  # Kafka: by group, offsets of topics and partitions. RocketMQ: by GROUP/TOPIC,
  # offsets of brokers and queues.
  kept = { kafka = var.snapshot.kafka.groups, rocketmq = var.snapshot.rocketmq.groups }
  then = { kafka = data.kafka_topic_offsets.then, rocketmq = data.rocketmq_topic_offsets.then }

  # What was behind that time already stays where it was, so that nothing is
  # skipped. What had no offset gets its first.
  targets = {
    for kind, groups in local.kept : kind => {
      for key, kept in groups : key => local.time == null ? kept.offsets : {
        for outer, offsets in local.then[kind][key].offsets : outer => {
          for n, offset in offsets : n => min(offset, try(kept.offsets[outer][n], offset))
        }
      }
    }
  }

  # By group: the messages that it consumes again, and those that it then has before it.
  replayed = merge([
    for kind, groups in local.targets : {
      for key, target in groups : key => sum(concat([0], flatten([
        for outer, offsets in target : [for n, offset in offsets : max(0, try(local.kept[kind][key].offsets[outer][n], offset) - offset)]
      ])))
    }
  ]...)
  lag = merge([for groups in values(local.kept) : { for key, kept in groups : key => kept.total_lag + local.replayed[key] }]...)

  # The canary: one partition, one queue. And everything else.
  canary = {
    kafka    = try(join("/", [var.canary.kafka.group, var.canary.kafka.topic, var.canary.kafka.partition]), "")
    rocketmq = try(join("/", [var.canary.rocketmq.group, var.canary.rocketmq.topic, var.canary.rocketmq.broker, var.canary.rocketmq.queue]), "")
  }
  parts = {
    for part in ["canary", "rest"] : part => {
      for kind, groups in local.targets : kind => {
        for key, target in groups : key => {
          for outer, offsets in target : outer => {
            for n, offset in offsets : n => offset if("${key}/${outer}/${n}" == local.canary[kind]) == (part == "canary")
          }
        }
      }
    }
  }
}
