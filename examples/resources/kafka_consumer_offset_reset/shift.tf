resource "kafka_consumer_offset_reset" "once_more" {
  provider = offsets

  group_id     = "billing"
  topic        = "orders"
  shift        = -100
  out_of_range = "error"
}
