resource "kafka_consumer_offset_reset" "back_to_the_release" {
  provider = offsets
  for_each = toset(["billing", "search-indexer"])

  group_id = each.key
  topic    = "orders"
  datetime = "2026-03-01T14:05:00Z"
}
