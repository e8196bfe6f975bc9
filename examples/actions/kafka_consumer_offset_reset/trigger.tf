variable "release" {
  type    = string
  default = "1.42.0"
}

action "kafka_consumer_offset_reset" "rebuild" {
  provider = offsets

  config {
    group_id = "search-indexer"
    topic    = "orders"
    position = "earliest"
  }
}

# Each release of the indexer builds its index anew.
resource "terraform_data" "release" {
  input = var.release

  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.kafka_consumer_offset_reset.rebuild]
    }
  }
}
