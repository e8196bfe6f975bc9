resource "kafka_consumer_offset_reset" "inc_4711" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00+01:00"

  max_replayed_messages = 10000
  max_skipped_messages  = 0
  wait_for_inactive     = "5m"
  on_destroy            = "keep" # was "restore"
}

# To where the group was before inc_4711.
resource "kafka_consumer_offset_reset" "inc_4711_back" {
  provider = offsets

  group_id = "billing"
  offsets  = provider::offsets::record_offsets(kafka_consumer_offset_reset.inc_4711.record, "previous")

  triggers = { back = "INC-4711" }
  reset_on = "triggers"

  max_replayed_messages = 10000
  max_skipped_messages  = 10000
  wait_for_inactive     = "5m"
  on_destroy            = "keep"
}
