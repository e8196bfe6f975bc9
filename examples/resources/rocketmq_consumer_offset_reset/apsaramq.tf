provider "offsets" {
  apsaramq = {
    region = "cn-hangzhou"
  }
}

resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  instance_id    = "rmq-cn-7e22ody2x03"
  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01 22:05:00"
  time_zone      = "Asia/Shanghai"
}
