terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  lookback = "2h"
}
