resource "rocketmq_consumer_offset_reset" "skip" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "LATEST_OFFSET"

  triggers = { incident = "INC-4711" }
  reset_on = "triggers"
  timeouts = { create = "5m", update = "5m", delete = "5m" }
}
