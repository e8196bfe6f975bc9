resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id  = "billing"
  topic     = "orders"
  timestamp = 1772373900000 # Unix time in milliseconds
}
