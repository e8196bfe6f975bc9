# The 14:05 release booked orders wrongly. Let billing consume again what was
# stored since then, and be able to go back.
resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01T14:05:00Z"

  max_replayed_messages = 50000
  on_destroy            = "restore"
}
