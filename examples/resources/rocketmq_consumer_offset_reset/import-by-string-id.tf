import {
  provider = offsets
  to       = rocketmq_consumer_offset_reset.billing
  id       = "billing/orders"
}

resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "LATEST_OFFSET"
}
