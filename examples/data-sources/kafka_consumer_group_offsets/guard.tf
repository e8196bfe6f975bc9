data "kafka_consumer_group_offsets" "billing" {
  provider = offsets

  group_id = "billing"
}

resource "kafka_consumer_offset_reset" "skip_the_backlog" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  position = "latest"

  max_skipped_messages = 5000 # the same once more, at the apply

  lifecycle {
    precondition {
      condition     = lookup(data.kafka_consumer_group_offsets.billing.lag, "orders", 0) < 5000 # 0 also without an offset
      error_message = "More than 5000 orders would be skipped. Look first."
    }
  }
}
