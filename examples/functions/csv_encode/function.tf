data "kafka_consumer_group_offsets" "billing" {
  provider = offsets

  group_id = "billing"
}

# terraform output -raw offsets_csv >offsets.csv
# kafka-consumer-groups --reset-offsets --group billing --from-file offsets.csv …
output "offsets_csv" {
  value = provider::offsets::csv_encode({
    for topic, partitions in data.kafka_consumer_group_offsets.billing.offsets : topic => partitions if topic != "audit"
  })
}
