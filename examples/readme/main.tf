terraform {
  required_providers {
    offsets = {
      source  = "terraform-offsets/offsets"
      version = "~> 0.1"
    }
  }
}

provider "offsets" {
  kafka = {
    bootstrap_servers = ["localhost:9092"]
  }
}

# Consume the orders again that came in since half past two.
resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  datetime = "2026-03-01T14:30:00+01:00"

  max_replayed_messages = 100000    # refuse to replay more than this
  on_destroy            = "restore" # destroying puts the old offsets back
}

output "what_happened" {
  value = kafka_consumer_offset_reset.billing.summary
}
