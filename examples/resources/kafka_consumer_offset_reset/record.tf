output "where_it_was" {
  description = "The offsets from before the reset, in the form that the argument offsets takes."
  value       = provider::offsets::record_offsets(kafka_consumer_offset_reset.billing.record, "previous")
}
