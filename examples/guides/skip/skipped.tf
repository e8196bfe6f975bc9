resource "kafka_consumer_offset_reset" "worthless" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  position = "latest"
}

output "skipped" {
  description = "The offsets that were passed over, from the first one to the one before `until`."
  value = {
    for id, p in jsondecode(kafka_consumer_offset_reset.worthless.record)["orders"] :
    id => { from = p.previous, until = p.offset } if try(p.previous < p.offset, false)
  }
}
