output "snapshot" {
  description = "Where the groups were."
  value       = terraform_data.snapshot[var.incident].output
}

output "tfvars" {
  description = "The same as a file of variables, for the recovery."
  value       = jsonencode({ snapshot = terraform_data.snapshot[var.incident].output })
}

output "csv" {
  description = "The same for the brokers' own tools. Kafka, by group: lines of topic,partition,offset, as kafka-consumer-groups --from-file reads them. RocketMQ, by GROUP/TOPIC: lines of broker,queue,offset."
  value = merge([
    for kind in ["kafka", "rocketmq"] : {
      for key, kept in terraform_data.snapshot[var.incident].output[kind].groups : key => provider::offsets::csv_encode(kept.offsets)
    }
  ]...)
}
