resource "rocketmq_consumer_offset_reset" "rebuild_the_index" {
  provider = offsets

  consumer_group = "billing"
  topic          = "orders"
  reset_type     = "EARLIEST_OFFSET"
}
