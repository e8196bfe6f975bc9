data "rocketmq_consumer_group_offsets" "billing" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
}

output "lag" {
  value = data.rocketmq_consumer_group_offsets.billing.total_lag
}
