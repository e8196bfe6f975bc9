terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
    cluster_id        = "MkU3OEVBNTcwNTJENDM2Qg"
  }
}

resource "kafka_consumer_offset_reset" "inc_4711" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:05:00+01:00"

  max_replayed_messages = 10000
  max_skipped_messages  = 0
  wait_for_inactive     = "5m"
  on_destroy            = "restore"
}

output "summary" {
  value = kafka_consumer_offset_reset.inc_4711.summary
}
