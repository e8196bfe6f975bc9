resource "kafka_consumer_offset_reset" "exact" {
  provider = offsets

  group_id = "billing"
  offsets = {
    orders   = { 0 = 120, 1 = 118, 2 = 131 }
    payments = { 0 = 77 }
  }
}
