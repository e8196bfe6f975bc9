resource "kafka_consumer_group_snapshot" "billing" {
  provider = offsets

  group_id = "billing"

  triggers = { taken_on = "2026-03-01" } # another day, another snapshot
}

output "snapshot" {
  value = kafka_consumer_group_snapshot.billing.snapshot
}
