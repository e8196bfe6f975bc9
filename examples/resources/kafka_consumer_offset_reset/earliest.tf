resource "kafka_consumer_offset_reset" "rebuild_the_index" {
  provider = offsets

  group_id = "search-indexer"
  topic    = "orders"
  position = "earliest"
}
