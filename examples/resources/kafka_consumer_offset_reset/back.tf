# The reset from above. Its consumers have moved on.
resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"

  max_replayed_messages = 50000
  on_destroy            = "keep" # was "restore"
}

# Back to where the group was before it.
resource "kafka_consumer_offset_reset" "billing_back" {
  provider = offsets

  group_id = "billing"
  offsets  = provider::offsets::record_offsets(kafka_consumer_offset_reset.billing.record, "previous")

  triggers = { back = "1" } # another value goes back once more
  reset_on = "triggers"     # another reset of "billing" does not

  max_skipped_messages  = 50000 # what the replay has not come to yet
  max_replayed_messages = 50000 # what was consumed beyond the old place
  on_destroy            = "keep"
}
