resource "kafka_consumer_offset_reset" "past_the_poison" {
  provider = offsets

  group_id       = "billing"
  topic          = "orders"
  partition      = 2
  message_offset = 906

  max_skipped_messages  = 1
  max_replayed_messages = 0
}
