variable "incident" {
  type        = string
  description = "The incident that asks for another replay."
  default     = "INC-4711"
}

resource "kafka_consumer_offset_reset" "replay" {
  provider = offsets

  group_id = "billing"
  topic    = "orders"
  lookback = "2h"

  triggers = {
    incident = var.incident
  }
  reset_on = "triggers"
}
