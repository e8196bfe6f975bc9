resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01 22:05:00"
  time_zone      = "Asia/Shanghai"
}
