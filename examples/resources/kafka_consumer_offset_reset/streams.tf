resource "kafka_consumer_offset_reset" "count_again" {
  provider = offsets

  group_id   = "order-counts" # the application.id
  group_type = "streams"
  topic      = "orders"
  position   = "earliest"
}
