output "moved" {
  description = "What has been done: where each partition and queue was, and where it was put."
  value       = [for row in local.rows : "${row.what}: ${coalesce(row.previous, "none")} to ${row.offset}"]
}

# The records, for the brokers' own tools.

output "undo" {
  description = "Where everything was. kafka: by group, lines of topic,partition,offset for kafka-consumer-groups --from-file. rocketmq: lines of group,topic,broker,queue,offset."
  value = {
    kafka = {
      for group in distinct(local.kafka_rows[*].group) : group => join("\n", [
        for row in local.kafka_rows : "${row.topic},${row.partition},${row.previous}" if row.group == group && row.previous != null
      ])
    }
    rocketmq = join("\n", [
      for row in local.rocketmq_rows : "${row.group},${row.topic},${row.broker},${row.queue},${row.previous}" if row.previous != null
    ])
  }
}

output "redo" {
  description = "The same of where everything was put."
  value = {
    kafka = {
      for group in distinct(local.kafka_rows[*].group) : group => join("\n", [
        for row in local.kafka_rows : "${row.topic},${row.partition},${row.offset}" if row.group == group
      ])
    }
    rocketmq = join("\n", [
      for row in local.rocketmq_rows : "${row.group},${row.topic},${row.broker},${row.queue},${row.offset}"
    ])
  }
}
