terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

variable "group_id" {
  type = string
}

resource "kafka_consumer_offset_reset" "replay" {
  provider = offsets

  group_id   = var.group_id
  all_topics = true
  lookback   = "2h"
}
