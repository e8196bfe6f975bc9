resource "kafka_consumer_offset_reset" "as_it_is" {
  provider = offsets

  group_id   = "billing"
  all_topics = true
  position   = "current"
}
