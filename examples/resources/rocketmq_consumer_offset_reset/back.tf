# The reset from above. Its consumers have moved on.
resource "rocketmq_consumer_offset_reset" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_TIME"
  reset_time     = "2026-03-01T14:05:00Z"

  max_replayed_messages = 50000
  on_destroy            = "keep" # was "restore"
}

# Back to where the group was before it.
resource "rocketmq_consumer_offset_reset" "billing_back" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "SPECIFIED_OFFSET"
  offsets        = provider::offsets::record_offsets(rocketmq_consumer_offset_reset.billing.record, "previous")

  triggers = { back = "1" } # another value goes back once more
  reset_on = "triggers"     # another reset of "billing" does not

  max_skipped_messages  = 50000 # what the replay has not come to yet
  max_replayed_messages = 50000 # what was consumed beyond the old place
  on_destroy            = "keep"
}
