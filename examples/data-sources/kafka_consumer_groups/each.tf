data "kafka_consumer_groups" "orders" {
  provider = offsets

  topic  = "orders"
  states = ["Empty"]
}

resource "kafka_consumer_offset_reset" "orders" {
  provider = offsets
  for_each = data.kafka_consumer_groups.orders.groups

  group_id = each.key
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}
