output "skipped" {
  description = "The offsets that were passed over, from the first one to the one before `until`."
  value = [
    for row in provider::offsets::record_rows(kafka_consumer_offset_reset.worthless.record) :
    { topic = row.topic, partition = row.partition, from = row.previous, until = row.offset } if try(row.moved > 0, false)
  ]
}
