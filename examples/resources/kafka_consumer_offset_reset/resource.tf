# The 14:05 release booked orders wrongly. Let billing consume again what came
# in since then, and be able to go back.
resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"

  max_replayed_messages = 50000
  on_destroy            = "restore"
}
