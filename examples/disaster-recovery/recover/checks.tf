# Where everything is after it was put back: read from the brokers, and
# compared with the records of the resets.

data "kafka_consumer_group_offsets" "canary" {
  provider   = offsets
  count      = length(kafka_consumer_offset_reset.canary)
  depends_on = [kafka_consumer_offset_reset.canary]

  group_id = kafka_consumer_offset_reset.canary[0].group_id
  topics   = keys(kafka_consumer_offset_reset.canary[0].offsets)
}

data "kafka_consumer_group_offsets" "rest" {
  provider   = offsets
  for_each   = kafka_consumer_offset_reset.rest
  depends_on = [kafka_consumer_offset_reset.rest]

  group_id = each.key
  topics   = keys(each.value.offsets)
}

data "rocketmq_consumer_group_offsets" "canary" {
  provider   = offsets
  for_each   = rocketmq_consumer_offset_reset.canary
  depends_on = [rocketmq_consumer_offset_reset.canary]

  consumer_group = each.value.consumer_group
  topic          = each.value.topic
}

data "rocketmq_consumer_group_offsets" "rest" {
  provider   = offsets
  for_each   = rocketmq_consumer_offset_reset.rest
  depends_on = [rocketmq_consumer_offset_reset.rest]

  consumer_group = each.value.consumer_group
  topic          = each.value.topic
}

# A row for each partition and queue: what its reset did, and where it is now.
locals {
  kafka_canary_rows = flatten([
    for i, reset in kafka_consumer_offset_reset.canary : [
      for topic, partitions in jsondecode(reset.record) : [
        for partition, row in partitions : {
          group    = reset.group_id, topic = topic, partition = partition, what = "${reset.group_id} on ${topic}-${partition}",
          previous = row.previous, offset = row.offset, first = row.start,
          now      = try(data.kafka_consumer_group_offsets.canary[i].offsets[topic][partition], -1),
        }
      ]
    ]
  ])
  kafka_rest_rows = flatten([
    for group, reset in kafka_consumer_offset_reset.rest : [
      for topic, partitions in jsondecode(reset.record) : [
        for partition, row in partitions : {
          group    = group, topic = topic, partition = partition, what = "${group} on ${topic}-${partition}",
          previous = row.previous, offset = row.offset, first = row.start,
          now      = try(data.kafka_consumer_group_offsets.rest[group].offsets[topic][partition], -1),
        }
      ]
    ]
  ])
  rocketmq_canary_rows = flatten([
    for key, reset in rocketmq_consumer_offset_reset.canary : [
      for broker, queues in jsondecode(reset.record) : [
        for queue, row in queues : {
          group    = reset.consumer_group, topic = reset.topic, broker = broker, queue = queue,
          what     = "${reset.consumer_group} on ${reset.topic}, ${broker}/${queue}",
          previous = row.previous, offset = row.offset, first = row.min,
          now      = try(data.rocketmq_consumer_group_offsets.canary[key].offsets[broker][queue], -1),
        }
      ]
    ]
  ])
  rocketmq_rest_rows = flatten([
    for key, reset in rocketmq_consumer_offset_reset.rest : [
      for broker, queues in jsondecode(reset.record) : [
        for queue, row in queues : {
          group    = reset.consumer_group, topic = reset.topic, broker = broker, queue = queue,
          what     = "${reset.consumer_group} on ${reset.topic}, ${broker}/${queue}",
          previous = row.previous, offset = row.offset, first = row.min,
          now      = try(data.rocketmq_consumer_group_offsets.rest[key].offsets[broker][queue], -1),
        }
      ]
    ]
  ])
  kafka_rows    = concat(local.kafka_canary_rows, local.kafka_rest_rows)
  rocketmq_rows = concat(local.rocketmq_canary_rows, local.rocketmq_rest_rows)
  canary_rows   = concat(local.kafka_canary_rows, local.rocketmq_canary_rows)
  rows          = concat(local.kafka_rows, local.rocketmq_rows)

  # What is not where it was put, in words. None is -1.
  canary_strays = [for row in local.canary_rows : "${row.what} was put at ${row.offset} and is at ${row.now}" if row.now != row.offset]
  strays        = [for row in local.rows : "${row.what} was put at ${row.offset} and is at ${row.now}" if row.now != row.offset]
  behind        = [for row in local.rows : "${row.what} was put at ${row.offset} and is at ${row.now}" if row.now < row.offset]
  cut_off       = [for row in local.rows : row.what if row.first > 0 && row.offset <= row.first && !local.to_snapshot]
}

check "canary" {
  assert {
    condition     = local.started || length(local.canary_strays) == 0
    error_message = "Something has moved the canary: ${join("; ", local.canary_strays)}."
  }
}

# Consumers that run move on, but not back.
check "offsets" {
  assert {
    condition     = length(local.started ? local.behind : local.strays) == 0
    error_message = "Something has moved the offsets: ${join("; ", local.started ? local.behind : local.strays)}."
  }
}

check "messages" {
  assert {
    condition     = length(local.cut_off) == 0
    error_message = "The log begins where these were put, so that earlier messages may have been deleted: ${join("; ", local.cut_off)}."
  }
}
