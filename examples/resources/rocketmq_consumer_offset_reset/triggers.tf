resource "rocketmq_consumer_offset_reset" "skip" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "LATEST_OFFSET"

  max_skipped_messages = 1000

  triggers = { incident = "INC-4711" }
  reset_on = "triggers"
}
