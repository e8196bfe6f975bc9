resource "kafka_consumer_offset_reset" "skip_the_backlog" {
  provider = offsets

  group_id   = "billing"
  topic      = "orders"
  partitions = [0, 2]
  position   = "latest"

  max_skipped_messages = 1000
}
