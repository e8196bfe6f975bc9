resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id          = "billing"
  topic             = "orders"
  position          = "latest"
  wait_for_inactive = "5m"

  timeouts = {
    create = "10m"
    update = "10m"
    delete = "10m"
  }
}
