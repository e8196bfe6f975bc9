terraform {
  required_providers {
    kafka = {
      source = "terraform-offsets/offsets"
    }
  }
}

provider "kafka" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
  }
}

resource "kafka_consumer_offset_reset" "billing" {
  group_id = "billing"
  topic    = "orders"
  lookback = "2h"
}
