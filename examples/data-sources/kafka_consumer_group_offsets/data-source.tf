data "kafka_consumer_group_offsets" "billing" {
  provider = offsets

  group_id = "billing"
}

output "lag" {
  value = data.kafka_consumer_group_offsets.billing.lag
}

output "partitions_that_lag_most" {
  value = slice(reverse(sort([
    for key, lag in merge([
      for topic, partitions in jsondecode(data.kafka_consumer_group_offsets.billing.record) : {
        for id, p in partitions : "${topic}-${id}" => p.lag if p.lag != null
      }
    ]...) : format("%012d %s", lag, key)
  ])), 0, 3)
}
