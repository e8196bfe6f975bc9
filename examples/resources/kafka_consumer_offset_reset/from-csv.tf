# The file that kafka-consumer-groups --export writes and --from-file takes.
locals {
  csv = <<-EOT
    orders,0,120
    orders,1,118
    payments,0,77
  EOT
  # csv = file("offsets.csv")

  rows = csvdecode("topic,partition,offset\n${local.csv}")
}

resource "kafka_consumer_offset_reset" "from_csv" {
  provider = offsets

  group_id = "billing"
  offsets = {
    for topic in distinct(local.rows[*].topic) : topic => {
      for row in local.rows : row.partition => tonumber(row.offset) if row.topic == topic
    }
  }
}
