resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01T14:05:00Z"
  force          = false # a queue that is not that far yet stays where it is
}
