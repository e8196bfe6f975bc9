resource "kafka_consumer_offset_reset" "inc_4711" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00+01:00"
}

output "offsets_before" {
  value = provider::offsets::record_offsets(kafka_consumer_offset_reset.inc_4711.record, "previous")
}
