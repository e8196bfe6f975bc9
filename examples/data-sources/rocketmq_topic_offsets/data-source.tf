data "rocketmq_topic_offsets" "outage" {
  provider = offsets

  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}

output "offsets_at_14_05" {
  value = data.rocketmq_topic_offsets.outage.offsets
}
