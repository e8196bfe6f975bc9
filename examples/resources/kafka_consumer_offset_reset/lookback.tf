resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topics   = ["orders", "payments"]
  lookback = "90m"
}
