import {
  provider = offsets
  to       = kafka_consumer_offset_reset.billing
  identity = {
    group_id = "billing"
    topics   = ["orders"]
  }
}

resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}
