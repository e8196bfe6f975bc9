resource "kafka_consumer_offset_reset" "behind_what_is_committed" {
  provider = offsets

  group_id        = "billing"
  topic           = "orders"
  position        = "latest"
  isolation_level = "read_committed"

  max_skipped_messages = 1000
}
