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

variable "incident" {
  type    = string
  default = "INC-4711"
}

variable "since" {
  type    = string
  default = "2026-03-01T14:05:00Z"
}

data "kafka_topic_offsets" "since" {
  provider = offsets

  topic    = "orders"
  datetime = var.since
}

resource "kafka_consumer_offset_reset" "replay" {
  provider = offsets

  group_id = "billing"
  offsets  = data.kafka_topic_offsets.since.offsets

  triggers = { incident = var.incident, since = var.since }
  reset_on = "triggers"

  max_replayed_messages = 10000
  max_skipped_messages  = 0
  wait_for_inactive     = "5m"
  on_destroy            = "restore"
}

output "rows" {
  value = provider::offsets::record_rows(kafka_consumer_offset_reset.replay.record)
}

output "offsets_before" { # lines for kafka-consumer-groups --from-file
  value = provider::offsets::csv_encode(provider::offsets::record_offsets(kafka_consumer_offset_reset.replay.record, "previous"))
}
