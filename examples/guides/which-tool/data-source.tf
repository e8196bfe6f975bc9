data "kafka_consumer_group_offsets" "billing" {
  provider = offsets

  group_id = "billing"
}

check "billing_keeps_up" {
  assert {
    condition     = data.kafka_consumer_group_offsets.billing.total_lag < 100000
    error_message = "billing is ${data.kafka_consumer_group_offsets.billing.total_lag} messages behind."
  }
}
