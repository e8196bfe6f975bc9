# The file that kafka-consumer-groups --export writes.
locals {
  csv = <<-EOT
    orders,0,120
    orders,1,118
    payments,0,77
  EOT
  # csv = file("offsets.csv")

  exported = provider::offsets::csv_decode(local.csv)
}

# Of all that was exported, only one topic.
resource "kafka_consumer_offset_reset" "orders" {
  provider = offsets

  group_id = "billing"
  offsets  = { orders = local.exported["orders"] }
}
