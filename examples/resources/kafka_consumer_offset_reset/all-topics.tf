resource "kafka_consumer_offset_reset" "keep_alive" {
  provider = offsets

  group_id   = "billing"
  all_topics = true
  position   = "current"
}
