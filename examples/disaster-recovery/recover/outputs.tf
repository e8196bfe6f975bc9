output "moved" {
  description = "What has been done: where each partition and queue was, and where it was put."
  value       = [for row in local.rows : "${row.what}: ${coalesce(row.previous, "none")} to ${row.offset}"]
}

# The records, for the brokers' own tools.
locals {
  lines = {
    for which in ["previous", "offset"] : which => {
      kafka = {
        for group in distinct([for row in local.rows : row.group if row.broker == null]) : group => join("\n", [
          for row in local.rows : "${row.topic},${row.partition},${row[which]}" if row.broker == null && row.group == group && row[which] != null
        ])
      }
      rocketmq = join("\n", [
        for row in local.rows : "${row.group},${row.topic},${row.broker},${row.partition},${row[which]}" if row.broker != null && row[which] != null
      ])
    }
  }
}

output "undo" {
  description = "Where everything was. kafka: by group, lines of topic,partition,offset for kafka-consumer-groups --from-file. rocketmq: lines of group,topic,broker,queue,offset."
  value       = local.lines.previous
}

output "redo" {
  description = "The same of where everything was put."
  value       = local.lines.offset
}
