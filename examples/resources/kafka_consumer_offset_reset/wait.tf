resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id          = "billing"
  topic             = "orders"
  lookback          = "2h"
  wait_for_inactive = "15m"

  timeouts = {
    create = "20m"
    update = "20m"
    delete = "20m"
  }
}
