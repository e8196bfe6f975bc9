resource "kafka_consumer_offset_reset" "blue_green" {
  provider = offsets

  group_id        = "billing-green"
  source_group_id = "billing"
  all_topics      = true
  allow_new_group = true
}
