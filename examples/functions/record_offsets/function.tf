resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}

# A second group starts where the first one was before its reset.
resource "kafka_consumer_offset_reset" "audit" {
  provider = offsets

  group_id        = "billing-audit"
  offsets         = provider::offsets::record_offsets(kafka_consumer_offset_reset.billing.record, "previous")
  allow_new_group = true

  triggers = { incident = "INC-4711" }
  reset_on = "triggers"
}
