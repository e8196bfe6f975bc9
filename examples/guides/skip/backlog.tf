resource "kafka_consumer_offset_reset" "worthless" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  position = "latest"

  max_skipped_messages = 5000
  on_destroy           = "restore"
}
