data "kafka_consumer_group_offsets" "billing" {
  provider = offsets

  group_id = "billing"
}

output "lag" {
  value = data.kafka_consumer_group_offsets.billing.lag
}

locals {
  lags = reverse(sort([
    for key, lag in merge([
      for topic, partitions in jsondecode(data.kafka_consumer_group_offsets.billing.record) : {
        for id, p in partitions : "${topic}-${id}" => p.lag if p.lag != null
      }
    ]...) : format("%012d %s", lag, key)
  ]))
}

output "partitions_that_lag_most" {
  value = slice(local.lags, 0, min(3, length(local.lags)))
}
