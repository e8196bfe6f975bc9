resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topics   = ["orders", "payments"]
  lookback = "2h"

  max_skipped_messages = 0
}
