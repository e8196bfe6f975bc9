# The exact numbers stand in the plan, and these are set.
data "rocketmq_topic_offsets" "outage" {
  provider = offsets

  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}

resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_OFFSET"
  offsets        = data.rocketmq_topic_offsets.outage.offsets

  triggers = { incident = "INC-4711" }
  reset_on = "triggers" # other numbers on another day are no new reset
}
