resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}

locals {
  rows = provider::offsets::record_rows(kafka_consumer_offset_reset.billing.record)
}

# For the ticket: terraform output -raw table
output "table" {
  value = join("\n", [
    for row in local.rows : format("%-10s %3d %8d → %8d", row.topic, row.partition, coalesce(row.previous, -1), row.offset)
  ])
}

check "nothing_expired" {
  assert {
    condition     = alltrue([for row in local.rows : !row.clamped])
    error_message = "Some partitions had lost what was to be replayed: ${join(", ", [for row in local.rows : row.partition if row.clamped])}."
  }
}
