resource "kafka_consumer_offset_reset" "replay" {
  provider = offsets

  group_id   = "billing"
  topic      = "orders"
  datetime   = "2026-03-01T13:30:00Z"
  on_destroy = "restore" # destroying puts the old offsets back
}
