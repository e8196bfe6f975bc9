# A destroy deletes the offsets of the partitions that were reset.
resource "kafka_consumer_offset_reset" "for_a_while" {
  provider = offsets

  group_id   = "billing"
  topic      = "orders"
  position   = "earliest"
  on_destroy = "delete_offsets"
}
