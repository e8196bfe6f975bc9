provider "offsets" {
  roma_connect = {
    region     = "cn-north-4"
    project_id = "0d8c1a2b3c4d5e6f70819203a4b5c6d7"
  }
}

resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  instance_id = "6f8a1c2e-4b5d-4c7e-9f10-2a3b4c5d6e7f"
  group_id    = "billing"
  topic       = "orders"
  datetime    = "2026-03-01T14:05:00Z"
}
