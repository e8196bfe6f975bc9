locals {
  # RocketMQ is reset by group and topic.
  rocketmq = merge([
    for group, topics in var.snapshot.rocketmq.groups : {
      for topic, kept in topics : "${group}/${topic}" => { group = group, topic = topic, offsets = kept.offsets }
    }
  ]...)

  rocketmq_default_canary = slice(keys(local.rocketmq), 0, min(1, length(local.rocketmq)))
  rocketmq_canary         = var.canary.rocketmq == null ? local.rocketmq_default_canary : ["${var.canary.rocketmq.group}/${var.canary.rocketmq.topic}"]
}

data "rocketmq_consumer_group_offsets" "before" {
  provider = offsets
  for_each = local.rocketmq

  consumer_group = each.value.group
  topic          = each.value.topic
}

resource "rocketmq_consumer_offset_reset" "canary" {
  provider   = offsets
  for_each   = { for key in local.rocketmq_canary : key => local.rocketmq[key] }
  depends_on = [terraform_data.stopped]

  consumer_group = each.value.group
  topic          = each.value.topic
  reset_type     = local.to_snapshot ? "SPECIFIED_OFFSET" : "SPECIFIED_TIME"
  reset_time     = local.to_snapshot ? null : var.back_to
  offsets        = local.to_snapshot ? each.value.offsets : null
  force          = local.to_snapshot # a queue that was behind that time already stays where it was

  max_replayed_messages = var.max_replayed_messages
  max_skipped_messages  = local.max_skipped_messages
  reset_on              = "triggers"
  triggers              = local.triggers
  on_destroy            = local.on_destroy
}

resource "rocketmq_consumer_offset_reset" "rest" {
  provider   = offsets
  for_each   = { for key, scope in local.rocketmq : key => scope if local.everything && !contains(local.rocketmq_canary, key) }
  depends_on = [terraform_data.canary_held]

  consumer_group = each.value.group
  topic          = each.value.topic
  reset_type     = local.to_snapshot ? "SPECIFIED_OFFSET" : "SPECIFIED_TIME"
  reset_time     = local.to_snapshot ? null : var.back_to
  offsets        = local.to_snapshot ? each.value.offsets : null
  force          = local.to_snapshot

  max_replayed_messages = var.max_replayed_messages
  max_skipped_messages  = local.max_skipped_messages
  reset_on              = "triggers"
  triggers              = local.triggers
  on_destroy            = local.on_destroy
}
