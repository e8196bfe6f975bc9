data "rocketmq_consumer_groups" "orders" {
  provider = offsets

  topic = "orders"
}

resource "rocketmq_consumer_offset_reset" "orders" {
  provider = offsets
  for_each = data.rocketmq_consumer_groups.orders.groups

  consumer_group = each.key
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01T14:05:00Z"
}
