resource "kafka_consumer_offset_reset" "print_again" {
  provider = offsets

  group_id   = "label-printers"
  group_type = "share"
  topic      = "orders"
  datetime   = "2026-03-01T14:05:00Z"
  on_destroy = "restore"

  # From the start offset on, with what was acknowledged after it.
  max_replayed_messages = 100000
}
