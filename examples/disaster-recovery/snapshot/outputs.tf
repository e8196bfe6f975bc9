output "snapshot" {
  description = "Where the groups were."
  value       = terraform_data.snapshot[var.incident].output
}

output "tfvars" {
  description = "The same as a file of variables, for the recovery."
  value       = jsonencode({ snapshot = terraform_data.snapshot[var.incident].output })
}

output "csv" {
  description = "The same for the brokers' own tools. kafka: by group, lines of topic,partition,offset for kafka-consumer-groups --from-file. rocketmq: lines of group,topic,broker,queue,offset."
  value = {
    kafka = {
      for group, kept in terraform_data.snapshot[var.incident].output.kafka.groups : group => chomp(provider::offsets::csv_encode(kept.offsets))
    }
    rocketmq = join("\n", flatten([
      for kept in values(terraform_data.snapshot[var.incident].output.rocketmq.topics) : [
        for broker, queues in kept.offsets : [for queue, offset in queues : "${kept.group},${kept.topic},${broker},${queue},${offset}"]
      ]
    ]))
  }
}
