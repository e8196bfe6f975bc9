data "kafka_topic_offsets" "outage" {
  provider = offsets

  topics   = ["orders", "payments"]
  datetime = "2026-03-01T14:05:00Z"
}

output "offsets_at_14_05" {
  value = data.kafka_topic_offsets.outage.offsets
}
