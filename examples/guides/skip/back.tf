resource "kafka_consumer_offset_reset" "worthless" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  position = "latest"

  max_skipped_messages = 5000
  on_destroy           = "keep" # was "restore"
}

# To where the group was before the backlog was skipped.
resource "kafka_consumer_offset_reset" "worthless_back" {
  provider = offsets

  group_id = "billing"
  offsets  = provider::offsets::record_offsets(kafka_consumer_offset_reset.worthless.record, "previous")

  triggers = { back = "1" }
  reset_on = "triggers"

  max_replayed_messages = 10000
  max_skipped_messages  = 0
  on_destroy            = "keep"
}
