data "kafka_consumer_group_snapshot" "billing" {
  provider = offsets

  group_id = "billing"
  topics   = ["orders"]
}

output "orders_csv" {
  value = data.kafka_consumer_group_snapshot.billing.offsets_csv
}
