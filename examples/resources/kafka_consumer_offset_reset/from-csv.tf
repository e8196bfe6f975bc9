# The file that kafka-consumer-groups --export writes and --from-file takes.
resource "kafka_consumer_offset_reset" "from_csv" {
  provider = offsets

  group_id = "billing"

  # offsets_csv = file("offsets.csv")
  offsets_csv = <<-EOT
    orders,0,120
    orders,1,118
    payments,0,77
  EOT
}
