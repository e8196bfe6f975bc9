data "kafka_consumer_group_offsets" "billing" {
  provider   = offsets
  depends_on = [kafka_consumer_offset_reset.billing]

  group_id = "billing"
}

output "lag" {
  value = data.kafka_consumer_group_offsets.billing.lag
}

check "billing_is_where_it_was_put" {
  assert {
    condition = alltrue([
      for row in provider::offsets::record_rows(kafka_consumer_offset_reset.billing.record) :
      try(data.kafka_consumer_group_offsets.billing.offsets[row.topic][row.partition], -1) == row.offset
    ])
    error_message = "Something has moved billing since the reset."
  }
}
