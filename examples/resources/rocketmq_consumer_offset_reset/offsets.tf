resource "rocketmq_consumer_offset_reset" "past_the_poison" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_OFFSET"
  offsets = {
    broker-a = { 0 = 906 }
    broker-b = { 1 = 902 }
  }

  max_skipped_messages  = 10
  max_replayed_messages = 0
}
